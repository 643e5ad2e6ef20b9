"""How delivering goes: what waits and since when, what is dead, which hosts are left alone, who acts."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

from sqlalchemy import Connection, Table, func, select

from ..clock import from_epoch_us, to_epoch_us
from ..database import DbSession
from .limits import HOST, Gate, GateLedger
from .message import MessageState
from .roles import DRAIN, LEADER, RoleLedger, Runner

STALE = timedelta(minutes=10)
"""A message that has been due for so long is not being delivered."""
_UNSETTLED = (MessageState.PENDING, MessageState.HELD, MessageState.DEAD)


class Level(Enum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """Somebody should look: there are dead letters, or messages to nobody."""
    FAIL = "fail"
    """Nothing gets through."""

    @classmethod
    def worst(cls, *levels: "Level") -> "Level":
        """Return the worst of them."""
        return max(levels, key=[*cls].index)


class Backlog(NamedTuple):
    """What waits for one marketplace."""

    pending: int = 0
    held: int = 0
    dead: int = 0
    due_since: datetime | None = None
    """When the message that is due for longest became due; None when none is."""
    broken: tuple[str, ...] = ()
    """The hosts whose breakers are open."""
    resting: tuple[str, ...] = ()
    """The hosts that asked to be left alone for a while."""
    paused: bool = False

    @property
    def left_alone(self) -> list[str]:
        """The hosts that are not called now, for either reason."""
        return sorted([*self.broken, *self.resting])


class Health(NamedTuple):
    """How delivering goes, at a moment."""

    at: datetime
    backlogs: Mapping[str, Backlog]
    """By the marketplace's configured name."""
    leader: Runner | None
    last_drain: Runner | None
    problems: tuple[str, ...] = ()
    """One sentence for each, naming its marketplace."""
    level: Level = Level.OK


def look(
    session: DbSession | Connection,
    *,
    outbox: Table,
    gates: Table,
    roles: Table,
    marketplaces: Mapping[str, bool],
    now: datetime,
) -> Health:
    """Return how delivering goes; reads only.

    Args:
        outbox, gates, roles: the copies of the outbox's tables on the shop's metadata.
        marketplaces: the configured names, and whether each is paused.
    """
    runners = RoleLedger(session, roles).all()
    hosts = [gate for gate in GateLedger(session, gates).all(marketplaces).values() if gate.name.startswith(HOST)]
    broken = [gate for gate in hosts if gate.is_broken]
    resting = [gate for gate in hosts if not gate.is_broken and gate.next_at > now]
    counts, due = _counts(session, outbox), _due_since(session, outbox, now)
    backlogs = {
        name: Backlog(
            **{state.value: counts.get((name, state.value), 0) for state in _UNSETTLED},
            due_since=due.get(name),
            broken=_names(broken, name),
            resting=_names(resting, name),
            paused=paused,
        )
        for name, paused in marketplaces.items()
    }
    failures = [problem for name, backlog in backlogs.items() for problem in _failures(name, backlog, now)]
    warnings = _warnings(backlogs, counts)
    return Health(
        at=now,
        backlogs=backlogs,
        leader=runners.get(LEADER),
        last_drain=runners.get(DRAIN),
        problems=(*failures, *warnings),
        level=Level.FAIL if failures else Level.WARN if warnings else Level.OK,
    )


def _names(hosts: Iterable[Gate], marketplace: str) -> tuple[str, ...]:
    return tuple(sorted(gate.name.removeprefix(HOST) for gate in hosts if gate.marketplace == marketplace))


def _failures(name: str, backlog: Backlog, now: datetime) -> Collection[str]:
    if backlog.paused:
        return []
    found = [f"{name}: {host} fails and is left alone" for host in backlog.broken]
    if backlog.due_since is not None and now - backlog.due_since >= STALE:
        minutes = (now - backlog.due_since) // timedelta(minutes=1)
        found.append(f"{name}: a message has been due for {minutes} minutes")
    return found


def _warnings(backlogs: Mapping[str, Backlog], counts: Mapping[tuple[str, str], int]) -> list[str]:
    waiting = Counter[str]()  # for a marketplace that is not configured, or not here, and so for ever
    for (name, state), count in counts.items():
        if name not in backlogs and state != MessageState.DEAD.value:
            waiting[name] += count
    return [
        *(f"{name}: {backlog.dead} dead letters" for name, backlog in backlogs.items() if backlog.dead),
        *(f"{name}: {count} messages wait, but it is not configured" for name, count in sorted(waiting.items())),
    ]


def _counts(session: DbSession | Connection, outbox: Table) -> dict[tuple[str, str], int]:
    columns = outbox.c
    unsettled = columns.state.in_([state.value for state in _UNSETTLED])
    query = select(columns.marketplace, columns.state, func.count()).where(unsettled)
    rows = session.execute(query.group_by(columns.marketplace, columns.state))
    return {(marketplace, state): count for marketplace, state, count in rows}


def _due_since(session: DbSession | Connection, outbox: Table, now: datetime) -> dict[str, datetime]:
    columns = outbox.c
    due = (columns.state == MessageState.PENDING.value, columns.due_at <= to_epoch_us(now))
    rows = session.execute(
        select(columns.marketplace, func.min(columns.due_at)).where(*due).group_by(columns.marketplace)
    )
    return {marketplace: from_epoch_us(moment) for marketplace, moment in rows}
