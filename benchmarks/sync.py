"""What telling a marketplace about every SKU costs beside bare `requests` calls, and what finding differences costs.

    python benchmarks/sync.py [--check] [--skus N] [--rounds N] [--sweep N] [--latency SECONDS]

Prints SKUs a second of `flask vtex-seller sync --all` against a marketplace on this machine, and its share of a bare
loop of as many threads in the same run; by how much memory grows; how often the shop's functions were called; and how
many unchanged SKUs a second a sweep looks at, the time of the shop's functions apart. `--check` fails below 0.85 of the
bare loop, above 50 MB, with more than one call of a function for a batch, and below 20,000 SKUs a second. In full:
`--skus 100000 --rounds 1`. Measure on a machine that does nothing else.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from loopback import marketplace
from outbound import THREADS, bare, growth, seconds, share

from flask_vtex_seller import Offer, SimulationRequest, Sku, SkuImage, VtexSeller
from flask_vtex_seller.catalog.handlers import ChangeNotificationHandler
from flask_vtex_seller.catalog.present import digest
from flask_vtex_seller.catalog.survey import BATCH
from flask_vtex_seller.state import current_state

T = TypeVar("T")
LEAST_SHARE, MOST_MEGABYTES, LEAST_SKUS = 0.85, 50.0, 20_000
IMAGES = (SkuImage(name="front", url="https://shop.example/front.jpg"),)


@dataclass
class Calls:
    """What was asked of the shop."""

    times: list[float] = field(default_factory=list)
    """Seconds of each call."""
    batches: int = 0
    """That notices were prepared in."""


def ids(count: int) -> list[str]:
    return [f"sku-{number:06}" for number in range(count)]


def offer(sku_id: str) -> Offer:
    return Offer(sku_id=sku_id, price=2490, list_price=2990, stock=7)


def sku(sku_id: str) -> Sku:
    return Sku(
        sku_id=sku_id,
        product_id=sku_id,
        product_name=f"Coffee {sku_id}",
        name="250 g",
        description="Roasted on Mondays.",
        brand="Fruit & Bean",
        category="Coffee/Whole bean",
        height=20,
        width=10,
        length=6,
        weight_grams=260,
        price=2490,
        stock=7,
        images=IMAGES,
        ean="7891234567895",
        specifications={"Roast": ["dark"]},
    )


@contextmanager
def shop(url: str, count: int) -> Iterator[tuple[Flask, Calls]]:
    """A shop of so many SKUs on SQLite in WAL mode, and one marketplace."""
    with TemporaryDirectory() as folder:
        db, calls = SQLAlchemy(), Calls()
        seller = VtexSeller(db)
        app = Flask("bench")
        known = {
            "account": "acme",
            "seller_id": "shop",
            "app_key": "key",
            "app_token": "token",
            "inbound_tokens": ["t"],
        }
        app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{Path(folder) / 'bench.sqlite'}"
        app.config["VTEX_SELLER_MARKETPLACES"] = {
            "acme": {**known, "base_url": url, "suggestions_url": url, "local": True}
        }
        app.config["VTEX_SELLER_DRAIN_THREADS"] = THREADS
        db.init_app(app)
        seller.init_app(app)

        @seller.offer_loader
        def offers(sku_ids: Sequence[str], _: SimulationRequest) -> list[Offer]:
            return _timed(calls, lambda: [offer(sku_id) for sku_id in sku_ids])

        @seller.sku_loader
        def skus(sku_ids: Sequence[str]) -> list[Sku]:
            return _timed(calls, lambda: [sku(sku_id) for sku_id in sku_ids])

        seller.sku_ids_loader(lambda: ids(count))
        with app.app_context():
            db.create_all()
            with db.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        yield app, calls
        with app.app_context():
            db.engine.dispose()


def _timed(calls: Calls, work: Callable[[], list[T]]) -> list[T]:
    begun = time.perf_counter()
    made = work()
    calls.times.append(time.perf_counter() - begun)
    return made


def first_load(url: str, count: int) -> float:
    """Return the seconds that the command takes for so many SKUs.

    Raises:
        AssertionError: not every SKU was told, or a function of the shop's was called more than once for a batch.
    """
    with shop(url, count) as (app, calls), counting(calls):
        took = seconds(lambda: print("   ", run(app, "sync", "--all").replace("\n", "; ")))
        written = -(-count // BATCH)
        assert len(calls.times) == 2 * (written + calls.batches), (len(calls.times), written, calls.batches)
        assert calls.batches * THREADS / 4 < count, f"{calls.batches} batches of notices: far too small ones"
        return took


@contextmanager
def counting(calls: Calls) -> Iterator[None]:
    """Count the batches that notices are prepared in."""
    genuine = ChangeNotificationHandler.prepare

    def prepare(self, messages, /):  # type: ignore[no-untyped-def]
        calls.batches += 1
        return genuine(self, messages)

    ChangeNotificationHandler.prepare = prepare  # type: ignore[method-assign]
    try:
        yield
    finally:
        ChangeNotificationHandler.prepare = genuine  # type: ignore[method-assign]


def share_of_bare(count: int, rounds: int, latency_seconds: float) -> float:
    """Return the command's share of the bare loop's calls a second."""
    with marketplace(latency_seconds=latency_seconds) as url:
        urls = [f"{url}/api/catalog_system/pvt/skuseller/changenotification/shop/{name}" for name in ids(count)]
        ways = {"bare": lambda: bare(urls), "sync": lambda: first_load(url, count)}
        return share(count, rounds, ways, f"{count:,} SKUs")


def grown_by(count: int) -> float:
    """Return by how many megabytes memory grows while so many SKUs are told; the second time, all being loaded."""
    with marketplace(latency_seconds=0.0) as url:
        with shop(url, 1_000) as (app, _):
            run(app, "sync", "--all")
        with shop(url, count) as (app, _):
            return growth(lambda: run(app, "sync", "--all"))


def sweep(count: int) -> float:
    """Return how many unchanged SKUs a second are looked at, the time of the shop's functions apart.

    Raises:
        AssertionError: there was something to say.
    """
    with shop("http://127.0.0.1:9", count) as (app, calls), app.app_context():
        state = current_state()
        told = {"marketplace": "acme", "state": "known", "reason": "", "changed_at": 1, "looked_at": 1, "told_at": 1}
        told |= {"told_price": 2490, "told_list_price": 2990, "told_stock": 7}
        rows = [{**told, "sku_id": sku_id, "told_catalog": digest(sku(sku_id))} for sku_id in ids(count)]
        with state.drain.engine.begin() as connection:
            connection.execute(state.tables["vtex_sku"].insert(), rows)
        found = state.reconciler.run(batch=BATCH)
        assert (found.done, found.notices, found.failures) == (count, 0, []), found
        calls.times.clear()
        took = seconds(lambda: state.reconciler.run(batch=BATCH))
        return count / (took - sum(calls.times))


def run(app: Flask, *arguments: str) -> str:
    result = app.test_cli_runner().invoke(args=["vtex-seller", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--skus", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sweep", type=int, default=100_000)
    parser.add_argument("--latency", type=float, default=0.05)
    wanted = parser.parse_args()
    swept = sweep(wanted.sweep)
    print(f"a sweep looks at {swept:,.0f} unchanged SKUs a second of {wanted.sweep:,}", flush=True)
    found = share_of_bare(wanted.skus, wanted.rounds, wanted.latency)
    print(f"the first load makes {found:.2f} of the bare loop's calls", flush=True)
    grown = grown_by(wanted.skus)
    print(f"telling {wanted.skus:,} SKUs grows memory by {grown:.1f} MB")
    return int(wanted.check and (found < LEAST_SHARE or grown > MOST_MEGABYTES or swept < LEAST_SKUS))


if __name__ == "__main__":
    raise SystemExit(main())
