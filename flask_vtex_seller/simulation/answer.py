"""The answer to a simulation: plain values for JSON, with the delivery options of many lines written once.

`schemas.SimulationAnswerSchema` says what it looks like.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from ..config import Marketplace
from ..offers import (
    AttachmentOffering,
    DeliveryId,
    DeliveryWindow,
    Offer,
    Offering,
    PickupPoint,
    SimulationRequest,
    Sla,
)
from .quote import QuotedLine
from .schemas import DELIVERY, PICKUP

_UNKNOWN = Offer(sku_id="unknown", price=0, stock=0)
"""What is said of a SKU that the shop does not know."""


class _Options(NamedTuple):
    """The delivery options of all lines that have the same."""

    json: orjson.Fragment | None
    """None if they tell the quantity that leaves each dock, which is a line's own."""
    channels: tuple[str, ...]
    """At least one."""


def write_answer(request: SimulationRequest, lines: Sequence[QuotedLine], marketplace: Marketplace) -> dict[str, Any]:
    """Return the answer's body, for orjson: one item a line, and the logistics of all lines.

    Without any available line it has no logistics, or zeros, as the marketplace is configured to understand.
    """
    told = marketplace.unavailable == "zeros" or any(line.quantity for line in lines)
    return {
        "country": request.country,
        "postalCode": request.postal_code,
        "allowMultipleDeliveries": request.has_address,
        "items": _items(lines, marketplace),
        "logisticsInfo": _logistics(lines, marketplace) if told else [],
    }


def _items(lines: Sequence[QuotedLine], marketplace: Marketplace) -> list[dict[str, Any]]:
    seller_id, merchant_name = marketplace.seller_id, marketplace.merchant_name
    items = []
    for index, (item, known, quantity, _, _) in enumerate(lines):
        offer = known or _UNKNOWN
        items.append(
            {
                "id": item.sku_id,
                "requestIndex": index,
                "quantity": quantity,
                "seller": item.seller_id or seller_id,
                "merchantName": merchant_name,
                "price": offer.price,
                "listPrice": offer.price if offer.list_price is None else offer.list_price,
                "measurementUnit": offer.measurement_unit,
                "unitMultiplier": _number(offer.unit_multiplier),
                "priceValidUntil": offer.price_valid_until and _utc(offer.price_valid_until),
                "priceTags": (),
                "offerings": offer.offerings and [*map(_offering, offer.offerings)],
                "attachmentOfferings": offer.attachment_offerings
                and [*map(_attachment_offering, offer.attachment_offerings)],
            }
        )
    return items


def _offering(offering: Offering) -> dict[str, Any]:
    return {"type": offering.type, "id": offering.id, "name": offering.name, "price": offering.price}


def _attachment_offering(offering: AttachmentOffering) -> dict[str, Any]:
    return {"name": offering.name, "required": offering.required, "schema": offering.schema}


def _logistics(lines: Sequence[QuotedLine], marketplace: Marketplace) -> list[dict[str, Any]]:
    written: dict[int, _Options] = {}
    logistics = []
    for index, (_, offer, quantity, stock, slas) in enumerate(lines):
        options = written.get(id(slas))
        if options is None:
            options = written[id(slas)] = _options(slas)
        json, (channel, *others) = options
        channels = [{"id": channel, "stockBalance": stock}]
        if others:
            channels += [{"id": other, "stockBalance": stock} for other in others]
        logistics.append(
            {
                "itemIndex": index,
                "quantity": quantity,
                "stockBalance": stock,
                "shipsTo": (offer and offer.ships_to) or marketplace.ships_to,
                "slas": json or [_option(sla, quantity) for sla in slas],
                "deliveryChannels": channels,
            }
        )
    return logistics


def _options(slas: Sequence[Sla]) -> _Options:
    fixed = not any(sla.delivery_ids for sla in slas)
    return _Options(
        json=orjson.Fragment(orjson.dumps([_option(sla, 0) for sla in slas])) if fixed else None,
        channels=tuple(dict.fromkeys(map(_channel, slas))) or (DELIVERY,),
    )


def _channel(sla: Sla) -> str:
    return DELIVERY if sla.pickup_point is None else PICKUP


def _option(sla: Sla, quantity: int) -> dict[str, Any]:
    option = {
        "id": sla.id,
        "name": sla.name,
        "deliveryChannel": _channel(sla),
        "price": sla.price,
        "shippingEstimate": sla.shipping_estimate,
        "availableDeliveryWindows": [_window(window) for window in sla.delivery_windows],
        "pickupStoreInfo": sla.pickup_point and _pickup(sla.pickup_point),
    }
    if sla.delivery_ids:
        option["deliveryIds"] = [_delivery_id(delivery, quantity) for delivery in sla.delivery_ids]
    return option


def _delivery_id(delivery: DeliveryId, quantity: int) -> dict[str, Any]:
    return {
        "courierId": delivery.courier_id,
        "courierName": delivery.courier_name,
        "dockId": delivery.dock_id,
        "warehouseId": delivery.warehouse_id,
        "quantity": quantity,
    }


def _window(window: DeliveryWindow) -> dict[str, Any]:
    return {"startDateUtc": _utc(window.start), "endDateUtc": _utc(window.end), "price": window.price}


def _pickup(point: PickupPoint) -> dict[str, Any]:
    return {
        "isPickupStore": True,
        "friendlyName": point.name,
        "address": {
            "addressType": "pickup",
            "receiverName": point.receiver_name,
            "addressId": point.id,
            "postalCode": point.postal_code,
            "city": point.city,
            "state": point.state,
            "country": point.country,
            "street": point.street,
            "number": point.number,
            "neighborhood": point.neighborhood,
            "complement": point.complement,
            "reference": point.reference,
            "geoCoordinates": list(point.geo_coordinates),
        },
        "additionalInfo": point.additional_info,
    }


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _number(multiplier: Decimal | int) -> int | float:
    if type(multiplier) is int:
        return multiplier
    return int(multiplier) if int(multiplier) == multiplier else float(multiplier)
