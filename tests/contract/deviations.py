"""Where our answers and our calls differ from the published contracts on purpose, and why.

Rows and sections are those of the protocol dossier (`protocol.md`): row 12 is in its §12. Each entry is proved to be
needed, of our answers by `test_fulfillment.py` and of our calls by `test_outbound.py`, so these tables cannot rot.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]


def nullable(schema: Schema) -> Schema:
    """Allow null (or, for a whole answer, no body)."""
    return {**schema, "nullable": True}


def decimal(schema: Schema) -> Schema:
    """Allow a number with a fraction."""
    return {**schema, "type": "number"}


def or_array(schema: Schema) -> Schema:
    """Allow an array of it."""
    return {"anyOf": [schema, {"type": "array", "items": schema}]}


def numbers(schema: Schema) -> Schema:
    """Allow numbers where the schema has strings."""
    return {**schema, "items": {"type": ["string", "number"]}}


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """One place where the published schema is changed before our answers are held against it."""

    operation: str
    """The `operationId`."""
    path: tuple[str, ...]
    """Into the schema of the operation's 200 answer, `$ref` followed."""
    change: Callable[[Schema], Schema]
    instead: str
    """What we answer."""
    source: str
    """What of the dossier it follows from."""


_SIMULATION, _PLACEMENT = "fulfillment-simulation", "order-placement"
_FULFILL, _CANCEL = "authorize-fulfillment", "mkp-order-cancellation"
_ITEM = ("properties", "items", "items", "properties")
_ADDRESS = ("properties", "shippingData", "properties", "address", "properties")
_LOGISTICS = ("properties", "shippingData", "properties", "logisticsInfo", "items", "properties")

DEVIATIONS = (
    Deviation(
        operation=_SIMULATION,
        path=("properties", "country"),
        change=nullable,
        instead="null for a request without a country",
        source="row 12, §1.1",
    ),
    Deviation(
        operation=_SIMULATION,
        path=("properties", "postalCode"),
        change=nullable,
        instead="null for a request without a postal code",
        source="row 12, §1.1",
    ),
    Deviation(
        operation=_SIMULATION,
        path=(*_ITEM, "merchantName"),
        change=nullable,
        instead="null unless the seller charges",
        source="row 13",
    ),
    Deviation(
        operation=_SIMULATION,
        path=(*_ITEM, "unitMultiplier"),
        change=decimal,
        instead="a number with a fraction for a SKU sold by weight",
        source="row 26",
    ),
    Deviation(
        operation=_PLACEMENT,
        path=(),
        change=or_array,
        instead="an array for an array",
        source="row 1",
    ),
    Deviation(
        operation=_PLACEMENT,
        path=(*_ADDRESS, "reference"),
        change=nullable,
        instead="null where null was received: the order is echoed",
        source="row 24, §1.2",
    ),
    Deviation(
        operation=_PLACEMENT,
        path=(*_ADDRESS, "geoCoordinates"),
        change=numbers,
        instead="numbers where numbers were received: the order is echoed",
        source="row 22, row 24",
    ),
    Deviation(
        operation=_PLACEMENT,
        path=(*_LOGISTICS, "deliveryWindow"),
        change=nullable,
        instead="null where null was received: the order is echoed",
        source="row 24, §1.2",
    ),
    Deviation(
        operation=_PLACEMENT,
        path=(*_ITEM, "unitMultiplier"),
        change=decimal,
        instead="a number with a fraction where one was received: the order is echoed",
        source="row 24, row 26",
    ),
    Deviation(
        operation=_PLACEMENT,
        path=(*_ITEM, "measurementUnit"),
        change=nullable,
        instead="null where null was received: the order is echoed",
        source="row 24, §1.2",
    ),
    Deviation(
        operation=_PLACEMENT,
        path=("properties", "clientProfileData", "properties", "documentType"),
        change=nullable,
        instead="null where null was received: the order is echoed",
        source="row 24, §1.2",
    ),
    Deviation(
        operation=_FULFILL,
        path=("properties", "receipt"),
        change=nullable,
        instead="null when the shop gives no receipt",
        source="§1.3",
    ),
    Deviation(
        operation=_CANCEL,
        path=("properties", "receipt"),
        change=nullable,
        instead="null: a cancellation has no receipt of its own",
        source="§1.4",
    ),
    Deviation(
        operation=_CANCEL,
        path=(),
        change=nullable,
        instead="no body while the shop evaluates the cancellation, and when it refuses",
        source="row 11",
    ),
)


# Our calls. A contract is what `test_outbound.py` reads from a file: its method, prefix, headers and body.


def integer(schema: Schema) -> Schema:
    """Have an integer where the schema has a string."""
    return {**schema, "type": "integer"}


def strings(schema: Schema) -> Schema:
    """Have an array of what the schema has one of."""
    return {"type": "array", "items": schema}


def or_string(schema: Schema) -> Schema:
    """Allow a string, too."""
    return {"anyOf": [schema, {"type": "string"}]}


@dataclass(frozen=True, kw_only=True)
class RequestDeviation:
    """One place where a published contract is changed before our calls are held against it."""

    file: str
    """Without the ending."""
    template: str | None
    """The path in the file; None for all of it."""
    path: tuple[str, ...]
    """Into the contract."""
    change: Callable[[Any], Any]
    instead: str
    """What we send."""
    source: str
    """What of the dossier it follows from."""


_AUTHENTICATED = ("orders", "catalog-skuseller", "notificator", "suggestions", "external-seller-marketplace")
AUTHENTICATION = {"X-VTEX-API-AppKey": None, "X-VTEX-API-AppToken": None}
_ORDERS, _SUGGESTIONS, _PROTOCOL = "orders", "suggestions", "external-seller-marketplace"
_SUGGESTION = "/suggestions/{sellerId}/{sellerSkuId}"
_PVT = "/pvt/orders/{marketplaceOrderId}"
_PARCEL, _STATUS = f"{_PVT}/invoice/{{invoiceNumber}}", f"{_PVT}/invoice/{{invoiceNumber}}/tracking"
_AGREEMENT = "/pvt/orders/{participantOrderId}/changes/{changeRequestId}/send-agreement"
_BODY = ("body", "properties")
_TEXT_OR_NULL = {"type": "string", "nullable": True}

REQUEST_DEVIATIONS = (
    *(
        RequestDeviation(
            file=file,
            template=None,
            path=("headers",),
            change=lambda headers: {**headers, **AUTHENTICATION},
            instead="both authentication headers, for which the file has no security scheme",
            source="§2",
        )
        for file in _AUTHENTICATED
    ),
    RequestDeviation(
        file=_ORDERS,
        template="/api/oms/pvt/orders/{orderId}/invoice",
        path=(*_BODY, "invoiceValue"),
        change=integer,
        instead="an integer in cents",
        source="row 34",
    ),
    *(
        RequestDeviation(
            file=_SUGGESTIONS,
            template=_SUGGESTION,
            path=(*_BODY, name),
            change=decimal,
            instead="a number with a fraction: the file's own format for its integer is decimal",
            source="§2.2",
        )
        for name in ("Height", "Width", "Length")
    ),
    RequestDeviation(
        file=_SUGGESTIONS,
        template=_SUGGESTION,
        path=(*_BODY, "UnitMultiplier"),
        change=decimal,
        instead="a number with a fraction for a SKU sold by weight",
        source="row 26",
    ),
    RequestDeviation(
        file=_SUGGESTIONS,
        template=_SUGGESTION,
        path=(*_BODY, "RefId"),
        change=nullable,
        instead="null for a SKU that has an EAN only",
        source="§2.2",
    ),
    RequestDeviation(
        file=_SUGGESTIONS,
        template=_SUGGESTION,
        path=(*_BODY, "EAN"),
        change=strings,
        instead="a list: a string gets lost",
        source="row 30",
    ),
    RequestDeviation(
        file=_SUGGESTIONS,
        template=_SUGGESTION,
        path=(*_BODY, "SellerStockKeepingUnitId"),
        change=or_string,
        instead="a string for an id that is no number of 32 bits",
        source="row 30",
    ),
    RequestDeviation(
        file=_SUGGESTIONS,
        template=_SUGGESTION,
        path=_BODY,
        change=lambda properties: {**properties, "Updated": _TEXT_OR_NULL},
        instead="null for Updated, which the file requires and does not define",
        source="§2.2",
    ),
    RequestDeviation(
        file=_PROTOCOL,
        template=None,
        path=("prefix",),
        change=lambda prefix: f"/api/oms{prefix}",
        instead="our own address of the OMS, not the marketplaceServicesEndpoint that came with the order",
        source="row 37, §2.4",
    ),
    RequestDeviation(
        file=_PROTOCOL,
        template=_AGREEMENT,
        path=("prefix",),
        change=lambda _: "/api/order-system",
        instead="where the connector guide has it",
        source="row 38",
    ),
    RequestDeviation(
        file=_PROTOCOL,
        template=_AGREEMENT,
        path=("template",),
        change=lambda template: template.removeprefix("/pvt"),
        instead="as the connector guide has it, without the accountName that the host says already",
        source="row 38",
    ),
    RequestDeviation(
        file=_PROTOCOL,
        template=_PARCEL,
        path=("method",),
        change=lambda _: "PATCH",
        instead="PATCH, as the Orders API has it",
        source="row 6",
    ),
    RequestDeviation(
        file=_PROTOCOL,
        template=_STATUS,
        path=("method",),
        change=lambda _: "PUT",
        instead="PUT, as the Orders API has it",
        source="row 6, row 36",
    ),
    RequestDeviation(
        file=_PROTOCOL,
        template=f"{_PVT}/invoice",
        path=_BODY,
        change=lambda properties: {
            **properties,
            **dict.fromkeys(("dispatchedDate", "invoiceKey", "invoiceUrl", "embeddedInvoice"), _TEXT_OR_NULL),
        },
        instead="the fields that only the Orders API has",
        source="row 6, §2.4",
    ),
    RequestDeviation(
        file=_PROTOCOL,
        template=f"{_PVT}/invoice",
        path=(*_BODY, "items", "items", "properties"),
        change=lambda properties: {**properties, "description": {"type": "string"}},
        instead="an item's description, which only the Orders API has",
        source="§2.4",
    ),
    *(
        RequestDeviation(
            file=_PROTOCOL,
            template=_PARCEL,
            path=(*_BODY, name),
            change=nullable,
            instead="null where the shop did not say, as the Orders API has it",
            source="§2.4",
        )
        for name in ("trackingUrl", "dispatchedDate")
    ),
    RequestDeviation(
        file=_PROTOCOL,
        template=_STATUS,
        path=_BODY,
        change=lambda properties: {**properties, "deliveredDate": _TEXT_OR_NULL},
        instead="the date of the delivery or null, always",
        source="row 35",
    ),
)
