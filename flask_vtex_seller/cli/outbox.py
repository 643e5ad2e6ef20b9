"""`flask vtex-seller outbox …`: the messages to the marketplaces."""

from dataclasses import fields

import click
from flask.cli import AppGroup

from ..orders.lane import order_lane
from ..outbox.message import Message, MessageState
from ..state import current_state
from .showing import shown

outbox_cli = AppGroup("outbox", help="Look after the messages to the marketplaces.")

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
        click.echo(f"{field.name:<30} {shown(getattr(found, field.name))}")


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
        raise click.ClickException("the others are not there, are done with, are being sent right now, or are held")
