"""Authorizing fulfillment, through the route."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flask_vtex_seller import (
    CancellationRequest,
    FulfillmentAuthorization,
    Invoice,
    InvoiceItem,
    OrderState,
    OutOfStock,
    fulfillment_authorized,
)

from ..shops import ACME, Shop, StoppedClock, order_body

MARKETPLACE_ORDER_ID = "1138342255777-01"


@pytest.fixture
def shop(new_shop: Callable[..., Shop]) -> Shop:
    shop = new_shop(clock=StoppedClock(), marketplaces={"acme": ACME, "globex": {**ACME, "account": "globex"}})
    assert shop.call("/pvt/orders", [order_body()]).status_code == 200
    return shop


def authorize(shop: Shop, order_id: str = "S-1", body: Any = None, **kwargs: Any) -> Any:
    body = {"marketplaceOrderId": MARKETPLACE_ORDER_ID} if body is None else body
    return shop.call(f"/pvt/orders/{order_id}/fulfill", body, **kwargs)


def state(shop: Shop) -> OrderState:
    with shop.app.app_context():
        found: OrderState = shop.seller.order("S-1", marketplace="acme").state
    return found


def test_it_is_answered_with_date_ids_and_the_shops_receipt(shop: Shop) -> None:
    """P37, row 16"""
    answer = authorize(shop)
    assert answer.status_code == 200
    assert answer.json == {
        "date": "2026-03-04T15:45:02+00:00",
        "marketplaceOrderId": MARKETPLACE_ORDER_ID,
        "orderId": "S-1",
        "receipt": "receipt-1",
    }
    assert state(shop) is OrderState.AUTHORIZED


def test_a_repeat_gets_the_same_answer_without_the_hook(shop: Shop) -> None:
    """P38"""
    first = authorize(shop).json
    shop.seller._clock.advance(3600)
    shop.release = lambda _: "receipt-2"
    assert authorize(shop).json == first
    assert len(shop.asked_for(FulfillmentAuthorization)) == 1


def test_a_shop_without_receipts_answers_null(shop: Shop) -> None:
    shop.release = lambda _: None
    assert authorize(shop).json["receipt"] is None
    assert authorize(shop).json["receipt"] is None
    assert len(shop.asked_for(FulfillmentAuthorization)) == 1


@pytest.mark.parametrize(
    ("order_id", "body"),
    [
        ("S-1", {}),
        ("S-1", {"marketplaceOrderId": MARKETPLACE_ORDER_ID}),
        (MARKETPLACE_ORDER_ID, {"marketplaceOrderId": MARKETPLACE_ORDER_ID}),
        (MARKETPLACE_ORDER_ID, {}),
        ("unknown", {"marketplaceOrderId": MARKETPLACE_ORDER_ID}),
    ],
)
def test_the_order_is_found_by_any_of_its_ids(shop: Shop, order_id: str, body: dict[str, str]) -> None:
    """Row 17"""
    assert authorize(shop, order_id, body).json["orderId"] == "S-1"


def test_a_call_without_a_body_is_understood(shop: Shop) -> None:
    assert shop.call("/pvt/orders/S-1/fulfill", data=b"").status_code == 200


@pytest.mark.parametrize("order_id", ["S-9", "x" * 500, "a%00b", "%FF", "..%2F..", "S-1'--"])
def test_an_unknown_order_is_404(shop: Shop, order_id: str) -> None:
    """P39"""
    response = authorize(shop, order_id, {})
    assert response.status_code == 404
    assert response.json["error"]["code"] == "ORDER_NOT_FOUND"


def test_the_shops_own_id_in_the_path_goes_before_a_marketplaces(shop: Shop) -> None:
    """Row 17"""
    shop.place = lambda order: MARKETPLACE_ORDER_ID
    shop.call("/pvt/orders", [order_body("B-01")])
    assert authorize(shop, MARKETPLACE_ORDER_ID, {}).json["marketplaceOrderId"] == "B-01"
    assert state(shop) is OrderState.PLACED


@pytest.mark.parametrize(
    ("order_id", "marketplace_order_id"), [("S-1", "B-01"), ("S-1", "unknown"), (MARKETPLACE_ORDER_ID, "B-01")]
)
@pytest.mark.parametrize("call", ["fulfill", "cancel"])
def test_a_body_that_names_another_order_is_refused(
    shop: Shop, order_id: str, marketplace_order_id: str, call: str
) -> None:
    """P42, row 17"""
    shop.call("/pvt/orders", [order_body("B-01")])
    response = shop.call(f"/pvt/orders/{order_id}/{call}", {"marketplaceOrderId": marketplace_order_id})
    assert (response.status_code, response.json["error"]["code"]) == (400, "ORDER_MISMATCH")
    with shop.app.app_context():
        states = {shop.seller.order(order_id).state for order_id in ("S-1", "S-2")}
    assert states == {OrderState.PLACED}
    assert shop.asked_for(CancellationRequest) == []
    assert shop.asked_for(FulfillmentAuthorization) == []


def test_another_marketplaces_order_is_unknown(shop: Shop) -> None:
    assert authorize(shop, marketplace="globex").status_code == 404


def test_a_canceled_order_is_not_released(shop: Shop) -> None:
    """P40"""
    shop.call("/pvt/orders/S-1/cancel", {})
    response = authorize(shop)
    assert (response.status_code, response.json["error"]["code"]) == (409, "ORDER_CANCELED")
    assert shop.asked_for(FulfillmentAuthorization) == []


PAYMENT = {
    "paymentSystem": "2",
    "paymentSystemName": "Visa",
    "value": 3830,
    "installments": 3,
    "referenceValue": 3800,
    "group": "creditCardPaymentGroup",
}
ANSWERED = {"Message": "a", "message": "b", "tid": "77", "delayToAutoSettle": 1200, "nsu": None}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"paymentData": None},
        {"paymentData": {"payments": [], "connectorResponses": ANSWERED}},
        {"paymentData": {"payments": [{**PAYMENT, "connectorResponses": ANSWERED}], "transactionId": "x"}},
    ],
)
def test_payment_data_is_handed_on_as_received(shop: Shop, body: dict[str, Any]) -> None:
    """P41, row 15: absent, null, and with both spellings of one word."""
    assert authorize(shop, body=body).status_code == 200
    (authorization,) = shop.asked_for(FulfillmentAuthorization)
    assert authorization.payment_data == body.get("paymentData")
    assert authorization.raw == body


@pytest.mark.parametrize(
    "payment_data",
    [
        {"payments": [PAYMENT], "connectorResponses": ANSWERED},
        {"payments": [{**PAYMENT, "connectorResponses": ANSWERED}]},
        {"payments": [{**PAYMENT, "connectorResponses": ANSWERED}], "connectorResponses": {"tid": "other"}},
        {"payments": [{**PAYMENT, "connectorResponses": None}, "odd"], "connectorResponses": ANSWERED},
    ],
)
def test_connector_responses_are_found_beside_the_payments_and_inside_each(shop: Shop, payment_data: Any) -> None:
    """P41, row 15"""
    authorize(shop, body={"paymentData": payment_data})
    (authorization,) = shop.asked_for(FulfillmentAuthorization)
    (payment,) = authorization.payments
    assert (payment.system, payment.name, payment.group) == ("2", "Visa", "creditCardPaymentGroup")
    assert (payment.value, payment.reference_value, payment.installments) == (3830, 3800, 3)
    assert payment.connector_responses == ANSWERED


@pytest.mark.parametrize("odd", [None, [], {}, "x", 1.5, True, -1])
def test_a_payment_of_an_odd_form_is_read_as_far_as_it_goes(shop: Shop, odd: Any) -> None:
    """P41"""
    payment_data = {"payments": [dict.fromkeys(PAYMENT, odd)], "connectorResponses": odd}
    assert authorize(shop, body={"paymentData": payment_data}).status_code == 200
    (payment,) = shop.asked_for(FulfillmentAuthorization)[0].payments
    assert (payment.value, payment.installments, payment.connector_responses) == (None, None, {})


@pytest.mark.parametrize("payments", [None, {}, "x", 7, [], [None]])
def test_a_list_of_payments_that_is_none_holds_none(shop: Shop, payments: Any) -> None:
    authorize(shop, body={"paymentData": {"payments": payments}})
    assert shop.asked_for(FulfillmentAuthorization)[0].payments == ()


def test_what_connectors_answered_shows_in_no_repr(shop: Shop) -> None:
    authorize(shop, body={"paymentData": {"payments": [PAYMENT], "connectorResponses": {"tid": "secret-77"}}})
    (authorization,) = shop.asked_for(FulfillmentAuthorization)
    assert "secret-77" not in repr(authorization) + repr(authorization.payments)


def test_the_fields_that_only_a_cancellation_has_are_not_asked_for(shop: Shop) -> None:
    """Row 15"""
    assert authorize(shop, body={}).status_code == 200


@pytest.mark.parametrize(("layout", "date"), [("iso", "2026-03-04T15:45:02+00:00"), ("legacy", "2026-03-04 15:45:02")])
@pytest.mark.parametrize("call", ["fulfill", "cancel"])
def test_a_date_is_written_as_configured(new_shop: Callable[..., Shop], layout: str, date: str, call: str) -> None:
    """Row 29"""
    shop = new_shop(clock=StoppedClock(), marketplaces={"acme": {**ACME, "date_layout": layout}})
    shop.call("/pvt/orders", [order_body()])
    assert shop.call(f"/pvt/orders/S-1/{call}", {}).json["date"] == date


def test_payment_data_of_an_unknown_form_is_ignored(shop: Shop) -> None:
    assert authorize(shop, body={"paymentData": ["odd"]}).status_code == 200
    assert shop.asked_for(FulfillmentAuthorization)[0].payment_data is None


def test_a_raising_hook_changes_nothing_and_a_repeat_succeeds(shop: Shop) -> None:
    def fail(_: FulfillmentAuthorization) -> str:
        raise RuntimeError

    shop.release = fail
    response = authorize(shop)
    assert (response.status_code, response.json["error"]["code"]) == (500, "ORD008")
    assert state(shop) is OrderState.PLACED
    shop.release = lambda _: "receipt-1"
    assert authorize(shop).json["receipt"] == "receipt-1"


def test_a_hook_that_commits_and_then_raises_is_called_again(shop: Shop) -> None:
    def commit_and_fail(_: FulfillmentAuthorization) -> str:
        shop.db.session.commit()
        raise RuntimeError

    shop.release = commit_and_fail
    assert authorize(shop).status_code == 500
    shop.release = lambda _: "receipt-1"
    assert authorize(shop).json["receipt"] == "receipt-1"


def test_a_hook_that_rolls_the_transaction_back_releases_nothing(shop: Shop) -> None:
    def roll_back(_: FulfillmentAuthorization) -> str:
        shop.db.session.rollback()
        return "receipt-1"

    shop.release = roll_back
    assert authorize(shop).status_code == 500
    assert state(shop) is OrderState.PLACED


def test_a_refusal_that_only_a_placement_may_answer_is_an_error_here(shop: Shop) -> None:
    def refuse(_: FulfillmentAuthorization) -> str:
        raise OutOfStock("gone")

    shop.release = refuse
    response = authorize(shop)
    assert (response.status_code, response.json["error"]["code"]) == (500, "ORD008")


@pytest.mark.parametrize("receipt", [12, "", "x" * 256, "a\0b"])
def test_an_unusable_receipt_changes_nothing(shop: Shop, receipt: Any) -> None:
    shop.release = lambda _: receipt
    assert authorize(shop).status_code == 500
    assert state(shop) is OrderState.PLACED


def test_a_hook_that_commits_and_outlives_its_claim_answers_what_it_did(shop: Shop) -> None:
    def slow(_: FulfillmentAuthorization) -> str:
        shop.db.session.commit()
        shop.seller._clock.advance(timedelta(minutes=5).total_seconds())
        return "receipt-1"

    shop.release = slow
    assert authorize(shop).json["receipt"] == "receipt-1"


def test_the_signal_is_sent_once(shop: Shop) -> None:
    seen = []

    def receive(sender: object, order: Any) -> None:
        seen.append(order.authorized_at)

    with fulfillment_authorized.connected_to(receive, sender=shop.app):
        authorize(shop)
        authorize(shop)
    assert seen == [datetime.fromisoformat("2026-03-04T15:45:02.130636+00:00")]


def test_a_receiver_of_the_signal_may_invoice_the_order_and_commit(shop: Shop) -> None:
    """What is shipped at once: inside of the hook the order is not authorized yet."""
    item = InvoiceItem(sku_id="apple", quantity=1, price=3830)
    invoice = Invoice(number="1001", value=3830, issued_at=datetime(2026, 3, 4, tzinfo=UTC), items=(item,))

    def receive(sender: object, order: Any) -> None:
        shop.seller.send_invoice(order.order_id, invoice, marketplace=order.marketplace)
        shop.db.session.commit()

    with fulfillment_authorized.connected_to(receive, sender=shop.app):
        assert authorize(shop).status_code == authorize(shop).status_code == 200
    with shop.app.app_context():
        (message,) = shop.app.extensions["vtex_seller"].outbox.page(limit=9)
        assert (message.operation, message.arguments["invoice_number"]) == ("invoice", "1001")
        assert shop.seller.order("S-1", marketplace="acme").invoiced_said == 3830
