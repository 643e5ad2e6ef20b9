"""Work that comes after an answer, one piece at a time, and can be waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait


class Background:
    """One thread that is started with the first piece of work; pieces are done in the order in which they came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None
        self._outstanding: set[Future[None]] = set()
        self._closed = False

    def run(self, work: Callable[[], object]) -> None:
        """Do the work after what was given before; nothing happens once it is closed."""
        with self._lock:
            if self._closed:
                return
            if self._executor is None:
                self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox")
            self._outstanding = {future for future in self._outstanding if not _went_well(future)}
            self._outstanding.add(self._executor.submit(self._do, work))

    def settle(self, *, timeout_seconds: float) -> None:
        """Wait until all work that was given so far is done.

        Raises:
            TimeoutError: it is not done in time.
            Exception: what the work itself raised.
        """
        with self._lock:
            outstanding, self._outstanding = self._outstanding, set()
        done, missing = wait(outstanding, timeout_seconds)
        with self._lock:
            self._outstanding |= missing
        for future in done:
            future.result()
        if missing:
            raise TimeoutError(f"{len(missing)} calls are still outstanding after {timeout_seconds:g} s")

    def close(self) -> None:
        """Finish the piece that is being worked on and drop the rest."""
        with self._lock:
            self._closed = True
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown()

    def _do(self, work: Callable[[], object]) -> None:
        # asked here instead of canceling the futures: whoever waits for a canceled one is not always woken up
        if not self._closed:
            work()


def _went_well(future: Future[None]) -> bool:
    return future.done() and future.exception() is None
