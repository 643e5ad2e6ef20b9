"""The demo's steps, each compared with what the protocol and the shop promise."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from flask import Flask

from flask_vtex_seller.sandbox import Exchange, Marketplace

from ..catalog.service import find
from ..orders import service
from .staff import Staff
from .timeline import Timeline

Cart = list[tuple[str, int]]

POSTAL_CODE, OUT_OF_REACH = "01310-100", "69005-040"
_PATIENCE_SECONDS = 30.0
_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Story:
    """The chapters, in the order in which a shop would live them."""

    shop: Flask
    marketplace: Marketplace
    timeline: Timeline = field(default_factory=Timeline)
    orders: dict[str, str] = field(default_factory=dict)
    """The marketplace's ids of orders that a later chapter goes on with."""
    heard: dict[str, int] = field(default_factory=dict)
    """By order or SKU: how many of the shop's calls about it were told already."""

    def play(self) -> None:
        """Play all chapters; a step that the next ones need and that failed ends the story."""
        catalog = (self.load, self.index, self.edit)
        inbound = (self.simulate, self.place_and_authorize, self.cancel, self.refuse, self.sell_out)
        outbound = (self.deliver, self.invoice_the_refused, self.give_up, self.take_back)
        try:
            for chapter in (*catalog, *inbound, *outbound):
                chapter()
        except (ValueError, LookupError) as error:
            self.timeline.broken(str(error))

    def load(self) -> None:
        """The marketplace learns of the shop's SKUs: unknown, suggested, approved, known."""
        self.timeline.chapter("The first load: the marketplace does not know the shop's SKUs")
        count = self._sync()
        self.timeline.state("flask vtex-seller sync --all: SKUs", count, 20)
        self._each("SKUs that it does not know", "change_notification", 404, count)
        self._each("suggestions that it accepts for review", "suggestion", 200, count)
        for sku in self.marketplace.skus():
            self.marketplace.approve(sku.sku_id)
        states = [sku.state for sku in self.marketplace.skus()]
        self.timeline.state("SKUs that its catalog team approves", states.count("approved"), count, who="marketplace")
        self._sync()
        self._each("SKUs that it knows now", "change_notification", 204, count)

    def index(self) -> None:
        """The marketplace learns price and stock of SKUs."""
        self.timeline.chapter("The marketplace indexes the shop's SKUs")
        for sku_id in ("CAF-250", "CAF-1000", "TEA-MATE"):
            self._call(self.marketplace.index(sku_id))
        self._call(self.marketplace.index("NO-SUCH-SKU", expect="unavailable"))

    def edit(self) -> None:
        """What is saved on the shop's admin page reaches the marketplace, which asks for it."""
        self.timeline.chapter("Somebody edits price and stock on the shop's admin page")
        self.heard["CANDLE"] = len(self._wait(_about("CANDLE"), 0))
        Staff(self.shop).save_product("CANDLE", price="29,90", stock=95)
        self.timeline.state("stock of CANDLE is saved as", self._stock("CANDLE"), 95)
        self._hear("CANDLE", "price_notification", "inventory_notification")
        self.marketplace.settle()
        asked = [call for call in self.marketplace.exchanges() if call.operation == "index"][-2:]
        for call in asked:
            self._call(call)
        self.timeline.state("it learns the price", [_price(call) for call in asked], [2990, 2990], who="marketplace")

    def simulate(self) -> None:
        """Shelves and carts ask what things cost and how they travel."""
        self.timeline.chapter("Shoppers look around")
        cart = [("CAF-250", 2), ("TEA-MATE", 1)]
        self._call(self.marketplace.simulate(cart))
        quoted = self._call(self._quote(cart))
        turned = self.marketplace.simulate(cart[::-1], postal_code=POSTAL_CODE, country="BRA", same_prices_as=quoted)
        self._call(turned, "turned round")
        self._call(self.marketplace.simulate(cart, geo_coordinates=(-46.6333, -23.5505)))
        shared = self._call(self._quote([("TEA-HIB", 1), ("TEA-HIB", 1)]), "one SKU")
        self.timeline.state("the one TEA-HIB is promised to one of them", _quantities(shared), [1, 0])
        capped = self._call(self._quote([("TEA-HIB", 5)]), "more than there is")
        self.timeline.state("five TEA-HIB are asked for, promised are", _quantities(capped), [1])
        far = self.marketplace.simulate(cart, postal_code=OUT_OF_REACH, country="BRA", expect="unreachable")
        self._call(far, "out of reach")

    def place_and_authorize(self) -> None:
        """An order arrives twice and is one order; it is paid."""
        self.timeline.chapter("An order, placed twice and authorized twice, is one order")
        before = self._stock("CAF-250")
        order_id = self.orders["paid"] = self._place([("CAF-250", 2)])
        self._call(self.marketplace.place_again(order_id))
        self.timeline.state("stock of CAF-250 fell by", before - self._stock("CAF-250"), 2)
        self.timeline.state(f"{self._number(order_id)} waits for payment", self._state(order_id), "reserved")
        self._call(self.marketplace.authorize(order_id))
        self._call(self.marketplace.authorize(order_id))
        self.timeline.state(f"{self._number(order_id)} may be shipped", self._state(order_id), "released")

    def cancel(self) -> None:
        """A paid order is canceled after somebody in the shop has looked at it."""
        self.timeline.chapter("A paid order is canceled: evaluated first, then confirmed")
        order_id = self._place([("TEA-MATE", 3)])
        self._call(self.marketplace.authorize(order_id))
        before = self._stock("TEA-MATE")
        self._call(self.marketplace.cancel(order_id, expect="evaluating"))
        self._step(order_id, "accept-cancellation")
        self.timeline.state("somebody accepts it", self._state(order_id), "canceled")
        self._hear(order_id, "cancel_order")
        self._call(self.marketplace.cancel(order_id, expect="confirmed"))
        self.timeline.state("stock of TEA-MATE rose by", self._stock("TEA-MATE") - before, 3)

    def refuse(self) -> None:
        """A paid order goes on although its buyer no longer wants it."""
        self.timeline.chapter("Another wish to cancel is refused: the invoice will say so")
        order_id = self.orders["refused"] = self._place([("CAF-1000", 1)])
        self._call(self.marketplace.authorize(order_id))
        self._call(self.marketplace.cancel(order_id, expect="evaluating"))
        self._step(order_id, "refuse-cancellation")
        self.timeline.state("somebody refuses it: the order stays", self._state(order_id), "released")

    def sell_out(self) -> None:
        """More than the stock is refused, and nothing of it is kept."""
        self.timeline.chapter("More than there is")
        quoted = self._call(self._quote([("TEA-HIB", 1)]))
        self._call(self.marketplace.place(quoted, quantities=[2], expect="FMT002"))
        self.timeline.state("stock of TEA-HIB is still", self._stock("TEA-HIB"), 1)

    def deliver(self) -> None:
        """An invoice arrives although the marketplace fails twice, and what follows it has waited."""
        self.timeline.chapter("The paid order is shipped and delivered; the marketplace fails twice meanwhile")
        self.marketplace.fail_next("invoice", times=2, kind="503")
        order_id = self.orders["paid"]
        self._ship(order_id, "1000")
        self._hear(order_id, "invoice", "invoice", "invoice", "tracking")
        self._step(order_id, "deliver")
        self._hear(order_id, "tracking_status")
        self._expect_at_marketplace(order_id, "delivered")

    def invoice_the_refused(self) -> None:
        """The invoice is what tells the marketplace that its wish to cancel was refused."""
        self.timeline.chapter("The order whose cancellation was refused is shipped")
        order_id = self.orders["refused"]
        self._ship(order_id, "1001")
        self._hear(order_id, "invoice", "tracking")
        self._expect_at_marketplace(order_id, "invoiced")

    def give_up(self) -> None:
        """The shop cannot deliver."""
        self.timeline.chapter("The shop cancels an order")
        order_id = self._place([("TEA-MATE", 1)])
        self._call(self.marketplace.authorize(order_id))
        self._step(order_id, "give-up")
        self._hear(order_id, "cancel_order")
        self._expect_at_marketplace(order_id, "canceled")

    def take_back(self) -> None:
        """An invoiced order comes back."""
        self.timeline.chapter("An invoiced order comes back: return invoice first, then the cancellation")
        order_id = self._place([("CAF-250", 1)])
        self._call(self.marketplace.authorize(order_id))
        self._ship(order_id, "1002")
        self._hear(order_id, "invoice", "tracking")
        self._step(order_id, "take-back", return_invoice_number="R1002")
        self._hear(order_id, "return_invoice", "cancel_order")
        self._expect_at_marketplace(order_id, "canceled")

    def _sync(self) -> int:
        """Have every SKU said as on the command line, for the worker to send; return how many SKUs the shop has."""
        with self.shop.app_context():  # the demo's own command runs in another application's
            result = self.shop.test_cli_runner().invoke(args=["vtex-seller", "sync", "--all", "--no-deliver"])
        if result.exit_code:
            raise LookupError(f"flask vtex-seller sync ended with {result.exit_code}: {result.output}")
        return int(result.stdout.split(" SKUs,")[0])

    def _ship(self, order_id: str, invoice_number: str) -> None:
        parcel = {"carrier": "Transjato", "tracking_number": f"TJ{invoice_number}BR"}
        self._step(order_id, "ship", invoice_number=invoice_number, **parcel)
        self.timeline.state("it leaves the house", self._state(order_id), "shipped")

    def _step(self, order_id: str, step: str, **fields: str) -> None:
        Staff(self.shop).move_order(self._number(order_id), step, **fields)

    def _hear(self, about: str, *operations: str) -> None:
        """Wait until the worker has made these calls about an order or a SKU, in this order, and print each."""
        begin = self.heard.get(about, 0)
        calls = self._wait(_about(about), begin + len(operations))[begin:]
        self.heard[about] = begin + len(calls)
        for call in calls:
            self._call(call)
        self.timeline.state("said, in this order", [call.operation for call in calls], list(operations))

    def _wait(
        self, wanted: Callable[[Exchange], bool], count: int, *, key: Callable[[Exchange], object] = id
    ) -> list[Exchange]:
        """Wait until the shop has made so many of the wanted calls; return those it made, of equal ones the last."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            outbound = (call for call in self.marketplace.exchanges() if call.direction.startswith("seller"))
            calls = list({key(call): call for call in outbound if wanted(call)}.values())
            if len(calls) >= count or time.monotonic() > end:
                return calls
            time.sleep(_LOOK_SECONDS)

    def _each(self, title: str, operation: str, status: int, count: int) -> None:
        """Wait until so many SKUs were said and answered so, and print it as one step; the sweep may say one twice."""
        calls = self._wait(lambda call: (call.operation, call.status) == (operation, status), count, key=_url)
        for call in calls:
            if call.problems:
                self._call(call)
        seen, expected = (f"{number}, answered with {status}" for number in (len(calls), count))
        self.timeline.state(title, seen, expected, who="shop → marketplace")

    def _expect_at_marketplace(self, order_id: str, state: str) -> None:
        states = {order.marketplace_order_id: order.state for order in self.marketplace.orders()}
        self.timeline.state("the order is now", str(states.get(order_id)), state, who="marketplace")

    def _call(self, exchange: Exchange, note: str = "") -> Exchange:
        return self.timeline.exchange(exchange, note)

    def _quote(self, cart: Cart) -> Exchange:
        return self.marketplace.simulate(cart, postal_code=POSTAL_CODE, country="BRA")

    def _place(self, cart: Cart) -> str:
        quoted = self._call(self._quote(cart))
        placed = self._call(self.marketplace.place(quoted))
        return str(placed.marketplace_order_id)

    def _number(self, order_id: str) -> str:
        with self.shop.app_context():
            order = service.find_foreign("sandbox", order_id)
            return "no order" if order is None else order.number

    def _state(self, order_id: str) -> str:
        with self.shop.app_context():
            order = service.find_foreign("sandbox", order_id)
            return "no order" if order is None else str(order.state)

    def _stock(self, code: str) -> int:
        with self.shop.app_context():
            product = find(code)
            return 0 if product is None else product.stock


def _url(call: Exchange) -> str:
    return call.url


def _about(id_: str) -> Callable[[Exchange], bool]:
    return lambda call: id_ in call.url.split("/")


def _quantities(simulation: Exchange) -> list[object]:
    return [item.get("quantity") for item in _items(simulation)]


def _price(simulation: Exchange) -> object:
    return next((item.get("price") for item in _items(simulation)), None)


def _items(simulation: Exchange) -> list[dict[str, object]]:
    body = simulation.response_body
    items = body.get("items") if isinstance(body, dict) else None
    return [item for item in items or [] if isinstance(item, dict)]
