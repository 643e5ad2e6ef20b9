"""The marketplace against a seller on a real socket."""

from __future__ import annotations

import ast
import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import requests
import requests_mock
from werkzeug.wrappers import Request, Response

import flask_vtex_seller.sandbox
from flask_vtex_seller.sandbox import Exchange, Marketplace, order_book
from flask_vtex_seller.sandbox.checkout import NothingToOrder
from flask_vtex_seller.sandbox.endpoint import FulfillmentEndpoint
from flask_vtex_seller.sandbox.order_book import UnknownOrder

FakeSeller = Any
SECRET = "tok-en/71 é"
CEP = {"postal_code": "01001-000", "country": "BRA"}
NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def simulate(marketplace: Marketplace, *items: tuple[str, int]) -> Exchange:
    return marketplace.simulate(items or [("lamp", 2)], **CEP)


def place(marketplace: Marketplace, **options: Any) -> Exchange:
    return marketplace.place(simulate(marketplace), **options)


def order_id(exchange: Exchange) -> str:
    assert exchange.marketplace_order_id is not None
    return exchange.marketplace_order_id


def respond(seller: FakeSeller, body: Any, status: int = 200) -> None:
    seller.handler = lambda request: Response(json.dumps(body), status, content_type="application/json")


class TestSimulation:
    def test_the_indexer_asks_for_one_unit_without_an_address(
        self, marketplace: Marketplace, seller: FakeSeller
    ) -> None:
        """P1, P2"""
        exchange = marketplace.index("lamp")
        assert exchange.ok, exchange.problems
        assert exchange.outcome == "1 line, 0 delivery options"
        assert exchange.status == 200
        sent = {"items": [{"id": "lamp", "quantity": 1, "seller": "shop"}], "isCheckedIn": False}
        assert exchange.request_body == sent
        uri = "/api/vtex/sandbox/pvt/orderForms/simulation?token=tok-en%2F71%20%C3%A9&sc=2"
        assert seller.requests == [(uri, sent)]

    def test_with_an_address_delivery_options_are_counted(self, marketplace: Marketplace) -> None:
        exchange = simulate(marketplace, ("lamp", 2), ("ghost", 1))
        assert exchange.ok, exchange.problems
        assert exchange.outcome == "2 lines, 1 unavailable, 2 delivery options"
        assert exchange.title == "Simulate 2 lines for 01001-000"
        assert exchange.request_body["sc"] == "1"

    def test_one_sku_on_two_lines_shares_the_stock(self, marketplace: Marketplace, seller: FakeSeller) -> None:
        """P5, P8"""
        exchange = simulate(marketplace, ("lamp", 2), ("lamp", 2))
        assert exchange.ok, exchange.problems
        assert [item["quantity"] for item in exchange.response_body["items"]] == [2, 1]

    def test_coordinates_stand_in_for_the_postal_code(self, marketplace: Marketplace) -> None:
        """P20"""
        exchange = marketplace.simulate([("lamp", 1)], geo_coordinates=[-46.6, -23.5])
        assert exchange.ok, exchange.problems
        assert exchange.title == "Simulate 1 line for a point on the map"

    def test_the_loose_spelling_is_that_of_older_callers(self, marketplace: Marketplace, seller: FakeSeller) -> None:
        """P19"""
        seller.stock["7"] = 1
        exchange = marketplace.simulate([("7", 1), ("lamp", 1), ("07", 1)], loose=True)
        assert exchange.ok, exchange.problems
        assert exchange.request_body["items"] == [
            {"id": 7, "quantity": "1", "Seller": "shop"},
            {"id": "lamp", "quantity": "1", "Seller": "shop"},
            {"id": "07", "quantity": "1", "Seller": "shop"},
        ]

    def test_changed_delivery_prices_are_reported(self, marketplace: Marketplace, seller: FakeSeller) -> None:
        """P21"""
        first = simulate(marketplace)
        assert marketplace.simulate([("lamp", 2)], **CEP, same_prices_as=first).ok
        answer = json.loads(json.dumps(first.response_body))
        answer["logisticsInfo"][0]["slas"][0]["price"] += 1
        respond(seller, answer)
        again = marketplace.simulate([("lamp", 2)], **CEP, same_prices_as=first)
        assert [problem.split()[0] for problem in again.problems] == ["P21"]

    def test_a_refusal_has_no_prices_to_compare(self, marketplace: Marketplace, seller: FakeSeller) -> None:
        seller.handler = lambda request: Response("no", 401)
        refused = marketplace.simulate([("lamp", 2)], **CEP, expect=401)
        assert marketplace.simulate([("lamp", 2)], **CEP, expect=401, same_prices_as=refused).ok
        seller.handler = None
        assert marketplace.simulate([("lamp", 2)], **CEP, same_prices_as=refused).ok

    def test_an_unknown_sku_is_expected_to_be_unavailable(self, marketplace: Marketplace) -> None:
        """P4, P7"""
        assert marketplace.index("ghost", expect="unavailable").ok
        assert not marketplace.index("lamp", expect="unavailable").ok

    def test_a_refused_secret_is_an_expected_401(self, marketplace: Marketplace, seller: FakeSeller) -> None:
        """P71"""
        seller.handler = lambda request: Response("no", 401)
        exchange = marketplace.index("lamp", expect=401)
        assert exchange.ok
        assert exchange.outcome == "refused with status 401"
        assert exchange.expected == 401


class TestTrouble:
    def test_a_seller_that_is_down_is_no_exception(self) -> None:
        with Marketplace("http://127.0.0.1:1/x?token=hidden-thing") as marketplace:
            exchange = marketplace.index("lamp")
        assert exchange.status is None
        assert exchange.problems == ("P1 answer: the seller could not be reached, or hung up",)
        assert exchange.outcome == "no answer: the seller could not be reached, or hung up"

    def test_a_seller_that_does_not_answer_in_time_is_reported(self, seller: FakeSeller) -> None:
        """P18"""

        def wait(request: Request) -> Response:
            seller.release.wait(30)
            return Response()

        seller.handler = wait
        with Marketplace(seller.endpoint, simulation_timeout_seconds=0.1) as marketplace:
            exchange = marketplace.index("lamp")
        assert exchange.problems[0].startswith("P18 answer: must arrive within 0.1 s")
        assert exchange.outcome == "no answer: timed out after 0.1 s"

    def test_a_body_that_never_ends_is_given_up(self, seller: FakeSeller) -> None:
        """P18"""

        def body() -> Iterator[bytes]:
            yield b"{"
            seller.release.wait(30)

        seller.handler = lambda request: Response(body(), headers={"Content-Length": "2"})
        with Marketplace(seller.endpoint, simulation_timeout_seconds=0.2) as marketplace:
            exchange = marketplace.index("lamp")
        assert exchange.outcome == "no answer: timed out after 0.2 s"

    def test_a_trickle_of_bytes_does_not_renew_the_time_limit(self, seller: FakeSeller) -> None:
        """P18"""
        seller.handler = lambda request: Response(iter([b"{", b"}"]), headers={"Content-Length": "2"})
        ticks = iter([0.0, 3.0, 3.0])
        with Marketplace(seller.endpoint, timer=lambda: next(ticks)) as marketplace:
            exchange = marketplace.index("lamp")
        assert exchange.outcome == "no answer: timed out after 2.5 s"
        assert exchange.duration_ms == 3000

    def test_an_endless_answer_is_cut_off(self, marketplace: Marketplace, seller: FakeSeller) -> None:
        seller.handler = lambda request: Response(b"x" * (1024 * 1024 + 1))
        assert marketplace.index("lamp").outcome == "no answer: the answer is longer than 1048576 bytes"

    def test_a_seller_that_hangs_up_is_reported(self, marketplace: Marketplace, seller: FakeSeller) -> None:
        seller.handler = lambda request: Response(iter([b"{"]), headers={"Content-Length": "100"})
        exchange = marketplace.index("lamp")
        assert exchange.outcome.startswith("no answer: the call broke off (")

    def test_an_address_that_cannot_be_called_is_reported_without_the_secret(self) -> None:
        with Marketplace("http://*.invalid/?token=hidden-thing") as marketplace:
            exchange = marketplace.index("lamp")
        assert exchange.outcome == "no answer: the call broke off (InvalidURL)"

    def test_a_redirect_is_not_followed(self, marketplace: Marketplace, seller: FakeSeller) -> None:
        seller.handler = lambda request: Response("", 307, headers={"Location": "/elsewhere"})
        exchange = marketplace.index("lamp")
        assert exchange.problems == ("P1 status: must be 200, got 307 (a redirect is not followed)",)
        assert len(seller.requests) == 1
        assert exchange.response_headers["location"].endswith("/elsewhere")

    @pytest.mark.parametrize("content", [b"<html>", b'"\xff"', b"\xef\xbb\xbf{}"])
    def test_what_is_no_json_is_shown_as_text(
        self, marketplace: Marketplace, seller: FakeSeller, content: bytes
    ) -> None:
        """P1"""
        seller.handler = lambda request: Response(content, content_type="application/json")
        exchange = marketplace.index("lamp")
        assert exchange.response_body is None
        assert exchange.response_text == content.decode(errors="replace")
        assert exchange.problems[0].startswith("P1 body: must be JSON")
        assert exchange.outcome == "answer not understood"

    def test_cookies_are_not_kept(self, marketplace: Marketplace, seller: FakeSeller) -> None:
        seen = []

        def handler(request: Request) -> Response:
            seen.append(request.headers.get("Cookie"))
            return Response("{}", headers={"Set-Cookie": "a=b; Path=/"})

        seller.handler = handler
        marketplace.index("lamp")
        marketplace.index("lamp")
        assert seen == [None, None]


class TestSecret:
    def test_it_is_shown_nowhere(
        self, marketplace: Marketplace, seller: FakeSeller, caplog: pytest.LogCaptureFixture
    ) -> None:
        """P73"""
        seller.handler = lambda request: Response(
            json.dumps({"spellings": [SECRET, request.url, request.query_string.decode()]}),
            headers={"Location": request.url, "x-vtex-error-message": SECRET.encode().decode("latin-1")},
        )
        with caplog.at_level(logging.DEBUG, logger="flask_vtex_seller"):
            exchange = marketplace.index("lamp")
        # the seller's own server, in the same process here, logs what it was asked
        said = " ".join(record.getMessage() for record in caplog.records if record.name.startswith("flask_vtex_seller"))
        everything = repr(exchange) + json.dumps(exchange.as_json()) + repr(marketplace) + said
        for spelling in (everything, unquote(everything), everything.encode().decode("unicode_escape")):
            assert "tok-en" not in spelling
        assert exchange.url.endswith("/pvt/orderForms/simulation?token=***&sc=2")
        assert "P73 answer: must not repeat the secret of the endpoint" in exchange.problems

    @pytest.mark.parametrize(
        ("address", "shown"),
        [
            ("https://shop.example", "https://shop.example/pvt/orders"),
            ("https://shop.example/?&sc=1", "https://shop.example/pvt/orders?&sc=1"),
            ("https://shop.example/a?sesame", "https://shop.example/a/pvt/orders?***"),
            ("https://u:pw@shop.example:8443/a?key=&an=x", "https://***@shop.example:8443/a/pvt/orders?key=&an=x"),
            ("http://[::1]:5000/a?x=1&x=2", "http://[::1]:5000/a/pvt/orders?x=***&x=***"),
        ],
    )
    def test_an_address_is_shown_without_it(self, address: str, shown: str) -> None:
        """P74"""
        assert FulfillmentEndpoint(address).shown("/pvt/orders") == shown

    def test_the_path_goes_in_front_of_the_query(self) -> None:
        """P74"""
        url = FulfillmentEndpoint("https://shop.example/a/?&sc=1&sc=2&token=abc").url("/pvt/orders")
        assert url == "https://shop.example/a/pvt/orders?&sc=1&sc=2&token=abc"

    @pytest.mark.parametrize(
        "spelling",
        ["a b/cé+1", "a%20b%2Fc%C3%A9%2B1", "a+b/c%c3%a9+1", r"a b/c\u00E9+1", "a b/c\xc3\xa9+1", "a b%2fcé%2b1"],
    )
    def test_any_spelling_of_it_is_masked(self, spelling: str) -> None:
        """P73"""
        endpoint = FulfillmentEndpoint("https://shop.example/?token=a%20b%2Fc%C3%A9%2B1&short=abc&sc=1234567")
        assert endpoint.mask(f"<{spelling}> abc 1234567") == "<***> abc 1234567"

    def test_a_bare_word_for_a_query_is_masked(self) -> None:
        assert FulfillmentEndpoint("https://shop.example/?open%20sesame").mask("<open sesame>") == "<***>"

    def test_a_password_in_the_address_is_masked_in_answers(self) -> None:
        endpoint = FulfillmentEndpoint("https://user-name:pass%20word@shop.example/")
        assert endpoint.mask("user-name pass word pass%20word") == "*** *** ***"
        assert repr(endpoint) == "FulfillmentEndpoint('https://***@shop.example')"

    @pytest.mark.parametrize(
        "address",
        [
            "",
            "shop.example",
            "ftp://shop.example/x?token=hidden",
            "http:///x?token=hidden",
            "http://[x?token=hidden",
            "http://a:99999/?token=hidden",
            "http://a/#token=hidden",
        ],
    )
    def test_an_unusable_address_is_refused_without_repeating_it(self, address: str) -> None:
        with pytest.raises(ValueError, match="the fulfillment endpoint") as caught:
            Marketplace(address)
        assert "hidden" not in str(caught.value)


class TestPlacement:
    def test_the_order_is_an_array_of_one_with_the_simulated_prices(
        self, marketplace: Marketplace, seller: FakeSeller
    ) -> None:
        """P24, P25"""
        exchange = place(marketplace)
        assert exchange.ok, exchange.problems
        assert exchange.outcome == "order shop/42 placed"
        (order,) = exchange.request_body
        assert re.fullmatch(r"\d{13}-01", order["marketplaceOrderId"])
        assert order["marketplaceOrderGroup"] == order["marketplaceOrderId"][:13]
        assert order["marketplacePaymentValue"] == 2 * 1000 + 500
        assert [(item["id"], item["quantity"], item["price"]) for item in order["items"]] == [("lamp", 2, 1000)]
        (logistics,) = order["shippingData"]["logisticsInfo"]
        assert (logistics["selectedSla"], logistics["price"]) == ("normal", 500)
        assert order["shippingData"]["address"]["postalCode"] == "01001-000"
        assert order["paymentData"] is None
        assert seller.requests[-1][1] == [order]
        (sent,) = marketplace.orders()
        assert sent.as_json() == {
            "marketplace_order_id": order["marketplaceOrderId"],
            "order_id": "shop/42",
            "state": "placed",
            "sent_at": sent.sent_at.isoformat(),
            "payment_value": 2500,
            "receipt": None,
            "cancellation": None,
            "invoiced": 0,
            "returned": 0,
            "invoices": [],
            "agreements": {},
        }

    def test_unavailable_lines_are_left_out(self, marketplace: Marketplace) -> None:
        exchange = marketplace.place(simulate(marketplace, ("ghost", 1), ("lamp", 1), ("chair", 1)))
        assert exchange.ok, exchange.problems
        (order,) = exchange.request_body
        assert [item["id"] for item in order["items"]] == ["lamp", "chair"]
        assert [entry["itemIndex"] for entry in order["shippingData"]["logisticsInfo"]] == [0, 1]

    def test_shopper_address_delivery_and_fields_can_be_chosen(self, marketplace: Marketplace) -> None:
        exchange = place(
            marketplace,
            sla_id="express",
            customer={"email": None},
            address={"number": "9"},
            extra={"openTextField": "ring twice"},
            marketplace_order_id="7-01",
        )
        assert exchange.ok, exchange.problems
        (order,) = exchange.request_body
        assert order["clientProfileData"]["email"] is None
        assert order["shippingData"]["address"]["number"] == "9"
        assert order["shippingData"]["logisticsInfo"][0]["price"] == 900
        assert (order["openTextField"], order["marketplaceOrderId"]) == ("ring twice", "7-01")

    def test_more_than_the_stock_provokes_the_refusal(self, marketplace: Marketplace) -> None:
        """P29"""
        refused = place(marketplace, quantities=[4], expect="FMT002")
        assert refused.ok, refused.problems
        assert refused.outcome == "refused FMT002"
        assert [order.state for order in marketplace.orders()] == ["refused"]
        accepted = place(marketplace, quantities=[1], expect="FMT002")
        assert accepted.problems == ("P29 status: must refuse with 4xx, got 200",)

    def test_a_line_without_stock_can_be_insisted_on(self, marketplace: Marketplace) -> None:
        exchange = marketplace.place(simulate(marketplace, ("lamp", 1), ("ghost", 1)), quantities=[1, 1])
        (order,) = exchange.request_body
        assert [item["id"] for item in order["items"]] == ["lamp", "ghost"]
        assert order["shippingData"]["logisticsInfo"][1]["selectedSla"] == "normal"

    def test_a_delivery_option_nobody_offered_is_sent_all_the_same(self, marketplace: Marketplace) -> None:
        exchange = place(marketplace, sla_id="rocket")
        (logistics,) = exchange.request_body[0]["shippingData"]["logisticsInfo"]
        assert (logistics["selectedSla"], logistics["price"]) == ("rocket", 0)

    def test_a_window_and_a_payment_of_the_seller_go_into_the_order(
        self, marketplace: Marketplace, seller: FakeSeller
    ) -> None:
        """P36"""
        window = {
            "startDateUtc": "2026-05-01T09:00:00+00:00",
            "endDateUtc": "2026-05-01T12:00:00+00:00",
            "price": 150,
        }
        body = seller.simulation({"items": [{"id": "lamp", "quantity": 1, "seller": "shop"}], "geoCoordinates": [1, 2]})
        body["items"][0]["merchantName"] = "acme"
        for sla in body["logisticsInfo"][0]["slas"]:
            sla["availableDeliveryWindows"] = [window]
        respond(seller, body)
        simulation = marketplace.simulate([("lamp", 1)], geo_coordinates=[1, 2])
        seller.handler = None
        exchange = marketplace.place(simulation)
        (order,) = exchange.request_body
        (logistics,) = order["shippingData"]["logisticsInfo"]
        assert logistics["price"] == 650
        assert logistics["deliveryWindow"] == {**window, "listPrice": 150, "tax": 0}
        assert order["shippingData"]["address"]["geoCoordinates"] == [1, 2]
        assert order["shippingData"]["address"]["country"] == "BRA"
        assert order["paymentData"] == {"merchantName": "acme"}
        assert exchange.problems[0].startswith("P36 [0].paymentData.merchantPaymentReferenceId")

    def test_goods_to_collect_are_addressed_to_the_pickup_point(
        self, marketplace: Marketplace, seller: FakeSeller
    ) -> None:
        address: dict[str, Any] = dict.fromkeys(("receiverName", "complement", "reference"))
        address |= dict.fromkeys(("addressId", "postalCode", "city", "state", "street", "number", "neighborhood"), "p1")
        address |= {"addressType": "pickup", "country": "BRA", "geoCoordinates": []}
        store = {"isPickupStore": True, "friendlyName": "Shop", "additionalInfo": None, "address": address}
        body = simulate(marketplace).response_body
        slas = body["logisticsInfo"][0]["slas"]
        slas[0] |= {"id": "pick-1", "price": 0, "deliveryChannel": "pickup-in-point", "pickupStoreInfo": store}
        respond(seller, body)
        simulation = simulate(marketplace)
        seller.handler = None
        exchange = marketplace.place(simulation)
        assert exchange.ok, exchange.problems
        sent = exchange.request_body[0]["shippingData"]["address"]
        assert (sent["addressType"], sent["addressId"]) == ("pickup", "p1")
        assert sent["receiverName"]

    def test_a_simulation_that_leaves_nothing_to_order_is_said(
        self, marketplace: Marketplace, seller: FakeSeller
    ) -> None:
        with pytest.raises(NothingToOrder, match="no line of the simulation is available"):
            marketplace.place(simulate(marketplace, ("ghost", 1)))
        with pytest.raises(NothingToOrder, match="was it asked with an address"):
            marketplace.place(marketplace.simulate([("lamp", 1)]))
        with pytest.raises(NothingToOrder, match="1 quantities are needed"):
            marketplace.place(simulate(marketplace), quantities=[1, 1])
        with pytest.raises(NothingToOrder, match="answered without problems"):
            marketplace.place(place(marketplace))
        respond(seller, {})
        with pytest.raises(NothingToOrder, match="answered without problems"):
            marketplace.place(simulate(marketplace))

    def test_a_repeat_sends_the_identical_body_and_wants_the_same_order_id(
        self, marketplace: Marketplace, seller: FakeSeller
    ) -> None:
        """P27"""
        first = place(marketplace)
        again = marketplace.place_again(order_id(first))
        assert again.ok, again.problems
        assert again.request_body == first.request_body
        seller.handler = lambda request: Response(
            json.dumps([{**json.loads(request.get_data())[0], "orderId": "43", "followUpEmail": ""}]),
            content_type="application/json",
        )
        third = marketplace.place_again(order_id(first))
        assert third.problems == ('P27 [0].orderId: must be "shop/42" for the same order, got "43"',)
        assert marketplace.orders()[0].order_id == "shop/42"

    def test_a_lost_answer_can_be_asked_for_again(self, marketplace: Marketplace, seller: FakeSeller) -> None:
        """P27, P34"""
        simulation = simulate(marketplace)
        seller.handler = lambda request: Response(iter([b"["]), headers={"Content-Length": "100"})
        lost = marketplace.place(simulation)
        assert lost.status is None
        assert [order.state for order in marketplace.orders()] == ["sent"]
        seller.handler = None
        assert marketplace.place_again(order_id(lost)).ok
        assert [order.state for order in marketplace.orders()] == ["placed"]

    def test_the_same_id_with_another_content_must_be_refused(self, marketplace: Marketplace) -> None:
        """P28"""
        first = place(marketplace)
        other = place(marketplace, quantities=[1], marketplace_order_id=order_id(first))
        assert other.problems == ("P28 status: must refuse with 409, got 200",)
        assert marketplace.place_again(order_id(first)).request_body == first.request_body

    def test_an_order_that_was_never_sent_is_unknown(self, marketplace: Marketplace) -> None:
        for operation in (marketplace.place_again, marketplace.authorize, marketplace.cancel):
            with pytest.raises(UnknownOrder, match="no order 1-01 was sent from here"):
                operation("1-01")

    def test_new_ids_differ_even_within_one_millisecond(self, seller: FakeSeller) -> None:
        with Marketplace(seller.endpoint, seller_id="shop", clock=lambda: NOON) as marketplace:
            simulation = simulate(marketplace)
            ids = [order_id(marketplace.place(simulation)) for _ in range(2)]
        assert ids == ["1772366400123-01", "1772366400124-01"]

    def test_old_orders_and_exchanges_make_room(
        self, marketplace: Marketplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(order_book, "LONGEST_BOOK", 1)
        first, second = place(marketplace), place(marketplace)
        assert [order.marketplace_order_id for order in marketplace.orders()] == [order_id(second)]
        with pytest.raises(UnknownOrder):
            marketplace.authorize(order_id(first))


class TestAuthorization:
    def test_the_sellers_id_goes_into_the_path_percent_encoded(
        self, marketplace: Marketplace, seller: FakeSeller
    ) -> None:
        """P37, P41"""
        placed = place(marketplace)
        exchange = marketplace.authorize(order_id(placed))
        assert exchange.ok, exchange.problems
        assert exchange.outcome == "authorized, receipt receipt-1"
        assert "/pvt/orders/shop%2F42/fulfill?token=" in seller.requests[-1][0]
        responses = exchange.request_body["paymentData"]["connectorResponses"]
        assert {"Message", "message"} <= set(responses)
        assert exchange.request_body["paymentData"]["payments"][0]["value"] == 2500
        assert marketplace.orders()[0].as_json()["state"] == "authorized"
        assert marketplace.orders()[0].as_json()["receipt"] == "receipt-1"

    def test_a_repeat_wants_the_same_receipt(self, marketplace: Marketplace, seller: FakeSeller) -> None:
        """P38"""
        placed = order_id(place(marketplace))
        marketplace.authorize(placed)
        assert marketplace.authorize(placed, legacy_body=True).ok
        seller.receipt = "receipt-2"
        exchange = marketplace.authorize(placed)
        assert exchange.problems == ('P38 receipt: must be "receipt-1" again, got "receipt-2"',)

    def test_the_old_body_is_the_id_alone(self, marketplace: Marketplace) -> None:
        """P37"""
        placed = order_id(place(marketplace))
        assert marketplace.authorize(placed, legacy_body=True).request_body == {"marketplaceOrderId": placed}

    def test_an_unknown_order_is_expected_to_be_404(self, marketplace: Marketplace, seller: FakeSeller) -> None:
        """P39"""
        respond(seller, {"error": {"code": "X", "message": "no", "exception": None}}, 404)
        exchange = marketplace.authorize("1-01", seller_order_id="nope", expect=404)
        assert exchange.outcome == "refused X"
        assert all(problem.startswith("P29 x-vtex") for problem in exchange.problems)
        exchange = marketplace.cancel("1-01", seller_order_id="nope", expect=404)
        assert all(problem.startswith("P29 x-vtex") for problem in exchange.problems)

    def test_an_order_the_seller_refused_cannot_be_authorized(self, marketplace: Marketplace) -> None:
        refused = place(marketplace, quantities=[4], expect="FMT002")
        with pytest.raises(UnknownOrder, match="has not accepted"):
            marketplace.authorize(order_id(refused))

    def test_a_canceled_order_must_not_be_authorized(self, marketplace: Marketplace, seller: FakeSeller) -> None:
        """P40"""
        placed = order_id(place(marketplace))
        seller.confirms = True
        marketplace.cancel(placed)
        exchange = marketplace.authorize(placed)
        assert exchange.problems == ("P40 status: must be 4xx for a canceled order, got 200",)
        assert marketplace.orders()[0].state == "canceled"


class TestCancellation:
    def test_the_request_has_an_id_of_32_digits_and_seven_fraction_digits(
        self, marketplace: Marketplace, seller: FakeSeller
    ) -> None:
        """P46"""
        placed = order_id(place(marketplace))
        exchange = marketplace.cancel(placed, reason="late")
        assert exchange.ok, exchange.problems
        assert exchange.outcome == "not confirmed: evaluating or refused"
        body = exchange.request_body
        assert re.fullmatch(r"[0-9a-f]{32}", body["cancellationRequestId"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}\+00:00", body["cancellationRequestDate"])
        assert body["reason"] == "late"
        assert "/pvt/orders/shop%2F42/cancel?token=" in seller.requests[-1][0]
        assert marketplace.orders()[0].state == "cancellation requested"

    def test_a_repeat_is_the_same_request_and_gets_the_decision(
        self, marketplace: Marketplace, seller: FakeSeller
    ) -> None:
        """P43, P44, P48"""
        placed = order_id(place(marketplace))
        first = marketplace.cancel(placed, expect="evaluating")
        seller.confirms = True
        second = marketplace.cancel(placed, expect="confirmed")
        assert (first.ok, second.ok) == (True, True)
        assert second.outcome == "cancellation confirmed"
        assert second.request_body == first.request_body
        seller.confirms = False
        third = marketplace.cancel(placed)
        assert third.problems == ("P48 body: must confirm again, as it did before",)
        assert marketplace.orders()[0].state == "canceled"

    def test_a_new_request_has_another_id_and_is_confirmed_again(
        self, marketplace: Marketplace, seller: FakeSeller
    ) -> None:
        """P50"""
        placed = order_id(place(marketplace))
        seller.confirms = True
        first = marketplace.cancel(placed)
        second = marketplace.cancel(placed, new_request=True)
        assert second.ok, second.problems
        assert first.request_body["cancellationRequestId"] != second.request_body["cancellationRequestId"]
        seller.confirms = False
        third = marketplace.cancel(placed, new_request=True)
        assert third.problems == ("P50 body: must confirm again, as it did before",)

    def test_the_old_body_is_the_id_alone(self, marketplace: Marketplace) -> None:
        """P47"""
        placed = order_id(place(marketplace))
        exchange = marketplace.cancel(placed, legacy_body=True)
        assert exchange.ok
        assert exchange.request_body == {"marketplaceOrderId": placed}

    def test_an_answer_that_is_neither_leaves_the_order_as_it_was(
        self, marketplace: Marketplace, seller: FakeSeller
    ) -> None:
        placed = order_id(place(marketplace))
        respond(seller, ["canceled"])
        exchange = marketplace.cancel(placed)
        assert exchange.outcome == "answer not understood"
        respond(seller, {}, 500)
        assert marketplace.cancel(placed).outcome == "refused with status 500"
        assert marketplace.authorize(placed).outcome == "refused with status 500"
        assert marketplace.orders()[0].state == "placed"


class TestOutcomes:
    @pytest.mark.parametrize("body", [{}, {"items": 1, "logisticsInfo": [{"slas": [1]}, 2]}])
    def test_a_misshapen_simulation_is_still_told(
        self, marketplace: Marketplace, seller: FakeSeller, body: Any
    ) -> None:
        respond(seller, body)
        assert marketplace.index("lamp").outcome == "0 lines, 0 delivery options"

    def test_an_authorization_without_a_receipt_is_told(self, marketplace: Marketplace, seller: FakeSeller) -> None:
        seller.receipt = None
        exchange = marketplace.authorize(order_id(place(marketplace)))
        assert exchange.ok, exchange.problems
        assert exchange.outcome == "authorized"

    @pytest.mark.parametrize("body", [[], [1], [{}], {}, None])
    def test_a_misshapen_placement_is_still_told(self, marketplace: Marketplace, seller: FakeSeller, body: Any) -> None:
        simulation = simulate(marketplace)
        respond(seller, body)
        exchange = marketplace.place(simulation)
        assert exchange.outcome == "answer not understood"
        assert marketplace.orders()[0].state == "refused"


def test_exchanges_are_numbered_and_kept_in_order(marketplace: Marketplace) -> None:
    made = [marketplace.index("lamp"), marketplace.index("ghost")]
    assert [exchange.number for exchange in made] == [1, 2]
    assert marketplace.exchanges() == made


def test_the_environment_has_no_say_in_where_calls_go(
    marketplace: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert marketplace.index("lamp").ok


def test_any_other_error_of_the_library_is_no_exception() -> None:
    with requests_mock.Mocker() as wire, Marketplace("http://shop.invalid/x") as marketplace:
        wire.post(requests_mock.ANY, exc=requests.exceptions.ContentDecodingError)
        assert marketplace.index("lamp").outcome == "no answer: the call broke off (ContentDecodingError)"


SANDBOX = Path(flask_vtex_seller.sandbox.__file__).parent


def imported(source: str, depth: int) -> Iterator[str]:
    """Yield the absolute names of what a module imports; `depth` is how many packages it is below the sandbox."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = (
                ["flask_vtex_seller", "sandbox", *["folder"] * depth][: 3 + depth - node.level] if node.level else []
            )
            yield ".".join([*above, *([node.module] if node.module else [])])


def is_foreign(name: str) -> bool:
    return name.split(".")[0] == "flask_vtex_seller" and name.split(".")[:2] != ["flask_vtex_seller", "sandbox"]


@pytest.mark.parametrize("path", sorted(SANDBOX.rglob("*.py")), ids=lambda path: path.name)
def test_nothing_of_the_rest_of_the_package_is_imported(path: Path) -> None:
    depth = len(path.relative_to(SANDBOX).parts) - 1
    names = list(imported(path.read_text(encoding="utf-8"), depth))
    assert [name for name in names if is_foreign(name)] == []


@pytest.mark.parametrize(
    "line", ["from ..money import cents", "from .. import money", "import flask_vtex_seller.money"]
)
def test_the_import_scan_sees_what_it_looks_for(line: str) -> None:
    assert [is_foreign(name) for name in imported(line, 0)] == [True]
    assert [is_foreign(name) for name in imported("from .rules import x\nfrom . import y", 0)] == [False, False]
