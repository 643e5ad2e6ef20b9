"""Two marketplaces of one shop: whatever ids the one uses, it meets its own orders alone. (S6)"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
from sqlalchemy import event
from werkzeug.test import TestResponse

from flask_vtex_seller import OrderModification, OrderState, UnknownOrder

from ..chaos.conftest import Scale
from ..chaos.report import Figures
from ..contract.speaking import make_invoice, speaking
from ..shops import ACME, Shop, order_body

NAMES = ("acme", "other")
TOKENS = {"acme": "token-of-acme", "other": "token-of-other"}
ORDERS = 4
"""Of each marketplace."""
SECRET = "receipt-of-{}"
VERBS = ("fulfill", "cancel", "changes", "changes/r-1/send-agreement")
BODIES: dict[str, Any] = {
    "fulfill": {},
    "cancel": {"cancellationRequestId": "c-1"},
    "changes": {"requestId": "r-1"},
    "changes/r-1/send-agreement": {"agreementType": "Confirmation"},
}


@pytest.fixture
def shop(new_shop: Callable[..., Shop]) -> Shop:
    settings = {
        name: {**ACME, "account": f"{name}market", "inbound_tokens": [TOKENS[name]], "order_modifications": True}
        for name in NAMES
    }
    shop = new_shop(marketplaces=settings)
    shop.release = lambda authorization: SECRET.format(authorization.marketplace)

    @shop.seller.on_order_modification
    def modify(modification: OrderModification) -> None:
        shop.asked.append(modification)

    return shop


def call(shop: Shop, marketplace: str, path: str, body: Any, token: str | None = None) -> TestResponse:
    query = {"token": TOKENS[marketplace] if token is None else token}
    return shop.call(path, body, marketplace=marketplace, query_string=query)


def place(shop: Shop, marketplace: str, marketplace_order_id: str) -> str:
    response = call(shop, marketplace, "/pvt/orders", [order_body(marketplace_order_id)])
    assert response.status_code == 200, response.text
    order_id: str = response.get_json()[0]["orderId"]
    return order_id


@pytest.fixture
def ids(shop: Shop) -> dict[str, dict[str, str]]:
    """By marketplace: the marketplace's id of each order, and the shop's. Some look like the other's."""
    return {
        name: {f"{name}-{number}": place(shop, name, f"{name}-{number}") for number in range(ORDERS)} for name in NAMES
    }


def test_every_id_of_the_other_marketplace_is_unknown(
    shop: Shop, ids: dict[str, dict[str, str]], scale: Scale, rng: Random, figures: Figures
) -> None:
    """The marketplace's id or the shop's, in the path, in the body or in both; nothing of the other's is told."""
    for name in NAMES:
        first = next(iter(ids[name].values()))
        assert call(shop, name, f"/pvt/orders/{first}/fulfill", {}).get_json()["receipt"] == SECRET.format(name)
    shop.asked.clear()
    done = scale(150, 1000)
    for _ in range(done):
        name, stranger = rng.sample(NAMES, 2)
        theirs, verb = rng.choice(list(ids[stranger].items())), rng.choice(VERBS)
        body = dict(BODIES[verb])
        if rng.random() < 0.5:
            body["marketplaceOrderId"] = rng.choice(theirs)
        response = call(shop, name, f"/pvt/orders/{rng.choice(theirs)}/{verb}", body)
        assert (response.status_code, response.headers["x-vtex-error-code"]) == (404, "ORDER_NOT_FOUND")
        assert SECRET.format(stranger) not in response.text
    assert shop.asked == [], "no function of the shop's was called"
    figures.note("S6", cases=done, found=0)


def test_an_order_of_ones_own_is_not_opened_by_an_id_of_the_others_in_the_body(
    shop: Shop, ids: dict[str, dict[str, str]]
) -> None:
    shop.asked.clear()
    for name, stranger in (NAMES, NAMES[::-1]):
        own = next(iter(ids[name].values()))
        for theirs in next(iter(ids[stranger].items())):
            for verb in ("fulfill", "cancel"):
                response = call(shop, name, f"/pvt/orders/{own}/{verb}", {"marketplaceOrderId": theirs})
                assert response.status_code == 400
    assert shop.asked == []


def test_the_same_ids_at_both_are_two_orders(shop: Shop) -> None:
    first, second = (place(shop, name, "twin-01") for name in NAMES)
    assert first != second
    assert call(shop, "acme", "/pvt/orders/twin-01/cancel", {}).get_json()["orderId"] == first
    with shop.app.app_context():
        assert shop.seller.order(first).state is OrderState.CANCELED
        assert shop.seller.order(second).state is OrderState.PLACED
    assert call(shop, "other", "/pvt/orders/twin-01/fulfill", {}).get_json()["orderId"] == second


def test_an_order_placed_under_the_shops_id_of_anothers_order_opens_nothing(
    shop: Shop, ids: dict[str, dict[str, str]]
) -> None:
    """Whoever may place orders chooses their ids."""
    theirs = next(iter(ids["other"].values()))
    own = place(shop, "acme", theirs)
    assert own != theirs
    assert call(shop, "acme", f"/pvt/orders/{theirs}/cancel", {}).get_json()["orderId"] == own
    with shop.app.app_context():
        assert shop.seller.order(theirs).state is OrderState.PLACED


def test_a_token_opens_one_marketplace(shop: Shop, ids: dict[str, dict[str, str]]) -> None:
    for name, stranger in (NAMES, NAMES[::-1]):
        for order_id in (*ids[name], *ids[name].values()):
            for verb in VERBS:
                response = call(shop, name, f"/pvt/orders/{order_id}/{verb}", BODIES[verb], token=TOKENS[stranger])
                assert response.status_code == 401


def test_the_shops_own_code_may_name_the_marketplace(shop: Shop, ids: dict[str, dict[str, str]]) -> None:
    order_id = next(iter(ids["acme"].values()))
    call(shop, "acme", f"/pvt/orders/{order_id}/fulfill", {})
    with pytest.raises(UnknownOrder), speaking(shop) as seller:
        seller.send_invoice(order_id, make_invoice("1"), marketplace="other")


@contextmanager
def statements(shop: Shop) -> Iterator[list[str]]:
    heard: list[str] = []

    def hear(_: Any, __: Any, statement: str, *___: Any) -> None:
        heard.append(" ".join(statement.split()))

    with shop.app.app_context():
        engine = shop.db.engine
    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield heard
    finally:
        event.remove(engine, "before_cursor_execute", hear)


def test_every_query_of_a_marketplaces_call_names_the_marketplace(shop: Shop) -> None:
    with statements(shop) as heard:
        order_id = place(shop, "acme", "1-01")
        place(shop, "acme", "1-01")
        call(shop, "acme", f"/pvt/orders/{order_id}/changes", BODIES["changes"])
        call(shop, "acme", f"/pvt/orders/{order_id}/fulfill", {})
        call(shop, "acme", f"/pvt/orders/{order_id}/cancel", {"cancellationRequestId": "c"})
        call(shop, "acme", "/pvt/orders/unknown/cancel", {})
    ours = [statement for statement in heard if re.search(r"\bvtex_\w+", statement)]
    assert len(ours) > 8
    for statement in ours:
        verb, _, condition = statement.partition(" WHERE ")
        assert "marketplace = " in condition or (verb.startswith("INSERT") and "(marketplace, " in verb), statement
