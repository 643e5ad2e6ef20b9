"""Placing, authorizing and canceling: what a marketplace's call does to an order.

Each call is one transaction that begins with its own write, calls the shop's hook once and commits. The same call
again gets the same answer and calls no hook; so does one that arrives at the same moment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..config import Marketplace
from ..database import begin
from ..errors import HookFailed, InvalidRequest, NotFound, OrderConflict, VtexSellerError
from ..hook import Hook
from ..offers import Ask
from ..schema_loader import MAX_ID_LENGTH
from .claim import Claims, Outcome, busy, require_answer
from .hooks import (
    AuthorizeFulfillmentHook,
    OrderCancellationHook,
    OrderFinder,
    OrderModificationHook,
    OrderPlacementHook,
)
from .lane import OrderLanes
from .ledger import Entry
from .lifecycle import is_under_evaluation, require_transition
from .modification import OrderModification
from .order import (
    CancellationDecision,
    CancellationRequest,
    FulfillmentAuthorization,
    OrderPlacement,
    OrderReference,
    OrderState,
)
from .placing import Placing

_MAX_RECEIPT_LENGTH = 255


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class InboundOrders:
    """The marketplace's calls about orders, with what they need."""

    claims: Claims
    ask: Ask
    lanes: OrderLanes
    on_placement: Hook[OrderPlacementHook]
    finder: Hook[OrderFinder]
    on_authorization: Hook[AuthorizeFulfillmentHook]
    on_cancellation: Hook[OrderCancellationHook]
    on_modification: Hook[OrderModificationHook]

    def place(self, placements: Sequence[OrderPlacement], marketplace: Marketplace) -> list[Outcome]:
        """Place all of `placements` or none; one outcome each, in their order.

        Raises:
            OrderConflict: FMT009, the same order with other content; nothing is placed.
            PlacementRefused: raised by the shop's hook, or the order is not on the shop's terms; nothing is placed.
            HookFailed: a hook raised something else or returned no usable id; nothing is placed.
            TemporarilyUnavailable: a repeat of the call succeeds.
        """
        distinct = _distinct(placements)

        def run(patient: bool) -> dict[str, Outcome]:
            placing = Placing(
                claims=self.claims,
                ask=self.ask,
                on_placement=self.on_placement,
                finder=self.finder,
                placements=distinct,
                marketplace=marketplace,
                patient=patient,
            )
            return placing.run()

        try:
            outcomes = self.claims.when_free(run)
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
            FulfillmentRefused: raised by the shop's hook; nothing changed.
            HookFailed, TemporarilyUnavailable: nothing changed.
        """
        return self.claims.when_free(lambda patient: self._authorize(marketplace, reference, patient))

    def cancel(self, marketplace: Marketplace, reference: OrderReference) -> Outcome:
        """Have the shop decide about a cancellation; a decided one is answered from what is stored.

        Raises: as `authorize`.
        """
        return self.claims.when_free(lambda patient: self._cancel(marketplace, reference, patient))

    def modify(self, marketplace: Marketplace, order_id: str, said: Mapping[str, Any]) -> OrderModification:
        """Tell the shop of a step of a modification; nothing of it is stored, so a repeat tells it again.

        Args:
            said: fields of `OrderModification`.

        Raises: as `authorize`.
        """
        return self.claims.when_free(lambda patient: self._modify(marketplace, order_id, said, patient))

    def _modify(
        self, marketplace: Marketplace, order_id: str, said: Mapping[str, Any], patient: bool
    ) -> OrderModification:
        entry = self._resolve(marketplace, OrderReference(order_id=order_id))
        order = entry.order
        if order.state is OrderState.CANCELED:
            raise OrderConflict(f"order {order.order_id} is canceled", code="ORDER_CANCELED")
        modification = OrderModification(
            marketplace=order.marketplace,
            marketplace_order_id=order.marketplace_order_id,
            order_id=order.order_id or "",
            **said,
        )

        def answer() -> dict[str, Any]:
            self.claims.call(self.on_modification, modification)
            return {}

        self.claims.decide(self.on_modification.name, entry, answer, patient)
        return modification

    def _authorize(self, marketplace: Marketplace, reference: OrderReference, patient: bool) -> Outcome:
        entry = self._resolve(marketplace, reference)
        order = entry.order
        if order.authorized_at is not None and order.state is not OrderState.CANCELED:
            return Outcome(order=order, changed=False)
        require_transition(order, OrderState.AUTHORIZED)
        authorization = FulfillmentAuthorization(
            marketplace=order.marketplace,
            marketplace_order_id=order.marketplace_order_id,
            order_id=order.order_id or "",
            payment_data=reference.payment_data,
            reservation_expired=order.state is OrderState.EXPIRED,
            raw=reference.raw,
        )

        def answer() -> dict[str, Any]:
            receipt = self.claims.call(self.on_authorization, authorization)
            if receipt is not None:
                require_answer(self.on_authorization.name, "receipt", receipt, _MAX_RECEIPT_LENGTH)
            return {"state": OrderState.AUTHORIZED, "receipt": receipt, "authorized_at": self.claims.clock.now()}

        outcome = self.claims.decide(self.on_authorization.name, entry, answer, patient, only_if={"state": order.state})
        if outcome.order.authorized_at is None:  # the shop canceled it meanwhile, or another call's hook refused it
            require_transition(outcome.order, OrderState.AUTHORIZED)
            raise busy(order.marketplace_order_id)
        return outcome

    def _cancel(self, marketplace: Marketplace, reference: OrderReference, patient: bool) -> Outcome:
        entry = self._resolve(marketplace, reference)
        order = entry.order
        refused = order.cancellation_decision is CancellationDecision.REFUSE
        # The protocol's old form names no request: it then is about the one that is known.
        same_wish = reference.request_id in (None, order.cancellation_request_id)
        if order.state is OrderState.CANCELED or (refused and same_wish):
            return Outcome(order=order, changed=False)
        require_transition(order, OrderState.CANCELED)
        if order.invoiced_said and order.cancellation_said_at is None and not is_under_evaluation(order):
            # The invoice on its way is the shop's answer; the two crossing each other leave orders stuck for good.
            return Outcome(order=order, changed=False)
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
                decision = self.claims.call(self.on_cancellation, request)
            return self._decided(decision, request_id)

        def settled(decided: Mapping[str, Any]) -> bool:
            return order.cancellation_said_at is None and self.lanes.follow(order, decided["cancellation_decision"])

        # What the shop decided by a verb while its hook ran is the later word.
        undecided = {"state": order.state, "cancellation_decision": order.cancellation_decision}
        return self.claims.decide(self.on_cancellation.name, entry, answer, patient, settled, undecided)

    def _decided(self, decision: CancellationDecision, request_id: str | None) -> dict[str, Any]:
        """Return what a decision makes of the order's row."""
        if not isinstance(decision, CancellationDecision):
            raise HookFailed(self.on_cancellation.name, "must return a CancellationDecision")
        decided: dict[str, Any] = {"cancellation_decision": decision, "cancellation_request_id": request_id}
        if decision is CancellationDecision.CONFIRM:
            decided |= {"state": OrderState.CANCELED, "canceled_at": self.claims.clock.now()}
        return decided

    def _resolve(self, marketplace: Marketplace, reference: OrderReference) -> Entry:
        """Find the order by the shop's id in the path, else the marketplace's in the body, else that in the path."""
        path, body = reference.order_id, reference.marketplace_order_id
        if len(path) > MAX_ID_LENGTH or "\0" in path:
            raise NotFound("no such order", code="ORDER_NOT_FOUND")
        begin(self.claims.ledger.session)
        entries = self.claims.ledger.resolve(marketplace.name, filter(None, (path, body)))
        by_shop_id = {entry.order.order_id: entry for entry in entries}
        by_marketplace_id = {entry.order.marketplace_order_id: entry for entry in entries}
        of_path = by_shop_id.get(path) or by_marketplace_id.get(path)
        of_body = by_marketplace_id.get(body) if body else of_path
        if of_path and of_path is not of_body:
            raise InvalidRequest("the path and marketplaceOrderId name different orders", code="ORDER_MISMATCH")
        if of_body is None:
            raise NotFound("no such order", code="ORDER_NOT_FOUND")
        return of_body


def _distinct(placements: Sequence[OrderPlacement]) -> dict[str, OrderPlacement]:
    distinct: dict[str, OrderPlacement] = {}
    for placement in placements:
        first = distinct.setdefault(placement.marketplace_order_id, placement)
        if first is not placement and first.fingerprint() != placement.fingerprint():
            raise OrderConflict(f"order {placement.marketplace_order_id} stands twice in the array", code="FMT009")
    return distinct
