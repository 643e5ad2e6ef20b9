"""The orders the marketplace has sent, and how far each of them got."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from .answer import Answer
from .order_rules import is_empty

LONGEST_BOOK = 1000

SENT = "sent"
REFUSED = "refused"
PLACED = "placed"
AUTHORIZED = "authorized"
CANCELLATION_REQUESTED = "cancellation requested"
CANCELED = "canceled"


class UnknownOrder(LookupError):
    """The marketplace has no order of this id, or the seller never accepted it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationRequest:
    """What identifies one wish to cancel; a repeated call carries the same."""

    request_id: str
    requested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SentOrder:
    """One order as the marketplace knows it.

    Attributes:
        body: the element of the array that was sent.
        state: `sent` (no answer yet), `refused`, `placed`, `authorized`, `cancellation requested` or `canceled`.
        order_id: the seller's id, from the accepted placement.
        authorization: the answer to the first authorization.
        cancellation: the last request to cancel.
        confirmation: the answer that confirmed a cancellation.
    """

    marketplace_order_id: str
    sent_at: datetime
    body: Mapping[str, Any]
    state: str = SENT
    order_id: str | None = None
    authorization: Mapping[str, Any] | None = None
    cancellation: CancellationRequest | None = None
    confirmation: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the order as a JSON object, without the shopper."""
        return {
            "marketplace_order_id": self.marketplace_order_id,
            "order_id": self.order_id,
            "state": self.state,
            "sent_at": self.sent_at.isoformat(),
            "payment_value": self.body.get("marketplacePaymentValue"),
            "receipt": None if self.authorization is None else self.authorization.get("receipt"),
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

    def confirmation(self, marketplace_order_id: str) -> Mapping[str, Any] | None:
        """Return the answer that confirmed a cancellation of the order, or None."""
        order = self.find(marketplace_order_id)
        return None if order is None else order.confirmation

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

    def note_authorization(self, marketplace_order_id: str, answer: Answer) -> None:
        """Keep the seller's first authorization; a repeat is measured against it."""
        order = self.find(marketplace_order_id)
        if order is not None and order.authorization is None and answer.status == 200 and isinstance(answer.body, dict):
            state = AUTHORIZED if order.state == PLACED else order.state
            self._change(order, state=state, authorization=answer.body)

    def note_cancellation(self, marketplace_order_id: str, answer: Answer) -> None:
        """Keep whether the seller confirmed a cancellation; a confirmation is final."""
        order = self.find(marketplace_order_id)
        if order is None or order.confirmation is not None or answer.status != 200:
            return
        if is_empty(answer):
            self._change(order, state=CANCELLATION_REQUESTED)
        elif isinstance(answer.body, dict):
            self._change(order, state=CANCELED, confirmation=answer.body)

    def _change(self, order: SentOrder | None, **changes: Any) -> None:
        if order is not None:
            self._orders[order.marketplace_order_id] = replace(order, **changes)
