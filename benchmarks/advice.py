"""What the advice of docs/howto/fast-simulation.md is worth, measured.

    python benchmarks/advice.py [--database URL] [--rounds N] [--seconds N] [--only loaders|servers]

Tables in Markdown. The first one calls loaders in this process, on SQLite or the database of `--database`, whose
tables it replaces: the processor time of this process and the time on the wall, as ratios to the advised way. The
others put load on servers, with a loader that has its offers in memory and with one that waits 5 ms for them: the
processor time for an answer and the answers a second, as ratios to one sync worker of gunicorn. Each ratio is the
median of the rounds' own ratios; within a round the order is random.
"""

import argparse
import json
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask
from serving import SIMULATION, Load, Server, cart, granian, gunicorn, serve

from flask_vtex_seller import SimulationRequest

CALLS = 20
CONNECTIONS = 8
SIZES = (1, 10, 100)
SYNC = "gunicorn, 1 sync worker"

PAIRS = {
    "a query for each SKU ÷ one for the cart": ("a_query_each", "one_query"),
    "entities ÷ columns": ("entities", "one_query"),
    "an entity for each SKU ÷ columns of the cart": ("an_entity_each", "one_query"),
    "the session's transaction ÷ AUTOCOMMIT": ("one_query", "autocommit"),
    "pre-ping ÷ none": ("autocommit, pre-ping", "autocommit"),
    "row by row ÷ all rows at once": ("autocommit", "at_once"),
    "a parameter for each SKU ÷ one text with all": ("at_once", "one_text"),
}
SERVERS = {
    SYNC: gunicorn("--workers", "1"),
    "gunicorn, 1 worker of 4 threads": gunicorn("--workers", "1", "--threads", "4"),
    "gunicorn, 2 sync workers": gunicorn("--workers", "2"),
    "gunicorn, 2 workers of 4 threads": gunicorn("--workers", "2", "--threads", "4"),
    "gunicorn, 2 workers of 4 threads, --reuse-port": gunicorn("--workers", "2", "--threads", "4", "--reuse-port"),
    "gunicorn, 2 workers of 16 threads": gunicorn("--workers", "2", "--threads", "16"),
    "Granian, 1 worker": granian("--workers", "1", "--blocking-threads", "4"),
    "Granian, 2 workers": granian("--workers", "2", "--blocking-threads", "4"),
}


@contextmanager
def database(url: str | None) -> Iterator[str]:
    """Give the address of a database with the shop's catalog in it."""
    with TemporaryDirectory() as folder:
        os.environ["BENCH_DATABASE"] = url = url or f"sqlite:///{Path(folder) / 'shop.sqlite'}"
        from shop import create_app, fill

        fill(create_app())
        yield url


def app_with(**engine: Any) -> Flask:
    """Return the shop with such options of its engine."""
    from shop import create_app

    os.environ["BENCH_ENGINE"] = json.dumps(engine)
    return create_app()


def loading(app: Flask, name: str, size: int) -> Callable[[], tuple[float, float]]:
    """Return what calls a loader, each time in a context of its own, and tells processor and wall time of a call."""
    from shop import LOADERS

    loader, request = LOADERS[name], SimulationRequest(marketplace="acme", items=())

    def measure() -> tuple[float, float]:
        skus = [[f"sku-{number}" for number in random.sample(range(10_000), size)] for _ in range(CALLS)]
        cpu, wall = time.process_time(), time.perf_counter()
        for some in skus:
            with app.app_context():
                assert len([*loader(some, request)]) == len(some)
        return (time.process_time() - cpu) / CALLS, (time.perf_counter() - wall) / CALLS

    return measure


def compare_loaders(url: str | None, rounds: int) -> None:
    """Print the first table."""
    with database(url) as found:
        plain, pinging = app_with(), app_with(pool_pre_ping=True)
        names = {name for pair in PAIRS.values() for name in pair}
        print(f"\n| {found.partition(':')[0]} | 1 item | 10 items | 100 items |\n|---|---|---|---|")
        cells: dict[str, list[str]] = {pair: [] for pair in PAIRS}
        for size in SIZES:
            ways = {
                name: loading(pinging if name.endswith("pre-ping") else plain, name.partition(",")[0], size)
                for name in names
            }
            samples = [_shuffled(ways) for _ in range(rounds + 1)][1:]
            for pair, (one, other) in PAIRS.items():
                cpu = statistics.median(sample[one][0] / sample[other][0] for sample in samples)
                wall = statistics.median(sample[one][1] / sample[other][1] for sample in samples)
                cells[pair].append(f"{cpu:.2f} (wall {wall:.2f})")
        for pair, row in cells.items():
            print(f"| {pair} | {' | '.join(row)} |", flush=True)


def _shuffled(ways: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    return {name: ways[name]() for name in random.sample(sorted(ways), len(ways))}


def compare_servers(loader: str, rounds: int, seconds: float) -> None:
    """Print the table of a loader."""
    print(f"\n| {CONNECTIONS} connections, {loader} | items | CPU | answers a second | p99 |")
    print("|---|---|---|---|---|")
    with ExitStack() as stack:
        serving = ((name, serve(*command, BENCH_LOADER=loader)) for name, command in SERVERS.items())
        servers = {name: stack.enter_context(server) for name, server in serving}
        for size in (1, 10):
            ways = {name: _firing(server, size, seconds) for name, server in servers.items()}
            samples = [_shuffled(ways) for _ in range(rounds)]
            for name in servers:
                _print_server(name, size, samples)


def _firing(server: Server, size: int, seconds: float) -> Callable[[], Load]:
    return lambda: server.fire(SIMULATION, cart(size), connections=CONNECTIONS, seconds=seconds)


def _print_server(name: str, size: int, samples: list[dict[str, Load]]) -> None:
    cpu = statistics.median(sample[name].cpu_us / sample[SYNC].cpu_us for sample in samples)
    rate = statistics.median(sample[name].rate / sample[SYNC].rate for sample in samples)
    p99 = statistics.median(sample[name].percentile(0.99) / sample[SYNC].percentile(0.99) for sample in samples)
    print(f"| {name} | {size} | {cpu:.2f} | {rate:.2f} | {p99:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--database")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--only", choices=["loaders", "servers"])
    wanted = parser.parse_args()
    if wanted.only != "servers":
        compare_loaders(wanted.database, wanted.rounds)
    os.environ.pop("BENCH_DATABASE", None)
    os.environ.pop("BENCH_ENGINE", None)
    if wanted.only != "loaders":
        for loader in ("from_memory", "waiting"):
            compare_servers(loader, wanted.rounds, wanted.seconds)


if __name__ == "__main__":
    main()
