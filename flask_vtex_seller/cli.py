"""`flask vtex-seller …`: what a shop's people ask of the extension on the command line."""

from dataclasses import fields
from urllib.parse import quote

import click
from flask import Flask, current_app
from flask.cli import AppGroup
from sqlalchemy import inspect

from .config import Marketplace
from .errors import Unauthorized
from .orders.order import Order, OrderState
from .state import State, current_state

vtex_seller_cli = AppGroup("vtex-seller", help="Sell on VTEX marketplaces.")
orders_cli = AppGroup("orders", help="Look at the orders that marketplaces placed.")
vtex_seller_cli.add_command(orders_cli)

_PROBE = "/pvt/orderForms/simulation"


@vtex_seller_cli.command("urls")
@click.option("--base-url", default="https://shop.example", show_default=True, help="Where the shop can be reached.")
@click.option("--show-tokens", is_flag=True, help="Print the tokens, to copy the whole endpoint.")
def urls(base_url: str, show_tokens: bool) -> None:
    """Print the fulfillment endpoint to enter in each marketplace's seller form."""
    settings = current_state().settings
    if not settings.marketplaces:
        click.echo("No marketplace is configured: set VTEX_SELLER_MARKETPLACES.")
    for marketplace in settings.marketplaces.values():
        endpoint = f"{base_url.rstrip('/')}{settings.url_prefix}/{marketplace.name}"
        for token in marketplace.inbound_tokens or (None,):
            shown = "…" if token is None or not show_tokens else quote(token.reveal(), safe="")
            click.echo(f"{marketplace.name}: {endpoint}?token={shown}")


@vtex_seller_cli.command("check")
def check() -> None:
    """Check configuration, hooks, tables, and that nothing of the shop answers before the extension."""
    state, app = current_state(), current_app._get_current_object()  # type: ignore[attr-defined]
    complaints = [*_missing_hooks(state), *_missing_tables(state)]
    for marketplace in state.settings.marketplaces.values():
        complaints += _marketplace_complaints(app, state, marketplace)
    if not state.settings.marketplaces:
        complaints.append("no marketplace is configured: set VTEX_SELLER_MARKETPLACES")
    for complaint in complaints:
        click.echo(f"✗ {complaint}")
    if complaints:
        raise SystemExit(1)
    click.echo(f"✓ ready to sell on {', '.join(state.settings.marketplaces)}")


def _missing_hooks(state: State) -> list[str]:
    hooks = (getattr(state.hooks, field.name) for field in fields(state.hooks))
    return [f"no {hook.name} is registered" for hook in hooks if hook.required and not hook.registered]


def _missing_tables(state: State) -> list[str]:
    inspector = inspect(state.db.engine)
    missing = [table for table in state.tables.values() if not inspector.has_table(table.name, schema=table.schema)]
    remedy = "run the shop's migrations or `flask vtex-seller create-tables`"
    return [f"the database has no table {table.fullname}: {remedy}" for table in missing]


def _marketplace_complaints(app: Flask, state: State, marketplace: Marketplace) -> list[str]:
    complaints = []
    if not marketplace.inbound_tokens:
        complaints.append(f"{marketplace.name} has no inbound_tokens: every call of it is refused")
    # A call without a token must reach us: then our own refusal comes back, whatever else the shop has in front.
    path = f"{state.settings.url_prefix}/{marketplace.name}{_PROBE}"
    with app.test_client() as client:
        response = client.post(path, json={}, base_url=_own_address(app))
    if response.headers.get("x-vtex-error-code") != Unauthorized.code:
        remedy = "let requests through whose request.blueprint is 'vtex_seller'"
        if response.status_code == 400 and "csrf" in app.extensions:
            remedy = "csrf.exempt(seller.blueprint)"
        complaints.append(f"{path} is answered by the shop with {response.status_code}, before the extension: {remedy}")
    return complaints


def _own_address(app: Flask) -> str:
    """Return an address that the shop answers to: https, for it may redirect anything else."""
    trusted = [host.lstrip(".") for host in app.config.get("TRUSTED_HOSTS") or ()]
    return f"https://{app.config['SERVER_NAME'] or (trusted or ['localhost'])[0]}"


@vtex_seller_cli.command("create-tables")
def create_tables() -> None:
    """Create the extension's tables, for shops without migrations; existing ones stay as they are."""
    state = current_state()
    state.db.metadata.create_all(state.db.engine, tables=list(state.tables.values()))
    click.echo(f"Tables: {', '.join(table.fullname for table in state.tables.values())}")


@orders_cli.command("list")
@click.option("--marketplace", help="Only of this marketplace.")
@click.option("--state", type=click.Choice([state.value for state in OrderState]), help="Only in this state.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
def list_orders(marketplace: str | None, state: str | None, limit: int) -> None:
    """List orders, the newest first."""
    wanted = OrderState(state) if state else None
    orders = current_state().ledger.page(marketplace=marketplace, state=wanted, limit=limit)
    row = "{:<20} {:<24} {:<24} {:<12} {}".format
    click.echo(row("MARKETPLACE", "MARKETPLACE ORDER", "ORDER", "STATE", "CREATED"))
    for order in orders:
        created = order.created_at.isoformat(timespec="seconds")
        click.echo(
            row(order.marketplace, order.marketplace_order_id, order.order_id or "-", order.state.value, created)
        )


@orders_cli.command("show")
@click.argument("order_id")
@click.option("--marketplace", help="Only of this marketplace.")
def show_order(order_id: str, marketplace: str | None) -> None:
    """Show all that is known of the order with the shop's ORDER_ID."""
    orders = current_state().ledger.find(order_id, marketplace)
    if not orders:
        raise click.ClickException(f"no marketplace placed an order {order_id!r} here")
    for order in orders:
        for field in fields(Order):
            click.echo(f"{field.name:<30} {_shown(getattr(order, field.name))}")


def _shown(value: object) -> str:
    if isinstance(value, OrderState):
        return value.value
    return "-" if value is None or value == "" else str(getattr(value, "value", value))
