"""`flask vtex-seller …`: what a shop's people ask of the extension on the command line."""

from flask.cli import AppGroup

from .check import check
from .mounting import create_tables, openapi, urls
from .orders import orders_cli
from .outbox import outbox_cli
from .running import sync, worker

vtex_seller_cli = AppGroup("vtex-seller", help="Sell on VTEX marketplaces.")
for command in (urls, openapi, check, create_tables, worker, sync, orders_cli, outbox_cli):
    vtex_seller_cli.add_command(command)
