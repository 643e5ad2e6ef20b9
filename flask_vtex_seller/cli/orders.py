"""`flask vtex-seller orders …`: the orders that marketplaces placed."""

from dataclasses import fields

import click
from flask.cli import AppGroup

from ..orders.order import Order, OrderState
from ..state import current_state
from .showing import shown

orders_cli = AppGroup("orders", help="Look at the orders that marketplaces placed.")


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
    """Show all that is known of the order with the ORDER_ID, be it the shop's or the marketplace's."""
    orders = current_state().ledger.named(order_id, marketplace)
    if not orders:
        raise click.ClickException(f"no marketplace placed an order {order_id!r} here")
    for order in orders:
        for field in fields(Order):
            click.echo(f"{field.name:<30} {shown(getattr(order, field.name))}")
