"""What every shop of the benchmark sells, in memory or in a database, and the carts that they are asked for."""

import json
import os
from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa

PATH = "/api/vtex/acme/pvt/orderForms/simulation"
TOKEN = "benchmark-token"  # noqa: S105
DATABASE = os.environ.get("BENCHMARK_DATABASE")
"""The URL of the database that holds the catalog; None for a catalog in memory."""
SKUS = 1_000
SLAS = [("standard", "Standard", 990, "5bd"), ("express", "Express", 1_990, "1bd")]
TABLE = sa.Table(
    "sku",
    sa.MetaData(),
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("price", sa.Integer, nullable=False),
    sa.Column("list_price", sa.Integer, nullable=False),
    sa.Column("stock", sa.Integer, nullable=False),
)


class Row(NamedTuple):
    """A SKU."""

    id: str
    price: int
    list_price: int
    stock: int


def rows(count: int = SKUS) -> Iterator[Row]:
    """Yield the catalog."""
    for number in range(count):
        yield Row(f"sku-{number:07}", 1_990 + number % 500, 2_490 + number % 500, 10)


def select_skus(dialect: str) -> sa.Select[tuple[str, int, int, int]]:
    """Return the query for the SKUs in the text `ids`, a JSON array: the same words for any number of them."""
    ids = sa.bindparam("ids", type_=sa.Text)
    if dialect == "sqlite":
        return sa.select(TABLE).where(TABLE.c.id.in_(sa.select(sa.func.json_each(ids).table_valued("value").c.value)))
    each = sa.select(sa.func.json_array_elements_text(sa.cast(ids, sa.JSON))).scalar_subquery()
    return sa.select(TABLE).where(TABLE.c.id == sa.any_(sa.func.array(each)))


def fill(engine: sa.Engine, count: int = SKUS) -> None:
    """Make the catalog."""
    TABLE.create(engine)
    catalog = rows(count)
    with engine.begin() as connection:
        for _ in range(0, count, 50_000):
            chunk = [row._asdict() for row, _ in zip(catalog, range(50_000), strict=False)]
            connection.execute(sa.insert(TABLE), chunk)


def cart(size: int) -> bytes:
    """Return the body that asks for so many lines, with an address and what marketplaces send besides."""
    skus = [row.id for row in rows()][:: SKUS // size][:size]
    items = [{"id": sku_id, "quantity": 1 + n % 3, "seller": "shop"} for n, sku_id in enumerate(skus)]
    address = {"postalCode": "01310-100", "country": "BRA", "geoCoordinates": []}
    ignored = {"isCheckedIn": False, "storeId": None, "clientProfileData": None}
    return json.dumps({"items": items, **address, **ignored}).encode()
