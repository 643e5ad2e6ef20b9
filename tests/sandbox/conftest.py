"""A seller to play against: correct by default, wrong on demand."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from flask_vtex_seller.sandbox import Marketplace

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
