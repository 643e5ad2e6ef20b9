"""`flask vtex-seller status`: how delivering and simulations go, for people and for a monitor."""

import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import click
from flask.cli import with_appcontext

from ..conformance import Unreachable, UrlTarget
from ..outbox.health import Backlog, Health, Level
from ..outbox.roles import Runner
from ..state import State, current_state
from ..web.health import PATH, write_simulations
from .address import address


@click.command("status")
@click.option("--url", callback=address, help="Ask the shop that runs there how its simulations go.")
@with_appcontext
def status(url: str | None) -> None:
    """Show what waits, what is dead, which hosts are left alone, who delivers, and how simulations go.

    Fails when nothing gets through.
    """
    state = current_state()
    health = state.drain.health()
    row = "{:<24} {:>8} {:>6} {:>6}  {:<18} {}".format
    click.echo(row("MARKETPLACE", "PENDING", "HELD", "DEAD", "DUE FOR", "HOSTS"))
    for name, backlog in health.backlogs.items():
        due = _since(backlog.due_since, health)
        click.echo(row(name, backlog.pending, backlog.held, backlog.dead, due, _hosts(backlog)))
    click.echo(f"last drain   {_runner(health.last_drain, health)}")
    if health.leader is not None:
        click.echo(f"leader       {health.leader.process}, until {health.leader.at:%Y-%m-%d %H:%M:%S} UTC")
    simulations = write_simulations(state.simulation_health()) if url is None else _asked(state, url)
    click.echo(f"simulations  {_simulations(simulations)}")
    for problem in (*health.problems, *simulations["problems"]):
        click.echo(f"✗ {problem}")
    if Level.worst(health.level, Level(simulations["status"])) is Level.FAIL:
        raise SystemExit(1)


def _asked(state: State, url: str) -> dict[str, Any]:
    """Return what a running shop's health route says of the simulations in the process that answers."""
    token, parts = state.settings.health_token, urlsplit(url)
    if token is None:
        raise click.ClickException("--url asks the health route, which needs VTEX_SELLER_HEALTH_TOKEN")
    headers = {"authorization": f"Bearer {token.reveal()}", "accept": "application/json"}
    path = f"{parts.path.removesuffix(state.settings.url_prefix)}{state.settings.url_prefix}{PATH}"
    try:
        answer = UrlTarget(f"{parts.scheme}://{parts.netloc}").send("GET", path, b"", headers)
        simulations: dict[str, Any] = json.loads(answer.body)["simulations"]
        Level(simulations["status"])
        return {"problems": [], **simulations}
    except Unreachable as error:
        raise click.ClickException(f"{url} gives no answer: {error.reason}") from None
    except (ValueError, TypeError, KeyError):
        raise click.ClickException(f"{url} has no health route for this token: {answer.status}") from None


def _simulations(said: dict[str, Any]) -> str:
    if not said["answered"] and not said["late"] and not said["saturated"]:
        return f"none in process {said['process']}"
    mean = 1000 * said["hookSeconds"] / max(1, said["answered"])
    hooks = f"hooks {mean:.1f} ms on average, {1000 * said['slowestHookSeconds']:.1f} ms at most"
    counts = f"{said['answered']} answered, {said['late']} late, {said['saturated']} without a thread"
    threads = "" if said["threads"] is None else f", {len(said['hanging'])} of {said['threads']} threads hang"
    return f"{counts}, {said['stale']} from memory; {hooks}{threads}; in process {said['process']}"


def _since(moment: datetime | None, health: Health) -> str:
    return "-" if moment is None else _words(health.at - moment)


def _runner(runner: Runner | None, health: Health) -> str:
    return "never" if runner is None else f"{_words(health.at - runner.at)} ago, by {runner.process}"


def _hosts(backlog: Backlog) -> str:
    left_alone = [f"{host} left alone" for host in backlog.left_alone]
    return ", ".join([*(["paused"] if backlog.paused else []), *left_alone]) or "-"


def _words(span: timedelta) -> str:
    return str(timedelta(seconds=max(0, int(span.total_seconds()))))
