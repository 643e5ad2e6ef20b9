"""How delivering goes, for a monitor: one route with a token of its own, and no route without one."""

import hmac
from typing import Any

from flask import Response, request

from ..errors import NotFound, Unauthorized
from ..outbox.health import Backlog, Health, Level
from ..state import current_state
from .problems import json_response

PATH = "/-/health"
_BEARER = "Bearer "


def health() -> Response:
    """Health: 200 while messages get through, 503 when nothing does."""
    _require_token()
    found = current_state().drain.health()
    response = json_response(_written(found))
    response.status_code = 503 if found.level is Level.FAIL else 200
    return response


def _require_token() -> None:
    token = current_state().settings.health_token
    if token is None:
        raise NotFound("no such path")
    authorization = request.headers.get("Authorization", "")
    sent = authorization.removeprefix(_BEARER) if authorization.startswith(_BEARER) else request.args.get("token", "")
    if not hmac.compare_digest(sent.encode("utf-8", "surrogatepass"), token.reveal().encode()):
        raise Unauthorized("a valid token is needed")


def _written(found: Health) -> dict[str, Any]:
    return {
        "status": found.level.value,
        "at": found.at.isoformat(),
        "problems": list(found.problems),
        "lastDrain": None if found.last_drain is None else found.last_drain.at.isoformat(),
        "marketplaces": {name: _backlog(backlog) for name, backlog in found.backlogs.items()},
    }


def _backlog(backlog: Backlog) -> dict[str, Any]:
    return {
        "pending": backlog.pending,
        "held": backlog.held,
        "dead": backlog.dead,
        "dueSince": None if backlog.due_since is None else backlog.due_since.isoformat(),
        "hostsLeftAlone": list(backlog.broken),
        "paused": backlog.paused,
    }
