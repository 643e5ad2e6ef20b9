"""Carts that somebody would gain from: none becomes an order. (S2)"""

from collections.abc import Callable
from itertools import count
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from flask_vtex_seller import OrderPlacement, OutOfStock

from ..chaos.conftest import Scale
from ..chaos.report import Figures
from ..shops import ACME, Shop, order_body, reserve

Order = dict[str, Any]
PRICES, STOCK = {"apple": 1250, "pear": 300}, {"apple": 10, "pear": 2}
NEGATIVE = st.integers(-(2**70), -1)
OVERFLOWING = st.one_of(
    st.integers(2**31, 2**70),
    st.sampled_from([2**31, 2**32 + 1, 2**63, 2**64, 2**64 + 1, 10**30]),
)
NO_INTEGER = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["1", "1250", "1e4", "", "٣", [], {}, [1], "0x10", "1_0"]),
)
NO_AMOUNT = st.one_of(NEGATIVE, OVERFLOWING, NO_INTEGER)


@st.composite
def honest(draw: st.DrawFn) -> Order:
    """An order that the shop would take, of one to four lines."""
    body = order_body()
    skus = draw(st.lists(st.sampled_from(["apple", "pear"]), min_size=1, max_size=4, unique_by=lambda sku: sku))
    by_sku = {item["id"]: item for item in body["items"]}
    body["items"] = [{**by_sku[sku], "quantity": draw(st.integers(1, STOCK[sku]))} for sku in skus]
    lines = body["shippingData"]["logisticsInfo"]
    body["shippingData"]["logisticsInfo"] = [{**lines[0], "itemIndex": index} for index in range(len(skus))]
    return body


def a_quantity(draw: st.DrawFn, body: Order) -> None:
    _any(draw, body["items"])["quantity"] = draw(st.one_of(st.just(0), NO_AMOUNT))


def a_price(draw: st.DrawFn, body: Order) -> None:
    item = _any(draw, body["items"])
    item["price"] = draw(st.one_of(st.integers(0, PRICES[item["id"]] - 2), NO_AMOUNT))


def one_cent(draw: st.DrawFn, body: Order) -> None:
    _any(draw, body["items"])["price"] = 1


def a_value_beyond_any_column(draw: st.DrawFn, body: Order) -> None:
    item = _any(draw, body["items"])
    item.update(price=2**31 - 1, quantity=draw(st.integers(2**30, 2**31 - 1)))


def a_delivery_price(draw: st.DrawFn, body: Order) -> None:
    line = _any(draw, body["shippingData"]["logisticsInfo"])
    line["price"] = draw(st.one_of(st.integers(0, 900), NEGATIVE, OVERFLOWING, st.just("990"), st.just(9.9)))


def a_service(draw: st.DrawFn, body: Order) -> None:
    """A service's amounts are not the shop's to refuse; the value that they add up to is."""
    services = [{"id": str(n), "price": 2**31 - 1, "quantity": 2**31 - 1} for n in range(draw(st.integers(1, 3)))]
    _any(draw, body["items"])["bundleItems"] = services


def another_seller(draw: st.DrawFn, body: Order) -> None:
    _any(draw, body["items"])["seller"] = draw(
        st.sampled_from(["1", "fruitshop2", "fruitshop ", "evil", "frui\u0442shop", "otherfruitshop"])
    )


def more_than_there_is(draw: st.DrawFn, body: Order) -> None:
    item = _any(draw, body["items"])
    item["quantity"] = draw(st.integers(STOCK[item["id"]] + 1, 2**31 - 1))


def the_same_line_until_the_stock_is_sold_twice(draw: st.DrawFn, body: Order) -> None:
    item = _any(draw, body["items"])
    again = STOCK[item["id"]] // item["quantity"] + draw(st.integers(0, 3))
    body["items"] += [dict(item) for _ in range(again)]
    lines = body["shippingData"]["logisticsInfo"]
    body["shippingData"]["logisticsInfo"] = [{**lines[0], "itemIndex": index} for index in range(len(body["items"]))]


def an_item_that_is_not_there(draw: st.DrawFn, body: Order) -> None:
    _any(draw, body["shippingData"]["logisticsInfo"])["itemIndex"] = draw(
        st.one_of(st.integers(len(body["items"]), 2**33), NEGATIVE)
    )


def an_option_that_is_not_on_offer(draw: st.DrawFn, body: Order) -> None:
    _any(draw, body["shippingData"]["logisticsInfo"])["selectedSla"] = draw(st.sampled_from(["free", "Standard", "x"]))


def what_the_marketplace_pays(draw: st.DrawFn, body: Order) -> None:
    body["marketplacePaymentValue"] = draw(st.one_of(NEGATIVE, OVERFLOWING, st.just("1"), st.just(0.5), st.just(True)))


def no_items(draw: st.DrawFn, body: Order) -> None:
    body["items"] = draw(st.sampled_from([[], None, {}, "apple", [None], [[]]]))


DEFECTS = (
    a_quantity,
    a_price,
    one_cent,
    a_value_beyond_any_column,
    a_delivery_price,
    a_service,
    another_seller,
    more_than_there_is,
    the_same_line_until_the_stock_is_sold_twice,
    an_item_that_is_not_there,
    an_option_that_is_not_on_offer,
    what_the_marketplace_pays,
    no_items,
)


def _any(draw: st.DrawFn, parts: list[Order]) -> Order:
    return parts[draw(st.integers(0, len(parts) - 1))]


@st.composite
def bad(draw: st.DrawFn) -> tuple[str, Order]:
    body = draw(honest())
    defect = draw(st.sampled_from(DEFECTS))
    defect(draw, body)
    return defect.__name__, body


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """A shop whose hook counts what all lines of an order want, as one that has a stock to keep does."""

    def place(order: OrderPlacement) -> str:
        for sku_id, offer in shop.stock.items():
            if sum(item.quantity for item in order.items if item.sku_id == sku_id) > offer.stock:
                raise OutOfStock(f"not enough of SKU {sku_id}")
        return reserve(shop, order)

    shop.place = place
    return shop


def many(most: int, seed: int, cases: st.SearchStrategy[Any], judge: Callable[[Any], None]) -> None:
    quiet = list(HealthCheck)
    limits = settings(
        max_examples=most, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=quiet
    )
    hypothesis.seed(seed)(limits(given(cases)(judge)))()


def test_no_bad_cart_becomes_an_order(shop: Shop, scale: Scale, seed: int, figures: Figures) -> None:
    seen: dict[str, int] = {}
    codes: dict[str, int] = {}

    def judge(case: tuple[str, Order]) -> None:
        defect, body = case
        response = shop.call("/pvt/orders", [body])
        code = response.headers.get("x-vtex-error-code", "none")
        assert response.status_code in (400, 409), (defect, response.status_code, body)
        seen[defect], codes[code] = seen.get(defect, 0) + 1, codes.get(code, 0) + 1

    many(scale(250, 5000), seed, bad(), judge)
    figures.note("S2", carts=sum(seen.values()), accepted=len(shop.order_ids()), refused=codes)
    assert shop.order_ids() == []
    assert seen.keys() == {defect.__name__ for defect in DEFECTS}


def test_the_same_carts_without_a_defect_are_orders(shop: Shop, seed: int) -> None:
    """Else the refusals would prove nothing."""
    numbers = count()

    def judge(body: Order) -> None:
        response = shop.call("/pvt/orders", [{**body, "marketplaceOrderId": f"{next(numbers)}-01"}])
        assert response.status_code == 200, (response.text, body)

    many(20, seed, honest(), judge)
    assert len(shop.order_ids()) == next(numbers)


def test_a_bad_order_takes_the_good_ones_of_its_array_with_it(shop: Shop) -> None:
    for bad_line in ({"price": 1}, {"quantity": 0}, {"seller": "evil"}):
        good, other = order_body("good-01"), order_body("bad-01")
        other["items"][0].update(bad_line)
        assert shop.call("/pvt/orders", [good, other]).status_code in (400, 409)
    assert shop.order_ids() == []


@pytest.mark.parametrize("seller", ["fruitshop", "FruitShop", None, ""])
def test_a_line_of_our_own_is_taken_however_its_seller_is_written(shop: Shop, seller: str | None) -> None:
    body = order_body()
    body["items"][0]["seller"] = seller
    assert shop.call("/pvt/orders", [body]).status_code == 200


def test_a_shop_that_checks_for_itself_also_decides_about_sellers(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, "check_orders": False}})
    body = order_body()
    body["items"][0]["seller"] = "another"
    assert shop.call("/pvt/orders", [body]).status_code == 200
    (order,) = shop.asked_for(OrderPlacement)
    assert order.items[0].seller_id == "another"
