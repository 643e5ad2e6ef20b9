"""`flask vtex-seller …`: what a shop's people ask of the extension on the command line."""

import json
import sys
from dataclasses import fields
from urllib.parse import quote

import click
from flask import Flask, current_app
from flask.cli import AppGroup

from .catalog.sync import first_load, sku_ids_on_sale
from .config import Marketplace
from .database import missing
from .errors import ConfigurationError, Unauthorized, VtexSellerError
from .orders.order import Order, OrderState
from .orders.outbound import order_lane
from .outbox.message import Message, MessageState
from .runners.scheduler import run_worker
from .state import State, current_state
from .web.openapi import make_document

vtex_seller_cli = AppGroup("vtex-seller", help="Sell on VTEX marketplaces.")
orders_cli = AppGroup("orders", help="Look at the orders that marketplaces placed.")
outbox_cli = AppGroup("outbox", help="Look after the messages to the marketplaces.")
vtex_seller_cli.add_command(orders_cli)
vtex_seller_cli.add_command(outbox_cli)

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


@vtex_seller_cli.command("openapi")
@click.option("--marketplace", help="Only the endpoint of this marketplace.")
@click.option("--base-url", default="https://shop.example", show_default=True, help="Where the shop can be reached.")
def openapi(marketplace: str | None, base_url: str) -> None:
    """Print what the shop answers to marketplaces as an OpenAPI document."""
    try:
        document = make_document(current_state().settings, base_url=base_url, marketplace=marketplace)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


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
    remedy = "run the shop's migrations or `flask vtex-seller create-tables`"
    return [f"the database has no {name}: {remedy}" for name in missing(state.db.engine, state.tables.values())]


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


@vtex_seller_cli.command("worker")
def worker() -> None:
    """Deliver the messages to the marketplaces, until SIGTERM."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    try:
        run_worker(app)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None


@vtex_seller_cli.command("sync")
@click.option("--batch", type=click.IntRange(1, 10_000), default=500, show_default=True, help="SKUs at a time.")
def sync(batch: int) -> None:
    """Tell every marketplace about every SKU on sale: the first load. The worker then sends it."""
    state = current_state()
    names = list(state.settings.marketplaces)
    if not names:
        raise click.ClickException("no marketplace is configured: set VTEX_SELLER_MARKETPLACES")
    try:
        sku_ids = sku_ids_on_sale(state.hooks.sku_ids_loader)
        with click.progressbar(length=len(sku_ids), label="SKUs", file=sys.stderr) as bar:
            done = first_load(
                sku_ids,
                state.drain.append,
                marketplace_names=names,
                batch=batch,
                progress=lambda count: bar.update(count - bar.pos),
            )
    except (VtexSellerError, TypeError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{done} SKUs are on their way to {', '.join(names)}")


_IDS = range(1, 2**63)
"""What an id can be in any database."""
_STATES = click.Choice([state.value for state in MessageState])


def _require_reason(_: click.Context, __: click.Parameter, reason: str) -> str:
    if not reason.strip():
        raise click.BadParameter("say who decided it, and why")
    return reason


@outbox_cli.command("list")
@click.option("--marketplace", help="Only to this marketplace.")
@click.option("--state", type=_STATES, help="Only in this state.")
@click.option("--order", help="Only about the order with this id of the marketplace's.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
def list_messages(marketplace: str | None, state: str | None, order: str | None, limit: int) -> None:
    """List messages, the newest first."""
    messages = current_state().outbox.page(
        state=MessageState(state) if state else None,
        marketplace=marketplace,
        lane=None if order is None else order_lane(order),
        limit=limit,
    )
    row = "{:>8}  {:<16} {:<24} {:<32} {:<10} {:>3}  {}".format
    click.echo(row("ID", "MARKETPLACE", "OPERATION", "LANE", "STATE", "TRY", "LAST"))
    for found in messages:
        state_, lane = found.state.value, found.lane
        click.echo(row(found.id, found.marketplace, found.operation, lane, state_, found.attempts, found.last_reason))


@outbox_cli.command("show")
@click.argument("message_id", type=int)
def show_message(message_id: int) -> None:
    """Show all that is known of the message MESSAGE_ID."""
    found = current_state().outbox.get(message_id) if message_id in _IDS else None
    if found is None:
        raise click.ClickException(f"there is no message {message_id}")
    for field in fields(Message):
        click.echo(f"{field.name:<30} {_shown(getattr(found, field.name))}")


@outbox_cli.command("retry")
@click.argument("message_ids", type=int, nargs=-1, required=True)
def retry_messages(message_ids: tuple[int, ...]) -> None:
    """Send dead or waiting messages again, at once."""
    _move(message_ids, MessageState.PENDING, "to be sent again")


@outbox_cli.command("discard")
@click.argument("message_ids", type=int, nargs=-1, required=True)
@click.option(
    "--reason", required=True, callback=_require_reason, help="Who decided it, and why; kept with the message."
)
@click.confirmation_option(prompt="These messages will never be sent. Discard them?")
def discard_messages(message_ids: tuple[int, ...], reason: str) -> None:
    """Give up dead or waiting messages; their rows are kept, and their lanes go on."""
    _move(message_ids, MessageState.DISCARDED, reason)


def _move(message_ids: tuple[int, ...], state: MessageState, reason: str) -> None:
    wanted = set(message_ids)
    moved = current_state().drain.move([id_ for id_ in wanted if id_ in _IDS], state, reason=reason)
    click.echo(f"{moved} of {len(wanted)} messages: {reason}")
    if moved < len(wanted):
        raise click.ClickException("the others are not there, are done with, or are being sent right now")
