"""Who may send the shop's forms and open its admin pages.

Everything here is attached to single blueprints, never to the application: what else is mounted keeps its own rules.
"""

import hmac
import secrets

from flask import Blueprint, abort, current_app, request, session
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

ADMIN_USER = "admin"
_TOKEN = "csrf_token"


def csrf_token() -> str:
    """Return the session's form token, made at its first use."""
    if _TOKEN not in session:
        session[_TOKEN] = secrets.token_urlsafe(24)
    return str(session[_TOKEN])


def protect_forms(blueprint: Blueprint) -> None:
    """Refuse a POST to the blueprint that does not carry the session's form token."""
    blueprint.before_request(_check_token)


def require_admin(blueprint: Blueprint) -> None:
    """Open the blueprint only to the user `admin` with the password of the config key `SHOP_ADMIN_PASSWORD`.

    Without a password in the configuration its pages do not exist: 404, in every mode.
    """
    blueprint.before_request(_check_admin)


def _check_token() -> None:
    if request.method != "POST":
        return
    known, sent = str(session.get(_TOKEN, "")), request.form.get(_TOKEN, "")
    if not known or not hmac.compare_digest(known.encode(), sent.encode()):
        abort(400, "This page was open for too long. Go back, reload it and try again.")


def _check_admin() -> None:
    # The environment turns a password of digits into a number.
    password = str(current_app.config.get("SHOP_ADMIN_PASSWORD") or "")
    if not password:
        abort(404)
    given = request.authorization
    named = given is not None and given.type == "basic" and given.username == ADMIN_USER
    secret = (given.password or "") if given is not None else ""
    if not hmac.compare_digest(secret.encode(), password.encode()) or not named:
        raise Unauthorized(
            "The admin pages need the shop's password.",
            www_authenticate=WWWAuthenticate("basic", {"realm": "shop admin"}),
        )
