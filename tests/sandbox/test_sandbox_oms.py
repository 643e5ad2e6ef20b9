"""What a seller tells the marketplace about orders."""

from __future__ import annotations

import re
from typing import Any

import pytest
from werkzeug.wrappers import Response

from .conftest import OMS, FakeSeller, Outbox, invoice, report, tracking

HALF = {"invoiceValue": 1500, "items": [{"id": "lamp", "price": 1000, "quantity": 1}]}
REST = {"invoiceNumber": "1002", "invoiceValue": 1000, "items": [{"id": "lamp", "price": 1000, "quantity": 1}]}


def returned(**changes: Any) -> dict[str, Any]:
    return invoice(type="Input", invoiceNumber="R1", **changes)


class TestInvoice:
    def test_the_whole_order_makes_it_invoiced(self, outbox: Outbox) -> None:
        """P61, P62"""
        order_id = outbox.authorized()
        reply = outbox.invoice(order_id)
        assert reply.status_code == 200
        assert set(reply.json) == {"date", "orderId", "receipt"}
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}\+00:00", reply.json["date"])
        assert reply.json["orderId"] == order_id
        record = outbox.record
        assert record.ok, record.problems
        assert (record.operation, record.outcome) == ("invoice", "invoiced, 2500 of 2500 cents")
        assert record.marketplace_order_id == order_id
        (order,) = outbox.client.get("/api/orders").json["orders"]
        assert (order["state"], order["invoiced"], order["returned"]) == ("invoiced", 2500, 0)
        assert order["invoices"][0]["receipt"] == reply.json["receipt"]
        assert order["invoices"][0]["items"] == {"lamp": 2}

    def test_partial_ones_add_up(self, outbox: Outbox) -> None:
        """P64"""
        order_id = outbox.authorized()
        outbox.invoice(order_id, **HALF)
        assert (outbox.state(), outbox.record.ok) == ("partially invoiced", True)
        outbox.invoice(order_id, **REST)
        assert (outbox.state(), outbox.record.ok) == ("invoiced", True)

    def test_more_than_the_order_costs_is_refused(self, outbox: Outbox) -> None:
        """P64"""
        order_id = outbox.authorized()
        outbox.invoice(order_id, **HALF)
        reply = outbox.invoice(order_id, **{**REST, "invoiceValue": 1001})
        assert (reply.status_code, reply.json["error"]["code"]) == (400, "InvoiceExceedsOrder")
        assert outbox.problems == ["P64 invoiceValue"]
        assert outbox.state() == "partially invoiced"

    def test_all_items_without_the_shipping_are_reported(self, outbox: Outbox) -> None:
        """P64"""
        assert outbox.invoice(outbox.authorized(), invoiceValue=2000).status_code == 200
        assert outbox.problems == ["P64 invoiceValue"]
        assert outbox.state() == "partially invoiced"

    def test_the_same_number_again_brings_nothing_but_a_receipt(self, outbox: Outbox) -> None:
        order_id = outbox.authorized()
        first = outbox.invoice(order_id).json["receipt"]
        second = outbox.invoice(order_id).json["receipt"]
        assert first != second
        assert outbox.record.ok
        (kept,) = outbox.marketplace.orders()[0].invoices.values()
        assert (kept.receipt, kept.value) == (second, 2500)

    def test_the_same_number_with_tracking_is_reported_and_changes_nothing(self, outbox: Outbox) -> None:
        """P65"""
        order_id = outbox.authorized()
        outbox.invoice(order_id)
        assert outbox.invoice(order_id, **tracking()).status_code == 200
        assert outbox.problems == ["P65 invoiceNumber"]
        assert outbox.marketplace.orders()[0].invoices["1001"].tracking is None

    def test_the_first_one_may_carry_the_tracking(self, outbox: Outbox) -> None:
        order_id = outbox.authorized()
        outbox.invoice(order_id, **tracking())
        assert outbox.record.ok
        assert outbox.report(order_id).status_code == 200

    @pytest.mark.parametrize("order_id", ["1-01", "shop%2F42"])
    def test_an_order_must_be_named_by_the_marketplaces_id(self, outbox: Outbox, order_id: str) -> None:
        """P61"""
        outbox.authorized()
        for reply in (outbox.invoice(order_id), outbox.track(order_id), outbox.report(order_id)):
            assert (reply.status_code, reply.json["error"]["code"]) == (404, "OrderNotFound")
            assert outbox.problems == ["P61 path"]
        assert outbox.cancel(order_id).status_code == 404
        assert ("got the orderId of the seller" in outbox.record.problems[0]) == (order_id != "1-01")

    def test_an_order_the_seller_refused_does_not_exist(self, outbox: Outbox) -> None:
        quoted = outbox.marketplace.simulate([("lamp", 1)], postal_code="01001-000", country="BRA")
        refused = outbox.marketplace.place(quoted, quantities=[9], expect="FMT002")
        assert outbox.invoice(str(refused.marketplace_order_id)).status_code == 404

    def test_it_comes_after_the_authorization(self, outbox: Outbox) -> None:
        """P32"""
        reply = outbox.invoice(outbox.place())
        assert (reply.status_code, reply.json["error"]["code"]) == (400, "OrderNotAuthorized")
        assert outbox.problems == ["P32 path"]

    def test_an_authorization_that_was_refused_or_went_elsewhere_does_not_count(
        self, outbox: Outbox, seller: FakeSeller
    ) -> None:
        """P32"""
        order_id = outbox.place()
        outbox.marketplace.authorize(order_id, seller_order_id="another")
        assert outbox.state() == "placed"
        assert outbox.invoice(order_id).status_code == 400
        seller.handler = lambda request: Response("no", 409)
        outbox.marketplace.authorize(order_id)
        assert outbox.invoice(order_id).status_code == 400
        assert outbox.problems == ["P32 path"]

    def test_it_may_overtake_the_answer_to_the_authorization(self, outbox: Outbox, seller: FakeSeller) -> None:
        order_id = outbox.place()

        def invoice_at_once(request: Any) -> Response:
            assert outbox.invoice(order_id).status_code == 200
            return seller.answer(request)

        seller.handler = invoice_at_once
        assert outbox.marketplace.authorize(order_id).ok
        assert outbox.record.ok
        assert outbox.state() == "invoiced"

    def test_it_is_not_for_a_canceled_order(self, outbox: Outbox) -> None:
        """P40"""
        order_id = outbox.authorized()
        outbox.cancel(order_id)
        assert outbox.invoice(order_id).status_code == 400
        assert outbox.problems == ["P40 path"]

    def test_it_refuses_a_cancellation(self, outbox: Outbox, seller: FakeSeller) -> None:
        """P45"""
        order_id = outbox.authorized()
        outbox.marketplace.cancel(order_id)
        assert outbox.state() == "cancellation requested"
        outbox.invoice(order_id)
        assert outbox.record.outcome == "invoiced, 2500 of 2500 cents, cancellation refused"
        assert outbox.marketplace.orders()[0].as_json()["cancellation"]["refused"]
        assert outbox.marketplace.cancel(order_id).ok
        assert outbox.state() == "invoiced"
        seller.confirms = True
        contradiction = outbox.marketplace.cancel(order_id)
        assert [problem.split()[0] for problem in contradiction.problems] == ["P45"]
        assert outbox.state() == "invoiced"

    def test_one_sku_on_two_lines_of_the_order_is_counted_together(self, outbox: Outbox) -> None:
        """P62"""
        order_id = outbox.authorized(("lamp", 1), ("lamp", 1))
        value = outbox.marketplace.orders()[0].total
        outbox.invoice(order_id, invoiceValue=value)
        assert outbox.record.ok, outbox.record.problems

    def test_a_line_that_was_not_ordered_is_refused(self, outbox: Outbox) -> None:
        """P62"""
        reply = outbox.invoice(outbox.authorized(), items=[{"id": "chair", "price": 1, "quantity": 1}])
        assert (reply.status_code, outbox.problems) == (400, ["P62 items"])

    def test_more_units_than_ordered_are_refused(self, outbox: Outbox) -> None:
        """P62"""
        order_id = outbox.authorized()
        outbox.invoice(order_id, **HALF)
        two = [{"id": "lamp", "price": 500, "quantity": 2}]
        reply = outbox.invoice(order_id, **{**REST, "items": two})
        assert (reply.status_code, outbox.problems) == (400, ["P62 items"])


ITEM = {"id": "lamp", "price": 1000, "quantity": 2}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"type": "output"}, "P61 type"),
        ({"type": None}, "P61 type"),
        ({"issuanceDate": None}, "P61 issuanceDate"),
        ({"invoiceNumber": 1001}, "P63 invoiceNumber"),
        ({"invoiceNumber": "10 01"}, "P63 invoiceNumber"),
        ({"invoiceNumber": "10/01"}, "P63 invoiceNumber"),
        ({"invoiceNumber": "10.01"}, "P63 invoiceNumber"),
        ({"invoiceNumber": "-"}, "P63 invoiceNumber"),
        ({"invoiceNumber": ""}, "P63 invoiceNumber"),
        ({"invoiceValue": 0}, "P62 invoiceValue"),
        ({"invoiceValue": "2500"}, "P62 invoiceValue"),
        ({"invoiceValue": 2500.0}, "P62 invoiceValue"),
        ({"courier": None}, "P61 courier"),
        ({"trackingUrl": 5}, "P61 trackingUrl"),
        ({"dispatchedDate": "yesterday"}, "P61 dispatchedDate"),
        ({"items": None}, "P62 items"),
        ({"items": []}, "P62 items"),
        ({"items": ["lamp"]}, "P62 items[0]"),
        ({"items": [{**ITEM, "price": 10.5}]}, "P62 items[0].price"),
        ({"items": [{**ITEM, "quantity": 0}]}, "P62 items[0].quantity"),
        ({"items": [{**ITEM, "id": 5}]}, "P62 items[0].id"),
        ({"items": [{**ITEM, "description": None}]}, "P62 items[0].description"),
        ({"items": [{**ITEM, "quantity": 1}, {**ITEM, "quantity": 1}]}, "P62 items[1].id"),
    ],
)
def test_an_invoice_that_is_not_as_the_contract_says_is_refused(
    outbox: Outbox, changes: dict[str, Any], problem: str
) -> None:
    """P61, P62, P63"""
    reply = outbox.invoice(outbox.authorized(), **changes)
    assert (reply.status_code, reply.json["error"]["code"]) == (400, "InvalidRequest")
    assert outbox.problems == [problem]
    assert outbox.state() == "authorized"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [({"issuanceDate": "2026-03-02T10:00:00"}, "P61 issuanceDate"), ({"trackingNo": "1"}, 'P61 "trackingNo"')],
)
def test_an_odd_invoice_is_reported_and_taken(outbox: Outbox, changes: dict[str, Any], problem: str) -> None:
    assert outbox.invoice(outbox.authorized(), **changes).status_code == 200
    assert outbox.problems == [problem]


@pytest.mark.parametrize("name", ["type", "issuanceDate", "invoiceNumber", "invoiceValue", "items"])
def test_a_missing_field_of_an_invoice_is_refused(outbox: Outbox, name: str) -> None:
    body = invoice()
    del body[name]
    reply = outbox.call("POST", f"{OMS}/{outbox.authorized()}/invoice", body)
    assert reply.status_code == 400
    assert [problem.split()[1] for problem in outbox.problems] == [name]


def test_an_invoice_with_a_hyphen_and_all_optional_fields_is_fine(outbox: Outbox) -> None:
    optional = {"invoiceKey": None, "invoiceUrl": "https://a.example", "embeddedInvoice": "<x/>", "courier": ""}
    empty = {"trackingNumber": "", "trackingUrl": "", "dispatchedDate": None}
    items = [{**ITEM, "description": "a lamp"}]
    outbox.invoice(outbox.authorized(), invoiceNumber="NFe-2", items=items, **optional, **empty)
    assert outbox.record.ok, outbox.record.problems
    assert outbox.marketplace.orders()[0].invoices["NFe-2"].tracking is None


class TestReturn:
    def test_it_makes_the_order_returned(self, outbox: Outbox) -> None:
        """P67"""
        order_id = outbox.authorized()
        outbox.invoice(order_id)
        assert outbox.invoice(order_id, returned()).status_code == 200
        assert (outbox.record.operation, outbox.record.ok) == ("return_invoice", True)
        assert outbox.record.outcome == "returned, 2500 of 2500 cents came back"
        assert outbox.state() == "returned"

    def test_a_part_leaves_the_order_invoiced(self, outbox: Outbox) -> None:
        order_id = outbox.authorized()
        outbox.invoice(order_id)
        outbox.invoice(order_id, returned(**HALF))
        assert (outbox.state(), outbox.record.ok) == ("invoiced", True)
        assert outbox.cancel(order_id).status_code == 400

    @pytest.mark.parametrize("invoices", [0, 1])
    def test_more_than_was_invoiced_is_refused(self, outbox: Outbox, invoices: int) -> None:
        """P67"""
        order_id = outbox.authorized()
        for _ in range(invoices):
            outbox.invoice(order_id, **HALF)
        assert outbox.invoice(order_id, returned()).status_code == 400
        assert outbox.problems == ["P62 items", "P67 invoiceValue"]

    def test_before_the_whole_order_is_invoiced_there_is_no_refund(self, outbox: Outbox) -> None:
        """P67"""
        order_id = outbox.authorized()
        outbox.invoice(order_id, **HALF)
        assert outbox.invoice(order_id, returned(**HALF)).status_code == 200
        assert outbox.problems == ["P67 type"]


class TestTracking:
    def test_it_goes_to_the_invoice(self, outbox: Outbox) -> None:
        """P65"""
        order_id = outbox.authorized()
        receipt = outbox.invoice(order_id).json["receipt"]
        reply = outbox.track(order_id)
        assert reply.status_code == 200
        assert reply.json["receipt"] != receipt
        assert (outbox.record.operation, outbox.record.ok) == ("tracking", True)
        assert outbox.marketplace.orders()[0].as_json()["invoices"][0]["tracking"] == tracking()

    def test_without_the_invoice_it_is_refused(self, outbox: Outbox) -> None:
        """P65"""
        order_id = outbox.authorized()
        reply = outbox.track(order_id)
        assert (reply.status_code, reply.json["error"]["code"]) == (404, "InvoiceNotFound")
        assert outbox.problems == ["P65 path"]
        assert outbox.report(order_id).status_code == 404
        assert outbox.problems == ["P66 path"]

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"trackingNumber": ""}, "P65 trackingNumber"),
            ({"trackingNumber": None}, "P65 trackingNumber"),
            ({"courier": 1}, "P65 courier"),
            ({"trackingUrl": 1}, "P65 trackingUrl"),
            ({"dispatchedDate": "02/03/2026"}, "P65 dispatchedDate"),
        ],
    )
    def test_it_is_checked(self, outbox: Outbox, changes: dict[str, Any], problem: str) -> None:
        """P65"""
        order_id = outbox.authorized()
        outbox.invoice(order_id)
        assert outbox.track(order_id, **changes).status_code == 400
        assert outbox.problems == [problem]

    @pytest.mark.parametrize("name", sorted(tracking()))
    def test_a_missing_field_is_refused(self, outbox: Outbox, name: str) -> None:
        """P65"""
        order_id = outbox.authorized()
        outbox.invoice(order_id)
        body = tracking()
        del body[name]
        assert outbox.call("PATCH", f"{OMS}/{order_id}/invoice/1001", body).status_code == 400
        assert outbox.problems == [f"P65 {name}"]

    def test_the_delivery_is_told_elsewhere(self, outbox: Outbox) -> None:
        """P66"""
        order_id = outbox.authorized()
        outbox.invoice(order_id)
        assert outbox.track(order_id, isDelivered=True, trackingUrl=None, dispatchedDate=None).status_code == 200
        assert outbox.problems == ['P65 "isDelivered"']


class TestTrackingStatus:
    def test_the_delivery_ends_the_order(self, outbox: Outbox) -> None:
        """P66"""
        order_id = outbox.authorized()
        outbox.invoice(order_id)
        outbox.track(order_id)
        assert outbox.report(order_id).status_code == 200
        assert (outbox.state(), outbox.record.outcome) == ("invoiced", "in transit, events: 1")
        outbox.report(order_id, isDelivered=True, deliveredDate="2026-03-04 10:30", events=[])
        assert (outbox.state(), outbox.record.outcome, outbox.record.ok) == ("delivered", "delivered", True)
        outbox.report(order_id)
        assert outbox.state() == "delivered"

    def test_every_parcel_must_arrive(self, outbox: Outbox) -> None:
        order_id = outbox.authorized()
        outbox.invoice(order_id, **HALF, **tracking())
        outbox.report(order_id, isDelivered=True)
        assert outbox.state() == "partially invoiced"
        outbox.invoice(order_id, **REST, **tracking())
        assert outbox.state() == "invoiced"
        outbox.report(order_id, "1002", isDelivered=True)
        assert outbox.state() == "delivered"

    def test_without_a_tracking_number_it_is_refused(self, outbox: Outbox) -> None:
        """P66"""
        order_id = outbox.authorized()
        outbox.invoice(order_id)
        reply = outbox.report(order_id)
        assert (reply.status_code, reply.json["error"]["code"]) == (400, "TrackingMissing")
        assert outbox.problems == ["P66 path"]

    @pytest.mark.parametrize(
        ("changes", "problem", "status"),
        [
            ({"isDelivered": "true"}, "P66 isDelivered", 400),
            ({"deliveredDate": 5}, "P66 deliveredDate", 400),
            ({"events": None}, "P66 events", 400),
            ({"events": ["arrived"]}, "P66 events[0]", 400),
            ({"events": [{**report()["events"][0], "date": None}]}, "P66 events[0].date", 400),
            ({"events": [{**report()["events"][0], "city": None}]}, "P66 events[0].city", 400),
            ({"deliveredDate": "2026-03-04T10:30:00"}, "P66 deliveredDate", 200),
            ({"eta": "soon"}, 'P66 "eta"', 200),
        ],
    )
    def test_it_is_checked(self, outbox: Outbox, changes: dict[str, Any], problem: str, status: int) -> None:
        """P66"""
        order_id = outbox.authorized()
        outbox.invoice(order_id, **tracking())
        assert outbox.report(order_id, **changes).status_code == status
        assert outbox.problems == [problem]

    @pytest.mark.parametrize("name", sorted(report()))
    def test_a_missing_field_is_refused(self, outbox: Outbox, name: str) -> None:
        """P66"""
        order_id = outbox.authorized()
        outbox.invoice(order_id, **tracking())
        body = report()
        del body[name]
        assert outbox.call("PUT", f"{OMS}/{order_id}/invoice/1001/tracking", body).status_code == 400
        assert outbox.problems == [f"P66 {name}"]


class TestCancel:
    def test_it_ends_the_order(self, outbox: Outbox) -> None:
        """P69"""
        reply = outbox.cancel(order_id := outbox.place(), requestedByUser=False)
        assert (reply.status_code, reply.json["orderId"]) == (200, order_id)
        assert set(reply.json) == {"date", "orderId", "receipt"}
        assert (outbox.record.operation, outbox.record.ok) == ("cancel_order", True)
        assert outbox.state() == "canceled"
        refused = outbox.marketplace.authorize(order_id)
        assert [problem.split()[0] for problem in refused.problems] == ["P40"]

    def test_an_order_that_is_canceled_already_is_an_error(self, outbox: Outbox) -> None:
        """P70"""
        order_id = outbox.authorized()
        outbox.cancel(order_id)
        reply = outbox.cancel(order_id)
        assert (reply.status_code, reply.json["error"]["code"]) == (400, "OrderAlreadyCanceled")
        assert "already canceled" in reply.json["error"]["message"]
        assert (outbox.record.ok, outbox.record.outcome) == (True, "already canceled")

    @pytest.mark.parametrize("changes", [{}, HALF])
    def test_an_invoiced_order_is_not_canceled_before_it_came_back(
        self, outbox: Outbox, changes: dict[str, Any]
    ) -> None:
        """P69"""
        order_id = outbox.authorized()
        outbox.invoice(order_id, **changes)
        reply = outbox.cancel(order_id)
        assert (reply.status_code, reply.json["error"]["code"]) == (400, "OrderIsInvoiced")
        assert outbox.record.ok
        outbox.invoice(order_id, returned(**changes))
        assert outbox.cancel(order_id).status_code == 200
        assert outbox.state() == "canceled"

    def test_it_confirms_what_the_marketplace_asked_for(self, outbox: Outbox, seller: FakeSeller) -> None:
        order_id = outbox.authorized()
        outbox.marketplace.cancel(order_id)
        assert outbox.cancel(order_id).status_code == 200
        assert outbox.marketplace.cancel(order_id).ok
        assert outbox.state() == "canceled"
        seller.confirms = True
        assert outbox.marketplace.cancel(order_id).ok
        assert outbox.marketplace.orders()[0].confirmation is not None

    def test_a_returned_order_does_not_go_back(self, outbox: Outbox) -> None:
        order_id = outbox.authorized()
        outbox.invoice(order_id)
        outbox.invoice(order_id, returned())
        outbox.marketplace.cancel(order_id)
        assert outbox.state() == "returned"

    def test_a_repeated_invoice_leaves_a_canceled_order_canceled(self, outbox: Outbox) -> None:
        order_id = outbox.authorized()
        outbox.invoice(order_id)
        outbox.invoice(order_id, returned())
        outbox.cancel(order_id)
        assert outbox.invoice(order_id).status_code == 200
        assert outbox.state() == "canceled"

    @pytest.mark.parametrize(
        ("body", "problem", "status"),
        [
            ({"reason": ""}, "P69 reason", 400),
            ({"reason": 5}, "P69 reason", 400),
            ({"reason": "a", "requestedByUser": "no"}, "P69 requestedByUser", 400),
            ({}, "P69 reason", 200),
            ({"reason": "a", "why": "b"}, 'P69 "why"', 200),
        ],
    )
    def test_it_is_checked(self, outbox: Outbox, body: dict[str, Any], problem: str, status: int) -> None:
        """P69"""
        assert outbox.call("POST", f"{OMS}/{outbox.place()}/cancel", body).status_code == status
        assert outbox.problems == [problem]


class TestProtocolFamily:
    @pytest.mark.parametrize("base", ["/pvt/orders", OMS])
    def test_the_verbs_are_all_post(self, outbox: Outbox, base: str) -> None:
        """P68"""
        order_id = outbox.authorized()
        body = invoice()
        del body["issuanceDate"]
        paths = ("invoice/1001", tracking()), ("invoice/1001/tracking", {"isDelivered": True})
        first = outbox.call("POST", f"/pvt/orders/{order_id}/invoice", body)
        for path, sent in paths:
            assert outbox.call("POST", f"{base}/{order_id}/{path}", sent).status_code == 200
            assert outbox.record.ok, outbox.record.problems
        assert first.status_code == 200
        assert outbox.state() == "delivered"

    def test_the_cancellation_needs_a_reason(self, outbox: Outbox) -> None:
        """P69"""
        assert outbox.call("POST", f"/pvt/orders/{outbox.place()}/cancel", {}).status_code == 400
        assert outbox.problems == ["P69 reason"]

    @pytest.mark.parametrize("verb", ["PUT", "PATCH"])
    def test_the_other_verbs_are_not_its_own(self, outbox: Outbox, verb: str) -> None:
        """P68"""
        reply = outbox.call(verb, "/pvt/orders/1-01/invoice/1", tracking())
        assert (reply.status_code, reply.headers["Allow"]) == (405, "POST")
        assert outbox.problems == ["P65 method"]
