"""The table of what somebody asked to be synchronized, and how far that came: a killed run is continued."""

from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Column, Connection, PrimaryKeyConstraint, String, Table, case, func, select, update
from sqlalchemy.sql.elements import conv

from ..clock import to_epoch_us
from ..database import CORE, dialect_insert

TABLE = Table(
    "vtex_sync",
    CORE,
    Column("asked", String(128), nullable=False, comment="for which SKUs, and what of them"),
    Column("begun_at", BigInteger, nullable=False, comment="of the last run; microseconds since 1970 UTC"),
    Column("ended_at", BigInteger, comment="null: under way, or cut off"),
    PrimaryKeyConstraint("asked", name=conv("pk_vtex_sync")),
)


class RunLedger:
    """Begins and ends runs in a transaction of the caller's; never commits.

    Args:
        table: the copy of `TABLE` on the shop's metadata.
    """

    def __init__(self, connection: Connection, table: Table) -> None:
        self._connection = connection
        self._table = table

    def begin(self, asked: str, *, now: datetime, restart: bool = False) -> tuple[int, bool]:
        """Begin a run, or continue the one that was cut off.

        Returns when it began, in microseconds since 1970 and later than any run before, and whether it is continued.
        """
        columns = self._table.c
        latest = select(func.coalesce(func.max(columns.begun_at), 0) + 1).scalar_subquery()
        moment = case((latest > to_epoch_us(now), latest), else_=to_epoch_us(now))
        new = dialect_insert(self._connection, self._table).values(asked=asked, begun_at=moment, ended_at=None)
        over = None if restart else columns.ended_at.is_not(None)
        values = {"begun_at": new.excluded.begun_at, "ended_at": None}
        begin = new.on_conflict_do_update(index_elements=[columns.asked], set_=values, where=over)
        begun = self._connection.execute(begin.returning(columns.begun_at)).scalar_one_or_none()
        if begun is not None:
            return int(begun), False
        return int(self._connection.execute(select(columns.begun_at).where(columns.asked == asked)).scalar_one()), True

    def claim(self, asked: str, *, now: datetime, every: timedelta) -> bool:
        """Begin a run unless one began less than `every` ago; tell whether it began: of many workers, one does it."""
        columns = self._table.c
        values = {"begun_at": to_epoch_us(now), "ended_at": None}
        new = dialect_insert(self._connection, self._table).values(asked=asked, **values)
        due = columns.begun_at <= to_epoch_us(now - every)
        claim = new.on_conflict_do_update(index_elements=[columns.asked], set_=values, where=due)
        return self._connection.execute(claim.returning(columns.asked)).first() is not None

    def end(self, asked: str, begun: int, *, now: datetime) -> None:
        """End a run, unless it was begun anew meanwhile."""
        columns = self._table.c
        ours = (columns.asked == asked, columns.begun_at == begun)
        self._connection.execute(update(self._table).where(*ours).values(ended_at=to_epoch_us(now)))
