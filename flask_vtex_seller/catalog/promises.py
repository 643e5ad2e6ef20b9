"""Delivery promises: where, how fast and by which way a marketplace may promise a SKU before anybody asks.

Source: Delivery Promise Notification API, `PUT /delivery-promises/external-sellers/{sellerId}/products`.
"""

from datetime import timedelta
from typing import Any

from marshmallow import fields, validate

from ..money import require_count
from ..schema_loader import Count, Identifier, Text, require_text
from ..values import value_class
from .schemas import StrictWireSchema
from .sku import require_sku_id

DELIVERY, PICKUP = "delivery", "pickup-in-point"
_MAX_TEXT_LENGTH = 200
_MAX_TIME = timedelta(days=3650)


@value_class(frozen=True, slots=True, kw_only=True)
class DeliveryPromise:
    """One way in which a SKU reaches shoppers of some zones."""

    availability: int
    """Units that can be had this way; 0 takes the way back."""
    zone_ids: tuple[str, ...]
    """The marketplace's own ids of its delivery zones."""
    id: str
    """Of the delivery option, as `Sla.id`."""
    name: str
    takes: timedelta
    """From order to delivery; counted in whole seconds."""
    is_pickup: bool = False

    def __post_init__(self) -> None:
        require_count("DeliveryPromise.availability", self.availability)
        if not isinstance(self.zone_ids, tuple) or not self.zone_ids:
            raise TypeError("DeliveryPromise.zone_ids must be a tuple of at least one str")
        for name, text in [("zone_ids", zone_id) for zone_id in self.zone_ids] + [("id", self.id), ("name", self.name)]:
            require_text(f"DeliveryPromise.{name}", text, _MAX_TEXT_LENGTH)
        if not isinstance(self.takes, timedelta):
            raise TypeError("DeliveryPromise.takes must be a timedelta")
        if not timedelta(0) <= self.takes <= _MAX_TIME:
            raise ValueError(f"DeliveryPromise.takes must be 0 to {_MAX_TIME.days} days")
        if type(self.is_pickup) is not bool:
            raise TypeError("DeliveryPromise.is_pickup must be a bool")


@value_class(frozen=True, slots=True, kw_only=True)
class SkuAvailability:
    """How many units of a SKU there are, and all ways in which they reach shoppers."""

    sku_id: str
    """The shop's own id."""
    availability: int
    """Units in all; 0 makes the SKU unavailable."""
    promises: tuple[DeliveryPromise, ...] = ()
    """All of them: what is not named is promised no longer."""
    product_id: str | None = None
    """Of the product at the shop."""

    def __post_init__(self) -> None:
        require_sku_id(self.sku_id, name="SkuAvailability.sku_id")
        require_count("SkuAvailability.availability", self.availability)
        if not isinstance(self.promises, tuple) or not all(isinstance(one, DeliveryPromise) for one in self.promises):
            raise TypeError("SkuAvailability.promises must be a tuple of DeliveryPromise")
        if self.product_id is not None:
            require_text("SkuAvailability.product_id", self.product_id, _MAX_TEXT_LENGTH)


class DeliveryInfoSchema(StrictWireSchema):
    """`promises[].deliveryInfo`."""

    id = Text(required=True)
    name = Text(required=True)
    takes = Text(data_key="deliveryTime", required=True, validate=validate.Regexp(r"\d+\.\d\d:\d\d:\d\d$"))


class PromiseSchema(StrictWireSchema):
    """`promises[]`."""

    availability = Count(required=True)
    channel = Text(data_key="deliveryChannel", required=True, validate=validate.OneOf([DELIVERY, PICKUP]))
    zone_ids = fields.List(Text(), data_key="deliveryZoneIds", required=True)
    info = fields.Nested(DeliveryInfoSchema, data_key="deliveryInfo", required=True)


class AvailabilitySchema(StrictWireSchema):
    """One entry of the array; the tests hold what `write_availability` builds against it."""

    sku_id = Identifier(data_key="itemId")
    product_id = Text(data_key="productId")
    availability = Count(required=True)
    promises = fields.List(fields.Nested(PromiseSchema), required=True)


def write_availability(item: SkuAvailability) -> list[dict[str, Any]]:
    """Return the body that replaces what was promised of a SKU: an array of one."""
    promises = [
        {
            "availability": promise.availability,
            "deliveryChannel": PICKUP if promise.is_pickup else DELIVERY,
            "deliveryZoneIds": list(promise.zone_ids),
            "deliveryInfo": {"id": promise.id, "name": promise.name, "deliveryTime": _time(promise.takes)},
        }
        for promise in item.promises
    ]
    product = {} if item.product_id is None else {"productId": item.product_id}
    return [{"itemId": item.sku_id, **product, "availability": item.availability, "promises": promises}]


def _time(span: timedelta) -> str:
    """Return `dd.hh:mm:ss`."""
    hours, rest = divmod(span.seconds, 3600)
    return f"{span.days}.{hours:02}:{rest // 60:02}:{rest % 60:02}"
