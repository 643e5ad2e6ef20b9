"""What happens when many ask at once: 50 connections with carts of 10 items on gunicorn, 2 processes of 4 threads.

    python benchmarks/load.py [--check] [--seconds N] [--connections N]

The shop reads its offers from SQLite with a time budget of 2 seconds. Prints percentiles of the answers' times, once
undisturbed and once while another process holds SQLite's write lock, and what the database was asked. `--check` fails
if one of a hundred answers takes longer than 300 ms, one at all longer than 2.5 s, one is not 200, anything was
written, or a larger cart took more statements. Measure on a machine that does nothing else, for the 60 seconds.
"""

import argparse
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from serving import SIMULATION, Load, Server, cart, gunicorn, serve

ITEMS = 10
P99_SECONDS, MOST_SECONDS = 0.3, 2.5


def _hold(database: str, pipe: Connection) -> None:
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE product SET stock = stock - 1")
    pipe.send("held")
    pipe.recv()
    connection.execute("ROLLBACK")


@contextmanager
def write_lock(database: Path) -> Iterator[None]:
    """Have another process hold SQLite's write lock until the block ends."""
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_hold, args=(str(database), theirs))
    process.start()
    ours.recv()
    try:
        yield
    finally:
        ours.send("enough")
        process.join()


def report(name: str, load: Load) -> list[str]:
    """Print a load's figures; return what is wrong with them."""
    times = ", ".join(f"p{100 * share:g} {1000 * load.percentile(share):.0f} ms" for share in (0.5, 0.95, 0.99, 1))
    print(f"{name}: {len(load.seconds)} answers, {load.rate:.0f}/s, {times}, {load.cpu_us:.0f} µs CPU each", flush=True)
    wrong = []
    if load.percentile(0.99) > P99_SECONDS:
        wrong.append(f"{name}: p99 is above {1000 * P99_SECONDS:.0f} ms")
    if load.percentile(1) > MOST_SECONDS:
        wrong.append(f"{name}: an answer took more than {MOST_SECONDS} s")
    if load.statuses != {200}:
        wrong.append(f"{name}: not every answer is 200: {sorted(load.statuses)}")
    return wrong


def ask_once_each(server: Server) -> None:
    """Ask for carts of all sizes, so that each has its statements counted."""
    for size in (1, ITEMS, 100, 300):
        server.fire(SIMULATION, cart(size), connections=1, seconds=0)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--connections", type=int, default=50)
    wanted = parser.parse_args()
    with TemporaryDirectory() as folder:
        database, heard = Path(folder) / "shop.sqlite", Path(folder) / "heard"
        environment = {"BENCH_DATABASE": f"sqlite:///{database}", "BENCH_LOADER": "one_query"}
        os.environ.update(environment)
        from shop import create_app, fill

        fill(create_app())
        environment.update(BENCH_HEARD=str(heard), BENCH_SIMULATION_SECONDS="2")
        wrong = []
        with serve(*gunicorn("--workers", "2", "--threads", "4"), **environment) as server:
            ask_once_each(server)
            for name, disturbance in {"undisturbed": nullcontext(), "write lock held": write_lock(database)}.items():
                with disturbance:
                    load = server.fire(SIMULATION, cart(ITEMS), connections=wanted.connections, seconds=wanted.seconds)
                wrong += report(name, load)
        said = set(heard.read_text(encoding="utf-8").splitlines())
    counts = {line for line in said if line.startswith("COUNT")}
    print(f"statements a cart, whatever its size: {', '.join(sorted(counts))}; others than reads: {len(said - counts)}")
    wrong += [f"written: {line}" for line in said - counts]
    if len(counts) != 1:
        wrong.append("a larger cart takes more statements")
    for words in wrong:
        print(f"✗ {words}")
    return int(wanted.check and bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
