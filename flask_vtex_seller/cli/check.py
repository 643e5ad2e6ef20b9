"""`flask vtex-seller check`: what would keep the shop from selling."""

from dataclasses import fields

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from ..config import Marketplace
from ..database import missing
from ..errors import Unauthorized
from ..state import State, current_state

_PROBE = "/pvt/orderForms/simulation"


@click.command("check")
@with_appcontext
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
