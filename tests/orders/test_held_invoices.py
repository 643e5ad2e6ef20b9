"""Invoices that are said while the shop evaluates a cancellation: held, and settled by its decision (P49)."""

from collections.abc import Callable
from typing import Any

import pytest

from flask_vtex_seller import (
    CancellationDecision,
    CancellationRequest,
    IllegalTransition,
    Order,
    OrderState,
    order_canceled,
)
from flask_vtex_seller.outbox.message import Message, MessageState
from flask_vtex_seller.state import State, current_state

from ..contract.speaking import DELIVERED, TOTAL, TRACKING, make_invoice, place_order, speaking
from ..outbox.box import DELIVERED as TAKEN
from ..shops import Shop, StoppedClock

CONFIRM, EVALUATE, REFUSE = CancellationDecision.CONFIRM, CancellationDecision.EVALUATE, CancellationDecision.REFUSE
MARKETPLACE_ORDER = "1138342255777-01"


@pytest.fixture
def shop(new_shop: Callable[..., Shop]) -> Shop:
    """With a cancellation of its authorized order, S-1, under evaluation."""
    shop = new_shop(clock=StoppedClock())
    place_order(shop, MARKETPLACE_ORDER)
    cancel(shop, EVALUATE)
    return shop


def cancel(shop: Shop, decision: CancellationDecision, request_id: str = "1") -> Any:
    """Let the marketplace ask, and the shop decide."""
    shop.decide = lambda _: decision
    return shop.call("/pvt/orders/S-1/cancel", {"cancellationRequestId": request_id})


def state_of(shop: Shop) -> State:
    with shop.app.app_context():
        return current_state()


def waiting(shop: Shop) -> list[Message]:
    """Every message, the oldest first."""
    with shop.app.app_context():
        page = state_of(shop).outbox.page(state=None, marketplace=None, lane=None, limit=100)
    return page[::-1]


def states(shop: Shop) -> list[tuple[str, str]]:
    return [(message.operation, message.state.value) for message in waiting(shop)]


def hear(shop: Shop) -> list[str]:
    """Have the marketplace take what may be sent; return what that was."""
    heard: list[str] = []

    def send(message: Message, _: Any) -> Any:
        heard.append(message.arguments.get("invoice_number", message.operation))
        return TAKEN

    drain = state_of(shop).drain
    object.__setattr__(drain, "send", send)
    drain.run()
    return heard


def order(shop: Shop) -> Any:
    with shop.app.app_context():
        return shop.seller.order("S-1")


def invoice(shop: Shop, number: str = "1", value: int = TOTAL, **keywords: Any) -> None:
    with speaking(shop) as seller:
        seller.send_invoice("S-1", make_invoice(number, value), **keywords)


# held


def test_it_is_held_and_never_sent_while_nothing_is_decided(shop: Shop) -> None:
    """P49"""
    invoice(shop)
    assert states(shop) == [("invoice", "held")]
    shop.seller._clock.sleep(30 * 86400)
    assert hear(shop) == []
    assert (order(shop).state, order(shop).invoiced_said) == (OrderState.AUTHORIZED, TOTAL)


def test_its_tracking_and_status_wait_behind_it(shop: Shop) -> None:
    """P49"""
    invoice(shop)
    with speaking(shop) as seller:
        seller.send_tracking("S-1", "1", TRACKING)
        seller.update_tracking_status("S-1", "1", DELIVERED)
    assert hear(shop) == []


def test_what_is_rolled_back_is_not_held(shop: Shop) -> None:
    with shop.app.app_context():
        shop.seller.send_invoice("S-1", make_invoice())
        shop.db.session.rollback()
    assert waiting(shop) == []


def test_its_number_and_sum_are_checked_at_once(shop: Shop) -> None:
    invoice(shop, "1", 1000)
    with pytest.raises(ValueError, match="an invoice 1 already"):
        invoice(shop, "1", 1000)
    with pytest.raises(ValueError, match="above its 3830"):
        invoice(shop, "2", TOTAL)
    assert states(shop) == [("invoice", "held")]


def test_nothing_of_a_held_invoice_can_come_back(shop: Shop) -> None:
    invoice(shop)
    for verb, arguments, keywords in (
        ("return_invoice", (make_invoice("R1"),), {}),
        ("cancel_order", (), {"reason": "broken", "return_invoice": make_invoice("R1")}),
    ):
        with pytest.raises(IllegalTransition, match="a return invoice needs"), speaking(shop) as seller:
            getattr(seller, verb)("S-1", *arguments, **keywords)
    assert states(shop) == [("invoice", "held")]


# decided


def test_a_held_invoice_does_not_answer_for_the_shop(shop: Shop) -> None:
    """P49: the hook is asked at the next call as if nothing had been invoiced."""
    invoice(shop)
    assert cancel(shop, EVALUATE).data == b""
    assert len(shop.asked_for(CancellationRequest)) == 2
    assert states(shop) == [("invoice", "held")]


def test_refused_by_the_hook_it_is_sent_in_its_order(shop: Shop) -> None:
    """P45, P49"""
    invoice(shop, "1", 1000)
    invoice(shop, "2", 2830)
    with speaking(shop) as seller:
        seller.send_tracking("S-1", "1", TRACKING)
    assert cancel(shop, REFUSE).data == b""
    assert hear(shop) == ["1", "2", "1"]
    assert order(shop).state is OrderState.INVOICED


def test_confirmed_by_the_hook_it_is_discarded_and_was_never_said(shop: Shop) -> None:
    """P49"""
    invoice(shop)
    with speaking(shop) as seller:
        seller.send_tracking("S-1", "1", TRACKING)
        seller.update_tracking_status("S-1", "1", DELIVERED)
    assert cancel(shop, CONFIRM).json["orderId"] == "S-1"
    assert states(shop) == [("invoice", "discarded"), ("tracking", "discarded"), ("tracking_status", "discarded")]
    assert {message.last_reason for message in waiting(shop)} == {"the order is canceled"}
    assert (order(shop).state, order(shop).invoiced_said) == (OrderState.CANCELED, 0)
    assert hear(shop) == []


def test_whoever_hears_of_the_confirmed_cancellation_hears_of_no_invoice(shop: Shop) -> None:
    invoice(shop)
    heard: list[int] = []

    def hear_of(_: Any, order: Order) -> None:
        heard.append(order.invoiced_said)

    with order_canceled.connected_to(hear_of, shop.app):
        cancel(shop, CONFIRM)
    assert heard == [0]


def test_a_decision_that_fails_settles_nothing(shop: Shop) -> None:
    invoice(shop)
    shop.decide = lambda _: "confirm"
    assert shop.call("/pvt/orders/S-1/cancel", {"cancellationRequestId": "1"}).status_code == 500
    assert states(shop) == [("invoice", "held")]
    assert order(shop).invoiced_said == TOTAL


def test_confirmed_by_the_verb_it_is_discarded_and_the_cancellation_sent(shop: Shop) -> None:
    """P48, P49"""
    invoice(shop)
    with speaking(shop) as seller:
        seller.confirm_cancellation("S-1")
    assert states(shop) == [("invoice", "discarded"), ("cancel_order", "pending")]
    assert hear(shop) == ["cancel_order"]


def test_another_invoice_that_refuses_lets_it_go_first(shop: Shop) -> None:
    """P45, P49"""
    invoice(shop, "1", 1000)
    invoice(shop, "2", 2830, refuses_cancellation=True)
    assert order(shop).cancellation_decision is REFUSE
    assert hear(shop) == ["1", "2"]


def test_a_held_invoice_of_the_whole_order_can_refuse_by_itself(shop: Shop) -> None:
    """P45, P49"""
    invoice(shop)
    with speaking(shop) as seller:
        seller.refuse_cancellation("S-1")
    assert order(shop).cancellation_decision is REFUSE
    assert hear(shop) == ["1"]
    assert cancel(shop, CONFIRM).data == b""


def test_without_an_invoice_nothing_is_refused_in_silence(shop: Shop) -> None:
    with pytest.raises(IllegalTransition, match="without a held invoice"), speaking(shop) as seller:
        seller.refuse_cancellation("S-1")
    assert order(shop).cancellation_decision is EVALUATE


def test_without_an_evaluation_there_is_nothing_to_refuse(shop: Shop) -> None:
    invoice(shop, refuses_cancellation=True)
    with pytest.raises(IllegalTransition, match="not under evaluation"), speaking(shop) as seller:
        seller.refuse_cancellation("S-1")


def test_a_shop_that_cancels_by_itself_discards_what_it_held(shop: Shop) -> None:
    invoice(shop)
    with speaking(shop) as seller:
        seller.cancel_order("S-1", reason="broken")
    assert states(shop) == [("invoice", "discarded"), ("cancel_order", "pending")]
    assert order(shop).invoiced_said == 0
    assert hear(shop) == ["cancel_order"]


def test_a_rolled_back_decision_leaves_it_held(shop: Shop) -> None:
    invoice(shop)
    with shop.app.app_context():
        shop.seller.confirm_cancellation("S-1")
        shop.db.session.rollback()
    assert states(shop) == [("invoice", "held")]


def test_invoices_after_the_refusal_are_sent_at_once(shop: Shop) -> None:
    cancel(shop, REFUSE)
    invoice(shop)
    assert hear(shop) == ["1"]


# by somebody


def test_somebody_may_discard_it_but_not_send_it(shop: Shop) -> None:
    invoice(shop)
    (held,) = waiting(shop)
    drain = state_of(shop).drain
    assert drain.move([held.id], MessageState.PENDING, reason="now") == 0
    assert drain.move([held.id], MessageState.DISCARDED, reason="wrong number, ana") == 1
    assert order(shop).invoiced_said == 0
    invoice(shop)


def test_held_messages_are_listed_on_the_command_line(shop: Shop) -> None:
    invoice(shop)
    runner = shop.app.test_cli_runner()
    (line,) = runner.invoke(args=["vtex-seller", "outbox", "list", "--state", "held"]).output.splitlines()[1:]
    assert line.split()[2:5] == ["invoice", f"order:{MARKETPLACE_ORDER}", "held"]


# a hook that commits by itself lets others in before its answer is stored


@pytest.mark.parametrize(
    ("decision", "state", "said"), [(CONFIRM, "discarded", 0), (EVALUATE, "held", TOTAL), (REFUSE, "pending", TOTAL)]
)
def test_an_invoice_that_slips_in_follows_the_decision(
    new_shop: Callable[..., Shop], decision: CancellationDecision, state: str, said: int
) -> None:
    shop = new_shop(clock=StoppedClock())
    place_order(shop, MARKETPLACE_ORDER)

    def commit_and_invoice(_: CancellationRequest) -> CancellationDecision:
        shop.seller.send_invoice("S-1", make_invoice("1"))
        shop.db.session.commit()
        return decision

    shop.decide = commit_and_invoice
    assert shop.call("/pvt/orders/S-1/cancel", {"cancellationRequestId": "1"}).status_code == 200
    assert states(shop) == [("invoice", state)]
    assert order(shop).invoiced_said == said


@pytest.mark.parametrize("answer", [CONFIRM, EVALUATE])
def test_a_refusal_said_while_the_hook_runs_is_the_later_word(shop: Shop, answer: CancellationDecision) -> None:
    def commit_and_refuse(_: CancellationRequest) -> CancellationDecision:
        shop.db.session.commit()
        shop.seller.send_invoice("S-1", make_invoice("1"), refuses_cancellation=True)
        shop.db.session.commit()
        return answer

    shop.decide = commit_and_refuse
    response = shop.call("/pvt/orders/S-1/cancel", {"cancellationRequestId": "1"})
    assert (response.status_code, response.get_data()) == (200, b"")
    assert (order(shop).state, order(shop).cancellation_decision) == (OrderState.AUTHORIZED, REFUSE)
    assert hear(shop) == ["1"]
    assert cancel(shop, CONFIRM).get_data() == b"", "the same wish, with the claim gone"


def test_a_confirmation_said_while_the_hook_runs_is_the_later_word(shop: Shop) -> None:
    def commit_and_confirm(_: CancellationRequest) -> CancellationDecision:
        shop.db.session.commit()
        shop.seller.confirm_cancellation("S-1")
        shop.db.session.commit()
        return REFUSE

    shop.decide = commit_and_confirm
    assert shop.call("/pvt/orders/S-1/cancel", {"cancellationRequestId": "1"}).json["orderId"] == "S-1"
    assert (order(shop).state, order(shop).cancellation_decision) == (OrderState.CANCELED, CONFIRM)
    assert hear(shop) == ["cancel_order"]
