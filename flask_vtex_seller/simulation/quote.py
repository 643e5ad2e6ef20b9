"""Answering a simulation: the shop's offers and delivery options, dealt out to the lines of the cart."""

import time
from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeAlias, TypeVar

from ..hook import Hook, WrongAnswer, iterable
from ..money import MAX_INTEGER
from ..offers import Offer, SimulationItem, SimulationRequest, Sla, Terms
from .hooks import OfferLoader, SlaLoader

T = TypeVar("T")


QuotedLine: TypeAlias = tuple[SimulationItem, Offer | None, int, int, tuple[Sla, ...]]
"""What the shop can do for one line of the cart, as a plain tuple, which is made and taken apart the quickest:

- the line
- its offer; None for a SKU that the shop does not know
- what of the line's wish can be served; 0 makes the line unavailable
- the stock: what is left for this line after the lines before it; 0 when the quantity is
- the delivery options: none without an address, and for an address out of reach; one object for all lines that have
  the same
"""
_sku_ids = attrgetter("sku_ids")


def ask(
    request: SimulationRequest,
    tell: Callable[[str], object] | None = None,
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
    sku_ids = tuple(dict.fromkeys([item.sku_id for item in request.items]))
    begun = time.perf_counter()
    offers = {offer.sku_id: offer for offer in _answers(Offer, offer_loader, tell, sku_ids, request)}
    slas = tuple(_answers(Sla, sla_loader, tell, request)) if request.has_address else ()
    return Terms(offers=offers, slas=slas, seconds=time.perf_counter() - begun)


def _answers(kind: type[T], hook: Hook[Any], tell: Callable[[str], object] | None, *question: object) -> list[T]:
    """Call one of the shop's functions; all that it answers is of that kind."""
    function = hook.get()
    if tell is not None:
        tell(hook.name)
    try:
        answers = list(iterable(function(*question), kind))
        for answer in answers:
            if not isinstance(answer, kind):
                raise WrongAnswer(kind, type(answer).__name__)
    except Exception as error:
        hook.boundary.judge(error)
        raise
    return answers


def quote(request: SimulationRequest, terms: Terms, *, max_stock: int | None = None) -> list[QuotedLine]:
    """Deal the shop's terms out to the lines; one entry a line, in the request's order.

    Args:
        max_stock: the most that is shown of a SKU's stock.
    """
    most = MAX_INTEGER if max_stock is None else max_stock
    offers, slas = terms.offers, terms.slas
    slas_for = None if [*map(_sku_ids, slas)].count(None) == len(slas) else _slas_by_sku(request, slas)
    # Lines of one SKU share its stock, first come first served: two lines must not sell the last unit twice.
    left: dict[str, int] = {}
    lines: list[QuotedLine] = []
    for item in request.items:
        sku_id = item.sku_id
        offer = offers.get(sku_id)
        if offer is None:
            lines.append((item, None, 0, 0, ()))
            continue
        stock = left.get(sku_id)
        if stock is None:
            stock = offer.stock if offer.stock < most else most
        quantity = item.quantity if item.quantity < stock else stock
        left[sku_id] = stock - quantity
        served = () if not quantity else slas if slas_for is None else slas_for[sku_id]
        lines.append((item, offer, quantity, stock, served))
    return lines


def _slas_by_sku(request: SimulationRequest, slas: tuple[Sla, ...]) -> dict[str, tuple[Sla, ...]]:
    sku_ids = {item.sku_id for item in request.items}
    served = {sku_id: tuple(sla for sla in slas if sla.serves(sku_id)) for sku_id in sku_ids}
    # equal options share an object: they are written once
    shared: dict[tuple[int, ...], tuple[Sla, ...]] = {}
    return {sku_id: shared.setdefault(tuple(map(id, found)), found) for sku_id, found in served.items()}
