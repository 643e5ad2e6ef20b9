"""What all workers together may call. (R6, R7, R8)"""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from flask_vtex_seller.errors import HookFailed
from flask_vtex_seller.marketplace.outcome import Certainty, Outcome, Verdict
from flask_vtex_seller.outbox.limits import BREAKS_AFTER, OPEN, REPEATS, GateLedger
from flask_vtex_seller.outbox.message import Message

from .box import BUSY, DELIVERED, REFUSED, Box, invoice, notice, said

SECOND = timedelta(seconds=1)
SILENT = Outcome(verdict=Verdict.RETRY, reason="outcome unknown", certainty=Certainty.UNKNOWN)


@contextmanager
def gates(box: Box) -> Iterator[GateLedger]:
    drain = box.state.drain
    with drain.engine.begin() as connection:
        yield GateLedger(connection, drain.gates)


def reserve(box: Box, count: int, *, per_second: float = 10, ahead: timedelta = SECOND) -> list[float]:
    """Return how many seconds from now each moment is."""
    now = box.clock.now()
    with gates(box) as ledger:
        moments = ledger.reserve("acme", "rate:orders", count, per_second=per_second, now=now, ahead=ahead)
    return [(moment - now).total_seconds() for moment in moments]


# a rate


def test_moments_are_as_far_apart_as_the_rate_says(box: Box) -> None:
    assert reserve(box, 3) == [0.0, 0.1, 0.2]
    assert reserve(box, 2) == [0.3, 0.4]


def test_what_was_not_used_is_not_saved_up(box: Box) -> None:
    reserve(box, 1)
    box.clock.advance(3600)
    assert reserve(box, 2) == [0.0, 0.1]


def test_no_more_is_given_away_than_lies_near(box: Box) -> None:
    assert len(reserve(box, 1000)) == 11
    assert reserve(box, 1) == [], "the next one is 1.1 s away"
    box.clock.advance(0.2)
    assert len(reserve(box, 1)) == 1


def test_marketplaces_and_groups_have_rates_of_their_own(box: Box) -> None:
    now = box.clock.now()
    with gates(box) as ledger:
        for key in (("acme", "rate:orders"), ("other", "rate:orders"), ("acme", "rate:catalog")):
            assert ledger.reserve(*key, 1, per_second=1, now=now, ahead=SECOND) == [now]


def test_a_drain_obeys_its_rate(box: Box) -> None:
    """R8"""
    sent: list[datetime] = []
    box.answer = lambda _: sent.append(box.clock.now()) or DELIVERED  # type: ignore[func-returns-value]
    box.say(*(invoice(str(number), order=str(number)) for number in range(30)))
    drain = box.drain(rates={("acme", "orders"): 5.0})
    while drain.run().delivered:
        pass
    assert len(sent) == 30
    apart = [later - earlier for earlier, later in itertools.pairwise(sent)]
    assert min(apart) >= timedelta(seconds=0.2)
    assert sent[-1] - sent[0] <= timedelta(seconds=30 / 5 * 1.05)


def test_a_run_with_an_end_waits_for_its_rate(box: Box) -> None:
    """R8: others have reserved the next moments; it would stand still until the next tick otherwise."""
    reserve(box, 6, per_second=5)
    box.say(*(invoice(str(number), order=str(number)) for number in range(30)))
    report = box.drain(rates={("acme", "orders"): 5.0}).run(seconds=10)
    assert (report.delivered, report.unfinished) == (30, False)


def test_moments_that_a_rate_gave_are_used_though_the_run_is_over(box: Box) -> None:
    """R8: nobody else would use them."""
    box.say(*(invoice(str(number), order=str(number)) for number in range(30)))
    begun = box.clock.now()
    report = box.drain(rates={("acme", "orders"): 5.0}).run(seconds=0.1)
    assert (report.delivered, report.unfinished) == (6, True)
    assert box.clock.now() - begun == SECOND


def test_a_rate_of_one_group_does_not_hold_another(box: Box) -> None:
    box.say(notice("apple"), *(invoice(str(number), order=str(number)) for number in range(15)))
    begun = box.clock.now()
    box.drain(rates={("acme", "notices"): 0.1, ("other", "orders"): 0.1}).run()
    assert len(box.sent) == 16
    assert box.clock.now() == begun


def test_what_a_rate_holds_back_is_no_attempt(box: Box) -> None:
    box.say(*(invoice(str(number), order=str(number)) for number in range(5)))
    box.drain(rates={("acme", "orders"): 1.0}).run()
    assert {message.attempts for message in box.sent} == {1}
    assert [(row.attempts, row.state) for row in box.rows()] == [(1, "delivered")] * 5


# a breaker


def break_host(box: Box, *, outcome: Outcome = SILENT) -> None:
    box.answer = lambda _: outcome
    box.say(*(invoice(f"b{number}", order=f"b{number}") for number in range(BREAKS_AFTER)))
    box.run()
    box.sent.clear()


@pytest.mark.parametrize("outcome", [SILENT, BUSY])
def test_a_host_that_fails_again_and_again_is_left_alone(box: Box, outcome: Outcome) -> None:
    """R7"""
    break_host(box, outcome=outcome)
    box.say(invoice("1"))
    box.clock.advance(OPEN.total_seconds() - 1)
    box.run()
    assert box.sent == []
    assert all(row.attempts == 0 for row in box.rows() if row.lane == "order:1-01"), "no attempt is lost to it"


def test_one_call_at_a_time_tries_a_broken_host(box: Box) -> None:
    """R7: two calls a minute, however many workers there are."""
    break_host(box)
    for minute in range(3):
        for _ in range(2):
            box.clock.advance(OPEN.total_seconds())
            for _ in range(4):
                box.run()
        assert len(box.sent) == 2 * (minute + 1)


def test_a_host_that_answers_again_gets_all_that_waits(box: Box) -> None:
    """R7"""
    break_host(box)
    box.clock.advance(OPEN.total_seconds())
    box.answer = lambda _: DELIVERED
    box.run()
    box.clock.advance(60)
    box.run()
    assert set(box.states().values()) == {"delivered"}


def test_a_host_whose_answer_is_no_works(box: Box) -> None:
    box.answer = lambda _: REFUSED
    box.say(*(invoice(str(number), order=str(number)) for number in range(2 * BREAKS_AFTER)))
    assert box.run().dead == 2 * BREAKS_AFTER


@pytest.mark.parametrize("error", [HookFailed("sku_loader", "raised"), ValueError("a bug")])
def test_what_fails_on_this_side_says_nothing_about_a_host(box: Box, error: Exception) -> None:
    def fail(_: Message) -> Outcome:
        raise error

    box.answer = fail
    box.say(*(invoice(str(number), order=str(number)) for number in range(2 * BREAKS_AFTER)))
    box.run()
    assert len(box.sent) == 2 * BREAKS_AFTER
    with gates(box) as ledger:
        assert ("acme", "host:store") not in ledger.all(["acme"])


def test_failures_with_successes_between_them_break_nothing(box: Box) -> None:
    box.answer = lambda message: SILENT if int(said(message)) % 3 else DELIVERED
    box.say(*(invoice(str(number), order=str(number)) for number in range(60)))
    assert box.run().failed == 40
    assert len(box.sent) == 60


def test_the_other_hosts_go_on(box: Box) -> None:
    break_host(box)
    box.answer = lambda _: DELIVERED
    box.say(invoice("2", marketplace="other"), invoice("3"))
    box.run()
    assert box.names == ["2"]


def test_a_breaker_that_opens_and_closes_is_announced_once(box: Box) -> None:
    told: list[tuple[str, str, bool]] = []
    drain = box.drain(announce_breaker=lambda *turn: told.append(turn))
    box.answer = lambda _: SILENT
    box.say(*(invoice(str(number), order=str(number)) for number in range(2 * BREAKS_AFTER)))
    drain.run()
    box.clock.advance(OPEN.total_seconds())
    drain.run()
    assert told == [("acme", "host:store", True)]
    box.answer = lambda _: DELIVERED
    box.clock.advance(OPEN.total_seconds())
    drain.run()
    drain.run()
    assert told == [("acme", "host:store", True), ("acme", "host:store", False)]


# a host's own wish


def throttled(seconds: float) -> Outcome:
    return Outcome(verdict=Verdict.RETRY, status=429, reason="429", retry_after=timedelta(seconds=seconds))


def test_a_host_that_wants_to_be_left_alone_is_left_alone_by_everybody(box: Box) -> None:
    """P77, R6"""
    box.answer = lambda _: throttled(120)
    box.say(invoice("1"))
    box.run()
    box.answer = lambda _: DELIVERED
    box.say(invoice("2", order="2"), invoice("3", order="3", marketplace="other"))
    box.run()
    assert box.names == ["1", "3"]
    box.clock.advance(119)
    assert box.run().delivered == 0
    box.clock.advance(1)
    box.run()
    assert "2" in box.names


def test_a_shorter_wish_does_not_end_a_longer_one(box: Box) -> None:
    now = box.clock.now()
    with gates(box) as ledger:
        ledger.rest("acme", "host:store", until=now + 10 * SECOND)
        ledger.rest("acme", "host:store", until=now + 5 * SECOND)
    with gates(box) as ledger:
        assert ledger.all(["acme"])["acme", "host:store"].next_at == now + 10 * SECOND


# repeats


def test_repeats_are_a_share_of_what_is_sent(box: Box) -> None:
    """R7"""
    box.answer = lambda _: BUSY if len(box.sent) % 2 else DELIVERED
    box.say(*(invoice(str(number), order=str(number)) for number in range(200)))
    box.run()
    box.clock.advance(60)
    box.answer = lambda _: DELIVERED
    begun, box.sent[:] = box.clock.now(), []
    while box.run().delivered:
        pass
    took = (box.clock.now() - begun).total_seconds()
    assert len(box.sent) == 100
    assert took == pytest.approx(100 / 20, rel=0.1)


def test_beside_enough_first_attempts_repeats_are_free(box: Box) -> None:
    box.answer = lambda message: BUSY if said(message) == "0" else DELIVERED
    box.say(invoice("0", order="0"))
    box.run()
    box.clock.advance(60)
    box.answer = lambda _: DELIVERED
    box.say(*(invoice(str(number), order=str(number)) for number in range(1, 15)))
    box.run()
    with gates(box) as ledger:
        assert ("acme", REPEATS) not in ledger.all(["acme"])


# many threads


def test_many_threads_deliver_each_message_once_and_in_order(box: Box) -> None:
    together = threading.Barrier(4)

    def answer(message: Message) -> Outcome:
        if message.arguments["invoice_number"] == "0":
            together.wait(10)
        return DELIVERED

    box.answer = answer
    box.say(*(invoice(str(number), order=str(order)) for number in range(5) for order in range(4)))
    assert box.run(threads=4).delivered == 20
    by_order: dict[str, list[str]] = {}
    for message in box.sent:
        by_order.setdefault(message.lane, []).append(said(message))
    assert by_order == {f"order:{order}": ["0", "1", "2", "3", "4"] for order in range(4)}
