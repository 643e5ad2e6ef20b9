"""Reading a request's JSON, with a guard at the door."""

from typing import Any

import orjson
from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from ..errors import InvalidRequest, PayloadTooLarge
from ..state import current_state

MAX_DEPTH = 64
"""What no body of the protocol comes near; an echo far deeper could be read but not written."""

_CONTAINERS = (dict, list)  # as the parser makes them, never a subclass


def read_json(*, empty: Any = None) -> Any:
    """Return the request's body.

    Args:
        empty: what a call without a body means; None refuses it.

    Raises:
        PayloadTooLarge: more than the configured `max_body_bytes`.
        InvalidRequest: not JSON, nested too deep, or JSON that databases cannot keep (a NUL character).
    """
    call, limit = request._get_current_object(), current_state().settings.max_body_bytes  # type: ignore[attr-defined]
    # One byte more: of a body without a length werkzeug leaves away, without a word, what is beyond its own limit.
    call.max_content_length = limit + 1
    try:
        raw = call.get_data(cache=False)
    except RequestEntityTooLarge:
        raw = None
    if raw is None or len(raw) > limit:
        raise PayloadTooLarge(f"the body is larger than {limit} bytes")
    return empty if not raw.strip() and empty is not None else _parse(raw, "the body")


def read_query_json(name: str) -> Any:
    """Return the JSON of a query parameter, of the first if it is repeated; raises as `read_json`."""
    raw, limit = request.args.get(name, "").encode(), current_state().settings.max_body_bytes
    if len(raw) > limit:
        raise PayloadTooLarge(f"{name} is larger than {limit} bytes")
    return _parse(raw, name)


def _parse(raw: bytes, what: str) -> Any:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        reason = f"{error.msg} at line {error.lineno} column {error.colno}" if raw else "it is empty"
        raise InvalidRequest(f"{what} is not JSON: {reason}", code="INVALID_JSON") from None
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _is_deep(body):
        raise InvalidRequest(f"{what} is nested deeper than {MAX_DEPTH} levels", code="INVALID_JSON")
    if b"\\u0000" in raw and _has_nul(body):
        raise InvalidRequest(f"{what} holds a NUL character, which databases cannot keep", code="INVALID_JSON")
    return body


def _is_deep(value: Any) -> bool:
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in _CONTAINERS
        ]
        if not level:
            return False
    return True


def _has_nul(value: object) -> bool:
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            if "\0" in value:
                return True
        elif isinstance(value, dict):
            pending += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            pending += value
    return False
