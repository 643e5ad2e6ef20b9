"""What docs/explanation/orders.md says becomes of an order, written down once more and without a database.

It shares nothing with the package but the names of states and decisions. Sums are not kept: they are what the invoices
add up to.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from flask_vtex_seller import CancellationDecision, OrderState

TOTAL = 3830
"""Of every order, in cents."""
RESERVED = timedelta(days=8)
MAX_AGE, MAX_ATTEMPTS = timedelta(days=3), 15
"""After which a message that fails is dead."""
_UNSHIPPED = {OrderState.PLACED, OrderState.EXPIRED, OrderState.AUTHORIZED}
_SHIPPING = {OrderState.AUTHORIZED, OrderState.PARTIALLY_INVOICED}
_INVOICED = {OrderState.PARTIALLY_INVOICED, OrderState.INVOICED, OrderState.DELIVERED}
_EVALUATE, _CONFIRM, _REFUSE = CancellationDecision.EVALUATE, CancellationDecision.CONFIRM, CancellationDecision.REFUSE


class Hook(Enum):
    """What a hook does when it is called; its deed is in the shop's database if the transaction, or it, commits."""

    ANSWERS = auto()
    REFUSES = auto()
    RAISES = auto()
    COMMITS = auto()
    """… by itself, and answers."""
    COMMITS_AND_RAISES = auto()

    @property
    def answers(self) -> bool:
        return self in (Hook.ANSWERS, Hook.COMMITS)

    @property
    def commits(self) -> bool:
        return self in (Hook.COMMITS, Hook.COMMITS_AND_RAISES)


class End(Enum):
    """What comes of a call to the marketplace."""

    ARRIVES = auto()
    FAILS = auto()
    """… for now."""
    REFUSED = auto()


@dataclass(frozen=True)
class Reply:
    """What a call is answered."""

    status: int
    what: str = ""
    """The code of an error; of an answer what it says."""


class Refused(Exception):
    """A verb raises; `args` holds the name of the exception."""


CONTRADICTS, WRONG, UNKNOWN = "IllegalTransition", "ValueError", "UnknownOrder"
EMPTY = Reply(200)


@dataclass
class Said:
    """A message."""

    operation: str
    number: str
    state: str
    since: datetime
    """When its time began."""
    attempts: int = 0
    delivers: bool = False

    def begin_anew(self, state: str, now: datetime) -> None:
        self.state, self.since, self.attempts = state, now, 0


@dataclass
class Invoiced:
    """An invoice that was said."""

    sale: bool
    value: int
    tracked: bool = False
    arrived: bool = False


@dataclass
class OrderModel:
    """One order, from before it is placed."""

    state: OrderState | None = None
    content: int | None = None
    left_by_hook: bool = False
    """The shop has the order, but its hook broke off before it said so."""
    reserved_until: datetime | None = None
    authorized: bool = False
    decision: CancellationDecision | None = None
    request: str | None = None
    canceling: bool = False
    """The shop said so."""
    invoices: dict[str, Invoiced] = field(default_factory=dict)
    lane: list[Said] = field(default_factory=list)
    deeds: Counter[str] = field(default_factory=Counter)
    """Of hooks, as committed."""
    asked: Counter[str] = field(default_factory=Counter)
    """How often each hook was called."""

    def copy(self) -> "OrderModel":
        """Return one that may be tried out."""
        invoices = {number: replace(invoice) for number, invoice in self.invoices.items()}
        lane, deeds, asked = [replace(said) for said in self.lane], Counter(self.deeds), Counter(self.asked)
        return replace(self, invoices=invoices, lane=lane, deeds=deeds, asked=asked)

    # what it adds up to

    def sum(self, *, sale: bool, arrived: bool = False) -> int:
        return sum(
            invoice.value for invoice in self.invoices.values() if invoice.sale is sale and invoice.arrived >= arrived
        )

    @property
    def evaluating(self) -> bool:
        return self.decision is _EVALUATE and self.state is not OrderState.CANCELED

    # what the marketplace asks

    def _ask(self, hook: str, does: Hook) -> None:
        self.asked[hook] += 1
        if does.answers or does.commits:
            self.deeds[hook] += 1

    def place(self, content: int, does: Hook, now: datetime) -> Reply:
        if self.state is not None or self.left_by_hook:
            if content != self.content:
                return Reply(409, "FMT009")
            if self.state is None:
                self.state, self.left_by_hook = OrderState.PLACED, False
            return Reply(200, "placed")
        self._ask("placed", does)
        if does is Hook.REFUSES:
            return Reply(409, "FMT002")
        if does.answers or does.commits:
            self.content, self.reserved_until = content, now + RESERVED
        if not does.answers:
            self.left_by_hook = does.commits
            return Reply(500, "ORD008")
        self.state = OrderState.PLACED
        return Reply(200, "placed")

    def authorize(self, does: Hook) -> Reply:
        if self.state is None:
            return Reply(404, "ORDER_NOT_FOUND")
        if self.state is OrderState.CANCELED:
            return Reply(409, "ORDER_CANCELED")
        if self.authorized:
            return Reply(200, "authorized")
        if self.canceling:
            return Reply(409, "ORDER_CANCELED")
        self._ask("released", does)
        if does is Hook.REFUSES:
            return Reply(409, "FULFILLMENT_REFUSED")
        if not does.answers:
            return Reply(500, "ORD008")
        self.state, self.authorized = OrderState.AUTHORIZED, True
        return Reply(200, "authorized")

    def cancel(self, request: str | None, decides: CancellationDecision, does: Hook, now: datetime) -> Reply:
        if self.state is None:
            return Reply(404, "ORDER_NOT_FOUND")
        if self.state is OrderState.CANCELED:
            return Reply(200, "canceled")
        if self.decision is _REFUSE and request in (None, self.request):
            return EMPTY
        if self.state not in _UNSHIPPED:
            return Reply(409, f"ORDER_{self.state.name}")
        if self.canceling:  # both want the same
            self.state, self.decision, self.request = OrderState.CANCELED, _CONFIRM, request or self.request
            return Reply(200, "canceled")
        if self.sum(sale=True) and not self.evaluating:  # the invoice is the answer
            return EMPTY
        self._ask("canceled", does)
        if not does.answers:
            return Reply(500, "ORD008")
        self.decision, self.request = decides, request or self.request
        if decides is _CONFIRM:
            self.state = OrderState.CANCELED
            self._withdraw()
            return Reply(200, "canceled")
        if decides is _REFUSE:
            self._release(now)
        return EMPTY

    # time

    def expire(self, does: Hook, now: datetime) -> None:
        over = self.reserved_until is not None and self.reserved_until <= now
        if self.state is OrderState.PLACED and over and not self.canceling:
            self._ask("expired", does)
            if does.answers:
                self.state = OrderState.EXPIRED

    # what the shop says

    def _require(self, holds: bool, error: str = CONTRADICTS) -> None:
        if not holds:
            raise Refused(UNKNOWN if self.state is None else error)

    def _require_state(self, *allowed: set[OrderState]) -> None:
        self._require(not self.canceling and self.state in set().union(*allowed))

    def _say(self, operation: str, now: datetime, number: str = "", **changes: bool) -> None:
        held = changes.pop("held", False)
        self.lane.append(Said(operation, number, "held" if held else "pending", now, **changes))

    def send_invoice(self, now: datetime, number: str, value: int, tracked: bool, refuses: bool) -> None:
        self._require_state(_SHIPPING)
        self._require(self.evaluating or not refuses)
        self._require(number not in self.invoices, WRONG)
        self._require(self.sum(sale=True) + value <= TOTAL, WRONG)
        if refuses:
            self.decision = _REFUSE
            self._release(now)
        self.invoices[number] = Invoiced(sale=True, value=value, tracked=tracked)
        self._say("invoice", now, number, held=self.evaluating)

    def return_invoice(self, now: datetime, number: str, value: int, *, whole: bool = False) -> None:
        self._require_state(_SHIPPING, _INVOICED)
        self._require(self.sum(sale=True) > 0 and not self.evaluating)
        self._require(number not in self.invoices, WRONG)
        returned, invoiced = self.sum(sale=False) + value, self.sum(sale=True)
        self._require(returned == invoiced if whole else returned <= invoiced, WRONG)
        self.invoices[number] = Invoiced(sale=False, value=value)
        self._say("return_invoice", now, number)

    def track(self, now: datetime, number: str) -> None:
        self._require_state(_SHIPPING, _INVOICED)
        self._require(number in self.invoices and self.invoices[number].sale)
        self.invoices[number].tracked = True
        self._say("tracking", now, number)

    def update_tracking(self, now: datetime, number: str, delivered: bool) -> None:
        self._require_state(_SHIPPING, _INVOICED)
        self._require(number in self.invoices and self.invoices[number].sale and self.invoices[number].tracked)
        self._say("tracking_status", now, number, delivers=delivered)

    def agree(self, now: datetime) -> None:
        self._require_state(_UNSHIPPED, _SHIPPING)
        self._say("agreement", now)

    def cancel_by_shop(self, now: datetime) -> None:
        self._require_state(_UNSHIPPED)
        self._require(not self.sum(sale=True) or self.evaluating)
        self.canceling = True
        self._withdraw()
        self._say("cancel_order", now)

    def return_and_cancel(self, now: datetime, number: str, value: int) -> None:
        self.return_invoice(now, number, value, whole=True)
        self.canceling = True
        self._say("cancel_returned_order", now)

    def confirm(self, now: datetime) -> None:
        self._require_state(_UNSHIPPED)
        self._require(self.evaluating)
        self.state, self.decision = OrderState.CANCELED, _CONFIRM
        self._withdraw()
        self._say("cancel_order", now)

    def refuse(self, now: datetime) -> None:
        self._require_state(_SHIPPING)
        self._require(self.evaluating and self.sum(sale=True) > 0)
        self.decision = _REFUSE
        self._release(now)

    # what becomes of messages

    def _release(self, now: datetime) -> None:
        for said in self.lane:
            if said.state == "held":
                said.begin_anew("pending", now)

    def _withdraw(self) -> None:
        for said in self.lane:
            if said.state in ("held", "pending") and said.operation in (
                "invoice",
                "tracking",
                "tracking_status",
                "agreement",
            ):
                self._discard(said)

    def _discard(self, said: Said) -> None:
        said.state, said.attempts = "discarded", 0
        if said.number in self.invoices and said.operation in ("invoice", "return_invoice"):
            if not self.invoices[said.number].arrived:
                del self.invoices[said.number]
        elif said.operation in ("cancel_order", "cancel_returned_order"):
            self.canceling = False

    def send_again(self, index: int, now: datetime) -> None:
        """Somebody decides about a message."""
        if self.lane[index].state in ("dead", "pending"):
            self.lane[index].begin_anew("pending", now)

    def give_up(self, index: int) -> None:
        """Somebody decides about a message."""
        if self.lane[index].state in ("dead", "pending", "held"):
            self._discard(self.lane[index])

    def drain(self, ends: list[End], now: datetime) -> list[tuple[str, str]]:
        """Deliver what is pending, everything being due; return what was tried, in its order.

        Args:
            ends: of the calls, used up one after the other; those behind arrive.
        """
        tried = []
        for said in self.lane:
            if said.state == "held" or (said.state == "dead" and said.operation != "agreement"):
                break
            if said.state != "pending":
                continue
            tried.append((said.operation, said.number))
            said.attempts += 1
            end = ends.pop(0) if ends else End.ARRIVES
            if end is End.FAILS and said.attempts < MAX_ATTEMPTS and now < said.since + MAX_AGE:
                break
            if end is End.ARRIVES:
                said.state = "delivered"
                self._arrive(said)
                continue
            said.state = "dead"
            if said.operation != "agreement":
                break
        return tried

    def _arrive(self, said: Said) -> None:
        if said.operation in ("invoice", "return_invoice"):
            self.invoices[said.number].arrived = True
            self._add_up(said.operation == "invoice")
        elif said.delivers and self.state is OrderState.INVOICED:
            self.state = OrderState.DELIVERED
        elif said.operation in ("cancel_order", "cancel_returned_order"):
            self.state = OrderState.CANCELED

    def _add_up(self, sale: bool) -> None:
        invoiced, returned = self.sum(sale=True, arrived=True), self.sum(sale=False, arrived=True)
        if sale and (self.state in _SHIPPING or (self.state is OrderState.RETURNED and returned < invoiced)):
            self.state = OrderState.INVOICED if invoiced >= TOTAL else OrderState.PARTIALLY_INVOICED
        elif not sale and self.state in _INVOICED and returned >= invoiced:
            self.state = OrderState.RETURNED
