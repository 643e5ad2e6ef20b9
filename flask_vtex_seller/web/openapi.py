"""The shop's side as an OpenAPI document, made from the routes and from the schemas that read and write the bodies.

Needs apispec, the extra `openapi`; nothing else of the package does.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from inspect import getdoc
from typing import Any

from ..config import Settings
from ..errors import (
    AddressNotAllowed,
    ConfigurationError,
    FulfillmentRefused,
    InvalidRequest,
    NotFound,
    OrderConflict,
    OutOfStock,
    PayloadTooLarge,
    PlacementRefused,
    PriceChanged,
    Refusal,
    SkuNotFound,
    SlaNotAvailable,
    TemporarilyUnavailable,
    TooManyFailures,
    Unauthorized,
)
from ..orders.schemas import (
    MAX_ORDERS,
    OrderPlacementSchema,
    OrderReceiptSchema,
    OrderReferenceSchema,
    PlacedOrderSchema,
)
from ..orders.terms import TOTAL_DIFFERS
from ..schema_loader import WireSchema
from ..simulation.answer_schemas import SimulationAnswerSchema
from ..simulation.schemas import SimulationRequestSchema
from .blueprint import ROUTES, authorize, cancel, place, simulate
from .problems import UNEXPECTED, ProblemSchema

Json = dict[str, Any]

_ERRORS: Mapping[int, type[Refusal]] = {
    kind.status: kind
    for kind in (
        InvalidRequest,
        Unauthorized,
        AddressNotAllowed,
        NotFound,
        OrderConflict,
        PayloadTooLarge,
        TooManyFailures,
        TemporarilyUnavailable,
    )
}
_ALWAYS: Mapping[int, tuple[str, ...]] = {
    400: ("INVALID_JSON", "INVALID_FIELD"),
    401: (Unauthorized.code,),
    403: (AddressNotAllowed.code,),
    413: (PayloadTooLarge.code,),
    429: (TooManyFailures.code,),
    500: (UNEXPECTED,),
    503: (TemporarilyUnavailable.code,),
}
_REPEATED = (TooManyFailures.status, TemporarilyUnavailable.status)
_REFUSED = (
    *(kind.code for kind in (SkuNotFound, OutOfStock, PriceChanged, SlaNotAvailable, PlacementRefused)),
    TOTAL_DIFFERS,
)
_INVOICED = ("ORDER_PARTIALLY_INVOICED", "ORDER_INVOICED", "ORDER_DELIVERED", "ORDER_RETURNED")


@dataclass(frozen=True, kw_only=True)
class _Operation:
    """What there is to say of one route, beside what its view says itself."""

    request: type[WireSchema]
    answer: type[WireSchema]
    answered: str
    """When the answer is 200."""
    problems: Mapping[int, tuple[str, ...]]
    """The error codes by status, beside those of every route."""
    parameters: tuple[str, ...] = ()
    """Names among the document's parameters."""
    or_array: bool = False
    """Whether request and answer may be arrays of theirs."""
    needs_body: bool = True


_ORDER_PROBLEMS: Mapping[int, tuple[str, ...]] = {400: ("ORDER_MISMATCH",), 404: ("ORDER_NOT_FOUND",)}
_OPERATIONS: Mapping[Callable[..., Any], _Operation] = {  # the experimental routes have none
    simulate: _Operation(
        request=SimulationRequestSchema,
        answer=SimulationAnswerSchema,
        answered="Understood, also if no line is available.",
        problems={},
        parameters=("sc",),
    ),
    place: _Operation(
        request=OrderPlacementSchema,
        answer=PlacedOrderSchema,
        answered="All orders are placed, now or by an earlier call: an array for an array, an object for an object.",
        problems={400: (InvalidRequest.code,), 409: ("FMT009", "ORDERS_OFF", *_REFUSED)},
        or_array=True,
    ),
    authorize: _Operation(
        request=OrderReferenceSchema,
        answer=OrderReceiptSchema,
        answered="Authorized, now or by an earlier call.",
        problems={**_ORDER_PROBLEMS, 409: ("ORDER_CANCELED", FulfillmentRefused.code)},
        parameters=("orderId",),
        needs_body=False,
    ),
    cancel: _Operation(
        request=OrderReferenceSchema,
        answer=OrderReceiptSchema,
        answered="Canceled. With an empty body, or {} where so configured: under evaluation, or refused.",
        problems={**_ORDER_PROBLEMS, 409: _INVOICED},
        parameters=("orderId",),
        needs_body=False,
    ),
}
_SECURITY: Mapping[str, Json] = {
    "token": {"type": "apiKey", "in": "query", "name": "token", "description": "Registered with the endpoint."},
    "appToken": {"type": "apiKey", "in": "header", "name": "X-VTEX-API-AppToken"},
    "authorization": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": 'VTEX key="…" token="…"',
    },
}
_TEXT: Json = {"type": "string"}
_PARAMETERS: Mapping[str, Json] = {
    "orderId": {"in": "path", "schema": _TEXT, "description": "The shop's id of the order, or the marketplace's."},
    "sc": {"in": "query", "schema": _TEXT, "description": "Sales channel, for a body that names none."},
    "x-vtex-operation-id": {"in": "header", "schema": _TEXT, "description": "Repeated in the shop's log."},
}
_HEADERS: Mapping[str, Json] = {
    "x-vtex-error-code": {"schema": _TEXT, "description": "The error's code."},
    "x-vtex-error-message": {"schema": _TEXT, "description": "The error's message, percent-encoded and cut."},
    "Retry-After": {"schema": {"type": "integer"}, "description": "In seconds."},
}


def make_document(settings: Settings, *, base_url: str, marketplace: str | None = None) -> Json:
    """Return the document, the same for the same settings; it holds no token.

    Args:
        base_url: where the shop can be reached.
        marketplace: whose endpoint is the server; None for all of them.

    Raises:
        ConfigurationError: apispec is not installed, or no such marketplace is configured.
    """
    try:
        from apispec import APISpec
        from apispec.ext.marshmallow import MarshmallowPlugin
    except ImportError:
        remedy = "pip install 'flask-vtex-seller[openapi]'"
        raise ConfigurationError(f"the OpenAPI document needs apispec: {remedy}") from None
    described: dict[str, str] = {}

    def name(schema: Any) -> str:
        kind = schema if isinstance(schema, type) else type(schema)
        described.setdefault(found := kind.__name__.removesuffix("Schema"), getdoc(kind) or "")
        return found

    spec = APISpec(
        title="External seller",
        version=version("flask-vtex-seller"),
        openapi_version="3.1.0",
        plugins=[MarshmallowPlugin(schema_name_resolver=name)],
        servers=_servers(settings, base_url, marketplace),
        security=[{scheme: []} for scheme in _SECURITY],
    )
    _add_components(spec.components)
    chosen = [found for name, found in settings.marketplaces.items() if marketplace in (None, name)]
    for path, view in ROUTES.items():
        if view in _OPERATIONS:
            operations = _operations(view, by_get=any(found.simulation_by_get for found in chosen))
            spec.path(re.sub("<.*?>", "{orderId}", path), operations=operations)
    return _tidy(spec.to_dict(), described, settings.max_items)


def _add_components(components: Any) -> None:
    for key, scheme in _SECURITY.items():
        components.security_scheme(key, scheme)
    for key, header in _HEADERS.items():
        components.header(key, header)
    for key, parameter in _PARAMETERS.items():
        components.parameter(key, parameter["in"], {"name": key, **parameter})


def _servers(settings: Settings, base_url: str, marketplace: str | None) -> list[Json]:
    known = settings.marketplaces
    if not known:
        raise ConfigurationError("no marketplace is configured: set VTEX_SELLER_MARKETPLACES")
    if marketplace is not None and marketplace not in known:
        raise ConfigurationError(f"no marketplace {marketplace!r} is configured; these are: {', '.join(known)}")
    endpoint = f"{base_url.rstrip('/')}{settings.url_prefix}"
    names = known if marketplace is None else [marketplace]
    return [{"url": f"{endpoint}/{name}", "description": f"Fulfillment endpoint of {name}"} for name in names]


def _operations(view: Callable[..., Any], *, by_get: bool) -> Json:
    post = _operation(view)
    return {"post": post, "get": _by_get(post)} if view is simulate and by_get else {"post": post}


def _operation(view: Callable[..., Any]) -> Json:
    operation = _OPERATIONS[view]
    summary, _, description = (getdoc(view) or "").partition(": ")
    responses: Json = {"200": {"description": operation.answered, "content": _content(operation.answer, operation)}}
    for status in sorted({*_ALWAYS, *operation.problems}):
        codes = (*_ALWAYS.get(status, ()), *operation.problems.get(status, ()))
        responses[str(status)] = _problem(status, codes)
    return {
        "operationId": view.__name__,
        "summary": summary,
        "description": f"{description[:1].upper()}{description[1:]}",
        "parameters": [*operation.parameters, "x-vtex-operation-id"],
        "requestBody": {"required": operation.needs_body, "content": _content(operation.request, operation)},
        "responses": responses,
    }


def _by_get(post: Json) -> Json:
    """Return the operation with its body in the query."""
    cart = {"in": "query", "name": "purchaseContext", "required": True, "content": post["requestBody"]["content"]}
    rest = {key: value for key, value in post.items() if key != "requestBody"}
    return {**rest, "operationId": f"{post['operationId']}_by_get", "parameters": [cart, *post["parameters"]]}


def _content(schema: type[WireSchema], operation: _Operation) -> Json:
    one: Any = schema
    if operation.or_array:
        one = {"anyOf": [{"type": "array", "items": schema, "minItems": 1, "maxItems": MAX_ORDERS}, schema]}
    return {"application/json": {"schema": one}}


def _problem(status: int, codes: tuple[str, ...]) -> Json:
    words = getdoc(_ERRORS[status]) if status in _ERRORS else "The shop could not process the call."
    meaning, *_ = (words or "").splitlines() or [""]
    headers = [name for name in _HEADERS if name != "Retry-After" or status in _REPEATED]
    return {
        "description": f"{meaning} Codes: {', '.join(codes)}.",
        "headers": {name: name for name in headers},
        "content": {"application/json": {"schema": ProblemSchema}},
    }


def _tidy(document: Json, described: Mapping[str, str], max_items: int) -> Json:
    """Return the document in the order that people expect; marketplaces send null or nothing alike: no word of it."""
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        # marshmallow 3 shuffles fields
        schema["properties"] = {
            key: {word: value for word, value in known.items() if (word, value) != ("default", None)}
            for key, known in sorted(schema["properties"].items())
        }
        schema["description"] = described[name]
    for kind in (SimulationRequestSchema, OrderPlacementSchema):
        schemas[kind.__name__.removesuffix("Schema")]["properties"]["items"]["maxItems"] = max_items
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    return {key: document[key] for key in ("openapi", "info", "servers", "security", "paths", "components")}
