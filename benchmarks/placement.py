"""What placing, authorizing and canceling an order cost in processor time, beside bare Flask routes.

    python benchmarks/placement.py [--check] [--rounds N] [--only TEXT]

Needs the extras `bench` and `test`, and Linux, which counts each process's nanoseconds. One of gunicorn's sync workers
serves each shop on loopback. An order has 10 lines and 5 to 7 kB, and the shop's hook takes its stock and writes it
with its lines.

- The *hook's work alone*: a bare Flask route reads the body, does what the hook does, commits, answers with the body.
- With the *database's work*: the same route also runs, in its one transaction, the very statements that ours was heard
  to run apart from the hook's; straight through the driver, and without what SQLAlchemy does for them.
- *flask-vtex-seller* asks for its token, checks the whole body, and the order's prices against the shop's, keeps the
  order, runs the hook.

What ours takes beyond the second is *our CPU*: all that the extension does, SQLAlchemy's part for our statements
included, but not what driver and database do (SQLite runs in the same process). In each round every server gets orders
of its own, in an order drawn anew; differences and ratios are medians of the rounds' own.

`--check` fails where more than promised is taken, and names the rounds: our CPU for a placement, our statements and
commits for each call. An authorization and a cancellation look their order up first, in a transaction that only reads.
"""

import argparse
import importlib.util
import json
import os
import random
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent / "twins")]

import orders
from comparison import CannotMeasure, Twin, gunicorn, post

from tests.postgres import NoServer, private_server

ALONE, DATABASE, OURS = "the hook's work alone", "the database's work", "flask-vtex-seller"
CALLS = 120
"""Orders that each server gets in a round."""
MOST_US = {"placement": 1_000.0}
"""Microseconds of our CPU."""
MOST_STATEMENTS = 4

Costs = dict[str, dict[str, list[float]]]
"""Microseconds a call: by server, by verb, one a round."""


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the URLs of empty databases."""
    with ExitStack() as stack:
        urls = {"SQLite": f"sqlite:///{folder / 'shop.sqlite'}"}
        try:
            urls["PostgreSQL"] = stack.enter_context(private_server()).url
        except NoServer as reason:
            print(f"left out: PostgreSQL: {reason}", flush=True)
        yield urls


def requests(server: Twin, verb: str, ids: list[str]) -> list[bytes]:
    base, query = ("/api/vtex/acme", f"?token={orders.TOKEN}") if server.name == OURS else ("", "")
    return [post(f"{base}{orders.VERBS[verb].format(id=id_)}{query}", orders.bodies(id_)[verb]) for id_ in ids]


def listen(url: str, file: Path) -> dict[str, Any]:
    """Send an order through its life; return what the database was asked, by verb."""
    server = Twin(OURS, gunicorn("ours_orders"), BENCHMARK_DATABASE=url, BENCHMARK_HEARD=str(file))
    try:
        for verb in orders.VERBS:
            server.send(requests(server, verb, [orders.RECORDED]))
    finally:
        server.stop()
    heard: dict[str, Any] = json.loads(file.read_bytes())
    return heard


@contextmanager
def started(url: str, file: Path) -> Iterator[list[Twin]]:
    with ExitStack() as stack:
        servers = [
            Twin(ALONE, gunicorn("bare_orders"), BENCHMARK_DATABASE=url),
            Twin(DATABASE, gunicorn("bare_orders"), BENCHMARK_DATABASE=url, BENCHMARK_HEARD=str(file)),
            Twin(OURS, gunicorn("ours_orders"), BENCHMARK_DATABASE=url),
        ]
        for server in servers:
            stack.callback(server.stop)
        yield servers


def measure(servers: list[Twin], rounds: int) -> Costs:
    costs: Costs = {server.name: {verb: [] for verb in orders.VERBS} for server in servers}
    for number in range(rounds + 1):  # the first one warms up
        for server in random.sample(servers, len(servers)):
            ids = [f"{servers.index(server)}-{number}-{count}" for count in range(CALLS)]
            for verb in orders.VERBS:
                costs[server.name][verb].append(server.cost_of(requests(server, verb, ids)))
        print(f"round {number} of {rounds}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    return {name: {verb: found[1:] for verb, found in by_verb.items()} for name, by_verb in costs.items()}


def report(database: str, heard: dict[str, Any], costs: Costs) -> list[str]:
    """Print a table in Markdown; return what misses, with the rounds."""
    missed = []
    servers = " | ".join(costs)
    print(
        f"\n| {database}, µs of processor time a call | {servers} | our CPU | ours ÷ hook's | ours ÷ database's |",
        end="",
    )
    print(" our statements | transactions | commits |")
    print("| --- |" + " ---: |" * (len(costs) + 6))
    for verb in orders.VERBS:
        alone, same, ours = (costs[name][verb] for name in (ALONE, DATABASE, OURS))
        own = [one - other for one, other in zip(ours, same, strict=True)]
        said = heard[verb]
        count = len(said["statements"])
        cells = [
            *(f"{statistics.median(found[verb]):.0f}" for found in costs.values()),
            f"{statistics.median(own):.0f}" + (f" ≤ {MOST_US[verb]:.0f}" if verb in MOST_US else ""),
            *(f"{statistics.median(map(float.__truediv__, ours, other)):.2f}" for other in (alone, same)),
            f"{count} ≤ {MOST_STATEMENTS}",
            *(str(said[what]) for what in ("begun", "committed")),
        ]
        print(f"| {verb} | {' | '.join(cells)} |")
        most = MOST_US.get(verb, float("inf"))
        if statistics.median(own) > most:
            rounds = [number + 1 for number, each in enumerate(own) if each > most]
            missed.append(f"{database}, {verb}: {statistics.median(own):.0f} µs, in the rounds {rounds}")
        if count > MOST_STATEMENTS or said["committed"] != 1:
            missed.append(f"{database}, {verb}: {count} statements of ours, {said['committed']} commits")
    return missed


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--only", default="", help="the databases whose name holds this")
    wanted = parser.parse_args()
    if importlib.util.find_spec("gunicorn") is None:
        raise CannotMeasure("gunicorn is not installed: pip install -e '.[bench,postgres]'")
    size = len(orders.bodies(orders.RECORDED)["placement"])
    print(f"an order of {orders.LINES} lines in {size} bytes")
    assert 5_000 <= size <= 7_000
    missed = []
    with TemporaryDirectory() as name, databases(folder := Path(name)) as urls:
        for database, url in urls.items():
            if wanted.only not in database:
                continue
            heard = listen(url, file := folder / f"{database}.json")
            with started(url, file) as servers:
                missed += report(database, heard, measure(servers, wanted.rounds))
    print(*(f"missed: {what}" for what in missed), sep="\n")
    return int(wanted.check and bool(missed))


if __name__ == "__main__":
    raise SystemExit(main())
