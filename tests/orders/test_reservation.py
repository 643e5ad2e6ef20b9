"""How long an order is reserved, and what happens when nobody has paid by then (P32)."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import TimeoutError as SqlAlchemyTimeout

from flask_vtex_seller import (
    CancellationDecision,
    CancellationRequest,
    FulfillmentAuthorization,
    FulfillmentRefused,
    Order,
    OrderState,
    PlacementRefused,
)
from flask_vtex_seller.orders import reservation
from flask_vtex_seller.orders.reservation import read_lock_time
from flask_vtex_seller.state import State, current_state

from ..contract.speaking import speaking
from ..shops import ACME, Shop, StoppedClock, order_body, use_order_finder

DAY = 86400
SHOPPER = "Maria Silva"


def body(*lock_times: Any, marketplace_order_id: str = "1138342255777-01") -> dict[str, Any]:
    """An order of which each line asks for a reservation of its own."""
    order = order_body(marketplace_order_id)
    lines = order["shippingData"]["logisticsInfo"]
    for line, lock_time in zip(lines, lock_times, strict=False):
        line["lockTTL"] = lock_time
    return order


@pytest.fixture
def shop(new_shop: Callable[..., Shop]) -> Shop:
    """A shop with the hook, and one order that is reserved for eight days."""
    shop = new_shop(clock=StoppedClock())
    use_hook(shop)
    place(shop, "8d", "8d")
    return shop


def use_hook(shop: Shop, act: Callable[[Order], None] = lambda _: None) -> None:
    @shop.seller.on_reservation_expired
    def expire(order: Order) -> None:
        shop.asked.append(order)
        act(order)


def place(shop: Shop, *lock_times: Any, marketplace_order_id: str = "1138342255777-01") -> None:
    placed = body(*lock_times, marketplace_order_id=marketplace_order_id)
    assert shop.call("/pvt/orders", [placed]).status_code == 200


def order(shop: Shop, order_id: str = "S-1") -> Any:
    with shop.app.app_context():
        return shop.seller.order(order_id)


def state_of(shop: Shop) -> State:
    with shop.app.app_context():
        return current_state()


def expire(shop: Shop, **keywords: Any) -> list[str | None]:
    """Do what a worker does each minute; return the shop's ids of what expired."""
    with shop.app.app_context():
        return [expired.order_id for expired in current_state().reservations.expire(**keywords)]


def later(shop: Shop, seconds: float) -> None:
    shop.seller._clock.sleep(seconds)


def now(shop: Shop) -> datetime:
    return shop.seller._clock.now()


# how long


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8d", timedelta(days=8)),
        ("30m", timedelta(minutes=30)),
        ("4h", timedelta(hours=4)),
        (" 8D ", timedelta(days=8)),
        ("1bd", timedelta(days=3)),
        ("5bd", timedelta(days=7)),
        ("12bd", timedelta(days=18)),
        ("999999999d", timedelta(days=3650)),
        ("999999999bd", timedelta(days=3650)),
        ("9" * 5000 + "d", None),
        ("0d", None),
        ("-8d", None),
        ("8", None),
        ("8w", None),
        ("1.5d", None),
        ("٨d", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_a_lock_time_is_read_or_there_is_none(text: str | None, expected: timedelta | None) -> None:
    assert read_lock_time(text) == expected


@pytest.mark.parametrize("weekday", range(7))
@pytest.mark.parametrize("number", [1, 2, 4, 5, 6, 10, 12])
def test_business_days_never_end_early(weekday: int, number: int) -> None:
    begin = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(days=weekday)
    day, worked = begin, 0
    while worked < number:
        day += timedelta(days=1)
        worked += day.weekday() < 5
    time = read_lock_time(f"{number}bd")
    assert time is not None
    assert day <= begin + time <= day + timedelta(days=3)


@pytest.mark.parametrize(
    ("lock_times", "days"),
    [(("8d", "8d"), 8), (("30m", "8d"), 8), (("2d", "whenever"), 2), ((None, "1d"), 1), (("soon", None), None)],
)
def test_the_longest_time_that_a_line_asks_for_counts(
    new_shop: Callable[..., Shop], lock_times: tuple[Any, ...], days: int | None
) -> None:
    shop = new_shop(clock=StoppedClock())
    place(shop, *lock_times)
    assert order(shop).reserved_until == (None if days is None else now(shop) + timedelta(days=days))


def test_the_configured_time_counts_where_no_line_says_one(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(clock=StoppedClock(), marketplaces={"acme": {**ACME, "reservation_days": 1.5}})
    place(shop, None, "?")
    place(shop, "2d", marketplace_order_id="B-01")
    assert order(shop).reserved_until == now(shop) + timedelta(days=1.5)
    assert order(shop, "S-2").reserved_until == now(shop) + timedelta(days=8), "its second line says so"


def test_an_order_that_an_earlier_attempt_left_unfinished_is_reserved_as_the_repeat_says(
    new_shop: Callable[..., Shop],
) -> None:
    shop = new_shop(clock=StoppedClock())
    use_order_finder(shop)

    def commit_the_claim_and_fail(_: Any) -> str:
        shop.db.session.commit()
        raise RuntimeError

    shop.place = commit_the_claim_and_fail
    assert shop.call("/pvt/orders", [body("30m", "30m")]).status_code == 500
    later(shop, 3600)
    shop.place = None
    changed = {**body("2h", "2h"), "marketplaceOrderGroup": "G", "marketplaceServicesEndpoint": "https://new.example"}
    assert shop.call("/pvt/orders", [changed]).status_code == 200
    placed = order(shop)
    assert placed.reserved_until == now(shop) + timedelta(hours=2)
    assert placed.marketplace_order_group == "G"
    assert placed.marketplace_services_endpoint == "https://new.example"


# when it is over


def test_an_order_that_nobody_paid_for_in_time_expires_once(shop: Shop) -> None:
    """P32"""
    later(shop, 8 * DAY - 1)
    assert expire(shop) == []
    later(shop, 1)
    assert expire(shop) == ["S-1"]
    assert expire(shop) == []
    assert order(shop).state is OrderState.EXPIRED
    (asked,) = shop.asked_for(Order)
    assert (asked.order_id, asked.state, asked.marketplace) == ("S-1", OrderState.PLACED, "acme")


def test_without_the_hook_nothing_expires(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(clock=StoppedClock())
    place(shop, "1m", "1m")
    later(shop, 30 * DAY)
    assert expire(shop) == []
    assert order(shop).state is OrderState.PLACED


@pytest.mark.parametrize("call", ["fulfill", "cancel"])
def test_what_is_authorized_or_canceled_does_not_expire(shop: Shop, call: str) -> None:
    shop.call(f"/pvt/orders/S-1/{call}", {})
    later(shop, 30 * DAY)
    assert expire(shop) == []


def test_what_the_shop_cancels_does_not_expire(shop: Shop) -> None:
    with speaking(shop) as seller:
        seller.cancel_order("S-1", reason="broken")
    later(shop, 30 * DAY)
    assert expire(shop) == []


def test_what_the_hook_changes_is_committed_with_the_state(shop: Shop) -> None:
    def give_back(expired: Order) -> None:
        shop.db.session.query(shop.orders).delete()

    use_hook(shop, give_back)
    later(shop, 8 * DAY)
    expire(shop)
    assert shop.order_ids() == []


def test_a_hook_that_fails_changes_nothing_stops_no_other_and_is_asked_again(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    place(shop, marketplace_order_id="B-01")

    def fail_once(expired: Order) -> None:
        if expired.order_id == "S-1" and len(shop.asked_for(Order)) == 1:
            shop.db.session.query(shop.orders).delete()
            raise RuntimeError(SHOPPER)

    use_hook(shop, fail_once)
    later(shop, 8 * DAY)
    with caplog.at_level(logging.ERROR, logger="flask_vtex_seller"):
        assert expire(shop) == ["S-2"]
    assert [record.getMessage().splitlines()[0] for record in caplog.records] == [
        "ending a reservation failed: RuntimeError"
    ]
    assert SHOPPER not in caplog.text
    assert (order(shop).state, shop.order_ids()) == (OrderState.PLACED, ["S-1", "S-2"])
    assert expire(shop) == ["S-1"]


def test_orders_whose_hook_always_fails_do_not_hide_those_behind(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reservation, "_AT_A_TIME", 2)
    for number in range(4):
        place(shop, "8d", marketplace_order_id=f"B-0{number}")

    def fail_for_the_first(expired: Order) -> None:
        if expired.order_id in ("S-1", "S-2", "S-3"):
            raise RuntimeError

    use_hook(shop, fail_for_the_first)
    later(shop, 8 * DAY)
    assert expire(shop) == ["S-4", "S-5"]
    assert len(shop.asked_for(Order)) == 5, "each is asked about once"


def test_a_database_that_is_busy_for_one_order_stops_no_other(shop: Shop) -> None:
    place(shop, marketplace_order_id="B-01")

    def time_out(expired: Order) -> None:
        if expired.order_id == "S-1":
            raise SqlAlchemyTimeout

    use_hook(shop, time_out)
    later(shop, 8 * DAY)
    assert expire(shop) == ["S-2"]
    assert order(shop).state is OrderState.PLACED


def test_an_order_that_changes_meanwhile_stops_no_other(shop: Shop) -> None:
    place(shop, marketplace_order_id="B-01")
    place(shop, marketplace_order_id="C-01")

    def authorize_the_next(expired: Order) -> None:
        if expired.order_id == "S-1":
            shop.db.session.commit()
            assert shop.call("/pvt/orders/S-2/fulfill", {}).status_code == 200

    use_hook(shop, authorize_the_next)
    later(shop, 8 * DAY)
    assert expire(shop) == ["S-1", "S-3"]
    assert order(shop, "S-2").state is OrderState.AUTHORIZED


def test_a_worker_that_ends_begins_no_further_one(shop: Shop) -> None:
    later(shop, 8 * DAY)
    assert expire(shop, stop=lambda: True) == []
    assert order(shop).state is OrderState.PLACED


# after that


def expired_shop(shop: Shop) -> Shop:
    later(shop, 8 * DAY)
    assert expire(shop) == ["S-1"]
    return shop


def test_a_late_authorization_asks_the_hook_which_may_take_the_stock_again(shop: Shop) -> None:
    response = expired_shop(shop).call("/pvt/orders/S-1/fulfill", {})
    assert response.json["receipt"] == "receipt-1"
    (authorization,) = shop.asked_for(FulfillmentAuthorization)
    assert authorization.reservation_expired
    assert order(shop).state is OrderState.AUTHORIZED


def test_a_timely_authorization_says_so(shop: Shop) -> None:
    shop.call("/pvt/orders/S-1/fulfill", {})
    assert not shop.asked_for(FulfillmentAuthorization)[0].reservation_expired


def test_a_late_authorization_can_be_refused_and_repeated(shop: Shop) -> None:
    def refuse(authorization: FulfillmentAuthorization) -> str:
        raise FulfillmentRefused("the last apple is sold")

    shop.release = refuse
    response = expired_shop(shop).call("/pvt/orders/S-1/fulfill", {})
    assert response.status_code == 409
    assert response.json["error"]["code"] == response.headers["x-vtex-error-code"] == "FULFILLMENT_REFUSED"
    assert response.json["error"]["message"] == "the last apple is sold"
    assert order(shop).state is OrderState.EXPIRED
    shop.release = lambda _: "found another"
    assert shop.call("/pvt/orders/S-1/fulfill", {}).json["receipt"] == "found another"


def test_a_refusal_of_another_hooks_kind_is_a_failure(shop: Shop) -> None:
    def refuse(authorization: FulfillmentAuthorization) -> str:
        raise PlacementRefused("no")

    shop.release = refuse
    assert shop.call("/pvt/orders/S-1/fulfill", {}).status_code == 500


def test_an_expired_order_is_canceled_through_the_hook(shop: Shop) -> None:
    assert expired_shop(shop).call("/pvt/orders/S-1/cancel", {}).json["orderId"] == "S-1"
    assert len(shop.asked_for(CancellationRequest)) == 1
    assert order(shop).state is OrderState.CANCELED


def test_an_expired_order_that_was_evaluated_can_be_confirmed(shop: Shop) -> None:
    shop.decide = lambda _: CancellationDecision.EVALUATE
    expired_shop(shop).call("/pvt/orders/S-1/cancel", {})
    with speaking(shop) as seller:
        seller.confirm_cancellation("S-1")
    assert order(shop).state is OrderState.CANCELED


def test_the_shop_may_tell_the_marketplace_that_it_gives_an_expired_order_up(shop: Shop) -> None:
    with speaking(expired_shop(shop)) as seller:
        seller.cancel_order("S-1", reason="not paid in time")
    assert order(shop).cancellation_said_at is not None


def test_the_hook_itself_may_give_it_up(shop: Shop) -> None:
    use_hook(shop, lambda expired: shop.seller.cancel_order(expired.order_id or "", reason="not paid in time"))
    expired_shop(shop)
    with shop.app.app_context():
        (message,) = state_of(shop).outbox.page(state=None, marketplace=None, lane=None, limit=9)
    assert message.operation == "cancel_order"
    assert shop.call("/pvt/orders/S-1/fulfill", {}).json["error"]["code"] == "ORDER_CANCELED"


def test_a_repeated_placement_is_answered_as_before(shop: Shop) -> None:
    expired_shop(shop)
    assert shop.call("/pvt/orders", [body("8d", "8d")]).json[0]["orderId"] == "S-1"
    assert order(shop).state is OrderState.EXPIRED


@pytest.mark.parametrize("late", [False, True])
def test_an_order_that_the_shop_cancels_while_the_hook_runs_stays_canceled(shop: Shop, late: bool) -> None:
    """P40. A hook that commits by itself lets the shop's verbs in."""
    shop.decide = lambda _: CancellationDecision.EVALUATE
    shop.call("/pvt/orders/S-1/cancel", {})

    def commit_and_confirm(_: object) -> None:
        shop.db.session.commit()
        shop.seller.confirm_cancellation("S-1")
        shop.db.session.commit()

    if late:
        use_hook(shop, commit_and_confirm)
        later(shop, 8 * DAY)
        assert expire(shop) == []
    else:
        shop.release = commit_and_confirm
        response = shop.call("/pvt/orders/S-1/fulfill", {})
        assert (response.status_code, response.json["error"]["code"]) == (409, "ORDER_CANCELED")
    assert order(shop).state is OrderState.CANCELED
