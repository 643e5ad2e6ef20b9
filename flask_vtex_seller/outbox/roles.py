"""Who acts: the process that leads the schedulers inside a shop's processes, and the one that delivered last."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    PrimaryKeyConstraint,
    String,
    Table,
    or_,
    select,
)
from sqlalchemy.sql.elements import conv

from ..clock import from_epoch_us, to_epoch_us
from ..database import CORE, DbSession, dialect_insert

TABLE = Table(
    "vtex_runner",
    CORE,
    Column("role", String(32), nullable=False, comment="leader, drain"),
    Column("process", String(128), nullable=False, comment="host, process id and a random part"),
    Column("at", BigInteger, nullable=False, comment="until when it leads; when it drained last; microseconds UTC"),
    PrimaryKeyConstraint("role", name=conv("pk_vtex_runner")),
)
LEADER, DRAIN = "leader", "drain"


class Runner(NamedTuple):
    """Who has a role."""

    process: str
    at: datetime
    """Until when it leads, or when it drained last."""


class RoleLedger:
    """Reads and changes roles in a transaction of the caller's; never commits.

    Args:
        session: the shop's `db.session`, or a connection of our own.
        table: the copy of `TABLE` on the shop's metadata.
    """

    def __init__(self, session: DbSession | Connection, table: Table) -> None:
        self._session = session
        self._table = table

    def all(self) -> Mapping[str, Runner]:
        """Return who has which role; one that nobody ever had is missing."""
        rows = self._session.execute(select(self._table))
        return {row.role: Runner(process=row.process, at=from_epoch_us(row.at)) for row in rows}

    def lead(self, process: str, *, until: datetime, now: datetime) -> bool:
        """Make a process the leader, or leave it that, unless another one leads; tell whether it leads."""
        columns = self._table.c
        return self._write(LEADER, process, until, or_(columns.process == process, columns.at <= to_epoch_us(now)))

    def resign(self, process: str, *, now: datetime) -> None:
        """End a process's time as the leader, if it is."""
        self._write(LEADER, process, now, self._table.c.process == process)

    def note_drain(self, process: str, *, now: datetime) -> None:
        """Write that a process has just drained."""
        self._write(DRAIN, process, now)

    def _write(self, role: str, process: str, at: datetime, where: ColumnElement[bool] | None = None) -> bool:
        values = {"process": process, "at": to_epoch_us(at)}
        statement = dialect_insert(self._session, self._table).values(role=role, **values)
        written = statement.on_conflict_do_update(index_elements=[self._table.c.role], set_=values, where=where)
        return self._session.execute(written.returning(self._table.c.role)).first() is not None
