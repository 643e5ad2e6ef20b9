"""What it costs a shop to have its models watched: a flush of many rows, beside one that nobody listens to.

    python benchmarks/capture.py [--check] [--rows N] [--pairs N] [--database URL]

Prints, for inserts, updates and deletes, the median of the ratios of as many pairs of flushes, the listener on and off
in random order; and what a bulk update costs more. Runs on SQLite in WAL mode, and on `--database` if it is given: an
empty schema of a PostgreSQL, whose tables are dropped in the end. `--check` fails above 1.5 for a flush.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flask_vtex_seller import VtexSeller
from flask_vtex_seller.outbox.rows import TABLE

MOST, BULK = 1.5, "bulk update"
KNOWN = {"account": "acme", "seller_id": "shop", "app_key": "key", "app_token": "token", "inbound_tokens": ["t"]}


@contextmanager
def shop(url: str, *, watched: bool) -> Iterator[tuple[SQLAlchemy, Any]]:
    """A shop of one marketplace, without products."""

    class Base(DeclarativeBase):
        pass

    db = SQLAlchemy(model_class=Base)

    class Product(db.Model):  # type: ignore[name-defined,misc]
        __tablename__ = "bench_product"
        id: Mapped[int] = mapped_column(primary_key=True)
        code: Mapped[str] = mapped_column(unique=True)
        name: Mapped[str]
        description: Mapped[str]
        price_cents: Mapped[int]
        stock: Mapped[int]

    seller, app = VtexSeller(db), Flask("bench")
    app.config.update(SQLALCHEMY_DATABASE_URI=url, VTEX_SELLER_MARKETPLACES={"acme": KNOWN})
    db.init_app(app)
    seller.init_app(app)
    if watched:
        columns = {"price": ["price_cents"], "inventory": ["stock"], "catalog": ["name", "description"]}
        seller.watch(Product, sku_id="code", **columns)
    with app.app_context():
        db.create_all()
        if db.engine.dialect.name == "sqlite":
            with db.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        yield db, Product
        db.session.remove()
        db.drop_all()
        db.engine.dispose()


def measure(url: str, rows: int, *, watched: bool) -> dict[str, float]:
    """Return the seconds that a flush or a statement of each sort takes, and check that it was told of."""
    took: dict[str, float] = {}
    with shop(url, watched=watched) as (db, product):
        session, outbox = db.session, db.metadata.tables[TABLE.name]

        def timed(name: str, work: Callable[[], object]) -> None:
            with db.engine.begin() as connection:
                connection.execute(delete(outbox))  # as in a shop whose worker keeps up
            begun = time.perf_counter()
            work()
            took[name] = time.perf_counter() - begun
            session.commit()
            written = session.scalar(select(func.count()).select_from(outbox))
            assert written == (rows if watched else 0), name

        for number in range(rows):
            texts = {"name": f"product {number}", "description": "so good " * 20}
            session.add(product(id=number, code=f"sku-{number}", price_cents=1990, stock=5, **texts))
        timed("insert", session.flush)
        for row in (loaded := session.scalars(select(product)).all()):
            row.price_cents += 1
        timed("update", session.flush)
        timed(BULK, lambda: session.execute(update(product).values(stock=product.stock - 1)))
        for row in (loaded := session.scalars(select(product)).all()):
            session.delete(row)
        timed("delete", session.flush)
        del loaded
    return took


def compare(url: str, rows: int, pairs: int) -> tuple[dict[str, float], float]:
    """Return the median ratio of each sort, watched to not watched; and what a bulk update costs more, in µs a row."""
    found: dict[str, list[float]] = {}
    more = []
    for _ in range(pairs):
        pair: dict[bool, dict[str, float]] = {}
        for watched in random.sample([False, True], 2):
            pair[watched] = measure(url, rows, watched=watched)
        more.append(1e6 * (pair[True].pop(BULK) - pair[False].pop(BULK)) / rows)
        for name, seconds in pair[True].items():
            found.setdefault(name, []).append(seconds / pair[False][name])
    return {name: statistics.median(each) for name, each in found.items()}, statistics.median(more)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--database")
    wanted = parser.parse_args()
    missed = False
    with TemporaryDirectory() as folder:
        urls = [f"sqlite:///{Path(folder) / 'bench.sqlite'}", *([wanted.database] if wanted.database else [])]
        for url in urls:
            name = url.split(":")[0].split("+")[0]
            ratios, more = compare(url, wanted.rows, wanted.pairs)
            for sort, ratio in ratios.items():
                print(
                    f"{name}: {sort} of {wanted.rows:,} rows takes {ratio:.2f} times as long when watched", flush=True
                )
            print(f"{name}: a bulk update costs {more:.1f} µs a row more when watched", flush=True)
            missed = missed or max(ratios.values()) > MOST
    return int(wanted.check and missed)


if __name__ == "__main__":
    raise SystemExit(main())
