"""What the shop's own steps tell the marketplaces."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from example_shop.extensions import db, seller
from example_shop.orders.models import Order, OrderState
from flask_vtex_seller.outbox.message import Message
from flask_vtex_seller.state import current_state
from flask_vtex_seller.testing.marketplace import VtexMarketplace
from flask_vtex_seller.testing.plugin import DeliverNow

from .conftest import Browser, Marketplace, order_body, paid_order

Orders = Callable[[], list[Order]]
Stock = Callable[[str], int]
Said = Callable[[], list[Message]]
SHIPPED = {"invoice_number": "1001", "carrier": "Correios", "tracking_number": "BR1"}


@pytest.fixture
def said(app: Flask) -> Said:
    """Return what was said since the last time, oldest first, notices of stock apart."""
    seen: set[int] = set()

    def read() -> list[Message]:
        with app.app_context():
            page = current_state().outbox.page(state=None, marketplace=None, lane=None, limit=100)[::-1]
        new = [message for message in page if message.id not in seen]
        seen.update(message.id for message in new)
        return [message for message in new if message.operation != "inventory_notification"]

    return read


@pytest.fixture
def restocked(app: Flask) -> Callable[[], list[str]]:
    """Return the SKUs whose stock was notified, one entry a notice."""

    def read() -> list[str]:
        with app.app_context():
            page = current_state().outbox.page(state=None, marketplace=None, lane=None, limit=100)[::-1]
        return [message.arguments["sku_id"] for message in page if message.operation == "inventory_notification"]

    return read


def operations(messages: list[Message]) -> list[str]:
    return [message.operation for message in messages]


def test_every_product_is_named_and_described(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["vtex-seller", "sync", "--no-deliver"])
    assert "20 SKUs, 0 not read; 20 notices to acme" in result.output
    with app.app_context():
        hooks = current_state().hooks
        (tea,) = hooks.sku_loader.get()(("TEA-HIB", "NOPE"))
        assert (tea.sku_id, tea.ean, tea.weight_grams, tea.length) == ("TEA-HIB", "2000000000046", 120, 16)
        assert tea.images[0].url == "https://jatoba.example/static/images/coffee.svg"


def test_what_the_admin_page_saves_is_notified(admin: Browser, said: Said, restocked: Callable[[], list[str]]) -> None:
    admin.post("/admin/products/CANDLE", price="34,90", stock_seen=110, stock=115)
    assert [(m.operation, m.arguments["sku_id"]) for m in said()] == [("price_notification", "CANDLE")]
    assert restocked() == ["CANDLE"]


def test_what_the_admin_page_refuses_is_not_notified(admin: Browser, said: Said) -> None:
    admin.post("/admin/products/TEA-HIB", price="18,90", stock_seen=5, stock=0)
    assert said() == []


def test_every_sale_and_every_return_of_stock_is_notified(
    acme: Marketplace, admin: Browser, browser: Browser, orders: Orders, restocked: Callable[[], list[str]]
) -> None:
    browser.order(("CANDLE", 1), ("PAN-22", 1))
    assert restocked() == ["CANDLE", "PAN-22"]
    acme.place(order_body(("CAF-250", 2, 2490)))
    assert restocked()[2:] == ["CAF-250"]
    admin.post(f"/admin/orders/{orders()[0].number}/give-up")
    assert restocked()[3:] == ["CANDLE", "PAN-22"]


def test_a_refused_order_notifies_nothing(acme: Marketplace, restocked: Callable[[], list[str]]) -> None:
    assert acme.place(order_body(("CANDLE", 1, 3490), ("TEA-HIB", 2, 1890))).status_code == 409
    assert restocked() == []


def test_a_shipped_order_is_invoiced_and_tracked_and_its_arrival_told(
    acme: Marketplace, admin: Browser, said: Said
) -> None:
    number = paid_order(acme)
    admin.post(f"/admin/orders/{number}/ship", **SHIPPED)
    invoice, tracking = said()
    assert (invoice.operation, tracking.operation) == ("invoice", "tracking")
    assert invoice.body["items"] == [{"id": "CANDLE", "price": 3490, "quantity": 2}]
    assert (invoice.body["invoiceNumber"], invoice.body["invoiceValue"]) == ("1001", 2 * 3490 + 990)
    assert (tracking.body["courier"], tracking.body["trackingNumber"]) == ("Correios", "BR1")
    admin.post(f"/admin/orders/{number}/deliver")
    (status,) = said()
    assert (status.operation, status.body["isDelivered"]) == ("tracking_status", True)


def test_a_marketplace_in_trouble_hears_of_the_parcel_later_and_in_order(
    admin: Browser, orders: Orders, vtex_marketplace: VtexMarketplace, deliver_now: DeliverNow
) -> None:
    order = vtex_marketplace.order(("CANDLE", 2, 3490), freight=990)
    vtex_marketplace.place(order, times=2)
    vtex_marketplace.authorize(order)
    vtex_marketplace.fail_next("invoice", status=503)
    vtex_marketplace.fail_next("invoice", trouble="timeout")
    admin.post(f"/admin/orders/{orders()[0].number}/ship", **SHIPPED)
    for _ in range(3):
        deliver_now(after=timedelta(hours=1))
    calls = [call for call in vtex_marketplace.calls if "invoice_number" in call.arguments]
    assert [(call.operation, call.status) for call in calls] == [
        ("invoice", 503),
        ("invoice", None),
        ("invoice", 200),
        ("tracking", 200),
    ]
    assert len(orders()) == 1


def test_a_sku_on_two_lines_is_one_line_of_the_invoice(acme: Marketplace, admin: Browser, said: Said) -> None:
    number = acme.place(order_body(("CANDLE", 2, 3490), ("CANDLE", 1, 3590))).json[0]["orderId"]
    acme.authorize(number)
    admin.post(f"/admin/orders/{number}/ship", **SHIPPED)
    invoice = said()[0]
    assert [(item["id"], item["quantity"]) for item in invoice.body["items"]] == [("CANDLE", 3)]
    assert invoice.body["invoiceValue"] == 2 * 3490 + 3590 + 2 * 990


def test_what_a_marketplace_would_refuse_does_not_happen_in_the_shop(
    acme: Marketplace, admin: Browser, orders: Orders, said: Said
) -> None:
    number = paid_order(acme)
    page = admin.post(f"/admin/orders/{number}/ship", **{**SHIPPED, "invoice_number": "10/01"}).text
    assert "Nothing was changed" in page
    assert orders()[0].state is OrderState.RELEASED
    assert said() == []


def test_a_step_that_the_protocol_forbids_is_explained_on_the_page(
    app: Flask, acme: Marketplace, admin: Browser, orders: Orders
) -> None:
    number = paid_order(acme)
    with app.app_context():
        seller.cancel_order(number, reason="said elsewhere")
        db.session.commit()
    page = admin.post(f"/admin/orders/{number}/ship", **SHIPPED).text
    assert "being canceled by the shop" in page
    assert orders()[0].state is OrderState.RELEASED


def test_an_accepted_wish_is_confirmed_at_once(acme: Marketplace, admin: Browser, said: Said) -> None:
    number = paid_order(acme)
    acme.cancel(number)
    admin.post(f"/admin/orders/{number}/accept-cancellation")
    assert operations(said()) == ["cancel_order"]


@pytest.mark.parametrize("asked_again", [False, True])
def test_the_invoice_of_a_refused_wish_says_so(
    acme: Marketplace, admin: Browser, orders: Orders, said: Said, asked_again: bool
) -> None:
    number = paid_order(acme)
    acme.cancel(number)
    admin.post(f"/admin/orders/{number}/refuse-cancellation")
    if asked_again:
        assert acme.cancel(number).text == ""
    admin.post(f"/admin/orders/{number}/ship", **SHIPPED)
    assert orders()[0].state is OrderState.SHIPPED
    assert operations(said()) == ["invoice", "tracking"]


@pytest.mark.parametrize("paid", [False, True])
def test_an_order_that_the_shop_cannot_deliver_is_canceled_there_too(
    acme: Marketplace, admin: Browser, stock: Stock, said: Said, paid: bool
) -> None:
    number = acme.place(order_body(("CANDLE", 2, 3490))).json[0]["orderId"]
    if paid:
        acme.authorize(number)
    admin.post(f"/admin/orders/{number}/give-up")
    assert operations(said()) == ["cancel_order"]
    assert stock("CANDLE") == 110


def test_an_order_with_an_open_wish_is_not_given_up_but_decided(
    acme: Marketplace, admin: Browser, orders: Orders, said: Said
) -> None:
    number = paid_order(acme)
    acme.cancel(number)
    assert "cannot be given up" in admin.post(f"/admin/orders/{number}/give-up").text
    assert (orders()[0].state, said()) == (OrderState.RELEASED, [])


def test_a_returned_order_sends_its_invoice_before_its_cancellation(
    acme: Marketplace, admin: Browser, said: Said
) -> None:
    number = paid_order(acme)
    admin.post(f"/admin/orders/{number}/ship", **SHIPPED)
    admin.post(f"/admin/orders/{number}/take-back", return_invoice_number="R1")
    messages = said()
    assert operations(messages) == ["invoice", "tracking", "return_invoice", "cancel_returned_order"]
    assert messages[2].body["type"] == "Input"


def test_the_shops_own_orders_are_nobody_elses_business(
    admin: Browser, browser: Browser, orders: Orders, said: Said
) -> None:
    browser.order(("CANDLE", 1))
    number = orders()[0].number
    for step, form in {
        "release": {},
        "ship": SHIPPED,
        "deliver": {},
        "take-back": {"return_invoice_number": "R1"},
    }.items():
        assert "Done." in admin.post(f"/admin/orders/{number}/{step}", **form).text
    assert said() == []
