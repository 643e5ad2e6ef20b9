"""What a correct refusal looks like.

*Source:* the integration guide for non-VTEX sellers that process the payment, the only text with an error contract.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from .answer import Answer
from .findings import (
    Field,
    Findings,
    check_fields,
    check_object,
    is_text,
    shown,
)

UNEXPECTED = "ORD008"
DUPLICATE = "FMT009"
_PRINTABLE = re.compile(r"[\x20-\x7e]+")
_STATEMENTS: dict[str | int, str] = {
    DUPLICATE: "P28",
    "ORD021": "P30",
    "FMT010": "P30",
    UNEXPECTED: "P30",
    400: "P22",
    401: "P71",
    404: "P39",
    409: "P40",
    413: "P23",
}
ERROR_FIELDS = (
    Field("code", "P29", is_text, "an error code"),
    Field("message", "P29", is_text, "a sentence"),
    Field("exception", "P30", lambda value: value is None, "null, since internals are nobody's business"),
)


def refusal_statement(expect: str | int) -> str:
    """Return the conformance statement that asks for a refusal with this code or status."""
    return _STATEMENTS.get(expect, "P29")


def check_refusal(answer: Answer, expect: str | int) -> list[str]:
    """Return what is wrong with an answer that had to be a refusal.

    Args:
        expect: an error code such as `FMT002`, which asks for any 4xx (409 for a duplicate, 500 for an unexpected
            error); or an HTTP status, which leaves the code free. A refused secret (401) owes no error body.
    """
    findings = Findings()
    statement = refusal_statement(expect)
    if answer.status is None:
        findings.add(statement, "answer", answer.failure or "there is none")
        return findings.problems
    if not _is_wanted_status(answer.status, expect):
        findings.add(statement, "status", f"must refuse with {_wanted_status(expect)}, got {answer.status}")
        return findings.problems
    if expect != 401:
        check_error_contract(findings, answer)
    if isinstance(expect, str) and error_code(answer) != expect:
        findings.add(statement, "error.code", f"must be {expect}, got {shown(error_code(answer))}")
    return findings.problems


def check_error_contract(findings: Findings, answer: Answer) -> None:
    """Note what is wrong with the body and the headers of a refusal."""
    body = answer.body
    if not answer.is_json:
        findings.add("P29", "body", "must be JSON with an error object")
    elif check_object(body, findings, "P29", "body") and check_object(body.get("error"), findings, "P29", "error"):
        check_fields(findings, "error", body["error"], ERROR_FIELDS)
    code = answer.headers.get("x-vtex-error-code")
    if code is None:
        findings.add("P29", "x-vtex-error-code", "is missing among the headers")
    elif code != error_code(answer):
        findings.add(
            "P29", "x-vtex-error-code", f"must equal error.code {shown(error_code(answer))}, got {shown(code)}"
        )
    message = answer.headers.get("x-vtex-error-message")
    if message is None:
        findings.add("P29", "x-vtex-error-message", "is missing among the headers")
    elif _PRINTABLE.fullmatch(message) is None or "\ufffd" in unquote(message):
        findings.add("P29", "x-vtex-error-message", "must be ASCII, with everything else percent-encoded as UTF-8")


def error_code(answer: Answer) -> str | None:
    """Return the error code in the body of an answer, or None."""
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) else None


def _is_wanted_status(status: int, expect: str | int) -> bool:
    if isinstance(expect, int):
        return status == expect
    if expect == DUPLICATE:
        return status == 409
    return status == 500 if expect == UNEXPECTED else 400 <= status < 500


def _wanted_status(expect: str | int) -> str:
    if isinstance(expect, int):
        return str(expect)
    return {DUPLICATE: "409", UNEXPECTED: "500"}.get(expect, "4xx")
