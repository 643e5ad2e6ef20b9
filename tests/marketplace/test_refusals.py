"""The numbered errors of suggestions: found however an answer spells them, and what they mean. (P57, row 32)"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_vtex_seller.marketplace.operations import OPERATIONS, Meaning
from flask_vtex_seller.marketplace.outcome import Verdict, of_answer
from flask_vtex_seller.marketplace.refusals import SuggestionError

from .test_outcome import NOW, judge

ERRORS = list(SuggestionError)
ENDS = {17: Meaning.NOT_NEEDED, 18: Meaning.NOT_PENDING, 23: Meaning.EXISTS}


def test_every_published_number_is_there() -> None:
    assert [error.number for error in ERRORS] == [*range(24), 99, 999]
    assert all(error.label and error.advice for error in ERRORS)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize(
    "template",
    [
        '{{"Code": {0}, "Message": "x"}}',
        '{{"errorCode":"{0}"}}',
        '{{"error": {{"code": {0}, "message": "x"}}}}',
        '[{{"number" : {0}}}]',
        "Error {0}",
        "error code: {0}.",
        "{0}",
        '"{0}"',
        '{{"code": 400, "error": {0}}}',
    ],
)
def test_a_number_is_found(error: SuggestionError, template: str) -> None:
    assert SuggestionError.read(template.format(error.number)) is error


@pytest.mark.parametrize("error", [error for error in ERRORS if not error.is_passing])
def test_a_name_is_found_in_any_spelling(error: SuggestionError) -> None:
    for text in (error.label, json.dumps({"message": f"{error.label}: x"}), error.label.upper()):
        assert SuggestionError.read(text) is error


def test_words_that_nearly_are_a_name_are_understood() -> None:
    assert SuggestionError.read("The suggestion is not pending.") is SuggestionError.NOT_PENDING


@pytest.mark.parametrize(
    "text", ["", "{}", "18 images", '{"Code": 118}', '{"Code": 24}', "unknown error", '{"code":"FMT001"}']
)
def test_what_names_no_error_is_none(text: str) -> None:
    assert SuggestionError.read(text) is None
    outcome = judge("suggestion", 400, text)
    assert (outcome.verdict, outcome.reason, outcome.error) == (Verdict.REFUSED, "400", None)


@given(st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    SuggestionError.read(text)


@pytest.mark.parametrize("error", ERRORS)
def test_each_error_is_an_end_a_refusal_or_tried_again(error: SuggestionError) -> None:
    outcome = judge("suggestion", 400, json.dumps({"Code": error.number}))
    passing = {99: Verdict.RETRY, 999: Verdict.RETRY}
    expected = Verdict.DELIVERED if error.number in ENDS else passing.get(error.number, Verdict.REFUSED)
    assert (outcome.verdict, outcome.meaning) == (expected, ENDS.get(error.number, Meaning.DONE))
    assert (outcome.error, outcome.reason) == (error, f"400: {error.words}")
    assert len(outcome.reason) < 200


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - {"suggestion"}))
def test_only_suggestions_have_numbered_errors(name: str) -> None:
    assert judge(name, 400, '{"Code": 18}').error is None


@pytest.mark.parametrize("status", [403, 404, 409, 503])
def test_only_a_400_has_one(status: int) -> None:
    assert judge("suggestion", status, '{"Code": 18}').error is None


def test_a_web_page_names_no_error() -> None:
    assert judge("suggestion", 400, "<html>Error 18</html>").error is None


# what an answer says


def test_what_a_success_says_is_kept_where_it_matters_however_long_it_is() -> None:
    body = json.dumps({"content": "x" * 5000, "Status": "Denied"})
    assert judge("suggestion_status", 200, body).answer["Status"] == "Denied"
    assert judge("suggestion_status", 200, "no JSON").answer is None
    assert judge("suggestion_status", 404, body).answer is None
    assert judge("suggestion", 200, body).answer is None


def test_an_answer_is_not_shown_with_its_outcome() -> None:
    outcome = of_answer(OPERATIONS["suggestion_status"], 200, {}, '{"Status": "x"}', now=NOW)
    assert "answer=" not in repr(outcome)
