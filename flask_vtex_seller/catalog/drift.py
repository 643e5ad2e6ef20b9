"""Where marketplaces and the shop have drifted apart; found by reading alone."""

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from itertools import chain
from typing import NamedTuple

from ..clock import from_epoch_us
from ..outbox.health import STALE
from ..outbox.message import Message, MessageState
from .differences import Difference, differences
from .notices import CHANGE, INVENTORY, PRICE, SUGGESTION
from .present import NotRead
from .survey import BATCH, Look, Survey
from .told import ToldLedger

CLOSED = ("denied", "blocked", "expired")
"""The states of a SKU that a marketplace does not take, as they stand in the table."""
Page = Callable[..., list[Message]]
_PAGE = 1000
_WHAT = {CHANGE: "catalog", PRICE: "price", INVENTORY: "stock"}


class Drift(NamedTuple):
    """One thing in which a marketplace and the shop differ, or may."""

    marketplace: str
    sku_id: str
    what: str
    """`price`, `stock`, `catalog`, `never told`, `not read`, `not sent`, `dead`, or a state of `CLOSED`."""
    told: str
    present: str
    since: datetime | None
    """When it was told last; or since when it is so."""
    reason: str


def find(survey: Survey, page: Page, *, among: Collection[str], now: datetime, batch: int = BATCH) -> Iterator[Drift]:
    """Find what has drifted apart, marketplace by marketplace for each batch of SKUs; writes nothing.

    Args:
        page: `OutboxLedger.page`.
        among: the names of marketplaces.

    Raises:
        HookMissing, HookFailed, DBAPIError: as `Reconciler.run`.
    """
    sku_ids, bad = survey.on_sale()
    for failure in bad:
        yield Drift("-", failure.sku_id, "not read", "", "", None, failure.reason)
    for some in (sku_ids[start : start + batch] for start in range(0, len(sku_ids), batch)):
        for look in survey.look(some, among=among):
            yield from _of(look, survey.hearers.get(look.marketplace, frozenset()))
    named = frozenset(sku_ids)
    for name in among:
        for gone in survey.unnamed(name, named, batch):
            for look in survey.look(gone, among=(name,)):
                yield from _of(look, {INVENTORY})
        yield from _closed(survey, name)
        yield from _not_accepted(page, name, now)


def _of(look: Look, kinds: Collection[str]) -> Iterator[Drift]:
    since = None if look.record is None or look.record.told_at is None else from_epoch_us(look.record.told_at)
    if look.trouble:
        yield Drift(look.marketplace, look.sku_id, "not read", "", "", since, look.trouble)
    if isinstance(look.offered, NotRead):
        return
    for found in differences(look.record, look.offered, look.catalog):
        if found.kind in kinds:
            what = "never told" if found.kind == CHANGE and found.told is None else _WHAT[found.kind]
            told, present = _words(found)
            yield Drift(look.marketplace, look.sku_id, what, told, present, since, "")


def _words(found: Difference) -> tuple[str, str]:
    if found.kind == CHANGE:
        return "", ""  # digests, which say nothing to a reader
    if found.kind == INVENTORY:
        return "" if found.told is None else str(found.told), str(found.present)
    return "" if found.told is None else _money(*found.told), _money(*found.present)


def _money(price: int, list_price: int | None) -> str:
    said = f"{price // 100}.{price % 100:02}"
    return said if list_price in (None, price) else f"{said} instead of {_money(list_price or 0, None)}"


def _closed(survey: Survey, marketplace: str) -> Iterator[Drift]:
    after, full = "", True
    while full:
        with survey.engine.connect() as connection:
            rows = ToldLedger(connection, survey.skus).in_states(marketplace, CLOSED, after=after, limit=_PAGE)
        full = len(rows) == _PAGE
        for row in rows:
            after = row.sku_id
            yield Drift(marketplace, row.sku_id, row.state, "", "", from_epoch_us(row.changed_at), row.reason)


def _not_accepted(page: Page, marketplace: str, now: datetime) -> Iterator[Drift]:
    kinds = (CHANGE, PRICE, INVENTORY, SUGGESTION)
    dead = (_messages(page, marketplace, kind, MessageState.DEAD, None) for kind in kinds)
    waits = (_messages(page, marketplace, kind, MessageState.PENDING, now - STALE) for kind in kinds)
    yield from chain(*dead, *waits)


def _messages(page: Page, marketplace: str, kind: str, state: MessageState, before: datetime | None) -> Iterable[Drift]:
    what, last = "dead" if state is MessageState.DEAD else "not sent", None
    while True:
        messages = page(
            limit=_PAGE, state=state, marketplace=marketplace, operation=kind, said_before=before, before=last
        )
        for message in messages:
            reason = f"{kind}: {message.last_reason or 'not tried yet'}"
            yield Drift(marketplace, message.arguments["sku_id"], what, "", "", message.created_at, reason)
        if len(messages) < _PAGE:
            return
        last = messages[-1].id
