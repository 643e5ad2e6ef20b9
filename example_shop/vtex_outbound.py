"""What marketplaces are told of the shop: its products, and what becomes of their orders.

Each listener writes in the transaction of the step it listens to; a worker sends what was committed. A step that a
marketplace would refuse fails here, with nothing changed.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from blinker import Signal
from flask import current_app

import flask_vtex_seller as vtex

from . import events
from .catalog.models import Product
from .catalog.service import on_sale
from .extensions import seller
from .orders import service
from .orders.models import OWN_CHANNEL, Order

seller.watch(
    Product,
    sku_id="code",
    price=["price_cents", "list_price_cents"],
    inventory=["stock"],
    catalog=[
        "name",
        "description",
        "brand",
        "category",
        "ean",
        "weight_g",
        "length_cm",
        "width_cm",
        "height_cm",
        "image",
    ],
)


@seller.sku_ids_loader
def sku_ids() -> Iterator[str]:
    """Name every product."""
    return (product.code for product in on_sale())


@seller.sku_loader
def skus(codes: Sequence[str]) -> Iterator[vtex.Sku]:
    """Describe products that a marketplace does not have yet."""
    for product in on_sale(codes):
        image = f"{current_app.config['SHOP_PUBLIC_URL']}/static/{product.image}"
        yield vtex.Sku(
            sku_id=product.code,
            product_id=product.code,
            product_name=product.name,
            name=product.name,
            description=product.description,
            brand=product.brand,
            category=f"House and Garden/{product.category}",  # a department of the marketplace's, then the category
            ean=product.ean,
            length=product.length_cm,
            width=product.width_cm,
            height=product.height_cm,
            weight_grams=product.weight_g,
            price=product.price_cents,
            stock=product.stock,
            images=(vtex.SkuImage(name=product.name, url=image),),
        )


def _of_marketplaces(event: Signal) -> Callable[[Callable[[Order], None]], Callable[[Order], None]]:
    """Listen to what happens to the orders of marketplaces; what one of them would refuse is a wrong step here."""

    def connect(tell: Callable[[Order], None]) -> Callable[[Order], None]:
        def listen(order: Order) -> None:
            if order.source != OWN_CHANNEL:
                try:
                    tell(order)
                except vtex.IllegalTransition as refusal:
                    raise service.WrongState(str(refusal)) from refusal

        event.connect(listen, weak=False)
        return tell

    return connect


@_of_marketplaces(events.order_shipped)
def _order_shipped(order: Order) -> None:
    # It was evaluated and is shipped all the same: the invoice says no to the buyer's wish to cancel.
    evaluated = seller.order(order.number).cancellation_decision is vtex.CancellationDecision.EVALUATE
    tracking = vtex.Tracking(courier=order.carrier or "", tracking_number=order.tracking_number or "")
    seller.send_invoice(order.number, _invoice(order, order.invoice_number), refuses_cancellation=evaluated)
    seller.send_tracking(order.number, order.invoice_number or "", tracking)


@_of_marketplaces(events.order_delivered)
def _order_delivered(order: Order) -> None:
    status = vtex.TrackingStatus(is_delivered=True, delivered_at=datetime.now(UTC))
    seller.update_tracking_status(order.number, order.invoice_number or "", status)


@_of_marketplaces(events.cancellation_accepted)
def _cancellation_accepted(order: Order) -> None:
    seller.confirm_cancellation(order.number)


@_of_marketplaces(events.order_given_up)
def _order_given_up(order: Order) -> None:
    seller.cancel_order(order.number, reason="the shop cannot deliver it")


@_of_marketplaces(events.order_returned)
def _order_returned(order: Order) -> None:
    returned = _invoice(order, order.return_invoice_number)
    seller.cancel_order(order.number, reason="it came back", return_invoice=returned)


def _invoice(order: Order, number: str | None) -> vtex.Invoice:
    """Invoice the whole order, delivery included; marketplaces want a SKU to stand on one line only."""
    quantities, amounts = Counter[str](), Counter[str]()
    for line in order.lines:
        quantities[line.sku] += line.quantity
        amounts[line.sku] += line.quantity * line.price_cents
    items = tuple(
        vtex.InvoiceItem(sku_id=sku, quantity=quantity, price=amounts[sku] // quantity)
        for sku, quantity in quantities.items()
    )
    return vtex.Invoice(number=number or "", value=order.total_cents, items=items, issued_at=datetime.now(UTC))
