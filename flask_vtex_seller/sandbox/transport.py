"""One HTTP call to the seller: what comes back is an Answer, whatever happens on the way."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from .answer import Answer, read_json
from .endpoint import FulfillmentEndpoint

LARGEST_ANSWER_BYTES = 1024 * 1024
HEADERS_OF_INTEREST = ("content-type", "content-length", "location", "x-vtex-error-code", "x-vtex-error-message")
_PIECE_BYTES = 64 * 1024


class _TooLate(Exception):
    """The time limit of the whole call ran out between two pieces of the answer."""


class _TooLarge(Exception):
    """The answer is longer than anything the protocol has use for."""


class Transport:
    """Calls one seller.

    Safe to share between threads: nothing but the connection pool is shared, since cookies are refused. Redirects are
    not followed and the environment (proxies, .netrc) is not consulted, so that a call goes where the endpoint says.

    Args:
        timer: seconds on a clock that never goes back.
    """

    def __init__(self, endpoint: FulfillmentEndpoint, *, timer: Callable[[], float] = time.monotonic) -> None:
        self._endpoint = endpoint
        self._timer = timer
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._session.close()

    def post(self, path: str, body: Any, *, timeout_seconds: float) -> Answer:
        """Send a JSON body and return the answer; a call that fails is an answer with a `failure`.

        Args:
            timeout_seconds: for the whole call, from connecting to the last byte.
        """
        started = self._timer()
        deadline = started + timeout_seconds
        try:
            status, headers, raw = self._exchange(path, body, timeout_seconds, deadline)
        except (requests.Timeout, _TooLate):
            return self._failed(started, f"timed out after {timeout_seconds:g} s", timed_out=True)
        except _TooLarge:
            return self._failed(started, f"the answer is longer than {LARGEST_ANSWER_BYTES} bytes")
        except requests.ConnectionError:
            return self._failed(started, "the seller could not be reached, or hung up")
        except (requests.RequestException, HTTPError, UnicodeError) as error:
            # the message of the error would repeat the address, and with it the secret
            return self._failed(started, f"the call broke off ({type(error).__name__})")
        return self._answer(started, status, headers, raw)

    def _exchange(self, path: str, body: Any, timeout: float, deadline: float) -> tuple[int, dict[str, str], bytes]:
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json; charset=utf-8",
            "x-vtex-operation-id": str(uuid.uuid4()),
        }
        content = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        with self._session.post(
            self._endpoint.url(path),
            data=content,
            headers=headers,
            timeout=timeout,
            allow_redirects=False,
            # the body is read piecewise: the library's own timeout starts anew with every byte that trickles in
            stream=True,
        ) as response:
            return response.status_code, _interesting(response), self._read(response, deadline)

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        pieces = bytearray()
        try:
            while piece := response.raw.read1(_PIECE_BYTES, decode_content=True):
                pieces += piece
                if len(pieces) > LARGEST_ANSWER_BYTES:
                    raise _TooLarge
                if self._timer() > deadline:
                    raise _TooLate
        except ReadTimeoutError as error:
            raise _TooLate from error
        return bytes(pieces)

    def _answer(self, started: float, status: int, headers: dict[str, str], raw: bytes) -> Answer:
        duration_ms = self._since(started)
        try:
            text, readable = raw.decode("utf-8"), True
        except UnicodeDecodeError:
            text, readable = raw.decode("utf-8", errors="replace"), False
        shown = self._endpoint.mask(text)
        shown_headers = {name: self._endpoint.mask(value) for name, value in headers.items()}
        is_json, body = read_json(shown) if readable else (False, None)
        return Answer(
            status=status,
            headers=shown_headers,
            text=shown,
            body=body,
            is_json=is_json,
            duration_ms=duration_ms,
            leaks_secret=shown != text or shown_headers != headers,
        )

    def _failed(self, started: float, failure: str, *, timed_out: bool = False) -> Answer:
        return Answer(failure=failure, duration_ms=self._since(started), timed_out=timed_out)

    def _since(self, started: float) -> int:
        return round((self._timer() - started) * 1000)


def _interesting(response: requests.Response) -> dict[str, str]:
    return {name: response.headers[name] for name in HEADERS_OF_INTEREST if name in response.headers}
