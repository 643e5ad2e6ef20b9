"""A `sync` that is killed at any moment is continued: every SKU is told of, and none is told of again without need."""

import time
from collections import Counter
from random import Random

from ..marketplace.loopback import Received, reply
from .conftest import Scale
from .kit import THREADS, Marketplace, Nursery
from .report import Figures


def test_a_killed_sync_is_continued_and_tells_of_every_sku_once(
    marketplace: Marketplace, nursery: Nursery, box: object, rng: Random, scale: Scale, figures: Figures
) -> None:
    """R2: `box` made the tables."""
    kills, skus = scale(3, 20), scale(400, 3000)

    def answer(_: Received) -> bytes:
        time.sleep(0.005)
        return reply(204)

    marketplace.answer = answer
    for number in range(kills):
        victim = nursery.start("sync", skus=skus)
        # the share of this life; the first kills come while it still writes
        enough = len(marketplace.received) + rng.randint(0, skus // (kills + 1))
        assert marketplace.wait_until(lambda calls, enough=enough: len(calls) >= enough), f"life {number} stands still"
        time.sleep(rng.uniform(0, 0.05))
        nursery.kill(victim)
    assert nursery.wait(nursery.start("sync", skus=skus)) == 0, nursery.log.read_text()
    # what was in flight at a kill waits for the end of its lease
    assert nursery.wait(nursery.start("drain")) == 0, nursery.log.read_text()
    told = Counter(received.target.rpartition("/")[2] for received in marketplace.received)
    again = sum(told.values()) - len(told)
    figures.note("R2", kills=kills, skus=skus, not_told=skus - len(told), told_twice=again)
    assert told.keys() == {f"sku-{number}" for number in range(skus)}
    assert again <= kills * THREADS
    assert max(told.values()) <= 1 + kills
