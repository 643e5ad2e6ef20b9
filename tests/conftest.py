"""What every test may ask for.

`--database postgres` runs the tests that use a database on PostgreSQL: the server at TEST_POSTGRES_URL, else a private
one. Where neither can be had the tests skip with the reason; `--require-server` turns that skip into a failure.

`--vtex-statements` lists what the protocol asks, with the tests that prove it, and runs none.

`--chaos-full` runs the chaos tests with the figures that are promised, which takes long, and writes what they saw to
docs/explanation/reliability-report.md; `--chaos-seed` repeats a run. `--security-full` does the same for the security
tests, and writes docs/explanation/security-report.md.
"""

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy.engine import make_url

from . import postgres, statements
from .shops import Shop, make_shop

pytest_plugins = ["flask_vtex_seller.testing.plugin"]
_DATABASE = frozenset({"database_url", "postgres_url", "calls", "check", "vtex_conversation", "vtex_outgoing"})
"""What a test that uses a database asks for; the last four ask for `database_url` only while they run."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.addoption(
        "--require-server", action="store_true", help="fail where a server is missing, instead of skipping"
    )
    parser.addoption("--vtex-statements", action="store_true", help="list the protocol's statements and their tests")
    parser.addoption("--chaos-full", action="store_true", help="the chaos tests with the promised figures")
    parser.addoption("--security-full", action="store_true", help="the security tests with the promised figures")
    parser.addoption("--chaos-seed", type=int, default=2026, help="what the chaos and security tests draw from")
    parser.addoption("--chaos-soak-seconds", type=float, default=3600.0, help="how long the soak of --chaos-full lasts")


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    if not config.getoption("--vtex-statements"):
        return None
    print(*statements.listing(), sep="\n")  # noqa: T201
    return 1 if statements.missing() else 0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--database") == "postgres":
        others = [item for item in items if _DATABASE.isdisjoint(item.fixturenames)]  # type: ignore[attr-defined]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if not _DATABASE.isdisjoint(item.fixturenames)]  # type: ignore[attr-defined]
        return
    for item in items:
        if item.get_closest_marker("postgres"):
            item.add_marker(pytest.mark.skip(reason="about PostgreSQL: run with --database postgres"))


def pytest_collection_finish() -> None:
    """Leave thousands of collected tests out of every collection of garbage: it stops the test that it happens in."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> Iterator[postgres.Server]:
    """A private server that a test may restart."""
    try:
        with postgres.private_server() as server:
            yield server
    except postgres.NoServer as reason:
        _without_server(request, str(reason))


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> str:
    if url := os.environ.get("TEST_POSTGRES_URL"):
        return url
    server: postgres.Server = request.getfixturevalue("postgres_server")
    return server.url


def _without_server(request: pytest.FixtureRequest, reason: str) -> None:
    if request.config.getoption("--require-server"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database: a SQLite file, or a schema of its own on the PostgreSQL server."""
    if request.config.getoption("--database") == "sqlite":
        yield f"sqlite:///{tmp_path / 'shop.sqlite'}"
        return
    url = make_url(request.getfixturevalue("postgres_url"))
    schema = f"t_{os.getpid()}_{abs(hash(request.node.nodeid)) % 10**12}"
    admin = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.NullPool)
    with admin.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE SCHEMA {schema}"))
    # the search path gives each test a world of its own; the time-out turns a deadlock into a failure
    options = f"-csearch_path={schema} -clock_timeout=20000"
    yield url.update_query_dict({"options": options}).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(sqlalchemy.text(f"DROP SCHEMA {schema} CASCADE"))
    admin.dispose()


@pytest.fixture
def new_shop(database_url: str) -> Iterator[Callable[..., Shop]]:
    """Make shops on this test's database; each is a small Flask application with recording hooks."""
    shops: list[Shop] = []

    def make(**kwargs: Any) -> Shop:
        shop = make_shop(kwargs.pop("database_url", database_url), **kwargs)
        shops.append(shop)
        return shop

    yield make
    for shop in shops:
        shop.close()


@pytest.fixture
def shop(new_shop: Callable[..., Shop]) -> Shop:
    """A shop that sells `apple` (12.50, 10 in stock), `pear` (3.00, 2) and `plum` (1.00, sold out)."""
    return new_shop()
