"""Every rule has an answer here that breaks it, so that none can silently pass everything."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_vtex_seller.sandbox.answer import Answer, read_json
from flask_vtex_seller.sandbox.rules import check_same_prices, check_simulation, has_address

Body = dict[str, Any]
HEADERS = {"content-type": "application/json; charset=utf-8"}


def question(**changes: Any) -> Body:
    return {
        "items": [
            {"id": "lamp", "quantity": 2, "seller": "shop"},
            {"id": "ghost", "quantity": 1, "seller": "shop"},
            {"id": "lamp", "quantity": 2, "seller": "shop"},
        ],
        "postalCode": "01001-000",
        "country": "BRA",
        "geoCoordinates": [],
        "sc": "1",
        **changes,
    }


def item(index: int, sku_id: str, quantity: int) -> Body:
    return {
        "id": sku_id,
        "requestIndex": index,
        "price": 1990 if quantity else 0,
        "listPrice": 2490,
        "quantity": quantity,
        "seller": "shop",
        "merchantName": None,
        "measurementUnit": "un",
        "unitMultiplier": 1,
        "priceValidUntil": "2026-05-01T10:00:00Z",
        "priceTags": [],
        "offerings": [{"type": "wrap", "id": "1", "name": "Wrapping", "price": 300}],
    }


def entry(index: int, quantity: int, stock: int) -> Body:
    return {
        "itemIndex": index,
        "quantity": quantity,
        "stockBalance": stock,
        "shipsTo": ["BRA", "ARG"],
        "slas": [delivery(), pickup()] if quantity else [],
        "deliveryChannels": [
            {"id": "delivery", "stockBalance": stock},
            {"id": "pickup-in-point", "stockBalance": stock},
        ],
    }


def delivery() -> Body:
    return {
        "id": "normal",
        "name": "Normal",
        "deliveryChannel": "delivery",
        "price": 900,
        "shippingEstimate": "5bd",
        "availableDeliveryWindows": [
            {
                "startDateUtc": "2026-05-01T09:00:00+00:00",
                "endDateUtc": "2026-05-01T12:00:00+00:00",
                "price": 0,
            }
        ],
        "pickupStoreInfo": None,
    }


def pickup() -> Body:
    return {
        "id": "store-01",
        "name": "Store",
        "deliveryChannel": "pickup-in-point",
        "price": 0,
        "shippingEstimate": "2h",
        "availableDeliveryWindows": [],
        "pickupStoreInfo": {
            "isPickupStore": True,
            "friendlyName": "Downtown",
            "additionalInfo": "",
            "address": {
                "addressType": "pickup",
                "addressId": "store-01",
                "receiverName": None,
                "postalCode": "01002-000",
                "city": "São Paulo",
                "state": "SP",
                "country": "BRA",
                "street": "Rua Direita",
                "number": "7",
                "neighborhood": "Sé",
                "complement": None,
                "reference": None,
                "geoCoordinates": [-46.63, -23.55],
            },
        },
    }


def good() -> Body:
    """Two lines share three lamps; the second line is unknown to the shop."""
    return {
        "country": "BRA",
        "postalCode": "01001-000",
        "allowMultipleDeliveries": True,
        "items": [item(0, "lamp", 2), item(1, "ghost", 0), item(2, "lamp", 1)],
        "logisticsInfo": [entry(0, 2, 3), entry(1, 0, 0), entry(2, 1, 1)],
    }


def answer(body: Any, /, **changes: Any) -> Answer:
    values: dict[str, Any] = {"status": 200, "headers": HEADERS, "body": body, "is_json": True, **changes}
    return Answer(**values)


def broken(mutate: Callable[[Body], object]) -> list[str]:
    body = good()
    mutate(body)
    return check_simulation(question(), answer(body))


def test_a_correct_answer_has_no_problem() -> None:
    assert check_simulation(question(), answer(good())) == []


def assign(path: str, value: Any) -> Callable[[Body], None]:
    """Return a mutation that sets the value at a path such as `items.0.price`."""

    def mutate(body: Body) -> None:
        *parents, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        node: Any = body
        for step in parents:
            node = node[step]
        node[last] = value

    return mutate


SLA = "logisticsInfo.0.slas.0"
PICKUP = "logisticsInfo.0.slas.1"
STORE = f"{PICKUP}.pickupStoreInfo"
WINDOW = f"{SLA}.availableDeliveryWindows.0"

WRONG_VALUES: list[tuple[str, str, Any]] = [
    ("P1", "items.0.listPrice", 1989),
    ("P1", "items.0.measurementUnit", ""),
    ("P1", "items.0.unitMultiplier", 0),
    ("P1", "items.0.unitMultiplier", True),
    ("P1", "items.0.unitMultiplier", "1"),
    ("P1", "items.0.priceValidUntil", "tomorrow"),
    ("P1", "items.0.priceValidUntil", 5),
    ("P1", "items.0.priceTags", None),
    ("P1", "allowMultipleDeliveries", 1),
    ("P1", "logisticsInfo", None),
    ("P1", "logisticsInfo.0.stockBalance", "3"),
    ("P1", "logisticsInfo.0.stockBalance", -1),
    ("P1", "logisticsInfo.0.deliveryChannels", None),
    ("P1", "logisticsInfo.0.deliveryChannels", []),
    ("P1", "logisticsInfo.0.deliveryChannels.0", "delivery"),
    ("P1", "logisticsInfo.0.deliveryChannels.0.id", "drone"),
    ("P1", "logisticsInfo.0.deliveryChannels.0.stockBalance", 3.0),
    ("P2", "country", None),
    ("P2", "country", "ARG"),
    ("P2", "postalCode", "01001000"),
    ("P3", "items", {}),
    ("P3", "items.0", None),
    ("P3", "items.1.id", "other"),
    ("P3", "items.1.id", None),
    ("P3", "items.1.requestIndex", 3),
    ("P3", "items.1.requestIndex", 0),
    ("P3", "items.1.requestIndex", True),
    ("P3", "items.1.requestIndex", "1"),
    ("P3", "items.0.seller", "Shop"),
    ("P5", "items.0.quantity", 3),
    ("P5", "items.0.quantity", -1),
    ("P5", "items.0.quantity", 2.0),
    ("P5", "logisticsInfo.0.quantity", 1),
    ("P5", "logisticsInfo.0.quantity", "2"),
    ("P5", "logisticsInfo.0.stockBalance", 1),
    ("P6", "logisticsInfo.1.stockBalance", 4),
    ("P6", "logisticsInfo.1.deliveryChannels.1.stockBalance", 4),
    ("P8", "items.2.id", "ghost"),
    ("P8", "logisticsInfo.0.stockBalance", 2),
    ("P9", "items.0.price", 19.9),
    ("P9", "items.0.price", 1990.0),
    ("P9", "items.0.price", True),
    ("P9", "items.0.price", -1),
    ("P9", "items.0.price", "1990"),
    ("P9", "items.0.listPrice", None),
    ("P9", "items.0.offerings.0.price", 3.5),
    ("P9", f"{SLA}.price", 9.0),
    ("P9", f"{SLA}.price", None),
    ("P10", "items.0.offerings", None),
    ("P10", "items.0.offerings.0", "wrap"),
    ("P10", "items.0.offerings.0.type", None),
    ("P10", "items.0.offerings.0.id", 1),
    ("P10", "items.0.offerings.0.name", ""),
    ("P11", "logisticsInfo.0.slas", None),
    ("P11", SLA, None),
    ("P11", f"{SLA}.id", 1),
    ("P11", f"{SLA}.name", ""),
    ("P11", f"{SLA}.deliveryChannel", "pickup"),
    ("P11", f"{SLA}.shippingEstimate", "5"),
    ("P11", f"{SLA}.shippingEstimate", "5bd\n"),
    ("P11", f"{SLA}.shippingEstimate", "5 bd"),
    ("P11", f"{SLA}.shippingEstimate", "\N{ARABIC-INDIC DIGIT FIVE}bd"),
    ("P11", f"{SLA}.shippingEstimate", 5),
    ("P11", f"{SLA}.availableDeliveryWindows", None),
    ("P13", f"{SLA}.pickupStoreInfo", {"isPickupStore": False}),
    ("P13", STORE, None),
    ("P13", f"{STORE}.isPickupStore", False),
    ("P13", f"{STORE}.friendlyName", ""),
    ("P13", f"{STORE}.additionalInfo", 1),
    ("P13", f"{STORE}.address", None),
    ("P13", f"{STORE}.address.addressType", "residential"),
    ("P13", f"{STORE}.address.addressId", ""),
    ("P13", f"{STORE}.address.country", "BR"),
    ("P13", f"{STORE}.address.neighborhood", None),
    ("P13", f"{STORE}.address.complement", 3),
    ("P13", f"{STORE}.address.geoCoordinates", ["-46.63", "-23.55"]),
    ("P13", f"{STORE}.address.geoCoordinates", [1.0]),
    ("P14", f"{WINDOW}.startDateUtc", "2026-05-01T09:00:00Z"),
    ("P14", f"{WINDOW}.startDateUtc", "2026-05-01T09:00:00"),
    ("P14", f"{WINDOW}.startDateUtc", None),
    ("P14", f"{WINDOW}.endDateUtc", "2026-05-01T09:00:00+00:00"),
    ("P14", f"{WINDOW}.price", 0.0),
    ("P14", WINDOW, None),
    ("P15", "logisticsInfo.0", None),
    ("P15", "logisticsInfo.0.itemIndex", 1),
    ("P15", "logisticsInfo.0.itemIndex", 7),
    ("P15", "logisticsInfo.0.itemIndex", "0"),
    ("P15", "logisticsInfo.0.shipsTo", []),
    ("P15", "logisticsInfo.0.shipsTo", ["BR"]),
    ("P15", "logisticsInfo.0.shipsTo", "BRA"),
    ("P17", "items.0.merchantName", ""),
    ("P17", "items.0.merchantName", 4),
    ("P17", "items.0.merchantName", "acme"),
]


@pytest.mark.parametrize(("statement", "path", "value"), WRONG_VALUES)
def test_a_wrong_value_is_reported_with_its_statement(statement: str, path: str, value: Any) -> None:
    problems = broken(assign(path, value))
    assert any(problem.startswith(f"{statement} ") for problem in problems), problems


OPTIONAL = {"allowMultipleDeliveries"}


def nodes(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every node below the top."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in children:
        here = f"{path}.{step}" if path else str(step)
        yield here
        yield from nodes(child, here)


@pytest.mark.parametrize("path", [path for path in nodes(good()) if not path.split(".")[-1].isdigit()])
def test_every_field_is_missed_when_it_is_not_sent(path: str) -> None:
    def remove(body: Body) -> None:
        *parents, last = path.split(".")
        node: Any = body
        for step in parents:
            node = node[int(step)] if step.isdigit() else node[step]
        del node[last]

    assert bool(broken(remove)) is (path not in OPTIONAL)


@pytest.mark.parametrize("junk", [None, True, -1, 1.5, 10**400, "", "x\x00", [], [None], {}, {"id": []}, [[{}]]])
def test_no_junk_makes_the_rules_stumble(junk: Any) -> None:
    for path in nodes(good()):
        assert isinstance(broken(assign(path, copy.deepcopy(junk))), list)


def test_an_item_too_many_or_too_few_is_reported_as_p3() -> None:
    """P3"""
    for mutate in (lambda body: body["items"].pop(), lambda body: body["items"].append(item(1, "ghost", 0))):
        assert any(problem.startswith("P3 items: must have one entry") for problem in broken(mutate))


def test_the_items_may_come_in_another_order() -> None:
    assert broken(lambda body: body["items"].reverse()) == []


def test_logistics_out_of_order_are_reported_as_p15() -> None:
    """P15"""
    problems = broken(lambda body: body["logisticsInfo"].reverse())
    assert problems == [
        "P15 logisticsInfo[1].itemIndex: must be in ascending order",
        "P15 logisticsInfo[2].itemIndex: must be in ascending order",
    ]


def test_an_available_item_without_logistics_is_reported_as_p1() -> None:
    """P1"""
    problems = broken(lambda body: body["logisticsInfo"].pop(0))
    assert "P1 logisticsInfo: must have an entry for items[0], which is available" in problems


def test_two_lines_of_one_sku_share_its_stock() -> None:
    """P8"""

    def promise_four_of_three(body: Body) -> None:
        body["items"][2]["quantity"] = body["logisticsInfo"][2]["quantity"] = 2
        body["logisticsInfo"][2]["stockBalance"] = 3

    assert broken(promise_four_of_three) == [
        "P8 items[0], items[2]: must share the stock of lamp: 4 promised, 3 there",
    ]


def all_unavailable() -> Body:
    return {**good(), "items": [item(0, "lamp", 0), item(1, "ghost", 0), item(2, "lamp", 0)], "logisticsInfo": []}


def test_logistics_are_empty_when_every_item_is_unavailable() -> None:
    """P7"""
    body = all_unavailable()
    assert check_simulation(question(), answer(body)) == []
    body["logisticsInfo"] = [entry(0, 0, 0)]
    assert check_simulation(question(), answer(body)) == ["P7 logisticsInfo: must be [] when every item is unavailable"]


def test_goods_that_must_not_be_for_sale_are_reported_as_p4() -> None:
    """P4"""
    assert check_simulation(question(), answer(all_unavailable()), expect="unavailable") == []
    problems = check_simulation(question(), answer(good()), expect="unavailable")
    assert problems == [
        "P4 items[0].quantity: must be 0 for lamp, which is not for sale",
        "P4 items[2].quantity: must be 0 for lamp, which is not for sale",
    ]


def test_an_unknown_sku_answered_with_404_is_reported_as_p4() -> None:
    """P4"""
    assert check_simulation(question(), answer({}, status=404)) == ["P4 status: must be 200, got 404"]


def test_an_address_out_of_reach_keeps_the_stock_and_has_no_slas() -> None:
    """P12"""
    asked = question(items=[{"id": "lamp", "quantity": 1, "seller": "shop"}])
    body = {**good(), "items": [item(0, "lamp", 1)], "logisticsInfo": [{**entry(0, 1, 3), "slas": []}]}
    assert check_simulation(asked, answer(body), expect="unreachable") == []
    body["logisticsInfo"] = [entry(0, 1, 0)]
    problems = check_simulation(asked, answer(body), expect="unreachable")
    assert [problem.split(":")[0] for problem in problems if problem.startswith("P12")] == [
        "P12 logisticsInfo[0].slas",
        "P12 logisticsInfo[0].stockBalance",
    ]


@pytest.mark.parametrize("empty", [{}, {"postalCode": None, "country": None}, {"postalCode": "", "country": ""}])
def test_without_an_address_null_is_echoed_and_no_sla_is_offered(empty: Body) -> None:
    """P2, P11"""
    asked = {"items": question()["items"], "isCheckedIn": False, **empty}
    body = {**good(), "country": None, "postalCode": None}
    problems = check_simulation(asked, answer(body))
    wanted = "must be [] when the question has no address"
    assert problems == [f"P11 logisticsInfo[{index}].slas: {wanted}" for index in (0, 2)]
    for logistics in body["logisticsInfo"]:
        logistics["slas"] = []
    assert check_simulation(asked, answer(body)) == []


def test_coordinates_count_as_an_address() -> None:
    """P20"""
    asked = question(postalCode=None, country=None, geoCoordinates=[-46.6, -23.5])
    assert check_simulation(asked, answer({**good(), "country": None, "postalCode": None})) == []


def test_a_postal_code_without_a_country_is_no_address() -> None:
    assert not has_address({"postalCode": "01001-000"})
    assert has_address({"postalCode": "01001-000", "country": "BRA"})


def test_a_loosely_spelt_question_is_answered_in_strict_types() -> None:
    """P19"""
    asked = question(items=[{"id": 7, "quantity": "1", "Seller": "shop"}])
    body = {**good(), "items": [item(0, "7", 1)], "logisticsInfo": [entry(0, 1, 1)]}
    assert check_simulation(asked, answer(body)) == []
    body["items"][0]["id"] = 7
    assert check_simulation(asked, answer(body)) == ['P3 items[0].id: must repeat "7", got 7']


def test_a_late_answer_is_reported_as_p18() -> None:
    """P18"""
    problems = check_simulation(question(), answer(good(), duration_ms=2501))
    assert problems == ["P18 answer: must arrive within 2.5 s, took 2501 ms"]
    late = Answer(failure="timed out after 2.5 s", timed_out=True, duration_ms=2400)
    assert [problem[:3] for problem in check_simulation(question(), late)] == ["P18", "P1 "]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"status": 302}, "P1 status: must be 200, got 302 (a redirect is not followed)"),
        ({"status": 500}, "P1 status: must be 200, got 500"),
        ({"headers": {}}, 'P1 content-type: must be application/json, got ""'),
        ({"body": None, "is_json": False, "text": "<p>"}, 'P1 body: must be JSON, got "<p>"'),
        ({"body": [], "is_json": True}, "P1 body: must be an object, got []"),
        ({"status": None, "failure": "no route"}, "P1 answer: no route"),
    ],
)
def test_an_answer_that_is_no_json_object_is_reported_as_p1(changes: Body, problem: str) -> None:
    """P1"""
    assert check_simulation(question(), answer(good(), **changes)) == [problem]


def test_an_expected_refusal_is_checked_instead_of_the_answer() -> None:
    """P22, P71"""
    problem = {"code": "X", "message": "no", "exception": None}
    headers = {"x-vtex-error-code": "X", "x-vtex-error-message": "no"}
    refused = answer({"error": problem}, status=400, headers=headers)
    assert check_simulation(question(), refused, expect=400) == []
    assert check_simulation(question(), answer(good()), expect=400) == ["P22 status: must refuse with 400, got 200"]
    assert check_simulation(question(), refused, expect="X") == []
    assert check_simulation(question(), answer(None, status=401, is_json=False), expect=401) == []


def test_delivery_prices_stay_when_the_same_goods_are_asked_for_in_another_order() -> None:
    """P21"""
    first, second = good(), good()
    second["items"][0], second["items"][2] = item(0, "lamp", 1), item(2, "lamp", 2)
    second["logisticsInfo"][0], second["logisticsInfo"][2] = entry(0, 1, 3), entry(2, 2, 2)
    assert check_same_prices(first, second) == []
    second["logisticsInfo"][0]["slas"][0]["price"] = 901
    del second["logisticsInfo"][2]["slas"][1]
    assert check_same_prices(first, second) == [
        "P21 logisticsInfo[].slas[store-01].price: must cost [0] again for 2 x lamp, got null",
        "P21 logisticsInfo[].slas[normal].price: must cost [900] again for 1 x lamp, got [901]",
    ]


@pytest.mark.parametrize("text", ["", "NaN", '{"a": Infinity}', "{", "[" * 100_000, '"\\ud800"'])
def test_what_is_no_strict_json_is_not_read(text: str) -> None:
    assert read_json(text) == (False, None)


def test_null_is_json() -> None:
    assert read_json("null") == (True, None)
