"""What correct answers to order placement, authorization and cancellation look like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .answer import Answer
from .findings import (
    Field,
    Findings,
    answered,
    answered_json,
    check_fields,
    check_list,
    check_object,
    is_string,
    is_string_or_null,
    is_text,
    moment,
    shown,
)
from .refusal_rules import DUPLICATE, check_error_contract, check_refusal, error_code

#: What a cancellation can be asked to end with.
CONFIRMED = "confirmed"
EVALUATING = "evaluating"
CANCELLATION_EXPECTATIONS = frozenset({CONFIRMED, EVALUATING})

#: The fields of an order the contract names; anything else the marketplace sends must survive, too.
_DOCUMENTED = frozenset(
    {
        "marketplaceOrderId",
        "marketplaceServicesEndpoint",
        "marketplacePaymentValue",
        "items",
        "clientProfileData",
        "shippingData",
        "marketingData",
        "openTextField",
    }
)
PLACED_FIELDS = (
    Field("orderId", "P25", lambda value: is_text(value) and value not in {".", ".."}, "a string usable in a path"),
    Field("followUpEmail", "P25", is_string, "a string"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIds:
    """The two names of one order: the marketplace's, and the seller's that it answered at placement."""

    marketplace_order_id: str
    order_id: str


def check_placement(
    order: Mapping[str, Any],
    answer: Answer,
    *,
    known_order_id: str | None = None,
    differs: bool = False,
    expect: str | int | None = None,
) -> list[str]:
    """Return what is wrong with the answer to the placement of one order, sent as an array of one.

    The OpenAPI file shows an object in both directions; live callers send an array and want one back.
    *Source:* external-seller-fulfillment OpenAPI, `POST /pvt/orders` response.

    Args:
        known_order_id: what the seller answered when it accepted an order of the same marketplaceOrderId before.
        differs: the order of before had another content; then it must be refused.
        expect: the error code or the HTTP status of the refusal that is due.
    """
    if expect is None and differs:
        expect = DUPLICATE
    if expect is not None:
        return check_refusal(answer, expect)
    findings = Findings()
    if not answered_json(findings, answer, "P25"):
        if answer.status is not None and answer.status >= 400:
            check_error_contract(findings, answer)
            findings.add("P25", "error.code", f"the order was refused with {shown(error_code(answer))}")
        return findings.problems
    if not check_list(answer.body, findings, "P24", "body"):
        return findings.problems
    if len(answer.body) != 1:
        findings.add("P24", "body", f"must have one element for one order, got {len(answer.body)}")
    elif check_object(answer.body[0], findings, "P24", "[0]"):
        _check_placed(findings, order, answer.body[0], known_order_id)
    return findings.problems


def _check_placed(
    findings: Findings, order: Mapping[str, Any], placed: dict[str, Any], known_order_id: str | None
) -> None:
    check_fields(findings, "[0]", placed, PLACED_FIELDS)
    for name, sent in order.items():
        if name == "paymentData":
            continue
        statement = "P25" if name in _DOCUMENTED else "P26"
        if name not in placed:
            findings.add(statement, f"[0].{name}", "is missing; everything received must be repeated")
            continue
        for path, what in differences(sent, placed[name], f"[0].{name}"):
            findings.add(statement, path, what)
    if known_order_id is not None and placed.get("orderId") != known_order_id:
        what = f"must be {shown(known_order_id)} for the same order, got {shown(placed.get('orderId'))}"
        findings.add("P27", "[0].orderId", what)
    _check_payment(findings, order.get("paymentData"), placed)


def _check_payment(findings: Findings, sent: Any, placed: dict[str, Any]) -> None:
    path = "[0].paymentData"
    found = placed.get("paymentData")
    if "paymentData" not in placed:
        findings.add("P36", path, "is missing; must be null, or the reference of a payment the seller takes")
    elif sent is None:
        if found is not None:
            findings.add("P36", path, f"must be null when the marketplace takes the payment, got {shown(found)}")
    elif check_object(found, findings, "P36", path):
        if found.get("merchantName") != sent["merchantName"]:
            findings.add("P36", f"{path}.merchantName", f"must repeat {shown(sent['merchantName'])}")
        reference = found.get("merchantPaymentReferenceId")
        if not (isinstance(reference, str) and reference.isascii() and reference.isdigit()):
            what = f"must be a string of digits, got {shown(reference)} (CHK0088)"
            findings.add("P36", f"{path}.merchantPaymentReferenceId", what)


def differences(sent: Any, found: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield where a repeated JSON value is not what was sent: the path, and what is different.

    A field that was added to an object is no difference.
    """
    if isinstance(sent, dict) and isinstance(found, dict):
        for name, value in sent.items():
            if name in found:
                yield from differences(value, found[name], f"{path}.{name}")
            else:
                yield f"{path}.{name}", "is missing; everything received must be repeated"
    elif isinstance(sent, list) and isinstance(found, list) and len(sent) == len(found):
        for position, value in enumerate(sent):
            yield from differences(value, found[position], f"{path}[{position}]")
    elif type(sent) is not type(found) or sent != found:
        yield path, f"must repeat {shown(sent)}, got {shown(found)}"


def _receipt_fields(statement: str) -> tuple[Field, ...]:
    return (
        Field("date", statement, lambda value: moment(value) is not None, "an ISO 8601 time"),
        Field("receipt", statement, is_string_or_null, "a string or null"),
    )


def _check_receipt(findings: Findings, statement: str, ids: OrderIds, body: dict[str, Any]) -> None:
    check_fields(findings, "", body, _receipt_fields(statement))
    for name, wanted in (("marketplaceOrderId", ids.marketplace_order_id), ("orderId", ids.order_id)):
        if body.get(name) != wanted or type(body.get(name)) is not str:
            findings.add(statement, name, f"must be {shown(wanted)}, got {shown(body.get(name))}")


def _check_same_receipt(
    findings: Findings, statement: str, earlier: Mapping[str, Any] | None, body: Mapping[str, Any]
) -> None:
    if earlier is not None and body.get("receipt") != earlier.get("receipt"):
        what = f"must be {shown(earlier.get('receipt'))} again, got {shown(body.get('receipt'))}"
        findings.add(statement, "receipt", what)


def check_authorization(
    ids: OrderIds,
    answer: Answer,
    *,
    earlier: Mapping[str, Any] | None = None,
    canceled: bool = False,
    legacy_body: bool = False,
    expect: str | int | None = None,
) -> list[str]:
    """Return what is wrong with the answer to an authorization of fulfillment.

    *Source:* external-seller-fulfillment OpenAPI, `POST /pvt/orders/{sellerOrderId}/fulfill` response.

    Args:
        earlier: the answer to the same call before.
        canceled: the seller has confirmed a cancellation of the order, so it must refuse.
        legacy_body: the request carried nothing but the marketplaceOrderId.
        expect: the error code or the HTTP status of the refusal that is due.
    """
    if expect is not None:
        return check_refusal(answer, expect)
    findings = Findings()
    # a seller that stumbles over the payment data of 2026 answers 400
    statement = "P41" if answer.status == 400 and not legacy_body else "P37"
    if canceled:
        if answer.status is None or not 400 <= answer.status < 500:
            findings.add("P40", "status", f"must be 4xx for a canceled order, got {answer.status}")
    elif answered_json(findings, answer, statement) and check_object(answer.body, findings, "P37", "body"):
        _check_receipt(findings, "P37", ids, answer.body)
        _check_same_receipt(findings, "P38", earlier, answer.body)
    return findings.problems


def check_cancellation(
    ids: OrderIds,
    answer: Answer,
    *,
    earlier: Mapping[str, Any] | None = None,
    same_request: bool = True,
    invoiced: bool = False,
    legacy_body: bool = False,
    expect: str | int | None = None,
) -> list[str]:
    """Return what is wrong with the answer to a cancellation request.

    An empty body: the seller evaluates the request or has refused it; a body confirms it.
    *Source:* external-seller-fulfillment OpenAPI, `POST /pvt/orders/{orderId}/cancel` response (its example exchanges
    the two ids, its texts do not); connector guide, "Cancellation".

    Args:
        earlier: the confirmation of an earlier call about the same order.
        same_request: the earlier call and this one carry the same cancellationRequestId.
        invoiced: the seller has sent an invoice of the sale, which refuses a cancellation.
        legacy_body: the request carried nothing but the marketplaceOrderId.
        expect: `confirmed`, `evaluating`, or the error code or HTTP status of the refusal that is due.
    """
    if expect is not None and expect not in CANCELLATION_EXPECTATIONS:
        return check_refusal(answer, expect)
    findings, again = Findings(), "P48" if same_request else "P50"
    if not answered(findings, answer, _unanswered_cancellation(answer, legacy_body)):
        return findings.problems
    if is_empty(answer):
        return _check_empty(findings, again, earlier, expect)
    if answered_json(findings, answer, "P44") and check_object(answer.body, findings, "P44", "body"):
        _check_receipt(findings, "P44", ids, answer.body)
        _check_same_receipt(findings, again, earlier, answer.body)
    if invoiced:
        findings.add("P45", "body", "must be empty: an invoice of the sale has refused the cancellation")
    if expect == EVALUATING:
        findings.add("P43", "body", "must be empty while the seller evaluates the request")
    return findings.problems


def _check_empty(
    findings: Findings, again: str, earlier: Mapping[str, Any] | None, expect: str | int | None
) -> list[str]:
    """Return what is wrong if a cancellation is answered with an empty body."""
    if earlier is not None:
        findings.add(again, "body", "must confirm again, as it did before")
    elif expect == CONFIRMED:
        findings.add("P44", "body", "must confirm the cancellation, got an empty body")
    return findings.problems


def _unanswered_cancellation(answer: Answer, legacy_body: bool) -> str:
    """A bad request points at what is odd about ours: the missing fields, or the seven fraction digits of its date."""
    if answer.status != 400:
        return "P43"
    return "P47" if legacy_body else "P46"


def is_empty(answer: Answer) -> bool:
    """Tell whether a cancellation was answered without a confirmation: no body, or `{}` as some sellers send."""
    return answer.text.strip() == "" or answer.body == {}
