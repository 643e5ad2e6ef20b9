"""The table of orders, and every query on it.

A row is written before the shop's hook runs and carries a *claim* while it does: `claimed_until`. As long as the hook
leaves the transaction alone nobody else ever sees a claim; if it commits by itself, the claim tells other calls that
somebody is at work, and until when that is believed.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Executable,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    Update,
    delete,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql.elements import conv

from ..clock import from_epoch_us, to_epoch_us
from ..database import CORE, DbSession, insert_or_ignore
from ..vault import PLAIN, Vault
from .order import CancellationDecision, Order, OrderPlacement, OrderState
from .statements import claiming, of_order, reading, resolving, settling

TABLE = Table(
    "vtex_order",
    CORE,
    Column("marketplace", String(64), nullable=False),
    Column("marketplace_order_id", String(128), nullable=False),
    Column("order_id", String(128), comment="the shop's own id"),
    Column("state", String(32), nullable=False),
    Column("version", Integer, nullable=False, comment="grows with every change"),
    Column("fingerprint", String(64), nullable=False, comment="of the content that makes it the same order"),
    Column(
        "claimed_until", BigInteger, comment="a hook runs for this order; microseconds since 1970 UTC, as all times"
    ),
    Column("marketplace_order_group", String(128)),
    Column("marketplace_services_endpoint", String(2000)),
    Column("value", BigInteger, comment="lines and shipping, in cents"),
    Column("follow_up_email", Text, comment="the shop's, not the shopper's"),
    Column("payment_reference", String(64)),
    Column("receipt", String(255), comment="of the authorization"),
    Column("cancellation_request_id", String(128)),
    Column("cancellation_decision", String(16)),
    Column("cancellation_said_at", BigInteger, comment="when the shop said that it cancels"),
    Column("invoiced_said", BigInteger, nullable=False, comment="cents, of the sale's invoices that the shop sent"),
    Column("returned_said", BigInteger, nullable=False, comment="cents, of the return's invoices that the shop sent"),
    Column("invoiced_value", BigInteger, nullable=False, comment="cents, of the sale's invoices that arrived"),
    Column("returned_value", BigInteger, nullable=False, comment="cents, of the return's invoices that arrived"),
    Column("reserved_until", BigInteger, comment="when the reservation ends if it is not authorized; null: never"),
    Column("created_at", BigInteger, nullable=False),
    Column("placed_at", BigInteger),
    Column("authorized_at", BigInteger),
    Column("canceled_at", BigInteger),
    PrimaryKeyConstraint("marketplace", "marketplace_order_id", name=conv("pk_vtex_order")),
    UniqueConstraint("marketplace", "order_id", name=conv("uq_vtex_order_order_id")),
    Index(conv("ix_vtex_order_created_at"), "created_at"),
    Index(conv("ix_vtex_order_state_reserved_until"), "state", "reserved_until"),
)
FIRST_VERSION = 1
REMOVED = ""
"""The fingerprint of an order of which nothing personal is kept any more: it is not compared."""


class Entry(NamedTuple):
    """An order with what its row keeps for our own use."""

    order: Order
    version: int
    fingerprint: str
    claimed_until: datetime | None

    def is_claimed(self, now: datetime) -> bool:
        """Tell whether a hook is believed to run for it."""
        return self.claimed_until is not None and self.claimed_until > now


class OrderLedger:
    """Reads and changes orders in the session's own transaction; never commits.

    Args:
        session: the shop's `db.session`.
        table: the copy of `TABLE` on the shop's metadata.
        vault: what seals an e-mail address.
    """

    def __init__(self, session: DbSession | Connection, table: Table, vault: Vault = PLAIN) -> None:
        self.session: Any = session
        self._table = table
        self._vault = vault

    def insert(
        self,
        placement: OrderPlacement,
        *,
        fingerprint: str,
        reserved_until: datetime | None,
        now: datetime,
        until: datetime,
    ) -> bool:
        """Insert a claimed row in state *placing*; tell whether the order was new."""
        row = {
            "marketplace": placement.marketplace,
            "marketplace_order_id": placement.marketplace_order_id,
            "state": OrderState.PLACING.value,
            "version": FIRST_VERSION,
            "fingerprint": fingerprint,
            "claimed_until": to_epoch_us(until),
            "marketplace_order_group": placement.marketplace_order_group,
            "marketplace_services_endpoint": placement.marketplace_services_endpoint,
            "value": placement.value,
            "invoiced_said": 0,
            "returned_said": 0,
            "invoiced_value": 0,
            "returned_value": 0,
            "reserved_until": _plain(reserved_until),
            "created_at": to_epoch_us(now),
        }
        return insert_or_ignore(self.session, self._table, row)

    def get(self, marketplace: str, marketplace_order_id: str) -> Entry | None:
        """Return the entry of a marketplace's order."""
        return next(iter(self._run(reading(self._table), of_order(marketplace, marketplace_order_id))), None)

    def resolve(self, marketplace: str, ids: Iterable[str]) -> list[Entry]:
        """Return the placed orders that any of `ids` names, be it the shop's id or the marketplace's."""
        statement = resolving(self._table, OrderState.PLACING.value)
        return self._run(statement, {"of_marketplace": marketplace, "ids": tuple(ids)})

    def find(self, order_id: str, marketplace: str | None = None) -> list[Order]:
        """Return the orders of that shop's id: one, unless two marketplaces placed orders that share it."""
        if not _is_storable(order_id):
            return []
        columns = self._table.c
        criteria = [columns.order_id == order_id]
        if marketplace is not None:
            criteria.append(columns.marketplace == marketplace)
        return [entry.order for entry in self._entries(*criteria)]

    def named(self, id_: str, marketplace: str | None = None) -> list[Order]:
        """Return the orders of that id, be it the shop's or the marketplace's."""
        if not _is_storable(id_):
            return []
        columns = self._table.c
        criteria = [or_(columns.order_id == id_, columns.marketplace_order_id == id_)]
        if marketplace is not None:
            criteria.append(columns.marketplace == marketplace)
        return [entry.order for entry in self._entries(*criteria)]

    def overdue(self, *, now: datetime, limit: int, after: Order | None = None) -> list[Entry]:
        """Return placed orders whose reservation is over, the longest over first; those behind `after` if given."""
        columns = self._table.c
        moment = to_epoch_us(now)
        statement = select(self._table).where(
            columns.state == OrderState.PLACED.value,
            columns.reserved_until <= moment,
            columns.cancellation_said_at.is_(None),
            or_(columns.claimed_until.is_(None), columns.claimed_until <= moment),
        )
        order = (columns.reserved_until, columns.marketplace, columns.marketplace_order_id)
        if after is not None:
            place = (_plain(after.reserved_until), after.marketplace, after.marketplace_order_id)
            statement = statement.where(tuple_(*order) > tuple_(*place))
        return self._run(statement.order_by(*order).limit(limit))

    def page(self, *, marketplace: str | None, state: OrderState | None, limit: int) -> list[Order]:
        """Return the newest orders first."""
        columns, criteria = self._table.c, []
        if marketplace is not None:
            criteria.append(columns.marketplace == marketplace)
        if state is not None:
            criteria.append(columns.state == state.value)
        statement = select(self._table).where(*criteria)
        newest = statement.order_by(columns.created_at.desc(), columns.marketplace_order_id.desc()).limit(limit)
        return [entry.order for entry in self._run(newest)]

    def claim(self, entry: Entry, *, now: datetime, until: datetime) -> bool:
        """Claim an order for a hook, provided that nothing changed since `entry` was read and no other claim lives."""
        key = of_order(entry.order.marketplace, entry.order.marketplace_order_id)
        as_it_was = {"was_version": entry.version, "now": to_epoch_us(now)}
        changed = {"claimed_until": to_epoch_us(until)}
        return bool(self.session.execute(claiming(self._table), {**key, **as_it_was, **changed}).rowcount)

    def settle(
        self,
        marketplace: str,
        marketplace_order_id: str,
        *,
        until: datetime,
        only_if: Mapping[str, Any] = MappingProxyType({}),
        **values: Any,
    ) -> Entry | None:
        """Write what the hook's answer changes and end the claim; return the order if the claim was still ours.

        Args:
            only_if: columns that must still have these values; else nothing is written and the claim stays.
        """
        claim = {**of_order(marketplace, marketplace_order_id), "until": to_epoch_us(until)}
        as_it_was = {f"was_{name}": value for name, value in self._row(only_if).items()}
        changed = {**self._row(values), "claimed_until": None}
        statement = settling(self._table, tuple(only_if))
        return next(iter(self._run(statement, {**claim, **as_it_was, **changed})), None)

    def expire(self, marketplace: str, marketplace_order_id: str, *, until: datetime) -> bool:
        """End a claim as if its time had run out: somebody must look what became of the order."""
        ours = self._table.c.claimed_until == to_epoch_us(until)
        return self._update(self._key(marketplace, marketplace_order_id), ours, values={"claimed_until": 0})

    def withdraw(self, marketplace: str, marketplace_order_id: str, *, until: datetime) -> None:
        """Delete an order that was claimed but is not going to be placed."""
        key, ours = self._key(marketplace, marketplace_order_id), self._table.c.claimed_until == to_epoch_us(until)
        self.session.execute(delete(self._table).where(key, ours))

    def decide(self, order: Order, decision: CancellationDecision, **values: Any) -> bool:
        """Write the shop's decision about a cancellation under evaluation; tell whether it still was."""
        key = self._key(order.marketplace, order.marketplace_order_id)
        return self._update(key, self._evaluating, values=self._row({**values, "cancellation_decision": decision}))

    def say_cancellation(self, order: Order, *, sources: Iterable[OrderState], uninvoiced: bool, now: datetime) -> bool:
        """Note that the shop cancels the order; tell whether it was the first to say so.

        Args:
            uninvoiced: only while nothing of it was said to be invoiced, held invoices aside.
        """
        conditions = [or_(self._table.c.invoiced_said == 0, self._evaluating)] if uninvoiced else []
        return self.say(order, sources, *conditions, cancellation_said_at=now)

    def unsay_cancellation(self, marketplace: str, marketplace_order_id: str) -> bool:
        """Forget that the shop cancels the order; tell whether it had said so."""
        said = self._table.c.cancellation_said_at.is_not(None)
        key = self._key(marketplace, marketplace_order_id)
        return self._update(key, said, values={"cancellation_said_at": None})

    def say_sale(self, order: Order, value: int, *, sources: Iterable[OrderState], refuses: bool) -> bool | None:
        """Add to what the shop said is invoiced, up to the order's value, in one statement.

        Args:
            refuses: the cancellation under evaluation, which there must be; it is decided then.

        Returns:
            Whether a cancellation is under evaluation, now; None if the order's state or value do not allow it.
        """
        columns = self._table.c
        criteria = [or_(columns.value.is_(None), columns.invoiced_said + value <= columns.value)]
        values: dict[str, Any] = {"invoiced_said": columns.invoiced_said + value}
        if refuses:
            criteria.append(self._evaluating)
            values["cancellation_decision"] = CancellationDecision.REFUSE
        statement = self._saying(order, sources, *criteria, **values).returning(columns.cancellation_decision)
        said = self.session.execute(statement).first()
        return None if said is None else said.cancellation_decision == CancellationDecision.EVALUATE.value

    def say_return(self, order: Order, value: int, *, sources: Iterable[OrderState], whole: bool) -> bool:
        """Add to what the shop said came back, up to what it said is invoiced, or just that; tell whether it fits."""
        columns = self._table.c
        total = columns.returned_said + value
        fits = total == columns.invoiced_said if whole else total <= columns.invoiced_said
        return self.say(order, sources, fits, returned_said=columns.returned_said + value)

    def say(self, order: Order, sources: Iterable[OrderState], *conditions: ColumnElement[bool], **values: Any) -> bool:
        """Note what the shop says about an order that it does not cancel, in one statement; tell whether it may."""
        return bool(self.session.execute(self._saying(order, sources, *conditions, **values)).rowcount)

    def _saying(
        self, order: Order, sources: Iterable[OrderState], *conditions: ColumnElement[bool], **values: Any
    ) -> Update:
        columns = self._table.c
        key = self._key(order.marketplace, order.marketplace_order_id)
        from_ = columns.state.in_([source.value for source in sources])
        unsaid = columns.cancellation_said_at.is_(None)
        return self._updating(key, from_, unsaid, *conditions, values=self._row(values))

    def advance(
        self, marketplace: str, marketplace_order_id: str, *, sources: Iterable[OrderState], **values: Any
    ) -> bool:
        """Move an order on from any of `sources`; tell whether it was in one."""
        key = self._key(marketplace, marketplace_order_id)
        from_ = self._table.c.state.in_([source.value for source in sources])
        return self._update(key, from_, values=self._row(values))

    def adopt(self, entry: Entry, **values: Any) -> bool:
        """Write the outcome of a placement that somebody else left unfinished; tell whether it was still so."""
        key = self._key(entry.order.marketplace, entry.order.marketplace_order_id)
        placing = self._table.c.state == OrderState.PLACING.value
        return self._update(key, placing, values={**self._row(values), "claimed_until": None})

    def _key(self, marketplace: str, marketplace_order_id: str) -> ColumnElement[bool]:
        columns = self._table.c
        return (columns.marketplace == marketplace) & (columns.marketplace_order_id == marketplace_order_id)

    def _update(self, *criteria: ColumnElement[bool], values: Mapping[str, Any]) -> bool:
        return bool(self.session.execute(self._updating(*criteria, values=values)).rowcount)

    def _updating(self, *criteria: ColumnElement[bool], values: Mapping[str, Any]) -> Update:
        return update(self._table).where(*criteria).values({**values, "version": self._table.c.version + 1})

    @property
    def _evaluating(self) -> ColumnElement[bool]:
        return self._table.c.cancellation_decision == CancellationDecision.EVALUATE.value

    def _entries(self, *criteria: ColumnElement[bool]) -> list[Entry]:
        return self._run(select(self._table).where(*criteria))

    def _run(self, statement: Executable, parameters: Mapping[str, Any] = MappingProxyType({})) -> list[Entry]:
        return [_entry(row, self._vault) for row in self.session.execute(statement, dict(parameters))]

    def _row(self, values: Mapping[str, Any]) -> dict[str, Any]:
        row = {name: _plain(value) for name, value in values.items()}
        if email := row.get("follow_up_email"):
            row["follow_up_email"] = self._vault.seal(email)
        return row


def _is_storable(text: str) -> bool:
    try:
        return "\0" not in text and text.encode() is not None
    except UnicodeEncodeError:
        return False


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_epoch_us(value)
    return value.value if isinstance(value, OrderState | CancellationDecision) else value


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else from_epoch_us(microseconds)


def _entry(row: Row[Any], vault: Vault) -> Entry:
    decision = row.cancellation_decision
    order = Order(
        marketplace=row.marketplace,
        marketplace_order_id=row.marketplace_order_id,
        order_id=row.order_id,
        state=OrderState(row.state),
        marketplace_order_group=row.marketplace_order_group,
        marketplace_services_endpoint=row.marketplace_services_endpoint,
        value=row.value,
        follow_up_email=vault.open(row.follow_up_email or "") or "",
        payment_reference=row.payment_reference,
        receipt=row.receipt,
        cancellation_request_id=row.cancellation_request_id,
        cancellation_decision=None if decision is None else CancellationDecision(decision),
        reserved_until=_moment(row.reserved_until),
        created_at=from_epoch_us(row.created_at),
        placed_at=_moment(row.placed_at),
        authorized_at=_moment(row.authorized_at),
        canceled_at=_moment(row.canceled_at),
        cancellation_said_at=_moment(row.cancellation_said_at),
        invoiced_said=row.invoiced_said,
        returned_said=row.returned_said,
        invoiced_value=row.invoiced_value,
        returned_value=row.returned_value,
    )
    return Entry(
        order=order,
        version=row.version,
        fingerprint=row.fingerprint,
        claimed_until=_moment(row.claimed_until),
    )
