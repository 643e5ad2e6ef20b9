"""Placing: the orders of one call, all of them or none."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError

from ..config import Marketplace
from ..database import Attempt, transact
from ..errors import HookFailed, OrderConflict, PlacementInterrupted, PlacementRefused
from ..hook import Hook
from ..offers import Ask
from ..schema_loader import MAX_ID_LENGTH
from .claim import CLAIM, Claimed, Claims, Outcome, busy, require_answer
from .hooks import OrderFinder, OrderPlacementHook
from .ledger import FIRST_VERSION, REMOVED, Entry
from .order import OrderPlacement, OrderState, PlacedOrder
from .reservation import reserved_until
from .terms import require_terms

_MAX_EMAIL_LENGTH = 254
_MAX_REFERENCE_LENGTH = 64
_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False, repr=False)
class Placing:
    """One run at placing: the claims first of all statements, in sorted order; then the hooks; then the answers."""

    claims: Claims
    ask: Ask
    on_placement: Hook[OrderPlacementHook]
    finder: Hook[OrderFinder]
    placements: Mapping[str, OrderPlacement]
    marketplace: Marketplace
    patient: bool
    taken: set[str] = field(default_factory=set)
    """The orders that the shop has said yes to."""

    def run(self) -> dict[str, Outcome]:
        now = self.claims.clock.now()
        until = now + CLAIM
        session = self.claims.ledger.session
        return transact(
            session, lambda attempt: self._place(attempt, now, until), undo=lambda error: self._let_go(error, until)
        )

    def _let_go(self, error: BaseException, until: datetime) -> None:
        """Take back the claims that a hook committed; where it may have committed an order, too, a repeat must look."""
        for id_ in sorted(self.placements):
            refused = isinstance(error, PlacementRefused) and id_ not in self.taken
            end = self.claims.ledger.withdraw if refused else self.claims.ledger.expire
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
        ledger, id_, fingerprint = self.claims.ledger, placement.marketplace_order_id, placement.fingerprint()
        ends = reserved_until(placement, self.marketplace, now)
        if ledger.insert(placement, fingerprint=fingerprint, reserved_until=ends, now=now, until=until):
            return FIRST_VERSION
        entry = ledger.get(self.marketplace.name, id_)
        if entry is None:
            raise busy(id_)
        found = None
        if entry.order.state is OrderState.PLACING:
            if self.patient and entry.is_claimed(now):
                raise Claimed((self.marketplace.name, id_))
            found = self._find(entry, now)
            if found is None:
                if not ledger.claim(entry, now=now, until=until):
                    raise busy(id_)
                return entry.version + 1
        if entry.fingerprint not in (fingerprint, REMOVED):
            raise OrderConflict(f"order {id_} was placed with other content", code="FMT009")
        if found is None:
            return Outcome(order=entry.order, changed=False)
        # Another call may have found it, too, and been faster: what is stored counts.
        adopted = ledger.adopt(entry, **found)
        return self.claims.after(self.finder.name, (self.marketplace.name, id_), adopted, entry.version)

    def _find(self, entry: Entry, now: datetime) -> dict[str, Any] | None:
        """Ask for what a hook that committed by itself has left, if it never got to its answer; None if nothing."""
        id_ = entry.order.marketplace_order_id
        find = self.finder.find()
        found: str | PlacedOrder | None = None
        if find is not None:
            with self.finder.boundary:
                found = find(self.marketplace.name, id_)
        if found is not None:
            return self._answer(self.finder.name, found)
        if entry.is_claimed(now):
            raise busy(id_)
        if find is None:
            raise PlacementInterrupted(id_)
        return None

    def _call_hook(self, placement: OrderPlacement, until: datetime, version: int) -> Outcome:
        hook = self.on_placement
        hook.get()  # a shop without one hears of that before its terms are asked for
        if self.marketplace.check_orders:
            self._check(placement, version)
        answer = self.claims.call(hook, placement)
        self.taken.add(placement.marketplace_order_id)
        values = self._answer(hook.name, answer) | {
            # an earlier attempt may have left the row, with other content and long ago
            "fingerprint": placement.fingerprint(),
            "value": placement.value,
            "marketplace_order_group": placement.marketplace_order_group,
            "marketplace_services_endpoint": placement.marketplace_services_endpoint,
            "reserved_until": reserved_until(placement, self.marketplace, self.claims.clock.now()),
        }
        key = (self.marketplace.name, placement.marketplace_order_id)
        try:
            stored = self.claims.ledger.settle(*key, until=until, **values)
        except IntegrityError:
            raise HookFailed(hook.name, "returned an order id that another order has") from None
        if stored is not None:
            return Outcome(order=stored.order, changed=True)
        outcome = self.claims.after(hook.name, key, ours=False, version=version)
        if outcome.order.order_id != values["order_id"]:
            _log.error(
                "two shop orders for one marketplace order: the answer names the first",
                extra={"marketplace": key[0], "marketplace_order_id": key[1], "order_id": values["order_id"]},
            )
        return outcome

    def _check(self, placement: OrderPlacement, version: int) -> None:
        """Hold the order against the shop's terms, and make sure that asking for them did not cost us the claim."""
        session = self.claims.ledger.session
        transaction = session().get_transaction()
        require_terms(placement, self.marketplace, self.ask)
        if session().get_transaction() is not transaction:
            # Without its claim, what a placement hook commits by itself would be placed again by a repeat.
            key = (self.marketplace.name, placement.marketplace_order_id)
            self.claims.after("offer_loader or sla_loader", key, ours=True, version=version)

    def _answer(self, hook: str, answer: object) -> dict[str, Any]:
        placed = answer if isinstance(answer, PlacedOrder) else PlacedOrder(order_id=answer)  # type: ignore[arg-type]
        require_answer(hook, "order id", placed.order_id, MAX_ID_LENGTH)
        if placed.follow_up_email:
            require_answer(hook, "follow_up_email", placed.follow_up_email, _MAX_EMAIL_LENGTH)
        reference = placed.payment_reference
        if reference is not None or self.marketplace.merchant_name:
            require_answer(hook, "payment_reference", reference, _MAX_REFERENCE_LENGTH)
            if not (reference or "").isascii() or not (reference or "").isdigit():
                raise HookFailed(hook, "must return a payment_reference of digits only")
        return {
            "state": OrderState.PLACED,
            "order_id": placed.order_id,
            "follow_up_email": placed.follow_up_email,
            "payment_reference": reference,
            "placed_at": self.claims.clock.now(),
        }
