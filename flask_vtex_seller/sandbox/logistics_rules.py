"""What a correct `logisticsInfo` of a simulation looks like: stock, delivery options, windows and pickup points.

*Source:* external-seller-fulfillment OpenAPI, `POST /pvt/orderForms/simulation` response, `logisticsInfo`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from .findings import (
    Field,
    Findings,
    check_fields,
    check_list,
    check_object,
    is_count,
    is_country,
    is_integer,
    is_list,
    is_number,
    is_string,
    is_string_or_null,
    is_text,
    moment,
    shown,
)

DELIVERY = "delivery"
PICKUP = "pickup-in-point"
_CHANNELS = (DELIVERY, PICKUP)
_ESTIMATE = re.compile(r"\d+(bd|d|h|m)", re.ASCII)


def _is_estimate(value: Any) -> bool:
    return isinstance(value, str) and _ESTIMATE.fullmatch(value) is not None


def _is_channel(value: Any) -> bool:
    return value in _CHANNELS


def _is_countries(value: Any) -> bool:
    return is_list(value) and value != [] and all(is_country(code) for code in value)


def _is_point(value: Any) -> bool:
    return is_list(value) and len(value) in (0, 2) and all(is_number(part) for part in value)


def _is_utc(value: Any) -> bool:
    found = moment(value)
    return found is not None and value.endswith("+00:00") and found.utcoffset() == timedelta(0)


ENTRY_FIELDS = (
    Field("quantity", "P5", is_count, "an integer >= 0"),
    Field("stockBalance", "P1", is_count, "an integer >= 0"),
    Field("shipsTo", "P15", _is_countries, "a non-empty array of ISO country codes of three letters"),
)
CHANNEL_FIELDS = (
    Field("id", "P1", _is_channel, f"{DELIVERY} or {PICKUP}"),
    Field("stockBalance", "P1", is_count, "an integer >= 0"),
)
SLA_FIELDS = (
    Field("id", "P11", is_text, "a string"),
    Field("name", "P11", is_text, "a string"),
    Field("deliveryChannel", "P11", _is_channel, f"{DELIVERY} or {PICKUP}"),
    Field("price", "P9", is_count, "a whole number of cents"),
    Field("shippingEstimate", "P11", _is_estimate, "digits and one of bd, d, h, m"),
    Field("availableDeliveryWindows", "P11", is_list, "an array"),
)
WINDOW_FIELDS = (
    Field("startDateUtc", "P14", _is_utc, "an ISO 8601 time with +00:00"),
    Field("endDateUtc", "P14", _is_utc, "an ISO 8601 time with +00:00"),
    Field("price", "P14", is_count, "a whole number of cents"),
)
PICKUP_FIELDS = (
    Field("isPickupStore", "P13", lambda value: value is True, "true"),
    Field("friendlyName", "P13", is_text, "a string"),
    Field("additionalInfo", "P13", is_string_or_null, "a string or null"),
)
PICKUP_ADDRESS_FIELDS = (
    Field("addressType", "P13", lambda value: value == "pickup", '"pickup"'),
    *(
        Field(name, "P13", is_text, "a string")
        for name in ("addressId", "postalCode", "city", "state", "street", "number")
    ),
    Field("country", "P13", is_country, "an ISO country code of three letters"),
    Field("neighborhood", "P13", is_string, "a string"),
    *(
        Field(name, "P13", is_string_or_null, "a string or null")
        for name in ("complement", "receiverName", "reference")
    ),
    Field("geoCoordinates", "P13", _is_point, "an array of two numbers, or an empty one"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One entry of the answer's `items` as far as stock is concerned; quantity None means it could not be read."""

    index: int
    path: str
    sku_id: str
    quantity: int | None


def check_logistics(
    findings: Findings, lines: Sequence[Line], entries: list[Any], *, has_address: bool, unreachable: bool
) -> None:
    """Note what is wrong with `logisticsInfo`.

    Args:
        lines: the answered items, in any order.
        unreachable: the address is known to be one the seller does not serve.
    """
    if lines and all(line.quantity == 0 for line in lines):
        if entries:
            findings.add("P7", "logisticsInfo", "must be [] when every item is unavailable")
        return
    by_index = {line.index: line for line in lines}
    stocks: dict[int, int] = {}
    last = -1
    for position, entry in enumerate(entries):
        path = f"logisticsInfo[{position}]"
        if not check_object(entry, findings, "P15", path):
            continue
        index = entry.get("itemIndex")
        if not is_integer(index) or index not in by_index or index in stocks:
            findings.add("P15", f"{path}.itemIndex", f"must name each item at most once, got {shown(index)}")
            continue
        if index < last:
            findings.add("P15", f"{path}.itemIndex", "must be in ascending order")
        last = index
        stocks[index] = _check_entry(findings, path, by_index[index], entry)
        _check_slas(findings, f"{path}.slas", entry.get("slas"), has_address=has_address)
        if unreachable:
            _check_unreachable(findings, path, entry)
    for line in lines:
        if line.quantity and line.index not in stocks:
            findings.add("P1", "logisticsInfo", f"must have an entry for {line.path}, which is available")
    _check_shared_stock(findings, lines, stocks)


def _check_entry(findings: Findings, path: str, line: Line, entry: dict[str, Any]) -> int:
    """Check quantities and channels; return the stock balance, 0 when it cannot be read."""
    check_fields(findings, path, entry, ENTRY_FIELDS)
    found = entry.get("stockBalance")
    stock = found if is_count(found) else 0
    if line.quantity is not None:
        if is_count(entry.get("quantity")) and entry["quantity"] != line.quantity:
            what = f"must equal {line.path}.quantity {line.quantity}, got {entry['quantity']}"
            findings.add("P5", f"{path}.quantity", what)
        if is_count(found) and line.quantity > stock:
            findings.add("P5", f"{path}.stockBalance", f"must cover the quantity {line.quantity}, got {stock}")
        if line.quantity == 0 and stock != 0:
            findings.add("P6", f"{path}.stockBalance", f"must be 0 when the quantity is 0, got {stock}")
    _check_channels(findings, f"{path}.deliveryChannels", line, entry.get("deliveryChannels"))
    return stock


def _check_channels(findings: Findings, path: str, line: Line, channels: Any) -> None:
    if not check_list(channels, findings, "P1", path):
        return
    if not channels and line.quantity:
        findings.add("P1", path, "must name the channels through which the item can be had")
    for position, channel in enumerate(channels):
        where = f"{path}[{position}]"
        if not check_object(channel, findings, "P1", where):
            continue
        check_fields(findings, where, channel, CHANNEL_FIELDS)
        if line.quantity == 0 and is_count(channel.get("stockBalance")) and channel["stockBalance"] != 0:
            what = f"must be 0 when the quantity is 0, got {channel['stockBalance']}"
            findings.add("P6", f"{where}.stockBalance", what)


def _check_shared_stock(findings: Findings, lines: Sequence[Line], stocks: dict[int, int]) -> None:
    """Two lines of one SKU draw on the same shelf; the fullest balance among them is what lay there."""
    for sku_id in sorted({line.sku_id for line in lines}):
        same = [line for line in lines if line.sku_id == sku_id]
        shelf = max((stocks.get(line.index, 0) for line in same), default=0)
        total = sum(line.quantity or 0 for line in same)
        if len(same) > 1 and total > shelf:
            places = ", ".join(line.path for line in same)
            findings.add("P8", places, f"must share the stock of {sku_id}: {total} promised, {shelf} there")


def _check_unreachable(findings: Findings, path: str, entry: dict[str, Any]) -> None:
    if entry.get("slas") != []:
        findings.add("P12", f"{path}.slas", "must be [] for an address that is not served")
    if entry.get("stockBalance") == 0:
        findings.add("P12", f"{path}.stockBalance", "must stay above 0: the goods are there, the address is not served")


def _check_slas(findings: Findings, path: str, slas: Any, *, has_address: bool) -> None:
    if not check_list(slas, findings, "P11", path):
        return
    if slas and not has_address:
        findings.add("P11", path, "must be [] when the question has no address")
    for position, sla in enumerate(slas):
        where = f"{path}[{position}]"
        if not check_object(sla, findings, "P11", where):
            continue
        check_fields(findings, where, sla, SLA_FIELDS)
        _check_windows(findings, f"{where}.availableDeliveryWindows", sla.get("availableDeliveryWindows"))
        _check_pickup(findings, f"{where}.pickupStoreInfo", sla)


def _check_windows(findings: Findings, path: str, windows: Any) -> None:
    for position, window in enumerate(windows if is_list(windows) else []):
        where = f"{path}[{position}]"
        if not check_object(window, findings, "P14", where):
            continue
        check_fields(findings, where, window, WINDOW_FIELDS)
        start, end = moment(window.get("startDateUtc")), moment(window.get("endDateUtc"))
        if start and end and start.tzinfo and end.tzinfo and end <= start:
            findings.add("P14", f"{where}.endDateUtc", f"must be after {start.isoformat()}, got {end.isoformat()}")


def _check_pickup(findings: Findings, path: str, sla: dict[str, Any]) -> None:
    channel, store = sla.get("deliveryChannel"), sla.get("pickupStoreInfo")
    if "pickupStoreInfo" not in sla:
        findings.add("P13", path, "is missing; must be null, or the pickup point")
    elif channel == DELIVERY and store is not None:
        findings.add("P13", path, "must be null for a delivery")
    elif channel == PICKUP and check_object(store, findings, "P13", path):
        check_fields(findings, path, store, PICKUP_FIELDS)
        if check_object(store.get("address"), findings, "P13", f"{path}.address"):
            check_fields(findings, f"{path}.address", store["address"], PICKUP_ADDRESS_FIELDS)
