"""What a correct answer to a fulfillment simulation looks like.

The rules are pure functions from a question and its answer to a list of problems. Each problem names the statement of
the conformance checklist that is broken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .answer import Answer
from .findings import (
    Field,
    Findings,
    answered_json,
    check_fields,
    check_list,
    check_object,
    is_count,
    is_integer,
    is_list,
    is_number,
    is_text,
    is_text_or_null,
    moment,
    shown,
)
from .logistics_rules import Line, check_logistics
from .refusal_rules import check_refusal

#: What a simulation can be asked to show.
UNAVAILABLE = "unavailable"
UNREACHABLE = "unreachable"
SIMULATION_EXPECTATIONS = frozenset({UNAVAILABLE, UNREACHABLE})

ITEM_FIELDS = (
    Field("price", "P9", is_count, "a whole number of cents"),
    Field("listPrice", "P9", is_count, "a whole number of cents"),
    Field("quantity", "P5", is_count, "an integer >= 0"),
    Field("measurementUnit", "P1", is_text, "a unit such as un"),
    Field("unitMultiplier", "P1", lambda value: is_number(value) and value > 0, "a number > 0"),
    Field(
        "priceValidUntil", "P1", lambda value: value is None or moment(value) is not None, "an ISO 8601 time or null"
    ),
    Field("priceTags", "P1", is_list, "an array"),
    Field("merchantName", "P17", is_text_or_null, "null or the name of a payment account"),
)
OFFERING_FIELDS = (
    Field("type", "P10", is_text, "a string"),
    Field("id", "P10", is_text, "a string"),
    Field("name", "P10", is_text, "a string"),
    Field("price", "P9", is_count, "a whole number of cents"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedLine:
    """One line of the question, whichever way it was spelt."""

    sku_id: str
    quantity: int
    seller: str


def asked_lines(request: Mapping[str, Any]) -> list[AskedLine]:
    """Read the lines of a simulation request, numbers sent as strings and the reverse included."""
    return [
        AskedLine(
            sku_id=str(item["id"]), quantity=int(item["quantity"]), seller=item.get("seller") or item.get("Seller", "")
        )
        for item in request["items"]
    ]


def has_address(request: Mapping[str, Any]) -> bool:
    """Tell whether a simulation request says where the goods are to go.

    Coordinates may stand in for the postal code. *Source:* external-seller-fulfillment OpenAPI,
    `POST /pvt/orderForms/simulation` request, `geoCoordinates`.
    """
    return bool(request.get("geoCoordinates")) or bool(request.get("postalCode") and request.get("country"))


def check_simulation(
    request: Mapping[str, Any], answer: Answer, *, budget_seconds: float = 2.5, expect: str | int | None = None
) -> list[str]:
    """Return what is wrong with the answer to a simulation.

    *Source:* external-seller-fulfillment OpenAPI, `POST /pvt/orderForms/simulation` response; external seller connector
    guide, "Fulfillment simulation", for the time limit.

    Args:
        budget_seconds: an answer that takes longer counts as no answer at the marketplace.
        expect: `unavailable` for goods that must not be for sale, `unreachable` for an address that must not be served,
            or the error code or HTTP status of the refusal that is due.
    """
    if expect is not None and expect not in SIMULATION_EXPECTATIONS:
        return check_refusal(answer, expect)
    findings = Findings()
    if answer.timed_out or answer.duration_ms > budget_seconds * 1000:
        findings.add("P18", "answer", f"must arrive within {budget_seconds:g} s, took {answer.duration_ms} ms")
    statement = "P4" if answer.status == 404 else "P1"
    if answered_json(findings, answer, statement) and check_object(answer.body, findings, "P1", "body"):
        _check_body(findings, request, answer.body, expect)
    return findings.problems


def _check_body(findings: Findings, request: Mapping[str, Any], body: dict[str, Any], expect: str | int | None) -> None:
    _check_echo(findings, request, body)
    lines = _check_items(findings, asked_lines(request), body.get("items"))
    entries = body.get("logisticsInfo")
    if check_list(entries, findings, "P1", "logisticsInfo"):
        check_logistics(findings, lines, entries, has_address=has_address(request), unreachable=expect == UNREACHABLE)
    if expect == UNAVAILABLE:
        for line in lines:
            if line.quantity != 0:
                findings.add("P4", f"{line.path}.quantity", f"must be 0 for {line.sku_id}, which is not for sale")


def _check_echo(findings: Findings, request: Mapping[str, Any], body: dict[str, Any]) -> None:
    for name in ("country", "postalCode"):
        wanted = request.get(name) or None
        if name not in body:
            findings.add("P2", name, f"is missing; must be {shown(wanted)}")
        elif body[name] != wanted:
            findings.add("P2", name, f"must repeat {shown(wanted)}, got {shown(body[name])}")
    if not isinstance(body.get("allowMultipleDeliveries", True), bool):
        findings.add("P1", "allowMultipleDeliveries", "must be true or false when it is sent")


def _check_items(findings: Findings, asked: list[AskedLine], items: Any) -> list[Line]:
    if not check_list(items, findings, "P3", "items"):
        return []
    if len(items) != len(asked):
        findings.add("P3", "items", f"must have one entry per requested item: {len(asked)}, got {len(items)} (CHK0111)")
    lines: list[Line] = []
    seen: set[int] = set()
    merchants: set[str | None] = set()
    for position, item in enumerate(items):
        path = f"items[{position}]"
        if not check_object(item, findings, "P3", path):
            continue
        merchants.add(item.get("merchantName") if is_text(item.get("merchantName")) else None)
        index = item.get("requestIndex")
        if not is_integer(index) or not 0 <= index < len(asked) or index in seen:
            wanted = f"each of 0..{len(asked) - 1} exactly once"
            findings.add("P3", f"{path}.requestIndex", f"must be {wanted}, got {shown(index)}")
            continue
        seen.add(index)
        lines.append(_check_item(findings, path, index, asked, item))
    if len(merchants) > 1:
        findings.add("P17", "items[].merchantName", "must be the same for all items of one seller")
    return lines


def _check_item(findings: Findings, path: str, index: int, asked: list[AskedLine], item: dict[str, Any]) -> Line:
    wanted = asked[index]
    twice = sum(line.sku_id == wanted.sku_id for line in asked) > 1
    for name, value in (("id", wanted.sku_id), ("seller", wanted.seller)):
        if type(item.get(name)) is not str or item[name] != value:
            statement = "P8" if twice and name == "id" else "P3"
            findings.add(statement, f"{path}.{name}", f"must repeat {shown(value)}, got {shown(item.get(name))}")
    check_fields(findings, path, item, ITEM_FIELDS)
    price, list_price, quantity = item.get("price"), item.get("listPrice"), item.get("quantity")
    if is_count(price) and is_count(list_price) and list_price < price:
        findings.add("P1", f"{path}.listPrice", f"must not be below the price {price}, got {list_price}")
    if is_count(quantity) and quantity > wanted.quantity:
        findings.add("P5", f"{path}.quantity", f"must not exceed the requested {wanted.quantity}, got {quantity}")
    _check_offerings(findings, f"{path}.offerings", item.get("offerings"))
    known = quantity if is_count(quantity) else None
    return Line(index=index, path=path, sku_id=wanted.sku_id, quantity=known)


def _check_offerings(findings: Findings, path: str, offerings: Any) -> None:
    if not check_list(offerings, findings, "P10", path):
        return
    for position, offering in enumerate(offerings):
        where = f"{path}[{position}]"
        if check_object(offering, findings, "P10", where):
            check_fields(findings, where, offering, OFFERING_FIELDS)


def check_same_prices(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Return which delivery options of the same goods cost something else in the second of two simulation answers.

    Lines are matched by SKU and quantity, so the second question may name them in another order. Freight that changes
    from one call to the next makes the cart recalculate for ever.
    """
    findings = Findings()
    before, after = _sla_prices(first), _sla_prices(second)
    for (sku_id, quantity, sla_id), price in before.items():
        now = after.get((sku_id, quantity, sla_id))
        if now != price:
            what = f"must cost {price} again for {quantity} x {sku_id}, got {shown(now)}"
            findings.add("P21", f"logisticsInfo[].slas[{sla_id}].price", what)
    return findings.problems


def _sla_prices(body: Mapping[str, Any]) -> dict[tuple[str, int, str], list[int]]:
    items = {item["requestIndex"]: item for item in body["items"]}
    prices: dict[tuple[str, int, str], list[int]] = {}
    for entry in body["logisticsInfo"]:
        item = items[entry["itemIndex"]]
        for sla in entry["slas"]:
            prices.setdefault((item["id"], item["quantity"], sla["id"]), []).append(sla["price"])
    return {key: sorted(values) for key, values in prices.items()}
