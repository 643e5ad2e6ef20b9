"""What correct invoices, trackings and cancellations of a seller look like, before the order itself is looked at.

*Source:* Orders OpenAPI, `/api/oms/pvt/orders/{orderId}/…` requests; external-seller-marketplace OpenAPI,
`/pvt/orders/{marketplaceOrderId}/…` requests, which ask for a little less.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .contracts import Verdict, check_known_keys
from .findings import (
    Field,
    check_fields,
    check_list,
    check_object,
    is_count,
    is_integer,
    is_string,
    is_string_or_null,
    is_text,
    moment,
    shown,
)
from .invoices import INPUT, OUTPUT

#: The examples of the contract have hyphens; spaces, slashes and other symbols made later calls fail.
#: *Source:* VTEX known issues, "special characters in invoiceNumber".
_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_DELIVERED = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}")
_DAY_OR_MORE = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")


def _is_number_of_invoice(value: Any) -> bool:
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None


def _is_date_or_null(value: Any) -> bool:
    return value is None or (is_string(value) and bool(_DAY_OR_MORE.fullmatch(value)) and moment(value) is not None)


INVOICE = (
    Field("type", "P61", lambda value: value in (OUTPUT, INPUT), "Output or Input"),
    Field("invoiceNumber", "P63", _is_number_of_invoice, "letters and digits, hyphens at most"),
    Field("invoiceValue", "P62", lambda value: is_integer(value) and value > 0, "a whole number of cents > 0"),
)
ITEM = (
    Field("id", "P62", is_text, "a SKU id"),
    Field("price", "P62", is_count, "a whole number of cents"),
    Field("quantity", "P62", lambda value: is_integer(value) and value > 0, "an integer > 0"),
)
_ISSUED = Field("issuanceDate", "P61", lambda value: moment(value) is not None, "an ISO 8601 time")
#: Optional fields of an invoice; the courier alone must not be null.
_NULLABLE = ("trackingNumber", "trackingUrl", "invoiceKey", "invoiceUrl", "embeddedInvoice")
TRACKING = (
    Field("courier", "P65", is_string_or_null, "a string or null"),
    Field("trackingNumber", "P65", is_text, "a non-empty string"),
    Field("trackingUrl", "P65", is_string_or_null, "a string or null"),
    Field("dispatchedDate", "P65", _is_date_or_null, "an ISO 8601 date or null"),
)
_IS_DELIVERED = Field("isDelivered", "P66", lambda value: type(value) is bool, "true or false")
_DELIVERED_AT = Field("deliveredDate", "P66", is_string_or_null, "a time or null")
_EVENTS = Field("events", "P66", lambda value: isinstance(value, list), "an array")
EVENT = (
    Field("city", "P66", is_string, "a string"),
    Field("state", "P66", is_string, "a string"),
    Field("description", "P66", is_string, "a string"),
    Field("date", "P66", lambda value: value is not None and _is_date_or_null(value), "an ISO 8601 date"),
)


def _names(*fields: Iterable[Field]) -> set[str]:
    return {field.name for group in fields for field in group}


def check_invoice(verdict: Verdict, body: Mapping[str, Any], *, protocol: bool) -> None:
    """Note what is wrong with the body of an invoice.

    Args:
        protocol: it came by the verbs of the external seller protocol, which make the issuance date optional.
    """
    required = INVOICE if protocol and "issuanceDate" not in body else (*INVOICE, _ISSUED)
    check_fields(verdict, "", body, required)
    issued = moment(body.get("issuanceDate"))
    if issued is not None and issued.utcoffset() is None:
        verdict.note("P61", "issuanceDate", f"must have an offset from UTC, got {shown(body['issuanceDate'])}")
    for name in _NULLABLE:
        if not is_string_or_null(body.get(name)):
            verdict.add("P61", name, f"must be a string or null, got {shown(body[name])}")
    if not is_string(body.get("courier", "")):
        verdict.add("P61", "courier", f"must be a string, got {shown(body['courier'])}")
    if not _is_date_or_null(body.get("dispatchedDate")):
        verdict.add("P61", "dispatchedDate", f"must be an ISO 8601 date or null, got {shown(body['dispatchedDate'])}")
    _check_items(verdict, body.get("items"))
    known = {*_names(INVOICE), "issuanceDate", "items", "courier", "dispatchedDate", *_NULLABLE}
    check_known_keys(verdict, "P61", body, known)


def _check_items(verdict: Verdict, items: Any) -> None:
    if not check_list(items, verdict, "P62", "items"):
        return
    if not items:
        verdict.add("P62", "items", "must have an entry per SKU, got none")
    seen: set[str] = set()
    for index, item in enumerate(items):
        path = f"items[{index}]"
        if not check_object(item, verdict, "P62", path):
            continue
        check_fields(verdict, path, item, ITEM)
        if not is_string(item.get("description", "")):
            verdict.add("P62", f"{path}.description", f"must be a string, got {shown(item['description'])}")
        sku_id = str(item.get("id"))
        if sku_id in seen:
            verdict.add("P62", f"{path}.id", f"must be there once, got {shown(sku_id)} on two lines")
        seen.add(sku_id)


def check_tracking(verdict: Verdict, body: Mapping[str, Any]) -> None:
    """Note what is wrong with the body of tracking information."""
    check_fields(verdict, "", body, TRACKING)
    check_known_keys(verdict, "P65", body, _names(TRACKING))


def check_tracking_status(verdict: Verdict, body: Mapping[str, Any], *, protocol: bool) -> None:
    """Note what is wrong with the body of a tracking status.

    Args:
        protocol: as for `check_invoice`; only `isDelivered` is required then.
    """
    optional = (_DELIVERED_AT, _EVENTS)
    asked = optional if not protocol else tuple(field for field in optional if field.name in body)
    check_fields(verdict, "", body, (_IS_DELIVERED, *asked))
    delivered_at = body.get("deliveredDate")
    if is_string(delivered_at) and not _DELIVERED.fullmatch(delivered_at):
        verdict.note("P66", "deliveredDate", f"must be written yyyy-mm-dd hh:mm, got {shown(delivered_at)}")
    events = body.get("events")
    for index, event in enumerate(events if isinstance(events, list) else []):
        if check_object(event, verdict, "P66", f"events[{index}]"):
            check_fields(verdict, f"events[{index}]", event, EVENT)
    check_known_keys(verdict, "P66", body, {"isDelivered", "deliveredDate", "events"})


def check_seller_cancellation(verdict: Verdict, body: Mapping[str, Any], *, protocol: bool) -> None:
    """Note what is wrong with the body of a cancellation by the seller.

    Args:
        protocol: as for `check_invoice`; the reason is required there, and only recommended by the order services.
    """
    if "reason" in body and not is_text(body["reason"]):
        verdict.add("P69", "reason", f"must be a non-empty string, got {shown(body['reason'])}")
    elif "reason" not in body:
        (verdict.add if protocol else verdict.note)("P69", "reason", "is missing; must say why")
    if type(body.get("requestedByUser", False)) is not bool:
        verdict.add("P69", "requestedByUser", f"must be true or false, got {shown(body['requestedByUser'])}")
    check_known_keys(verdict, "P69", body, {"reason", "requestedByUser"})
