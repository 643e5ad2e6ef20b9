"""Delivering what waits: order, retries, leases, and what a crash, a stop or a bug in the middle leaves behind."""

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, insert, select

from flask_vtex_seller import VtexSellerError, message_dead, message_delivered
from flask_vtex_seller.clock import from_epoch_us, to_epoch_us
from flask_vtex_seller.marketplace.outcome import Outcome, Verdict
from flask_vtex_seller.outbox import drain as drain_module
from flask_vtex_seller.outbox.backoff import CAP, MAX_ATTEMPTS
from flask_vtex_seller.outbox.handler import Prepared, Settled
from flask_vtex_seller.outbox.message import Draft, Message, MessageState

from ..shops import ACME, Shop
from .box import BUSY, DELIVERED, LEASE, REFUSED, Box, invoice, notice, said

NewBox = Callable[..., Box]


class Killed(BaseException):
    """The worker dies here."""


def failing(*names: str, outcome: Outcome = BUSY) -> Callable[[Message], Outcome]:
    return lambda message: outcome if said(message) in names else DELIVERED


# R1: the shop's transaction decides


def test_what_is_rolled_back_is_never_sent(box: Box) -> None:
    """R1"""
    with box.shop.app.app_context():
        box.state.outbox.append([invoice("1")], now=box.clock.now())
        box.shop.db.session.rollback()
    assert box.run().delivered == 0
    assert box.sent == []


def test_what_is_committed_is_sent_though_nobody_drains_for_an_hour(box: Box) -> None:
    """R1"""
    box.say(invoice("1"))
    box.clock.advance(3600)
    assert box.run().delivered == 1
    assert box.names == ["1"]


def test_of_many_transactions_exactly_the_committed_ones_are_sent(box: Box) -> None:
    """R1"""
    rng, committed = Random(11), []
    for number in range(200):
        with box.shop.app.app_context():
            box.state.outbox.append([invoice(str(number), order=f"{number % 7}")], now=box.clock.now())
            if rng.random() < 0.5:
                box.shop.db.session.commit()
                committed.append(str(number))
            else:
                box.shop.db.session.rollback()
    assert box.run().delivered == len(committed)
    assert sorted(box.names) == sorted(committed)


def test_what_is_not_committed_yet_is_not_sent(new_box: NewBox) -> None:
    """R1: a drain meanwhile, by another process, sees nothing of an open transaction."""
    box = new_box(wal=True)
    with box.shop.app.app_context():
        box.state.outbox.append([invoice("1")], now=box.clock.now())
        with box.state.drain.engine.connect() as other:
            assert other.execute(select(box.state.drain.table)).all() == []
        box.shop.db.session.commit()
    assert box.run().delivered == 1


# lanes


def test_messages_of_a_lane_are_sent_in_the_order_in_which_they_were_said(box: Box) -> None:
    """R3"""
    box.say(*(invoice(f"{order}{number}", order=order) for number in range(9) for order in "ABC"))
    assert box.run().delivered == 27
    for order in "ABC":
        assert [name for name in box.names if name[0] == order] == [f"{order}{number}" for number in range(9)]


def test_a_waiting_head_holds_its_own_lane_only(box: Box) -> None:
    """R3, R4"""
    box.answer = failing("A1")
    box.say(invoice("A1", order="A"), invoice("A2", order="A"), invoice("B1", order="B"), invoice("B2", order="B"))
    report = box.run()
    assert (report.delivered, report.failed, report.dead) == (2, 1, 0)
    assert sorted(box.names) == ["A1", "B1", "B2"]
    box.answer = failing()
    box.sleep_until_due()
    assert box.run().delivered == 2
    assert box.names[3:] == ["A1", "A2"]


def test_a_dead_head_of_an_order_holds_its_lane_until_somebody_has_looked_at_it(box: Box) -> None:
    """R3"""
    box.answer = failing("A1", outcome=REFUSED)
    box.say(invoice("A1", order="A"), invoice("A2", order="A"), invoice("B1", order="B"))
    report = box.run()
    assert (report.delivered, report.failed, report.dead) == (1, 0, 1)
    box.clock.advance(10 * 24 * 3600)
    assert box.run().delivered == 0
    assert box.states() == {"A1": "dead", "A2": "pending", "B1": "delivered"}


def test_a_discarded_head_lets_its_lane_go_on(box: Box) -> None:
    box.answer = failing("A1", outcome=REFUSED)
    box.say(invoice("A1", order="A"), invoice("A2", order="A"))
    box.run()
    assert box.drain().move([box.ids()[0]], MessageState.DISCARDED, reason="by hand") == 1
    box.run()
    assert box.names == ["A1", "A2"]
    assert box.states() == {"A1": "discarded", "A2": "delivered"}


def test_a_dead_head_that_is_retried_goes_before_what_waited_for_it(box: Box) -> None:
    """R3"""
    box.answer = failing("A1", outcome=REFUSED)
    box.say(invoice("A1", order="A"), invoice("A2", order="A"))
    box.run()
    box.answer = failing()
    box.drain().move([box.ids()[0]], MessageState.PENDING, reason="again")
    box.run()
    assert box.names == ["A1", "A1", "A2"]


def test_a_dead_notice_holds_nothing(box: Box) -> None:
    box.answer = lambda message: REFUSED if "price" in message.operation else DELIVERED
    box.say(notice("apple"), notice("apple", "inventory"))
    report = box.run()
    assert (report.delivered, report.dead) == (1, 1)


# merging


def test_pending_notices_of_a_sku_and_kind_become_one_call(box: Box) -> None:
    for _ in range(5):
        box.say(notice("apple"), notice("apple", "inventory"), notice("pear"))
    report = box.run()
    assert report.delivered == 3
    assert sorted((message.operation, said(message)) for message in box.sent) == [
        ("inventory_notification", "apple"),
        ("price_notification", "apple"),
        ("price_notification", "pear"),
    ]
    assert sorted({row.state for row in box.rows()}) == ["delivered", "merged"]


def test_a_notice_that_is_said_while_one_is_on_its_way_is_sent_afterwards(box: Box) -> None:
    """The call in flight may have been answered with the price of before."""

    def change_again(_: Message) -> Outcome:
        if len(box.sent) == 1:
            box.say(notice("apple"))
        return DELIVERED

    box.answer = change_again
    box.say(notice("apple"))
    assert box.run().delivered == 2
    assert box.names == ["apple", "apple"]


def test_a_notice_that_must_be_repeated_speaks_for_what_was_said_meanwhile(box: Box) -> None:
    box.answer = lambda _: BUSY
    box.say(notice("apple"))
    box.run()
    box.say(notice("apple"), notice("apple"))
    box.answer = failing()
    box.sleep_until_due()
    assert box.run().delivered == 1
    assert [row.state for row in box.rows()] == ["delivered", "merged", "merged"]


def test_orders_messages_are_never_merged(box: Box) -> None:
    box.say(invoice("1"), invoice("1"))
    assert box.run().delivered == 2


# retries


def test_a_failed_message_waits_and_is_sent_again_with_its_attempts_counted(box: Box) -> None:
    """R6"""
    box.answer = lambda _: BUSY
    box.say(invoice("1"))
    assert box.run().failed == 1
    [row] = box.rows()
    assert (row.state, row.attempts, row.last_status, row.last_reason) == ("pending", 1, 503, "503")
    assert row.last_excerpt == "come back later"
    assert row.leased_until is None
    wait = from_epoch_us(row.due_at) - box.clock.now()
    assert timedelta(0) < wait <= timedelta(seconds=2)
    assert box.run().failed == 0, "it is not due yet"
    box.sleep_until_due()
    box.answer = failing()
    assert box.run().delivered == 1
    assert [message.attempts for message in box.sent] == [1, 2]


def test_the_marketplaces_wish_is_obeyed(box: Box) -> None:
    """R6, P77: no call before 120 seconds."""
    wish = timedelta(seconds=120)
    box.answer = lambda _: Outcome(verdict=Verdict.RETRY, status=429, reason="429", retry_after=wish)
    box.say(invoice("1"))
    box.run()
    box.clock.advance(119.9)
    box.run()
    assert len(box.sent) == 1
    box.sleep_until_due()
    box.run()
    assert len(box.sent) == 2


def test_a_message_that_always_fails_is_tried_fifteen_times_and_is_dead_then(box: Box) -> None:
    """R6"""
    box.answer = lambda _: BUSY
    box.say(invoice("1"), invoice("2"))
    deaths = 0
    while not deaths:
        deaths = box.run().dead
        if not deaths:
            box.sleep_until_due()
    assert len(box.sent) == MAX_ATTEMPTS == 15
    assert box.states() == {"1": "dead", "2": "pending"}
    assert [end.state for end in box.ends] == [MessageState.DEAD]


def test_a_message_that_fails_after_three_days_is_dead(box: Box) -> None:
    """R6"""
    box.answer = lambda _: BUSY
    box.say(invoice("1"))
    box.clock.advance(3 * 24 * 3600)
    assert box.run().dead == 1


def test_a_refused_message_is_dead_at_once(box: Box) -> None:
    """R6"""
    box.answer = lambda _: REFUSED
    box.say(invoice("1"))
    assert box.run().dead == 1
    [row] = box.rows()
    assert (row.state, row.attempts, row.last_status, row.last_excerpt) == ("dead", 1, 400, "no such thing")
    assert from_epoch_us(row.settled_at) == box.clock.now()


def test_an_old_dead_message_that_somebody_retries_is_retried_as_patiently_as_a_new_one(box: Box) -> None:
    """R14: after a long outage of the marketplace the first new 503 must not kill it again."""
    box.answer = lambda _: REFUSED
    box.say(invoice("1"))
    box.run()
    box.clock.advance(4 * 24 * 3600)
    assert box.drain().move(box.ids(), MessageState.PENDING, reason="again") == 1
    box.answer = lambda _: BUSY
    report = box.run()
    assert (report.failed, report.dead) == (1, 0)


@pytest.mark.parametrize("days", [30, 365 * 7970])
def test_an_absurd_wish_neither_ends_the_drain_nor_hides_the_message(box: Box, days: int) -> None:
    """R6"""
    box.answer = lambda _: Outcome(verdict=Verdict.RETRY, status=503, reason="503", retry_after=timedelta(days=days))
    box.say(invoice("1"))
    box.run()
    [row] = box.rows()
    assert from_epoch_us(row.due_at) - box.clock.now() <= timedelta(days=4)


# R15, R2: a worker that dies


def test_the_attempt_is_counted_and_committed_before_the_call(box: Box) -> None:
    """R15"""
    seen = []
    box.answer = lambda _: seen.append(box.rows()[0].attempts) or DELIVERED  # type: ignore[func-returns-value]
    box.say(invoice("1"))
    box.run()
    assert seen == [1]


def test_no_transaction_is_open_during_a_call(box: Box) -> None:
    """Another process writes meanwhile, without waiting."""
    box.answer = lambda _: box.say(notice("pear")) or DELIVERED if len(box.sent) == 1 else DELIVERED  # type: ignore[func-returns-value]
    box.say(invoice("1"))
    assert box.run().delivered == 2


def test_what_a_dead_worker_had_taken_is_taken_again_when_its_lease_ends(box: Box) -> None:
    """R2"""

    def die(_: Message) -> Outcome:
        raise Killed

    box.answer = die
    box.say(invoice("A1", order="A"), invoice("A2", order="A"), invoice("B1", order="B"))
    with pytest.raises(Killed):
        box.run()
    box.answer = failing()
    box.clock.advance(LEASE - 1)
    assert box.run().delivered == 1, "what was not begun was handed back; what was begun is still its own"
    assert box.names == ["A1", "B1"]
    box.clock.advance(1)
    assert box.run().delivered == 2
    assert [message.attempts for message in box.sent if said(message) == "A1"] == [1, 2]
    order_a = [name for name in box.names if name[0] == "A"]
    assert order_a == ["A1", "A1", "A2"]


def test_a_message_that_kills_every_worker_is_not_sent_forever(box: Box) -> None:
    """R15"""

    def die(message: Message) -> Outcome:
        if said(message) == "poison":
            raise Killed
        return DELIVERED

    box.answer = die
    box.say(invoice("poison", order="A"))
    for _ in range(MAX_ATTEMPTS + 3):
        try:
            box.run()
        except Killed:
            box.clock.advance(LEASE)
    assert box.names.count("poison") <= MAX_ATTEMPTS
    assert box.states() == {"poison": "dead"}


def test_a_message_that_kills_every_worker_takes_no_other_with_it(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """R15: what a dead worker had taken besides is sent, and counts no attempt each time."""

    def die(message: Message) -> Outcome:
        if said(message) == "poison":
            raise Killed
        return DELIVERED

    box.answer = die
    monkeypatch.setattr(drain_module._Run, "_hand_back", lambda *_: None)  # who is killed does not
    box.say(invoice("poison", order="0"), *(invoice(str(number), order=str(number)) for number in range(1, 10)))
    with box.state.drain.engine.begin() as connection:
        until = to_epoch_us(box.clock.now())
        connection.execute(box.state.drain.table.update().values(attempts=1, leased_until=until))
    for _ in range(MAX_ATTEMPTS + 3):
        try:
            box.run(threads=1)
        except Killed:
            box.clock.advance(LEASE)
    assert box.states() == {"poison": "dead", **{str(number): "delivered" for number in range(1, 10)}}
    assert {row.attempts for row in box.rows()[1:]} == {2}


def test_what_is_sent_again_after_many_tries_takes_no_other_with_it_either(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R15: tries of before somebody had it sent again do not hide that an attempt of after it never ended."""
    numbers = [str(number) for number in range(1, 10)]
    # no sign of trouble with the host, whose breaker would change the subject
    box.answer = lambda _: Outcome(verdict=Verdict.RETRY, status=408, reason="408")
    box.say(*(invoice(name, order=name) for name in ("poison", *numbers)))
    for _ in range(MAX_ATTEMPTS):
        box.run()
        box.clock.advance(CAP.total_seconds())
    assert set(box.states().values()) == {"dead"}

    def die(message: Message) -> Outcome:
        if said(message) == "poison":
            raise Killed
        return DELIVERED

    box.answer = die
    monkeypatch.setattr(drain_module._Run, "_hand_back", lambda *_: None)  # who is killed does not
    box.drain().move(box.ids(), MessageState.PENDING, reason="again")
    for _ in range(MAX_ATTEMPTS + 3):
        try:
            box.run(threads=1)
        except Killed:
            box.clock.advance(LEASE)
    assert box.states() == {"poison": "dead", **dict.fromkeys(numbers, "delivered")}
    assert max(row.attempts for row in box.rows()[1:]) <= 2


def test_a_lost_lease_is_not_settled(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    """R2: the call lasted longer than the lease, and another worker has sent the message meanwhile."""

    def oversleep(_: Message) -> Outcome:
        if len(box.sent) > 1:
            return DELIVERED
        box.clock.advance(LEASE)
        assert box.run().delivered == 1
        return REFUSED

    box.answer = oversleep
    box.say(invoice("1"))
    report = box.run()
    assert (report.delivered, report.failed, report.dead) == (0, 0, 0)
    assert box.states() == {"1": "delivered"}
    assert len(box.ends) == 1
    assert "a lease ran out during a call" in caplog.text
    assert box.rows()[0].late == 1, "R3: it is not silent"


def test_a_call_begins_only_while_the_lease_surely_holds(box: Box) -> None:
    """R3: after a slow call the rest of the batch is leased anew, its attempts counted once."""

    def slow(_: Message) -> Outcome:
        remaining = from_epoch_us(next(row.leased_until for row in box.rows() if row.leased_until)) - box.clock.now()
        assert remaining >= timedelta(seconds=LEASE / 2)
        box.clock.advance(LEASE / 2)
        return DELIVERED

    box.answer = slow
    box.say(*(invoice(str(number), order=str(number)) for number in range(4)))
    assert box.run().delivered == 4
    assert [message.attempts for message in box.sent] == [1, 1, 1, 1]
    assert sorted(box.names) == ["0", "1", "2", "3"]


# two at once


def test_drains_at_once_send_each_message_once_and_in_order(new_box: NewBox) -> None:
    """R2, R3"""
    box = new_box(SQLALCHEMY_ENGINE_OPTIONS={"pool_size": 10})
    for number in range(6):
        box.say(*(invoice(f"{order}-{number}", order=str(order)) for order in range(25)))
    barrier = threading.Barrier(4)
    drains = [box.drain() for _ in range(4)]

    def run(position: int) -> int:
        barrier.wait()
        delivered = 0
        # one that finds every lane taken ends early: a worker would come back
        while report := drains[position].run().delivered:
            delivered += report
        return delivered

    with ThreadPoolExecutor(4) as threads:
        total = sum(threads.map(run, range(4)))
    total += box.run().delivered
    assert total == 150
    assert len(box.sent) == len({message.id for message in box.sent}) == 150
    for order in range(25):
        numbers = [message.id for message in box.sent if message.lane == f"order:{order}"]
        assert numbers == sorted(numbers)


def test_notices_said_while_others_drain_are_neither_lost_nor_sent_without_need(new_box: NewBox) -> None:
    """The last one said is followed by a call that begins after its commit."""
    box = new_box(SQLALCHEMY_ENGINE_OPTIONS={"pool_size": 10})
    done = threading.Event()
    calls: list[tuple[str, int]] = []
    commits: list[int] = []

    def send(message: Message, _: Any) -> Outcome:
        calls.append((said(message), len(commits)))
        return DELIVERED

    def worker() -> None:
        drain = box.drain(send=send)
        while not done.is_set():
            drain.run()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(60):
            commits.append(number)
            box.say(notice("apple"))
    finally:
        done.set()
        for thread in threads:
            thread.join()
    box.drain(send=send).run()
    assert {row.state for row in box.rows()} <= {"delivered", "merged"}
    assert len(calls) <= 60
    assert calls[-1] == ("apple", 60)


# stopping


def test_a_stop_hands_back_what_was_not_begun_and_counts_no_attempt(box: Box) -> None:
    """R19"""
    box.say(*(invoice(str(number), order=str(number)) for number in range(5)))
    assert box.run(stop=lambda: len(box.sent) == 2).delivered == 2
    rest = box.rows()[2:]
    assert {(row.state, row.attempts, row.leased_until) for row in rest} == {("pending", 0, None)}
    assert box.run().delivered == 3


def test_the_time_bound_hands_back_what_was_not_begun_and_counts_no_attempt(box: Box) -> None:
    """R19"""

    def slow(_: Message) -> Outcome:
        box.clock.advance(2)
        return DELIVERED

    box.answer = slow
    box.say(*(invoice(str(number), order=str(number)) for number in range(5)))
    assert box.run(seconds=3).delivered == 2
    assert {(row.attempts, row.leased_until) for row in box.rows()[2:]} == {(0, None)}


def test_a_stop_before_the_first_call_changes_nothing(box: Box) -> None:
    """R19"""
    box.say(invoice("1"))
    before = box.rows()
    assert box.run(stop=lambda: True) == box.run(seconds=0)
    assert box.rows() == before
    assert box.sent == []


@pytest.mark.parametrize(("limit", "sent"), [(0, 0), (1, 1), (3, 3), (30, 25), (None, 25)])
def test_no_more_attempts_than_the_limit_are_made(box: Box, limit: int | None, sent: int) -> None:
    box.say(*(invoice(str(number), order=str(number)) for number in range(25)))
    assert box.run(limit=limit).delivered == sent
    assert len(box.sent) == sent
    assert {row.attempts for row in box.rows()[sent:]} <= {0}


def test_an_empty_outbox_is_no_work(box: Box) -> None:
    report = box.run()
    assert (report.delivered, report.failed, report.dead) == (0, 0, 0)


# handlers


class Handler:
    """A handler whose parts are functions."""

    def __init__(
        self,
        body: Callable[[Message], Any] = lambda message: message.body,
        settled: Callable[[Connection, Message, Outcome], None] = lambda *_: None,
        discarded: Callable[[Connection, Message], None] = lambda *_: None,
    ) -> None:
        self._body = body
        self._settled = settled
        self._discarded = discarded

    def prepare(self, messages: Sequence[Message], /) -> Mapping[int, Prepared | VtexSellerError]:
        return {message.id: self._prepared(message) for message in messages}

    def _prepared(self, message: Message) -> Prepared | VtexSellerError:
        try:
            return Prepared(body=self._body(message))
        except VtexSellerError as error:
            return error

    def settled(self, connection: Connection, ended: Sequence[Settled], /) -> None:
        for one in ended:
            self._settled(connection, one.message, one.outcome)

    def discarded(self, connection: Connection, message: Message, /) -> None:
        self._discarded(connection, message)


def raising(error: Exception, name: str) -> Callable[[Message], Any]:
    def body(message: Message) -> Any:
        if said(message) == name:
            raise error
        return message.body

    return body


def test_without_a_handler_the_body_is_sent_as_it_was_written(box: Box) -> None:
    box.say(invoice("1", body={"a": [1]}), notice("apple"))
    box.run()
    assert box.bodies == [{"a": [1]}, None]


def test_a_handler_makes_the_body(box: Box) -> None:
    box.say(invoice("1"))
    box.run({"invoice": Handler(body=lambda message: {"made of": said(message)})})
    assert box.bodies == [{"made of": "1"}]


def test_what_took_longer_to_make_than_the_lease_allows_is_not_sent_now(box: Box) -> None:
    """R3"""

    def slow(message: Message) -> Any:
        box.clock.advance(LEASE / 2)
        return message.body

    box.say(invoice("1"))
    assert box.run({"invoice": Handler(body=slow)}).failed == 1
    assert box.sent == []
    assert box.rows()[0].last_reason == "the shop's functions took longer than its lease"


def test_a_body_that_cannot_be_made_is_dead_with_the_reason_and_the_others_go_on(box: Box) -> None:
    handler = Handler(body=raising(VtexSellerError("SKU apple has no image"), "1"))
    box.say(invoice("1", order="A"), invoice("2", order="B"))
    report = box.run({"invoice": handler})
    assert (report.delivered, report.dead) == (1, 1)
    assert box.names == ["2"]
    assert box.rows()[0].last_reason == "SKU apple has no image"
    assert [end.state for end in box.ends] == [MessageState.DEAD, MessageState.DELIVERED]


def test_a_reason_that_a_database_cannot_store_ends_nothing(box: Box) -> None:
    """It may quote the shop's own data."""
    handler = Handler(body=raising(VtexSellerError("SKU \0 has no image"), "1"))
    box.say(invoice("1", order="A"), invoice("2", order="B"))
    report = box.run({"invoice": handler})
    assert (report.delivered, report.dead) == (1, 1)


def test_a_handler_that_breaks_is_logged_and_tried_again_and_the_others_go_on(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    handler = Handler(body=raising(ZeroDivisionError("with a shopper's name"), "1"))
    box.say(invoice("1", order="A"), invoice("2", order="B"))
    report = box.run({"invoice": handler})
    assert (report.delivered, report.failed) == (1, 1)
    assert box.rows()[0].last_reason == "failed here: ZeroDivisionError"
    [record] = [record for record in caplog.records if record.message.startswith("sending a message")]
    assert "ZeroDivisionError" in record.message
    assert "shopper" not in caplog.text
    assert record.__dict__["message_id"] == box.ids()[0]
    box.sleep_until_due()
    assert box.run().delivered == 1


def write_order(box: Box, name: str) -> Callable[[Connection, Message, Outcome], None]:
    def settled(connection: Connection, _: Message, outcome: Outcome) -> None:
        number = len(box.ends) + 1
        connection.execute(insert(box.shop.orders.__table__).values(id=number, marketplace_order_id=name))

    return settled


def test_what_a_handler_writes_is_committed_with_the_settling(box: Box) -> None:
    box.say(invoice("1"))
    box.run({"invoice": Handler(settled=write_order(box, "x"))})
    assert box.shop.order_ids() == ["S-1"]
    assert box.states() == {"1": "delivered"}


def test_when_a_handler_breaks_nothing_of_it_is_settled(box: Box) -> None:
    write = write_order(box, "x")

    def write_and_break(connection: Connection, message: Message, outcome: Outcome) -> None:
        write(connection, message, outcome)
        raise ZeroDivisionError

    box.say(invoice("1"))
    with contextlib.suppress(ZeroDivisionError):
        box.run({"invoice": Handler(settled=write_and_break)})
    assert box.shop.order_ids() == []
    assert box.states() == {"1": "pending"}
    assert box.ends == []


def test_a_handler_that_breaks_when_it_settles_does_not_hold_the_others(box: Box) -> None:
    """R4"""

    def break_at_first(_: Connection, message: Message, __: Outcome) -> None:
        if said(message) == "1":
            raise ZeroDivisionError

    handler = {"invoice": Handler(settled=break_at_first)}
    box.say(invoice("1", order="A"), invoice("2", order="B"))
    for _ in range(3):
        try:
            box.run(handler)
        except ZeroDivisionError:
            box.clock.advance(LEASE)
    assert box.states()["2"] == "delivered"


def test_a_handler_is_told_of_ends_and_not_of_retries(box: Box) -> None:
    told: list[tuple[str, Verdict]] = []
    handler = Handler(settled=lambda _, message, outcome: told.append((said(message), outcome.verdict)))
    outcomes = {"1": DELIVERED, "2": REFUSED, "3": BUSY}
    box.answer = lambda message: outcomes[said(message)]
    box.say(*(invoice(name, order=name) for name in outcomes))
    box.run({"invoice": handler})
    assert told == [("1", Verdict.DELIVERED), ("2", Verdict.REFUSED)]


def test_a_handler_is_told_in_the_same_transaction_of_what_is_discarded_and_only_of_that(box: Box) -> None:
    told: list[str] = []

    def take_back(_: Connection, message: Message) -> None:
        told.append(said(message))
        if message.body == {"n": "2"}:
            raise ZeroDivisionError

    box.say(invoice("1", order="A"), invoice("2", order="B"), invoice("3", order="C"))
    drain = box.drain({"invoice": Handler(discarded=take_back)})
    first, second, third = box.ids()
    assert drain.move([third], MessageState.PENDING, reason="again") == 1
    assert drain.move([first], MessageState.DISCARDED, reason="by hand") == 1
    with pytest.raises(ZeroDivisionError):
        drain.move([second], MessageState.DISCARDED, reason="by hand")
    assert told == ["1", "2"]
    assert box.states() == {"1": "discarded", "2": "pending", "3": "pending"}


def test_a_handler_asks_the_shop_with_no_transaction_open(box: Box) -> None:
    def ask(message: Message) -> Any:
        if not box.sent:
            box.say(invoice("2", order="B"))
        return message.body

    box.say(invoice("1", order="A"))
    assert box.run({"invoice": Handler(body=ask)}).delivered == 2


# telling


def test_an_end_is_announced_after_its_commit(box: Box) -> None:
    seen: list[dict[str, str]] = []

    def announce(_: Settled) -> None:
        seen.append(box.states())

    box.say(invoice("1"))
    box.drain(announce=announce).run()
    assert seen == [{"1": "delivered"}]


def test_the_signals_carry_the_message_without_its_body_and_without_the_answer(box: Box) -> None:
    """S7"""
    heard: list[tuple[str, Any]] = []

    def on_delivered(app: Any, *, message: Message, outcome: Outcome) -> None:
        heard.append(("delivered", (app, message, outcome)))

    def on_dead(app: Any, *, message: Message, outcome: Outcome) -> None:
        heard.append(("dead", (app, message, outcome)))

    box.answer = failing("2", outcome=REFUSED)
    box.say(invoice("1", order="A"), invoice("2", order="B"), invoice("3", order="C"))
    box.answer = lambda message: {"1": DELIVERED, "2": REFUSED, "3": BUSY}[said(message)]
    app = box.shop.app
    with message_delivered.connected_to(on_delivered, sender=app), message_dead.connected_to(on_dead, sender=app):
        box.drain(announce=box.state.drain.announce).run()
    assert [(name, said(message), outcome) for name, (_, message, outcome) in heard] == [
        ("delivered", "1", DELIVERED),
        ("dead", "2", replace(REFUSED, excerpt="")),
    ]
    assert all((message.body, message.last_excerpt) == (None, "") for _, (_, message, _) in heard)


def test_a_listener_may_write_the_message_down_with_its_tries(box: Box) -> None:
    heard: list[dict[str, Any]] = []

    def write_down(app: Any, *, message: Message, outcome: Outcome) -> None:
        heard.append(orjson.loads(orjson.dumps(message)))

    with message_delivered.connected_to(write_down, sender=box.shop.app):
        box.answer = failing("1")
        box.say(invoice("1"))
        box.drain(announce=box.state.drain.announce).run()
        box.clock.advance(3600)
        box.answer = failing("none")
        box.drain(announce=box.state.drain.announce).run()
    assert [sorted(each) for each in heard[0]["tries"]] == [["at", "milliseconds", "reason", "status"]]


def test_a_listener_that_breaks_ends_nothing(box: Box) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    box.say(invoice("1", order="A"), invoice("2", order="B"))
    with message_delivered.connected_to(broken, sender=box.shop.app):
        assert box.drain(announce=box.state.drain.announce).run().delivered == 2


def test_the_log_names_the_message_and_shows_no_body(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    """S7"""
    caplog.set_level(logging.DEBUG, logger="flask_vtex_seller")
    box.answer = failing("2", outcome=REFUSED)
    box.say(invoice("1", order="A", body={"name": "Maria"}), invoice("2", order="B", body={"name": "Maria"}))
    box.run()
    lines = [(record.levelname, record.message, record.__dict__["invoice_number"]) for record in caplog.records]
    assert lines == [
        ("INFO", "invoice, message 1, is delivered: 200", "1"),
        ("WARNING", "invoice, message 2, is dead: 400", "2"),
    ]
    assert "Maria" not in str([vars(record) for record in caplog.records])


# marketplaces


def test_messages_of_a_paused_marketplace_wait(new_box: NewBox, database_url: str) -> None:
    paused = new_box(marketplaces={"acme": ACME, "other": {**ACME, "paused": True}})
    paused.say(invoice("1"), invoice("2", marketplace="other"))
    assert paused.run().delivered == 1
    assert paused.states() == {"1": "delivered", "2": "pending"}
    assert {row.attempts for row in paused.rows() if row.marketplace == "other"} == {0}
    again = new_box(create_tables=False)
    assert again.run().delivered == 1
    assert again.names == ["2"]


def test_messages_of_a_marketplace_that_is_no_longer_configured_wait(new_box: NewBox) -> None:
    box = new_box(marketplaces={"acme": ACME})
    box.say(invoice("1", marketplace="gone"), invoice("2"))
    assert box.run().delivered == 1
    assert box.states() == {"1": "pending", "2": "delivered"}


def test_a_message_of_an_operation_nobody_knows_hinders_no_other(box: Box) -> None:
    """A newer version wrote it, and was rolled back."""
    unknown = Draft(marketplace="acme", operation="teleport", lane="x", arguments={"invoice_number": "1"})
    box.say(unknown, invoice("2"))
    report = box.drain(send=box.state.drain.send).run(limit=1)
    assert (report.delivered, report.failed) == (0, 1)
    assert box.run().delivered == 1


# cleaning up, moving


def test_purging_deletes_what_was_delivered_long_ago(box: Box) -> None:
    box.say(invoice("1"))
    box.run()
    box.clock.advance(10)
    box.say(invoice("2"))
    assert [box.drain().purge(before=box.clock.now(), limit=1) for _ in range(2)] == [True, False]
    assert box.states() == {"2": "pending"}


def test_a_message_is_not_moved_while_it_is_being_sent(box: Box) -> None:
    moved = []

    def meddle(message: Message) -> Outcome:
        moved.append(box.drain().move([message.id], MessageState.DISCARDED, reason="too late"))
        return DELIVERED

    box.answer = meddle
    box.say(invoice("1"))
    box.run()
    assert moved == [0]
    assert box.states() == {"1": "delivered"}


def test_a_waiting_message_that_is_retried_is_sent_at_once(box: Box) -> None:
    box.answer = lambda _: BUSY
    box.say(invoice("1"))
    box.run()
    assert box.drain().move(box.ids(), MessageState.PENDING, reason="now") == 1
    box.answer = failing()
    assert box.run().delivered == 1
    assert box.sent[-1].attempts == 1


# databases


def test_the_outbox_works_on_a_database_in_memory(new_shop: Callable[..., Shop], new_box: NewBox) -> None:
    box = new_box(database_url="sqlite://")
    box.say(invoice("1"), invoice("2"), notice("apple"), notice("apple"))
    assert box.run().delivered == 3
    assert box.names[0] == "1"
    assert box.names.index("1") < box.names.index("2")


@pytest.mark.parametrize("wal", [True, False])
def test_drains_at_once_send_each_message_once_in_both_journal_modes(new_box: NewBox, wal: bool) -> None:
    """R2: SQLite's own default is no WAL."""
    box = new_box(wal=wal)
    box.say(*(invoice(str(number), order=str(number)) for number in range(40)))
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda drain: drain.run(), [box.drain(), box.drain()]))
    box.run()
    assert len(box.sent) == len({message.id for message in box.sent}) == 40
