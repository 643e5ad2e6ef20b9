"""The fulfillment simulation as a marketplace sees it: what a cart costs, what is in stock, how it travels."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, text
from werkzeug.test import TestResponse

from flask_vtex_seller import (
    AttachmentOffering,
    DeliveryId,
    DeliveryWindow,
    Offer,
    Offering,
    SimulationItem,
    SimulationMode,
    SimulationRequest,
    Sla,
    cents,
)
from flask_vtex_seller.offers import Terms
from flask_vtex_seller.schema_loader import load
from flask_vtex_seller.simulation import answer
from flask_vtex_seller.simulation.answer_schemas import SimulationAnswerSchema
from flask_vtex_seller.simulation.quote import quote

from ..shops import ACME, PICKUP_POINT, TOKEN, Shop

ANSWER = SimulationAnswerSchema()
ADDRESS = {"postalCode": "01310-100", "country": "BRA"}
OUT_OF_REACH = {"postalCode": "69900-000", "country": "BRA"}
PATH = "/pvt/orderForms/simulation"


def answered(response: TestResponse) -> dict[str, Any]:
    """Return an answer that holds against its schema."""
    assert response.status_code == 200, response.get_data()
    assert response.mimetype == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    body: dict[str, Any] = response.get_json()
    load(ANSWER, body)
    return body


def carts_asked_for(shop: Shop) -> list[SimulationRequest]:
    return shop.asked_for(SimulationRequest)


def sla_calls(shop: Shop) -> int:
    return sum(1 for asked in shop.asked_for(tuple) if asked[0] == "slas")


def replace_hook(shop: Shop, name: str, function: Callable[..., Any]) -> None:
    """Register another function: it takes the first one's name, as if an application factory had run again."""
    registered = getattr(shop.app.extensions["vtex_seller"].hooks, name).get()
    function.__module__, function.__qualname__ = registered.__module__, registered.__qualname__
    getattr(shop.seller, name)(function)


@contextmanager
def statements(shop: Shop) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(*arguments: Any) -> None:
        seen.append(arguments[2])

    with shop.app.app_context():
        engine = shop.db.engine
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


# price and stock


def test_a_known_item_without_an_address_has_price_list_price_and_stock(shop: Shop) -> None:
    """P1."""
    body = answered(shop.simulate(("apple", 1)))
    (item,), (logistics,) = body["items"], body["logisticsInfo"]
    assert item == {
        "id": "apple",
        "requestIndex": 0,
        "quantity": 1,
        "seller": "fruitshop",
        "merchantName": None,
        "price": 1250,
        "listPrice": 1500,
        "measurementUnit": "un",
        "unitMultiplier": 1,
        "priceValidUntil": None,
        "priceTags": [],
        "offerings": [],
        "attachmentOfferings": [],
    }
    assert logistics == {
        "itemIndex": 0,
        "quantity": 1,
        "stockBalance": 10,
        "shipsTo": ["BRA"],
        "slas": [],
        "deliveryChannels": [{"id": "delivery", "stockBalance": 10}],
    }


@pytest.mark.parametrize(
    "address",
    [
        {},
        {"postalCode": None, "country": None},
        {"postalCode": "", "country": ""},
        {"postalCode": None, "country": None, "geoCoordinates": []},
        {"geoCoordinates": None},
    ],
)
def test_an_absent_null_and_empty_address_are_the_same_and_echoed_as_null(shop: Shop, address: dict[str, Any]) -> None:
    """P2 and row 12."""
    body = answered(shop.simulate(("apple", 1), **address))
    assert (body["postalCode"], body["country"], body["allowMultipleDeliveries"]) == (None, None, False)
    assert body == answered(shop.simulate(("apple", 1)))
    assert {request.mode for request in carts_asked_for(shop)} == {SimulationMode.STOREFRONT}


@pytest.mark.parametrize("half", [{"postalCode": "01310-100"}, {"country": "BRA"}])
def test_half_an_address_is_echoed_and_counts_as_none(shop: Shop, half: dict[str, str]) -> None:
    """Row 12."""
    body = answered(shop.simulate(("apple", 1), **half))
    assert {"postalCode": body["postalCode"], "country": body["country"]} == {
        "postalCode": None,
        "country": None,
        **half,
    }
    assert body["logisticsInfo"][0]["slas"] == []
    assert sla_calls(shop) == 0


def test_an_address_is_echoed(shop: Shop) -> None:
    body = answered(shop.simulate(("apple", 1), **ADDRESS))
    assert (body["postalCode"], body["country"], body["allowMultipleDeliveries"]) == ("01310-100", "BRA", True)


def test_every_line_is_answered_in_order_unknown_ones_included(shop: Shop) -> None:
    """P3 and P15."""
    body = answered(shop.simulate(("pear", 1), ("kiwi", 2), ("apple", 1)))
    assert [(item["id"], item["requestIndex"]) for item in body["items"]] == [("pear", 0), ("kiwi", 1), ("apple", 2)]
    assert [entry["itemIndex"] for entry in body["logisticsInfo"]] == [0, 1, 2]
    assert all(entry["shipsTo"] for entry in body["logisticsInfo"])


def test_an_unknown_sku_is_an_unavailable_line(shop: Shop) -> None:
    """P4 and P6."""
    body = answered(shop.simulate(("kiwi", 1), ("apple", 1), **ADDRESS))
    assert (body["items"][0]["quantity"], body["items"][0]["price"], body["items"][0]["listPrice"]) == (0, 0, 0)
    assert body["logisticsInfo"][0] == {
        "itemIndex": 0,
        "quantity": 0,
        "stockBalance": 0,
        "shipsTo": ["BRA"],
        "slas": [],
        "deliveryChannels": [{"id": "delivery", "stockBalance": 0}],
    }


def test_more_than_the_stock_is_cut_to_the_stock(shop: Shop) -> None:
    """P5, row 20 and row 21."""
    shop.stock["apple"] = replace(shop.stock["apple"], stock=3)
    body = answered(shop.simulate(("apple", 5)))
    assert body["items"][0]["quantity"] == 3
    assert (body["logisticsInfo"][0]["quantity"], body["logisticsInfo"][0]["stockBalance"]) == (3, 3)


def test_a_sold_out_line_has_no_stock_anywhere_and_no_delivery(shop: Shop) -> None:
    """P6 and row 20."""
    body = answered(shop.simulate(("plum", 1), ("apple", 1), **ADDRESS))
    sold_out = body["logisticsInfo"][0]
    assert (body["items"][0]["quantity"], sold_out["quantity"], sold_out["stockBalance"]) == (0, 0, 0)
    assert [channel["stockBalance"] for channel in sold_out["deliveryChannels"]] == [0]
    assert sold_out["slas"] == []
    assert body["items"][0]["price"] == 100


@pytest.mark.parametrize("lines", [[("plum", 1)], [("kiwi", 1)], [("plum", 2), ("kiwi", 1)]])
@pytest.mark.parametrize("address", [{}, ADDRESS])
def test_a_cart_of_which_nothing_is_available_has_items_and_no_logistics(
    shop: Shop, lines: list[tuple[str, int]], address: dict[str, str]
) -> None:
    """P7 and row 19."""
    body = answered(shop.simulate(*lines, **address))
    assert body["logisticsInfo"] == []
    assert [item["quantity"] for item in body["items"]] == [0] * len(lines)


@pytest.mark.parametrize("address", [{}, ADDRESS])
def test_a_cart_of_which_nothing_is_available_may_be_told_in_zeros(
    new_shop: Callable[..., Shop], address: dict[str, str]
) -> None:
    """Row 19: the other encoding, for a marketplace that is configured to understand it."""
    shop = new_shop(marketplaces={"acme": {**ACME, "unavailable": "zeros"}})
    body = answered(shop.simulate(("plum", 2), ("kiwi", 1), **address))
    assert [item["quantity"] for item in body["items"]] == [0, 0]
    assert [entry["itemIndex"] for entry in body["logisticsInfo"]] == [0, 1]
    for entry in body["logisticsInfo"]:
        assert (entry["quantity"], entry["stockBalance"], entry["slas"]) == (0, 0, [])
        assert [channel["stockBalance"] for channel in entry["deliveryChannels"]] == [0]


def test_a_cart_of_which_something_is_available_is_told_alike_in_both_encodings(new_shop: Callable[..., Shop]) -> None:
    """Row 19."""
    shop = new_shop(marketplaces={"acme": ACME, "zeros": {**ACME, "unavailable": "zeros"}})
    lines = {"items": [{"id": "plum", "quantity": 1}, {"id": "apple", "quantity": 1}], **ADDRESS}
    answers = [answered(shop.call(PATH, lines, marketplace=name)) for name in ("acme", "zeros")]
    assert answers[0] == answers[1]
    assert len(answers[0]["logisticsInfo"]) == 2


@pytest.mark.parametrize(
    ("most", "quantities", "stocks"), [(4, [3, 1], [4, 1]), (99, [3, 7], [10, 7]), (0, [0, 0], [0, 0])]
)
def test_a_marketplace_may_be_shown_less_than_the_stock(
    new_shop: Callable[..., Shop], most: int, quantities: list[int], stocks: list[int]
) -> None:
    """Row 21: of ten apples two lines see no more than `max_stock` together."""
    shop = new_shop(marketplaces={"acme": {**ACME, "max_stock": most, "unavailable": "zeros"}})
    body = answered(shop.simulate(("apple", 3), ("apple", 9)))
    assert [item["quantity"] for item in body["items"]] == quantities
    assert [entry["stockBalance"] for entry in body["logisticsInfo"]] == stocks


def test_lines_of_one_sku_share_its_stock(shop: Shop) -> None:
    """P8 and row 21."""
    body = answered(shop.simulate(("apple", 7), ("pear", 1), ("apple", 7), ("apple", 1)))
    assert [item["quantity"] for item in body["items"]] == [7, 1, 3, 0]
    assert [entry["stockBalance"] for entry in body["logisticsInfo"]] == [10, 2, 3, 0]


def test_money_is_whole_cents_from_the_shops_decimals(shop: Shop) -> None:
    """P9."""
    shop.stock["apple"] = Offer(sku_id="apple", price=cents(Decimal("10.005")), list_price=cents("12.345"), stock=1)
    item = answered(shop.simulate(("apple", 1)))["items"][0]
    assert (item["price"], item["listPrice"]) == (1001, 1235)
    assert type(item["price"]) is int


def test_a_list_price_that_the_shop_leaves_out_is_the_price(shop: Shop) -> None:
    item = answered(shop.simulate(("pear", 1)))["items"][0]
    assert item["listPrice"] == item["price"] == 300


def test_offerings_have_type_id_name_and_price(shop: Shop) -> None:
    """P10."""
    warranty = Offering(type="Warranty", id="w1", name="1 year", price=999)
    shop.stock["apple"] = replace(shop.stock["apple"], offerings=(warranty,))
    items = answered(shop.simulate(("apple", 1), ("pear", 1)))["items"]
    assert items[0]["offerings"] == [{"type": "Warranty", "id": "w1", "name": "1 year", "price": 999}]
    assert items[1]["offerings"] == []


def test_attachments_that_a_shopper_may_fill_in_are_offered(shop: Shop) -> None:
    """§1.1 `attachmentOfferings`."""
    engraving = AttachmentOffering(name="Engraving", required=True, schema={"text": {"maximumNumberOfCharacters": 12}})
    shop.stock["apple"] = replace(
        shop.stock["apple"], attachment_offerings=(engraving, AttachmentOffering(name="Note"))
    )
    items = answered(shop.simulate(("apple", 1), ("pear", 1)))["items"]
    assert items[0]["attachmentOfferings"] == [
        {"name": "Engraving", "required": True, "schema": {"text": {"maximumNumberOfCharacters": 12}}},
        {"name": "Note", "required": False, "schema": {}},
    ]
    assert items[1]["attachmentOfferings"] == []


def test_unit_and_validity_of_an_offer_are_told(shop: Shop) -> None:
    """Row 26 and row 28."""
    until = datetime(2026, 4, 1, 9, 30, tzinfo=timezone(timedelta(hours=-3)))
    shop.stock["apple"] = replace(
        shop.stock["apple"], measurement_unit="kg", unit_multiplier=Decimal("0.25"), price_valid_until=until
    )
    item = answered(shop.simulate(("apple", 1)))["items"][0]
    assert (item["measurementUnit"], item["unitMultiplier"]) == ("kg", 0.25)
    assert item["priceValidUntil"] == "2026-04-01T12:30:00+00:00"


@pytest.mark.parametrize("offset", [-3, 3])
def test_a_price_may_be_valid_to_the_end_of_the_calendar(shop: Shop, offset: int) -> None:
    for_ever = datetime.max.replace(microsecond=0, tzinfo=timezone(timedelta(hours=offset)))
    shop.stock["apple"] = replace(shop.stock["apple"], price_valid_until=for_ever)
    told = answered(shop.simulate(("apple", 1)))["items"][0]["priceValidUntil"]
    assert told.startswith("9999-12-31T")


@pytest.mark.parametrize("multiplier", [Decimal("2.0"), 2])
def test_a_whole_unit_multiplier_is_an_integer(shop: Shop, multiplier: Decimal | int) -> None:
    """Row 26."""
    shop.stock["apple"] = replace(shop.stock["apple"], unit_multiplier=multiplier)
    item = answered(shop.simulate(("apple", 1)))["items"][0]
    assert type(item["unitMultiplier"]) is int


def test_an_offer_says_where_it_ships_to(shop: Shop) -> None:
    """P15."""
    shop.stock["apple"] = replace(shop.stock["apple"], ships_to=("ARG", "URY"))
    entries = answered(shop.simulate(("apple", 1), ("pear", 1)))["logisticsInfo"]
    assert [entry["shipsTo"] for entry in entries] == [["ARG", "URY"], ["BRA"]]


def test_the_marketplaces_countries_apply_unless_the_offer_says_otherwise(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, "ships_to": "ARG"}})
    assert answered(shop.simulate(("apple", 1)))["logisticsInfo"][0]["shipsTo"] == ["ARG"]


def test_the_seller_is_the_one_of_the_request_or_else_the_configured_one(shop: Shop) -> None:
    items = [{"id": "apple", "quantity": 1, "seller": "FruitShop2"}, {"id": "pear", "quantity": 1}]
    body = answered(shop.call(PATH, {"items": items}))
    assert [item["seller"] for item in body["items"]] == ["FruitShop2", "fruitshop"]


def test_the_merchant_is_named_when_the_seller_charges(new_shop: Callable[..., Shop]) -> None:
    """P17 and row 13."""
    shop = new_shop(marketplaces={"acme": ACME, "charging": {**ACME, "merchant_name": "fruitaccount"}})
    cart = {"items": [{"id": "apple", "quantity": 1}, {"id": "kiwi", "quantity": 1}]}
    named = {
        name: {item["merchantName"] for item in answered(shop.call(PATH, cart, marketplace=name))["items"]}
        for name in ("acme", "charging")
    }
    assert named == {"acme": {None}, "charging": {"fruitaccount"}}


def test_old_spellings_and_types_are_understood(shop: Shop) -> None:
    """P19 and row 24."""
    shop.stock["7"] = replace(shop.stock["apple"], sku_id="7")
    body = answered(shop.call(PATH, {"items": [{"Id": 7, "Seller": "one", "quantity": "1"}]}))
    (item,) = body["items"]
    assert (item["id"], item["seller"], item["quantity"], item["price"]) == ("7", "one", 1, 1250)


@pytest.mark.parametrize("key", ["parentAssemblyBinding", "parentAssembluBinding", "ParentAssemblyBinding"])
def test_a_part_of_another_line_says_so_in_either_spelling(shop: Shop, key: str) -> None:
    """Row 24."""
    part = {"id": "pear", "quantity": 1, "parentItemIndex": 0, key: "box_fruit"}
    answered(shop.call(PATH, {"items": [{"id": "apple", "quantity": 1}, part]}))
    (request,) = carts_asked_for(shop)
    assert [(item.parent_item_index, item.parent_assembly_binding) for item in request.items] == [
        (None, None),
        (0, "box_fruit"),
    ]


@pytest.mark.parametrize("value", [-1, "0", [], {}, False, 1.5])
def test_an_unreadable_parent_refuses_no_cart(shop: Shop, value: Any) -> None:
    """Row 24."""
    item = {"id": "apple", "quantity": 1, "parentItemIndex": value, "parentAssemblyBinding": [value]}
    answered(shop.call(PATH, {"items": [item]}))
    (request,) = carts_asked_for(shop)
    assert (request.items[0].parent_item_index, request.items[0].parent_assembly_binding) == (None, None)


# delivery


def test_every_option_for_an_address_is_complete(shop: Shop) -> None:
    """P11 and row 27."""
    slas = answered(shop.simulate(("apple", 2), **ADDRESS))["logisticsInfo"][0]["slas"]
    assert slas[0] == {
        "id": "standard",
        "name": "Standard",
        "deliveryChannel": "delivery",
        "price": 990,
        "shippingEstimate": "5bd",
        "availableDeliveryWindows": [],
        "pickupStoreInfo": None,
    }
    assert all(re.fullmatch(r"\d+(bd|d|h|m)", sla["shippingEstimate"]) for sla in slas)


def test_a_pickup_option_has_a_point_with_a_full_address(shop: Shop) -> None:
    """P13, and row 22 for its coordinates."""
    logistics = answered(shop.simulate(("apple", 1), **ADDRESS))["logisticsInfo"][0]
    pickup = logistics["slas"][1]
    assert pickup["deliveryChannel"] == "pickup-in-point"
    assert pickup["pickupStoreInfo"] == {
        "isPickupStore": True,
        "friendlyName": "Loja Centro",
        "address": {
            "addressType": "pickup",
            "receiverName": None,
            "addressId": "store-centro",
            "postalCode": "01001-000",
            "city": "São Paulo",
            "state": "SP",
            "country": "BRA",
            "street": "Praça da Sé",
            "number": "100",
            "neighborhood": "Sé",
            "complement": "",
            "reference": None,
            "geoCoordinates": [-46.6339, -23.5503],
        },
        "additionalInfo": "",
    }
    assert logistics["deliveryChannels"] == [
        {"id": "delivery", "stockBalance": 10},
        {"id": "pickup-in-point", "stockBalance": 10},
    ]


def test_an_address_out_of_reach_keeps_the_stock_and_has_no_option(shop: Shop) -> None:
    """P12."""
    body = answered(shop.simulate(("apple", 1), **OUT_OF_REACH))
    (logistics,) = body["logisticsInfo"]
    assert logistics["slas"] == []
    assert (logistics["stockBalance"], body["items"][0]["quantity"]) == (10, 1)
    assert logistics["deliveryChannels"] == [{"id": "delivery", "stockBalance": 10}]


@pytest.mark.parametrize("coordinates", [[-46.65, -23.56], ["-46.65", "-23.56"]])
def test_coordinates_count_as_an_address(shop: Shop, coordinates: list[Any]) -> None:
    """P20 and row 22."""
    body = answered(shop.simulate(("apple", 1), geoCoordinates=coordinates))
    assert [sla["id"] for sla in body["logisticsInfo"][0]["slas"]] == ["standard", "pickup"]
    assert carts_asked_for(shop)[0].geo_coordinates == (-46.65, -23.56)
    assert carts_asked_for(shop)[0].mode is SimulationMode.CHECKOUT
    assert (body["postalCode"], body["country"]) == (None, None)


@pytest.mark.parametrize("coordinates", [[-23.56, -46.65], ["-23.56", "-46.65"]])
def test_a_marketplace_may_write_latitude_first(new_shop: Callable[..., Shop], coordinates: list[Any]) -> None:
    """Row 22: what it writes is turned round; what we answer is longitude first all the same."""
    shop = new_shop(marketplaces={"acme": {**ACME, "geo_order": "lat,lon"}})
    body = answered(shop.simulate(("apple", 1), geoCoordinates=coordinates))
    assert carts_asked_for(shop)[0].geo_coordinates == (-46.65, -23.56)
    pickup = body["logisticsInfo"][0]["slas"][1]["pickupStoreInfo"]
    assert pickup["address"]["geoCoordinates"] == list(PICKUP_POINT.geo_coordinates)


@pytest.fixture
def own_slas(new_shop: Callable[..., Shop]) -> Callable[..., Shop]:
    """A shop whose delivery options are those given."""

    def make(*options: Any) -> Shop:
        shop = new_shop()
        replace_hook(shop, "sla_loader", lambda request: options)
        return shop

    return make


def test_scheduled_windows_are_in_utc_with_their_price(own_slas: Callable[..., Shop]) -> None:
    """P14 and row 28."""
    start = datetime(2026, 3, 5, 8, tzinfo=timezone(timedelta(hours=-3)))
    window = DeliveryWindow(start=start, end=start + timedelta(hours=4), price=250)
    shop = own_slas(Sla(id="s", name="S", price=500, shipping_estimate="1d", delivery_windows=(window,)))
    (sla,) = answered(shop.simulate(("apple", 1), **ADDRESS))["logisticsInfo"][0]["slas"]
    assert sla["availableDeliveryWindows"] == [
        {"startDateUtc": "2026-03-05T11:00:00+00:00", "endDateUtc": "2026-03-05T15:00:00+00:00", "price": 250}
    ]


def test_an_option_may_have_a_price_for_each_sku(own_slas: Callable[..., Shop]) -> None:
    shop = own_slas(
        Sla(id="s", name="S", price=500, shipping_estimate="1d", sku_ids=frozenset({"apple"})),
        Sla(id="s", name="S", price=700, shipping_estimate="1d", sku_ids=frozenset({"pear"})),
    )
    entries = answered(shop.simulate(("pear", 1), ("apple", 1), **ADDRESS))["logisticsInfo"]
    assert [[sla["price"] for sla in entry["slas"]] for entry in entries] == [[700], [500]]


def test_a_line_that_only_a_point_serves_has_only_that_channel(own_slas: Callable[..., Shop]) -> None:
    shop = own_slas(Sla(id="p", name="P", price=0, shipping_estimate="1h", pickup_point=PICKUP_POINT))
    (entry,) = answered(shop.simulate(("apple", 1), **ADDRESS))["logisticsInfo"]
    assert entry["deliveryChannels"] == [{"id": "pickup-in-point", "stockBalance": 10}]


def test_where_goods_leave_from_is_told_only_if_the_shop_says_it(own_slas: Callable[..., Shop]) -> None:
    """Row 40: off unless the shop gives it; the quantity is the line's."""
    dock = DeliveryId(courier_id="c1", courier_name="Rápido", dock_id="d1", warehouse_id="w1")
    told = Sla(id="s", name="S", price=500, shipping_estimate="1d", delivery_ids=(dock,))
    shop = own_slas(told, replace(told, id="t", delivery_ids=()))
    entries = answered(shop.simulate(("apple", 2), ("pear", 9), **ADDRESS))["logisticsInfo"]
    ids = {"courierId": "c1", "courierName": "Rápido", "dockId": "d1", "warehouseId": "w1"}
    assert [entry["slas"][0]["deliveryIds"] for entry in entries] == [
        [{**ids, "quantity": 2}],
        [{**ids, "quantity": 2}],
    ]
    assert all("deliveryIds" not in entry["slas"][1] for entry in entries)
    entries = answered(shop.simulate(("apple", 3), ("pear", 1), **ADDRESS))["logisticsInfo"]
    assert [entry["slas"][0]["deliveryIds"][0]["quantity"] for entry in entries] == [3, 1]


@given(st.permutations([("apple", 3), ("pear", 1), ("apple", 2), ("kiwi", 1), ("plum", 1), ("pear", 2)]))
def test_no_price_depends_on_the_order_of_the_lines(lines: list[tuple[str, int]]) -> None:
    """P21: stock is dealt out in the lines' order, prices are not."""
    offers = {sku_id: Offer(sku_id=sku_id, price=price, stock=99) for sku_id, price in (("apple", 5), ("pear", 7))}
    slas = (
        Sla(id="s", name="S", price=500, shipping_estimate="1d", sku_ids=frozenset({"apple"})),
        Sla(id="s", name="S", price=700, shipping_estimate="1d", sku_ids=frozenset({"pear"})),
        Sla(id="t", name="T", price=900, shipping_estimate="1d"),
    )
    items = tuple(SimulationItem(sku_id=sku_id, quantity=quantity) for sku_id, quantity in lines)
    request = SimulationRequest(marketplace="acme", items=items, postal_code="01310-100", country="BRA")
    quoted = quote(request, Terms(offers=offers, slas=slas))
    assert [line for line, *_ in quoted] == list(items)
    for line, *_, options in quoted:
        expected = {"apple": [("s", 500), ("t", 900)], "pear": [("s", 700), ("t", 900)]}.get(line.sku_id, [])
        assert [(sla.id, sla.price) for sla in options] == expected


def test_options_do_not_depend_on_the_order_of_the_lines(shop: Shop) -> None:
    """P21."""
    one = answered(shop.simulate(("apple", 1), ("pear", 1), **ADDRESS))
    other = answered(shop.simulate(("pear", 1), ("apple", 1), **ADDRESS))
    assert one["logisticsInfo"][0]["slas"] == other["logisticsInfo"][1]["slas"]
    assert one["logisticsInfo"][1]["slas"] == other["logisticsInfo"][0]["slas"]


def test_the_same_request_gets_the_same_answer(shop: Shop) -> None:
    """P21."""
    first, second = (shop.simulate(("apple", 2), ("pear", 1), **ADDRESS).get_data() for _ in range(2))
    assert first == second


# the mode


@pytest.mark.parametrize(
    "call",
    [
        {},
        {"headers": {"X-VTEX-Mode": "checkout", "Accept": "application/vnd.checkout+json"}},
        {"query_string": {"token": TOKEN, "mode": "checkout", "postalCode": "01310-100", "country": "BRA"}},
    ],
)
def test_the_mode_follows_from_the_body_and_from_nothing_else(shop: Shop, call: dict[str, Any]) -> None:
    """Row 44."""
    items = [{"id": "apple", "quantity": 1}]
    answered(shop.call(PATH, {"items": items}, **call))
    answered(shop.call(PATH, {"items": items, **ADDRESS}, **call))
    assert [request.mode for request in carts_asked_for(shop)] == [SimulationMode.STOREFRONT, SimulationMode.CHECKOUT]


# by GET


@pytest.fixture
def getting(new_shop: Callable[..., Shop]) -> Shop:
    """A shop whose marketplace asks by GET, too."""
    return new_shop(marketplaces={"acme": {**ACME, "simulation_by_get": True, "sales_channel": "1"}})


def by_get(shop: Shop, path: str = PATH, *, method: str = "GET", **query: Any) -> TestResponse:
    client = shop.app.test_client()
    return client.open(f"/api/vtex/acme{path}", method=method, query_string={"token": TOKEN, **query})


CONTEXT = {"items": [{"id": "apple", "quantity": 2, "seller": "fruitshop"}], **ADDRESS}


def test_a_cart_may_come_by_get_where_the_marketplace_is_configured_so(getting: Shop) -> None:
    """Row 41: the same answer as by POST."""
    response = by_get(getting, purchaseContext=json.dumps(CONTEXT), sc="7", an="acme")
    assert answered(response) == answered(getting.call(PATH, CONTEXT))
    assert [request.sales_channel for request in carts_asked_for(getting)] == ["7", "1"]
    assert answered(by_get(getting, f"/{PATH}//", purchaseContext=json.dumps(CONTEXT))) == answered(response)


@pytest.mark.parametrize(
    ("context", "code"),
    [
        (None, "INVALID_JSON"),
        ("", "INVALID_JSON"),
        ("{", "INVALID_JSON"),
        ("[]", "INVALID_FIELD"),
        ("{}", "INVALID_FIELD"),
    ],
)
def test_a_wrong_cart_by_get_is_refused_like_any_other(getting: Shop, context: str | None, code: str) -> None:
    """Row 41 and P22."""
    response = by_get(getting, **({} if context is None else {"purchaseContext": context}))
    assert (response.status_code, response.get_json()["error"]["code"]) == (400, code)


def test_a_cart_by_get_has_the_same_limits(new_shop: Callable[..., Shop]) -> None:
    """Row 41 and P23."""
    marketplaces = {"acme": {**ACME, "simulation_by_get": True}}
    shop = new_shop(marketplaces=marketplaces, VTEX_SELLER_MAX_BODY_BYTES=100)
    response = by_get(shop, purchaseContext=json.dumps(CONTEXT))
    assert (response.status_code, response.get_json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert shop.asked == []


def test_get_needs_the_token_and_opens_no_other_route(getting: Shop) -> None:
    """Row 41 and P71."""
    assert by_get(getting, token="wrong", purchaseContext=json.dumps(CONTEXT)).status_code == 401
    assert [by_get(getting, path).status_code for path in ("/pvt/orders", "/pvt/orders/S-1/cancel")] == [405, 405]
    assert [by_get(getting, method=method).status_code for method in ("HEAD", "PUT", "DELETE", "OPTIONS")] == [405] * 4


def test_get_is_off_unless_configured(shop: Shop) -> None:
    """Row 41."""
    response = by_get(shop, purchaseContext=json.dumps(CONTEXT))
    assert (response.status_code, response.get_json()["error"]["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert shop.asked == []


# the sales channel


@pytest.mark.parametrize(
    ("body", "query", "configured", "expected"),
    [
        ({"sc": "3"}, "sc=2", "1", "3"),
        ({}, "sc=2", "1", "2"),
        ({}, "", "1", "1"),
        ({}, "", None, None),
        ({"sc": 3}, "sc=2", "1", "3"),
        ({"sc": None}, "sc=2", "1", "2"),
        ({"sc": ""}, "sc=2", "1", "2"),
        ({}, "&sc=&an=x", "1", "1"),
        ({}, "?&sc=&sc=", None, None),
    ],
)
def test_the_sales_channel_is_the_bodys_then_the_querys_then_the_configured_one(
    new_shop: Callable[..., Shop], body: dict[str, Any], query: str, configured: str | None, expected: str | None
) -> None:
    """P16, P74 and row 23."""
    shop = new_shop(marketplaces={"acme": {**ACME, "sales_channel": configured}})
    items = [{"id": "apple", "quantity": 1}]
    answered(shop.call(PATH, {"items": items, **body}, query_string=f"token={TOKEN}&{query}"))
    assert [request.sales_channel for request in carts_asked_for(shop)] == [expected]


# what the shop is asked


def test_the_shop_is_asked_once_for_the_whole_cart_with_each_sku_once(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop()
    asked: list[tuple[str, ...]] = []

    def offers(sku_ids: Sequence[str], request: SimulationRequest) -> list[Offer]:
        asked.append(tuple(sku_ids))
        return []

    replace_hook(shop, "offer_loader", offers)
    answered(shop.simulate(("pear", 1), ("apple", 1), ("pear", 2), ("kiwi", 1), ("apple", 9)))
    assert asked == [("pear", "apple", "kiwi")]


def test_delivery_options_are_asked_for_once_for_the_whole_cart(shop: Shop) -> None:
    answered(shop.simulate(("apple", 1), ("pear", 1), **ADDRESS))
    assert (sla_calls(shop), len(carts_asked_for(shop))) == (1, 1)


def test_delivery_options_are_never_asked_for_without_an_address(shop: Shop) -> None:
    answered(shop.simulate(("apple", 1), ("pear", 1)))
    assert sla_calls(shop) == 0


def test_the_shop_sees_the_cart_in_its_own_words(shop: Shop) -> None:
    extra = {"selectedSla": "standard", "clientProfileData": {"email": "x@mail.example"}}
    answered(shop.simulate(("apple", 2), ("pear", 1), **ADDRESS, **extra))
    (request,) = carts_asked_for(shop)
    assert request.marketplace == "acme"
    assert [(item.sku_id, item.quantity, item.seller_id) for item in request.items] == [
        ("apple", 2, "fruitshop"),
        ("pear", 1, "fruitshop"),
    ]
    assert (request.postal_code, request.country) == ("01310-100", "BRA")
    assert request.raw["selectedSla"] == "standard"


def test_offers_nobody_asked_for_and_double_ones_do_no_harm(shop: Shop) -> None:
    def offers(sku_ids: Sequence[str], request: SimulationRequest) -> Iterator[Offer]:
        yield from shop.stock.values()
        yield shop.stock["apple"]

    replace_hook(shop, "offer_loader", offers)
    assert len(answered(shop.simulate(("apple", 1)))["items"]) == 1


def test_a_simulation_sends_no_statement_of_ours(shop: Shop) -> None:
    with statements(shop) as seen:
        answered(shop.simulate(("apple", 1), ("kiwi", 1), **ADDRESS))
    assert seen == []


def test_the_statements_of_a_hook_are_counted_so_the_test_above_can_fail(shop: Shop) -> None:
    def offers(sku_ids: Sequence[str], request: SimulationRequest) -> list[Offer]:
        shop.db.session.execute(text("SELECT 1"))
        return []

    replace_hook(shop, "offer_loader", offers)
    with statements(shop) as seen:
        answered(shop.simulate(("apple", 1)))
    assert seen == ["SELECT 1"]


def test_the_delivery_options_of_many_lines_are_written_once(
    own_slas: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    option = answer._option

    def note(sla: Sla, quantity: int) -> dict[str, Any]:
        written.append(sla.id)
        return option(sla, quantity)

    monkeypatch.setattr(answer, "_option", note)
    everywhere = Sla(id="s", name="S", price=500, shipping_estimate="1d")
    apples = replace(everywhere, id="a", sku_ids=frozenset({"apple"}))
    body = answered(own_slas(everywhere, apples).simulate(*[("apple", 1), ("pear", 1)] * 2, **ADDRESS))
    assert written == ["s", "a", "s"]
    assert [[sla["id"] for sla in entry["slas"]] for entry in body["logisticsInfo"]] == [["s", "a"], ["s"]] * 2
