"""Keeping marketplaces in sync with the shop: what they were not told, or told otherwise, becomes notices.

The shop's functions are asked about a batch of SKUs with no transaction open; what is to be said about the batch is
written in one. What a function of the shop's does wrong for one SKU is noted with that SKU, and the others go on.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple

from sqlalchemy import Engine, Table

from ..clock import Clock, to_epoch_us
from ..outbox.ledger import OutboxLedger
from ..outbox.message import Draft
from .differences import differences
from .ledger import Key, SkuLedger
from .notices import CHANGE, INVENTORY, PRICE, sku_draft, sku_lane
from .present import NotRead
from .runs import RunLedger
from .sku import SkuState
from .survey import BATCH, Failure, Look, Survey, checked
from .told import NOT_READ, ToldLedger

_KINDS = (CHANGE, PRICE, INVENTORY)
_UNHEARD_OF = "neither offer_loader nor sku_loader returns it, and no marketplace is known to have it"
_STRAY = "a function of the shop's returned it without being asked, and sku_ids_loader does not name it"


class Wanted(NamedTuple):
    """Which SKUs marketplaces are to be told about; by default those that differ from what they were told."""

    everything: bool = False
    since: datetime | None = None
    """Those of which no notice was delivered since then."""
    sku_ids: tuple[str, ...] = ()
    renotify: bool = False
    """Of price and stock besides, where the marketplace knows the SKU, whatever it was told."""

    @property
    def name(self) -> str:
        """What is asked, in few words; equal for the same."""
        words = "all" if self.everything else "differences"
        if self.since is not None:
            words = f"since {self.since.isoformat()}"
        if self.sku_ids:
            words = f"skus {blake2b(repr(sorted(set(self.sku_ids))).encode(), digest_size=16).hexdigest()}"
        return f"{words} and price and stock" if self.renotify else words

    @property
    def is_run(self) -> bool:
        """Tell whether it has to be remembered who was asked for: a difference, once told, is none any more."""
        return self != DIFFERENCES


DIFFERENCES = Wanted()


@dataclass(slots=True)
class Progress:
    """How far a run is."""

    total: int = 0
    """SKUs on sale."""
    done: int = 0
    notices: int = 0
    """That were written."""
    failures: list[Failure] = field(default_factory=list)
    continued: bool = False
    """Whether it goes on where an earlier run was cut off."""
    ended: bool = False
    """Whether all was looked at."""
    begun: int | None = None
    """When the run began that has to be ended, in microseconds since 1970."""


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class Reconciler:
    """Tells marketplaces what they do not know yet.

    Args:
        outbox, runs: the copies of the tables of `outbox.ledger` and `runs` on the shop's metadata.
    """

    engine: Engine
    survey: Survey
    outbox: Table
    runs: Table
    clock: Clock

    def run(
        self,
        wanted: Wanted = DIFFERENCES,
        *,
        batch: int = BATCH,
        restart: bool = False,
        stop: Callable[[], bool] = bool,
        tell: Callable[[Progress], object] = bool,
    ) -> Progress:
        """Write notices, batch by batch; what was asked for before and not brought to its `end` is continued.

        SKUs that a marketplace was told a stock of and that the shop does not name any more are looked at, too.

        Args:
            batch: SKUs at a time.
            restart: begin anew instead.
            stop: asked before each batch.
            tell: told after each.

        Raises:
            HookMissing: the shop lacks `sku_ids_loader` or `offer_loader`.
            HookFailed: `sku_ids_loader` raised; nothing is written then.
            DBAPIError: a database's passing trouble; the batches before are written.
        """
        sku_ids, bad = checked(wanted.sku_ids) if wanted.sku_ids else self.survey.on_sale()
        made = Progress(total=len(sku_ids), failures=bad)
        begun = self._begin(wanted, restart, made)
        strays, hearers = set[str](), self.survey.hearers
        for some in (sku_ids[start : start + batch] for start in range(0, len(sku_ids), batch)):
            if stop():
                return made
            looks = self.survey.look(some, among=hearers, asked_since=begun, strays=strays)
            if wanted.sku_ids:
                looks = _heard_of(looks, made)
            self._write(looks, hearers, wanted, begun, made)
            made.done += len(some)
            tell(made)
        made.ended = bool(wanted.sku_ids) or self._unnamed(frozenset(sku_ids), strays, batch, made, stop)
        return made

    def _begin(self, wanted: Wanted, restart: bool, made: Progress) -> int | None:
        if wanted.is_run:
            with self.engine.begin() as connection:
                runs = RunLedger(connection, self.runs)
                made.begun, made.continued = runs.begin(wanted.name, now=self.clock.now(), restart=restart)
        return made.begun

    def end(self, wanted: Wanted, made: Progress) -> None:
        """Have the next `run` of the same begin anew: to be called when what this one wrote needs no more care."""
        if made.ended and made.begun is not None:
            with self.engine.begin() as connection:
                RunLedger(connection, self.runs).end(wanted.name, made.begun, now=self.clock.now())

    def run_if_due(self, *, every: timedelta, stop: Callable[[], bool] = bool) -> Progress | None:
        """Write notices of what differs, unless somebody began to less than `every` ago; raises as `run`."""
        now, name = self.clock.now(), DIFFERENCES.name
        with self.engine.begin() as connection:
            if not RunLedger(connection, self.runs).claim(name, now=now, every=every):
                return None
        made = self.run(stop=stop)
        made.begun = to_epoch_us(now)
        self.end(DIFFERENCES, made)
        return made

    def _unnamed(
        self, named: Collection[str], strays: Collection[str], batch: int, made: Progress, stop: Callable[[], bool]
    ) -> bool:
        """Tell of SKUs that are not on sale any more what a simulation answers now: no stock, if the shop is right.

        Returns:
            Whether it came to the end.
        """
        made.failures += [Failure(None, str(stray), _STRAY) for stray in sorted(map(str, set(strays) - set(named)))]
        for name, kinds in self.survey.hearers.items():
            for some in self.survey.unnamed(name, named, batch) if INVENTORY in kinds else ():
                if stop():
                    return False
                looks = self.survey.look(some, among=(name,))
                self._write(looks, {name: frozenset({INVENTORY})}, DIFFERENCES, None, made)
        return True

    def _write(
        self,
        looks: Iterable[Look],
        hearers: Mapping[str, Collection[str]],
        wanted: Wanted,
        begun: int | None,
        made: Progress,
    ) -> None:
        """Write what there is to say about some SKUs; what was wrong with one is kept as its reason."""
        chosen, reasons = dict[Key, list[str]](), dict[Key, str]()
        for look in looks:
            key = look.marketplace, look.sku_id
            if kinds := _chosen(look, hearers[look.marketplace], wanted):
                chosen[key] = kinds
            before = "" if look.record is None else look.record.reason
            if trouble := look.trouble:
                made.failures.append(Failure(*key, trouble))
                if before != NOT_READ + trouble:
                    reasons[key] = NOT_READ + trouble
            elif before.startswith(NOT_READ):
                reasons[key] = ""
        if not chosen and not reasons:
            return
        waiting, now = self._waiting(chosen), self.clock.now()
        with self.engine.begin() as connection:
            keys: Collection[Key] = chosen
            if begun is not None:
                keys = ToldLedger(connection, self.survey.skus).ask(chosen, begun=begun, now=now)
            drafts = list(_drafts({key: kinds for key, kinds in chosen.items() if key in keys}, waiting))
            OutboxLedger(connection, self.outbox).append(drafts, now=now)
            SkuLedger(connection, self.survey.skus).note(reasons, now=now)
        made.notices += len(drafts)

    def _waiting(self, chosen: Mapping[Key, Iterable[str]]) -> set[tuple[str, str, str]]:
        """Return marketplace, lane and kind of what needs no second notice."""
        by_name: dict[str, list[str]] = {}
        for name, sku_id in chosen:
            by_name.setdefault(name, []).append(sku_lane(sku_id))
        with self.engine.connect() as connection:
            outbox = OutboxLedger(connection, self.outbox)
            return {(name, *found) for name, lanes in by_name.items() for found in outbox.waiting(name, lanes, _KINDS)}


def _chosen(look: Look, hears: Collection[str], wanted: Wanted) -> list[str]:
    """Return the notices that are to be said; a change notification speaks for the others, unless they are wished."""
    record, offered = look.record, look.offered
    if isinstance(offered, NotRead):
        return []
    if wanted.since is not None:
        told_at = None if record is None else record.told_at
        if told_at is not None and told_at >= to_epoch_us(wanted.since):
            return []
    if wanted.everything or wanted.sku_ids or wanted.since is not None:
        kinds = [] if isinstance(look.catalog, NotRead) else [CHANGE]
    else:
        kinds = [found.kind for found in differences(record, offered, look.catalog)]
    kinds = [kind for kind in kinds if kind in hears]
    kinds = [CHANGE] if CHANGE in kinds else kinds
    if wanted.renotify and record is not None and record.state == SkuState.KNOWN.value:
        kinds = list(dict.fromkeys([*kinds, *(kind for kind in (PRICE, INVENTORY) if kind in hears)]))
    return kinds


def _heard_of(looks: Iterable[Look], made: Progress) -> Iterator[Look]:
    """Leave out what no loader returns, where the marketplace is not known to have it; name what is known nowhere."""
    looks = list(looks)
    known = {look.sku_id for look in looks if not look.is_unheard_of}
    offered = {look.sku_id for look in looks if look.is_offered}
    if not made.continued:  # else those that know it may have been asked for before
        unknown = dict.fromkeys(look.sku_id for look in looks if look.sku_id not in known)
        made.failures += [Failure(None, sku_id, _UNHEARD_OF) for sku_id in unknown]
    return (look for look in looks if look.sku_id in offered or not look.is_unheard_of)


def _drafts(chosen: Mapping[Key, Collection[str]], waiting: Collection[tuple[str, str, str]]) -> Iterable[Draft]:
    for (name, sku_id), kinds in chosen.items():
        said = {kind for kind in _KINDS if (name, sku_lane(sku_id), kind) in waiting}
        if CHANGE in said and CHANGE not in kinds:
            continue  # it makes the marketplace ask for everything
        for kind in kinds:
            if kind not in said:
                yield sku_draft(kind, name, sku_id)
