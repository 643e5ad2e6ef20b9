"""`flask vtex-seller catalog drift`: where marketplaces and the shop differ."""

import csv
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import IO

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import DBAPIError

from ..catalog.drift import Drift, find
from ..errors import VtexSellerError
from ..state import current_state
from .showing import explained, printable

_ROW = "{:<16} {:<32} {:<10} {:<24} {:<24} {:<19}  {}".format
_HEADS = [name.replace("_", " ") for name in Drift._fields]


@click.command("drift")
@click.option("--marketplace", help="Only at this marketplace.")
@click.option("--csv", "target", type=click.Path(dir_okay=False, allow_dash=True), help="Write CSV here; - is stdout.")
@with_appcontext
def drift(marketplace: str | None, target: str | None) -> None:
    """Show the SKUs whose price, stock or catalog data a marketplace was told otherwise, or not at all.

    Also the notices that no marketplace took, and the suggestions that it turned down. Nothing is written or sent.
    """
    state = current_state()
    configured = list(state.reconciler.survey.hearers)
    if marketplace is not None and marketplace not in configured:
        raise click.ClickException(f"no marketplace that is told about SKUs is configured as {marketplace}")
    among = configured if marketplace is None else [marketplace]
    found = find(state.reconciler.survey, state.outbox.page, among=among, now=state.drain.clock.now())
    try:
        count = _table(found) if target is None else _csv(found, target)
    except (VtexSellerError, DBAPIError) as error:
        raise click.ClickException(explained(error, "the database failed")) from None
    click.echo(f"{count} differences at {', '.join(among) or 'no marketplace'}", err=True)


def _cells(found: Iterable[Drift]) -> Iterator[list[str]]:
    for one in found:
        since = "" if one.since is None else f"{one.since:%Y-%m-%d %H:%M:%S}"
        yield [one.marketplace, one.sku_id, one.what, one.told, one.present, since, one.reason]


def _table(found: Iterable[Drift]) -> int:
    count = 0
    for cells in _cells(found):
        if not count:
            click.echo(_ROW(*map(str.upper, _HEADS)))
        click.echo(printable(_ROW(*(cell or "-" for cell in cells))))
        count += 1
    return count


def _csv(found: Iterable[Drift], target: str) -> int:
    count = 0
    with _opened(target) as file:
        writer = csv.writer(file)
        writer.writerow(_HEADS)
        for *cells, reason in _cells(found):
            # A spreadsheet would compute what another side's words begin with.
            writer.writerow([*cells, f"'{reason}" if reason[:1] in tuple("=+-@") else reason])
            count += 1
    return count


def _opened(target: str) -> AbstractContextManager[IO[str]]:
    if target == "-":
        return nullcontext(sys.stdout)
    try:
        return open(target, "w", encoding="utf-8", newline="")
    except OSError as error:
        raise click.ClickException(f"{target} cannot be written: {error.strerror}") from None
