"""Values that stand for a shopper and for credentials, and an order's whole life in which everything fails once.

Each value is found nowhere else, so wherever it turns up it has leaked.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from blinker import NamedSignal
from click.testing import Result
from cryptography.fernet import Fernet
from sqlalchemy import select

from flask_vtex_seller import (
    CancellationDecision,
    Invoice,
    InvoiceItem,
    PlacedOrder,
    Tracking,
    TrackingEvent,
    TrackingStatus,
    signals,
)

from ..marketplace.loopback import Loopback, Received, marketplace_at, reply
from ..shops import Shop, StoppedClock, order_body, reserve

NAME, SURNAME = "Canarinha", "Passarinhova"
DOCUMENT, EMAIL, PHONE = "39053344705", "canarinha@gaiola.example", "+5511987654321"
STREET, POSTAL_CODE, COMPLEMENT = "Travessa do Canario", "01310-987", "gaiola 77"
REASON = "Canarinha desistiu do passaro"
SHOPS_EMAIL = "atendimento-canario@loja.example"
DOCUMENT_XML = f"<nfe><dest><xNome>{NAME} {SURNAME}</xNome><CPF>{DOCUMENT}</CPF><email>{EMAIL}</email></dest></nfe>"
PEOPLE = (NAME, SURNAME, DOCUMENT, EMAIL, PHONE, STREET, POSTAL_CODE, COMPLEMENT, REASON, SHOPS_EMAIL)

INBOUND, WRONG_TOKEN, APP_TOKEN = "canary-inbound-token", "canary-wrong-token", "canary-app-token"
HEALTH, PROXY_PASSWORD = "canary-health-token", "canary-proxy-password"
KEY, OLD_KEY = Fernet.generate_key().decode(), Fernet.generate_key().decode()
CREDENTIALS = (INBOUND, WRONG_TOKEN, APP_TOKEN, HEALTH, PROXY_PASSWORD, KEY, OLD_KEY)

NOW = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)
ITEMS = (InvoiceItem(sku_id="apple", quantity=1, price=1250, description=f"engraved: {NAME}"),)


def leaks(text: str, canaries: tuple[str, ...] = (*PEOPLE, *CREDENTIALS)) -> list[str]:
    """Return the canaries that stand in a text, whatever a writer may have made of their letters."""
    lowered = text.lower().replace("%40", "@").replace("%2b", "+").replace("%20", " ")
    return [canary for canary in canaries if canary.lower() in lowered]


def body(marketplace_order_id: str) -> dict[str, Any]:
    """An order of the canary shopper."""
    order = order_body(marketplace_order_id)
    client, address = order["clientProfileData"], order["shippingData"]["address"]
    client.update(email=EMAIL, firstName=NAME, lastName=SURNAME, document=DOCUMENT, phone=PHONE)
    address.update(receiverName=f"{NAME} {SURNAME}", street=STREET, postalCode=POSTAL_CODE, complement=COMPLEMENT)
    return order


def invoice(number: str, value: int = 1250) -> Invoice:
    tracking = Tracking(courier="Correios", tracking_number=f"BR-{NAME}", tracking_url=f"https://t.example/?e={EMAIL}")
    return Invoice(number=number, value=value, items=ITEMS, issued_at=NOW, embedded=DOCUMENT_XML, tracking=tracking)


@dataclass
class Life:
    """A shop, a marketplace that repeats what it is sent, and whatever was seen of both."""

    shop: Shop
    server: Loopback
    answers: list[str] = field(default_factory=list)
    """Of our routes to calls that failed."""
    heard: list[str] = field(default_factory=list)
    """Everything that signals carried, opened as far as it goes."""

    def call(self, path: str, body: Any, **kwargs: Any) -> Any:
        return self.shop.call(path, body, **{"query_string": {"token": INBOUND}, **kwargs})

    def fail(self, path: str, body: Any, **kwargs: Any) -> None:
        answer = self.call(path, body, **kwargs)
        assert answer.status_code >= 400, (path, answer.status_code)
        self.answers.append(f"{answer.status} {answer.headers} {answer.text}")

    def say(self, verb: str, *arguments: Any, **keywords: Any) -> None:
        with self.shop.app.app_context():
            getattr(self.shop.seller, verb)(*arguments, **keywords)
            self.shop.db.session.commit()

    def drain(self) -> None:
        self.shop.app.extensions["vtex_seller"].drain.run()

    def command(self, *arguments: str, answer: str | None = None) -> Result:
        return self.shop.app.test_cli_runner().invoke(args=["vtex-seller", *arguments], input=answer)

    def dump(self) -> str:
        """Return every column of every row of every table of ours."""
        with self.shop.app.app_context(), self.shop.db.engine.connect() as connection:
            tables = self.shop.app.extensions["vtex_seller"].tables.values()
            rows = [(table.name, row) for table in tables for row in connection.execute(select(table))]
        return "\n".join(f"{name} {tuple(row)!r}" for name, row in rows)

    def raw(self) -> str:
        """Return what somebody gets who takes the database: SQLite's files, or what PostgreSQL copies of our tables."""
        state = self.shop.app.extensions["vtex_seller"]
        engine = state.drain.engine
        if engine.dialect.name == "sqlite":
            files = [Path(f"{engine.url.database}{suffix}") for suffix in ("", "-wal")]
            return "".join(file.read_bytes().decode("latin-1") for file in files if file.exists())
        with engine.connect() as connection:
            return "".join(_copy(connection.connection.cursor(), table.name) for table in state.tables.values())


def _copy(cursor: Any, table: str) -> str:
    with cursor.copy(f"COPY {table} TO STDOUT") as copied:
        return b"".join(copied).decode()


def echo(status: int) -> Callable[[Received], bytes]:
    """A marketplace that answers a call with the call: the whole of it, tokens included."""
    return lambda request: reply(status, b"refused: " + request.raw)


@contextlib.contextmanager
def life(new_shop: Callable[..., Shop], server: Loopback, **config: Any) -> Iterator[Life]:
    """Make the shop, and listen to every signal."""
    acme = marketplace_at(server.url, app_token=APP_TOKEN, inbound_tokens=[INBOUND])
    shop = new_shop(
        clock=StoppedClock(),
        marketplaces={"acme": acme},
        VTEX_SELLER_HEALTH_TOKEN=HEALTH,
        **config,
    )
    shop.place = lambda order: PlacedOrder(order_id=reserve(shop, order), follow_up_email=SHOPS_EMAIL)
    lived = Life(shop=shop, server=server)

    def listen(sender: Any, **carried: Any) -> None:
        lived.heard.append(opened(carried))

    with contextlib.ExitStack() as stack:
        for found in vars(signals).values():
            if isinstance(found, NamedSignal):
                stack.enter_context(found.connected_to(listen, sender=shop.app))
        yield lived


def opened(value: Any, depth: int = 0) -> str:
    """Write a value with all that its attributes hold, whether its `repr` shows them or not."""
    fields = getattr(type(value), "__dataclass_fields__", None)
    if depth < 6 and fields is not None:
        return "".join(opened(getattr(value, name), depth + 1) for name in fields)
    if depth < 6 and isinstance(value, dict):
        return "".join(opened(inner, depth + 1) for pair in value.items() for inner in pair)
    if depth < 6 and isinstance(value, list | tuple):
        return "".join(opened(inner, depth + 1) for inner in value)
    return f"{value!r} "


def raising(_: Any) -> Any:
    """A hook of the shop's that breaks and quotes all it knows."""
    raise ValueError(f"cannot do it for {json.dumps(body('raising-01'))} {REASON} {' '.join(CREDENTIALS)}")


def live(lived: Life) -> None:
    """An order from its placement to its return, in which every step fails once before it succeeds."""
    shop, place = lived.shop, lived.shop.place
    lived.fail("/pvt/orders", [body("C-01")], query_string={"token": WRONG_TOKEN})
    lived.fail("/pvt/orders", [{**body("C-01"), "items": [{"id": "apple", "quantity": EMAIL, "price": 1}]}])
    lived.fail("/pvt/orders", None, data=json.dumps(body("C-01"))[:-20].encode())
    shop.place = raising
    lived.fail("/pvt/orders", [body("C-01")])
    shop.place = place
    for number in ("C-01", "C-02"):
        assert lived.call("/pvt/orders", [body(number)]).status_code == 200
    moved = body("C-01")
    moved["shippingData"]["address"]["street"] = f"{STREET} 2"
    lived.fail("/pvt/orders", [moved])
    release, shop.release = shop.release, raising
    lived.fail("/pvt/orders/S-1/fulfill", {"marketplaceOrderId": "C-01", "paymentData": {"holder": NAME}})
    shop.release = release
    for number in ("S-1", "S-2"):
        assert lived.call(f"/pvt/orders/{number}/fulfill", {}).status_code == 200
    shop.decide = raising
    lived.fail("/pvt/orders/S-1/cancel", {"marketplaceOrderId": "C-01", "reason": REASON})
    shop.decide = lambda _: CancellationDecision.EVALUATE
    lived.call("/pvt/orders/S-1/cancel", {"marketplaceOrderId": "C-01", "reason": REASON})
    deliver(lived)


def deliver(lived: Life) -> None:
    """What the shop says: delivered, refused, failed and held."""
    server = lived.server
    server.answer = lambda _: reply(200, b'{"receipt": 1}')
    lived.say("send_invoice", "S-1", invoice("1001"), refuses_cancellation=True)
    event = TrackingEvent(description=f"left at {NAME}'s", on=NOW.date(), city=STREET)
    lived.say("update_tracking_status", "S-1", "1001", TrackingStatus(is_delivered=False, events=(event,)))
    lived.drain()
    server.answer = echo(503)
    lived.say("send_invoice", "S-1", invoice("1002"))
    lived.drain()
    server.answer = echo(400)
    lived.say("cancel_order", "S-2", reason=REASON)
    lived.drain()
    server.answer = lambda _: None  # the connection is reset
    lived.say("notify_price", "apple")
    lived.drain()
