"""The sandbox's JSON API and page, with a seller on a real socket behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.wrappers import Response

from flask_vtex_seller.sandbox import Marketplace, create_app

FakeSeller = Any
ADDRESS = {"postal_code": "01001-000", "country": "BRA"}
LAMP = {"items": [{"sku_id": "lamp", "quantity": 2}], **ADDRESS}


@pytest.fixture
def app(seller: FakeSeller) -> Iterator[Flask]:
    made = create_app({"SANDBOX_FULFILLMENT_ENDPOINT": seller.endpoint, "SANDBOX_SELLER_ID": 17, "TESTING": True})
    yield made
    made.extensions["vtex_sandbox"].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def place(client: FlaskClient) -> str:
    placed = client.post("/api/orders", json=LAMP)
    assert placed.status_code == 200, placed.text
    return placed.json["exchange"]["marketplace_order_id"]


def test_the_api_plays_the_whole_life_of_an_order(client: FlaskClient, seller: FakeSeller) -> None:
    indexed = client.post("/api/index", json={"sku_id": "lamp"}).json["exchange"]
    assert (indexed["ok"], indexed["problems"]) == (True, [])
    assert indexed["request"]["body"]["items"][0]["seller"] == "17"
    assert client.post("/api/simulate", json=LAMP).json["exchange"]["outcome"] == "1 line, 2 delivery options"
    order_id = place(client)
    assert client.post(f"/api/orders/{order_id}/repeat", json={}).json["exchange"]["ok"]
    assert client.post(f"/api/orders/{order_id}/authorize", json={"legacy_body": True}).json["exchange"]["ok"]
    seller.confirms = True
    canceled = client.post(f"/api/orders/{order_id}/cancel", json={"reason": "late", "expect": "confirmed"})
    assert canceled.json["exchange"]["request"]["body"]["reason"] == "late"
    assert canceled.json["exchange"]["outcome"] == "cancellation confirmed"
    (order,) = client.get("/api/orders").json["orders"]
    assert (order["state"], order["order_id"]) == ("canceled", "shop/42")


def test_an_order_can_be_made_to_be_refused(client: FlaskClient) -> None:
    """P29"""
    wish = {**LAMP, "quantities": [9], "expect": "FMT002", "sla_id": "express", "marketplace_order_id": "5-01"}
    answer = client.post("/api/orders", json=wish).json
    assert answer["simulation"]["ok"]
    assert (answer["exchange"]["ok"], answer["exchange"]["outcome"]) == (True, "refused FMT002")
    assert answer["exchange"]["marketplace_order_id"] == "5-01"


def test_coordinates_are_an_address(client: FlaskClient) -> None:
    wish = {"items": [{"sku_id": "lamp"}], "geo_coordinates": [-46.6, -23]}
    exchange = client.post("/api/simulate", json=wish).json["exchange"]
    assert exchange["request"]["body"]["geoCoordinates"] == [-46.6, -23]
    assert exchange["outcome"] == "1 line, 2 delivery options"


def test_exchanges_are_listed_oldest_first_and_in_pages(client: FlaskClient) -> None:
    for sku_id in ("lamp", "chair", "ghost"):
        client.post("/api/index", json={"sku_id": sku_id})
    numbers = [exchange["number"] for exchange in client.get("/api/exchanges").json["exchanges"]]
    assert numbers == [1, 2, 3]
    (second,) = client.get("/api/exchanges?after=1&limit=1").json["exchanges"]
    assert second == client.get("/api/exchanges/2").json["exchange"]
    missing = client.get("/api/exchanges/9")
    assert (missing.status_code, missing.json["error"][:23]) == (404, "there is no exchange 9,")


@pytest.mark.parametrize("query", ["after=x", "limit=-1", "after=٣", "limit=" + "9" * 40])
def test_a_bad_page_is_a_bad_request(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/api/exchanges?{query}")
    assert answer.status_code == 400
    assert "must be a whole number" in answer.json["error"]


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("index", {}, "sku_id must be a non-empty string"),
        ("index", {"sku_id": 5}, "sku_id must be a non-empty string"),
        ("index", {"sku_id": "a", "expect": 200}, "expect must be a non-empty string"),
        ("index", [], "the body must be a JSON object"),
        ("simulate", {}, "items must be a list of 1 to 500"),
        ("simulate", {"items": []}, "items must be a list of 1 to 500"),
        ("simulate", {"items": ["lamp"]}, "items[0] must be an object"),
        ("simulate", {"items": [{"sku_id": "a"}, {}]}, "items[1].sku_id must be a non-empty string"),
        ("simulate", {"items": [{"sku_id": "a", "quantity": 0}]}, "items[0].quantity must be an integer >= 1"),
        ("simulate", {"items": [{"sku_id": "a", "quantity": True}]}, "items[0].quantity must be an integer >= 1"),
        ("simulate", {"items": [{"sku_id": "a"}], "country": 5}, "country must be a non-empty string"),
        ("simulate", {"items": [{"sku_id": "a"}], "geo_coordinates": [1]}, "geo_coordinates must be a list of two"),
        ("simulate", {"items": [{"sku_id": "a"}], "geo_coordinates": ["1", "2"]}, "geo_coordinates must be a list"),
        ("orders", {**LAMP, "quantities": 1}, "quantities must be a list of integers"),
        ("orders", {**LAMP, "quantities": [-1]}, "quantities must be a list of integers"),
        ("orders", {**LAMP, "quantities": [1, 1]}, "quantities must have one entry per item"),
        ("orders", {"quantities": [1], "items": None}, "items must be a list"),
        ("orders/1-01/cancel", {"new_request": 1}, "new_request must be true or false"),
        ("orders/1-01/authorize", {"legacy_body": "yes"}, "legacy_body must be true or false"),
    ],
)
def test_bad_input_is_named_and_nothing_is_sent(
    client: FlaskClient, seller: FakeSeller, path: str, body: Any, message: str
) -> None:
    answer = client.post(f"/api/{path}", json=body)
    assert answer.status_code == 400
    assert answer.json["error"].startswith(message)
    assert seller.requests == []


def test_what_is_no_json_is_a_bad_request(client: FlaskClient) -> None:
    answer = client.post("/api/index", data="{", content_type="application/json")
    assert answer.status_code == 400
    assert "error" in answer.json


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_form_of_another_web_page_is_refused(
    client: FlaskClient, seller: FakeSeller, content_type: str | None
) -> None:
    answer = client.post("/api/index", data='{"sku_id": "lamp"}', content_type=content_type)
    assert answer.status_code == 415
    assert answer.json == {"error": "the Content-Type must be application/json"}
    assert seller.requests == []


def test_an_empty_body_is_an_empty_wish(client: FlaskClient) -> None:
    answer = client.post(f"/api/orders/{place(client)}/authorize", content_type="application/json")
    assert answer.json["exchange"]["ok"]


@pytest.mark.parametrize("verb", ["repeat", "authorize", "cancel"])
def test_an_unknown_order_is_not_found(client: FlaskClient, verb: str) -> None:
    answer = client.post(f"/api/orders/1-01/{verb}", json={})
    assert (answer.status_code, answer.json) == (404, {"error": "no order 1-01 was sent from here"})


def test_a_simulation_that_leaves_nothing_to_order_is_a_conflict(client: FlaskClient) -> None:
    answer = client.post("/api/orders", json={"items": [{"sku_id": "ghost"}], **ADDRESS})
    assert (answer.status_code, answer.json) == (409, {"error": "no line of the simulation is available"})


def test_unknown_paths_and_methods_of_the_api_answer_in_json(client: FlaskClient) -> None:
    assert client.get("/api/nothing").json["error"]
    assert client.get("/api/index").status_code == 405
    assert client.get("/nothing").mimetype == "text/html"


def test_a_fault_of_ours_shows_no_traceback(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise RuntimeError("internals")

    monkeypatch.setattr(Marketplace, "index", fail)
    app.testing = False
    answer = app.test_client().post("/api/index", json={"sku_id": "lamp"})
    assert answer.status_code == 500
    assert "internals" not in answer.text
    assert answer.json["error"]


def test_the_page_shows_exchanges_newest_first_with_their_problems(client: FlaskClient, seller: FakeSeller) -> None:
    client.post("/api/index", json={"sku_id": "lamp"})
    place(client)
    seller.handler = lambda request: Response("<b>oops</b>", 500)
    client.post("/api/index", json={"sku_id": "<script>"})
    page = client.get("/")
    assert page.status_code == 200
    assert page.text.index("Index SKU &lt;script&gt;") < page.text.index("Index SKU lamp")
    assert "<script>" not in page.text
    assert "&lt;b&gt;oops&lt;/b&gt;" in page.text
    assert "P1 status: must be 200, got 500" in page.text
    assert page.text.count("✓") == 3
    assert page.text.count("✗") == 1
    assert "shop/42" in page.text


def test_the_page_shows_an_expected_refusal_and_an_answer_that_never_came(client: FlaskClient) -> None:
    client.post("/api/orders", json={**LAMP, "quantities": [9], "expect": "FMT002"})
    marketplace = client.application.extensions["vtex_sandbox"]
    with Marketplace("http://127.0.0.1:1/") as down:
        client.application.extensions["vtex_sandbox"] = down
        client.post("/api/index", json={"sku_id": "lamp"})
        assert "no answer" in client.get("/").text
    client.application.extensions["vtex_sandbox"] = marketplace
    assert "expected FMT002" in client.get("/").text


def test_the_page_goes_back_in_steps(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_vtex_seller.sandbox.views.PAGE_LENGTH", 1)
    for sku_id in ("lamp", "chair"):
        client.post("/api/index", json={"sku_id": sku_id})
    newest = client.get("/").text
    assert "Index SKU chair" in newest
    assert "Index SKU lamp" not in newest
    assert 'href="/?before=2"' in newest
    assert "Index SKU lamp" in client.get("/?before=2").text


def test_the_secret_is_on_no_page(client: FlaskClient) -> None:
    """P73"""
    client.post("/api/index", json={"sku_id": "lamp"})
    for path in ("/", "/api/exchanges"):
        text = client.get(path).text
        assert "tok-en" not in text
        assert "token=***" in text


def test_every_answer_carries_the_protecting_headers(client: FlaskClient) -> None:
    for path in ("/", "/api/exchanges", "/nothing", "/static/sandbox.css"):
        answer = client.get(path)
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        answer.close()


def test_the_page_brings_only_what_its_own_policy_allows(client: FlaskClient) -> None:
    page = client.get("/").text
    assert "<style" not in page
    assert "style=" not in page
    assert "<script" not in page
    style = client.get("/static/sandbox.css")
    assert (style.status_code, style.mimetype) == (200, "text/css")
    style.close()


@pytest.mark.parametrize("path", ["/", "/api/exchanges"])
def test_another_host_name_is_refused(client: FlaskClient, path: str) -> None:
    assert client.get(path, headers={"Host": "evil.example"}).status_code == 400
    for host in ("localhost:5001", "127.0.0.1:5001"):
        assert client.get(path, headers={"Host": host}).status_code == 200


class TestSettings:
    def test_without_an_endpoint_the_api_says_how_to_set_it(self) -> None:
        client = create_app().test_client()
        answer = client.post("/api/index", json={"sku_id": "lamp"})
        assert answer.status_code == 409
        assert "FLASK_SANDBOX_FULFILLMENT_ENDPOINT" in answer.json["error"]
        assert client.get("/api/orders").status_code == 409
        page = client.get("/")
        assert page.status_code == 200
        assert "FLASK_SANDBOX_FULFILLMENT_ENDPOINT" in page.text

    def test_they_come_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FLASK_SANDBOX_FULFILLMENT_ENDPOINT", "http://127.0.0.1:5000/x?token=hidden-thing")
        monkeypatch.setenv("FLASK_SANDBOX_SELLER_ID", "42")
        monkeypatch.setenv("FLASK_SANDBOX_SALES_CHANNEL", "3")
        monkeypatch.setenv("FLASK_SANDBOX_ACCOUNT", "acme")
        monkeypatch.setenv("FLASK_SANDBOX_TIMEOUT_SECONDS", "5")
        marketplace = create_app().extensions["vtex_sandbox"]
        assert (marketplace.seller_id, marketplace.sales_channel, marketplace.account) == ("42", "3", "acme")
        assert marketplace.endpoint == "http://127.0.0.1:5000/x?token=***"
        marketplace.close()

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"SANDBOX_FULFILLMENT_ENDPOINT": 5}, "SANDBOX_FULFILLMENT_ENDPOINT must be a URL"),
            ({"SANDBOX_FULFILLMENT_ENDPOINT": "ftp://hidden"}, "the fulfillment endpoint must be an http"),
            ({"SANDBOX_SELLER_ID": ""}, "SANDBOX_SELLER_ID must be a non-empty string"),
            ({"SANDBOX_ACCOUNT": 1.5}, "SANDBOX_ACCOUNT must be a non-empty string"),
            ({"SANDBOX_TIMEOUT_SECONDS": "5"}, "SANDBOX_TIMEOUT_SECONDS must be a number of seconds"),
            ({"SANDBOX_SIMULATION_TIMEOUT_SECONDS": 0}, "SANDBOX_SIMULATION_TIMEOUT_SECONDS must be a number"),
            ({"SANDBOX_FULFILMENT_ENDPOINT": "x"}, "no setting SANDBOX_FULFILMENT_ENDPOINT; there are SANDBOX_FULF"),
        ],
    )
    def test_an_unusable_one_is_named(self, settings: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message) as caught:
            create_app({"SANDBOX_FULFILLMENT_ENDPOINT": "http://localhost/", **settings})
        assert "hidden" not in str(caught.value)


def test_the_record_of_an_exchange_is_plain_json(app: Flask) -> None:
    exchange = app.extensions["vtex_sandbox"].index("lamp")
    assert json.loads(json.dumps(exchange.as_json())) == exchange.as_json()
