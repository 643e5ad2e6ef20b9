"""Empório Jatobá, a small shop on Flask and SQLAlchemy.

Start it with `flask --app example_shop seed` and `flask --app example_shop run`.
"""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from sqlite3 import Connection, OperationalError
from typing import Any

from flask import Flask, render_template
from sqlalchemy import event
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from . import cli, demo, vtex, vtex_outbound  # noqa: F401  (the latter two register the marketplaces' hooks)
from .catalog import admin as catalog_admin
from .catalog import views as catalog_views
from .checkout import cart
from .checkout import views as checkout_views
from .extensions import db, migrate, seller
from .money import brl, plain
from .orders import views as order_views
from .security import csrf_token


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Build the shop.

    Settings come from defaults, then from the environment (`FLASK_SQLALCHEMY_DATABASE_URI`, `FLASK_SECRET_KEY`,
    `FLASK_SHOP_ADMIN_PASSWORD`, `FLASK_VTEX_SELLER_MARKETPLACES__…`), then from `config`.
    """
    app = Flask(__name__)
    _configure(app, config or {})
    db.init_app(app)
    _tune_sqlite(app)
    migrate.init_app(app)
    seller.init_app(app)
    for module in (catalog_views, catalog_admin, checkout_views, order_views):
        app.register_blueprint(module.blueprint)
    cli.register(app)
    demo.register(app, create_app)
    _prepare_templates(app)
    app.register_error_handler(HTTPException, _error_page)
    return app


def _configure(app: Flask, config: Mapping[str, Any]) -> None:
    app.config.from_mapping(
        SQLALCHEMY_DATABASE_URI="sqlite:///shop.sqlite",  # in the instance folder
        SESSION_COOKIE_SAMESITE="Lax",
        SHOP_EMAIL="orders@jatoba.example",
        SHOP_PUBLIC_URL="https://jatoba.example",  # where marketplaces fetch images
        VTEX_SELLER_SIMULATION_SECONDS=2,  # of the 2.5 that a marketplace waits
    )
    app.config.from_prefixed_env()
    app.config.from_mapping(config)
    if not app.config["SECRET_KEY"]:
        app.config["SECRET_KEY"] = secrets.token_urlsafe(32)
        app.logger.info("SECRET_KEY is not set: a random one is used, and carts are lost when this process ends")
    # The environment turns a key of digits into a number.
    if isinstance(app.config["SECRET_KEY"], int | float):
        app.config["SECRET_KEY"] = str(app.config["SECRET_KEY"])


def _tune_sqlite(app: Flask) -> None:
    with app.app_context():
        engine = db.engine
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _on_sqlite_connect)


def _on_sqlite_connect(connection: Connection, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    # Readers and the writer do not block each other then. The file remembers it; it fails while another process is at
    # work in the old mode, which does no harm: a later connection gets its chance.
    with suppress(OperationalError):
        connection.execute("PRAGMA journal_mode = WAL")


def _prepare_templates(app: Flask) -> None:
    app.jinja_env.filters.update(brl=brl, plain=plain, moment=_moment)
    app.jinja_env.globals.update(csrf_token=csrf_token, cart_count=cart.count, shop_name="Empório Jatobá")


def _moment(at: datetime | None) -> str:
    """Write a stored time; SQLite gives it back without its zone, which is UTC."""
    if at is None:
        return "never"
    return (at if at.tzinfo is None else at.astimezone(UTC)).strftime("%Y-%m-%d %H:%M UTC")


def _error_page(error: HTTPException) -> Response:
    response = error.get_response()  # keeps its headers, such as the question for a password
    response.set_data(render_template("error.html", error=error))
    response.content_type = "text/html; charset=utf-8"
    return response
