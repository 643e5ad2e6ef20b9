"""What becomes of notices of watched models: none is lost beside a delivery, and what waits together is one call."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from flask_vtex_seller import ConfigurationError
from flask_vtex_seller.marketplace.outcome import Outcome, Verdict
from flask_vtex_seller.outbox.message import Message
from flask_vtex_seller.state import current_state

from ..shops import Shop
from .watching import Watching, make_watching, watch_all

DELIVERED = Outcome(verdict=Verdict.DELIVERED, status=202, reason="202")


def drain(shop: Watching, during: Callable[[], Any] = lambda: None) -> list[str]:
    """Deliver what is due, with something else going on while the first call is made; return the calls."""
    sent: list[str] = []

    def send(message: Message, _: Any) -> Outcome:
        sent.append(f"{message.operation.removesuffix('_notification')} {message.arguments['sku_id']}")
        if len(sent) == 1:
            during()
        return DELIVERED

    with shop.shop.app.app_context():
        state = current_state()
    replace(state.drain, send=send, handlers={}).run()
    return sent


def set_price(shop: Watching, cents: int, number: int = 1) -> None:
    with shop.working():
        shop.product(number).price_cents = cents


def make(new_shop: Callable[..., Shop], **config: Any) -> Watching:
    shop = make_watching(new_shop, **config)
    watch_all(shop)
    shop.fill()
    return shop


def test_a_change_while_its_notice_is_sent_is_sent_after_it(new_shop: Callable[..., Shop]) -> None:
    shop = make(new_shop)
    set_price(shop, 200)
    assert drain(shop, during=lambda: set_price(shop, 300)) == ["price p1", "price p1"]
    assert [row.state for row in shop.rows()] == ["delivered", "delivered"]


def test_a_flush_that_is_committed_while_a_drain_runs_is_sent_after_it(new_shop: Callable[..., Shop]) -> None:
    """On SQLite nobody else writes meanwhile: the flush is another product's, and begins when the call is made."""
    shop = make(new_shop)
    set_price(shop, 200)

    def flush_and_commit() -> None:
        with shop.working() as session:
            shop.product(2).price_cents = 300
            session.flush()

    assert drain(shop, during=flush_and_commit) == ["price p1", "price p2"]


def test_changes_of_one_sku_that_wait_are_one_call(new_shop: Callable[..., Shop]) -> None:
    shop = make(new_shop)
    for cents in (200, 300, 400):
        set_price(shop, cents)
    assert drain(shop) == ["price p1"]


def test_changes_within_the_interval_are_one_call(new_shop: Callable[..., Shop]) -> None:
    shop = make(new_shop, VTEX_SELLER_NOTICE_SECONDS=60)
    set_price(shop, 200)
    shop.clock.advance(59)
    set_price(shop, 300)
    assert drain(shop) == []
    shop.clock.advance(1)
    assert drain(shop) == ["price p1"]
    shop.clock.advance(300)
    assert drain(shop) == []


def test_calls_about_one_sku_and_kind_are_an_interval_apart(new_shop: Callable[..., Shop]) -> None:
    shop = make(new_shop, VTEX_SELLER_NOTICE_SECONDS=60)
    calls = []
    for second in range(0, 600, 10):
        if second <= 490:
            set_price(shop, second)
        if drain(shop):
            calls.append(second)
        shop.clock.advance(10)
    assert all(after - before >= 60 for before, after in pairwise(calls))
    assert calls[-1] > 490  # the last change is told, too


def test_spoken_notices_wait_as_well(new_shop: Callable[..., Shop]) -> None:
    shop = make(new_shop, VTEX_SELLER_NOTICE_SECONDS=60)
    with shop.working():
        shop.seller.notify_price("p1")
        shop.seller.notify_inventory("p1")
    assert drain(shop) == []
    assert {row.due_at - row.created_at for row in shop.rows()} == {timedelta(seconds=60) // timedelta(microseconds=1)}
    shop.clock.advance(60)
    assert drain(shop) == ["price p1", "inventory p1"]


@pytest.mark.parametrize("wrong", [-1, "60", True, None, 10**9])
def test_an_interval_must_be_a_number(new_shop: Callable[..., Shop], wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="VTEX_SELLER_NOTICE_SECONDS must be a number from 0"):
        new_shop(VTEX_SELLER_NOTICE_SECONDS=wrong)
