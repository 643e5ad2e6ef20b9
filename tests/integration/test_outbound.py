"""From the shop's commit to the marketplace's ear: verbs, outbox, drain and a real socket that answers as told."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from flask_vtex_seller import OrderState, SkuState, message_dead, message_delivered
from flask_vtex_seller.catalog.sku import SkuRecord
from flask_vtex_seller.state import current_state
from flask_vtex_seller.testing.marketplace import VtexMarketplace
from flask_vtex_seller.testing.plugin import DeliverNow

from ..contract.speaking import (
    DELIVERED,
    TRACKING,
    drain,
    make_invoice,
    make_sku,
    place_order,
    sell,
    speaking,
)
from ..marketplace.loopback import Loopback, Received, loopback, marketplace_at, reply
from ..shops import ACME, APP_TOKEN, Shop, StoppedClock

CATALOG = "/api/catalog_system/pvt/skuseller/changenotification/fruitshop"
NOTICES = "/api/notificator/fruitshop/changenotification"
SUGGESTIONS = "/acmemarket/suggestions/fruitshop"
A, B = "1138-01", "1139-01"
MakeShop = Callable[..., Shop]


def order_path(marketplace_order_id: str) -> str:
    return f"/api/oms/pvt/orders/{marketplace_order_id}"


def done(_: Received) -> bytes:
    return reply(200, b"{}")


def knows_nothing(request: Received) -> bytes:
    return reply(404, b"not found") if request.target.startswith(CATALOG) else done(request)


@dataclass
class Script:
    """Answers of one path, in turn; then, and to all others, 200."""

    target: str
    answers: list[bytes]

    def __call__(self, request: Received) -> bytes:
        return self.answers.pop(0) if request.target == self.target and self.answers else done(request)


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as server:
        server.answer = done
        yield server


@pytest.fixture
def other_server() -> Iterator[Loopback]:
    with loopback() as server:
        server.answer = done
        yield server


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def shop(new_shop: MakeShop, server: Loopback, clock: StoppedClock) -> Shop:
    shop = new_shop(marketplaces={"acme": marketplace_at(server.url)}, clock=clock)
    sell(shop, make_sku("apple"), make_sku("pear"))
    return shop


def heard(server: Loopback) -> list[tuple[str, str]]:
    return [(request.method, request.target) for request in server.received]


def run(shop: Shop, *arguments: str) -> tuple[int, str]:
    result = shop.app.test_cli_runner().invoke(args=["vtex-seller", *arguments])
    return result.exit_code, result.stdout


def rows(shop: Shop) -> list[tuple[str, str]]:
    """Operation and state of each message, as committed, the oldest first."""
    with shop.app.app_context():
        found = current_state().drain
    with found.engine.connect() as connection:
        table = found.table.c
        statement = select(table.operation, table.state).order_by(table.id)
        return [(row.operation, row.state) for row in connection.execute(statement)]


def record(shop: Shop, sku_id: str, marketplace: str = "acme") -> SkuRecord | None:
    with shop.app.app_context():
        return current_state().skus.get(marketplace, sku_id)


def existing_record(shop: Shop, sku_id: str, marketplace: str = "acme") -> SkuRecord:
    found = record(shop, sku_id, marketplace)
    assert found is not None
    return found


def state_of(shop: Shop, order_id: str) -> OrderState:
    with shop.app.app_context():
        return shop.seller.order(order_id).state


# the shop's transaction


def test_what_the_shop_rolls_back_is_never_sent(shop: Shop, server: Loopback) -> None:
    order_id = place_order(shop, A)
    with shop.app.app_context():
        shop.seller.send_invoice(order_id, make_invoice())
        shop.seller.notify_price("apple")
        shop.seller.notify_catalog("apple")
        shop.db.session.rollback()
    assert drain(shop) == (0, 0, 0)
    assert (heard(server), rows(shop)) == ([], [])


def test_a_failure_after_the_verb_unsays_it_with_the_shops_own_rows(shop: Shop, server: Loopback) -> None:
    order_id = place_order(shop, A)

    def ship() -> None:
        with speaking(shop) as seller:
            shop.db.session.add(shop.orders(id=99, marketplace_order_id="none"))
            seller.send_invoice(order_id, make_invoice())
            raise RuntimeError("the printer is out of paper")

    with pytest.raises(RuntimeError, match="paper"):
        ship()
    drain(shop)
    assert heard(server) == []
    assert "S-99" not in shop.order_ids()
    with speaking(shop) as seller:
        seller.send_invoice(order_id, make_invoice())
    assert drain(shop) == (1, 0, 0)


@pytest.mark.postgres  # SQLite has one writer: a drain would wait for the shop's transaction
def test_what_is_not_committed_yet_is_not_sent(shop: Shop, server: Loopback) -> None:
    with shop.app.app_context():
        shop.seller.notify_price("apple")
        shop.db.session.flush()
        assert current_state().drain.run().delivered == 0
        assert heard(server) == []
        shop.db.session.commit()
        assert current_state().drain.run().delivered == 1


def test_what_is_committed_is_sent_by_a_worker_that_starts_an_hour_later(
    shop: Shop, new_shop: MakeShop, server: Loopback, clock: StoppedClock
) -> None:
    order_id = place_order(shop, A)
    with speaking(shop) as seller:
        seller.send_invoice(order_id, make_invoice())
        seller.send_tracking(order_id, "1001", TRACKING)
    assert heard(server) == []
    shop.close()
    clock.advance(3600)
    worker = new_shop(marketplaces={"acme": marketplace_at(server.url)}, clock=clock, create_tables=False)
    assert drain(worker) == (2, 0, 0)
    path = order_path(A)
    assert heard(server) == [("POST", f"{path}/invoice"), ("PATCH", f"{path}/invoice/1001")]
    assert state_of(shop, order_id) is OrderState.INVOICED


def test_what_is_delivered_is_not_sent_again(shop: Shop, server: Loopback) -> None:
    with speaking(shop) as seller:
        seller.notify_price("apple")
    assert [drain(shop), drain(shop)] == [(1, 0, 0), (0, 0, 0)]
    assert len(server.received) == 1


# the catalog


def test_an_unknown_sku_is_suggested_once_and_then_known(shop: Shop, server: Loopback) -> None:
    """P52."""
    asked = sell(shop, make_sku("apple"))
    server.answer = knows_nothing
    for _ in range(2):
        with speaking(shop) as seller:
            seller.notify_catalog("apple")
        drain(shop)
    notice, suggestion = ("POST", f"{CATALOG}/apple"), ("PUT", f"{SUGGESTIONS}/apple")
    assert heard(server) == [notice, suggestion, notice]
    assert [tuple(sku_ids) for sku_ids in asked] == 3 * [("apple",)], "once for what each notice tells, once to suggest"
    body = json.loads(server.received[1].body)
    assert (body["SkuName"], body["SellerId"], body["EAN"]) == ("apple", "fruitshop", ["7891234567895"])
    assert existing_record(shop, "apple").state is SkuState.SUGGESTED

    server.answer = done  # somebody approved it
    with speaking(shop) as seller:
        seller.notify_catalog("apple")
    drain(shop)
    assert heard(server)[3:] == [notice]
    assert existing_record(shop, "apple").state is SkuState.KNOWN


def test_a_suggestion_says_what_the_shop_knows_when_it_is_sent(
    new_shop: MakeShop, server: Loopback, clock: StoppedClock
) -> None:
    shop = new_shop(marketplaces={"acme": marketplace_at(server.url)}, clock=clock)
    price = 1000

    @shop.seller.sku_loader
    def load(sku_ids: Any) -> Any:
        return [make_sku(sku_id, price=price) for sku_id in sku_ids]

    server.answer = Script(f"{CATALOG}/apple", [reply(404)])
    with speaking(shop) as seller:
        seller.notify_catalog("apple")
    with shop.app.app_context():
        seller.drain(limit=1)
    price = 1100
    drain(shop)
    assert json.loads(server.received[1].body)["Pricing"]["SalePrice"] == 1100


def test_a_sku_that_is_not_ready_is_dead_with_the_field_and_no_call(
    new_shop: MakeShop, server: Loopback, clock: StoppedClock
) -> None:
    shop = new_shop(marketplaces={"acme": marketplace_at(server.url)}, clock=clock)
    sell(shop, make_sku("apple", images=()))
    server.answer = knows_nothing
    with speaking(shop) as seller:
        seller.notify_catalog("apple")
    assert drain(shop) == (1, 0, 1)
    assert [method for method, _ in heard(server)] == ["POST"]
    code, text = run(shop, "outbox", "list", "--state", "dead")
    assert (code, "images is empty" in text) == (0, True)


def test_a_forbidden_notice_suggests_nothing(shop: Shop, server: Loopback) -> None:
    """P52 and P79."""
    server.answer = lambda _: reply(403)
    with speaking(shop) as seller:
        seller.notify_catalog("apple")
    assert drain(shop) == (0, 0, 1)
    assert (len(server.received), record(shop, "apple")) == (1, None)
    assert "Seller SKUs" in run(shop, "outbox", "list")[1]


def test_sync_tells_about_every_sku_and_suggests_the_unknown(
    new_shop: MakeShop, server: Loopback, other_server: Loopback, clock: StoppedClock
) -> None:
    marketplaces = {"acme": marketplace_at(server.url), "other": marketplace_at(other_server.url, seller_id="frutas")}
    shop = new_shop(marketplaces=marketplaces, clock=clock)
    ids = [f"sku-{number}" for number in range(25)]
    sell(shop, *(make_sku(sku_id) for sku_id in ids))
    server.answer = knows_nothing
    assert run(shop, "sync", "--no-deliver", "--batch", "10") == (0, "25 SKUs, 0 not read; 50 notices to acme, other\n")
    assert heard(server) == []
    drain(shop)
    assert sorted(target for _, target in heard(server)) == sorted(
        f"{path}/{sku_id}" for path in (CATALOG, SUGGESTIONS) for sku_id in ids
    )
    path = "/api/catalog_system/pvt/skuseller/changenotification/frutas"
    assert heard(other_server) == [("POST", f"{path}/{sku_id}") for sku_id in ids]
    states = [{existing_record(shop, sku_id, name).state for sku_id in ids} for name in marketplaces]
    assert states == [{SkuState.SUGGESTED}, {SkuState.KNOWN}]


def test_price_notices_of_a_sku_said_three_times_are_one_call(shop: Shop, server: Loopback) -> None:
    """P60."""
    for _ in range(3):
        with speaking(shop) as seller:
            seller.notify_price("apple")
    with speaking(shop) as seller:
        seller.notify_price("pear")
        seller.notify_inventory("apple")
    assert drain(shop) == (3, 0, 0)
    assert sorted(heard(server)) == [
        ("POST", f"{NOTICES}/apple/inventory"),
        ("POST", f"{NOTICES}/apple/price"),
        ("POST", f"{NOTICES}/pear/price"),
    ]
    assert [state for _, state in rows(shop)] == ["delivered", "merged", "merged", "delivered", "delivered"]
    with speaking(shop) as seller:
        seller.notify_price("apple")
    assert drain(shop) == (1, 0, 0)


# trouble at the marketplace


def test_an_invoice_arrives_after_two_503_and_its_tracking_waited(
    shop: Shop, server: Loopback, clock: StoppedClock
) -> None:
    order_id, path = place_order(shop, A), f"{order_path(A)}/invoice"
    server.answer = Script(path, [reply(503), reply(503)])
    with speaking(shop) as seller:
        seller.send_invoice(order_id, make_invoice())
        seller.send_tracking(order_id, "1001", TRACKING)
        seller.update_tracking_status(order_id, "1001", DELIVERED)
    reports = []
    for _ in range(3):
        reports.append(drain(shop))
        clock.advance(5)  # beyond the jitter of the second try
    assert reports == [(0, 1, 0), (0, 1, 0), (3, 0, 0)]
    assert heard(server) == [
        *[("POST", path)] * 3,
        ("PATCH", f"{path}/1001"),
        ("PUT", f"{path}/1001/tracking"),
    ]
    assert len({request.body for request in server.received[:3]}) == 1
    assert state_of(shop, order_id) is OrderState.DELIVERED


def test_a_page_instead_of_json_is_tried_again(shop: Shop, server: Loopback, clock: StoppedClock) -> None:
    order_id, path = place_order(shop, A), f"{order_path(A)}/invoice"
    server.answer = Script(path, [reply(200, b"<html>We will be back soon</html>")])
    with speaking(shop) as seller:
        seller.send_invoice(order_id, make_invoice())
    assert drain(shop) == (0, 1, 0)
    assert state_of(shop, order_id) is OrderState.AUTHORIZED
    clock.advance(5)
    assert drain(shop) == (1, 0, 0)


def test_a_lost_connection_is_tried_again(shop: Shop, server: Loopback, clock: StoppedClock) -> None:
    with speaking(shop) as seller:
        seller.notify_price("apple")
    server.answer = lambda _: None
    assert drain(shop) == (0, 1, 0)
    server.answer = done
    clock.advance(5)
    assert drain(shop) == (1, 0, 0)


@pytest.mark.parametrize("wish", ["120", "Wed, 04 Mar 2026 15:47:03 GMT"], ids=["seconds", "date"])
def test_retry_after_is_waited_for(shop: Shop, server: Loopback, clock: StoppedClock, wish: str) -> None:
    """P77."""
    server.answer = Script(f"{NOTICES}/apple/price", [reply(429, Retry_After=wish)])
    with speaking(shop) as seller:
        seller.notify_price("apple")
    assert drain(shop) == (0, 1, 0)
    clock.advance(119)
    assert drain(shop) == (0, 0, 0)
    assert len(server.received) == 1
    clock.advance(5)
    assert drain(shop) == (1, 0, 0)


def test_a_refused_invoice_holds_its_own_order_only_until_somebody_retries_it(shop: Shop, server: Loopback) -> None:
    first, second = place_order(shop, A), place_order(shop, B)
    path_a, path_b = f"{order_path(A)}/invoice", f"{order_path(B)}/invoice"
    server.answer = Script(path_a, [reply(400, b'{"error": "no"}')])
    with speaking(shop) as seller:
        for order_id in (first, second):
            seller.send_invoice(order_id, make_invoice())
            seller.send_tracking(order_id, "1001", TRACKING)
    assert drain(shop) == (2, 0, 1)
    assert heard(server) == [("POST", path_a), ("POST", path_b), ("PATCH", f"{path_b}/1001")]
    assert (state_of(shop, first), state_of(shop, second)) == (OrderState.AUTHORIZED, OrderState.INVOICED)
    assert drain(shop) == (0, 0, 0)

    _, listed = run(shop, "outbox", "list", "--state", "dead")
    (line,) = listed.splitlines()[1:]
    assert run(shop, "outbox", "retry", line.split()[0])[0] == 0
    assert drain(shop) == (2, 0, 0)
    assert heard(server)[3:] == [("POST", path_a), ("PATCH", f"{path_a}/1001")]
    assert state_of(shop, first) is OrderState.INVOICED


def test_a_refused_notice_does_not_hold_the_next(shop: Shop, server: Loopback) -> None:
    server.answer = Script(f"{NOTICES}/apple/price", [reply(400)])
    for _ in range(2):
        with speaking(shop) as seller:
            seller.notify_price("apple")
        drain(shop)
    assert [state for _, state in rows(shop)] == ["merged", "delivered"], "the second speaks for the dead one"


# several marketplaces


def test_each_marketplace_gets_its_own_calls_with_its_own_key(
    new_shop: MakeShop, server: Loopback, other_server: Loopback, clock: StoppedClock
) -> None:
    keys = {"app_key": "key-of-other", "app_token": "token-of-other", "seller_id": "frutas"}
    marketplaces = {"acme": marketplace_at(server.url), "other": marketplace_at(other_server.url, **keys)}
    shop = new_shop(marketplaces=marketplaces, clock=clock)
    ours, theirs = place_order(shop, A, "acme"), place_order(shop, B, "other")
    with speaking(shop) as seller:
        seller.send_invoice(ours, make_invoice())
        seller.send_invoice(theirs, make_invoice())
        seller.notify_price("apple")
        seller.notify_inventory("apple", marketplaces=["other"])
    assert drain(shop) == (5, 0, 0)
    assert heard(server) == [("POST", f"{order_path(A)}/invoice"), ("POST", f"{NOTICES}/apple/price")]
    path = "/api/notificator/frutas/changenotification/apple"
    assert heard(other_server) == [
        ("POST", f"{order_path(B)}/invoice"),
        ("POST", f"{path}/price"),
        ("POST", f"{path}/inventory"),
    ]
    headers = [[request.headers for request in found.received] for found in (server, other_server)]
    assert [{found["x-vtex-api-appkey"] for found in sent} for sent in headers] == [
        {"vtexappkey-acme"},
        {"key-of-other"},
    ]
    assert [{found["x-vtex-api-apptoken"] for found in sent} for sent in headers] == [{APP_TOKEN}, {"token-of-other"}]
    assert not any(b"token-of-other" in request.raw for request in server.received)
    assert not any(APP_TOKEN.encode() in request.raw for request in other_server.received)


def test_one_marketplaces_trouble_is_not_the_others(
    new_shop: MakeShop, vtex_marketplace: VtexMarketplace, deliver_now: DeliverNow
) -> None:
    shop = new_shop(marketplaces={"acme": ACME, "other": ACME})
    vtex_marketplace.use(shop.app)
    sell(shop, make_sku("apple"))
    vtex_marketplace.fail_next("change_notification", status=503, marketplace="acme")
    vtex_marketplace.fail_next("change_notification", status=404, marketplace="other")
    with speaking(shop) as seller:
        seller.notify_catalog("apple")
    report = deliver_now()
    assert (report.delivered, report.failed, report.dead) == (2, 1, 0)
    assert [call.marketplace for call in vtex_marketplace.calls_to("suggestion")] == ["other"]
    assert record(shop, "apple", "acme") is None
    assert existing_record(shop, "apple", "other").state is SkuState.SUGGESTED


def test_a_paused_marketplace_gets_nothing_until_it_goes_on(
    new_shop: MakeShop, server: Loopback, other_server: Loopback, clock: StoppedClock
) -> None:
    paused = marketplace_at(server.url, paused=True)
    shop = new_shop(marketplaces={"acme": paused, "other": marketplace_at(other_server.url)}, clock=clock)
    order_id = place_order(shop, A)  # its own calls are still answered
    with speaking(shop) as seller:
        seller.send_invoice(order_id, make_invoice())
        seller.notify_price("apple")
    assert drain(shop) == (1, 0, 0)
    assert (len(server.received), len(other_server.received)) == (0, 1)
    assert [state for _, state in rows(shop)].count("pending") == 2
    awake = new_shop(marketplaces={"acme": marketplace_at(server.url)}, clock=clock, create_tables=False)
    assert drain(awake) == (2, 0, 0)
    assert (len(server.received), len(other_server.received)) == (2, 1)


# what the shop is told


def test_signals_tell_the_end_after_its_commit_without_body_and_token(shop: Shop, server: Loopback) -> None:
    first, second = place_order(shop, A), place_order(shop, B)
    server.answer = Script(f"{order_path(B)}/invoice", [reply(400, b'{"error": "wrong value"}')])
    told: list[tuple[str, str, dict[str, Any], list[tuple[str, str]]]] = []

    def listener(name: str) -> Callable[..., None]:
        def hear(sender: object, **data: Any) -> None:
            assert sender is shop.app
            told.append((name, data["message"].lane, data, rows(shop)))  # another connection sees it: committed

        return hear

    delivered, dead = listener("delivered"), listener("dead")
    with speaking(shop) as seller:
        seller.send_invoice(first, make_invoice(embedded="<NFe>Maria Silva</NFe>"))
        seller.send_invoice(second, make_invoice(embedded="<NFe>Maria Silva</NFe>"))
    with message_delivered.connected_to(delivered, shop.app), message_dead.connected_to(dead, shop.app):
        drain(shop)
    assert [(name, lane) for name, lane, _, _ in told] == [("delivered", f"order:{A}"), ("dead", f"order:{B}")]
    assert [seen for *_, seen in told] == [
        [("invoice", "delivered"), ("invoice", "pending")],
        [("invoice", "delivered"), ("invoice", "dead")],
    ]
    for _, _, data, _ in told:
        assert set(data) == {"message", "outcome"}
        assert data["message"].body is None
        assert "Maria" not in repr(data)
        assert APP_TOKEN not in repr(data)
    assert [data["outcome"].status for _, _, data, _ in told] == [200, 400]


def test_no_signal_tells_of_a_try_that_is_repeated(shop: Shop, server: Loopback) -> None:
    server.answer = lambda _: reply(503)
    told: list[Any] = []

    def hear(_: object, **data: Any) -> None:
        told.append(data)

    with speaking(shop) as seller:
        seller.notify_price("apple")
    with message_delivered.connected_to(hear, shop.app), message_dead.connected_to(hear, shop.app):
        drain(shop)
    assert told == []


def test_a_listener_that_raises_stops_nothing(shop: Shop, server: Loopback) -> None:
    def raise_(_: object, **__: Any) -> None:
        raise RuntimeError("the shop's own bug")

    with speaking(shop) as seller:
        seller.notify_price("apple", "pear")
    with message_delivered.connected_to(raise_, shop.app):
        assert drain(shop) == (2, 0, 0)
    assert [state for _, state in rows(shop)] == ["delivered", "delivered"]
