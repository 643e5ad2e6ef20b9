"""Asking for a simulation, and reading its answer without trusting it.

A check judges its own statement only: what another statement asks for, these readers do without.
Source: external-seller-fulfillment OpenAPI, `/pvt/orderForms/simulation`.
"""

from collections.abc import Iterator
from typing import Any

from .case import Place
from .conversation import Conversation, NotApplicable, Reply

PATH = "/pvt/orderForms/simulation"
_LARGEST = 2**53
Line = tuple[str, int]
"""A SKU and how many of it."""


def cart_body(talk: Conversation, *lines: Line, address: Place | None = None, **changes: Any) -> dict[str, Any]:
    """Return a cart as a marketplace sends it; `changes` replace top-level fields."""
    items = [{"id": sku_id, "quantity": quantity, "seller": talk.case.seller_id} for sku_id, quantity in lines]
    where = {"postalCode": address and address.postal_code, "country": address and address.country}
    return {"items": items, **where, "geoCoordinates": [], **changes}


def simulate(talk: Conversation, *lines: Line, address: Place | None = None, **changes: Any) -> Reply:
    """Ask for a cart that any shop must understand.

    Raises:
        Failed: it is not answered 200 with a JSON object.
    """
    return understood(talk.call(PATH, cart_body(talk, *lines, address=address, **changes)))


def understood(reply: Reply) -> Reply:
    """Return a simulation's reply if it is an answer at all.

    Raises:
        Failed: otherwise.
    """
    reply.require(reply.status == 200, f"a cart like this is answered 200, not {reply.status}")
    reply.require(isinstance(reply.json, dict), "a simulation's answer is a JSON object")
    return reply


def simulate_with_unknown(talk: Conversation, *lines: Line, **changes: Any) -> Reply:
    """Ask for a cart that holds a SKU which the shop does not know.

    Raises:
        NotApplicable: the shop refuses even that SKU alone, which is another statement's matter.
        Failed: it refuses this cart only.
    """
    reply = talk.call(PATH, cart_body(talk, *lines, **changes))
    if reply.status != 200 and talk.call(PATH, cart_body(talk, (talk.case.unknown_sku, 1))).status != 200:
        raise reply.unfit("the shop answers no cart with an unknown SKU: see P4")
    return understood(reply)


def items(reply: Reply) -> list[dict[str, Any]]:
    """Return the answer's items, as they stand."""
    return objects(reply.json.get("items"))


def item(reply: Reply, index: int) -> dict[str, Any]:
    """Return the item that answers line `index`; empty if there is none."""
    return _entry(items(reply), "requestIndex", index)


def logistics(reply: Reply) -> list[dict[str, Any]]:
    """Return the answer's logistics, as they stand."""
    return objects(reply.json.get("logisticsInfo"))


def logistics_of(reply: Reply, index: int) -> dict[str, Any]:
    """Return the logistics of line `index`; empty if there are none."""
    return _entry(logistics(reply), "itemIndex", index)


def _entry(entries: list[dict[str, Any]], key: str, index: int) -> dict[str, Any]:
    # By its number; but where the numbers are no numbering from 0, by its place.
    numbered = {entry[key]: entry for entry in entries if whole(entry.get(key)) is not None}
    if len(numbered) == len(entries) and 0 in numbered:
        return numbered.get(index, {})
    return entries[index] if index < len(entries) else {}


def slas(reply: Reply, index: int) -> list[dict[str, Any]]:
    """Return the delivery options of line `index`."""
    return objects(logistics_of(reply, index).get("slas"))


def every_sla(reply: Reply) -> Iterator[dict[str, Any]]:
    """Return the delivery options of all lines."""
    for entry in logistics(reply):
        yield from objects(entry.get("slas"))


def objects(value: object) -> list[dict[str, Any]]:
    """Return the objects in a list; none of what is no list."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def whole(value: object) -> int | None:
    """Return a number without a fraction as an integer; None for anything else, or beyond what JSON keeps exactly."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        return None
    return int(value) if abs(value) <= _LARGEST else None


def text(value: object) -> str | None:
    """Return a text that says something; None for anything else."""
    return value if isinstance(value, str) and value.strip() else None


def stock_of(talk: Conversation, sku_id: str) -> int:
    """Return how many of a SKU the shop says it has.

    Raises:
        NotApplicable: it says none, or nothing.
    """
    reply = talk.call(PATH, cart_body(talk, (sku_id, 1)))
    if reply.status != 200 or not isinstance(reply.json, dict):
        raise reply.unfit("the shop does not tell its stock: see P1")
    stock = whole(logistics_of(reply, 0).get("stockBalance"))
    if not stock or stock < 1:
        raise NotApplicable(f"the shop has no stock of {sku_id}")
    return stock


def require_more_skus(talk: Conversation) -> tuple[str, str]:
    """Return two SKUs.

    Raises:
        NotApplicable: the case names only one.
    """
    if len(talk.case.skus) < 2:
        raise NotApplicable("it takes two SKUs in stock, and one is named")
    return talk.case.skus[0].id, talk.case.skus[1].id
