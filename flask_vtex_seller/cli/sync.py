"""`flask vtex-seller sync`: telling marketplaces about SKUs, at once and to the end."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import DBAPIError

from ..catalog.notices import CHANGE, INVENTORY, PRICE
from ..catalog.reconcile import Progress, Wanted
from ..catalog.survey import Failure
from ..errors import VtexSellerError
from ..state import State, current_state
from .delivering import Delivery
from .showing import explained, printable

_KINDS = (CHANGE, PRICE, INVENTORY)
_LOOK_SECONDS = 0.2


def _read_moment(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise click.BadParameter("must be a day or a moment, such as 2026-03-04 or 2026-03-04T15:45") from None


@click.command("sync")
@click.option("--all", "everything", is_flag=True, help="Every SKU on sale; else only those that differ.")
@click.option("--since", callback=_read_moment, help="SKUs of which no notice arrived since then, such as 2026-03-04.")
@click.option("--sku", "sku_ids", multiple=True, help="This SKU; may be repeated.")
@click.option("--renotify", is_flag=True, help="Of price and stock besides, whatever the marketplace was told.")
@click.option("--restart", is_flag=True, help="Begin anew instead of going on where the same was cut off.")
@click.option("--deliver/--no-deliver", default=True, help="Send at once, or leave it to a worker.")
@click.option("--batch", type=click.IntRange(1, 10_000), default=500, show_default=True, help="SKUs at a time.")
@with_appcontext
def sync(
    everything: bool,
    since: datetime | None,
    sku_ids: tuple[str, ...],
    renotify: bool,
    restart: bool,
    deliver: bool,
    batch: int,
) -> None:
    """Tell marketplaces about SKUs that they do not know, or were told otherwise about.

    What was cut off is continued by the same command.
    """
    if everything + (since is not None) + bool(sku_ids) > 1:
        raise click.UsageError("choose one of --all, --since and --sku")
    wanted = Wanted(everything=everything, since=since, sku_ids=sku_ids, renotify=renotify)
    names = _hearers()
    state = current_state()
    delivery = _delivery(state) if deliver else None
    try:
        with delivery or nullcontext():
            made = _write(wanted, batch, restart, delivery)
            if delivery is not None:
                _send(made, delivery)
            state.reconciler.end(wanted, made)
    except (VtexSellerError, DBAPIError) as error:
        raise click.ClickException(explained(error, "the database failed: repeat the command to go on")) from None
    _conclude(made, delivery, names)


def _delivery(state: State) -> Delivery:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    threads = state.settings.drain_threads
    return Delivery(state.drain, counted=_KINDS, threads=threads, context=app.app_context)


def _hearers() -> list[str]:
    state = current_state()
    if not state.settings.marketplaces:
        raise click.ClickException("no marketplace is configured: set VTEX_SELLER_MARKETPLACES")
    names = list(state.reconciler.survey.hearers)
    if not names:
        raise click.ClickException("no marketplace is told about SKUs: each has catalog, price and inventory = false")
    return names


def _write(wanted: Wanted, batch: int, restart: bool, delivery: Delivery | None) -> Progress:
    with _bar("SKUs") as show:

        def tell(made: Progress) -> None:
            show(made.done, made.total, len(made.failures))
            if delivery is not None:
                delivery.wake()

        return current_state().reconciler.run(wanted, batch=batch, restart=restart, tell=tell)


def _send(made: Progress, delivery: Delivery) -> None:
    delivery.finish()
    with _bar("notices") as show:
        done = False
        while not done:
            done = delivery.wait(_LOOK_SECONDS)
            show(min(delivery.ended, made.notices), made.notices, delivery.dead)


class _Show:
    """Keeps a progress bar up to date: how many, how fast, how long still, and how many failed."""

    def __init__(self, bar: "click._termui_impl.ProgressBar[int]") -> None:
        self._bar = bar
        self._begun = time.monotonic()

    def __call__(self, done: int, total: int, failed: int) -> None:
        rate = done / max(time.monotonic() - self._begun, 0.001)
        self._bar.length = total
        self._bar.label = f"{self._bar.label.partition(' ')[0]} {rate:,.0f}/s, {failed} failed"
        self._bar.update(done - self._bar.pos)


@contextmanager
def _bar(label: str) -> Iterator[_Show]:
    with click.progressbar(length=0, label=label, file=sys.stderr, show_pos=True) as bar:
        yield _Show(bar)


def _conclude(made: Progress, delivery: Delivery | None, names: list[str]) -> None:
    for failure in made.failures:
        click.echo(f"✗ {_words(failure)}")
    again = " (the earlier ones were asked for before it was cut off)" if made.continued else ""
    click.echo(f"{made.total} SKUs, {len(made.failures)} not read; {made.notices} notices to {', '.join(names)}{again}")
    if delivery is not None:
        in_vain = len(delivery.in_vain)
        click.echo(f"{delivery.delivered} notices delivered, {delivery.dead} dead, {in_vain} tried in vain so far")
        if in_vain:
            click.echo("✗ what was tried in vain is tried again by a worker")
    if made.failures or (delivery is not None and (delivery.dead or delivery.in_vain)):
        raise SystemExit(1)


def _words(failure: Failure) -> str:
    where = "" if failure.marketplace is None else f" for {failure.marketplace}"
    return printable(f"{failure.sku_id}{where}: {failure.reason}")
