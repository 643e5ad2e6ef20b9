"""What the answer to a simulation looks like on the wire.

For the OpenAPI document, and for tests to hold answers against: `answer.py` writes plain values, and a shop that serves
calls never imports this.

Source: external-seller-fulfillment OpenAPI, `/pvt/orderForms/simulation`.
"""

from marshmallow import RAISE, fields, validate

from ..schema_loader import Amount, Count, GeoCoordinates, Identifier, Moment, Multiplier, Text, WireSchema
from .answer import DELIVERY, PICKUP


class OfferingSchema(WireSchema):
    """`items[].offerings[]` of the answer."""

    type = Text(required=True)
    id = Text(required=True)
    name = Text(required=True)
    price = Amount(required=True)


class AttachmentOfferingSchema(WireSchema):
    """`items[].attachmentOfferings[]` of the answer."""

    name = Text(required=True)
    required = fields.Boolean(required=True)
    schema = fields.Dict(required=True)


class QuotedItemSchema(WireSchema):
    """`items[]` of the answer: one a requested line, amounts in cents."""

    sku_id = Identifier(data_key="id")
    request_index = Count(
        data_key="requestIndex", required=True, metadata={"description": "The line's position in the request."}
    )
    quantity = Count(required=True, metadata={"description": "As many as were asked for, or as the shop has."})
    seller_id = Text(data_key="seller", required=True)
    merchant_name = Text(
        data_key="merchantName",
        required=True,
        allow_none=True,
        metadata={"description": "The shop's VTEX account if it processes the payments itself."},
    )
    price = Amount(of="one unit", required=True)
    list_price = Amount(of="one unit before discounts", data_key="listPrice", required=True)
    measurement_unit = Text(data_key="measurementUnit", required=True)
    unit_multiplier = Multiplier(data_key="unitMultiplier", required=True)
    price_valid_until = Moment(data_key="priceValidUntil", required=True, allow_none=True)
    price_tags = fields.List(
        fields.Raw(), data_key="priceTags", required=True, metadata={"description": "Always empty."}
    )
    offerings = fields.Nested(OfferingSchema, many=True, required=True)
    attachment_offerings = fields.Nested(
        AttachmentOfferingSchema, many=True, data_key="attachmentOfferings", required=True
    )


class DeliveryWindowSchema(WireSchema):
    """`…slas[].availableDeliveryWindows[]` of the answer."""

    start = Moment(data_key="startDateUtc", required=True)
    end = Moment(data_key="endDateUtc", required=True)
    price = Amount(of="on top of the option's", required=True)


class PickupAddressSchema(WireSchema):
    """`…slas[].pickupStoreInfo.address` of the answer."""

    address_type = Text(data_key="addressType", required=True, validate=validate.Equal("pickup"))
    receiver_name = Text(data_key="receiverName", required=True, allow_none=True)
    address_id = Identifier(data_key="addressId")
    postal_code = Text(data_key="postalCode", required=True)
    city = Text(required=True)
    state = Text(required=True)
    country = Text(required=True)
    street = Text(required=True)
    number = Text(required=True)
    neighborhood = Text(required=True)
    complement = Text(required=True)
    reference = Text(required=True, allow_none=True)
    geo_coordinates = GeoCoordinates(
        data_key="geoCoordinates",
        required=True,
        metadata={"items": {"type": "number"}, "description": "Longitude, then latitude."},
    )


class PickupStoreSchema(WireSchema):
    """`…slas[].pickupStoreInfo` of the answer."""

    is_pickup_store = fields.Boolean(data_key="isPickupStore", required=True)
    friendly_name = Text(data_key="friendlyName", required=True)
    address = fields.Nested(PickupAddressSchema, required=True)
    additional_info = Text(data_key="additionalInfo", required=True)


class DeliveryIdSchema(WireSchema):
    """`…slas[].deliveryIds[]` of the answer."""

    courier_id = Identifier(data_key="courierId")
    courier_name = Text(data_key="courierName", required=True)
    dock_id = Identifier(data_key="dockId")
    warehouse_id = Identifier(data_key="warehouseId")
    quantity = Count(required=True)


class SlaSchema(WireSchema):
    """`logisticsInfo[].slas[]` of the answer."""

    id = Text(required=True, metadata={"description": "Comes back as an order's selectedSla."})
    name = Text(required=True)
    delivery_channel = Text(data_key="deliveryChannel", required=True, validate=validate.OneOf([DELIVERY, PICKUP]))
    price = Amount(of="the line", required=True)
    shipping_estimate = Text(
        data_key="shippingEstimate",
        required=True,
        validate=validate.Regexp(r"^[0-9]+(bd|d|h|m)$"),
        metadata={"description": "A number of business days, days, hours or minutes."},
    )
    delivery_windows = fields.Nested(
        DeliveryWindowSchema, many=True, data_key="availableDeliveryWindows", required=True
    )
    pickup_store = fields.Nested(PickupStoreSchema, data_key="pickupStoreInfo", required=True, allow_none=True)
    delivery_ids = fields.Nested(DeliveryIdSchema, many=True, data_key="deliveryIds", validate=validate.Length(min=1))


class DeliveryChannelSchema(WireSchema):
    """`logisticsInfo[].deliveryChannels[]` of the answer."""

    id = Text(required=True, validate=validate.OneOf([DELIVERY, PICKUP]))
    stock_balance = Count(data_key="stockBalance", required=True)


class LogisticsSchema(WireSchema):
    """`logisticsInfo[]` of the answer."""

    item_index = Count(
        data_key="itemIndex", required=True, metadata={"description": "The line's position in the request."}
    )
    quantity = Count(required=True)
    stock_balance = Count(
        data_key="stockBalance", required=True, metadata={"description": "What can be sold to this line."}
    )
    ships_to = fields.List(
        Text(),
        data_key="shipsTo",
        required=True,
        validate=validate.Length(min=1),
        metadata={"description": "Countries, ISO 3166 codes of three letters."},
    )
    slas = fields.Nested(SlaSchema, many=True, required=True)
    delivery_channels = fields.Nested(
        DeliveryChannelSchema, many=True, data_key="deliveryChannels", required=True, validate=validate.Length(min=1)
    )


class SimulationAnswerSchema(WireSchema):
    """The answer; the tests hold every answer against it, `answer.py` builds plain dicts."""

    class Meta:
        """What we write, we know."""

        unknown = RAISE

    country = Text(required=True, allow_none=True)
    postal_code = Text(data_key="postalCode", required=True, allow_none=True)
    allow_multiple_deliveries = fields.Boolean(data_key="allowMultipleDeliveries", required=True)
    items = fields.Nested(
        QuotedItemSchema,
        many=True,
        required=True,
        metadata={"description": "One a requested line, in the request's order."},
    )
    logistics = fields.Nested(
        LogisticsSchema,
        many=True,
        data_key="logisticsInfo",
        required=True,
        metadata={"description": "One a line; empty if no line is available."},
    )
