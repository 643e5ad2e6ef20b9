"""A second host, built in another way than our example: mounted as it is, it sells on two marketplaces.

What a marketplace may ask of any shop is asked of this one, too.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from flask_vtex_seller import OrderState, UnknownOrder
from flask_vtex_seller.testing import Place, SellerConformance

from ..marketplace.loopback import Loopback, loopback, reply
from . import hardware_store
from .hardware_store import Article, Price, Sale, db, seller

# The store's own choice, and a warning about it: on SQLite its decimals go through floats.
pytestmark = pytest.mark.filterwarnings("ignore:Dialect sqlite.*does .not. support Decimal")

DRILL, SCREWS = "1", "2"
TOKENS = {"builders": "token-of-builders", "homes": "token-of-homes"}
PRICES = {"builders": {DRILL: "79.90", SCREWS: "0.125"}, "homes": {DRILL: "99.99", SCREWS: "0.19"}}
CENTS = {"builders": {DRILL: 7990, SCREWS: 13}, "homes": {DRILL: 9999, SCREWS: 19}}
ADDRESS = {"postalCode": "1100-148", "country": "PRT"}
ID = "1400000000001-01"


class Store:
    """The running store, and the two marketplaces that call it."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def call(self, path: str, body: Any, *, as_: str = "builders", at: str | None = None) -> TestResponse:
        """Call with the token of one marketplace at the endpoint of another, or of its own."""
        with self.app.test_client() as client:
            return client.post(f"/partners/vtex/{at or as_}{path}?token={TOKENS[as_]}", json=body)

    def simulate(self, *sku_ids: str, as_: str = "builders", quantity: int = 1) -> Any:
        items = [{"id": sku_id, "quantity": quantity, "seller": "hardware"} for sku_id in sku_ids]
        return self.call("/pvt/orderForms/simulation", {"items": items, **ADDRESS}, as_=as_).json

    def place(self, reference: str = ID, *, as_: str = "builders", quantity: int = 2) -> TestResponse:
        items = [
            {"id": sku_id, "quantity": quantity, "seller": "hardware", "price": price}
            for sku_id, price in CENTS[as_].items()
        ]
        shipping = [{"itemIndex": index, "selectedSla": "van", "price": 1500} for index in range(len(items))]
        order = {
            "marketplaceOrderId": reference,
            "marketplacePaymentValue": sum(item["price"] * quantity for item in items) + 3000,
            "items": items,
            "shippingData": {"address": {**ADDRESS, "city": "Lisboa"}, "logisticsInfo": shipping},
        }
        return self.call("/pvt/orders", [order], as_=as_)

    def order_id(self, reference: str = ID, *, as_: str = "builders") -> str:
        response = self.place(reference, as_=as_)
        assert response.status_code == 200, response.text
        order_id: str = response.json[0]["orderId"]
        return order_id

    def stock(self, sku_id: str) -> int:
        with self.app.app_context():
            return db.session.get(Article, int(sku_id)).on_hand

    def sales(self) -> list[tuple[str, str, str]]:
        with self.app.app_context():
            return [(sale.channel, sale.reference, sale.status) for sale in db.session.query(Sale).order_by(Sale.id)]

    def at_the_desk(self, path: str, **form: str) -> TestResponse:
        """Do what the staff does: log in, and send a form with its protection."""
        with self.app.test_client() as client:

            def token(page: str) -> str:
                return re.findall('value="(.*?)"', client.get(page).text)[0]

            client.post("/login", data={"password": hardware_store.PASSWORD, "csrf_token": token("/login")})
            return client.post(path, data={**form, "csrf_token": token("/desk")})

    def deliver(self) -> tuple[int, int, int]:
        with self.app.app_context():
            report = seller.drain()
        return report.delivered, report.failed, report.dead


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as server:
        server.answer = lambda _: reply(200, b"{}")
        yield server


@pytest.fixture
def app(database_url: str, server: Loopback) -> Iterator[Flask]:
    marketplaces = {
        name: {
            "account": name,
            "seller_id": "hardware",
            "app_key": f"key-of-{name}",
            "app_token": f"secret-of-{name}",
            "inbound_tokens": [token, f"next-{token}"],
            "ships_to": "PRT",
            "base_url": server.url,
            "local": True,
        }
        for name, token in TOKENS.items()
    }
    app = hardware_store.create_app(database_url, marketplaces)
    with app.app_context():
        db.create_all()
        db.session.add_all([Article(id=1, name="Drill", on_hand=5), Article(id=2, name="Screw", on_hand=1000)])
        db.session.flush()
        db.session.add_all(
            Price(article_id=int(sku_id), channel=channel, amount=Decimal(amount))
            for channel, amounts in PRICES.items()
            for sku_id, amount in amounts.items()
        )
        db.session.commit()
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def store(app: Flask) -> Store:
    return Store(app)


class TestHardwareStore(SellerConformance):
    """The protocol's own statements."""

    known_skus = (DRILL, SCREWS)
    address = Place(postal_code="1100-148", country="PRT", geo_coordinates=(-9.14, 38.71), city="Lisboa", state="")
    unserved_address = Place(postal_code="28001", country="ESP", city="Madrid", state="")
    marketplace = "builders"
    deviations = MappingProxyType(
        {"P35": "its services commit by themselves: an order that comes before a refused one is there"}
    )

    def count_orders(self, app: Flask) -> int:
        return len(Store(app).sales())

    def may_ship(self, app: Flask, order_id: str) -> bool:
        with app.app_context():
            return db.session.get(Sale, int(order_id)).status == "released"


def test_nothing_keeps_it_from_selling(store: Store) -> None:
    result = store.app.test_cli_runner().invoke(args=["vtex-seller", "check"])
    assert result.output == "✓ ready to sell on builders, homes\n"


# simulation


def test_decimal_prices_are_answered_in_whole_cents(store: Store) -> None:
    """P9: 0.125 is 13 cents, half up."""
    answer = store.simulate(DRILL, SCREWS)
    assert [item["price"] for item in answer["items"]] == [7990, 13]
    assert all(type(item["price"]) is int for item in answer["items"])
    assert answer["logisticsInfo"][0]["slas"][0]["price"] == 1500


def test_each_marketplace_sees_its_own_prices(store: Store) -> None:
    for name, prices in CENTS.items():
        answer = store.simulate(*prices, as_=name)
        assert {item["id"]: item["price"] for item in answer["items"]} == prices


@pytest.mark.parametrize("unknown", ["3", "drill", "99999999999999999999", "-1", "1.0", "²"])
def test_a_sku_that_is_no_key_of_the_store_is_unavailable(store: Store, unknown: str) -> None:
    """P4."""
    answer = store.simulate(unknown, DRILL)
    assert [item["quantity"] for item in answer["items"]] == [0, 1]


# orders


def test_an_order_is_reserved_by_the_stores_own_service(store: Store) -> None:
    """P25 and P32."""
    answer = store.place().json[0]
    assert answer["marketplaceOrderId"] == ID
    assert store.sales() == [("builders", ID, "reserved")]
    assert (store.stock(DRILL), store.stock(SCREWS)) == (3, 998)


def test_the_same_order_twice_is_one_sale(store: Store) -> None:
    """P27: the store has committed it by itself."""
    assert store.order_id() == store.order_id()
    assert store.sales() == [("builders", ID, "reserved")]
    assert store.stock(DRILL) == 3


def test_an_order_whose_answer_was_lost_is_found_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """P27, P34: the store committed, then the hook failed; its order finder tells the repeat."""
    with monkeypatch.context() as patch:
        patch.setattr(hardware_store, "number", lambda _: 1 // 0)
        assert store.place().status_code == 500
    assert store.sales() == [("builders", ID, "reserved")]
    assert store.order_id() == "1"
    assert len(store.sales()) == 1


def test_more_than_the_stock_is_refused_and_reserves_nothing(store: Store) -> None:
    """P29."""
    response = store.place(quantity=6)
    assert (response.status_code, response.headers["x-vtex-error-code"]) == (409, "FMT002")
    assert store.sales() == []
    assert (store.stock(DRILL), store.stock(SCREWS)) == (5, 1000)
    assert store.order_id() == "1"


def test_an_authorization_releases_the_sale_once(store: Store) -> None:
    """P37 and P38."""
    order_id = store.order_id()
    answers = [store.call(f"/pvt/orders/{order_id}/fulfill", {"marketplaceOrderId": ID}).json for _ in range(2)]
    assert [answer["receipt"] for answer in answers] == [f"picked for {order_id}"] * 2
    assert store.sales() == [("builders", ID, "released")]


def test_a_released_sale_is_canceled_when_the_staff_agrees(store: Store) -> None:
    """P43, P44, P48, P50."""
    order_id = store.order_id()
    wish = {"marketplaceOrderId": ID, "cancellationRequestId": "wish-1"}
    store.call(f"/pvt/orders/{order_id}/fulfill", wish)
    evaluated = store.call(f"/pvt/orders/{order_id}/cancel", wish)
    assert (evaluated.status_code, evaluated.get_data()) == (200, b"")
    assert store.sales() == [("builders", ID, "cancellation asked")]

    assert store.at_the_desk(f"/desk/{order_id}/cancel").text == "canceled"
    for _ in range(2):
        confirmed = store.call(f"/pvt/orders/{order_id}/cancel", wish).json
        assert (confirmed["marketplaceOrderId"], confirmed["orderId"]) == (ID, order_id)
    assert store.stock(DRILL) == 5


def test_an_invoice_leaves_in_whole_cents(store: Store, server: Loopback) -> None:
    """P61, P62: from the decimals of the store's own rows."""
    order_id = store.order_id()
    store.call(f"/pvt/orders/{order_id}/fulfill", {"marketplaceOrderId": ID})
    assert store.at_the_desk(f"/desk/{order_id}/invoice", number="INV1").text == "invoiced"
    assert store.deliver() == (1, 0, 0)
    (sent,) = server.received
    body = json.loads(sent.body)
    assert (sent.method, sent.target) == ("POST", f"/api/oms/pvt/orders/{ID}/invoice")
    assert sent.headers["x-vtex-api-apptoken"] == "secret-of-builders"
    assert body["invoiceValue"] == 2 * 7990 + 2 * 13 + 2 * 1500
    assert [(item["id"], item["price"], item["quantity"]) for item in body["items"]] == [("1", 7990, 2), ("2", 13, 2)]
    assert {type(number) for number in [body["invoiceValue"], *(item["price"] for item in body["items"])]} == {int}
    with store.app.app_context():
        assert seller.order(order_id).state is OrderState.INVOICED


# two marketplaces


def test_one_reference_at_two_marketplaces_is_two_sales(store: Store) -> None:
    assert store.order_id(as_="builders") != store.order_id(as_="homes")
    assert store.sales() == [("builders", ID, "reserved"), ("homes", ID, "reserved")]


def test_a_marketplace_does_not_see_the_others_orders(store: Store) -> None:
    """P39."""
    order_id = store.order_id(as_="builders")
    for call in ("fulfill", "cancel"):
        for body in ({}, {"marketplaceOrderId": ID}):
            assert store.call(f"/pvt/orders/{order_id}/{call}", body, as_="homes").status_code == 404
    assert store.sales() == [("builders", ID, "reserved")]
    with store.app.app_context(), pytest.raises(UnknownOrder):
        seller.order(order_id, marketplace="homes")


def test_a_marketplaces_token_does_not_open_the_others_endpoint(store: Store) -> None:
    """P71."""
    assert store.call("/pvt/orders", [], as_="homes", at="builders").status_code == 401


# the store stays as it was


def test_its_login_wall_and_its_forms_protection_stand(store: Store) -> None:
    client = store.app.test_client()
    assert client.get("/desk").location == "/login"
    assert client.post("/login", data={"password": hardware_store.PASSWORD}).status_code == 400


def test_its_error_pages_are_its_own_and_ours_are_ours(store: Store) -> None:
    login = store.at_the_desk("/desk/99/invoice", number="INV1")
    assert (login.status_code, login.text) == (404, "<h1>The store is sorry</h1>")
    refused = store.call("/pvt/orders", [])
    assert (refused.status_code, refused.mimetype) == (400, "application/json")
