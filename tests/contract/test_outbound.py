"""Every call to a marketplace, as it comes over a real socket, against the published files."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import jsonschema  # type: ignore[import-untyped]
import pytest

from flask_vtex_seller import (
    Agreement,
    CancellationDecision,
    DeliveryPromise,
    Sku,
    SkuAvailability,
    Tracking,
    TrackingEvent,
    TrackingStatus,
    VtexSeller,
    message_dead,
    message_delivered,
)
from flask_vtex_seller.catalog.notices import question
from flask_vtex_seller.catalog.promises import AvailabilitySchema
from flask_vtex_seller.catalog.schemas import SuggestionSchema
from flask_vtex_seller.config import Settings
from flask_vtex_seller.marketplace.operations import OPERATIONS
from flask_vtex_seller.orders.schemas import InvoiceSchema
from flask_vtex_seller.outbox.message import Message
from flask_vtex_seller.state import current_state

from ..marketplace.loopback import Received, loopback, marketplace_at, reply
from ..shops import ACME, APP_TOKEN, Shop, StoppedClock
from .deviations import REQUEST_DEVIATIONS, RequestDeviation
from .speaking import DELIVERED, NOW, TRACKING, drain, make_invoice, make_sku, place_order, sell, speaking

FILES = ("orders", "catalog-skuseller", "notificator", "suggestions", "external-seller-marketplace")
FOLDER = Path(__file__).parents[3] / "shared/vtex-openapi"
for _name in FILES:
    if not (FOLDER / f"{_name}.json").exists():
        pytest.skip(f"the published OpenAPI file is not here: {FOLDER / _name}.json", allow_module_level=True)

DOCUMENTS: dict[str, dict[str, Any]] = {
    name: json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")) for name in FILES
}
Contract = dict[str, Any]

_OMS = "/api/oms/pvt/orders/{orderId}"
_PVT = "/pvt/orders/{marketplaceOrderId}"
_NOTICE = "/notificator/{sellerId}/changenotification/{skuId}"
_INVOICE = (("orders", "post", f"{_OMS}/invoice"), ("external-seller-marketplace", "post", f"{_PVT}/invoice"))
_CANCEL = (("orders", "post", f"{_OMS}/cancel"), ("external-seller-marketplace", "post", f"{_PVT}/cancel"))
_CHANGE = (
    ("catalog-skuseller", "post", "/api/catalog_system/pvt/skuseller/changenotification/{sellerId}/{sellerSkuId}"),
)
PUBLISHED: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "invoice": _INVOICE,
    "return_invoice": _INVOICE,
    "tracking": (
        ("orders", "patch", f"{_OMS}/invoice/{{invoiceNumber}}"),
        ("external-seller-marketplace", "post", f"{_PVT}/invoice/{{invoiceNumber}}"),
    ),
    "tracking_status": (
        ("orders", "put", f"{_OMS}/invoice/{{invoiceNumber}}/tracking"),
        ("external-seller-marketplace", "post", f"{_PVT}/invoice/{{invoiceNumber}}/tracking"),
    ),
    "cancel_order": _CANCEL,
    "cancel_returned_order": _CANCEL,
    "change_notification": _CHANGE,
    "presence": _CHANGE,
    "suggestion": (("suggestions", "put", "/suggestions/{sellerId}/{sellerSkuId}"),),
    "suggestion_status": (("suggestions", "get", "/suggestions/{sellerId}/{sellerSkuId}"),),
    "price_notification": (("notificator", "post", f"{_NOTICE}/price"),),
    "inventory_notification": (("notificator", "post", f"{_NOTICE}/inventory"),),
    "agreement": (
        (
            "external-seller-marketplace",
            "post",
            "/pvt/orders/{participantOrderId}/changes/{changeRequestId}/send-agreement",
        ),
    ),
    "delivery_promises": (),
}
"""Where each of our operations is published: file, method and path; delivery promises in a file that is not here."""

SELLER_ID = "frúit/shop%2F&1"
ORDER_IDS = ("1138 342/255-01", "pedido ç%2F€?a=1#b-02", "1138342255777-03", "100%+;=-04", "日本/../x-05")
SKU_IDS = ("red apple", "maçã/50%", "%2F", "a?b#c&d=e+f;g", "日本", "..a", "0042", "42", "~ok_-.", "it's (two)!*")
_SEGMENT = re.compile(r"(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One message of the outbox, and the request that it became."""

    message: Message
    request: Received


# what the files say


def resolved(document: Mapping[str, Any], node: Any) -> Any:
    if isinstance(node, dict):
        if "$ref" in node:
            target: Any = document
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            return resolved(document, target)
        return {key: resolved(document, value) for key, value in node.items() if key not in ("example", "examples")}
    return [resolved(document, value) for value in node] if isinstance(node, list) else node


def server_prefix(document: Mapping[str, Any]) -> str:
    """Return the path of the file's server, filled in for our marketplace."""
    (server,) = document["servers"]
    return urlsplit(str(server["url"])).path.replace("{accountName}", str(ACME["account"]))


def contract(file: str, method: str, template: str, deviations: Iterable[RequestDeviation]) -> Contract:
    """Return what the file asks of a call, with `deviations` in it."""
    document = DOCUMENTS[file]
    operation = resolved(document, document["paths"][template][method])
    content = operation.get("requestBody", {}).get("content", {})
    headers = [parameter for parameter in operation["parameters"] if parameter["in"] == "header"]
    published: Contract = {
        "method": method.upper(),
        "prefix": server_prefix(document),
        "template": template,
        "headers": {header["name"]: header["schema"]["default"] for header in headers if header["required"]},
        "body": content["application/json"]["schema"] if content else None,
    }
    for deviation in deviations:
        if published["body"] is None and deviation.path[:1] == ("body",):
            continue  # of another method at the same path
        if deviation.file == file and deviation.template in (template, None):
            published = changed(published, deviation.path, deviation.change)
    return published


def changed(node: Any, path: tuple[str, ...], change: Callable[[Any], Any]) -> Any:
    if not path:
        return change(node)
    step, *rest = path
    return {**node, step: changed(node[step], tuple(rest), change)}


def plain(node: Any) -> Any:
    """Say OpenAPI 3.0's `nullable` as JSON Schema does, and allow no key that a schema does not name."""
    if isinstance(node, list):
        return [plain(value) for value in node]
    if not isinstance(node, dict):
        return node
    schema = {key: plain(value) for key, value in node.items() if key not in ("nullable", "default")}
    if isinstance(node.get("properties"), dict):
        schema["additionalProperties"] = False
    return {"anyOf": [{"type": "null"}, schema]} if node.get("nullable") is True else schema


# our calls against it


def mistakes(calls: Iterable[Call], deviations: Iterable[RequestDeviation]) -> list[str]:
    deviations = tuple(deviations)
    places = {place for published in PUBLISHED.values() for place in published}
    contracts = {place: contract(*place, deviations) for place in places}
    validators = {place: validator_of(found["body"]) for place, found in contracts.items()}
    return [
        f"{call.message.operation} in {place[0]}: {mistake}"
        for call in calls
        for place in PUBLISHED[call.message.operation]
        for mistake in call_mistakes(call, contracts[place], validators[place])
    ]


def validator_of(schema: Any) -> Any:
    """Return what validates a body; None where there is to be none."""
    if schema is None:
        return None
    jsonschema.Draft202012Validator.check_schema(plain(schema))
    return jsonschema.Draft202012Validator(plain(schema))


def call_mistakes(call: Call, published: Contract, validator: Any) -> Iterator[str]:
    request = call.request
    if request.method != published["method"]:
        yield f"method {request.method}"
    yield from path_mistakes(call, published)
    for name, value in published["headers"].items():
        if name.lower() not in request.headers:
            yield f"no {name}"
        elif value is not None and request.headers[name.lower()] != value:
            yield f"{name}: {request.headers[name.lower()]}"
    sent = {name for name in request.headers if name.startswith("x-vtex-")}
    for name in sorted(sent - {name.lower() for name in published["headers"]}):
        yield f"undeclared header {name}"
    if validator is None:
        if request.body or request.headers.get("content-length", "0") != "0":
            yield f"a body: {request.body!r}"
        return
    for error in validator.iter_errors(json.loads(request.body)):
        yield f"{error.json_path}: {error.message}"


def path_mistakes(call: Call, published: Contract) -> Iterator[str]:
    values = path_values(published["prefix"] + published["template"], call.request.target)
    if values is None:
        yield f"path {call.request.target}"
        return
    ids = call.message.arguments
    for name, value in values.items():
        if not _SEGMENT.fullmatch(value):
            yield f"{name} is not percent-encoded: {value}"
        expected = SELLER_ID if name == "sellerId" else ids[_ARGUMENTS[name]]
        if unquote(value, errors="strict") != expected:
            yield f"{name} is {value}, which is not {expected}"


_ARGUMENTS = {
    "orderId": "marketplace_order_id",
    "marketplaceOrderId": "marketplace_order_id",
    "invoiceNumber": "invoice_number",
    "sellerSkuId": "sku_id",
    "skuId": "sku_id",
    "participantOrderId": "marketplace_order_id",
    "changeRequestId": "change_id",
}


def path_values(template: str, target: str) -> dict[str, str] | None:
    """Return what stands in the places of the template's names; None if the target is not of that template."""
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/?#]+)", re.escape(template))
    found = re.fullmatch(pattern, target)
    return None if found is None else found.groupdict()


# what the shop says


def answer(request: Received) -> bytes:
    """Answer as a marketplace that knows no SKU and does whatever else it is asked to."""
    if "/skuseller/" in request.target:
        return reply(404, b"Seller StockKeepingUnit not found for this seller id")
    if "/notificator/" in request.target or "/delivery-promises/" in request.target:
        return reply(202)
    return reply(200, b"{}", Content_Type="application/json")


def say_everything(shop: Shop) -> None:
    """Call every verb, in as many shapes as it has."""
    with speaking(shop) as seller:
        seller.notify_catalog(*SKU_IDS)
        seller.notify_price(*SKU_IDS)
        seller.notify_inventory(*SKU_IDS)
        seller.notify_delivery_promises(*map(availability, SKU_IDS))
    kept, canceled, returned, evaluated, refused = (place_order(shop, order_id) for order_id in ORDER_IDS)
    with speaking(shop) as seller:
        say_a_whole_life(seller, kept)
        seller.cancel_order(canceled, reason='"broken" e não há mais')
        seller.send_invoice(returned, make_invoice("R7", tracking=TRACKING))
    drain(shop)
    shop.decide = lambda _: CancellationDecision.EVALUATE
    for order_id in (evaluated, refused):
        assert shop.call(f"/pvt/orders/{order_id}/cancel", {"cancellationRequestId": order_id}).status_code == 200
    with speaking(shop) as seller:
        seller.return_invoice(kept, make_invoice("1003", 1000))
        seller.cancel_order(returned, reason="came back", return_invoice=make_invoice("R8"))
        seller.confirm_cancellation(evaluated)
        seller.send_invoice(refused, make_invoice("X9"), refuses_cancellation=True)
        # As the worker's sweep does. The answer tells nothing, so each SKU's presence is asked next.
        questions = [question("suggestion_status", "acme", sku_id) for sku_id in SKU_IDS]
        current_state().outbox.append(questions, now=NOW)
    drain(shop)


def say_a_whole_life(seller: VtexSeller, order_id: str) -> None:
    detailed = Tracking(
        courier="Rápido", tracking_number="SP 1/2%", tracking_url="https://t.example/1?x=%2F", dispatched_at=NOW
    )
    bare = Tracking(courier="Correios", tracking_number="BR9")
    event = TrackingEvent(description="posted", on=date(2026, 3, 5), city="São Paulo", state="SP")
    document = {"key": "CFe3520", "url": "https://shop.example/1002.pdf", "embedded": "<NFe>ç\r\n</NFe>"}
    for agreement in Agreement:
        seller.send_agreement(order_id, "e8532a32/1", agreement)
    seller.send_invoice(order_id, make_invoice("1001", 1000))
    seller.send_invoice(order_id, make_invoice("00A1", 2830, tracking=detailed, **document))
    seller.send_tracking(order_id, "1001", detailed)
    seller.send_tracking(order_id, "1001", bare)
    seller.update_tracking_status(order_id, "1001", TrackingStatus(is_delivered=False))
    seller.update_tracking_status(order_id, "1001", TrackingStatus(is_delivered=False, events=(event,)))
    seller.update_tracking_status(order_id, "00A1", DELIVERED)


def availability(sku_id: str) -> SkuAvailability:
    promise = DeliveryPromise(availability=3, zone_ids=("rio",), id="normal", name="Normal", takes=timedelta(hours=50))
    return SkuAvailability(sku_id=sku_id, availability=5, promises=(promise,), product_id="fruit")


_RECORDED: list[Call] = []


@pytest.fixture
def calls(request: pytest.FixtureRequest) -> list[Call]:
    """Everything that a shop can say, as the marketplace received it; said once for all tests, which only read it."""
    if not _RECORDED:
        _RECORDED.extend(record(request.getfixturevalue("new_shop")))
    return list(_RECORDED)


def record(new_shop: Callable[..., Shop]) -> list[Call]:
    settled: list[Message] = []

    def hear(_: object, message: Message, **__: Any) -> None:
        settled.append(message)

    with loopback() as server:
        server.answer = answer
        shop = new_shop(marketplaces={"acme": marketplace_at(server.url, seller_id=SELLER_ID)}, clock=StoppedClock())
        sell(shop, *skus())
        with message_delivered.connected_to(hear, shop.app), message_dead.connected_to(hear, shop.app):
            say_everything(shop)
    assert {message.state.value for message in settled} == {"delivered"}
    pairs = zip(settled, server.received, strict=True)
    return [Call(message=message, request=request) for message, request in pairs]


def skus() -> Iterator[Sku]:
    weighed: dict[str, Any] = {
        "unit_multiplier": Decimal("0.25"),
        "width": Decimal("1.5"),
        "length": Decimal("7.25"),
        "ref_id": "R-1",
    }
    detailed: dict[str, Any] = {
        "ean": None,
        "specifications": {"Cor": ["verde"]},
        "product_specifications": {"Origem": ["SP", "ES"]},
    }
    first, second, *others = SKU_IDS
    yield make_sku(first, **weighed)
    yield make_sku(second, **weighed, **detailed)
    yield from map(make_sku, others)


def body_of(call: Call) -> Any:
    return json.loads(call.request.body)


def of(calls: list[Call], *operations: str) -> list[Call]:
    return [call for call in calls if call.message.operation in operations]


# that it is all of it


def test_every_operation_is_published_somewhere() -> None:
    assert set(PUBLISHED) == set(OPERATIONS)


def test_no_operation_is_left_out(calls: list[Call]) -> None:
    """row 5: nobody counts alike; what is sent is the union."""
    assert {call.message.operation for call in calls} == set(OPERATIONS)


def test_every_order_and_every_sku_is_told_about(calls: list[Call]) -> None:
    assert {call.message.arguments.get("marketplace_order_id") for call in calls} - {None} == set(ORDER_IDS)
    asked = ("suggestion_status", "presence")
    for operation in ("change_notification", "suggestion", "price_notification", "inventory_notification", *asked):
        assert {call.message.arguments["sku_id"] for call in of(calls, operation)} == set(SKU_IDS)


# that it is as published


def test_our_calls_keep_to_the_published_contracts_but_for_the_listed_deviations(calls: list[Call]) -> None:
    """P51, P53, P59, P61, P65, P66 and P82."""
    assert mistakes(calls, REQUEST_DEVIATIONS) == []


def test_every_listed_deviation_is_needed(calls: list[Call]) -> None:
    needless = [
        deviation
        for deviation in REQUEST_DEVIATIONS
        if not mistakes(calls, [other for other in REQUEST_DEVIATIONS if other is not deviation])
    ]
    assert needless == []


def test_every_listed_deviation_says_where_it_comes_from() -> None:
    assert all(
        deviation.instead and ("row " in deviation.source or "§" in deviation.source)
        for deviation in REQUEST_DEVIATIONS
    )
    places = [(deviation.file, deviation.template, deviation.path) for deviation in REQUEST_DEVIATIONS]
    assert len(set(places)) == len(places)


def test_a_call_is_of_one_published_path_only(calls: list[Call]) -> None:
    """P51: the one-segment change notification, whose id is the marketplace's own, can never be meant."""
    for call in calls:
        if call.message.operation in ("agreement", "delivery_promises"):
            continue  # the one goes elsewhere by a listed deviation, the other's file is not here
        file, _, template = PUBLISHED[call.message.operation][0]
        prefix = server_prefix(DOCUMENTS[file])
        matching = [path for path in DOCUMENTS[file]["paths"] if path_values(prefix + path, call.request.target)]
        assert matching == [template]


def test_the_addresses_are_those_of_the_published_servers() -> None:
    marketplace = Settings.from_config({"VTEX_SELLER_MARKETPLACES": {"acme": ACME}}).marketplaces["acme"]
    addresses = {}
    for name in ("orders", "catalog-skuseller", "notificator", "suggestions"):
        (server,) = DOCUMENTS[name]["servers"]
        values = {variable: found["default"] for variable, found in server["variables"].items()}
        addresses[name] = server["url"].format(**{**values, "accountName": ACME["account"]})
    assert addresses == {
        "orders": marketplace.base_url,
        "catalog-skuseller": marketplace.base_url,
        "notificator": f"{marketplace.base_url}/api",
        "suggestions": marketplace.suggestions_url,
    }


def test_the_key_is_in_the_headers_and_nowhere_else(calls: list[Call]) -> None:
    """No published file has a security scheme: the headers' names are those of the deviations."""
    assert not any(document.get("components", {}).get("securitySchemes") for document in DOCUMENTS.values())
    assert not any(document.get("security") for document in DOCUMENTS.values())
    for call in calls:
        assert call.request.headers["x-vtex-api-appkey"] == ACME["app_key"]
        assert call.request.headers["x-vtex-api-apptoken"] == APP_TOKEN
        assert APP_TOKEN not in call.request.target
        assert APP_TOKEN.encode() not in call.request.body


@pytest.mark.parametrize("file", FILES)
def test_the_deviation_table_names_places_that_are_published(file: str) -> None:
    paths = DOCUMENTS[file]["paths"]
    ours = [deviation for deviation in REQUEST_DEVIATIONS if deviation.file == file]
    assert ours
    assert all(deviation.template is None or deviation.template in paths for deviation in ours)


# what no schema says


def test_ids_are_encoded_once_and_stay_one_segment(calls: list[Call]) -> None:
    targets = {call.message.arguments["sku_id"]: call.request.target for call in of(calls, "price_notification")}
    start, end = "/api/notificator/fr%C3%BAit%2Fshop%252F%261/changenotification/", "/price"
    assert {sku_id: target[len(start) : -len(end)] for sku_id, target in targets.items()} == {
        "red apple": "red%20apple",
        "maçã/50%": "ma%C3%A7%C3%A3%2F50%25",
        "%2F": "%252F",
        "a?b#c&d=e+f;g": "a%3Fb%23c%26d%3De%2Bf%3Bg",
        "日本": "%E6%97%A5%E6%9C%AC",
        "..a": "..a",
        "0042": "0042",
        "42": "42",
        "~ok_-.": "~ok_-.",
        "it's (two)!*": "it%27s%20%28two%29%21%2A",
    }
    assert all(target.startswith(start) and target.endswith(end) for target in targets.values())


def test_the_marketplaces_id_is_in_the_path_and_never_the_shops(calls: list[Call]) -> None:
    """P61."""
    assert not any(re.search(r"/S-\d", call.request.target) for call in calls)


def test_money_is_whole_cents_and_weight_whole_grams(calls: list[Call]) -> None:
    """P56 and P62, row 34."""
    for call in of(calls, "invoice", "return_invoice"):
        body = body_of(call)
        assert type(body["invoiceValue"]) is int
        assert body["invoiceValue"] > 0
        assert all(type(item["price"]) is int for item in body["items"])
    for call in of(calls, "suggestion"):
        body = body_of(call)
        assert (body["Weight"], body["Pricing"]["SalePrice"]) == (180, 1250)


def test_a_sale_is_output_and_a_return_is_input(calls: list[Call]) -> None:
    """P67."""
    types = {(call.message.operation, body_of(call)["type"]) for call in of(calls, "invoice", "return_invoice")}
    assert types == {("invoice", "Output"), ("return_invoice", "Input")}


def test_our_own_schemas_know_what_we_send(calls: list[Call]) -> None:
    for call in of(calls, "invoice", "return_invoice"):
        body = body_of(call)
        assert InvoiceSchema().validate({**body, "courier": body["courier"] or "none"}) == {}
    for call in of(calls, "delivery_promises"):
        assert AvailabilitySchema(many=True).validate(body_of(call)) == {}
    assert [SuggestionSchema().validate(body_of(call)) for call in of(calls, "suggestion")] == [{}] * len(SKU_IDS)


def test_a_stock_keeping_id_is_a_number_only_where_nothing_gets_lost(calls: list[Call]) -> None:
    ids = {
        call.message.arguments["sku_id"]: body_of(call)["SellerStockKeepingUnitId"] for call in of(calls, "suggestion")
    }
    assert ids == {**{sku_id: sku_id for sku_id in SKU_IDS}, "42": 42}


def test_bodies_are_utf8_of_the_length_that_is_told(calls: list[Call]) -> None:
    for call in calls:
        assert call.request.method == "GET" or "content-length" in call.request.headers
        assert len(call.request.body) == int(call.request.headers.get("content-length", 0))
        assert "transfer-encoding" not in call.request.headers
    (canceled,) = (call for call in of(calls, "cancel_order") if ORDER_IDS[1] in call.message.lane)
    assert canceled.request.body.decode("utf-8") == json.dumps(
        {"reason": '"broken" e não há mais'}, ensure_ascii=False, separators=(",", ":")
    )


def test_a_call_brings_nothing_of_the_environment(calls: list[Call]) -> None:
    assert not any({"cookie", "authorization", "proxy-authorization"} & call.request.headers.keys() for call in calls)
