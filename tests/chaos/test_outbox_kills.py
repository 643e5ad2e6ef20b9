"""Workers that are killed, and two at once: nothing is lost, nothing overtakes, nothing is doubled without need."""

import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import IO

import orjson
import pytest

from ..marketplace.loopback import Loopback, Received, loopback, reply
from ..outbox.box import Box, invoice, make_box
from ..runners.worker_shop import environment
from ..shops import Shop

ROOT = Path(__file__).parents[2]
KILLS = 20
LANES, EACH = 100, 3
LEASE_SECONDS = 1.0

# Loads everything once, then forks a drain for each line: "3" has it kill itself after three deliveries, "0" never.
# A drain ends by itself when the outbox is empty.
NURSERY = """
    import os, signal, sys, time
    from flask_vtex_seller import message_delivered
    from flask_vtex_seller.outbox.message import MessageState
    from flask_vtex_seller.state import current_state
    from tests.runners.worker_shop import the_shop

    def drain(deliveries):
        shop, delivered = the_shop(), []

        def count(*_, **__):
            delivered.append(1)
            if len(delivered) == deliveries:
                os.kill(os.getpid(), signal.SIGKILL)

        message_delivered.connect(count)
        with shop.app.app_context():
            while True:
                shop.seller.drain()
                pending = current_state().outbox.page(
                    state=MessageState.PENDING, marketplace=None, lane=None, limit=1
                )
                shop.db.session.rollback()
                if not pending:
                    os._exit(0)
                time.sleep(0.02)

    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            drain(int(line))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Nursery:
    """Processes that drain the same outbox, one after the other."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._orders: IO[str] = process.stdin
        self._news: IO[str] = process.stdout

    def start(self, deliveries: int = 0) -> int:
        """Start a drain and return its process id."""
        self._orders.write(f"{deliveries}\n")
        self._orders.flush()
        return int(self._news.readline())

    def wait(self) -> int:
        """Wait until the drain has ended, and return its exit status."""
        return int(self._news.readline())


@contextmanager
def nursery(env: dict[str, str]) -> Iterator[Nursery]:
    command = [sys.executable, "-c", textwrap.dedent(NURSERY)]
    with subprocess.Popen(
        command, cwd=ROOT, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        yield Nursery(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=20) == 0


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as server:
        server.answer = lambda _: reply(200, b"{}")
        yield server


@pytest.fixture
def box(new_shop: Callable[..., Shop]) -> Box:
    box = make_box(new_shop)
    box.say(*(invoice(str(number), order=f"{lane}") for number in range(EACH) for lane in range(LANES)))
    return box


def arrivals(server: Loopback) -> list[tuple[str, int]]:
    """The lane and the number of each call, as they came."""
    return [(request.target.split("/")[5], int(orjson.loads(request.body)["n"])) for request in server.received]


def assert_all_arrived_in_order(box: Box, server: Loopback, *, at_most_twice: int) -> None:
    calls = arrivals(server)
    counts = Counter(calls)
    assert set(counts) == {(str(lane), number) for lane in range(LANES) for number in range(EACH)}, "some were lost"
    for lane in range(LANES):
        numbers = [number for found, number in calls if found == str(lane)]
        assert numbers == sorted(numbers), f"lane {lane} out of order"
    assert len(calls) - len(counts) <= at_most_twice
    assert {row.state for row in box.rows()} == {"delivered"}


def test_after_kills_between_two_sends_every_message_arrives_once_and_in_order(
    box: Box, database_url: str, server: Loopback
) -> None:
    """R2, R3: a delivery that is committed is never repeated."""
    rng = Random(2026)
    with nursery(environment(database_url, server.url, VTEX_SELLER_LEASE_SECONDS=LEASE_SECONDS)) as drains:
        for _ in range(KILLS):
            drains.start(deliveries=rng.randint(1, 10))
            assert drains.wait() == -signal.SIGKILL
        drains.start()
        assert drains.wait() == 0
    assert_all_arrived_in_order(box, server, at_most_twice=0)


def test_after_kills_in_the_middle_of_a_call_every_message_arrives_in_order(
    box: Box, database_url: str, server: Loopback
) -> None:
    """R2, R3: the marketplace has the message, and nobody noted it."""
    rng, victim, countdown = Random(2026), [0], [0]

    def answer(_: Received) -> bytes | None:
        countdown[0] -= 1
        if countdown[0] == 0:
            os.kill(victim[0], signal.SIGKILL)
            return b""
        return reply(200, b"{}")

    server.answer = answer
    with nursery(environment(database_url, server.url, VTEX_SELLER_LEASE_SECONDS=LEASE_SECONDS)) as drains:
        for _ in range(KILLS):
            countdown[0] = rng.randint(2, 10)
            victim[0] = drains.start()
            assert drains.wait() == -signal.SIGKILL
        countdown[0] = 0
        drains.start()
        assert drains.wait() == 0
    assert_all_arrived_in_order(box, server, at_most_twice=KILLS)


def test_after_kills_at_random_moments_every_message_arrives_in_order(
    box: Box, database_url: str, server: Loopback
) -> None:
    """R2, R3: in a transaction, in a call, in between."""
    rng = Random(2026)
    with nursery(environment(database_url, server.url, VTEX_SELLER_LEASE_SECONDS=LEASE_SECONDS)) as drains:
        for _ in range(KILLS):
            before = len(server.received)
            victim = drains.start()
            assert server.wait_until(lambda received, before=before: len(received) > before)  # type: ignore[misc]
            # the moment; a fast machine must not run out of messages before the last kill
            enough = before + 11
            server.wait_until(lambda received, enough=enough: len(received) >= enough, rng.uniform(0, 0.08))  # type: ignore[misc]
            os.kill(victim, signal.SIGKILL)
            assert drains.wait() == -signal.SIGKILL
        drains.start()
        assert drains.wait() == 0
    assert_all_arrived_in_order(box, server, at_most_twice=KILLS)


def test_two_workers_at_once_send_each_message_once(box: Box, database_url: str, server: Loopback) -> None:
    """R2, R3: no faults, so no doubles."""
    command = [sys.executable, "-m", "flask", "--app", "tests.runners.worker_shop:create_app", "vtex-seller", "worker"]
    env = environment(database_url, server.url, VTEX_SELLER_DRAIN_SECONDS=0.2)
    with ExitStack() as stack:
        workers = []
        for _ in range(2):
            worker = stack.enter_context(subprocess.Popen(command, cwd=ROOT, env=env))
            stack.callback(worker.kill)
            workers.append(worker)
        assert server.wait_until(lambda received: len(received) >= LANES * EACH, seconds=40)
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        assert [worker.wait(timeout=20) for worker in workers] == [0, 0]
    assert_all_arrived_in_order(box, server, at_most_twice=0)
