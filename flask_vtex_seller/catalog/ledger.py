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
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql.elements import conv

from ..clock import from_epoch_us, to_epoch_us
from ..database import CORE, DbSession, dialect_insert
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
    PrimaryKeyConstraint("marketplace", "sku_id", name=conv("pk_vtex_sku")),
    Index(conv("ix_vtex_sku_state_looked_at"), "state", "looked_at"),
)
_MAX_REASON_LENGTH = 500


class SkuLedger:
    """Reads and changes records of SKUs in a transaction of the caller's; never commits.

    Every change is one statement, whether the SKU has a row already or not.

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

    def page(self, *, state: SkuState | None, marketplace: str | None, limit: int) -> list[SkuRecord]:
        """Return the records that changed last first."""
        columns, criteria = self._table.c, []
        if state is not None:
            criteria.append(columns.state == state.value)
        if marketplace is not None:
            criteria.append(columns.marketplace == marketplace)
        statement = select(self._table).where(*criteria)
        newest = statement.order_by(columns.changed_at.desc(), columns.marketplace, columns.sku_id).limit(limit)
        return [_record(row) for row in self._session.execute(newest)]

    def mark(
        self,
        marketplace: str,
        sku_id: str,
        state: SkuState,
        *,
        now: datetime,
        reason: str = "",
        unless: Collection[SkuState] = (),
        suggested_before: datetime | None = None,
    ) -> bool:
        """Write a SKU's state; tell whether it was written.

        Args:
            now: aware; kept as the time of a suggestion when `state` is SUGGESTED.
            unless: the states that the record stays in, untouched.
            suggested_before: a record whose suggestion is older is written whatever `unless` says.
        """
        columns, moment = self._table.c, to_epoch_us(now)
        changes: dict[str, Any] = {
            "state": state.value,
            "reason": reason[:_MAX_REASON_LENGTH],
            "changed_at": case((columns.state == state.value, columns.changed_at), else_=moment),
            "looked_at": moment,
        }
        if state is SkuState.SUGGESTED:
            changes["suggested_at"] = moment
        free: ColumnElement[bool] | None = columns.state.not_in([kept.value for kept in unless]) if unless else None
        if free is not None and suggested_before is not None:
            free = or_(free, columns.suggested_at < to_epoch_us(suggested_before))
        return self._upsert(marketplace, sku_id, changes={**changes, "changed_at": moment}, updates=changes, where=free)

    def note(self, marketplace: str, sku_id: str, *, now: datetime, reason: str) -> None:
        """Write what was said last about a SKU and leave its state; one without a record is UNKNOWN."""
        words = {"reason": reason[:_MAX_REASON_LENGTH]}
        moment = to_epoch_us(now)
        row = {"state": SkuState.UNKNOWN.value, "changed_at": moment, "looked_at": moment, **words}
        self._upsert(marketplace, sku_id, changes=row, updates=words)

    def look_again(
        self, *, marketplaces: Collection[str], before: datetime, now: datetime, limit: int
    ) -> list[tuple[str, str]]:
        """Take SUGGESTED SKUs that nobody has looked at since `before`, and write that somebody looks now.

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

    @staticmethod
    def _is_waiting(columns: Any, before: datetime) -> ColumnElement[bool]:
        return and_(columns.state == SkuState.SUGGESTED.value, columns.looked_at <= to_epoch_us(before))

    def _upsert(
        self,
        marketplace: str,
        sku_id: str,
        *,
        changes: Mapping[str, Any],
        updates: Mapping[str, Any],
        where: ColumnElement[bool] | None = None,
    ) -> bool:
        """Insert a row of `changes`, or change the one that is there by `updates` if `where` holds for it."""
        columns = self._table.c
        row = {"marketplace": marketplace, "sku_id": sku_id, **changes}
        statement = (
            dialect_insert(self._session, self._table)
            .values(row)
            .on_conflict_do_update(index_elements=[columns.marketplace, columns.sku_id], set_=updates, where=where)
            .returning(columns.sku_id)
        )
        return self._session.execute(statement).first() is not None


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
