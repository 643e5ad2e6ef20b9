"""Holding what the shop sells against what its marketplaces were told, a batch of SKUs at a time; writes nothing."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Engine, Table

from ..config import Marketplace
from ..hook import Hook
from .hooks import SkuIdsLoader
from .notices import CHANGE, INVENTORY, PRICE, hearers
from .present import NO_CATALOG, NOTHING, NotRead, Offered, Present
from .sku import SkuState, require_sku_id
from .sync import sku_ids_on_sale
from .told import Record, ToldLedger

BATCH = 500
"""SKUs that the shop's functions are asked about at a time."""


class Failure(NamedTuple):
    """A SKU that something of the shop's is wrong with."""

    marketplace: str | None
    """None: whichever it is."""
    sku_id: str
    """As a human reads it: it may be none."""
    reason: str


class Look(NamedTuple):
    """What a SKU's marketplace was told, and what holds now."""

    marketplace: str
    sku_id: str
    record: Record | None
    offered: Offered | NotRead
    catalog: str | NotRead

    @property
    def trouble(self) -> str:
        """What the shop could not say, and why; empty when it said all."""
        if type(self.offered) is NotRead:
            return self.offered.reason
        return self.catalog.reason if type(self.catalog) is NotRead else ""

    @property
    def is_offered(self) -> bool:
        """Tell whether the shop returns anything for it, or fails to."""
        return self.offered != NOTHING or self.catalog != NO_CATALOG

    @property
    def is_unheard_of(self) -> bool:
        """Tell whether the shop returns nothing for it, and nothing is known of it at the marketplace."""
        record = self.record
        is_new = record is None or (record.told_at is None and record.state == SkuState.UNKNOWN.value)
        return is_new and not self.is_offered


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class Survey:
    """Looks at SKUs.

    Args:
        skus: the copy of `ledger.TABLE` on the shop's metadata.
        sku_ids_loader: the shop's function.
        marketplaces: the configured ones by name.
        context: what that function needs around it, as of `Present`: its transaction must not last as long as a sweep.
    """

    engine: Engine
    skus: Table
    present: Present
    sku_ids_loader: Hook[SkuIdsLoader]
    marketplaces: Mapping[str, Marketplace]
    context: Callable[[], AbstractContextManager[object]] = nullcontext

    @property
    def hearers(self) -> Mapping[str, frozenset[str]]:
        """The marketplaces that are told of SKUs, each with the kinds of notices that it is told."""
        kinds: dict[str, set[str]] = {}
        for kind in (CHANGE, PRICE, INVENTORY):
            for name in hearers(kind, self.marketplaces):
                kinds.setdefault(name, set()).add(kind)
        return {name: frozenset(found) for name, found in kinds.items()}

    def on_sale(self) -> tuple[list[str], list[Failure]]:
        """Return the shop's SKUs, each once and in its order, and what is named among them that can be none.

        Raises:
            HookMissing, HookFailed: see `sku_ids_on_sale`.
        """
        with self.context():
            return checked(sku_ids_on_sale(self.sku_ids_loader))

    def look(
        self,
        sku_ids: Sequence[str],
        *,
        among: Collection[str],
        asked_since: int | None = None,
        strays: set[str] | None = None,
    ) -> Iterator[Look]:
        """Look at SKUs for some marketplaces: one call of each function of the shop's, of `offer_loader` for each.

        Args:
            among: names of marketplaces.
            asked_since: leaves out the SKUs that a run that began then has asked for already.
            strays: see `Present`.

        Raises:
            HookMissing: the shop has no `offer_loader`.
            DBAPIError: a passing trouble of a database.
        """
        with self.engine.connect() as connection:
            ledger = ToldLedger(connection, self.skus)
            records = {name: ledger.read(name, sku_ids) for name in among}
        left = {name: _unasked(sku_ids, records[name], asked_since) for name in among}
        wanted = (
            sku_ids if asked_since is None else list(dict.fromkeys(found for some in left.values() for found in some))
        )
        catalog = self.present.catalog(wanted, strays=strays)
        for name, some in left.items():
            offers, known = self.present.offers(name, some, strays=strays), records[name]
            for sku_id in some:
                yield Look(name, sku_id, known.get(sku_id), offers[sku_id], catalog[sku_id])

    def unnamed(self, marketplace: str, named: Collection[str], size: int) -> Iterator[list[str]]:
        """Return, in batches, the SKUs that a marketplace was told a stock of and that the shop does not name."""
        after, page = "", [""]
        while page:
            with self.engine.connect() as connection:
                page = ToldLedger(connection, self.skus).on_sale(marketplace, after=after, limit=size)
            after = page[-1] if page else after
            if gone := [sku_id for sku_id in page if sku_id not in named]:
                yield gone


def checked(sku_ids: Iterable[object]) -> tuple[list[str], list[Failure]]:
    """Part what can be a SKU's id, each once, from what cannot."""
    good, bad = dict[str, None](), list[Failure]()
    for sku_id in sku_ids:
        try:
            good[require_sku_id(sku_id)] = None
        except (TypeError, ValueError) as error:
            bad.append(Failure(None, repr(sku_id)[:140], str(error)[:500]))
    return list(good), bad


def _unasked(sku_ids: Sequence[str], records: Mapping[str, Record], since: int | None) -> Sequence[str]:
    if since is None:
        return sku_ids
    asked = {sku_id for sku_id, record in records.items() if record.asked_at == since}
    return [sku_id for sku_id in sku_ids if sku_id not in asked]
