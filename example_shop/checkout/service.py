"""What a cart costs with its delivery, and how it becomes an order; nothing here commits."""

from collections.abc import Sequence

from ..orders.models import Order
from ..orders.service import Customer, LineRequest, reserve
from ..shipping import ShippingOption, quote, region_of
from .cart import CartLine


def subtotal(lines: Sequence[CartLine]) -> int:
    """Return what the products cost, in cents."""
    return sum(line.total_cents for line in lines)


def shipping_options(lines: Sequence[CartLine], postal_code: str) -> tuple[ShippingOption, ...]:
    """Return the ways to get the cart to a CEP; none where nobody delivers."""
    return quote(region_of(postal_code), {line.sku: line.total_weight_g for line in lines})


def place(lines: Sequence[CartLine], option: ShippingOption, customer: Customer) -> Order:
    """Make the cart an order of the shop's own channel.

    Raises:
        OrderRefused: a product is gone, sold out or dearer by now.
    """
    requests = [
        LineRequest(
            sku=line.sku,
            quantity=line.quantity,
            price_cents=line.price_cents,
            shipping_code=option.code,
            shipping_cents=option.price_by_sku[line.sku],
        )
        for line in lines
    ]
    return reserve(requests, customer)
