"""Settling attempts: what became of each is written, with all that follows from it, in one transaction for many."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Table

from ..clock import Clock
from ..database import is_transient
from ..hook import places
from ..marketplace.outcome import HostHealth, Outcome, Verdict
from ..vault import Vault
from .backoff import next_due
from .handler import PLAIN, OutcomeHandler, Settled
from .ledger import OutboxLedger
from .limits import GateLedger, host_gate
from .message import Message, MessageState, Try
from .rows import Settlement
from .taking import Taken, host_of

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 2.0
_log = logging.getLogger(__name__)


class Attempt(NamedTuple):
    """A call that was made."""

    taken: Taken
    outcome: Outcome
    begun_at: datetime
    ended_at: datetime
    seen: Any = None
    """What the message's handler found before the call."""


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class Settling:
    """Settles attempts for one drain; see `Drain` for the fields."""

    engine: Engine
    table: Table
    gates: Table
    handlers: Mapping[str, OutcomeHandler]
    lease: timedelta
    clock: Clock
    rng: Random
    announce: Callable[[Settled], None]
    announce_breaker: Callable[[str, str, bool], None]
    vault: Vault
    troubled: set[tuple[str, str]] = field(default_factory=set)
    """Hosts that failed a moment ago."""

    def settle(self, attempts: Sequence[Attempt]) -> list[tuple[Message, MessageState]]:
        """Write what became of attempts; return the messages that were still ours, each with its state.

        While the database is away it is tried again, for as long as the leases surely hold.

        Raises:
            DBAPIError: the database stayed away; the leases run out, and the messages come again.
        """
        pause = _FIRST_PAUSE_SECONDS
        while attempts:
            try:
                settled = self._together(attempts)
            except Exception as error:
                if is_transient(error):
                    oldest = min(attempt.taken.begun for attempt in attempts)
                    if self.clock.monotonic() + pause - oldest >= self.lease.total_seconds():
                        raise
                    self.clock.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
                    continue
                if len(attempts) > 1:
                    return [end for attempt in attempts for end in self.settle([attempt])]
                # What one message breaks must not stop the others. Its lease runs out, and it comes again.
                words = (type(error).__name__, places(error))
                message = attempts[0].taken.message
                _log.error("settling a message failed: %s\n%s", *words, extra=extra(message))
                return [(message, MessageState.PENDING)]
            pairs = zip(attempts, settled, strict=True)
            return [self._tell(attempt, found) for attempt, found in pairs if found is not None]
        return []

    def _together(self, attempts: Sequence[Attempt]) -> list[Settled | None]:
        """Settle all or none; None for a message that was not ours any more."""
        now = self.clock.now()
        settlements = [self._settlement(attempt, now) for attempt in attempts]
        with self.engine.begin() as connection:
            ledger = OutboxLedger(connection, self.table, self.vault)
            ours = ledger.settle(settlements, now=now)
            settled = list[Settled | None]()
            for attempt, settlement in zip(attempts, settlements, strict=True):
                message, state = settlement.message, settlement.state
                if message.id not in ours:
                    _log.warning("a lease ran out during a call; it may be made twice", extra=extra(message))
                    ledger.note_late(message)
                    settled.append(None)
                    continue
                settled.append(Settled(message=message, outcome=attempt.outcome, state=state, seen=attempt.seen))
            self._tell_handlers(connection, settled)
            turned = self._turn_breakers(connection, attempts)
        for marketplace, host, opened in turned:
            words = "fails again and again and is left alone" if opened else "answers again"
            level = logging.ERROR if opened else logging.INFO
            _log.log(level, "%s %s", host, words, extra={"marketplace": marketplace})
            self.announce_breaker(marketplace, host, opened)
        return settled

    def _tell_handlers(self, connection: Connection, settled: Sequence[Settled | None]) -> None:
        """Have what follows from messages that have come to their end written in the same transaction."""
        ended: dict[OutcomeHandler, list[Settled]] = {}
        for found in settled:
            if found is not None and found.state is not MessageState.PENDING:
                ended.setdefault(self.handlers.get(found.message.operation, PLAIN), []).append(found)
        for handler, some in ended.items():
            handler.settled(connection, some)

    def _settlement(self, attempt: Attempt, now: datetime) -> Settlement:
        message, outcome = attempt.taken.message, attempt.outcome
        due_at, state = None, MessageState.DELIVERED
        if outcome.verdict is Verdict.RETRY:
            since, wish = message.tried_since, outcome.retry_after
            due_at = next_due(message.attempts, since=since, now=now, wish=wish, rng=self.rng)
            state = MessageState.DEAD if due_at is None else MessageState.PENDING
        elif outcome.verdict is Verdict.REFUSED:
            state = MessageState.DEAD
        took = round((attempt.ended_at - attempt.begun_at) / timedelta(milliseconds=1))
        try_ = Try(at=attempt.begun_at, milliseconds=took, status=outcome.status, reason=outcome.reason)
        return Settlement(
            message=message,
            until=attempt.taken.until,
            state=state,
            due_at=due_at,
            status=outcome.status,
            reason=outcome.reason,
            excerpt=outcome.excerpt,
            tries=(*message.tries, try_),
        )

    def _turn_breakers(self, connection: Connection, attempts: Sequence[Attempt]) -> list[tuple[str, str, bool]]:
        """Tell the gates how the hosts behaved; return the breakers that this opened or closed."""
        ledger, now, turned = GateLedger(connection, self.gates), self.clock.now(), list[tuple[str, str, bool]]()
        by_host: dict[tuple[str, str], list[Attempt]] = {}
        for attempt in attempts:
            message = attempt.taken.message
            name = host_gate(host_of(message))
            by_host.setdefault((message.marketplace, name), []).append(attempt)
        for key, some in sorted(by_host.items()):
            outcomes = [attempt.outcome for attempt in some]
            failures = sum(outcome.host is HostHealth.FAILED for outcome in outcomes)
            if any(outcome.host is HostHealth.WORKS for outcome in outcomes):
                # Asked only where there is something to forget: a write for every success would be for nothing.
                if (key in self.troubled or any(a.taken.troubled for a in some)) and ledger.succeed(*key, now=now):
                    turned.append((*key, False))
                self.troubled.discard(key)
            elif failures:
                self.troubled.add(key)
                if ledger.fail(*key, count=failures, now=now):
                    turned.append((*key, True))
            rests = [outcome.retry_after for outcome in outcomes if outcome.host is HostHealth.BUSY]
            if rests:
                ledger.rest(*key, until=now + max(rest or timedelta(0) for rest in rests))
        return turned

    def _tell(self, attempt: Attempt, settled: Settled) -> tuple[Message, MessageState]:
        message = attempt.taken.message
        level = logging.INFO if settled.state is MessageState.DELIVERED else logging.WARNING
        if _log.isEnabledFor(level):
            words = (message.operation, message.id, settled.state.value, attempt.outcome.reason)
            _log.log(level, "%s, message %d, is %s: %s", *words, extra=extra(message))
        if settled.state is not MessageState.PENDING:
            self.announce(settled)
        return message, settled.state


def extra(message: Message) -> dict[str, object]:
    """Return what a log record says of a message: ids, and nothing of its body."""
    return {
        "marketplace": message.marketplace,
        "operation": message.operation,
        "message_id": message.id,
        "attempts": message.attempts,
        **message.arguments,
    }
