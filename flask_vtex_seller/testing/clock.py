"""Time that passes when a test says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random

import pytest

from ..clock import SystemClock
from ..database import DatabaseClock


class Latest(Random):
    """Has what failed be repeated as late as it may be: else it could be due again while a test still looks on."""

    def random(self) -> float:
        """Return the end of the interval that `Random` leaves out."""
        return 1.0


class VtexClock:
    """The machine's time and what a test added to it."""

    def __init__(self) -> None:
        self._added = timedelta(0)

    def advance(self, duration: timedelta) -> None:
        """Let `duration` pass.

        Raises:
            ValueError: it is negative.
        """
        if duration < timedelta(0):
            raise ValueError("time does not go back")
        self._added += duration

    @classmethod
    @contextmanager
    def installed(cls) -> Iterator["VtexClock"]:
        """Have every `SystemClock` of this process tell this time."""
        clock, now, monotonic = cls(), SystemClock.now, SystemClock.monotonic

        def moved_now(machine: SystemClock) -> datetime:
            return now(machine) + clock._added

        def moved_monotonic(machine: SystemClock) -> float:
            return monotonic(machine) + clock._added.total_seconds()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SystemClock, "now", moved_now)
            patch.setattr(SystemClock, "monotonic", moved_monotonic)
            # The database's own time does not pass when a test says so.
            patch.setattr(DatabaseClock, "now", lambda database: database._clock.now())
            yield clock
