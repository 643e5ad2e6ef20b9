"""Holding an order against what the shop asks for such a cart now, before the shop takes it."""

from collections.abc import Iterable

from ..config import Marketplace
from ..errors import PriceChanged, SkuNotFound, SlaNotAvailable
from ..money import Cents
from ..offers import Ask, SimulationItem, SimulationRequest, Sla
from .order import Address, OrderPlacement, OrderShipping

_PICKUP_ADDRESS = "pickup"
TOTAL_DIFFERS = "FMT007"


def require_terms(order: OrderPlacement, marketplace: Marketplace, ask: Ask) -> None:
    """Refuse an order that the shop would lose on; asks the shop's own functions once, writes nothing.

    A price above the shop's is no loss. Stock is not looked at: only the placement hook's own write can decide who
    gets the last unit. An option can only be checked for the address that the cart was quoted for: not without one,
    and for an order that is collected, whose address is the pickup point's, only if it is delivered at that address.

    Raises:
        SkuNotFound: the shop has no offer for a line, or the line is another seller's.
        PriceChanged: FMT006, a line's price is below the shop's by more than the tolerance; FMT007, the delivery of
            all lines together is by more than theirs.
        SlaNotAvailable: the option that a line names is not on offer for it.
        HookMissing, HookFailed: the shop could not be asked.
    """
    cart, tolerance = _cart(order), marketplace.price_tolerance_cents
    terms = ask(cart)
    for index, item in enumerate(order.items):
        # Sources write ids in both cases.
        if item.seller_id and item.seller_id.lower() != marketplace.seller_id.lower():
            raise SkuNotFound(f"items[{index}]: is not sold by {marketplace.seller_id}")
        offer = terms.offers.get(item.sku_id)
        if offer is None:
            raise SkuNotFound(f"items[{index}]: the shop has no SKU {item.sku_id}")
        if item.price + tolerance < offer.price:
            raise PriceChanged(f"items[{index}]: {item.price} is below {offer.price}, the price of SKU {item.sku_id}")
    if not cart.has_address:
        return
    chosen = [line for line in order.shipping if line.sla_id is not None]
    if _is_collected(order.address):
        # The address is the pickup point's: an option that is not on offer there may be collected. A delivery is not.
        delivered = {sla.id for sla in terms.slas if sla.pickup_point is None}
        chosen = [line for line in chosen if line.sla_id in delivered]
    # Marketplaces spread what a delivery costs over the lines in ways of their own: only the sum can be held on to.
    paid = sum(line.price + tolerance for line in chosen)
    asked = sum(_price(line, order.items[line.item_index].sku_id, terms.slas) for line in chosen)
    if paid < asked:
        raise PriceChanged(f"the delivery is paid with less than {asked}, its price", code=TOTAL_DIFFERS)


def _price(line: OrderShipping, sku_id: str, slas: Iterable[Sla]) -> Cents:
    """Return what the shop asks for the option that the line names."""
    prices = [sla.price for sla in slas if sla.id == line.sla_id and sla.serves(sku_id)]
    if not prices:
        raise SlaNotAvailable(f"items[{line.item_index}]: {line.sla_id!r} is not on offer for SKU {sku_id}")
    return min(prices)


def _cart(order: OrderPlacement) -> SimulationRequest:
    address = order.address or Address()
    return SimulationRequest(
        marketplace=order.marketplace,
        items=tuple(
            SimulationItem(sku_id=item.sku_id, quantity=item.quantity, seller_id=item.seller_id) for item in order.items
        ),
        postal_code=address.postal_code,
        country=address.country,
        geo_coordinates=address.geo_coordinates,
        sales_channel=order.sales_channel,
        raw=order.raw,
    )


def _is_collected(address: Address | None) -> bool:
    kind = address.address_type if address else None
    return kind is not None and kind.strip().lower() == _PICKUP_ADDRESS
