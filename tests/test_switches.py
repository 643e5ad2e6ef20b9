"""What a marketplace is told, and whether it may order, is switched on and off one by one."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from flask_vtex_seller import DeliveryPromise, OrderState, SkuAvailability, SkuState, VtexSeller
from flask_vtex_seller.runners.scheduler import sweep
from flask_vtex_seller.state import current_state

from .contract.speaking import make_invoice, make_sku, place_order, sell, speaking
from .shops import ACME, Shop, StoppedClock, order_body

OTHER = {**ACME, "account": "othermarket", "seller_id": "frutas"}
APPLES = SkuAvailability(
    sku_id="apple",
    availability=3,
    promises=(DeliveryPromise(availability=3, zone_ids=("rio",), id="a", name="A", takes=timedelta(days=2)),),
)
Notice = Callable[..., None]
NOTICES: dict[str, tuple[str, Notice]] = {
    "notify_catalog": ("catalog", lambda seller, **to: seller.notify_catalog("apple", **to)),
    "notify_price": ("price", lambda seller, **to: seller.notify_price("apple", **to)),
    "notify_inventory": ("inventory", lambda seller, **to: seller.notify_inventory("apple", **to)),
    "notify_delivery_promises": ("inventory", lambda seller, **to: seller.notify_delivery_promises(APPLES, **to)),
}
every_notice = pytest.mark.parametrize(("switch", "notice"), NOTICES.values(), ids=NOTICES)
MakeShop = Callable[..., Shop]


def shop_with(new_shop: MakeShop, **settings: Any) -> Shop:
    """A shop on `acme` with these settings, and on `other`."""
    return new_shop(marketplaces={"acme": {**ACME, **settings}, "other": OTHER}, clock=StoppedClock())


def said(shop: Shop) -> list[tuple[str, str]]:
    with shop.app.app_context():
        page = current_state().outbox.page(state=None, marketplace=None, lane=None, limit=100)
    return [(message.marketplace, message.operation) for message in reversed(page)]


# notices


@every_notice
def test_a_kind_that_is_off_is_not_said_to_that_marketplace(new_shop: MakeShop, switch: str, notice: Notice) -> None:
    shop = shop_with(new_shop, **{switch: False})
    with speaking(shop) as seller:
        notice(seller)
        notice(seller, marketplaces=["acme"])
    assert [marketplace for marketplace, _ in said(shop)] == ["other"]


@every_notice
def test_the_other_kinds_are_said(new_shop: MakeShop, switch: str, notice: Notice) -> None:
    others = {name: False for name in ("catalog", "price", "inventory", "orders") if name != switch}
    shop = shop_with(new_shop, **others)
    with speaking(shop) as seller:
        notice(seller)
    assert [marketplace for marketplace, _ in said(shop)] == ["acme", "other"]


def test_delivery_promises_are_said_to_all_or_some(new_shop: MakeShop) -> None:
    shop = shop_with(new_shop)
    with speaking(shop) as seller:
        seller.notify_delivery_promises(APPLES)
        seller.notify_delivery_promises(APPLES, marketplaces=["other"])
        seller.notify_delivery_promises()
        with pytest.raises(ValueError, match="configured as nobody"):
            seller.notify_delivery_promises(APPLES, marketplaces=["nobody"])
        with pytest.raises(TypeError, match="expected SkuAvailability"):
            seller.notify_delivery_promises("apple")  # type: ignore[arg-type]
    assert said(shop) == [(name, "delivery_promises") for name in ("acme", "other", "other")]


def test_the_first_load_leaves_out_who_is_not_told_about_the_catalog(new_shop: MakeShop) -> None:
    shop = shop_with(new_shop, catalog=False)
    sell(shop, make_sku("apple"))
    result = shop.app.test_cli_runner().invoke(args=["vtex-seller", "sync", "--no-deliver"])
    assert result.exit_code == 0
    assert said(shop) == [("other", "change_notification")]


def test_a_first_load_for_nobody_says_so(new_shop: MakeShop) -> None:
    off = {"catalog": False, "price": False, "inventory": False}
    shop = new_shop(marketplaces={"acme": {**ACME, **off}})
    result = shop.app.test_cli_runner().invoke(args=["vtex-seller", "sync"])
    assert result.exit_code == 1
    assert "no marketplace is told about SKUs" in result.output


def test_nobody_looks_again_at_suggestions_of_a_catalog_that_is_off(new_shop: MakeShop) -> None:
    shop = shop_with(new_shop, catalog=False)
    with shop.app.app_context():
        state = current_state()
        for name in ("acme", "other"):
            state.skus.mark({(name, "apple"): ""}, SkuState.SUGGESTED, now=state.drain.clock.now())
        shop.db.session.commit()
        state.drain.clock.advance(100_000)  # type: ignore[attr-defined]
        sweep(state, None)  # type: ignore[arg-type]
    assert said(shop) == [("other", "suggestion_status")]


# orders


def test_new_orders_are_refused_with_a_code_of_their_own(new_shop: MakeShop) -> None:
    shop = shop_with(new_shop, orders=False)
    answer = shop.call("/pvt/orders", [order_body("1138-01")])
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "ORDERS_OFF")
    assert answer.headers["x-vtex-error-code"] == "ORDERS_OFF"
    assert shop.asked == []
    assert shop.order_ids() == []
    body = order_body("1138-01", seller_id=str(OTHER["seller_id"]))
    assert shop.call("/pvt/orders", [body], marketplace="other").status_code == 200


def test_a_refused_order_leaves_nothing_and_is_taken_once_orders_are_on(new_shop: MakeShop) -> None:
    shop = shop_with(new_shop, orders=False)
    shop.call("/pvt/orders", [order_body("1138-01")])
    again = new_shop(marketplaces={"acme": ACME}, clock=StoppedClock(), create_tables=False)
    assert again.call("/pvt/orders", [order_body("1138-01")]).status_code == 200


def test_nothing_is_for_sale_where_no_order_is_taken(new_shop: MakeShop) -> None:
    """What a simulation promises, a placement must be able to keep."""
    shop = shop_with(new_shop, orders=False)
    answer = shop.simulate(("apple", 1), postalCode="01310-100", country="BRA").json
    assert [(item["id"], item["quantity"]) for item in answer["items"]] == [("apple", 0)]
    assert answer["logisticsInfo"] == []


@pytest.fixture
def closed(new_shop: MakeShop) -> Shop:
    """A shop that had an order of `acme` before it took no more."""
    open_shop = shop_with(new_shop)
    place_order(open_shop, "1138-01")
    assert open_shop.call("/pvt/orders", [order_body("1139-01")]).status_code == 200
    open_shop.close()
    settings = {**ACME, "orders": False}
    return new_shop(marketplaces={"acme": settings, "other": OTHER}, clock=StoppedClock(), create_tables=False)


def test_what_was_placed_goes_on(closed: Shop) -> None:
    repeat = closed.call("/pvt/orders", [order_body("1138-01")])
    assert (repeat.status_code, repeat.json[0]["orderId"]) == (200, "S-1")
    assert closed.call("/pvt/orders/S-1/fulfill", {}).status_code == 200
    assert closed.call("/pvt/orders/S-2/fulfill", {}).status_code == 200
    assert closed.call("/pvt/orders/S-2/cancel", {}).json["orderId"] == "S-2"
    with closed.app.app_context():
        assert closed.seller.order("S-2").state is OrderState.CANCELED


def test_an_array_with_a_new_order_is_refused_as_a_whole(closed: Shop) -> None:
    answer = closed.call("/pvt/orders", [order_body("1138-01"), order_body("1140-01")])
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "ORDERS_OFF")


def test_what_the_shop_says_about_an_order_still_goes_out(closed: Shop) -> None:
    with speaking(closed) as seller:
        seller.send_invoice("S-1", make_invoice())
        seller.cancel_order("S-2", reason="broken")
    assert said(closed) == [("acme", "invoice"), ("acme", "cancel_order")]


def test_a_paused_marketplace_hears_nothing_and_forgets_nothing(new_shop: MakeShop) -> None:
    shop = shop_with(new_shop, paused=True)
    with speaking(shop) as seller:
        seller.notify_price("apple", marketplaces=["acme"])
    with shop.app.app_context():
        assert shop.seller.drain().delivered == 0
    assert said(shop) == [("acme", "price_notification")]


def test_every_notice_has_a_switch() -> None:
    assert set(NOTICES) == {name for name in vars(VtexSeller) if name.startswith("notify_")}
