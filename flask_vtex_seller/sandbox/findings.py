"""How a broken rule is written down, and the small questions the rules are made of."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeGuard

from .answer import Answer

_LONGEST_VALUE = 80
_COUNTRY = re.compile(r"[A-Z]{3}")


class Findings:
    """The problems of one answer, in the order they were found."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def add(self, statement: str, path: str, what: str) -> None:
        """Note one problem.

        Args:
            statement: the number of the conformance statement that is broken, such as `P5`.
            path: the field, counted from the top of the answer, such as `items[0].quantity`.
            what: what must be the case and what is.
        """
        self.problems.append(f"{statement} {path}: {what}")


@dataclass(frozen=True, slots=True)
class Field:
    """A field an object of the protocol must have.

    Attributes:
        wanted: completes the sentence "must be ...".
    """

    name: str
    statement: str
    accepts: Callable[[Any], bool]
    wanted: str


def check_fields(findings: Findings, path: str, found: Mapping[str, Any], fields: Iterable[Field]) -> None:
    """Note every field that is missing or does not hold what it should."""
    for field in fields:
        where = f"{path}.{field.name}" if path else field.name
        if field.name not in found:
            findings.add(field.statement, where, f"is missing; must be {field.wanted}")
        elif not field.accepts(found[field.name]):
            findings.add(field.statement, where, f"must be {field.wanted}, got {shown(found[field.name])}")


def check_object(found: Any, findings: Findings, statement: str, path: str) -> TypeGuard[dict[str, Any]]:
    """Tell whether the value is a JSON object, noting it when it is not."""
    if isinstance(found, dict):
        return True
    findings.add(statement, path, f"must be an object, got {shown(found)}")
    return False


def check_list(found: Any, findings: Findings, statement: str, path: str) -> TypeGuard[list[Any]]:
    """Tell whether the value is a JSON array, noting it when it is not."""
    if isinstance(found, list):
        return True
    findings.add(statement, path, f"must be an array, got {shown(found)}")
    return False


def answered(findings: Findings, answer: Answer, statement: str) -> bool:
    """Tell whether the call was answered with status 200, noting it when it was not."""
    if answer.failure is not None:
        findings.add(statement, "answer", answer.failure)
        return False
    if answer.status == 200:
        return True
    hint = " (a redirect is not followed)" if answer.status is not None and 300 <= answer.status < 400 else ""
    findings.add(statement, "status", f"must be 200, got {answer.status}{hint}")
    return False


def answered_json(findings: Findings, answer: Answer, statement: str) -> bool:
    """Tell whether the call was answered with status 200 and JSON, noting it when it was not."""
    if not answered(findings, answer, statement):
        return False
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        findings.add(statement, "content-type", f"must be application/json, got {shown(media_type)}")
    if not answer.is_json:
        findings.add(statement, "body", f"must be JSON, got {shown(answer.text)}")
    return answer.is_json


def shown(value: Any) -> str:
    """Return a JSON value as text short enough for a sentence."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def is_integer(value: Any) -> TypeGuard[int]:
    """Tell whether a JSON value is an integer; `true` and `1.0` are none, though Python would let them pass."""
    return type(value) is int


def is_count(value: Any) -> TypeGuard[int]:
    """Tell whether a JSON value is a number of things, or of cents: an integer that is not negative."""
    return is_integer(value) and value >= 0


def is_number(value: Any) -> TypeGuard[int | float]:
    """Tell whether a JSON value is a number."""
    return type(value) in (int, float)


def is_text(value: Any) -> TypeGuard[str]:
    """Tell whether a JSON value is a string with something in it."""
    return isinstance(value, str) and value.strip() != ""


def is_string(value: Any) -> TypeGuard[str]:
    """Tell whether a JSON value is a string, the empty one included."""
    return isinstance(value, str)


def is_string_or_null(value: Any) -> bool:
    """Tell whether a JSON value is a string or null."""
    return value is None or isinstance(value, str)


def is_text_or_null(value: Any) -> bool:
    """Tell whether a JSON value is null or a string with something in it."""
    return value is None or is_text(value)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Tell whether a JSON value is an array."""
    return isinstance(value, list)


def is_country(value: Any) -> bool:
    """Tell whether a JSON value looks like an ISO 3166 code of three letters."""
    return isinstance(value, str) and _COUNTRY.fullmatch(value) is not None


def moment(value: Any) -> datetime | None:
    """Return the time a JSON value stands for, or None when it stands for none."""
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
