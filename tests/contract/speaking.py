"""A shop that speaks: what its own code would tell the marketplaces, for the tests that listen on a real socket."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from flask_vtex_seller import Invoice, InvoiceItem, Sku, SkuImage, Tracking, TrackingStatus, VtexSeller

from ..shops import Shop, order_body

NOW = datetime(2026, 3, 4, 12, 30, tzinfo=timezone(timedelta(hours=-3)))
TOTAL = 3830
"""Of every order of `place_order`."""
TRACKING = Tracking(courier="Correios", tracking_number="BR123", tracking_url="https://t.example/BR123")
DELIVERED = TrackingStatus(is_delivered=True, delivered_at=NOW)


def make_invoice(number: str = "1001", value: int = TOTAL, **changes: Any) -> Invoice:
    fields: dict[str, Any] = {
        "number": number,
        "value": value,
        "items": (
            InvoiceItem(sku_id="apple", quantity=1, price=1250, description="Maçã"),
            InvoiceItem(sku_id="pear", quantity=2, price=300),
        ),
        "issued_at": NOW,
    }
    return Invoice(**{**fields, **changes})


def make_sku(sku_id: str = "apple", **changes: Any) -> Sku:
    """A SKU that any marketplace would take."""
    fields: dict[str, Any] = {
        "sku_id": sku_id,
        "product_id": sku_id,
        "product_name": "Fruit",
        "name": sku_id,
        "description": "Picked this morning.",
        "brand": "Orchard & Sons",
        "category": "Food/Fruit",
        "height": Decimal("8.5"),
        "width": 8,
        "length": 8,
        "weight_grams": 180,
        "price": 1250,
        "stock": 10,
        "images": (SkuImage(name="Front", url="https://shop.example/apple.jpg"),),
        "ean": "7891234567895",
    }
    return Sku(**{**fields, **changes})


def sell(shop: Shop, *skus: Sku) -> list[Sequence[str]]:
    """Register the functions about SKUs; return where each question to the loader will be noted."""
    asked: list[Sequence[str]] = []
    stored = {sku.sku_id: sku for sku in skus}

    @shop.seller.sku_loader
    def load(sku_ids: Sequence[str]) -> Iterable[Sku]:
        asked.append(sku_ids)
        return [stored[sku_id] for sku_id in sku_ids if sku_id in stored]

    @shop.seller.sku_ids_loader
    def load_ids() -> Iterable[str]:
        return iter(stored)

    return asked


@contextmanager
def speaking(shop: Shop) -> Iterator[VtexSeller]:
    """A transaction of the shop's, committed at the end and rolled back when something raises."""
    with shop.app.app_context():
        try:
            yield shop.seller
        except Exception:
            shop.db.session.rollback()
            raise
        shop.db.session.commit()


def drain(shop: Shop) -> tuple[int, int, int]:
    """Deliver what is due; return how many were delivered, failed and died."""
    with shop.app.app_context():
        report = shop.seller.drain()
    return report.delivered, report.failed, report.dead


def place_order(shop: Shop, marketplace_order_id: str, marketplace: str = "acme") -> str:
    """Have a marketplace place and authorize an order; return the shop's id of it."""
    seller_id = shop.app.extensions["vtex_seller"].settings.marketplaces[marketplace].seller_id
    body = order_body(marketplace_order_id, seller_id=seller_id)
    placed = shop.call("/pvt/orders", [body], marketplace=marketplace)
    assert placed.status_code == 200, placed.text
    order_id: str = json.loads(placed.text)[0]["orderId"]
    authorized = shop.call(f"/pvt/orders/{order_id}/fulfill", {}, marketplace=marketplace)
    assert authorized.status_code == 200, authorized.text
    return order_id
