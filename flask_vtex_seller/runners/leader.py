"""Which of many processes with a scheduler of their own acts: the one that holds a row.

Correctness never depends on it: messages have leases of their own. It only spares the others the work.
"""

import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Engine,
    PrimaryKeyConstraint,
    String,
    Table,
    or_,
    select,
)
from sqlalchemy.sql.elements import conv

from ..clock import Clock, from_epoch_us, to_epoch_us
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Who has a role."""

    process: str
    at: datetime
    """Until when it leads, or when it drained last."""


def runners(session: DbSession | Connection, table: Table) -> Mapping[str, Runner]:
    """Return who leads and who drained last, by role; a role that nobody ever had is missing."""
    return {row.role: Runner(process=row.process, at=from_epoch_us(row.at)) for row in session.execute(select(table))}


class Leadership:
    """One process's claim on being the one that acts; not shared between processes, not kept over a fork.

    Args:
        table: the copy of `TABLE` on the shop's metadata.
        term: how long a leader that says nothing stays one.
    """

    def __init__(self, engine: Engine, table: Table, *, clock: Clock, term: timedelta) -> None:
        self._engine = engine
        self._table = table
        self._clock = clock
        self._term = term
        self._pid = os.getpid()
        self._process = _name()

    def hold(self) -> bool:
        """Become the leader, or stay it for another term; tell whether this process is it now."""
        if os.getpid() != self._pid:
            # A fork took this object along; its scheduler's thread stayed behind.
            self._pid, self._process = os.getpid(), _name()
        now, columns = self._clock.now(), self._table.c
        free = or_(columns.process == self._process, columns.at <= to_epoch_us(now))
        return self._write(LEADER, now + self._term, free)

    def release(self) -> None:
        """Let another process lead at once."""
        self._write(LEADER, self._clock.now(), self._table.c.process == self._process)

    def note_drain(self) -> None:
        """Write that this process has just drained."""
        self._write(DRAIN, self._clock.now())

    def _write(self, role: str, at: datetime, where: ColumnElement[bool] | None = None) -> bool:
        values = {"process": self._process, "at": to_epoch_us(at)}
        with self._engine.begin() as connection:
            statement = dialect_insert(connection, self._table).values(role=role, **values)
            written = statement.on_conflict_do_update(index_elements=[self._table.c.role], set_=values, where=where)
            return connection.execute(written.returning(self._table.c.role)).first() is not None


def _name() -> str:
    return f"{socket.gethostname()[:64]}:{os.getpid()}:{secrets.token_hex(8)}"
