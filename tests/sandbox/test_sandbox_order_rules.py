"""Placement, refusal, authorization and cancellation: each rule with an answer that breaks it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from flask_vtex_seller.sandbox.answer import Answer
from flask_vtex_seller.sandbox.order_rules import (
    OrderIds,
    check_authorization,
    check_cancellation,
    check_placement,
)
from flask_vtex_seller.sandbox.refusal_rules import check_refusal

Body = dict[str, Any]
IDS = OrderIds(marketplace_order_id="1700000000000-01", order_id="42")
ORDER: Body = {
    "marketplaceOrderId": "1700000000000-01",
    "marketplacePaymentValue": 2490,
    "items": [{"id": "lamp", "quantity": 1, "attachments": [{"name": "note"}, "x"]}],
    "shippingData": {"address": {"geoCoordinates": [1.0, 2]}},
    "paymentData": None,
    "customData": {"note": "hi"},
}
JSON = {"content-type": "application/json"}
ERROR_HEADERS = {**JSON, "x-vtex-error-code": "FMT002", "x-vtex-error-message": "sem%20estoque"}


def answer(body: Any, status: int | None = 200, headers: dict[str, str] | None = None, **changes: Any) -> Answer:
    values: Body = {"status": status, "headers": headers or JSON, "body": body, "is_json": True, "text": "x", **changes}
    return Answer(**values)


def empty(status: int = 200) -> Answer:
    return Answer(status=status)


def placed(**changes: Any) -> Body:
    return {**copy.deepcopy(ORDER), "orderId": "42", "followUpEmail": "", **changes}


def refusal(status: int = 409, code: Any = "FMT002", headers: Any = None, **changes: Any) -> Answer:
    error = {"code": code, "message": "sem estoque", "exception": None, **changes}
    return answer({"error": error}, status, headers or {**ERROR_HEADERS, "x-vtex-error-code": code})


def test_a_correct_placement_has_no_problem() -> None:
    assert check_placement(ORDER, answer([placed()])) == []
    assert check_placement(ORDER, answer([placed()]), known_order_id="42") == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (placed(), "P24 body: must be an array"),
        ([], "P24 body: must have one element for one order, got 0"),
        ([placed(), placed()], "P24 body: must have one element for one order, got 2"),
        (["42"], "P24 [0]: must be an object"),
        ([placed(orderId=42)], "P25 [0].orderId: must be a string"),
        ([placed(orderId="")], "P25 [0].orderId: must be a string"),
        ([placed(orderId="..")], "P25 [0].orderId: must be a string usable in a path"),
        ([placed(followUpEmail=None)], "P25 [0].followUpEmail: must be a string, got null"),
        ([placed(marketplacePaymentValue=2490.0)], "P25 [0].marketplacePaymentValue: must repeat 2490, got 2490.0"),
        ([placed(items=[])], "P25 [0].items: must repeat"),
        ([placed(items=[{"id": "lamp", "quantity": 1}])], "P25 [0].items[0].attachments: is missing"),
        ([placed(customData={"note": "ho"})], 'P26 [0].customData.note: must repeat "hi", got "ho"'),
        ([{k: v for k, v in placed().items() if k != "customData"}], "P26 [0].customData: is missing"),
        ([{k: v for k, v in placed().items() if k != "items"}], "P25 [0].items: is missing"),
        ([{k: v for k, v in placed().items() if k != "paymentData"}], "P36 [0].paymentData: is missing"),
        ([placed(paymentData={})], "P36 [0].paymentData: must be null when the marketplace takes the payment"),
    ],
)
def test_a_wrong_placement_is_reported_with_its_statement(body: Any, problem: str) -> None:
    """P24, P25, P26, P36"""
    problems = check_placement(ORDER, answer(body))
    assert len(problems) == 1
    assert problems[0].startswith(problem)


def test_fields_the_seller_adds_inside_the_echo_are_no_problem() -> None:
    added = placed()
    added["items"][0]["sellerSku"] = "L-1"
    assert check_placement(ORDER, answer([added])) == []


def test_another_order_id_for_the_same_order_is_reported_as_p27() -> None:
    """P27"""
    problems = check_placement(ORDER, answer([placed(orderId="43")]), known_order_id="42")
    assert problems == ['P27 [0].orderId: must be "42" for the same order, got "43"']


def test_the_same_id_with_another_content_must_be_refused() -> None:
    """P28"""
    assert check_placement(ORDER, refusal(409, "FMT009"), known_order_id="42", differs=True) == []
    problems = check_placement(ORDER, answer([placed()]), known_order_id="42", differs=True)
    assert problems == ["P28 status: must refuse with 409, got 200"]


def test_a_refusal_nobody_asked_for_is_reported() -> None:
    problems = check_placement(ORDER, refusal())
    assert problems == ["P25 status: must be 200, got 409", 'P25 error.code: the order was refused with "FMT002"']


@pytest.mark.parametrize(
    ("payment", "problem"),
    [
        ({"merchantName": "acme", "merchantPaymentReferenceId": "123"}, None),
        (None, "P36 [0].paymentData: must be an object"),
        ({"merchantName": "other", "merchantPaymentReferenceId": "123"}, "P36 [0].paymentData.merchantName"),
        ({"merchantName": "acme", "merchantPaymentReferenceId": 123}, "P36 [0].paymentData.merchantPaymentRef"),
        ({"merchantName": "acme", "merchantPaymentReferenceId": "A1"}, "P36 [0].paymentData.merchantPaymentRef"),
        ({"merchantName": "acme"}, "P36 [0].paymentData.merchantPaymentRef"),
    ],
)
def test_a_seller_that_takes_the_payment_names_its_reference(payment: Any, problem: str | None) -> None:
    """P36"""
    order = {**ORDER, "paymentData": {"merchantName": "acme"}}
    problems = check_placement(order, answer([placed(paymentData=payment)]))
    assert [found.startswith(problem or "") for found in problems] == ([] if problem is None else [True])


@pytest.mark.parametrize(
    ("expect", "status", "code"),
    [
        ("FMT002", 409, "FMT002"),
        ("FMT002", 400, "FMT002"),
        ("ORD008", 500, "ORD008"),
        (404, 404, "ANY"),
        (409, 409, "A"),
    ],
)
def test_a_correct_refusal_has_no_problem(expect: str | int, status: int, code: str) -> None:
    """P29, P30, P39"""
    assert check_refusal(refusal(status, code), expect) == []


@pytest.mark.parametrize(
    ("expect", "given", "problem"),
    [
        ("FMT002", answer([placed()]), "P29 status: must refuse with 4xx, got 200"),
        ("FMT002", refusal(500), "P29 status: must refuse with 4xx, got 500"),
        ("FMT009", refusal(400, "FMT009"), "P28 status: must refuse with 409, got 400"),
        ("ORD008", refusal(400, "ORD008"), "P30 status: must refuse with 500, got 400"),
        ("ORD021", refusal(404, "FMT002"), 'P30 error.code: must be ORD021, got "FMT002"'),
        (404, answer({}), "P39 status: must refuse with 404, got 200"),
        (413, answer({}), "P23 status: must refuse with 413, got 200"),
        (418, answer({}), "P29 status: must refuse with 418, got 200"),
        ("FMT002", Answer(failure="hung up"), "P29 answer: hung up"),
        ("FMT002", refusal(message=""), "P29 error.message: must be a sentence"),
        ("FMT002", refusal(exception="Traceback"), "P30 error.exception: must be null"),
        (409, answer(None, 409, ERROR_HEADERS, is_json=False), "P29 body: must be JSON with an error object"),
        (409, answer([], 409, ERROR_HEADERS), "P29 body: must be an object"),
        (409, answer({}, 409, ERROR_HEADERS), "P29 error: must be an object"),
        (
            409,
            answer({"error": {"code": 1, "message": "m", "exception": None}}, 409, ERROR_HEADERS),
            "P29 error.code: ",
        ),
        ("FMT002", refusal(headers=JSON), "P29 x-vtex-error-code: is missing"),
        ("FMT002", refusal(headers=JSON), "P29 x-vtex-error-message: is missing"),
        ("FMT002", refusal(headers={**ERROR_HEADERS, "x-vtex-error-code": "X"}), "P29 x-vtex-error-code: must equal"),
        (
            "FMT002",
            refusal(headers={**ERROR_HEADERS, "x-vtex-error-message": "não"}),
            "P29 x-vtex-error-message: must be",
        ),
        (
            "FMT002",
            refusal(headers={**ERROR_HEADERS, "x-vtex-error-message": "n%E3o"}),
            "P29 x-vtex-error-message: must",
        ),
        ("FMT002", refusal(headers={**ERROR_HEADERS, "x-vtex-error-message": ""}), "P29 x-vtex-error-message: must be"),
    ],
)
def test_a_wrong_refusal_is_reported_with_its_statement(expect: str | int, given: Answer, problem: str) -> None:
    """P23, P28, P29, P30, P39"""
    problems = check_refusal(given, expect)
    assert any(found.startswith(problem) for found in problems), problems


def receipt(**changes: Any) -> Body:
    values = {"date": "2026-03-01T10:00:00+00:00", "marketplaceOrderId": IDS.marketplace_order_id, "orderId": "42"}
    return {**values, "receipt": "r-1", **changes}


@pytest.mark.parametrize("date", ["2026-03-01T10:00:00+00:00", "2026-03-01 10:00:00", "2026-03-01T10:00:00.1234567Z"])
def test_a_correct_authorization_has_no_problem(date: str) -> None:
    """P37"""
    assert check_authorization(IDS, answer(receipt(date=date))) == []
    assert check_authorization(IDS, answer(receipt(receipt=None))) == []


WRONG_RECEIPTS: list[tuple[Any, str]] = [
    ("ok", "body: must be an object"),
    (receipt(date="soon"), "date: must be an ISO 8601 time"),
    (receipt(date=None), "date: must be an ISO 8601 time"),
    (receipt(receipt=1), "receipt: must be a string or null"),
    ({k: v for k, v in receipt().items() if k != "receipt"}, "receipt: is missing"),
    (receipt(orderId=IDS.marketplace_order_id), 'orderId: must be "42"'),
    (receipt(marketplaceOrderId="42"), "marketplaceOrderId: must be"),
]


@pytest.mark.parametrize(("body", "problem"), WRONG_RECEIPTS)
def test_a_wrong_receipt_is_reported_with_its_statement(body: Any, problem: str) -> None:
    """P37, P44"""
    for statement, problems in (
        ("P37", check_authorization(IDS, answer(body))),
        ("P44", check_cancellation(IDS, answer(body))),
    ):
        assert len(problems) == 1
        assert problems[0].startswith(f"{statement} {problem}")


def test_another_receipt_for_a_repeat_is_reported_as_p38() -> None:
    """P38"""
    assert check_authorization(IDS, answer(receipt()), earlier=receipt()) == []
    problems = check_authorization(IDS, answer(receipt(receipt="r-2")), earlier=receipt())
    assert problems == ['P38 receipt: must be "r-1" again, got "r-2"']


def test_a_canceled_order_must_not_be_authorized() -> None:
    """P40"""
    assert check_authorization(IDS, refusal(), canceled=True) == []
    for given, got in ((answer(receipt()), 200), (refusal(500), 500), (Answer(failure="down"), None)):
        problems = check_authorization(IDS, given, canceled=True)
        assert problems == [f"P40 status: must be 4xx for a canceled order, got {got}"]


def test_an_authorization_of_an_unknown_order_is_refused_with_404() -> None:
    """P39"""
    assert check_authorization(IDS, refusal(404), expect=404) == []
    assert check_authorization(IDS, answer(receipt()), expect=404) == ["P39 status: must refuse with 404, got 200"]


def test_a_bad_request_points_at_what_is_odd_about_the_request() -> None:
    """P37, P41, P46, P47"""
    bad = refusal(400)
    assert check_authorization(IDS, bad) == ["P41 status: must be 200, got 400"]
    assert check_authorization(IDS, bad, legacy_body=True) == ["P37 status: must be 200, got 400"]
    assert check_cancellation(IDS, bad) == ["P46 status: must be 200, got 400"]
    assert check_cancellation(IDS, bad, legacy_body=True) == ["P47 status: must be 200, got 400"]


def test_an_empty_body_leaves_the_cancellation_open() -> None:
    """P43"""
    assert check_cancellation(IDS, empty()) == []
    assert check_cancellation(IDS, empty(), expect="evaluating") == []
    assert check_cancellation(IDS, answer({}, text="{}")) == []
    assert check_cancellation(IDS, empty(204)) == ["P43 status: must be 200, got 204"]
    assert check_cancellation(IDS, empty(), expect="confirmed") == [
        "P44 body: must confirm the cancellation, got an empty body"
    ]


def test_a_body_confirms_the_cancellation() -> None:
    """P44"""
    assert check_cancellation(IDS, answer(receipt())) == []
    assert check_cancellation(IDS, answer(receipt()), expect="confirmed") == []
    assert check_cancellation(IDS, answer(receipt()), expect="evaluating") == [
        "P43 body: must be empty while the seller evaluates the request"
    ]


@pytest.mark.parametrize(("same_request", "statement"), [(True, "P48"), (False, "P50")])
def test_a_confirmed_cancellation_stays_confirmed(same_request: bool, statement: str) -> None:
    """P48, P50"""
    assert check_cancellation(IDS, answer(receipt()), earlier=receipt(), same_request=same_request) == []
    silent = check_cancellation(IDS, empty(), earlier=receipt(), same_request=same_request)
    assert silent == [f"{statement} body: must confirm again, as it did before"]
    other = check_cancellation(IDS, answer(receipt(receipt=None)), earlier=receipt(), same_request=same_request)
    assert other == [f'{statement} receipt: must be "r-1" again, got null']


def test_a_cancellation_of_an_unknown_order_is_refused_with_404() -> None:
    """P39"""
    assert check_cancellation(IDS, refusal(404), expect=404) == []
    assert check_cancellation(IDS, empty(), expect=404) == ["P39 status: must refuse with 404, got 200"]


@pytest.mark.parametrize("junk", [None, True, 1.5, "x", [], [None], [[]], {}, {"error": 1}, {"error": {"code": {}}}])
def test_no_junk_makes_the_rules_stumble(junk: Any) -> None:
    for status in (200, 302, 400, 500):
        given = answer(junk, status)
        assert isinstance(check_placement(ORDER, given), list)
        assert isinstance(check_placement(ORDER, answer([junk], status)), list)
        assert isinstance(check_refusal(given, "FMT002"), list)
        assert isinstance(check_authorization(IDS, given), list)
        assert isinstance(check_cancellation(IDS, given), list)
