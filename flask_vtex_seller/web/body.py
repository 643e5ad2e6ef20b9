"""Reading a request's JSON, with a guard at the door."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import orjson
from flask import Request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from ..errors import InvalidRequest, PayloadTooLarge
from .query import find

MAX_DEPTH = 64
"""What no body of the protocol comes near; an echo far deeper could be read but not written."""

_BYTES_OF_A_CONTAINER, _FEW_CONTAINERS = 50, 1_000
"""An object or array of the protocol has more bytes on average. So many of them are never too many."""
_MAX_DIGITS = 18
"""Of a length that is worth reading."""
_BREAKS_OFF = "the body breaks off before its end"
_CONTAINERS = (dict, list)  # as the parser makes them, never a subclass


def read_json(call: Request, *, limit: int, empty: Any = None) -> Any:
    """Return the body of a call.

    Args:
        limit: the most bytes that are read.
        empty: what a call without a body means; None refuses it.

    Raises:
        PayloadTooLarge: more than `limit`, or more objects and arrays than the protocol has in as many bytes.
        InvalidRequest: it breaks off, is not JSON, nested too deep, or holds what no database keeps (a NUL character).
    """
    raw = _raw(call, limit)
    if raw is None:
        raise PayloadTooLarge(f"the body is larger than {limit} bytes")
    return empty if empty is not None and not raw.strip() else _parse(raw, "the body", limit)


def _raw(call: Request, limit: int) -> bytes | None:
    """Return the body, or None if it is larger."""
    environ, said = call.environ, call.environ.get("CONTENT_LENGTH", "")
    length = int(said) if said.isascii() and said.isdigit() and len(said) <= _MAX_DIGITS else None
    try:
        if length is None or length > limit or "HTTP_TRANSFER_ENCODING" in environ:
            raw = _watched(call, limit)
        elif environ.get("wsgi.input_terminated") and type(call) is Request and "stream" not in vars(call):
            raw = _plain(call, length, limit)
        else:
            raw = _unwatched(call, limit)
    except (OSError, ValueError, ClientDisconnected):
        _leave(call, b"")
        raise InvalidRequest(_BREAKS_OFF) from None
    if length and raw is not None and len(raw) < length and not raw.strip():
        raise InvalidRequest(_BREAKS_OFF)  # an empty body has a meaning where orders are paid or canceled
    return raw if raw is not None and len(raw) <= limit else None


def _plain(call: Request, length: int, limit: int) -> bytes:
    """Return what the server ends, up to a byte more than the limit.

    What werkzeug puts around a stream costs more than authentication. Not for a shop's own class of requests, nor for
    a body that it has begun to read.
    """
    read = call.environ["wsgi.input"].read
    raw: bytes = read(limit + 1)
    # What unpacks a body before us may give it in pieces, or more of it than was said.
    while len(raw) != length and len(raw) <= limit and (more := read(limit + 1 - len(raw))):
        raw += more
    _leave(call, raw)
    return raw


def _unwatched(call: Request, limit: int) -> bytes | None:
    """Return a body that says it is short: the server ends it there, and watching costs as much as authentication."""
    try:
        return call.get_data()
    except RequestEntityTooLarge:  # for a limit of the shop's own, which does not hold here; nothing was read yet
        return _watched(call, limit)


def _watched(call: Request, limit: int) -> bytes | None:
    # One byte more: of a body without a length werkzeug leaves away, without a word, what is beyond its own limit.
    call.max_content_length = limit + 1
    try:
        return call.get_data()
    except RequestEntityTooLarge:
        _leave(call, b"")
        return None


def _leave(call: Request, raw: bytes) -> None:
    """Leave what was read for the shop, which may look at it after the call, whatever was answered."""
    vars(call)["stream"] = BytesIO(raw)


def read_query_json(call: Request, name: str, *, limit: int) -> Any:
    """Return the JSON of a query parameter, of the first if it is repeated; raises as `read_json`."""
    raw = find(call.query_string, name).encode()
    if len(raw) > limit:
        raise PayloadTooLarge(f"{name} is larger than {limit} bytes")
    return _parse(raw, name, limit)


def _parse(raw: bytes, what: str, limit: int) -> Any:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        reason = f"{error.msg} at line {error.lineno} column {error.colno}" if raw else "it is empty"
        raise InvalidRequest(f"{what} is not JSON: {reason}", code="INVALID_JSON") from None
    if (brackets := raw.count(b"[") + raw.count(b"{")) > MAX_DEPTH:
        if _is_deep(body, brackets):
            raise InvalidRequest(f"{what} is nested deeper than {MAX_DEPTH} levels", code="INVALID_JSON")
        # Each may have to be refused by itself, which takes much longer than to send it.
        most = max(_FEW_CONTAINERS, limit // _BYTES_OF_A_CONTAINER)
        if brackets > most and _count(body) > most:
            raise PayloadTooLarge(f"{what} holds more than {most} objects and arrays")
    if b"\\" in raw and b"\\u0000" in raw and _has_nul(body):
        raise InvalidRequest(f"{what} holds a NUL character, which databases cannot keep", code="INVALID_JSON")
    return body


def _is_deep(value: Any, remaining: int) -> bool:
    """Tell whether a value is nested too deep, given that it holds at most so many objects and arrays."""
    for depth, level in enumerate(_levels(value), start=1):
        remaining -= len(level)
        # Each level below has one of them at least: an ordinary body ends with its last objects, before all they hold.
        if depth + remaining <= MAX_DEPTH:
            return False
        if depth > MAX_DEPTH:
            return True
    return False


def _count(value: Any) -> int:
    return sum(map(len, _levels(value)))


def _levels(value: Any) -> Iterator[list[Any]]:
    """Yield the objects and arrays of each level, the outermost first."""
    level = [value] if type(value) in _CONTAINERS else []
    while level:
        yield level
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in _CONTAINERS
        ]


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
