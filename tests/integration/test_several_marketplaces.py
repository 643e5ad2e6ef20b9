"""One shop on two marketplaces: own keys, tokens, prices, orders and lanes; one of them by the protocol's routes."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest

from flask_vtex_seller import Agreement, Offer, OrderState, SimulationRequest, UnknownOrder, message_dead
from flask_vtex_seller.marketplace.operations import Meaning
from flask_vtex_seller.marketplace.outcome import Outcome
from flask_vtex_seller.outbox.message import Message
from flask_vtex_seller.state import current_state

from ..contract.speaking import DELIVERED, TRACKING, drain, make_invoice, place_order, speaking
from ..marketplace.loopback import Loopback, Received, loopback, marketplace_at, reply
from ..shops import TOKEN, Shop, StoppedClock, order_body

A = "1138-01"
"""An id that both marketplaces give."""
OMS = f"/api/oms/pvt/orders/{A}"
OTHER_TOKEN = "inbound-token-of-the-other"
OTHER_KEYS = {
    "account": "othermarket",
    "seller_id": "frutas",
    "app_key": "vtexappkey-other",
    "app_token": "app-token-of-the-other",
    "inbound_tokens": [OTHER_TOKEN],
}
MakeShop = Callable[..., Shop]


def done(_: Received) -> bytes:
    return reply(200, b"{}")


@pytest.fixture
def acme() -> Iterator[Loopback]:
    with loopback() as server:
        server.answer = done
        yield server


@pytest.fixture
def other() -> Iterator[Loopback]:
    with loopback() as server:
        server.answer = done
        yield server


@pytest.fixture
def shop(new_shop: MakeShop, acme: Loopback, other: Loopback) -> Shop:
    marketplaces = {"acme": marketplace_at(acme.url), "other": {**marketplace_at(other.url), **OTHER_KEYS}}
    return new_shop(marketplaces=marketplaces, clock=StoppedClock())


def call(shop: Shop, path: str, body: Any, marketplace: str) -> Any:
    token = TOKEN if marketplace == "acme" else OTHER_TOKEN
    return shop.call(path, body, marketplace=marketplace, query_string={"token": token})


def place_twins(shop: Shop) -> dict[str, str]:
    """Have both place and authorize an order of the same id; return the shop's ids."""
    ids = {}
    for name in ("acme", "other"):
        body = order_body(A, seller_id=OTHER_KEYS["seller_id"]) if name == "other" else order_body(A)
        placed = call(shop, "/pvt/orders", [body], name)
        ids[name] = json.loads(placed.text)[0]["orderId"]
        assert call(shop, f"/pvt/orders/{ids[name]}/fulfill", {"marketplaceOrderId": A}, name).status_code == 200
    return ids


def heard(server: Loopback) -> list[str]:
    return [f"{request.method} {request.target}" for request in server.received]


# what comes in


@pytest.mark.parametrize(("marketplace", "token"), [("acme", OTHER_TOKEN), ("other", TOKEN)])
@pytest.mark.parametrize("path", ["/pvt/orderForms/simulation", "/pvt/orders", f"/pvt/orders/{A}/fulfill"])
def test_a_token_opens_its_own_marketplace_only(shop: Shop, marketplace: str, token: str, path: str) -> None:
    answer = shop.call(path, {}, marketplace=marketplace, query_string={"token": token})
    assert answer.status_code == 401
    assert shop.asked == []


def test_the_offer_hook_sees_who_asks_and_may_price_by_it(new_shop: MakeShop, acme: Loopback) -> None:
    shop = new_shop(
        marketplaces={"acme": marketplace_at(acme.url), "other": {**marketplace_at(acme.url), **OTHER_KEYS}}
    )
    prices = {"acme": 1250, "other": 1400}
    shop.seller._hooks.offer_loader._function = None

    @shop.seller.offer_loader
    def offers(sku_ids: Sequence[str], request: SimulationRequest) -> Iterable[Offer]:
        return [Offer(sku_id=sku_id, price=prices[request.marketplace], stock=1) for sku_id in sku_ids]

    body = {"items": [{"id": "apple", "quantity": 1, "seller": "any"}]}
    answers = {name: call(shop, "/pvt/orderForms/simulation", body, name).json for name in prices}
    assert {name: answer["items"][0]["price"] for name, answer in answers.items()} == prices


def test_one_id_of_two_marketplaces_is_two_orders(shop: Shop) -> None:
    ids = place_twins(shop)
    assert len(set(ids.values())) == 2
    assert shop.order_ids() == sorted(ids.values())


@pytest.mark.parametrize("verb", ["fulfill", "cancel"])
def test_an_order_of_one_is_invisible_to_the_other(shop: Shop, verb: str) -> None:
    order_id = json.loads(call(shop, "/pvt/orders", [order_body(A)], "acme").text)[0]["orderId"]
    shop.asked.clear()
    for name in (order_id, A):
        answer = call(shop, f"/pvt/orders/{name}/{verb}", {"marketplaceOrderId": A}, "other")
        assert (answer.status_code, answer.json["error"]["code"]) == (404, "ORDER_NOT_FOUND")
    assert shop.asked == []
    with shop.app.app_context(), pytest.raises(UnknownOrder):
        shop.seller.order(order_id, marketplace="other")


# what goes out


def test_each_gets_its_own_keys_seller_and_account(shop: Shop, acme: Loopback, other: Loopback) -> None:
    ids = place_twins(shop)
    with speaking(shop) as seller:
        seller.notify_price("apple")
        for order_id in ids.values():
            seller.send_invoice(order_id, make_invoice())
    assert drain(shop) == (4, 0, 0)
    for server, key, token, seller_id in (
        (acme, "vtexappkey-acme", "app-token-secret", "fruitshop"),
        (other, OTHER_KEYS["app_key"], OTHER_KEYS["app_token"], "frutas"),
    ):
        assert sorted(heard(server)) == [
            f"POST /api/notificator/{seller_id}/changenotification/apple/price",
            f"POST {OMS}/invoice",
        ]
        credentials = {
            (one.headers["x-vtex-api-appkey"], one.headers["x-vtex-api-apptoken"]) for one in server.received
        }
        assert credentials == {(key, token)}


def test_lanes_of_one_name_at_two_marketplaces_do_not_wait_for_each_other(
    shop: Shop, acme: Loopback, other: Loopback
) -> None:
    """The same order id and the same SKU: what is stuck at one goes on at the other."""
    ids = place_twins(shop)
    with speaking(shop) as seller:
        for order_id in ids.values():
            seller.send_invoice(order_id, make_invoice("1", tracking=TRACKING))
            seller.update_tracking_status(order_id, "1", DELIVERED)
        seller.notify_price("apple")
        seller.notify_inventory("apple")
    acme.answer = lambda _: reply(503)
    drain(shop)
    assert len(other.received) == 4
    assert sorted(heard(acme)) == [
        "POST /api/notificator/fruitshop/changenotification/apple/price",
        f"POST {OMS}/invoice",
    ]
    with shop.app.app_context():
        states = {name: shop.seller.order(order_id).state for name, order_id in ids.items()}
    assert states == {"acme": OrderState.AUTHORIZED, "other": OrderState.DELIVERED}


def test_a_dead_letter_of_one_holds_nothing_of_the_other(shop: Shop, acme: Loopback, other: Loopback) -> None:
    ids = place_twins(shop)
    acme.answer = lambda _: reply(403)
    with speaking(shop) as seller:
        for order_id in ids.values():
            seller.send_invoice(order_id, make_invoice("1"))
            seller.send_tracking(order_id, "1", TRACKING)
    assert drain(shop) == (2, 0, 1)
    assert (len(acme.received), len(other.received)) == (1, 2)


def test_pausing_one_leaves_the_other(new_shop: MakeShop, acme: Loopback, other: Loopback) -> None:
    marketplaces = {"acme": marketplace_at(acme.url, paused=True), "other": {**marketplace_at(other.url), **OTHER_KEYS}}
    shop = new_shop(marketplaces=marketplaces, clock=StoppedClock())
    with speaking(shop) as seller:
        seller.notify_price("apple")
    assert drain(shop) == (1, 0, 0)
    assert (len(acme.received), len(other.received)) == (0, 1)


# the protocol family, from the placement to the call


@pytest.fixture
def protocol(new_shop: MakeShop, acme: Loopback, other: Loopback) -> Shop:
    """A shop whose marketplace `acme` is called by the protocol's routes, and `other` by those of the OMS."""
    marketplaces = {
        "acme": marketplace_at(acme.url, route_family="protocol"),
        "other": {**marketplace_at(other.url), **OTHER_KEYS},
    }
    return new_shop(marketplaces=marketplaces, clock=StoppedClock())


def place_at(shop: Shop, endpoint: str | None) -> str:
    body = order_body(A, marketplaceServicesEndpoint=endpoint)
    order_id: str = call(shop, "/pvt/orders", [body], "acme").json[0]["orderId"]
    assert call(shop, f"/pvt/orders/{order_id}/fulfill", {}, "acme").status_code == 200
    return order_id


def say_a_life(shop: Shop, order_id: str) -> None:
    with speaking(shop) as seller:
        seller.send_agreement(order_id, "c-1", Agreement.ACKNOWLEDGMENT)
        seller.send_agreement(order_id, "c-1", Agreement.CONFIRMATION)
        seller.send_invoice(order_id, make_invoice("1"))
        seller.send_tracking(order_id, "1", TRACKING)
        seller.update_tracking_status(order_id, "1", DELIVERED)
        seller.notify_price("apple", marketplaces=["acme"])


def test_the_endpoint_of_the_placement_is_where_the_calls_about_it_go(protocol: Shop, acme: Loopback) -> None:
    """P76, row 37"""
    order_id = place_at(protocol, f"{acme.url}/api/oms?an=acmemarket")
    say_a_life(protocol, order_id)
    assert drain(protocol) == (6, 0, 0)
    agreement = f"POST {OMS}/changes/c-1/send-agreement?an=acmemarket&accountName=acmemarket"
    assert [line for line in heard(acme) if "/oms/" in line] == [
        agreement,
        agreement,
        f"POST {OMS}/invoice?an=acmemarket",
        f"POST {OMS}/invoice/1?an=acmemarket",
        f"POST {OMS}/invoice/1/tracking?an=acmemarket",
    ]
    with protocol.app.app_context():
        assert protocol.seller.order(order_id).state is OrderState.DELIVERED


@pytest.mark.parametrize("endpoint", ["https://evil.io/?an=acmemarket", "http://127.0.0.1:1/", "", None, "x" * 3000])
def test_a_forged_endpoint_neither_gets_the_key_nor_loses_the_invoice(
    protocol: Shop, acme: Loopback, endpoint: str | None
) -> None:
    """P75, row 37"""
    placed = call(protocol, "/pvt/orders", [order_body(A, marketplaceServicesEndpoint=endpoint)], "acme")
    if placed.status_code != 200:
        assert placed.status_code == 400
        return
    order_id = placed.json[0]["orderId"]
    call(protocol, f"/pvt/orders/{order_id}/fulfill", {}, "acme")
    with speaking(protocol) as seller:
        seller.send_invoice(order_id, make_invoice("1"))
    assert drain(protocol) == (1, 0, 0)
    assert heard(acme) == [f"POST {OMS}/invoice"]
    with protocol.app.app_context():
        [message] = current_state().outbox.page(state=None, marketplace=None, lane=None, limit=9)
    assert message.last_reason.startswith("200 (sent to base_url: the order's marketplaceServicesEndpoint ")


def test_the_family_counts_when_it_is_sent_and_not_when_it_is_said(
    new_shop: MakeShop, protocol: Shop, acme: Loopback
) -> None:
    """row 37: a shop that goes back to `oms` takes along what waits."""
    order_id = place_at(protocol, f"{acme.url}/api/oms?an=acmemarket")
    with speaking(protocol) as seller:
        seller.send_invoice(order_id, make_invoice("1"))
    protocol.close()
    again = new_shop(marketplaces={"acme": marketplace_at(acme.url)}, clock=StoppedClock(), create_tables=False)
    assert drain(again) == (1, 0, 0)
    assert heard(acme) == [f"POST {OMS}/invoice"]


def test_tracking_is_sent_by_post_where_patch_is_no_route(shop: Shop, acme: Loopback) -> None:
    """P68, row 6"""
    acme.answer = lambda request: reply(405) if request.method in ("PATCH", "PUT") else reply(200, b"{}")
    order_id = place_order(shop, A)
    with speaking(shop) as seller:
        seller.send_invoice(order_id, make_invoice("1"))
        seller.send_tracking(order_id, "1", TRACKING)
        seller.update_tracking_status(order_id, "1", DELIVERED)
    assert drain(shop) == (3, 0, 0)
    assert [line.split()[0] for line in heard(acme)] == ["POST", "PATCH", "POST", "PUT", "POST"]


# a cancellation that the marketplace refuses


def test_a_shop_hears_that_an_order_is_not_canceled_and_why(shop: Shop, acme: Loopback) -> None:
    """P69: a meaning for programs, words for people, and an order that goes on once the message is discarded."""
    acme.answer = lambda _: reply(400, b'{"error": {"message": "The order is partially invoiced"}}')
    order_id = place_order(shop, A)
    with speaking(shop) as seller:
        seller.cancel_order(order_id, reason="broken")
    told: list[tuple[Message, Outcome]] = []

    def hear(_: object, message: Message, outcome: Outcome) -> None:
        told.append((message, outcome))

    with message_dead.connected_to(hear, shop.app):
        assert drain(shop) == (0, 0, 1)
    [(message, outcome)] = told
    assert (message.operation, outcome.meaning) == ("cancel_order", Meaning.NOT_CANCELABLE)
    assert "discard this message" in outcome.reason
    with shop.app.app_context():
        assert shop.seller.order(order_id).state is OrderState.AUTHORIZED
    discarded = shop.app.test_cli_runner().invoke(
        args=["vtex-seller", "outbox", "discard", str(message.id), "--yes", "--reason", "it is invoiced"]
    )
    assert discarded.exit_code == 0
    acme.answer = done
    with speaking(shop) as seller:
        seller.send_invoice(order_id, make_invoice("1"))
    assert drain(shop) == (1, 0, 0)
