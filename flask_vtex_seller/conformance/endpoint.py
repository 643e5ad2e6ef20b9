"""The address that a marketplace calls, and the secrets in it."""

from urllib.parse import parse_qsl, quote, quote_plus, unquote_plus, urlencode, urlsplit

_HARMLESS = frozenset({"an", "sc"})
_SHORTEST_SECRET = 4
_MASK = "…"


class Endpoint:
    """A fulfillment endpoint: `https://shop.example/api/vtex/acme?token=…`; scheme and host may be left out.

    Raises:
        ValueError: it is neither such an address nor a path.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname)
        if not whole and (parts.scheme or parts.netloc or not parts.path.startswith("/")):
            raise ValueError("the endpoint is neither an http address nor a path that begins with /")
        self.origin = f"{parts.scheme}://{parts.netloc}" if whole else ""
        self._path = parts.path.rstrip("/")
        self._query = parts.query

    @property
    def token(self) -> str | None:
        """Return the value of `token` in the query."""
        return dict(parse_qsl(self._query)).get("token")

    def at(self, path: str, *, extra: str = "", **changes: str | None) -> str:
        """Return the path and query of a call.

        Args:
            path: below the endpoint; it comes before the query.
            extra: what to append to the query as it is.
            changes: parameters to replace, or to leave out where None.
        """
        kept = [piece for piece in self._query.split("&") if unquote_plus(piece.partition("=")[0]) not in changes]
        added = urlencode({name: value for name, value in changes.items() if value is not None})
        query = "&".join(filter(None, [*kept, added])) if changes else self._query
        if extra:
            query = f"{query}&{extra}"
        return f"{self._path}{path}?{query}" if query else f"{self._path}{path}"

    def secrets(self) -> set[str]:
        """Return every value of the query that nobody else should read."""
        return {value for name, value in parse_qsl(self._query) if name not in _HARMLESS}


def mask(text: str, secrets: set[str]) -> str:
    """Return `text` without the secrets, however they are encoded."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            for form in (secret, quote(secret, safe=""), quote_plus(secret), quote(secret)):
                text = text.replace(form, _MASK)
    return text


def mask_query(path: str) -> str:
    """Return a path with the values of its query hidden, those that route a call aside."""
    bare, mark, query = path.partition("?")
    shown = []
    for piece in query.split("&"):
        name, equals, value = piece.partition("=")
        shown.append(f"{name}{equals}{value if unquote_plus(name) in _HARMLESS else value and _MASK}")
    return f"{bare}{mark}{'&'.join(shown)}"
