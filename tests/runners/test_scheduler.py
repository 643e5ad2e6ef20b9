"""The worker as a process of its own, and the scheduler inside the shop's. (R5, R19)"""

import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from flask_vtex_seller import Order, VtexSeller, message_delivered, reservation_expired
from flask_vtex_seller.catalog.sku import SkuState
from flask_vtex_seller.errors import ConfigurationError
from flask_vtex_seller.marketplace.outcome import Outcome
from flask_vtex_seller.outbox.message import Message
from flask_vtex_seller.runners import scheduler as scheduler_module
from flask_vtex_seller.runners.scheduler import LOOK_AGAIN_AFTER, clean_up, deliver, expire, start_scheduler, sweep

from ..marketplace.loopback import Loopback, Received, loopback, marketplace_at, reply
from ..outbox.box import DELIVERED, REFUSED, Box, invoice, make_box, said
from ..shops import ACME, Shop, order_body
from .worker_shop import environment

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "flask", "--app", "tests.runners.worker_shop:create_app", "vtex-seller", "worker"]
SECONDS = 0.2
"""Between two looks at the outbox, in these tests."""


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as server:
        server.answer = lambda _: reply(200, b"{}")
        yield server


@pytest.fixture
def box(new_shop: Callable[..., Shop]) -> Box:
    return make_box(new_shop)


@contextmanager
def worker(database_url: str, server: Loopback, **config: float) -> Iterator["subprocess.Popen[str]"]:
    env = environment(database_url, server.url, **{"VTEX_SELLER_DRAIN_SECONDS": SECONDS, **config})
    process = subprocess.Popen(COMMAND, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def end(process: "subprocess.Popen[str]", number: int = signal.SIGTERM) -> tuple[int, str]:
    process.send_signal(number)
    output, _ = process.communicate(timeout=15)
    return process.returncode, output


# the process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_delivers_and_ends_in_peace_when_told_to(
    box: Box, database_url: str, server: Loopback, number: signal.Signals
) -> None:
    """R19"""
    box.say(invoice("1"), invoice("2"))
    with worker(database_url, server) as process:
        assert server.wait_until(lambda received: len(received) == 2)
        box.say(invoice("3"))
        assert server.wait_until(lambda received: len(received) == 3), "it looks again and again"
        status, output = end(process, number)
    assert (status, "Traceback" in output) == (0, False), output
    assert [request.body for request in server.received] == [b'{"n":"1"}', b'{"n":"2"}', b'{"n":"3"}']
    assert box.states() == dict.fromkeys("123", "delivered")


def test_a_worker_that_is_told_to_end_finishes_its_call_and_hands_back_the_rest(
    box: Box, database_url: str, server: Loopback
) -> None:
    """R19"""
    told, never = threading.Event(), threading.Event()

    def answer(_: Received) -> bytes:
        assert told.wait(timeout=20)
        never.wait(0.05)  # as a marketplace would take: the worker must not be through before it has heard
        return reply(200, b"{}")

    server.answer = answer
    box.say(*(invoice(f"{number:02}", order=str(number)) for number in range(40)))
    with worker(database_url, server) as process:
        assert server.wait_until(lambda received: len(received) >= 1)
        process.send_signal(signal.SIGTERM)
        told.set()
        output, _ = process.communicate(timeout=15)
        assert process.returncode == 0, output
    rows = box.rows()
    sent = len(server.received)
    assert 1 <= sent < 40
    assert [row.state for row in rows] == ["delivered"] * sent + ["pending"] * (40 - sent)
    assert {(row.attempts, row.leased_until) for row in rows[sent:]} == {(0, None)}


def test_a_worker_that_is_told_to_end_before_it_has_work_ends(box: Box, database_url: str, server: Loopback) -> None:
    """R19"""
    box.say(invoice("1"))
    with worker(database_url, server, VTEX_SELLER_DRAIN_SECONDS=3600) as process:
        assert server.wait_until(lambda received: len(received) == 1)
        assert end(process)[0] == 0


def test_a_worker_without_tables_says_so_and_fails(
    new_shop: Callable[..., Shop], database_url: str, server: Loopback
) -> None:
    with worker(database_url, server) as process:
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "vtex_outbox" in output
    assert "flask vtex-seller create-tables" in output
    assert "Traceback" not in output


# what it checks first


def test_a_column_of_another_version_is_named(box: Box) -> None:
    with box.state.drain.engine.begin() as connection:
        connection.execute(text("ALTER TABLE vtex_outbox DROP COLUMN last_excerpt"))
    before = threading.active_count()
    with pytest.raises(ConfigurationError, match=r"vtex_outbox\.last_excerpt.*migrations"):
        start_scheduler(box.shop.app)
    assert threading.active_count() == before


def test_a_missing_table_is_named(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(create_tables=False)
    with pytest.raises(ConfigurationError, match=r"the database has no .*vtex_outbox"):
        start_scheduler(shop.app)


def test_mounting_starts_no_scheduler(new_shop: Callable[..., Shop]) -> None:
    before = threading.enumerate()
    shop = new_shop()
    with shop.app.app_context(), shop.app.test_client() as client:
        client.get("/")
    shop.app.test_cli_runner().invoke(args=["vtex-seller", "urls"])
    assert threading.enumerate() == before
    assert isinstance(shop.seller, VtexSeller)


# inside the shop's process


@contextmanager
def scheduler(shop: Shop, **kwargs: Any) -> Iterator[Any]:
    running = start_scheduler(shop.app, **kwargs)
    try:
        yield running
    finally:
        if running.running:
            running.shutdown(wait=True)


@pytest.fixture
def live(new_shop: Callable[..., Shop], server: Loopback) -> Box:
    """A shop in real time whose marketplace is a socket."""
    shop = new_shop(marketplaces={"acme": marketplace_at(server.url)}, VTEX_SELLER_DRAIN_SECONDS=0.05)
    return Box(shop=shop, clock=shop.seller._clock)  # type: ignore[arg-type]


def test_an_embedded_scheduler_delivers_until_it_is_shut_down(live: Box, server: Loopback) -> None:
    before = threading.active_count()
    settled = threading.Event()

    def hear(*_: Any, **__: Any) -> None:
        settled.set()

    with message_delivered.connected_to(hear, sender=live.shop.app), scheduler(live.shop):
        live.say(invoice("1"))
        assert settled.wait(timeout=20)
    live.say(invoice("2", order="2-01"))
    assert live.states() == {"1": "delivered", "2": "pending"}
    assert len(server.received) == 1
    assert [thread for thread in threading.enumerate() if "APScheduler" in thread.name] == []
    assert threading.active_count() <= before + 1


def test_a_scheduler_without_marketplaces_says_that_it_sends_nothing(
    new_shop: Callable[..., Shop], caplog: pytest.LogCaptureFixture
) -> None:
    start_scheduler(new_shop(marketplaces={}).app).shutdown()
    assert "no marketplace is configured here (VTEX_SELLER_MARKETPLACES): nothing is sent" in caplog.text


def test_a_scheduler_that_is_told_to_stop_begins_no_call(live: Box, server: Loopback) -> None:
    """R19"""
    stop = threading.Event()
    stop.set()
    live.say(invoice("1"))
    with scheduler(live.shop, stop=stop) as running:
        assert {job.id for job in running.get_jobs()} == {"deliver", "sweep", "reconcile", "expire", "clean_up"}
    assert server.received == []
    assert live.rows()[0].attempts == 0


def test_a_scheduler_is_shut_down_in_the_middle_of_a_backlog(live: Box, server: Loopback) -> None:
    """R19"""
    never = threading.Event()

    def answer(_: Received) -> bytes:
        never.wait(0.03)
        return reply(200, b"{}")

    server.answer = answer
    live.say(*(invoice(f"{number:03}", order=str(number)) for number in range(400)))
    with scheduler(live.shop) as running:
        assert server.wait_until(lambda received: len(received) >= 20), "it goes on without waiting for a tick"
        ending = threading.Thread(target=running.shutdown, daemon=True)
        ending.start()
        ending.join(timeout=20)
        assert not ending.is_alive()
    assert len(server.received) < 400


class Heard(logging.Handler):
    """Sets an event when a line with these words is logged."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words
        self.event = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self._words in record.getMessage():
            self.event.set()


def test_trouble_with_the_database_does_not_end_the_scheduler(live: Box, server: Loopback) -> None:
    """R5"""
    heard = Heard("the database failed during deliver")
    logger = logging.getLogger("flask_vtex_seller.runners.scheduler")
    logger.addHandler(heard)
    drain = live.state.drain
    try:
        with scheduler(live.shop):
            drain.table.drop(drain.engine)
            assert heard.event.wait(timeout=20)
            drain.table.create(drain.engine)
            live.say(invoice("1"))
            assert server.wait_until(lambda received: len(received) == 1)
    finally:
        logger.removeHandler(heard)
    assert live.states() == {"1": "delivered"}


# the jobs


def test_a_run_ends_before_the_next_tick(box: Box) -> None:
    def slow(_: Message) -> Outcome:
        box.clock.advance(1)
        return DELIVERED

    box.answer = slow
    box.say(*(invoice(str(number), order=str(number)) for number in range(10)))
    state = replace(box.state, drain=box.drain())
    deliver(state, threading.Event())
    assert len(box.sent) == 4, "of five seconds, four"


def test_a_run_tells_whether_more_is_due(box: Box) -> None:
    box.answer = lambda _: box.clock.advance(3) or DELIVERED  # type: ignore[func-returns-value]
    box.say(invoice("1", order="1"), invoice("2", order="2"), invoice("3", order="3"))
    state = replace(box.state, drain=box.drain())
    assert deliver(state, threading.Event())
    assert not deliver(state, threading.Event())
    assert set(box.states().values()) == {"delivered"}


def test_what_is_left_is_gone_on_with_at_once_and_not_at_the_next_tick(
    new_shop: Callable[..., Shop], server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, enough = [], threading.Event()

    def deliver(*_: Any) -> bool:
        runs.append(1)
        if len(runs) == 3:
            enough.set()
        return len(runs) < 3

    monkeypatch.setattr(scheduler_module, "deliver", deliver)
    shop = new_shop(marketplaces={"acme": marketplace_at(server.url)}, VTEX_SELLER_DRAIN_SECONDS=3600)
    with scheduler(shop):
        assert enough.wait(timeout=20)
    assert len(runs) == 3


def test_a_run_stops_when_told_to(box: Box) -> None:
    stop = threading.Event()

    def answer(_: Message) -> Outcome:
        stop.set()
        return DELIVERED

    box.answer = answer
    box.say(*(invoice(str(number), order=str(number)) for number in range(10)))
    deliver(replace(box.state, drain=box.drain()), stop)
    assert len(box.sent) == 1


def test_cleaning_up_deletes_what_was_delivered_longer_ago_than_is_kept(new_shop: Callable[..., Shop]) -> None:
    box = make_box(new_shop, marketplaces={"acme": ACME}, VTEX_SELLER_KEEP_DAYS=2)
    box.answer = lambda message: REFUSED if said(message) == "2" else DELIVERED
    box.say(invoice("1", order="A"), invoice("2", order="B"))
    box.run()
    box.clock.advance(timedelta(days=2).total_seconds())
    clean_up(box.state, threading.Event())
    assert set(box.states()) == {"1", "2"}
    box.clock.advance(1)
    clean_up(box.state, threading.Event())
    assert box.states() == {"2": "dead"}, "somebody must look at it first"


def test_a_sweep_asks_about_suggested_skus_only_now_and_then(new_shop: Callable[..., Shop]) -> None:
    box = make_box(new_shop, marketplaces={"acme": ACME, "resting": {**ACME, "paused": True}})
    with box.shop.app.app_context():
        for marketplace, sku_id, state in (
            ("acme", "suggested", SkuState.SUGGESTED),
            ("acme", "known", SkuState.KNOWN),
            ("resting", "suggested", SkuState.SUGGESTED),
        ):
            box.state.skus.mark({(marketplace, sku_id): ""}, state, now=box.clock.now())
        box.state.db.session.commit()

    def asked() -> list[tuple[str, str, str]]:
        box.sent.clear()
        sweep(box.state, threading.Event())
        box.run()
        return [(message.marketplace, message.operation, said(message)) for message in box.sent]

    assert asked() == [], "too early"
    box.clock.advance(LOOK_AGAIN_AFTER.total_seconds())
    assert asked() == [("acme", "suggestion_status", "suggested")]
    assert asked() == [], "it was asked a moment ago"
    box.clock.advance(LOOK_AGAIN_AFTER.total_seconds())
    assert len(asked()) == 1


def test_what_nobody_paid_for_in_time_is_ended_and_told(box: Box) -> None:
    shop, told = box.shop, list[str | None]()

    @shop.seller.on_reservation_expired
    def give_back(order: Order) -> None:
        shop.asked.append(order)

    def hear(_: object, order: Order) -> None:
        told.append(order.order_id)

    assert shop.call("/pvt/orders", [order_body()]).status_code == 200
    with shop.app.app_context(), reservation_expired.connected_to(hear, sender=shop.app):
        expire(box.state, threading.Event())
        assert told == []
        box.clock.advance(timedelta(days=8).total_seconds())
        expire(box.state, threading.Event())
    assert told == ["S-1"]
    assert len(shop.asked_for(Order)) == 1
