"""Delivering what waits: the one function behind the worker, the command line and tests.

Every transaction here is short, is on a connection of its own, begins with its write, and is over before a call goes
out.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Table

from ..clock import Clock
from ..database import is_transient
from ..errors import VtexSellerError
from ..hook import places
from ..marketplace.outcome import Outcome, Verdict
from .backoff import MAX_ATTEMPTS, next_due
from .ledger import OutboxLedger
from .message import Draft, Message, MessageState

_log = logging.getLogger(__name__)
_BATCH = 20


class OutcomeHandler(Protocol):
    """What an operation means above the outbox."""

    def body(self, message: Message, /) -> Any | None:
        """Return what to send; called with no transaction open, so it may ask the shop.

        Raises:
            VtexSellerError: it cannot be sent; the message becomes a dead letter with these words.
        """

    def settled(self, connection: Connection, message: Message, outcome: Outcome, /) -> None:
        """Write what a delivered or refused message changes, in the transaction that settles it."""

    def discarded(self, connection: Connection, message: Message, /) -> None:
        """Take back what saying a message changed, in the transaction that discards it."""


class PlainHandler:
    """A message that is sent as it was written and changes nothing else."""

    def body(self, message: Message, /) -> Any | None:
        """Return the body as it was written."""
        return message.body

    def settled(self, connection: Connection, message: Message, outcome: Outcome, /) -> None:
        """Change nothing."""

    def discarded(self, connection: Connection, message: Message, /) -> None:
        """Take back nothing: it changed nothing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Settled:
    """A message and the attempt that ended it, one way or the other."""

    message: Message
    outcome: Outcome
    state: MessageState


@dataclass(slots=True)
class Report:
    """What one drain did."""

    delivered: int = 0
    failed: int = 0
    """Attempts that will be repeated."""
    dead: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Drain:
    """Everything that delivering needs, for one application.

    Args:
        send: makes the call; never raises for what the other side does.
        handlers: by operation; one that is missing is plain.
        lease: how long a message belongs to who took it; longer than a call may take.
        announce: told of each end after its commit.
    """

    engine: Engine
    table: Table
    send: Callable[[Message, Any | None], Outcome]
    handlers: Mapping[str, OutcomeHandler]
    marketplaces: frozenset[str]
    lease: timedelta
    clock: Clock
    rng: Random
    announce: Callable[[Settled], None]

    def run(self, *, limit: int | None = None, seconds: float | None = None, stop: Callable[[], bool] = bool) -> Report:
        """Deliver what is due until nothing is, or a bound is reached.

        Args:
            limit: of attempts.
            seconds: after which no further call is begun.
            stop: asked before each call; true ends the run and hands back what was taken but not begun.
        """
        report, begun = Report(), self.clock.monotonic()
        while limit is None or limit > 0:
            batch = self._lease(_BATCH if limit is None else min(limit, _BATCH))
            if not batch.messages:
                break
            for position, message in enumerate(batch.messages):
                over = seconds is not None and self.clock.monotonic() - begun >= seconds
                if over or stop():
                    self._hand_back(batch, batch.messages[position:])
                    return report
                self._deliver(message, batch, report)
            if limit is not None:
                limit -= len(batch.messages)
        return report

    def append(self, drafts: Sequence[Draft]) -> None:
        """Write messages in a transaction of their own, for what no transaction of the shop's belongs to."""
        with self.engine.begin() as connection:
            OutboxLedger(connection, self.table).append(drafts, now=self.clock.now())

    def purge(self, *, before: datetime) -> int:
        """Delete what was delivered, merged or discarded before `before`; return how many."""
        with self.engine.begin() as connection:
            return OutboxLedger(connection, self.table).purge(before=before)

    def move(self, ids: Sequence[int], state: MessageState, *, reason: str) -> int:
        """Have messages sent again, or discard them, as somebody decided; return how many were moved.

        A discarded message was never said: what saying it changed is taken back in the same transaction.
        """
        with self.engine.begin() as connection:
            moved = OutboxLedger(connection, self.table).move(ids, state, now=self.clock.now(), reason=reason)
            for message in moved:
                if state is MessageState.DISCARDED:
                    self.handlers.get(message.operation, _PLAIN).discarded(connection, message)
        return len(moved)

    def _lease(self, limit: int) -> "_Batch":
        now, begun = self.clock.now(), self.clock.monotonic()
        until = now + self.lease
        with self.engine.begin() as connection:
            ledger = OutboxLedger(connection, self.table)
            messages = ledger.lease(now=now, until=until, limit=limit, marketplaces=self.marketplaces)
            for message in messages:
                if message.merges:
                    ledger.merge(message, now=now)
        return _Batch(messages=messages, until=until, begun=begun)

    def _hand_back(self, batch: "_Batch", messages: list[Message]) -> None:
        """Give back what was taken but not begun, the attempt uncounted."""
        with self.engine.begin() as connection:
            OutboxLedger(connection, self.table).hand_back([message.id for message in messages], until=batch.until)

    def _deliver(self, message: Message, batch: "_Batch", report: Report) -> None:
        # A call may only begin while the lease surely holds: after a pause somebody else may have taken the message.
        if self.clock.monotonic() - batch.begun >= self.lease.total_seconds() / 2:
            self._hand_back(batch, [message])
            return
        handler = self.handlers.get(message.operation, _PLAIN)
        outcome = self._attempt(handler, message)
        try:
            settled = self._settle(handler, message, outcome, batch.until)
        except Exception as error:
            if is_transient(error):
                raise
            # As in _attempt: what one message breaks must not stop the others. Its lease runs out, and it comes again.
            _log.error("settling a message failed: %s\n%s", type(error).__name__, places(error), extra=_extra(message))
            report.failed += 1
            return
        if settled is None:
            _log.warning("a lease ran out during a call", extra=_extra(message))
            return
        report.delivered += settled.state is MessageState.DELIVERED
        report.failed += settled.state is MessageState.PENDING
        report.dead += settled.state is MessageState.DEAD
        level = logging.INFO if settled.state is MessageState.DELIVERED else logging.WARNING
        words = (message.operation, message.id, settled.state.value, outcome.reason)
        _log.log(level, "%s, message %d, is %s: %s", *words, extra=_extra(message))
        if settled.state is not MessageState.PENDING:
            self.announce(settled)

    def _attempt(self, handler: OutcomeHandler, message: Message) -> Outcome:
        if message.attempts > MAX_ATTEMPTS:
            # Counted before each call: this one ended its worker every time.
            return Outcome(verdict=Verdict.REFUSED, reason=f"begun {MAX_ATTEMPTS} times and never ended")
        try:
            return self.send(message, handler.body(message))
        except VtexSellerError as error:
            return Outcome(verdict=Verdict.REFUSED, reason=str(error).encode("utf-8", "replace").decode("utf-8"))
        except Exception as error:
            # The drain's one broad catch: a message that breaks the code that sends it must not stop the others.
            _log.error("sending a message failed: %s\n%s", type(error).__name__, places(error), extra=_extra(message))
            return Outcome(verdict=Verdict.RETRY, reason=f"failed here: {type(error).__name__}")

    def _settle(self, handler: OutcomeHandler, message: Message, outcome: Outcome, until: datetime) -> Settled | None:
        now, state, due_at = self.clock.now(), MessageState.DELIVERED, None
        if outcome.verdict is Verdict.RETRY:
            due_at = next_due(
                message.attempts, since=message.tried_since, now=now, wish=outcome.retry_after, rng=self.rng
            )
            state = MessageState.DEAD if due_at is None else MessageState.PENDING
        elif outcome.verdict is Verdict.REFUSED:
            state = MessageState.DEAD
        with self.engine.begin() as connection:
            ours = OutboxLedger(connection, self.table).settle(
                message,
                until=until,
                state=state,
                now=now,
                due_at=due_at,
                status=outcome.status,
                reason=outcome.reason,
                excerpt=outcome.excerpt,
            )
            if ours and state is not MessageState.PENDING:
                handler.settled(connection, message, outcome)
        return Settled(message=message, outcome=outcome, state=state) if ours else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class _Batch:
    messages: list[Message]
    until: datetime
    begun: float


_PLAIN = PlainHandler()


def _extra(message: Message) -> dict[str, object]:
    return {
        "marketplace": message.marketplace,
        "operation": message.operation,
        "message_id": message.id,
        "attempts": message.attempts,
        **message.arguments,
    }
