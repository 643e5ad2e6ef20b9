"""What a seller answered to one call, as the rules see it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer, or the reason why none came.

    `failure` is None exactly when there was an answer. `is_json` tells a body that is the JSON value `null` from a body
    that could not be read; both have `body` None. Header names are lower-case.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    body: Any = None
    is_json: bool = False
    duration_ms: int = 0
    failure: str | None = None
    timed_out: bool = False
    leaks_secret: bool = False


def read_json(text: str) -> tuple[bool, Any]:
    """Parse strict JSON: whether it could be read, and the value.

    `NaN` and the infinities, which Python's parser lets pass, are no JSON, nor are halves of surrogate pairs, which can
    neither be shown nor sent back.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode()
        return True, value
    except (ValueError, RecursionError):
        return False, None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
