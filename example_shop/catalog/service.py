"""Finding products and changing what they cost and how many there are; nothing here commits."""

from collections import Counter
from collections.abc import Iterable, Sequence

from sqlalchemy import func, select, update

from ..extensions import db
from .models import Product


class StockMoved(Exception):
    """The stock fell below what the change would take away."""


def categories() -> Sequence[str]:
    """Return the categories that have products, in alphabetical order."""
    return db.session.scalars(select(Product.category).distinct().order_by(Product.category)).all()


def products(category: str | None = None) -> Sequence[Product]:
    """Return the products of a category, or all, ordered by category and name."""
    query = select(Product).order_by(Product.category, Product.name)
    return db.session.scalars(query if category is None else query.where(Product.category == category)).all()


def find(code: str) -> Product | None:
    """Return the product of that SKU, or None."""
    # PostgreSQL refuses to even compare a NUL.
    if "\x00" in code:
        return None
    return db.session.scalars(select(Product).where(Product.code == code)).first()


def edit(code: str, *, price_cents: int, list_price_cents: int | None, stock_seen: int, stock: int) -> None:
    """Set a product's prices, and move its stock by the difference to what the editor saw.

    The difference rather than the number: what was sold since the page was opened stays sold.

    Raises:
        StockMoved: fewer are left than the difference would take away.
    """
    difference = stock - stock_seen
    edited = db.session.scalars(
        update(Product)
        .where(Product.code == code, Product.stock + difference >= 0)
        .values(price_cents=price_cents, list_price_cents=list_price_cents, stock=Product.stock + difference)
        .returning(Product.id)
    ).first()
    if edited is None:
        raise StockMoved(code)


def weights(wanted: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return the grams that so many units of each SKU weigh; SKUs that the shop does not sell are left out."""
    quantities: Counter[str] = Counter()
    for sku, quantity in wanted:
        quantities[sku] += quantity
    known = db.session.execute(select(Product.code, Product.weight_g).where(Product.code.in_(quantities)))
    return {code: grams * quantities[code] for code, grams in known}


def on_sale(codes: Sequence[str] | None = None) -> Sequence[Product]:
    """Return the products of those SKUs, or all; SKUs that the shop does not sell are left out."""
    query = select(Product).order_by(Product.id)
    return db.session.scalars(query if codes is None else query.where(Product.code.in_(codes))).all()


def count() -> int:
    """Return how many products the shop has."""
    return db.session.scalars(select(func.count(Product.id))).one()
