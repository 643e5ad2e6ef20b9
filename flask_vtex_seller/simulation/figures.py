"""How simulations go in this process, counted without writing anything anywhere."""

import threading
from typing import NamedTuple

from ..clock import Clock
from ..offers import Ask, SimulationRequest, Terms
from .threads import after_fork


class Counts(NamedTuple):
    """What happened since the process began."""

    answered: int = 0
    """How often the shop's functions answered, in time or late."""
    hook_seconds: float = 0.0
    """How long they took for that, together."""
    slowest_seconds: float = 0.0
    late: int = 0
    """Simulations that were answered without waiting any longer for the shop's functions."""
    saturated: int = 0
    """Simulations that no thread was free for."""
    stale: int = 0
    """Of the late and saturated ones, those that were answered from memory at least in part."""
    late_at: float | None = None
    """The last one's moment, on the clock's `monotonic`."""
    saturated_at: float | None = None


class Figures:
    """Counts; a forked process begins at nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._forget()
        after_fork(self._forget)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._answered, self._seconds, self._slowest = 0, 0.0, 0.0
        self._rare = Counts()

    def counting(self, ask: Ask) -> Ask:
        """Return `ask`, counted."""

        def counted(request: SimulationRequest) -> Terms:
            terms = ask(request)
            self.add_answer(terms.seconds)
            return terms

        return counted

    def add_answer(self, seconds: float) -> None:
        """Count an answer of the shop's functions."""
        with self._lock:
            self._answered += 1
            self._seconds += seconds
            if seconds > self._slowest:
                self._slowest = seconds

    def add_late(self) -> None:
        """Count an answer that came too late."""
        with self._lock:
            self._rare = self._rare._replace(late=self._rare.late + 1, late_at=self._clock.monotonic())

    def add_saturated(self) -> None:
        """Count a simulation that no thread was free for."""
        with self._lock:
            count, now = self._rare.saturated + 1, self._clock.monotonic()
            self._rare = self._rare._replace(saturated=count, saturated_at=now)

    def add_stale(self) -> None:
        """Count an answer from memory."""
        with self._lock:
            self._rare = self._rare._replace(stale=self._rare.stale + 1)

    def counts(self) -> Counts:
        """Return what was counted so far."""
        with self._lock:
            return self._rare._replace(
                answered=self._answered, hook_seconds=self._seconds, slowest_seconds=self._slowest
            )
