"""What the marketplace's calls about an order ask of the shop's database, besides what its hooks ask."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import event

from ..shops import Shop, order_body

MOST = 4
"""Statements of ours for one order."""


@dataclass
class Asked:
    """What a call asked of the database."""

    statements: list[str] = field(default_factory=list)
    transactions: int = 0
    commits: int = 0

    def on_statement(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self.statements.append(statement)

    def on_begin(self, _: Any) -> None:
        self.transactions += 1

    def on_commit(self, _: Any) -> None:
        self.commits += 1


@pytest.fixture
def ask(shop: Shop) -> Callable[..., Asked]:
    """Call a shop whose hooks ask nothing of the database."""
    shop.place = lambda order: f"S-{order.marketplace_order_id}"
    with shop.app.app_context():
        engine = shop.db.engine

    def call(path: str, body: Any) -> Asked:
        asked = Asked()
        listeners = {
            "before_cursor_execute": asked.on_statement,
            "begin": asked.on_begin,
            "commit": asked.on_commit,
        }
        for name, listener in listeners.items():
            event.listen(engine, name, listener)
        assert shop.call(path, body).status_code == 200
        for name, listener in listeners.items():
            event.remove(engine, name, listener)
        return asked

    call("/pvt/orders", order_body("first"))  # what a connection asks once, is asked
    return call


def order_of(lines: int) -> dict[str, Any]:
    """An order of so many lines, one apple each."""
    body = order_body(f"{lines}-lines")
    shipping = body["shippingData"]
    logistics = [{**shipping["logisticsInfo"][0], "itemIndex": index} for index in range(lines)]
    return {**body, "items": [body["items"][0]] * lines, "shippingData": {**shipping, "logisticsInfo": logistics}}


@pytest.mark.parametrize("lines", [1, 10, 100])
def test_a_placement_is_one_transaction_of_few_statements_however_many_lines(
    ask: Callable[..., Asked], lines: int
) -> None:
    asked = ask("/pvt/orders", [order_of(lines)])
    assert (len(asked.statements), asked.transactions, asked.commits) == (2, 1, 1)


def test_the_calls_after_it_look_the_order_up_and_then_are_one_transaction(ask: Callable[..., Asked]) -> None:
    ask("/pvt/orders", order_body("A-01"))
    authorized = ask("/pvt/orders/S-A-01/fulfill", {"marketplaceOrderId": "A-01"})
    assert (len(authorized.statements), authorized.transactions, authorized.commits) == (3, 2, 1)
    canceled = ask("/pvt/orders/S-A-01/cancel", {"marketplaceOrderId": "A-01"})
    assert (len(canceled.statements), canceled.transactions, canceled.commits) == (MOST, 2, 1)


def test_a_repeat_takes_no_more(ask: Callable[..., Asked]) -> None:
    for path, statements in {"/pvt/orders": 2, "/pvt/orders/S-A-01/fulfill": 1, "/pvt/orders/S-A-01/cancel": 1}.items():
        body = order_body("A-01")
        assert len(ask(path, body).statements) <= MOST
        assert len(ask(path, body).statements) == statements
