"""What a correct agreement to a modification of an order looks like.

*Source:* external-seller-marketplace OpenAPI, `SendAgreement`; Orders API, order modifications, error 035.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .contracts import Verdict, check_known_keys
from .findings import shown

ACKNOWLEDGMENT, CONFIRMATION = "Acknowledgment", "Confirmation"


def check_agreement(verdict: Verdict, body: Mapping[str, Any]) -> None:
    """Note what is wrong with the body of an agreement."""
    found = body.get("agreementType")
    if found not in (ACKNOWLEDGMENT, CONFIRMATION):
        what = f"must be {ACKNOWLEDGMENT} or {CONFIRMATION}, got {shown(found)}"
        verdict.refuse("P82", "agreementType", what, code="SalesOrderSystem035")
    check_known_keys(verdict, "P82", body, ["agreementType"])
