"""What the chaos tests share: a marketplace that notes who said what and when, worker processes, and what must hold."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import orjson
from sqlalchemy import func, select

from flask_vtex_seller.outbox.message import Draft

from ..marketplace.loopback import Loopback, Received, marketplace_at, reply
from ..outbox.box import Box, invoice

ROOT = Path(__file__).parents[2]
THREADS = 4
"""Of each worker that makes calls."""
DONE = reply(200, b"{}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One call, as the marketplace saw it."""

    lane: str
    number: int
    at: float
    """On the monotonic clock."""
    by: str
    """The worker's name."""

    @property
    def what(self) -> tuple[str, int]:
        return self.lane, self.number


class Marketplace(Loopback):
    """A marketplace that notes every call; `behave` says what it answers."""

    def __init__(self) -> None:
        super().__init__()
        self.arrivals: list[Arrival] = []
        self.behave: Callable[[Arrival], Any] = lambda _: DONE
        self._noted = threading.Condition()
        self.answer = self._note

    def _note(self, request: Received) -> Any:
        # a worker's name is the key with which it calls
        lane, number = request.target.split("/")[5], int(orjson.loads(request.body)["n"])
        by = request.headers["x-vtex-api-appkey"]
        with self._noted:
            arrival = Arrival(lane=lane, number=number, at=time.monotonic(), by=by)
            self.arrivals.append(arrival)
            self._noted.notify_all()
        return self.behave(arrival)

    def wait_for(self, holds: Callable[[Sequence[Arrival]], bool], seconds: float = 60) -> bool:
        """Wait for calls until `holds` is true of them; tell whether it came to be."""
        with self._noted:
            return self._noted.wait_for(lambda: holds(self.arrivals), timeout=seconds)

    def wait_for_more(self, count: int, seconds: float = 60) -> None:
        """Wait for so many more calls.

        Raises:
            AssertionError: they did not come.
        """
        enough = len(self.arrivals) + count
        assert self.wait_for(lambda arrivals: len(arrivals) >= enough, seconds), "the workers stand still"


@contextlib.contextmanager
def marketplace() -> Iterator[Marketplace]:
    server = Marketplace()
    try:
        yield server
    finally:
        server.close()


@dataclass
class Trap:
    """Sends a signal to whoever makes the nth call from now, while that call is under way."""

    marketplace: Marketplace
    nursery: "Nursery"
    number: int
    _calls: int = 0
    _caught: "Child | None" = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _shut: threading.Event = field(default_factory=threading.Event)

    def set(self, calls: int) -> None:
        with self._lock:
            self._calls = calls
            self._shut.clear()

    def wait(self) -> "Child":
        """Wait until it has caught a process, and return it."""
        assert self._shut.wait(timeout=60), "the workers stand still"
        assert self._caught is not None
        return self._caught

    def spring(self, arrival: Arrival) -> None:
        """Call it for each arrival."""
        with self._lock:
            self._calls -= 1
            if self._calls == 0:
                self._caught = self.nursery.alive[arrival.by]
                self._caught.kill(self.number)
                self._shut.set()


def slowly(seconds: float, answer: bytes | None = DONE) -> Iterator[bytes]:
    """An answer that lets wait for it."""
    time.sleep(seconds)
    if answer is not None:
        yield answer


# processes


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A process."""

    name: str
    pid: int

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid, number)


@dataclass
class Nursery:
    """Starts processes of one shop, each in some milliseconds: it has loaded everything, and forks. See `children`."""

    shop: dict[str, Any]
    orders: IO[str]
    news: IO[str]
    log: Path
    """What the processes said."""
    alive: dict[str, Child] = field(default_factory=dict)
    started: int = 0

    def start(self, task: str = "worker", *, shop: dict[str, Any] | None = None, **arguments: Any) -> Child:
        """Have a process of its own carry out a function of `children`; by default the command that is a worker."""
        self.started += 1
        name = f"worker-{self.started}"
        described = {**self.shop, "key": name, **(shop or {})}
        child = Child(name=name, pid=self._ask(task=task, shop=described, arguments=arguments))
        self.alive[name] = child
        return child

    def wait(self, child: Child) -> int:
        """Wait until it has ended, and return its exit status."""
        status = self._ask(wait=child.pid)
        del self.alive[child.name]
        return status

    def kill(self, child: Child) -> None:
        child.kill()
        assert self.wait(child) == -signal.SIGKILL

    def has_ended(self, child: Child) -> bool:
        return bool(self._ask(poll=child.pid))

    def end(self) -> None:
        """Tell all to end, and see them do it."""
        children = list(self.alive.values())
        for child in children:
            child.kill(signal.SIGTERM)
        assert [self.wait(child) for child in children] == [0] * len(children), self.log.read_text()

    def _ask(self, **order: Any) -> int:
        self.orders.write(json.dumps(order) + "\n")
        self.orders.flush()
        return int(self.news.readline() or "-1000")


@contextlib.contextmanager
def nursery(shop: dict[str, Any], log: Path) -> Iterator[Nursery]:
    """Args: shop: see `children.make`."""
    # a proxy of this machine's has no business here
    env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    command = [sys.executable, "-m", "tests.chaos.children"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with (
        log.open("w") as file,
        subprocess.Popen(command, cwd=ROOT, env=env, text=True, stderr=file, **pipes) as process,  # type: ignore[call-overload]
    ):
        try:
            yield Nursery(shop=shop, orders=process.stdin, news=process.stdout, log=log)
        finally:
            process.stdin.close()  # it ends what is still alive, then itself
            process.wait(timeout=20)


def described(database_url: str, marketplace_url: str, **config: Any) -> dict[str, Any]:
    """A shop with one marketplace, for `children.make`.

    Workers look every fifth of a second; a call may take a second, a lease four.
    """
    config = {"VTEX_SELLER_DRAIN_SECONDS": 0.2, "VTEX_SELLER_LEASE_SECONDS": 4.0, **config}
    config = {"VTEX_SELLER_DRAIN_THREADS": THREADS, **config}
    return {"database": database_url, "marketplace": marketplace_at(marketplace_url), "config": config}


def tell(file: Path, words: str) -> None:
    """Write what processes read at any moment."""
    new = file.with_suffix(".new")
    new.write_text(words)
    new.replace(file)


# what is said


@dataclass
class Speaker:
    """Says numbered messages in lanes, and knows what it said."""

    box: Box
    said: dict[str, int] = field(default_factory=dict)
    """How many, by lane."""

    def say(self, *lanes: str) -> None:
        """Say the next message of each of these lanes, in one transaction."""
        self.box.say(*(self.next(lane) for lane in lanes))

    def next(self, lane: str) -> Draft:
        number = self.said[lane] = self.said.get(lane, 0) + 1
        return invoice(str(number), order=lane)

    @property
    def all(self) -> set[tuple[str, int]]:
        return {(lane, number) for lane, count in self.said.items() for number in range(1, count + 1)}


# what must hold


def doubled(arrivals: Sequence[Arrival]) -> int:
    """How many calls were made again."""
    return len(arrivals) - len({arrival.what for arrival in arrivals})


def overtaken(arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Calls that came after one that was said later in the same lane."""
    highest, found = Counter[str](), []
    for arrival in arrivals:
        if arrival.number < highest[arrival.lane]:
            found.append(arrival)
        highest[arrival.lane] = max(highest[arrival.lane], arrival.number)
    return found


def silently_overtaken(box: Box, arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Of those, the ones whose row does not tell that an answer came after its lease."""
    late = {row.lane.partition(":")[2] + "/" + json.loads(row.body)["n"] for row in box.rows() if row.late}
    return [arrival for arrival in overtaken(arrivals) if f"{arrival.lane}/{arrival.number}" not in late]


def wait_until_settled(box: Box, *, seconds: float, states: frozenset[str] = frozenset({"delivered"})) -> float:
    """Wait until every message has come to an end; return how long it took.

    Raises:
        AssertionError: some did not, or their end is not one of these.
    """
    begun = time.monotonic()
    while (found := count_states(box)).get("pending"):
        assert time.monotonic() - begun < seconds, f"still waiting after {seconds} s: {found}"
        time.sleep(0.05)
    assert set(found) <= states, found
    return time.monotonic() - begun


def count_states(box: Box) -> dict[str, int]:
    drain = box.state.drain
    with drain.engine.connect() as connection:
        query = select(drain.table.c.state, func.count().label("messages")).group_by(drain.table.c.state)
        return Counter({row.state: row.messages for row in connection.execute(query)})
