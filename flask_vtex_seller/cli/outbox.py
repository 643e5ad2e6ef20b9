"""`flask vtex-seller outbox …`: the messages to the marketplaces."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import fields
from datetime import timedelta
from typing import Any, TypeVar

import click
from flask.cli import AppGroup

from ..orders.lane import order_lane
from ..outbox.message import Message, MessageState, Try
from ..state import current_state
from .showing import shown

F = TypeVar("F", bound=Callable[..., Any])

outbox_cli = AppGroup("outbox", help="Look after the messages to the marketplaces.")

_IDS = range(1, 2**63)
"""What an id can be in any database."""
_STATES = click.Choice([state.value for state in MessageState])
_AGE = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_BATCH = 200
_ROW = "{:>8}  {:<16} {:<24} {:<32} {:<10} {:>3}  {}".format


def _require_reason(_: click.Context, __: click.Parameter, reason: str) -> str:
    if not reason.strip():
        raise click.BadParameter("say who decided it, and why")
    return reason


def _read_age(_: click.Context, __: click.Parameter, text: str | None) -> timedelta | None:
    if text is None:
        return None
    found = _AGE.fullmatch(text)
    if found is None:
        raise click.BadParameter("must be a number and s, m, h or d, such as 36h")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _filters(command: F) -> F:
    """Add the options that choose messages."""
    for option in (
        click.option("--older-than", callback=_read_age, help="Only those said longer ago than this, such as 36h."),
        click.option("--order", help="Only about the order with this id of the marketplace's."),
        click.option("--operation", help="Only of this operation, such as invoice."),
        click.option("--marketplace", help="Only to this marketplace."),
    ):
        command = option(command)
    return command


def _chosen(
    *, marketplace: str | None, operation: str | None, order: str | None, older_than: timedelta | None
) -> dict[str, Any]:
    return {
        "marketplace": marketplace,
        "operation": operation,
        "lane": None if order is None else order_lane(order),
        "said_before": None if older_than is None else current_state().drain.clock.now() - older_than,
    }


@outbox_cli.command("list")
@_filters
@click.option("--state", type=_STATES, help="Only in this state.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--before", type=int, help="Only with ids below this one: the next page.")
def list_messages(state: str | None, limit: int, before: int | None, **filters: Any) -> None:
    """List messages, the newest first."""
    wanted = MessageState(state) if state else None
    before = None if before is None else max(0, min(before, _IDS.stop - 1))
    messages = current_state().outbox.page(state=wanted, limit=limit, before=before, **_chosen(**filters))
    click.echo(_ROW("ID", "MARKETPLACE", "OPERATION", "LANE", "STATE", "TRY", "LAST"))
    for found in messages:
        state_, lane = found.state.value, found.lane
        click.echo(_ROW(found.id, found.marketplace, found.operation, lane, state_, found.attempts, found.last_reason))
    if len(messages) == limit:
        click.echo(f"there may be more: --before {messages[-1].id}", err=True)


@outbox_cli.command("show")
@click.argument("message_id", type=int)
def show_message(message_id: int) -> None:
    """Show all that is known of the message MESSAGE_ID."""
    found = current_state().outbox.get(message_id) if message_id in _IDS else None
    if found is None:
        raise click.ClickException(f"there is no message {message_id}")
    for field in fields(Message):
        if field.name != "tries":
            click.echo(f"{field.name:<30} {shown(getattr(found, field.name))}")
    for number, try_ in enumerate(found.tries, start=1):
        click.echo(f"{f'try {number}':<30} {_words(try_)}")


def _words(try_: Try) -> str:
    return f"{try_.at.isoformat(timespec='milliseconds')}, {try_.milliseconds} ms: {try_.reason}"


@outbox_cli.command("retry")
@click.argument("message_ids", type=int, nargs=-1)
@_filters
@click.option("--all", "all_", is_flag=True, help="All dead ones that the other options choose.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def retry_messages(message_ids: tuple[int, ...], all_: bool, yes: bool, **filters: Any) -> None:
    """Send dead or waiting messages again, at once."""
    _move(message_ids, MessageState.PENDING, "to be sent again", all_=all_, yes=yes or not all_, filters=filters)


@outbox_cli.command("discard")
@click.argument("message_ids", type=int, nargs=-1)
@_filters
@click.option("--all", "all_", is_flag=True, help="All dead ones that the other options choose.")
@click.option(
    "--reason", required=True, callback=_require_reason, help="Who decided it, and why; kept with the message."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def discard_messages(message_ids: tuple[int, ...], all_: bool, reason: str, yes: bool, **filters: Any) -> None:
    """Give up dead or waiting messages; their rows are kept, and their lanes go on."""
    _move(message_ids, MessageState.DISCARDED, reason, all_=all_, yes=yes, filters=filters)


def _move(
    message_ids: tuple[int, ...], state: MessageState, reason: str, *, all_: bool, yes: bool, filters: dict[str, Any]
) -> None:
    if all_ == bool(message_ids):
        raise click.UsageError("name messages by their ids, or choose them with --all")
    if not all_ and any(value is not None for value in filters.values()):
        raise click.UsageError("the options that choose messages go with --all")
    wanted = {id_ for id_ in message_ids if id_ in _IDS}
    ids = sorted(wanted) if not all_ else [message.id for message in _dead(**_chosen(**filters))]
    count = len(set(message_ids)) if not all_ else len(ids)
    what = "will never be sent. Discard them?" if state is MessageState.DISCARDED else "will be sent again. Go on?"
    if not yes:
        click.confirm(f"{count} messages {what}", abort=True)
    moved = 0
    batches: Iterable[list[int]] = [ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH)]
    with ExitStack() as stack:
        if all_:
            batches = stack.enter_context(click.progressbar(batches, label="batches of messages", file=sys.stderr))
        # Each with its own commit: what is done stays done, and nobody waits for a long transaction.
        for batch in batches:
            moved += current_state().drain.move(batch, state, reason=reason)
    click.echo(f"{moved} of {count} messages: {reason}")
    if moved < count:
        raise click.ClickException("the others are not there, are done with, are being sent right now, or are held")


def _dead(**chosen: Any) -> Iterator[Message]:
    """Read the dead messages page by page, the newest first."""
    before = None
    while True:
        page = current_state().outbox.page(state=MessageState.DEAD, limit=1000, before=before, **chosen)
        yield from page
        if len(page) < 1000:
            return
        before = page[-1].id
