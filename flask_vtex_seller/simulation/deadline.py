"""A time budget for the shop's functions: a marketplace that has to wait takes everything for unavailable anyway."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager

from ..hook import places
from ..offers import Ask, SimulationRequest, Terms

MAX_THREADS = 16
"""How many simulations are asked about at a time; one more waits, within its budget."""
_log = logging.getLogger(__name__)


class Deadline:
    """Asks the shop in a thread of its own, and answers for it when it is late: nothing of the cart is available.

    The thread is a daemon, so that a function that hangs keeps no process from ending. What it still returns is
    thrown away; what it still raises is logged.

    Args:
        ask: asks the shop's functions.
        seconds: from the call to the answer; VTEX waits for 2.5.
        context: the application context in which they run; the request's own is not theirs.
    """

    def __init__(self, ask: Ask, *, seconds: float, context: Callable[[], AbstractContextManager[object]]) -> None:
        self._ask = ask
        self._seconds = seconds
        self._context = context
        self._slots = threading.BoundedSemaphore(MAX_THREADS)

    def __call__(self, request: SimulationRequest) -> Terms:
        """Return the shop's terms, or none at all; raises as `ask` does."""
        until = time.monotonic() + self._seconds
        if not self._slots.acquire(timeout=self._seconds):
            return self._late(request, "every thread is taken")
        answer: Future[Terms] = Future()
        thread = threading.Thread(target=self._run, args=(request, answer), name="vtex-simulation", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._slots.release()
            return self._late(request, "the system has no thread left")
        try:
            return answer.result(timeout=max(0.0, until - time.monotonic()))
        except TimeoutError:
            # No function of the shop can raise this: what it raises becomes HookFailed.
            answer.add_done_callback(_log_failure)
            return self._late(request, "the shop's functions are at work")

    def _run(self, request: SimulationRequest, answer: Future[Terms]) -> None:
        try:
            with self._context():
                terms = self._ask(request)
        except BaseException as error:
            # goes on in the thread that waits for it
            answer.set_exception(error)
        else:
            answer.set_result(terms)
        finally:
            self._slots.release()

    def _late(self, request: SimulationRequest, reason: str) -> Terms:
        _log.warning(
            "no answer to a simulation within its budget: %s",
            reason,
            extra={"marketplace": request.marketplace, "seconds": self._seconds},
        )
        return Terms(offers={}, slas=())


def _log_failure(answer: Future[Terms]) -> None:
    if (error := answer.exception()) is not None:
        _log.error("a late simulation failed: %s\n%s", type(error).__name__, places(error.__cause__ or error))
