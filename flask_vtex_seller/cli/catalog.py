"""`flask vtex-seller catalog …`: what marketplaces make of the shop's SKUs."""

from importlib import import_module

import click
from flask.cli import AppGroup

_COMMANDS = {"adopt": "skus", "drift": "drift", "show": "skus", "status": "skus", "suggest": "skus"}
"""The module of each command."""


class _Catalog(AppGroup):
    """Imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        commands = vars(import_module(f"..{_COMMANDS[cmd_name]}", __name__)).values()
        return next(found for found in commands if isinstance(found, click.Command) and found.name == cmd_name)


catalog_cli = _Catalog("catalog", help="Look at what marketplaces make of the shop's SKUs.")
