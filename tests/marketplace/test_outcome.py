"""What each answer means: done, to be tried again, or refused. (P69, P70, P77, P79)"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from flask_vtex_seller.marketplace.operations import OPERATIONS, Meaning
from flask_vtex_seller.marketplace.outcome import Outcome, Verdict, of_answer, of_trouble, retry_after, unsendable

NOW = datetime(2026, 3, 4, 15, 45, 2, tzinfo=UTC)
EVERY = sorted(OPERATIONS)
RECEIPT = '{"date": "2026-03-04T15:45:02.1306360+00:00", "orderId": "1-01", "receipt": null}'
PAGE = "\n <!DOCTYPE html><html>404 Not Found</html>"
NORMAL_ENDS = {
    ("cancel_returned_order", 400),
    ("change_notification", 404),
    ("presence", 404),
    ("suggestion", 304),
    ("suggestion_status", 404),
}


def judge(name: str, status: int, text: str = "", **headers: str) -> Outcome:
    named = {header.replace("_", "-"): value for header, value in headers.items()}
    return of_answer(OPERATIONS[name], status, named, text, now=NOW)


# done


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("status", [200, 201, 202])
def test_2xx_with_json_is_delivered(name: str, status: int) -> None:
    outcome = judge(name, status, RECEIPT)
    assert (outcome.verdict, outcome.status, outcome.meaning) == (Verdict.DELIVERED, status, Meaning.DONE)


@pytest.mark.parametrize("name", [name for name in EVERY if not OPERATIONS[name].answers_json])
@pytest.mark.parametrize("status", [200, 202, 204])
def test_2xx_without_a_body_is_delivered_where_none_is_documented(name: str, status: int) -> None:
    assert judge(name, status).verdict is Verdict.DELIVERED


@pytest.mark.parametrize("name", ["invoice", "return_invoice", "cancel_order"])
@pytest.mark.parametrize("text", ["", "OK", PAGE, '{"date": '])
def test_2xx_that_is_not_json_is_tried_again_where_json_is_documented(name: str, text: str) -> None:
    outcome = judge(name, 200, text)
    assert outcome.verdict is Verdict.RETRY
    assert "not JSON" in outcome.reason


def test_404_to_a_notice_says_that_the_sku_is_unknown() -> None:
    text = "Seller StockKeepingUnit apple not found for this seller id fruitshop"
    outcome = judge("change_notification", 404, text)
    assert (outcome.verdict, outcome.meaning, outcome.excerpt) == (Verdict.DELIVERED, Meaning.UNKNOWN_SKU, text)


def test_304_to_a_suggestion_says_that_the_sku_exists() -> None:
    outcome = judge("suggestion", 304)
    assert (outcome.verdict, outcome.meaning) == (Verdict.DELIVERED, Meaning.EXISTS)


def test_400_to_the_cancellation_of_a_returned_order_is_a_normal_end() -> None:
    outcome = judge("cancel_returned_order", 400, '{"error": "invoiced orders cannot be canceled"}')
    assert (outcome.verdict, outcome.meaning) == (Verdict.DELIVERED, Meaning.NOT_NEEDED)


@pytest.mark.parametrize(
    "text", ["Order is already canceled", '{"error": {"message": "The order has ALREADY been Cancelled."}}']
)
@pytest.mark.parametrize("name", ["cancel_order", "cancel_returned_order"])
def test_400_that_says_already_canceled_is_done(name: str, text: str) -> None:
    """P70"""
    outcome = judge(name, 400, text)
    assert (outcome.verdict, outcome.meaning) == (Verdict.DELIVERED, Meaning.ALREADY_DONE)


@pytest.mark.parametrize(
    "text", ["The order is invoiced and cannot be canceled", "", "already", '{"error": {"message": "bad reason"}}']
)
def test_another_400_to_a_cancellation_is_refused(text: str) -> None:
    """P69"""
    assert judge("cancel_order", 400, text).verdict is Verdict.REFUSED


def test_a_cancellation_that_is_refused_has_a_meaning_and_says_what_to_do() -> None:
    """P69"""
    outcome = judge("cancel_order", 400, '{"error": {"message": "The order is partially invoiced"}}')
    assert (outcome.verdict, outcome.meaning) == (Verdict.REFUSED, Meaning.NOT_CANCELABLE)
    assert outcome.reason.startswith("400: the marketplace does not cancel the order")
    assert "discard this message, then return what is invoiced" in outcome.reason
    page = judge("cancel_order", 400, PAGE)
    assert (page.meaning, page.verdict) == (Meaning.DONE, Verdict.REFUSED)


@pytest.mark.parametrize(
    "text", ["Order already invoiced: it can not be canceled", "Cannot cancel: the order has already been shipped"]
)
def test_400_that_says_already_invoiced_is_refused(text: str) -> None:
    """P69: the order stays sold at the marketplace; to call it canceled would have the shop sell its goods twice."""
    assert judge("cancel_order", 400, text).verdict is Verdict.REFUSED


@pytest.mark.parametrize("name", sorted(set(EVERY) - {"cancel_order", "cancel_returned_order"}))
def test_already_canceled_means_nothing_to_other_calls(name: str) -> None:
    assert judge(name, 400, "already canceled").verdict is Verdict.REFUSED


# tried again


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520, 599])
@pytest.mark.parametrize("text", ["", PAGE, "{}"])
def test_limits_and_server_errors_are_tried_again(name: str, status: int, text: str) -> None:
    """R6"""
    outcome = judge(name, status, text)
    assert (outcome.verdict, outcome.status, outcome.reason) == (Verdict.RETRY, status, str(status))


# refused


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
def test_redirects_are_refused_and_the_settings_to_check_are_named(name: str, status: int) -> None:
    """P78"""
    if (name, status) in NORMAL_ENDS:
        pytest.skip("a normal end of this call")
    outcome = judge(name, status, Location="https://elsewhere.example/")
    assert outcome.verdict is Verdict.REFUSED
    assert "base_url" in outcome.reason
    assert "elsewhere" not in outcome.reason


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 409, 410, 411, 413, 415, 422, 451])
def test_every_other_4xx_is_refused(name: str, status: int) -> None:
    """R6, P68"""
    if (name, status) in NORMAL_ENDS:
        pytest.skip("a normal end of this call")
    outcome = judge(name, status, '{"error": {}}')
    assert (outcome.verdict, outcome.status) == (Verdict.REFUSED, status)
    assert str(status) in outcome.reason


@pytest.mark.parametrize("name", EVERY)
def test_403_names_the_permission_that_the_key_lacks(name: str) -> None:
    """P79"""
    assert OPERATIONS[name].permission in judge(name, 403).reason


@pytest.mark.parametrize("name", EVERY)
def test_401_names_the_settings_to_check(name: str) -> None:
    reason = judge(name, 401).reason
    assert "app_key" in reason
    assert "app_token" in reason


@pytest.mark.parametrize(("name", "status"), sorted(NORMAL_ENDS))
def test_a_web_page_is_no_normal_end(name: str, status: int) -> None:
    """A 404 of a wrong address must not have the whole catalog suggested."""
    outcome = judge(name, status, PAGE)
    assert (outcome.verdict, outcome.meaning) == (Verdict.REFUSED, Meaning.DONE)
    assert "base_url" in outcome.reason


# the excerpt


def test_the_beginning_of_the_answer_is_kept_without_what_a_database_cannot_store() -> None:
    outcome = judge("tracking", 400, "a\0b" + "x" * 5000)
    assert outcome.excerpt.startswith("abxxx")
    assert len(outcome.excerpt) <= 2000


@given(
    name=st.sampled_from(EVERY),
    status=st.integers(100, 999),
    text=st.text(max_size=200),
    headers=st.dictionaries(
        st.sampled_from(["Retry-After", "Ratelimit-Reset", "X-RateLimit-Reset", "Location"]), st.text(max_size=40)
    ),
)
def test_any_answer_is_judged(name: str, status: int, text: str, headers: dict[str, str]) -> None:
    outcome = of_answer(OPERATIONS[name], status, headers, text, now=NOW)
    assert isinstance(outcome.verdict, Verdict)
    assert outcome.verdict is Verdict.RETRY or outcome.retry_after is None
    assert "\0" not in outcome.excerpt
    assert "\n" not in outcome.reason


# Retry-After


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120),
        ({"retry-after": " 120 "}, 120),
        ({"RETRY-AFTER": "0"}, 0),
        ({"Retry-After": "Wed, 04 Mar 2026 15:47:02 GMT"}, 120),
        ({"Retry-After": "Wed, 04 Mar 2026 12:47:02 -0300"}, 120),
        ({"Retry-After": "Wed, 04 Mar 2026 15:40:00 GMT"}, 0),
        ({"Retry-After": "Wed, 04 Mar 2026 15:47:02 -0000"}, 120),
        ({"Ratelimit-Reset": "30"}, 30),
        ({"ratelimit-reset": "30"}, 30),
        ({"X-RateLimit-Reset": "31"}, 31),
        ({"x-ratelimit-reset": "31"}, 31),
        ({"Retry-After": "5", "Ratelimit-Reset": "30"}, 5),
        ({"Retry-After": "soon", "Ratelimit-Reset": "30"}, 30),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "31"}, 31),
    ],
)
def test_the_marketplaces_wish_is_read_in_every_documented_spelling(headers: dict[str, str], seconds: int) -> None:
    """P77, row 39"""
    assert retry_after(headers, now=NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "1e3", "٣", "²", "12 s", "1,2", "Wed", "9" * 7, "9" * 5000])
def test_a_wish_that_nobody_can_read_is_none(value: str) -> None:
    """P77"""
    assert retry_after({"Retry-After": value}, now=NOW) is None


@pytest.mark.parametrize(
    "value",
    [
        "Wed, 04 Mar 99999999999999999999 15:47:02 GMT",
        "Wed, 04 Mar 2026 15:47:02 +99999999999999999999",
        "Wed, 99 Mar 2026 99:99:99 GMT",
        "Wed, 04 Mar 2026 15:47:02 +9999",
    ],
)
def test_a_date_that_is_none_is_no_wish_and_no_crash(value: str) -> None:
    """P77"""
    assert retry_after({"Retry-After": value}, now=NOW) is None


@given(st.text(max_size=60))
def test_no_wish_is_a_crash_or_in_the_past(value: str) -> None:
    wish = retry_after({"Retry-After": value, "Ratelimit-Reset": value}, now=NOW)
    assert wish is None or wish >= timedelta(0)


@pytest.mark.parametrize("name", EVERY)
def test_429_without_a_readable_wish_waits_a_minute(name: str) -> None:
    """P77"""
    assert judge(name, 429).retry_after == timedelta(seconds=60)
    assert judge(name, 429, Retry_After="soon").retry_after == timedelta(seconds=60)


def test_429_with_a_wish_waits_as_long() -> None:
    """P77"""
    assert judge("tracking", 429, Retry_After="120").retry_after == timedelta(seconds=120)
    assert judge("tracking", 429, Ratelimit_Reset="7").retry_after == timedelta(seconds=7)
    assert judge("tracking", 429, Retry_After="0").retry_after == timedelta(0)


def test_503_waits_as_long_as_it_says_and_no_minute_otherwise() -> None:
    assert judge("tracking", 503, Retry_After="120").retry_after == timedelta(seconds=120)
    assert judge("tracking", 503).retry_after is None


# no answer at all


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (requests.ConnectTimeout("slow"), "not sent"),
        (requests.exceptions.SSLError("bad certificate"), "not sent"),
        (requests.ConnectionError("reset"), "outcome unknown"),
        (requests.ReadTimeout("slow"), "outcome unknown"),
        (requests.exceptions.ChunkedEncodingError("cut off"), "outcome unknown"),
        (requests.exceptions.ContentDecodingError("no gzip"), "outcome unknown"),
        (requests.exceptions.InvalidHeader("two lengths in the answer"), "outcome unknown"),
    ],
)
def test_trouble_that_may_pass_is_tried_again_and_says_whether_the_call_may_have_arrived(
    error: Any, words: str
) -> None:
    """R18"""
    outcome = of_trouble(error)
    assert (outcome.verdict, outcome.status) == (Verdict.RETRY, None)
    assert words in outcome.reason


@pytest.mark.parametrize(
    "error",
    [
        requests.exceptions.InvalidURL("x"),
        requests.exceptions.InvalidSchema("x"),
        requests.exceptions.MissingSchema("x"),
        requests.exceptions.InvalidHeader("x"),
        ValueError("secret"),
        TypeError("secret"),
    ],
)
def test_what_can_never_be_sent_is_refused(error: Any) -> None:
    outcome = unsendable(error)
    assert outcome.verdict is Verdict.REFUSED
    assert "cannot be sent" in outcome.reason
    assert "secret" not in outcome.reason


def test_trouble_is_told_without_its_own_words() -> None:
    """P80: they may quote the address, and whatever a proxy or the operating system adds."""
    assert "secret" not in of_trouble(requests.ConnectionError("secret")).reason
