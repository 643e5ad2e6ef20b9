from collections.abc import Callable

import pytest
from flask import Flask

from example_shop.extensions import db
from example_shop.orders.models import Order, OrderState

from .conftest import PASSWORD, Browser

Orders = Callable[[], list[Order]]
Stock = Callable[[str], int]
SHIPPED = {"invoice_number": "1001", "carrier": "Correios", "tracking_number": "BR123"}
ADMIN_PAGES = ("/admin/orders/", "/admin/orders/S-100001", "/admin/products/")


@pytest.mark.parametrize("path", ADMIN_PAGES)
def test_without_a_configured_password_there_is_no_admin(new_app: Callable[..., Flask], path: str) -> None:
    app = new_app(SHOP_ADMIN_PASSWORD="", DEBUG=True)
    assert Browser(app, "anything").get(path).status_code == 404


@pytest.mark.parametrize("path", ADMIN_PAGES)
def test_the_admin_asks_for_the_password(app: Flask, path: str) -> None:
    answer = Browser(app).get(path)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert Browser(app, "wrong").get(path).status_code == 401
    assert app.test_client().get(path, auth=("root", PASSWORD)).status_code == 401
    assert app.test_client().get(path, headers={"Authorization": f"Bearer {PASSWORD}"}).status_code == 401


def test_a_password_of_digits_works(new_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_SHOP_ADMIN_PASSWORD", "123456")
    app = new_app()
    with app.app_context():
        db.create_all()
    assert Browser(app, "123456").get("/admin/orders/").status_code == 200


def test_admin_forms_need_the_sessions_token(admin: Browser, stock: Stock) -> None:
    form = {"price": "1", "stock_seen": 110, "stock": 0}
    assert admin.post_raw("/admin/products/CANDLE", **form).status_code == 400
    assert stock("CANDLE") == 110


def test_prices_and_stock_are_edited(admin: Browser, browser: Browser, stock: Stock) -> None:
    form = {"price": "29,90", "list_price": "R$ 39,90", "stock_seen": 110, "stock": 100}
    assert "CANDLE is saved" in admin.post("/admin/products/CANDLE", **form).text
    assert stock("CANDLE") == 100
    assert "<s>R$ 39,90</s> <strong>R$ 29,90</strong>" in browser.get("/products/CANDLE").text
    admin.post("/admin/products/CANDLE", **{**form, "list_price": " "})
    assert "39,90" not in browser.get("/products/CANDLE").text


def test_an_edit_keeps_what_was_sold_meanwhile(admin: Browser, browser: Browser, stock: Stock) -> None:
    browser.order(("CANDLE", 10))
    admin.post("/admin/products/CANDLE", price="34,90", stock_seen=110, stock=115)
    assert stock("CANDLE") == 105


def test_an_edit_never_takes_the_stock_below_nothing(admin: Browser, browser: Browser, stock: Stock) -> None:
    browser.order(("TEA-HIB", 1))
    page = admin.post("/admin/products/TEA-HIB", price="18,90", stock_seen=1, stock=0).text
    assert "some were sold meanwhile" in page
    assert stock("TEA-HIB") == 0


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"price": "cheap"}, "the price must be an amount"),
        ({"list_price": "-1"}, "the list price must be an amount"),
        ({"list_price": "10,00"}, "the list price is below the price"),
        ({"stock": "-1"}, "the stock must be a whole number"),
        ({"stock": "2000000"}, "the stock must be a whole number"),
        ({"stock_seen": "²"}, "the stock must be a whole number"),
    ],
)
def test_a_mistake_in_a_products_form_is_explained(
    admin: Browser, stock: Stock, change: dict[str, str], complaint: str
) -> None:
    form = {"price": "34,90", "stock_seen": "110", "stock": "110", **change}
    assert complaint in admin.post("/admin/products/CANDLE", **form).text
    assert stock("CANDLE") == 110


def test_a_product_that_does_not_exist_cannot_be_edited(admin: Browser) -> None:
    assert admin.post("/admin/products/NOPE", price="1", stock_seen=0, stock=0).status_code == 404


def test_orders_are_listed_by_state(admin: Browser, browser: Browser, orders: Orders) -> None:
    browser.order(("CANDLE", 1))
    number = orders()[0].number
    assert number in admin.get("/admin/orders/").text
    assert number in admin.get("/admin/orders/?state=reserved").text
    assert number not in admin.get("/admin/orders/?state=shipped").text
    assert admin.get("/admin/orders/?state=lost").status_code == 404


def test_an_order_is_released_and_shipped(admin: Browser, browser: Browser, orders: Orders) -> None:
    browser.order(("CANDLE", 1))
    path = f"/admin/orders/{orders()[0].number}"
    assert "Ana Prado" in admin.get(path).text
    assert "Nothing was changed" in admin.post(f"{path}/ship", **SHIPPED).text
    assert "Done." in admin.post(f"{path}/release").text
    page = admin.post(f"{path}/ship", **SHIPPED).text
    assert "BR123" in page
    assert orders()[0].state is OrderState.SHIPPED


def test_shipping_needs_its_papers(admin: Browser, browser: Browser, orders: Orders) -> None:
    browser.order(("CANDLE", 1))
    path = f"/admin/orders/{orders()[0].number}"
    admin.post(f"{path}/release")
    assert "the invoice number must have" in admin.post(f"{path}/ship", **{**SHIPPED, "invoice_number": " "}).text
    assert "the carrier must have" in admin.post(f"{path}/ship", **{**SHIPPED, "carrier": "x" * 41}).text
    assert orders()[0].state is OrderState.RELEASED


def test_a_canceled_order_gives_its_stock_back_once(
    admin: Browser, browser: Browser, orders: Orders, stock: Stock
) -> None:
    browser.order(("CANDLE", 4))
    assert stock("CANDLE") == 106
    path = f"/admin/orders/{orders()[0].number}"
    assert "Done." in admin.post(f"{path}/give-up").text
    assert "cannot be given up" in admin.post(f"{path}/give-up").text
    assert "is canceled and cannot be released" in admin.post(f"{path}/release").text
    assert stock("CANDLE") == 110


def test_an_order_is_delivered_and_comes_back_once(
    admin: Browser, browser: Browser, orders: Orders, stock: Stock
) -> None:
    browser.order(("CANDLE", 4))
    path = f"/admin/orders/{orders()[0].number}"
    assert "is not on its way" in admin.post(f"{path}/deliver").text
    admin.post(f"{path}/release")
    assert "is not out of the house" in admin.post(f"{path}/take-back", return_invoice_number="R1").text
    admin.post(f"{path}/ship", invoice_number="1", carrier="Correios", tracking_number="BR1")
    admin.post(f"{path}/deliver")
    assert orders()[0].state is OrderState.DELIVERED
    assert "the return invoice number must have 1 to 40" in admin.post(f"{path}/take-back").text
    admin.post(f"{path}/take-back", return_invoice_number="R1")
    assert "is not out of the house" in admin.post(f"{path}/take-back", return_invoice_number="R2").text
    assert (orders()[0].state, orders()[0].return_invoice_number, stock("CANDLE")) == (OrderState.RETURNED, "R1", 110)
    assert "R1" in admin.get(path).text


def test_a_wish_to_cancel_that_nobody_has_cannot_be_decided(admin: Browser, browser: Browser, orders: Orders) -> None:
    browser.order(("CANDLE", 1))
    path = f"/admin/orders/{orders()[0].number}"
    for step in ("accept-cancellation", "refuse-cancellation"):
        assert "no open wish to cancel" in admin.post(f"{path}/{step}").text


@pytest.mark.parametrize("number", ["S-1", "S-199999", "S-x", "100001", "S-99999999999999999999"])
def test_an_order_that_does_not_exist_answers_404(admin: Browser, number: str) -> None:
    assert admin.get(f"/admin/orders/{number}").status_code == 404


def test_an_unknown_step_answers_404(admin: Browser, browser: Browser, orders: Orders) -> None:
    browser.order(("CANDLE", 1))
    assert admin.post(f"/admin/orders/{orders()[0].number}/explode").status_code == 404
