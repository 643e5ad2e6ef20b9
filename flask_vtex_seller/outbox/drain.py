"""Delivering what waits: the one function behind the worker, the command line and tests.

One thread takes messages and settles them; the calls themselves may run in others. Every transaction here is short, is
on a connection of its own, begins with its write, and is over before a call goes out.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar

from sqlalchemy import Engine, Table

from ..clock import Clock
from ..errors import VtexSellerError
from ..hook import places
from ..marketplace.outcome import Certainty, Outcome, Verdict
from ..vault import PLAIN as PLAIN_VAULT
from ..vault import Vault
from .backoff import MAX_ATTEMPTS
from .handler import PLAIN, OutcomeHandler, Preparation, Settled
from .health import Health, look
from .ledger import OutboxLedger
from .message import UNREADABLE, Draft, Message, MessageState
from .settling import Attempt, Settling, extra
from .taking import Taken, Taking

T = TypeVar("T")
_BATCH = 20
_RATE_PAUSE_SECONDS = 0.1
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Report:
    """What one drain did."""

    delivered: int = 0
    failed: int = 0
    """Attempts that will be repeated."""
    dead: int = 0
    unfinished: bool = False
    """Whether it ended because its time was up."""
    in_vain: dict[int, str] = field(default_factory=dict)
    """Ids and operations of the messages that it tried and that have to be tried again."""


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class Drain:
    """Everything that delivering needs, for one application.

    Args:
        table, gates, roles: the copies of the tables of `outbox.ledger`, `outbox.limits` and `outbox.roles` on the
            shop's metadata.
        send: makes the call; never raises for what the other side does; called in any thread.
        handlers: by operation; one that is missing is plain.
        marketplaces: those that may be called.
        paused: those that may not, though messages wait for them.
        rates: by marketplace and group of operations: calls a second; one that is missing is unbounded.
        lease: how long a message belongs to who took it; four times as long as a call may take, or more.
        announce: told of each end after its commit.
        announce_breaker: told of a marketplace, a host's name, and whether its breaker opened or closed.
        vault: what seals bodies and answers.
    """

    engine: Engine
    table: Table
    gates: Table
    roles: Table
    send: Callable[[Message, Any | None], Outcome]
    handlers: Mapping[str, OutcomeHandler]
    marketplaces: frozenset[str]
    lease: timedelta
    clock: Clock
    rng: Random
    announce: Callable[[Settled], None]
    paused: frozenset[str] = frozenset()
    rates: Mapping[tuple[str, str], float] = field(default_factory=dict)
    announce_breaker: Callable[[str, str, bool], None] = lambda *_: None
    vault: Vault = PLAIN_VAULT

    def run(
        self,
        *,
        limit: int | None = None,
        seconds: float | None = None,
        threads: int = 1,
        stop: Callable[[], bool] = bool,
    ) -> Report:
        """Deliver what is due until nothing is, or a bound is reached.

        Args:
            limit: of attempts.
            seconds: after which no further call is begun, but for those that a rate has given a moment already.
            threads: that make calls at a time; with one, they are made in the calling thread.
            stop: asked before each call, in any thread; true ends the run and hands back what was not begun.
        """
        end = None if seconds is None else self.clock.monotonic() + seconds

        def over(taken: Taken | None = None) -> bool:
            promised = taken is not None and taken.not_before is not None
            return stop() or (end is not None and not promised and self.clock.monotonic() >= end)

        with _Inline() if threads == 1 else ThreadPoolExecutor(threads, thread_name_prefix="vtex-seller") as executor:
            run = _Run(
                drain=self,
                taking=self._taking(),
                settling=self._settling(),
                executor=executor,
                threads=threads,
                over=over,
            )
            return run.run(limit, patient=end is not None)

    def _taking(self) -> Taking:
        return Taking(
            engine=self.engine,
            table=self.table,
            gates=self.gates,
            marketplaces=self.marketplaces,
            rates=self.rates,
            lease=self.lease,
            clock=self.clock,
            vault=self.vault,
        )

    def _settling(self) -> Settling:
        return Settling(
            engine=self.engine,
            table=self.table,
            gates=self.gates,
            handlers=self.handlers,
            lease=self.lease,
            clock=self.clock,
            rng=self.rng,
            announce=self.announce,
            announce_breaker=self.announce_breaker,
            vault=self.vault,
        )

    def health(self) -> Health:
        """Tell how delivering goes, now; reads only."""
        known = {**dict.fromkeys(self.marketplaces, False), **dict.fromkeys(self.paused, True)}
        with self.engine.connect() as connection:
            return look(
                connection,
                outbox=self.table,
                gates=self.gates,
                roles=self.roles,
                marketplaces=dict(sorted(known.items())),
                now=self.clock.now(),
            )

    def append(self, drafts: Sequence[Draft]) -> None:
        """Write messages in a transaction of their own, for what no transaction of the shop's belongs to."""
        with self.engine.begin() as connection:
            OutboxLedger(connection, self.table, self.vault).append(drafts, now=self.clock.now())

    def purge(self, *, before: datetime, limit: int = 5_000) -> bool:
        """Delete some of what was delivered, merged or discarded before `before`; tell whether there may be more.

        Args:
            limit: of one transaction: others wait for it.
        """
        with self.engine.begin() as connection:
            return OutboxLedger(connection, self.table).purge(before=before, limit=limit) == limit

    def move(
        self,
        ids: Sequence[int],
        state: MessageState,
        *,
        reason: str,
        due_at: datetime | None = None,
        apart: timedelta = timedelta(0),
    ) -> int:
        """Have messages sent again, or discard them, as somebody decided; return how many were moved.

        A discarded message was never said: what saying it changed is taken back in the same transaction.

        Args:
            due_at, apart: see `OutboxLedger.move`.
        """
        with self.engine.begin() as connection:
            ledger = OutboxLedger(connection, self.table, self.vault)
            moved = ledger.move(ids, state, now=self.clock.now(), reason=reason, due_at=due_at, apart=apart)
            for message in moved:
                if state is MessageState.DISCARDED:
                    self.handlers.get(message.operation, PLAIN).discarded(connection, message)
        return len(moved)


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class _Run:
    """One drain from its beginning to its end."""

    drain: Drain
    taking: Taking
    settling: Settling
    executor: Executor
    threads: int
    over: Callable[..., bool]
    """Tells whether no further call may be begun; or not that of a message that was taken."""
    report: Report = field(default_factory=Report)
    waiting: deque[tuple[Taken, Preparation]] = field(default_factory=deque)
    flying: dict[Future[Attempt | datetime | None], Taken] = field(default_factory=dict)

    def run(self, limit: int | None, *, patient: bool) -> Report:
        """Args: patient: whether to wait for a rate; only a run that has an end is."""
        try:
            while True:
                held = False
                # Some more than there are threads: taking one after the other would cost a transaction each.
                if len(self.waiting) < self.threads and limit != 0 and not self._suspects() and not self.over():
                    room = max(_BATCH, 2 * self.threads)
                    taken, held = self.taking.take(room if limit is None else min(room, limit))
                    limit = None if limit is None else limit - len(taken)
                    self.waiting.extend(self._prepared(taken))
                while self.waiting and self._has_room():
                    next_, preparation = self.waiting.popleft()
                    self.flying[self.executor.submit(self._attempt, next_, preparation)] = next_
                if self.flying:
                    self._land()
                elif patient and held and not self.over():
                    self.drain.clock.sleep(_RATE_PAUSE_SECONDS)
                else:
                    self.report.unfinished = self.over()
                    return self.report
        finally:
            self._hand_back([taken for taken, _ in self.waiting])

    def _prepared(self, taken: Sequence[Taken]) -> Iterator[tuple[Taken, Preparation]]:
        """Pair messages with what prepares them, one for all of a handler."""
        by_handler: dict[OutcomeHandler, list[Message]] = {}
        for one in taken:
            by_handler.setdefault(self._handler(one.message), []).append(one.message)
        found = {handler: Preparation(handler, some) for handler, some in by_handler.items()}
        return ((one, found[self._handler(one.message)]) for one in taken)

    def _handler(self, message: Message) -> OutcomeHandler:
        return self.drain.handlers.get(message.operation, PLAIN)

    def _suspects(self) -> bool:
        # The last one tells of all that wait, for nothing is taken after a suspect; one under way is alone.
        last = self.waiting[-1][0] if self.waiting else next(iter(self.flying.values()), None)
        return last is not None and last.is_suspect

    def _has_room(self) -> bool:
        """Tell whether one more call may begin; one that may end this worker is made when no other is under way."""
        under_way = next(iter(self.flying.values()), None)
        if under_way is not None and (under_way.is_suspect or self.waiting[0][0].is_suspect):
            return False
        # No more than there are threads: so many, at most, are sent twice if this process is killed.
        return len(self.flying) < self.threads

    def _land(self) -> None:
        """Settle the attempts that have ended; together, for a transaction is what costs."""
        done, _ = wait(self.flying, return_when=FIRST_COMPLETED)
        landed = [(self.flying.pop(future), future.result()) for future in list(self.flying) if future in done]
        self._hand_back([taken for taken, attempt in landed if attempt is None])
        for taken, attempt in landed:
            if isinstance(attempt, datetime):
                self._hand_back([taken], due_at=attempt)
        for message, state in self.settling.settle([attempt for _, attempt in landed if isinstance(attempt, Attempt)]):
            self.report.in_vain.pop(message.id, None)
            if state is MessageState.PENDING:
                self.report.in_vain[message.id] = message.operation
            self.report.delivered += state is MessageState.DELIVERED
            self.report.failed += state is MessageState.PENDING
            self.report.dead += state is MessageState.DEAD

    def _hand_back(self, unbegun: list[Taken], due_at: datetime | None = None) -> None:
        """Give back what was taken but not begun, the attempt uncounted; to be taken at `due_at` if that is given."""
        if unbegun:
            with self.drain.engine.begin() as connection:
                ledger = OutboxLedger(connection, self.drain.table)
                for until in {taken.until for taken in unbegun}:
                    ids = [taken.message.id for taken in unbegun if taken.until == until]
                    ledger.hand_back(ids, until=until, due_at=due_at)

    def _attempt(self, taken: Taken, preparation: Preparation) -> Attempt | datetime | None:
        """Make one call; if it was not begun: None, or when it shall be."""
        clock = self.drain.clock
        pause = (taken.not_before - clock.now()).total_seconds() if taken.not_before else 0.0
        if pause > 0:
            clock.sleep(pause)
        if self.over(taken) or not self._holds(taken):
            return None
        begun = clock.now()
        outcome, seen = self._outcome(taken, preparation)
        if isinstance(outcome, datetime):
            return outcome
        return Attempt(taken=taken, outcome=outcome, begun_at=begun, ended_at=clock.now(), seen=seen)

    def _holds(self, taken: Taken) -> bool:
        """Tell whether the lease surely holds: after a pause somebody else may have taken the message."""
        return self.drain.clock.monotonic() - taken.begun < self.drain.lease.total_seconds() / 2

    def _outcome(self, taken: Taken, preparation: Preparation) -> tuple[Outcome | datetime, Any]:
        """Return how a call ended, or when to make it, and what its handler saw before."""
        message = taken.message
        if message.attempts > MAX_ATTEMPTS:
            # Counted before each call: this one ended its worker every time.
            return _not_tried(Verdict.REFUSED, f"begun {MAX_ATTEMPTS} times and never ended"), None
        if message.body is UNREADABLE:
            # Where several machines run, one may seal with a key that another has not been given yet.
            return _not_tried(Verdict.RETRY, f"cannot be read: {UNREADABLE}"), None
        try:
            prepared = preparation.of(message)
            if not self._holds(taken):
                return _not_tried(Verdict.RETRY, "the shop's functions took longer than its lease"), None
            return prepared.due_at or self.drain.send(message, prepared.body), prepared.seen
        except VtexSellerError as error:
            return _not_tried(Verdict.REFUSED, str(error).encode("utf-8", "replace").decode("utf-8")), None
        except Exception as error:
            # The drain's one broad catch: a message that breaks the code that sends it must not stop the others.
            _log.error("sending a message failed: %s\n%s", type(error).__name__, places(error), extra=extra(message))
            return _not_tried(Verdict.RETRY, f"failed here: {type(error).__name__}"), None


def _not_tried(verdict: Verdict, reason: str) -> Outcome:
    return Outcome(verdict=verdict, reason=reason, certainty=Certainty.NOT_TRIED)


class _Inline(Executor):
    """Runs what it is given at once, in the calling thread."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future
