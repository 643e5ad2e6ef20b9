"""One call at a time works on an order: claiming it, having the shop's hook answer, waiting for whoever was first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from ..clock import Clock
from ..database import Attempt, begin, transact
from ..errors import HookFailed, TemporarilyUnavailable
from ..hook import Hook
from ..schema_loader import require_text
from .ledger import Entry, OrderLedger
from .order import Order

T = TypeVar("T")

CLAIM = timedelta(seconds=60)
"""How long a hook that committed by itself is believed to be at work."""
PATIENCE_SECONDS = 2.0
"""How long a call waits for another one about the same order; the marketplace itself waits for 2.5 s."""
_FIRST_LOOK_SECONDS, _LONGEST_PAUSE_SECONDS = 0.02, 0.2


class Outcome(NamedTuple):
    """An order after a call, and whether this call changed it."""

    order: Order
    changed: bool


class Claimed(Exception):
    """Another call is at work on the same order.

    Args:
        key: marketplace and the marketplace's id of the order.
    """

    def __init__(self, key: tuple[str, str]) -> None:
        super().__init__(key)
        self.key = key


def busy(marketplace_order_id: str) -> TemporarilyUnavailable:
    """Return the answer to a call that has waited long enough for another one."""
    return TemporarilyUnavailable(f"order {marketplace_order_id} is being worked on by another call; repeat this one")


def require_answer(hook: str, what: str, value: object, max_length: int) -> None:
    """Refuse what a hook returned if it cannot be stored.

    Raises:
        HookFailed: names it.
    """
    try:
        require_text(what, value, max_length)
    except (TypeError, ValueError) as error:
        raise HookFailed(hook, f"returned something unusable: {error}") from None


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class Claims:
    """The way to an order of which only one call is let through at a time."""

    ledger: OrderLedger
    clock: Clock

    def decide(
        self,
        hook: str,
        entry: Entry,
        answer: Callable[[], Mapping[str, Any]],
        patient: bool,
        settled: Callable[[Mapping[str, Any]], bool] = lambda _: False,
        only_if: Mapping[str, Any] = MappingProxyType({}),
    ) -> Outcome:
        """Claim the order, have the hook answer, store what it answers: one transaction.

        Args:
            settled: does what else the answer changes, and tells whether the order's row is among it; not called when
                the answer is not stored.
            only_if: what the order must still be like for the answer to be stored: columns with their values. A hook
                that commits by itself lets the shop's own verbs in.
        """
        order, now = entry.order, self.clock.now()
        key, until = (order.marketplace, order.marketplace_order_id), now + CLAIM

        def work(attempt: Attempt) -> Outcome:
            if not self.ledger.claim(entry, now=now, until=until):
                raise Claimed(key) if patient else busy(order.marketplace_order_id)
            attempt.hook_ran = True
            values = answer()
            stored = self.ledger.settle(*key, until=until, only_if=only_if, **values)
            if stored is None:
                self.ledger.settle(*key, until=until)  # what the verb said stays, and the claim ends all the same
            elif not settled(values):
                return Outcome(order=stored.order, changed=True)
            return self.after(hook, key, stored is not None, entry.version + 1)

        return transact(self.ledger.session, work, undo=lambda _: self.ledger.settle(*key, until=until))

    def call(self, hook: Hook[Callable[..., T]], *question: object) -> T:
        """Call a function of the shop's in the order's transaction, and write what it leaves to be written.

        Raises:
            HookMissing: the shop registered no such function.
            HookFailed: it raised, the database refuses what it left, or refused something before and it went on all the
                same: by itself our next statement would stumble over that, and be blamed.
        """
        function = hook.get()
        with hook.boundary:
            answer = function(*question)
            self.ledger.session.flush()
        if not self.ledger.session.is_active:
            reason = "went on after a flush that failed; db.session.begin_nested() allows that"
            raise HookFailed(hook.name, reason)
        return answer

    def after(self, hook: str, key: tuple[str, str], ours: bool, version: int) -> Outcome:
        """Return what became of an order after its hook; another call may have settled it if the claim was lost.

        Args:
            version: what the claim made of the row; an older one tells that the claim is gone.
        """
        entry = self.ledger.get(*key)
        if entry is None or entry.version < version:
            raise HookFailed(hook, "rolled back the transaction that it runs in")
        if not ours and entry.is_claimed(self.clock.now()):
            raise busy(key[1])
        return Outcome(order=entry.order, changed=ours)

    def when_free(self, work: Callable[[bool], T]) -> T:
        """Run `work(patient)` until no other call is at work on the same order; its last run is impatient."""
        deadline = self.clock.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return work(self.clock.monotonic() < deadline)
            except Claimed as claimed:
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
