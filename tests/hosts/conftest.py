"""Host shops that the common `new_shop` cannot be: their own database object, order of set-up, or several at once."""

from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_vtex_seller import VtexSeller

from ..shops import ACME, Shop, _register_hooks, _stock, order_body


class NewHost(Protocol):
    """Make a shop around a database object, every part of which the test may bring along."""

    def __call__(
        self,
        db: SQLAlchemy | None = None,
        *,
        seller: VtexSeller | None = None,
        orders: Any = None,
        app: Flask | None = None,
        **config: Any,
    ) -> Shop: ...


@pytest.fixture
def new_host(database_url: str) -> Iterator[NewHost]:
    hosts: list[Shop] = []

    def make(
        db: SQLAlchemy | None = None,
        *,
        seller: VtexSeller | None = None,
        orders: Any = None,
        app: Flask | None = None,
        **config: Any,
    ) -> Shop:
        db = db or SQLAlchemy()
        seller = seller or VtexSeller(db)
        app = app or Flask("host")
        defaults = {"SQLALCHEMY_DATABASE_URI": database_url, "VTEX_SELLER_MARKETPLACES": {"acme": ACME}}
        app.config.update({**defaults, **config})
        host = Shop(app=app, db=db, seller=seller, orders=orders or order_model(db), stock=_stock())
        hosts.append(host)
        db.init_app(app)
        seller.init_app(app)
        _register_hooks(host)
        return host

    yield make
    for host in hosts:
        close(host)


def close(host: Shop) -> None:
    if "sqlalchemy" in host.app.extensions:
        with host.app.app_context():
            host.db.session.remove()
            for engine in host.db.engines.values():
                engine.dispose()


def order_model(db: SQLAlchemy) -> Any:
    class ShopOrder(db.Model):  # type: ignore[name-defined,misc]
        __tablename__ = "shop_order"
        id = db.Column(db.Integer, primary_key=True)
        marketplace_order_id = db.Column(db.String(128), nullable=False)

    return ShopOrder


def create_all(host: Shop) -> None:
    with host.app.app_context():
        host.db.create_all()


def check(host: Shop) -> tuple[int, str]:
    """Run `flask vtex-seller check`; return its exit status and what it printed."""
    result = host.app.test_cli_runner().invoke(args=["vtex-seller", "check", "--sku", "apple"])
    return result.exit_code, result.output


def live_through(host: Shop, marketplace_order_id: str = "1138342255777-01") -> None:
    """Take an order through its whole life."""
    assert host.simulate(("apple", 1), postalCode="01310-100", country="BRA").json["items"][0]["quantity"] == 1
    placed = host.call("/pvt/orders", [order_body(marketplace_order_id)])
    assert placed.status_code == 200, placed.text
    order_id = placed.json[0]["orderId"]
    assert order_id in host.order_ids()
    reference = {"marketplaceOrderId": marketplace_order_id}
    assert host.call(f"/pvt/orders/{order_id}/fulfill", reference).json["receipt"] == "receipt-1"
    assert host.call(f"/pvt/orders/{order_id}/cancel", reference).json["orderId"] == order_id
    with host.app.app_context():
        assert host.seller.order(order_id).canceled_at is not None
