"""A worker that is told to end. (R19)"""

import signal
import time
from random import Random

from ..outbox.box import Box
from .conftest import Scale
from .kit import Marketplace, Nursery, Speaker, doubled, overtaken, slowly, wait_until_settled
from .report import Figures

LEASE_SECONDS = 20.0
MOST_SECONDS = LEASE_SECONDS / 4 + 2
"""A call's time, and two seconds."""


def test_workers_that_are_told_to_end_under_load_do_it_in_time_and_leave_nothing_behind(
    speaker: Speaker, marketplace: Marketplace, nursery: Nursery, box: Box, rng: Random, scale: Scale, figures: Figures
) -> None:
    """R19: each finishes its calls, hands back what it had taken besides, and the next one goes on at once."""
    stops, lanes = scale(5, 50), 60
    marketplace.behave = lambda _: slowly(0.03)
    took = []
    config = {**nursery.shop["config"], "VTEX_SELLER_LEASE_SECONDS": LEASE_SECONDS}
    for _ in range(stops):
        speaker.say(*(f"{lane}" for lane in range(lanes)))
        worker = nursery.start(shop={"config": config})
        marketplace.wait_for_more(rng.randint(1, lanes // 2))
        begun = time.monotonic()
        worker.kill(signal.SIGTERM)
        assert nursery.wait(worker) == 0, nursery.log.read_text()
        took.append(time.monotonic() - begun)
        assert {row.leased_until for row in box.rows()} == {None}
    nursery.start(shop={"config": config})
    wait_until_settled(box, seconds=60)
    nursery.end()
    arrivals = marketplace.arrivals
    lost = len(speaker.all - {arrival.what for arrival in arrivals})
    figures.note("R19", stops=stops, events=len(speaker.all), lost=lost, sent_twice=doubled(arrivals))
    figures.note("R19", slowest=f"{max(took):.1f} s")
    assert max(took) <= MOST_SECONDS
    assert (lost, doubled(arrivals), overtaken(arrivals)) == (0, 0, [])
    assert max(row.attempts for row in box.rows()) == 1
