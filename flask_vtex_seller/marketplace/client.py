"""Sending one call to a marketplace."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import requests
from urllib3.exceptions import HTTPError

from ..clock import Clock
from ..config import Marketplace
from .deadline import Deadline, DeadlineAdapter
from .operations import Operation
from .outcome import Outcome, of_answer, of_trouble, unsendable

CONNECT_SECONDS = 3.0
CALL_SECONDS = 15.0
_BODY_BYTES = 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_CONNECTIONS = 64


class _Session(requests.Session):
    def resolve_redirects(self, *_: Any, **__: Any) -> Iterator[requests.Response]:
        """Resolve none: even one that follows no redirect reads its body and prepares the call that would follow."""
        return iter(())


class MarketplaceClient:
    """Sends calls, one connection pool for all marketplaces; safe to share between threads that take turns.

    Redirects are not followed, nothing is retried behind the outbox's back, no cookie is kept, and neither proxies nor
    credentials are taken from the environment: a call is sent as it was prepared.

    Args:
        call_seconds: for a whole call, names looked up apart: that is left to the machine's resolver.
    """

    def __init__(self, clock: Clock, *, user_agent: str, call_seconds: float = CALL_SECONDS) -> None:
        self._clock = clock
        self._call_seconds = call_seconds
        self._deadline = Deadline(clock)
        self._session = _Session()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, DeadlineAdapter(self._deadline, connections=_CONNECTIONS))
        self._session.trust_env = False
        self._headers = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": user_agent}

    def send(
        self, operation: Operation, marketplace: Marketplace, arguments: Mapping[str, str], body: Any | None
    ) -> Outcome:
        """Make one call and judge what came back; never raises for what the other side or the network does.

        Args:
            arguments: the values of the path's names.
            body: a JSON value; None sends none.
        """
        try:
            call = self._prepare(operation, marketplace, arguments, body)
        except (requests.RequestException, ValueError, TypeError) as error:
            return unsendable(error)
        try:
            self._deadline.begin(self._call_seconds)
            timeout = (min(CONNECT_SECONDS, self._call_seconds), self._call_seconds)
            with self._session.send(call, stream=True, timeout=timeout, allow_redirects=False) as response:
                # What a redirect says does not matter; it may go on for ever.
                text = "" if 300 <= response.status_code < 400 else self._beginning(response)
                # Some servers answer a refused request with the request.
                for secret in (marketplace.app_token, *marketplace.inbound_tokens):
                    text = text.replace(secret.reveal(), "…")
                return of_answer(operation, response.status_code, response.headers, text, now=self._clock.now())
        except (requests.RequestException, HTTPError) as error:
            return of_trouble(error)

    def _prepare(
        self, operation: Operation, marketplace: Marketplace, arguments: Mapping[str, str], body: Any | None
    ) -> requests.PreparedRequest:
        headers = {
            **self._headers,
            "X-VTEX-API-AppKey": marketplace.app_key,
            "X-VTEX-API-AppToken": marketplace.app_token.reveal(),
        }
        for value in headers.values():
            value.encode("latin-1")  # what a header can carry
        data = b"" if body is None else orjson.dumps(body)
        url = operation.url(marketplace, arguments)
        return requests.Request(operation.method, url, headers=headers, data=data).prepare()

    @staticmethod
    def _beginning(response: requests.Response) -> str:
        """Return the beginning of the body, unpacked piece by piece: a small one may hold gigabytes of zeros."""
        received = bytearray()
        while len(received) < _BODY_BYTES:
            chunk = response.raw.read1(_CHUNK_BYTES, decode_content=True)
            if not chunk:
                break
            received += chunk
        return received[:_BODY_BYTES].decode("utf-8", "replace")

    def close(self) -> None:
        """Close the connections."""
        self._session.close()
