"""The two documented families of calls about orders, and settings that move a call. (P51, P68, P76, P82)"""

from collections.abc import Iterator
from typing import Any

import pytest

from flask_vtex_seller.config import Marketplace, Settings
from flask_vtex_seller.errors import ConfigurationError
from flask_vtex_seller.marketplace import client as client_module
from flask_vtex_seller.marketplace.client import MarketplaceClient
from flask_vtex_seller.marketplace.operations import OPERATIONS
from flask_vtex_seller.marketplace.outcome import Outcome, Verdict

from ..shops import ACME, StoppedClock
from .loopback import RESET, Loopback, Received, marketplace_at, reply

VALUES = {"marketplace_order_id": "1-01", "invoice_number": "NF77", "sku_id": "apple", "change_id": "c/1"}
ORDER = "/api/oms/pvt/orders/1-01"
PATHS = {
    "invoice": "/invoice",
    "return_invoice": "/invoice",
    "tracking": "/invoice/NF77",
    "tracking_status": "/invoice/NF77/tracking",
    "cancel_order": "/cancel",
    "cancel_returned_order": "/cancel",
}
SECOND_VERBS = {"tracking": "PATCH", "tracking_status": "PUT"}
NO_ROUTE = (b"", b"<html>404</html>", b'{"Message": "No HTTP resource was found that matches the request URI"}')


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def client(clock: StoppedClock) -> Iterator[MarketplaceClient]:
    client = MarketplaceClient(clock, user_agent="tests", resolver=lambda _: ["52.95.120.1"])
    yield client
    client.close()


def acme(**changes: Any) -> Marketplace:
    settings = Settings.from_config({"VTEX_SELLER_MARKETPLACES": {"acme": {**ACME, **changes}}})
    return settings.marketplaces["acme"]


def send(
    client: MarketplaceClient, server: Loopback, name: str, endpoint: str | None = None, **changes: Any
) -> Outcome:
    marketplace = acme(**marketplace_at(server.url, **changes))
    return client.send(OPERATIONS[name], marketplace, VALUES, {"a": 1}, services_endpoint=endpoint)


def heard(server: Loopback) -> list[str]:
    return [f"{request.method} {request.target}" for request in server.received]


def only_post(status: int, body: bytes = b"") -> Any:
    return lambda request: reply(200, b"{}") if request.method == "POST" else reply(status, body)


# the OMS family


@pytest.mark.parametrize("name", SECOND_VERBS)
@pytest.mark.parametrize(("status", "body"), [(405, b""), *((404, body) for body in NO_ROUTE)])
def test_a_route_that_is_not_there_is_tried_once_by_post(
    client: MarketplaceClient, server: Loopback, name: str, status: int, body: bytes
) -> None:
    """P68, row 6: the same call, body and all, at once and only once."""
    server.answer = only_post(status, body)
    outcome = send(client, server, name)
    assert outcome.verdict is Verdict.DELIVERED
    assert heard(server) == [f"{verb} {ORDER}{PATHS[name]}" for verb in (SECOND_VERBS[name], "POST")]
    first, second = server.received
    assert first.body == second.body
    assert {**first.headers, "connection": ""} == {**second.headers, "connection": ""}


@pytest.mark.parametrize("name", SECOND_VERBS)
@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 409, 410, 422, 429, 500, 501, 503])
def test_no_other_answer_is_tried_by_post(client: MarketplaceClient, server: Loopback, name: str, status: int) -> None:
    """P68"""
    server.answer = lambda _: reply(status)
    send(client, server, name)
    assert heard(server) == [f"{SECOND_VERBS[name]} {ORDER}{PATHS[name]}"]


def test_no_answer_is_not_tried_by_post(client: MarketplaceClient, server: Loopback) -> None:
    """P68: nobody knows whether the first arrived; the outbox repeats it as it was."""
    server.answer = lambda _: RESET
    assert send(client, server, "tracking").verdict is Verdict.RETRY
    assert len(server.received) == 1


@pytest.mark.parametrize("name", sorted({*OPERATIONS} - {*SECOND_VERBS}))
@pytest.mark.parametrize("status", [404, 405])
def test_no_other_call_is_tried_twice(client: MarketplaceClient, server: Loopback, name: str, status: int) -> None:
    """P68: a POST is one already, and PUT is the only verb of suggestions and promises."""
    server.answer = lambda _: reply(status)
    send(client, server, name)
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [(404, 404, 404), (404, 405, 404), (405, 404, 404), (405, 405, 405), (404, 400, 400), (405, 503, 503)],
)
def test_two_answers_are_judged_as_one(
    client: MarketplaceClient, server: Loopback, first: int, second: int, told: int
) -> None:
    """P68: an order that is not there stays a 404, whichever verb was meant."""
    server.answer = lambda request: reply(second if request.method == "POST" else first)
    outcome = send(client, server, "tracking")
    assert outcome.status == told
    assert outcome.verdict is (Verdict.RETRY if told == 503 else Verdict.REFUSED)
    assert len(server.received) == 2


def test_two_calls_take_no_longer_than_one_may(
    client: MarketplaceClient, server: Loopback, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P68, P81: a lease is made for one call."""
    patience: list[float] = []
    genuine = client_module.MarketplaceClient._exchange

    def recording(self: Any, operation: Any, marketplace: Any, call: Any, seconds: float) -> Outcome:
        patience.append(seconds)
        outcome = genuine(self, operation, marketplace, call, seconds)
        clock.advance(20)
        return outcome

    monkeypatch.setattr(client_module.MarketplaceClient, "_exchange", recording)
    server.answer = lambda _: reply(405)
    send(client, server, "tracking")
    first, second = patience
    assert first == client_module.READ_SECONDS
    assert 20 + client_module.CONNECT_SECONDS + 2 * second <= client_module.CONNECT_SECONDS + 2 * first


# the protocol family


@pytest.mark.parametrize("name", PATHS)
def test_the_protocol_family_posts_to_the_orders_own_services(
    client: MarketplaceClient, server: Loopback, name: str
) -> None:
    """P76, row 6, row 37"""
    server.answer = lambda _: reply(200, b"{}")
    outcome = send(client, server, name, f"{server.url}/x?an=acmemarket", route_family="protocol")
    assert (outcome.verdict, outcome.reason) == (Verdict.DELIVERED, "200")
    assert heard(server) == [f"POST /x/pvt/orders/1-01{PATHS[name]}?an=acmemarket"]


@pytest.mark.parametrize("status", [404, 405])
def test_a_post_of_the_protocol_family_is_final(client: MarketplaceClient, server: Loopback, status: int) -> None:
    """P68"""
    server.answer = lambda _: reply(status)
    outcome = send(client, server, "tracking", f"{server.url}/?an=acmemarket", route_family="protocol")
    assert (outcome.status, len(server.received)) == (status, 1)


@pytest.mark.parametrize("endpoint", [None, ""])
def test_an_order_without_services_is_told_at_base_url(
    client: MarketplaceClient, server: Loopback, endpoint: str | None
) -> None:
    """row 37: with the verbs of that family, the POST after a 405 included."""
    server.answer = only_post(405)
    outcome = send(client, server, "tracking", endpoint, route_family="protocol")
    assert heard(server) == [f"{verb} {ORDER}/invoice/NF77" for verb in ("PATCH", "POST")]
    assert outcome.reason == "200 (sent to base_url: the order's marketplaceServicesEndpoint is missing)"


def test_a_refusal_tells_that_the_endpoint_was_not_used(client: MarketplaceClient, server: Loopback) -> None:
    """row 37: the invoice is a dead letter that says all there is to know."""
    server.answer = lambda _: reply(404, b"{}")
    outcome = send(client, server, "invoice", "https://other.myvtex.com/", route_family="protocol")
    assert outcome.verdict is Verdict.REFUSED
    assert "404" in outcome.reason
    assert "leads to no host of the marketplace's account" in outcome.reason


def test_a_redirect_of_the_orders_services_is_not_followed(client: MarketplaceClient, server: Loopback) -> None:
    """P75, P78"""
    server.answer = lambda request: reply(307, Location=f"{server.url}/elsewhere")
    outcome = send(client, server, "invoice", f"{server.url}/?an=acmemarket", route_family="protocol")
    assert (outcome.verdict, len(server.received)) == (Verdict.REFUSED, 1)


# settings that move a call


def test_the_catalog_route_is_a_setting_with_its_own_permission(client: MarketplaceClient, server: Loopback) -> None:
    """P51, P79, row 2"""
    server.answer = lambda _: reply(403)
    reasons = {}
    for route in ("catalog_system", "sku-binding"):
        reasons[route] = send(client, server, "change_notification", catalog_route=route).reason
    end = "pvt/skuseller/changenotification/fruitshop/apple"
    assert heard(server) == [f"POST /api/catalog_system/{end}", f"POST /api/sku-binding/{end}"]
    assert "Seller SKUs" in reasons["catalog_system"]
    assert "Edit Product" in reasons["sku-binding"]


@pytest.mark.parametrize("status", [200, 202, 204])
def test_any_2xx_to_a_notice_is_a_yes(client: MarketplaceClient, server: Loopback, status: int) -> None:
    """P52, P59, row 3"""
    server.answer = lambda _: reply(status)
    for name in ("change_notification", "price_notification", "inventory_notification"):
        assert send(client, server, name).verdict is Verdict.DELIVERED


def test_the_notificators_prefix_is_a_setting(client: MarketplaceClient, server: Loopback) -> None:
    """P59, row 4"""
    for changes in ({}, {"notificator_prefix": "/notificator/"}):
        send(client, server, "price_notification", **changes)
        send(client, server, "inventory_notification", **changes)
    assert heard(server) == [
        f"POST {prefix}/fruitshop/changenotification/apple/{kind}"
        for prefix in ("/api/notificator", "/notificator")
        for kind in ("price", "inventory")
    ]


def test_the_agreements_path_is_a_setting(client: MarketplaceClient, server: Loopback) -> None:
    """P82, row 38"""
    template = "/pvt/orders/{marketplace_order_id}/changes/{change_id}/send-agreement?accountName={account}"
    for changes in ({}, {"agreement_path": template}):
        send(client, server, "agreement", **changes)
    send(client, server, "agreement", f"{server.url}/api/oms?an=acmemarket", route_family="protocol")
    end = "orders/1-01/changes/c%2F1/send-agreement"
    assert heard(server) == [
        f"POST /api/order-system/{end}",
        f"POST /pvt/{end}?accountName=acmemarket",
        f"POST /api/oms/pvt/{end}?an=acmemarket&accountName=acmemarket",
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("catalog_route", "catalog"),
        ("route_family", "OMS"),
        ("notificator_prefix", "api/notificator"),
        ("notificator_prefix", "/api/../x"),
        ("notificator_prefix", "/api?x=1"),
        ("notificator_prefix", "https://evil.io/"),
        ("notificator_prefix", "/{account}"),
        ("agreement_path", "/changes/{change_id}"),
        ("agreement_path", "/{marketplace_order_id}/{change_id}/{order_id}"),
        ("agreement_path", "{marketplace_order_id}/{change_id}"),
        ("agreement_path", "//evil.io/{marketplace_order_id}/{change_id}"),
        ("agreement_path", "/../{marketplace_order_id}/{change_id}"),
        ("agreement_path", "/{marketplace_order_id}/{change_id}/{change_id.__class__}"),
        ("agreement_path", "/{marketplace_order_id}/{change_id}/{"),
        ("agreement_path", "/{marketplace_order_id}/{change_id}\r\n"),
        ("catalog", "yes"),
        ("orders", 0),
    ],
)
def test_a_setting_that_is_none_is_refused_at_the_start(key: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=key):
        acme(**{key: value})


def test_a_suggestion_goes_to_its_own_host_whatever_the_family(client: MarketplaceClient, server: Loopback) -> None:
    """P53, row 33"""
    assert acme().suggestions_url == "https://api.vtex.com/acmemarket"

    def answer(request: Received) -> bytes:
        return reply(200 if request.target.startswith("/acmemarket/suggestions/") else 500)

    server.answer = answer
    assert send(client, server, "suggestion", route_family="protocol").verdict is Verdict.DELIVERED


def test_delivery_promises_name_seller_and_account(client: MarketplaceClient, server: Loopback) -> None:
    server.answer = lambda _: reply(403)
    outcome = send(client, server, "delivery_promises")
    assert heard(server) == ["PUT /api/delivery-promises/external-sellers/fruitshop/products?an=acmemarket"]
    assert "Notify Product Availability Change" in outcome.reason
