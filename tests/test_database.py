"""Tables on the shop's metadata, and transactions that end well or not at all."""

import gc
import logging
import sqlite3
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from requests_mock import ANY, Mocker
from sqlalchemy import MetaData, Select, Table, text
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.schema import CreateTable

from flask_vtex_seller import ConfigurationError
from flask_vtex_seller.database import (
    Attempt,
    DatabaseClock,
    attach,
    begin,
    insert_or_ignore,
    is_transient,
    once_a_table,
    transact,
)
from flask_vtex_seller.errors import PendingHostChanges, TemporarilyUnavailable

from .contract.speaking import make_invoice, speaking
from .shops import Shop, make_shop, order_body

ROW: dict[str, Any] = {
    "marketplace": "acme",
    "marketplace_order_id": "1-01",
    "state": "placing",
    "version": 1,
    "fingerprint": "f",
    "invoiced_said": 0,
    "returned_said": 0,
    "invoiced_value": 0,
    "returned_value": 0,
    "created_at": 0,
}


def wrapped(origin: Exception, kind: type[DBAPIError] = OperationalError) -> DBAPIError:
    return kind("INSERT", {}, origin)


class PsycopgError(Exception):
    """What psycopg raises, without needing psycopg."""

    def __init__(self, sqlstate: str | None) -> None:
        super().__init__("words")
        self.sqlstate = sqlstate


def lost_race() -> DBAPIError:
    return wrapped(PsycopgError("40001"))


@pytest.fixture
def inside(shop: Shop) -> Iterator[Shop]:
    """A shop whose application context is active."""
    with shop.app.app_context():
        yield shop


def table_of(shop: Shop) -> Table:
    table: Table = shop.app.extensions["vtex_seller"].tables["vtex_order"]
    return table


def stored(shop: Shop) -> list[str]:
    """What another connection sees of the shop's own orders."""
    with shop.db.engine.connect() as connection:
        rows = connection.execute(text("SELECT marketplace_order_id FROM shop_order ORDER BY id"))
        return [row.marketplace_order_id for row in rows]


def add(shop: Shop, name: str) -> None:
    shop.db.session.add(shop.orders(marketplace_order_id=name))
    shop.db.session.flush()


# attach


def test_the_tables_join_the_shops_metadata() -> None:
    metadata = MetaData()
    tables = attach(metadata)
    assert tables["vtex_order"] is metadata.tables["vtex_order"]


def test_attaching_twice_is_refused_with_the_remedy() -> None:
    metadata = MetaData()
    attach(metadata)
    with pytest.raises(ConfigurationError, match=r"has a table vtex_\w+ already: create one VtexSeller\(db\) per db"):
        attach(metadata)


def test_each_metadata_gets_tables_of_its_own() -> None:
    assert attach(MetaData())["vtex_order"] is not attach(MetaData())["vtex_order"]


def test_the_shops_schema_applies() -> None:
    metadata = MetaData(schema="store")
    table = attach(metadata)["vtex_order"]
    assert table.fullname == "store.vtex_order"
    assert "CREATE TABLE store.vtex_order" in str(CreateTable(table))


def test_attaching_twice_is_refused_under_a_schema_too() -> None:
    metadata = MetaData(schema="store")
    attach(metadata)
    with pytest.raises(ConfigurationError, match=r"store\.vtex_\w+"):
        attach(metadata)


def test_every_constraint_and_index_keeps_its_name_under_a_naming_convention() -> None:
    strange = {"pk": "zz_pk_%(table_name)s", "uq": "zz_uq_%(column_0_name)s", "ix": "zz_ix_%(column_0_label)s"}
    for table in attach(MetaData(naming_convention=strange)).values():
        named: list[Any] = [*table.constraints, *table.indexes]
        assert all(item.name for item in named)
        assert "zz_" not in str(CreateTable(table))
        assert not any(str(item.name).startswith("zz_") for item in named)


# once_a_table


@once_a_table
def counting(table: Table, most: int, *, names: tuple[str, ...] = ()) -> Select[Any]:
    return sqlalchemy.select(*(table.c[name] for name in names)).limit(most)


def test_a_statement_is_made_once_for_a_table_and_what_else_it_differs_by() -> None:
    here, elsewhere = attach(MetaData())["vtex_order"], attach(MetaData())["vtex_order"]
    first = counting(here, 1, names=("state",))
    assert counting(here, 1, names=("state",)) is first
    others = [counting(here, 2, names=("state",)), counting(here, 1), counting(elsewhere, 1, names=("state",))]
    assert len({*map(id, others), id(first)}) == 4


def test_a_table_that_takes_the_place_of_another_has_statements_of_its_own() -> None:
    metadata = MetaData()
    before = attach(metadata)["vtex_order"]
    counting(before, 1, names=("state",))
    metadata.clear()
    after = attach(metadata)["vtex_order"]
    assert counting(after, 1, names=("state",)).selected_columns.state.table is after


def test_a_shop_that_is_gone_leaves_no_table_behind(database_url: str, requests_mock: Mocker) -> None:
    """Suites make a shop for each test: what is kept of it goes with it, and the shop's own tables are among that."""
    requests_mock.post(ANY, json={"date": "2026-03-04", "orderId": "1138342255777-01", "receipt": "1"})

    def live() -> list[weakref.ref[Any]]:
        shop = make_shop(database_url)
        assert shop.call("/pvt/orders", [order_body()]).status_code == 200
        body = {"marketplaceOrderId": "1138342255777-01"}
        assert shop.call("/pvt/orders/S-1/fulfill", body).status_code == 200
        with speaking(shop) as seller:
            seller.send_invoice("S-1", make_invoice())
        with shop.app.app_context():
            report = seller.drain()
        shop.close()
        assert report.delivered == 1
        return [weakref.ref(shop.app), weakref.ref(shop.db.metadata), weakref.ref(shop.orders)]

    kept = live()
    gc.collect()
    assert [thing() for thing in kept] == [None, None, None]


# insert_or_ignore


def test_a_new_row_is_inserted_and_a_taken_key_is_not(inside: Shop) -> None:
    session, table = inside.db.session, table_of(inside)
    assert insert_or_ignore(session, table, ROW)
    assert not insert_or_ignore(session, table, {**ROW, "state": "placed"})
    session.commit()
    assert [row.state for row in session.execute(sqlalchemy.select(table))] == ["placing"]


def test_any_unique_key_counts_as_taken(inside: Shop) -> None:
    session, table = inside.db.session, table_of(inside)
    assert insert_or_ignore(session, table, {**ROW, "order_id": "S-1"})
    assert not insert_or_ignore(session, table, {**ROW, "marketplace_order_id": "2-01", "order_id": "S-1"})
    session.rollback()


def test_another_database_is_refused_by_name() -> None:
    engine: Any = sqlalchemy.create_mock_engine("oracle://", lambda *_: None)
    session: scoped_session[Any] = scoped_session(sessionmaker(bind=engine))
    with pytest.raises(ConfigurationError, match="runs on SQLite and PostgreSQL, not on oracle"):
        insert_or_ignore(session, attach(MetaData())["vtex_order"], ROW)
    session.remove()


# is_transient


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    path = tmp_path / "real.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    connection.commit()
    connection.close()
    return path


def error_of(url: str, statement: str) -> DBAPIError:
    engine = sqlalchemy.create_engine(url, connect_args={"timeout": 0, "uri": True})
    try:
        with pytest.raises(DBAPIError) as caught, engine.begin() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()
    error: DBAPIError = caught.value
    return error


def test_a_locked_sqlite_is_transient(sqlite_file: Path) -> None:
    other = sqlite3.connect(sqlite_file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    error = error_of(f"sqlite:///{sqlite_file}", "INSERT INTO t VALUES (1)")
    other.execute("ROLLBACK")
    other.close()
    assert "locked" in str(error)
    assert is_transient(error)


def test_a_read_that_is_too_old_to_write_in_wal_mode_is_transient(sqlite_file: Path) -> None:
    reader = sqlite3.connect(sqlite_file, isolation_level=None, timeout=0)
    reader.execute("PRAGMA journal_mode=WAL")
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM t").fetchall()
    writer = sqlite3.connect(sqlite_file, isolation_level=None, timeout=0)
    writer.execute("INSERT INTO t VALUES (1)")
    writer.close()
    with pytest.raises(sqlite3.OperationalError) as caught:
        reader.execute("INSERT INTO t VALUES (2)")
    reader.close()
    assert caught.value.sqlite_errorcode == sqlite3.SQLITE_BUSY_SNAPSHOT
    assert is_transient(wrapped(caught.value))


def test_a_sqlite_that_cannot_be_opened_is_transient(tmp_path: Path) -> None:
    assert is_transient(error_of(f"sqlite:///{tmp_path / 'no' / 'such.sqlite'}", "SELECT 1"))


def test_a_read_only_sqlite_is_transient(sqlite_file: Path) -> None:
    assert is_transient(error_of(f"sqlite:///file:{sqlite_file}?mode=ro&uri=true", "INSERT INTO t VALUES (1)"))


@pytest.mark.parametrize("statement", ["INSERT INTO missing VALUES (1)", "nonsense", "INSERT INTO t VALUES ('x')"])
def test_a_mistake_in_sqlite_is_not_transient(sqlite_file: Path, statement: str) -> None:
    assert not is_transient(error_of(f"sqlite:///{sqlite_file}", statement))


@pytest.mark.parametrize(
    "sqlstate",
    [
        "40001",  # SerializationFailure
        "40P01",  # DeadlockDetected
        "55P03",  # LockNotAvailable
        "57P01",  # AdminShutdown
        "57P03",  # CannotConnectNow
        "53300",  # TooManyConnections
        "53100",  # DiskFull
        "08006",  # ConnectionFailure
        "25006",  # ReadOnlySqlTransaction
        "58030",  # IoError
    ],
)
def test_postgres_passing_trouble_is_transient(sqlstate: str) -> None:
    assert is_transient(wrapped(PsycopgError(sqlstate)))


@pytest.mark.parametrize(
    "sqlstate",
    [
        "23505",  # UniqueViolation
        "42P01",  # UndefinedTable
        "22001",  # StringDataRightTruncation
        "25P02",  # InFailedSqlTransaction
        "42501",  # InsufficientPrivilege
    ],
)
def test_postgres_lasting_trouble_is_not_transient(sqlstate: str) -> None:
    assert not is_transient(wrapped(PsycopgError(sqlstate)))


def test_the_code_of_psycopg2_is_understood() -> None:
    class Psycopg2Error(Exception):
        pgcode = "40001"

    assert is_transient(wrapped(Psycopg2Error(), DBAPIError))


def test_a_server_that_cannot_be_reached_is_transient() -> None:
    assert is_transient(wrapped(PsycopgError(None)))


def test_a_driver_used_wrongly_is_not_transient() -> None:
    assert not is_transient(wrapped(PsycopgError(None), InterfaceError))


def test_a_lost_connection_is_transient_whatever_the_driver_calls_it() -> None:
    error = DBAPIError("SELECT", {}, Exception("gone"), connection_invalidated=True)
    assert is_transient(error)


def test_an_exhausted_pool_is_transient() -> None:
    assert is_transient(PoolTimeout("QueuePool limit"))


@pytest.mark.parametrize("error", [ValueError(), KeyboardInterrupt(), OSError("disk full"), sqlite3.OperationalError()])
def test_no_other_error_is_transient(error: BaseException) -> None:
    assert not is_transient(error)


@pytest.mark.postgres
def test_a_row_that_postgres_will_not_wait_for_is_transient(inside: Shop) -> None:
    add(inside, "1-01")
    inside.db.session.commit()
    with inside.db.engine.begin() as holder, inside.db.engine.connect() as other:
        holder.execute(text("SELECT * FROM shop_order FOR UPDATE"))
        with pytest.raises(OperationalError) as caught:
            other.execute(text("SELECT * FROM shop_order FOR UPDATE NOWAIT"))
    assert is_transient(caught.value)


# begin


def test_beginning_leaves_behind_what_the_shop_read(inside: Shop) -> None:
    session = inside.db.session
    session.query(inside.orders).all()
    session.execute(sqlalchemy.select(table_of(inside)))
    begin(session)
    assert not session().in_transaction()


def test_beginning_leaves_behind_what_the_shop_read_by_a_textual_statement(inside: Shop) -> None:
    inside.db.session.execute(text("SELECT * FROM shop_order"))
    begin(inside.db.session)


def test_beginning_takes_no_offence_at_a_value_set_to_what_it_was(inside: Shop) -> None:
    add(inside, "before")
    inside.db.session.commit()
    row = inside.db.session.query(inside.orders).one()
    row.marketplace_order_id = str(row.marketplace_order_id)
    begin(inside.db.session)


def test_changes_that_the_shop_committed_or_took_back_are_over(inside: Shop) -> None:
    add(inside, "committed")
    inside.db.session.commit()
    begin(inside.db.session)
    add(inside, "taken back")
    inside.db.session.rollback()
    begin(inside.db.session)
    assert stored(inside) == ["committed"]


def new(shop: Shop) -> None:
    shop.db.session.add(shop.orders(marketplace_order_id="new"))


def dirty(shop: Shop) -> None:
    add(shop, "before")
    shop.db.session.commit()
    shop.db.session.query(shop.orders).one().marketplace_order_id = "after"


def deleted(shop: Shop) -> None:
    add(shop, "before")
    shop.db.session.commit()
    shop.db.session.delete(shop.db.session.query(shop.orders).one())


def flushed(shop: Shop) -> None:
    add(shop, "flushed")


def executed(shop: Shop) -> None:
    shop.db.session.execute(sqlalchemy.update(shop.orders).values(marketplace_order_id="all"))


@pytest.mark.parametrize("change", [new, dirty, deleted, flushed, executed])
def test_pending_changes_of_the_shop_are_refused_and_stay_pending(inside: Shop, change: Any) -> None:
    session = inside.db.session
    change(inside)
    with pytest.raises(PendingHostChanges, match="commit or roll them back where they are made"):
        transact(session, lambda _: None, undo=lambda _: None)
    assert session().in_transaction() or session.new
    session.rollback()


# transact


def test_the_work_is_committed_and_its_result_returned(inside: Shop) -> None:
    def work(_: Attempt) -> str:
        add(inside, "1-01")
        return "result"

    assert transact(inside.db.session, work, undo=lambda _: None) == "result"
    assert stored(inside) == ["1-01"]


def test_a_lost_race_is_tried_again_before_a_hook_ran(inside: Shop) -> None:
    attempts: list[Attempt] = []

    def work(attempt: Attempt) -> int:
        attempts.append(attempt)
        add(inside, f"try {len(attempts)}")
        if len(attempts) < 3:
            raise lost_race()
        return len(attempts)

    assert transact(inside.db.session, work, undo=lambda _: pytest.fail("nothing to undo")) == 3
    assert stored(inside) == ["try 3"]
    assert len(set(map(id, attempts))) == 3


def test_a_race_lost_three_times_is_given_up(inside: Shop) -> None:
    attempts = []

    def work(attempt: Attempt) -> None:
        attempts.append(attempt)
        raise lost_race()

    with pytest.raises(TemporarilyUnavailable, match="repeat the call") as caught:
        transact(inside.db.session, work, undo=lambda _: None)
    assert len(attempts) == 3
    assert isinstance(caught.value.__cause__, OperationalError)


def test_a_hook_is_never_called_again_by_a_silent_retry(inside: Shop) -> None:
    attempts: list[Attempt] = []
    undone: list[BaseException] = []
    error = lost_race()

    def work(attempt: Attempt) -> None:
        attempts.append(attempt)
        attempt.hook_ran = True
        add(inside, "1-01")
        raise error

    with pytest.raises(TemporarilyUnavailable):
        transact(inside.db.session, work, undo=undone.append)
    assert len(attempts) == 1
    assert undone == [error]
    assert stored(inside) == []


def test_any_other_error_comes_through_and_nothing_is_stored(inside: Shop) -> None:
    def work(_: Attempt) -> None:
        add(inside, "1-01")
        raise ValueError("the shop's own")

    with pytest.raises(ValueError, match="the shop's own"):
        transact(inside.db.session, work, undo=lambda _: pytest.fail("no hook ran"))
    assert stored(inside) == []


def test_what_a_hook_committed_by_itself_is_taken_back_in_a_transaction_of_its_own(inside: Shop) -> None:
    def work(attempt: Attempt) -> None:
        add(inside, "claim")
        attempt.hook_ran = True
        inside.db.session.commit()
        add(inside, "rest")
        raise ValueError("the shop's own")

    def undo(_: BaseException) -> None:
        inside.db.session.execute(text("DELETE FROM shop_order WHERE marketplace_order_id = 'claim'"))

    with pytest.raises(ValueError, match="the shop's own"):
        transact(inside.db.session, work, undo=undo)
    assert stored(inside) == []


def test_the_end_of_the_process_rolls_back_too(inside: Shop) -> None:
    def work(_: Attempt) -> None:
        add(inside, "1-01")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transact(inside.db.session, work, undo=lambda _: None)
    assert not inside.db.session().in_transaction()
    assert stored(inside) == []


def test_an_undo_that_fails_does_not_hide_the_first_error(inside: Shop, caplog: pytest.LogCaptureFixture) -> None:
    def work(attempt: Attempt) -> None:
        attempt.hook_ran = True
        raise ValueError("the first")

    def undo(_: BaseException) -> None:
        add(inside, "half")
        raise lost_race()

    with pytest.raises(ValueError, match="the first"):
        transact(inside.db.session, work, undo=undo)
    assert stored(inside) == []
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, "a claim was left to expire")
    ]


def test_a_commit_that_loses_the_race_is_tried_again(inside: Shop) -> None:
    commits: list[int] = []

    def lose_once(_: Session) -> None:
        commits.append(1)
        if len(commits) == 1:
            raise lost_race()

    session = inside.db.session()
    sqlalchemy.event.listen(session, "before_commit", lose_once)
    transact(inside.db.session, lambda _: add(inside, "1-01"), undo=lambda _: None)
    sqlalchemy.event.remove(session, "before_commit", lose_once)
    assert stored(inside) == ["1-01"]
    assert len(commits) == 2


def test_an_integrity_error_of_the_work_is_not_retried(inside: Shop) -> None:
    attempts = []

    def work(attempt: Attempt) -> None:
        attempts.append(attempt)
        inside.db.session.execute(table_of(inside).insert().values(ROW))
        inside.db.session.execute(table_of(inside).insert().values(ROW))

    with pytest.raises(IntegrityError):
        transact(inside.db.session, work, undo=lambda _: None)
    assert len(attempts) == 1


# the database's time


class _LyingClock:
    """A machine's clock that is an hour ahead, and gets wound back and forth."""

    elapsed = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(hours=1)

    def monotonic(self) -> float:
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        raise NotImplementedError


@pytest.mark.postgres
def test_the_databases_time_does_not_depend_on_the_machines(postgres_url: str) -> None:
    """R16"""
    engine, measure = sqlalchemy.create_engine(postgres_url), _LyingClock()
    clock = DatabaseClock(engine, measure)
    first = clock.now()
    assert abs(first - datetime.now(UTC)) < timedelta(seconds=10), "both are on this machine"
    measure.elapsed += 30
    assert clock.now() - first == timedelta(seconds=30), "measured, not asked"
    measure.elapsed += 31
    assert clock.now() - first < timedelta(seconds=30), "asked again"
    engine.dispose()


@pytest.mark.postgres
def test_the_databases_time_goes_on_while_the_database_is_away(postgres_url: str) -> None:
    """R5, R16"""
    engine, measure = sqlalchemy.create_engine(postgres_url), _LyingClock()
    clock = DatabaseClock(engine, measure)
    first = clock.now()
    engine.dispose()
    clock._engine = away = sqlalchemy.create_engine(sqlalchemy.make_url(postgres_url).set(port=1))
    measure.elapsed += 100
    assert clock.now() - first == timedelta(seconds=100)
    with pytest.raises(OperationalError):
        DatabaseClock(away, measure).now()
