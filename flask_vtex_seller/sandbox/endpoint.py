"""The address under which a seller answers, and how to show it without its secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit, urlunsplit

MASK = "***"
#: Query parameters that only route a call; every other value is taken for a secret.
PUBLIC_PARAMETERS = frozenset({"an", "sc"})
#: Shorter values are masked in addresses but not searched for in answers, where they would match by accident.
SHORTEST_SECRET = 6


class FulfillmentEndpoint:
    """A seller's fulfillment endpoint: the base address of all its protocol routes.

    Extra parameters belong to the endpoint itself, so a protocol path goes in front of the query string.
    *Source:* external-seller-fulfillment OpenAPI, `servers`.

    Args:
        address: http or https, with a host; may carry a query string, which is sent as it is on every call.

    Raises:
        ValueError: the address cannot be called. The message does not repeat it, since it may hold a secret.
    """

    def __init__(self, address: str) -> None:
        try:
            self._parts = urlsplit(address.strip())
            self._host = self._parts.hostname or ""
            self._port = self._parts.port
        except ValueError as error:
            raise ValueError("the fulfillment endpoint is not a valid URL") from error
        if self._parts.scheme not in {"http", "https"} or not self._host:
            raise ValueError("the fulfillment endpoint must be an http:// or https:// URL with a host")
        if self._parts.fragment:
            raise ValueError("the fulfillment endpoint must not have a #fragment, which is never sent")
        self._secrets = self._find_secrets()

    def url(self, path: str) -> str:
        """Return the address to call for a protocol path such as `/pvt/orders`."""
        return urlunsplit(self._parts._replace(path=self._parts.path.rstrip("/") + path))

    def shown(self, path: str = "") -> str:
        """Return the same address with every secret masked, for people and logs."""
        query = shown_query(self._parts.query)
        host = f"[{self._host}]" if ":" in self._host else self._host
        netloc = host if self._port is None else f"{host}:{self._port}"
        if "@" in self._parts.netloc:
            netloc = f"{MASK}@{netloc}"
        whole_path = self._parts.path.rstrip("/") + path
        return urlunsplit(self._parts._replace(netloc=netloc, path=whole_path, query=query))

    @property
    def secrets(self) -> list[re.Pattern[str]]:
        """What finds the secrets of this endpoint in a text."""
        return list(self._secrets)

    def mask(self, text: str) -> str:
        """Return the text with every occurrence of a secret of this endpoint masked."""
        return masked(text, self._secrets)

    def __repr__(self) -> str:
        return f"FulfillmentEndpoint({self.shown()!r})"

    def _find_secrets(self) -> list[re.Pattern[str]]:
        values = {value for name, value in parse_qsl(self._parts.query) if name not in PUBLIC_PARAMETERS}
        values |= {unquote_plus(piece) for piece in self._parts.query.split("&") if "=" not in piece}
        values |= {unquote(value) for value in (self._parts.username, self._parts.password) if value}
        return find_spellings(values)


def find_spellings(secrets: Iterable[str]) -> list[re.Pattern[str]]:
    """Return what finds these secrets in a text, however they are spelt; the ones too short to tell are left out."""
    long_first = sorted(secrets, key=len, reverse=True)
    return [_any_spelling(secret) for secret in long_first if len(secret) >= SHORTEST_SECRET]


def masked(text: str, secrets: Iterable[re.Pattern[str]]) -> str:
    """Return the text with every occurrence of a secret masked."""
    for secret in secrets:
        text = secret.sub(MASK, text)
    return text


def shown_query(query: str) -> str:
    """Return a query string with every value masked that may be a secret."""
    return "&".join(_shown_parameter(piece) for piece in query.split("&"))


def _any_spelling(secret: str) -> re.Pattern[str]:
    """Match a secret as it is, and as addresses, JSON strings and header lines would quote it, even in part."""
    return re.compile("".join(f"(?:{'|'.join(_spellings(character))})" for character in secret))


def _spellings(character: str) -> list[str]:
    raw = character.encode("utf-8", errors="replace")
    found = [
        re.escape(character),
        # percent-encoded, in either case of its digits
        "".join(f"%(?i:{byte:02x})" for byte in raw),
        # escaped in JSON
        re.escape(json.dumps(character)[1:-1]),
        rf"\\u(?i:{ord(character):04x})",
        # the bytes of a header line, which are read as Latin-1
        re.escape(raw.decode("latin-1")),
    ]
    return [*found, r"\+"] if character == " " else found


def _shown_parameter(piece: str) -> str:
    name, separator, value = piece.partition("=")
    if not separator:
        # a bare word may be the secret itself: `?SECRET`
        return MASK if piece else ""
    return piece if not value or unquote_plus(name) in PUBLIC_PARAMETERS else f"{name}={MASK}"
