"""Delivering beside a command that writes messages, as a worker would."""

import threading
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import replace

from ..outbox.drain import Drain
from ..outbox.handler import Settled
from ..outbox.message import MessageState

_LONG = 24 * 3600.0
"""Seconds: a run with an end waits for a rate, and this one ends by itself."""


class Delivery:
    """Delivers in threads of its own from `start` until `finish`, or until the block of a `with` is left.

    Args:
        counted: the operations whose ends are counted.
        threads: that make calls at a time.
        context: what receivers of signals need around them, such as an application context.
    """

    def __init__(
        self,
        drain: Drain,
        *,
        counted: Collection[str],
        threads: int,
        context: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._announce = drain.announce
        self._drain = replace(drain, announce=self._count)
        self._counted = frozenset(counted)
        self._threads = threads
        self._context = context
        self._more = threading.Event()
        self._all_written = False
        self._stopped = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="vtex-seller-delivery")
        self.delivered = 0
        self.dead = 0
        self.in_vain = set[int]()
        """The ids of the counted that were tried and did not arrive, so far."""

    def __enter__(self) -> "Delivery":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        self._more.set()
        self._thread.join()

    @property
    def ended(self) -> int:
        """How many of the counted have come to an end."""
        return self.delivered + self.dead

    def wake(self) -> None:
        """Say that more is written."""
        self._more.set()

    def finish(self) -> None:
        """Say that all is written."""
        self._all_written = True
        self._more.set()

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is due any more; tell whether it came to that.

        Raises:
            Exception: what delivering failed with, such as a DBAPIError.
        """
        self._thread.join(seconds)
        if self._error is not None:
            raise self._error
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            with self._context():
                self._deliver()
        except Exception as error:
            self._error = error

    def _deliver(self) -> None:
        while not self._stopped:
            self._more.clear()  # before the look: what is said in between must not be forgotten
            last = self._all_written
            report = self._drain.run(seconds=_LONG, threads=self._threads, stop=lambda: self._stopped)
            self.in_vain |= {id_ for id_, operation in report.in_vain.items() if operation in self._counted}
            if last:
                return
            self._more.wait()

    def _count(self, settled: Settled) -> None:
        self.in_vain.discard(settled.message.id)
        if settled.message.operation in self._counted:
            if settled.state is MessageState.DELIVERED:
                self.delivered += 1
            else:
                self.dead += 1
        self._announce(settled)
