"""Answering a simulation: the shop's offers and delivery options, dealt out to the lines of the cart."""

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from ..hook import Hook, HookBoundary
from ..money import MAX_INTEGER
from ..offers import Offer, SimulationItem, SimulationRequest, Sla, Terms
from .hooks import OfferLoader, SlaLoader

T = TypeVar("T")


class QuotedLine(NamedTuple):
    """What the shop can do for one line of the cart; a cart may have hundreds, and a tuple is made the quickest."""

    item: SimulationItem
    offer: Offer | None
    """None for a SKU that the shop does not know."""
    quantity: int
    """What of the line's wish can be served; 0 makes the line unavailable."""
    stock: int
    """What is left for this line after the lines before it; 0 when the quantity is."""
    slas: tuple[Sla, ...]
    """Empty without an address, and for an address out of reach; one object for all lines that have the same."""


def _tell_nobody(_: str) -> None:
    return None


def ask(
    request: SimulationRequest,
    tell: Callable[[str], object] = _tell_nobody,
    *,
    offer_loader: Hook[OfferLoader],
    sla_loader: Hook[SlaLoader],
) -> Terms:
    """Ask the shop once for all offers and, with an address, once for the delivery options; writes nothing.

    Args:
        tell: takes the name of each function before it is called.

    Raises:
        HookMissing: the shop registered no such function.
        HookFailed: the shop's function raised.
    """
    sku_ids = tuple(dict.fromkeys(item.sku_id for item in request.items))
    load_offers = offer_loader.get()
    begun = time.perf_counter()
    tell(offer_loader.name)
    with HookBoundary(offer_loader.name):
        offers = {offer.sku_id: offer for offer in _only(Offer, load_offers(sku_ids, request))}
    slas: tuple[Sla, ...] = ()
    if request.has_address:
        load_slas = sla_loader.get()
        tell(sla_loader.name)
        with HookBoundary(sla_loader.name):
            slas = tuple(_only(Sla, load_slas(request)))
    return Terms(offers=offers, slas=slas, seconds=time.perf_counter() - begun)


def quote(request: SimulationRequest, terms: Terms, *, max_stock: int | None = None) -> list[QuotedLine]:
    """Deal the shop's terms out to the lines; one entry a line, in the request's order.

    Args:
        max_stock: the most that is shown of a SKU's stock.
    """
    # Lines of one SKU share its stock, first come first served: two lines must not sell the last unit twice.
    most = MAX_INTEGER if max_stock is None else max_stock
    left = {sku_id: offer.stock if offer.stock < most else most for sku_id, offer in terms.offers.items()}
    slas_for = _slas_by_sku(request, terms.slas)
    lines = []
    for item in request.items:
        sku_id = item.sku_id
        stock = left.get(sku_id, 0)
        quantity = item.quantity if item.quantity < stock else stock
        if quantity:
            left[sku_id] = stock - quantity
        lines.append(QuotedLine(item, terms.offers.get(sku_id), quantity, stock, slas_for[sku_id] if quantity else ()))
    return lines


def _slas_by_sku(request: SimulationRequest, slas: tuple[Sla, ...]) -> dict[str, tuple[Sla, ...]]:
    sku_ids = {item.sku_id for item in request.items}
    if all(sla.sku_ids is None for sla in slas):
        return dict.fromkeys(sku_ids, slas)
    served = {sku_id: tuple(sla for sla in slas if sla.serves(sku_id)) for sku_id in sku_ids}
    # equal options share an object: they are written once
    shared: dict[tuple[int, ...], tuple[Sla, ...]] = {}
    return {sku_id: shared.setdefault(tuple(map(id, found)), found) for sku_id, found in served.items()}


def _only(kind: type[T], answers: Iterable[T]) -> Iterable[T]:
    for answer in answers:
        if not isinstance(answer, kind):
            raise TypeError(f"expected {kind.__name__}, got {type(answer).__name__}")
        yield answer
