"""A bounded pool of threads for functions that may never return."""

import os
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")

IDLE_SECONDS = 30.0
"""A thread that has nothing to do for so long ends."""
Tell = Callable[[str], object]
"""Takes the name of what is about to be done."""


class Saturated(Exception):
    """No thread can take another task; the message says why."""


class Task(Generic[T]):
    """What one caller wants done, and waits for."""

    __slots__ = ("_error", "_pool", "_value", "at_work", "done", "ended", "work")

    def __init__(self, pool: "DaemonPool", work: Callable[[Tell], T]) -> None:
        self._pool = pool
        self._value: Any = None
        self._error: BaseException | None = None
        self.work = work
        self.at_work = "a processor"
        """What is waited for now, as `work` tells."""
        self.ended = False
        # A bare lock is the cheapest thing to wait for: it is let go when the work is done.
        self.done = threading.Lock()
        self.done.acquire()

    def tell(self, name: str) -> None:
        """Note what is about to be done."""
        self.at_work = name

    def run(self) -> BaseException | None:
        """Do the work, in a thread of the pool; return what it raised."""
        try:
            self._value = self.work(self.tell)
        except BaseException as error:
            # goes on in the thread that waits for it
            self._error = error
        return self._error

    def wait(self, seconds: float) -> bool:
        """Tell whether it is done after at most so many seconds; if not, it is given up: nobody asks for it again."""
        return self.done.acquire(timeout=max(0.0, seconds)) or not self._pool.give_up(self)

    def result(self) -> T:
        """Return what the work returned, once it is done; raise what it raised."""
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # its traceback leads back here: no circle for the garbage collector
        value: T = self._value
        return value


_Box = SimpleQueue[Task[Any]]
"""A thread's letter box."""


class DaemonPool:
    """Runs tasks in at most `size` threads, which start when they are needed and end when they are not.

    A thread that never returns cannot be ended. It is a daemon, so that it keeps no process from ending, and it holds
    its place in the pool for ever: what hangs is bounded. A forked process begins with an empty pool.

    Args:
        name: of its threads.
        on_late_error: gets what a task raises that was given up.
    """

    def __init__(self, size: int, *, name: str, on_late_error: Callable[[BaseException], object]) -> None:
        self.size = size
        self._name = name
        self._on_late_error = on_late_error
        self._forget()
        after_fork(self._forget)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        # A queue, for it waits without a line of Python; a semaphore has more of them than all the rest here.
        self._places: SimpleQueue[None] = SimpleQueue()
        for _ in range(self.size):
            self._places.put(None)
        self._idle: list[_Box] = []  # the last one that worked is the first to work again
        self._given_up: set[Task[Any]] = set()

    @property
    def hanging(self) -> tuple[str, ...]:
        """What the threads are at that nobody waits for any more, one entry for each."""
        with self._lock:
            return tuple(task.at_work for task in self._given_up)

    def submit(self, work: Callable[[Tell], T], *, patience: float) -> Task[T]:
        """Have `work` done; it may tell what it is about to do, for whoever asks why it takes so long.

        Args:
            patience: seconds to wait for a thread while others still do what somebody waits for; if all of them
                hang, nothing is waited for.

        Raises:
            Saturated: every thread is taken, or the system has none left.
        """
        try:
            self._places.get(timeout=patience if len(self._given_up) < self.size else 0)
        except Empty:
            raise Saturated("every thread is taken") from None
        try:
            box = self._idle.pop()
        except IndexError:
            box = self._start()
        task = Task(self, work)
        box.put(task)
        return task

    def give_up(self, task: Task[T]) -> bool:
        """Count the task's thread among those that hang until it returns; False if it returned just now."""
        with self._lock:
            if not task.ended:
                self._given_up.add(task)
            return not task.ended

    def _start(self) -> _Box:
        box: _Box = SimpleQueue()
        try:
            threading.Thread(target=self._work, args=(box,), name=self._name, daemon=True).start()
        except RuntimeError:
            self._places.put(None)
            raise Saturated("the system has no thread left") from None
        return box

    def _work(self, box: _Box) -> None:
        while (task := self._next(box)) is not None:
            error = task.run()
            with self._lock:
                task.ended, late = True, task in self._given_up
                self._given_up.discard(task)
            if late and error is not None:
                with suppress(Exception):  # a log filter of the shop's may raise, and this place must come free
                    self._on_late_error(error)
            done = task.done
            del task, error  # an idle thread keeps nothing alive
            # Free first, then done: whoever waits may come back at once, and shall find this thread.
            self._idle.append(box)
            self._places.put(None)
            done.release()

    def _next(self, box: _Box) -> Task[Any] | None:
        try:
            return box.get(timeout=IDLE_SECONDS)
        except Empty:
            pass
        try:
            self._idle.remove(box)
        except ValueError:  # somebody took it at this moment
            return box.get()
        return None


def after_fork(forget: Callable[[], None]) -> None:
    """Have a method called in each process that is forked from this one, as long as its object lives."""
    found = weakref.WeakMethod(forget)

    def call() -> None:
        if (method := found()) is not None:
            method()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=call)
