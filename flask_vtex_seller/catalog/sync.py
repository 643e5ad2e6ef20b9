"""Which SKUs the shop has on sale, and asking again about those that marketplaces have not decided about."""

from collections.abc import Collection
from datetime import datetime, timedelta

from ..hook import Hook, iterable
from ..outbox.message import Draft
from .hooks import SkuIdsLoader
from .ledger import SkuLedger
from .notices import STATUS, question


def sku_ids_on_sale(sku_ids_loader: Hook[SkuIdsLoader]) -> list[str]:
    """Ask the shop for all its SKUs, and read the answer to its end: a commit may cut off a query that is still open.

    Raises:
        HookMissing: the shop registered no such function.
        HookFailed: the shop's function raised.
    """
    load_ids = sku_ids_loader.get()
    with sku_ids_loader.boundary:
        return list(iterable(load_ids(), str))


def due_for_another_look(
    ledger: SkuLedger, *, marketplaces: Collection[str], interval: timedelta, limit: int, now: datetime
) -> list[Draft]:
    """Return questions about SKUs that wait for a decision: what became of their suggestions.

    To be appended in the same transaction: a SKU that is returned here comes back after another `interval` only.

    Args:
        marketplaces: names; those that are paused may be left out.
        interval: VTEX wants no more than one look in 15 to 30 minutes.
        limit: SKUs at most, those that waited longest first.
    """
    taken = ledger.look_again(marketplaces=marketplaces, before=now - interval, now=now, limit=limit)
    return [question(STATUS, marketplace, sku_id) for marketplace, sku_id in taken]
