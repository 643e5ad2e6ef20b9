"""What a shop needs once: the endpoints to enter at the marketplaces, their document, and the tables."""

import json
from urllib.parse import quote

import click
from flask.cli import with_appcontext

from ..errors import ConfigurationError
from ..state import current_state
from ..web.openapi import make_document


@click.command("urls")
@click.option("--base-url", default="https://shop.example", show_default=True, help="Where the shop can be reached.")
@click.option("--show-tokens", is_flag=True, help="Print the tokens, to copy the whole endpoint.")
@with_appcontext
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


@click.command("openapi")
@click.option("--marketplace", help="Only the endpoint of this one.")
@click.option("--base-url", default="https://shop.example", show_default=True, help="Where the shop can be reached.")
@with_appcontext
def openapi(marketplace: str | None, base_url: str) -> None:
    """Print what the shop answers to marketplaces as an OpenAPI document."""
    try:
        document = make_document(current_state().settings, base_url=base_url, marketplace=marketplace)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


@click.command("create-tables")
@with_appcontext
def create_tables() -> None:
    """Create the extension's tables, for shops without migrations; existing ones stay as they are."""
    state = current_state()
    state.db.metadata.create_all(state.db.engine, tables=list(state.tables.values()))
    click.echo(f"Tables: {', '.join(table.fullname for table in state.tables.values())}")
