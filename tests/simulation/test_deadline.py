"""A time budget for the shop's functions."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from flask import g, has_request_context
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from flask_vtex_seller import OrderPlacement, SimulationRequest, Sla
from flask_vtex_seller.offers import Terms
from flask_vtex_seller.simulation import deadline
from flask_vtex_seller.simulation.deadline import Deadline

from ..shops import ACME, Shop, order_body

ADDRESS = {"postalCode": "01310-100", "country": "BRA"}
SHORT, LONG = 0.05, 30.0
WORDS = "maria.silva@mail.example"


@pytest.fixture
def hurried(new_shop: Callable[..., Shop]) -> Iterator[Callable[..., tuple[Shop, threading.Event]]]:
    """Make a shop with a budget whose delivery options come when the event is set; it is set at the end."""
    events = []

    def make(seconds: float, **kwargs: Any) -> tuple[Shop, threading.Event]:
        shop, event = new_shop(VTEX_SELLER_SIMULATION_SECONDS=seconds, **kwargs), threading.Event()
        events.append(event)

        def slas(request: SimulationRequest) -> Iterable[Sla]:
            assert event.wait(LONG)
            return [Sla(id="standard", name="S", price=990, shipping_estimate="1d")]

        shop.slas = slas
        return shop, event

    yield make
    for event in events:
        event.set()
    wait_for_threads()


def simulation_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "vtex-simulation"]


def wait_for_threads() -> None:
    for thread in simulation_threads():
        thread.join(LONG)


def test_a_shop_within_its_budget_is_answered_for_as_ever(hurried: Callable[..., Any], shop: Shop) -> None:
    """P18."""
    quick, event = hurried(LONG)
    event.set()
    answer = quick.simulate(("apple", 2), ("kiwi", 1), **ADDRESS).get_json()
    assert [item["quantity"] for item in answer["items"]] == [2, 0]
    assert [sla["id"] for sla in answer["logisticsInfo"][0]["slas"]] == ["standard"]
    quick.slas = None
    assert quick.simulate(("apple", 2), **ADDRESS).get_json() == shop.simulate(("apple", 2), **ADDRESS).get_json()


def test_a_late_shop_is_answered_for_with_nothing_available(
    hurried: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """P18: every line is answered all the same."""
    shop, _ = hurried(SHORT)
    with caplog.at_level(logging.WARNING):
        response = shop.simulate(("apple", 2), ("pear", 1), **ADDRESS)
    assert response.status_code == 200
    answer = response.get_json()
    assert [(item["id"], item["quantity"]) for item in answer["items"]] == [("apple", 0), ("pear", 0)]
    assert answer["logisticsInfo"] == []
    (record,) = (record for record in caplog.records if "within its budget" in record.getMessage())
    assert (record.marketplace, record.seconds) == ("acme", SHORT)  # type: ignore[attr-defined]


def test_a_late_shop_has_no_stock_where_zeros_are_told(hurried: Callable[..., Any]) -> None:
    """P18."""
    shop, _ = hurried(SHORT, marketplaces={"acme": {**ACME, "unavailable": "zeros"}})
    (logistics,) = shop.simulate(("apple", 2), **ADDRESS).get_json()["logisticsInfo"]
    assert (logistics["quantity"], logistics["stockBalance"], logistics["slas"]) == (0, 0, [])


def test_a_hanging_function_keeps_no_process_from_ending(hurried: Callable[..., Any]) -> None:
    shop, _ = hurried(SHORT)
    shop.simulate(("apple", 1), **ADDRESS)
    assert [thread.daemon for thread in simulation_threads()] == [True]


def test_what_a_late_function_raises_is_logged_without_its_words(
    new_shop: Callable[..., Shop], caplog: pytest.LogCaptureFixture
) -> None:
    shop, event = new_shop(VTEX_SELLER_SIMULATION_SECONDS=SHORT), threading.Event()

    def fail(request: SimulationRequest) -> Iterable[Sla]:
        assert event.wait(LONG)
        raise RuntimeError(WORDS)

    shop.slas = fail
    assert shop.simulate(("apple", 1), **ADDRESS).status_code == 200
    event.set()
    wait_for_threads()
    assert "a late simulation failed: HookFailed" in caplog.text
    assert "in fail" in caplog.text
    assert WORDS not in caplog.text


def test_what_a_function_raises_in_time_is_answered_as_ever(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(VTEX_SELLER_SIMULATION_SECONDS=LONG)

    def fail(error: Exception) -> Callable[[SimulationRequest], Iterable[Sla]]:
        def slas(request: SimulationRequest) -> Iterable[Sla]:
            raise error

        return slas

    shop.slas = fail(TimeoutError())
    assert shop.simulate(("apple", 1), **ADDRESS).status_code == 500
    shop.slas = fail(OperationalError("select", {}, Exception("gone"), connection_invalidated=True))
    assert shop.simulate(("apple", 1), **ADDRESS).status_code == 503


def test_functions_run_in_an_application_context_of_their_own(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(VTEX_SELLER_SIMULATION_SECONDS=LONG)
    seen: list[Any] = []
    shop.app.before_request(lambda: setattr(g, "shopper", "Ana"))

    def slas(request: SimulationRequest) -> Iterable[Sla]:
        seen.append((has_request_context(), "shopper" in g, shop.db.session.execute(text("SELECT 7")).scalar()))
        return []

    shop.slas = slas
    assert shop.simulate(("apple", 1), **ADDRESS).status_code == 200
    assert seen == [(False, False, 7)]
    wait_for_threads()
    with shop.app.app_context():
        assert shop.db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_a_simulation_that_finds_no_free_thread_is_late(
    hurried: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """P18."""
    monkeypatch.setattr(deadline, "MAX_THREADS", 1)
    shop, event = hurried(SHORT)
    for _ in range(2):
        assert shop.simulate(("apple", 1), **ADDRESS).get_json()["items"][0]["quantity"] == 0
    assert "every thread is taken" in caplog.text
    assert len(simulation_threads()) == 1
    event.set()
    wait_for_threads()
    shop.app.extensions["vtex_seller"].ask._seconds = LONG
    assert shop.simulate(("apple", 1)).get_json()["items"][0]["quantity"] == 1


def test_a_failing_function_gives_its_thread_back(
    new_shop: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "MAX_THREADS", 1)
    shop = new_shop(VTEX_SELLER_SIMULATION_SECONDS=LONG)
    shop.slas = lambda _: [None]  # type: ignore[list-item,return-value]
    assert [shop.simulate(("apple", 1), **ADDRESS).status_code for _ in range(3)] == [500, 500, 500]


def test_a_system_without_threads_is_a_late_shop_and_costs_none(
    new_shop: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """P18."""
    monkeypatch.setattr(deadline, "MAX_THREADS", 1)
    shop = new_shop(VTEX_SELLER_SIMULATION_SECONDS=SHORT)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as without_threads:
        without_threads.setattr(threading.Thread, "start", refuse)
        answers = [shop.simulate(("apple", 1)) for _ in range(2)]
    assert [answer.get_json()["items"][0]["quantity"] for answer in answers] == [0, 0]
    assert caplog.text.count("no thread left") == 2
    shop.app.extensions["vtex_seller"].ask._seconds = LONG
    assert shop.simulate(("apple", 1)).get_json()["items"][0]["quantity"] == 1


def test_an_order_is_checked_without_a_budget(hurried: Callable[..., Any]) -> None:
    """A late answer must not refuse an order: its check belongs to the placement's transaction."""
    shop, event = hurried(SHORT)
    event.set()
    shop.slas = lambda _: [Sla(id="standard", name="S", price=990, shipping_estimate=f"{threading.active_count()}d")]
    before = simulation_threads()
    assert shop.call("/pvt/orders", [order_body()]).status_code == 200
    assert simulation_threads() == before
    assert len(shop.asked_for(OrderPlacement)) == 1


def test_no_budget_runs_the_functions_in_the_request(shop: Shop) -> None:
    seen: list[bool] = []

    def slas(request: SimulationRequest) -> Iterable[Sla]:
        seen.append(has_request_context())
        return []

    shop.slas = slas
    shop.simulate(("apple", 1), **ADDRESS)
    assert seen == [True]


def test_a_call_is_late_by_its_own_clock_only() -> None:
    """What is late for one call is not for the next."""
    event = threading.Event()

    def ask(request: SimulationRequest) -> Terms:
        if request.postal_code:
            assert event.wait(LONG)
        return Terms(offers={}, slas=(Sla(id="s", name="S", price=1, shipping_estimate="1d"),))

    asking = Deadline(ask, seconds=SHORT, context=nullcontext)
    late = asking(SimulationRequest(marketplace="acme", items=(), postal_code="1", country="BRA"))
    asking._seconds = LONG
    quick = asking(SimulationRequest(marketplace="acme", items=()))
    event.set()
    wait_for_threads()
    assert (late.slas, len(quick.slas)) == ((), 1)
