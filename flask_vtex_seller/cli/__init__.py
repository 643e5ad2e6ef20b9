"""`flask vtex-seller …`: what a shop's people ask of the extension on the command line."""

from importlib import import_module
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

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

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (DBAPIError, PoolTimeout) as error:
            # Without its words, which quote the statement.
            raise click.ClickException(
                f"the database failed ({type(error).__name__}): is it there, and has it the extension's tables? "
                "The shop's migrations make them, or `flask vtex-seller create-tables`"
            ) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f".{_COMMANDS[cmd_name]}", __name__)
        commands = (found for found in vars(module).values() if isinstance(found, click.Command))
        return next(found for found in commands if found.name == cmd_name)


vtex_seller_cli = _Commands("vtex-seller", help="Sell on VTEX marketplaces.")
