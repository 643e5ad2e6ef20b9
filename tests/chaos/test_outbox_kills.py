"""Workers that are killed, and two at once: nothing is lost, nothing overtakes, nothing is doubled without need."""

import signal
import time
from random import Random

import pytest

from flask_vtex_seller.outbox.backoff import MAX_ATTEMPTS

from ..outbox.box import Box
from .conftest import Scale
from .kit import DONE, THREADS, Arrival, Marketplace, Nursery, Speaker, Trap, doubled, overtaken, wait_until_settled
from .report import Figures

LEASE_SECONDS = 4.0


def say_everywhere(speaker: Speaker, *, lanes: int, each: int) -> None:
    for _ in range(each):
        speaker.say(*(f"{lane}" for lane in range(lanes)))


def assert_all_arrived_in_order(speaker: Speaker, marketplace: Marketplace, *, doubled_at_most: int) -> None:
    wait_until_settled(speaker.box, seconds=60)
    arrivals = marketplace.arrivals
    assert {arrival.what for arrival in arrivals} == speaker.all, "some were lost"
    assert overtaken(arrivals) == []
    assert doubled(arrivals) <= doubled_at_most


@pytest.mark.parametrize("moment", ["in a call", "at random"])
def test_killed_workers_lose_nothing_and_overtake_nothing(
    speaker: Speaker,
    marketplace: Marketplace,
    nursery: Nursery,
    rng: Random,
    scale: Scale,
    figures: Figures,
    moment: str,
) -> None:
    """R2, R3: two workers of four threads; after each kill another one takes the place."""
    kills, events, lanes = scale(6, 100), scale(120, 1000), scale(40, 250)
    trap = Trap(marketplace, nursery, signal.SIGKILL)

    def behave(arrival: Arrival) -> bytes:
        trap.spring(arrival)
        time.sleep(0.01)
        return DONE

    marketplace.behave = behave
    nursery.start()
    nursery.start()
    for _ in range(kills):
        some = rng.randint(1, events // kills - 2)
        if moment == "in a call":
            trap.set(some)
        speaker.say(*(str(rng.randrange(lanes)) for _ in range(events // kills)))
        if moment == "in a call":
            assert nursery.wait(trap.wait()) == -signal.SIGKILL
        else:
            marketplace.wait_for_more(some)
            time.sleep(rng.uniform(0, 0.05))
            nursery.kill(rng.choice(list(nursery.alive.values())))
        nursery.start()
    emptied = wait_until_settled(speaker.box, seconds=LEASE_SECONDS + 60)
    nursery.end()
    arrivals = marketplace.arrivals
    lost = len(speaker.all - {arrival.what for arrival in arrivals})
    figures.note("R2", kills=kills, events=len(speaker.all), lost=lost, out_of_order=len(overtaken(arrivals)))
    figures.note("R2", sent_twice=doubled(arrivals), backlog_empty_after=f"{emptied:.1f} s")
    assert lost == 0
    assert overtaken(arrivals) == []
    assert doubled(arrivals) <= kills * THREADS


def test_after_kills_between_two_sends_every_message_arrives_once_and_in_order(
    speaker: Speaker, marketplace: Marketplace, nursery: Nursery, rng: Random, scale: Scale, figures: Figures
) -> None:
    """R2, R3: a delivery that is committed is never repeated."""
    kills = scale(5, 100)
    say_everywhere(speaker, lanes=scale(20, 250), each=4)
    # A quarter of it is what a call may take: one that a busy machine cuts off would rightly be made again.
    lease = 60.0
    patient = {"config": {"VTEX_SELLER_LEASE_SECONDS": lease}}
    for number in range(kills):
        victim = nursery.start("drain", deliveries=rng.randint(1, 6), shop={"ahead": number * lease, **patient})
        assert nursery.wait(victim) == -signal.SIGKILL
    assert nursery.wait(nursery.start("drain", shop={"ahead": kills * lease, **patient})) == 0
    figures.note("R2", kills=kills, events=len(speaker.all), sent_twice=doubled(marketplace.arrivals))
    assert_all_arrived_in_order(speaker, marketplace, doubled_at_most=0)


def test_two_workers_at_once_send_each_message_once(
    speaker: Speaker, marketplace: Marketplace, nursery: Nursery
) -> None:
    """R2, R3: no faults, so no doubles."""
    say_everywhere(speaker, lanes=60, each=3)
    nursery.start()
    nursery.start()
    wait_until_settled(speaker.box, seconds=60)
    nursery.end()
    assert {arrival.by for arrival in marketplace.arrivals} == {"worker-1", "worker-2"}
    assert_all_arrived_in_order(speaker, marketplace, doubled_at_most=0)


def test_a_message_that_kills_its_worker_is_dead_in_the_end_and_the_others_arrive(
    speaker: Speaker, marketplace: Marketplace, nursery: Nursery, box: Box, figures: Figures
) -> None:
    """R15"""

    def behave(arrival: Arrival) -> bytes:
        if arrival.lane == "poison":
            nursery.alive[arrival.by].kill()
        return DONE

    marketplace.behave = behave
    speaker.say("poison", *(str(lane) for lane in range(60)))
    ends, ahead = [], 0.0
    while not ends or ends[-1]:
        assert len(ends) <= MAX_ATTEMPTS
        ends.append(nursery.wait(nursery.start("drain_once", shop={"ahead": ahead})))
        ahead += LEASE_SECONDS
    # what the last victim had taken besides waits for a lease to end
    assert nursery.wait(nursery.start("drain_once", shop={"ahead": ahead})) == 0
    states = {row.lane: row.state for row in box.rows()}
    figures.note("R15", workers_killed=len(ends) - 1, others_delivered=len(states) - 1)
    assert ends == [-signal.SIGKILL] * MAX_ATTEMPTS + [0]
    assert states.pop("order:poison") == "dead"
    assert set(states.values()) == {"delivered"}
