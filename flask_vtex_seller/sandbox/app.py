"""The sandbox as a Flask application of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask, Response

from .incoming import LONGEST_CREDENTIAL
from .marketplace import SIMULATION_TIMEOUT_SECONDS, TIMEOUT_SECONDS, Marketplace
from .receiving import make_blueprint
from .views import ANSWERED_ERRORS, EXTENSION_KEY, answer_error, blueprint, find_marketplace

#: Whoever makes a browser resolve another name to this machine gets nothing. `FLASK_TRUSTED_HOSTS` replaces the list.
LOOPBACK_HOSTS = ("localhost", "127.0.0.1")
LARGEST_REQUEST_BYTES = 1024 * 1024
_SETTINGS = (
    "SANDBOX_FULFILLMENT_ENDPOINT",
    "SANDBOX_SELLER_ID",
    "SANDBOX_ACCOUNT",
    "SANDBOX_SALES_CHANNEL",
    "SANDBOX_SIMULATION_TIMEOUT_SECONDS",
    "SANDBOX_TIMEOUT_SECONDS",
    "SANDBOX_APP_KEY",
    "SANDBOX_APP_TOKEN",
    "SANDBOX_AUTO_APPROVE",
    "SANDBOX_SERVICES_ENDPOINT",
)
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Make the sandbox: a marketplace that calls and is called, with a JSON API and a page that shows what was said.

    Reads `SANDBOX_FULFILLMENT_ENDPOINT`, `SANDBOX_SELLER_ID`, `SANDBOX_ACCOUNT`, `SANDBOX_SALES_CHANNEL`,
    `SANDBOX_SIMULATION_TIMEOUT_SECONDS`, `SANDBOX_TIMEOUT_SECONDS`, `SANDBOX_APP_KEY`, `SANDBOX_APP_TOKEN`,
    `SANDBOX_AUTO_APPROVE` and `SANDBOX_SERVICES_ENDPOINT`, from the environment (with `FLASK_` in front) or from
    `config`, which goes first. Without an endpoint the page is there and the API says what is missing. The Marketplace
    is `app.extensions["vtex_sandbox"]`.
    Only loopback names are answered unless `TRUSTED_HOSTS` names others.

    Raises:
        ValueError: a setting cannot be used. The message names it and does not repeat the endpoint.
    """
    app = Flask("flask_vtex_seller.sandbox")
    app.config["TRUSTED_HOSTS"] = list(LOOPBACK_HOSTS)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_REQUEST_BYTES
    app.config.from_prefixed_env()
    app.config.from_mapping(config)
    app.extensions[EXTENSION_KEY] = _marketplace(app.config)
    app.register_blueprint(blueprint)
    app.register_blueprint(make_blueprint(find_marketplace))
    for error in ANSWERED_ERRORS:
        app.register_error_handler(error, answer_error)
    app.after_request(_protect)
    return app


def _marketplace(config: Mapping[str, Any]) -> Marketplace | None:
    unknown = sorted(key for key in config if key.startswith("SANDBOX_") and key not in _SETTINGS)
    if unknown:
        raise ValueError(f"the sandbox has no setting {unknown[0]}; there are {', '.join(_SETTINGS)}")
    endpoint = config.get("SANDBOX_FULFILLMENT_ENDPOINT")
    if endpoint is None or endpoint == "":
        return None
    if not isinstance(endpoint, str):
        raise ValueError("SANDBOX_FULFILLMENT_ENDPOINT must be a URL")
    try:
        return Marketplace(
            endpoint,
            seller_id=_name(config, "SANDBOX_SELLER_ID", "example-shop"),
            account=_name(config, "SANDBOX_ACCOUNT", "sandbox"),
            sales_channel=_name(config, "SANDBOX_SALES_CHANNEL", "1"),
            simulation_timeout_seconds=_seconds(
                config, "SANDBOX_SIMULATION_TIMEOUT_SECONDS", SIMULATION_TIMEOUT_SECONDS
            ),
            timeout_seconds=_seconds(config, "SANDBOX_TIMEOUT_SECONDS", TIMEOUT_SECONDS),
            app_key=_credential(config, "SANDBOX_APP_KEY"),
            app_token=_credential(config, "SANDBOX_APP_TOKEN"),
            auto_approve=_flag(config, "SANDBOX_AUTO_APPROVE"),
            services_endpoint=_text(config, "SANDBOX_SERVICES_ENDPOINT"),
        )
    except ValueError as error:
        raise ValueError(f"the sandbox cannot start: {error}") from None


def _name(config: Mapping[str, Any], key: str, default: str) -> str:
    value = config.get(key, default)
    # an id made of digits has become a number on its way from the environment
    if type(value) not in (str, int) or value == "":
        raise ValueError(f"{key} must be a non-empty string")
    return str(value)


def _text(config: Mapping[str, Any], key: str) -> str | None:
    value = config.get(key) or None
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{key} must be a string")
    return value


def _credential(config: Mapping[str, Any], key: str) -> str | None:
    value = config.get(key)
    if value is None or value == "":
        return None
    # its length is not told either: the message may end up in a log
    if type(value) not in (str, int) or len(str(value)) > LONGEST_CREDENTIAL:
        raise ValueError(f"{key} must be a string of at most {LONGEST_CREDENTIAL} characters")
    return str(value)


def _flag(config: Mapping[str, Any], key: str) -> bool:
    value = config.get(key, False)
    if type(value) is not bool:
        raise ValueError(f"{key} must be true or false")
    return bool(value)


def _seconds(config: Mapping[str, Any], key: str, default: float) -> float:
    value = config.get(key, default)
    if type(value) not in (int, float) or not 0 < value <= 600:
        raise ValueError(f"{key} must be a number of seconds between 0 and 600")
    return float(value)


def _protect(response: Response) -> Response:
    response.headers.update(_HEADERS)
    return response
