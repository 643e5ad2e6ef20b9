"""The last good answers, for a shop that is late."""

import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from flask_vtex_seller import ConfigurationError, Offer, SimulationItem, SimulationRequest, Sla
from flask_vtex_seller.config import Settings
from flask_vtex_seller.offers import Terms
from flask_vtex_seller.simulation import memory
from flask_vtex_seller.simulation.memory import TermsMemory

from ..shops import Shop, StoppedClock
from .test_deadline import ADDRESS, LONG, SHORT, wait_for_threads

APPLE = Offer(sku_id="apple", price=1250, stock=10)
PEAR = Offer(sku_id="pear", price=300, stock=2)
HERE = {"postal_code": "01310-100", "country": "BRA"}
STANDARD = Sla(id="standard", name="S", price=990, shipping_estimate="1d")


def cart(*lines: tuple[str, int], **changes: Any) -> SimulationRequest:
    items = tuple(SimulationItem(sku_id=sku_id, quantity=quantity) for sku_id, quantity in lines)
    return SimulationRequest(**{"marketplace": "acme", "items": items, **changes})


def terms(*offers: Offer, slas: Iterable[Sla] = ()) -> Terms:
    return Terms(offers={offer.sku_id: offer for offer in offers}, slas=tuple(slas))


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def kept(clock: StoppedClock) -> TermsMemory:
    return TermsMemory(seconds=60, clock=clock)


def test_an_offer_is_remembered_by_its_sku_whatever_the_cart(kept: TermsMemory) -> None:
    kept.keep(cart(("apple", 1), ("pear", 1)), terms(APPLE, PEAR), asked_at=0)
    assert kept.recall(cart(("pear", 9), ("kiwi", 1))).offers == {"pear": PEAR}


def test_another_marketplace_or_sales_channel_is_told_nothing(kept: TermsMemory) -> None:
    kept.keep(cart(("apple", 1), sales_channel="1"), terms(APPLE), asked_at=0)
    assert kept.recall(cart(("apple", 1), sales_channel="1")).offers == {"apple": APPLE}
    assert kept.recall(cart(("apple", 1), sales_channel="2")).offers == {}
    assert kept.recall(cart(("apple", 1), sales_channel="1", marketplace="other")).offers == {}


def test_an_offer_is_forgotten_in_time(kept: TermsMemory, clock: StoppedClock) -> None:
    kept.keep(cart(("apple", 1)), terms(APPLE), asked_at=0)
    clock.advance(60)
    assert kept.recall(cart(("apple", 1))).offers
    clock.advance(0.001)
    assert kept.recall(cart(("apple", 1))).offers == {}


def test_a_price_that_is_no_longer_valid_is_not_told(kept: TermsMemory, clock: StoppedClock) -> None:
    until = clock.now() + timedelta(seconds=10)
    kept.keep(cart(("apple", 1)), terms(Offer(sku_id="apple", price=1, stock=1, price_valid_until=until)), asked_at=0)
    assert kept.recall(cart(("apple", 1))).offers
    clock.advance(10)
    assert kept.recall(cart(("apple", 1))).offers == {}


def test_a_sku_that_the_shop_no_longer_sells_is_forgotten(kept: TermsMemory) -> None:
    kept.keep(cart(("apple", 1), ("pear", 1)), terms(APPLE, PEAR), asked_at=0)
    kept.keep(cart(("apple", 1)), terms(), asked_at=1)
    assert kept.recall(cart(("apple", 1), ("pear", 1))).offers == {"pear": PEAR}


def test_an_answer_to_an_older_question_changes_nothing(kept: TermsMemory) -> None:
    newer = Offer(sku_id="apple", price=2000, stock=1)
    kept.keep(cart(("apple", 1)), terms(newer), asked_at=2)
    kept.keep(cart(("apple", 1)), terms(APPLE), asked_at=1)
    kept.keep(cart(("apple", 1)), terms(), asked_at=1)
    assert kept.recall(cart(("apple", 1))).offers == {"apple": newer}


def test_delivery_is_remembered_for_the_same_cart_and_address(kept: TermsMemory) -> None:
    kept.keep(cart(("apple", 1), **HERE), terms(APPLE, slas=[STANDARD]), asked_at=0)
    found = kept.recall(cart(("apple", 1), **HERE))
    assert (found.offers, found.slas) == ({"apple": APPLE}, (STANDARD,))


@pytest.mark.parametrize(
    "other",
    [
        cart(("apple", 1), postal_code="69900-000", country="BRA"),
        cart(("apple", 1), postal_code="01310-100", country="ARG"),
        cart(("apple", 1), geo_coordinates=(-46.6, -23.5)),
        cart(("apple", 1), sales_channel="2", **HERE),
        cart(("apple", 2), **HERE),
        cart(("apple", 1), ("pear", 1), **HERE),
    ],
)
def test_what_is_known_of_one_delivery_is_not_told_of_another(kept: TermsMemory, other: SimulationRequest) -> None:
    """Without delivery options it would seem that the shop does not deliver there: nothing is available instead."""
    kept.keep(cart(("apple", 1), ("pear", 1)), terms(APPLE, PEAR), asked_at=0)
    kept.keep(cart(("apple", 1), **HERE), terms(APPLE, slas=[STANDARD]), asked_at=0)
    found = kept.recall(other)
    assert (found.offers, found.slas) == ({}, ())


def test_an_address_out_of_reach_stays_out_of_reach(kept: TermsMemory) -> None:
    kept.keep(cart(("apple", 1), **HERE), terms(APPLE), asked_at=0)
    found = kept.recall(cart(("apple", 1), **HERE))
    assert (found.offers, found.slas) == ({"apple": APPLE}, ())


def test_what_was_said_longest_ago_gives_way(kept: TermsMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST", 100)
    small = TermsMemory(seconds=60, clock=StoppedClock())
    for number in range(1000):
        sku, slas = f"sku-{number}", [STANDARD] * 9
        offer = Offer(sku_id=sku, price=1, stock=1)
        small.keep(cart((sku, 1), **HERE), terms(offer, slas=slas), asked_at=number)
    assert len(small._offers._entries) == 100
    assert len(small._slas._entries) == 10  # each of a line and nine options
    assert small.recall(cart(("sku-999", 1), **HERE)).offers
    assert not small.recall(cart(("sku-0", 1))).offers
    small.keep(cart(("sku-950", 1)), terms(Offer(sku_id="sku-950", price=2, stock=1)), asked_at=2000)
    for number in range(1000, 1060):
        small.keep(cart((f"sku-{number}", 1)), terms(Offer(sku_id=f"sku-{number}", price=1, stock=1)), asked_at=2000)
    assert small.recall(cart(("sku-950", 1))).offers
    assert len(small._offers._entries) == 100


# through the route


@pytest.fixture
def forgetful(new_shop: Callable[..., Shop]) -> Iterator[Callable[..., tuple[Shop, threading.Event]]]:
    """Make a shop that answers at once until the event is cleared."""
    made = []

    def make(**kwargs: Any) -> tuple[Shop, threading.Event]:
        shop, event = new_shop(VTEX_SELLER_SIMULATION_SECONDS=LONG, **kwargs), threading.Event()
        made.append((shop, event))
        event.set()

        def slas(_: SimulationRequest) -> Iterable[Sla]:
            assert event.wait(LONG)
            return [STANDARD]

        shop.slas = slas
        return shop, event

    yield make
    for shop, event in made:
        event.set()
        wait_for_threads(shop)


def hang(shop: Shop, event: threading.Event) -> None:
    event.clear()
    shop.app.extensions["vtex_seller"].ask._seconds = SHORT


def test_a_late_shop_is_answered_for_from_its_last_good_answer(forgetful: Callable[..., Any]) -> None:
    """P18."""
    shop, event = forgetful(VTEX_SELLER_STALE_OFFERS_SECONDS=60)
    fresh = shop.simulate(("apple", 2), ("kiwi", 1), **ADDRESS).get_json()
    hang(shop, event)
    assert shop.simulate(("apple", 2), ("kiwi", 1), **ADDRESS).get_json() == fresh
    elsewhere = shop.simulate(("apple", 2), ("kiwi", 1), postalCode="20040-020", country="BRA").get_json()
    assert [item["quantity"] for item in elsewhere["items"]] == [0, 0]
    counts = shop.app.extensions["vtex_seller"].simulation_health().counts
    assert (counts.answered, counts.late, counts.stale) == (1, 2, 1)


def test_it_is_off_unless_the_shop_allows_it(forgetful: Callable[..., Any]) -> None:
    shop, event = forgetful()
    assert shop.simulate(("apple", 2), **ADDRESS).get_json()["items"][0]["quantity"] == 2
    hang(shop, event)
    assert shop.simulate(("apple", 2), **ADDRESS).get_json()["items"][0]["quantity"] == 0


def test_a_jam_is_answered_from_memory_too(forgetful: Callable[..., Any]) -> None:
    shop, event = forgetful(VTEX_SELLER_STALE_OFFERS_SECONDS=60, VTEX_SELLER_SIMULATION_THREADS=1)
    shop.simulate(("apple", 2), **ADDRESS)
    hang(shop, event)
    answers = [shop.simulate(("apple", 2), **ADDRESS).get_json()["items"][0]["quantity"] for _ in range(3)]
    assert answers == [2, 2, 2]
    counts = shop.app.extensions["vtex_seller"].simulation_health().counts
    assert (counts.late, counts.saturated, counts.stale) == (1, 2, 3)


def test_what_comes_late_is_remembered(forgetful: Callable[..., Any]) -> None:
    shop, event = forgetful(VTEX_SELLER_STALE_OFFERS_SECONDS=60)
    hang(shop, event)
    assert shop.simulate(("apple", 2), **ADDRESS).get_json()["items"][0]["quantity"] == 0
    event.set()
    wait_for_threads(shop)
    event.clear()
    assert shop.simulate(("apple", 2), **ADDRESS).get_json()["items"][0]["quantity"] == 2


def test_it_takes_a_time_budget() -> None:
    with pytest.raises(ConfigurationError, match="STALE_OFFERS_SECONDS needs VTEX_SELLER_SIMULATION_SECONDS"):
        Settings.from_config({"VTEX_SELLER_STALE_OFFERS_SECONDS": 60})
