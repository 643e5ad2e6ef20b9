"""The same call many times at once, and a process that dies in the middle: one order, one answer."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from flask_vtex_seller import (
    CancellationDecision,
    CancellationRequest,
    FulfillmentAuthorization,
    IllegalTransition,
    Order,
    OrderPlacement,
    OrderState,
)
from flask_vtex_seller.orders.lane import order_lane
from flask_vtex_seller.outbox.message import Message
from flask_vtex_seller.state import current_state

from ..contract.speaking import DELIVERED, TRACKING, make_invoice, place_order, speaking
from ..shops import Shop, StoppedClock, order_body, reserve, use_order_finder

CALLS = 50
ROOT = Path(__file__).parents[2]


def at_once(call: Callable[[], Any], times: int = CALLS) -> list[Any]:
    """Run `call` on that many threads which all start together."""
    barrier = threading.Barrier(times)

    def run(_: int) -> Any:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(run, range(times)))


@pytest.fixture
def shop(new_shop: Callable[..., Shop]) -> Shop:
    # Fifty threads wait for each other longer than a driver's default of five seconds allows on a busy machine.
    options: dict[str, Any] = {"pool_size": 20, "max_overflow": 40}
    return new_shop(SQLALCHEMY_ENGINE_OPTIONS=options)


def place_at_once(shop: Shop) -> set[str]:
    answers = at_once(lambda: shop.call("/pvt/orders", [order_body()]))
    assert {answer.status_code for answer in answers} == {200}
    return {answer.json[0]["orderId"] for answer in answers}


@pytest.mark.parametrize("wal", [True, False])
def test_identical_placements_at_once_make_one_order(new_shop: Callable[..., Shop], wal: bool) -> None:
    """P27; on SQLite in both of its journal modes."""
    shop = new_shop(wal=wal, SQLALCHEMY_ENGINE_OPTIONS={"pool_size": 20, "max_overflow": 40})
    assert place_at_once(shop) == {"S-1"}
    assert shop.order_ids() == ["S-1"]
    assert len(shop.asked_for(OrderPlacement)) == 1


@pytest.mark.parametrize("with_finder", [True, False])
def test_identical_placements_at_once_make_one_order_with_a_hook_that_commits(shop: Shop, with_finder: bool) -> None:
    """P27"""

    def reserve_and_commit(order: OrderPlacement) -> str:
        order_id = reserve(shop, order)
        shop.db.session.commit()
        return order_id

    shop.place = reserve_and_commit
    if with_finder:
        use_order_finder(shop)
    assert place_at_once(shop) == {"S-1"}
    assert shop.order_ids() == ["S-1"]
    assert len(shop.asked_for(OrderPlacement)) == 1


def test_a_hook_that_commits_before_it_has_made_its_order_still_makes_one(shop: Shop) -> None:
    def commit_first(order: OrderPlacement) -> str:
        shop.db.session.commit()
        order_id = reserve(shop, order)
        shop.db.session.commit()
        return order_id

    shop.place = commit_first
    use_order_finder(shop)
    assert place_at_once(shop) == {"S-1"}
    assert shop.order_ids() == ["S-1"]


def test_two_contents_under_one_id_at_once_make_one_order_and_one_conflict(shop: Shop) -> None:
    """P28, row 42"""
    for number in range(10):
        id_ = f"{number:013}-01"
        bodies = iter([order_body(id_), order_body(id_, marketplacePaymentValue=1)])
        lock = threading.Lock()

        def call(bodies: Any = bodies, lock: Any = lock) -> tuple[int, str | None]:
            with lock:
                body = next(bodies)
            answer = shop.call("/pvt/orders", body)
            return answer.status_code, answer.headers.get("x-vtex-error-code")

        assert sorted(at_once(call, 2)) == [(200, None), (409, "FMT009")]
    assert len(shop.order_ids()) == 10


def test_arrays_of_the_same_orders_in_opposite_order_do_not_block_each_other(shop: Shop) -> None:
    orders = [order_body("A-01"), order_body("B-01")]
    turns = iter([orders, orders[::-1]] * 10)
    lock = threading.Lock()

    def call() -> Any:
        with lock:
            body = next(turns)
        return shop.call("/pvt/orders", body)

    answers = at_once(call, 20)
    assert {answer.status_code for answer in answers} == {200}
    assert len(shop.order_ids()) == 2


def test_authorizations_at_once_release_once(shop: Shop) -> None:
    """P38"""
    shop.call("/pvt/orders", [order_body()])
    receipts = iter(range(CALLS))
    shop.release = lambda _: f"receipt-{next(receipts)}"
    answers = at_once(lambda: shop.call("/pvt/orders/S-1/fulfill", {}))
    assert {(answer.status_code, answer.json["receipt"]) for answer in answers} == {(200, "receipt-0")}
    assert len(shop.asked_for(FulfillmentAuthorization)) == 1


def test_cancellations_at_once_cancel_once(shop: Shop) -> None:
    """P50"""
    shop.call("/pvt/orders", [order_body()])
    answers = at_once(lambda: shop.call("/pvt/orders/S-1/cancel", {"cancellationRequestId": "1"}))
    assert {(answer.status_code, answer.json["orderId"]) for answer in answers} == {(200, "S-1")}
    assert len(shop.asked_for(CancellationRequest)) == 1


def test_refusals_at_once_are_decided_once(shop: Shop) -> None:
    shop.call("/pvt/orders", [order_body()])
    shop.decide = lambda _: CancellationDecision.REFUSE
    answers = at_once(lambda: shop.call("/pvt/orders/S-1/cancel", {"cancellationRequestId": "1"}))
    assert {(answer.status_code, answer.data) for answer in answers} == {(200, b"")}
    assert len(shop.asked_for(CancellationRequest)) == 1


def test_authorizing_and_canceling_at_once_never_ships_a_canceled_order(shop: Shop) -> None:
    for number in range(10):
        marketplace_order_id = f"{number:013}-01"
        order_id = shop.call("/pvt/orders", [order_body(marketplace_order_id)]).json[0]["orderId"]
        turns = iter(["fulfill", "cancel"])
        lock = threading.Lock()

        def call(turns: Any = turns, lock: Any = lock, order_id: str = order_id) -> Any:
            with lock:
                turn = next(turns)
            return turn, shop.call(f"/pvt/orders/{order_id}/{turn}", {}).status_code

        statuses = dict(at_once(call, 2))
        assert statuses["cancel"] == 200
        # either it was released first and canceled then, or the release was refused
        released = [a for a in shop.asked_for(FulfillmentAuthorization) if a.order_id == order_id]
        assert statuses["fulfill"] == (200 if released else 409)


def use_expiry(shop: Shop) -> None:
    @shop.seller.on_reservation_expired
    def expire(order: Order) -> None:
        shop.asked.append(order)


def run_expiry(shop: Shop) -> list[str | None]:
    with shop.app.app_context():
        return [order.order_id for order in current_state().reservations.expire()]


def test_workers_at_once_end_each_reservation_once(new_shop: Callable[..., Shop]) -> None:
    """P32"""
    clock = StoppedClock()
    shop = new_shop(clock=clock, SQLALCHEMY_ENGINE_OPTIONS={"pool_size": 20, "max_overflow": 40})
    use_expiry(shop)
    shop.call("/pvt/orders", [order_body(f"{number:013}-01") for number in range(10)])
    clock.advance(8 * 86400)
    ended = [order_id for answer in at_once(lambda: run_expiry(shop), 8) for order_id in answer]
    ended += run_expiry(shop)  # what met another worker is left to the next run
    assert sorted(ended) == sorted(shop.order_ids())
    assert len(shop.asked_for(Order)) == 10


def test_a_reservation_that_ends_while_it_is_authorized_is_told_to_the_hook(new_shop: Callable[..., Shop]) -> None:
    clock = StoppedClock()
    shop = new_shop(clock=clock)
    use_expiry(shop)
    shop.call("/pvt/orders", [order_body()])
    clock.advance(8 * 86400)
    with just_before(shop, "UPDATE vtex_order", lambda: run_expiry(shop)):
        assert shop.call("/pvt/orders/S-1/fulfill", {}).status_code == 200
    (authorization,) = shop.asked_for(FulfillmentAuthorization)
    assert authorization.reservation_expired
    assert len(shop.asked_for(Order)) == 1


def test_a_reservation_is_not_ended_while_it_is_authorized(new_shop: Callable[..., Shop]) -> None:
    clock = StoppedClock()
    shop = new_shop(clock=clock)
    use_expiry(shop)
    shop.call("/pvt/orders", [order_body()])
    clock.advance(8 * 86400)
    with just_before(shop, "UPDATE vtex_order", lambda: shop.call("/pvt/orders/S-1/fulfill", {})):
        assert run_expiry(shop) == []
    assert shop.asked_for(Order) == []


@pytest.mark.parametrize("decision", [CancellationDecision.CONFIRM, CancellationDecision.REFUSE])
def test_invoicing_and_deciding_at_once_never_sends_the_invoice_of_a_canceled_order(
    shop: Shop, decision: CancellationDecision
) -> None:
    """P49: whoever comes first, the invoice is refused or it follows the decision; so does its tracking."""
    for number in range(12):
        order_id = place_order(shop, f"{number:013}-01")
        shop.decide = lambda _: CancellationDecision.EVALUATE
        shop.call(f"/pvt/orders/{order_id}/cancel", {"cancellationRequestId": "1"})
        shop.decide = lambda _: decision
        refused = invoice_while_deciding(shop, order_id, cancel_first=bool(number % 2))
        with shop.app.app_context():
            lane = order_lane(f"{number:013}-01")
            page = current_state().outbox.page(state=None, marketplace=None, lane=lane, limit=9)
            order = shop.seller.order(order_id)
        states = {message.operation: message.state.value for message in page}
        if decision is CancellationDecision.REFUSE:
            assert states == {"invoice": "pending", "tracking": "pending"}
            assert not refused
        else:
            assert set(states.values()) <= {"discarded"}
            assert (order.state, order.invoiced_said) == (OrderState.CANCELED, 0)


@contextlib.contextmanager
def just_before(shop: Shop, beginning: str, act: Callable[[], object]) -> Iterator[None]:
    """Have another thread act, once, when this one is about to execute a statement that begins like that."""
    mine, done = threading.get_ident(), []

    def before(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(beginning) and threading.get_ident() == mine and not done:
            done.append(statement)
            other = threading.Thread(target=act)
            other.start()
            other.join()

    with shop.app.app_context():
        engine = shop.db.engine
    event.listen(engine, "before_cursor_execute", before)
    yield
    event.remove(engine, "before_cursor_execute", before)
    assert done


@pytest.mark.parametrize(
    ("before", "decision", "becomes"),
    [
        (None, CancellationDecision.EVALUATE, ["held"]),
        (CancellationDecision.EVALUATE, CancellationDecision.REFUSE, ["pending"]),
        (CancellationDecision.EVALUATE, CancellationDecision.CONFIRM, []),
        (None, CancellationDecision.CONFIRM, []),
    ],
)
def test_a_decision_in_the_middle_of_an_invoice_counts(
    shop: Shop, before: CancellationDecision | None, decision: CancellationDecision, becomes: list[str]
) -> None:
    """P49: the statement that says the invoice decides, not what the shop's transaction read before it."""
    place_order(shop, "1138342255777-01")
    if before is not None:
        shop.decide = lambda _: before
        shop.call("/pvt/orders/S-1/cancel", {})
    shop.decide = lambda _: decision
    says = just_before(shop, "UPDATE vtex_order", lambda: shop.call("/pvt/orders/S-1/cancel", {}))
    expected = contextlib.nullcontext() if becomes else pytest.raises(IllegalTransition, match="changed by another")
    with expected, says, speaking(shop) as seller:
        seller.send_invoice("S-1", make_invoice("1"))
    assert [message.state.value for message in messages(shop)] == becomes


@pytest.mark.parametrize("verb", ["send_tracking", "update_tracking_status"])
def test_what_is_said_of_a_parcel_is_refused_when_its_invoice_is_discarded_in_the_middle(shop: Shop, verb: str) -> None:
    """P49"""
    place_order(shop, "1138342255777-01")
    shop.decide = lambda _: CancellationDecision.EVALUATE
    shop.call("/pvt/orders/S-1/cancel", {})
    with speaking(shop) as seller:
        seller.send_invoice("S-1", make_invoice("1", tracking=TRACKING))
    shop.decide = lambda _: CancellationDecision.CONFIRM
    says = just_before(shop, "UPDATE vtex_invoice", lambda: shop.call("/pvt/orders/S-1/cancel", {}))
    argument = TRACKING if verb == "send_tracking" else DELIVERED
    with pytest.raises(IllegalTransition, match="changed by another"), says, speaking(shop) as seller:
        getattr(seller, verb)("S-1", "1", argument)
    assert [message.state.value for message in messages(shop)] == ["discarded"]


def test_an_invoice_in_the_middle_of_the_shops_own_cancellation_counts(shop: Shop) -> None:
    place_order(shop, "1138342255777-01")

    def invoice() -> None:
        with speaking(shop) as seller:
            seller.send_invoice("S-1", make_invoice("1"))

    says = just_before(shop, "UPDATE vtex_order", invoice)
    with pytest.raises(IllegalTransition, match="changed by another"), says, speaking(shop) as seller:
        seller.cancel_order("S-1", reason="broken")
    assert [(message.operation, message.state.value) for message in messages(shop)] == [("invoice", "pending")]


def test_a_decision_that_came_too_late_settles_no_held_invoice(new_shop: Callable[..., Shop]) -> None:
    """P48, P49: the hook committed by itself and outlived its claim; another call decided meanwhile."""
    clock = StoppedClock()
    shop = new_shop(clock=clock)
    place_order(shop, "1138342255777-01")
    shop.decide = lambda _: CancellationDecision.EVALUATE
    shop.call("/pvt/orders/S-1/cancel", {})
    with speaking(shop) as seller:
        seller.send_invoice("S-1", make_invoice("1"))

    def commit_and_linger(_: CancellationRequest) -> CancellationDecision:
        shop.decide = lambda _: CancellationDecision.REFUSE
        shop.db.session.commit()
        clock.advance(300)
        other = threading.Thread(target=lambda: shop.call("/pvt/orders/S-1/cancel", {}))
        other.start()
        other.join()
        return CancellationDecision.CONFIRM

    shop.decide = commit_and_linger
    assert shop.call("/pvt/orders/S-1/cancel", {}).data == b"", "what is stored is answered"
    assert [message.state.value for message in messages(shop)] == ["pending"]


def messages(shop: Shop) -> list[Message]:
    with shop.app.app_context():
        return current_state().outbox.page(state=None, marketplace=None, lane=None, limit=99)


@pytest.mark.postgres
def test_tracking_that_is_just_being_said_is_discarded_with_its_held_invoice(shop: Shop) -> None:
    """P49: the decision finds the tracking only after it has waited for whoever says it."""
    place_order(shop, "1138342255777-01")
    shop.decide = lambda _: CancellationDecision.EVALUATE
    shop.call("/pvt/orders/S-1/cancel", {})
    with speaking(shop) as seller:
        seller.send_invoice("S-1", make_invoice("1"))
    shop.decide = lambda _: CancellationDecision.CONFIRM
    waits = threading.Event()

    def before(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("DELETE FROM vtex_invoice"):
            waits.set()

    with shop.app.app_context():
        event.listen(shop.db.engine, "before_cursor_execute", before)
    answers: list[int] = []
    decision = threading.Thread(target=lambda: answers.append(shop.call("/pvt/orders/S-1/cancel", {}).status_code))
    with speaking(shop) as seller:
        seller.send_tracking("S-1", "1", TRACKING)
        decision.start()
        assert waits.wait(20)
    decision.join()
    assert answers == [200]
    states = {message.operation: message.state.value for message in messages(shop)}
    assert states == {"invoice": "discarded", "tracking": "discarded"}


def invoice_while_deciding(shop: Shop, order_id: str, *, cancel_first: bool) -> list[str]:
    """Run the second cancellation call and the shop's invoice with its tracking at once; return what was refused."""
    refused, lock = [], threading.Lock()
    turns = iter(["cancel", "ship"] if cancel_first else ["ship", "cancel"])

    def say(verb: str, *arguments: Any) -> None:
        try:
            with speaking(shop) as seller:
                getattr(seller, verb)(order_id, *arguments)
        except (IllegalTransition, ValueError) as error:
            refused.append(str(error))

    def call() -> None:
        with lock:
            turn = next(turns)
        if turn == "cancel":
            assert shop.call(f"/pvt/orders/{order_id}/cancel", {"cancellationRequestId": "1"}).status_code == 200
        else:
            say("send_invoice", make_invoice("1"))
            say("send_tracking", "1", TRACKING)

    at_once(call, 2)
    return refused


@pytest.mark.parametrize(("path", "hook"), [("fulfill", "release"), ("cancel", "decide")])
def test_while_a_hook_that_committed_still_runs_another_call_does_not_start_it_again(
    new_shop: Callable[..., Shop], path: str, hook: str
) -> None:
    shop = new_shop(clock=StoppedClock())
    shop.call("/pvt/orders", [order_body()])
    answer = getattr(shop, hook)
    meanwhile = []

    def call() -> None:
        meanwhile.append(shop.call(f"/pvt/orders/S-1/{path}", {}).status_code)

    def commit_and_linger(argument: Any) -> Any:
        setattr(shop, hook, answer)
        shop.db.session.commit()
        other = threading.Thread(target=call)
        other.start()
        other.join()
        return answer(argument)

    setattr(shop, hook, commit_and_linger)
    assert shop.call(f"/pvt/orders/S-1/{path}", {}).status_code == 200
    assert meanwhile == [503]
    assert len([argument for argument in shop.asked if hasattr(argument, "order_id")]) == 1


def test_claims_are_made_in_sorted_order_so_that_no_two_arrays_deadlock(shop: Shop) -> None:
    """Both calls stop after their first claim: in opposite orders each would then wait for the other's."""
    with shop.app.app_context():
        engine = shop.db.engine
    first_claims, claimed, failures = threading.Barrier(2), threading.local(), []

    def after(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO vtex_order") and not hasattr(claimed, "once"):
            claimed.once = True
            with contextlib.suppress(threading.BrokenBarrierError):
                first_claims.wait(timeout=0.5)

    event.listen(engine, "after_cursor_execute", after)
    event.listen(engine, "handle_error", failures.append)
    orders = [order_body("A-01"), order_body("B-01")]
    turns = iter([orders, orders[::-1]])
    answers = at_once(lambda: shop.call("/pvt/orders", next(turns)), 2)
    assert {answer.status_code for answer in answers} == {200}
    assert failures == []


KILLED_SHOP = """
    import json, os, signal, sys
    from tests.shops import make_shop, order_body, reserve

    shop = make_shop(sys.argv[1])

    def reserve_commit_and_die(order):
        reserve(shop, order)
        if sys.argv[2] == "after commit":
            shop.db.session.commit()
        os.kill(os.getpid(), signal.SIGKILL)

    shop.place = reserve_commit_and_die
    shop.call("/pvt/orders", [order_body()])
"""


@pytest.mark.parametrize(("moment", "left_behind"), [("after commit", ["S-1"]), ("before commit", [])])
def test_after_a_kill_in_the_placement_hook_the_repeat_makes_one_order(
    shop: Shop, database_url: str, moment: str, left_behind: list[str]
) -> None:
    """P27, P34"""
    command = [sys.executable, "-c", textwrap.dedent(KILLED_SHOP), database_url, moment]
    killed = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert shop.order_ids() == left_behind

    use_order_finder(shop)
    assert place_at_once(shop) == {"S-1"}
    assert shop.order_ids() == ["S-1"]
    assert len(shop.asked_for(OrderPlacement)) == 1 - len(left_behind)


@pytest.mark.postgres
def test_a_database_that_restarts_is_503_and_then_serves_again(
    postgres_server: Any, new_shop: Callable[..., Shop]
) -> None:
    shop = new_shop(database_url=postgres_server.url)
    try:
        assert shop.call("/pvt/orders", [order_body()]).status_code == 200
        postgres_server.stop()
        response = shop.call("/pvt/orders", [order_body("B-01")])
        assert (response.status_code, response.json["error"]["code"]) == (503, "TEMPORARILY_UNAVAILABLE")
        postgres_server.start()
        # pooled connections of before the restart are found dead one by one
        statuses = [shop.call("/pvt/orders", [order_body("B-01")]).status_code for _ in range(3)]
        assert statuses[-1] == 200
        assert shop.order_ids() == ["S-1", "S-2"]
    finally:
        with shop.app.app_context():
            shop.db.session.remove()
            shop.db.drop_all()
