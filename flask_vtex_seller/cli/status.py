"""`flask vtex-seller status`: how delivering goes, for people and for a monitor."""

from datetime import datetime, timedelta

import click
from flask.cli import with_appcontext

from ..outbox.health import Backlog, Health, Level
from ..outbox.roles import Runner
from ..state import current_state


@click.command("status")
@with_appcontext
def status() -> None:
    """Show what waits, what is dead, which hosts are left alone, and who delivers; fails when nothing gets through."""
    health = current_state().drain.health()
    row = "{:<24} {:>8} {:>6} {:>6}  {:<18} {}".format
    click.echo(row("MARKETPLACE", "PENDING", "HELD", "DEAD", "DUE FOR", "HOSTS"))
    for name, backlog in health.backlogs.items():
        due = _since(backlog.due_since, health)
        click.echo(row(name, backlog.pending, backlog.held, backlog.dead, due, _hosts(backlog)))
    click.echo(f"last drain   {_runner(health.last_drain, health)}")
    if health.leader is not None:
        click.echo(f"leader       {health.leader.process}, until {health.leader.at:%Y-%m-%d %H:%M:%S} UTC")
    for problem in health.problems:
        click.echo(f"✗ {problem}")
    if health.level is Level.FAIL:
        raise SystemExit(1)


def _since(moment: datetime | None, health: Health) -> str:
    return "-" if moment is None else _words(health.at - moment)


def _runner(runner: Runner | None, health: Health) -> str:
    return "never" if runner is None else f"{_words(health.at - runner.at)} ago, by {runner.process}"


def _hosts(backlog: Backlog) -> str:
    left_alone = [f"{host} left alone" for host in backlog.broken]
    return ", ".join([*(["paused"] if backlog.paused else []), *left_alone]) or "-"


def _words(span: timedelta) -> str:
    return str(timedelta(seconds=max(0, int(span.total_seconds()))))
