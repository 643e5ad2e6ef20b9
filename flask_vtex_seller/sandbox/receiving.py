"""The addresses a seller calls.

Served with the sandbox's own API and page, on the same host; the paths are the ones of the protocol, so that the host
is all a seller has to change. Which path means what stands in `contracts`, where it is matched undecoded: a SKU id with
a slash is one segment.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import quote, urlsplit

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from .inbox import Inbox
from .incoming import Arrived
from .reply import Reply

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
PREFIXES = (
    "/api/catalog_system/",
    "/api/sku-binding/",
    "/api/notificator/",
    "/api/delivery-promises/",
    "/api/oms/",
    "/api/order-system/",
    "/suggestions/",
    "/pvt/",
)


def make_blueprint(find_inbox: Callable[[], Inbox]) -> Blueprint:
    """Return the routes; `find_inbox` finds out who takes the calls."""
    blueprint = Blueprint("receiving", __name__)

    def receive(rest: str) -> ResponseReturnValue:
        """Let the marketplace answer a call of its seller."""
        inbox = find_inbox()
        delivery = inbox.receive(_arrived())
        inbox.pause(delivery.delay_seconds)
        return _response(delivery.reply)

    for prefix in PREFIXES:
        rule = f"{prefix}<path:rest>"
        blueprint.add_url_rule(rule, endpoint="receive", view_func=receive, methods=METHODS, merge_slashes=False)
    return blueprint


def _arrived() -> Arrived:
    path, query = _request_target(request.environ)
    try:
        content: bytes | None = request.get_data()
    except RequestEntityTooLarge:
        content = None
    return Arrived(
        method=request.method,
        origin=request.host_url.rstrip("/"),
        path=path,
        query=query,
        accept=request.headers.get("Accept", ""),
        content_type=request.headers.get("Content-Type", ""),
        app_key=request.headers.get("X-VTEX-API-AppKey", ""),
        app_token=request.headers.get("X-VTEX-API-AppToken", ""),
        content=content,
    )


def _request_target(environ: dict[str, Any]) -> tuple[str, str]:
    """Return path and query as they came over the wire; a server that does not tell has decoded the path."""
    raw = environ.get("REQUEST_URI") or environ.get("RAW_URI")
    if not raw:
        return quote(environ.get("PATH_INFO", "").encode("latin-1")), environ.get("QUERY_STRING", "")
    parts = urlsplit(raw) if not raw.startswith("/") else None
    target = raw if parts is None else parts._replace(scheme="", netloc="").geturl()
    path, _, query = target.partition("?")
    return path, query


def _response(reply: Reply) -> Response:
    if reply.reset or reply.status is None:
        return Response(_Reset(request.environ.get("werkzeug.socket")))
    response = Response(reply.content, status=reply.status, content_type=reply.media_type)
    if reply.media_type is None:
        del response.headers["Content-Type"]
    response.headers.update(reply.headers)
    return response


class _Reset:
    """A body that resets the connection when the server asks for it, before anything of the answer has left.

    With a linger time of zero, closing a socket sends RST. Only werkzeug's own server hands out its socket; another
    server breaks the answer off in its own way. The error tells either that there is nothing to send.
    """

    def __init__(self, connection: socket.socket | None) -> None:
        self._connection = connection

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if self._connection is not None:
            # the socket is taken out of the server's hands, which would otherwise say goodbye properly
            with socket.socket(fileno=self._connection.detach()) as taken:
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionResetError("the connection was reset on demand")
