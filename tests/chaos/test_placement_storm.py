"""The same order many times at the same moment, through several processes: one order, one answer. (R9)"""

import logging
from collections import Counter
from collections.abc import Callable
from itertools import cycle
from typing import Any

import pytest

from ..shops import Shop, order_body
from .conftest import Scale
from .report import Figures
from .volley import Answer, marketplace_call, volley
from .warehouse import PLACED, Warehouse

PROCESSES = 8
SLOWEST_SECONDS = 2.5
"""A marketplace waits no longer."""
IN_AN_ORDER = {"apple": 1, "pear": 2}
"""Units, of `order_body`."""


def place_at_once(ports: list[int], bodies: list[Any]) -> list[Answer]:
    """Call with each body at the same moment, the processes taking turns."""
    return volley(
        [marketplace_call(port, "/pvt/orders", [body]) for port, body in zip(cycle(ports), bodies, strict=False)]
    )


def ids(answers: list[Answer]) -> Counter[str]:
    return Counter(answer.json[0]["orderId"] for answer in answers if answer.status == 200)


@pytest.mark.parametrize("commits", [False, True], ids=["the hook leaves the commit to us", "the hook commits"])
def test_the_same_placement_through_several_processes_at_once_makes_one_order(
    warehouse: Warehouse, serve: Callable[..., tuple[Any, int]], commits: bool, scale: Scale, figures: Figures
) -> None:
    """P27"""
    ports = [serve(commits=commits)[1] for _ in range(PROCESSES)]
    calls, rounds, slowest, orders = scale(48, 200), scale(2, 20), [], list[dict[str, int]]()
    for number in range(rounds):
        id_ = f"{number:013}-01"
        answers = place_at_once(ports, [order_body(id_)] * calls)
        assert Counter(answer.status for answer in answers) == {200: calls}
        assert len({str(answer.json) for answer in answers}) == 1
        assert warehouse.deeds(id_) == {PLACED: 1}
        orders.append(ids(answers))
        slowest.append(max(answer.seconds for answer in answers))
    figures.note("R9", processes=PROCESSES, calls_at_once=calls, rounds=rounds, orders_each=1)
    figures.note("R9", slowest=f"{max(slowest):.2f} s", promised=f"{SLOWEST_SECONDS} s")
    assert len(set().union(*orders)) == rounds
    assert warehouse.taken() == {sku_id: units * rounds for sku_id, units in IN_AN_ORDER.items()}
    # Time is a figure of the full form: beside other tests on the same processors it would say nothing.
    assert not scale.full or max(slowest) <= SLOWEST_SECONDS


def test_two_contents_under_one_id_at_once_make_one_order_and_leave_it_unchanged(
    warehouse: Warehouse, serve: Callable[..., tuple[Any, int]], scale: Scale, figures: Figures
) -> None:
    """P28: whichever comes first is the order; the other is a conflict, then and later."""
    ports = [serve()[1] for _ in range(PROCESSES)]
    each, rounds = scale(20, 100), scale(2, 20)
    for number in range(rounds):
        id_ = f"{number:013}-01"
        more = order_body(id_)
        more["items"][0]["quantity"] = 3
        answers = place_at_once(ports, [order_body(id_), more] * each)
        assert Counter((answer.status, answer.code) for answer in answers) == {(200, None): each, (409, "FMT009"): each}
        assert len(ids(answers)) == 1
        assert warehouse.deeds(id_) == {PLACED: 1}
        again = place_at_once(ports, [order_body(id_), more])
        assert [answer.status for answer in again] == [answer.status for answer in answers[:2]]
        assert ids(again).keys() == ids(answers).keys()
    figures.note("R9", processes=PROCESSES, calls_of_each_content=each, rounds=rounds, conflicts=each * rounds)
    taken = warehouse.taken()
    assert taken["pear"] == 2 * rounds
    assert rounds <= taken["apple"] <= 3 * rounds


def test_other_content_under_a_taken_id_is_logged_with_the_orders_id(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """P28"""
    caplog.set_level(logging.INFO, "flask_vtex_seller")
    shop.call("/pvt/orders", [order_body("1-01")])
    before = state_of(shop)
    assert shop.call("/pvt/orders", [order_body("1-01", marketplacePaymentValue=1)]).status_code == 409
    [record] = [record for record in caplog.records if getattr(record, "code", None) == "FMT009"]
    assert (record.marketplace, list(record.marketplace_order_ids)) == ("acme", ["1-01"])  # type: ignore[attr-defined]
    assert state_of(shop) == before


def state_of(shop: Shop) -> Any:
    with shop.app.app_context(), shop.db.engine.connect() as connection:
        return connection.execute(shop.db.metadata.tables["vtex_order"].select()).mappings().one()
