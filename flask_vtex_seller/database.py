"""What every table and transaction of the package shares."""

import importlib
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, MetaData, Table, TextClause, event, func, inspect, select
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, OperationalError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction, scoped_session

from .clock import Clock
from .errors import ConfigurationError, PendingHostChanges, TemporarilyUnavailable

T = TypeVar("T")
P = ParamSpec("P")
DbSession = scoped_session[Any]
"""The shop's `db.session`, whatever class of session it makes."""
Tables = Mapping[str, Table]

CORE = MetaData()
"""Where the package's tables are defined; only their copies on the shop's metadata are ever queried."""

_DIALECTS = frozenset({"sqlite", "postgresql"})
_READING = frozenset({"SELECT", "WITH", "VALUES", "SHOW", "SET", "PRAGMA", "EXPLAIN"})
"""How a textual statement begins that changes nothing worth keeping."""
_CHANGED = "vtex_seller_changed"
_VARIANTS = 64
"""How many statements of one kind are kept for a table."""
_log = logging.getLogger(__name__)
_RETRIES = 2
# SQLITE_BUSY, _LOCKED, _READONLY, _IOERR, _FULL, _CANTOPEN
_SQLITE_TRANSIENT = frozenset({5, 6, 8, 10, 13, 14})
# Classes of SQLSTATE: connection, rolled back (serialization, deadlock), resources, operator intervention, system.
_SQLSTATE_TRANSIENT = frozenset({"08", "40", "53", "57", "58"})
# lock not available; read-only transaction (a server in recovery or out of space)
_SQLSTATE_TRANSIENT_EXACT = frozenset({"55P03", "25006"})


def attach(metadata: MetaData) -> Tables:
    """Copy the package's tables onto the shop's `metadata`, so that its migrations see them; its schema applies.

    Raises:
        ConfigurationError: the tables are there already, from another `VtexSeller` on the same database object.
    """
    for table in CORE.sorted_tables:
        name = f"{metadata.schema}.{table.name}" if metadata.schema else table.name
        if name in metadata.tables:
            raise ConfigurationError(
                f"the shop's metadata has a table {name} already: create one VtexSeller(db) per db and share it"
            )
    return {table.name: table.to_metadata(metadata, schema=None) for table in CORE.sorted_tables}  # type: ignore[arg-type]


def hide_parameters(engine: Engine, tables: Iterable[Table]) -> None:
    """Have the errors of statements on `tables` keep their parameters to themselves: bodies are among them."""
    names = tuple(table.name for table in tables)

    def hide(context: ExceptionContext) -> None:
        error = context.sqlalchemy_exception
        if isinstance(error, StatementError) and any(name in (context.statement or "") for name in names):
            error.hide_parameters = True

    event.listen(engine, "handle_error", hide)


def missing(engine: Engine, tables: Iterable[Table]) -> list[str]:
    """Return what the database lacks of the package's tables: table names, and `table.column` ones."""
    inspector, lacking = inspect(engine), []
    for table in tables:
        if not inspector.has_table(table.name, schema=table.schema):
            lacking.append(table.fullname)
            continue
        present = {column["name"] for column in inspector.get_columns(table.name, schema=table.schema)}
        lacking += [f"{table.fullname}.{column.name}" for column in table.columns if column.name not in present]
    return lacking


def once_a_table(make: Callable[Concatenate[Table, P], T]) -> Callable[Concatenate[Table, P], T]:
    """Have a statement on a table made once: that takes SQLAlchemy longer than to run it.

    It is kept on the table's metadata and goes with it. A cache of the module's would keep the metadata, the shop's own
    tables included, of shops that are gone; a test suite makes a shop for each test.

    Args:
        make: makes the statement from the table and what else it differs by, which must be hashable.
    """

    @wraps(make)
    def made(table: Table, /, *args: P.args, **kwargs: P.kwargs) -> T:
        kept, key = table.metadata.info, (make, table)
        statement: Callable[..., T] = kept.get(key) or kept.setdefault(key, lru_cache(_VARIANTS)(partial(make, table)))
        return statement(*args, **kwargs)

    return made


def dialect_insert(session: DbSession | Connection, table: Table) -> Any:
    """Return the database's own INSERT, which knows ON CONFLICT.

    Raises:
        ConfigurationError: the database is neither SQLite nor PostgreSQL.
    """
    return insert_of(dialect_of(session, table), table)


def dialect_of(session: DbSession | Connection, table: Table) -> str:
    """Return the name of the database's dialect."""
    bind = session if isinstance(session, Connection) else session.get_bind(clause=table)
    return str(bind.dialect.name)


def insert_of(dialect: str, table: Table) -> Any:
    """Return a dialect's own INSERT; raises as `dialect_insert`."""
    if dialect not in _DIALECTS:
        raise ConfigurationError(f"flask-vtex-seller runs on SQLite and PostgreSQL, not on {dialect}")
    # The engine has loaded its dialect; to load both at import would double what importing this package costs.
    return importlib.import_module(f"sqlalchemy.dialects.{dialect}").insert(table)


def insert_or_ignore(session: DbSession, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless one of its unique keys is taken; tell whether it was inserted.

    One statement: of two transactions inserting the same key, the second waits for the first to end.

    Raises:
        ConfigurationError: the database is neither SQLite nor PostgreSQL.
    """
    statement = _inserting_or_ignoring(table, dialect_of(session, table))
    return session.execute(statement, dict(values), bind_arguments={"clause": table}).first() is not None


@once_a_table
def _inserting_or_ignoring(table: Table, dialect: str) -> Any:
    # RETURNING, not rowcount: of an INSERT drivers may report it as unknown.
    return insert_of(dialect, table).on_conflict_do_nothing().returning(next(iter(table.primary_key)))


def is_transient(error: BaseException) -> bool:
    """Tell whether `error` is a database's passing trouble: locked, restarting, full, or a lost race."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    origin = error.orig
    if (code := getattr(origin, "sqlite_errorcode", None)) is not None:
        return code & 0xFF in _SQLITE_TRANSIENT
    # psycopg says sqlstate, psycopg2 pgcode
    sqlstate = getattr(origin, "sqlstate", None) or getattr(origin, "pgcode", None)
    if sqlstate:
        return sqlstate[:2] in _SQLSTATE_TRANSIENT or sqlstate in _SQLSTATE_TRANSIENT_EXACT
    return isinstance(error, OperationalError)


class DatabaseClock:
    """The time as the database tells it, so that machines whose clocks differ agree on when a lease ends.

    Asked once in a while and measured on in between: a machine whose clock is set does not notice.

    Args:
        engine: of a PostgreSQL.
        clock: measures durations, and sleeps.
    """

    _ASK_AGAIN_SECONDS = 60.0

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._asked: tuple[float, datetime] | None = None

    def now(self) -> datetime:
        """Return the present moment as an aware UTC datetime."""
        measured, asked = self._clock.monotonic(), self._asked
        if asked is None or measured - asked[0] >= self._ASK_AGAIN_SECONDS:
            asked = self._asked = self._ask(measured, asked)
        return asked[1] + timedelta(seconds=measured - asked[0])

    def _ask(self, measured: float, before: tuple[float, datetime] | None) -> tuple[float, datetime]:
        try:
            with self._engine.connect() as connection:
                moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
        except DBAPIError:
            if before is None:
                raise
            return before  # it is away for a while; asked again at the next look
        return measured, moment.astimezone(UTC)

    def monotonic(self) -> float:
        """Return seconds on a clock that never jumps; only differences mean anything."""
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._clock.sleep(seconds)


class Attempt:
    """One try at a transaction."""

    hook_ran = False
    """Set before a function of the shop is called: it must not be called again by a silent retry."""


def remember_changes(session: DbSession) -> None:
    """Have `session` remember whether its present transaction changed anything, for `begin` to see."""
    event.listen(session, "after_flush", _flushed)
    event.listen(session, "do_orm_execute", _executed)
    event.listen(session, "after_transaction_end", _ended)


def _flushed(session: Session, _: object) -> None:
    session.info[_CHANGED] = True


def _executed(state: ORMExecuteState) -> None:
    first_word = state.statement.text.split()[:1] if isinstance(state.statement, TextClause) else []
    if (first_word and first_word[0].upper() not in _READING) or state.is_insert or state.is_update or state.is_delete:
        state.session.info[_CHANGED] = True


def _ended(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(_CHANGED, None)


def begin(session: DbSession) -> None:
    """Leave behind whatever reading the shop left open, so that a transaction of ours can begin.

    Raises:
        PendingHostChanges: the shop left changes in the session; they are neither committed nor thrown away.
    """
    modified = any(session.is_modified(row) for row in session.dirty)
    if session.new or session.deleted or modified or session.info.get(_CHANGED):
        raise PendingHostChanges
    session.rollback()


def transact(session: DbSession, work: Callable[[Attempt], T], *, undo: Callable[[BaseException], object]) -> T:
    """Run `work` as the whole transaction of a marketplace's call: one commit, or one rollback.

    It should begin with its own write: SQLite in WAL mode refuses a write that follows an older read. A lost race is
    tried again while no hook has run.

    Args:
        undo: takes back, in a transaction of its own, what a hook that committed by itself may have left of `work`;
            gets what `work` raised.

    Raises:
        PendingHostChanges: see `begin`.
        TemporarilyUnavailable: the database cannot take it now; nothing is stored and a repeat succeeds.
    """
    retries = _RETRIES
    while True:
        begin(session)
        attempt = Attempt()
        try:
            result = work(attempt)
            session.commit()
            return result
        except BaseException as error:
            session.rollback()
            if attempt.hook_ran:
                _take_back(session, undo, error)
            if not is_transient(error):
                raise
            if attempt.hook_ran or not retries:
                raise TemporarilyUnavailable("the shop's database is busy; repeat the call") from error
            retries -= 1


def _take_back(session: DbSession, undo: Callable[[BaseException], object], error: BaseException) -> None:
    try:
        undo(error)
        session.commit()
    except DBAPIError:
        # What is left behind ends by itself, when its claim expires; the error that led here matters more.
        session.rollback()
        _log.warning("a claim was left to expire")
