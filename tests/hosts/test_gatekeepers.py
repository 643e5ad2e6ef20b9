"""Hosts that stop strangers at the door: CSRF protection, a login wall."""

import pytest
from flask import abort, redirect, request, session
from flask.typing import ResponseReturnValue
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

from flask_vtex_seller import VtexSeller

from ..shops import Shop
from .conftest import NewHost, check, create_all, live_through


@pytest.fixture
def guarded(new_host: NewHost) -> Shop:
    """A shop with a form of its own to protect."""
    host = new_host(SECRET_KEY="made-up")
    host.app.add_url_rule("/checkout", view_func=lambda: "thanks", methods=["POST"], endpoint="checkout")
    create_all(host)
    return host


def let_our_blueprint_through(host: Shop) -> None:
    @host.app.before_request
    def wall() -> ResponseReturnValue | None:
        if request.blueprint == host.seller.blueprint.name or "user" in session:
            return None
        return redirect("/login")


def test_csrf_protection_exempts_the_blueprint_after_init_app(guarded: Shop) -> None:
    csrf = CSRFProtect(guarded.app)
    csrf.exempt(guarded.seller.blueprint)
    live_through(guarded)
    assert guarded.app.test_client().post("/checkout").status_code == 400


def test_csrf_protection_exempts_the_blueprint_before_init_app(new_host: NewHost) -> None:
    db, csrf = SQLAlchemy(), CSRFProtect()
    seller = VtexSeller(db)
    csrf.exempt(seller.blueprint)
    host = new_host(db, seller=seller, SECRET_KEY="made-up")
    csrf.init_app(host.app)
    create_all(host)
    live_through(host)


def test_an_exempt_blueprint_is_exempt_behind_doubled_slashes(guarded: Shop) -> None:
    CSRFProtect(guarded.app).exempt(guarded.seller.blueprint)
    assert guarded.call("//pvt//orderForms/simulation/", {"items": []}).status_code != 401
    assert check(guarded) == (0, "✓ ready to sell on acme\n")


def test_check_warns_of_csrf_protection_without_exemption(guarded: Shop) -> None:
    CSRFProtect(guarded.app)
    status, output = check(guarded)
    assert status == 1
    assert "csrf.exempt(seller.blueprint)" in output


def test_a_login_wall_lets_our_blueprint_through_by_its_name(guarded: Shop) -> None:
    let_our_blueprint_through(guarded)
    live_through(guarded)
    assert guarded.call("//pvt/orders//", []).status_code != 302
    assert guarded.app.test_client().get("/account").location == "/login"
    assert check(guarded) == (0, "✓ ready to sell on acme\n")


def test_check_reports_a_login_wall_that_redirects(guarded: Shop) -> None:
    guarded.app.before_request(lambda: redirect("/login"))
    status, output = check(guarded)
    assert status == 1
    assert "302" in output
    assert "request.blueprint is 'vtex_seller'" in output


def test_check_reports_a_login_wall_that_answers_401(guarded: Shop) -> None:
    guarded.app.before_request(lambda: ("please log in", 401))
    status, output = check(guarded)
    assert status == 1
    assert "401" in output


def test_check_reports_a_login_wall_that_aborts_with_401(guarded: Shop) -> None:
    guarded.app.before_request(lambda: abort(401))
    status, output = check(guarded)
    assert status == 1
    assert "request.blueprint is 'vtex_seller'" in output


def test_check_does_not_blame_csrf_protection_for_a_login_wall(guarded: Shop) -> None:
    CSRFProtect(guarded.app).exempt(guarded.seller.blueprint)
    guarded.app.before_request(lambda: redirect("/login"))
    assert "request.blueprint is 'vtex_seller'" in check(guarded)[1]


def test_check_is_not_fooled_by_trusted_hosts(new_host: NewHost) -> None:
    host = new_host(TRUSTED_HOSTS=["shop.example"])
    create_all(host)
    assert check(host)[0] == 0


def test_check_is_not_fooled_by_a_redirect_to_https(guarded: Shop) -> None:
    guarded.app.before_request(
        lambda: None if request.is_secure else redirect(request.url.replace("http://", "https://"))
    )
    assert check(guarded)[0] == 0
