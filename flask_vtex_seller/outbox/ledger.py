"""The table of messages, and every query on it.

A worker takes a message by a *lease*, `leased_until`, written in one statement together with the attempt's count. The
row stays pending while it is leased, so nothing behind it in its lane can be taken; when the worker dies, the lease
runs out and another takes the message up again.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Row,
    String,
    Table,
    Text,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.sql.elements import conv

from ..clock import from_epoch_us, to_epoch_us
from ..database import CORE, DbSession
from ..marketplace.operations import OPERATIONS
from .message import Draft, Message, MessageState

TABLE = Table(
    "vtex_outbox",
    CORE,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), autoincrement=True, nullable=False),
    Column("marketplace", String(64), nullable=False),
    Column("operation", String(64), nullable=False),
    Column("lane", String(255), nullable=False, comment="what must arrive in order"),
    Column("arguments", Text, nullable=False, comment="JSON: the values of the call's path"),
    Column("body", Text, comment="JSON"),
    Column("merges", Integer, nullable=False, comment="1: pending ones of lane and operation are one call"),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, comment="counted before the call: one that kills its worker counts"),
    Column("due_at", BigInteger, nullable=False, comment="microseconds since 1970 UTC, as all times"),
    Column("tried_since", BigInteger, nullable=False, comment="when its time began: of giving up, not of the row"),
    Column("leased_until", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("settled_at", BigInteger),
    Column("last_status", Integer),
    Column("last_reason", String(500), nullable=False),
    Column("last_excerpt", Text, nullable=False),
    PrimaryKeyConstraint("id", name=conv("pk_vtex_outbox")),
    Index(conv("ix_vtex_outbox_state_due_at"), "state", "due_at"),
    Index(conv("ix_vtex_outbox_marketplace_lane"), "marketplace", "lane"),
)
_HOLDING = tuple(name for name, operation in OPERATIONS.items() if operation.holds_lane)
_MAX_REASON_LENGTH = 500


class OutboxLedger:
    """Reads and changes messages in a transaction of the caller's; never commits.

    Args:
        session: the shop's `db.session`, or a connection of our own.
        table: the copy of `TABLE` on the shop's metadata.
    """

    def __init__(self, session: DbSession | Connection, table: Table) -> None:
        self._session = session
        self._table = table

    def append(self, drafts: Sequence[Draft], *, now: datetime, held: bool = False) -> None:
        """Write messages with one statement.

        Args:
            held: until `release`; else they are due at once.
        """
        moment = to_epoch_us(now)
        rows = [
            {
                "marketplace": draft.marketplace,
                "operation": draft.operation,
                "lane": draft.lane,
                "arguments": orjson.dumps(dict(draft.arguments)).decode(),
                "body": None if draft.body is None else orjson.dumps(draft.body).decode(),
                "merges": int(draft.merges),
                "state": (MessageState.HELD if held else MessageState.PENDING).value,
                "attempts": 0,
                "due_at": moment,
                "tried_since": moment,
                "created_at": moment,
                "last_reason": "",
                "last_excerpt": "",
            }
            for draft in drafts
        ]
        if rows:
            self._session.execute(insert(self._table), rows)

    def lease(self, *, now: datetime, until: datetime, limit: int, marketplaces: Iterable[str]) -> list[Message]:
        """Take the oldest due message of each free lane, and count the attempt.

        Returns at most `limit` messages, one a lane, oldest first. A lane is free when no older message of it is
        pending, held, or dead and of an operation that holds its lane. Safe under concurrency: a lost race yields fewer
        messages, never one twice.
        """
        table, moment = self._table, to_epoch_us(now)
        row = table.alias("row")
        heads = (
            select(row.c.id)
            .where(
                row.c.state == MessageState.PENDING.value,
                row.c.due_at <= moment,
                or_(row.c.leased_until.is_(None), row.c.leased_until <= moment),
                row.c.marketplace.in_(tuple(marketplaces)),
                ~self._blocked(row),
            )
            .order_by(row.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            # A CTE: PostgreSQL may run a plain subquery once a row, and the limit would count for nothing.
            .cte("heads")
        )
        free = or_(table.c.leased_until.is_(None), table.c.leased_until <= moment)
        statement = (
            update(table)
            .where(table.c.id.in_(select(heads.c.id)), table.c.state == MessageState.PENDING.value, free)
            .values(leased_until=to_epoch_us(until), attempts=table.c.attempts + 1)
            .returning(*table.c)
        )
        return sorted((_message(row) for row in self._session.execute(statement)), key=lambda message: message.id)

    def _blocked(self, row: Any) -> ColumnElement[bool]:
        ahead = self._table.alias("ahead")
        dead = and_(ahead.c.state == MessageState.DEAD.value, ahead.c.operation.in_(_HOLDING))
        return exists().where(
            ahead.c.marketplace == row.c.marketplace,
            ahead.c.lane == row.c.lane,
            ahead.c.id < row.c.id,
            or_(ahead.c.state.in_([MessageState.PENDING.value, MessageState.HELD.value]), dead),
        )

    def merge(self, message: Message, *, now: datetime) -> int:
        """Have a leased notice speak for all pending ones like it; return how many those were."""
        columns = self._table.c
        statement = (
            update(self._table)
            .where(
                columns.marketplace == message.marketplace,
                columns.lane == message.lane,
                columns.operation == message.operation,
                columns.merges == 1,
                columns.state == MessageState.PENDING.value,
                columns.id > message.id,
            )
            .values(
                state=MessageState.MERGED.value,
                settled_at=to_epoch_us(now),
                last_reason=f"said by message {message.id}",
            )
        )
        return int(self._session.execute(statement).rowcount)  # type: ignore[attr-defined]

    def settle(
        self,
        message: Message,
        *,
        until: datetime,
        state: MessageState,
        now: datetime,
        due_at: datetime | None = None,
        status: int | None = None,
        reason: str = "",
        excerpt: str = "",
    ) -> bool:
        """Write what became of a leased message and end the lease; tell whether the lease was still ours."""
        columns = self._table.c
        done = state is not MessageState.PENDING
        statement = (
            update(self._table)
            .where(
                columns.id == message.id,
                columns.leased_until == to_epoch_us(until),
                columns.state == MessageState.PENDING.value,
            )
            .values(
                state=state.value,
                leased_until=None,
                due_at=to_epoch_us(due_at or message.due_at),
                settled_at=to_epoch_us(now) if done else None,
                last_status=status,
                last_reason=_storable(reason)[:_MAX_REASON_LENGTH],
                last_excerpt=_storable(excerpt),
            )
        )
        return bool(self._session.execute(statement).rowcount)  # type: ignore[attr-defined]

    def hand_back(self, ids: Sequence[int], *, until: datetime) -> None:
        """End leases of which no call was begun, as if they had never been."""
        columns = self._table.c
        ours = columns.leased_until == to_epoch_us(until)
        values = {"leased_until": None, "attempts": columns.attempts - 1}
        self._session.execute(update(self._table).where(columns.id.in_(ids), ours).values(values))

    def move(self, ids: Sequence[int], state: MessageState, *, now: datetime, reason: str) -> list[Message]:
        """Let somebody send dead or waiting messages again, or discard them; return those that were moved.

        One that is being sent right now is left alone. A held one can be discarded, but not sent.
        """
        sources = [MessageState.DEAD, MessageState.PENDING]
        if state is MessageState.DISCARDED:
            sources.append(MessageState.HELD)
        return self._move(self._table.c.id.in_(ids), sources=sources, state=state, now=now, reason=reason)

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
    ) -> list[Message]:
        columns = self._table.c
        free = or_(columns.leased_until.is_(None), columns.leased_until <= to_epoch_us(now))
        done = state not in (MessageState.PENDING, MessageState.HELD)
        statement = (
            update(self._table)
            .where(which, columns.state.in_([source.value for source in sources]), free)
            .values(
                state=state.value,
                attempts=0,
                due_at=to_epoch_us(now),
                tried_since=to_epoch_us(now),
                leased_until=None,
                settled_at=to_epoch_us(now) if done else None,
                last_reason=_storable(reason)[:_MAX_REASON_LENGTH],
            )
            .returning(*columns)
        )
        return [_message(row) for row in self._session.execute(statement)]

    def get(self, message_id: int) -> Message | None:
        """Return a message."""
        row = self._session.execute(select(self._table).where(self._table.c.id == message_id)).first()
        return None if row is None else _message(row)

    def page(
        self, *, state: MessageState | None, marketplace: str | None, lane: str | None, limit: int
    ) -> list[Message]:
        """Return the newest messages first."""
        columns, criteria = self._table.c, []
        if state is not None:
            criteria.append(columns.state == state.value)
        if marketplace is not None:
            criteria.append(columns.marketplace == marketplace)
        if lane is not None:
            criteria.append(columns.lane == lane)
        statement = select(self._table).where(*criteria).order_by(columns.id.desc()).limit(limit)
        return [_message(row) for row in self._session.execute(statement)]

    def purge(self, *, before: datetime) -> int:
        """Delete what was delivered, merged or discarded before `before`; return how many.

        The newest row stays whatever it is: SQLite would give its id, and with it its place in the order, away again.
        """
        columns = self._table.c
        newest = select(func.max(columns.id)).scalar_subquery()
        over = [MessageState.DELIVERED.value, MessageState.MERGED.value, MessageState.DISCARDED.value]
        old = and_(columns.settled_at < to_epoch_us(before), columns.id < newest)
        return int(self._session.execute(delete(self._table).where(columns.state.in_(over), old)).rowcount)  # type: ignore[attr-defined]


def _storable(text: str) -> str:
    """Return `text` without what a database cannot keep: NUL and half characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _message(row: Row[Any]) -> Message:
    return Message(
        id=row.id,
        marketplace=row.marketplace,
        operation=row.operation,
        lane=row.lane,
        arguments=orjson.loads(row.arguments),
        body=None if row.body is None else orjson.loads(row.body),
        merges=bool(row.merges),
        state=MessageState(row.state),
        attempts=row.attempts,
        due_at=from_epoch_us(row.due_at),
        tried_since=from_epoch_us(row.tried_since),
        created_at=from_epoch_us(row.created_at),
        settled_at=None if row.settled_at is None else from_epoch_us(row.settled_at),
        last_status=row.last_status,
        last_reason=row.last_reason,
        last_excerpt=row.last_excerpt,
    )
