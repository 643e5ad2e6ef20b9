"""Taking messages: those that are due, at the head of their lanes, and may be sent by what the gates say."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Engine, Table

from ..clock import Clock
from ..marketplace.operations import OPERATIONS, Host
from ..vault import Vault
from .ledger import OutboxLedger, Scope
from .limits import REPEATS, REPEATS_PER_SECOND, REPEATS_SHARE, Gate, GateLedger, host_gate, rate_gate
from .message import Message

_OPERATIONS = {host: tuple(name for name, found in OPERATIONS.items() if found.host is host) for host in Host}
_AHEAD = timedelta(seconds=1)
"""How far ahead moments are reserved: a thread waits for its own."""


class Taken(NamedTuple):
    """A message that is ours until its lease ends."""

    message: Message
    until: datetime
    """The end of the lease."""
    begun: float
    """The beginning of the lease, on the monotonic clock."""
    not_before: datetime | None = None
    """The moment that its rate leaves for the call."""
    troubled: bool = False
    """Whether its host failed a moment ago."""

    @property
    def is_suspect(self) -> bool:
        """Tell whether an attempt at it never ended: it may end whoever sends it."""
        return _is_suspect(self.message)


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class Taking:
    """Takes messages for one drain; see `Drain` for the fields."""

    engine: Engine
    table: Table
    gates: Table
    marketplaces: frozenset[str]
    rates: Mapping[tuple[str, str], float]
    lease: timedelta
    clock: Clock
    vault: Vault

    def take(self, limit: int) -> tuple[list[Taken], bool]:
        """Take at most `limit` messages, one a lane, their attempts counted.

        Returns them, and whether a rate holds back others that it may let go in a moment.
        """
        with self.engine.connect() as connection:
            gates = GateLedger(connection, self.gates).all(self.marketplaces)
        now, begun = self.clock.now(), self.clock.monotonic()
        spent = self._spent(gates, now)
        open_, broken = self._scopes(gates, spent, now)
        until = now + self.lease
        with self.engine.begin() as connection:
            ledger = OutboxLedger(connection, self.table, self.vault)
            messages = ledger.lease(now=now, until=until, limit=limit, scopes=open_) if open_ else []
            for scope, gate in broken:
                messages += self._probe(connection, scope, gate, now, until)
            messages = _without_company(ledger, messages, until)
            ledger.merge(messages, now=now)
            moments = self._moments(connection, messages, now) if messages else {}
            late = [message.id for message in messages if message.id not in moments]
            if late:
                ledger.hand_back(late, until=until, due_at=now + _AHEAD)
        troubled = {key for key, gate in gates.items() if gate.failures}
        taken = [
            Taken(
                message=message,
                until=until,
                begun=begun,
                not_before=moments[message.id],
                troubled=(message.marketplace, host_gate(host_of(message))) in troubled,
            )
            for message in messages
            if message.id in moments
        ]
        return taken, bool(spent)

    def _ahead(self) -> timedelta:
        return min(_AHEAD, self.lease / 8)

    def _spent(self, gates: Mapping[tuple[str, str], Gate], now: datetime) -> set[tuple[str, str]]:
        """Return the marketplaces and groups whose rate has no moment left that is near."""
        near = now + self._ahead()
        return {key for key in self.rates if (gate := gates.get((key[0], rate_gate(key[1])))) and gate.next_at > near}

    def _scopes(
        self, gates: Mapping[tuple[str, str], Gate], spent: Collection[tuple[str, str]], now: datetime
    ) -> tuple[list[Scope], list[tuple[Scope, Gate]]]:
        """Return what may be called, and what may be tried by one call."""
        open_, broken = list[Scope](), list[tuple[Scope, Gate]]()
        for marketplace in sorted(self.marketplaces):
            for host, operations in _OPERATIONS.items():
                gate = gates.get((marketplace, host_gate(host)))
                free = tuple(name for name in operations if (marketplace, OPERATIONS[name].group) not in spent)
                scope = Scope(marketplace=marketplace, operations=free, unknown=host is Host.STORE)
                if gate is None or (gate.next_at <= now and not gate.is_broken):
                    open_.append(scope)
                elif gate.next_at <= now:
                    broken.append((scope, gate))
        return open_, broken

    def _probe(self, connection: Connection, scope: Scope, gate: Gate, now: datetime, until: datetime) -> list[Message]:
        """Take one message to try a broken host with, if no other worker does."""
        ledger = OutboxLedger(connection, self.table, self.vault)
        messages = ledger.lease(now=now, until=until, limit=1, scopes=[scope])
        if messages and not GateLedger(connection, self.gates).probe(gate, now=now):
            ledger.hand_back([message.id for message in messages], until=until)
            return []
        return messages

    def _moments(
        self, connection: Connection, messages: Sequence[Message], now: datetime
    ) -> dict[int, datetime | None]:
        """Return when each message may be sent; those that may not be sent soon are left out."""
        gates, ahead = GateLedger(connection, self.gates), self._ahead()
        moments: dict[int, datetime | None] = {message.id: None for message in messages}
        for marketplace, some in _by_marketplace(messages):
            repeats = [message for message in some if message.attempts > 1]
            paid = repeats[(len(some) - len(repeats)) // REPEATS_SHARE :]
            _deal(gates, marketplace, REPEATS, paid, REPEATS_PER_SECOND, now, ahead, moments)
            for group in sorted({group_of(message) for message in some}):
                rate = self.rates.get((marketplace, group))
                theirs = [message for message in some if group_of(message) == group and message.id in moments]
                if rate is not None:
                    _deal(gates, marketplace, rate_gate(group), theirs, rate, now, ahead, moments)
        return moments


def host_of(message: Message) -> Host:
    """Return where a message goes."""
    operation = OPERATIONS.get(message.operation)
    return Host.STORE if operation is None else operation.host


def group_of(message: Message) -> str:
    """Return the group of operations whose rate counts for a message."""
    operation = OPERATIONS.get(message.operation)
    return "" if operation is None else operation.group


def _without_company(ledger: OutboxLedger, messages: list[Message], until: datetime) -> list[Message]:
    """Keep a suspect alone: what is taken besides would count an attempt that never began if its worker ended."""
    suspect = next(filter(_is_suspect, messages), None)
    if suspect is None:
        return messages
    ledger.hand_back([message.id for message in messages if message is not suspect], until=until)
    return [suspect]


def _is_suspect(message: Message) -> bool:
    # Tries of before somebody had it sent again are kept, too, but their attempts are counted no more.
    return message.attempts - 1 > sum(try_.at >= message.tried_since for try_ in message.tries)


def _by_marketplace(messages: Iterable[Message]) -> Iterable[tuple[str, list[Message]]]:
    found: dict[str, list[Message]] = {}
    for message in messages:
        found.setdefault(message.marketplace, []).append(message)
    return sorted(found.items())


def _deal(
    gates: GateLedger,
    marketplace: str,
    name: str,
    messages: Sequence[Message],
    per_second: float,
    now: datetime,
    ahead: timedelta,
    moments: dict[int, datetime | None],
) -> None:
    """Give messages the moments that a gate has left; those for which it has none lose theirs."""
    if not messages:
        return
    free = gates.reserve(marketplace, name, len(messages), per_second=per_second, now=now, ahead=ahead)
    for message, moment in zip(messages, free, strict=False):
        other = moments[message.id]
        moments[message.id] = moment if other is None else max(other, moment)
    for message in messages[len(free) :]:
        del moments[message.id]
