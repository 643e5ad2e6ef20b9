"""What marketplaces ask of the shop; what they are told is in `vtex_outbound.py`.

Each function answers one question of a marketplace. None commits: a call is one transaction, and the extension ends it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from flask import current_app
from sqlalchemy import select

import flask_vtex_seller as vtex

from . import shipping
from .catalog.models import Product
from .catalog.service import weights
from .extensions import db, seller
from .orders import service
from .orders.models import Cancellation, OrderState

_REFUSALS: dict[type[service.OrderRefused], type[vtex.PlacementRefused]] = {
    service.UnknownProduct: vtex.SkuNotFound,
    service.NotEnoughStock: vtex.OutOfStock,
    service.PriceTooLow: vtex.PriceChanged,
}
_ADDRESS = ("postal_code", "street", "number", "complement", "neighborhood", "city", "state")


@seller.offer_loader
def offers(sku_ids: Sequence[str], request: vtex.SimulationRequest) -> Iterator[vtex.Offer]:
    """Load price and stock of the whole cart with one query."""
    columns = (Product.code, Product.price_cents, Product.list_price_cents, Product.stock)
    for code, price, list_price, stock in db.session.execute(select(*columns).where(Product.code.in_(sku_ids))):
        yield vtex.Offer(sku_id=code, price=price, list_price=list_price, stock=stock)


@seller.sla_loader
def slas(request: vtex.SimulationRequest) -> Iterator[vtex.Sla]:
    """Price every delivery option for each product by its weight."""
    lines = Counter(item.sku_id for item in request.items)
    grams = weights((item.sku_id, item.quantity) for item in request.items)
    region = shipping.locate(request.country, request.postal_code, request.geo_coordinates)
    for option in shipping.quote(region, grams):
        for sku, price in option.price_by_sku.items():
            yield vtex.Sla(
                id=option.code,
                name=option.name,
                price=-(-price // lines[sku]),  # a product that stands on several lines is paid for in shares
                shipping_estimate=f"{option.business_days}bd",
                pickup_point=vtex.PickupPoint(**asdict(option.pickup)) if option.pickup else None,
                sku_ids=frozenset({sku}),
            )


@seller.on_order_placement
def place(order: vtex.OrderPlacement) -> vtex.PlacedOrder:
    """Reserve the order just as the shop's own checkout does; prices and delivery are checked when this is called."""
    lines, source_order_id = list(_lines(order)), order.marketplace_order_id
    if order.address is None or not all(line.shipping_code for line in lines):
        raise vtex.SlaNotAvailable("an order needs an address, and every line a way of delivery")
    try:
        reserved = service.reserve(lines, _customer(order), source=order.marketplace, source_order_id=source_order_id)
    except service.OrderRefused as refusal:
        raise _REFUSALS[type(refusal)](str(refusal)) from refusal
    reference = reserved.number.removeprefix("S-")  # asked for only where the shop processes the payment
    email = current_app.config["SHOP_EMAIL"]
    return vtex.PlacedOrder(order_id=reserved.number, follow_up_email=email, payment_reference=reference)


@seller.order_finder
def find(marketplace: str, marketplace_order_id: str) -> str | None:
    """Find an order that the shop has taken already."""
    order = service.find_foreign(marketplace, marketplace_order_id)
    return order.number if order else None


@seller.on_authorize_fulfillment
def release(authorization: vtex.FulfillmentAuthorization) -> str:
    """Let a paid order be shipped."""
    order = service.get(authorization.order_id)
    try:
        service.release(order)
    except service.WrongState as refusal:  # nobody paid in time, and the stock went back
        raise vtex.FulfillmentRefused(str(refusal)) from refusal
    return f"released {order.number}"


@seller.on_order_cancellation
def cancel(request: vtex.CancellationRequest) -> vtex.CancellationDecision:
    """Cancel what is not paid yet; what is paid waits for somebody's decision on the admin page."""
    order = service.get(request.order_id)
    if not service.cancel(order):
        service.request_cancellation(order)
    if order.state is OrderState.CANCELED:
        return vtex.CancellationDecision.CONFIRM
    if order.state is OrderState.SHIPPED or order.cancellation is Cancellation.REFUSED:
        return vtex.CancellationDecision.REFUSE
    return vtex.CancellationDecision.EVALUATE


def _lines(order: vtex.OrderPlacement) -> Iterable[service.LineRequest]:
    deliveries = {delivery.item_index: delivery for delivery in order.shipping}
    for index, item in enumerate(order.items):
        sla = deliveries.get(index) or vtex.OrderShipping(item_index=index)
        code, cents = sla.sla_id or "", sla.price
        yield service.LineRequest(
            sku=item.sku_id, quantity=item.quantity, price_cents=item.price, shipping_code=code, shipping_cents=cents
        )


def _customer(order: vtex.OrderPlacement) -> service.Customer:
    """Read the buyer and the address; a marketplace may share less than all."""
    client, address = order.client or vtex.ClientProfile(), order.address or vtex.Address()
    named = address.receiver_name or f"{client.first_name or ''} {client.last_name or ''}".strip()
    document = client.corporate_document or client.document or ""
    where = {field: getattr(address, field) or "" for field in _ADDRESS}
    email, phone = client.email or "", client.phone or ""
    return service.Customer(name=named, email=email, document=document, phone=phone, **where)


@seller.on_reservation_expired
def expire(order: vtex.Order) -> None:
    """Give back the stock of what nobody paid for in time."""
    service.cancel(service.get(order.order_id or ""))
