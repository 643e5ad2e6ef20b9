"""Answers that go wrong on demand, to see what a seller makes of them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from .contracts import OPERATIONS
from .reply import Reply, error

ANY = "*"
SLOW, RESET, HTML, GARBAGE = "slow", "reset", "html", "garbage"
STATUSES = ("403", "404", "405", "429", "500", "503")
KINDS = (*STATUSES, SLOW, RESET, HTML, GARBAGE)
#: The call takes effect all the same; with the others, only if it is asked for.
_PROCESSED = frozenset({SLOW, GARBAGE})
_MOST_TIMES = 1000
_LONGEST_WAIT_SECONDS = 600

_PAGE = "<!doctype html><html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_TORN = b'{"date": "2026-03-01T12:\xff\xfe'


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What shall go wrong, with which calls, and how often.

    Attributes:
        match: the operation, or `*` for any.
        kind: a status (`403`, `404`, `405`, `429`, `500`, `503`), `slow` (the right answer, late), `reset` (the TCP
            connection is reset), `html` (a gateway's 502 page) or `garbage` (status 200 with a torn body).
        times: calls that are still to be met.
        retry_after: the header of that name: whole seconds, or an HTTP date.
        seconds: how late a slow answer comes.
        processed: whether the call takes effect before its answer goes wrong; None leaves it to the kind: with `slow`
            and `garbage` it does.

    Raises:
        ValueError: a value is none of the above; the message names it.
    """

    match: str = ANY
    kind: str = "503"
    times: int = 1
    retry_after: int | str | None = None
    seconds: float = 1.0
    processed: bool | None = None

    def __post_init__(self) -> None:
        _require(self.match == ANY or self.match in OPERATIONS, f"match must be * or one of {', '.join(OPERATIONS)}")
        _require(self.kind in KINDS, f"kind must be one of {', '.join(KINDS)}")
        _require(type(self.times) is int and 0 < self.times <= _MOST_TIMES, f"times must be 1 to {_MOST_TIMES}")
        _require(_is_wait(self.retry_after), "retry_after must be whole seconds or an HTTP date")
        in_range = type(self.seconds) in (int, float) and 0 <= self.seconds <= _LONGEST_WAIT_SECONDS
        _require(in_range, f"seconds must be 0 to {_LONGEST_WAIT_SECONDS}")
        _require(self.processed is None or type(self.processed) is bool, "processed must be true or false")

    @property
    def takes_effect(self) -> bool:
        """Whether the call is carried out although its answer goes wrong."""
        return self.kind in _PROCESSED if self.processed is None else self.processed

    @property
    def delay_seconds(self) -> float:
        """How long the answer is held back."""
        return self.seconds if self.kind == SLOW else 0.0

    def spoil(self, reply: Reply | None) -> Reply:
        """Return what is sent instead of the right answer, which is None for a call that was not carried out."""
        if self.kind == SLOW:
            return reply or error(504, "504", HTTPStatus(504).phrase, outcome="504, late, on demand")
        if self.kind == RESET:
            return Reply(status=None, outcome="the connection was reset on demand", reset=True)
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        outcome = f"{self.kind} on demand"
        if self.kind == HTML:
            return Reply(status=502, content=_PAGE.encode(), media_type="text/html", headers=headers, outcome=outcome)
        if self.kind == GARBAGE:
            return Reply(status=200, content=_TORN, media_type="application/json", headers=headers, outcome=outcome)
        status = int(self.kind)
        return error(status, self.kind, HTTPStatus(status).phrase, outcome=outcome).with_headers(headers)

    def as_json(self) -> dict[str, Any]:
        """Return the fault as a JSON object; `times` is what is left."""
        return {
            "match": self.match,
            "kind": self.kind,
            "times": self.times,
            "retry_after": self.retry_after,
            "seconds": self.seconds if self.kind == SLOW else None,
            "processed": self.takes_effect,
        }


class FaultQueue:
    """The faults that are still to come; a call meets the oldest that matches it.

    Not safe between threads: its owner holds a lock.
    """

    def __init__(self) -> None:
        self._faults: deque[Fault] = deque()

    def all(self) -> list[Fault]:
        """Return the faults, oldest first."""
        return list(self._faults)

    def add(self, fault: Fault) -> None:
        """Let the fault happen after those that were added before."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Forget all faults."""
        self._faults.clear()

    def take(self, operation: str) -> Fault | None:
        """Return the fault that this call meets, and count it."""
        for position, fault in enumerate(self._faults):
            if fault.match in (ANY, operation):
                if fault.times > 1:
                    self._faults[position] = replace(fault, times=fault.times - 1)
                else:
                    del self._faults[position]
                return fault
        return None


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


def _is_wait(value: object) -> bool:
    if value is None or (type(value) is int and 0 <= value <= 86_400):
        return True
    try:
        return isinstance(value, str) and parsedate_to_datetime(value) is not None
    except ValueError:
        return False
