"""Sending one call to a marketplace."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import orjson
import requests
from urllib3.exceptions import HTTPError

from ..clock import Clock
from ..config import Marketplace
from .deadline import Deadline, DeadlineAdapter
from .hosts import Resolver, UntrustedEndpoint, resolve, services_url
from .operations import Operation, filled
from .outcome import Outcome, of_answer, of_trouble, unreachable, unsendable

CONNECT_SECONDS = 3.0
CALL_SECONDS = 15.0
_BODY_BYTES = 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_CONNECTIONS = 64
_NO_SUCH_ROUTE = frozenset({404, 405})
_log = logging.getLogger(__name__)


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

    def __init__(
        self,
        clock: Clock,
        *,
        user_agent: str,
        call_seconds: float = CALL_SECONDS,
        resolver: Resolver = resolve,
    ) -> None:
        self._clock = clock
        self._call_seconds = call_seconds
        self._resolver = resolver
        self._deadline = Deadline(clock)
        self._session = _Session()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, DeadlineAdapter(self._deadline, connections=_CONNECTIONS))
        self._session.trust_env = False
        self._headers = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": user_agent}

    def send(
        self,
        operation: Operation,
        marketplace: Marketplace,
        arguments: Mapping[str, str],
        body: Any | None,
        *,
        services_endpoint: str | None = None,
    ) -> Outcome:
        """Make one call and judge what came back; never raises for what the other side or the network does.

        Args:
            arguments: the values of the path's names.
            body: a JSON value; None sends none.
            services_endpoint: of the order that the call is about; used by the `protocol` family if it can be trusted.
        """
        operation = operation.at(marketplace)
        try:
            route = self._route(operation, marketplace, arguments, services_endpoint)
            call = self._prepare(route, marketplace, body)
        except (requests.RequestException, ValueError, TypeError) as error:
            return unsendable(error)
        except OSError as error:
            return unreachable(error)
        # One deadline for both: a lease is made for one call.
        self._deadline.begin(self._call_seconds)
        outcome = self._exchange(operation, marketplace, call)
        if route.may_be_post and outcome.status in _NO_SUCH_ROUTE:
            call.method = "POST"
            second = self._exchange(operation, marketplace, call)
            outcome = outcome if second.status == 405 else second
        return replace(outcome, reason=f"{outcome.reason} ({route.note})") if route.note else outcome

    def _route(
        self, operation: Operation, marketplace: Marketplace, arguments: Mapping[str, str], endpoint: str | None
    ) -> "_Route":
        """Find the address: the order's own services if they are wanted and can be trusted, else `base_url`."""
        note = ""
        if marketplace.route_family == "protocol" and operation.services_path is not None:
            path = filled(operation.services_path, marketplace, arguments)
            try:
                if not endpoint:
                    raise UntrustedEndpoint("is missing")
                return _Route(method="POST", url=services_url(endpoint, path, marketplace, self._resolver))
            except UntrustedEndpoint as error:
                note = f"sent to base_url: {error}"
                told = {"marketplace": marketplace.name, "operation": operation.name, **arguments}
                _log.warning("an order's own services are not called: %s", error, extra=told)
        url = operation.url(marketplace, arguments)
        return _Route(method=operation.method, url=url, may_be_post=operation.may_be_post, note=note)

    def _prepare(self, route: "_Route", marketplace: Marketplace, body: Any | None) -> requests.PreparedRequest:
        headers = {
            **self._headers,
            "X-VTEX-API-AppKey": marketplace.app_key,
            "X-VTEX-API-AppToken": marketplace.app_token.reveal(),
        }
        for value in headers.values():
            value.encode("latin-1")  # what a header can carry
        data = b"" if body is None else orjson.dumps(body)
        return requests.Request(route.method, route.url, headers=headers, data=data).prepare()

    def _exchange(self, operation: Operation, marketplace: Marketplace, call: requests.PreparedRequest) -> Outcome:
        try:
            timeout = (min(CONNECT_SECONDS, self._call_seconds), self._call_seconds)
            trust: dict[str, Any] = {"verify": marketplace.ca_bundle or True, "proxies": _proxies(marketplace)}
            with self._session.send(call, stream=True, timeout=timeout, allow_redirects=False, **trust) as response:
                # What a redirect says does not matter; it may go on for ever.
                text = "" if 300 <= response.status_code < 400 else self._beginning(response)
                # Some servers answer a refused request with the request.
                for secret in (marketplace.app_token, *marketplace.inbound_tokens):
                    text = text.replace(secret.reveal(), "…")
                return of_answer(operation, response.status_code, response.headers, text, now=self._clock.now())
        except (requests.RequestException, HTTPError) as error:
            return of_trouble(error)

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


def _proxies(marketplace: Marketplace) -> dict[str, str]:
    return {} if marketplace.proxy is None else dict.fromkeys(("http", "https"), marketplace.proxy.reveal())


class _Route(NamedTuple):
    method: str
    url: str
    may_be_post: bool = False
    note: str = ""
    """What somebody who looks at the message should know."""
