"""How delivering and simulations go, for a monitor: one route with a token of its own, and no route without one."""

import os
from typing import Any

from flask import Response, request

from ..errors import NotFound
from ..outbox.health import Backlog, Health, Level
from ..outbox.roles import Runner
from ..simulation.health import SimulationHealth
from ..state import current_state
from .auth import require_token
from .problems import json_response
from .query import find

PATH = "/-/health"
_BEARER = "Bearer "


def health() -> Response:
    """Health: 200 while messages and simulations get through, 503 when nothing does."""
    _require_health_token()
    state = current_state()
    found, simulations = state.drain.health(), state.simulation_health()
    level = Level.worst(found.level, simulations.level)
    return json_response(_written(found, simulations, level), 503 if level is Level.FAIL else 200)


def _require_health_token() -> None:
    state = current_state()
    token = state.settings.health_token
    if token is None:
        raise NotFound("no such path")
    authorization = request.headers.get("Authorization", "")
    is_bearer, query = authorization.startswith(_BEARER), request.query_string
    sent = authorization.removeprefix(_BEARER) if is_bearer else find(query, "token")
    require_token(request, [sent], [token], state.failures, door=PATH)


def _written(found: Health, simulations: SimulationHealth, level: Level) -> dict[str, Any]:
    return {
        "status": level.value,
        "at": found.at.isoformat(),
        "problems": [*found.problems, *simulations.problems],
        "lastDrain": None if found.last_drain is None else found.last_drain.at.isoformat(),
        "leader": None if found.leader is None else _leader(found.leader),
        "marketplaces": {name: _backlog(backlog) for name, backlog in found.backlogs.items()},
        "simulations": write_simulations(simulations),
    }


def write_simulations(found: SimulationHealth) -> dict[str, Any]:
    """Return how simulations go in this process, as the route says it."""
    counts = found.counts
    return {
        "status": found.level.value,
        "process": os.getpid(),
        "answered": counts.answered,
        "hookSeconds": round(counts.hook_seconds, 6),
        "slowestHookSeconds": round(counts.slowest_seconds, 6),
        "late": counts.late,
        "saturated": counts.saturated,
        "stale": counts.stale,
        "threads": found.threads,
        "hanging": list(found.hanging),
        "problems": list(found.problems),
    }


def _leader(leader: Runner) -> dict[str, Any]:
    return {"process": leader.process, "until": leader.at.isoformat()}


def _backlog(backlog: Backlog) -> dict[str, Any]:
    return {
        "pending": backlog.pending,
        "held": backlog.held,
        "dead": backlog.dead,
        "dueSince": None if backlog.due_since is None else backlog.due_since.isoformat(),
        "hostsLeftAlone": backlog.left_alone,
        "paused": backlog.paused,
    }
