"""The shop's transaction decides what is said, whoever dies after it. (R1)"""

import signal
from random import Random

from sqlalchemy import select

from ..outbox.box import Box
from .conftest import Scale
from .kit import Marketplace, Nursery, wait_until_settled
from .report import Figures

ROWS = 20


def test_exactly_what_was_committed_is_sent_though_who_said_it_dies_at_once(
    box: Box, marketplace: Marketplace, nursery: Nursery, rng: Random, scale: Scale, figures: Figures
) -> None:
    """R1: killed between its last commit and the first call; half of its transactions were rolled back."""
    kills = scale(5, 50)
    for number in range(kills):
        shop = nursery.start("sell", first=ROWS * number, rows=ROWS, seed=rng.randrange(2**32))
        assert nursery.wait(shop) == -signal.SIGKILL, nursery.log.read_text()
    assert marketplace.arrivals == []
    nursery.start()
    wait_until_settled(box, seconds=60)
    nursery.end()
    with box.state.drain.engine.connect() as connection:
        committed = list(connection.execute(select(box.shop.orders.marketplace_order_id)).scalars())
    arrived = [arrival.lane for arrival in marketplace.arrivals]
    others = len(set(arrived) - set(committed))
    figures.note("R1", kills=kills, said=kills * ROWS, committed=len(committed), arrived=len(arrived), others=others)
    assert len(committed) == kills * ROWS // 2
    assert sorted(arrived) == sorted(committed)
