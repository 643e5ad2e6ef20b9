"""The marketplaces of a shop's tests."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
import requests_mock
from flask import Flask

from flask_vtex_seller import OrderState, OutOfStock
from flask_vtex_seller.clock import SystemClock
from flask_vtex_seller.state import current_state
from flask_vtex_seller.testing.clock import VtexClock
from flask_vtex_seller.testing.marketplace import VtexMarketplace
from flask_vtex_seller.testing.plugin import DeliverNow

from ..contract.speaking import TRACKING, make_invoice, make_sku, sell, speaking
from ..marketplace.loopback import loopback, reply
from ..shops import ACME, TOKEN, Shop, StoppedClock

MakeShop = Callable[..., Shop]
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def app(shop: Shop) -> Any:
    """The application under test, as a shop's own tests have it."""
    return shop.app


def order(marketplace: VtexMarketplace, **changes: Any) -> dict[str, Any]:
    return marketplace.order(("apple", 1, 1250), ("pear", 2, 300), freight=990, **changes)


def state_of(shop: Shop, order_id: str) -> OrderState:
    with shop.app.app_context():
        return shop.seller.order(order_id).state


# what the shop says


def test_a_call_is_noted_with_all_that_it_says(
    shop: Shop, vtex_marketplace: VtexMarketplace, deliver_now: DeliverNow
) -> None:
    body = order(vtex_marketplace)
    vtex_marketplace.place(body)
    vtex_marketplace.authorize(body)
    with speaking(shop) as seller:
        seller.send_invoice("S-1", make_invoice())
        seller.send_tracking("S-1", "1001", TRACKING)
    report = deliver_now()
    assert (report.delivered, report.failed, report.dead) == (2, 0, 0)
    invoice, tracking = vtex_marketplace.calls
    assert (invoice.operation, invoice.marketplace, invoice.method) == ("invoice", "acme", "POST")
    assert invoice.path == "/api/oms/pvt/orders/1000000000001-01/invoice"
    assert invoice.arguments == {"marketplace_order_id": "1000000000001-01", "invoice_number": "1001"}
    assert (invoice.body["invoiceNumber"], invoice.status) == ("1001", 200)
    assert (tracking.operation, tracking.method) == ("tracking", "PATCH")
    assert state_of(shop, "S-1") is OrderState.INVOICED


def test_notices_are_accepted_as_a_marketplace_accepts_them(
    shop: Shop, vtex_marketplace: VtexMarketplace, deliver_now: DeliverNow
) -> None:
    with speaking(shop) as seller:
        seller.notify_price("apple")
        seller.notify_inventory("apple", "pear")
        seller.notify_catalog("apple")
    assert deliver_now().delivered == 4
    assert {(call.operation, call.status) for call in vtex_marketplace.calls} == {
        ("price_notification", 202),
        ("inventory_notification", 202),
        ("change_notification", 204),
    }
    assert {call.arguments["sku_id"] for call in vtex_marketplace.calls_to("inventory_notification")} == {
        "apple",
        "pear",
    }
    assert vtex_marketplace.calls_to("inventory_notification", sku_id="pear")[0].path.endswith("/pear/inventory")


def test_calls_fail_as_often_as_planned_and_wait_without_sleeping(
    shop: Shop, vtex_marketplace: VtexMarketplace, deliver_now: DeliverNow
) -> None:
    vtex_marketplace.fail_next("price_notification", status=503, times=2)
    with speaking(shop) as seller:
        seller.notify_price("apple")
    reports = [deliver_now(), deliver_now(after=HOUR), deliver_now(after=HOUR), deliver_now(after=HOUR)]
    assert [(report.failed, report.delivered) for report in reports] == [(1, 0), (1, 0), (0, 1), (0, 0)]
    assert [call.status for call in vtex_marketplace.calls] == [503, 503, 202]


def test_what_failed_is_not_due_before_its_time(
    shop: Shop, vtex_marketplace: VtexMarketplace, deliver_now: DeliverNow
) -> None:
    """P77."""
    vtex_marketplace.fail_next("price_notification", status=429, retry_after=600)
    with speaking(shop) as seller:
        seller.notify_price("apple")
    deliver_now()
    assert deliver_now(after=timedelta(seconds=590)).delivered == 0
    assert deliver_now(after=timedelta(seconds=20)).delivered == 1


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("unreachable", "not sent: ConnectTimeout"),
        ("timeout", "outcome unknown: ReadTimeout"),
        ("reset", "outcome unknown: ConnectionError"),
        ("cut", "outcome unknown: ProtocolError"),
    ],
)
def test_a_call_may_go_without_an_answer(
    shop: Shop, vtex_marketplace: VtexMarketplace, deliver_now: DeliverNow, trouble: Any, reason: str
) -> None:
    vtex_marketplace.fail_next("price_notification", trouble=trouble)
    with speaking(shop) as seller:
        seller.notify_price("apple")
    assert deliver_now().failed == 1
    assert vtex_marketplace.calls[0].status is None
    with shop.app.app_context():
        (message,) = current_state().outbox.page(state=None, marketplace=None, lane=None, limit=9)
    assert reason in message.last_reason
    assert deliver_now(after=HOUR).delivered == 1


def test_a_sku_that_is_unknown_is_suggested_and_another_is_not(
    shop: Shop, vtex_marketplace: VtexMarketplace, deliver_now: DeliverNow
) -> None:
    sell(shop, make_sku("apple"), make_sku("pear"))
    vtex_marketplace.fail_next("change_notification", status=404, sku_id="apple")
    vtex_marketplace.fail_next("suggestion", status=304)
    with speaking(shop) as seller:
        seller.notify_catalog("apple", "pear")
    deliver_now()
    assert [call.arguments["sku_id"] for call in vtex_marketplace.calls_to("suggestion")] == ["apple"]
    assert vtex_marketplace.calls_to("suggestion")[0].status == 304


def test_a_plan_may_be_for_one_marketplace_only(
    new_shop: MakeShop, vtex_marketplace: VtexMarketplace, deliver_now: DeliverNow
) -> None:
    shop = new_shop(marketplaces={"acme": ACME, "zeta": ACME})
    vtex_marketplace.use(shop.app)
    vtex_marketplace.fail_next("price_notification", marketplace="zeta", times=None)
    with speaking(shop) as seller:
        seller.notify_price("apple", "pear")
    report = deliver_now()
    assert (report.delivered, report.failed) == (2, 2)
    assert {call.status for call in vtex_marketplace.calls_to("price_notification", marketplace="acme")} == {202}
    assert {call.status for call in vtex_marketplace.calls_to("price_notification", marketplace="zeta")} == {503}


def test_plans_of_one_kind_come_true_in_their_order(
    shop: Shop, vtex_marketplace: VtexMarketplace, deliver_now: DeliverNow
) -> None:
    vtex_marketplace.fail_next("price_notification", status=500)
    vtex_marketplace.fail_next("price_notification", status=403, body="no permission")
    with speaking(shop) as seller:
        seller.notify_price("apple")
    assert deliver_now().failed == 1
    assert deliver_now(after=HOUR).dead == 1


@pytest.mark.parametrize("operation", ["invoices", "simulation"])
def test_a_plan_for_an_operation_that_is_none_names_those_that_are(
    vtex_marketplace: VtexMarketplace, operation: str
) -> None:
    with pytest.raises(ValueError, match="invoice, return_invoice"):
        vtex_marketplace.fail_next(operation)


def test_no_call_of_any_thread_leaves_the_process(shop: Shop, vtex_marketplace: VtexMarketplace) -> None:
    with speaking(shop) as seller:
        seller.notify_price("apple")

    def work() -> None:
        with shop.app.app_context():
            seller.drain()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [call.status for call in vtex_marketplace.calls] == [202]


def test_the_shops_own_requests_go_where_they_always_went(vtex_marketplace: VtexMarketplace) -> None:
    with loopback() as server:
        server.answer = lambda _: reply(200, b"a bank")
        assert requests.get(server.url, timeout=10).text == "a bank"
    assert vtex_marketplace.calls == []


def test_a_shop_may_mock_its_own_requests_in_the_same_test(
    shop: Shop, vtex_marketplace: VtexMarketplace, deliver_now: DeliverNow, requests_mock: requests_mock.Mocker
) -> None:
    requests_mock.get("https://bank.example", text="paid")
    with speaking(shop) as seller:
        seller.notify_price("apple")
    assert requests.get("https://bank.example", timeout=10).text == "paid"
    assert deliver_now().delivered == 1


# what the marketplaces ask


def test_an_order_lives_its_life(shop: Shop, vtex_marketplace: VtexMarketplace) -> None:
    body = order(vtex_marketplace)
    assert vtex_marketplace.place(body).json[0]["orderId"] == "S-1"  # type: ignore[index]
    assert vtex_marketplace.authorize(body).json["receipt"] == "receipt-1"  # type: ignore[index]
    assert vtex_marketplace.cancel(body, reason="too late").status_code == 200
    assert state_of(shop, "S-1") is OrderState.CANCELED


def test_what_is_repeated_happens_once(shop: Shop, vtex_marketplace: VtexMarketplace) -> None:
    """P27, P38."""
    body = order(vtex_marketplace)
    assert vtex_marketplace.place(body, times=3).status_code == 200
    assert vtex_marketplace.authorize(body, times=2).status_code == 200
    assert shop.order_ids() == ["S-1"]


def test_each_order_is_another_one(vtex_marketplace: VtexMarketplace) -> None:
    first, second = (vtex_marketplace.order(("apple", 1, 1250)) for _ in range(2))
    assert first["marketplaceOrderId"] != second["marketplaceOrderId"]
    assert first["items"][0]["seller"] == ACME["seller_id"]
    assert first["marketplacePaymentValue"] == 1250


def test_an_order_may_be_changed_in_any_field(shop: Shop, vtex_marketplace: VtexMarketplace) -> None:
    vtex_marketplace.place(order(vtex_marketplace, marketplaceOrderId="7-01", clientProfileData=None))
    assert [placed.marketplace_order_id for placed in shop.asked[-1:]] == ["7-01"]


def test_a_cart_is_asked_for(vtex_marketplace: VtexMarketplace) -> None:
    answer = vtex_marketplace.simulate(("apple", 2), postalCode="01310-100", country="BRA").json
    assert answer is not None
    assert answer["items"][0]["price"] == 1250
    assert [sla["id"] for sla in answer["logisticsInfo"][0]["slas"]] == ["standard", "pickup"]


def test_a_refusal_is_an_answer_like_any_other(shop: Shop, vtex_marketplace: VtexMarketplace) -> None:
    def refuse(_: Any) -> str:
        raise OutOfStock("none left")

    shop.place = refuse
    body = order(vtex_marketplace)
    assert vtex_marketplace.place(body).json["error"]["code"] == "FMT002"  # type: ignore[index]
    with pytest.raises(ValueError, match="the shop did not take order 1000000000001-01: place it first"):
        vtex_marketplace.authorize(body)


def test_an_order_id_of_the_shops_may_hold_anything(shop: Shop, vtex_marketplace: VtexMarketplace) -> None:
    shop.place = lambda _: "2026/1 #ü?"
    body = order(vtex_marketplace)
    vtex_marketplace.place(body)
    assert vtex_marketplace.authorize(body).json["orderId"] == "2026/1 #ü?"  # type: ignore[index]


def test_marketplaces_have_orders_of_their_own(new_shop: MakeShop, vtex_marketplace: VtexMarketplace) -> None:
    zeta = {**ACME, "inbound_tokens": ["other"], "seller_id": "zetaseller"}
    shop = new_shop(marketplaces={"acme": ACME, "zeta": zeta}, VTEX_SELLER_URL_PREFIX="/sell")
    vtex_marketplace.use(shop.app)
    body = vtex_marketplace.order(("apple", 1, 1250), freight=990, marketplace="zeta")
    assert body["items"][0]["seller"] == "zetaseller"
    assert vtex_marketplace.place(body, marketplace="acme").status_code == 409, "it is for the other shop id"
    for name, seller_id in (("acme", "fruitshop"), ("zeta", "zetaseller")):
        body["items"][0]["seller"] = seller_id
        assert vtex_marketplace.place(body, marketplace=name).status_code == 200
        assert vtex_marketplace.authorize(body, marketplace=name).status_code == 200
    assert len(shop.order_ids()) == 2
    with pytest.raises(ValueError, match=r"which marketplace\? The shop is configured for: acme, zeta"):
        vtex_marketplace.place(body)


def test_a_marketplace_calls_from_where_it_may(new_shop: MakeShop, vtex_marketplace: VtexMarketplace) -> None:
    vtex_marketplace.use(new_shop(marketplaces={"acme": {**ACME, "inbound_addresses": "203.0.113.0/24"}}).app)
    assert vtex_marketplace.simulate(("apple", 1)).status_code == 200


def test_a_marketplace_without_a_token_says_so(new_shop: MakeShop, vtex_marketplace: VtexMarketplace) -> None:
    vtex_marketplace.use(new_shop(marketplaces={"acme": {**ACME, "inbound_tokens": []}}).app)
    with pytest.raises(RuntimeError, match="acme has no inbound_tokens"):
        vtex_marketplace.simulate(("apple", 1))


# which application, and when


def test_an_application_without_the_extension_says_so(vtex_marketplace: VtexMarketplace) -> None:
    vtex_marketplace.use(Flask("other"))
    with pytest.raises(RuntimeError, match="has no VtexSeller"):
        vtex_marketplace.simulate(("apple", 1))


def test_each_test_may_build_its_own_application(
    new_shop: MakeShop, vtex_marketplace: VtexMarketplace, deliver_now: DeliverNow
) -> None:
    for shop in (new_shop(), new_shop(create_tables=False)):
        vtex_marketplace.use(shop.app)
        with speaking(shop) as seller:
            seller.notify_price("apple")
        assert deliver_now().delivered == 1
    assert len(vtex_marketplace.calls) == 2


def test_a_shop_with_a_clock_of_its_own_keeps_it(
    new_shop: MakeShop, vtex_marketplace: VtexMarketplace, deliver_now: DeliverNow
) -> None:
    shop = new_shop(clock=StoppedClock())
    vtex_marketplace.use(shop.app)
    with speaking(shop) as seller:
        seller.notify_price("apple")
    with pytest.raises(RuntimeError, match="has a clock of its own"):
        deliver_now(after=HOUR)
    assert deliver_now().delivered == 1


def test_time_passes_only_forward_and_only_while_asked_for() -> None:
    machine = SystemClock()
    with VtexClock.installed() as clock:
        before, measured = machine.now(), machine.monotonic()
        clock.advance(HOUR)
        assert machine.now() - before >= HOUR
        assert machine.monotonic() - measured >= 3600
        with pytest.raises(ValueError, match="time does not go back"):
            clock.advance(-HOUR)
    assert machine.now() - before < HOUR


def test_the_token_is_in_no_note(shop: Shop, vtex_marketplace: VtexMarketplace, deliver_now: DeliverNow) -> None:
    """P80."""
    with speaking(shop) as seller:
        seller.notify_price("apple")
    deliver_now()
    assert not any(secret in repr(vtex_marketplace.calls) for secret in (TOKEN, ACME["app_token"]))


def test_what_failed_is_not_repeated_in_the_same_breath(
    shop: Shop, vtex_marketplace: VtexMarketplace, deliver_now: DeliverNow
) -> None:
    """Whatever luck says about when it is due again."""
    vtex_marketplace.fail_next("price_notification", status=503)
    with speaking(shop) as seller:
        seller.notify_price("apple")
    deliver_now()
    with shop.app.app_context():
        (message,) = current_state().outbox.page(limit=9)
        assert message.due_at - message.tries[-1].at >= timedelta(seconds=2)
