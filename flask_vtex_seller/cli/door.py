"""Whether a marketplace's calls reach the extension, and what stands in their way if not."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

from ..config import Marketplace
from ..conformance import Answer, Target
from ..conformance.endpoint import mask_query
from ..errors import AddressNotAllowed, NotFound, TooManyFailures, Unauthorized

SIMULATION = "/pvt/orderForms/simulation"
_HEADERS = {"accept": "application/json", "content-type": "application/json"}
_ERROR_CODE = "x-vtex-error-code"
_SHOWN = 200
_EXEMPT = "let requests through whose request.blueprint is 'vtex_seller'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """The address at which one marketplace calls the shop."""

    target: Target
    origin: str
    """Scheme, host and port."""
    base: str
    """The path below which the shop is mounted; empty for none."""
    prefix: str
    """VTEX_SELLER_URL_PREFIX."""
    marketplace: Marketplace
    inside: bool
    """Whether the shop is called in this process: then no proxy is in between."""
    has_csrf: bool
    """Whether the shop uses Flask-WTF's CSRF protection."""
    root: str = ""
    """APPLICATION_ROOT, if it is set."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """Return the tokens that the marketplace may show."""
        return tuple(token.reveal() for token in self.marketplace.inbound_tokens)

    @property
    def name(self) -> str:
        """Return the marketplace's name."""
        return self.marketplace.name

    @property
    def path(self) -> str:
        """Return the endpoint's path."""
        return f"{self.base}{self.prefix}/{self.name}"

    @property
    def endpoint(self) -> str:
        """Return the path with the first token; there must be one."""
        return f"{self.path}?token={quote(self.tokens[0], safe='')}"

    @property
    def shown(self) -> str:
        """Return the address of the call that is tried, for people."""
        return f"{'' if self.inside else self.origin}{self.path}{SIMULATION}"

    def obstacle(self) -> str | None:
        """Return what keeps calls from the extension, in one line; None if nothing does.

        Raises:
            Unreachable: nobody answers.
        """
        # Without a token our own refusal must come back, whatever else the shop has in front.
        answer = self._ask(self.path)
        if not _is_our_refusal(answer):
            return f"{self.shown} is answered by {self._who} with {_what(answer)}, {self._remedy(answer)}"
        return next(filter(None, map(self._token_obstacle, range(len(self.tokens)))), None)

    @property
    def _who(self) -> str:
        return "the shop" if self.inside else "the shop or a proxy"

    def _ask(self, path: str, token: str | None = None, header: str | None = None) -> Answer:
        query = "" if token is None else f"?token={quote(token, safe='')}"
        headers = _HEADERS if header is None else {**_HEADERS, "X-VTEX-API-AppToken": header}
        return self.target.send("POST", f"{path}{SIMULATION}{query}", b"{}", headers)

    def _token_obstacle(self, number: int) -> str | None:
        token = self.tokens[number]
        answer = self._ask(self.path, token)
        if _ERROR_CODE not in answer.headers:
            return f"{self.shown} is answered by {self._who} with {_what(answer)} as soon as it carries a token"
        if answer.status != 401:
            return None
        if not (token.isascii() and token.isprintable()) or self._ask(self.path, header=token).status == 401:
            return f"{self.shown} refuses token {number + 1} of {self.name}: there, other inbound_tokens are configured"
        return f"{self.shown} is called without its query: a proxy drops it, and the token with it"

    def _remedy(self, answer: Answer) -> str:
        code = answer.headers.get(_ERROR_CODE, "")
        if code == AddressNotAllowed.code:
            return f"by the extension: inbound_addresses of {self.name} leave out the address that you call from"
        if code == TooManyFailures.code:
            return "by the extension: too many calls of yours had no valid token; wait for a minute"
        if code == NotFound.code:
            return f"by the extension: no marketplace {self.name} is configured there, or a proxy changes the path"
        return f"before the extension: {self._way_through(answer)}"

    def _way_through(self, answer: Answer) -> str:
        if 300 <= answer.status < 400:
            return self._way_round(answer)
        if answer.status == 400 and self.has_csrf:
            return "csrf.exempt(seller.blueprint)"
        if answer.status in (502, 503, 504):
            return "the proxy does not reach the shop, or the shop is down"
        if "www-authenticate" in answer.headers:
            return "let marketplaces in without that password: their token is their password"
        if not self.inside and answer.status in (200, 404, 405) and (place := self._elsewhere()):
            return place
        if not self.inside and answer.status == 404:
            return "the extension is not there: is it deployed, and below that path?"
        return _EXEMPT

    def _way_round(self, answer: Answer) -> str:
        """Say where a redirect leads; marketplaces follow none."""
        here = urlsplit(f"{self.origin}{self.path}{SIMULATION}")
        there = urlsplit(urljoin(here.geturl(), answer.headers.get("location", "")))
        origin, path = f"{there.scheme}://{there.netloc}", there.path
        if path.endswith(f"{self.prefix}/{self.name}{SIMULATION}") and (origin, path) != (
            self.origin,
            here.path,
        ):
            base = path.removesuffix(f"{self.prefix}/{self.name}{SIMULATION}")
            return f"marketplaces follow no redirect: use --url {origin}{base}"
        if _pieces(path) == _pieces(here.path):
            return "a slash more or less is a redirect there, and marketplaces follow none"
        return _EXEMPT

    def _elsewhere(self) -> str | None:
        for base, prefix in self._places():
            path = f"{base}{prefix}/{self.name}"
            if not _is_our_refusal(self._ask(path)):
                continue
            if prefix == self.prefix:
                return f"the shop is mounted below {base or '/'}: use --url {self.origin}{base}"
            added = self.prefix.removesuffix(prefix)
            return f"a proxy adds {added} to paths: the endpoint is {self.origin}{path}"
        return None

    def _places(self) -> Iterator[tuple[str, str]]:
        """Yield where the extension may be instead: below another path, or behind a proxy that changes paths."""
        pieces = _pieces(self.prefix)
        heads = ["/" + "/".join(pieces[:count]) for count in range(1, len(pieces) + 1)]
        for base in dict.fromkeys([self.root, "", *heads, *(f"{self.base}{head}" for head in heads)]):
            if base != self.base:
                yield base, self.prefix
        for count in range(1, len(pieces) + 1):
            yield self.base, "".join(f"/{piece}" for piece in pieces[count:])


def _is_our_refusal(answer: Answer) -> bool:
    return answer.status == 401 and answer.headers.get(_ERROR_CODE) == Unauthorized.code


def _pieces(path: str) -> list[str]:
    return [piece for piece in path.split("/") if piece]


def _what(answer: Answer) -> str:
    if location := answer.headers.get("location"):
        return f"{answer.status} to {mask_query(location)[:_SHOWN]}"
    is_page = "html" in answer.headers.get("content-type", "") or answer.body.lstrip()[:1] == b"<"
    return f"{answer.status} and a web page" if is_page else str(answer.status)
