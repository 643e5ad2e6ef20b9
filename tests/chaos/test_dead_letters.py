"""Dead letters by the thousand: looked at, and sent again while the shop goes on. (R14)"""

import contextlib
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest
from sqlalchemy import insert

from flask_vtex_seller.outbox.limits import REPEATS_PER_SECOND
from flask_vtex_seller.outbox.message import Draft

from ..outbox.box import REFUSED, Box
from .conftest import Scale
from .kit import Arrival, Marketplace, Nursery, Speaker, count_states, doubled, overtaken
from .report import Figures

PAGE_SECONDS, RETRY_SECONDS, WORSE = 0.3, 30.0, 1.2
ROUNDS = 5
"""Of each page, to time it; of messages in the lanes that nothing holds."""
FRESH_PER_SECOND = 20.0


# a page


def fill(box: Box, *, dead: int, delivered: int) -> None:
    """Write rows of messages that died after 15 tries, and newer ones of messages that were delivered."""
    now = int(box.clock.now().timestamp() * 1_000_000)
    tries = str([[now, 150, 503, "503"]] * 15).replace("'", '"')
    common = {"marketplace": "acme", "operation": "invoice", "arguments": "{}", "merges": 0, "late": 0, "attempts": 15}
    common |= {"due_at": now, "tried_since": now, "created_at": now, "settled_at": now, "tries": tries}
    common |= {"last_status": 503, "last_reason": "503", "last_excerpt": "x" * 2000, "body": f'["{"x" * 1000}"]'}
    states = ["dead"] * dead + ["delivered"] * delivered
    rows = [{**common, "lane": f"order:{number}", "state": state} for number, state in enumerate(states)]
    drain = box.state.drain
    for start in range(0, len(rows), 10_000):
        with drain.engine.begin() as connection:
            connection.execute(insert(drain.table), rows[start : start + 10_000])


def test_a_page_of_many_dead_letters_is_there_at_once(box: Box, scale: Scale, figures: Figures) -> None:
    """R14: the first page, one from the middle, the last one, and one that is chosen; not the start of Python."""
    dead, delivered = scale(300, 10_000), scale(1000, 100_000)
    fill(box, dead=dead, delivered=delivered)
    pages = {
        "first": [],
        "middle": ["--before", str(dead // 2)],
        "last": ["--before", "51"],
        "chosen": ["--marketplace", "acme", "--operation", "invoice", "--before", str(dead)],
    }
    runner, took = box.shop.app.test_cli_runner(), dict[str, float]()
    for name, arguments in pages.items():
        times = []
        for _ in range(ROUNDS):
            begun = time.monotonic()
            result = runner.invoke(args=["vtex-seller", "outbox", "list", "--state", "dead", *arguments])
            times.append(time.monotonic() - begun)
            assert len(result.stdout.splitlines()) == 51, result.output
        took[name] = statistics.median(times)
    figures.note("R14", dead=dead, delivered=delivered)
    figures.note("R14", **{f"{name}_page": f"{1000 * seconds:.0f} ms" for name, seconds in took.items()})
    assert max(took.values()) <= PAGE_SECONDS, took


# sending all again


def agreement(draft: Draft) -> Draft:
    """The same as a message that holds nothing back when it is dead, though its lane has an order."""
    return replace(draft, operation="agreement", arguments={**draft.arguments, "change_id": "c"})


def bury(speaker: Speaker, dead: int) -> None:
    """Have so many messages be refused: half hold back what is said next in their lanes, half are five of a lane."""
    box = speaker.box
    share = dead // 2 // ROUNDS
    for round_ in range(ROUNDS):
        speaker.say(*(f"held-{lane}" for lane in range(round_ * share, (round_ + 1) * share)))
        box.say(*(agreement(speaker.next(f"free-{lane}")) for lane in range(share)))
    box.answer = lambda _: REFUSED
    box.run()
    assert count_states(box) == {"dead": dead}
    speaker.say(*(f"held-{lane}" for lane in range(ROUNDS * share)))


@dataclass
class Talk:
    """What a shop that goes on says: when each message was to be said, by its lane."""

    speaker: Speaker
    rng: Random
    marketplace: Marketplace
    said: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def goes_on(self) -> Iterator[None]:
        """Say messages in lanes of their own, at random moments: none that falls into step with the workers' ticks.

        A message that is late because the database is busy counts from the moment at which it was to be said.
        """
        over = threading.Event()

        def talk() -> None:
            moment = time.monotonic()
            while True:
                moment += self.rng.expovariate(FRESH_PER_SECOND)
                if over.wait(max(0.0, moment - time.monotonic())):
                    return
                lane = f"new-{len(self.said)}"
                self.said[lane] = moment
                self.speaker.say(lane)

        with ThreadPoolExecutor(1) as pool:
            talking = pool.submit(talk)
            try:
                yield
            finally:
                over.set()
                talking.result()

    def goes_on_for(self, messages: int) -> None:
        """Say so many more, and see all arrive."""
        enough = len(self.said) + messages
        with self.goes_on():
            self._wait_for(lambda arrived: arrived >= enough)
        self._wait_for(lambda arrived: arrived == len(self.said))

    def _wait_for(self, holds: Callable[[int], bool]) -> None:
        def enough(arrivals: Sequence[Arrival]) -> bool:
            return holds(sum(arrival.lane in self.said for arrival in arrivals))

        assert self.marketplace.wait_for(enough, seconds=120), "what is new does not arrive"

    def delays(self, chosen: Callable[[float], Any]) -> list[float]:
        """Seconds until what was to be said at the chosen moments had arrived."""
        came = {arrival.lane: arrival.at for arrival in self.marketplace.arrivals}
        return [came[lane] - moment for lane, moment in self.said.items() if chosen(moment)]


def p95(delays: Sequence[float]) -> float:
    return statistics.quantiles(delays, n=20)[-1]


@pytest.fixture
def nursery(nursery: Nursery) -> Nursery:
    """Processes that call about agreements below the orders, where the marketplace's notes expect it."""
    path = "/api/oms/pvt/orders/{marketplace_order_id}/changes/{change_id}"
    nursery.shop["marketplace"]["agreement_path"] = path
    return nursery


def test_all_dead_letters_are_sent_again_once_and_in_order_though_the_command_is_killed(
    speaker: Speaker,
    marketplace: Marketplace,
    nursery: Nursery,
    box: Box,
    rng: Random,
    scale: Scale,
    figures: Figures,
) -> None:
    """R14: a batch that was not committed is as it was, and what is said meanwhile does not wait behind them all."""
    dead, kills, messages = scale(300, 10_000), scale(1, 3), scale(5, 600)
    bury(speaker, dead)
    talk = Talk(speaker, rng, marketplace)
    nursery.shop["config"]["VTEX_SELLER_DRAIN_SECONDS"] = tick = scale(0.2, 1.0)
    nursery.start()
    talk.goes_on_for(messages)
    begun, left = time.monotonic(), dead
    with talk.goes_on():
        for _ in range(kills):
            victim = nursery.start("retry_all", dies_in=rng.randint(2, scale(2, 12)))
            assert nursery.wait(victim) == -signal.SIGKILL, nursery.log.read_text()
            before, left = left, count_states(box)["dead"]
            assert 0 < left < before, "what was committed before the kill is done, and no more than that"
        assert nursery.wait(nursery.start("retry_all")) == 0, nursery.log.read_text()
    took = time.monotonic() - begun
    assert "dead" not in count_states(box)
    talk.goes_on_for(messages)
    over = time.monotonic()
    nursery.end()
    if len(marketplace.arrivals) < len(speaker.all):
        # the rest is due one after the other: nobody has to wait for it
        nursery.start(shop={"ahead": dead / REPEATS_PER_SECOND + 60})
        assert marketplace.wait_for(lambda arrivals: len(arrivals) >= len(speaker.all), seconds=scale(60, 600))
        nursery.end()
    if scale.full:
        nursery.start()
        talk.goes_on_for(messages)
        nursery.end()
    arrivals = marketplace.arrivals
    figures.note("R14", dead=dead, kills=kills, all_sent_again_after=f"{took:.1f} s", sent_twice=doubled(arrivals))
    figures.note("R14", lost=len(speaker.all - {a.what for a in arrivals}), out_of_order=len(overtaken(arrivals)))
    assert {arrival.what for arrival in arrivals} == speaker.all
    assert (doubled(arrivals), overtaken(arrivals)) == (0, [])
    assert set(count_states(box)) == {"delivered"}
    assert took <= RETRY_SECONDS
    if scale.full:
        alone = p95(talk.delays(lambda moment: not begun <= moment < over))
        command, beside = (p95(talk.delays(lambda m, end=end: begun <= m < end)) for end in (begun + took, over))
        figures.note("R14", tick=f"{tick:.0f} s", fresh=len(talk.said), p95_alone=f"{1000 * alone:.0f} ms")
        figures.note("R14", p95_during_the_command=f"{1000 * command:.0f} ms", p95_beside=f"{1000 * beside:.0f} ms")
        assert alone <= 2 * tick, "this machine is too busy to tell"
        assert max(command, beside) <= WORSE * alone
