"""What a simulation costs in processor time, beside a bare Flask route and the same shop in FastAPI and Express.

    python benchmarks/simulation.py [--check] [--rounds N] [--growth] [--only TEXT]

Needs the extra `bench` and Linux, which counts each process's nanoseconds. Servers run on loopback, one
worker each, all on the same processor: ours and the bare route in gunicorn's sync worker, FastAPI in uvicorn. A time
budget takes a second thread, and is measured on all processors, too. The bare route reads the body and
answers with bytes that are ready; ours asks for its token and checks the whole body; the others ask for no token.
FastAPI quotes line by line, and reads its database through a session and entities; "tuned" it shares the delivery
options between lines as ours does, and reads by the same statement. In each round every
server is called with every size of cart, in an order drawn anew; a ratio is the median of the rounds' own. What the
database does is not counted. Without PostgreSQL's programs, the extra, or Node with `express` and `zod`, what needs
them is left out, and the script says so. Express is found where NODE_PATH tells:

    npm install --prefix ~/express-twin express zod
    NODE_PATH=~/express-twin/node_modules python benchmarks/simulation.py

`--check` fails where a ratio misses what is promised, and names the rounds. `--growth` measures besides what must
change nothing: a catalog of a million SKUs and an outbox of a million messages.
"""

import argparse
import importlib.util
import json
import os
import random
import shutil
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

sys.path.append(str(Path(__file__).parents[1]))

import sqlalchemy as sa
from comparison import CannotMeasure, Twin, gunicorn, uvicorn
from twins import catalog

from flask_vtex_seller.outbox.rows import TABLE as OUTBOX
from tests.postgres import NoServer, private_server

BARE, OURS, FASTAPI, EXPRESS = "bare Flask route", "flask-vtex-seller", "FastAPI", "Express + zod"
BUDGETED = f"{OURS} with a time budget"
SPREAD = f"{BUDGETED}, on all processors"
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
CALLS = {1: 100, 10: 100, 100: 40, 300: 16}
"""A round's calls of each server, by the cart's size: few, for a machine is loud for a second and then quiet again, and
those that are compared shall meet the same."""
QUERY = f"token={catalog.TOKEN}&sc=1"
MANY = 1_000_000
MOST_GROWTH = 1.2

Costs = dict[str, dict[int, list[float]]]
"""Microseconds a call: by server, by size, one a round."""
Start = Callable[[str], Twin]


class Promise(NamedTuple):
    """The most, or the least, that one server may cost of another; by size."""

    one: str
    other: str
    most: Mapping[int, float] = {}
    least: Mapping[int, float] = {}

    def holds(self, size: int, ratio: float) -> bool:
        return self.least.get(size, 0) <= ratio <= self.most.get(size, ratio)


THEY_COST_MORE = {1: 1.2, 10: 1.7, 100: 3.5}
PROMISES = [
    Promise(OURS, BARE, most={1: 1.3, 10: 1.55, 100: 2.3, 300: 4.5}),
    Promise(BUDGETED, BARE, most={1: 1.6}),
    Promise(SPREAD, BARE),
    *(Promise(f"{FASTAPI}, {name}", f"{OURS}, {name}", least=THEY_COST_MORE) for name in (POSTGRESQL, SQLITE)),
    *(Promise(f"{FASTAPI} tuned, {name}", f"{OURS}, {name}") for name in (POSTGRESQL, SQLITE)),
    Promise(FASTAPI, OURS),
    Promise(EXPRESS, OURS),
]


def ways(answers: Path, databases: Mapping[str, str]) -> Iterator[tuple[str, Start]]:
    """Yield what is compared, each with how to start it."""
    yield OURS, ours
    yield BUDGETED, partial(ours, budget=2.0)
    yield SPREAD, partial(ours, budget=2.0, spread=True)
    yield BARE, partial(bare, answers=answers)
    yield FASTAPI, fastapi
    yield EXPRESS, express
    for name, url in databases.items():
        yield f"{OURS}, {name}", partial(ours, database=url)
        yield f"{FASTAPI}, {name}", partial(fastapi, database=url)
        yield f"{FASTAPI} tuned, {name}", partial(fastapi, database=url, tuned=True)


def bare(name: str, *, answers: Path) -> Twin:
    need("gunicorn")
    path = f"{catalog.PATH}/{{size}}?{QUERY}"
    return Twin(name, gunicorn("bare"), path, BENCHMARK_ANSWERS=str(answers))


def ours(name: str, *, database: str | None = None, budget: float | None = None, spread: bool = False) -> Twin:
    need("gunicorn")
    path = f"{catalog.PATH}?{QUERY}"
    environment = {"BENCHMARK_DATABASE": database, "BENCHMARK_BUDGET": budget and str(budget)}
    given = {name: value for name, value in environment.items() if value}
    return Twin(name, gunicorn("ours"), path, spread=spread, **given)


def fastapi(name: str, *, database: str | None = None, tuned: bool = False) -> Twin:
    need("fastapi", "uvicorn", "uvloop", "httptools", "greenlet")
    if database is None:
        return Twin(name, uvicorn("with_fastapi"), catalog.PATH)
    driver = {"sqlite": "aiosqlite", "postgresql": "asyncpg"}[sa.make_url(database).get_backend_name()]
    need(driver)
    url = sa.make_url(database)
    asynchronous = url.set(drivername=f"{url.get_backend_name()}+{driver}").render_as_string(hide_password=False)
    environment = {"BENCHMARK_DATABASE": asynchronous, "BENCHMARK_TUNED": "1" * tuned}
    return Twin(name, uvicorn("with_fastapi"), catalog.PATH, **environment)


def express(name: str) -> Twin:
    if (node := shutil.which("node")) is None:
        raise CannotMeasure("there is no Node here")
    shop = {"path": catalog.PATH, "port": "{port}", "rows": list(catalog.rows()), "slas": catalog.SLAS}
    command = [node, "with_express.cjs"]
    return Twin(name, command, catalog.PATH, BENCHMARK_SHOP=json.dumps(shop), NODE_ENV="production")


def need(*modules: str) -> None:
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise CannotMeasure(f"{', '.join(missing)} not installed: pip install -e '.[bench,postgres]'")


@contextmanager
def started(offered: Iterable[tuple[str, Start]]) -> Iterator[list[Twin]]:
    """Start what can be had here, and name what cannot."""
    with ExitStack() as stack:
        servers = []
        for name, start in offered:
            try:
                servers.append(start(name))
                stack.callback(servers[-1].stop)
            except CannotMeasure as reason:
                print(f"left out: {name}: {reason}", flush=True)
        yield servers


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the URLs of databases that hold the catalog."""
    with ExitStack() as stack:
        urls = {SQLITE: sqlite(folder / "shop.sqlite")}
        try:
            urls[POSTGRESQL] = stack.enter_context(private_server()).url
            fill(urls[POSTGRESQL])
        except NoServer as reason:
            print(f"left out: {POSTGRESQL}: {reason}", flush=True)
        yield urls


def sqlite(file: Path, *, skus: int = catalog.SKUS, messages: int = 0) -> str:
    url = f"sqlite:///{file}"
    fill(url, skus=skus, messages=messages)
    return url


def fill(url: str, *, skus: int = catalog.SKUS, messages: int = 0) -> None:
    engine = sa.create_engine(url)
    catalog.fill(engine, skus)
    if messages:
        fill_outbox(engine, messages)
    engine.dispose()


def fill_outbox(engine: sa.Engine, messages: int) -> None:
    """Let so many messages wait; only SQLite's way of counting is known here."""
    OUTBOX.create(engine)
    row = {column.name: 0 if column.type.python_type is int else "x" for column in OUTBOX.c if not column.nullable}
    row = {name: sa.literal(value) for name, value in row.items() if name != "id"}
    numbers = sa.select(sa.literal(1).label("id")).cte("numbers", recursive=True)
    numbers = numbers.union_all(sa.select(numbers.c.id + 1).where(numbers.c.id < messages))
    with engine.begin() as connection:
        connection.execute(OUTBOX.insert().from_select(["id", *row], sa.select(numbers.c.id, *row.values())))


def record_answers(folder: Path) -> Path:
    """Write our answer for each size, which the bare route repeats; return their folder."""
    answers = folder / "answers"
    answers.mkdir()
    server = ours(OURS)
    try:
        for size in CALLS:
            (answers / str(size)).write_bytes(server.call(catalog.cart(size), size, 4))
    finally:
        server.stop()
    return answers


def compare(servers: list[Twin], answers: Path) -> None:
    """Warm the servers up and see that all say the same."""
    for server in servers:
        for size in CALLS:
            said = json.loads(server.call(catalog.cart(size), size, 2 * CALLS[size]))
            assert said == json.loads((answers / str(size)).read_bytes()), f"{server.name} says something else"


def measure(servers: list[Twin], rounds: int) -> Costs:
    costs: Costs = {server.name: {size: [] for size in CALLS} for server in servers}
    for number in range(rounds):
        for size, calls in CALLS.items():
            for server in random.sample(servers, len(servers)):
                costs[server.name][size].append(server.cost(catalog.cart(size), size, calls))
        print(f"round {number + 1} of {rounds}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    return costs


def ratios(one: Iterable[float], other: Iterable[float]) -> list[float]:
    return [a / b for a, b in zip(one, other, strict=True)]


def print_table(costs: Costs) -> None:
    """Print the medians in Markdown."""
    print(
        "\n| µs of processor time a call (× the bare route) | " + " | ".join(f"{size} items" for size in CALLS) + " |"
    )
    print("| --- |" + " ---: |" * len(CALLS))
    for name, by_size in costs.items():
        cells = [
            f"{statistics.median(found):.0f} ({statistics.median(ratios(found, costs[BARE][size])):.2f})"
            for size, found in by_size.items()
        ]
        print(f"| {name} | {' | '.join(cells)} |")


def print_promises(costs: Costs) -> list[str]:
    """Print the ratios in Markdown; return what misses, with the rounds."""
    missed = []
    print("\n| ratio | " + " | ".join(f"{size} items" for size in CALLS) + " |")
    print("| --- |" + " ---: |" * len(CALLS))
    for promise in PROMISES:
        if not {promise.one, promise.other} <= costs.keys():
            continue
        cells = []
        for size in CALLS:
            found = ratios(costs[promise.one][size], costs[promise.other][size])
            ratio = statistics.median(found)
            bounds = {"≤": promise.most.get(size), "≥": promise.least.get(size)}
            cells.append(f"{ratio:.2f}" + "".join(f" {sign} {bound}" for sign, bound in bounds.items() if bound))
            if not promise.holds(size, ratio):
                rounds = [number + 1 for number, each in enumerate(found) if not promise.holds(size, each)]
                missed.append(f"{promise.one} / {promise.other} at {size}: {ratio:.2f}, in the rounds {rounds}")
        print(f"| {promise.one} / {promise.other} | {' | '.join(cells)} |")
    return missed


def growth(costs: Costs) -> list[str]:
    """Print how the cost of one more line changes with the cart; return what misses."""
    few, some, many = (costs[OURS][size] for size in (10, 100, 300))
    found = [(c - b) / 200 / ((b - a) / 90) for a, b, c in zip(few, some, many, strict=True)]
    ratio = statistics.median(found)
    print(f"\na line more costs {ratio:.2f} as much between 100 and 300 items as between 10 and 100")
    missed = [number + 1 for number, each in enumerate(found) if each > MOST_GROWTH]
    return [f"growth by the line: {ratio:.2f}, in the rounds {missed}"] if ratio > MOST_GROWTH else []


def independence(folder: Path, rounds: int) -> list[str]:
    """Measure ours with a large catalog and a large outbox; return what misses."""
    kinds = {
        f"{catalog.SKUS:,} SKUs, no message": sqlite(folder / "few.sqlite"),
        f"{MANY:,} SKUs": sqlite(folder / "skus.sqlite", skus=MANY),
        f"{MANY:,} messages": sqlite(folder / "messages.sqlite", messages=MANY),
    }
    base, *others = kinds
    with started((name, partial(ours, database=url)) for name, url in kinds.items()) as servers:
        for server in servers:
            server.call(catalog.cart(10), 10, 4 * CALLS[10])
        costs = measure(servers, rounds)
    missed = []
    for name in others:
        for size in CALLS:
            ratio = statistics.median(ratios(costs[name][size], costs[base][size]))
            print(f"with {name} a cart of {size} costs {ratio:.2f} of what it costs with {base}")
            if ratio > MOST_GROWTH:
                missed.append(f"{name} at {size}: {ratio:.2f}")
    return missed


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--rounds", type=int, default=44)
    parser.add_argument("--only", default="", help="beside the bare route, only those whose name holds this")
    wanted = parser.parse_args()
    with TemporaryDirectory() as name, databases(folder := Path(name)) as urls:
        answers = record_answers(folder)
        offered = [(name, start) for name, start in ways(answers, urls) if name == BARE or wanted.only in name]
        with started(offered) as servers:
            compare(servers, answers)
            costs = measure(servers, wanted.rounds)
        print_table(costs)
        missed = [*print_promises(costs), *(growth(costs) if OURS in costs else [])]
        if wanted.growth:
            missed += independence(folder, wanted.rounds)
    print(*(f"missed: {what}" for what in missed), sep="\n")
    return int(wanted.check and bool(missed))


if __name__ == "__main__":
    raise SystemExit(main())
