"""How many failures a source may have, and that counting them costs no more than it may."""

import threading

import pytest

from flask_vtex_seller import sources
from flask_vtex_seller.sources import FailureLimit, is_inside, networks

from .shops import StoppedClock


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.mark.parametrize("text", ["", "x", "1.2.3", "1.2.3.4/33", "1.2.3.4/24", "shop.example", "10.0.0.0-10.0.0.9"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        networks([text])


def test_what_is_no_address_is_in_no_network() -> None:
    everywhere = networks(["0.0.0.0/0", "::/0"])
    assert is_inside("198.51.100.1", everywhere)
    assert not any(is_inside(address, everywhere) for address in (None, "", "unix:", "shop.example", "1.2.3.4:80"))


def test_a_minute_begins_with_its_first_failure(clock: StoppedClock) -> None:
    limit = FailureLimit(2, clock)
    limit.note("198.51.100.1", "acme")
    clock.advance(50)
    limit.note("198.51.100.1", "acme")
    assert limit.wait("198.51.100.1", "acme") == 10
    clock.advance(10)
    assert limit.wait("198.51.100.1", "acme") == 0
    limit.note("198.51.100.1", "acme")
    assert limit.wait("198.51.100.1", "acme") == 0


def test_a_failure_while_turned_away_does_not_prolong_it(clock: StoppedClock) -> None:
    """Else whoever shares an address with a marketplace could keep it out for good with a call a minute."""
    limit = FailureLimit(1, clock)
    limit.note("198.51.100.1", "acme")
    clock.advance(30)
    limit.note("198.51.100.1", "acme")
    assert limit.wait("198.51.100.1", "acme") == 30


def test_callers_whose_address_is_unknown_are_one_source(clock: StoppedClock) -> None:
    limit = FailureLimit(2, clock)
    limit.note(None, "acme")
    limit.note("unix:", "acme")
    assert limit.wait("", "acme") > 0
    assert limit.wait("198.51.100.1", "acme") == 0


def test_an_ipv4_address_in_ipv6_clothes_is_the_same_source(clock: StoppedClock) -> None:
    limit = FailureLimit(1, clock)
    limit.note("::ffff:198.51.100.1", "acme")
    assert limit.wait("198.51.100.1", "acme") > 0


def test_only_so_many_sources_are_remembered_the_latest_ones(
    clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_MAX_SOURCES", 100)
    limit = FailureLimit(1, clock)
    for number in range(1000):
        limit.note(f"10.0.{number // 256}.{number % 256}", "acme")
    assert len(limit._seen) == 100
    assert limit.wait("10.0.3.231", "acme") > 0
    assert limit.wait("10.0.0.1", "acme") == 0


def test_without_a_limit_nothing_is_remembered(clock: StoppedClock) -> None:
    limit = FailureLimit(None, clock)
    limit.note("198.51.100.1", "acme")
    assert (limit.wait("198.51.100.1", "acme"), len(limit._seen)) == (0, 0)


def test_threads_lose_no_failure(clock: StoppedClock) -> None:
    limit = FailureLimit(4000, clock)

    def fail() -> None:
        for _ in range(1000):
            limit.note("198.51.100.1", "acme")

    threads = [threading.Thread(target=fail) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert limit.wait("198.51.100.1", "acme") > 0


def test_failures_at_one_door_shut_no_other(clock: StoppedClock) -> None:
    limit = FailureLimit(1, clock)
    limit.note("198.51.100.1", "acme")
    assert limit.wait("198.51.100.1", "acme") > 0
    assert limit.wait("198.51.100.1", "other") == 0
