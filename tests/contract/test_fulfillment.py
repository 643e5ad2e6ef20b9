"""The four inbound operations against the published file: its requests, our answers."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from werkzeug.test import TestResponse

from flask_vtex_seller import CancellationDecision, CancellationRequest, Offer, Offering, Sla

from ..shops import ACME, Shop, order_body
from .deviations import DEVIATIONS, Deviation, Schema

FILE = Path(__file__).parents[3] / "shared/vtex-openapi/external-seller-fulfillment.json"
if not FILE.exists():
    pytest.skip(f"the published OpenAPI file is not here: {FILE}", allow_module_level=True)

DOCUMENT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
OPERATIONS: dict[str, dict[str, Any]] = {
    operation["post"]["operationId"]: operation["post"] for operation in DOCUMENT["paths"].values()
}
SIMULATION, PLACEMENT = "fulfillment-simulation", "order-placement"
FULFILL, CANCEL = "authorize-fulfillment", "mkp-order-cancellation"
Answers = Mapping[str, list[Any]]


def request_example(operation: str) -> Any:
    """Return the published request; an order is for the seller whom it is sent to."""
    example = deepcopy(OPERATIONS[operation]["requestBody"]["content"]["application/json"]["example"])
    if operation == PLACEMENT:
        example["items"] = [{**item, "seller": ACME["seller_id"]} for item in example["items"]]
    return example


def answer_schema(operation: str, deviations: Iterable[Deviation]) -> Schema:
    """Return the schema of the operation's 200 answer as plain JSON Schema, with `deviations` in it."""
    schema: Schema = resolved(OPERATIONS[operation]["responses"]["200"]["content"]["application/json"]["schema"])
    # a change of the whole comes after those of its parts
    for deviation in sorted(deviations, key=lambda deviation: -len(deviation.path)):
        if deviation.operation == operation:
            schema = changed(schema, deviation.path, deviation.change)
    plain: Schema = with_nulls(schema)
    return plain


def resolved(node: Any) -> Any:
    if isinstance(node, dict):
        if "$ref" in node:
            *_, name = node["$ref"].split("/")
            return resolved(DOCUMENT["components"]["schemas"][name])
        return {key: resolved(value) for key, value in node.items()}
    return [resolved(value) for value in node] if isinstance(node, list) else node


def changed(schema: Schema, path: tuple[str, ...], change: Callable[[Schema], Schema]) -> Schema:
    if not path:
        return change(schema)
    step, *rest = path
    return {**schema, step: changed(schema[step], tuple(rest), change)}


def with_nulls(node: Any) -> Any:
    """Say OpenAPI 3.0's `nullable` as JSON Schema does, and drop examples, which are no schemas."""
    if isinstance(node, list):
        return [with_nulls(value) for value in node]
    if not isinstance(node, dict):
        return node
    plain = {key: with_nulls(value) for key, value in node.items() if key not in ("nullable", "example", "default")}
    return {"anyOf": [{"type": "null"}, plain]} if node.get("nullable") is True else plain


def mistakes(answers: Answers, deviations: Iterable[Deviation]) -> list[str]:
    found = []
    deviations = tuple(deviations)
    for operation, bodies in answers.items():
        schema = answer_schema(operation, deviations)
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        found += [f"{operation} {e.json_path}: {e.message}" for body in bodies for e in validator.iter_errors(body)]
    return found


def body_of(response: TestResponse) -> Any:
    """Return the body of an answer; None for an empty one."""
    assert response.status_code == 200, response.get_data()
    return json.loads(response.get_data()) if response.get_data() else None


def ready(shop: Shop) -> Shop:
    """Have the shop sell whatever the published examples ask for."""
    items = request_example(SIMULATION)["items"] + request_example(PLACEMENT)["items"]
    for item in items:
        shop.stock[item["id"]] = Offer(sku_id=item["id"], price=2499, stock=10)
    chosen = {line["selectedSla"] for line in request_example(PLACEMENT)["shippingData"]["logisticsInfo"]}
    options = [Sla(id=id_, name=id_, price=990, shipping_estimate="7d") for id_ in sorted({*chosen, "standard"})]
    shop.slas = lambda _: options
    return shop


def place_example(shop: Shop) -> str:
    order_id: str = body_of(shop.call("/pvt/orders", request_example(PLACEMENT)))["orderId"]
    return order_id


# their requests


def test_the_file_has_the_four_operations_that_we_answer() -> None:
    assert set(OPERATIONS) == {SIMULATION, PLACEMENT, FULFILL, CANCEL}


def test_the_published_simulation_is_understood(shop: Shop) -> None:
    answer = body_of(ready(shop).call("/pvt/orderForms/simulation", request_example(SIMULATION)))
    assert [item["quantity"] for item in answer["items"]] == [
        item["quantity"] for item in request_example(SIMULATION)["items"]
    ]
    assert answer["logisticsInfo"][0]["slas"]


@pytest.mark.parametrize("container", [lambda order: order, lambda order: [order]], ids=["object", "array"])
def test_the_published_order_is_placed(shop: Shop, container: Callable[[Any], Any]) -> None:
    """Row 1: the published file knows the object only, running sellers the array."""
    body_of(ready(shop).call("/pvt/orders", container(request_example(PLACEMENT))))
    assert shop.order_ids() == ["S-1"]


def test_the_published_order_is_echoed_with_all_its_fields(shop: Shop) -> None:
    """P25."""
    order = request_example(PLACEMENT)
    answer = body_of(ready(shop).call("/pvt/orders", [order]))[0]
    assert {key: answer[key] for key in order} == order


def test_the_published_authorization_is_understood(shop: Shop) -> None:
    order_id = place_example(ready(shop))
    assert body_of(shop.call(f"/pvt/orders/{order_id}/fulfill", request_example(FULFILL)))["orderId"] == order_id


def test_the_published_cancellation_is_understood(shop: Shop) -> None:
    """Row 16: by the texts, and not by the example, which exchanges the ids."""
    order_id = place_example(ready(shop))
    answer = body_of(shop.call(f"/pvt/orders/{order_id}/cancel", request_example(CANCEL)))
    assert answer["marketplaceOrderId"] == request_example(CANCEL)["marketplaceOrderId"]


# our answers


def _return(decision: CancellationDecision, _: CancellationRequest) -> CancellationDecision:
    return decision


@pytest.fixture
def answers(new_shop: Callable[..., Shop]) -> Answers:
    """Everything that we answer with, in as many shapes as the protocol knows."""
    charging = {**ACME, "merchant_name": "fruitaccount"}
    shop = ready(new_shop(marketplaces={"acme": ACME, "charging": charging}))
    shop.stock["pear"] = replace(
        shop.stock["pear"],
        unit_multiplier=Decimal("0.25"),
        price_valid_until=datetime(2026, 4, 1, tzinfo=UTC),
        offerings=(Offering(type="Warranty", id="1", name="One year", price=999),),
    )
    collected: dict[str, list[Any]] = defaultdict(list)
    address = {"postalCode": "01310-100", "country": "BRA"}
    for lines, body in (
        ([("apple", 1)], {}),
        ([("apple", 1)], {"country": "BRA"}),
        ([("apple", 3), ("pear", 9), ("plum", 1), ("kiwi", 1)], address),
        ([("plum", 1)], address),
        ([("apple", 1)], {"geoCoordinates": [-46.6, -23.5]}),
    ):
        collected[SIMULATION].append(body_of(shop.simulate(*lines, **body)))
    cart = request_example(SIMULATION)
    collected[SIMULATION].append(body_of(shop.call("/pvt/orderForms/simulation", cart, marketplace="charging")))

    weighed = order_body("weighed-01")
    weighed["items"][0].update(unitMultiplier=0.25, measurementUnit=None)
    weighed["clientProfileData"]["documentType"] = None
    located = order_body("located-01")
    located["shippingData"]["address"]["geoCoordinates"] = [-46.6, -23.5]
    orders = [
        request_example(PLACEMENT),
        [order_body("a-01"), weighed],
        located,
        [order_body("b-01")],
        order_body("c-01"),
    ]
    for order in orders:
        collected[PLACEMENT].append(body_of(shop.call("/pvt/orders", order)))

    collected[FULFILL].append(body_of(shop.call("/pvt/orders/S-1/fulfill", request_example(FULFILL))))
    shop.release = lambda _: None
    collected[FULFILL].append(body_of(shop.call("/pvt/orders/S-2/fulfill", {"marketplaceOrderId": "a-01"})))
    for decision in (CancellationDecision.EVALUATE, CancellationDecision.REFUSE, CancellationDecision.CONFIRM):
        shop.decide = partial(_return, decision)
        request = {"marketplaceOrderId": "a-01", "cancellationRequestId": decision.value}
        collected[CANCEL].append(body_of(shop.call("/pvt/orders/S-2/cancel", request)))
    return collected


def test_our_answers_keep_to_the_published_schemas_but_for_the_listed_deviations(answers: Answers) -> None:
    assert set(answers) == set(OPERATIONS)
    assert mistakes(answers, DEVIATIONS) == []


def test_every_listed_deviation_is_needed(answers: Answers) -> None:
    needless = [
        deviation
        for deviation in DEVIATIONS
        if not mistakes(answers, [other for other in DEVIATIONS if other is not deviation])
    ]
    assert needless == []


def test_every_listed_deviation_says_where_it_comes_from() -> None:
    assert all(
        deviation.instead and ("row " in deviation.source or "§" in deviation.source) for deviation in DEVIATIONS
    )
    places = [(deviation.operation, deviation.path) for deviation in DEVIATIONS]
    assert len(set(places)) == len(places)


def test_the_answer_to_a_placement_mirrors_its_container(answers: Answers) -> None:
    """P24, row 1."""
    assert [type(answer) for answer in answers[PLACEMENT]] == [dict, list, dict, list, dict]


def test_evaluating_and_refusing_a_cancellation_have_no_body(answers: Answers) -> None:
    """P43 and P45; row 11: no body is no bytes."""
    assert [answer is None for answer in answers[CANCEL]] == [True, True, False]
