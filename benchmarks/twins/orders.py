"""What a shop does about orders, whoever asks for it: takes its stock, writes the order, and what becomes of it."""

import json
import os
from collections.abc import Sequence

import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flask_vtex_seller import Offer, Sla
from flask_vtex_seller.testing.bodies import order_body

TOKEN = "benchmark-token"  # noqa: S105
RECORDED = "order-recorded"
"""The marketplace's id of the order whose statements are written down."""
LINES = 10
PRICE, FREIGHT = 1_990, 500
SLA = Sla(id="standard", name="Standard", price=FREIGHT, shipping_estimate="5bd")
OFFERS = {f"sku-{number:07}": Offer(sku_id=f"sku-{number:07}", price=PRICE, stock=10) for number in range(LINES)}
VERBS = {
    "placement": "/pvt/orders",
    "authorization": "/pvt/orders/S-{id}/fulfill",
    "cancellation": "/pvt/orders/S-{id}/cancel",
}
"""Each with its path; the shop's id of an order is made of the marketplace's."""


class Base(DeclarativeBase):
    """The shop's own tables."""


db = SQLAlchemy(model_class=Base)


class Stock(db.Model):  # type: ignore[name-defined,misc]
    sku: Mapped[str] = mapped_column(primary_key=True)
    left: Mapped[int]


class ShopOrder(db.Model):  # type: ignore[name-defined,misc]
    id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]


class ShopLine(db.Model):  # type: ignore[name-defined,misc]
    order_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str]
    quantity: Mapped[int]


def create_app() -> Flask:
    """Return an application on the database of BENCHMARK_DATABASE."""
    app = Flask("orders")
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["BENCHMARK_DATABASE"]
    db.init_app(app)
    return app


def fill() -> None:
    """Create what is missing of the tables, and stock that never runs out."""
    if db.engine.dialect.name == "sqlite":
        with db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    db.create_all()
    if not db.session.execute(sa.select(Stock.sku).limit(1)).first():
        db.session.execute(sa.insert(Stock), [{"sku": sku, "left": 10**9} for sku in OFFERS])
        db.session.commit()


def place(id_: str, lines: Sequence[tuple[str, int]]) -> str:
    """Take the stock and write the order; return its id."""
    taken = sa.update(Stock).where(Stock.sku.in_([sku for sku, _ in lines]), Stock.left > 0)
    done = db.session.execute(taken.values(left=Stock.left - 1))
    assert done.rowcount == len(lines)  # type: ignore[attr-defined]
    order_id = f"S-{id_}"
    db.session.execute(sa.insert(ShopOrder), {"id": order_id, "state": "reserved"})
    rows = [
        {"order_id": order_id, "position": position, "sku": sku, "quantity": quantity}
        for position, (sku, quantity) in enumerate(lines)
    ]
    db.session.execute(sa.insert(ShopLine), rows)
    return order_id


def release(order_id: str) -> None:
    """Let the order be shipped."""
    db.session.execute(sa.update(ShopOrder).where(ShopOrder.id == order_id), {"state": "released"})


def cancel(order_id: str) -> None:
    """Give the stock back."""
    lines = sa.select(ShopLine.sku).where(ShopLine.order_id == order_id)
    db.session.execute(sa.update(Stock).where(Stock.sku.in_(lines)).values(left=Stock.left + 1))
    db.session.execute(sa.update(ShopOrder).where(ShopOrder.id == order_id), {"state": "canceled"})


def bodies(id_: str) -> dict[str, bytes]:
    """Return what the marketplace sends about an order, by verb."""
    lines = [(sku, 1, PRICE) for sku in OFFERS]
    order = order_body(id_, lines, seller_id="shop", sla=SLA.id, freight=FREIGHT)
    tags = [{"identifier": None, "isPercentual": False, "name": "discount@price-9f3c", "rawValue": -1.0, "value": -100}]
    for item in order["items"]:
        item |= {"priceTags": tags, "itemAttachment": {"name": None, "content": {}}}
    reference = json.dumps({"marketplaceOrderId": id_}).encode()
    return {"placement": json.dumps([order]).encode(), "authorization": reference, "cancellation": reference}
