"""What the marketplace's order services answer to a seller: invoices, trackings, cancellations.

*Source:* Orders OpenAPI, `/api/oms/pvt/orders/{orderId}/…`; external seller connector guide, "Invoice".
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .agreement_rules import CONFIRMATION
from .contracts import Verdict
from .findings import shown
from .incoming import Incoming
from .invoices import INPUT, OUTPUT, Invoice, tracking_of
from .order_book import CANCELED, OrderBook, SentOrder
from .reply import Reply, error, json_reply, receipt_reply


class OrderServices:
    """Answers the calls about the orders of one seller whose bodies are as the contract has them.

    A method returns None when the verdict says why the call is refused. Not safe between threads: its owner holds a
    lock.
    """

    def __init__(self, orders: OrderBook) -> None:
        self._orders = orders

    def invoice(self, call: Incoming, verdict: Verdict) -> Reply | None:
        """Take an invoice of a sale or of a return; the same number again only brings another receipt."""
        order = self._order(call, verdict)
        if order is None:
            return None
        known = order.invoices.get(call.body["invoiceNumber"])
        if known is not None:
            return self._repeat(order, known, call, verdict)
        invoice = _invoice(call)
        (_check_return if invoice.type == INPUT else _check_sale)(verdict, order, invoice)
        if verdict.refusal is not None:
            return None
        changed = self._orders.keep_invoice(order, invoice)
        return _receipt(call, invoice, _tell(changed, invoice))

    def track(self, call: Incoming, verdict: Verdict) -> Reply | None:
        """Take the tracking information of an invoice."""
        found = self._order_and_invoice(call, verdict)
        if found is None:
            return None
        order, invoice = found
        changed = replace(invoice, tracking=tracking_of(call.body), receipt=_new_receipt())
        self._orders.keep_invoice(order, changed)
        return _receipt(call, changed, f"tracking number {call.body['trackingNumber']} kept")

    def report(self, call: Incoming, verdict: Verdict) -> Reply | None:
        """Take what the carrier reports about the parcel of an invoice."""
        found = self._order_and_invoice(call, verdict)
        if found is None:
            return None
        order, invoice = found
        if invoice.tracking is None:
            verdict.refuse("P66", "path", "the invoice must have a tracking number before", code="TrackingMissing")
            return None
        events = tuple(call.body.get("events") or ())
        delivered = invoice.delivered or call.body["isDelivered"]
        changed = replace(invoice, events=events, delivered=delivered, receipt=_new_receipt())
        self._orders.keep_invoice(order, changed)
        return _receipt(call, changed, "delivered" if delivered else f"in transit, events: {len(events)}")

    def cancel(self, call: Incoming, verdict: Verdict) -> Reply | None:
        """Cancel an order for the seller, unless goods of it are invoiced and have not come back."""
        order = self._order(call, verdict)
        if order is None:
            return None
        order_id = order.marketplace_order_id
        if order.state == CANCELED:
            outcome = "already canceled"
            return error(400, "OrderAlreadyCanceled", f"Order {order_id} is already canceled", outcome=outcome)
        if order.sold:
            message = f"Order {order_id} is {order.state} and cannot be canceled"
            return error(400, "OrderIsInvoiced", message, outcome=f"refused, the order is {order.state}")
        self._orders.cancel(order)
        return receipt_reply(order_id, _new_receipt(), call.received_at, outcome="canceled")

    def agree(self, call: Incoming, verdict: Verdict) -> Reply | None:
        """Take the seller's word about a modification of an order: first that it knows, then that it is done."""
        order = self._order(call, verdict)
        if order is None:
            return None
        change_id, agreement = call.ids["change_id"], call.body["agreementType"]
        if order.state == CANCELED:
            verdict.refuse("P82", "path", "a canceled order is not modified", code="OrderIsCanceled")
            return None
        if agreement == CONFIRMATION and change_id not in order.agreements:
            verdict.note("P82", "agreementType", "must be acknowledged before it is confirmed")
        self._orders.keep_agreement(order, change_id, agreement)
        body = {"orderId": order.marketplace_order_id, "changeRequestId": change_id, "agreementType": agreement}
        return json_reply(200, body, outcome=f"change {change_id}: {agreement}")

    def _order(self, call: Incoming, verdict: Verdict) -> SentOrder | None:
        order_id = call.ids["order_id"]
        order = self._orders.find(order_id)
        if order is not None and order.order_id is not None:
            return order
        theirs = any(other.order_id == order_id for other in self._orders.all())
        what = "must be the marketplaceOrderId, got the orderId of the seller" if theirs else "no such order was placed"
        verdict.refuse("P61", "path", f"{what}: {shown(order_id)}", status=404, code="OrderNotFound")
        return None

    def _order_and_invoice(self, call: Incoming, verdict: Verdict) -> tuple[SentOrder, Invoice] | None:
        order = self._order(call, verdict)
        if order is None:
            return None
        invoice = order.invoices.get(call.ids["number"])
        if invoice is None:
            what = f"the order has no invoice {shown(call.ids['number'])}"
            verdict.refuse(call.statement, "path", what, status=404, code="InvoiceNotFound")
            return None
        return order, invoice

    def _repeat(self, order: SentOrder, known: Invoice, call: Incoming, verdict: Verdict) -> Reply:
        if call.body != known.body:
            what = "the same number again changes nothing but the receipt; tracking goes to …/invoice/{number}"
            verdict.note("P65", "invoiceNumber", what)
        changed = replace(known, receipt=_new_receipt())
        self._orders.keep_invoice(order, changed)
        return _receipt(call, changed, f"invoice {known.number} was known, new receipt")


def _invoice(call: Incoming) -> Invoice:
    body: Mapping[str, Any] = call.body
    return Invoice(
        number=body["invoiceNumber"],
        type=body["type"],
        value=body["invoiceValue"],
        quantities={item["id"]: item["quantity"] for item in body["items"]},
        body=body,
        receipt=_new_receipt(),
        received_at=call.received_at,
        tracking=tracking_of(body),
    )


def _check_sale(verdict: Verdict, order: SentOrder, invoice: Invoice) -> None:
    if order.state == CANCELED:
        verdict.refuse("P40", "path", "a canceled order must not be invoiced", code="OrderIsCanceled")
    if not order.released:
        what = "the order must be authorized before it is invoiced"
        verdict.refuse("P32", "path", what, code="OrderNotAuthorized")
    _check_units(verdict, invoice, most=order.ordered, before=order.units(OUTPUT), of="ordered")
    total, whole = order.invoiced + invoice.value, order.total
    if total > whole:
        what = f"with the other invoices must be at most {whole}, which the order costs, got {total}"
        verdict.refuse("P64", "invoiceValue", what, code="InvoiceExceedsOrder")
    elif total < whole and _sum(order.units(OUTPUT), invoice.quantities) == order.ordered:
        what = f"must add up to {whole} with shipping once all items are invoiced, got {total}"
        verdict.note("P64", "invoiceValue", what)


def _check_return(verdict: Verdict, order: SentOrder, invoice: Invoice) -> None:
    _check_units(verdict, invoice, most=order.units(OUTPUT), before=order.units(INPUT), of="invoiced")
    total = order.returned + invoice.value
    if total > order.invoiced:
        what = f"with the other returns must be at most {order.invoiced}, which was invoiced, got {total}"
        verdict.refuse("P67", "invoiceValue", what, code="ReturnExceedsInvoices")
    elif order.invoiced < order.total:
        verdict.note("P67", "type", "a return before the whole order is invoiced brings no refund")


def _check_units(
    verdict: Verdict, invoice: Invoice, *, most: Mapping[str, int], before: Mapping[str, int], of: str
) -> None:
    for sku_id, quantity in invoice.quantities.items():
        units = before.get(sku_id, 0) + quantity
        if sku_id not in most:
            verdict.refuse("P62", "items", f"SKU {shown(sku_id)} was not {of}", code="ItemNotFound")
        elif units > most[sku_id]:
            what = f"SKU {shown(sku_id)} must be at most {most[sku_id]} as {of}, got {units} with the other invoices"
            verdict.refuse("P62", "items", what, code="QuantityExceeded")


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {sku_id: one.get(sku_id, 0) + other.get(sku_id, 0) for sku_id in {*one, *other}}


def _tell(order: SentOrder, invoice: Invoice) -> str:
    if invoice.type == INPUT:
        return f"{order.state}, {order.returned} of {order.invoiced} cents came back"
    refused = ", cancellation refused" if order.cancellation is not None and order.cancellation.refused else ""
    return f"{order.state}, {order.invoiced} of {order.total} cents{refused}"


def _receipt(call: Incoming, invoice: Invoice, outcome: str) -> Reply:
    return receipt_reply(call.ids["order_id"], invoice.receipt, call.received_at, outcome=outcome)


def _new_receipt() -> str:
    return uuid.uuid4().hex
