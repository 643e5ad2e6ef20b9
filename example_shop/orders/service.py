"""What can happen to an order, whichever channel it came from.

Nothing here commits: whoever calls owns the transaction. Stock and states change by conditional statements only: of two
calls at the same time, no two succeed at what only one may do.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select, update

from .. import events
from ..catalog.models import Product
from ..extensions import db
from .models import OWN_CHANNEL, Cancellation, Order, OrderLine, OrderState


class OrderRefused(Exception):
    """The shop cannot take the order; the message is fit for the buyer's eyes."""


class UnknownProduct(OrderRefused):
    """The shop does not sell that SKU."""


class NotEnoughStock(OrderRefused):
    """Fewer are left than were ordered."""


class PriceTooLow(OrderRefused):
    """The buyer was shown a lower price than the product has by now."""


class WrongState(Exception):
    """The order is not in a state that allows this; the message says which step was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRequest:
    """One product that somebody wants to buy, at the price and delivery they agreed to."""

    sku: str
    quantity: int
    price_cents: int
    shipping_code: str
    shipping_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """The buyer and the address; what a channel does not share is empty."""

    name: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    document: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    postal_code: str = field(default="", repr=False)
    street: str = field(default="", repr=False)
    number: str = field(default="", repr=False)
    complement: str = field(default="", repr=False)
    neighborhood: str = field(default="", repr=False)
    city: str = field(default="", repr=False)
    state: str = field(default="", repr=False)


def reserve(
    lines: Sequence[LineRequest],
    customer: Customer,
    *,
    source: str = OWN_CHANNEL,
    source_order_id: str | None = None,
) -> Order:
    """Set the stock aside and create the order.

    Args:
        lines: the same SKU may stand on several.
        source: the sales channel.
        source_order_id: the channel's own number of the order; taken only once.

    Raises:
        OrderRefused: a subclass of it says why; what was set aside until then goes back with the caller's rollback.
    """
    names = _take(lines)
    order = Order(
        source=source,
        source_order_id=source_order_id,
        state=OrderState.RESERVED,
        created_at=_now(),
        lines=[
            OrderLine(
                sku=line.sku,
                name=names[line.sku],
                quantity=line.quantity,
                price_cents=line.price_cents,
                shipping_code=line.shipping_code,
                shipping_cents=line.shipping_cents,
            )
            for line in lines
        ],
        **_columns(customer),
    )
    db.session.add(order)
    db.session.flush()  # gives the order its number
    return order


def release(order: Order) -> None:
    """Let a paid order be shipped; asking again for a released or shipped one changes nothing.

    Raises:
        WrongState: it is canceled.
    """
    _move(order, Order.state == OrderState.RESERVED, state=OrderState.RELEASED, released_at=_now())
    if order.state is OrderState.CANCELED:
        raise WrongState(f"{order.number} is canceled and cannot be released")


def ship(order: Order, *, invoice_number: str, carrier: str, tracking_number: str) -> None:
    """Note that a released order left the house.

    Raises:
        WrongState: it is not released, or a wish to cancel it is not decided yet.
    """
    decided = or_(Order.cancellation.is_(None), Order.cancellation != Cancellation.REQUESTED)
    if not _move(
        order,
        Order.state == OrderState.RELEASED,
        decided,
        state=OrderState.SHIPPED,
        shipped_at=_now(),
        invoice_number=invoice_number,
        carrier=carrier,
        tracking_number=tracking_number,
    ):
        raise WrongState(f"{order.number} cannot be shipped now: it must be released, with no open wish to cancel")
    events.order_shipped.send(order)


def deliver(order: Order) -> None:
    """Note that a shipped order arrived.

    Raises:
        WrongState: it is not on its way.
    """
    if not _move(order, Order.state == OrderState.SHIPPED, state=OrderState.DELIVERED, delivered_at=_now()):
        raise WrongState(f"{order.number} is not on its way")
    events.order_delivered.send(order)


def take_back(order: Order, *, return_invoice_number: str) -> None:
    """Note that a shipped or delivered order came back whole, and put its stock back.

    Raises:
        WrongState: it never left the house, or came back already.
    """
    out = Order.state.in_((OrderState.SHIPPED, OrderState.DELIVERED))
    back = {"state": OrderState.RETURNED, "returned_at": _now(), "return_invoice_number": return_invoice_number}
    if not _move(order, out, **back):
        raise WrongState(f"{order.number} is not out of the house")
    _put_back(order)
    events.order_returned.send(order)


def cancel(order: Order) -> bool:
    """Cancel a reserved order and put its stock back; False if it is not reserved (any more)."""
    return _cancel(order, Order.state == OrderState.RESERVED)


def give_up(order: Order) -> None:
    """Cancel an order that the shop cannot deliver, and put its stock back.

    Raises:
        WrongState: it left the house or is canceled already, or its buyer's wish to cancel is open: accept that one.
    """
    here = Order.state.in_((OrderState.RESERVED, OrderState.RELEASED))
    open_wish = Order.cancellation.is_not_distinct_from(Cancellation.REQUESTED)
    if not _cancel(order, here, ~open_wish):
        raise WrongState(f"{order.number} cannot be given up: it left the house, is canceled, or is to be canceled")
    events.order_given_up.send(order)


def request_cancellation(order: Order) -> None:
    """Note a buyer's wish to cancel a released order, for somebody to decide; repeating it changes nothing."""
    _move(
        order,
        Order.state == OrderState.RELEASED,
        Order.cancellation.is_(None),
        cancellation=Cancellation.REQUESTED,
    )


def accept_cancellation(order: Order) -> None:
    """Cancel a released order whose buyer wishes so, and put its stock back.

    Raises:
        WrongState: nobody asked for it, or it is decided already.
    """
    asked = Order.cancellation == Cancellation.REQUESTED
    if not _cancel(order, Order.state == OrderState.RELEASED, asked, cancellation=Cancellation.ACCEPTED):
        raise WrongState(f"{order.number} has no open wish to cancel")
    events.cancellation_accepted.send(order)


def refuse_cancellation(order: Order) -> None:
    """Decide that a released order goes on.

    Raises:
        WrongState: nobody asked to cancel it, or it is decided already.
    """
    asked = Order.cancellation == Cancellation.REQUESTED
    if not _move(order, Order.state == OrderState.RELEASED, asked, cancellation=Cancellation.REFUSED):
        raise WrongState(f"{order.number} has no open wish to cancel")


def find(number: str) -> Order | None:
    """Return the order of that number, or None."""
    order_id = Order.id_of(number)
    return None if order_id is None else db.session.get(Order, order_id)


def get(number: str) -> Order:
    """Return the order of that number.

    Raises:
        LookupError: there is none.
    """
    order = find(number)
    if order is None:
        raise LookupError(f"the shop has no order {number}")
    return order


def find_foreign(source: str, source_order_id: str) -> Order | None:
    """Return a channel's order by the channel's own number, or None."""
    query = select(Order).where(Order.source == source, Order.source_order_id == source_order_id)
    return db.session.scalars(query).first()


def latest(state: OrderState | None = None, *, limit: int = 200) -> Sequence[Order]:
    """Return the newest orders, of one state or all, newest first."""
    query = select(Order).order_by(Order.id.desc()).limit(limit)
    return db.session.scalars(query if state is None else query.where(Order.state == state)).all()


def _take(lines: Sequence[LineRequest]) -> Mapping[str, str]:
    """Take the stock of every SKU and return the products' names."""
    wanted: Counter[str] = Counter()
    offered: dict[str, int] = {}
    for line in lines:
        wanted[line.sku] += line.quantity
        offered[line.sku] = min(line.price_cents, offered.get(line.sku, line.price_cents))
    names = {}
    # Sorted: two orders of the same products lock them in the same sequence and never wait for each other in a ring.
    for sku, quantity in sorted(wanted.items()):
        taken = db.session.execute(
            update(Product)
            .where(Product.code == sku, Product.stock >= quantity)
            .values(stock=Product.stock - quantity)
            .returning(Product.name, Product.price_cents)
        ).first()
        if taken is None:
            known = db.session.scalars(select(Product.name).where(Product.code == sku)).first()
            if known is None:
                raise UnknownProduct(f"we do not sell {sku}")
            raise NotEnoughStock(f"there are not enough of {known} ({sku})")
        if offered[sku] < taken.price_cents:
            raise PriceTooLow(f"the price of {taken.name} ({sku}) has changed")
        names[sku] = taken.name
    return names


def _cancel(order: Order, *conditions: ColumnElement[bool], **values: Any) -> bool:
    if not _move(order, *conditions, state=OrderState.CANCELED, canceled_at=_now(), **values):
        return False
    _put_back(order)
    return True


def _put_back(order: Order) -> None:
    """Put an order's stock back; reached once per order, because only one statement can end it."""
    quantities: Counter[str] = Counter()
    for line in order.lines:
        quantities[line.sku] += line.quantity
    for sku, quantity in sorted(quantities.items()):
        db.session.execute(update(Product).where(Product.code == sku).values(stock=Product.stock + quantity))


def _move(order: Order, *conditions: ColumnElement[bool], **values: Any) -> bool:
    """Change the order's row if it meets the conditions, and tell whether it did."""
    statement = update(Order).where(Order.id == order.id, *conditions).values(**values).returning(Order.id)
    moved = db.session.scalars(statement, execution_options={"synchronize_session": False}).first() is not None
    db.session.refresh(order)
    return moved


def _columns(customer: Customer) -> dict[str, str]:
    return {
        "name": customer.name,
        "email": customer.email,
        "document": customer.document,
        "phone": customer.phone,
        "postal_code": customer.postal_code,
        "street": customer.street,
        "number_in_street": customer.number,
        "complement": customer.complement,
        "neighborhood": customer.neighborhood,
        "city": customer.city,
        "state_of_address": customer.state,
    }


def _now() -> datetime:
    return datetime.now(UTC)
