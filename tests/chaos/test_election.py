"""Schedulers inside several processes of the shop. (R13)"""

import itertools
import time
from pathlib import Path

from .conftest import Scale
from .kit import Marketplace, Nursery, Speaker, doubled, wait_until_settled
from .report import Figures

EVERY_SECONDS = 0.2
TERM_SECONDS = 1.0
"""The shortest there is."""


def ticks(file: Path) -> list[tuple[float, int]]:
    """When who acted."""
    lines = file.read_text().split("\n")[:-1] if file.exists() else []
    return sorted((float(moment), int(pid)) for moment, pid in (line.split() for line in lines))


def wait_for_ticks(file: Path, count: int, but_by: int = 0) -> tuple[float, int]:
    """Wait for so many ticks by other processes than `but_by`, and return the last."""
    deadline = time.monotonic() + 60
    while len(found := [tick for tick in ticks(file) if tick[1] != but_by]) < count:
        assert time.monotonic() < deadline, "nobody acts"
        time.sleep(0.02)
    return found[-1]


def test_of_several_schedulers_one_acts_and_another_follows_when_it_is_killed(
    speaker: Speaker, marketplace: Marketplace, nursery: Nursery, tmp_path: Path, scale: Scale, figures: Figures
) -> None:
    """R13"""
    file, kills, some = tmp_path / "ticks", scale(2, 10), scale(10, 60)
    processes = [nursery.start("embedded", file=str(file)) for _ in range(4)]
    followed = []
    for _ in range(kills):
        before = len(ticks(file))
        _, pid = wait_for_ticks(file, before + some)
        leader = next(child for child in processes if child.pid == pid)
        others = len([tick for tick in ticks(file) if tick[1] != pid])
        killed = time.monotonic()
        nursery.kill(leader)
        processes.append(nursery.start("embedded", file=str(file)))
        followed.append(wait_for_ticks(file, others + 1, but_by=pid)[0] - killed)
    speaker.say("A", "B", "A")
    wait_until_settled(speaker.box, seconds=30)
    nursery.end()
    turns = [pid for pid, _ in itertools.groupby(pid for _, pid in ticks(file))]
    figures.note("R13", processes=4, ticks=len(ticks(file)), leaders_killed=kills, leaders=len(turns))
    figures.note("R13", slowest_to_follow=f"{max(followed):.1f} s", a_term=f"{TERM_SECONDS} s")
    assert len(turns) == len(set(turns)), "two acted in turns"
    assert len(turns) >= kills + 1
    assert max(followed) <= 2 * TERM_SECONDS + EVERY_SECONDS
    assert doubled(marketplace.arrivals) == 0
