"""Who may call: the marketplace that shows one of its inbound tokens.

Source: VTEX's published connectors register `…?token=SECRET` as fulfillment endpoint; the order placement documents
`Authorization: VTEX key="…" token="…"` and the header pair `X-VTEX-API-AppKey` / `X-VTEX-API-AppToken`.
"""

import hmac
import re
from collections.abc import Iterator

from flask import Request

from ..config import Marketplace
from ..errors import Unauthorized

_VTEX_TOKEN = re.compile(r'\btoken=(?:"([^"]*)"|([^",\s]+))', re.IGNORECASE)
_MAX_CANDIDATES = 8


def require_token(request: Request, marketplace: Marketplace) -> None:
    """Let the call pass if any live token of the marketplace came with it.

    Takes the same time whichever token is right; never reads the body.

    Raises:
        Unauthorized: otherwise, and always for a marketplace without tokens.
    """
    live = [token.reveal().encode() for token in marketplace.inbound_tokens]
    matches = [
        hmac.compare_digest(candidate.encode("utf-8", "surrogatepass"), token)
        for candidate in [*_candidates(request)][:_MAX_CANDIDATES]
        for token in live
    ]
    if not any(matches):
        raise Unauthorized("a valid token is needed")


def _candidates(request: Request) -> Iterator[str]:
    yield from request.args.getlist("token")
    authorization = request.headers.get("Authorization", "")
    if authorization[:5].upper() == "VTEX ":
        yield from ("".join(forms) for forms in _VTEX_TOKEN.findall(authorization))
    if app_token := request.headers.get("X-VTEX-API-AppToken"):
        yield app_token
