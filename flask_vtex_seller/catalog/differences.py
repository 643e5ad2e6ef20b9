"""In what a SKU differs from what its marketplace was told, and which notices say so."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from .notices import CHANGE, INVENTORY, PRICE
from .present import NO_CATALOG, NotRead, Offered
from .sku import SkuState
from .told import Record

_KNOWN = SkuState.KNOWN.value


class Difference(NamedTuple):
    """Something that the marketplace was told otherwise, or was not told."""

    kind: str
    """The notice that says it."""
    told: Any
    """None: nothing that is known of."""
    present: Any


def differences(record: Record | None, offered: Offered, catalog: str | NotRead) -> Iterator[Difference]:
    """Return what differs.

    Price and stock count for a SKU that the marketplace knows. A price that the shop does not name any more is no
    difference: the stock, which is 0 then, says it.
    """
    if record is None:
        yield Difference(CHANGE, None, catalog)
        return
    told_catalog = record.told_catalog
    if type(catalog) is str and (told_catalog is None or catalog not in (NO_CATALOG, told_catalog)):
        yield Difference(CHANGE, told_catalog, catalog)
    if record.state != _KNOWN:
        return
    price, list_price, stock = record.told_price, record.told_list_price, record.told_stock
    if offered.price is not None and (offered.price != price or offered.list_price != list_price):
        yield Difference(PRICE, None if price is None else (price, list_price), (offered.price, offered.list_price))
    if offered.stock != stock:
        yield Difference(INVENTORY, stock, offered.stock)
