"""Who may call: the marketplace that shows one of its inbound tokens, from where it may.

Source: VTEX's published connectors register `…?token=SECRET` as fulfillment endpoint; the order placement documents
`Authorization: VTEX key="…" token="…"` and the header pair `X-VTEX-API-AppKey` / `X-VTEX-API-AppToken`.
"""

import hmac
import math
import re
from collections.abc import Collection, Iterable

from flask import Request

from ..config import Marketplace, Secret
from ..errors import AddressNotAllowed, TooManyFailures, Unauthorized
from ..sources import FailureLimit, is_inside
from .query import MAX_TOKENS, Query, read_query

_VTEX_TOKEN = re.compile(r'\btoken=(?:"([^"]*)"|([^",\s]+))', re.IGNORECASE)


def require_marketplace(request: Request, marketplace: Marketplace, failures: FailureLimit) -> Query:
    """Let the call pass if it comes from where the marketplace may call and any live token of it came along.

    Never reads the body; returns the query, for it is read here.

    Raises:
        AddressNotAllowed: the marketplace has `inbound_addresses`, and the call's is none of them.
        TooManyFailures, Unauthorized: see `require_token`; Unauthorized always for a marketplace without tokens.
    """
    if marketplace.inbound_addresses and not is_inside(request.remote_addr, marketplace.inbound_addresses):
        raise AddressNotAllowed("calls from this address are not answered")
    query = read_query(request.query_string)
    require_token(request, _sent(request, query), marketplace.inbound_tokens, failures, door=marketplace.name)
    return query


def require_token(
    request: Request, sent: Iterable[str], live: Collection[Secret], failures: FailureLimit, *, door: str
) -> None:
    """Let the call pass if one of the texts that came with it is a live token.

    Args:
        door: what the token opens; failures at one count for no other.

    Raises:
        Unauthorized: none is.
        TooManyFailures: too many calls from the same source showed none; this one is not looked at.
    """
    if wait := failures.wait(request.remote_addr, door):
        raise TooManyFailures("too many calls without a valid token", retry_after=math.ceil(wait))
    if not is_token(sent, live):
        failures.note(request.remote_addr, door)
        raise Unauthorized("a valid token is needed")


def is_token(sent: Iterable[str], live: Collection[Secret]) -> bool:
    """Tell whether one of the texts is a live token; takes the same time however much of it is right, and whichever."""
    matches = [
        hmac.compare_digest(text.encode("utf-8", "surrogatepass"), token.reveal().encode())
        for text in sent
        for token in live
    ]
    return any(matches)


def _sent(request: Request, query: Query) -> list[str]:
    """Return all that came with the call in a token's places."""
    header, sent = request.environ.get, [*query.tokens]
    authorization = header("HTTP_AUTHORIZATION", "")
    if authorization[:5].upper() == "VTEX ":
        sent += ["".join(forms) for forms in _VTEX_TOKEN.findall(authorization)]
    if app_token := header("HTTP_X_VTEX_API_APPTOKEN"):
        sent.append(app_token)
    return sent[:MAX_TOKENS]
