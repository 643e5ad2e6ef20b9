"""The table of what marketplaces make of the shop's SKUs, and every query on it."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    PrimaryKeyConstraint,
    Row,
    String,
    Table,
    and_,
    case,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql.elements import conv

from ..clock import from_epoch_us, to_epoch_us
from ..database import CORE, DbSession, dialect_of, insert_of, once_a_table
from ..outbox.rows import storable
from .sku import SkuRecord, SkuState

TABLE = Table(
    "vtex_sku",
    CORE,
    Column("marketplace", String(64), nullable=False),
    Column("sku_id", String(128), nullable=False, comment="the shop's own id"),
    Column("state", String(16), nullable=False),
    Column("reason", String(500), nullable=False, comment="what was said last about it"),
    Column("changed_at", BigInteger, nullable=False, comment="since when it is in its state"),
    Column("looked_at", BigInteger, nullable=False, comment="microseconds since 1970 UTC, as all times"),
    Column("suggested_at", BigInteger),
    Column("told_price", BigInteger, comment="cents; what a notice told last, as the next ones; null: not known"),
    Column("told_list_price", BigInteger),
    Column("told_stock", BigInteger),
    Column("told_catalog", String(32), comment="digest of the catalog data; empty: the shop said none"),
    Column("told_at", BigInteger, comment="when a notice was delivered last"),
    Column("asked_at", BigInteger, comment="when the run of sync began that asked for it last"),
    PrimaryKeyConstraint("marketplace", "sku_id", name=conv("pk_vtex_sku")),
    Index(conv("ix_vtex_sku_state_looked_at"), "state", "looked_at"),
)
_MAX_REASON_LENGTH = 500

Key = tuple[str, str]
"""A marketplace's configured name and a SKU's id."""


class SkuLedger:
    """Reads and changes records of SKUs in a transaction of the caller's; never commits.

    Every change is one statement for all SKUs that it is about, whether they have rows already or not.

    Args:
        session: the shop's `db.session`, or a connection of our own.
        table: the copy of `TABLE` on the shop's metadata.
    """

    def __init__(self, session: DbSession | Connection, table: Table) -> None:
        self._session = session
        self._table = table

    def get(self, marketplace: str, sku_id: str) -> SkuRecord | None:
        """Return what is known of a SKU at a marketplace; None if nothing was ever said about it."""
        columns = self._table.c
        statement = select(self._table).where(columns.marketplace == marketplace, columns.sku_id == sku_id)
        row = self._session.execute(statement).first()
        return None if row is None else _record(row)

    def find(self, sku_id: str) -> list[SkuRecord]:
        """Return what is known of a SKU, by marketplace."""
        columns = self._table.c
        statement = select(self._table).where(columns.sku_id == sku_id).order_by(columns.marketplace)
        return [_record(row) for row in self._session.execute(statement)]

    def page(
        self, *, limit: int, state: SkuState | None = None, marketplace: str | None = None, after: Key | None = None
    ) -> list[SkuRecord]:
        """Return records ordered by marketplace and SKU.

        Args:
            after: of the last record of the page before.
        """
        columns, criteria = self._table.c, []
        if state is not None:
            criteria.append(columns.state == state.value)
        if marketplace is not None:
            criteria.append(columns.marketplace == marketplace)
        if after is not None:
            criteria.append(tuple_(columns.marketplace, columns.sku_id) > after)
        statement = select(self._table).where(*criteria)
        ordered = statement.order_by(columns.marketplace, columns.sku_id).limit(limit)
        return [_record(row) for row in self._session.execute(ordered)]

    def mark(
        self, reasons: Mapping[Key, str], state: SkuState, *, now: datetime, unless: Collection[SkuState] = ()
    ) -> set[Key]:
        """Write the state of SKUs; return those of which it was written.

        Args:
            reasons: by SKU, what was said last about it.
            now: aware; kept as the time of a suggestion when `state` is SUGGESTED.
            unless: the states that a record stays in, untouched.
        """
        moment = to_epoch_us(now)
        suggested = {"suggested_at": moment} if state is SkuState.SUGGESTED else {}
        row = {"state": state.value, "changed_at": moment, "looked_at": moment, **suggested}
        kept = tuple(sorted(found.value for found in unless))
        return self._upsert(reasons, row, updates=tuple(row), kept=kept)

    def expire(self, keys: Collection[Key], reason: str, *, suggested_before: datetime, now: datetime) -> None:
        """Write that nobody decided in time about those of the SKUs whose suggestion is older and undecided."""
        if not keys:
            return
        columns, moment = self._table.c, to_epoch_us(now)
        old = columns.suggested_at < to_epoch_us(suggested_before)
        values = {"state": SkuState.EXPIRED.value, "reason": reason, "changed_at": moment, "looked_at": moment}
        statement = update(self._table).where(self._is_one_of(keys), self._is_undecided(columns), old)
        self._session.execute(statement.values(values))

    def touch(self, keys: Collection[Key], state: SkuState, *, now: datetime) -> set[Key]:
        """Write that SKUs are spoken of; return those that are in `state`."""
        if not keys:
            return set()
        columns = self._table.c
        statement = update(self._table).where(self._is_one_of(keys), columns.state == state.value)
        touched = statement.values(looked_at=to_epoch_us(now)).returning(columns.marketplace, columns.sku_id)
        return {(found.marketplace, found.sku_id) for found in self._session.execute(touched)}

    def note(self, reasons: Mapping[Key, str], *, now: datetime) -> None:
        """Write what was said last about SKUs and leave their state; one without a record is UNKNOWN."""
        moment = to_epoch_us(now)
        row = {"state": SkuState.UNKNOWN.value, "changed_at": moment, "looked_at": moment}
        self._upsert(reasons, row, updates=())

    def look_again(
        self, *, marketplaces: Collection[str], before: datetime, now: datetime, limit: int
    ) -> list[tuple[str, str]]:
        """Take undecided SKUs that nobody has looked at since `before`, and write that somebody looks now.

        Returns at most `limit` pairs of marketplace and SKU, those that waited longest. Safe under concurrency: a lost
        race yields fewer, never one twice.
        """
        table = self._table
        row = table.alias("row")
        # a CTE, for PostgreSQL may run a plain subquery once a row and so go beyond its limit
        waiting = (
            select(row.c.marketplace, row.c.sku_id)
            .where(self._is_waiting(row.c, before), row.c.marketplace.in_(tuple(marketplaces)))
            .order_by(row.c.looked_at, row.c.marketplace, row.c.sku_id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("waiting")
        )
        pair, pairs = tuple_(table.c.marketplace, table.c.sku_id), select(waiting.c.marketplace, waiting.c.sku_id)
        statement = (
            update(table)
            .where(pair.in_(pairs), self._is_waiting(table.c, before))
            .values(looked_at=to_epoch_us(now))
            .returning(table.c.marketplace, table.c.sku_id)
        )
        return sorted((row.marketplace, row.sku_id) for row in self._session.execute(statement))

    def _is_one_of(self, keys: Collection[Key]) -> ColumnElement[bool]:
        return tuple_(self._table.c.marketplace, self._table.c.sku_id).in_(sorted(keys))

    @staticmethod
    def _is_undecided(columns: Any) -> ColumnElement[bool]:
        undecided: ColumnElement[bool] = columns.state.in_([SkuState.SUGGESTED.value, SkuState.PENDING.value])
        return undecided

    def _is_waiting(self, columns: Any, before: datetime) -> ColumnElement[bool]:
        return and_(self._is_undecided(columns), columns.looked_at <= to_epoch_us(before))

    def _upsert(self, reasons: Mapping[Key, str], row: Mapping[str, Any], **how: Any) -> set[Key]:
        """Insert rows of `row` and a reason each, or change those that are there; see `_upsert_statement`."""
        if not reasons:
            return set()
        rows = [
            {"marketplace": marketplace, "sku_id": sku_id, "reason": storable(reason)[:_MAX_REASON_LENGTH], **row}
            # In one order everywhere: two workers that lock the same rows crosswise would wait for each other.
            for (marketplace, sku_id), reason in sorted(reasons.items())
        ]
        upsert = _upsert_statement(self._table, dialect_of(self._session, self._table), **how)
        return {(found.marketplace, found.sku_id) for found in self._session.execute(upsert, rows)}


@once_a_table
def _upsert_statement(table: Table, dialect: str, *, updates: tuple[str, ...], kept: tuple[str, ...] = ()) -> Any:
    """Return what inserts rows, or changes those that are there.

    Args:
        updates: the columns that are changed besides the reason.
        kept: the states that a row stays in, untouched.
    """
    columns, statement = table.c, insert_of(dialect, table)
    new = statement.excluded
    changes = {name: new[name] for name in (*updates, "reason")}
    if "changed_at" in changes:
        changes["changed_at"] = case((columns.state == new.state, columns.changed_at), else_=new.changed_at)
    # one by one, for a list of values is none that many rows can share in one statement
    free = and_(*(columns.state != state for state in kept)) if kept else None
    key = [columns.marketplace, columns.sku_id]
    return statement.on_conflict_do_update(index_elements=key, set_=changes, where=free).returning(*key)


def _record(row: Row[Any]) -> SkuRecord:
    return SkuRecord(
        marketplace=row.marketplace,
        sku_id=row.sku_id,
        state=SkuState(row.state),
        reason=row.reason,
        changed_at=from_epoch_us(row.changed_at),
        looked_at=from_epoch_us(row.looked_at),
        suggested_at=None if row.suggested_at is None else from_epoch_us(row.suggested_at),
    )
