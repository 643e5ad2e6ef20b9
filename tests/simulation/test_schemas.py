"""What a simulation's body may look like, and that a refused one never reaches the shop."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from flask_vtex_seller.config import Settings
from flask_vtex_seller.errors import InvalidRequest
from flask_vtex_seller.schema_loader import load
from flask_vtex_seller.simulation.answer_schemas import SimulationAnswerSchema
from flask_vtex_seller.simulation.schemas import SimulationRequestSchema, read_request

from ..shops import ACME, Shop

PATH = "/pvt/orderForms/simulation"
APPLE = {"id": "apple", "quantity": 1, "seller": "fruitshop"}
MARKETPLACE = Settings.from_config({"VTEX_SELLER_MARKETPLACES": {"acme": ACME}}).marketplaces["acme"]
WRONG_TEXTS: list[Any] = [1.5, [], {}, False, ["1"]]
VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=5)
NESTED = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
ITEMS = st.fixed_dictionaries({}, optional=dict.fromkeys(("id", "Id", "quantity", "seller", "x"), NESTED))
KNOWN = ("postalCode", "POSTALCODE", "country", "geoCoordinates", "sc", "clientProfileData")
BODIES = NESTED | st.fixed_dictionaries(
    {"items": st.lists(ITEMS | NESTED, max_size=4) | NESTED},
    optional=dict.fromkeys(
        ("postalCode", "POSTALCODE", "country", "geoCoordinates", "sc", "clientProfileData"), NESTED
    ),
)


def refusal(response: TestResponse, shop: Shop) -> str:
    """Return what a 400 in the error contract says, for a call that the shop never heard of."""
    assert response.status_code == 400
    error = response.get_json()["error"]
    assert error["exception"] is None
    assert response.headers["x-vtex-error-code"] == error["code"]
    assert shop.asked == []
    message: str = error["message"]
    return message


def test_a_body_that_is_not_json_is_refused(shop: Shop) -> None:
    """P22."""
    for body in (b"", b" ", b"{", b"items", b"{'items': []}", b"\xff\xfe", b'{"items": [}', b"NULL"):
        assert "the body is not JSON" in refusal(shop.call(PATH, data=body), shop)


@pytest.mark.parametrize(
    "body", [b"[]", b'[{"items": [{"id": "apple", "quantity": 1}]}]', b'"x"', b"1", b"null", b"true"]
)
def test_a_body_that_is_no_object_is_refused(shop: Shop, body: bytes) -> None:
    """P22."""
    assert refusal(shop.call(PATH, data=body), shop) == "Invalid input type."


def test_a_body_without_a_list_of_items_is_refused(shop: Shop) -> None:
    """P22."""
    bodies: list[Any] = [{}, {"items": None}, {"items": []}, {"items": {}}, {"items": "apple"}, {"items": 1}]
    for body in bodies:
        assert refusal(shop.call(PATH, body), shop).startswith("items: ")


def test_a_wrong_item_is_refused_by_its_path(shop: Shop) -> None:
    """P22."""
    wrong: dict[str, list[Any]] = {
        "id": [None, "", " ", 1.5, True, ["apple"], "x" * 129],
        "quantity": [None, 0, -1, 1.5, True, "two", "٣", 2**31, 10**18],
        "seller": [{}, "x" * 129],
    }
    for key, values in wrong.items():
        for value in values:
            response = shop.call(PATH, {"items": [APPLE, {**APPLE, key: value}]})
            assert refusal(response, shop).startswith(f"items[1].{key}: ")


@pytest.mark.parametrize("key", ["id", "quantity"])
def test_a_missing_key_of_an_item_is_named(shop: Shop, key: str) -> None:
    item = {name: value for name, value in APPLE.items() if name != key}
    assert refusal(shop.call(PATH, {"items": [item]}), shop) == f"items[0].{key}: Missing data for required field."


def test_an_item_that_is_no_object_is_refused(shop: Shop) -> None:
    items: list[Any] = [None, "apple", 1, []]
    for item in items:
        assert refusal(shop.call(PATH, {"items": [item]}), shop).startswith("items[0]: ")


def test_an_address_of_a_wrong_type_is_refused_by_its_name(shop: Shop) -> None:
    for key in ("postalCode", "country", "sc"):
        for value in WRONG_TEXTS:
            response = shop.call(PATH, {"items": [APPLE], key: value})
            assert refusal(response, shop) == f"{key}: Not a valid string."


def test_coordinates_are_never_refused(shop: Shop) -> None:
    """Row 22: not a pair of numbers, so no address."""
    for coordinates in (["-22.9443504"], "x", 5, {"lat": 1}, [None, None], [True, False], ["a", "b"]):
        response = shop.call(PATH, {"items": [APPLE], "geoCoordinates": coordinates})
        assert response.status_code == 200
        assert response.get_json()["logisticsInfo"][0]["slas"] == []


def test_keys_of_the_protocol_that_mean_nothing_to_us_are_ignored(shop: Shop) -> None:
    extra = {
        "isCheckedIn": False,
        "storeId": None,
        "checkedInPickupPointId": None,
        "marketingData": {"utmSource": "x"},
        "clientProfileData": None,
        "selectedSla": None,
        "paymentData": None,
        "priceTables": None,
        "orderFormId": "abc",
        "shippingData": {"logisticsInfo": [1, "x"]},
    }
    item = {**APPLE, "parentItemIndex": None, "parentAssemblyBinding": None}
    assert shop.call(PATH, {"items": [item], **extra}).status_code == 200


@pytest.mark.parametrize("key", ["postalcode", "POSTALCODE", "PostalCode"])
def test_an_address_is_found_whatever_its_keys_case(shop: Shop, key: str) -> None:
    body = shop.call(PATH, {"items": [APPLE], key: "01310-100", "country": "BRA"}).get_json()
    assert body["postalCode"] == "01310-100"


def test_the_largest_cart_is_answered_and_one_more_item_is_refused(shop: Shop) -> None:
    """P23."""
    assert refusal(shop.call(PATH, {"items": [APPLE] * 501}), shop) == "items: the cart has more than 500 lines"
    assert len(shop.call(PATH, {"items": [APPLE] * 500}).get_json()["items"]) == 500


def test_the_largest_cart_and_body_are_configurable(new_shop: Callable[..., Shop]) -> None:
    """P23."""
    shop = new_shop(VTEX_SELLER_MAX_ITEMS=2, VTEX_SELLER_MAX_BODY_BYTES=300)
    assert shop.call(PATH, {"items": [APPLE] * 2}).status_code == 200
    shop.asked.clear()
    assert refusal(shop.call(PATH, {"items": [APPLE] * 3}), shop) == "items: the cart has more than 2 lines"
    response = shop.call(PATH, {"items": [APPLE], "x": "y" * 300})
    assert (response.status_code, response.get_json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert shop.asked == []


def test_a_refusal_quotes_nothing_of_the_body(shop: Shop) -> None:
    secret = "maria@mail.example"
    items = [{**APPLE, "id": [secret], "quantity": secret, secret: secret}]
    response = shop.call(PATH, {"items": items, "postalCode": {secret: secret}})
    assert response.status_code == 400
    assert secret.encode() not in response.get_data()
    assert "maria" not in str(response.headers)


@settings(max_examples=300)
@given(BODIES)
def test_any_json_is_either_understood_or_refused(body: object) -> None:
    """P22: nothing that can be sent makes an error of its own."""
    try:
        request = read_request(body, MARKETPLACE, sales_channel=None, max_items=500)
    except InvalidRequest as refused:
        assert refused.status == 400  # noqa: PT017
    else:
        assert all(item.sku_id.strip() and 1 <= item.quantity < 2**31 for item in request.items)


def test_the_schema_that_answers_are_held_against_refuses_what_we_do_not_write(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, "merchant_name": "m"}})
    answer = shop.simulate(("apple", 1), postalCode="01310-100", country="BRA").get_json()
    schema = SimulationAnswerSchema()
    load(schema, answer)
    wrongs: list[dict[str, Any]] = [{"extra": 1}, {"items": None}, {"logisticsInfo": [{}]}]
    for wrong in wrongs:
        with pytest.raises(InvalidRequest):
            load(schema, {**answer, **wrong})
    for key in answer:
        with pytest.raises(InvalidRequest):
            load(schema, {name: value for name, value in answer.items() if name != key})


def test_a_delivery_option_names_no_docks(new_shop: Callable[..., Shop]) -> None:
    """row 40: `deliveryIds` is asked for by a mock server alone, and off."""
    text = new_shop().simulate(("apple", 1), postalCode="01310-100", country="BRA").text
    assert '"slas"' in text
    assert "deliveryids" not in text.lower()


def test_a_schema_can_be_made_anew() -> None:
    assert SimulationRequestSchema().load({"items": [APPLE]})["items"][0].sku_id == "apple"
