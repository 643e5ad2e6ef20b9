"""What the shop tells a marketplace about an order: invoices, tracking, cancellations, returns.

Each verb checks what the marketplace would refuse, then writes one message (and what it says) in the shop's own
transaction, and commits nothing. All messages of an order travel in one lane: tracking cannot overtake its invoice.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table

from ..clock import Clock
from ..errors import IllegalTransition, VtexSellerError
from ..marketplace.operations import Meaning
from ..marketplace.outcome import Outcome, Verdict
from ..outbox.handler import Prepared, Settled, as_written
from ..outbox.ledger import OutboxLedger
from ..outbox.message import Draft, Message
from ..schema_loader import MAX_ID_LENGTH, require_text
from .invoice import Invoice, Tracking, TrackingStatus, require_invoice_number
from .invoice_ledger import RETURN, SALE, InvoiceLedger
from .lane import OrderLanes, order_lane
from .ledger import OrderLedger
from .lifecycle import Verb, is_under_evaluation, require_verb
from .order import Agreement, CancellationDecision, Order, OrderState
from .schemas import write_invoice, write_tracking, write_tracking_status

ORDER_OPERATIONS = (
    "invoice",
    "return_invoice",
    "tracking",
    "tracking_status",
    "cancel_order",
    "cancel_returned_order",
    "agreement",
)
_MAX_REASON_LENGTH = 500
_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class OutboundOrders:
    """The shop's verbs about orders, with what they need; the session's transaction is the shop's."""

    orders: OrderLedger
    invoices: InvoiceLedger
    outbox: OutboxLedger
    lanes: OrderLanes
    clock: Clock

    def send_invoice(self, order: Order, invoice: Invoice, *, refuses_cancellation: bool) -> None:
        """Say that a parcel, or the whole order, is invoiced; held while a cancellation is under evaluation.

        Raises:
            IllegalTransition: the order is not to be shipped, or no cancellation is there to be refused.
            ValueError: the number was used, or the invoices would exceed the order's total.
        """
        _require("invoice", invoice, Invoice)
        require_verb(order, Verb.INVOICE)
        if refuses_cancellation:
            self._require_evaluation(order, "refusing a cancellation")
        self._require_new_number(order, invoice)
        held = self.orders.say_sale(order, invoice.value, sources=Verb.INVOICE.allowed, refuses=refuses_cancellation)
        if held is None:
            total = order.invoiced_said + invoice.value
            if order.value is None or total <= order.value:
                raise _meanwhile(order, Verb.INVOICE)
            raise ValueError(f"the invoices of order {order.order_id} would add up to {total}, above its {order.value}")
        if refuses_cancellation:
            self.lanes.release(order)
        self._say_invoice(order, invoice, SALE, held=held)

    def return_invoice(self, order: Order, invoice: Invoice, *, whole: bool = False) -> None:
        """Say that invoiced goods came back; the marketplace refunds them.

        Args:
            whole: nothing invoiced may be left.

        Raises:
            IllegalTransition: nothing of the order is invoiced.
            ValueError: the number was used, or more would be returned than invoiced, or less than the whole.
        """
        _require("invoice", invoice, Invoice)
        require_verb(order, Verb.RETURN)
        if not order.invoiced_said or is_under_evaluation(order):  # then what was said is held
            raise IllegalTransition(order.order_id, order.state.value, Verb.RETURN.words, ["invoiced"])
        self._require_new_number(order, invoice)
        if not self.orders.say_return(order, invoice.value, sources=Verb.RETURN.allowed, whole=whole):
            total, invoiced = order.returned_said + invoice.value, order.invoiced_said
            words = f"the returns of order {order.order_id} would add up to {total}"
            if total > invoiced:
                raise ValueError(f"{words}, above its {invoiced}")
            if whole and total < invoiced:  # the marketplace would not cancel it
                raise ValueError(f"{words}, below its {invoiced}: a cancellation returns all of it, with its freight")
            raise _meanwhile(order, Verb.RETURN)
        self._say_invoice(order, invoice, RETURN)

    def send_tracking(self, order: Order, invoice_number: str, tracking: Tracking) -> None:
        """Say how the parcel of an invoice travels.

        Raises:
            IllegalTransition: the order has no such invoice.
        """
        _require("tracking", tracking, Tracking)
        require_verb(order, Verb.TRACK)
        self._require_sale(order, invoice_number)
        self._note_tracking(order, invoice_number)
        self._say(order, "tracking", write_tracking(tracking), invoice_number=invoice_number)

    def update_tracking_status(self, order: Order, invoice_number: str, status: TrackingStatus) -> None:
        """Say where the parcel of an invoice is.

        Raises:
            IllegalTransition: the order has no such invoice, or the invoice no tracking number.
        """
        _require("status", status, TrackingStatus)
        require_verb(order, Verb.TRACK)
        if not self._require_sale(order, invoice_number):
            words = f"without a tracking number for invoice {invoice_number}"
            raise IllegalTransition(order.order_id, words, "a tracking status", ["tracked"])
        self._note_tracking(order, invoice_number)
        self._say(order, "tracking_status", write_tracking_status(status), invoice_number=invoice_number)

    def cancel(self, order: Order, reason: str, return_invoice: Invoice | None) -> None:
        """Say that the shop cancels the order; an invoiced one is returned first.

        Raises:
            IllegalTransition: it is invoiced and no return invoice is given, or it is over.
            ValueError: no reason, or not all that was invoiced is returned then.
        """
        require_text("the reason of a cancellation", reason, _MAX_REASON_LENGTH)
        verb = Verb.CANCEL if return_invoice is None else Verb.RETURN
        if return_invoice is not None:
            self.return_invoice(order, return_invoice, whole=True)
        elif order.invoiced_said and not is_under_evaluation(order):
            allowed = [state.value for state in verb.allowed]
            raise IllegalTransition(order.order_id, "invoiced", verb.words, allowed)
        require_verb(order, verb)
        if not self.orders.say_cancellation(
            order, sources=verb.allowed, uninvoiced=return_invoice is None, now=self.clock.now()
        ):
            raise _meanwhile(order, verb)
        if return_invoice is None:
            self.lanes.withdraw(order)
        operation = "cancel_order" if return_invoice is None else "cancel_returned_order"
        self._say(order, operation, {"reason": reason})

    def confirm_cancellation(self, order: Order) -> None:
        """Confirm a cancellation that was under evaluation, here and at the marketplace.

        Raises:
            IllegalTransition: the marketplace asked for none, or it is decided.
        """
        verb = Verb.CONFIRM_CANCELLATION
        require_verb(order, verb)
        self._require_evaluation(order, verb.words)
        canceled = {"state": OrderState.CANCELED, "canceled_at": self.clock.now()}
        if not self.orders.decide(order, CancellationDecision.CONFIRM, **canceled):
            raise _meanwhile(order, verb)
        self.lanes.withdraw(order)
        self._say(order, "cancel_order", {"reason": "confirmed by the seller"})

    def send_agreement(self, order: Order, change_id: str, agreement: Agreement) -> None:
        """Say how far the shop is with a modification of the order.

        Raises:
            TypeError: `agreement` is no `Agreement`.
            ValueError: no id of a modification.
            IllegalTransition: there is nothing left to modify.
        """
        _require("agreement", agreement, Agreement)
        require_text("the id of an order modification", change_id, MAX_ID_LENGTH)
        if change_id in (".", ".."):
            raise ValueError("the id of an order modification cannot be made of dots")
        require_verb(order, Verb.AGREE)
        self._say(order, "agreement", {"agreementType": agreement.value}, change_id=change_id)

    def refuse_cancellation(self, order: Order) -> None:
        """Refuse a cancellation under evaluation by letting the invoices go that it holds.

        Raises:
            IllegalTransition: the marketplace asked for none, it is decided, or no invoice is held.
        """
        words = "refusing a cancellation"
        require_verb(order, Verb.INVOICE)
        self._require_evaluation(order, words)
        if not order.invoiced_said:  # then nothing would tell the marketplace
            raise IllegalTransition(order.order_id, "without a held invoice", words, ["invoiced"])
        if not self.orders.decide(order, CancellationDecision.REFUSE):
            raise _meanwhile(order, Verb.INVOICE)
        self.lanes.release(order)

    @staticmethod
    def _require_evaluation(order: Order, words: str) -> None:
        if not is_under_evaluation(order):
            state, needs = "not under evaluation for cancellation", ["under evaluation"]
            raise IllegalTransition(order.order_id, state, words, needs)

    def _note_tracking(self, order: Order, invoice_number: str) -> None:
        if not self.invoices.note_tracking(order, invoice_number):
            raise _meanwhile(order, Verb.TRACK)

    def _say_invoice(self, order: Order, invoice: Invoice, kind: str, *, held: bool = False) -> None:
        self.invoices.add(order, invoice, kind=kind, now=self.clock.now())
        operation = "invoice" if kind == SALE else "return_invoice"
        self._say(order, operation, write_invoice(invoice, kind=kind), held=held, invoice_number=invoice.number)

    def _say(self, order: Order, operation: str, body: Any, *, held: bool = False, **arguments: str) -> None:
        draft = Draft(
            marketplace=order.marketplace,
            operation=operation,
            lane=order_lane(order.marketplace_order_id),
            arguments={"marketplace_order_id": order.marketplace_order_id, **arguments},
            body=body,
        )
        self.outbox.append([draft], now=self.clock.now(), held=held)

    def _require_new_number(self, order: Order, invoice: Invoice) -> None:
        if invoice.number in self.invoices.said(order):
            raise ValueError(f"order {order.order_id} has an invoice {invoice.number} already")

    def _require_sale(self, order: Order, invoice_number: str) -> bool:
        """Return whether a sale's invoice has a tracking number."""
        kind, _, tracked = self.invoices.said(order).get(require_invoice_number(invoice_number), ("", 0, False))
        if kind != SALE:
            words = f"without an invoice {invoice_number}"
            raise IllegalTransition(order.order_id, words, Verb.TRACK.words, ["invoiced under that number"])
        return tracked


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class OrderMessageHandler:
    """What the end of an order's message means for the order."""

    orders: Table
    invoices: Table
    clock: Clock

    def prepare(self, messages: Sequence[Message], /) -> Mapping[int, Prepared | VtexSellerError]:
        """Return the bodies as they were written."""
        return as_written(messages)

    def settled(self, connection: Connection, ended: Sequence[Settled], /) -> None:
        """Move the orders on, now that the marketplace has the messages."""
        delivered = [(one.message, one.outcome) for one in ended if one.outcome.verdict is Verdict.DELIVERED]
        arrived = [message for message, _ in delivered if message.operation in ("invoice", "return_invoice")]
        orders = OrderLedger(connection, self.orders)
        InvoiceLedger(connection, self.invoices, self.orders).arrived(
            [(*_key(message), message.arguments["invoice_number"]) for message in arrived], now=self.clock.now()
        )
        for message, outcome in delivered:
            if message.operation == "tracking_status" and (message.body or {}).get("isDelivered"):
                orders.advance(*_key(message), sources=[OrderState.INVOICED], state=OrderState.DELIVERED)
            elif message.operation in ("cancel_order", "cancel_returned_order"):
                self._cancel(orders, message, outcome)

    def _cancel(self, orders: OrderLedger, message: Message, outcome: Outcome) -> None:
        # That a return was enough is only true of a whole one; somebody may have discarded it.
        sources = [OrderState.RETURNED] if outcome.meaning is Meaning.NOT_NEEDED else _CANCELABLE
        if orders.advance(*_key(message), sources=sources, state=OrderState.CANCELED, canceled_at=self.clock.now()):
            return
        if orders.advance(*_key(message), sources=_CANCELABLE, cancellation_said_at=None):
            words = "the marketplace does not cancel order %s, which goes on: not all that it has invoiced came back"
            marketplace, id_ = _key(message)
            _log.warning(words, id_, extra={"marketplace": marketplace, "marketplace_order_id": id_})

    def discarded(self, connection: Connection, message: Message, /) -> None:
        """Unsay it: a corrected invoice may take its number and its place in the sum; the order may go on."""
        key = _key(message)
        if message.operation in ("invoice", "return_invoice"):
            invoices = InvoiceLedger(connection, self.invoices, self.orders)
            invoices.unsay(*key, message.arguments["invoice_number"])
        elif message.operation in ("cancel_order", "cancel_returned_order"):
            OrderLedger(connection, self.orders).unsay_cancellation(*key)


def _key(message: Message) -> tuple[str, str]:
    return message.marketplace, message.arguments["marketplace_order_id"]


def services_endpoint(connection: Connection, orders: Table, message: Message) -> str | None:
    """Return where a message's order has its services, as it was placed; None for a message about no order."""
    id_ = message.arguments.get("marketplace_order_id")
    entry = OrderLedger(connection, orders).get(message.marketplace, id_) if id_ else None
    return None if entry is None else entry.order.marketplace_services_endpoint


def _require(name: str, value: object, kind: type) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be a {kind.__name__}, not {type(value).__name__}")


def _meanwhile(order: Order, verb: Verb) -> IllegalTransition:
    return IllegalTransition(order.order_id, "changed by another call meanwhile", verb.words, ["as it was"])


_CANCELABLE: Sequence[OrderState] = [state for state in OrderState if state is not OrderState.CANCELED]
