"""A seller to play against: correct by default, wrong on demand."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from flask_vtex_seller.sandbox import Exchange, Marketplace, create_app

SECRET = "tok-en/71 é"
QUERY = "?token=tok-en%2F71%20%C3%A9&sc=2"
Handler = Callable[[Request], Response]


def as_json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(value), status=status, headers=headers, content_type="application/json")


def refuse(status: int, code: str) -> Response:
    headers = {"x-vtex-error-code": code, "x-vtex-error-message": "n%C3%A3o"}
    return as_json({"error": {"code": code, "message": "não", "exception": None}}, status, headers)


@dataclass
class FakeSeller:
    """Answers as the protocol asks; `handler` takes over where a test wants something else."""

    stock: dict[str, int] = field(default_factory=lambda: {"lamp": 3, "chair": 10})
    requests: list[tuple[str, Any]] = field(default_factory=list)
    handler: Handler | None = None
    receipt: str = "receipt-1"
    confirms: bool = False
    port: int = 0
    release: threading.Event = field(default_factory=threading.Event)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/vtex/sandbox/{QUERY}"

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        self.requests.append((environ["REQUEST_URI"], json.loads(request.get_data())))
        response = self.handler(request) if self.handler else self.answer(request)
        return response(environ, start_response)

    def answer(self, request: Request) -> Response:
        body = json.loads(request.get_data())
        if request.path.endswith("/simulation"):
            return as_json(self.simulation(body))
        if request.path.endswith("/pvt/orders"):
            return self.placement(body)
        return self.fulfill(body) if request.path.endswith("/fulfill") else self.cancel(body)

    def simulation(self, body: dict[str, Any]) -> dict[str, Any]:
        reachable = bool(body.get("postalCode") or body.get("geoCoordinates"))
        items, logistics, left = [], [], dict(self.stock)
        for index, asked in enumerate(body["items"]):
            sku_id = str(asked["id"])
            shelf = left.get(sku_id, 0)
            quantity = min(int(asked["quantity"]), shelf)
            left[sku_id] = shelf - quantity
            items.append(
                {
                    "id": sku_id,
                    "requestIndex": index,
                    "price": 1000,
                    "listPrice": 1200,
                    "quantity": quantity,
                    "seller": asked.get("seller") or asked["Seller"],
                    "merchantName": None,
                    "measurementUnit": "un",
                    "unitMultiplier": 1,
                    "priceValidUntil": None,
                    "priceTags": [],
                    "offerings": [],
                }
            )
            stock = shelf if quantity else 0
            logistics.append(
                {
                    "itemIndex": index,
                    "quantity": quantity,
                    "stockBalance": stock,
                    "shipsTo": ["BRA"],
                    "slas": [sla("express", 900), sla("normal", 500)] if reachable and quantity else [],
                    "deliveryChannels": [{"id": "delivery", "stockBalance": stock}],
                }
            )
        return {
            "country": body.get("country") or None,
            "postalCode": body.get("postalCode") or None,
            "items": items,
            "logisticsInfo": logistics if any(item["quantity"] for item in items) else [],
        }

    def placement(self, body: list[dict[str, Any]]) -> Response:
        order = body[0]
        if any(item["quantity"] > self.stock.get(item["id"], 0) for item in order["items"]):
            return refuse(409, "FMT002")
        return as_json([{**order, "orderId": "shop/42", "followUpEmail": ""}])

    def fulfill(self, body: dict[str, Any]) -> Response:
        return as_json(self.confirmation(body))

    def cancel(self, body: dict[str, Any]) -> Response:
        return as_json(self.confirmation(body)) if self.confirms else Response(b"", content_type="application/json")

    def confirmation(self, body: dict[str, Any]) -> dict[str, Any]:
        return {
            "date": "2026-03-01 10:00:00",
            "marketplaceOrderId": body["marketplaceOrderId"],
            "orderId": "shop/42",
            "receipt": self.receipt,
        }


def sla(sla_id: str, price: int) -> dict[str, Any]:
    return {
        "id": sla_id,
        "name": sla_id.title(),
        "deliveryChannel": "delivery",
        "price": price,
        "shippingEstimate": "3bd",
        "availableDeliveryWindows": [],
        "pickupStoreInfo": None,
    }


@pytest.fixture
def seller() -> Iterator[FakeSeller]:
    fake = FakeSeller()
    server = make_server("127.0.0.1", 0, fake, threaded=True)
    fake.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield fake
    fake.release.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def marketplace(seller: FakeSeller) -> Iterator[Marketplace]:
    with Marketplace(seller.endpoint, seller_id="shop") as made:
        yield made


HEADERS = {
    "Accept": "application/json",
    "Content-Type": "application/json; charset=utf-8",
    "X-VTEX-API-AppKey": "key-of-the-shop",
    "X-VTEX-API-AppToken": "token-of-the-shop",
}
CEP = {"postal_code": "01001-000", "country": "BRA"}
OMS = "/api/oms/pvt/orders"


@dataclass
class Outbox:
    """Calls the marketplace as a seller does; `record` is what the marketplace noted about the last call."""

    client: FlaskClient
    marketplace: Marketplace
    replies: list[Any] = field(default_factory=list)

    def call(self, method: str, path: str, body: Any = None, **headers: str | None) -> Any:
        sent = {name: value for name, value in {**HEADERS, **_named(headers)}.items() if value is not None}
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        reply = self.client.open(path, method=method, data=data, headers=sent)
        self.replies.append(reply)
        return reply

    @property
    def record(self) -> Exchange:
        sent = [record for record in self.marketplace.exchanges() if record.direction == "seller → marketplace"]
        return sent[-1]

    @property
    def problems(self) -> list[str]:
        return [problem.split(": ")[0] for problem in self.record.problems]

    def notify(self, sku_id: str = "lamp", seller_id: str = "shop") -> Any:
        path = f"/api/catalog_system/pvt/skuseller/changenotification/{seller_id}/{sku_id}"
        return self.call("POST", path)

    def suggest(self, body: Any, sku_id: str = "lamp", seller_id: str = "shop") -> Any:
        return self.call("PUT", f"/suggestions/{seller_id}/{sku_id}", body)

    def offer(self, what: str = "price", sku_id: str = "lamp") -> Any:
        return self.call("POST", f"/api/notificator/shop/changenotification/{sku_id}/{what}")

    def invoice(self, order_id: str, body: Any = None, base: str = OMS, **changes: Any) -> Any:
        return self.call("POST", f"{base}/{order_id}/invoice", {**(body or invoice()), **changes})

    def track(self, order_id: str, number: str = "1001", **changes: Any) -> Any:
        return self.call("PATCH", f"{OMS}/{order_id}/invoice/{number}", {**tracking(), **changes})

    def report(self, order_id: str, number: str = "1001", **changes: Any) -> Any:
        return self.call("PUT", f"{OMS}/{order_id}/invoice/{number}/tracking", {**report(), **changes})

    def cancel(self, order_id: str, **changes: Any) -> Any:
        return self.call("POST", f"{OMS}/{order_id}/cancel", {"reason": "broken", **changes})

    def place(self, *items: tuple[str, int]) -> str:
        """Let the marketplace place an order of two lamps, 2500 cents with shipping, or of other items."""
        placed = self.marketplace.place(self.marketplace.simulate(items or [("lamp", 2)], **CEP))
        assert placed.ok, placed.problems
        assert placed.marketplace_order_id is not None
        return placed.marketplace_order_id

    def authorized(self, *items: tuple[str, int]) -> str:
        order_id = self.place(*items)
        assert self.marketplace.authorize(order_id).ok
        return order_id

    def state(self) -> str:
        return self.marketplace.orders()[-1].state


def _named(headers: dict[str, str | None]) -> dict[str, str | None]:
    names = {"accept": "Accept", "content_type": "Content-Type", "key": "X-VTEX-API-AppKey"}
    names["token"] = "X-VTEX-API-AppToken"
    return {names[name]: value for name, value in headers.items()}


def invoice(**changes: Any) -> dict[str, Any]:
    """The whole order of `Outbox.place`."""
    return {
        "type": "Output",
        "issuanceDate": "2026-03-02T10:00:00+00:00",
        "invoiceNumber": "1001",
        "invoiceValue": 2500,
        "items": [{"id": "lamp", "price": 1000, "quantity": 2}],
        **changes,
    }


def tracking() -> dict[str, Any]:
    return {
        "courier": "Transjato",
        "trackingNumber": "TJ1BR",
        "trackingUrl": "https://t.example/TJ1BR",
        "dispatchedDate": "2026-03-02",
    }


def report() -> dict[str, Any]:
    event = {"city": "Santos", "state": "SP", "description": "arrived", "date": "2026-03-03"}
    return {"isDelivered": False, "deliveredDate": None, "events": [event]}


def suggestion(**changes: Any) -> dict[str, Any]:
    return {
        "ProductId": "lamp",
        "ProductName": "Lamp",
        "ProductDescription": "It shines.",
        "BrandName": "Lumen",
        "SkuName": "Lamp, red",
        "SellerId": "shop",
        "Height": 10,
        "Width": 10.5,
        "Length": 20,
        "Weight": 750,
        "Updated": None,
        "RefId": "L-1",
        "EAN": ["7891234567895"],
        "SellerStockKeepingUnitId": "lamp",
        "CategoryFullPath": "Home/Light",
        "SkuSpecifications": [{"fieldName": "Colour", "fieldValues": ["red"]}],
        "ProductSpecifications": [],
        "Images": [{"imageName": "front", "imageUrl": "https://shop.example/lamp.jpg"}],
        "MeasurementUnit": "un",
        "UnitMultiplier": 1,
        "AvailableQuantity": 3,
        "Pricing": {"Currency": "BRL", "SalePrice": 1000, "CurrencySymbol": "R$"},
        **changes,
    }


def make_outbox(endpoint: str, **settings: Any) -> Outbox:
    app = create_app(
        {"SANDBOX_FULFILLMENT_ENDPOINT": endpoint, "SANDBOX_SELLER_ID": "shop", "TESTING": True, **settings}
    )
    return Outbox(app.test_client(), app.extensions["vtex_sandbox"])


@pytest.fixture
def outbox(seller: FakeSeller) -> Iterator[Outbox]:
    made = make_outbox(seller.endpoint)
    yield made
    made.marketplace.close()


@pytest.fixture
def alone() -> Iterator[Outbox]:
    """An outbox whose marketplace has nobody to call."""
    made = make_outbox("http://127.0.0.1:1/api/vtex/sandbox?token=inbound-secret")
    yield made
    made.marketplace.close()
