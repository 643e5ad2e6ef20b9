"""The time, as an object that tests can hold still."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """What the package asks about time: the moment, a duration's measure, and a pause."""

    def now(self) -> datetime:
        """Return the present moment as an aware UTC datetime."""

    def monotonic(self) -> float:
        """Return seconds on a clock that never jumps; only differences mean anything."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the present moment as an aware UTC datetime."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds on a clock that never jumps; only differences mean anything."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def to_epoch_us(moment: datetime) -> int:
    """Return `moment` as microseconds since 1970 UTC: the form in which our tables keep time.

    An integer means the same in every database; SQLite drops the offset of a datetime.

    Raises:
        ValueError: `moment` is naive.
    """
    if moment.tzinfo is None:
        raise ValueError("a naive datetime names no moment; pass an aware one")
    return (moment - _EPOCH) // _MICROSECOND


def from_epoch_us(microseconds: int) -> datetime:
    """Return the aware UTC datetime that `to_epoch_us` made a number of."""
    return _EPOCH + timedelta(microseconds=microseconds)
