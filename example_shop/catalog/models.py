"""The table of products."""

from sqlalchemy import BigInteger, CheckConstraint, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Model


class Product(Model):
    """Something the shop sells."""

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint("stock >= 0", name="ck_products_stock"),
        CheckConstraint("price_cents >= 0", name="ck_products_price_cents"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    """The SKU."""
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    brand: Mapped[str] = mapped_column(String(80))
    category: Mapped[str] = mapped_column(String(80), index=True)
    ean: Mapped[str] = mapped_column(String(14))
    weight_g: Mapped[int] = mapped_column(Integer)
    length_cm: Mapped[int] = mapped_column(Integer)
    width_cm: Mapped[int] = mapped_column(Integer)
    height_cm: Mapped[int] = mapped_column(Integer)
    image: Mapped[str] = mapped_column(String(120))
    """A file below the static folder."""
    price_cents: Mapped[int] = mapped_column(BigInteger)
    list_price_cents: Mapped[int | None] = mapped_column(BigInteger)
    """The price before a reduction; never below the price."""
    stock: Mapped[int] = mapped_column(Integer)
