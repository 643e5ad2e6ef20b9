"""Every query on the table of messages.

A worker takes a message by a *lease*, `leased_until`, written in one statement together with the attempt's count. The
row stays pending while it is leased, so nothing behind it in its lane can be taken; when the worker dies, the lease
runs out and another takes the message up again.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Table,
    Text,
    Update,
    and_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from ..clock import to_epoch_us
from ..database import DbSession, once_a_table
from ..marketplace.operations import OPERATIONS
from ..vault import PLAIN, Vault
from .message import Draft, Message, MessageState
from .rows import MAX_REASON_LENGTH, SETTLED, Settlement, read_message, storable, write_draft, write_settlement

_HOLDING = tuple(name for name, operation in OPERATIONS.items() if operation.holds_lane)


class Scope(NamedTuple):
    """Messages of a marketplace and of some operations."""

    marketplace: str
    operations: tuple[str, ...]
    unknown: bool = False
    """Those of operations that this version does not know, too: somebody must hear of them."""

    def of(self, columns: Any) -> ColumnElement[bool]:
        """Return the condition on a row."""
        ours = columns.operation.in_(self.operations)
        wanted = or_(ours, columns.operation.not_in(tuple(OPERATIONS))) if self.unknown else ours
        return and_(columns.marketplace == self.marketplace, wanted)


class OutboxLedger:
    """Reads and changes messages in a transaction of the caller's; never commits.

    Args:
        session: the shop's `db.session`, or a connection of our own.
        table: the copy of `TABLE` on the shop's metadata.
        vault: what seals bodies and answers.
    """

    def __init__(self, session: DbSession | Connection, table: Table, vault: Vault = PLAIN) -> None:
        self._session = session
        self._table = table
        self._vault = vault

    def append(
        self, drafts: Sequence[Draft], *, now: datetime, held: bool = False, due_at: datetime | None = None
    ) -> None:
        """Write messages with one statement.

        Args:
            held: until `release`; else they are due at `due_at`, at once when that is None.
        """
        rows = [write_draft(draft, self._vault, now=now, held=held, due_at=due_at) for draft in drafts]
        if rows:
            self._session.execute(insert(self._table), rows)

    def lease(self, *, now: datetime, until: datetime, limit: int, scopes: Iterable[Scope]) -> list[Message]:
        """Take the oldest due message of each free lane, and count the attempt.

        Returns at most `limit` messages of the scopes, one a lane, those that were due first. A lane is free when no
        older message of it is pending, held, or dead and of an operation that holds its lane. Safe under concurrency:
        a lost race yields fewer messages, never one twice.
        """
        wanted = tuple(scopes)
        if not wanted:
            return []
        values = {"now": to_epoch_us(now), "until": to_epoch_us(until), "most": limit}
        leased = self._read(_lease_statement(self._table, wanted), values)
        return sorted(leased, key=lambda message: message.id)

    def merge(self, messages: Sequence[Message], *, now: datetime) -> int:
        """Have leased notices speak for all like them that wait behind them or are dead; return how many those were."""
        ids = [message.id for message in messages if message.merges]
        if not ids:
            return 0
        values = {"ids": ids, "now": to_epoch_us(now)}
        return int(self._session.execute(_merge_statement(self._table), values).rowcount)  # type: ignore[attr-defined]

    def settle(self, settlements: Sequence[Settlement], *, now: datetime) -> set[int]:
        """Write what became of leased messages and end their leases; return the ids of those that were still ours.

        Two statements, however many messages they are.
        """
        table, ours = self._table, set[int]()
        for until in {settlement.until for settlement in settlements}:
            ids = [settlement.message.id for settlement in settlements if settlement.until == until]
            values = {"ids": ids, "until": to_epoch_us(until), "pending": MessageState.PENDING.value}
            ours |= set(self._session.execute(_keep_statement(table), values).scalars())
        kept = [settlement for settlement in settlements if settlement.message.id in ours]
        rows = [write_settlement(settlement, self._vault, now) for settlement in kept]
        if rows:
            self._session.execute(_settle_statement(table), rows)
        return ours

    def note_late(self, message: Message) -> None:
        """Count an answer that came after the lease had ended."""
        columns = self._table.c
        self._session.execute(update(self._table).where(columns.id == message.id).values(late=columns.late + 1))

    def hand_back(self, ids: Sequence[int], *, until: datetime, due_at: datetime | None = None) -> None:
        """End leases of which no call was begun, as if they had never been; due anew at `due_at` if that is given."""
        columns = self._table.c
        ours = columns.leased_until == to_epoch_us(until)
        values: dict[str, Any] = {"leased_until": None, "attempts": columns.attempts - 1}
        if due_at is not None:
            values["due_at"] = to_epoch_us(due_at)
        self._session.execute(update(self._table).where(columns.id.in_(ids), ours).values(values))

    def move(
        self,
        ids: Sequence[int],
        state: MessageState,
        *,
        now: datetime,
        reason: str,
        due_at: datetime | None = None,
        apart: timedelta = timedelta(0),
    ) -> list[Message]:
        """Let somebody send dead or waiting messages again, or discard them; return those that were moved.

        One that is being sent right now is left alone. A held one can be discarded, but not sent.

        Args:
            due_at: when the first one is due; `now` if that is None.
            apart: how much later than the one before it each of the others is due.
        """
        sources = [MessageState.DEAD, MessageState.PENDING]
        if state is MessageState.DISCARDED:
            sources.append(MessageState.HELD)
        due, columns = _moment(due_at or now), self._table.c
        if ids and apart:
            moments = {id_: _moment((due_at or now) + place * apart) for place, id_ in enumerate(ids)}
            due = case(moments, value=columns.id)
        return self._move(columns.id.in_(ids), sources=sources, state=state, now=now, reason=reason, due=due)

    def hold(self, marketplace: str, lane: str, operations: Sequence[str], *, now: datetime) -> None:
        """Hold what waits in a lane; what is being sent right now is left alone."""
        sources = [MessageState.PENDING]
        self._move(
            self._of(marketplace, lane, operations), sources=sources, state=MessageState.HELD, now=now, reason="held"
        )

    def release(self, marketplace: str, lane: str, *, now: datetime) -> None:
        """Let a lane's held messages be sent, in their order."""
        sources, state = [MessageState.HELD], MessageState.PENDING
        self._move(self._of(marketplace, lane), sources=sources, state=state, now=now, reason="released")

    def withdraw(
        self, marketplace: str, lane: str, operations: Sequence[str], *, now: datetime, reason: str
    ) -> list[Message]:
        """Discard what is held or waits in a lane, and return it; what is being sent right now is left alone."""
        sources, state = [MessageState.HELD, MessageState.PENDING], MessageState.DISCARDED
        return self._move(self._of(marketplace, lane, operations), sources=sources, state=state, now=now, reason=reason)

    def _of(self, marketplace: str, lane: str, operations: Sequence[str] | None = None) -> ColumnElement[bool]:
        columns = self._table.c
        of_lane = and_(columns.marketplace == marketplace, columns.lane == lane)
        return of_lane if operations is None else and_(of_lane, columns.operation.in_(operations))

    def _move(
        self,
        which: ColumnElement[bool],
        *,
        sources: Sequence[MessageState],
        state: MessageState,
        now: datetime,
        reason: str,
        due: ColumnElement[int] | None = None,
    ) -> list[Message]:
        columns = self._table.c
        due = _moment(now) if due is None else due
        free = or_(columns.leased_until.is_(None), columns.leased_until <= to_epoch_us(now))
        done = state not in (MessageState.PENDING, MessageState.HELD)
        statement = (
            update(self._table)
            .where(which, columns.state.in_([source.value for source in sources]), free)
            .values(
                state=state.value,
                attempts=0,
                due_at=due,
                tried_since=due,
                leased_until=None,
                settled_at=to_epoch_us(now) if done else None,
                last_reason=storable(reason)[:MAX_REASON_LENGTH],
            )
            .returning(*columns)
        )
        return self._read(statement)

    def get(self, message_id: int) -> Message | None:
        """Return a message."""
        return next(iter(self._read(select(self._table).where(self._table.c.id == message_id))), None)

    def page(
        self,
        *,
        limit: int,
        state: MessageState | None = None,
        marketplace: str | None = None,
        lane: str | None = None,
        operation: str | None = None,
        said_before: datetime | None = None,
        before: int | None = None,
    ) -> list[Message]:
        """Return the newest messages first.

        Args:
            said_before: when they were written.
            before: the id of the last message of the page before.
        """
        columns, criteria = self._table.c, []
        if operation is not None:
            criteria.append(columns.operation == operation)
        if said_before is not None:
            criteria.append(columns.created_at < to_epoch_us(said_before))
        if before is not None:
            criteria.append(columns.id < before)
        if state is not None:
            criteria.append(columns.state == state.value)
        if marketplace is not None:
            criteria.append(columns.marketplace == marketplace)
        if lane is not None:
            criteria.append(columns.lane == lane)
        # The ids first: to find out which are the newest, whole rows would be sorted, with their bodies.
        ids = select(columns.id).where(*criteria).order_by(columns.id.desc()).limit(limit).scalar_subquery()
        return self._read(select(self._table).where(columns.id.in_(ids)).order_by(columns.id.desc()))

    def waiting(self, marketplace: str, lanes: Sequence[str], operations: Sequence[str]) -> set[tuple[str, str]]:
        """Return lane and operation of what waits in these lanes; what is being sent right now does not wait."""
        values = {"of": marketplace, "lanes": list(lanes), "operations": list(operations)}
        rows = self._session.execute(_waiting_statement(self._table), values)
        return {(row.lane, row.operation) for row in rows}

    def purge(self, *, before: datetime, limit: int) -> int:
        """Delete what was delivered, merged or discarded before `before`, but no more than `limit`; return how many.

        The newest row stays whatever it is: SQLite would give its id, and with it its place in the order, away again.
        """
        columns = self._table.c
        newest = select(func.max(columns.id)).scalar_subquery()
        over = [MessageState.DELIVERED.value, MessageState.MERGED.value, MessageState.DISCARDED.value]
        old = and_(columns.settled_at < to_epoch_us(before), columns.id < newest)
        some = select(columns.id).where(columns.state.in_(over), old).limit(limit).scalar_subquery()
        return int(self._session.execute(delete(self._table).where(columns.id.in_(some))).rowcount)  # type: ignore[attr-defined]

    def _read(self, statement: Any, values: Mapping[str, Any] | None = None) -> list[Message]:
        return [read_message(row, self._vault) for row in self._session.execute(statement, values)]


def _moment(moment: datetime) -> ColumnElement[int]:
    return literal(to_epoch_us(moment), BigInteger)


@once_a_table
def _lease_statement(table: Table, scopes: tuple[Scope, ...]) -> Any:
    """Return the statement of a lease."""
    row, now = table.alias("row"), bindparam("now", type_=BigInteger)
    heads = (
        select(row.c.id)
        .where(
            row.c.state == MessageState.PENDING.value,
            row.c.due_at <= now,
            or_(row.c.leased_until.is_(None), row.c.leased_until <= now),
            or_(*(scope.of(row.c) for scope in scopes)),
            ~_blocked(table, row),
        )
        .order_by(row.c.due_at, row.c.id)
        .limit(bindparam("most", type_=Integer))
        .with_for_update(skip_locked=True)
        # A CTE: PostgreSQL may run a plain subquery once a row, and the limit would count for nothing.
        .cte("heads")
    )
    # By the id alone: the rows are locked, and SQLite would walk all that wait to find those in that state again.
    return (
        update(table)
        .where(table.c.id.in_(select(heads.c.id)))
        .values(leased_until=bindparam("until"), attempts=table.c.attempts + 1)
        .returning(*table.c)
    )


def _blocked(table: Table, row: Any) -> ColumnElement[bool]:
    ahead = table.alias("ahead")
    dead = and_(ahead.c.state == MessageState.DEAD.value, ahead.c.operation.in_(_HOLDING))
    return exists().where(
        ahead.c.marketplace == row.c.marketplace,
        ahead.c.lane == row.c.lane,
        ahead.c.id < row.c.id,
        or_(ahead.c.state.in_([MessageState.PENDING.value, MessageState.HELD.value]), dead),
    )


@once_a_table
def _waiting_statement(table: Table) -> Any:
    columns = table.c
    return select(columns.lane, columns.operation).where(
        columns.marketplace == bindparam("of"),
        columns.lane.in_(bindparam("lanes", expanding=True)),
        columns.operation.in_(bindparam("operations", expanding=True)),
        # What it is not: asked for what it is, SQLite would walk all that wait instead of these lanes.
        columns.state.not_in([state.value for state in MessageState if state is not MessageState.PENDING]),
        columns.leased_until.is_(None),
    )


@once_a_table
def _merge_statement(table: Table) -> Update:
    leased, columns = table.alias("leased"), table.c
    others = [state.value for state in MessageState if state not in (MessageState.PENDING, MessageState.DEAD)]
    return (
        update(table)
        .where(
            leased.c.id.in_(bindparam("ids", expanding=True)),
            columns.marketplace == leased.c.marketplace,
            columns.lane == leased.c.lane,
            columns.operation == leased.c.operation,
            columns.merges == 1,
            columns.state.not_in(others),  # see _waiting_statement
            or_(columns.state == MessageState.DEAD.value, columns.id > leased.c.id),
        )
        .values(
            state=MessageState.MERGED.value,
            settled_at=bindparam("now", type_=BigInteger),
            last_reason=literal("said by message ", Text).concat(cast(leased.c.id, Text)),
        )
    )


@once_a_table
def _keep_statement(table: Table) -> Any:
    """Return what finds out which leases are ours; it writes nothing new, and keeps them so."""
    ours = table.c.id.in_(bindparam("ids", expanding=True)) & (table.c.leased_until == bindparam("until"))
    return (
        update(table).where(ours, table.c.state == bindparam("pending")).values(late=table.c.late).returning(table.c.id)
    )


@once_a_table
def _settle_statement(table: Table) -> Update:
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in SETTLED}
    return update(table).where(table.c.id == bindparam("row_id")).values(leased_until=None, **values)
