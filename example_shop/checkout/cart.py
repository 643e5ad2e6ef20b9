"""The shopper's cart, kept in the session: how many of which SKU."""

from dataclasses import dataclass

from flask import session
from sqlalchemy import select

from ..catalog.models import Product
from ..extensions import db

MAX_QUANTITY = 99
MAX_LINES = 40  # the session is a cookie of at most 4 kB
_KEY = "cart"


@dataclass(frozen=True, slots=True, kw_only=True)
class CartLine:
    """A product in the cart with its price of now."""

    sku: str
    name: str
    image: str
    price_cents: int
    stock: int
    weight_g: int
    quantity: int

    @property
    def total_cents(self) -> int:
        """Multiply price and quantity."""
        return self.price_cents * self.quantity

    @property
    def total_weight_g(self) -> int:
        """Multiply weight and quantity."""
        return self.weight_g * self.quantity


def quantities() -> dict[str, int]:
    """Return how many of which SKU, in the order they were put in."""
    return dict(session.get(_KEY, {}))


def put(sku: str, quantity: int) -> bool:
    """Set how many of a SKU are in the cart, none with 0; False if the cart has no room for another SKU."""
    content = quantities()
    if quantity <= 0:
        content.pop(sku, None)
    elif sku not in content and len(content) >= MAX_LINES:
        return False
    else:
        content[sku] = min(quantity, MAX_QUANTITY)
    session[_KEY] = content
    return True


def count() -> int:
    """Return how many units are in the cart."""
    return sum(quantities().values())


def clear() -> None:
    """Empty the cart."""
    session.pop(_KEY, None)


def lines() -> list[CartLine]:
    """Return the cart with its products' data of now; a product that is no more is left out."""
    content = quantities()
    if not content:
        return []
    columns = (Product.code, Product.name, Product.image, Product.price_cents, Product.stock, Product.weight_g)
    rows = {row.code: row for row in db.session.execute(select(*columns).where(Product.code.in_(content)))}
    return [
        CartLine(
            sku=sku,
            name=rows[sku].name,
            image=rows[sku].image,
            price_cents=rows[sku].price_cents,
            stock=rows[sku].stock,
            weight_g=rows[sku].weight_g,
            quantity=quantity,
        )
        for sku, quantity in content.items()
        if sku in rows
    ]
