"""Who may call: checked first, on every route, and never told to anybody (P71, P72, P73)."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import request
from flask_sqlalchemy import SQLAlchemy
from werkzeug.test import TestResponse

from flask_vtex_seller import VtexSeller
from flask_vtex_seller.errors import ConfigurationError
from flask_vtex_seller.state import current_state
from flask_vtex_seller.web.blueprint import Call
from flask_vtex_seller.web.query import read_query

from ..shops import ACME, APP_TOKEN, SECOND_TOKEN, TOKEN, Shop, order_body

SIMULATION = "/pvt/orderForms/simulation"
CART = {"items": [{"id": "apple", "quantity": 1}]}
ROUTES = [SIMULATION, "/pvt/orders", "/pvt/orders/S-1/fulfill", "/pvt/orders/S-1/cancel"]
VTEX_KEY = "vtexappkey-x-ABCDEF"

NO_TOKENS: list[dict[str, Any]] = [
    {"query_string": {}},
    {"query_string": "token"},
    {"query_string": "token="},
    {"query_string": "token=wrong"},
    {"query_string": f"token={TOKEN}x"},
    {"query_string": f"token={TOKEN[:-1]}"},
    {"query_string": f"token={TOKEN.upper()}"},
    {"query_string": f"Token={TOKEN}"},
    {"query_string": f"token={APP_TOKEN}"},
    {"query_string": "token=sen%C3%A7a-%E2%98%83"},
    {"query_string": "token=%FF%FE"},
    {"query_string": "token=%00"},
    {"query_string": "token=" + "x" * 100_000},
    {"query_string": "&".join(["token=x"] * 1000)},
    {"query_string": {}, "headers": {"X-VTEX-API-AppToken": ""}},
    {"query_string": {}, "headers": {"X-VTEX-API-AppToken": "wrong"}},
    {"query_string": {}, "headers": {"X-VTEX-API-AppToken": "se\xe7\xe3o"}},
    {"query_string": {}, "headers": {"X-VTEX-API-AppKey": TOKEN}},
    {"query_string": {}, "headers": {"Authorization": f"Bearer {TOKEN}"}},
    {"query_string": {}, "headers": {"Authorization": TOKEN}},
    {"query_string": {}, "headers": {"Authorization": "VTEX"}},
    {"query_string": {}, "headers": {"Authorization": f'VTEX key="{TOKEN}"'}},
    {"query_string": {}, "headers": {"Authorization": f'VTEX key="{VTEX_KEY}" token="wrong"'}},
    {"query_string": {}, "headers": {"Authorization": 'VTEX token=""'}},
    {"query_string": {}, "headers": {"Authorization": "VTEX " + "token=" * 20_000}},
    {"query_string": {}, "headers": {"Cookie": f"token={TOKEN}"}},
]


def is_refused(response: TestResponse) -> bool:
    return (
        response.status_code == 401
        and response.headers["x-vtex-error-code"] == "UNAUTHORIZED"
        and response.get_json()["error"]["message"] == "a valid token is needed"
        and response.headers["Cache-Control"] == "no-store"
    )


@pytest.mark.parametrize("path", ROUTES)
def test_a_call_without_a_live_token_is_refused_on_every_route(shop: Shop, path: str) -> None:
    """P71."""
    passed = [call for call in NO_TOKENS if not is_refused(shop.call(path, CART, **call))]
    assert passed == []
    assert shop.asked == []


def test_a_query_that_is_not_utf_8_shows_no_token(shop: Shop) -> None:
    """A server hands over each byte of the address as a character."""
    raw = shop.call(SIMULATION, CART, query_string={}, environ_overrides={"QUERY_STRING": "token=\xff\xfe&sc=\xe7"})
    assert is_refused(raw)
    sent = f"token={TOKEN}&sc=\xff"
    answered = shop.call(SIMULATION, CART, query_string={}, environ_overrides={"QUERY_STRING": sent})
    assert answered.status_code == 200


def test_a_cart_or_a_health_token_in_a_query_that_is_not_utf_8_is_no_error_of_ours(
    new_shop: Callable[..., Shop],
) -> None:
    acme = {**ACME, "simulation_by_get": True}
    shop = new_shop(marketplaces={"acme": acme}, VTEX_SELLER_HEALTH_TOKEN="health")
    cart = f'token={TOKEN}&purchaseContext={{"items": [{{"id": "\xff", "quantity": 1}}]}}'
    path, calls = "/api/vtex/acme" + SIMULATION, shop.app.test_client()
    assert calls.get(path, environ_overrides={"QUERY_STRING": cart}).status_code == 200
    assert calls.get("/api/vtex/-/health", environ_overrides={"QUERY_STRING": "token=\xff"}).status_code == 401


@pytest.mark.parametrize("path", ROUTES)
def test_the_token_is_checked_before_the_body_is_read(shop: Shop, path: str) -> None:
    """P71: before parsing."""
    for body in (b"{", b"", b"\x00", b"x" * (2 * 1024 * 1024)):
        assert is_refused(shop.call(path, data=body, query_string="token=wrong"))


def test_a_refused_call_changes_nothing(shop: Shop) -> None:
    shop.call("/pvt/orders", [order_body()], query_string={})
    assert shop.order_ids() == []


RIGHT: list[dict[str, Any]] = [
    {"query_string": {"token": TOKEN}},
    {"query_string": f"an=acme&sc=1&token={TOKEN}&sc="},
    {"query_string": f"token=&token=old&token={TOKEN}"},
    {"query_string": {}, "headers": {"X-VTEX-API-AppToken": TOKEN}},
    {"query_string": {}, "headers": {"x-vtex-api-apptoken": TOKEN, "x-vtex-api-appkey": VTEX_KEY}},
    {"query_string": {}, "headers": {"Authorization": f'VTEX key="{VTEX_KEY}" token="{TOKEN}"'}},
    {"query_string": {}, "headers": {"Authorization": f"vtex token={TOKEN}"}},
    {"query_string": "token=wrong", "headers": {"X-VTEX-API-AppToken": TOKEN}},
]


def test_the_right_token_is_found_in_each_of_its_places(shop: Shop) -> None:
    """P71 and P74."""
    refused = [call for call in RIGHT if shop.call(SIMULATION, CART, **call).status_code != 200]
    assert refused == []


@pytest.mark.parametrize("token", [TOKEN, SECOND_TOKEN])
def test_both_of_two_live_tokens_work_on_every_route(shop: Shop, token: str) -> None:
    """P72."""
    statuses = {shop.call(path, CART, query_string={"token": token}).status_code for path in ROUTES}
    assert 401 not in statuses


@pytest.mark.parametrize("tokens", [None, [], "", [""]])
def test_a_marketplace_without_tokens_refuses_every_call(new_shop: Callable[..., Shop], tokens: Any) -> None:
    """P71."""
    shop = new_shop(marketplaces={"acme": {**ACME, "inbound_tokens": tokens}})
    calls = [(path, call) for path in ROUTES for call in (*NO_TOKENS[:4], *RIGHT)]
    assert all(is_refused(shop.call(path, CART, **call)) for path, call in calls)


def test_a_marketplaces_token_is_its_own(new_shop: Callable[..., Shop]) -> None:
    other = {**ACME, "inbound_tokens": ["other-token"]}
    shop = new_shop(marketplaces={"acme": ACME, "other": other})
    assert is_refused(shop.call(SIMULATION, CART, marketplace="other"))
    assert is_refused(shop.call(SIMULATION, CART, query_string={"token": "other-token"}))
    call = {"query_string": {"token": "other-token"}}
    assert shop.call(SIMULATION, CART, marketplace="other", **call).status_code == 200


@pytest.mark.parametrize("token", ["sen\u00e7a-\u2603", "a b", "a+b&c=d", "x" * 4000])
def test_a_token_may_hold_any_character(new_shop: Callable[..., Shop], token: str) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, "inbound_tokens": [token]}})
    assert shop.call(SIMULATION, CART, query_string={"token": token}).status_code == 200


def test_a_quoted_token_of_the_authorization_header_may_hold_commas_and_spaces(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, "inbound_tokens": ["a, b", "plain"]}})
    for header in ('VTEX key="k" token="a, b"', 'VTEX token="a, b", key="k"', "VTEX key=k token=plain"):
        response = shop.call(SIMULATION, CART, query_string={}, headers={"Authorization": header})
        assert response.status_code == 200
    for header in ('VTEX key="k" token="a', 'VTEX apptoken="plain"', 'VTEX token="plain '):
        assert is_refused(shop.call(SIMULATION, CART, query_string={}, headers={"Authorization": header}))


@pytest.mark.parametrize("path", ["/nowhere", "", "/pvt/orders//S-1//fulfill/", "/pvt/orderForms/simulation/"])
def test_unknown_and_untidy_paths_of_a_marketplace_need_a_token_too(shop: Shop, path: str) -> None:
    client = shop.app.test_client()
    for method in ("GET", "POST", "OPTIONS"):
        assert is_refused(client.open(f"/api/vtex/acme{path}", method=method))


def test_tokens_are_in_no_log_record_and_no_error_body(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """P73."""
    caplog.set_level(logging.DEBUG)
    query = {"token": [TOKEN, "tok-guess"]}
    headers = {"X-VTEX-API-AppToken": SECOND_TOKEN, "Authorization": f'VTEX token="{APP_TOKEN}"'}
    responses = [
        shop.call(SIMULATION, {}, query_string=query, headers=headers),
        shop.call(SIMULATION, CART, query_string={"token": "tok-guess"}),
        shop.call("/nowhere", CART, query_string=query, headers=headers),
        shop.call("/pvt/orders", data=b"{", query_string=query, headers=headers),
        shop.call("/pvt/orders/S-9/fulfill", {}, query_string=query, headers=headers),
    ]
    assert [response.status_code for response in responses] == [400, 401, 404, 400, 404]
    assert caplog.records
    written = [str(vars(record)) + record.getMessage() for record in caplog.records]
    written += [response.get_data(as_text=True) + str(response.headers) for response in responses]
    for secret in (TOKEN, SECOND_TOKEN, APP_TOKEN, "tok-guess"):
        assert not any(secret in line for line in written)


def test_no_token_is_in_a_repr(shop: Shop) -> None:
    query = read_query(f"token={TOKEN}&sc=2".encode())
    assert (query.tokens, query.sales_channel) == ((TOKEN,), "2")
    with shop.app.test_request_context(f"/?token={TOKEN}"):
        state = current_state()
        call = Call(request._get_current_object(), query, state, state.settings.marketplaces["acme"])  # type: ignore[attr-defined]
        assert TOKEN not in f"{query!r} {query} {call!r} {call}"


def test_a_query_that_holds_a_cart_or_is_long_is_not_kept() -> None:
    assert read_query(b"token=x&sc=1") is read_query(b"token=x&sc=1")
    for query in (b"token=x&purchaseContext={}", b"token=x&purchase%43ontext={}", b"token=" + b"x" * 1_000):
        assert read_query(query) is not read_query(query)


def test_a_sales_channel_of_the_query_is_cut_off() -> None:
    assert read_query(b"sc=&sc=%00&sc=" + b"7" * 100).sales_channel == "7" * 64


def test_a_route_that_is_added_to_the_blueprint_would_stand_open_and_is_refused() -> None:
    seller = VtexSeller(SQLAlchemy())
    with pytest.raises(ConfigurationError, match=r"^/<marketplace>/report would need no token here"):
        seller.blueprint.get("/<marketplace>/report")(lambda marketplace: marketplace)
