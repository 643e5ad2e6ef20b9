"""A rate that several processes share. (R8)"""

import itertools
from pathlib import Path

from .conftest import Scale
from .kit import Marketplace, Nursery, Speaker, wait_until_settled
from .report import Figures

RATE = 20.0
PROCESSES = 4


def most_in_a_second(moments: list[float]) -> int:
    """The most of these that lie within one second, wherever it begins."""
    first, most = 0, 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def test_processes_share_a_rate_and_use_it(
    speaker: Speaker, marketplace: Marketplace, nursery: Nursery, tmp_path: Path, scale: Scale, figures: Figures
) -> None:
    """R8: measured where the moments are given away; 95 per cent of them are used."""
    rows, file = scale(300, 2000), tmp_path / "grants"
    speaker.say(*(str(lane) for lane in range(rows)))
    shop = {"marketplace": {**nursery.shop["marketplace"], "rates": {"orders": RATE}}}
    shop["config"] = {**nursery.shop["config"], "VTEX_SELLER_DRAIN_SECONDS": 5.0, "VTEX_SELLER_LEASE_SECONDS": 60.0}
    for _ in range(PROCESSES):
        nursery.start("worker_that_notes_grants", file=str(file), shop=shop)
    wait_until_settled(speaker.box, seconds=rows / RATE + 60)
    nursery.end()
    granted = sorted(float(line) for line in file.read_text().split())
    came = sorted(arrival.at for arrival in marketplace.arrivals)
    throughput = (len(came) - 1) / (came[-1] - came[0])
    closest = min(later - sooner for sooner, later in itertools.pairwise(granted))
    figures.note("R8", processes=PROCESSES, rows=rows, rate=f"{RATE:.0f}/s", throughput=f"{throughput:.2f}/s")
    figures.note("R8", most_granted_in_a_second=most_in_a_second(granted), most_arrived=most_in_a_second(came))
    assert most_in_a_second(granted) <= RATE + 1
    assert closest >= 0.99 / RATE
    assert throughput >= 0.95 * RATE
    if scale.full:
        assert most_in_a_second(came) <= 24
