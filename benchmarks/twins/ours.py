"""A shop with flask-vtex-seller: its token and the schemas are in force.

With BENCHMARK_BUDGET its loaders have so many seconds, and run in a thread of their own.
"""

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

import catalog
import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_vtex_seller import Offer, SimulationRequest, Sla, VtexSeller


def offer(row: Iterable[Any]) -> Offer:
    sku_id, price, list_price, stock = row
    return Offer(sku_id=sku_id, price=price, list_price=list_price, stock=stock)


db = SQLAlchemy()
seller = VtexSeller(db)
app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = catalog.DATABASE or "sqlite://"
app.config["VTEX_SELLER_MARKETPLACES"] = {
    "acme": {
        "account": "acme",
        "seller_id": "shop",
        "app_key": "key",
        "app_token": "token",
        "inbound_tokens": [catalog.TOKEN],
    }
}
if budget := os.environ.get("BENCHMARK_BUDGET"):
    app.config["VTEX_SELLER_SIMULATION_SECONDS"] = float(budget)
db.init_app(app)
seller.init_app(app)
if catalog.DATABASE:
    with app.app_context():
        # A single read needs no transaction: without one it is one round trip instead of three.
        reading = sa.create_engine(db.engine.url, isolation_level="AUTOCOMMIT", pool_reset_on_return=None)
    statement = catalog.select_skus(reading.dialect.name)
else:
    shelf = {row.id: offer(row) for row in catalog.rows()}
SLAS = [Sla(id=id_, name=name, price=price, shipping_estimate=days) for id_, name, price, days in catalog.SLAS]


@seller.offer_loader
def offers(sku_ids: Sequence[str], request: SimulationRequest) -> Iterable[Offer]:
    if not catalog.DATABASE:
        return [shelf[sku_id] for sku_id in sku_ids if sku_id in shelf]
    with reading.connect() as connection:
        # All at once: one by one, each row costs a call of the driver.
        return [*map(offer, connection.execute(statement, {"ids": json.dumps(sku_ids)}).all())]


@seller.sla_loader
def slas(request: SimulationRequest) -> Iterable[Sla]:
    return SLAS
