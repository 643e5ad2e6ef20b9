"""Order modifications, through their experimental routes."""

from collections.abc import Callable
from typing import Any

import pytest

from flask_vtex_seller import Agreement, ModifiedItem, OrderModification, OrderState

from ..shops import ACME, Shop, StoppedClock, order_body

REQUEST = {
    "reason": "The shopper wants another one",
    "add": {"items": [{"id": "pear", "quantity": 1, "price": 300}]},
    "remove": {"items": [{"id": "apple", "quantity": 1}]},
    "replace": [
        {"from": {"items": [{"id": "pear", "quantity": 2}]}, "to": {"items": [{"id": "plum", "quantity": 2}]}},
    ],
    "manualDiscountValue": 100,
    "manualIncrementValue": None,
    "unknown": [1],
}
CHANGES = "/pvt/orders/S-1/changes"
AGREEMENT = f"{CHANGES}/chg-1/send-agreement"


@pytest.fixture
def shop(new_shop: Callable[..., Shop]) -> Shop:
    """A shop that takes modifications of `acme` and has one order."""
    globex = {**ACME, "account": "globex"}
    shop = new_shop(
        clock=StoppedClock(), marketplaces={"acme": {**ACME, "order_modifications": True}, "globex": globex}
    )
    use_hook(shop)
    shop.call("/pvt/orders", [order_body()])
    return shop


def use_hook(shop: Shop, act: Callable[[OrderModification], None] = lambda _: None) -> None:
    @shop.seller.on_order_modification
    def modify(modification: OrderModification) -> None:
        shop.asked.append(modification)
        act(modification)


def told(shop: Shop) -> list[OrderModification]:
    return shop.asked_for(OrderModification)


def test_a_request_is_handed_to_the_hook_and_accepted(shop: Shop) -> None:
    response = shop.call(CHANGES, {**REQUEST, "requestId": "chg-1"})
    assert (response.status_code, response.json) == (202, {"requestId": "chg-1"})
    (change,) = told(shop)
    assert (change.marketplace, change.marketplace_order_id) == ("acme", "1138342255777-01")
    assert (change.order_id, change.request_id, change.agreement) == ("S-1", "chg-1", None)
    assert change.added == (ModifiedItem(sku_id="pear", quantity=1, price=300),)
    assert change.removed == (ModifiedItem(sku_id="apple", quantity=1),)
    assert change.replaced == (
        ((ModifiedItem(sku_id="pear", quantity=2),), (ModifiedItem(sku_id="plum", quantity=2),)),
    )
    assert (change.discount, change.increment, change.raw["unknown"]) == (100, 0, [1])
    assert "shopper" not in repr(change)


def test_a_request_is_understood_as_a_patch_too(shop: Shop) -> None:
    with shop.app.test_client() as client:
        token = ACME["inbound_tokens"][0]
        for path in (CHANGES, f"{CHANGES}/"):
            response = client.patch(f"/api/vtex/acme{path}", json=REQUEST, query_string={"token": token})
            assert response.status_code == 202


def test_a_request_without_an_id_gets_one_that_its_repeat_gets_again(shop: Shop) -> None:
    first, again = (shop.call(CHANGES, REQUEST).json["requestId"] for _ in range(2))
    other = shop.call(CHANGES, {"reason": "another"}).json["requestId"]
    assert first == again != other
    assert told(shop)[0].request_id == first


@pytest.mark.parametrize(
    "body",
    [{}, dict.fromkeys(REQUEST), {"add": {}, "remove": {"items": None}, "replace": [{}]}, {"ADD": {"items": []}}],
)
def test_everything_may_be_missing(shop: Shop, body: dict[str, Any]) -> None:
    assert shop.call(CHANGES, body).status_code == 202
    (change,) = told(shop)
    assert (change.added, change.removed, change.discount) == ((), (), 0)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "Invalid input type"),
        ({"add": {"items": [{"id": "pear", "quantity": 0}]}}, "add.items[0].quantity"),
        ({"remove": {"items": [{"quantity": 1}]}}, "remove.items[0].id"),
        ({"replace": [{"from": {"items": [{"id": "pear", "quantity": 1, "price": 1.5}]}}]}, "replace[0].from.items[0]"),
        ({"manualDiscountValue": -1}, "manualDiscountValue"),
        ({"requestId": "x" * 129}, "requestId"),
    ],
)
def test_a_malformed_request_is_refused_naming_the_field(shop: Shop, body: Any, field: str) -> None:
    response = shop.call(CHANGES, body)
    assert (response.status_code, response.json["error"]["code"]) == (400, "INVALID_FIELD")
    assert field in response.json["error"]["message"]
    assert told(shop) == []


@pytest.mark.parametrize("agreement", list(Agreement))
def test_an_agreement_is_handed_to_the_hook_and_repeated(shop: Shop, agreement: Agreement) -> None:
    response = shop.call(AGREEMENT, {"agreementType": agreement.value})
    assert response.status_code == 200
    assert response.json == {"orderId": "S-1", "changeRequestId": "chg-1", "agreementType": agreement.value}
    (change,) = told(shop)
    assert (change.request_id, change.agreement, change.added) == ("chg-1", agreement, ())


@pytest.mark.parametrize("body", [{}, {"agreementType": "Request"}, {"agreementType": None}, {"agreementType": "ok"}])
def test_an_agreement_of_another_kind_is_refused(shop: Shop, body: dict[str, Any]) -> None:
    assert shop.call(AGREEMENT, body).status_code == 400
    assert told(shop) == []


@pytest.mark.parametrize("change", ["x" * 129, "a%00b"])
def test_an_id_of_a_change_that_is_none_is_refused(shop: Shop, change: str) -> None:
    response = shop.call(f"{CHANGES}/{change}/send-agreement", {"agreementType": "Confirmation"})
    assert (response.status_code, response.json["error"]["code"]) == (400, "INVALID_FIELD")


@pytest.mark.parametrize("path", ["/pvt/orders/S-9/changes", "/pvt/orders/S-9/changes/chg-1/send-agreement"])
def test_an_unknown_order_is_404(shop: Shop, path: str) -> None:
    response = shop.call(path, {"agreementType": "Confirmation"})
    assert (response.status_code, response.json["error"]["code"]) == (404, "ORDER_NOT_FOUND")


def test_a_canceled_order_is_not_modified(shop: Shop) -> None:
    shop.call("/pvt/orders/S-1/cancel", {})
    response = shop.call(CHANGES, REQUEST)
    assert (response.status_code, response.json["error"]["code"]) == (409, "ORDER_CANCELED")
    assert told(shop) == []


@pytest.mark.parametrize("path", [CHANGES, AGREEMENT])
def test_it_is_off_by_default_and_then_there_is_no_such_path(shop: Shop, path: str) -> None:
    response = shop.call(path, {"agreementType": "Confirmation"}, marketplace="globex")
    assert (response.status_code, response.json["error"]["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("path", [CHANGES, AGREEMENT])
def test_it_needs_a_token(shop: Shop, path: str) -> None:
    """P71"""
    assert shop.call(path, {}, query_string={}).status_code == 401


def test_what_the_hook_changes_is_committed_and_the_order_stays_as_it_is(shop: Shop) -> None:
    def forget(modification: OrderModification) -> None:
        shop.db.session.query(shop.orders).delete()

    use_hook(shop, forget)
    shop.call(CHANGES, REQUEST)
    assert shop.order_ids() == []
    with shop.app.app_context():
        assert shop.seller.order("S-1").state is OrderState.PLACED


def test_a_raising_hook_changes_nothing_and_a_repeat_succeeds(shop: Shop) -> None:
    def fail(modification: OrderModification) -> None:
        shop.db.session.query(shop.orders).delete()
        raise RuntimeError

    use_hook(shop, fail)
    response = shop.call(CHANGES, REQUEST)
    assert (response.status_code, response.json["error"]["code"]) == (500, "ORD008")
    assert shop.order_ids() == ["S-1"]
    use_hook(shop)
    assert shop.call(CHANGES, REQUEST).status_code == 202


def test_check_names_the_missing_hook(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, "order_modifications": True}})
    checked = shop.app.test_cli_runner().invoke(args=["vtex-seller", "check"])
    assert "acme has order_modifications, but no on_order_modification is registered" in checked.output
    assert checked.exit_code == 1
