"""Order placement, authorization and cancellation on the wire.

Source: external-seller-fulfillment OpenAPI, `/pvt/orders` and the paths below it.
"""

from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from marshmallow import RAISE, ValidationError, fields, validate

from ..config import Marketplace
from ..errors import InvalidRequest
from ..schema_loader import (
    Amount,
    Count,
    GeoCoordinates,
    Identifier,
    Lenient,
    Moment,
    OptionalText,
    Text,
    WireSchema,
    entries,
    load,
)
from .invoice import Invoice, Tracking, TrackingStatus
from .line_schemas import Flag, OrderItemSchema
from .order import (
    Address,
    ClientProfile,
    Order,
    OrderPlacement,
    OrderReference,
    OrderShipping,
)

MAX_ORDERS = 50
MAX_VALUE = 2**53
"""What a sum may come to: every number in JSON and every column of ours can hold it."""


class ClientProfileSchema(WireSchema):
    """`clientProfileData`; any field may be missing, null or masked."""

    email = OptionalText()
    first_name = OptionalText(data_key="firstName")
    last_name = OptionalText(data_key="lastName")
    document_type = OptionalText(data_key="documentType")
    document = OptionalText()
    phone = OptionalText()
    is_corporate = Flag(data_key="isCorporate")
    corporate_name = OptionalText(data_key="corporateName")
    trade_name = OptionalText(data_key="tradeName")
    corporate_document = OptionalText(data_key="corporateDocument")
    state_inscription = OptionalText(data_key="stateInscription")
    corporate_phone = OptionalText(data_key="corporatePhone")

    def make(self, values: dict[str, Any], original: Any) -> ClientProfile:
        """Return the shopper; null is no corporation."""
        return ClientProfile(**{**values, "is_corporate": bool(values["is_corporate"])})


class AddressSchema(WireSchema):
    """`shippingData.address`; the format of names is not stable between marketplaces."""

    makes = Address

    address_type = OptionalText(data_key="addressType")
    receiver_name = OptionalText(data_key="receiverName")
    address_id = OptionalText(data_key="addressId")
    postal_code = OptionalText(data_key="postalCode")
    city = OptionalText()
    state = OptionalText()
    country = OptionalText()
    street = OptionalText()
    number = OptionalText()
    neighborhood = OptionalText()
    complement = OptionalText()
    reference = OptionalText()
    geo_coordinates = GeoCoordinates(data_key="geoCoordinates", load_default=None, allow_none=True)


class OrderWindowSchema(WireSchema):
    """`…logisticsInfo[].deliveryWindow`."""

    start = Moment(data_key="startDateUtc", required=True)
    end = Moment(data_key="endDateUtc", required=True)
    price = Lenient(Amount())
    list_price = Lenient(Amount(), data_key="listPrice", metadata={"aliases": ("lisPrice",)})


class OrderShippingSchema(WireSchema):
    """`shippingData.logisticsInfo[]`; the price in cents, for the line."""

    item_index = Count(
        data_key="itemIndex", required=True, metadata={"description": "The item's position in the order."}
    )
    sla_id = OptionalText(data_key="selectedSla", metadata={"description": "The id of a simulation's option."})
    price = Amount(of="the line", load_default=0, allow_none=True)
    lock_ttl = Lenient(
        OptionalText(), data_key="lockTTL", metadata={"description": "How long the stock is to be kept."}
    )
    shipping_estimate = Lenient(OptionalText(), data_key="shippingEstimate")
    window = fields.Nested(OrderWindowSchema, data_key="deliveryWindow", load_default=None, allow_none=True)

    def make(self, values: dict[str, Any], original: Any) -> OrderShipping:
        """Return the line's delivery, with its window's start, end and price."""
        window = values.pop("window") or {}
        values["price"] = values["price"] or 0
        return OrderShipping(
            window_start=window.get("start"),
            window_end=window.get("end"),
            window_price=window.get("list_price") if window.get("price") is None else window["price"],
            **values,
        )


class ShippingDataSchema(WireSchema):
    """`shippingData`."""

    address = fields.Nested(AddressSchema, load_default=None, allow_none=True)
    logistics = fields.Nested(
        OrderShippingSchema, many=True, data_key="logisticsInfo", load_default=None, allow_none=True
    )


class OrderPlacementSchema(WireSchema):
    """One order of `/pvt/orders`."""

    marketplace_order_id = Identifier(
        data_key="marketplaceOrderId", metadata={"description": "Each is placed once, however often it arrives."}
    )
    marketplace_order_group = OptionalText(data_key="marketplaceOrderGroup", max_length=128)
    marketplace_services_endpoint = OptionalText(
        data_key="marketplaceServicesEndpoint", metadata={"description": "Kept with the order."}
    )
    marketplace_payment_value = Amount(
        of="what the marketplace will pay", data_key="marketplacePaymentValue", load_default=None, allow_none=True
    )
    sales_channel = Lenient(OptionalText(), data_key="sc", metadata={"aliases": ("salesChannel",)})
    items = fields.Nested(OrderItemSchema, many=True, required=True, validate=validate.Length(min=1))
    client = fields.Nested(ClientProfileSchema, data_key="clientProfileData", load_default=None, allow_none=True)
    shipping_data = fields.Nested(ShippingDataSchema, data_key="shippingData", load_default=None, allow_none=True)

    def make(self, values: dict[str, Any], original: Any) -> dict[str, Any]:
        """Return the values, of which every shipping names an item."""
        lines = (values["shipping_data"] or {}).get("logistics") or ()
        for position, line in enumerate(lines):
            if line.item_index >= len(values["items"]):
                path = f"shippingData.logisticsInfo[{position}].itemIndex"
                raise ValidationError("Names no item of the order.", field_name=path)
        return values


class PlacedOrderSchema(OrderPlacementSchema):
    """One order of the answer: what was received, and the shop's ids."""

    class Meta:
        """The echo repeats fields that we do not know."""

        unknown = "include"

    order_id = Identifier(data_key="orderId", metadata={"description": "The shop's own id, for the calls below."})
    follow_up_email = Text(
        data_key="followUpEmail",
        required=True,
        metadata={"description": "Where the shop takes questions; may be empty."},
    )
    payment_data = fields.Dict(
        data_key="paymentData",
        required=True,
        allow_none=True,
        metadata={"description": "Of a seller that charges: merchantName and merchantPaymentReferenceId."},
    )


class OrderReferenceSchema(WireSchema):
    """The body of the authorization and of the cancellation; nothing but a resolvable order is required."""

    marketplace_order_id = OptionalText(
        data_key="marketplaceOrderId", max_length=128, metadata={"description": "Must name the same order as the path."}
    )
    payment_data = fields.Raw(
        data_key="paymentData",
        load_default=None,
        allow_none=True,
        metadata={"type": "object", "description": "Handed to the shop as it is."},
    )
    request_id = OptionalText(
        data_key="cancellationRequestId", max_length=128, metadata={"description": "Tells a repeat from a new wish."}
    )
    requested_at = Lenient(Moment(), data_key="cancellationRequestDate")
    reason = OptionalText()
    requested_by_user = fields.Raw(
        data_key="requestedByUser", load_default=None, allow_none=True, metadata={"type": "boolean"}
    )


class OrderReceiptSchema(WireSchema):
    """The answer to an authorization and to a confirmed cancellation."""

    class Meta:
        """What we write, we know."""

        unknown = RAISE

    date = Moment(required=True, metadata={"description": "Of the first such call."})
    marketplace_order_id = Identifier(data_key="marketplaceOrderId")
    order_id = Identifier(data_key="orderId", metadata={"description": "The shop's own id."})
    receipt = Text(required=True, allow_none=True)


_PLACEMENT, _SHIPPING = OrderPlacementSchema(), ShippingDataSchema()
_REFERENCE = OrderReferenceSchema()


def read_placements(
    body: object, marketplace: Marketplace, *, sales_channel: str | None, max_items: int
) -> list[OrderPlacement]:
    """Return the orders that `body`, an array of them or a single one, holds.

    Args:
        sales_channel: of the query, for an order that names none; the configured one comes last.
        max_items: the most lines that an order may have.

    Raises:
        InvalidRequest: an empty array, or names the field.
    """
    channel = sales_channel or marketplace.sales_channel
    if not isinstance(body, list):
        return [_placement(body, marketplace, channel, max_items, "")]
    if not 0 < len(body) <= MAX_ORDERS:
        raise InvalidRequest(f"the array must hold 1 to {MAX_ORDERS} orders, not {len(body)}")
    return [_placement(order, marketplace, channel, max_items, f"[{position}]") for position, order in enumerate(body)]


def _placement(
    body: Any, marketplace: Marketplace, sales_channel: str | None, max_items: int, where: str
) -> OrderPlacement:
    where = f"{where}." if where and isinstance(body, dict) else where
    if entries(_PLACEMENT.given(body, "items")) > max_items:
        raise InvalidRequest(f"{where}items: the order has more than {max_items} lines", code="INVALID_FIELD")
    if entries(_SHIPPING.given(_PLACEMENT.given(body, "shipping_data"), "logistics")) > max_items:
        path = f"{where}shippingData.logisticsInfo"
        raise InvalidRequest(f"{path}: the order has more than {max_items} lines", code="INVALID_FIELD")
    data = load(_PLACEMENT, body, where=where)
    shipping = data.pop("shipping_data") or {}
    address = shipping.get("address")
    placement = OrderPlacement(
        marketplace=marketplace.name,
        items=tuple(data.pop("items")),
        shipping=tuple(shipping.get("logistics") or ()),
        address=address and replace(address, geo_coordinates=marketplace.longitude_first(address.geo_coordinates)),
        sales_channel=data.pop("sales_channel") or sales_channel,
        raw=MappingProxyType(body),  # the echo must not follow what a hook does to it
        **data,
    )
    if placement.value > MAX_VALUE:
        raise InvalidRequest(f"{where}items: the order's value is more than {MAX_VALUE}", code="INVALID_FIELD")
    return placement


def write_placed(placement: OrderPlacement, order: Order, marketplace: Marketplace) -> dict[str, Any]:
    """Return the answer for one order: the order as received and the shop's ids."""
    return {
        **placement.raw,
        "marketplaceOrderId": order.marketplace_order_id,
        "orderId": order.order_id,
        "followUpEmail": order.follow_up_email,
        "paymentData": marketplace.merchant_name
        and {"merchantName": marketplace.merchant_name, "merchantPaymentReferenceId": order.payment_reference},
    }


def read_reference(body: object, *, order_id: str) -> OrderReference:
    """Return what the call at `…/pvt/orders/{order_id}/…` says.

    Raises:
        InvalidRequest: names the field.
    """
    data = load(_REFERENCE, body)
    payment_data, by_user = data.pop("payment_data"), data.pop("requested_by_user")
    return OrderReference(
        order_id=order_id,
        payment_data=payment_data if isinstance(payment_data, dict) else None,
        requested_by_user=by_user if isinstance(by_user, bool) else None,
        raw=body,  # type: ignore[arg-type]
        **data,
    )


def write_receipt(order: Order, date: datetime | None, receipt: str | None, marketplace: Marketplace) -> dict[str, Any]:
    """Return the answer to an authorization or to a confirmed cancellation."""
    legacy = marketplace.date_layout == "legacy"
    return {
        "date": date and (f"{date:%Y-%m-%d %H:%M:%S}" if legacy else date.isoformat(timespec="seconds")),
        "marketplaceOrderId": order.marketplace_order_id,
        "orderId": order.order_id,
        "receipt": receipt,
    }


class InvoiceItemSchema(WireSchema):
    """`items[]` of an invoice; the price in cents, of one unit."""

    sku_id = Identifier(data_key="id")
    quantity = Count(minimum=1, required=True)
    price = Amount(of="one unit", required=True)
    description = Text()


class InvoiceSchema(WireSchema):
    """The body of an invoice or return invoice. Source: orders OpenAPI, `/api/oms/pvt/orders/{orderId}/invoice`."""

    class Meta:
        """What we write, we know."""

        unknown = RAISE

    type = Text(required=True, validate=validate.OneOf(["Output", "Input"]))
    number = Identifier(data_key="invoiceNumber")
    value = Count(data_key="invoiceValue", minimum=1, required=True)
    issued_at = Moment(data_key="issuanceDate", required=True)
    items = fields.Nested(InvoiceItemSchema, many=True, required=True, validate=validate.Length(min=1))
    courier = Text(required=True)
    tracking_number = Text(data_key="trackingNumber", required=True)
    tracking_url = Text(data_key="trackingUrl", required=True)
    dispatched_at = Moment(data_key="dispatchedDate", required=True, allow_none=True)
    key = Text(data_key="invoiceKey", required=True, allow_none=True)
    url = Text(data_key="invoiceUrl", required=True, allow_none=True)
    embedded = Text(data_key="embeddedInvoice", required=True, allow_none=True, max_length=1_000_000)


def write_invoice(invoice: Invoice, *, kind: str) -> dict[str, Any]:
    """Return the body of a sale's (`Output`) or a return's (`Input`) invoice."""
    tracking = invoice.tracking
    items = []
    for item in invoice.items:
        line: dict[str, Any] = {"id": item.sku_id, "quantity": item.quantity, "price": item.price}
        items.append(line if item.description is None else {**line, "description": item.description})
    return {
        "type": kind,
        "invoiceNumber": invoice.number,
        "invoiceValue": invoice.value,
        "issuanceDate": _iso(invoice.issued_at),
        "items": items,
        "courier": tracking.courier if tracking else "",
        "trackingNumber": tracking.tracking_number if tracking else "",
        "trackingUrl": (tracking.tracking_url or "") if tracking else "",
        "dispatchedDate": _iso(tracking.dispatched_at) if tracking else None,
        "invoiceKey": invoice.key,
        "invoiceUrl": invoice.url,
        "embeddedInvoice": invoice.embedded,
    }


def write_tracking(tracking: Tracking) -> dict[str, Any]:
    """Return the body that tells how a parcel travels."""
    return {
        "courier": tracking.courier,
        "trackingNumber": tracking.tracking_number,
        "trackingUrl": tracking.tracking_url,
        "dispatchedDate": _iso(tracking.dispatched_at),
    }


def write_tracking_status(status: TrackingStatus) -> dict[str, Any]:
    """Return the body that tells where a parcel is; the events' list is always there."""
    delivered = status.delivered_at and status.delivered_at.astimezone(UTC)
    events = [
        {"city": event.city, "state": event.state, "description": event.description, "date": event.on.isoformat()}
        for event in status.events
    ]
    return {
        "isDelivered": status.is_delivered,
        "deliveredDate": delivered and delivered.strftime("%Y-%m-%d %H:%M"),
        "events": events,
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")
