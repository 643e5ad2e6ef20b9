"""The verbs as a shop meets them: what they take, what they refuse, and to whom they speak."""

from collections.abc import Callable
from typing import Any

import pytest

from flask_vtex_seller import (
    Agreement,
    AmbiguousOrder,
    CancellationDecision,
    IllegalTransition,
    OrderState,
    TrackingStatus,
    UnknownOrder,
    VtexSeller,
)
from flask_vtex_seller.state import current_state

from .contract.speaking import DELIVERED, TRACKING, make_invoice, place_order, speaking
from .shops import ACME, Shop, StoppedClock, order_body

NOTICES = ("notify_price", "notify_inventory", "notify_catalog")
OPERATIONS = {
    "notify_price": "price_notification",
    "notify_inventory": "inventory_notification",
    "notify_catalog": "change_notification",
}
OTHER = {**ACME, "account": "othermarket", "seller_id": "frutas"}
Verb = Callable[..., None]
ORDER_VERBS: dict[str, Verb] = {
    "order": lambda seller, order_id, **to: seller.order(order_id, **to),
    "send_invoice": lambda seller, order_id, **to: seller.send_invoice(order_id, make_invoice("2"), **to),
    "send_tracking": lambda seller, order_id, **to: seller.send_tracking(order_id, "1", TRACKING, **to),
    "update_tracking_status": lambda seller, order_id, **to: seller.update_tracking_status(
        order_id, "1", DELIVERED, **to
    ),
    "cancel_order": lambda seller, order_id, **to: seller.cancel_order(order_id, reason="broken", **to),
    "return_invoice": lambda seller, order_id, **to: seller.return_invoice(order_id, make_invoice("R1"), **to),
    "send_agreement": lambda seller, order_id, **to: seller.send_agreement(
        order_id, "c-1", Agreement.ACKNOWLEDGMENT, **to
    ),
    "confirm_cancellation": lambda seller, order_id, **to: seller.confirm_cancellation(order_id, **to),
    "refuse_cancellation": lambda seller, order_id, **to: seller.refuse_cancellation(order_id, **to),
}
"""Every verb about an order; the invoice that some need is number 1."""
every_order_verb = pytest.mark.parametrize("verb", ORDER_VERBS.values(), ids=ORDER_VERBS)
every_notice = pytest.mark.parametrize("notice", NOTICES)


def said(shop: Shop) -> list[tuple[str, str, dict[str, str]]]:
    """Marketplace, operation and arguments of each message, as committed, the oldest first."""
    with shop.app.app_context():
        page = current_state().outbox.page(state=None, marketplace=None, lane=None, limit=1000)
    return [(message.marketplace, message.operation, dict(message.arguments)) for message in reversed(page)]


def notified(shop: Shop) -> list[tuple[str, str]]:
    return [(marketplace, arguments["sku_id"]) for marketplace, _, arguments in said(shop)]


@pytest.fixture
def shop(new_shop: Callable[..., Shop]) -> Shop:
    """A shop on two marketplaces."""
    return new_shop(marketplaces={"acme": ACME, "other": OTHER}, clock=StoppedClock())


@pytest.fixture
def twins(shop: Shop) -> Shop:
    """Both marketplaces placed an order that the shop calls SAME; each is invoiced under number 1."""
    shop.place = lambda _: "SAME"
    for name, known in (("acme", ACME), ("other", OTHER)):
        body: Any = order_body(f"{name}-01", seller_id=str(known["seller_id"]))
        assert shop.call("/pvt/orders", [body], marketplace=name).status_code == 200
        body = {"marketplaceOrderId": f"{name}-01"}
        assert shop.call("/pvt/orders/SAME/fulfill", body, marketplace=name).status_code == 200
    with speaking(shop) as seller:
        for name in ("acme", "other"):
            seller.send_invoice("SAME", make_invoice("1", 1000, tracking=TRACKING), marketplace=name)
    return shop


# about orders


def test_the_table_of_this_file_has_every_verb() -> None:
    plumbing = {
        "init_app",
        "drain",
        "watch",
        "offer_loader",
        "sla_loader",
        "order_finder",
        "sku_loader",
        "sku_ids_loader",
    }
    plumbing |= {"brand_mapper", "category_mapper"}
    plumbing |= {"suggestion_finisher", "notify_delivery_promises"}  # the latter takes no ids: test_switches.py
    public = {name for name in vars(VtexSeller) if not name.startswith(("_", "on_"))} - plumbing
    assert public == {*ORDER_VERBS, *NOTICES}


@every_order_verb
def test_an_unknown_order_is_told_by_its_id(shop: Shop, verb: Verb) -> None:
    with pytest.raises(UnknownOrder, match="'S-9'"), speaking(shop) as seller:
        verb(seller, "S-9")
    assert said(shop) == []


@every_order_verb
def test_the_marketplaces_own_id_is_no_order_id(shop: Shop, verb: Verb) -> None:
    place_order(shop, "1138-01")
    with pytest.raises(UnknownOrder, match="1138-01"), speaking(shop) as seller:
        verb(seller, "1138-01")


@every_order_verb
def test_an_order_of_two_marketplaces_is_ambiguous(twins: Shop, verb: Verb) -> None:
    before = said(twins)
    words = "acme, other all placed an order 'SAME': pass marketplace="
    with pytest.raises(AmbiguousOrder, match=words), speaking(twins) as seller:
        verb(seller, "SAME")
    assert said(twins) == before


@every_order_verb
def test_an_order_is_unknown_to_a_marketplace_that_did_not_place_it(shop: Shop, verb: Verb) -> None:
    order_id = place_order(shop, "1138-01", "acme")
    for name in ("other", "nobody"):
        with pytest.raises(UnknownOrder, match=order_id), speaking(shop) as seller:
            verb(seller, order_id, marketplace=name)


@pytest.mark.parametrize("name", ["send_invoice", "send_tracking", "update_tracking_status", "return_invoice"])
def test_the_named_marketplace_is_told(twins: Shop, name: str) -> None:
    before = len(said(twins))
    changes = {"send_invoice": make_invoice("2", 100), "return_invoice": make_invoice("R1", 100)}
    with speaking(twins) as seller:
        if name in changes:
            getattr(seller, name)("SAME", changes[name], marketplace="other")
        else:
            ORDER_VERBS[name](seller, "SAME", marketplace="other")
    ((marketplace, _, arguments),) = said(twins)[before:]
    assert (marketplace, arguments["marketplace_order_id"]) == ("other", "other-01")


def test_canceling_at_one_marketplace_leaves_the_others_order(twins: Shop) -> None:
    with speaking(twins) as seller:
        returned = make_invoice("R1", 1000)
        seller.cancel_order("SAME", reason="broken", return_invoice=returned, marketplace="acme")
    with speaking(twins) as seller:
        seller.send_invoice("SAME", make_invoice("2", 100), marketplace="other")
        with pytest.raises(IllegalTransition, match="being canceled"):
            seller.send_invoice("SAME", make_invoice("2", 100), marketplace="acme")


def test_confirming_a_cancellation_names_its_marketplace(shop: Shop) -> None:
    shop.place = lambda _: "SAME"
    shop.decide = lambda _: CancellationDecision.EVALUATE
    for name, known in (("acme", ACME), ("other", OTHER)):
        shop.call("/pvt/orders", [order_body(f"{name}-01", seller_id=str(known["seller_id"]))], marketplace=name)
        shop.call("/pvt/orders/SAME/cancel", {"marketplaceOrderId": f"{name}-01"}, marketplace=name)
    with speaking(shop) as seller:
        seller.confirm_cancellation("SAME", marketplace="other")
    with shop.app.app_context():
        states = [shop.seller.order("SAME", marketplace=name).state for name in ("acme", "other")]
    assert states == [OrderState.PLACED, OrderState.CANCELED]
    assert said(shop) == [("other", "cancel_order", {"marketplace_order_id": "other-01"})]


@pytest.mark.parametrize("number", ["", "10/01", "10 01", "x" * 65, 1001, None])
def test_tracking_needs_a_number_that_can_be_one(shop: Shop, number: Any) -> None:
    """P63."""
    order_id = place_order(shop, "1138-01")
    for verb, argument in (("send_tracking", TRACKING), ("update_tracking_status", DELIVERED)):
        with pytest.raises(ValueError, match="1 to 64 letters and digits"), speaking(shop) as seller:
            getattr(seller, verb)(order_id, number, argument)
    assert said(shop) == []


def test_what_is_said_in_one_transaction_builds_on_itself(shop: Shop) -> None:
    order_id = place_order(shop, "1138-01")
    with speaking(shop) as seller:
        seller.send_invoice(order_id, make_invoice("1", 1000))
        seller.send_tracking(order_id, "1", TRACKING)
        seller.update_tracking_status(order_id, "1", TrackingStatus(is_delivered=False))
        with pytest.raises(ValueError, match="an invoice 1 already"):
            seller.send_invoice(order_id, make_invoice("1", 1000))
        assert seller.order(order_id).invoiced_said == 1000
    assert [operation for _, operation, _ in said(shop)] == ["invoice", "tracking", "tracking_status"]


def test_a_return_takes_the_number_of_no_sale(shop: Shop) -> None:
    order_id = place_order(shop, "1138-01")
    with speaking(shop) as seller:
        seller.send_invoice(order_id, make_invoice("1"))
        with pytest.raises(ValueError, match="an invoice 1 already"):
            seller.return_invoice(order_id, make_invoice("1"))


@pytest.mark.parametrize("verb", ["send_invoice", "cancel_order"])
def test_options_are_named(shop: Shop, verb: str) -> None:
    """A reason or a flag in the wrong place would be taken for something else."""
    order_id = place_order(shop, "1138-01")
    with pytest.raises(TypeError, match="positional"), speaking(shop) as seller:
        getattr(seller, verb)(order_id, make_invoice(), True)


# about SKUs


@every_notice
def test_all_marketplaces_are_told_by_default(shop: Shop, notice: str) -> None:
    with speaking(shop) as seller:
        getattr(seller, notice)("apple", "pear")
    assert notified(shop) == [("acme", "apple"), ("acme", "pear"), ("other", "apple"), ("other", "pear")]
    assert {operation for _, operation, _ in said(shop)} == {OPERATIONS[notice]}


@every_notice
@pytest.mark.parametrize("names", [["other"], ("other",), {"other"}, frozenset({"other"}), {"other": 1}.keys()])
def test_any_collection_of_names_tells_those_only(shop: Shop, notice: str, names: Any) -> None:
    with speaking(shop) as seller:
        getattr(seller, notice)("apple", marketplaces=names)
    assert notified(shop) == [("other", "apple")]


@every_notice
def test_no_marketplaces_and_no_skus_are_no_messages(shop: Shop, notice: str) -> None:
    with speaking(shop) as seller:
        getattr(seller, notice)("apple", marketplaces=[])
        getattr(seller, notice)()
    assert said(shop) == []


@every_notice
def test_unknown_marketplaces_are_named_and_nothing_is_said(shop: Shop, notice: str) -> None:
    with pytest.raises(ValueError, match=r"configured as mine, yours$"), speaking(shop) as seller:
        getattr(seller, notice)("apple", marketplaces=["yours", "acme", "mine"])
    assert said(shop) == []


@every_notice
@pytest.mark.parametrize("name", ["acme", "nobody"])
def test_a_single_name_is_no_collection(shop: Shop, notice: str, name: str) -> None:
    with pytest.raises((TypeError, ValueError)), speaking(shop) as seller:
        getattr(seller, notice)("apple", marketplaces=name)
    assert said(shop) == []


@every_notice
@pytest.mark.parametrize("sku_id", ["", "  ", ".", "..", "a\0b", "x" * 129, "\ud800", 42, None, ["apple"], b"apple"])
def test_an_id_that_cannot_be_one_is_named_and_nothing_is_said(shop: Shop, notice: str, sku_id: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="a SKU's id") as caught, speaking(shop) as seller:
        getattr(seller, notice)("apple", sku_id)
    assert repr(sku_id) in str(caught.value)
    assert said(shop) == []


@every_notice
def test_the_longest_id_and_the_oddest_letters_are_taken(shop: Shop, notice: str) -> None:
    odd = ["x" * 128, "a/b c%2F?#&+", "maçã 日本 🍎", "...", "'; DROP TABLE vtex_outbox; --"]
    with speaking(shop) as seller:
        getattr(seller, notice)(*odd, marketplaces=["acme"])
    assert [sku_id for _, sku_id in notified(shop)] == odd


@every_notice
def test_a_rolled_back_notice_was_never_said(shop: Shop, notice: str) -> None:
    with shop.app.app_context():
        getattr(shop.seller, notice)("apple")
        shop.db.session.rollback()
    assert said(shop) == []


def test_a_shop_without_marketplaces_may_say_what_it_likes(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(marketplaces={})
    with speaking(shop) as seller:
        seller.notify_price("apple")
        seller.notify_catalog("apple")
    assert said(shop) == []


# delivering


def test_a_drain_without_messages_reports_nothing(shop: Shop) -> None:
    with shop.app.app_context():
        report = shop.seller.drain()
    assert (report.delivered, report.failed, report.dead) == (0, 0, 0)


@pytest.mark.parametrize("bounds", [{"limit": 0}, {"seconds": 0}])
def test_a_drain_without_room_sends_nothing_and_keeps_what_waits(shop: Shop, bounds: dict[str, Any]) -> None:
    with speaking(shop) as seller:
        seller.notify_price("apple")
    with shop.app.app_context():
        report = shop.seller.drain(**bounds)
        waiting = current_state().outbox.page(state=None, marketplace=None, lane=None, limit=10)
    assert (report.delivered, report.failed, report.dead) == (0, 0, 0)
    assert [(message.state.value, message.attempts) for message in waiting] == [("pending", 0)] * 2


@pytest.mark.parametrize("verb", [lambda seller: seller.order("S-1"), lambda seller: seller.drain()])
def test_a_verb_needs_an_application_context(shop: Shop, verb: Callable[[VtexSeller], Any]) -> None:
    with pytest.raises(RuntimeError, match="application context"):
        verb(shop.seller)


@pytest.mark.parametrize("verb", NOTICES)
def test_one_name_is_not_a_list_of_marketplaces(new_shop: Callable[..., Shop], verb: str) -> None:
    """A str is a list of its letters, and marketplaces may be named by one."""
    shop = new_shop(marketplaces={"a": ACME, "b": OTHER})
    with shop.app.app_context():
        with pytest.raises(TypeError, match="list of names"):
            getattr(shop.seller, verb)("apple", marketplaces="ab")
        getattr(shop.seller, verb)("apple", marketplaces=["a", "a"])
        assert len(current_state().outbox.page(state=None, marketplace=None, lane=None, limit=9)) == 1
