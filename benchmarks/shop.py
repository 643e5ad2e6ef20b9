"""The shop that is measured: a catalog in a database or in memory, and loaders as people write them.

What it is comes from the environment: BENCH_DATABASE, BENCH_ENGINE, BENCH_LOADER, BENCH_SIMULATION_SECONDS; with
BENCH_HEARD, the path of a file, it writes down each statement that is no read, and how many statements a call takes.
"""

import json
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from flask import Flask, g
from flask_sqlalchemy import SQLAlchemy
from serving import TOKEN
from sqlalchemy import JSON, Text, any_, bindparam, cast, event, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flask_vtex_seller import Offer, SimulationRequest, Sla, VtexSeller

CATALOG = 10_000
KNOWN = {"account": "acme", "seller_id": "shop", "app_key": "key", "app_token": "token", "inbound_tokens": [TOKEN]}
SLAS = (
    Sla(id="standard", name="Standard", price=990, shipping_estimate="5bd"),
    Sla(id="express", name="Express", price=1990, shipping_estimate="1bd"),
)


class Base(DeclarativeBase):
    """The shop's own tables."""


db = SQLAlchemy(model_class=Base)
seller = VtexSeller(db)


class Product(db.Model):  # type: ignore[name-defined,misc]
    """A SKU with what a page of it shows, as shops have it."""

    id: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(unique=True)
    price: Mapped[int]
    stock: Mapped[int]
    name: Mapped[str]
    brand: Mapped[str]
    description: Mapped[str]
    weight: Mapped[int]


COLUMNS = (Product.sku, Product.price, Product.stock)
SKUS = bindparam("skus", type_=Text)
IN_TEXT = {
    "sqlite": select(*COLUMNS).where(Product.sku.in_(select(func.json_each(SKUS).table_valued("value").c.value))),
    "postgresql": select(*COLUMNS).where(
        Product.sku == any_(func.array(select(func.json_array_elements_text(cast(SKUS, JSON))).scalar_subquery()))
    ),
}
"""The SKUs in a text, a JSON array: the same words for any number of them."""
IN_MEMORY = {f"sku-{number}": Offer(sku_id=f"sku-{number}", price=1990, stock=10) for number in range(CATALOG)}


def from_memory(sku_ids: Sequence[str], _: SimulationRequest) -> Iterable[Offer]:
    return [IN_MEMORY[sku] for sku in sku_ids]


def waiting(sku_ids: Sequence[str], request: SimulationRequest) -> Iterable[Offer]:
    """As for a database or another system that takes 5 ms."""
    time.sleep(0.005)
    return from_memory(sku_ids, request)


def one_query(sku_ids: Sequence[str], _: SimulationRequest) -> Iterable[Offer]:
    rows = db.session.execute(select(*COLUMNS).where(Product.sku.in_(sku_ids)))
    return [Offer(sku_id=sku, price=price, stock=stock) for sku, price, stock in rows]


def a_query_each(sku_ids: Sequence[str], _: SimulationRequest) -> Iterable[Offer]:
    for sku_id in sku_ids:
        sku, price, stock = db.session.execute(select(*COLUMNS).where(Product.sku == sku_id)).one()
        yield Offer(sku_id=sku, price=price, stock=stock)


def entities(sku_ids: Sequence[str], _: SimulationRequest) -> Iterable[Offer]:
    found = db.session.scalars(select(Product).where(Product.sku.in_(sku_ids)))
    return [Offer(sku_id=product.sku, price=product.price, stock=product.stock) for product in found]


def an_entity_each(sku_ids: Sequence[str], _: SimulationRequest) -> Iterable[Offer]:
    for sku_id in sku_ids:
        product = db.session.scalars(select(Product).where(Product.sku == sku_id)).one()
        yield Offer(sku_id=product.sku, price=product.price, stock=product.stock)


def autocommit(sku_ids: Sequence[str], _: SimulationRequest) -> Iterable[Offer]:
    with reading().connect() as connection:
        rows = connection.execute(select(*COLUMNS).where(Product.sku.in_(sku_ids)))
        return [Offer(sku_id=sku, price=price, stock=stock) for sku, price, stock in rows]


def at_once(sku_ids: Sequence[str], _: SimulationRequest) -> Iterable[Offer]:
    with reading().connect() as connection:
        rows = connection.execute(select(*COLUMNS).where(Product.sku.in_(sku_ids))).all()
        return [Offer(sku_id=sku, price=price, stock=stock) for sku, price, stock in rows]


def one_text(sku_ids: Sequence[str], _: SimulationRequest) -> Iterable[Offer]:
    statement = IN_TEXT[db.engine.dialect.name]
    with reading().connect() as connection:
        rows = connection.execute(statement, {"skus": json.dumps(sku_ids)}).all()
        return [Offer(sku_id=sku, price=price, stock=stock) for sku, price, stock in rows]


def reading() -> Any:
    """Return the shop's engine for reads that need no transaction; it shares the pool."""
    if "reading" not in db.engine.__dict__:
        db.engine.__dict__["reading"] = db.engine.execution_options(isolation_level="AUTOCOMMIT")
    return db.engine.__dict__["reading"]


LOADERS = {loader.__name__: loader for loader in (from_memory, one_query, a_query_each, entities, an_entity_each)}
LOADERS |= {loader.__name__: loader for loader in (autocommit, at_once, one_text, waiting)}


def offers(sku_ids: Sequence[str], simulation: SimulationRequest) -> Iterable[Offer]:
    return LOADERS[os.environ.get("BENCH_LOADER", "from_memory")](sku_ids, simulation)


seller.offer_loader(offers)
seller.sla_loader(lambda _: SLAS)


def create_app() -> Flask:
    app = Flask("bench")
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ.get("BENCH_DATABASE", "sqlite://")
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = json.loads(os.environ.get("BENCH_ENGINE", "{}"))
    app.config["VTEX_SELLER_MARKETPLACES"] = {"acme": KNOWN}
    if seconds := os.environ.get("BENCH_SIMULATION_SECONDS"):
        app.config["VTEX_SELLER_SIMULATION_SECONDS"] = float(seconds)
    db.init_app(app)
    seller.init_app(app)
    if heard := os.environ.get("BENCH_HEARD"):
        _listen(app, Path(heard))
    return app


def fill(app: Flask, count: int = CATALOG) -> None:
    """Create the tables, and so many SKUs."""
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            with db.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        db.drop_all()
        db.create_all()
        text = "A thing that is described in as many words as things are described in shops. " * 4
        rows = [
            {"sku": f"sku-{number}", "price": 1990, "stock": 10, "name": f"Thing {number}", "brand": "Things"}
            for number in range(count)
        ]
        db.session.execute(db.insert(Product), [{**row, "description": text, "weight": 300} for row in rows])
        db.session.commit()
        db.session.remove()
        db.engine.dispose()


def _listen(app: Flask, heard: Path) -> None:
    counts: set[int] = set()

    def say(words: str) -> None:
        with heard.open("a", encoding="utf-8") as file:
            file.write(f"{words}\n")

    def on_statement(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        g.statements = g.get("statements", 0) + 1
        if not statement.lstrip().upper().startswith("SELECT"):
            say(f"WRITE {statement}")

    def on_end(_: object) -> None:
        if (count := g.get("statements", 0)) and count not in counts:
            counts.add(count)
            say(f"COUNT {count}")

    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", on_statement)
    app.teardown_appcontext(on_end)
