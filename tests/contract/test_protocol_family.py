"""Calls by the protocol's own routes and the newer catalog route, against the published files. (rows 2, 6 and 37)"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from flask_vtex_seller import Agreement, message_dead, message_delivered
from flask_vtex_seller.outbox.message import Message

from ..marketplace.loopback import Loopback, loopback, marketplace_at
from ..shops import ACME, APP_TOKEN, Shop, StoppedClock, order_body
from .deviations import REQUEST_DEVIATIONS
from .speaking import DELIVERED, TRACKING, drain, make_invoice, make_sku, sell, speaking
from .test_outbound import DOCUMENTS, PUBLISHED, Call, answer, call_mistakes, contract, validator_of

PROTOCOL = "external-seller-marketplace"
OF_THE_OMS = {("prefix",), ("method",), ("template",)}
"""Deviations that this family does not need: its addresses and verbs are the published ones."""
DEVIATIONS = [deviation for deviation in REQUEST_DEVIATIONS if deviation.path not in OF_THE_OMS]
ORDER_ID = "1138 342/255-01"
MakeShop = Callable[..., Shop]


def record(new_shop: MakeShop, server: Loopback, say: Callable[[Shop], None], **settings: Any) -> list[Call]:
    settled: list[Message] = []

    def hear(_: object, message: Message, **__: Any) -> None:
        settled.append(message)

    server.answer = answer
    shop = new_shop(marketplaces={"acme": marketplace_at(server.url, **settings)}, clock=StoppedClock())
    with message_delivered.connected_to(hear, shop.app), message_dead.connected_to(hear, shop.app):
        say(shop)
        drain(shop)
    return [Call(message=message, request=one) for message, one in zip(settled, server.received, strict=True)]


def place(shop: Shop, marketplace_order_id: str, endpoint: str) -> str:
    body = order_body(marketplace_order_id, marketplaceServicesEndpoint=endpoint)
    order_id: str = shop.call("/pvt/orders", [body]).json[0]["orderId"]
    assert shop.call(f"/pvt/orders/{order_id}/fulfill", {}).status_code == 200
    return order_id


@pytest.fixture
def calls(new_shop: MakeShop) -> list[Call]:
    """Every call about an order, by the protocol's routes."""
    with loopback() as server:
        endpoint = f"{server.url}/?an={ACME['account']}"

        def say(shop: Shop) -> None:
            order_id, second = place(shop, ORDER_ID, endpoint), place(shop, "2-01", endpoint)
            with speaking(shop) as seller:
                seller.send_agreement(order_id, "c/1", Agreement.CONFIRMATION)
                seller.send_invoice(order_id, make_invoice("1"))
                seller.send_tracking(order_id, "1", TRACKING)
                seller.update_tracking_status(order_id, "1", DELIVERED)
                seller.cancel_order(order_id, reason="came back", return_invoice=make_invoice("R1"))
                seller.cancel_order(second, reason="broken")

        return record(new_shop, server, say, route_family="protocol")


def test_every_call_about_an_order_has_a_protocol_form(calls: list[Call]) -> None:
    published = {name for name, places in PUBLISHED.items() if any(file == PROTOCOL for file, _, _ in places)}
    assert {call.message.operation for call in calls} == published


def test_they_keep_to_the_published_addresses_and_verbs(calls: list[Call]) -> None:
    """P76, P82, row 6, row 37, row 38: but for the fields of a body that the other family has, too."""
    for call in calls:
        target = urlsplit(call.request.target)
        bare = replace(call, request=replace(call.request, target=target.path))
        [place] = [place for place in PUBLISHED[call.message.operation] if place[0] == PROTOCOL]
        asked = contract(*place, DEVIATIONS)
        assert list(call_mistakes(bare, asked, validator_of(asked["body"]))) == []
        queries = [one["name"] for one in parameters(place) if one["in"] == "query" and one["required"]]
        assert target.query == "&".join([f"an={ACME['account']}", *(f"{name}={ACME['account']}" for name in queries)])


def parameters(place: tuple[str, str, str]) -> list[dict[str, Any]]:
    file, method, template = place
    document = DOCUMENTS[file]
    found = document["paths"][template][method]["parameters"]
    shared = document["components"]["parameters"]
    return [shared[one["$ref"].rpartition("/")[2]] if "$ref" in one else one for one in found]


def test_the_agreements_are_the_published_ones(calls: list[Call]) -> None:
    """P82"""
    schema = DOCUMENTS[PROTOCOL]["paths"][PUBLISHED["agreement"][0][2]]["post"]["requestBody"]["content"]
    published = schema["application/json"]["schema"]["properties"]["agreementType"]["enum"]
    assert [agreement.value for agreement in Agreement] == published
    [call] = [call for call in calls if call.message.operation == "agreement"]
    assert json.loads(call.request.body) == {"agreementType": "Confirmation"}


def test_the_key_is_in_the_headers_and_nowhere_else(calls: list[Call]) -> None:
    """P80"""
    for call in calls:
        assert call.request.headers["x-vtex-api-apptoken"] == APP_TOKEN
        assert APP_TOKEN not in call.request.target


def test_the_newer_catalog_route_differs_in_one_word(new_shop: MakeShop) -> None:
    """P51, row 2: never the form of one segment, whose id is the marketplace's own."""

    def say(shop: Shop) -> None:
        sell(shop, make_sku("a/b"))
        with speaking(shop) as seller:
            seller.notify_catalog("a/b")

    targets = []
    for route in ("catalog_system", "sku-binding"):
        with loopback() as server:
            notice = record(new_shop, server, say, catalog_route=route)[0]
        targets.append(notice.request.target)
        assert (notice.request.method, notice.request.body) == ("POST", b"")
    assert targets[0] == "/api/catalog_system/pvt/skuseller/changenotification/fruitshop/a%2Fb"
    assert targets[1] == targets[0].replace("catalog_system", "sku-binding")
