"""`flask vtex-seller catalog status`, `show`, `adopt` and `suggest`: the life of SKUs at marketplaces."""

import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import islice

import click
from flask.cli import with_appcontext

from ..catalog.ledger import TABLE, Key, SkuLedger
from ..catalog.notices import CHANGE, SUGGESTION, hearers, sku_draft
from ..catalog.sku import SkuState, require_sku_id
from ..errors import VtexSellerError
from ..state import current_state
from .showing import explained, printable, shown

ADOPTED = "adopted: somebody at the shop said that the marketplace has it"
_STATES = click.Choice([state.value for state in SkuState])
_BATCH = 500
_MESSAGES = 5
_ROW = "{:<16} {:<32} {:<10} {:<20} {}".format
_marketplace = click.option("--marketplace", help="Only at this marketplace.")


def _read_place(_: click.Context, __: click.Parameter, text: str | None) -> Key | None:
    if text is None:
        return None
    marketplace, slash, sku_id = text.partition("/")
    if not slash:
        raise click.BadParameter("must be a marketplace, a slash and a SKU, as the last page ended")
    return marketplace, sku_id


def _read_sku_ids(_: click.Context, __: click.Parameter, sku_ids: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(map(require_sku_id, sku_ids)))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("status")
@_marketplace
@click.option("--state", type=_STATES, help="Only in this state.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--after", callback=_read_place, help="Only behind this MARKETPLACE/SKU: the next page.")
@with_appcontext
def status(marketplace: str | None, state: str | None, limit: int, after: Key | None) -> None:
    """List SKUs with what each marketplace makes of them, since when, and why."""
    wanted = SkuState(state) if state else None
    found = current_state().skus.page(state=wanted, marketplace=marketplace, limit=limit, after=after)
    click.echo(_ROW("MARKETPLACE", "SKU", "STATE", "SINCE", "WHY"))
    for record in found:
        since = f"{record.changed_at:%Y-%m-%d %H:%M:%S}"
        click.echo(_ROW(record.marketplace, record.sku_id, record.state.value, since, record.reason).rstrip())
    if len(found) == limit:
        click.echo(f"there may be more: --after {found[-1].marketplace}/{found[-1].sku_id}", err=True)


@click.command("show")
@click.argument("sku_id", metavar="SKU")
@_marketplace
@with_appcontext
def show(sku_id: str, marketplace: str | None) -> None:
    """Show all that is known of SKU, and the last messages about it."""
    state = current_state()
    found = [record for record in state.skus.find(sku_id) if marketplace in (None, record.marketplace)]
    if not found:
        raise click.ClickException(f"no marketplace has said anything about SKU {sku_id!r}")
    for record in found:
        for name, value in record._asdict().items():
            click.echo(f"{name:<30} {shown(value)}")
        for lane in (f"sku:{sku_id}", f"look:{sku_id}"):
            for message in state.outbox.page(marketplace=record.marketplace, lane=lane, limit=_MESSAGES):
                words = f"{message.operation} {message.state.value}: {message.last_reason}"
                click.echo(f"{f'message {message.id}':<30} {words}")


@click.command("adopt")
@click.argument("sku_ids", metavar="SKU...", nargs=-1, callback=_read_sku_ids)
@_marketplace
@click.option("--all", "all_", is_flag=True, help="Every SKU that sku_ids_loader names.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_appcontext
def adopt(sku_ids: tuple[str, ...], marketplace: str | None, all_: bool, yes: bool) -> None:
    """Mark SKUs as known: the marketplace has them already. Nothing is sent."""
    if all_ == bool(sku_ids):
        raise click.UsageError("name SKUs by their ids, or choose all with --all")
    names, wanted = _hearers(marketplace), _on_sale() if all_ else sku_ids
    if all_ and not yes:
        click.confirm(f"{len(wanted)} SKUs will count as known at {', '.join(names)}. Go on?", abort=True)
    adopted = 0
    with ExitStack() as stack:
        batches: Iterable[list[str]] = list(_batches(wanted))
        if all_:
            batches = stack.enter_context(click.progressbar(batches, label="batches of SKUs", file=sys.stderr))
        for batch in batches:
            adopted += _adopt([(name, sku_id) for name in names for sku_id in batch])
    click.echo(f"{adopted} of {len(wanted) * len(names)} adopted; the others were known already")


@click.command("suggest")
@click.argument("sku_ids", metavar="SKU...", nargs=-1, required=True, callback=_read_sku_ids)
@_marketplace
@with_appcontext
def suggest(sku_ids: tuple[str, ...], marketplace: str | None) -> None:
    """Suggest SKUs again, also those that were denied or blocked; one that the marketplace has is left out."""
    drain, names = current_state().drain, _hearers(marketplace)
    with drain.engine.connect() as connection:
        skus = SkuLedger(connection, current_state().tables[TABLE.name])
        known = {
            (record.marketplace, sku_id)
            for sku_id in sku_ids
            for record in skus.find(sku_id)
            if record.state is SkuState.KNOWN
        }
    wanted = [key for name in names for sku_id in sku_ids if (key := (name, sku_id)) not in known]
    drain.append([sku_draft(SUGGESTION, *key) for key in wanted])
    click.echo(f"{len(wanted)} suggestions are on their way to {', '.join(names)}")
    if len(wanted) < len(sku_ids) * len(names):
        raise click.ClickException("the others are in the marketplace's catalog already")


def _hearers(marketplace: str | None) -> list[str]:
    """Return the marketplaces that are meant: those that are told about the catalog."""
    configured = current_state().settings.marketplaces
    names = [name for name in hearers(CHANGE, configured) if marketplace in (None, name)]
    if not names:
        words = (
            "no marketplace is told about the catalog" if marketplace is None else f"{marketplace!r} is none of them"
        )
        raise click.ClickException(f"{words}; configured: {', '.join(configured) or 'none'}")
    return names


def _on_sale() -> list[str]:
    try:
        sku_ids, bad = current_state().reconciler.survey.on_sale()
    except VtexSellerError as error:
        raise click.ClickException(explained(error, "")) from None
    if bad:
        raise click.ClickException(printable(f"{bad[0].sku_id}: {bad[0].reason}"))
    return sku_ids


def _batches(sku_ids: Sequence[str]) -> Iterable[list[str]]:
    remaining = iter(sku_ids)
    while batch := list(islice(remaining, _BATCH)):
        yield batch


def _adopt(keys: Sequence[Key]) -> int:
    """Each batch with its own commit: a command that is interrupted is repeated, and goes on."""
    drain = current_state().drain
    with drain.engine.begin() as connection:
        skus = SkuLedger(connection, current_state().tables[TABLE.name])
        reasons = dict.fromkeys(keys, ADOPTED)
        return len(skus.mark(reasons, SkuState.KNOWN, now=drain.clock.now(), unless={SkuState.KNOWN}))
