"""The order of lanes, while the marketplace fails, workers are frozen and clocks are set. (R3, R16)"""

import signal
import threading
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ..marketplace.loopback import RESET, reply
from ..outbox.box import Box
from .conftest import Scale
from .kit import (
    DONE,
    THREADS,
    Arrival,
    Marketplace,
    Nursery,
    Speaker,
    Trap,
    doubled,
    overtaken,
    silently_overtaken,
    slowly,
    tell,
    wait_until_settled,
)
from .report import Figures

LEASE_SECONDS = 4.0


def faults(rng: Random, share: float) -> Any:
    """One call in so many goes wrong: an error, a reset, or silence until the caller gives up."""
    lock = threading.Lock()
    wrong = (lambda: reply(503), lambda: RESET, lambda: slowly(LEASE_SECONDS / 4 + 0.2, None))

    def behave(_: Arrival) -> Any:
        with lock:
            fails, how = rng.random() < share, rng.choice(wrong)
        return how() if fails else DONE

    return behave


def test_a_marketplace_that_fails_at_random_gets_each_lane_in_order(
    speaker: Speaker, marketplace: Marketplace, nursery: Nursery, rng: Random, scale: Scale, figures: Figures
) -> None:
    """R3: a fifth of the calls fails."""
    workers, lanes, each = scale(3, 8), scale(40, 2000), scale(3, 5)
    marketplace.behave = faults(rng, 0.2)
    for _ in range(each):
        speaker.say(*(f"{lane}" for lane in range(lanes)))
    for _ in range(workers):
        nursery.start()
    took = wait_until_settled(speaker.box, seconds=scale(90, 3600))
    nursery.end()
    arrivals = marketplace.arrivals
    figures.note("R3", workers=workers, events=len(speaker.all), lanes=lanes, calls=len(arrivals))
    figures.note("R3", out_of_order=len(overtaken(arrivals)), lost=len(speaker.all - {a.what for a in arrivals}))
    figures.note("R3", took=f"{took:.0f} s")
    assert {arrival.what for arrival in arrivals} == speaker.all
    assert overtaken(arrivals) == []


@pytest.mark.parametrize("leases", [0.5, 2.0])
def test_a_worker_that_is_frozen_in_a_call_overtakes_nothing_in_silence(
    speaker: Speaker,
    marketplace: Marketplace,
    nursery: Nursery,
    box: Box,
    rng: Random,
    scale: Scale,
    figures: Figures,
    leases: float,
) -> None:
    """R3: within its lease nothing is out of order; beyond, what comes late is written down."""
    freezes, lanes = scale(2, 30), 60
    trap = Trap(marketplace, nursery, signal.SIGSTOP)

    def behave(arrival: Arrival) -> Any:
        trap.spring(arrival)
        return slowly(0.02)

    marketplace.behave = behave
    for _ in range(3):
        nursery.start()
    for _ in range(freezes):
        trap.set(rng.randint(5, 40))
        speaker.say(*(f"{lane}" for lane in range(lanes)))
        frozen = trap.wait()
        time.sleep(leases * LEASE_SECONDS)
        frozen.kill(signal.SIGCONT)
    wait_until_settled(box, seconds=LEASE_SECONDS + 60)
    nursery.end()
    arrivals, late = marketplace.arrivals, sum(row.late for row in box.rows())
    figures.note("R3", freezes=freezes, of=f"{leases} leases", events=len(speaker.all), sent_twice=doubled(arrivals))
    figures.note("R3", out_of_order=len(overtaken(arrivals)), in_silence=len(silently_overtaken(box, arrivals)))
    figures.note("R3", late_answers=late)
    assert {arrival.what for arrival in arrivals} == speaker.all
    assert silently_overtaken(box, arrivals) == []
    assert late <= freezes * THREADS
    if leases < 1:
        assert overtaken(arrivals) == []


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_a_clock_that_is_wrong_by_an_hour_loses_and_overtakes_nothing(
    request: pytest.FixtureRequest,
    speaker: Speaker,
    marketplace: Marketplace,
    nursery: Nursery,
    box: Box,
    tmp_path: Path,
    scale: Scale,
    figures: Figures,
    seconds: int,
) -> None:
    """R16: of one of two workers on PostgreSQL, where the database's clock counts.

    On SQLite all workers share a machine, and with it the clock: it is set for both at once. What they have taken
    seems free to them then, once.
    """
    lanes, each, steps = scale(40, 200), scale(4, 5), scale(1, 10)
    shared = request.config.getoption("--database") == "sqlite"
    clock = tmp_path / "clock"
    tell(clock, "0")
    marketplace.behave = lambda _: slowly(0.02)
    nursery.start(shop={"clock_file": str(clock)})
    nursery.start(shop={"clock_file": str(clock)} if shared else {})
    for step in range(steps):
        for _ in range(each):
            speaker.say(*(f"{lane}" for lane in range(lanes)))
        marketplace.wait_for_more(lanes)
        tell(clock, f"{seconds if step % 2 == 0 else 0}")
        if seconds < 0 and shared:
            # nothing is due for an hour now, unless the clock is set right again
            marketplace.wait_for(lambda _: False, seconds=1)
            tell(clock, "0")
        wait_until_settled(box, seconds=60)
    nursery.end()
    arrivals = marketplace.arrivals
    figures.note("R16", steps=steps, of=f"{seconds} s", events=len(speaker.all), sent_twice=doubled(arrivals))
    figures.note("R16", out_of_order=len(overtaken(arrivals)), in_silence=len(silently_overtaken(box, arrivals)))
    assert {arrival.what for arrival in arrivals} == speaker.all
    assert doubled(arrivals) <= steps * 2 * (20 + THREADS)
    assert silently_overtaken(box, arrivals) == []
    if not shared:
        assert (overtaken(arrivals), doubled(arrivals)) == ([], 0)
