"""Placing, authorizing and canceling: what a marketplace's call does to an order.

Each call is one transaction that begins with its own write, calls the shop's hook once and commits. The same call
again gets the same answer and calls no hook; so does one that arrives at the same moment.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy.exc import IntegrityError

from ..clock import Clock
from ..config import Marketplace
from ..database import Attempt, begin, transact
from ..errors import (
    HookFailed,
    InvalidRequest,
    NotFound,
    OrderConflict,
    PlacementInterrupted,
    PlacementRefused,
    TemporarilyUnavailable,
    VtexSellerError,
)
from ..hook import Hook, HookBoundary
from ..offers import Ask
from ..schema_loader import MAX_ID_LENGTH
from .hooks import AuthorizeFulfillmentHook, OrderCancellationHook, OrderFinder, OrderPlacementHook
from .invoice import require_text
from .ledger import FIRST_VERSION, Entry, OrderLedger
from .lifecycle import require_transition
from .order import (
    CancellationDecision,
    CancellationRequest,
    FulfillmentAuthorization,
    Order,
    OrderPlacement,
    OrderReference,
    OrderState,
    PlacedOrder,
)
from .terms import require_terms

T = TypeVar("T")

CLAIM = timedelta(seconds=60)
"""How long a hook that committed by itself is believed to be at work."""
PATIENCE_SECONDS = 2.0
"""How long a call waits for another one about the same order; the marketplace itself waits for 2.5 s."""
_FIRST_LOOK_SECONDS, _LONGEST_PAUSE_SECONDS = 0.02, 0.2
_MAX_RECEIPT_LENGTH = 255
_MAX_EMAIL_LENGTH = 254
_MAX_REFERENCE_LENGTH = 64
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Outcome:
    """An order after a call, and whether this call changed it."""

    order: Order
    changed: bool


class _Claimed(Exception):
    """Another call is at work on the same order.

    Args:
        key: marketplace and the marketplace's id of the order.
    """

    def __init__(self, key: tuple[str, str]) -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class InboundOrders:
    """The marketplace's calls about orders, with what they need."""

    ledger: OrderLedger
    clock: Clock
    ask: Ask
    on_placement: Hook[OrderPlacementHook]
    finder: Hook[OrderFinder]
    on_authorization: Hook[AuthorizeFulfillmentHook]
    on_cancellation: Hook[OrderCancellationHook]

    def place(self, placements: Sequence[OrderPlacement], marketplace: Marketplace) -> list[Outcome]:
        """Place all of `placements` or none; one outcome each, in their order.

        Raises:
            OrderConflict: FMT009, the same order with other content; nothing is placed.
            PlacementRefused: raised by the shop's hook, or the order is not on the shop's terms; nothing is placed.
            HookFailed: a hook raised something else or returned no usable id; nothing is placed.
            TemporarilyUnavailable: a repeat of the call succeeds.
        """
        distinct = _distinct(placements)
        try:
            outcomes = self._when_free(lambda patient: _Placing(self, distinct, marketplace, patient).run())
        except VtexSellerError as error:
            error.order_ids = tuple(distinct)
            raise
        return [outcomes[placement.marketplace_order_id] for placement in placements]

    def authorize(self, marketplace: Marketplace, reference: OrderReference) -> Outcome:
        """Release an order for shipping; a repeat answers the same receipt.

        Raises:
            NotFound: the marketplace placed no such order here.
            InvalidRequest: path and body name different orders.
            OrderConflict: the order is canceled.
            HookFailed, TemporarilyUnavailable: nothing changed.
        """
        return self._when_free(lambda patient: self._authorize(marketplace, reference, patient))

    def cancel(self, marketplace: Marketplace, reference: OrderReference) -> Outcome:
        """Have the shop decide about a cancellation; a decided one is answered from what is stored.

        Raises: as `authorize`.
        """
        return self._when_free(lambda patient: self._cancel(marketplace, reference, patient))

    def _authorize(self, marketplace: Marketplace, reference: OrderReference, patient: bool) -> Outcome:
        entry = self._resolve(marketplace, reference)
        order = entry.order
        if order.authorized_at is not None and order.state is not OrderState.CANCELED:
            return Outcome(order=order, changed=False)
        require_transition(order, OrderState.AUTHORIZED)
        hook = self.on_authorization.get()
        authorization = FulfillmentAuthorization(
            marketplace=order.marketplace,
            marketplace_order_id=order.marketplace_order_id,
            order_id=order.order_id or "",
            payment_data=reference.payment_data,
            raw=reference.raw,
        )

        def answer() -> dict[str, Any]:
            with HookBoundary(self.on_authorization.name):
                receipt = hook(authorization)
            if receipt is not None:
                _require_text(self.on_authorization.name, "receipt", receipt, _MAX_RECEIPT_LENGTH)
            return {"state": OrderState.AUTHORIZED, "receipt": receipt, "authorized_at": self.clock.now()}

        return self._decide(self.on_authorization.name, entry, answer, patient)

    def _cancel(self, marketplace: Marketplace, reference: OrderReference, patient: bool) -> Outcome:
        entry = self._resolve(marketplace, reference)
        order = entry.order
        refused = order.cancellation_decision is CancellationDecision.REFUSE
        # The protocol's old form names no request: it then is about the one that is known.
        same_wish = reference.request_id in (None, order.cancellation_request_id)
        if order.state is OrderState.CANCELED or (refused and same_wish):
            return Outcome(order=order, changed=False)
        require_transition(order, OrderState.CANCELED)
        if order.invoiced_said and order.cancellation_said_at is None:
            # The invoice on its way is the shop's answer; the two crossing each other leave orders stuck for good.
            return Outcome(order=order, changed=False)
        hook = self.on_cancellation.get()
        request_id = reference.request_id or order.cancellation_request_id
        request = CancellationRequest(
            marketplace=order.marketplace,
            marketplace_order_id=order.marketplace_order_id,
            order_id=order.order_id or "",
            request_id=request_id,
            requested_at=reference.requested_at,
            reason=reference.reason,
            requested_by_user=reference.requested_by_user,
            raw=reference.raw,
        )

        def answer() -> dict[str, Any]:
            decision = CancellationDecision.CONFIRM
            if order.cancellation_said_at is None:  # else both want the same, and the shop knows
                with HookBoundary(self.on_cancellation.name):
                    decision = hook(request)
            if not isinstance(decision, CancellationDecision):
                raise HookFailed(self.on_cancellation.name, "must return a CancellationDecision")
            decided: dict[str, Any] = {
                "cancellation_decision": decision,
                "cancellation_request_id": request_id,
            }
            if decision is CancellationDecision.CONFIRM:
                decided |= {"state": OrderState.CANCELED, "canceled_at": self.clock.now()}
            return decided

        return self._decide(self.on_cancellation.name, entry, answer, patient)

    def _resolve(self, marketplace: Marketplace, reference: OrderReference) -> Entry:
        """Find the order by the shop's id in the path, else the marketplace's in the body, else that in the path."""
        path, body = reference.order_id, reference.marketplace_order_id
        if len(path) > MAX_ID_LENGTH or "\0" in path:
            raise NotFound("no such order", code="ORDER_NOT_FOUND")
        begin(self.ledger.session)
        entries = self.ledger.resolve(marketplace.name, filter(None, (path, body)))
        by_shop_id = {entry.order.order_id: entry for entry in entries}
        by_marketplace_id = {entry.order.marketplace_order_id: entry for entry in entries}
        of_path = by_shop_id.get(path) or by_marketplace_id.get(path)
        of_body = by_marketplace_id.get(body) if body else of_path
        if of_path and of_path is not of_body:
            raise InvalidRequest("the path and marketplaceOrderId name different orders", code="ORDER_MISMATCH")
        if of_body is None:
            raise NotFound("no such order", code="ORDER_NOT_FOUND")
        return of_body

    def _decide(self, hook: str, entry: Entry, answer: Callable[[], Mapping[str, Any]], patient: bool) -> Outcome:
        """Claim the order, have the hook answer, store what it answers: one transaction."""
        order, now = entry.order, self.clock.now()
        key, until = (order.marketplace, order.marketplace_order_id), now + CLAIM

        def work(attempt: Attempt) -> Outcome:
            if not self.ledger.claim(entry, now=now, until=until):
                raise _Claimed(key) if patient else _busy(order.marketplace_order_id)
            attempt.hook_ran = True
            ours = self.ledger.settle(*key, until=until, **answer())
            return self.after(hook, key, ours, entry.version + 1)

        return transact(self.ledger.session, work, undo=lambda _: self.ledger.settle(*key, until=until))

    def after(self, hook: str, key: tuple[str, str], ours: bool, version: int) -> Outcome:
        """Return what became of an order after its hook; another call may have settled it if the claim was lost.

        Args:
            version: what the claim made of the row; an older one tells that the claim is gone.
        """
        entry = self.ledger.get(*key)
        if entry is None or entry.version < version:
            raise HookFailed(hook, "rolled back the transaction that it runs in")
        if not ours and entry.is_claimed(self.clock.now()):
            raise _busy(key[1])
        return Outcome(order=entry.order, changed=ours)

    def _when_free(self, work: Callable[[bool], T]) -> T:
        """Run `work(patient)` until no other call is at work on the same order; its last run is impatient."""
        deadline = self.clock.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return work(self.clock.monotonic() < deadline)
            except _Claimed as claimed:
                self._wait(claimed.key, deadline)

    def _wait(self, key: tuple[str, str], deadline: float) -> None:
        """Look at the order until nobody is at work on it; by reading, for writes would hold up whoever is."""
        pause = _FIRST_LOOK_SECONDS
        while self.clock.monotonic() < deadline:
            self.clock.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            begin(self.ledger.session)
            entry = self.ledger.get(*key)
            if entry is None or not entry.is_claimed(self.clock.now()):
                return


@dataclass(slots=True, eq=False, repr=False)
class _Placing:
    """One run at placing: the claims first of all statements, in sorted order; then the hooks; then the answers."""

    inbound: InboundOrders
    placements: Mapping[str, OrderPlacement]
    marketplace: Marketplace
    patient: bool
    taken: set[str] = field(default_factory=set)
    """The orders that the shop has said yes to."""

    def run(self) -> dict[str, Outcome]:
        now = self.inbound.clock.now()
        until = now + CLAIM
        session = self.inbound.ledger.session
        return transact(
            session, lambda attempt: self._place(attempt, now, until), undo=lambda error: self._let_go(error, until)
        )

    def _let_go(self, error: BaseException, until: datetime) -> None:
        """Take back the claims that a hook committed; where it may have committed an order, too, a repeat must look."""
        for id_ in sorted(self.placements):
            refused = isinstance(error, PlacementRefused) and id_ not in self.taken
            end = self.inbound.ledger.withdraw if refused else self.inbound.ledger.expire
            end(self.marketplace.name, id_, until=until)

    def _place(self, attempt: Attempt, now: datetime, until: datetime) -> dict[str, Outcome]:
        # Two arrays that hold the same orders in opposite order would wait for each other for ever.
        claims = {id_: self._claim(self.placements[id_], now, until) for id_ in sorted(self.placements)}
        outcomes = {}
        for id_, placement in self.placements.items():
            claim = claims[id_]
            if isinstance(claim, Outcome):
                outcomes[id_] = claim
            elif not self.marketplace.orders:
                raise PlacementRefused("the shop takes no new orders of this marketplace now", code="ORDERS_OFF")
            else:
                attempt.hook_ran = True
                outcomes[id_] = self._call_hook(placement, until, claim)
        return outcomes

    def _claim(self, placement: OrderPlacement, now: datetime, until: datetime) -> Outcome | int:
        """Return the order if it is placed already; else the version of its row, which is then ours to place."""
        ledger, id_, fingerprint = self.inbound.ledger, placement.marketplace_order_id, placement.fingerprint()
        if ledger.insert(placement, fingerprint=fingerprint, now=now, until=until):
            return FIRST_VERSION
        entry = ledger.get(self.marketplace.name, id_)
        if entry is None:
            raise _busy(id_)
        found = None
        if entry.order.state is OrderState.PLACING:
            if self.patient and entry.is_claimed(now):
                raise _Claimed((self.marketplace.name, id_))
            found = self._find(entry, now)
            if found is None:
                if not ledger.claim(entry, now=now, until=until):
                    raise _busy(id_)
                return entry.version + 1
        if entry.fingerprint != fingerprint:
            raise OrderConflict(f"order {id_} was placed with other content", code="FMT009")
        if found is None:
            return Outcome(order=entry.order, changed=False)
        # Another call may have found it, too, and been faster: what is stored counts.
        adopted = ledger.adopt(entry, **found)
        return self.inbound.after(self.inbound.finder.name, (self.marketplace.name, id_), adopted, entry.version)

    def _find(self, entry: Entry, now: datetime) -> dict[str, Any] | None:
        """Ask for what a hook that committed by itself has left, if it never got to its answer; None if nothing."""
        id_ = entry.order.marketplace_order_id
        find = self.inbound.finder.find()
        found: str | PlacedOrder | None = None
        if find is not None:
            with HookBoundary(self.inbound.finder.name):
                found = find(self.marketplace.name, id_)
        if found is not None:
            return self._answer(self.inbound.finder.name, found)
        if entry.is_claimed(now):
            raise _busy(id_)
        if find is None:
            raise PlacementInterrupted(id_)
        return None

    def _call_hook(self, placement: OrderPlacement, until: datetime, version: int) -> Outcome:
        hook = self.inbound.on_placement
        place = hook.get()
        if self.marketplace.check_orders:
            require_terms(placement, self.marketplace, self.inbound.ask)
        with HookBoundary(hook.name, lets_through=PlacementRefused):
            answer = place(placement)
        self.taken.add(placement.marketplace_order_id)
        values = self._answer(hook.name, answer) | {
            "fingerprint": placement.fingerprint(),
            "value": placement.value,
        }
        key = (self.marketplace.name, placement.marketplace_order_id)
        try:
            ours = self.inbound.ledger.settle(*key, until=until, **values)
        except IntegrityError:
            raise HookFailed(hook.name, "returned an order id that another order has") from None
        outcome = self.inbound.after(hook.name, key, ours, version)
        if outcome.order.order_id != values["order_id"]:
            _log.error(
                "two shop orders for one marketplace order: the answer names the first",
                extra={"marketplace": key[0], "marketplace_order_id": key[1], "order_id": values["order_id"]},
            )
        return outcome

    def _answer(self, hook: str, answer: object) -> dict[str, Any]:
        placed = answer if isinstance(answer, PlacedOrder) else PlacedOrder(order_id=answer)  # type: ignore[arg-type]
        _require_text(hook, "order id", placed.order_id, MAX_ID_LENGTH)
        if placed.follow_up_email:
            _require_text(hook, "follow_up_email", placed.follow_up_email, _MAX_EMAIL_LENGTH)
        reference = placed.payment_reference
        if reference is not None or self.marketplace.merchant_name:
            _require_text(hook, "payment_reference", reference, _MAX_REFERENCE_LENGTH)
            if not (reference or "").isascii() or not (reference or "").isdigit():
                raise HookFailed(hook, "must return a payment_reference of digits only")
        return {
            "state": OrderState.PLACED,
            "order_id": placed.order_id,
            "follow_up_email": placed.follow_up_email,
            "payment_reference": reference,
            "placed_at": self.inbound.clock.now(),
        }


def _distinct(placements: Sequence[OrderPlacement]) -> dict[str, OrderPlacement]:
    distinct: dict[str, OrderPlacement] = {}
    for placement in placements:
        first = distinct.setdefault(placement.marketplace_order_id, placement)
        if first.fingerprint() != placement.fingerprint():
            raise OrderConflict(f"order {placement.marketplace_order_id} stands twice in the array", code="FMT009")
    return distinct


def _require_text(hook: str, what: str, value: object, max_length: int) -> None:
    try:
        require_text(what, value, max_length)
    except (TypeError, ValueError) as error:
        raise HookFailed(hook, f"returned something unusable: {error}") from None


def _busy(marketplace_order_id: str) -> TemporarilyUnavailable:
    return TemporarilyUnavailable(f"order {marketplace_order_id} is being worked on by another call; repeat this one")
