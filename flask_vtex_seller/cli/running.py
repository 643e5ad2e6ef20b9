"""`flask vtex-seller worker` and `sync`: what keeps the marketplaces informed."""

import sys

import click
from flask import current_app
from flask.cli import with_appcontext

from ..catalog.sync import CHANGE, first_load, hearers, sku_ids_on_sale
from ..errors import ConfigurationError, VtexSellerError
from ..runners.scheduler import run_worker
from ..state import current_state


@click.command("worker")
@with_appcontext
def worker() -> None:
    """Deliver the messages to the marketplaces, until SIGTERM."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    try:
        run_worker(app)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None


@click.command("sync")
@click.option("--batch", type=click.IntRange(1, 10_000), default=500, show_default=True, help="SKUs at a time.")
@with_appcontext
def sync(batch: int) -> None:
    """Tell every marketplace about every SKU on sale: the first load. The worker then sends it."""
    state = current_state()
    if not state.settings.marketplaces:
        raise click.ClickException("no marketplace is configured: set VTEX_SELLER_MARKETPLACES")
    names = hearers(CHANGE, state.settings.marketplaces)
    if not names:
        raise click.ClickException("no marketplace is told about the catalog: each has catalog = false")
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
