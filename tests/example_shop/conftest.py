"""The example shop on a database of the test's own."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from example_shop import create_app, seed
from example_shop.catalog.models import Product
from example_shop.extensions import db
from example_shop.orders.models import Order

TOKEN = "inbound-token"
PASSWORD = "open sesame"
ACME = {
    "account": "acmemarket",
    "seller_id": "jatoba",
    "app_key": "vtexappkey-acme",
    "app_token": "app-token-secret",
    "inbound_tokens": [TOKEN],
}
BUYER = {
    "name": "Ana Prado",
    "email": "ana@example.com",
    "document": "529.982.247-25",
    "phone": "(11) 98765-4321",
    "street": "Rua das Acácias",
    "number": "42",
    "complement": "",
    "neighborhood": "Centro",
    "city": "São Paulo",
    "state": "sp",
}

ADDRESS = {
    "addressType": "residential",
    "receiverName": "Bia Reis",
    "addressId": "home",
    "postalCode": "01310-100",
    "city": "São Paulo",
    "state": "SP",
    "country": "BRA",
    "street": "Rua das Acácias",
    "number": "42",
    "neighborhood": "Centro",
    "complement": None,
    "reference": None,
    "geoCoordinates": [],
}
CLIENT = {"email": "masked@ct.example.com", "firstName": "Bia", "lastName": "Reis", "document": "52998224725"}


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in [key for key in os.environ if key.startswith("FLASK_")]:
        monkeypatch.delenv(key)


@pytest.fixture
def new_app(database_url: str) -> Iterator[Callable[..., Flask]]:
    """Make the shop with other settings; its connections are closed after the test."""
    apps: list[Flask] = []

    def make(**config: Any) -> Flask:
        settings = {"SECRET_KEY": "test", "TESTING": True, "SQLALCHEMY_DATABASE_URI": database_url, **config}
        apps.append(create_app(settings))
        return apps[-1]

    yield make
    for app in apps:
        close(app)


def close(app: Flask) -> None:
    with app.app_context():
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture
def app(new_app: Callable[..., Flask]) -> Flask:
    """The shop with its seeds, an admin password and the marketplace `acme`."""
    app = new_app(SHOP_ADMIN_PASSWORD=PASSWORD, VTEX_SELLER_MARKETPLACES={"acme": ACME})
    with app.app_context():
        db.create_all()
        seed.fill()
        db.session.commit()
    return app


class Browser:
    """Somebody in front of the shop's pages."""

    def __init__(self, app: Flask, password: str | None = None) -> None:
        self.client: FlaskClient = app.test_client()
        self._auth = ("admin", password) if password else None

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.client.get(path, auth=self._auth, **kwargs)

    def post(self, path: str, **form: Any) -> TestResponse:
        """Send a form with its token and follow to the page that it leads to."""
        return self.post_raw(path, **form, csrf_token=self.token(), follow_redirects=True)

    def post_raw(self, path: str, *, follow_redirects: bool = False, **form: Any) -> TestResponse:
        return self.client.post(path, data=form, auth=self._auth, follow_redirects=follow_redirects)

    def token(self) -> str:
        with self.client.session_transaction() as session:
            return str(session.setdefault("csrf_token", "the-token"))

    def fill_cart(self, *lines: tuple[str, int], postal_code: str = "01310-100") -> None:
        for sku, quantity in lines:
            self.post("/cart/add", sku=sku, quantity=quantity)
        self.post("/cart/shipping", postal_code=postal_code)

    def order(self, *lines: tuple[str, int], shipping: str = "standard", **form: Any) -> TestResponse:
        """Buy: fill the cart, open the checkout and send it."""
        self.fill_cart(*lines)
        return self.send_checkout(shipping=shipping, **form)

    def send_checkout(self, *, shipping: str = "standard", **form: Any) -> TestResponse:
        seen = hidden(self.get("/checkout").text, "seen")
        return self.post("/checkout", **{**BUYER, "shipping": shipping, "seen": seen, **form})


def hidden(page: str, name: str) -> str:
    """Return the value of a page's hidden field, empty if the page has none."""
    _, _, rest = page.partition(f'name="{name}" value="')
    return rest.partition('"')[0]


@pytest.fixture
def browser(app: Flask) -> Browser:
    return Browser(app)


@pytest.fixture
def admin(app: Flask) -> Browser:
    return Browser(app, PASSWORD)


@pytest.fixture
def stock(app: Flask) -> Callable[[str], int]:
    """Tell how many of a SKU are left."""

    def read(sku: str) -> int:
        with app.app_context():
            return db.session.scalars(db.select(Product.stock).where(Product.code == sku)).one()

    return read


@pytest.fixture
def orders(app: Flask) -> Callable[[], list[Order]]:
    """Return all orders, detached."""

    def read() -> list[Order]:
        with app.app_context():
            return list(db.session.scalars(db.select(Order).order_by(Order.id)))

    return read


class Marketplace:
    """The marketplace's side of the wire."""

    def __init__(self, app: Flask) -> None:
        self._client = app.test_client()

    def call(self, path: str, body: Any, *, marketplace: str = "acme") -> TestResponse:
        return self._client.post(f"/api/vtex/{marketplace}/pvt/{path}?token={TOKEN}", json=body)

    def simulate(self, *lines: tuple[str, int], **address: Any) -> Any:
        items = [{"id": sku, "quantity": quantity, "seller": "jatoba"} for sku, quantity in lines]
        answer = self.call("orderForms/simulation", {"items": items, **address})
        assert answer.status_code == 200, answer.text
        return answer.json

    def place(self, body: dict[str, Any]) -> TestResponse:
        return self.call("orders", [body])

    def authorize(self, number: str, marketplace_order_id: str = "v1-01") -> TestResponse:
        return self.call(f"orders/{number}/fulfill", {"marketplaceOrderId": marketplace_order_id})

    def cancel(self, number: str, request_id: str = "wish-1") -> TestResponse:
        body = {"marketplaceOrderId": "v1-01", "cancellationRequestId": request_id}
        return self.call(f"orders/{number}/cancel", body)


@pytest.fixture
def acme(app: Flask) -> Marketplace:
    return Marketplace(app)


def order_body(
    *lines: tuple[str, int, int], sla: str | None = "standard", shipping: int = 990, **changes: Any
) -> dict[str, Any]:
    """Build an order of (SKU, quantity, price) lines, each delivered for `shipping` cents."""
    logistics = [
        {"itemIndex": index, "selectedSla": sla, "price": shipping, "shippingEstimate": "2bd", "lockTTL": "8d"}
        for index, _ in enumerate(lines)
    ]
    return {
        "marketplaceOrderId": "v1-01",
        "marketplaceServicesEndpoint": "https://acme.example/",
        "marketplacePaymentValue": sum(quantity * price for _, quantity, price in lines) + shipping * len(lines),
        "items": [
            {"id": sku, "quantity": quantity, "seller": "jatoba", "price": price} for sku, quantity, price in lines
        ],
        "clientProfileData": CLIENT,
        "shippingData": {"address": dict(ADDRESS), "logisticsInfo": logistics},
        **changes,
    }


def paid_order(acme: Marketplace) -> str:
    number: str = acme.place(order_body(("CANDLE", 2, 3490))).json[0]["orderId"]
    acme.authorize(number)
    return number
