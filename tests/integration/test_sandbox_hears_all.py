"""The package and the sandbox, which share no code, over loopback: every call in every form is understood."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.serving import make_server

from flask_vtex_seller import (
    Agreement,
    DeliveryPromise,
    Invoice,
    InvoiceItem,
    OrderState,
    SkuAvailability,
    SkuState,
)
from flask_vtex_seller.catalog.life import BLOCKED
from flask_vtex_seller.runners.scheduler import LOOK_AGAIN_AFTER, sweep
from flask_vtex_seller.sandbox import Exchange, Marketplace, create_app
from flask_vtex_seller.state import current_state

from ..contract.speaking import DELIVERED, NOW, TRACKING, drain, make_sku, sell, speaking
from ..marketplace.loopback import marketplace_at
from ..shops import TOKEN, Shop, StoppedClock

MakeShop = Callable[..., Shop]


class Stage:
    """Two sockets; who answers on each is decided later, since either has to know the other's address."""

    def __init__(self) -> None:
        self.apps: list[Any] = [None, None]
        self.servers = [make_server("127.0.0.1", 0, self._app(index), threaded=True) for index in (0, 1)]
        self.threads = [threading.Thread(target=server.serve_forever, args=(0.01,)) for server in self.servers]
        for thread in self.threads:
            thread.start()

    def _app(self, index: int) -> Any:
        return lambda environ, start: self.apps[index](environ, start)

    def url(self, index: int) -> str:
        return f"http://127.0.0.1:{self.servers[index].server_port}"

    def close(self) -> None:
        for server, thread in zip(self.servers, self.threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


@dataclass
class World:
    shop: Shop
    marketplace: Marketplace
    seen: int = 0
    orders: list[str] = field(default_factory=list)

    def order(self) -> tuple[str, str]:
        """Have the marketplace place and authorize an order; return its id there and at the shop."""
        asked = self.marketplace.simulate([("apple", 1)], postal_code="01310-100", country="BRA")
        placed = self.marketplace.place(asked, sla_id="standard")
        assert placed.ok, placed.problems
        assert placed.marketplace_order_id is not None
        assert self.marketplace.authorize(placed.marketplace_order_id).ok
        return placed.marketplace_order_id, str(placed.response_body[0]["orderId"])

    def deliver(self) -> list[Exchange]:
        """Have the shop send what waits; return what the marketplace heard."""
        drain(self.shop)
        heard = [one for one in self.marketplace.exchanges() if one.direction == "seller → marketplace"][self.seen :]
        self.seen += len(heard)
        return heard


@pytest.fixture
def make_world(new_shop: MakeShop) -> Iterator[Callable[..., World]]:
    stage, worlds = Stage(), []

    def make(*, path: str = "", **settings: Any) -> World:
        base = stage.url(1)
        shop = new_shop(
            marketplaces={"acme": marketplace_at(base, suggestions_url=base, **settings)}, clock=StoppedClock()
        )
        sandbox = create_app(
            {
                "SANDBOX_FULFILLMENT_ENDPOINT": f"{stage.url(0)}/api/vtex/acme?token={TOKEN}",
                "SANDBOX_SELLER_ID": "fruitshop",
                "SANDBOX_ACCOUNT": "acmemarket",
                "SANDBOX_SERVICES_ENDPOINT": f"{base}{path}?an=acmemarket",
                "SANDBOX_SIMULATION_TIMEOUT_SECONDS": 30,
            }
        )
        stage.apps[:] = [shop.app, sandbox]
        sell(shop, make_sku("apple"))
        worlds.append(World(shop=shop, marketplace=sandbox.extensions["vtex_sandbox"]))
        return worlds[-1]

    yield make
    for world in worlds:
        world.marketplace.settle()
        world.marketplace.close()
    stage.close()


def say_a_life(world: World, order_id: str) -> None:
    items = (InvoiceItem(sku_id="apple", quantity=1, price=1250),)
    invoice = Invoice(number="1", value=2240, items=items, issued_at=NOW)
    with speaking(world.shop) as seller:
        seller.send_agreement(order_id, "c-1", Agreement.ACKNOWLEDGMENT)
        seller.send_agreement(order_id, "c-1", Agreement.CONFIRMATION)
        seller.send_invoice(order_id, invoice)
        seller.send_tracking(order_id, "1", TRACKING)
        seller.update_tracking_status(order_id, "1", DELIVERED)
        seller.return_invoice(order_id, Invoice(number="R1", value=2240, items=items, issued_at=NOW))


LIFE = ["agreement", "agreement", "invoice", "tracking", "tracking_status", "return_invoice"]


@pytest.mark.parametrize(
    ("settings", "methods"),
    [
        ({}, ["POST", "POST", "POST", "PATCH", "PUT", "POST"]),
        ({"route_family": "protocol"}, ["POST"] * 6),
        ({"route_family": "protocol", "path": "/api/oms"}, ["POST"] * 6),
    ],
    ids=["oms", "protocol at the root", "protocol below the OMS"],
)
def test_an_orders_whole_life_is_understood_by_either_family(
    make_world: Callable[..., World], settings: dict[str, Any], methods: list[str]
) -> None:
    """P61, P65, P66, P67, P76, P82, row 6, row 37, row 38"""
    world = make_world(**settings)
    marketplace_order_id, order_id = world.order()
    say_a_life(world, order_id)
    heard = world.deliver()
    assert [(one.operation, one.method, one.problems) for one in heard] == [
        (operation, method, ()) for operation, method in zip(LIFE, methods, strict=True)
    ]
    with world.shop.app.app_context():
        assert world.shop.seller.order(order_id).state is OrderState.RETURNED
    [order] = world.marketplace.orders()
    assert (order.marketplace_order_id, order.state) == (marketplace_order_id, "returned")
    assert order.agreements == {"c-1": "Confirmation"}


def test_a_marketplace_without_patch_gets_the_tracking_by_post(make_world: Callable[..., World]) -> None:
    """P68, row 6"""
    world = make_world()
    _, order_id = world.order()
    world.marketplace.fail_next("tracking", kind="405")
    world.marketplace.fail_next("tracking_status", kind="404")
    say_a_life(world, order_id)
    heard = [(one.operation, one.method, one.status) for one in world.deliver() if one.operation.startswith("tracking")]
    assert heard == [
        ("tracking", "PATCH", 405),
        ("tracking", "POST", 200),
        ("tracking_status", "PUT", 404),
        ("tracking_status", "POST", 200),
    ]


def test_a_cancellation_is_understood_at_the_orders_own_services(make_world: Callable[..., World]) -> None:
    """P69, row 37"""
    world = make_world(route_family="protocol")
    _, order_id = world.order()
    with speaking(world.shop) as seller:
        seller.cancel_order(order_id, reason="broken")
    assert [(one.operation, one.ok) for one in world.deliver()] == [("cancel_order", True)]


@pytest.mark.parametrize("route", ["catalog_system", "sku-binding"])
def test_a_sku_is_notified_suggested_and_promised(make_world: Callable[..., World], route: str) -> None:
    """P51, P52, P53, row 2"""
    world = make_world(catalog_route=route)
    promise = DeliveryPromise(availability=3, zone_ids=("rio",), id="normal", name="Normal", takes=timedelta(days=2))
    with speaking(world.shop) as seller:
        seller.notify_catalog("apple")
    assert [(one.operation, one.problems) for one in world.deliver()] == [
        ("change_notification", ()),
        ("suggestion", ()),
    ]
    world.marketplace.approve("apple")
    with speaking(world.shop) as seller:
        seller.notify_catalog("apple")
        seller.notify_delivery_promises(SkuAvailability(sku_id="apple", availability=5, promises=(promise,)))
    heard = world.deliver()
    assert [(one.operation, one.status, one.problems) for one in heard] == [
        ("change_notification", 204, ()),
        ("delivery_promises", 202, ()),
    ]
    assert f"/api/{route}/" in heard[0].url


def test_what_the_marketplaces_people_decide_is_learnt(make_world: Callable[..., World]) -> None:
    """P57, P58, row 32"""
    world = make_world()

    def notify() -> list[tuple[str, int | None]]:
        with speaking(world.shop) as seller:
            seller.notify_catalog("apple")
        return [(one.operation, one.status) for one in world.deliver() if one.ok]

    def look() -> tuple[list[tuple[str, int | None]], SkuState, str]:
        with world.shop.app.app_context():
            state = current_state()
            state.drain.clock.advance(LOOK_AGAIN_AFTER.total_seconds())  # type: ignore[attr-defined]
            sweep(state, threading.Event())
            heard = [(one.operation, one.status) for one in world.deliver() if one.ok]
            (found,) = state.skus.find("apple")
        return heard, found.state, found.reason

    asked = ("suggestion_status", 200)
    assert notify() == [("change_notification", 404), ("suggestion", 200)]
    assert look() == ([asked], SkuState.PENDING, "")
    world.marketplace.deny("apple", "blurred picture")
    assert look() == ([asked], SkuState.DENIED, "blurred picture")
    assert look() == ([], SkuState.DENIED, "blurred picture")
    assert notify() == [("change_notification", 404), ("suggestion", 400)]
    assert look() == ([], SkuState.BLOCKED, BLOCKED)
    assert notify() == [("change_notification", 404)]
    world.marketplace.forget("apple")  # somebody unblocks it
    with world.shop.app.app_context():
        world.shop.app.test_cli_runner().invoke(args=["vtex-seller", "catalog", "suggest", "apple"])
    assert [one.operation for one in world.deliver()] == ["suggestion"]
    world.marketplace.approve("apple")
    assert look() == ([asked, ("change_notification", 204)], SkuState.KNOWN, "")
    assert look() == ([], SkuState.KNOWN, "")


def test_a_suggestion_that_expired_is_learnt(make_world: Callable[..., World]) -> None:
    world = make_world()
    with speaking(world.shop) as seller:
        seller.notify_catalog("apple")
    world.deliver()
    world.marketplace.forget("apple")
    with world.shop.app.app_context():
        state = current_state()
        state.drain.clock.advance(timedelta(days=31).total_seconds())  # type: ignore[attr-defined]
        sweep(state, threading.Event())
        world.deliver()
        assert [found.state for found in state.skus.find("apple")] == [SkuState.EXPIRED]


def test_promises_of_a_sku_that_the_marketplace_lacks_are_a_dead_letter(make_world: Callable[..., World]) -> None:
    world = make_world()
    with speaking(world.shop) as seller:
        seller.notify_delivery_promises(SkuAvailability(sku_id="apple", availability=0))
        seller.notify_price("apple")
    assert drain(world.shop) == (1, 0, 1)
