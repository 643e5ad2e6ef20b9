"""Hosts whose own routes, prefixes and URL rules lie close to ours."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, request, url_for
from flask_sqlalchemy import SQLAlchemy
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.routing import BuildError
from werkzeug.test import Client

from flask_vtex_seller import VtexSeller

from ..shops import ACME, TOKEN, Shop, order_body
from .conftest import NewHost, check, create_all, live_through

CART = {"items": [{"id": "apple", "quantity": 1}]}
PLACEMENT = f"/api/vtex/acme/pvt/orders?token={TOKEN}"
TOLERATED = ["/pvt/orders", "/pvt/orders/", "//pvt/orders", "//pvt//orders//"]


def assert_ours(response: Any, status: int) -> None:
    assert (response.status_code, response.mimetype) == (status, "application/json")


@pytest.mark.parametrize("strict_slashes", [True, False])
@pytest.mark.parametrize("path", TOLERATED)
def test_slashes_are_tolerated_whatever_the_hosts_rule(new_host: NewHost, strict_slashes: bool, path: str) -> None:
    app = Flask("host")
    app.url_map.strict_slashes = strict_slashes
    host = new_host(app=app)
    create_all(host)
    assert_ours(host.call(path, [order_body()]), 200)


@pytest.mark.parametrize("path", ["//acme/pvt/orders", "/acme//pvt/orders/", "///acme///pvt///orders///"])
def test_doubled_slashes_before_the_marketplace_are_tolerated(shop: Shop, path: str) -> None:
    assert_ours(shop.app.test_client().post(f"/api/vtex{path}?token={TOKEN}", json=[order_body()]), 200)


@pytest.mark.parametrize("path", [*TOLERATED, "/pvt/orders///"])
def test_a_hosts_catch_all_takes_nothing_of_ours(shop: Shop, path: str) -> None:
    _add_catch_all(shop.app)
    assert_ours(shop.call(path, [order_body()]), 200)


def test_a_hosts_catch_all_keeps_everything_else(shop: Shop) -> None:
    _add_catch_all(shop.app)
    client = shop.app.test_client()
    for path in ("/", "/about/us", "/api", "/api/", "/api/vte", "/api/vtexx", "/api/vtexx/acme", "/x/api/vtex/acme"):
        assert client.get(path).text == f"host:{path[1:]}"


@pytest.mark.parametrize(
    "path", ["", "/", "/acme", "/acme/", "/acme/nothing", "/acme/pvt/orders/1", "/nobody/pvt/orders"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "OPTIONS"])
def test_all_below_our_prefix_is_answered_in_our_contract(shop: Shop, method: str, path: str) -> None:
    _add_catch_all(shop.app)
    response = shop.app.test_client().open(f"/api/vtex{path}?token={TOKEN}", method=method)
    assert response.status_code in (404, 405)
    assert "x-vtex-error-code" in response.headers


def test_the_host_sees_which_marketplace_calls(new_shop: Callable[..., Shop]) -> None:
    shop, seen = new_shop(marketplaces={"acme": ACME, "acme2": ACME, "other-1": ACME}), []
    shop.app.after_request(lambda response: (seen.append((request.endpoint, request.view_args)), response)[1])
    calls = [("place", "/pvt/orders", [order_body()]), ("simulate", "/pvt/orderForms/simulation", CART)]
    for _, path, body in calls:
        for name in ("acme", "acme2", "other-1"):
            assert_ours(shop.app.test_client().post(f"/api/vtex/{name}{path}?token={TOKEN}", json=body), 200)
        assert shop.app.test_client().post(f"/api/vtex/nobody{path}?token={TOKEN}", json=body).status_code == 404
    expected = [
        (f"vtex_seller.{view}", {"marketplace": name})
        for view, _, _ in calls
        for name in ("acme", "acme2", "other-1", "nobody")
    ]
    assert seen == expected


def test_urls_are_built_for_the_marketplace_that_is_named(new_shop: Callable[..., Shop]) -> None:
    """However many have a simulation route of their own."""
    shop = new_shop(marketplaces={"acme": ACME, "globex": ACME})
    with shop.app.test_request_context():
        for name in ("acme", "globex", "nobody"):
            built = url_for("vtex_seller.simulate", marketplace=name)
            assert built == f"/api/vtex/{name}/pvt/orderForms/simulation"
        with pytest.raises(BuildError):
            url_for("vtex_seller.simulate")


def test_routes_of_the_host_beside_ours_stay_the_hosts(shop: Shop) -> None:
    api = Blueprint("api", __name__, url_prefix="/api")
    api.add_url_rule("/products", view_func=lambda: "products", endpoint="products")
    api.add_url_rule("/vtex-report", view_func=lambda: "report", endpoint="report")
    api.add_url_rule("/<path:rest>", view_func=lambda rest: f"api:{rest}", endpoint="rest", methods=["GET", "POST"])
    shop.app.register_blueprint(api)
    client = shop.app.test_client()
    assert client.get("/api/products").text == "products"
    assert client.get("/api/vtex-report").text == "report"
    assert client.post("/api/v1/pvt/orders").text == "api:v1/pvt/orders"
    live_through(shop)


def test_a_shop_below_a_dispatchers_prefix_is_reached(shop: Shop) -> None:
    front = Client(DispatcherMiddleware(Flask("front"), {"/shop": shop.app}))
    assert_ours(front.post(f"/shop{PLACEMENT}", json=[order_body()]), 200)
    assert_ours(front.post(f"/shop/api/vtex/acme//pvt/orders/S-1//fulfill/?token={TOKEN}", json={}), 200)
    assert_ours(front.get("/shop/api/vtex/acme/nothing"), 401)
    assert front.post(PLACEMENT, json=[order_body()]).mimetype == "text/html"


@pytest.mark.parametrize("config", [{"APPLICATION_ROOT": "/shop"}, {"SERVER_NAME": "shop.example"}], ids=str)
def test_check_passes_below_a_root_or_a_server_name(new_shop: Callable[..., Shop], config: dict[str, str]) -> None:
    shop = new_shop(**config)
    assert check(shop) == (0, "✓ ready to sell on acme\n")


def test_after_request_of_another_blueprint_leaves_our_answers_alone(shop: Shop) -> None:
    pages = Blueprint("pages", __name__)
    pages.after_request(_sign)
    pages.add_url_rule("/page", view_func=lambda: "page", endpoint="page")
    shop.app.register_blueprint(pages)
    assert shop.app.test_client().get("/page").headers["X-Signed"] == "yes"
    assert "X-Signed" not in shop.call("/pvt/orders", [order_body()]).headers


def test_after_request_of_the_application_sees_our_answers(shop: Shop) -> None:
    shop.app.after_request(_sign)
    assert shop.call("/pvt/orders", [order_body()]).headers["X-Signed"] == "yes"
    assert shop.call("//nothing", []).headers["X-Signed"] == "yes"


def test_a_host_may_hang_an_after_request_on_our_blueprint(new_host: NewHost) -> None:
    db = SQLAlchemy()
    seller = VtexSeller(db)
    seller.blueprint.after_request(_sign)
    host = new_host(db, seller=seller)
    host.app.add_url_rule("/page", view_func=lambda: "page", endpoint="page")
    create_all(host)
    assert host.call("/pvt/orders", [order_body()]).headers["X-Signed"] == "yes"
    assert host.call("//pvt//orders", [order_body()]).headers["X-Signed"] == "yes"
    assert "X-Signed" not in host.app.test_client().get("/page").headers


def test_a_host_that_reads_the_body_first_leaves_it_readable(shop: Shop) -> None:
    bodies: list[bytes] = []
    shop.app.before_request(lambda: bodies.append(request.get_data()))
    assert_ours(shop.call("/pvt/orders", [order_body()]), 200)
    assert bodies[0].startswith(b"[")


def test_our_url_converter_takes_no_name_of_the_hosts(shop: Shop) -> None:
    assert set(shop.app.url_map.converters) - set(Flask("bare").url_map.converters) == {"vtex_anything"}


def _add_catch_all(app: Flask) -> None:
    @app.route("/", defaults={"path": ""})
    @app.route("/<path:path>", methods=["GET", "POST", "PUT"])
    def anything(path: str) -> str:
        return f"host:{path}"


def _sign(response: Response) -> Response:
    response.headers["X-Signed"] = "yes"
    return response


@pytest.mark.parametrize(
    "path", ["/api//vtex/acme/pvt/orders", "/api/vtex//acme//pvt/orders", "//api/vtex/acme/pvt/orders"]
)
def test_no_doubled_slash_leads_to_a_redirect_that_repeats_the_token(shop: Shop, path: str) -> None:
    """P73"""
    with shop.app.test_client() as client:
        response = client.post(path, json=[], query_string={"token": TOKEN})
    assert not 300 <= response.status_code < 400
    assert TOKEN not in response.get_data(as_text=True)
