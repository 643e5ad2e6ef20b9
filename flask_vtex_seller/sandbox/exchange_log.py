"""The record of what was said, in either direction."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from .exchange import Exchange

LONGEST_LOG = 1000


class ExchangeLog:
    """The newest exchanges, numbered from 1 in the order in which they ended; the oldest make room.

    Not safe between threads: its owners share a lock.
    """

    def __init__(self) -> None:
        self._exchanges: deque[Exchange] = deque(maxlen=LONGEST_LOG)
        self._count = 0

    def all(self) -> list[Exchange]:
        """Return the exchanges, oldest first."""
        return list(self._exchanges)

    def add(self, make: Callable[[int], Exchange]) -> Exchange:
        """Keep the exchange that is made with the next number, and return it."""
        self._count += 1
        exchange = make(self._count)
        self._exchanges.append(exchange)
        return exchange
