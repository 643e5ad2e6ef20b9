"""The outbox of a small shop on this test's database, and a marketplace that is a function."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any

from sqlalchemy import Row, select

from flask_vtex_seller.clock import from_epoch_us
from flask_vtex_seller.marketplace.outcome import Outcome, Verdict
from flask_vtex_seller.outbox.drain import Drain, Report
from flask_vtex_seller.outbox.handler import OutcomeHandler, Settled
from flask_vtex_seller.outbox.ledger import OutboxLedger
from flask_vtex_seller.outbox.message import Draft, Message
from flask_vtex_seller.state import State, current_state

from ..shops import ACME, Shop, StoppedClock

DELIVERED = Outcome(verdict=Verdict.DELIVERED, status=200, reason="200")
BUSY = Outcome(verdict=Verdict.RETRY, status=503, reason="503", excerpt="come back later")
REFUSED = Outcome(verdict=Verdict.REFUSED, status=400, reason="400", excerpt="no such thing")
LEASE = 60.0


def invoice(number: str, *, order: str = "1-01", marketplace: str = "acme", body: Any = None) -> Draft:
    """A message of an order's lane, where order matters."""
    arguments = {"marketplace_order_id": order, "invoice_number": number}
    body = {"n": number} if body is None else body
    return Draft(marketplace=marketplace, operation="invoice", lane=f"order:{order}", arguments=arguments, body=body)


def notice(sku_id: str, kind: str = "price", *, marketplace: str = "acme", merges: bool = True) -> Draft:
    """A content-free notice in its SKU's lane."""
    operation, lane = f"{kind}_notification", f"sku:{sku_id}"
    return Draft(marketplace=marketplace, operation=operation, lane=lane, arguments={"sku_id": sku_id}, merges=merges)


def said(message: Message) -> str:
    """A short name for a message: the invoice's number, or the SKU."""
    return message.arguments.get("invoice_number") or message.arguments["sku_id"]


@dataclass
class Box:
    """What was said, sent and settled."""

    shop: Shop
    clock: StoppedClock
    answer: Callable[[Message], Outcome] = lambda _: DELIVERED
    sent: list[Message] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    ends: list[Settled] = field(default_factory=list)

    @property
    def state(self) -> State:
        with self.shop.app.app_context():
            return current_state()

    @property
    def names(self) -> list[str]:
        return [said(message) for message in self.sent]

    def say(self, *drafts: Draft) -> None:
        """Write messages in one committed transaction of the shop's."""
        with self.shop.app.app_context():
            self.state.outbox.append(drafts, now=self.clock.now())
            self.shop.db.session.commit()

    def _send(self, message: Message, body: Any | None) -> Outcome:
        self.sent.append(message)
        self.bodies.append(body)
        return self.answer(message)

    def drain(self, handlers: Mapping[str, OutcomeHandler] | None = None, **changes: Any) -> Drain:
        changes = {"send": self._send, "announce": self.ends.append, "rng": Random(7), **changes}
        return replace(self.state.drain, handlers=handlers or {}, **changes)

    def run(self, handlers: Mapping[str, OutcomeHandler] | None = None, **bounds: Any) -> Report:
        return self.drain(handlers).run(**bounds)

    def rows(self) -> list[Row[Any]]:
        """The table, as committed, the oldest first."""
        drain = self.state.drain
        with drain.engine.connect() as connection:
            return list(connection.execute(select(drain.table).order_by(drain.table.c.id)))

    def states(self) -> dict[str, str]:
        """By the message's short name; for names said once."""
        with self.ledger() as ledger:
            messages = ledger.page(state=None, marketplace=None, lane=None, limit=1000)
        return {said(message): message.state.value for message in reversed(messages)}

    def ids(self) -> list[int]:
        return [row.id for row in self.rows()]

    @contextmanager
    def ledger(self) -> Iterator[OutboxLedger]:
        """The queries in a transaction of their own, committed at the end."""
        drain = self.state.drain
        with drain.engine.begin() as connection:
            yield OutboxLedger(connection, drain.table)

    def sleep_until_due(self) -> None:
        """Move the clock to the moment at which the last waiting message is due."""
        due = max(from_epoch_us(row.due_at) for row in self.rows() if row.state == "pending")
        self.clock.advance(max(0.0, (due - self.clock.now()) / timedelta(seconds=1)))


def make_box(new_shop: Callable[..., Shop], **config: Any) -> Box:
    """Make a shop on two marketplaces, `acme` and `other`, whose time stands still."""
    clock = StoppedClock()
    config = {"marketplaces": {"acme": ACME, "other": ACME}, "VTEX_SELLER_LEASE_SECONDS": LEASE, **config}
    return Box(shop=new_shop(clock=clock, **config), clock=clock)
