"""The scale, the seed and the figures of the chaos tests, and a shop with a marketplace and processes of its own."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ..outbox.box import Box
from ..shops import Shop
from . import kit, report
from .report import RELIABILITY, Figures, Report
from .warehouse import Warehouse

FIGURES = pytest.StashKey[Figures]()
_SEEN: list[tuple[str, Figures]] = []


@dataclass(frozen=True)
class Scale:
    """How much a test does."""

    full: bool

    def __call__(self, short: Any, full: Any) -> Any:
        return full if self.full else short


@pytest.fixture
def scale(request: pytest.FixtureRequest) -> Scale:
    return Scale(request.config.getoption("--chaos-full"))


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Printed with a failure; `--chaos-seed` repeats it."""
    seed: int = request.config.getoption("--chaos-seed")
    print(f"--chaos-seed {seed}")  # noqa: T201 -- pytest shows it with a failure
    return seed


@pytest.fixture
def rng(seed: int) -> Random:
    return Random(seed)


@pytest.fixture
def figures(request: pytest.FixtureRequest, seed: int) -> Figures:
    figures = Figures(database=request.config.getoption("--database"), seed=seed)
    request.node.stash[FIGURES] = figures
    return figures


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    result = yield
    figures = item.stash.get(FIGURES, None)
    if call.when == "call" and figures is not None:
        figures.passed = result.passed
        _SEEN.append((item.nodeid, figures))
    return result


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if config.getoption("--chaos-full"):
            item.add_marker(pytest.mark.timeout(2 * 3600))
        elif item.get_closest_marker("full"):
            item.add_marker(pytest.mark.skip(reason="takes long: run with --chaos-full"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the page; what earlier runs saw is remembered in pytest's cache."""
    if session.config.getoption("--chaos-full"):
        write("chaos/figures", RELIABILITY, session.config)


def write(key: str, about: Report, config: pytest.Config) -> None:
    seen = [(test, figures) for test, figures in _SEEN if figures.promise in about.promises]
    if not seen:
        return
    known = config.cache.get(key, {})  # type: ignore[union-attr]
    for test, figures in seen:
        report.add(known, test, figures)
    config.cache.set(key, known)  # type: ignore[union-attr]
    report.write(known, about)


@pytest.fixture
def marketplace() -> Iterator[kit.Marketplace]:
    with kit.marketplace() as server:
        yield server


@pytest.fixture
def box(new_shop: Callable[..., Shop]) -> Box:
    """A shop in real time that nobody drains yet."""
    shop = new_shop()
    return Box(shop=shop, clock=shop.seller._clock)  # type: ignore[arg-type]


@pytest.fixture
def speaker(box: Box) -> kit.Speaker:
    return kit.Speaker(box)


@pytest.fixture
def nursery(database_url: str, marketplace: kit.Marketplace, tmp_path: Path) -> Iterator[kit.Nursery]:
    """Processes of the same shop as `box`."""
    with kit.nursery(kit.described(database_url, marketplace.url), tmp_path / "processes.log") as nursery:
        yield nursery


@pytest.fixture
def warehouse(box: Box) -> Warehouse:
    """The shop of `box`, with hooks that write down what they do."""
    warehouse = Warehouse(box.shop)
    warehouse.build()
    return warehouse


@pytest.fixture
def serve(nursery: kit.Nursery, tmp_path: Path) -> Callable[..., tuple[kit.Child, int]]:
    """Start a process that serves the shop of `warehouse`; return it and its port. See `children.serve`."""
    numbers = itertools.count()

    def start(**arguments: Any) -> tuple[kit.Child, int]:
        file, begun = tmp_path / f"port-{next(numbers)}", time.monotonic()
        child = nursery.start("serve", file=str(file), **arguments)
        while not file.exists():
            assert time.monotonic() - begun < 30, nursery.log.read_text()
            time.sleep(0.005)
        return child, int(file.read_text())

    return start
