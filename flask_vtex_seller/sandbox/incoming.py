"""A call of the seller: what arrived, and what the marketplace reads in it."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .answer import read_json
from .contracts import RETURN_INVOICE, UNKNOWN, Match, Route, Verdict, find_route
from .findings import shown
from .invoices import INPUT

LONGEST_CREDENTIAL = 1024
JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A request as it came over the wire.

    Attributes:
        origin: scheme and host, such as `http://127.0.0.1:5001`.
        path: not decoded.
        query: not decoded, without the question mark.
        accept, content_type: the headers, empty when they are missing.
        content: the body, or None when it was too large to be read.
    """

    method: str
    origin: str
    path: str
    query: str = ""
    accept: str = ""
    content_type: str = ""
    app_key: str = field(default="", repr=False)
    app_token: str = field(default="", repr=False)
    content: bytes | None = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A call of the seller, as the rules see it.

    Attributes:
        text: the body, secrets masked; what could not be decoded is replaced.
        body: the JSON value of the body, or None.
        leaks_secret: whether something of `text` was masked.
    """

    arrived: Arrived
    received_at: datetime
    match: Match
    operation: str
    text: str
    is_json: bool
    body: Any
    leaks_secret: bool

    @property
    def ids(self) -> Mapping[str, str]:
        """What the path names: `seller_id` and `sku_id`, or `order_id` and `number`."""
        return self.match.ids

    @property
    def statement(self) -> str:
        """What is named when the call as such is not as it should be."""
        return self.match.statement

    @property
    def is_protocol(self) -> bool:
        """Whether it came by the verbs of the external seller protocol."""
        return self.match.route is not None and self.match.route.protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The key and the token the seller was given; without them any pair passes."""

    app_key: str | None = None
    app_token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if bool(self.app_key) != bool(self.app_token):
            raise ValueError("the app key and the app token must be given together, or neither")

    def check(self, verdict: Verdict, call: Incoming) -> None:
        """Note what is wrong with the credentials of a call."""
        key, token = call.arrived.app_key, call.arrived.app_token
        if not (0 < len(key) <= LONGEST_CREDENTIAL and 0 < len(token) <= LONGEST_CREDENTIAL):
            what = "X-VTEX-API-AppKey and X-VTEX-API-AppToken must both be given"
            verdict.refuse(call.statement, "credentials", what, status=401, code="Unauthorized")
        elif not (_same(key, self.app_key) and _same(token, self.app_token)):
            what = "must be the key and the token of this seller"
            verdict.refuse(call.statement, "credentials", what, status=403, code="Forbidden")


def read_call(arrived: Arrived, received_at: datetime, secrets: Sequence[re.Pattern[str]], mask: str) -> Incoming:
    """Find out what a request is about.

    Args:
        secrets: what must not be kept; found in the body, each becomes `mask`.
    """
    match = find_route(arrived.method, arrived.path)
    text, readable = _decode(arrived.content or b"")
    shown_text = text
    for secret in secrets:
        shown_text = secret.sub(mask, shown_text)
    is_json, body = read_json(shown_text) if readable and shown_text else (False, None)
    return Incoming(
        arrived=arrived,
        received_at=received_at,
        match=match,
        operation=_operation(match.route, body),
        text=shown_text,
        is_json=is_json,
        body=body,
        leaks_secret=shown_text != text,
    )


def check_call(verdict: Verdict, call: Incoming, credentials: Credentials) -> None:
    """Note what is wrong with a call before its body is looked at.

    The media types are required of every call, even of one without a body.
    *Source:* Orders OpenAPI, header parameters of every call; catalog-skuseller OpenAPI, the same.
    """
    _check_route(verdict, call)
    credentials.check(verdict, call)
    arrived = call.arrived
    if not _accepts_json(arrived.accept):
        what = f"must be {JSON}, got {shown(arrived.accept)}"
        verdict.refuse(call.statement, "accept", what, status=406, code="NotAcceptable")
    if _media_type(arrived.content_type) != JSON:
        what = f"must be {JSON}, got {shown(arrived.content_type)}"
        verdict.refuse(call.statement, "content-type", what, status=415, code="UnsupportedMediaType")
    if call.leaks_secret:
        verdict.note("P80", "body", "must not repeat a secret")
    if arrived.content is None:
        verdict.refuse(call.statement, "body", "is too large", status=413, code="RequestEntityTooLarge")
    elif call.match.route is not None:
        _check_body(verdict, call, call.match.route)


def _check_route(verdict: Verdict, call: Incoming) -> None:
    match = call.match
    if match.allowed:
        what = f"must be {' or '.join(match.allowed)}, got {call.arrived.method}"
        verdict.refuse(call.statement, "method", what, status=405, code="MethodNotAllowed")
    elif match.route is None:
        what = "leads nowhere: every id must be one percent-encoded segment, none may be missing"
        verdict.refuse(call.statement, "path", what, status=404, code="NotFound")
    elif not match.well_spelt:
        verdict.note(call.statement, "path", "must be percent-encoded UTF-8")


def _check_body(verdict: Verdict, call: Incoming, route: Route) -> None:
    if not route.has_body:
        if call.arrived.content:
            verdict.note(call.statement, "body", f"must be empty, got {shown(call.text)}")
    elif not isinstance(call.body, route.body_type):
        kind = "a JSON object" if route.body_type is dict else "a JSON array"
        what = f"must be {kind}, got {shown(call.body if call.is_json else call.text)}"
        verdict.refuse(call.statement, "body", what)


def _operation(route: Route | None, body: Any) -> str:
    if route is None:
        return UNKNOWN
    is_return = route.operation == "invoice" and isinstance(body, dict) and body.get("type") == INPUT
    return RETURN_INVOICE if is_return else route.operation


def _decode(content: bytes) -> tuple[str, bool]:
    try:
        return content.decode(), True
    except UnicodeDecodeError:
        return content.decode(errors="replace"), False


def _same(given: str, wanted: str | None) -> bool:
    return not wanted or hmac.compare_digest(given.encode(), wanted.encode())


def _media_type(header: str) -> str:
    return header.partition(";")[0].strip().lower()


def _accepts_json(header: str) -> bool:
    return any(_media_type(piece) == JSON for piece in header.split(","))
