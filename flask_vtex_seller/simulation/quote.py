"""Answering a simulation: the shop's offers and delivery options, dealt out to the lines of the cart."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from ..hook import Hook, HookBoundary
from ..offers import Offer, SimulationItem, SimulationRequest, Sla, Terms
from .hooks import OfferLoader, SlaLoader

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class QuotedLine:
    """What the shop can do for one line of the cart."""

    item: SimulationItem
    offer: Offer | None
    """None for a SKU that the shop does not know."""
    quantity: int
    """What of the line's wish can be served; 0 makes the line unavailable."""
    stock: int
    """What is left for this line after the lines before it; 0 when the quantity is."""
    slas: tuple[Sla, ...]
    """Empty without an address, and for an address out of reach."""


def ask(request: SimulationRequest, *, offer_loader: Hook[OfferLoader], sla_loader: Hook[SlaLoader]) -> Terms:
    """Ask the shop once for all offers and, with an address, once for the delivery options; writes nothing.

    Raises:
        HookMissing: the shop registered no such function.
        HookFailed: the shop's function raised.
    """
    sku_ids = tuple(dict.fromkeys(item.sku_id for item in request.items))
    load_offers = offer_loader.get()
    with HookBoundary(offer_loader.name):
        offers = {offer.sku_id: offer for offer in _only(Offer, load_offers(sku_ids, request))}
    slas: tuple[Sla, ...] = ()
    if request.has_address:
        load_slas = sla_loader.get()
        with HookBoundary(sla_loader.name):
            slas = tuple(_only(Sla, load_slas(request)))
    return Terms(offers=offers, slas=slas)


def quote(request: SimulationRequest, terms: Terms, *, max_stock: int | None = None) -> list[QuotedLine]:
    """Deal the shop's terms out to the lines; one entry a line, in the request's order.

    Args:
        max_stock: the most that is shown of a SKU's stock.
    """
    # Lines of one SKU share its stock, first come first served: two lines must not sell the last unit twice.
    left = {sku_id: _shown(offer.stock, max_stock) for sku_id, offer in terms.offers.items()}
    lines = []
    for item in request.items:
        stock = left.get(item.sku_id, 0)
        quantity = min(item.quantity, stock)
        if quantity:
            left[item.sku_id] = stock - quantity
        lines.append(
            QuotedLine(
                item=item,
                offer=terms.offers.get(item.sku_id),
                quantity=quantity,
                stock=stock,
                slas=tuple(sla for sla in terms.slas if sla.serves(item.sku_id)) if quantity else (),
            )
        )
    return lines


def _shown(stock: int, max_stock: int | None) -> int:
    return stock if max_stock is None else min(stock, max_stock)


def _only(kind: type[T], answers: Iterable[T]) -> Iterable[T]:
    for answer in answers:
        if not isinstance(answer, kind):
            raise TypeError(f"expected {kind.__name__}, got {type(answer).__name__}")
        yield answer
