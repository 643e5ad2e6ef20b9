"""`flask vtex-seller worker`: what keeps the marketplaces informed."""

import click
from flask import current_app
from flask.cli import with_appcontext

from ..errors import ConfigurationError
from ..runners.scheduler import run_worker


@click.command("worker")
@with_appcontext
def worker() -> None:
    """Deliver the messages to the marketplaces, until SIGTERM."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    try:
        run_worker(app)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
