import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, text

from example_shop import vtex
from example_shop.extensions import db
from example_shop.orders.models import Cancellation, Order, OrderState
from flask_vtex_seller.runners.scheduler import expire
from flask_vtex_seller.state import current_state

from .conftest import ACME, PASSWORD, TOKEN, Browser, Marketplace, order_body, paid_order

Orders = Callable[[], list[Order]]
Stock = Callable[[str], int]


def slas(answer: Any, index: int = 0) -> dict[str, Any]:
    return {sla["id"]: sla for sla in answer["logisticsInfo"][index]["slas"]}


def test_a_simulation_tells_prices_and_stock(acme: Marketplace) -> None:
    answer = acme.simulate(("CAF-250", 2), ("POT-5L", 1), ("NOPE", 1))
    assert [(item["price"], item["listPrice"]) for item in answer["items"][:1]] == [(2490, 2990)]
    assert [line["stockBalance"] for line in answer["logisticsInfo"]] == [120, 0, 0]


def test_the_whole_cart_is_one_query(app: Flask, acme: Marketplace) -> None:
    statements: list[str] = []
    with app.app_context():
        engine = db.engine
    listen = (engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    event.listen(*listen)
    acme.simulate(*((sku, 1) for sku in ("CAF-250", "CANDLE", "PAN-22", "MUG-TERRA")))
    event.remove(*listen)
    assert sum("FROM products" in statement for statement in statements) == 1


def test_delivery_is_priced_by_each_products_weight(acme: Marketplace) -> None:
    answer = acme.simulate(("PAN-22", 1), ("CANDLE", 3), postalCode="01310-100", country="BRA")
    assert {code: sla["price"] for code, sla in slas(answer).items()} == {
        "standard": 1290,
        "express": 2490,
        "pickup": 0,
    }
    assert {code: sla["price"] for code, sla in slas(answer, 1).items()} == {
        "standard": 1140,
        "express": 2240,
        "pickup": 0,
    }
    assert slas(answer)["standard"]["shippingEstimate"] == "2bd"


def test_lines_of_one_product_share_its_delivery(acme: Marketplace) -> None:
    answer = acme.simulate(("PAN-22", 1), ("PAN-22", 1), postalCode="01310-100", country="BRA")
    # 4,7 kg: 990 and four more started kilograms
    assert [slas(answer, index)["standard"]["price"] for index in (0, 1)] == [795, 795]


def test_the_counter_is_offered_with_its_address(acme: Marketplace) -> None:
    pickup = slas(acme.simulate(("CANDLE", 1), postalCode="01310-100", country="BRA"))["pickup"]
    assert pickup["deliveryChannel"] == "pickup-in-point"
    address = pickup["pickupStoreInfo"]["address"]
    assert (address["city"], address["country"], address["geoCoordinates"]) == (
        "São Paulo",
        "BRA",
        [-46.6392, -23.5431],
    )


def test_a_place_may_be_a_point_on_the_map(acme: Marketplace) -> None:
    assert set(slas(acme.simulate(("CANDLE", 1), geoCoordinates=[-34.88, -8.05]))) == {"standard"}


@pytest.mark.parametrize(
    "address", [{"postalCode": "69005-040", "country": "BRA"}, {"postalCode": "1", "country": "ARG"}]
)
def test_where_nobody_delivers_nothing_is_offered(acme: Marketplace, address: dict[str, str]) -> None:
    assert slas(acme.simulate(("CANDLE", 1), **address)) == {}


def test_a_marketplaces_order_is_reserved_like_any_other(acme: Marketplace, orders: Orders, stock: Stock) -> None:
    answer = acme.place(order_body(("CAF-250", 2, 2490), ("PAN-22", 1, 16990), shipping=2000))
    assert answer.status_code == 200, answer.text
    (order,) = orders()
    assert answer.json[0]["orderId"] == order.number
    assert answer.json[0]["followUpEmail"] == "orders@jatoba.example"
    assert (order.source, order.source_order_id, order.state) == ("acme", "v1-01", OrderState.RESERVED)
    assert (order.name, order.city, order.complement) == ("Bia Reis", "São Paulo", "")
    assert order.total_cents == 2 * 2490 + 16990 + 2 * 2000
    assert (stock("CAF-250"), stock("PAN-22")) == (118, 17)


def test_a_repeated_order_is_taken_once(acme: Marketplace, orders: Orders, stock: Stock) -> None:
    first, second = (acme.place(order_body(("CANDLE", 5, 3490), shipping=2000)) for _ in range(2))
    assert first.json == second.json
    assert (len(orders()), stock("CANDLE")) == (1, 105)


def test_the_same_order_id_of_another_marketplace_is_another_order(
    new_app: Callable[..., Flask], app: Flask, orders: Orders
) -> None:
    other = Marketplace(new_app(VTEX_SELLER_MARKETPLACES={"acme": ACME, "zeta": ACME}))
    for marketplace in ("acme", "zeta"):
        answer = other.call("orders", [order_body(("CANDLE", 1, 3490))], marketplace=marketplace)
        assert answer.status_code == 200, answer.text
    assert [order.source for order in orders()] == ["acme", "zeta"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (order_body(("NOPE", 1, 100)), "ORD021"),
        (order_body(("POT-5L", 1, 38990), shipping=2000), "FMT002"),
        (order_body(("TEA-HIB", 1, 1890), ("TEA-HIB", 1, 1890)), "FMT002"),
        (order_body(("CANDLE", 1, 3489)), "FMT006"),
        (order_body(("CANDLE", 1, 3490), ("CANDLE", 1, 1)), "FMT006"),
        (order_body(("CANDLE", 1, 3490), shipping=900), "FMT007"),
        (order_body(("CANDLE", 1, 3490), sla="drone"), "FMT010"),
        (order_body(("CANDLE", 1, 3490), sla=None), "FMT010"),
        (order_body(("CANDLE", 1, 3490), shippingData=None), "FMT010"),
    ],
)
def test_an_order_that_cannot_be_taken_is_refused_and_takes_nothing(
    acme: Marketplace, orders: Orders, stock: Stock, body: dict[str, Any], code: str
) -> None:
    before = {sku: stock(sku) for sku in ("CANDLE", "TEA-HIB", "CAF-250")}
    answer = acme.place(body)
    assert (answer.status_code, answer.json["error"]["code"]) == (409, code)
    assert orders() == []
    assert {sku: stock(sku) for sku in before} == before


def test_what_the_marketplace_does_not_share_stays_empty(acme: Marketplace, orders: Orders) -> None:
    body = order_body(("CANDLE", 1, 3490), clientProfileData=None)
    body["shippingData"]["address"] = {"postalCode": "01310-100", "country": "BRA"}
    assert acme.place(body).status_code == 200
    assert (orders()[0].name, orders()[0].email, orders()[0].street) == ("", "", "")


def test_the_last_unit_is_sold_once_to_a_shopper_and_a_marketplace(
    app: Flask, acme: Marketplace, orders: Orders, stock: Stock
) -> None:
    bodies = [order_body(("TEA-HIB", 1, 1890), marketplaceOrderId=f"v{number}-01") for number in range(6)]
    barrier, answers = threading.Barrier(6), []

    def place(body: dict[str, Any]) -> None:
        caller = Marketplace(app)
        barrier.wait()
        answers.append(caller.place(body).status_code)

    threads = [threading.Thread(target=place, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [409] * 5
    assert (len(orders()), stock("TEA-HIB")) == (1, 0)


def test_an_order_that_the_shop_has_is_found_by_the_marketplaces_id(app: Flask, acme: Marketplace) -> None:
    number = acme.place(order_body(("CANDLE", 1, 3490))).json[0]["orderId"]
    with app.app_context():
        assert vtex.find("acme", "v1-01") == number
        assert vtex.find("zeta", "v1-01") is None


def test_an_authorized_order_is_released_with_a_receipt(acme: Marketplace, orders: Orders) -> None:
    number = acme.place(order_body(("CANDLE", 1, 3490))).json[0]["orderId"]
    first, second = acme.authorize(number), acme.authorize(number)
    assert first.json["receipt"] == second.json["receipt"] == f"released {number}"
    assert orders()[0].state is OrderState.RELEASED


def test_an_unpaid_order_is_canceled_at_once_and_its_stock_returns_once(
    acme: Marketplace, orders: Orders, stock: Stock
) -> None:
    number = acme.place(order_body(("CANDLE", 2, 3490), ("CANDLE", 1, 3490))).json[0]["orderId"]
    assert stock("CANDLE") == 107
    for request_id in ("wish-1", "wish-1", "wish-2"):
        assert acme.cancel(number, request_id).json["orderId"] == number
    assert (orders()[0].state, stock("CANDLE")) == (OrderState.CANCELED, 110)


def test_a_paid_order_waits_for_a_decision_and_is_not_shipped_meanwhile(
    acme: Marketplace, admin: Browser, orders: Orders
) -> None:
    number = paid_order(acme)
    for _ in range(2):
        answer = acme.cancel(number)
        assert (answer.status_code, answer.text) == (200, "")
    assert orders()[0].cancellation is Cancellation.REQUESTED
    form = {"invoice_number": "1", "carrier": "Correios", "tracking_number": "BR1"}
    assert "Nothing was changed" in admin.post(f"/admin/orders/{number}/ship", **form).text
    assert "Accept cancellation" in admin.get(f"/admin/orders/{number}").text


def test_an_accepted_wish_is_confirmed_at_the_next_call(
    acme: Marketplace, admin: Browser, orders: Orders, stock: Stock
) -> None:
    number = paid_order(acme)
    acme.cancel(number)
    admin.post(f"/admin/orders/{number}/accept-cancellation")
    assert "no open wish" in admin.post(f"/admin/orders/{number}/accept-cancellation").text
    assert acme.cancel(number).json["orderId"] == number
    assert (orders()[0].state, orders()[0].cancellation) == (OrderState.CANCELED, Cancellation.ACCEPTED)
    assert stock("CANDLE") == 110


def test_a_refused_wish_lets_the_order_go_on(acme: Marketplace, admin: Browser, orders: Orders, stock: Stock) -> None:
    number = paid_order(acme)
    acme.cancel(number)
    admin.post(f"/admin/orders/{number}/refuse-cancellation")
    assert acme.cancel(number).text == ""
    form = {"invoice_number": "1", "carrier": "Correios", "tracking_number": "BR1"}
    admin.post(f"/admin/orders/{number}/ship", **form)
    assert (orders()[0].state, stock("CANDLE")) == (OrderState.SHIPPED, 108)


def test_a_shipped_order_is_not_canceled(acme: Marketplace, admin: Browser, orders: Orders, stock: Stock) -> None:
    number = paid_order(acme)
    form = {"invoice_number": "1", "carrier": "Correios", "tracking_number": "BR1"}
    admin.post(f"/admin/orders/{number}/ship", **form)
    assert acme.cancel(number).text == ""
    assert (orders()[0].state, stock("CANDLE")) == (OrderState.SHIPPED, 108)


def test_an_order_that_was_deleted_in_the_shop_is_no_silent_success(app: Flask, acme: Marketplace) -> None:
    number = acme.place(order_body(("CANDLE", 1, 3490))).json[0]["orderId"]
    with app.app_context():
        db.session.execute(text("DELETE FROM order_lines"))
        db.session.execute(text("DELETE FROM orders"))
        db.session.commit()
    assert acme.authorize(number).status_code == 500


def test_the_shops_form_check_does_not_touch_the_marketplaces_calls(acme: Marketplace) -> None:
    assert acme.simulate(("CANDLE", 1))["items"][0]["id"] == "CANDLE"


def test_no_shoppers_data_reaches_the_log(
    acme: Marketplace, admin: Browser, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        number = paid_order(acme)
        browser.order(("CANDLE", 1))
        browser.order(("TEA-HIB", 2))
        admin.get(f"/admin/orders/{number}")
    for secret in ("Bia", "Ana", "52998224725", "masked@", "Acácias", PASSWORD, TOKEN):
        assert secret not in caplog.text


def test_the_stock_of_what_nobody_pays_for_in_time_goes_back_and_a_late_payment_is_refused(
    app: Flask, acme: Marketplace, orders: Orders, stock: Stock
) -> None:
    """P32"""
    order_id = acme.place(order_body(("CANDLE", 3, 3490), shipping=2000)).json[0]["orderId"]
    assert stock("CANDLE") == 107
    with app.app_context():
        db.session.execute(text("UPDATE vtex_order SET reserved_until = 1"))
        db.session.commit()
        expire(current_state(), threading.Event())
    assert (orders()[0].state, stock("CANDLE")) == (OrderState.CANCELED, 110)
    response = acme.authorize(order_id)
    assert (response.status_code, response.json["error"]["code"]) == (409, "FULFILLMENT_REFUSED")
    assert acme.cancel(order_id, "wish-1").json["orderId"] == order_id
    assert stock("CANDLE") == 110
