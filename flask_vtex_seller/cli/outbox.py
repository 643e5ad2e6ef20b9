"""`flask vtex-seller outbox …`: the messages to the marketplaces."""

import getpass
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
from ..outbox.limits import REPEATS_PER_SECOND
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


def _user() -> str:
    """Return the name of who runs this, as the system knows it."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        # a container may run as a number that has no name
        return "unknown"


def _require_words(_: click.Context, parameter: click.Parameter, words: str) -> str:
    if not words.strip():
        raise click.BadParameter("say why" if parameter.name == "reason" else "say who decided it")
    return words.strip()


_by = click.option(
    "--by", default=_user, callback=_require_words, help="Who decided it, if not the system's user; kept, too."
)


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
        click.option("--order", help="Only about the order with this id, the marketplace's or the shop's."),
        click.option("--operation", help="Only of this operation, such as invoice."),
        click.option("--marketplace", help="Only to this marketplace."),
    ):
        command = option(command)
    return command


def _chosen(
    *, marketplace: str | None, operation: str | None, order: str | None, older_than: timedelta | None
) -> dict[str, Any]:
    lane = None
    if order is not None:
        marketplace, lane = _about(order, marketplace)
    return {
        "marketplace": marketplace,
        "operation": operation,
        "lane": lane,
        "said_before": None if older_than is None else current_state().drain.clock.now() - older_than,
    }


def _about(order_id: str, marketplace: str | None) -> tuple[str | None, str]:
    """Return where messages about an order are: the one that a marketplace calls so, or else that the shop does.

    Messages may outlive their order.
    """
    orders = current_state().ledger.named(order_id, marketplace)
    if not orders or any(order.marketplace_order_id == order_id for order in orders):
        return marketplace, order_lane(order_id)
    if len(orders) > 1:
        names = ", ".join(sorted(order.marketplace for order in orders))
        raise click.ClickException(f"{names} all placed an order {order_id!r}: say which with --marketplace")
    return orders[0].marketplace, order_lane(orders[0].marketplace_order_id)


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
@click.option("--all", "all_", is_flag=True, help="All dead ones that the other options choose, one after the other.")
@click.option(
    "--per-second",
    type=click.FloatRange(min=0.01, max=10_000),
    default=REPEATS_PER_SECOND,
    show_default=True,
    help="How many of --all become due a second: what is new goes between them.",
)
@_by
@click.option("--yes", is_flag=True, help="Do not ask.")
def retry_messages(
    message_ids: tuple[int, ...], all_: bool, per_second: float, by: str, yes: bool, **filters: Any
) -> None:
    """Send dead or waiting messages again, at once."""
    ids = _choose(message_ids, all_=all_, filters=filters)
    apart = timedelta(seconds=1 / per_second if all_ else 0)
    _move(ids, MessageState.PENDING, f"{by}: to be sent again", apart=apart, all_=all_, yes=yes or not all_)


@outbox_cli.command("discard")
@click.argument("message_ids", type=int, nargs=-1)
@_filters
@click.option("--all", "all_", is_flag=True, help="All dead ones that the other options choose.")
@click.option("--reason", required=True, callback=_require_words, help="Why; kept with the message.")
@_by
@click.option("--yes", is_flag=True, help="Do not ask.")
def discard_messages(message_ids: tuple[int, ...], all_: bool, reason: str, by: str, yes: bool, **filters: Any) -> None:
    """Give up dead or waiting messages; their rows are kept, and their lanes go on."""
    ids = _choose(message_ids, all_=all_, filters=filters)
    _move(ids, MessageState.DISCARDED, f"{by}: {reason}", all_=all_, yes=yes)


def _choose(message_ids: tuple[int, ...], *, all_: bool, filters: dict[str, Any]) -> list[int]:
    """Return the ids that the command line means, the oldest first: so it is in each lane."""
    if all_ == bool(message_ids):
        raise click.UsageError("name messages by their ids, or choose them with --all")
    if not all_ and any(value is not None for value in filters.values()):
        raise click.UsageError("the options that choose messages go with --all")
    return sorted({message.id for message in _dead(**_chosen(**filters))} if all_ else set(message_ids))


def _move(
    ids: list[int], state: MessageState, reason: str, *, all_: bool, yes: bool, apart: timedelta = timedelta(0)
) -> None:
    count, drain = len(ids), current_state().drain
    what = "will never be sent. Discard them?" if state is MessageState.DISCARDED else "will be sent again. Go on?"
    if not yes:
        click.confirm(f"{count} messages {what}", abort=True)
    moved, begun = 0, drain.clock.now()
    batches: Iterable[int] = range(0, count, _BATCH)
    with ExitStack() as stack:
        if all_:
            batches = stack.enter_context(click.progressbar(batches, label="batches of messages", file=sys.stderr))
        # Each with its own commit: what is done stays done, and nobody waits for a long transaction.
        for start in batches:
            some = [id_ for id_ in ids[start : start + _BATCH] if id_ in _IDS]
            due_at = begun + start * apart
            moved += drain.move(some, state, reason=reason, due_at=due_at, apart=apart)
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
