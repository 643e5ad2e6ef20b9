"""`flask vtex-seller …`: what a shop's people ask of the extension on the command line."""

from importlib import import_module

import click
from flask.cli import AppGroup

_COMMANDS = {
    "urls": "mounting",
    "openapi": "mounting",
    "check": "check",
    "create-tables": "mounting",
    "worker": "running",
    "status": "status",
    "sync": "sync",
    "catalog": "catalog",
    "orders": "orders",
    "outbox": "outbox",
    "purge": "personal",
    "forget": "personal",
    "rotate-keys": "personal",
}
"""The module of each command."""


class _Commands(AppGroup):
    """Imports a command when it is asked for: every process of a shop imports this package, few of them run one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f".{_COMMANDS[cmd_name]}", __name__)
        commands = (found for found in vars(module).values() if isinstance(found, click.Command))
        return next(found for found in commands if found.name == cmd_name)


vtex_seller_cli = _Commands("vtex-seller", help="Sell on VTEX marketplaces.")
