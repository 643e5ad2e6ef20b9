"""Messages about SKUs: notices that something changed, suggestions, and where a SKU can be had how fast."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, Table

from ..config import Marketplace
from ..outbox.copies import append_copies
from ..outbox.message import Draft, Message
from .ledger import Key
from .promises import SkuAvailability, write_availability
from .sku import require_sku_id

CHANGE, PRICE, INVENTORY = "change_notification", "price_notification", "inventory_notification"
SUGGESTION = "suggestion"
STATUS, PRESENCE = "suggestion_status", "presence"
PROMISES = "delivery_promises"
KINDS = frozenset({CHANGE, PRICE, INVENTORY, SUGGESTION})
_SWITCHES = {CHANGE: "catalog", SUGGESTION: "catalog", PRICE: "price", INVENTORY: "inventory", PROMISES: "inventory"}


def hearers(kind: str, marketplaces: Mapping[str, Marketplace]) -> list[str]:
    """Return the names of those marketplaces that are told this kind of thing."""
    return [name for name, found in marketplaces.items() if getattr(found, _SWITCHES[kind])]


def drafts(kind: str, marketplace_names: Iterable[str], sku_ids: Iterable[str]) -> list[Draft]:
    """Return a message about each SKU for each marketplace.

    Args:
        kind: a member of `KINDS`. A `suggestion` is sent whatever is known of the SKU: again after a change, or after
            the marketplace turned it down.

    Raises:
        TypeError: an id is no str; names it.
        ValueError: no such kind, or an id that cannot be sent; names it.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no message about a SKU; there are {', '.join(sorted(KINDS))}")
    if isinstance(sku_ids, str) or isinstance(marketplace_names, str):
        raise TypeError("marketplaces and SKUs come as lists: a str is a list of its letters")
    ids = [require_sku_id(sku_id) for sku_id in sku_ids]
    return [sku_draft(kind, name, sku_id) for name in marketplace_names for sku_id in ids]


def append_notices(
    connection: Connection,
    outbox: Table,
    changed: Mapping[str, Collection[str]],
    marketplaces: Mapping[str, Marketplace],
    *,
    now: datetime,
    due_at: datetime,
) -> None:
    """Write what `drafts` returns of many SKUs at once, to all marketplaces that are told, with one statement.

    Args:
        changed: ids that can be sent, each once, by kind; one at least of each.
    """
    told = {(name, kind): ids for kind, ids in changed.items() for name in hearers(kind, marketplaces)}
    append_copies(connection, outbox, sku_draft(CHANGE, "", ""), told, now=now, due_at=due_at)


def promise_drafts(marketplace_names: Iterable[str], items: Iterable[SkuAvailability]) -> list[Draft]:
    """Return a message about each item for each marketplace; unlike a notice it has content, and none is merged.

    Raises:
        TypeError: an item is no `SkuAvailability`.
    """
    items = list(items)
    for item in items:
        if not isinstance(item, SkuAvailability):
            raise TypeError(f"expected SkuAvailability, got {type(item).__name__}")
    return [
        Draft(
            marketplace=name,
            operation=PROMISES,
            lane=sku_lane(item.sku_id),
            arguments={"sku_id": item.sku_id},
            body=write_availability(item),
        )
        for name in marketplace_names
        for item in items
    ]


def sku_draft(kind: str, marketplace: str, sku_id: str) -> Draft:
    """Return a message of one kind about one SKU; those that wait together are one call."""
    return Draft(
        marketplace=marketplace,
        operation=kind,
        lane=sku_lane(sku_id),
        arguments={"sku_id": sku_id},
        merges=True,
    )


def question(kind: str, marketplace: str, sku_id: str) -> Draft:
    """Return a message that asks about a SKU on our own account: nothing has changed.

    In a lane of its own: a notice of the shop's must not wait for an answer to it.

    Args:
        kind: `suggestion_status` or `presence`.
    """
    return Draft(
        marketplace=marketplace,
        operation=kind,
        lane=f"look:{sku_id}",
        arguments={"sku_id": sku_id},
        merges=True,
    )


def key_of(message: Message) -> Key:
    """Return which SKU at which marketplace a message is about."""
    return message.marketplace, message.arguments["sku_id"]


def sku_lane(sku_id: str) -> str:
    """Return the lane of what is said about a SKU."""
    return f"sku:{sku_id}"
