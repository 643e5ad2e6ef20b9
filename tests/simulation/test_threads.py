"""A bounded pool of threads for functions that may never return."""

import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from flask_vtex_seller.simulation import threads
from flask_vtex_seller.simulation.threads import DaemonPool, Saturated, Task, Tell

LONG = 30.0
ROOT = Path(__file__).parents[2]
FORKED = """
import os
from flask_vtex_seller.simulation.threads import DaemonPool

pool = DaemonPool(2, name="t", on_late_error=print)
def ask():
    task = pool.submit(lambda _: os.getpid(), patience=0)
    return task.wait(20) and task.result()
assert ask() == os.getpid()  # its thread is idle now, and stays behind in this process
pid = os.fork()
if pid:
    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
assert ask() == os.getpid()
"""


def make_pool(size: int = 2, on_late_error: Callable[[BaseException], object] = lambda _: None) -> DaemonPool:
    return DaemonPool(size, name="pooled", on_late_error=on_late_error)


def hang(pool: DaemonPool, event: threading.Event) -> Task[bool]:
    """Have a thread hang until the event is set."""

    def work(tell: Tell) -> bool:
        tell("a slow one")
        return event.wait(LONG)

    task = pool.submit(work, patience=LONG)
    assert not task.wait(0.01)
    return task


def test_what_the_work_returns_is_the_result() -> None:
    task = make_pool().submit(lambda _: "done", patience=0)
    assert task.wait(LONG)
    assert task.result() == "done"


def test_what_the_work_raises_is_raised_where_it_is_waited_for() -> None:
    def work(_: Tell) -> None:
        raise SystemExit("enough")

    task = make_pool().submit(work, patience=0)
    assert task.wait(LONG)
    with pytest.raises(SystemExit, match="enough"):
        task.result()


def test_one_after_the_other_is_the_work_of_one_thread() -> None:
    """What a call costs: no thread is started for it."""
    pool, seen = make_pool(16), set()
    for _ in range(50):
        task = pool.submit(lambda _: threading.get_ident(), patience=0)
        assert task.wait(LONG)
        seen.add(task.result())
    assert len(seen) == 1


def test_a_thread_that_hangs_holds_its_place_and_says_where() -> None:
    pool, event = make_pool(2), threading.Event()
    first = hang(pool, event)
    assert pool.hanging == ("a slow one",)
    hang(pool, event)
    begun = time.monotonic()
    with pytest.raises(Saturated, match="every thread is taken"):
        pool.submit(lambda _: None, patience=LONG)
    assert time.monotonic() - begun < LONG / 2  # at once
    event.set()
    assert first.done.acquire(timeout=LONG)
    task = pool.submit(lambda _: 7, patience=LONG)
    assert task.wait(LONG)
    assert task.result() == 7


def test_a_place_comes_back_with_the_thread() -> None:
    pool, event = make_pool(1), threading.Event()
    late = hang(pool, event)
    event.set()
    assert late.done.acquire(timeout=LONG)
    assert pool.hanging == ()


def test_a_task_waits_for_a_thread_that_somebody_still_waits_for() -> None:
    pool, event, tried = make_pool(1), threading.Event(), threading.Event()

    class Watched(SimpleQueue[None]):
        def get(self, *args: Any, **kwargs: Any) -> None:
            tried.set()
            return super().get(*args, **kwargs)

    first = pool.submit(lambda _: event.wait(LONG), patience=0)
    pool._places = Watched()
    answers: list[int] = []

    def second() -> None:
        task = pool.submit(lambda _: 7, patience=LONG)
        assert task.wait(LONG)
        answers.append(task.result())

    thread = threading.Thread(target=second)
    thread.start()
    assert tried.wait(LONG)
    event.set()
    thread.join(LONG)
    assert (first.wait(LONG), answers) == (True, [7])


def test_only_what_nobody_waits_for_is_told_as_a_late_error() -> None:
    told: list[BaseException] = []
    pool, event = make_pool(2, told.append), threading.Event()

    def fail(_: Tell) -> None:
        event.wait(LONG)
        raise ValueError

    late = pool.submit(fail, patience=0)
    assert not late.wait(0.01)
    event.set()
    assert late.done.acquire(timeout=LONG)
    in_time = pool.submit(fail, patience=0)
    assert in_time.wait(LONG)
    assert [type(error) for error in told] == [ValueError]


def test_a_late_error_that_cannot_be_told_costs_no_thread() -> None:
    def tell(_: BaseException) -> None:
        raise RuntimeError

    pool, event = make_pool(1, tell), threading.Event()

    def fail(_: Tell) -> None:
        event.wait(LONG)
        raise ValueError

    late = pool.submit(fail, patience=0)
    assert not late.wait(0.01)
    event.set()
    assert late.done.acquire(timeout=LONG)
    assert pool.submit(lambda _: 7, patience=LONG).wait(LONG)


def test_an_idle_thread_keeps_nothing_alive() -> None:
    class Cart:
        pass

    pool, cart = make_pool(1), Cart()
    alive = weakref.ref(cart)
    task = pool.submit(lambda _, cart=cart: cart, patience=0)  # type: ignore[misc]
    assert task.wait(LONG)
    del task, cart
    gc.collect()
    assert alive() is None


def test_a_thread_without_work_ends_and_another_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "IDLE_SECONDS", 0.01)
    pool = make_pool(1)
    for _ in range(3):
        task = pool.submit(lambda _: threading.current_thread(), patience=LONG)
        assert task.wait(LONG)
        task.result().join(LONG)
        assert not task.result().is_alive()
    assert pool._idle == []


def test_a_task_that_comes_just_when_its_thread_would_end_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()

    class Taken(list[Any]):
        def remove(self, _: Any) -> None:
            asked.set()
            raise ValueError

    monkeypatch.setattr(threads, "IDLE_SECONDS", 0.01)
    pool = make_pool(1)
    pool._idle = Taken()
    assert pool.submit(lambda _: 1, patience=0).wait(LONG)
    assert asked.wait(LONG)
    task = pool.submit(lambda _: 7, patience=LONG)
    assert task.wait(LONG)
    assert task.result() == 7


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_begins_with_an_empty_pool() -> None:
    """A server that loads the shop before it forks leaves its threads behind."""
    done = subprocess.run(
        [sys.executable, "-c", FORKED],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
