"""The shop's own commands."""

import click
from flask import Flask
from flask.cli import with_appcontext

from . import seed
from .catalog.service import count


@click.command("seed")
@with_appcontext
def seed_command() -> None:
    """Create or update the tables and add the products that are missing."""
    added = seed.prepare()
    click.echo(f"{added} products added, {count()} in the shop.")


def register(app: Flask) -> None:
    """Add the commands to `flask --app example_shop`."""
    app.cli.add_command(seed_command)
