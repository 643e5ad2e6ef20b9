"""Reading back what became of a suggestion, whose form nobody publishes. (P58)"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_vtex_seller.catalog.sku import SuggestionStatus
from flask_vtex_seller.catalog.suggestion_status import read_suggestion_reason, read_suggestion_status


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"Status": "Pending"}, "PENDING"),
        ({"status": "pending", "latestVersionId": "1", "content": {}, "matches": []}, "PENDING"),
        ({"STATUS": "WaitingReview"}, "PENDING"),
        ({"Status": "waiting_review"}, "PENDING"),
        ({"Status": "Accepted"}, "ACCEPTED"),
        ({"Status": "approved"}, "ACCEPTED"),
        ({"Status": " DENIED "}, "DENIED"),
        ({"status": "Rejected"}, "DENIED"),
        ({"status": "blocked"}, "BLOCKED"),
        ({"status": "expired"}, "EXPIRED"),
        ({"suggestionStatus": "pending"}, "PENDING"),
        ({"data": {"Status": "denied"}}, "DENIED"),
        ({"Status": None, "suggestion": {"Status": "denied"}}, "DENIED"),
        ([{"VersionId": 1, "Status": "denied"}, {"VersionId": 2, "Status": "pending"}], "PENDING"),
        ([{"IsLatest": True, "Status": "accepted"}, {"IsLatest": False, "Status": "denied"}], "ACCEPTED"),
        (["pending"], "UNKNOWN"),
        ({"Status": "Reviewed"}, "UNKNOWN"),
        ({"Status": ""}, "UNKNOWN"),
        ({"Status": None}, "UNKNOWN"),
        ({"Status": 3}, "UNKNOWN"),
        ({"Status": {"name": "pending"}}, "UNKNOWN"),
        ({"content": {"Status": "pending"}}, "UNKNOWN"),
        ({}, "UNKNOWN"),
        ([], "UNKNOWN"),
        ("pending", "UNKNOWN"),
        (None, "UNKNOWN"),
        (7, "UNKNOWN"),
    ],
)
def test_a_suggestions_status_is_read_as_far_as_it_can_be(body: Any, expected: str) -> None:
    """P58, row 32."""
    assert read_suggestion_status(body) is SuggestionStatus[expected]


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_no_answer_breaks_the_reading_of_a_status(body: Any) -> None:
    """P58."""
    assert isinstance(read_suggestion_status(body), SuggestionStatus)
    assert read_suggestion_reason(body).isprintable()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"Status": "Denied", "DenyReason": " blurred\n picture "}, "blurred picture"),
        ({"reason": "no"}, "no"),
        ({"rejection_reasons": ["no brand", 7, "no EAN"]}, "no brand no EAN"),
        ({"data": {"justification": "no"}}, "no"),
        ({"message": "", "comment": "no"}, "no"),
        ({"reason": "x" * 5000}, "x" * 300),
        ({"reason": {"text": "no"}}, ""),
        ({"Status": "Denied"}, ""),
        (None, ""),
    ],
)
def test_a_denials_reason_is_read_as_one_line(body: Any, expected: str) -> None:
    assert read_suggestion_reason(body) == expected
