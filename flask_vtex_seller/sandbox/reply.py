"""What the marketplace answers to a call of the seller."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer, and what it meant.

    Attributes:
        status: None when the connection is reset instead.
        content: the body as it is sent.
        media_type: None when there is no body.
        headers: further ones, names in lower case.
        outcome: what came of the call, in a few words.
        index_sku: the marketplace asks the seller about this SKU next.
        reset: reset the TCP connection instead of answering.
    """

    status: int | None
    content: bytes = b""
    media_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    outcome: str
    index_sku: str | None = None
    reset: bool = False

    def with_headers(self, headers: Mapping[str, str]) -> Reply:
        """Return the same answer with further headers."""
        return replace(self, headers={**self.headers, **headers})


def json_reply(status: int, body: Any, *, outcome: str) -> Reply:
    """Return an answer with a JSON body."""
    content = json.dumps(body, ensure_ascii=False).encode()
    return Reply(status=status, content=content, media_type="application/json", outcome=outcome)


def error(status: int, code: str | int, message: str, *, outcome: str) -> Reply:
    """Return a refusal in the shape the order services use.

    What a refused suggestion looks like is not published; it takes the same shape, its published number for a code.
    """
    body = {"error": {"code": code, "message": message, "exception": None}}
    return json_reply(status, body, outcome=outcome)


def receipt_reply(marketplace_order_id: str, receipt: str, now: datetime, *, outcome: str) -> Reply:
    """Return the confirmation all calls about orders get.

    *Source:* Orders OpenAPI, `POST /api/oms/pvt/orders/{orderId}/invoice` response; the id is the marketplace's, as in
    the example of the external-seller-marketplace OpenAPI.
    """
    # .NET ticks: seven fraction digits, one more than Python writes
    date = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0+00:00"
    return json_reply(200, {"date": date, "orderId": marketplace_order_id, "receipt": receipt}, outcome=outcome)
