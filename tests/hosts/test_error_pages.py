"""Hosts with error pages of their own: theirs stay HTML, ours stay JSON."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import abort, got_request_exception, request
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from ..shops import Shop, order_body

HANDLED: list[int | type[Exception]] = [404, 413, 500, 401, 400, 405, HTTPException, Exception]
OUTSIDE: dict[str, tuple[int, Callable[[Any], TestResponse]]] = {
    "missing": (404, lambda client: client.get("/nothing")),
    "too large": (413, lambda client: client.post("/upload", data=b"x" * 2000)),
    "broken": (500, lambda client: client.get("/broken")),
    "not allowed": (405, lambda client: client.get("/upload")),
}
INSIDE: dict[str, tuple[int, Callable[[Shop], TestResponse]]] = {
    "missing": (404, lambda shop: shop.call("/pvt/nothing", {})),
    "no marketplace": (404, lambda shop: shop.call("/pvt/orders", {}, marketplace="nobody")),
    "no token": (401, lambda shop: shop.call("/pvt/orders", [order_body()], query_string={})),
    "not allowed": (405, lambda shop: shop.app.test_client().get("/api/vtex/acme/pvt/orders?token=inbound-token-1")),
    "too large": (413, lambda shop: shop.call("/pvt/orders", data=b" " * (2 << 20))),
    "no JSON": (400, lambda shop: shop.call("/pvt/orders", data=b"<html>")),
    "broken": (500, lambda shop: shop.call("/pvt/orders", [order_body()])),
}


@pytest.fixture
def host(new_shop: Callable[..., Shop]) -> Shop:
    shop = new_shop(MAX_CONTENT_LENGTH=1000)
    shop.app.add_url_rule(
        "/upload", view_func=lambda: str(len(request.get_data())), methods=["POST"], endpoint="upload"
    )
    shop.app.add_url_rule("/broken", view_func=lambda: str(1 // 0), endpoint="broken")
    shop.place = lambda _: 1 // 0
    return shop


def page(error: Exception) -> tuple[str, int]:
    return "<h1>our own page</h1>", getattr(error, "code", None) or 500


def test_without_error_pages_the_hosts_errors_stay_flasks(host: Shop) -> None:
    for status, call in OUTSIDE.values():
        response = call(host.app.test_client())
        assert (response.status_code, response.mimetype) == (status, "text/html")
        assert "x-vtex-error-code" not in response.headers


@pytest.mark.parametrize("handled", HANDLED, ids=str)
def test_the_hosts_error_page_stays_html_outside_our_prefix(host: Shop, handled: int | type[Exception]) -> None:
    host.app.register_error_handler(handled, page)
    for status, call in OUTSIDE.values():
        response = call(host.app.test_client())
        assert (response.status_code, response.mimetype) == (status, "text/html")
        assert ("our own page" in response.text) == (handled in (status, HTTPException, Exception))


@pytest.mark.parametrize("handled", HANDLED, ids=str)
def test_the_hosts_error_page_never_replaces_ours_inside(host: Shop, handled: int | type[Exception]) -> None:
    host.app.register_error_handler(handled, page)
    for status, call in INSIDE.values():
        response = call(host)
        assert response.status_code == status
        assert response.json["error"].keys() == {"code", "message", "exception"}
        assert response.headers["x-vtex-error-code"] == response.json["error"]["code"]


@pytest.mark.parametrize("handled", [403, HTTPException, Exception], ids=str)
def test_what_a_host_aborts_under_our_prefix_is_answered_in_our_contract(
    host: Shop, handled: int | type[Exception]
) -> None:
    host.app.register_error_handler(handled, page)
    host.app.before_request(lambda: abort(403))
    assert host.call("/pvt/orders", []).json["error"]["code"] == "HTTP_403"
    assert "our own page" in host.app.test_client().get("/broken").text


@pytest.mark.parametrize("config", ["TESTING", "PROPAGATE_EXCEPTIONS", "TRAP_HTTP_EXCEPTIONS", "DEBUG"])
def test_a_failed_hook_is_answered_in_our_contract_in_every_mode(new_shop: Callable[..., Shop], config: str) -> None:
    shop = new_shop(**{config: True})
    shop.place = lambda _: 1 // 0
    response = shop.call("/pvt/orders", [order_body()])
    assert (response.status_code, response.json["error"]["code"]) == (500, "ORD008")
    assert shop.call("/nothing", []).json["error"]["code"] == "NOT_FOUND"


def test_the_hosts_error_tracker_hears_of_a_failed_hook(host: Shop) -> None:
    heard: list[Exception] = []

    def track(sender: object, exception: Exception) -> None:
        heard.append(exception)

    with got_request_exception.connected_to(track, host.app):
        host.call("/pvt/orders", [order_body()])
    assert [type(error) for error in heard] == [ZeroDivisionError]
