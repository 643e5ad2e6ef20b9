"""Holding an order against the shop's own terms before its placement hook, through the route."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from werkzeug.test import TestResponse

from flask_vtex_seller import Offer, OrderPlacement, OutOfStock, SimulationRequest, Sla

from ..shops import ACME, TOKEN, Shop, order_body, reserve, use_order_finder


def place(shop: Shop, *orders: dict[str, Any], **kwargs: Any) -> TestResponse:
    return shop.call("/pvt/orders", list(orders) or [order_body()], **kwargs)


def refusal(response: TestResponse) -> tuple[str, str]:
    """Return code and message of a refusal in the error contract."""
    error = response.get_json()["error"]
    assert response.status_code == 409
    assert response.headers["x-vtex-error-code"] == error["code"]
    return error["code"], error["message"]


def priced(apple: int = 1250, *, shipping: Sequence[int] = (990, 990), sla: str | None = "standard") -> dict[str, Any]:
    """An order of an apple, at 12.50 in the shop, and two pears, each delivered for 9.90."""
    body = order_body()
    body["items"][0]["price"] = apple
    for line, price in zip(body["shippingData"]["logisticsInfo"], shipping, strict=True):
        line.update(price=price, selectedSla=sla)
    return body


def collected(body: dict[str, Any], kind: str = "pickup") -> dict[str, Any]:
    """The order with a pickup point's address."""
    body["shippingData"]["address"].update(addressType=kind, addressId="store-centro", postalCode="69900-000")
    return body


def quotes(shop: Shop) -> list[SimulationRequest]:
    return shop.asked_for(SimulationRequest)


def one_cent_less(shop: Shop) -> None:
    shop.stock["apple"] = replace(shop.stock["apple"], price=1252, list_price=None)


# prices


@pytest.mark.parametrize("price", [1250, 1249, 1251, 99999])
def test_a_price_of_the_shops_a_cent_below_or_above_it_is_taken(shop: Shop, price: int) -> None:
    assert place(shop, priced(price)).status_code == 200


@pytest.mark.parametrize("price", [1248, 0])
def test_a_price_further_below_the_shops_is_refused_before_the_hook(shop: Shop, price: int) -> None:
    """FMT006; row 43."""
    assert refusal(place(shop, priced(price))) == (
        "FMT006",
        f"items[0]: {price} is below 1250, the price of SKU apple",
    )
    assert shop.asked_for(OrderPlacement) == []
    assert shop.order_ids() == []


@pytest.mark.parametrize(
    ("tolerance", "price", "status"), [(0, 1249, 409), (0, 1250, 200), (50, 1200, 200), (50, 1199, 409)]
)
def test_how_far_a_price_may_be_below_is_configured(
    new_shop: Callable[..., Shop], tolerance: int, price: int, status: int
) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, "price_tolerance_cents": tolerance}})
    assert place(shop, priced(price)).status_code == status


def test_an_unknown_sku_is_refused_before_the_hook(shop: Shop) -> None:
    """P30."""
    body = order_body()
    body["items"][1]["id"] = "kiwi"
    assert refusal(place(shop, body)) == ("ORD021", "items[1]: the shop has no SKU kiwi")
    assert shop.asked_for(OrderPlacement) == []


def test_price_tags_are_never_computed_with(shop: Shop) -> None:
    """Row 25: what they mean differs from text to text."""
    body = order_body()
    body["items"][0]["priceTags"] = [{"name": "discount@x", "value": -1200, "rawValue": -12, "isPercentual": False}]
    assert place(shop, body).status_code == 200
    assert shop.asked_for(OrderPlacement)[0].items[0].raw["priceTags"] == body["items"][0]["priceTags"]


# stock


def test_stock_is_the_hooks_affair(shop: Shop) -> None:
    """P29: what is sold out by now is refused by the hook's own write, in its own words."""
    shop.stock["apple"] = replace(shop.stock["apple"], stock=0)

    def refuse(order: OrderPlacement) -> str:
        raise OutOfStock("the last one went a moment ago")

    shop.place = refuse
    assert refusal(place(shop)) == ("FMT002", "the last one went a moment ago")


def test_more_than_the_marketplace_was_shown_is_the_hooks_affair_too(new_shop: Callable[..., Shop]) -> None:
    """Row 21."""
    shop = new_shop(marketplaces={"acme": {**ACME, "max_stock": 1}})
    assert place(shop).status_code == 200


# delivery


def test_an_option_that_is_not_on_offer_is_refused(shop: Shop) -> None:
    """P30."""
    assert refusal(place(shop, priced(sla="drone"))) == (
        "FMT010",
        "items[0]: 'drone' is not on offer for SKU apple",
    )
    assert shop.order_ids() == []


def test_an_option_for_another_sku_is_not_on_offer_for_this_one(shop: Shop) -> None:
    shop.slas = lambda _: [
        Sla(id="standard", name="S", price=990, shipping_estimate="1d", sku_ids=frozenset({"apple"}))
    ]
    assert refusal(place(shop)) == ("FMT010", "items[1]: 'standard' is not on offer for SKU pear")


def test_an_address_out_of_reach_has_no_option(shop: Shop) -> None:
    body = order_body()
    body["shippingData"]["address"]["postalCode"] = "69900-000"
    assert refusal(place(shop, body))[0] == "FMT010"


@pytest.mark.parametrize("shipping", [(990, 990), (1980, 0), (0, 1978), (989, 989), (5000, 0)])
def test_the_sum_of_the_delivery_is_what_counts(shop: Shop, shipping: tuple[int, int]) -> None:
    """A marketplace may spread it over the lines as it likes, and round each."""
    assert place(shop, priced(shipping=shipping)).status_code == 200


@pytest.mark.parametrize("shipping", [(0, 1977), (988, 989), (0, 0)])
def test_a_delivery_that_is_paid_with_less_is_refused(shop: Shop, shipping: tuple[int, int]) -> None:
    """FMT007."""
    code, message = refusal(place(shop, priced(shipping=shipping)))
    assert (code, message) == ("FMT007", "the delivery is paid with less than 1980, its price")


def test_of_two_prices_of_one_option_the_lower_counts(shop: Shop) -> None:
    option = Sla(id="standard", name="S", price=2000, shipping_estimate="1d")
    shop.slas = lambda _: [option, replace(option, price=990)]
    assert place(shop).status_code == 200


def test_an_option_with_a_window_is_paid_with_its_own_price_at_least(shop: Shop) -> None:
    """P14: sources disagree whether the window's price is a part of the line's, so only the option's is required."""
    body = order_body()
    window = {"startDateUtc": "2026-03-05T08:00:00+00:00", "endDateUtc": "2026-03-05T12:00:00+00:00", "listPrice": 250}
    for line in body["shippingData"]["logisticsInfo"]:
        line["deliveryWindow"] = window
    assert place(shop, body).status_code == 200


@pytest.mark.parametrize("kind", ["pickup", "Pickup", " PICKUP "])
def test_an_order_that_is_collected_is_not_held_against_the_options_of_the_pickup_points_address(
    shop: Shop, kind: str
) -> None:
    assert place(shop, collected(priced(shipping=(0, 0), sla="pickup"), kind)).status_code == 200


def test_a_delivery_is_not_free_because_its_address_calls_itself_a_pickup_point(shop: Shop) -> None:
    body = priced(shipping=(0, 0))
    body["shippingData"]["address"]["addressType"] = "pickup"
    assert refusal(place(shop, body))[0] == "FMT007"


def test_the_prices_of_an_order_that_is_collected_are_still_checked(shop: Shop) -> None:
    assert refusal(place(shop, collected(priced(1))))[0] == "FMT006"


@pytest.mark.parametrize(
    "shipping_data",
    [
        None,
        {},
        {"address": None, "logisticsInfo": [{"itemIndex": 0, "selectedSla": "drone", "price": 0}]},
        {"address": {"postalCode": "01310-100"}, "logisticsInfo": [{"itemIndex": 0, "selectedSla": "drone"}]},
        {"address": {"postalCode": "01310-100", "country": "BRA"}, "logisticsInfo": None},
        {"address": {"postalCode": "01310-100", "country": "BRA"}, "logisticsInfo": [{"itemIndex": 1, "price": 0}]},
    ],
)
def test_without_an_address_or_a_chosen_option_there_is_nothing_to_check(shop: Shop, shipping_data: Any) -> None:
    """P33."""
    assert place(shop, order_body(shippingData=shipping_data)).status_code == 200


# what the shop is asked


def test_the_shop_is_asked_once_for_the_orders_cart_and_in_the_words_of_a_simulation(shop: Shop) -> None:
    body = order_body()
    body["shippingData"]["address"]["geoCoordinates"] = ["-46.6", -23.5]
    assert place(shop, body, query_string={"token": TOKEN, "sc": "4"}).status_code == 200
    (asked,) = quotes(shop)
    assert [(item.sku_id, item.quantity, item.seller_id) for item in asked.items] == [
        ("apple", 1, "fruitshop"),
        ("pear", 2, "fruitshop"),
    ]
    assert (asked.marketplace, asked.postal_code, asked.country, asked.sales_channel) == (
        "acme",
        "01310-100",
        "BRA",
        "4",
    )
    assert asked.geo_coordinates == (-46.6, -23.5)
    assert asked.raw["clientProfileData"]["document"] == "39053344705"
    assert sum(1 for entry in shop.asked if entry == ("slas", asked)) == 1


@pytest.mark.parametrize(
    ("order", "query", "configured", "expected"),
    [
        ({"sc": "3"}, "2", "1", "3"),
        ({"salesChannel": 3}, "2", "1", "3"),
        ({"sc": {}}, "2", "1", "2"),
        ({}, "", "1", "1"),
        ({}, "", None, None),
    ],
)
def test_the_sales_channel_of_an_order_is_found_as_a_simulations_is(
    new_shop: Callable[..., Shop], order: dict[str, Any], query: str, configured: str | None, expected: str | None
) -> None:
    """Row 23."""
    shop = new_shop(marketplaces={"acme": {**ACME, "sales_channel": configured}})
    assert place(shop, order_body(**order), query_string={"token": TOKEN, "sc": query}).status_code == 200
    assert shop.asked_for(OrderPlacement)[0].sales_channel == quotes(shop)[0].sales_channel == expected


def test_a_marketplace_may_write_latitude_first_in_an_order_too(new_shop: Callable[..., Shop]) -> None:
    """Row 22: turned round for the shop, echoed as it came."""
    shop = new_shop(marketplaces={"acme": {**ACME, "geo_order": "lat,lon"}})
    body = order_body()
    body["shippingData"]["address"]["geoCoordinates"] = ["-23.5", -46.6]
    answer = place(shop, body).get_json()[0]
    assert shop.asked_for(OrderPlacement)[0].address.geo_coordinates == (-46.6, -23.5)
    assert answer["shippingData"]["address"]["geoCoordinates"] == ["-23.5", -46.6]


# when it is asked, and what is left behind


def test_the_check_can_be_switched_off(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, "check_orders": False}})
    assert place(shop, priced(1, sla="drone")).status_code == 200
    assert quotes(shop) == []


def test_a_repeat_is_answered_from_what_is_stored_and_checked_no_more(shop: Shop) -> None:
    """P27: prices may have moved since."""
    first = place(shop).get_json()
    one_cent_less(shop)
    assert place(shop).get_json() == first
    assert len(quotes(shop)) == 1


def test_a_refused_order_leaves_nothing_and_is_taken_once_the_terms_are_right(shop: Shop) -> None:
    """P34."""
    one_cent_less(shop)
    assert refusal(place(shop))[0] == "FMT006"
    with shop.app.app_context():
        assert shop.db.session.execute(text("SELECT count(*) FROM vtex_order")).scalar() == 0
    assert place(shop, priced(1252)).get_json()[0]["orderId"] == "S-1"


def test_of_several_orders_none_is_placed_if_one_is_not_on_the_shops_terms(shop: Shop) -> None:
    """P35."""
    low = {**priced(1), "marketplaceOrderId": "B-01"}
    assert refusal(place(shop, order_body("A-01"), low))[0] == "FMT006"
    assert shop.order_ids() == []


def test_a_loader_that_fails_is_answered_as_in_a_simulation_and_leaves_nothing(shop: Shop) -> None:
    """P34."""

    def fail(request: SimulationRequest) -> Iterable[Sla]:
        raise RuntimeError("maria.silva@mail.example")

    shop.slas = fail
    response = place(shop)
    assert (response.status_code, response.get_json()["error"]["code"]) == (500, "ORD008")
    assert "maria" not in response.get_data(as_text=True)
    assert shop.asked_for(OrderPlacement) == []
    shop.slas = None
    assert place(shop).get_json()[0]["orderId"] == "S-1"


def test_the_check_sees_and_ends_with_the_placements_own_transaction(shop: Shop) -> None:
    """What a loader leaves in the session is rolled back with a refusal: nothing was committed before the hook."""

    def price_and_meddle(request: SimulationRequest) -> Iterable[Sla]:
        shop.db.session.add(shop.orders(id=99, marketplace_order_id="meddled"))
        shop.db.session.flush()
        return []

    shop.slas = price_and_meddle
    assert refusal(place(shop))[0] == "FMT010"
    assert shop.order_ids() == []


@pytest.mark.parametrize("end", ["rollback", "remove"])
def test_a_loader_that_rolls_back_is_told_so_before_a_hook_that_commits_places_an_order_twice(
    shop: Shop, caplog: pytest.LogCaptureFixture, end: str
) -> None:
    """P27, P34."""

    def price_and_end(request: SimulationRequest) -> Iterable[Sla]:
        getattr(shop.db.session, end)()
        return [Sla(id="standard", name="Standard", price=990, shipping_estimate="5bd")]

    def reserve_and_commit(order: OrderPlacement) -> str:
        order_id = reserve(shop, order)
        shop.db.session.commit()
        return order_id

    shop.slas, shop.place = price_and_end, reserve_and_commit
    assert [place(shop).status_code, place(shop).status_code] == [500, 500]
    assert shop.order_ids() == []
    assert "sla_loader rolled back the transaction" in caplog.text
    shop.slas = None
    assert place(shop).get_json()[0]["orderId"] == "S-1"


def test_a_loader_may_commit(shop: Shop) -> None:
    def price_and_commit(request: SimulationRequest) -> Iterable[Sla]:
        shop.db.session.commit()
        return [Sla(id="standard", name="Standard", price=990, shipping_estimate="5bd")]

    shop.slas = price_and_commit
    assert [place(shop).get_json()[0]["orderId"] for _ in range(2)] == ["S-1", "S-1"]


def test_an_order_left_unfinished_by_a_hook_that_commits_is_checked_only_if_the_shop_does_not_have_it(
    shop: Shop,
) -> None:
    use_order_finder(shop)

    def commit_and_fail(order: OrderPlacement) -> str:
        reserve(shop, order)
        shop.db.session.commit()
        raise RuntimeError

    shop.place = commit_and_fail
    assert place(shop).status_code == 500
    one_cent_less(shop)
    assert place(shop).get_json()[0]["orderId"] == "S-1"
    assert len(quotes(shop)) == 1


def test_a_shop_whose_price_falls_between_quote_and_order_takes_the_higher_one(shop: Shop) -> None:
    shop.stock["apple"] = Offer(sku_id="apple", price=1000, stock=10)
    assert place(shop).status_code == 200
