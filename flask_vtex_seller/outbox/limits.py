"""What all workers together may call: a rate for each kind of call, a breaker for each host, a budget for repeats.

Each is a row, a *gate*, that says when the next call may begin. All are changed by single conditional statements, so
any number of workers obey together:

- **rate**: a call takes the next free moment and moves it on (the generic cell rate algorithm).
- **breaker**: a host that fails `BREAKS_AFTER` times in a row is left alone; then one call at a time tries it, every
  `OPEN`. A host that asks to be left alone (429, `Retry-After`) is.
- **repeats**: a tenth of the first attempts beside them, or `REPEATS_PER_SECOND`, whichever is more.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    case,
    delete,
    select,
    update,
)
from sqlalchemy.sql.elements import conv

from ..clock import from_epoch_us, to_epoch_us
from ..database import CORE, DbSession, dialect_insert
from ..marketplace.operations import Host

TABLE = Table(
    "vtex_gate",
    CORE,
    Column("marketplace", String(64), nullable=False),
    Column("name", String(32), nullable=False, comment="host:… a breaker, rate:… a rate, repeats"),
    Column("next_at", BigInteger, nullable=False, comment="when the next call may begin; microseconds since 1970 UTC"),
    Column("failures", Integer, nullable=False, comment="in a row, of a host"),
    PrimaryKeyConstraint("marketplace", "name", name=conv("pk_vtex_gate")),
)
BREAKS_AFTER = 10
"""Failures in a row, of any calls to a host."""
OPEN = timedelta(seconds=30)
"""Between two calls that try a host whose breaker is open."""
REPEATS_PER_SECOND = 20.0
REPEATS_SHARE = 10
"""One repeat for so many first attempts is always free."""
REPEATS = "repeats"
HOST = "host:"
"""How the names of the breakers begin."""


class Gate(NamedTuple):
    """One row."""

    marketplace: str
    name: str
    next_at: datetime
    failures: int

    @property
    def is_broken(self) -> bool:
        """Tell whether this is a breaker, and open."""
        return self.failures >= BREAKS_AFTER


class GateLedger:
    """Reads and changes gates in a transaction of the caller's; never commits.

    Args:
        session: the shop's `db.session`, or a connection of our own.
        table: the copy of `TABLE` on the shop's metadata.
    """

    def __init__(self, session: DbSession | Connection, table: Table) -> None:
        self._session = session
        self._table = table

    def all(self, marketplaces: Iterable[str]) -> Mapping[tuple[str, str], Gate]:
        """Return the gates by marketplace and name."""
        rows = self._session.execute(select(self._table).where(self._table.c.marketplace.in_(tuple(marketplaces))))
        gates = (
            Gate(marketplace=row.marketplace, name=row.name, next_at=from_epoch_us(row.next_at), failures=row.failures)
            for row in rows
        )
        return {(gate.marketplace, gate.name): gate for gate in gates}

    def reserve(
        self, marketplace: str, name: str, count: int, *, per_second: float, now: datetime, ahead: timedelta
    ) -> list[datetime]:
        """Take the next free moments for at most `count` calls; return those that were had, the first one first.

        Args:
            ahead: how far in the future the first moment may be; the last one is so far behind it at most.
        """
        moment, step = to_epoch_us(now), round(1_000_000 / per_second)
        columns = self._table.c
        first = case((columns.next_at > moment, columns.next_at), else_=moment)
        wanted = min(count, 1 + int(ahead / timedelta(microseconds=step)))
        insert = dialect_insert(self._session, self._table)
        values = {"marketplace": marketplace, "name": name, "next_at": moment + wanted * step, "failures": 0}
        taken = self._session.execute(
            insert.values(values)
            .on_conflict_do_update(
                index_elements=[columns.marketplace, columns.name],
                set_={"next_at": first + wanted * step},
                where=columns.next_at <= moment + to_us(ahead),
            )
            .returning(columns.next_at)
        ).scalar()
        if taken is None:
            return []
        return [from_epoch_us(taken - (wanted - place) * step) for place in range(wanted)]

    def probe(self, gate: Gate, *, now: datetime) -> bool:
        """Take the one call that may try a broken host now; tell whether it was ours to take."""
        columns, moment = self._table.c, to_epoch_us(now)
        return self._change(
            gate.marketplace,
            gate.name,
            columns.failures >= BREAKS_AFTER,
            columns.next_at <= moment,
            next_at=moment + to_us(OPEN),
        )

    def fail(self, marketplace: str, name: str, *, count: int, now: datetime) -> bool:
        """Count failures of a host; tell whether they open its breaker."""
        columns, moment = self._table.c, to_epoch_us(now)
        failures = columns.failures + count
        rest = case((columns.next_at > moment + to_us(OPEN), columns.next_at), else_=moment + to_us(OPEN))
        values = {"marketplace": marketplace, "name": name, "next_at": moment, "failures": count}
        if count >= BREAKS_AFTER:
            values["next_at"] = moment + to_us(OPEN)
        total = self._session.execute(
            dialect_insert(self._session, self._table)
            .values(values)
            .on_conflict_do_update(
                index_elements=[columns.marketplace, columns.name],
                set_={"failures": failures, "next_at": case((failures >= BREAKS_AFTER, rest), else_=columns.next_at)},
            )
            .returning(columns.failures)
        ).scalar_one()
        return bool(total - count < BREAKS_AFTER <= total)

    def succeed(self, marketplace: str, name: str, *, now: datetime) -> bool:
        """Forget a host's failures; tell whether this closes its breaker."""
        columns = self._table.c
        if self._change(marketplace, name, columns.failures >= BREAKS_AFTER, failures=0, next_at=to_epoch_us(now)):
            return True
        self._change(marketplace, name, columns.failures > 0, failures=0)
        return False

    def rest(self, marketplace: str, name: str, *, until: datetime) -> None:
        """Leave a host alone until then, or longer if it was to be left alone longer."""
        columns, moment = self._table.c, to_epoch_us(until)
        values = {"marketplace": marketplace, "name": name, "next_at": moment, "failures": 0}
        self._session.execute(
            dialect_insert(self._session, self._table)
            .values(values)
            .on_conflict_do_update(
                index_elements=[columns.marketplace, columns.name],
                set_={"next_at": moment},
                where=columns.next_at < moment,
            )
        )

    def forget(self, marketplace: str) -> None:
        """Open every gate of a marketplace: its hosts are tried anew, and nothing is reserved."""
        self._session.execute(delete(self._table).where(self._table.c.marketplace == marketplace))

    def _change(self, marketplace: str, name: str, *criteria: object, **values: object) -> bool:
        columns = self._table.c
        statement = update(self._table).where(columns.marketplace == marketplace, columns.name == name, *criteria)  # type: ignore[arg-type]
        return bool(self._session.execute(statement.values(**values)).rowcount)  # type: ignore[attr-defined]


def host_gate(host: Host) -> str:
    """Return the name of a host's breaker."""
    return f"{HOST}{host.name.lower()}"


def rate_gate(group: str) -> str:
    """Return the name of the gate of a group of operations."""
    return f"rate:{group}"


def to_us(span: timedelta) -> int:
    """Return a span as whole microseconds."""
    return span // timedelta(microseconds=1)
