"""Delivery promises: what the shop may say, and how it leaves. (§10)"""

from datetime import timedelta
from typing import Any

import pytest
from marshmallow import ValidationError

from flask_vtex_seller import DeliveryPromise, SkuAvailability
from flask_vtex_seller.catalog.notices import promise_drafts
from flask_vtex_seller.catalog.promises import AvailabilitySchema, write_availability


def make_promise(**changes: Any) -> DeliveryPromise:
    values: dict[str, Any] = {
        "availability": 5,
        "zone_ids": ("rio-de-janeiro",),
        "id": "normal",
        "name": "Normal",
        "takes": timedelta(days=2, hours=2),
    }
    return DeliveryPromise(**{**values, **changes})


def make_item(**changes: Any) -> SkuAvailability:
    values: dict[str, Any] = {"sku_id": "apple", "availability": 7, "promises": (make_promise(),)}
    return SkuAvailability(**{**values, **changes})


def test_every_field_of_the_shop_has_its_place() -> None:
    item = make_item(product_id="fruit", promises=(make_promise(), make_promise(is_pickup=True, zone_ids=("a", "b"))))
    info = {"id": "normal", "name": "Normal", "deliveryTime": "2.02:00:00"}
    first = {
        "availability": 5,
        "deliveryChannel": "delivery",
        "deliveryZoneIds": ["rio-de-janeiro"],
        "deliveryInfo": info,
    }
    assert write_availability(item) == [
        {
            "itemId": "apple",
            "productId": "fruit",
            "availability": 7,
            "promises": [first, {**first, "deliveryChannel": "pickup-in-point", "deliveryZoneIds": ["a", "b"]}],
        }
    ]


def test_nothing_left_is_said_with_zeros() -> None:
    assert write_availability(SkuAvailability(sku_id="apple", availability=0)) == [
        {"itemId": "apple", "availability": 0, "promises": []}
    ]


@pytest.mark.parametrize(
    ("takes", "written"),
    [
        (timedelta(0), "0.00:00:00"),
        (timedelta(minutes=90), "0.01:30:00"),
        (timedelta(days=5), "5.00:00:00"),
        (timedelta(hours=49, minutes=5, seconds=7, microseconds=9), "2.01:05:07"),
    ],
)
def test_a_time_is_days_hours_minutes_seconds(takes: timedelta, written: str) -> None:
    [body] = write_availability(make_item(promises=(make_promise(takes=takes),)))
    assert body["promises"][0]["deliveryInfo"]["deliveryTime"] == written


@pytest.mark.parametrize("item", [make_item(), make_item(promises=()), make_item(product_id="fruit")])
def test_what_we_write_keeps_to_our_schema(item: SkuAvailability) -> None:
    assert AvailabilitySchema(many=True).validate(write_availability(item)) == {}


@pytest.mark.parametrize("change", [{"availability": "7"}, {"color": 1}, {"promises": None}, {"itemId": ""}])
def test_our_schema_is_strict(change: dict[str, Any]) -> None:
    [body] = write_availability(make_item())
    with pytest.raises(ValidationError):
        AvailabilitySchema().load({**body, **change})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"availability": -1}, "availability must not be negative"),
        ({"availability": 1.0}, "availability must be an int"),
        ({"availability": True}, "availability must be an int"),
        ({"zone_ids": ()}, "zone_ids must be a tuple of at least one str"),
        ({"zone_ids": "rio"}, "zone_ids must be a tuple"),
        ({"zone_ids": ("",)}, "zone_ids must have 1 to 200 characters"),
        ({"zone_ids": (7,)}, "zone_ids must be a str"),
        ({"id": ""}, "id must have 1 to 200 characters"),
        ({"name": "a\0b"}, "name holds a character"),
        ({"name": "\ud800"}, "name holds a character"),
        ({"takes": 3}, "takes must be a timedelta"),
        ({"takes": timedelta(seconds=-1)}, "takes must be 0 to 3650 days"),
        ({"takes": timedelta(days=4000)}, "takes must be 0 to 3650 days"),
        ({"is_pickup": 1}, "is_pickup must be a bool"),
    ],
)
def test_a_promise_that_cannot_be_one_names_the_field(changes: dict[str, Any], words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"DeliveryPromise.{words}"):
        make_promise(**changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sku_id": ".."}, "sku_id must not be"),
        ({"sku_id": 7}, "sku_id must be a str"),
        ({"availability": None}, "availability must be an int"),
        ({"promises": [make_promise()]}, "promises must be a tuple of DeliveryPromise"),
        ({"promises": ("x",)}, "promises must be a tuple of DeliveryPromise"),
        ({"product_id": ""}, "product_id must have 1 to 200 characters"),
    ],
)
def test_an_availability_that_cannot_be_one_names_the_field(changes: dict[str, Any], words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"SkuAvailability.{words}"):
        make_item(**changes)


def test_each_item_is_a_message_of_its_skus_lane_and_none_is_merged() -> None:
    made = promise_drafts(["acme", "other"], [make_item(), make_item(sku_id="pear")])
    assert [(draft.marketplace, draft.lane, draft.merges) for draft in made] == [
        ("acme", "sku:apple", False),
        ("acme", "sku:pear", False),
        ("other", "sku:apple", False),
        ("other", "sku:pear", False),
    ]
    assert made[0].body == write_availability(make_item())


def test_what_is_no_item_is_refused() -> None:
    wrong: Any = ["apple"]
    with pytest.raises(TypeError, match="expected SkuAvailability, got str"):
        promise_drafts(["acme"], wrong)
