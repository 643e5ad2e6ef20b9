"""The record of one call between the marketplace and the seller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

#: Who called whom.
TO_SELLER = "marketplace → seller"
TO_MARKETPLACE = "seller → marketplace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One call, what came back, and what is wrong with it.

    A call of the marketplace shows in `problems` what is wrong with the seller's answer; a call of the seller, what is
    wrong with the call.

    Attributes:
        number: position in the log, counted from 1.
        operation: `index`, `simulate`, `place`, `place_again`, `authorize` or `cancel`; of the seller's calls,
            `change_notification`, `suggestion`, `suggestion_status`, `price_notification`, `inventory_notification`,
            `invoice`, `return_invoice`, `tracking`, `tracking_status`, `cancel_order` or `unknown`.
        title: what happened, in one line for people.
        started_at: aware UTC.
        url: the address called, secrets masked.
        request_body: the JSON value that was sent.
        status: HTTP status, or None when no answer came.
        response_headers: the headers of interest, names in lower case.
        response_body: the parsed JSON value, or None.
        response_text: the answer as it came, shortened, secrets masked.
        duration_ms: milliseconds from sending to the last byte.
        problems: one sentence per broken rule, as `P5 items[0].quantity: must be ...`.
        outcome: the result in a few words.
        marketplace_order_id: the order the call is about, if it is about one.
        expected: the refusal or result the caller asked the checks to insist on.
        direction: who called whom, `marketplace → seller` or `seller → marketplace`.
        fault: the kind of fault that was asked for and met this call, or None.
    """

    number: int
    operation: str
    title: str
    started_at: datetime
    method: str = "POST"
    url: str
    request_body: Any
    status: int | None
    response_headers: Mapping[str, str] = field(default_factory=dict)
    response_body: Any = None
    response_text: str = ""
    duration_ms: int = 0
    problems: tuple[str, ...] = ()
    outcome: str = ""
    marketplace_order_id: str | None = None
    expected: str | int | None = None
    direction: str = TO_SELLER
    fault: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the seller did what the protocol asks for."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """Return the record as a JSON object; the time is ISO 8601."""
        return {
            "number": self.number,
            "direction": self.direction,
            "operation": self.operation,
            "title": self.title,
            "started_at": self.started_at.isoformat(),
            "ok": self.ok,
            "outcome": self.outcome,
            "problems": list(self.problems),
            "marketplace_order_id": self.marketplace_order_id,
            "expected": self.expected,
            "fault": self.fault,
            "duration_ms": self.duration_ms,
            "request": {"method": self.method, "url": self.url, "body": self.request_body},
            "response": {
                "status": self.status,
                "headers": dict(self.response_headers),
                "body": self.response_body,
                "text": self.response_text,
            },
        }
