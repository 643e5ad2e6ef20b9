"""What the marketplace's checkout sends: the bodies of simulations, orders, authorizations and cancellations.

The shopper and the address are made up. No host or e-mail address of theirs exists: the domains are reserved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from .logistics_rules import PICKUP
from .order_book import CancellationRequest

SHOPPER: Mapping[str, Any] = {
    "id": "clientProfileData",
    "email": "4e1b7a90c2d34f6e8a5b-71b@shopper.invalid",
    "firstName": "Jandira",
    "lastName": "Provas de Araújo",
    "documentType": "cpf",
    "document": "12345678909",
    "phone": "+5511900000000",
    "corporateName": None,
    "tradeName": None,
    "corporateDocument": None,
    "stateInscription": None,
    "corporatePhone": None,
    "isCorporate": False,
    "userProfileId": None,
}
HOME: Mapping[str, Any] = {
    "addressType": "residential",
    "receiverName": "Jandira Provas de Araújo",
    "addressId": "home-1",
    "postalCode": "01001-000",
    "city": "São Paulo",
    "state": "SP",
    "country": "BRA",
    "street": "Rua dos Ensaios",
    "number": "42",
    "neighborhood": "Sé",
    "complement": None,
    "reference": None,
    "geoCoordinates": [],
}

#: Not in the published request, yet sent by stores with checkout fields of their own; it has to survive the echo.
CUSTOM_DATA = {"customApps": [{"id": "gift-note", "major": 1, "fields": {"note": "Parabéns!"}}]}


class NothingToOrder(ValueError):
    """The simulation leaves nothing an order could be made of; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What to do differently from a shopper who takes what the simulation offers.

    Attributes:
        sla_id: None takes the cheapest that all lines share. One that was not offered is sent all the same.
        quantities: what to order of each simulated line instead of what the seller promised; 0 leaves the line out.
        customer: replaces fields of the made-up shopper.
        address: replaces fields of the made-up address.
        extra: further fields of the order, or other values for its fields.
    """

    sla_id: str | None = None
    quantities: Sequence[int] | None = None
    customer: Mapping[str, Any] = field(default_factory=dict)
    address: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    item: Mapping[str, Any]
    quantity: int
    slas: Mapping[str, Mapping[str, Any]]


def index_body(sku_id: str, *, seller_id: str) -> dict[str, Any]:
    """Return what the indexer asks about one SKU: no address, no sales channel, one unit."""
    return {"items": [{"id": sku_id, "quantity": 1, "seller": seller_id}], "isCheckedIn": False}


def simulation_body(
    items: Iterable[tuple[str, int]],
    *,
    seller_id: str,
    sales_channel: str,
    postal_code: str | None,
    country: str | None,
    geo_coordinates: Sequence[float] | None,
    loose: bool,
) -> dict[str, Any]:
    """Return what the product page and the cart ask.

    Args:
        loose: spell the lines as older callers do: `Seller`, the quantity as a string, an id of digits as a number.
    """
    lines: list[dict[str, Any]] = []
    for sku_id, quantity in items:
        if loose:
            loose_id = int(sku_id) if sku_id.isascii() and sku_id.isdigit() and not sku_id.startswith("0") else sku_id
            lines.append({"id": loose_id, "quantity": str(quantity), "Seller": seller_id})
        else:
            lines.append({"id": sku_id, "quantity": quantity, "seller": seller_id})
    return {
        "items": lines,
        "postalCode": postal_code,
        "country": country,
        "geoCoordinates": list(geo_coordinates or ()),
        "sc": sales_channel,
    }


def order_body(
    simulated: Mapping[str, Any],
    wishes: Wishes,
    *,
    marketplace_order_id: str,
    services_endpoint: str,
    geo_coordinates: Sequence[float],
) -> dict[str, Any]:
    """Turn the body of a correct simulation answer into the order the checkout makes of what is available.

    *Source:* external-seller-fulfillment OpenAPI, `POST /pvt/orders` request.

    Raises:
        NothingToOrder: no line is left, or the lines share no delivery option.
    """
    lines = _order_lines(simulated, wishes.quantities)
    if not lines:
        raise NothingToOrder("no line of the simulation is available")
    chosen = wishes.sla_id if wishes.sla_id is not None else _cheapest_shared_sla(lines)
    items = [_order_item(line) for line in lines]
    logistics = [_order_logistics(index, line, chosen) for index, line in enumerate(lines)]
    value = sum(item["price"] * item["quantity"] for item in items) + sum(entry["price"] for entry in logistics)
    return {
        "marketplaceOrderId": marketplace_order_id,
        "marketplaceOrderGroup": order_group(marketplace_order_id),
        "marketplaceServicesEndpoint": services_endpoint,
        "marketplacePaymentValue": value,
        "items": items,
        "clientProfileData": {**SHOPPER, **wishes.customer},
        "shippingData": {
            "address": {**_delivery_address(simulated, lines, chosen, geo_coordinates), **wishes.address},
            "logisticsInfo": logistics,
            "updateStatus": "updated",
        },
        "paymentData": _payment(lines),
        "marketingData": None,
        "openTextField": None,
        "customData": CUSTOM_DATA,
        **wishes.extra,
    }


def order_group(marketplace_order_id: str) -> str:
    """Return the group an order belongs to: its id without the number of the seller in it."""
    return marketplace_order_id.rpartition("-")[0] or marketplace_order_id


def authorization_body(marketplace_order_id: str, *, value: int, legacy_body: bool = False) -> dict[str, Any]:
    """Return what is sent when the payment was approved.

    *Source:* external-seller-fulfillment OpenAPI, `POST /pvt/orders/{sellerOrderId}/fulfill` request; the fields about
    cancellation it lists belong to the other operation of the shared schema.

    Args:
        value: cents the shopper paid.
        legacy_body: send the id and nothing else, as before 2026.
    """
    if legacy_body:
        return {"marketplaceOrderId": marketplace_order_id}
    payment = {
        "paymentSystem": "125",
        "paymentSystemName": "Pix",
        "value": value,
        "installments": 1,
        "referenceValue": value,
        "group": "instantPayment",
    }
    # the two spellings of one word arrive side by side
    responses = {"Message": "Approved", "message": "approved", "tid": "sandbox", "ReturnCode": None, "nsu": "000001"}
    return {
        "marketplaceOrderId": marketplace_order_id,
        "marketplaceOrderGroup": order_group(marketplace_order_id),
        "paymentData": {"payments": [payment], "connectorResponses": responses},
    }


def cancellation_body(
    marketplace_order_id: str, request: CancellationRequest, *, reason: str, legacy_body: bool = False
) -> dict[str, Any]:
    """Return what is sent when the marketplace wants an order canceled.

    *Source:* external-seller-fulfillment OpenAPI, `POST /pvt/orders/{orderId}/cancel` request.

    Args:
        legacy_body: send the id and nothing else.
    """
    if legacy_body:
        return {"marketplaceOrderId": marketplace_order_id}
    utc = request.requested_at.astimezone(UTC)
    return {
        "marketplaceOrderId": marketplace_order_id,
        "marketplaceOrderGroup": order_group(marketplace_order_id),
        "cancellationRequestId": request.request_id,
        # .NET ticks: seven fraction digits, one more than Python writes
        "cancellationRequestDate": f"{utc:%Y-%m-%dT%H:%M:%S.%f}0+00:00",
        "reason": reason,
        "requestedByUser": True,
    }


def _order_lines(simulated: Mapping[str, Any], quantities: Sequence[int] | None) -> list[_Line]:
    items = sorted(simulated["items"], key=lambda item: int(item["requestIndex"]))
    if quantities is not None and len(quantities) != len(items):
        raise NothingToOrder(f"{len(items)} quantities are needed, one per simulated line; got {len(quantities)}")
    entries = {entry["itemIndex"]: entry for entry in simulated["logisticsInfo"]}
    lines: list[_Line] = []
    for index, item in enumerate(items):
        quantity = item["quantity"] if quantities is None else quantities[index]
        if quantity > 0:
            slas = {sla["id"]: sla for sla in entries.get(index, {}).get("slas", [])}
            lines.append(_Line(item=item, quantity=quantity, slas=slas))
    return lines


def _cheapest_shared_sla(lines: Sequence[_Line]) -> str:
    # a line without any option is one the caller insists on, although it is not available
    offering = [line.slas for line in lines if line.slas]
    shared = set.intersection(*(set(slas) for slas in offering)) if offering else set()
    if not shared:
        raise NothingToOrder("the lines of the simulation share no delivery option; was it asked with an address?")
    return min(shared, key=lambda sla_id: (sum(slas[sla_id]["price"] for slas in offering), sla_id))


def _payment(lines: Sequence[_Line]) -> dict[str, Any] | None:
    """Return the account the seller takes the payment with, if its simulation named one."""
    merchants = [line.item["merchantName"] for line in lines if line.item["merchantName"] is not None]
    return {"merchantName": merchants[0]} if merchants else None


def _order_item(line: _Line) -> dict[str, Any]:
    return {
        "id": line.item["id"],
        "quantity": line.quantity,
        "seller": line.item["seller"],
        "commission": 0,
        "freightCommission": 0,
        "price": line.item["price"],
        "bundleItems": [],
        "itemsAttachment": [],
        "attachments": [],
        "priceTags": [],
        "measurementUnit": line.item["measurementUnit"],
        "unitMultiplier": line.item["unitMultiplier"],
        "isGift": False,
    }


def _order_logistics(index: int, line: _Line, sla_id: str) -> dict[str, Any]:
    sla = line.slas.get(sla_id, {"price": 0, "shippingEstimate": "7d", "availableDeliveryWindows": []})
    window = next((_chosen_window(offered) for offered in sla["availableDeliveryWindows"]), None)
    return {
        "itemIndex": index,
        "selectedSla": sla_id,
        "lockTTL": "8d",
        "shippingEstimate": sla["shippingEstimate"],
        # a scheduled delivery costs what the delivery and the window cost
        "price": sla["price"] + (window["price"] if window else 0),
        "deliveryWindow": window,
    }


def _chosen_window(offered: Mapping[str, Any]) -> dict[str, Any]:
    window = {name: offered[name] for name in ("startDateUtc", "endDateUtc", "price")}
    return {**window, "listPrice": offered["price"], "tax": 0}


def _delivery_address(
    simulated: Mapping[str, Any], lines: Sequence[_Line], sla_id: str, geo_coordinates: Sequence[float]
) -> dict[str, Any]:
    """Return the pickup point when the goods are collected, else the shopper's address in the simulated place."""
    for line in lines:
        sla = line.slas.get(sla_id)
        if sla is not None and sla["deliveryChannel"] == PICKUP:
            return {**sla["pickupStoreInfo"]["address"], "receiverName": HOME["receiverName"]}
    home = {**HOME, "geoCoordinates": list(geo_coordinates)}
    for name in ("postalCode", "country"):
        if simulated[name] is not None:
            home[name] = simulated[name]
    return home
