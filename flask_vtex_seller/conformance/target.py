"""Who is judged: anything that answers HTTP."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Protocol

import requests
from flask import Flask
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from . import trouble

CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS = 5.0, 15.0, 30.0
MAX_ANSWER_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    body: bytes = b""


class Unreachable(Exception):
    """No answer came; the message says why, without the address's query."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Target(Protocol):
    """Takes a marketplace's calls."""

    def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Make one call and return its answer, whatever its status; never follow a redirect.

        Args:
            path: with its query, below the host; percent-encoded.

        Raises:
            Unreachable: there is no answer.
        """


class AppTarget:
    """A Flask application in this process, called without a network.

    Args:
        base_url: the address that the application believes to be called at; https, for it may redirect anything else.
        source: the address that it believes to be called from.
    """

    def __init__(self, app: Flask, base_url: str | None = None, *, source: str = "127.0.0.1") -> None:
        self._app = app
        self._source = source
        self._base_url = base_url or f"https://{_own_host(app)}"

    def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """See `Target`; an exception that leaves the application is no answer."""
        path, _, query = path.partition("?")
        try:
            with self._app.test_client(use_cookies=False) as client:
                response = client.open(
                    path,
                    method=method,
                    data=body,
                    headers=dict(headers),
                    query_string=query,
                    base_url=self._base_url,
                    environ_overrides={"REMOTE_ADDR": self._source},
                )
                content = response.get_data()
        except Exception as error:
            raise Unreachable(f"the application raised {type(error).__name__}") from error
        named = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=response.status_code, headers=named, body=content)


def _own_host(app: Flask) -> str:
    trusted = [host.lstrip(".") for host in app.config.get("TRUSTED_HOSTS") or ()]
    return str(app.config["SERVER_NAME"] or (trusted or ["localhost"])[0])


class UrlTarget:
    """A shop at an address.

    Without proxies, cookies, `.netrc` or retries: what the shop gets is what a check sends, once.

    Args:
        origin: scheme, host and port, such as `https://shop.example`.
        timeout: seconds to connect, and seconds of silence; both finite.
        patience: seconds that a body which drips is waited for.
        verify: False trusts any certificate, or the path of the certificates to trust.
    """

    def __init__(
        self,
        origin: str,
        *,
        timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
        patience: float = TOTAL_SECONDS,
        verify: bool | str = True,
    ) -> None:
        self._origin = origin.rstrip("/")
        self._timeout = timeout
        self._patience = patience
        self._verify = verify
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["User-Agent"] = "flask-vtex-seller-conformance"
        self._session.cookies.set_policy(_NoCookies())
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=0))

    def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """See `Target`; a certificate that cannot be trusted is no answer."""
        try:
            with self._session.request(
                method,
                f"{self._origin}{path}",
                data=body,
                headers=dict(headers),
                timeout=self._timeout,
                allow_redirects=False,
                verify=self._verify,
                stream=True,
            ) as response:
                content = _read(response, self._patience)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            raise Unreachable(trouble.reason(error)) from None  # its words hold the address, and that holds the token
        named = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=response.status_code, headers=named, body=content)


def _read(response: requests.Response, patience: float) -> bytes:
    """Return the body; one without an end is cut off."""
    content, end = bytearray(), time.monotonic() + patience
    while len(content) < MAX_ANSWER_BYTES:
        chunk = response.raw.read1(64 * 1024, decode_content=True)
        if not chunk:
            break
        content += chunk
        if time.monotonic() > end:
            raise requests.ReadTimeout
    return bytes(content)


class _NoCookies(DefaultCookiePolicy):
    """Each call of a marketplace stands alone."""

    def set_ok(self, cookie: object, request: object) -> bool:
        return False
