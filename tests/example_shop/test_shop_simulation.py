"""What a simulation does to the shop's database: it reads, as often for a large cart as for a small one. (R12)"""

import re
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from example_shop.catalog.service import on_sale
from example_shop.extensions import db

from .conftest import Marketplace

ADDRESS = {"postalCode": "01310-100", "country": "BRA"}
READS = re.compile(r"\s*(SELECT|PRAGMA (?!\w+\s*=))", re.IGNORECASE)


class Heard:
    """What an engine was asked to do."""

    def __init__(self, app: Flask) -> None:
        self.statements: list[str] = []
        self.commits = 0
        with app.app_context():
            self._engine = db.engine
        event.listen(self._engine, "before_cursor_execute", self._on_statement)
        event.listen(self._engine, "commit", self._on_commit)

    def _on_statement(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self.statements.append(statement)

    def _on_commit(self, _: Any) -> None:
        self.commits += 1

    def close(self) -> None:
        event.remove(self._engine, "before_cursor_execute", self._on_statement)
        event.remove(self._engine, "commit", self._on_commit)


@pytest.fixture
def heard(app: Flask) -> Iterator[Heard]:
    found = Heard(app)
    yield found
    found.close()


@pytest.fixture
def skus(app: Flask) -> list[str]:
    with app.app_context():
        return [product.code for product in on_sale() if product.stock]


def test_a_simulation_only_reads_and_a_larger_cart_takes_no_more_queries(
    acme: Marketplace, skus: list[str], heard: Heard
) -> None:
    """P18."""
    counts = []
    for size in (1, 10, 100):
        lines = [(skus[number % len(skus)], 1) for number in range(size)]
        assert len(acme.simulate(*lines, **ADDRESS)["items"]) == size
        counts.append(len(heard.statements))
        assert [statement for statement in heard.statements if not READS.match(statement)] == []
        heard.statements.clear()
    assert counts == [2, 2, 2]  # offers, and weights for the delivery
    assert heard.commits == 0


def test_a_simulation_is_answered_while_somebody_else_writes(
    app: Flask, acme: Marketplace, skus: list[str], request: pytest.FixtureRequest
) -> None:
    """SQLite lets readers through beside its one writer, in the mode that the shop sets."""
    if request.config.getoption("--database") != "sqlite":
        pytest.skip("about SQLite's write lock")
    with app.app_context():
        writer = sqlite3.connect(Path(db.engine.url.database or ""), isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    try:
        writer.execute("UPDATE products SET stock = stock + 1")
        answers: list[Any] = []
        asking = threading.Thread(target=lambda: answers.append(acme.simulate((skus[0], 1), **ADDRESS)))
        asking.start()
        asking.join(4)  # who waits for the lock waits for five seconds
        assert answers
        assert answers[0]["items"][0]["quantity"] == 1
        assert answers[0]["logisticsInfo"][0]["slas"]
    finally:
        writer.execute("ROLLBACK")
        writer.close()
