"""Where our answers and our calls differ from the published contracts on purpose, and why.

Rows and sections are those of the protocol dossier (`protocol.md`): row 12 is in its §12. Each entry is proved to be
needed, of our answers by `test_fulfillment.py`, of our calls by `test_outbound.py` and of our own document by
`test_openapi.py`, so these tables cannot rot.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

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


# Our document. The published one describes what a marketplace of VTEX's sends; ours, what the shop can rely on.


class Finding(NamedTuple):
    """One difference between the two documents."""

    operation: str
    """The published `operationId`."""
    part: str
    """`request`, `answer`, `statuses` or `parameters`."""
    path: str
    """Such as `items[].price`; empty for the whole."""
    words: str
    """What ours says instead."""


@dataclass(frozen=True, kw_only=True)
class DocumentDeviation:
    """Differences that have one reason."""

    operations: tuple[str, ...]
    parts: tuple[str, ...]
    words: str
    paths: tuple[str, ...]
    why: str
    source: str
    """What of the dossier it follows from."""

    @property
    def findings(self) -> list[Finding]:
        return [Finding(*found) for found in product(self.operations, self.parts, self.paths, (self.words,))]


def _below(place: str, names: str) -> tuple[str, ...]:
    return tuple(f"{place}.{name}" for name in names.split())


_REQUEST, _ANSWER, _BOTH = ("request",), ("answer",), ("request", "answer")
_ALL, _REFERENCES = (_SIMULATION, _PLACEMENT, _FULFILL, _CANCEL), (_FULFILL, _CANCEL)
_PARTICULARS = _below("clientProfileData", "email firstName lastName documentType document")
_STREET = "addressType receiverName postalCode city state country street number neighborhood"
_LINE = "shippingData.logisticsInfo[]"
_WISH = ("cancellationRequestId", "reason", "requestedByUser")

DOCUMENT_DEVIATIONS = (
    # simulation
    DocumentDeviation(
        operations=(_SIMULATION,),
        parts=_BOTH,
        words="may be null",
        paths=("country", "postalCode"),
        why="there may be no address: absent, null and empty are the same",
        source="row 12",
    ),
    DocumentDeviation(
        operations=(_SIMULATION,),
        parts=_REQUEST,
        words="may be missing",
        paths=("postalCode",),
        why="there may be no address: absent, null and empty are the same",
        source="row 12",
    ),
    DocumentDeviation(
        operations=(_SIMULATION,),
        parts=_REQUEST,
        words="may be null",
        paths=("geoCoordinates", "sc", "items[].seller"),
        why="null is no place, the query's or the configured channel, and the configured seller",
        source="row 22, row 23, row 24",
    ),
    DocumentDeviation(
        operations=(_SIMULATION,),
        parts=_REQUEST,
        words="may be missing",
        paths=("items[].seller",),
        why="the configured seller is meant",
        source="row 24",
    ),
    DocumentDeviation(
        operations=(_SIMULATION,),
        parts=_REQUEST,
        words="is ours",
        paths=_below("items[]", "parentAssemblyBinding parentItemIndex"),
        why="sent for a SKU that belongs to another, and the shop gets it",
        source="§1.1, row 24",
    ),
    DocumentDeviation(
        operations=(_SIMULATION,),
        parts=_ANSWER,
        words="is ours",
        paths=("logisticsInfo[].slas[].deliveryIds",),
        why="where the shop says by what ways an option travels",
        source="row 40",
    ),
    DocumentDeviation(
        operations=(_SIMULATION,),
        parts=_REQUEST,
        words="must be there",
        paths=("items",),
        why="without a line there is nothing to answer",
        source="§1.1",
    ),
    DocumentDeviation(
        operations=(_SIMULATION,),
        parts=_REQUEST,
        words="is number or string, not string",
        paths=("geoCoordinates[]",),
        why="both are sent",
        source="row 22",
    ),
    DocumentDeviation(
        operations=(_SIMULATION,),
        parts=_ANSWER,
        words="may be null",
        paths=("items[].merchantName",),
        why="null unless the seller charges",
        source="row 13",
    ),
    DocumentDeviation(
        operations=(_SIMULATION,),
        parts=_ANSWER,
        words="is number, not integer",
        paths=("items[].unitMultiplier",),
        why="a SKU sold by weight has a fraction",
        source="row 26",
    ),
    DocumentDeviation(
        operations=(_SIMULATION,),
        parts=_ANSWER,
        words="is not described",
        paths=("items[].priceTags[]",),
        why="the array is always empty",
        source="row 25",
    ),
    DocumentDeviation(
        operations=(_SIMULATION,),
        parts=_ANSWER,
        words="must be there",
        paths=("allowMultipleDeliveries",),
        why="always answered",
        source="§1.1",
    ),
    DocumentDeviation(
        operations=(_SIMULATION,),
        parts=_ANSWER,
        words="is ours",
        paths=("items[].attachmentOfferings",),
        why="running sellers send the empty array, and some readers expect it",
        source="§1.1",
    ),
    # placement: the answer is the request again, so most of it holds for both
    DocumentDeviation(
        operations=(_PLACEMENT,),
        parts=_BOTH,
        words="is array or object, not object",
        paths=("",),
        why="an array is what is really sent, and answered with an array",
        source="row 1",
    ),
    DocumentDeviation(
        operations=(_PLACEMENT,),
        parts=_BOTH,
        words="must be there",
        paths=("marketplaceOrderId", "items", *_below("items[]", "id quantity price")),
        why="without them it is no order",
        source="§1.2, row 42",
    ),
    DocumentDeviation(
        operations=(_PLACEMENT,),
        parts=_BOTH,
        words="must be there",
        paths=_below(f"{_LINE}.deliveryWindow", "startDateUtc endDateUtc"),
        why="a window has two ends, or is null",
        source="§1.2",
    ),
    DocumentDeviation(
        operations=(_PLACEMENT,),
        parts=_ANSWER,
        words="must be there",
        paths=("orderId", "followUpEmail", "paymentData"),
        why="always answered",
        source="§1.2, row 14",
    ),
    DocumentDeviation(
        operations=(_PLACEMENT,),
        parts=_REQUEST,
        words="may be null",
        paths=("marketplaceServicesEndpoint", "marketplacePaymentValue"),
        why="the shop's order does not depend on it",
        source="§1.2, row 37",
    ),
    DocumentDeviation(
        operations=(_PLACEMENT,),
        parts=_BOTH,
        words="may be null",
        paths=(
            *_below("items[]", "seller measurementUnit unitMultiplier isGift"),
            "clientProfileData",
            *_PARTICULARS,
            "clientProfileData.phone",
            "shippingData",
            "shippingData.address",
            *_below("shippingData.address", f"{_STREET} addressId complement reference geoCoordinates"),
            "shippingData.logisticsInfo",
            *_below(_LINE, "selectedSla price deliveryWindow"),
        ),
        why="marketplaces send null, mask what the shopper does not share, and have pickups without an address",
        source="§1.2, row 24",
    ),
    DocumentDeviation(
        operations=(_PLACEMENT,),
        parts=_BOTH,
        words="may be missing",
        paths=(*_below("shippingData.address", _STREET), *_below(_LINE, "selectedSla price")),
        why="what a marketplace leaves out is for the shop to judge, not a reason to lose the order",
        source="§1.2, row 24",
    ),
    DocumentDeviation(
        operations=(_PLACEMENT,),
        parts=_REQUEST,
        words="may be missing",
        paths=(*_PARTICULARS, "clientProfileData.isCorporate"),
        why="what a marketplace leaves out is for the shop to judge, not a reason to lose the order",
        source="§1.2",
    ),
    DocumentDeviation(
        operations=(_PLACEMENT,),
        parts=_BOTH,
        words="is number or string, not string",
        paths=("shippingData.address.geoCoordinates[]",),
        why="both are sent",
        source="row 22",
    ),
    DocumentDeviation(
        operations=(_PLACEMENT,),
        parts=_BOTH,
        words="is number, not integer",
        paths=("items[].unitMultiplier",),
        why="a SKU sold by weight has a fraction",
        source="row 26",
    ),
    DocumentDeviation(
        operations=(_PLACEMENT,),
        parts=_ANSWER,
        words="is integer, not number",
        paths=("items[].price",),
        why="cents, as in the request",
        source="§1.2",
    ),
    DocumentDeviation(
        operations=(_PLACEMENT,),
        parts=_BOTH,
        words="is not described",
        paths=_below("items[]", "commission freightCommission priceTags"),
        why="kept in the order's raw body and echoed, whatever its form",
        source="§1.2, row 24, row 25",
    ),
    DocumentDeviation(
        operations=(_PLACEMENT,),
        parts=_BOTH,
        words="is anything, not array",
        paths=_below("items[]", "attachments bundleItems itemsAttachment"),
        why="its forms in the wild are many: what can be read reaches the shop, and no order is lost for the rest",
        source="§1.2, row 24",
    ),
    DocumentDeviation(
        operations=(_PLACEMENT,),
        parts=_BOTH,
        words="is anything, not string",
        paths=_below(_LINE, "lockTTL shippingEstimate"),
        why="no order is lost for what the shop can do without",
        source="§1.2, row 27",
    ),
    DocumentDeviation(
        operations=(_PLACEMENT,),
        parts=_BOTH,
        words="is anything, not number",
        paths=(f"{_LINE}.deliveryWindow.listPrice",),
        why="no order is lost for what the shop can do without",
        source="§1.2, row 24",
    ),
    DocumentDeviation(
        operations=(_PLACEMENT,),
        parts=_BOTH,
        words="is ours",
        paths=("sc", f"{_LINE}.deliveryWindow.price"),
        why="sent by some, and the shop gets it",
        source="§1.2, row 23",
    ),
    DocumentDeviation(
        operations=(_PLACEMENT,),
        parts=_REQUEST,
        words="is not described",
        paths=("paymentData", "marketingData", "openTextField", "shippingData.updateStatus"),
        why="kept in the order's raw body and echoed, whatever its form",
        source="§1.2, row 14",
    ),
    DocumentDeviation(
        operations=(_PLACEMENT,),
        parts=_ANSWER,
        words="is not described",
        paths=("customData", "allowMultipleDeliveries"),
        why="echoed where it was received",
        source="§1.2, row 24",
    ),
    DocumentDeviation(
        operations=(_PLACEMENT,),
        parts=_BOTH,
        words="is ours",
        paths=("marketplaceOrderGroup",),
        why="sent by some, and the shop gets it",
        source="§1.2",
    ),
    DocumentDeviation(
        operations=(_PLACEMENT,),
        parts=_ANSWER,
        words="is ours",
        paths=("marketplacePaymentValue", "marketplaceServicesEndpoint"),
        why="the whole order is echoed",
        source="§1.2",
    ),
    # authorization and cancellation
    DocumentDeviation(
        operations=_REFERENCES,
        parts=_REQUEST,
        words="may be missing",
        paths=("marketplaceOrderId", *_WISH, "cancellationRequestDate"),
        why="nothing but an order that can be found is needed",
        source="row 15, row 17",
    ),
    DocumentDeviation(
        operations=_REFERENCES,
        parts=_REQUEST,
        words="is anything, not string",
        paths=("cancellationRequestDate",),
        why="a date that cannot be read is none",
        source="row 15, row 28",
    ),
    DocumentDeviation(
        operations=_REFERENCES,
        parts=_REQUEST,
        words="may be null",
        paths=("marketplaceOrderId", *_WISH, "paymentData"),
        why="nothing but an order that can be found is needed",
        source="row 15",
    ),
    DocumentDeviation(
        operations=_REFERENCES,
        parts=_REQUEST,
        words="is not described",
        paths=("marketplaceOrderGroup", "paymentData.payments", "paymentData.connectorResponses"),
        why="handed to the shop as it came: its keys are not the same everywhere",
        source="row 15, §10",
    ),
    DocumentDeviation(
        operations=_REFERENCES,
        parts=_ANSWER,
        words="must be there",
        paths=("date", "marketplaceOrderId", "orderId", "receipt"),
        why="always answered",
        source="§1.3, §1.4, row 16",
    ),
    DocumentDeviation(
        operations=_REFERENCES,
        parts=_ANSWER,
        words="may be null",
        paths=("receipt",),
        why="the shop may give none",
        source="§1.3, §1.4",
    ),
    # all
    DocumentDeviation(
        operations=_ALL,
        parts=("statuses",),
        words="is ours",
        paths=("400", "401", "403", "413", "429", "500", "503"),
        why="the published file knows success alone",
        source="§1.0",
    ),
    DocumentDeviation(
        operations=(_PLACEMENT, *_REFERENCES),
        parts=("statuses",),
        words="is ours",
        paths=("409",),
        why="the published file knows success alone",
        source="§1.0, row 42",
    ),
    DocumentDeviation(
        operations=_REFERENCES,
        parts=("statuses",),
        words="is ours",
        paths=("404",),
        why="the published file knows success alone",
        source="§1.3",
    ),
    DocumentDeviation(
        operations=_ALL,
        parts=("parameters",),
        words="is not described",
        paths=("fulfillmentendpoint", "accept", "content-type"),
        why="the first is the server; of the others any value is taken",
        source="§1.0, row 18",
    ),
    DocumentDeviation(
        operations=(_PLACEMENT,),
        parts=("parameters",),
        words="is not described",
        paths=(
            "accept-enconding",
            "authorization",
            "content-length",
            "traceparent",
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-vtex-cache-client-bypass",
        ),
        why="a captured call, not a contract; the authorization is a security scheme of ours",
        source="§1.0",
    ),
    DocumentDeviation(
        operations=(_SIMULATION, *_REFERENCES),
        parts=("parameters",),
        words="is ours",
        paths=("x-vtex-operation-id",),
        why="goes to the log, whichever call it comes with",
        source="§1.0, §9.1",
    ),
    DocumentDeviation(
        operations=(_SIMULATION,),
        parts=("parameters",),
        words="is ours",
        paths=("sc",),
        why="the sales channel may be in the query",
        source="row 23",
    ),
    DocumentDeviation(
        operations=(_FULFILL,),
        parts=("parameters",),
        words="is ours",
        paths=("orderid",),
        why="the same id has one name on both paths",
        source="row 17",
    ),
    DocumentDeviation(
        operations=(_FULFILL,),
        parts=("parameters",),
        words="is not described",
        paths=("sellerorderid",),
        why="the same id has one name on both paths",
        source="row 17",
    ),
)
