"""Hours of it. (R20)"""

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import func, select

from ..marketplace.loopback import RESET, reply
from ..outbox.box import Box
from .kit import DONE, Child, Marketplace, Nursery, Speaker, overtaken, wait_until_settled
from .report import Figures

EVENTS, LANES = 100_000, 2000
MOST_MEGABYTES_IN_TEN_MINUTES = 1.0


def memory(child: Child) -> float:
    """In megabytes."""
    lines = Path(f"/proc/{child.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) / 1024


def descriptors(child: Child) -> int:
    return len(list(Path(f"/proc/{child.pid}/fd").iterdir()))


def steepest(samples: Sequence[tuple[float, ...]]) -> float:
    """Return by how much the memory that grows most does so in ten minutes; a sample is a second, and megabytes.

    Of the second half of the time: until then the databases' own caches may fill, which have an end.
    """
    seconds, *of_workers = zip(*samples, strict=True)
    return 600 * max(statistics.linear_regression(seconds, each).slope for each in of_workers)


@pytest.mark.full
def test_workers_run_for_an_hour_and_neither_lose_nor_grow(
    request: pytest.FixtureRequest,
    speaker: Speaker,
    marketplace: Marketplace,
    nursery: Nursery,
    box: Box,
    rng: Random,
    figures: Figures,
) -> None:
    """R20: a hundred thousand messages, a twentieth of the calls fails."""
    seconds = request.config.getoption("--chaos-soak-seconds")
    marketplace.behave = lambda _: rng.choice([reply(503), RESET]) if rng.random() < 0.05 else DONE
    workers = [nursery.start() for _ in range(4)]
    begun, samples, opened = time.monotonic(), list[tuple[float, ...]](), list[int]()
    for second in range(int(seconds)):
        speaker.say(*(str(rng.randrange(LANES)) for _ in range(round(EVENTS / seconds))))
        time.sleep(max(0.0, begun + second + 1 - time.monotonic()))
        if second >= seconds / 2 and second % 10 == 0:
            samples.append((second, *map(memory, workers)))
            opened = opened or [*map(descriptors, workers)]
    grown = steepest(samples)
    more = max(now - then for now, then in zip(map(descriptors, workers), opened, strict=True))
    wait_until_settled(box, seconds=600)
    nursery.end()
    arrivals = marketplace.arrivals
    lost = len(speaker.all - {arrival.what for arrival in arrivals})
    with box.state.drain.engine.connect() as connection:
        rows = connection.execute(select(func.count()).select_from(box.state.drain.table)).scalar()
    figures.note("R20", seconds=seconds, events=len(speaker.all), rows=rows, calls=len(arrivals), lost=lost)
    figures.note("R20", out_of_order=len(overtaken(arrivals)), grown_in_ten_minutes=f"{grown:.2f} MB", more_files=more)
    assert (lost, overtaken(arrivals)) == (0, [])
    assert grown <= MOST_MEGABYTES_IN_TEN_MINUTES
    assert more <= 8
