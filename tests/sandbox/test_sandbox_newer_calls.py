"""Calls that came to the protocol later, and the second family of those about orders."""

from __future__ import annotations

from typing import Any

import pytest

from flask_vtex_seller.sandbox import Marketplace, create_app

from .conftest import CEP, OMS, FakeSeller, Outbox, invoice, report, suggestion, tracking

BINDING = "/api/sku-binding/pvt/skuseller/changenotification"
ORDER_SYSTEM = "/api/order-system/orders"
PROMISES = "/api/delivery-promises/external-sellers/shop/products"
ACKNOWLEDGMENT, CONFIRMATION = {"agreementType": "Acknowledgment"}, {"agreementType": "Confirmation"}


def placed_body(marketplace: Marketplace) -> Any:
    (order,) = marketplace.place(marketplace.simulate([("lamp", 2)], **CEP)).request_body
    return order


def promise(**changes: Any) -> dict[str, Any]:
    info = {"id": "normal", "name": "Normal", "deliveryTime": "2.02:00:00"}
    one = {"availability": 3, "deliveryChannel": "delivery", "deliveryZoneIds": ["rio"], "deliveryInfo": info}
    return {**one, **changes}


def item(*promises: Any, **changes: Any) -> dict[str, Any]:
    return {"itemId": "lamp", "productId": "lamps", "availability": 7, "promises": list(promises), **changes}


class TestSkuBinding:
    def test_the_newer_change_notification_is_the_same_call(self, alone: Outbox) -> None:
        """P51, row 2"""
        assert alone.call("POST", f"{BINDING}/shop/lamp").status_code == 404
        alone.marketplace.approve("lamp")
        assert alone.call("POST", f"{BINDING}/shop/lamp").status_code == 204
        assert (alone.record.operation, alone.problems) == ("change_notification", [])

    def test_the_form_of_one_segment_leads_nowhere(self, alone: Outbox) -> None:
        """P51, row 2: its id would be the marketplace's own."""
        assert alone.call("POST", f"{BINDING}/lamp").status_code == 404
        assert alone.problems == ["P51 path"]


class TestProtocolFamily:
    @pytest.mark.parametrize("base", ["/pvt/orders", OMS])
    def test_every_call_about_an_order_may_be_a_post(self, outbox: Outbox, base: str) -> None:
        """P68, row 6, row 37"""
        order_id = outbox.authorized()
        for path, body in (
            ("invoice", invoice()),
            ("invoice/1001", tracking()),
            ("invoice/1001/tracking", report()),
        ):
            assert outbox.call("POST", f"{base}/{order_id}/{path}?an=sandbox", body).status_code == 200
            assert outbox.problems == []

    def test_another_account_in_the_query_is_reported(self, outbox: Outbox) -> None:
        """P75"""
        reply = outbox.call("POST", f"/pvt/orders/{outbox.authorized()}/invoice?an=other", invoice())
        assert (reply.status_code, outbox.problems) == (404, ["P75 query"])

    def test_orders_name_the_services_that_they_are_told_to_name(self, seller: FakeSeller) -> None:
        """row 37"""
        settings = {"SANDBOX_FULFILLMENT_ENDPOINT": seller.endpoint, "SANDBOX_SELLER_ID": "shop"}
        app = create_app({**settings, "SANDBOX_SERVICES_ENDPOINT": "http://127.0.0.1:5001/?an=sandbox"})
        with app.extensions["vtex_sandbox"] as marketplace:
            order = placed_body(marketplace)
        assert order["marketplaceServicesEndpoint"] == "http://127.0.0.1:5001/?an=sandbox"

    def test_they_lead_nowhere_by_default(self, marketplace: Marketplace) -> None:
        order = placed_body(marketplace)
        assert order["marketplaceServicesEndpoint"].startswith("https://sandbox.marketplace.invalid/")

    def test_services_that_are_no_text_are_a_mistake(self, seller: FakeSeller) -> None:
        with pytest.raises(ValueError, match="SANDBOX_SERVICES_ENDPOINT"):
            create_app({"SANDBOX_FULFILLMENT_ENDPOINT": seller.endpoint, "SANDBOX_SERVICES_ENDPOINT": 7})


class TestAgreement:
    @pytest.mark.parametrize(
        ("base", "query"), [(ORDER_SYSTEM, ""), ("/pvt/orders", "?accountName=sandbox"), (OMS, "?accountName=sandbox")]
    )
    def test_it_is_acknowledged_and_confirmed(self, outbox: Outbox, base: str, query: str) -> None:
        """P82, row 38"""
        order_id = outbox.authorized()
        for body in (ACKNOWLEDGMENT, CONFIRMATION):
            reply = outbox.call("POST", f"{base}/{order_id}/changes/c-1/send-agreement{query}", body)
            assert reply.json == {"orderId": order_id, "changeRequestId": "c-1", **body}
            assert outbox.problems == []
        assert outbox.marketplace.orders()[-1].as_json()["agreements"] == {"c-1": "Confirmation"}
        assert outbox.record.title == f"Agree to change c-1 of order {order_id}"

    @pytest.mark.parametrize("body", [{}, {"agreementType": "confirmation"}, {"agreementType": None}])
    def test_anything_else_is_refused(self, outbox: Outbox, body: dict[str, Any]) -> None:
        """P82"""
        path = f"{ORDER_SYSTEM}/{outbox.authorized()}/changes/c-1/send-agreement"
        reply = outbox.call("POST", path, body)
        assert (reply.status_code, reply.json["error"]["code"]) == (400, "SalesOrderSystem035")
        assert outbox.problems == ["P82 agreementType"]

    def test_a_confirmation_of_what_was_not_acknowledged_is_reported(self, outbox: Outbox) -> None:
        """P82"""
        path = f"{ORDER_SYSTEM}/{outbox.authorized()}/changes/c-1/send-agreement"
        assert outbox.call("POST", path, CONFIRMATION).status_code == 200
        assert outbox.problems == ["P82 agreementType"]

    def test_an_order_that_is_unknown_or_canceled_is_refused(self, outbox: Outbox) -> None:
        assert outbox.call("POST", f"{ORDER_SYSTEM}/9-01/changes/c-1/send-agreement", CONFIRMATION).status_code == 404
        order_id = outbox.authorized()
        outbox.cancel(order_id)
        path = f"{ORDER_SYSTEM}/{order_id}/changes/c-1/send-agreement"
        assert outbox.call("POST", path, ACKNOWLEDGMENT).json["error"]["code"] == "OrderIsCanceled"

    def test_the_protocols_form_names_the_account(self, outbox: Outbox) -> None:
        """row 38"""
        path = f"/pvt/orders/{outbox.authorized()}/changes/c-1/send-agreement"
        assert outbox.call("POST", path, ACKNOWLEDGMENT).status_code == 400
        assert outbox.problems == ["P82 query"]


class TestDeliveryPromises:
    def test_those_of_a_sku_on_sale_are_taken(self, alone: Outbox) -> None:
        alone.marketplace.approve("lamp")
        pickup = promise(deliveryChannel="pickup-in-point", availability=0)
        reply = alone.call("PUT", f"{PROMISES}?an=sandbox", [item(promise(), pickup), item()])
        assert (reply.status_code, alone.problems) == (202, [])

    def test_those_of_an_unknown_sku_are_refused(self, alone: Outbox) -> None:
        alone.suggest(suggestion())
        reply = alone.call("PUT", f"{PROMISES}?an=sandbox", [item(promise())])
        assert reply.status_code == 400
        assert "non-registered" in reply.json["error"]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ([], "body"),
            (item(promise()), "body"),
            (["lamp"], "[0]"),
            ([item(itemId="")], "[0].itemId"),
            ([item(availability="7")], "[0].availability"),
            ([item(promises={})], "[0].promises"),
            ([item("x")], "[0].promises[0]"),
            ([item(promise(availability=-1))], "[0].promises[0].availability"),
            ([item(promise(deliveryChannel="drone"))], "[0].promises[0].deliveryChannel"),
            ([item(promise(deliveryZoneIds=[1]))], "[0].promises[0].deliveryZoneIds"),
            ([item(promise(deliveryInfo=None))], "[0].promises[0].deliveryInfo"),
            (
                [item(promise(deliveryInfo={"id": "a", "name": "b", "deliveryTime": "2 days"}))],
                "[0].promises[0].deliveryInfo.deliveryTime",
            ),
        ],
    )
    def test_what_the_contract_has_otherwise_is_refused(self, alone: Outbox, body: Any, field: str) -> None:
        assert alone.call("PUT", f"{PROMISES}?an=sandbox", body).status_code == 400
        assert alone.problems[0] == f"§10 {field}"

    def test_the_account_must_be_named(self, alone: Outbox) -> None:
        assert alone.call("PUT", PROMISES, [item()]).status_code == 400
        assert alone.problems == ["§10 query"]

    def test_a_field_that_the_contract_does_not_name_is_reported(self, alone: Outbox) -> None:
        alone.marketplace.approve("lamp")
        body = [item(promise(price=1), color="red")]
        assert alone.call("PUT", f"{PROMISES}?an=sandbox", body).status_code == 202
        assert alone.problems == ['§10 "color"', '§10 "price"']
