"""`flask --app example_shop demo`: orders' whole lives between this shop and a sandbox marketplace, on this machine."""

import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from flask_vtex_seller import Invoice, InvoiceItem, Tracking, TrackingStatus
from flask_vtex_seller.runners.scheduler import start_scheduler
from flask_vtex_seller.sandbox import Exchange, Marketplace
from flask_vtex_seller.sandbox import create_app as create_sandbox

from . import seed
from .catalog.service import find
from .extensions import db, seller
from .orders import service

Cart = list[tuple[str, int]]

POSTAL_CODE, OUT_OF_REACH = "01310-100", "69005-040"
SELLER_ID = "jatoba"
_PATIENCE_SECONDS = 30.0


@dataclass
class Timeline:
    """Prints a line a step and remembers whether all of them held."""

    steps: int = 0
    failed: int = 0

    def chapter(self, title: str) -> None:
        """Print what the next steps are about."""
        click.secho(f"\n{title}", bold=True)

    def exchange(self, exchange: Exchange, note: str = "") -> Exchange:
        """Print a call, and why if it or its answer was not as the protocol says."""
        who = exchange.direction.replace("seller", "shop")
        answered = "no answer" if exchange.status is None else str(exchange.status)
        title = f"{exchange.title}, {note}" if note else exchange.title
        self._line(who, title, f"{answered}, {exchange.outcome}", exchange.problems)
        return exchange

    def shop(self, title: str, seen: object, expected: object) -> None:
        """Print what the shop did or has, beside what it should have."""
        problems = () if seen == expected else (f"expected {expected}",)
        self._line("shop", title, str(seen), problems)

    def broken(self, reason: str) -> None:
        """Print that the story cannot go on."""
        self._line("demo", "the story ends here", reason, ("a step before it failed",))

    def _line(self, who: str, what: str, outcome: str, problems: tuple[str, ...]) -> None:
        self.steps += 1
        self.failed += bool(problems)
        mark = click.style("✗", fg="red") if problems else click.style("✓", fg="green")
        click.echo(f"{mark} {self.steps:>2}  {who:<19} {what:<56} {outcome}")
        for problem in problems:
            click.echo(f"        {problem}")


@dataclass(frozen=True)
class Story:
    """The steps, in the order in which a shop would live them."""

    shop: Flask
    marketplace: Marketplace
    timeline: Timeline = field(default_factory=Timeline)
    orders: dict[str, str] = field(default_factory=dict)
    """The marketplace's ids of orders that a later chapter goes on with."""

    def play(self) -> None:
        """Play all chapters; a step that the next ones need and that failed ends the story."""
        inbound = (self.index, self.simulate, self.place_and_authorize, self.cancel, self.refuse, self.sell_out)
        outbound = (self.deliver, self.invoice_the_refused, self.give_up, self.take_back)
        chapters = (*inbound, *outbound)
        try:
            for chapter in chapters:
                chapter()
        except (ValueError, LookupError) as error:
            self.timeline.broken(str(error))

    def index(self) -> None:
        """The marketplace learns price and stock of SKUs."""
        self.timeline.chapter("The marketplace indexes the shop's SKUs")
        for sku_id in ("CAF-250", "CAF-1000", "TEA-MATE"):
            self._call(self.marketplace.index(sku_id))
        self._call(self.marketplace.index("NO-SUCH-SKU", expect="unavailable"))

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
        self.timeline.shop("the one TEA-HIB is promised to one of them", _quantities(shared), [1, 0])
        capped = self._call(self._quote([("TEA-HIB", 5)]), "more than there is")
        self.timeline.shop("five TEA-HIB are asked for, promised are", _quantities(capped), [1])
        far = self.marketplace.simulate(cart, postal_code=OUT_OF_REACH, country="BRA", expect="unreachable")
        self._call(far, "out of reach")

    def place_and_authorize(self) -> None:
        """An order arrives twice and is one order; it is paid."""
        self.timeline.chapter("An order, placed twice and authorized twice, is one order")
        before = self._stock("CAF-250")
        order_id = self.orders["paid"] = self._place([("CAF-250", 2)])
        self._call(self.marketplace.place_again(order_id))
        self.timeline.shop("stock of CAF-250 fell by", before - self._stock("CAF-250"), 2)
        self.timeline.shop(f"{self._number(order_id)} waits for payment", self._state(order_id), "reserved")
        self._call(self.marketplace.authorize(order_id))
        self._call(self.marketplace.authorize(order_id))
        self.timeline.shop(f"{self._number(order_id)} may be shipped", self._state(order_id), "released")

    def cancel(self) -> None:
        """A paid order is canceled after somebody in the shop has looked at it."""
        self.timeline.chapter("A paid order is canceled: evaluated first, then confirmed")
        order_id = self._place([("TEA-MATE", 3)])
        self._call(self.marketplace.authorize(order_id))
        before = self._stock("TEA-MATE")
        self._call(self.marketplace.cancel(order_id, expect="evaluating"))
        self._staff(service.accept_cancellation, order_id)
        self.timeline.shop("somebody accepts it", self._state(order_id), "canceled")
        self._call(self.marketplace.cancel(order_id, expect="confirmed"))
        self._call(self.marketplace.cancel(order_id, expect="confirmed"))
        self.timeline.shop("stock of TEA-MATE rose by", self._stock("TEA-MATE") - before, 3)

    def refuse(self) -> None:
        """A shipped order goes on."""
        self.timeline.chapter("A shipped order is not canceled: its invoice will say so")
        order_id = self.orders["refused"] = self._place([("CAF-1000", 1)])
        self._call(self.marketplace.authorize(order_id))
        self._staff(service.ship, order_id, invoice_number="1001", carrier="Transjato", tracking_number="TJ1001BR")
        self.timeline.shop("it leaves the house", self._state(order_id), "shipped")
        self._call(self.marketplace.cancel(order_id, expect="evaluating"))
        self.timeline.shop("it is still on its way", self._state(order_id), "shipped")

    def sell_out(self) -> None:
        """More than the stock is refused, and nothing of it is kept."""
        self.timeline.chapter("More than there is")
        quoted = self._call(self._quote([("TEA-HIB", 1)]))
        self._call(self.marketplace.place(quoted, quantities=[2], expect="FMT002"))
        self.timeline.shop("stock of TEA-HIB is still", self._stock("TEA-HIB"), 1)

    def deliver(self) -> None:
        """An invoice arrives although the marketplace fails twice, and what follows it has waited."""
        self.timeline.chapter("The paid order is invoiced, tracked, delivered; the marketplace fails twice meanwhile")
        self.marketplace.fail_next("invoice", times=2, kind="503")
        order_id = self.orders["paid"]
        with self._saying(order_id) as number:
            seller.send_invoice(number, self._invoice(number, "1000"))
            tracking = Tracking(courier="Transjato", tracking_number="TJ1000BR")
            seller.send_tracking(number, "1000", tracking)
            arrival = TrackingStatus(is_delivered=True, delivered_at=datetime.now(UTC))
            seller.update_tracking_status(number, "1000", arrival)
        self._hear("invoice", "invoice", "invoice", "tracking", "tracking_status")
        self._expect_at_marketplace(order_id, "delivered")

    def invoice_the_refused(self) -> None:
        """The invoice is what tells the marketplace that its wish to cancel was refused."""
        self.timeline.chapter("The order whose cancellation was refused is invoiced")
        order_id = self.orders["refused"]
        with self._saying(order_id) as number:
            seller.send_invoice(number, self._invoice(number, "1001"))
        self._hear("invoice")
        self._expect_at_marketplace(order_id, "invoiced")

    def give_up(self) -> None:
        """The shop cannot deliver."""
        self.timeline.chapter("The shop cancels an order")
        order_id = self._place([("TEA-MATE", 1)])
        self._call(self.marketplace.authorize(order_id))
        with self._saying(order_id) as number:
            seller.cancel_order(number, reason="broken in the warehouse")
        self._hear("cancel_order")
        self._expect_at_marketplace(order_id, "canceled")

    def take_back(self) -> None:
        """An invoiced order comes back."""
        self.timeline.chapter("An invoiced order comes back: return invoice first, then the cancellation")
        order_id = self._place([("CAF-250", 1)])
        self._call(self.marketplace.authorize(order_id))
        with self._saying(order_id) as number:
            seller.send_invoice(number, self._invoice(number, "1002"))
        self._hear("invoice")
        with self._saying(order_id) as number:
            seller.cancel_order(number, reason="came back", return_invoice=self._invoice(number, "R1002"))
        self._hear("return_invoice", "cancel_order")
        self._expect_at_marketplace(order_id, "canceled")

    @contextmanager
    def _saying(self, order_id: str) -> Iterator[str]:
        """Give the shop's order number to say something about, in the shop's own transaction."""
        with self.shop.app_context():
            order = service.find_foreign("sandbox", order_id)
            if order is None:
                raise LookupError(f"the shop has no order for {order_id}")
            yield order.number
            db.session.commit()

    @staticmethod
    def _invoice(number: str, invoice_number: str) -> Invoice:
        order = service.get(number)
        items = tuple(InvoiceItem(sku_id=x.sku, quantity=x.quantity, price=x.price_cents) for x in order.lines)
        return Invoice(number=invoice_number, value=order.total_cents, items=items, issued_at=datetime.now(UTC))

    def _hear(self, *operations: str) -> None:
        """Wait until the worker has made these calls, in this order, and print each."""
        heard = self.orders.setdefault("heard", "0")
        end, calls = time.monotonic() + _PATIENCE_SECONDS, list[Exchange]()
        while len(calls) < len(operations) and time.monotonic() < end:
            time.sleep(0.02)
            outbound = [x for x in self.marketplace.exchanges() if x.direction.startswith("seller")]
            calls = outbound[int(heard) :]
        self.orders["heard"] = str(int(heard) + len(calls))
        for call in calls:
            self._call(call)
        self.timeline.shop("said, in this order", [call.operation for call in calls], list(operations))

    def _expect_at_marketplace(self, order_id: str, state: str) -> None:
        states = {order.marketplace_order_id: order.state for order in self.marketplace.orders()}
        self.timeline.shop("for the marketplace the order is now", str(states.get(order_id)), state)

    def _call(self, exchange: Exchange, note: str = "") -> Exchange:
        return self.timeline.exchange(exchange, note)

    def _quote(self, cart: Cart) -> Exchange:
        return self.marketplace.simulate(cart, postal_code=POSTAL_CODE, country="BRA")

    def _place(self, cart: Cart) -> str:
        quoted = self._call(self._quote(cart))
        placed = self._call(self.marketplace.place(quoted))
        return str(placed.marketplace_order_id)

    def _staff(self, act: Callable[..., None], order_id: str, **particulars: str) -> None:
        with self.shop.app_context():
            order = service.find_foreign("sandbox", order_id)
            if order is None:
                raise LookupError(f"the shop has no order for {order_id}")
            act(order, **particulars)
            db.session.commit()

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


def _quantities(simulation: Exchange) -> list[object]:
    body = simulation.response_body
    items = body.get("items") if isinstance(body, dict) else None
    return [item.get("quantity") for item in items or [] if isinstance(item, dict)]


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Keep silent: the timeline tells it better, and a log line would hold the token."""


@contextmanager
def _serving(app: Flask, listener: socket.socket) -> Iterator[None]:
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet, fd=listener.fileno())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _listener() -> Iterator[tuple[socket.socket, str]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def _stage(create_shop: Callable[[dict[str, Any]], Flask]) -> Iterator[tuple[Flask, Flask, str, str]]:
    """Serve a fresh shop and a sandbox that know each other; yields both and their addresses."""
    with ExitStack() as stack:
        shop_listener, shop_url = stack.enter_context(_listener())
        sandbox_listener, sandbox_url = stack.enter_context(_listener())
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="vtex-seller-demo-")))
        token = secrets.token_urlsafe(24)
        shop = create_shop(_shop_config(folder, token, sandbox_url))
        stack.callback(_dispose, shop)
        with shop.app_context():
            seed.prepare()
        endpoint = f"{shop_url}/api/vtex/sandbox?token={token}"
        sandbox = create_sandbox(_sandbox_config(endpoint, shop))
        stack.callback(sandbox.extensions["vtex_sandbox"].close)
        stack.enter_context(_serving(shop, shop_listener))
        stack.enter_context(_serving(sandbox, sandbox_listener))
        stack.callback(start_scheduler(shop).shutdown)
        yield shop, sandbox, shop_url, sandbox_url


def _sandbox_config(endpoint: str, shop: Flask) -> dict[str, Any]:
    known = shop.config["VTEX_SELLER_MARKETPLACES"]["sandbox"]
    return {
        "SANDBOX_FULFILLMENT_ENDPOINT": endpoint,
        "SANDBOX_SELLER_ID": SELLER_ID,
        "SANDBOX_APP_KEY": known["app_key"],
        "SANDBOX_APP_TOKEN": known["app_token"],
    }


def _shop_config(folder: Path, token: str, sandbox_url: str) -> dict[str, Any]:
    marketplace = {
        "account": "sandbox",
        "seller_id": SELLER_ID,
        "app_key": "vtexappkey-sandbox",
        "app_token": secrets.token_urlsafe(24),
        "inbound_tokens": [token],
        "base_url": sandbox_url,
        "suggestions_url": sandbox_url,
        "local": True,
    }
    return {
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder / 'shop.sqlite'}",
        "SECRET_KEY": secrets.token_urlsafe(24),
        "SHOP_ADMIN_PASSWORD": secrets.token_urlsafe(6),
        "VTEX_SELLER_MARKETPLACES": {"sandbox": marketplace},
        "VTEX_SELLER_DRAIN_SECONDS": 0.2,
    }


def _dispose(shop: Flask) -> None:
    with shop.app_context():
        db.session.remove()
        db.engine.dispose()


def register(app: Flask, create_shop: Callable[[dict[str, Any]], Flask]) -> None:
    """Add the command; it plays with a shop of its own, made by `create_shop`, on a database that it throws away."""

    @app.cli.command("demo")
    @click.option("--once", is_flag=True, help="End after the story; exit status 0 only if every step held.")
    def demo(once: bool) -> None:
        """Play orders' lives between this shop and a sandbox marketplace."""
        with _stage(create_shop) as (shop, sandbox, shop_url, sandbox_url):
            story = Story(shop, sandbox.extensions["vtex_sandbox"])
            story.play()
            timeline = story.timeline
            verdict = "all held" if not timeline.failed else f"{timeline.failed} did not hold"
            click.secho(f"\n{timeline.steps} steps, {verdict}.", bold=True)
            if not once:
                click.echo(f"The shop      {shop_url}/\n  its orders  {shop_url}/admin/orders")
                click.echo(f"              user admin, password {shop.config['SHOP_ADMIN_PASSWORD']}")
                click.echo(f"The sandbox   {sandbox_url}/\nCtrl+C ends both.")
                _wait_for_interrupt()
        raise SystemExit(1 if timeline.failed else 0)


def _wait_for_interrupt() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        click.echo("\nBye.")
