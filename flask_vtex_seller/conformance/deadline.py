"""An end to every call, whatever the other side does."""

import threading
from collections.abc import Mapping

from .target import Answer, Target, Unreachable


class Deadline:
    """A target that is left alone after a while.

    Timeouts end a silence; a name server that hangs, or a header that drips, needs a clock on the whole call. The call
    goes on in a thread that nobody waits for.

    Args:
        target: who is called.
        seconds: how long a call may last.
    """

    def __init__(self, target: Target, seconds: float) -> None:
        self._target = target
        self._seconds = seconds

    def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """See `Target`."""
        ends: list[Answer | BaseException] = []

        def call() -> None:
            try:
                ends.append(self._target.send(method, path, body, headers))
            except BaseException as error:
                ends.append(error)

        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        thread.join(self._seconds)
        if not ends:
            raise Unreachable(f"the call is not over after {self._seconds:g} seconds")
        if isinstance(ends[0], BaseException):
            raise ends[0]
        return ends[0]
