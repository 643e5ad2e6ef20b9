"""The answer to a simulation: plain values for JSON, with the delivery options of many lines written once.

`answer_schemas.SimulationAnswerSchema` says what it looks like.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter, itemgetter
from typing import Any

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

DELIVERY, PICKUP = "delivery", "pickup-in-point"
_UNKNOWN = Offer(sku_id="unknown", price=0, stock=0)
"""What is said of a SKU that the shop does not know."""

_Options = tuple[orjson.Fragment | None, tuple[str, ...]]
"""The delivery options of all lines that have the same: as JSON, or None if they tell the quantity that leaves each
dock, which is a line's own; and the channels, at least one."""
_delivery_ids, _channel = attrgetter("delivery_ids"), itemgetter("deliveryChannel")


def write_answer(request: SimulationRequest, lines: Sequence[QuotedLine], marketplace: Marketplace) -> dict[str, Any]:
    """Return the answer's body, for orjson: one item a line, and the logistics of all lines.

    Without any available line it has no logistics, or zeros, as the marketplace is configured to understand.
    """
    told = marketplace.unavailable == "zeros" or any(quantity for _, _, quantity, _, _ in lines)
    return {
        "country": request.country,
        "postalCode": request.postal_code,
        "allowMultipleDeliveries": request.has_address,
        "items": _items(lines, marketplace),
        "logisticsInfo": _logistics(lines, marketplace) if told else [],
    }


def _items(lines: Sequence[QuotedLine], marketplace: Marketplace) -> list[dict[str, Any]]:
    items = []
    # What most lines say alike is copied, which takes half the time of saying it.
    alike: dict[str, Any] = {
        "id": "",
        "requestIndex": 0,
        "quantity": 0,
        "seller": marketplace.seller_id,
        "merchantName": marketplace.merchant_name,
        "price": 0,
        "listPrice": 0,
        "measurementUnit": "",
        "unitMultiplier": 1,
        "priceValidUntil": None,
        "priceTags": (),
        "offerings": (),
        "attachmentOfferings": (),
    }
    for index, (line, known, quantity, _, _) in enumerate(lines):
        offer, item = known or _UNKNOWN, alike.copy()
        item["id"] = line.sku_id
        item["requestIndex"] = index
        item["quantity"] = quantity
        if line.seller_id:
            item["seller"] = line.seller_id
        item["price"] = price = offer.price
        item["listPrice"] = price if offer.list_price is None else offer.list_price
        item["measurementUnit"] = offer.measurement_unit
        if (multiplier := offer.unit_multiplier) != 1:
            item["unitMultiplier"] = _number(multiplier)
        if offer.price_valid_until:
            item["priceValidUntil"] = _utc(offer.price_valid_until)
        if offer.offerings:
            item["offerings"] = [*map(_offering, offer.offerings)]
        if offer.attachment_offerings:
            item["attachmentOfferings"] = [*map(_attachment_offering, offer.attachment_offerings)]
        items.append(item)
    return items


def _offering(offering: Offering) -> dict[str, Any]:
    return {"type": offering.type, "id": offering.id, "name": offering.name, "price": offering.price}


def _attachment_offering(offering: AttachmentOffering) -> dict[str, Any]:
    return {"name": offering.name, "required": offering.required, "schema": offering.schema}


def _logistics(lines: Sequence[QuotedLine], marketplace: Marketplace) -> list[dict[str, Any]]:
    written: dict[int, _Options] = {}
    ships_to, before, logistics = marketplace.ships_to, None, []
    for index, (_, offer, quantity, stock, slas) in enumerate(lines):
        if slas is not before:
            before, options = slas, written.get(id(slas))
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
                "shipsTo": (offer and offer.ships_to) or ships_to,
                "slas": json or [_option(sla, quantity) for sla in slas],
                "deliveryChannels": channels,
            }
        )
    return logistics


def _options(slas: Sequence[Sla]) -> _Options:
    options = [_option(sla, 0) for sla in slas]
    json = None if any(map(_delivery_ids, slas)) else orjson.Fragment(orjson.dumps(options))
    return json, tuple(dict.fromkeys(map(_channel, options))) or (DELIVERY,)


def _option(sla: Sla, quantity: int) -> dict[str, Any]:
    option = {
        "id": sla.id,
        "name": sla.name,
        "deliveryChannel": DELIVERY if sla.pickup_point is None else PICKUP,
        "price": sla.price,
        "shippingEstimate": sla.shipping_estimate,
        "availableDeliveryWindows": [*map(_window, sla.delivery_windows)],
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
    try:
        return moment.astimezone(UTC).isoformat()
    except OverflowError:  # "for ever" is the calendar's last day, and the offset leads out of it
        return moment.replace(tzinfo=UTC).isoformat()


def _number(multiplier: Decimal | int) -> int | float:
    return int(multiplier) if int(multiplier) == multiplier else float(multiplier)
