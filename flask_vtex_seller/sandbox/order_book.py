"""The orders the marketplace has sent, and how far each of them got."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from .answer import Answer
from .invoices import INPUT, OUTPUT, Invoice, units_of, value_of
from .order_rules import is_empty

LONGEST_BOOK = 1000

SENT = "sent"
REFUSED = "refused"
PLACED = "placed"
AUTHORIZED = "authorized"
CANCELLATION_REQUESTED = "cancellation requested"
CANCELED = "canceled"
PARTIALLY_INVOICED = "partially invoiced"
INVOICED = "invoiced"
DELIVERED = "delivered"
RETURNED = "returned"


class UnknownOrder(LookupError):
    """The marketplace has no order of this id, or the seller never accepted it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationRequest:
    """What identifies one wish to cancel; a repeated call carries the same.

    Attributes:
        refused: the seller has sent an invoice of the sale instead.
    """

    request_id: str
    requested_at: datetime
    refused: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the request as a JSON object."""
        return {
            "request_id": self.request_id,
            "requested_at": self.requested_at.isoformat(),
            "refused": self.refused,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SentOrder:
    """One order as the marketplace knows it.

    Attributes:
        body: the element of the array that was sent.
        state: `sent` (no answer yet), `refused`, `placed`, `authorized`, `cancellation requested`, `canceled`,
            `partially invoiced`, `invoiced`, `delivered` or `returned`.
        order_id: the seller's id, from the accepted placement.
        released: an authorization was sent; its answer may still be on the way.
        authorization: the answer to the first authorization.
        cancellation: the last request to cancel.
        confirmation: the answer that confirmed a cancellation.
        invoices: by their numbers, in the order in which they came.
        agreements: the seller's last word about each modification, by its id.
    """

    marketplace_order_id: str
    sent_at: datetime
    body: Mapping[str, Any]
    state: str = SENT
    order_id: str | None = None
    released: bool = False
    authorization: Mapping[str, Any] | None = None
    cancellation: CancellationRequest | None = None
    confirmation: Mapping[str, Any] | None = None
    invoices: Mapping[str, Invoice] = field(default_factory=dict)
    agreements: Mapping[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """What the items and their shipping cost, in cents; what its invoices have to add up to."""
        logistics = (self.body.get("shippingData") or {}).get("logisticsInfo") or ()
        items = sum(item["price"] * item["quantity"] for item in self.body["items"])
        return int(items + sum(entry["price"] for entry in logistics))

    @property
    def ordered(self) -> dict[str, int]:
        """Units per SKU id."""
        units: dict[str, int] = {}
        for item in self.body["items"]:
            units[item["id"]] = units.get(item["id"], 0) + item["quantity"]
        return units

    @property
    def invoiced(self) -> int:
        """Cents of all invoices of the sale."""
        return value_of(self.invoices.values(), OUTPUT)

    @property
    def returned(self) -> int:
        """Cents of all invoices of returns."""
        return value_of(self.invoices.values(), INPUT)

    @property
    def sold(self) -> bool:
        """Whether something was invoiced and has not come back; such an order cannot be canceled."""
        return self.invoiced > self.returned

    def units(self, type: str) -> dict[str, int]:
        """Return the units per SKU id on all invoices of one type."""
        return units_of(self.invoices.values(), type)

    def as_json(self) -> dict[str, Any]:
        """Return the order as a JSON object, without the shopper."""
        return {
            "marketplace_order_id": self.marketplace_order_id,
            "order_id": self.order_id,
            "state": self.state,
            "sent_at": self.sent_at.isoformat(),
            "payment_value": self.body.get("marketplacePaymentValue"),
            "receipt": None if self.authorization is None else self.authorization.get("receipt"),
            "cancellation": None if self.cancellation is None else self.cancellation.as_json(),
            "invoiced": self.invoiced,
            "returned": self.returned,
            "invoices": [invoice.as_json() for invoice in self.invoices.values()],
            "agreements": dict(self.agreements),
        }


class OrderBook:
    """The newest orders by marketplaceOrderId; the oldest make room.

    Not safe between threads: its owner holds a lock.
    """

    def __init__(self) -> None:
        self._orders: OrderedDict[str, SentOrder] = OrderedDict()

    def all(self) -> list[SentOrder]:
        """Return the orders, oldest first."""
        return list(self._orders.values())

    def find(self, marketplace_order_id: str) -> SentOrder | None:
        """Return the order of this id, or None."""
        return self._orders.get(marketplace_order_id)

    def get(self, marketplace_order_id: str) -> SentOrder:
        """Return the order of this id.

        Raises:
            UnknownOrder: there is none.
        """
        try:
            return self._orders[marketplace_order_id]
        except KeyError:
            raise UnknownOrder(f"no order {marketplace_order_id} was sent from here") from None

    def accepted(self, marketplace_order_id: str) -> tuple[SentOrder, str]:
        """Return the order of this id and the seller's id of it.

        Raises:
            UnknownOrder: there is none, or the seller has not accepted it.
        """
        order = self.get(marketplace_order_id)
        if order.order_id is None:
            raise UnknownOrder(f"the seller has not accepted order {marketplace_order_id}")
        return order, order.order_id

    def send(self, marketplace_order_id: str, body: Mapping[str, Any], now: datetime) -> None:
        """Enter an order that is about to be sent, unless the seller has accepted one of the same id."""
        known = self.find(marketplace_order_id)
        if known is None or known.order_id is None:
            self._orders[marketplace_order_id] = SentOrder(
                marketplace_order_id=marketplace_order_id, sent_at=now, body=body
            )
        while len(self._orders) > LONGEST_BOOK:
            self._orders.popitem(last=False)

    def request_cancellation(
        self, marketplace_order_id: str, now: datetime, *, anew: bool
    ) -> tuple[CancellationRequest, bool]:
        """Return the request a cancellation carries, and whether it was sent before.

        Args:
            anew: make another one even if there is one already.
        """
        order = self.find(marketplace_order_id)
        if order is not None and order.cancellation is not None and not anew:
            return order.cancellation, True
        request = CancellationRequest(request_id=uuid.uuid4().hex, requested_at=now)
        self._change(order, cancellation=request)
        return request, False

    def note_placement(self, marketplace_order_id: str, answer: Answer) -> None:
        """Keep what the seller answered to a placement, unless it had accepted the order before."""
        order = self.find(marketplace_order_id)
        if order is None or order.order_id is not None:
            return
        placed = answer.body[0] if isinstance(answer.body, list) and answer.body else None
        order_id = placed.get("orderId") if isinstance(placed, dict) else None
        if answer.status == 200 and isinstance(order_id, str) and order_id:
            self._change(order, state=PLACED, order_id=order_id)
        elif answer.status is not None:
            self._change(order, state=REFUSED)

    def release(self, marketplace_order_id: str) -> None:
        """Note that an authorization is about to be sent: the seller may invoice before its answer has come."""
        self._change(self.find(marketplace_order_id), released=True)

    def note_authorization(self, marketplace_order_id: str, answer: Answer) -> None:
        """Keep the seller's first authorization; a repeat is measured against it. A refused one releases nothing."""
        order = self.find(marketplace_order_id)
        if order is None or order.authorization is not None:
            return
        if answer.status == 200 and isinstance(answer.body, dict):
            state = AUTHORIZED if order.state == PLACED else order.state
            self._change(order, state=state, authorization=answer.body)
        elif answer.status is not None and 400 <= answer.status < 500:
            self._change(order, released=False)

    def note_cancellation(self, marketplace_order_id: str, answer: Answer) -> None:
        """Keep whether the seller confirmed a cancellation; a confirmation is final.

        An order that was invoiced or canceled in the meantime does not go back to waiting for a decision.
        """
        order = self.find(marketplace_order_id)
        if order is None or order.confirmation is not None or answer.status != 200 or order.sold:
            return
        if is_empty(answer):
            if order.state != CANCELED and not order.invoices:
                self._change(order, state=CANCELLATION_REQUESTED)
        elif isinstance(answer.body, dict):
            self._change(order, state=CANCELED, confirmation=answer.body)

    def keep_invoice(self, order: SentOrder, invoice: Invoice) -> SentOrder:
        """Keep an invoice, or another version of one; one of the sale refuses a cancellation that is asked for."""
        request = order.cancellation
        if request is not None and invoice.type == OUTPUT and invoice.number not in order.invoices:
            request = replace(request, refused=True)
        changed = replace(order, invoices={**order.invoices, invoice.number: invoice}, cancellation=request)
        changed = replace(changed, state=_state_of_invoiced(changed))
        self._orders[order.marketplace_order_id] = changed
        return changed

    def keep_agreement(self, order: SentOrder, change_id: str, agreement: str) -> None:
        """Keep the seller's word about a modification."""
        self._change(order, agreements={**order.agreements, change_id: agreement})

    def cancel(self, order: SentOrder) -> None:
        """Let the seller cancel an order."""
        self._change(order, state=CANCELED)

    def _change(self, order: SentOrder | None, **changes: Any) -> None:
        if order is not None:
            self._orders[order.marketplace_order_id] = replace(order, **changes)


def _state_of_invoiced(order: SentOrder) -> str:
    if order.state == CANCELED:
        return CANCELED
    if order.returned >= order.invoiced:
        return RETURNED
    if order.invoiced < order.total:
        return PARTIALLY_INVOICED
    sales = [invoice for invoice in order.invoices.values() if invoice.type == OUTPUT]
    return DELIVERED if all(invoice.delivered for invoice in sales) else INVOICED
