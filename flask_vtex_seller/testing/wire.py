"""The network below the marketplace client, taken away: what a shop says in its tests stays in its tests.

The client's own code runs as ever: it prepares the call, sends it with its timeouts and judges what comes back.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from ..config import Marketplace
from ..marketplace.client import MarketplaceClient, _Session
from ..marketplace.operations import Operation
from ..marketplace.outcome import Outcome

Trouble = Literal["unreachable", "timeout", "reset", "cut"]
"""Nobody there; no answer in time; the connection is reset; half an answer."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Speech:
    """What the client is asked to say."""

    operation: Operation
    marketplace: Marketplace
    arguments: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What comes back: an answer, or a trouble on the way."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    trouble: Trouble | None = None


Listener = Callable[[Speech, requests.PreparedRequest], Reply]

_SEND = requests.Session.send
_speech: ContextVar[Speech | None] = ContextVar("speech", default=None)


class _Wire(HTTPAdapter):
    """Carries a call to a listener instead of a network; a mock of `requests` does not see it."""

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self._listener = listener

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """See `HTTPAdapter`."""
        speech = _speech.get()
        assert speech is not None, "only MarketplaceClient.send uses its session"  # noqa: S101
        return self._response(request, self._listener(speech, request))

    def _response(self, request: requests.PreparedRequest, reply: Reply) -> requests.Response:
        if reply.trouble == "unreachable":
            raise requests.ConnectTimeout("nobody is there", request=request)
        if reply.trouble == "timeout":
            raise requests.ReadTimeout("no answer in time", request=request)
        if reply.trouble == "reset":
            raise requests.ConnectionError("connection reset by peer", request=request)
        # Half an answer is one that says it is longer than it is.
        length = len(reply.body) + (1 if reply.trouble == "cut" else 0)
        raw = HTTPResponse(
            body=io.BytesIO(reply.body),
            headers={"Content-Length": str(length), **reply.headers},
            status=reply.status,
            preload_content=False,
            enforce_content_length=True,
            request_method=request.method,
        )
        return self.build_response(request, raw)


@contextmanager
def overheard(listener: Listener) -> Iterator[None]:
    """Have `listener` answer every call to a marketplace, of every application and thread of this process.

    Requests that the shop makes on its own account go where they always went.
    """
    say, wire = MarketplaceClient.send, _Wire(listener)

    def send(
        client: MarketplaceClient,
        operation: Operation,
        marketplace: Marketplace,
        arguments: Mapping[str, str],
        *args: Any,
        **kwargs: Any,
    ) -> Outcome:
        token = _speech.set(Speech(operation=operation, marketplace=marketplace, arguments=dict(arguments)))
        try:
            return say(client, operation, marketplace, arguments, *args, **kwargs)
        finally:
            _speech.reset(token)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MarketplaceClient, "send", send)
        # On our own class, and past what mocks of `requests` put on theirs.
        patch.setattr(_Session, "send", _SEND)
        patch.setattr(_Session, "get_adapter", lambda _, url: wire)
        yield
