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
from flask_vtex_seller.clock import SystemClock
from flask_vtex_seller.offers import Terms
from flask_vtex_seller.simulation.deadline import THREAD_NAME, WARN_SECONDS, Deadline
from flask_vtex_seller.simulation.figures import Figures
from flask_vtex_seller.simulation.threads import DaemonPool, Tell

from ..shops import ACME, Shop, StoppedClock, order_body

ADDRESS = {"postalCode": "01310-100", "country": "BRA"}
SHORT, LONG = 0.15, 30.0
WORDS = "maria.silva@mail.example"


@pytest.fixture
def hurried(new_shop: Callable[..., Shop]) -> Iterator[Callable[..., tuple[Shop, threading.Event]]]:
    """Make a shop with a budget whose delivery options come when the event is set; it is set at the end."""
    made = []

    def make(seconds: float, **kwargs: Any) -> tuple[Shop, threading.Event]:
        shop, event = new_shop(VTEX_SELLER_SIMULATION_SECONDS=seconds, **kwargs), threading.Event()
        made.append((shop, event))

        def slas(request: SimulationRequest) -> Iterable[Sla]:
            assert event.wait(LONG)
            return [Sla(id="standard", name="S", price=990, shipping_estimate="1d")]

        shop.slas = slas
        return shop, event

    yield make
    for shop, event in made:
        event.set()
        wait_for_threads(shop)


def pool_of(shop: Shop) -> DaemonPool:
    pool: DaemonPool = shop.app.extensions["vtex_seller"].ask.pool
    return pool


def wait_for_threads(shop: Shop) -> None:
    """Wait until every thread of the shop's pool is idle."""
    pool = pool_of(shop)
    for _ in range(pool.size):
        pool._places.get(timeout=LONG)
    for _ in range(pool.size):
        pool._places.put(None)


def simulation_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == THREAD_NAME}


def quantity(shop: Shop, **address: Any) -> int:
    found: int = shop.simulate(("apple", 1), **address).get_json()["items"][0]["quantity"]
    return found


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
    before = simulation_threads()
    shop.simulate(("apple", 1), **ADDRESS)
    assert [thread.daemon for thread in simulation_threads() - before] == [True]


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
    wait_for_threads(shop)
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
    wait_for_threads(shop)
    with shop.app.app_context():
        assert shop.db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_where_every_thread_hangs_the_answer_comes_at_once(
    hurried: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """P18."""
    shop, event = hurried(SHORT, VTEX_SELLER_SIMULATION_THREADS=1)
    before = simulation_threads()
    assert quantity(shop, **ADDRESS) == 0
    shop.app.extensions["vtex_seller"].ask._seconds = LONG  # who waits now, waits too long for this test
    assert [quantity(shop, **ADDRESS) for _ in range(20)] == [0] * 20
    assert "every thread is taken" in caplog.text
    assert len(simulation_threads() - before) == 1
    event.set()
    wait_for_threads(shop)
    assert quantity(shop, **ADDRESS) == 1


def test_a_failing_function_gives_its_thread_back(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(VTEX_SELLER_SIMULATION_SECONDS=LONG, VTEX_SELLER_SIMULATION_THREADS=1)
    shop.slas = lambda _: [None]  # type: ignore[list-item,return-value]
    assert [shop.simulate(("apple", 1), **ADDRESS).status_code for _ in range(3)] == [500, 500, 500]


def test_a_system_without_threads_is_a_late_shop_and_costs_none(
    new_shop: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """P18."""
    shop = new_shop(VTEX_SELLER_SIMULATION_SECONDS=SHORT, VTEX_SELLER_SIMULATION_THREADS=1)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as without_threads:
        without_threads.setattr(threading.Thread, "start", refuse)
        assert [quantity(shop) for _ in range(2)] == [0, 0]
    assert "no thread left" in caplog.text
    shop.app.extensions["vtex_seller"].ask._seconds = LONG
    assert quantity(shop) == 1


def test_a_late_function_is_named_once_a_minute(hurried: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    clock = StoppedClock()
    shop, _ = hurried(SHORT, clock=clock)
    shop.simulate(("apple", 1))  # from now on there is a thread
    for _ in range(3):
        shop.simulate(("apple", 1), **ADDRESS)
    clock.advance(WARN_SECONDS)
    shop.simulate(("apple", 1), **ADDRESS)
    late = [record for record in caplog.records if "within its budget" in record.getMessage()]
    assert [(record.hook, record.unsaid) for record in late] == [  # type: ignore[attr-defined]
        ("sla_loader", 0),
        ("sla_loader", 2),
    ]


def test_an_order_is_checked_without_a_budget(hurried: Callable[..., Any]) -> None:
    """A late answer must not refuse an order: its check belongs to the placement's transaction."""
    shop, _ = hurried(SHORT)
    seen: list[bool] = []

    def slas(request: SimulationRequest) -> Iterable[Sla]:
        seen.append(has_request_context())
        return [Sla(id="standard", name="S", price=990, shipping_estimate="1d")]

    shop.slas = slas
    assert shop.call("/pvt/orders", [order_body()]).status_code == 200
    assert seen == [True]
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

    def ask(request: SimulationRequest, tell: Tell) -> Terms:
        if request.postal_code:
            assert event.wait(LONG)
        return Terms(offers={}, slas=(Sla(id="s", name="S", price=1, shipping_estimate="1d"),))

    clock = SystemClock()
    asking = Deadline(
        ask, seconds=SHORT, threads=2, context=nullcontext, memory=None, figures=Figures(clock), clock=clock
    )
    late = asking(SimulationRequest(marketplace="acme", items=(), postal_code="1", country="BRA"))
    asking._seconds = LONG
    quick = asking(SimulationRequest(marketplace="acme", items=()))
    event.set()
    assert (late.slas, len(quick.slas)) == ((), 1)
