"""A check's talk with the shop: it speaks as a marketplace, remembers, and says what it finds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson

from ..clock import Clock
from .case import Case
from .endpoint import Endpoint, mask, mask_query
from .target import Answer, Target, Unreachable

_HEADERS = {"accept": "application/json", "content-type": "application/json"}
_SHOWN = 2_000
_SHOWN_HEADERS = ("content-type", "location", "x-vtex-error-code", "x-vtex-error-message")


class NotApplicable(Exception):
    """The statement cannot be judged at this shop; the message says why."""


class Failed(Exception):
    """The shop does not keep the statement.

    Args:
        says: what the protocol asks for and what the shop does instead.
        reply: the answer that shows it.
    """

    def __init__(self, says: str, reply: "Reply") -> None:
        super().__init__(says)
        self.says = says
        self.reply = reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A call and its answer."""

    method: str
    path: str
    body: bytes
    answer: Answer
    seconds: float
    json: Any = field(repr=False)
    """The answer's content; None if it is no JSON."""

    @property
    def status(self) -> int:
        """Return the answer's status."""
        return self.answer.status

    @property
    def is_empty(self) -> bool:
        """Tell whether the answer says nothing."""
        return self.answer.body.strip() in (b"", b"{}")

    def require(self, kept: object, says: str) -> None:
        """Go on if `kept` is true.

        Raises:
            Failed: otherwise; `says` is what the protocol asks for.
        """
        if not kept:
            raise Failed(says, self)

    def unfit(self, says: str) -> NotApplicable:
        """Return the exception for an answer that leaves nothing to judge."""
        return NotApplicable(f"{says} (the answer's status was {self.status})")


@dataclass(slots=True, eq=False, repr=False)
class Conversation:
    """One check's talk.

    Args:
        target: who answers.
        case: what is known of the shop.
        clock: measures how long an answer takes.
    """

    target: Target
    case: Case
    clock: Clock
    replies: list[Reply] = field(default_factory=list)
    placed: dict[str, str] = field(default_factory=dict)
    """The orders that stand at the shop because of this talk: the marketplace's id, and the shop's."""
    label: str = ""
    """Goes into the ids of the orders, so that no two checks share one."""
    unanswered: str = ""
    """The call that is waited for, as `sent` shows one; empty once its answer is there."""
    _orders: int = 0

    @property
    def endpoint(self) -> Endpoint:
        """Return the address that is called."""
        return Endpoint(self.case.endpoint)

    def next_order_id(self) -> str:
        """Return an id that a marketplace has not given to an order before."""
        self._orders += 1
        return f"conformance-{self.case.run}{self.label}-{self._orders:02}"

    def call(self, path: str, body: object, *, at: str | None = None) -> Reply:
        """Send a marketplace's call.

        Args:
            path: below the endpoint, such as `/pvt/orders`.
            body: sent as JSON; bytes are sent as they are.
            at: path and query to use instead; see `Endpoint.at`.

        Raises:
            Unreachable: no answer came.
        """
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        return self._send("POST", self.endpoint.at(path) if at is None else at, content)

    def _send(self, method: str, path: str, content: bytes) -> Reply:
        self.unanswered = self._call_shown(method, path, content)
        started = self.clock.monotonic()
        answer = self.target.send(method, path, content, _HEADERS)
        seconds = self.clock.monotonic() - started
        self.unanswered = ""
        reply = Reply(method=method, path=path, body=content, answer=answer, seconds=seconds, json=_parse(answer.body))
        self.replies.append(reply)
        return reply

    def sent(self, reply: Reply) -> str:
        """Return the call as a reader may see it: tokens masked, a long body cut."""
        return self._call_shown(reply.method, reply.path, reply.body)

    def _call_shown(self, method: str, path: str, body: bytes) -> str:
        return self._masked(f"{method} {mask_query(path)}\n\n{_text(body)}")

    def received(self, reply: Reply) -> str:
        """Return the answer as a reader may see it."""
        headers = _shown_headers(reply.answer.headers)
        return self._masked(f"HTTP {reply.status}\n{headers}\n{_text(reply.answer.body)}")

    def _masked(self, text: str) -> str:
        return mask(text, self.endpoint.secrets() | {self.case.second_token or ""})

    def tidy(self) -> None:
        """Ask the shop to cancel the orders that this talk left, whatever it answers to that."""
        for marketplace_order_id, order_id in self.placed.items():
            body = {"marketplaceOrderId": marketplace_order_id, "cancellationRequestId": "0" * 32}
            try:
                self.call(order_path(order_id, "cancel"), body)
            except Unreachable:
                return


def order_path(order_id: str, verb: str) -> str:
    """Return the path of a call about an existing order."""
    return f"/pvt/orders/{quote(order_id, safe='')}/{verb}"


def _parse(body: bytes) -> Any:
    """Return what strict JSON says; None for anything else, such as NaN or half a character."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _shown_headers(headers: Mapping[str, str]) -> str:
    return "".join(f"{name}: {headers[name]}\n" for name in _SHOWN_HEADERS if name in headers)


def _text(body: bytes) -> str:
    text = body[:_SHOWN].decode("utf-8", "replace")
    return text if len(body) <= _SHOWN else f"{text}… ({len(body)} bytes)"
