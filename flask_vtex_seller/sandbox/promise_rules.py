"""What correct delivery promises look like.

*Source:* Delivery Promise Notification API, `PUT /delivery-promises/external-sellers/{sellerId}/products`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .contracts import Verdict, check_known_keys
from .findings import Field, check_fields, check_list, check_object, is_count, is_list, is_text

_STATEMENT = "§10"
_TIME = re.compile(r"\d+\.([01]\d|2[0-3]):[0-5]\d:[0-5]\d", re.ASCII)
_CHANNELS = ("delivery", "pickup-in-point")


def _is_channel(value: Any) -> bool:
    return value in _CHANNELS


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and _TIME.fullmatch(value) is not None


def _is_zones(value: Any) -> bool:
    return is_list(value) and all(is_text(zone) for zone in value)


_ITEM = (
    Field("itemId", _STATEMENT, is_text, "a string"),
    Field("availability", _STATEMENT, is_count, "an integer >= 0"),
    Field("promises", _STATEMENT, is_list, "an array"),
)
_PROMISE = (
    Field("availability", _STATEMENT, is_count, "an integer >= 0"),
    Field("deliveryChannel", _STATEMENT, _is_channel, " or ".join(_CHANNELS)),
    Field("deliveryZoneIds", _STATEMENT, _is_zones, "an array of strings"),
)
_INFO = (
    Field("id", _STATEMENT, is_text, "a string"),
    Field("name", _STATEMENT, is_text, "a string"),
    Field("deliveryTime", _STATEMENT, _is_time, "written dd.hh:mm:ss"),
)


def check_promises(verdict: Verdict, items: Sequence[Any]) -> None:
    """Note what is wrong with the promises of some SKUs."""
    if not items:
        verdict.add(_STATEMENT, "body", "must have an entry per SKU, got none")
    for index, item in enumerate(items):
        path = f"[{index}]"
        if not check_object(item, verdict, _STATEMENT, path):
            continue
        check_fields(verdict, path, item, _ITEM)
        check_known_keys(verdict, _STATEMENT, item, ["itemId", "productId", "availability", "promises"])
        promises = item.get("promises", [])
        for position, promise in enumerate(promises if check_list(promises, verdict, _STATEMENT, path) else []):
            _check_promise(verdict, f"{path}.promises[{position}]", promise)


def _check_promise(verdict: Verdict, path: str, promise: Any) -> None:
    if not check_object(promise, verdict, _STATEMENT, path):
        return
    check_fields(verdict, path, promise, _PROMISE)
    check_known_keys(
        verdict, _STATEMENT, promise, ["availability", "deliveryChannel", "deliveryZoneIds", "deliveryInfo"]
    )
    info = promise.get("deliveryInfo")
    if check_object(info, verdict, _STATEMENT, f"{path}.deliveryInfo"):
        check_fields(verdict, f"{path}.deliveryInfo", info, _INFO)
