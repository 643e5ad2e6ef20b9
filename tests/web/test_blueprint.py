"""The routes: which paths reach them, and what everything else below the prefix answers."""

from collections.abc import Callable
from typing import Any

import pytest

from ..shops import ACME, TOKEN, Shop, order_body

SIMULATION = "/pvt/orderForms/simulation"
CART = {"items": [{"id": "apple", "quantity": 1}]}
ROUTES = [SIMULATION, "/pvt/orders", "/pvt/orders/S-1/fulfill", "/pvt/orders/S-1/cancel"]
OTHER_METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "BREW"]
each_method = pytest.mark.parametrize("method", [*OTHER_METHODS, "POST"])


def ask(shop: Shop, method: str, path: str, **kwargs: Any) -> tuple[int, str | None]:
    """Return the status and the code of the error contract, which no cache may keep."""
    kwargs.setdefault("query_string", {"token": TOKEN})
    response = shop.app.test_client().open(path, method=method, **kwargs)
    assert response.mimetype == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    code = response.headers.get("x-vtex-error-code")
    if code and method != "HEAD":
        assert response.get_json()["error"]["code"] == code
    return response.status_code, code


@each_method
def test_an_unknown_path_of_a_marketplace_answers_in_the_error_contract(shop: Shop, method: str) -> None:
    for path in ("", "/", "/nowhere", "/pvt", "/pvt/orders/S-1", "/pvt/orders/S-1/ship", "/pvt/ORDERS", "/static/x.js"):
        assert ask(shop, method, f"/api/vtex/acme{path}") == (404, "NOT_FOUND")


@each_method
def test_an_unknown_marketplace_answers_in_the_error_contract(shop: Shop, method: str) -> None:
    for path in ("", "/", "/nobody", "/nobody/", f"/nobody{SIMULATION}", f"/ACME{SIMULATION}", "//"):
        assert ask(shop, method, f"/api/vtex{path}") == (404, "NOT_FOUND")


@pytest.mark.parametrize("method", OTHER_METHODS)
def test_another_method_than_post_answers_in_the_error_contract(shop: Shop, method: str) -> None:
    for path in ROUTES:
        assert ask(shop, method, f"/api/vtex/acme{path}") == (405, "METHOD_NOT_ALLOWED")
        response = shop.app.test_client().open(f"/api/vtex/acme{path}?token={TOKEN}", method=method)
        assert response.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    "path",
    [
        "/api/vtex/acme/pvt/orderForms/simulation/",
        "/api/vtex/acme//pvt/orderForms/simulation",
        "/api/vtex/acme///pvt//orderForms//simulation//",
        "/api/vtex//acme/pvt/orderForms/simulation",
    ],
)
def test_doubled_and_trailing_slashes_reach_the_simulation(shop: Shop, path: str) -> None:
    """P74."""
    assert ask(shop, "POST", path, json=CART) == (200, None)


def test_doubled_and_trailing_slashes_reach_every_order_route(shop: Shop) -> None:
    """P74."""
    assert ask(shop, "POST", "/api/vtex/acme//pvt//orders/", json=[order_body()]) == (200, None)
    assert ask(shop, "POST", "/api/vtex/acme/pvt/orders//S-1//fulfill/", json={}) == (200, None)
    assert ask(shop, "POST", "/api/vtex/acme//pvt/orders/S-1/cancel//", json={}) == (200, None)
    assert shop.order_ids() == ["S-1"]


@pytest.mark.parametrize(
    "query",
    ["token={}&", "&sc=&token={}", "?&sc=&token={}", "token={}&sc=1&sc=2&an=acme&sc=", "token={}&a=b;c=d&%00&==&#"],
)
def test_extra_repeated_and_empty_query_parameters_do_no_harm(shop: Shop, query: str) -> None:
    """P74."""
    path = f"/api/vtex/acme{SIMULATION}"
    assert ask(shop, "POST", path, json=CART, query_string=query.format(TOKEN)) == (200, None)


@pytest.mark.parametrize("order_id", ["a%20b", "%C3%A7%E2%98%83", "a%2Fb", "x" * 200, "..", "%00", "fulfill", "'--"])
def test_an_odd_order_id_is_unknown_and_nothing_worse(shop: Shop, order_id: str) -> None:
    for verb in ("fulfill", "cancel"):
        assert ask(shop, "POST", f"/api/vtex/acme/pvt/orders/{order_id}/{verb}", json={}) == (404, "ORDER_NOT_FOUND")


@pytest.mark.parametrize("path", ["/api/vtex/acme/a%0Ab", "/api/vtex/acme/pvt/orders/a%0Ab/fulfill"])
def test_a_line_break_in_a_path_answers_in_the_error_contract(shop: Shop, path: str) -> None:
    assert ask(shop, "POST", path, json={})[0] == 404


def test_every_answer_forbids_to_be_kept(shop: Shop) -> None:
    cancel = {"marketplaceOrderId": order_body()["marketplaceOrderId"]}
    responses = [
        shop.simulate(("apple", 1)),
        shop.simulate(("apple", 0)),
        shop.call("/pvt/orders", [order_body()]),
        shop.call("/pvt/orders/S-1/fulfill", cancel),
        shop.call("/pvt/orders/S-1/cancel", cancel),
        shop.call("/pvt/orders/S-9/cancel", {}),
        shop.call(SIMULATION, CART, query_string={}),
    ]
    assert [response.status_code for response in responses] == [200, 400, 200, 200, 200, 404, 401]
    assert {response.headers["Cache-Control"] for response in responses} == {"no-store"}


@each_method
def test_the_rest_of_the_shop_keeps_its_own_pages(shop: Shop, method: str) -> None:
    for path in ("/", "/api", "/api/", "/api/vtexx", "/api/vtex-acme/x", f"/vtex/acme{SIMULATION}", "/acme"):
        response = shop.app.test_client().open(path, method=method)
        assert response.status_code == 404
        assert response.mimetype == "text/html"
        assert "x-vtex-error-code" not in response.headers
        assert "Cache-Control" not in response.headers


def test_the_pages_of_the_shop_below_its_own_paths_are_not_hidden(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop()
    shop.app.add_url_rule("/api/vtex-admin", view_func=lambda: "mine", endpoint="admin")
    shop.app.add_url_rule("/<path:anything>", view_func=lambda anything: f"page {anything}", endpoint="page")
    client = shop.app.test_client()
    assert client.get("/api/vtex-admin").text == "mine"
    assert client.get("/about").text == "page about"
    assert ask(shop, "POST", f"/api/vtex/acme{SIMULATION}", json=CART) == (200, None)
    assert ask(shop, "GET", "/api/vtex/acme/nowhere") == (404, "NOT_FOUND")


def test_another_prefix_moves_everything(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(VTEX_SELLER_URL_PREFIX="/sell/here/")
    assert ask(shop, "POST", f"/sell/here/acme{SIMULATION}", json=CART) == (200, None)
    assert ask(shop, "GET", "/sell/here") == (404, "NOT_FOUND")
    assert shop.app.test_client().post(f"/api/vtex/acme{SIMULATION}").mimetype == "text/html"


def test_each_marketplace_has_its_own_endpoint(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(marketplaces={"acme": ACME, "other-2": {**ACME, "seller_id": "fruit2"}})
    shop.call(SIMULATION, CART, marketplace="acme")
    response = shop.call(SIMULATION, CART, marketplace="other-2")
    assert response.get_json()["items"][0]["seller"] == "fruit2"
    assert [request.marketplace for request in shop.asked] == ["acme", "other-2"]


def test_a_shop_below_a_path_of_its_server_works(shop: Shop) -> None:
    response = shop.call(SIMULATION, CART, environ_overrides={"SCRIPT_NAME": "/store"})
    assert response.status_code == 200
