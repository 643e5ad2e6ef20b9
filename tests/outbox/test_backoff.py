"""Retries are polite and end. (R6, P77)"""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_vtex_seller.outbox.backoff import BASE, CAP, MAX_AGE, MAX_ATTEMPTS, next_due

NOW = datetime(2026, 3, 4, 15, 45, 2, 130636, tzinfo=UTC)
ATTEMPTS = st.integers(1, MAX_ATTEMPTS - 1)
WISHES = st.none() | st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=10))
SEEDS = st.integers(0, 2**32)


class Fixed(Random):
    """A die that always shows the same."""

    def __init__(self, value: float) -> None:
        super().__init__(0)
        self._value = value

    def random(self) -> float:
        return self._value


def due(attempts: int, rng: Random, wish: timedelta | None = None, age: timedelta = timedelta(0)) -> datetime | None:
    return next_due(attempts, since=NOW - age, now=NOW, wish=wish, rng=rng)


@given(ATTEMPTS, WISHES, SEEDS)
def test_a_retry_is_never_before_the_wish_and_never_a_cap_after_it(
    attempts: int, wish: timedelta | None, seed: int
) -> None:
    """R6, P77"""
    moment = due(attempts, Random(seed), wish)
    assert moment is not None
    earliest = NOW + min(wish or timedelta(0), MAX_AGE)
    assert earliest <= moment <= earliest + CAP


@given(ATTEMPTS, SEEDS)
def test_the_delay_is_below_an_exponentially_growing_ceiling(attempts: int, seed: int) -> None:
    """R6"""
    moment = due(attempts, Random(seed))
    assert moment is not None
    assert moment - NOW <= min(CAP, BASE * 2 ** (attempts - 1))


@given(ATTEMPTS, st.floats(0, 1, exclude_max=True))
def test_the_jitter_is_full_any_part_of_the_ceiling_may_come_out(attempts: int, part: float) -> None:
    """R6"""
    moment = due(attempts, Fixed(part))
    assert moment is not None
    assert abs((moment - NOW) - min(CAP, BASE * 2 ** (attempts - 1)) * part) < timedelta(milliseconds=1)


def test_what_failed_together_does_not_come_back_together() -> None:
    """R6: at most 10 % of a thousand in any 1 % of the window."""
    rng = Random(20260304)
    delays = [moment - NOW for _ in range(1000) if (moment := due(8, rng))]
    window = BASE * 2**7
    shares = [0] * 100
    for delay in delays:
        shares[min(99, int(delay / window * 100))] += 1
    assert sum(shares) == 1000
    assert max(shares) <= 100


@pytest.mark.parametrize("attempts", [MAX_ATTEMPTS, MAX_ATTEMPTS + 1, 10**6])
def test_the_fifteenth_failure_is_the_last(attempts: int) -> None:
    """R6"""
    assert MAX_ATTEMPTS == 15
    assert due(MAX_ATTEMPTS - 1, Random(0)) is not None
    assert due(attempts, Random(0)) is None


def test_after_three_days_nothing_is_tried_again() -> None:
    """R6"""
    assert timedelta(days=3) == MAX_AGE
    assert due(1, Random(0), age=MAX_AGE - timedelta(microseconds=1)) is not None
    assert due(1, Random(0), age=MAX_AGE) is None
    assert due(1, Random(0), wish=timedelta(seconds=1), age=MAX_AGE * 2) is None


def test_the_cap_is_reached_and_kept() -> None:
    latest = [moment - NOW for attempts in range(1, MAX_ATTEMPTS) if (moment := due(attempts, Fixed(0.9999)))]
    assert latest == sorted(latest)
    assert CAP - timedelta(seconds=1) < latest[-1] <= CAP
    assert latest[0] < timedelta(seconds=2)


def test_a_clock_that_was_set_back_does_not_end_the_retries() -> None:
    """R16"""
    assert due(1, Random(0), age=timedelta(days=-1)) is not None


@pytest.mark.parametrize("wish", [timedelta(days=30), timedelta(days=365 * 1000), timedelta(days=365 * 7973)])
def test_an_absurd_wish_does_not_outlive_the_message(wish: timedelta) -> None:
    """R6: a mistaken Retry-After must neither crash the drain nor hide a message for years."""
    moment = due(1, Fixed(0.5), wish)
    assert moment is None or moment <= NOW + MAX_AGE + CAP
