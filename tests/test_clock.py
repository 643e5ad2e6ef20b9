"""Time: aware UTC moments, kept as integers."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_vtex_seller.clock import SystemClock, from_epoch_us, to_epoch_us

OFFSETS = st.integers(min_value=-14 * 60, max_value=14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2900, 1, 1), timezones=OFFSETS)  # noqa: DTZ001


def test_the_machines_moment_is_aware_utc() -> None:
    before = datetime.now(UTC)
    moment = SystemClock().now()
    assert moment.tzinfo is UTC
    assert before <= moment <= datetime.now(UTC)


def test_the_machines_measure_never_runs_backwards() -> None:
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()


def test_a_pause_of_nothing_returns() -> None:
    SystemClock().sleep(0)


def test_the_epoch_is_zero() -> None:
    assert to_epoch_us(datetime(1970, 1, 1, tzinfo=UTC)) == 0


def test_a_moment_is_the_same_number_in_every_time_zone() -> None:
    utc = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)
    assert to_epoch_us(utc.astimezone(timezone(timedelta(hours=-3)))) == to_epoch_us(utc)


def test_a_naive_datetime_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        to_epoch_us(datetime(2026, 3, 4))  # noqa: DTZ001


@given(MOMENTS)
def test_a_moment_survives_its_number_to_the_microsecond(moment: datetime) -> None:
    back = from_epoch_us(to_epoch_us(moment))
    assert back == moment
    assert back.tzinfo is UTC


@given(MOMENTS, MOMENTS)
def test_numbers_are_in_the_order_of_their_moments(one: datetime, other: datetime) -> None:
    assert (to_epoch_us(one) < to_epoch_us(other)) == (one < other)
