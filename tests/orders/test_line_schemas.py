"""A line of an order in all the spellings of the wild, and what a shopper adds to it. Row 24 of §12."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
import pytest

from flask_vtex_seller import ItemAttachment, ItemService, OrderItem, OrderPlacement, OrderShipping

from ..shops import Shop, order_body

APPLE = {"id": "apple", "quantity": 1, "price": 1250}
ENGRAVING = {"name": "Engraving", "content": {"text": "Ana"}}


def placed(shop: Shop, line: dict[str, Any] | None = None, shipping: dict[str, Any] | None = None) -> OrderPlacement:
    """Place an order whose first line, and its delivery, have other fields; it is echoed to the byte."""
    body = order_body()
    if line is not None:
        body["items"][0] = {**APPLE, **line}
    body["shippingData"]["logisticsInfo"][0] |= shipping or {}
    response = shop.call("/pvt/orders", data=orjson.dumps([body]))
    assert response.status_code == 200, response.get_data()
    for key in ("items", "shippingData"):
        assert orjson.dumps(body[key]) in response.get_data()
    (order,) = shop.asked_for(OrderPlacement)
    assert isinstance(order, OrderPlacement)
    return order


def read(shop: Shop, line: dict[str, Any]) -> OrderItem:
    return placed(shop, line).items[0]


def delivered(shop: Shop, shipping: dict[str, Any]) -> OrderShipping:
    return placed(shop, shipping=shipping).shipping[0]


@pytest.mark.parametrize(
    "spelled",
    [
        {"Id": "apple", "Seller": "fruitshop", "Quantity": 1, "Price": 1250},
        {"ID": "apple", "SELLER": "fruitshop", "quantity": 1, "price": 1250},
        {"id": "apple", "Seller": "fruitshop", "quantity": 1, "price": 1250},
    ],
)
def test_a_lines_keys_are_understood_whatever_their_case(shop: Shop, spelled: dict[str, Any]) -> None:
    """P26: and echoed as they came."""
    body = order_body(items=[spelled], shippingData=None)
    (answer,) = shop.call("/pvt/orders", [body]).get_json()
    (order,) = shop.asked_for(OrderPlacement)
    (item,) = order.items
    assert (item.sku_id, item.seller_id, item.quantity, item.price) == ("apple", "fruitshop", 1, 1250)
    assert answer["items"] == [spelled]


def test_a_lines_id_may_be_a_number(shop: Shop) -> None:
    shop.stock["7"] = replace(shop.stock["apple"], sku_id="7")
    assert read(shop, {"id": 7}).sku_id == "7"


@pytest.mark.parametrize(
    ("multiplier", "expected"), [(None, 1), (0, 1), (0.0, 1), (1, 1), (0.25, "0.25"), ("2.5", "2.5")]
)
def test_a_unit_multiplier_is_a_decimal_and_nothing_is_one(shop: Shop, multiplier: Any, expected: Any) -> None:
    """Row 26."""
    assert read(shop, {"unitMultiplier": multiplier}).unit_multiplier == Decimal(expected)


@pytest.mark.parametrize(
    "key", ["itemsAttachment", "itemAttachment", "ItemAttachment", "itemAttachments", "attachments", "Attachments"]
)
@pytest.mark.parametrize("container", [lambda one: one, lambda one: [one]], ids=["object", "array"])
def test_an_attachment_is_understood_under_every_name(shop: Shop, key: str, container: Any) -> None:
    assert read(shop, {key: container(ENGRAVING)}).attachments == (
        ItemAttachment(name="Engraving", content={"text": "Ana"}),
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Engraving", ItemAttachment(name="Engraving")),
        ({"Name": "Engraving", "Content": {"a": 1}}, ItemAttachment(name="Engraving", content={"a": 1})),
        ({"name": "Engraving"}, ItemAttachment(name="Engraving")),
        (
            {"name": "Engraving", "content": None, "x": 1},
            ItemAttachment(name="Engraving", content={"content": None, "x": 1}),
        ),
        (
            {"id": "a-1", "name": "Manual", "url": "https://x.example/1"},
            ItemAttachment(name="Manual", content={"id": "a-1", "url": "https://x.example/1"}),
        ),
    ],
)
def test_an_attachment_may_be_a_string_or_an_object(shop: Shop, written: Any, expected: ItemAttachment) -> None:
    assert read(shop, {"attachments": [written]}).attachments == (expected,)


def test_an_empty_attachment_as_marketplaces_send_it_is_none(shop: Shop) -> None:
    assert placed(shop).items[0].attachments == ()


def test_one_attachment_under_two_names_is_one(shop: Shop) -> None:
    item = read(shop, {"itemsAttachment": [ENGRAVING, "Note"], "attachments": [ENGRAVING, "Card"]})
    assert [attachment.name for attachment in item.attachments] == ["Engraving", "Note", "Card"]


def test_a_multitude_of_attachments_is_not_compared_each_with_each(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    monkeypatch.setattr(ItemAttachment, "__eq__", lambda *pair: compared.append(pair))
    names = [f"a{number}" for number in range(300)], [f"b{number}" for number in range(300)]
    assert len(read(shop, {"itemsAttachment": names[0], "attachments": names[1]}).attachments) == 600
    assert len(compared) < 600


@pytest.mark.parametrize(
    "written", [None, [], "", {}, [{}], [{"name": None}], [{"name": ""}], 7, [7, None, [], True], [" "]]
)
def test_what_is_no_attachment_refuses_no_order(shop: Shop, written: Any) -> None:
    item = read(shop, {"itemsAttachment": written, "attachments": written})
    assert [attachment.name for attachment in item.attachments] in ([], ["7"])
    assert item.raw["attachments"] == written


def test_an_attachment_does_not_show_what_the_shopper_wrote() -> None:
    assert "Ana" not in repr(ItemAttachment(name="Engraving", content={"text": "Ana"}))


def test_services_are_read_with_their_price(shop: Shop) -> None:
    written = [
        {"type": "Warranty", "id": 12, "name": "One year", "price": 999},
        {"id": "5", "quantity": 2},
        {"Id": "6", "price": "a lot", "name": []},
        {"name": "without an id"},
        "nonsense",
        None,
    ]
    assert read(shop, {"bundleItems": written}).services == (
        ItemService(id="12", type="Warranty", name="One year", price=999),
        ItemService(id="5", quantity=2),
        ItemService(id="6"),
    )


def test_services_count_for_the_value_that_invoices_may_add_up_to(shop: Shop) -> None:
    services = [{"id": 1, "price": 999}, {"id": 2, "price": 50, "quantity": 3}, {"id": 3}]
    order = placed(shop, {"quantity": 2, "bundleItems": services})
    assert (order.items_value, order.services_value, order.shipping_value) == (3100, 2148, 1980)
    with shop.app.app_context():
        assert shop.seller.order("S-1").value == order.value == 7228


@pytest.mark.parametrize("written", [None, [], {}, "x", 0])
def test_what_is_no_service_refuses_no_order(shop: Shop, written: Any) -> None:
    assert read(shop, {"bundleItems": written}).services == ()


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        ("7d", "7d"),
        ("0bd", "0bd"),
        ("soon", "soon"),
        ("", None),
        (None, None),
        (7, "7"),
        (1.5, None),
        ({}, None),
        ([], None),
    ],
)
def test_any_shipping_estimate_is_taken(shop: Shop, estimate: Any, expected: str | None) -> None:
    """Row 27."""
    assert delivered(shop, {"shippingEstimate": estimate, "lockTTL": estimate}).shipping_estimate == expected


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ({"listPrice": 10}, 10),
        ({"lisPrice": 10}, 10),
        ({"price": 7, "listPrice": 10}, 7),
        ({"price": 0, "lisPrice": 10}, 0),
        ({"price": None, "listPrice": 10}, 10),
        ({"listPrice": 9.5}, None),
        ({}, None),
    ],
)
def test_the_chosen_windows_price_is_read_in_either_spelling(
    shop: Shop, prices: dict[str, Any], expected: int | None
) -> None:
    window = {"startDateUtc": "2026-04-20 08:00:00", "endDateUtc": "2026-04-20T12:00:00.0000000Z", **prices}
    line = delivered(shop, {"deliveryWindow": window})
    assert line.window_price == expected
    assert line.window_start is not None
    assert line.window_end is not None
    assert (line.window_start.isoformat(), line.window_end.isoformat()) == (
        "2026-04-20T08:00:00+00:00",
        "2026-04-20T12:00:00+00:00",
    )


def test_unknown_keys_survive_the_echo_to_the_byte(shop: Shop) -> None:
    """P26 and row 24; `placed` compares."""
    line = {"Zeta": [1, {"b": 1, "a": "ç"}], "seller": None, "Seller": "one", "tax": 0, "ünknown": None, "x": 1.50}
    assert read(shop, line).raw["Zeta"] == [1, {"b": 1, "a": "ç"}]
