"""Cancellation by the marketplace, through the route."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from flask_vtex_seller import (
    CancellationDecision,
    CancellationRequest,
    OrderState,
    cancellation_requested,
    order_canceled,
)

from ..shops import ACME, Shop, StoppedClock, order_body

CONFIRM, EVALUATE, REFUSE = CancellationDecision.CONFIRM, CancellationDecision.EVALUATE, CancellationDecision.REFUSE
REQUEST = {
    "marketplaceOrderId": "1138342255777-01",
    "marketplaceOrderGroup": "1138342255777",
    "cancellationRequestId": "0123456789abcdef0123456789abcdef",
    "cancellationRequestDate": "2026-03-04T15:40:01.1306363+00:00",
    "reason": "changed my mind",
    "requestedByUser": True,
}


@pytest.fixture
def shop(new_shop: Callable[..., Shop]) -> Shop:
    shop = new_shop(clock=StoppedClock())
    assert shop.call("/pvt/orders", [order_body()]).status_code == 200
    return shop


def cancel(shop: Shop, order_id: str = "S-1", **changes: Any) -> Any:
    return shop.call(f"/pvt/orders/{order_id}/cancel", {**REQUEST, **changes})


def decide(shop: Shop, decision: CancellationDecision) -> None:
    shop.decide = lambda _: decision


def is_empty(response: Any) -> bool:
    return bool(response.status_code == 200 and response.data == b"" and response.headers.get("Content-Length") == "0")


def order(shop: Shop) -> Any:
    with shop.app.app_context():
        return shop.seller.order("S-1")


def times_asked(shop: Shop) -> int:
    return len(shop.asked_for(CancellationRequest))


def test_a_confirmed_cancellation_is_answered_with_ids_date_and_receipt(shop: Shop) -> None:
    """P44, row 16"""
    assert cancel(shop).json == {
        "date": "2026-03-04T15:45:02+00:00",
        "marketplaceOrderId": "1138342255777-01",
        "orderId": "S-1",
        "receipt": None,
    }
    assert order(shop).state is OrderState.CANCELED


def test_the_hook_gets_the_request_with_its_particulars(shop: Shop) -> None:
    """P46"""
    cancel(shop)
    (request,) = shop.asked_for(CancellationRequest)
    assert request.request_id == REQUEST["cancellationRequestId"]
    assert request.requested_at == datetime(2026, 3, 4, 15, 40, 1, 130636, tzinfo=UTC)
    assert (request.order_id, request.reason, request.requested_by_user) == ("S-1", "changed my mind", True)


def test_the_old_body_with_the_order_id_alone_works(shop: Shop) -> None:
    """P47"""
    response = shop.call("/pvt/orders/S-1/cancel", {"marketplaceOrderId": "1138342255777-01"})
    assert response.json["orderId"] == "S-1"


def test_odd_particulars_do_not_stop_a_cancellation(shop: Shop) -> None:
    assert cancel(shop, cancellationRequestDate="yesterday", requestedByUser="yes").status_code == 200
    (request,) = shop.asked_for(CancellationRequest)
    assert (request.requested_at, request.requested_by_user) == (None, None)


def test_an_evaluated_cancellation_is_answered_empty_and_changes_no_state(shop: Shop) -> None:
    """P43, row 11"""
    decide(shop, EVALUATE)
    assert is_empty(cancel(shop))
    assert order(shop).state is OrderState.PLACED
    assert order(shop).cancellation_decision is EVALUATE


@pytest.mark.parametrize(("answer", "expected"), [("empty", b""), ("object", b"{}")])
@pytest.mark.parametrize("decision", [EVALUATE, REFUSE])
def test_an_evaluation_is_answered_as_configured(
    new_shop: Callable[..., Shop], answer: str, expected: bytes, decision: CancellationDecision
) -> None:
    """P43, P45, row 11"""
    shop = new_shop(marketplaces={"acme": {**ACME, "evaluation_answer": answer}})
    shop.call("/pvt/orders", [order_body()])
    decide(shop, decision)
    response = cancel(shop)
    assert (response.status_code, response.data, response.mimetype) == (200, expected, "application/json")
    assert response.headers["Content-Length"] == str(len(expected))
    assert response.headers["Cache-Control"] == "no-store"


def test_the_next_call_after_an_evaluation_asks_again_and_may_be_confirmed(shop: Shop) -> None:
    decide(shop, EVALUATE)
    assert is_empty(cancel(shop))
    assert is_empty(cancel(shop))
    decide(shop, CONFIRM)
    assert cancel(shop).json["orderId"] == "S-1"
    assert times_asked(shop) == 3


def test_a_refused_cancellation_is_answered_empty_and_stays_refused(shop: Shop) -> None:
    """P45, P48, row 10"""
    decide(shop, REFUSE)
    assert is_empty(cancel(shop))
    decide(shop, CONFIRM)
    assert is_empty(cancel(shop))
    assert times_asked(shop) == 1
    assert order(shop).state is OrderState.PLACED


def test_the_old_body_after_a_refusal_is_about_the_refused_request(shop: Shop) -> None:
    """P48"""
    decide(shop, REFUSE)
    cancel(shop)
    decide(shop, CONFIRM)
    assert is_empty(shop.call("/pvt/orders/S-1/cancel", {"marketplaceOrderId": "1138342255777-01"}))
    assert times_asked(shop) == 1


def test_the_old_body_keeps_the_id_of_the_request_under_evaluation(shop: Shop) -> None:
    decide(shop, EVALUATE)
    cancel(shop)
    shop.call("/pvt/orders/S-1/cancel", {})
    assert order(shop).cancellation_request_id == REQUEST["cancellationRequestId"]


def test_a_new_request_after_a_refusal_is_decided_anew(shop: Shop) -> None:
    decide(shop, REFUSE)
    cancel(shop)
    decide(shop, CONFIRM)
    assert cancel(shop, cancellationRequestId="f" * 32).json["orderId"] == "S-1"


def test_a_canceled_order_is_confirmed_again_without_the_hook(shop: Shop) -> None:
    """P50"""
    first = cancel(shop).json
    shop.seller._clock.advance(60)
    assert cancel(shop).json == first
    assert cancel(shop, cancellationRequestId="f" * 32).json == first
    assert times_asked(shop) == 1


def test_an_authorized_order_can_be_canceled(shop: Shop) -> None:
    shop.call("/pvt/orders/S-1/fulfill", {})
    assert cancel(shop).json["orderId"] == "S-1"
    assert order(shop).state is OrderState.CANCELED


def test_an_order_under_evaluation_can_be_authorized(shop: Shop) -> None:
    decide(shop, EVALUATE)
    cancel(shop)
    assert shop.call("/pvt/orders/S-1/fulfill", {}).status_code == 200
    assert order(shop).cancellation_decision is EVALUATE


def test_an_unknown_order_is_404(shop: Shop) -> None:
    response = cancel(shop, "S-9", marketplaceOrderId="unknown")
    assert (response.status_code, response.json["error"]["code"]) == (404, "ORDER_NOT_FOUND")


def test_a_body_that_names_another_order_is_refused(shop: Shop) -> None:
    shop.call("/pvt/orders", [order_body("B-01")])
    response = cancel(shop, "S-1", marketplaceOrderId="B-01")
    assert (response.status_code, response.json["error"]["code"]) == (400, "ORDER_MISMATCH")
    assert times_asked(shop) == 0


@pytest.mark.parametrize("body", [[], "text", 7, [REQUEST]])
def test_a_body_that_is_no_object_is_refused(shop: Shop, body: Any) -> None:
    assert shop.call("/pvt/orders/S-1/cancel", body).status_code == 400


@pytest.mark.parametrize("answer", [None, True, "confirm"])
def test_an_unusable_decision_changes_nothing(shop: Shop, answer: Any) -> None:
    shop.decide = lambda _: answer
    response = cancel(shop)
    assert (response.status_code, response.json["error"]["code"]) == (500, "ORD008")
    assert order(shop).cancellation_decision is None


def test_a_raising_hook_changes_nothing_and_a_repeat_succeeds(shop: Shop) -> None:
    def fail(_: CancellationRequest) -> CancellationDecision:
        raise RuntimeError

    shop.decide = fail
    assert cancel(shop).status_code == 500
    assert order(shop).state is OrderState.PLACED
    decide(shop, CONFIRM)
    assert cancel(shop).status_code == 200


def test_signals_tell_an_evaluation_from_a_cancellation(shop: Shop) -> None:
    seen: list[tuple[str, Any]] = []

    def evaluated(sender: object, order: Any) -> None:
        seen.append(("requested", order.cancellation_decision))

    def canceled(sender: object, order: Any) -> None:
        seen.append(("canceled", order.state))

    with cancellation_requested.connected_to(evaluated), order_canceled.connected_to(canceled):
        decide(shop, EVALUATE)
        cancel(shop)
        decide(shop, CONFIRM)
        cancel(shop)
        cancel(shop)
    assert seen == [("requested", EVALUATE), ("canceled", OrderState.CANCELED)]
