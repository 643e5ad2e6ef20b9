"""The document that `flask vtex-seller openapi` prints: all that the routes take and answer, and nothing else."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from click.testing import Result

from flask_vtex_seller import CancellationDecision, OutOfStock
from flask_vtex_seller.web.blueprint import ROUTES

from ..shops import ACME, APP_TOKEN, TOKEN, Shop, order_body

DOCS = Path(__file__).parents[2] / "docs/reference"
ADDRESS = {"postalCode": "01310-100", "country": "BRA"}
SIMULATION, PLACEMENT = "/pvt/orderForms/simulation", "/pvt/orders"
FULFILL, CANCEL = "/pvt/orders/{orderId}/fulfill", "/pvt/orders/{orderId}/cancel"
Json = dict[str, Any]


def run(shop: Shop, *arguments: str) -> Result:
    return shop.app.test_cli_runner().invoke(args=["vtex-seller", "openapi", *arguments])


@pytest.fixture
def document(shop: Shop) -> Json:
    found: Json = json.loads(run(shop).output)
    return found


def mistakes(document: Json, body: Any, path: str, *, status: int | None = None) -> list[str]:
    """Return what the document says against a request's body, or against an answer with `status`."""
    operation = document["paths"][path]["post"]
    holder = operation["requestBody"] if status is None else operation["responses"][str(status)]
    schema = {**holder["content"]["application/json"]["schema"], "components": document["components"]}
    return [
        f"{error.json_path}: {error.message}" for error in jsonschema.Draft202012Validator(schema).iter_errors(body)
    ]


def every(node: Any, key: str) -> Iterator[Any]:
    """Yield all values of `key`, however deep."""
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from every(inner, key)
    if isinstance(node, dict) and key in node:
        yield node[key]


# what it covers


def test_every_route_is_an_operation_of_its_own(document: Json) -> None:
    assert document["openapi"].startswith("3.")
    experimental = {"modify", "agree"}
    views = {path: view.__name__ for path, view in ROUTES.items() if view.__name__ not in experimental}
    paths = {re.sub("<.*?>", "{orderId}", path): view for path, view in views.items()}
    assert {path: item["post"]["operationId"] for path, item in document["paths"].items()} == paths
    assert all(item.keys() == {"post"} for item in document["paths"].values())


def test_every_reference_leads_somewhere_and_every_schema_is_one(document: Json) -> None:
    for reference in every(document, "$ref"):
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["description"]


def test_the_order_in_a_path_is_a_parameter(document: Json) -> None:
    for path, item in document["paths"].items():
        named = {reference["$ref"].split("/")[-1] for reference in item["post"]["parameters"]}
        assert ("orderId" in named) == ("{orderId}" in path)
    assert document["components"]["parameters"]["orderId"]["required"] is True


def test_the_statuses_are_those_that_the_reference_names(document: Json) -> None:
    said = re.findall(r"^(?:Nothing is written\. )?Statuses: (.*?)\n\n", (DOCS / "http.md").read_text(), re.M | re.S)
    *protocol, _experimental = [set(re.findall(r"\b[2-5]\d\d\b", text)) for text in said]
    assert [set(item["post"]["responses"]) for item in document["paths"].values()] == protocol


def test_the_error_codes_are_those_that_the_reference_names(document: Json) -> None:
    """But for those of any path, and what a shop does before the extension."""
    rows = re.findall(r"^\| (`[A-Z].*?) \| (\d{3}) \|", (DOCS / "errors.md").read_text(), re.M)
    said = {(code, status) for codes, status in rows for code in re.findall("`(.*?)`", codes)}
    told = {
        (code, status)
        for item in document["paths"].values()
        for status, answer in item["post"]["responses"].items()
        if status != "200"
        for code in answer["description"].partition("Codes: ")[2].rstrip(".").split(", ")
    }
    assert said - told == {("NOT_FOUND", "404"), ("METHOD_NOT_ALLOWED", "405")}
    assert told - said == set()


def test_an_error_answer_names_its_headers(document: Json) -> None:
    for item in document["paths"].values():
        for status, answer in item["post"]["responses"].items():
            said = {"x-vtex-error-code", "x-vtex-error-message"} if status != "200" else set()
            assert set(answer.get("headers", ())) == (said | {"Retry-After"} if status in ("429", "503") else said)


def test_the_most_lines_are_those_of_the_setting(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(VTEX_SELLER_MAX_ITEMS=2)
    document = json.loads(run(shop).output)
    for path, body in ((SIMULATION, {"items": [{"id": "apple", "quantity": 1}] * 3}), (PLACEMENT, order_body())):
        body = {**body, "items": [body["items"][0]] * 3}
        assert mistakes(document, body, path) != []
        assert shop.call(path, body).status_code == 400


def test_any_way_to_show_a_token_will_do(document: Json) -> None:
    schemes = document["components"]["securitySchemes"]
    assert schemes["token"].items() >= {"type": "apiKey", "in": "query", "name": "token"}.items()
    assert document["security"] == [{name: []} for name in schemes]


def test_the_query_token_of_the_document_opens_the_route(shop: Shop, document: Json) -> None:
    name = document["components"]["securitySchemes"]["token"]["name"]
    (server,) = document["servers"]
    path = server["url"].removeprefix("https://shop.example") + SIMULATION
    with shop.app.test_client() as client:
        assert client.post(path, query_string={name: TOKEN}, json={"items": []}).status_code == 400
        assert client.post(path, json={"items": []}).status_code == 401


def test_a_simulation_by_get_is_there_where_a_marketplace_may_use_it(new_shop: Callable[..., Shop]) -> None:
    """Row 41."""
    shop = new_shop(marketplaces={"acme": ACME, "old": {**ACME, "simulation_by_get": True}})
    for arguments, there in (((), True), (("--marketplace", "old"), True), (("--marketplace", "acme"), False)):
        document = json.loads(run(shop, *arguments).output)
        assert [path for path, item in document["paths"].items() if "get" in item] == [SIMULATION] * there
    get, post = (json.loads(run(shop).output)["paths"][SIMULATION][method] for method in ("get", "post"))
    assert get["responses"] == post["responses"]
    assert get["parameters"][0]["content"] == post["requestBody"]["content"]
    with shop.app.test_client() as client:
        query = {"token": TOKEN, get["parameters"][0]["name"]: json.dumps({"items": [{"id": "apple", "quantity": 1}]})}
        assert client.get(f"/api/vtex/old{SIMULATION}", query_string=query).status_code == 200


# that it is true


def test_what_the_routes_answer_is_what_the_document_says(shop: Shop, document: Json) -> None:
    answers = [
        (SIMULATION, shop.simulate(("apple", 1))),
        (SIMULATION, shop.simulate(("apple", 3), ("plum", 1), ("kiwi", 2), **ADDRESS)),
        (SIMULATION, shop.call(SIMULATION, {})),
        (PLACEMENT, shop.call("/pvt/orders", [order_body("a-01"), order_body("b-01")])),
        (PLACEMENT, shop.call("/pvt/orders", order_body("c-01"))),
        (PLACEMENT, shop.call("/pvt/orders", [order_body("a-01", marketplacePaymentValue=1)])),
        (PLACEMENT, shop.call("/pvt/orders", [order_body("d-01")], query_string={})),
        (FULFILL, shop.call("/pvt/orders/S-1/fulfill", {})),
        (FULFILL, shop.call("/pvt/orders/nobody/fulfill", {})),
        (CANCEL, shop.call("/pvt/orders/S-1/cancel", {})),
    ]
    assert {answer.status_code for _, answer in answers} == {200, 400, 401, 404, 409}
    assert [
        mistakes(document, json.loads(answer.get_data()), path, status=answer.status_code) for path, answer in answers
    ] == [[]] * len(answers)


def test_a_failing_shop_answers_what_the_document_says(shop: Shop, document: Json) -> None:
    def refuse(_: object) -> str:
        raise OutOfStock("nothing left")

    for status, place in ((409, refuse), (500, lambda _: 1 // 0)):
        shop.place = place
        answer = shop.call("/pvt/orders", [order_body()])
        assert answer.status_code == status
        assert mistakes(document, answer.json, PLACEMENT, status=status) == []


def test_an_evaluated_cancellation_has_the_empty_body_that_the_document_mentions(shop: Shop, document: Json) -> None:
    shop.decide = lambda _: CancellationDecision.EVALUATE
    shop.call("/pvt/orders", [order_body()])
    assert shop.call("/pvt/orders/S-1/cancel", {}).get_data() == b""
    assert "empty body" in document["paths"][CANCEL]["post"]["responses"]["200"]["description"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (SIMULATION, {"items": [{"id": "apple", "quantity": 1}]}),
        (SIMULATION, {"items": [{"id": "apple", "quantity": 1, "seller": None}], "geoCoordinates": ["-46.6", -23.5]}),
        (PLACEMENT, order_body()),
        (PLACEMENT, [order_body()]),
        (PLACEMENT, order_body(shippingData=None, clientProfileData=None)),
    ],
)
def test_a_body_that_the_document_allows_is_understood(shop: Shop, document: Json, path: str, body: Any) -> None:
    assert mistakes(document, body, path) == []
    assert shop.call(path, body).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (SIMULATION, {}),
        (SIMULATION, {"items": []}),
        (SIMULATION, {"items": [{"id": "", "quantity": 1}]}),
        (SIMULATION, {"items": [{"id": "apple", "quantity": 0}]}),
        (SIMULATION, {"items": [{"id": "apple", "quantity": 2**31}]}),
        (SIMULATION, {"items": [{"id": "apple", "quantity": 1}], "sc": ["1"]}),
        (PLACEMENT, []),
        (PLACEMENT, order_body(items=[])),
        (PLACEMENT, [order_body(marketplaceOrderId=None)]),
        (PLACEMENT, order_body(marketplacePaymentValue=38.3)),
        (PLACEMENT, order_body(shippingData={"logisticsInfo": [{"selectedSla": "standard"}]})),
    ],
)
def test_a_body_that_the_document_forbids_is_refused(shop: Shop, document: Json, path: str, body: Any) -> None:
    assert mistakes(document, body, path) != []
    assert shop.call(path, body).status_code == 400


# the command


def test_the_output_is_the_same_each_time_and_holds_no_secret(shop: Shop) -> None:
    """P80; marshmallow's older line shuffles a schema's fields."""
    first = run(shop).output
    assert first == run(shop).output
    schemas = json.loads(first)["components"]["schemas"]
    assert list(schemas) == sorted(schemas)
    assert all(list(schema["properties"]) == sorted(schema["properties"]) for schema in schemas.values())
    assert TOKEN not in first
    assert APP_TOKEN not in first


@pytest.fixture
def two(new_shop: Callable[..., Shop]) -> Shop:
    return new_shop(marketplaces={"acme": ACME, "zeta": {**ACME, "account": "zeta"}}, VTEX_SELLER_URL_PREFIX="/sell")


def test_each_marketplaces_endpoint_is_a_server(two: Shop) -> None:
    servers = json.loads(run(two).output)["servers"]
    assert [server["url"] for server in servers] == ["https://shop.example/sell/acme", "https://shop.example/sell/zeta"]


def test_one_marketplace_and_the_shops_address_can_be_named(two: Shop) -> None:
    result = run(two, "--marketplace", "zeta", "--base-url", "https://fruit.example/")
    assert [server["url"] for server in json.loads(result.output)["servers"]] == ["https://fruit.example/sell/zeta"]


def test_an_unknown_marketplace_is_named_beside_the_known_ones(two: Shop) -> None:
    result = run(two, "--marketplace", "nobody")
    assert result.exit_code == 1
    assert result.output == "Error: no marketplace 'nobody' is configured; these are: acme, zeta\n"


def test_without_a_marketplace_the_command_says_what_to_set(new_shop: Callable[..., Shop]) -> None:
    result = run(new_shop(marketplaces={}))
    assert result.exit_code == 1
    assert "set VTEX_SELLER_MARKETPLACES" in result.output


def test_without_apispec_the_command_names_the_extra(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apispec", None)
    result = run(shop)
    assert result.exit_code == 1
    assert "flask-vtex-seller[openapi]" in result.output
