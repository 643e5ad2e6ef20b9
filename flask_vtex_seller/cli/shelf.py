"""What the shop can be asked for: SKUs in stock, and whether it delivers to an address."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..conformance import Endpoint, Place, Target
from .door import SIMULATION

MOST = 100
"""SKUs of one question."""
_HEADERS = {"accept": "application/json", "content-type": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What a simulation says of some SKUs."""

    in_stock: tuple[str, ...] = ()
    sold_out: tuple[str, ...] = ()
    delivers: bool = False
    """Whether any of them can be delivered to the address."""
    failed: bool = False
    """Whether the shop failed to say."""


def look(target: Target, endpoint: Endpoint, sku_ids: Sequence[str], place: Place, seller_id: str) -> Shelf | None:
    """Ask the shop for one of each SKU; None if it does not answer as it should.

    Raises:
        Unreachable: it does not answer at all.
    """
    answer = target.send("POST", endpoint.at(SIMULATION), cart_of(sku_ids, place, seller_id), _HEADERS)
    if answer.status == 500:
        return Shelf(failed=True)
    try:
        return _read(json.loads(answer.body), sku_ids) if answer.status == 200 else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def cart_of(sku_ids: Sequence[str], place: Place, seller_id: str) -> bytes:
    """Return the body that asks for one of each SKU."""
    items = [{"id": sku_id, "quantity": 1, "seller": seller_id} for sku_id in sku_ids]
    cart = {"items": items, "postalCode": place.postal_code, "country": place.country, "geoCoordinates": []}
    return json.dumps(cart).encode()


def _read(body: Any, sku_ids: Sequence[str]) -> Shelf:
    quantities = {item["requestIndex"]: item["quantity"] for item in body["items"]}
    in_stock = tuple(sku_id for index, sku_id in enumerate(sku_ids) if quantities.get(index, 0) > 0)
    return Shelf(
        in_stock=in_stock,
        sold_out=tuple(sku_id for sku_id in sku_ids if sku_id not in in_stock),
        delivers=any(entry["slas"] for entry in body["logisticsInfo"]),
    )
