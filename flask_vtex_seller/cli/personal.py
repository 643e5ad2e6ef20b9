"""`flask vtex-seller purge`, `forget` and `rotate-keys`: what is stored of people, and for how long."""

import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import click
from flask.cli import with_appcontext

from ..orders.lane import order_lane
from ..orders.personal_data import Held, PersonalData, Whose
from ..state import current_state

F = TypeVar("F", bound=Callable[..., Any])

_SHOWN = 20
"""How many messages are named."""


def _options(command: F) -> F:
    """Add the options of what cannot be undone."""
    for option in (
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--force", is_flag=True, help="Discard messages that may still be sent, and empty them, too."),
    ):
        command = option(command)
    return command


@click.command("purge")
@click.option(
    "--older-than", "days", type=click.IntRange(1, 36500), required=True, metavar="DAYS", help="Of orders and messages."
)
@_options
@with_appcontext
def purge(days: int, force: bool, yes: bool) -> None:
    """Remove what older orders and messages hold of people; ids, dates, totals and invoice numbers stay."""
    state = current_state()
    _remove(state.personal_data, Whose(before=state.drain.clock.now() - timedelta(days=days)), force=force, yes=yes)


@click.command("forget")
@click.argument("whom", metavar="ORDER|EMAIL")
@click.option("--marketplace", help="Only an order of this marketplace.")
@_options
@with_appcontext
def forget(whom: str, marketplace: str | None, force: bool, yes: bool) -> None:
    """Remove what an order and its messages hold of people: by its id, or by an address that stands in them."""
    personal_data = current_state().personal_data
    orders = personal_data.of_order(whom, marketplace)
    if len({order.marketplace for order in orders}) > 1:
        names = ", ".join(sorted(order.marketplace for order in orders))
        raise click.ClickException(f"{names} all have an order of that id: choose with --marketplace")
    # As where the marketplace names an order: the shop's own ids come first.
    orders = [order for order in orders if order.order_id == whom] or orders
    whose, unreadable = Whose(orders=tuple((order.marketplace, order.marketplace_order_id) for order in orders)), 0
    if not orders and "@" in whom:
        with click.progressbar(length=personal_data.count(), label="rows", file=sys.stderr) as bar:
            whose, unreadable = personal_data.of_email(whom, progress=bar.update)
    if marketplace is not None:
        whose = Whose(orders=tuple(order for order in whose.orders if order[0] == marketplace))
    for name, order_id in whose.orders:
        click.echo(f"{name}, order {order_id}")
    if whose.orders:
        _remove(personal_data, whose, force=force, yes=yes)
    if unreadable:
        raise click.ClickException(f"{unreadable} texts could not be looked at: no key opens them")
    if not whose.orders:
        raise click.ClickException("no order has that id, and neither orders nor messages tell of such an address")


@click.command("rotate-keys")
@with_appcontext
def rotate_keys() -> None:
    """Seal all that is stored of people with the first of VTEX_SELLER_ENCRYPTION_KEYS; may be cut off and repeated."""
    state = current_state()
    if not state.drain.vault.has_keys:
        raise click.ClickException("no key is configured: set VTEX_SELLER_ENCRYPTION_KEYS")
    personal_data = state.personal_data
    with click.progressbar(length=personal_data.count(), label="rows", file=sys.stderr) as bar:
        sealed, unreadable = personal_data.seal_anew(progress=bar.update)
    click.echo(f"{sealed} texts were sealed with the first key; {unreadable} are unreadable")
    if unreadable:
        raise click.ClickException("no key opens them: configure the key that sealed them, too, and repeat")


def _remove(personal_data: PersonalData, whose: Whose, *, force: bool, yes: bool) -> None:
    held = personal_data.held(whose)
    _name(held, "will be discarded" if force else "may still be sent")
    messages = held.messages + (len(held.waiting) if force else 0)
    if not yes:
        what = f"{held.orders} orders and {messages} messages"
        click.confirm(f"What {what} hold of people will be removed for good. Go on?", abort=True)
    with click.progressbar(length=held.orders + messages, label="rows", file=sys.stderr) as bar:
        done = personal_data.remove(whose, force=force, progress=bar.update)
    click.echo(f"what {done.orders} orders and {done.messages} messages held of people was removed")
    if done.waiting:
        hint = "they are being sent right now: repeat it" if force else "deliver or discard them, or use --force"
        raise click.ClickException(f"{len(done.waiting)} messages are left: {hint}")


def _name(held: Held, what: str) -> None:
    for found in held.waiting[:_SHOWN]:
        order = found.lane.removeprefix(order_lane(""))
        words = f"message {found.id}, {found.operation} of order {order} to {found.marketplace}, is {found.state}"
        click.echo(f"{words}: it {what}")
    if len(held.waiting) > _SHOWN:
        click.echo(f"and so {what} {len(held.waiting) - _SHOWN} more")
