"""What delivering through the outbox costs beside bare `requests` calls of as many threads.

    python benchmarks/drain.py [--check] [--calls N] [--rounds N] [--rows N]

Prints, for a marketplace on this machine that answers after 50 and after 150 ms: calls a second of a bare loop and of
the drain, and the drain's share; the time that taking and settling one message costs with 1,000 and with `--rows` of
them waiting; and by how much memory grows while `--growth` of them are delivered. `--check` fails below 0.9 of the bare
loop, above 1.5 times the cost, or above 20 MB.
"""

import argparse
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from loopback import marketplace
from outbound import THREADS, bare, growth, seconds, share

from flask_vtex_seller import VtexSeller
from flask_vtex_seller.marketplace.outcome import Outcome, Verdict
from flask_vtex_seller.outbox.drain import Drain
from flask_vtex_seller.outbox.message import Draft
from flask_vtex_seller.state import current_state

ITEMS = [{"id": "1", "price": 2490, "quantity": 2}]
BODY = {"type": "Output", "invoiceNumber": "1001", "invoiceValue": 4980, "items": ITEMS}
LEAST_SHARE, MOST_GROWTH, MOST_MEGABYTES = 0.9, 1.5, 20.0
FEW, SAMPLE = 1_000, 500
_DELIVERED = Outcome(verdict=Verdict.DELIVERED, status=200, reason="200")


@contextmanager
def shop(url: str) -> Iterator[Drain]:
    """A shop with an empty outbox on SQLite in WAL mode, and one marketplace."""
    with TemporaryDirectory() as folder:
        db = SQLAlchemy()
        seller = VtexSeller(db)
        app = Flask("bench")
        known = {"account": "acme", "seller_id": "shop", "app_key": "key", "app_token": "token", "local": True}
        app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{Path(folder) / 'bench.sqlite'}"
        app.config["VTEX_SELLER_MARKETPLACES"] = {"acme": {**known, "base_url": url, "suggestions_url": url}}
        db.init_app(app)
        seller.init_app(app)
        with app.app_context():
            db.create_all()
            with db.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            yield current_state().drain
            db.engine.dispose()


def fill(drain: Drain, count: int) -> None:
    """Say so many invoices, each of an order of its own."""
    for start in range(0, count, 10_000):
        drain.append([_draft(number) for number in range(start, min(start + 10_000, count))])


def _draft(number: int) -> Draft:
    arguments = {"marketplace_order_id": f"{number}-01", "invoice_number": "1001"}
    return Draft(marketplace="acme", operation="invoice", lane=f"order:{number}", arguments=arguments, body=BODY)


def drained(url: str, calls: int) -> float:
    """Return the seconds that a drain of as many threads takes."""
    with shop(url) as drain:
        fill(drain, calls)
        took = seconds(lambda: drain.run(threads=THREADS))
        left = drain.run().delivered
        assert not left, f"{left} messages were left"
        return took


def share_of_bare(latency_seconds: float, calls: int, rounds: int) -> float:
    """Return the drain's share of the bare loop's calls a second."""
    with marketplace(latency_seconds=latency_seconds) as url:
        urls = [f"{url}/api/oms/pvt/orders/{number}-01/invoice" for number in range(calls)]
        ways = {"bare": lambda: bare(urls, BODY), "drain": lambda: drained(url, calls)}
        return share(calls, rounds, ways, f"{latency_seconds * 1000:3.0f} ms")


def cost(waiting: int) -> float:
    """Return the microseconds that taking and settling one message costs, beside a call that costs nothing."""
    with shop("http://127.0.0.1:9") as drain:
        fill(drain, waiting)
        quick = replace(drain, send=lambda *_: _DELIVERED)
        quick.run(limit=SAMPLE)
        return 1e6 * statistics.median(seconds(lambda: quick.run(limit=SAMPLE)) for _ in range(3)) / SAMPLE


def grown_by(count: int) -> float:
    """Return by how many megabytes memory grows while so many messages are delivered."""
    with shop("http://127.0.0.1:9") as drain:
        fill(drain, count)
        quick = replace(drain, send=lambda *_: _DELIVERED)
        quick.run(limit=count // 10, threads=THREADS)
        return growth(lambda: quick.run(threads=THREADS))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--calls", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--growth", type=int, default=100_000)
    wanted = parser.parse_args()
    shares = {latency: share_of_bare(latency, wanted.calls, wanted.rounds) for latency in (0.05, 0.15)}
    few, many = cost(FEW + 4 * SAMPLE), cost(wanted.rows)
    grown = grown_by(wanted.growth)
    for latency, found in shares.items():
        print(f"at {latency * 1000:.0f} ms the drain makes {found:.2f} of the bare loop's calls")
    print(f"taking and settling costs {few:.0f} µs with {FEW:,} waiting and {many:.0f} µs with {wanted.rows:,}")
    print(f"delivering {wanted.growth:,} grows memory by {grown:.1f} MB")
    missed = min(shares.values()) < LEAST_SHARE or many > MOST_GROWTH * few or grown > MOST_MEGABYTES
    return int(wanted.check and missed)


if __name__ == "__main__":
    raise SystemExit(main())
