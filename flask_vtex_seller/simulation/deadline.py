"""A time budget for the shop's functions: a marketplace that has to wait takes everything for unavailable anyway."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Protocol

from ..clock import Clock
from ..hook import places
from ..offers import SimulationRequest, Terms
from .figures import Figures
from .memory import TermsMemory
from .threads import DaemonPool, Saturated, Tell

THREAD_NAME = "vtex-simulation"
PATIENCE = 0.05
"""How much of the budget a simulation waits for a thread: a burst passes, a jam does not."""
WARN_SECONDS = 60.0
"""How often one warning is logged at most."""
_log = logging.getLogger(__name__)


class TellingAsk(Protocol):
    """Asks the shop's functions about a cart, and tells the name of each before."""

    def __call__(self, request: SimulationRequest, tell: Tell, /) -> Terms: ...


class Deadline:
    """Asks the shop in a thread of a bounded pool, and answers for it when it is late.

    Then it answers from memory, if the shop allows that, or else that nothing of the cart is available. What a function
    still returns is remembered, if there is a memory; what it still raises is logged.

    Args:
        ask: asks the shop's functions.
        seconds: from the call to the answer; VTEX waits for 2.5.
        threads: how many simulations are asked about at a time.
        context: the application context in which they run; the request's own is not theirs.
        memory: the last good answers; None answers that nothing is available.
    """

    def __init__(
        self,
        ask: TellingAsk,
        *,
        seconds: float,
        threads: int,
        context: Callable[[], AbstractContextManager[object]],
        memory: TermsMemory | None,
        figures: Figures,
        clock: Clock,
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._context = context
        self._memory = memory
        self._figures = figures
        self._clock = clock
        self._warnings = _Warnings(clock)
        self.pool = DaemonPool(threads, name=THREAD_NAME, on_late_error=_log_late_error)

    def __call__(self, request: SimulationRequest) -> Terms:
        """Return the shop's terms, or what is said instead; raises as `ask` does."""
        begun = time.monotonic()
        try:
            task = self.pool.submit(partial(self._run, request), patience=PATIENCE * self._seconds)
        except Saturated as reason:
            self._figures.add_saturated()
            self._warn(request, str(reason), ", ".join(sorted(set(self.pool.hanging))) or None)
            return self._instead(request, begun)
        if task.wait(begun + self._seconds - time.monotonic()):
            return task.result()
        self._figures.add_late()
        self._warn(request, f"waiting for {task.at_work}", task.at_work)
        return self._instead(request, begun)

    def _run(self, request: SimulationRequest, tell: Tell) -> Terms:
        asked_at = 0.0 if self._memory is None else self._clock.monotonic()
        with self._context():
            terms = self._ask(request, tell)
        self._figures.add_answer(terms.seconds)
        if self._memory is not None:
            self._memory.keep(request, terms, asked_at=asked_at)
        return terms

    def _instead(self, request: SimulationRequest, begun: float) -> Terms:
        terms = Terms(offers={}, slas=()) if self._memory is None else self._memory.recall(request)
        if terms.offers:
            self._figures.add_stale()
        return Terms(offers=terms.offers, slas=terms.slas, seconds=time.monotonic() - begun)

    def _warn(self, request: SimulationRequest, reason: str, hook: str | None) -> None:
        unsaid = self._warnings.due(reason)
        if unsaid is None:
            return
        _log.warning(
            "no answer to a simulation within its budget: %s",
            reason,
            extra={"marketplace": request.marketplace, "seconds": self._seconds, "hook": hook, "unsaid": unsaid},
        )


class _Warnings:
    """Lets each warning through once in a while."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._said: dict[str, tuple[float, int]] = {}

    def due(self, warning: str) -> int | None:
        """Return how often the warning was not said since it was last said; None if it is not said now, either."""
        now = self._clock.monotonic()
        with self._lock:
            said_at, unsaid = self._said.get(warning, (None, 0))
            if said_at is not None and now - said_at < WARN_SECONDS:
                self._said[warning] = (said_at, unsaid + 1)
                return None
            self._said[warning] = (now, 0)
            return unsaid


def _log_late_error(error: BaseException) -> None:
    _log.error("a late simulation failed: %s\n%s", type(error).__name__, places(error.__cause__ or error))
