"""What holds for every call of a seller: credentials, media types, records and faults; partly on real sockets."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from flask import Flask
from werkzeug.serving import make_server

from flask_vtex_seller.sandbox import Marketplace, create_app
from flask_vtex_seller.sandbox.background import Background
from flask_vtex_seller.sandbox.contracts import OPERATIONS
from flask_vtex_seller.sandbox.dispatch import refuse
from flask_vtex_seller.sandbox.inbox import Inbox
from flask_vtex_seller.sandbox.incoming import Arrived, read_call
from flask_vtex_seller.sandbox.receiving import make_blueprint

from .conftest import HEADERS, OMS, Outbox, invoice, make_outbox, suggestion

NOTICE = "/api/catalog_system/pvt/skuseller/changenotification/shop/lamp"
DOWN = "http://127.0.0.1:1/"


class TestCredentials:
    @pytest.mark.parametrize(
        "headers", [{"key": None}, {"token": None}, {"key": ""}, {"token": ""}, {"token": "x" * 1025}]
    )
    def test_both_are_needed(self, alone: Outbox, headers: dict[str, str | None]) -> None:
        """P51"""
        reply = alone.call("POST", NOTICE, **headers)
        assert (reply.status_code, reply.json["error"]["code"]) == (401, "Unauthorized")
        assert alone.problems == ["P51 credentials"]

    @pytest.mark.parametrize(("wrong", "status"), [({}, 404), ({"key": "other"}, 403), ({"token": "öther"}, 403)])
    def test_they_must_be_those_of_the_seller(self, wrong: dict[str, str], status: int) -> None:
        """P51"""
        made = make_outbox(DOWN, SANDBOX_APP_KEY="key-of-the-shop", SANDBOX_APP_TOKEN="token-of-the-shop")
        with made.marketplace:
            assert made.call("POST", NOTICE, **wrong).status_code == status
            assert made.problems == (["P51 credentials"] if wrong else [])

    @pytest.mark.parametrize("settings", [{"app_key": "key"}, {"app_token": "hidden"}])
    def test_half_of_them_is_an_error(self, settings: dict[str, str]) -> None:
        with pytest.raises(ValueError, match="must be given together") as caught:
            Marketplace(DOWN, **settings)
        assert "hidden" not in str(caught.value)

    def test_they_are_kept_and_shown_nowhere(self, alone: Outbox, caplog: pytest.LogCaptureFixture) -> None:
        """P80"""
        caplog.set_level(logging.DEBUG)
        token = HEADERS["X-VTEX-API-AppToken"]
        body = suggestion(ProductDescription=f"our token is {token}", SkuName="inbound-secret")
        alone.suggest(body)
        assert alone.problems == ["P80 body"]
        alone.call("POST", f"{NOTICE}?token={token}&an=sandbox")
        alone.call("PUT", f"/suggestions/{token}/{token}", suggestion(SellerId=token))
        alone.call("PUT", f"/suggestions/shop/{token}", token.encode())
        texts = [alone.client.get(path).text for path in ("/", "/api/exchanges", "/api/skus")]
        texts += [repr(alone.marketplace), repr(alone.marketplace.exchanges()), repr(alone.marketplace.skus())]
        texts += [caplog.text]
        for text in texts:
            assert token not in text
            assert "inbound-secret" not in text
            assert HEADERS["X-VTEX-API-AppKey"] not in text
        assert alone.marketplace.exchanges()[1].url.endswith("/shop/lamp?token=***&an=sandbox")

    def test_they_are_absent_from_the_repr_of_a_request(self) -> None:
        """P80"""
        arrived = Arrived(method="GET", origin="", path="/", app_key="the-key", app_token="the-token")
        assert "the-" not in repr(arrived)


class TestHeaders:
    @pytest.mark.parametrize("accept", [None, "", "*/*", "text/html, application/xml"])
    def test_json_must_be_accepted(self, alone: Outbox, accept: str | None) -> None:
        assert alone.call("POST", NOTICE, accept=accept).status_code == 406
        assert alone.problems == ["P51 accept"]

    @pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
    def test_json_must_be_sent_even_without_a_body(self, alone: Outbox, content_type: str | None) -> None:
        assert alone.call("POST", NOTICE, content_type=content_type).status_code == 415
        assert alone.problems == ["P51 content-type"]

    def test_json_may_be_one_of_several(self, alone: Outbox) -> None:
        alone.call("POST", NOTICE, accept="text/plain;q=0.5, application/json; charset=utf-8")
        assert alone.record.ok

    def test_all_that_is_wrong_is_reported_and_the_first_is_answered(self, alone: Outbox) -> None:
        reply = alone.call("GET", NOTICE, b"x", accept=None, content_type=None, key=None)
        assert reply.status_code == 405
        assert alone.problems == ["P51 method", "P51 credentials", "P51 accept", "P51 content-type"]

    def test_a_body_that_is_too_large_is_refused(self, alone: Outbox) -> None:
        reply = alone.call("PUT", "/suggestions/shop/lamp", b"[" + b" " * 1024 * 1024)
        assert reply.status_code == 413
        assert alone.problems == ["P53 body"]


class TestRecords:
    def test_a_call_and_its_answer_are_shown(self, alone: Outbox) -> None:
        alone.call("POST", f"{NOTICE}?an=sandbox")
        alone.call("POST", f"{OMS}/1-01/invoice", invoice())
        first, second = alone.client.get("/api/exchanges").json["exchanges"]
        assert first["direction"] == "seller → marketplace"
        assert first["request"] == {"method": "POST", "url": f"http://localhost{NOTICE}?an=sandbox", "body": None}
        assert first["response"]["headers"] == {"content-type": "text/plain"}
        assert (second["marketplace_order_id"], second["ok"]) == ("1-01", False)
        assert second["request"]["body"] == invoice()
        assert second["response"]["body"]["error"]["code"] == "OrderNotFound"
        page = alone.client.get("/").text
        assert page.count("seller → marketplace") == 2
        assert "P61 path: no such order was placed" in page

    def test_orders_and_skus_are_on_the_page(self, outbox: Outbox) -> None:
        order_id = outbox.authorized()
        outbox.invoice(order_id, courier="T", trackingNumber="TJ1BR")
        outbox.report(order_id, isDelivered=True)
        outbox.suggest(suggestion(ProductName="<Lamp>"))
        outbox.marketplace.approve("bound-by-hand")
        outbox.marketplace.deny("lamp", "too bright")
        page = outbox.client.get("/").text
        for text in ("delivered", "TJ1BR", "2500", "&lt;Lamp&gt;", "denied", "too bright", "bound-by-hand"):
            assert text in page

    def test_a_body_that_is_no_json_is_shown_as_text(self, alone: Outbox) -> None:
        alone.call("PUT", "/suggestions/shop/lamp", b"\xffoops")
        assert alone.record.request_body == "�oops"

    def test_every_operation_has_its_name(self) -> None:
        assert set(OPERATIONS) == {
            "change_notification",
            "suggestion",
            "suggestion_status",
            "price_notification",
            "inventory_notification",
            "invoice",
            "return_invoice",
            "tracking",
            "tracking_status",
            "cancel_order",
            "agreement",
            "delivery_promises",
        }

    def test_without_a_seller_nothing_is_received(self) -> None:
        reply = create_app().test_client().post(NOTICE, headers=HEADERS)
        assert reply.status_code == 409
        assert "FLASK_SANDBOX_FULFILLMENT_ENDPOINT" in reply.json["error"]

    def test_a_call_is_answered_or_refused(self) -> None:
        call = read_call(Arrived(method="GET", origin="", path="/x"), datetime.now(UTC), [], "***")
        assert call.statement == "P61"
        with pytest.raises(AssertionError, match="unknown was neither answered nor refused"):
            refuse(call, None)


class TestFaults:
    @pytest.mark.parametrize("kind", ["403", "404", "405", "429", "500", "503"])
    def test_a_status_on_demand(self, alone: Outbox, kind: str) -> None:
        """P77"""
        alone.marketplace.fail_next("change_notification", kind=kind, retry_after=7)
        reply = alone.notify()
        assert (reply.status_code, reply.headers["Retry-After"]) == (int(kind), "7")
        assert reply.json["error"]["code"] == kind
        record = alone.record
        assert (record.fault, record.status, record.outcome) == (kind, int(kind), f"{kind} on demand")
        assert record.response_headers["retry-after"] == "7"
        assert record.ok
        assert record.as_json()["fault"] == kind
        assert f"fault {kind}" in alone.client.get("/").text
        alone.notify()
        assert alone.record.fault is None

    def test_retry_after_may_be_a_date(self, alone: Outbox) -> None:
        """P77"""
        date = "Wed, 21 Oct 2026 07:28:00 GMT"
        alone.marketplace.fail_next(retry_after=date)
        assert alone.notify().headers["Retry-After"] == date

    def test_what_is_wrong_with_the_call_is_told_all_the_same(self, alone: Outbox) -> None:
        alone.marketplace.fail_next()
        alone.suggest(suggestion(Weight=0))
        assert alone.problems == ["P56 Weight"]
        assert alone.record.status == 503

    def test_a_call_that_meets_one_has_no_effect(self, alone: Outbox) -> None:
        alone.marketplace.fail_next("suggestion", kind="500")
        alone.suggest(suggestion())
        assert alone.marketplace.skus() == []

    @pytest.mark.parametrize("kind", ["500", "html", "429"])
    def test_it_has_if_so_asked(self, alone: Outbox, kind: str) -> None:
        alone.marketplace.fail_next("suggestion", kind=kind, processed=True)
        assert alone.suggest(suggestion()).status_code in (429, 500, 502)
        assert len(alone.marketplace.skus()) == 1

    def test_a_gateways_page(self, alone: Outbox) -> None:
        alone.marketplace.fail_next("*", kind="html")
        reply = alone.notify()
        assert (reply.status_code, reply.mimetype) == (502, "text/html")
        assert "<h1>" in reply.text

    def test_a_torn_body_of_a_call_that_worked(self, alone: Outbox) -> None:
        alone.marketplace.fail_next("suggestion", kind="garbage")
        reply = alone.suggest(suggestion())
        assert (reply.status_code, reply.mimetype) == (200, "application/json")
        with pytest.raises(ValueError, match="codec can't decode"):
            json.loads(reply.data)
        assert len(alone.marketplace.skus()) == 1
        assert alone.record.response_body is None

    def test_a_late_answer_is_the_right_one(self, alone: Outbox) -> None:
        alone.marketplace.fail_next("suggestion", kind="slow", seconds=0)
        assert alone.suggest(suggestion()).status_code == 200
        alone.marketplace.fail_next("suggestion", kind="slow", seconds=0, processed=False)
        assert alone.suggest(suggestion(), "chair").status_code == 504
        assert [sku.sku_id for sku in alone.marketplace.skus()] == ["lamp"]

    def test_they_are_met_in_order_and_counted(self, alone: Outbox) -> None:
        marketplace = alone.marketplace
        marketplace.fail_next("suggestion", kind="500", times=2)
        marketplace.fail_next("*", kind="429")
        statuses = [alone.notify().status_code, *(alone.suggest(suggestion()).status_code for _ in range(3))]
        assert statuses == [429, 500, 500, 200]
        assert marketplace.faults() == []

    def test_a_return_has_a_name_of_its_own(self, alone: Outbox) -> None:
        alone.marketplace.fail_next("return_invoice")
        path = f"{OMS}/1-01/invoice"
        assert alone.call("POST", path, invoice()).status_code == 404
        assert alone.call("POST", path, invoice(type="Input")).status_code == 503

    def test_the_api_sets_lists_and_clears_them(self, alone: Outbox) -> None:
        wish = {"match": "invoice", "times": 2, "kind": "slow", "seconds": 0.5}
        added = alone.client.post("/api/faults", json=wish).json["fault"]
        assert added == {**wish, "retry_after": None, "processed": True}
        assert alone.client.get("/api/faults").json["faults"] == [added]
        assert alone.client.delete("/api/faults").json["faults"] == []
        assert alone.client.get("/api/faults").json["faults"] == []

    @pytest.mark.parametrize(
        ("wish", "message"),
        [
            ({"match": "index"}, "match must be * or one of change_notification"),
            ({"kind": "418"}, "kind must be one of 403"),
            ({"times": 0}, "times must be 1 to 1000"),
            ({"times": True}, "times must be 1 to 1000"),
            ({"retry_after": -1}, "retry_after must be whole seconds or an HTTP date"),
            ({"retry_after": "soon"}, "retry_after must be whole seconds or an HTTP date"),
            ({"seconds": "1"}, "seconds must be 0 to 600"),
            ({"processed": 1}, "processed must be true or false"),
            ({"status": 500}, "status is no field of a fault"),
        ],
    )
    def test_one_that_cannot_be_is_named(self, alone: Outbox, wish: dict[str, Any], message: str) -> None:
        reply = alone.client.post("/api/faults", json=wish)
        assert reply.status_code == 400
        assert reply.json["error"].startswith(message)

    def test_an_answer_breaks_off_where_no_socket_can_be_reset(self, alone: Outbox) -> None:
        alone.marketplace.fail_next(kind="reset")
        with pytest.raises(ConnectionResetError):
            alone.notify()
        assert (alone.record.status, alone.record.outcome) == (None, "the connection was reset on demand")


class TestSkuApi:
    def test_people_approve_and_deny(self, alone: Outbox) -> None:
        alone.suggest(suggestion(), "a%2Fb")
        approved = alone.client.post("/api/skus/a%2Fb/approve", json={})
        assert (approved.status_code, approved.json["sku"]["state"]) == (200, "approved")
        denied = alone.client.post("/api/skus/a%2Fb/deny", json={"reason": "why not"})
        assert (denied.json["sku"]["state"], denied.json["sku"]["reason"]) == ("denied", "why not")
        (listed,) = alone.client.get("/api/skus").json["skus"]
        assert (listed["sku_id"], listed["version"]) == ("a/b", 1)
        assert alone.client.post("/api/skus/a%2Fb/deny", json={}).json["sku"]["reason"] == "not wanted here"

    def test_what_nobody_suggested_is_not_found(self, alone: Outbox) -> None:
        reply = alone.client.post("/api/skus/ghost/deny", json={})
        assert (reply.status_code, reply.json) == (404, {"error": "SKU ghost was never suggested"})

    def test_a_form_of_another_web_page_is_refused(self, alone: Outbox) -> None:
        assert alone.client.post("/api/skus/lamp/approve", data="x").status_code == 415
        assert alone.marketplace.skus() == []


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"SANDBOX_AUTO_APPROVE": "yes"}, "SANDBOX_AUTO_APPROVE must be true or false"),
            ({"SANDBOX_APP_KEY": 1.5}, "SANDBOX_APP_KEY must be a string"),
            ({"SANDBOX_APP_TOKEN": "hidden" * 200}, "SANDBOX_APP_TOKEN must be a string"),
            ({"SANDBOX_APP_TOKEN": "hidden"}, "the app key and the app token must be given together"),
        ],
    )
    def test_an_unusable_one_is_named(self, settings: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message) as caught:
            create_app({"SANDBOX_FULFILLMENT_ENDPOINT": DOWN, **settings})
        assert "hidden" not in str(caught.value)

    def test_they_come_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FLASK_SANDBOX_FULFILLMENT_ENDPOINT", DOWN)
        monkeypatch.setenv("FLASK_SANDBOX_APP_KEY", "1234567")
        monkeypatch.setenv("FLASK_SANDBOX_APP_TOKEN", "7654321")
        monkeypatch.setenv("FLASK_SANDBOX_AUTO_APPROVE", "true")
        monkeypatch.setenv("FLASK_SANDBOX_SELLER_ID", "shop")
        app = create_app()
        with app.extensions["vtex_sandbox"] as marketplace:
            made = Outbox(app.test_client(), marketplace)
            path, headers = "/suggestions/shop/lamp", {"key": "1234567", "token": "7654321"}
            assert made.call("PUT", path, suggestion()).status_code == 403
            assert made.call("PUT", path, suggestion(), **headers).status_code == 200
            assert marketplace.skus()[0].state == "approved"


@pytest.fixture
def served(alone: Outbox) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, alone.client.application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    alone.marketplace.close()
    server.shutdown()
    thread.join()
    server.server_close()


class TestOnTheWire:
    def test_an_encoded_slash_arrives_undecoded(self, alone: Outbox, served: str) -> None:
        """P51"""
        alone.marketplace.approve("a/b")
        path = NOTICE.replace("lamp", "a%2Fb")
        assert requests.post(f"{served}{path}?an=x", headers=HEADERS, timeout=9).status_code == 204
        assert alone.record.url == f"{served}{path}?an=x"

    def test_a_reset_is_a_reset(self, alone: Outbox, served: str) -> None:
        alone.marketplace.fail_next("suggestion", kind="reset")
        with requests.Session() as session, pytest.raises(requests.ConnectionError, match="reset by peer"):
            session.put(f"{served}/suggestions/shop/lamp", json=suggestion(), headers=HEADERS, timeout=9)
        assert alone.marketplace.skus() == []
        reply = requests.put(f"{served}/suggestions/shop/lamp", json=suggestion(), headers=HEADERS, timeout=9)
        assert reply.status_code == 200

    def test_a_late_answer_has_its_effect_at_once_and_ends_with_the_marketplace(
        self, alone: Outbox, served: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        held, statuses = threading.Event(), []
        pause = alone.marketplace.pause

        def tell(seconds: float) -> None:
            held.set()
            pause(seconds)

        def put() -> None:
            url = f"{served}/suggestions/shop/lamp"
            statuses.append(requests.put(url, json=suggestion(), headers=HEADERS, timeout=60).status_code)

        monkeypatch.setattr(alone.marketplace, "pause", tell)
        alone.marketplace.fail_next("suggestion", kind="slow", seconds=600)
        thread = threading.Thread(target=put)
        thread.start()
        assert held.wait(60)
        assert (len(alone.marketplace.skus()), alone.record.fault, statuses) == (1, "slow", [])
        alone.marketplace.close()
        thread.join()
        assert statuses == [200]

    def test_many_at_once_are_all_recorded(self, alone: Outbox) -> None:
        threads = [threading.Thread(target=lambda: [alone_call(alone) for _ in range(10)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [record.number for record in alone.marketplace.exchanges()] == list(range(1, 41))
        assert alone.marketplace.skus()[0].version == 40


def alone_call(alone: Outbox) -> None:
    app: Flask = alone.client.application
    assert app.test_client().put("/suggestions/shop/lamp", json=suggestion(), headers=HEADERS).status_code == 200


class TestTarget:
    """Which path is seen under servers that tell more or less of the request line."""

    @pytest.mark.parametrize(
        ("environ", "path"),
        [
            ({"REQUEST_URI": "http://localhost/suggestions/shop/a%2Fb?an=x"}, "/suggestions/shop/a%2Fb"),
            ({"REQUEST_URI": "", "RAW_URI": "/suggestions/shop/a%2Fb?an=x"}, "/suggestions/shop/a%2Fb"),
            ({"REQUEST_URI": "", "RAW_URI": ""}, "/suggestions/shop/a/%C3%A7"),
        ],
    )
    def test_it_is_read_undecoded_where_it_can_be(self, environ: dict[str, str], path: str) -> None:
        seen: list[Arrived] = []

        class Spy(Inbox):
            def __init__(self) -> None:
                """Keep nothing but what arrives."""

            def index(self, sku_id: str) -> Any:
                """Never called."""

            def receive(self, arrived: Arrived) -> Any:
                seen.append(arrived)
                raise KeyError

        app = Flask(__name__)
        app.testing = True
        app.register_blueprint(make_blueprint(Spy))
        with pytest.raises(KeyError):
            app.test_client().get("/suggestions/shop/a/ç?an=x", environ_overrides=environ)
        assert [(arrived.path, arrived.query) for arrived in seen] == [(path, "an=x")]


class TestBackground:
    def test_what_fails_is_told_to_who_waits(self) -> None:
        background = Background()

        def fail() -> None:
            raise LookupError("broken")

        background.run(fail)
        background.run(lambda: None)
        with pytest.raises(LookupError, match="broken"):
            background.settle(timeout_seconds=9)
        background.settle(timeout_seconds=9)
        background.close()

    def test_what_takes_too_long_is_said_and_can_be_waited_for_again(self) -> None:
        background, release = Background(), threading.Event()
        background.run(release.wait)
        with pytest.raises(TimeoutError, match="1 calls are still outstanding after 0 s"):
            background.settle(timeout_seconds=0)
        release.set()
        background.settle(timeout_seconds=9)
        background.close()

    def test_nothing_begins_after_the_end(self) -> None:
        background, done = Background(), threading.Event()
        background.close()
        background.run(done.set)
        background.settle(timeout_seconds=0)
        assert not done.is_set()

    def test_the_rest_is_dropped_at_the_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        background, release, done = Background(), threading.Event(), threading.Event()
        background.run(release.wait)
        background.run(done.set)
        executor = background._executor
        assert executor is not None
        shutdown = executor.shutdown

        def release_and_shut_down() -> None:
            release.set()
            shutdown()

        monkeypatch.setattr(executor, "shutdown", release_and_shut_down)
        background.close()
        background.settle(timeout_seconds=9)
        assert not done.is_set()
