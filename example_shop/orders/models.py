"""The tables of orders and their lines."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, DateTime, Enum, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..extensions import Model

OWN_CHANNEL = "shop"
_NUMBERS_START_AT = 100_000


class OrderState(StrEnum):
    """How far an order has come."""

    RESERVED = "reserved"
    """Its stock is set aside; not paid yet, not to be shipped."""
    RELEASED = "released"
    """Paid: to be shipped."""
    SHIPPED = "shipped"
    """Invoiced and on its way."""
    DELIVERED = "delivered"
    RETURNED = "returned"
    """It came back, and its money went back."""
    CANCELED = "canceled"


class Cancellation(StrEnum):
    """What became of a buyer's wish to cancel a paid order."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    REFUSED = "refused"


def _text_of(kind: type[StrEnum]) -> Enum:
    return Enum(
        kind, native_enum=False, length=20, values_callable=lambda members: [member.value for member in members]
    )


class Order(Model):
    """What somebody bought, through the shop's own pages or elsewhere."""

    __tablename__ = "orders"
    # Two orders without a foreign number differ: NULL equals nothing.
    __table_args__ = (UniqueConstraint("source", "source_order_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(64))
    """The sales channel: `shop`, or the name of a marketplace."""
    source_order_id: Mapped[str | None] = mapped_column(String(255))
    """The channel's own number of the order."""
    state: Mapped[OrderState] = mapped_column(_text_of(OrderState), index=True)
    cancellation: Mapped[Cancellation | None] = mapped_column(_text_of(Cancellation))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    released_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    shipped_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    delivered_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    returned_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    canceled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    invoice_number: Mapped[str | None] = mapped_column(String(40))
    return_invoice_number: Mapped[str | None] = mapped_column(String(40))
    carrier: Mapped[str | None] = mapped_column(String(80))
    tracking_number: Mapped[str | None] = mapped_column(String(80))

    name: Mapped[str] = mapped_column(Text)
    email: Mapped[str] = mapped_column(Text)
    document: Mapped[str] = mapped_column(Text)
    phone: Mapped[str] = mapped_column(Text)
    postal_code: Mapped[str] = mapped_column(Text)
    street: Mapped[str] = mapped_column(Text)
    number_in_street: Mapped[str] = mapped_column(Text)
    complement: Mapped[str] = mapped_column(Text)
    neighborhood: Mapped[str] = mapped_column(Text)
    city: Mapped[str] = mapped_column(Text)
    state_of_address: Mapped[str] = mapped_column(Text)

    lines: Mapped[list["OrderLine"]] = relationship(order_by="OrderLine.id", lazy="selectin", cascade="all")

    @property
    def number(self) -> str:
        """Return the number that people know the order by, such as `S-100042`."""
        return f"S-{_NUMBERS_START_AT + self.id}"

    @staticmethod
    def id_of(number: str) -> int | None:
        """Return the row's id behind an order number, or None if the text is none."""
        digits = number.removeprefix("S-")
        if digits == number or not digits.isascii() or not digits.isdigit() or len(digits) > 9:
            return None
        return int(digits) - _NUMBERS_START_AT

    @property
    def items_cents(self) -> int:
        """Sum what the products cost."""
        return sum(line.price_cents * line.quantity for line in self.lines)

    @property
    def shipping_cents(self) -> int:
        """Sum what the delivery of all lines costs."""
        return sum(line.shipping_cents for line in self.lines)

    @property
    def total_cents(self) -> int:
        """Return what the buyer pays."""
        return self.items_cents + self.shipping_cents


class OrderLine(Model):
    """A product of an order, as it was when it was bought."""

    __tablename__ = "order_lines"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    sku: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200))
    quantity: Mapped[int] = mapped_column(BigInteger)
    price_cents: Mapped[int] = mapped_column(BigInteger)
    shipping_code: Mapped[str] = mapped_column(String(40))
    shipping_cents: Mapped[int] = mapped_column(BigInteger)
