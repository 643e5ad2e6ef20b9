"""Making a call, having its answer judged, and keeping the record of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .answer import Answer
from .endpoint import FulfillmentEndpoint
from .exchange import Exchange
from .exchange_log import ExchangeLog
from .transport import Transport

LONGEST_TEXT = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What to send, and how to tell it in the log.

    Attributes:
        path: below the fulfillment endpoint.
        describe: says the outcome in a few words.
        expect: what the rules were asked to insist on.
    """

    operation: str
    title: str
    path: str
    body: Any
    timeout_seconds: float
    describe: Callable[[Answer], str]
    marketplace_order_id: str | None = None
    expect: str | int | None = None


class Caller:
    """Makes the calls of one marketplace to one seller and enters them in its log.

    Args:
        lock: held while an answer is judged and recorded, never while the network is waited for. A judge may thus read
            and change what the lock protects.
    """

    def __init__(
        self,
        endpoint: FulfillmentEndpoint,
        *,
        log: ExchangeLog,
        lock: threading.Lock,
        clock: Callable[[], datetime],
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoint = endpoint
        self._transport = Transport(endpoint, timer=timer)
        self._lock = lock
        self._clock = clock
        self._log = log

    def close(self) -> None:
        """Close the connections to the seller."""
        self._transport.close()

    def perform(self, call: Call, judge: Callable[[Answer], list[str]]) -> Exchange:
        """Make one call, whatever comes of it, and return its record.

        Args:
            judge: returns the problems of the answer; runs under the lock.
        """
        started_at = self._clock()
        answer = self._transport.post(call.path, call.body, timeout_seconds=call.timeout_seconds)
        with self._lock:
            problems = judge(answer)
            if answer.leaks_secret:
                problems.append("P73 answer: must not repeat the secret of the endpoint")
            return self._log.add(lambda number: self._record(number, call, answer, started_at, problems))

    def _record(self, number: int, call: Call, answer: Answer, started_at: datetime, problems: list[str]) -> Exchange:
        return Exchange(
            number=number,
            operation=call.operation,
            title=call.title,
            started_at=started_at,
            url=self._endpoint.shown(call.path),
            request_body=call.body,
            status=answer.status,
            response_headers=answer.headers,
            response_body=answer.body,
            response_text=answer.text[:LONGEST_TEXT],
            duration_ms=answer.duration_ms,
            problems=tuple(problems),
            outcome=call.describe(answer),
            marketplace_order_id=call.marketplace_order_id,
            expected=call.expect,
        )
