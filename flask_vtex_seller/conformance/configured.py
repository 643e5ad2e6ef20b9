"""What an application's own configuration says about it."""

from typing import Any
from urllib.parse import quote

from flask import Flask

from ..config import Marketplace
from ..errors import ConfigurationError
from ..state import EXTENSION_KEY, State
from .case import Case


def case_for(app: Flask, marketplace: str | None = None, **known: Any) -> Case:
    """Return the case of an application that has a `VtexSeller`: its endpoint, tokens and ids as configured.

    Args:
        marketplace: its configured name; None if there is only one.
        known: what configuration does not tell, such as `skus` and `address`; see `Case`.

    Raises:
        ConfigurationError: there is no such marketplace, or it has no token to call with.
    """
    state, chosen = choose(app, marketplace)
    if not chosen.inbound_tokens:
        raise ConfigurationError(f"{chosen.name} has no inbound_tokens: every call of it is refused")
    token, *others = [token.reveal() for token in chosen.inbound_tokens]
    configured = {
        "endpoint": f"{state.settings.url_prefix}/{chosen.name}?token={quote(token, safe='')}",
        "second_token": others[0] if others else None,
        "seller_id": chosen.seller_id,
        "merchant_name": chosen.merchant_name,
        "unavailable": chosen.unavailable,
        "max_stock": chosen.max_stock,
        "geo_order": chosen.geo_order,
        "max_items": state.settings.max_items,
        "max_bytes": state.settings.max_body_bytes,
    }
    return Case(**{**configured, **known})


def choose(app: Flask, name: str | None) -> tuple[State, Marketplace]:
    """Return what the extension knows of an application, and one of its marketplaces.

    Args:
        name: as configured; None if there is only one.

    Raises:
        ConfigurationError: there is no such marketplace, or no `VtexSeller`.
    """
    state = app.extensions.get(EXTENSION_KEY)
    if not isinstance(state, State):
        raise ConfigurationError("the application has no VtexSeller: call seller.init_app(app)")
    found = state.settings.marketplaces
    if name is None and len(found) == 1:
        return state, next(iter(found.values()))
    if name is not None and name in found:
        return state, found[name]
    names = ", ".join(found) or "none"
    wanted = "name the marketplace" if name is None else f"there is no marketplace {name!r}"
    raise ConfigurationError(f"{wanted}: VTEX_SELLER_MARKETPLACES has: {names}")
