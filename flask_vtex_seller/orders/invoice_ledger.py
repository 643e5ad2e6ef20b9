"""The table of invoices that the shop has sent for orders, and what of them the marketplace has."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    bindparam,
    case,
    delete,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql.elements import conv

from ..clock import to_epoch_us
from ..database import CORE, DbSession, once_a_table
from .invoice import Invoice
from .order import Order, OrderState

TABLE = Table(
    "vtex_invoice",
    CORE,
    Column("marketplace", String(64), nullable=False),
    Column("marketplace_order_id", String(128), nullable=False),
    Column("invoice_number", String(64), nullable=False),
    Column("type", String(8), nullable=False, comment="Output for a sale, Input for a return"),
    Column("value", BigInteger, nullable=False, comment="cents"),
    Column("has_tracking", Integer, nullable=False, comment="1: a tracking number was sent"),
    Column("said_at", BigInteger, nullable=False, comment="microseconds since 1970 UTC, as all times"),
    Column("arrived_at", BigInteger, comment="when the marketplace took it"),
    PrimaryKeyConstraint("marketplace", "marketplace_order_id", "invoice_number", name=conv("pk_vtex_invoice")),
)
SALE, RETURN = "Output", "Input"
_AUTHORIZED, _PARTIALLY_INVOICED, _INVOICED, _DELIVERED, _RETURNED = (
    state.value
    for state in (
        OrderState.AUTHORIZED,
        OrderState.PARTIALLY_INVOICED,
        OrderState.INVOICED,
        OrderState.DELIVERED,
        OrderState.RETURNED,
    )
)


class InvoiceLedger:
    """Reads and changes invoices in a transaction of the caller's; never commits.

    Args:
        session: the shop's `db.session`, or a connection of our own.
        invoices: the copy of `TABLE` on the shop's metadata.
        orders: that of the table of orders.
    """

    def __init__(self, session: DbSession | Connection, invoices: Table, orders: Table) -> None:
        self._session = session
        self._invoices = invoices
        self._orders = orders

    def add(self, order: Order, invoice: Invoice, *, kind: str, now: datetime) -> None:
        """Note an invoice that the shop says."""
        row = {
            "marketplace": order.marketplace,
            "marketplace_order_id": order.marketplace_order_id,
            "invoice_number": invoice.number,
            "type": kind,
            "value": invoice.value,
            "has_tracking": int(invoice.tracking is not None),
            "said_at": to_epoch_us(now),
        }
        self._session.execute(insert(self._invoices).values(row))

    def said(self, order: Order) -> dict[str, tuple[str, int, bool]]:
        """Return what was said: by invoice number the type, the value, and whether tracking followed."""
        columns = self._invoices.c
        rows = self._session.execute(select(self._invoices).where(*self._of(columns, order)))
        return {row.invoice_number: (row.type, row.value, bool(row.has_tracking)) for row in rows}

    def note_tracking(self, order: Order, invoice_number: str) -> bool:
        """Note that an invoice's parcel has a tracking number; tell whether the invoice is still there."""
        columns = self._invoices.c
        of_invoice = columns.invoice_number == invoice_number
        statement = update(self._invoices).where(*self._of(columns, order), of_invoice).values(has_tracking=1)
        return bool(self._session.execute(statement).rowcount)  # type: ignore[attr-defined]

    def arrived(self, keys: Sequence[tuple[str, str, str]], *, now: datetime) -> None:
        """Note that the marketplace has invoices, and move their orders on by their sums; a statement or two for all.

        One that is known to have arrived counts once.

        Args:
            keys: marketplace, marketplace_order_id and invoice number of each.
        """
        if not keys:
            return
        values = {"keys": keys, "now": to_epoch_us(now)}
        news = self._session.execute(_arrival(self._invoices), values).all()
        for kind in {row.type for row in news}:
            sums = [
                {"of_marketplace": row.marketplace, "of_order": row.marketplace_order_id, "amount": row.value}
                for row in news
                if row.type == kind
            ]
            # In one order everywhere: two workers that lock the same orders crosswise would wait for each other.
            sums.sort(key=lambda row: (row["of_marketplace"], row["of_order"]))
            self._session.execute(_moving(self._orders, kind), sums)

    def unsay(self, marketplace: str, marketplace_order_id: str, invoice_number: str) -> None:
        """Forget an invoice that the marketplace never took."""
        columns = self._invoices.c
        key = (columns.marketplace == marketplace, columns.marketplace_order_id == marketplace_order_id)
        statement = (
            delete(self._invoices)
            .where(*key, columns.invoice_number == invoice_number, columns.arrived_at.is_(None))
            .returning(columns.type, columns.value)
        )
        unsaid = self._session.execute(statement).first()
        if unsaid is None:
            return
        orders = self._orders.c
        said = orders.invoiced_said if unsaid.type == SALE else orders.returned_said
        of_order = (orders.marketplace == marketplace) & (orders.marketplace_order_id == marketplace_order_id)
        values = {said.name: said - unsaid.value, "version": orders.version + 1}
        self._session.execute(update(self._orders).where(of_order).values(values))

    @staticmethod
    def _of(columns: Any, order: Order) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        return (
            columns.marketplace == order.marketplace,
            columns.marketplace_order_id == order.marketplace_order_id,
        )


@once_a_table
def _arrival(invoices: Table) -> Any:
    """Return the statement of an arrival."""
    columns = invoices.c
    return (
        update(invoices)
        .where(
            tuple_(columns.marketplace, columns.marketplace_order_id, columns.invoice_number).in_(
                bindparam("keys", expanding=True)
            ),
            columns.arrived_at.is_(None),
        )
        .values(arrived_at=bindparam("now"))
        .returning(columns.marketplace, columns.marketplace_order_id, columns.type, columns.value)
    )


@once_a_table
def _moving(table: Table, kind: str) -> Any:
    """Return the statement that moves an order on by the value of an invoice of a kind."""
    orders, value = table.c, bindparam("amount", type_=BigInteger)
    state: ColumnElement[Any]
    if kind == SALE:
        column, total = "invoiced_value", orders.invoiced_value + value
        sum_of_all = case((total >= orders.value, _INVOICED), else_=_PARTIALLY_INVOICED)
        # One that was said before the return of all others arrived has not come back itself.
        again = (orders.state == _RETURNED) & (orders.returned_value < total)
        moves = orders.state.in_([_AUTHORIZED, _PARTIALLY_INVOICED]) | again
        state = case((moves, sum_of_all), else_=orders.state)
    else:
        column, total = "returned_value", orders.returned_value + value
        returnable = orders.state.in_([_PARTIALLY_INVOICED, _INVOICED, _DELIVERED])
        state = case((returnable & (total >= orders.invoiced_value), _RETURNED), else_=orders.state)
    of_order = orders.marketplace == bindparam("of_marketplace")
    values = {column: total, "state": state, "version": orders.version + 1}
    return update(table).where(of_order, orders.marketplace_order_id == bindparam("of_order")).values(values)
