"""The calls a seller may make, and what all of them have in common.

*Source:* catalog-skuseller, notificator, suggestions, orders and external-seller-marketplace OpenAPI files; SKU
Bindings API; Delivery Promise Notification API.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from .findings import Findings, shown

_OMS = "/api/oms/pvt/orders/{order_id}"
_PROTOCOL = "/pvt/orders/{order_id}"
_SUGGESTION = "/suggestions/{seller_id}/{sku_id}"
_NOTIFICATOR = "/api/notificator/{seller_id}/changenotification/{sku_id}"
_CHANGE = "/pvt/skuseller/changenotification/{seller_id}/{sku_id}"
_AGREEMENT = "/orders/{order_id}/changes/{change_id}/send-agreement"
_PROMISES = "/api/delivery-promises/external-sellers/{seller_id}/products"

UNKNOWN = "unknown"
RETURN_INVOICE = "return_invoice"
#: A path segment as it may stand in a request line. *Source:* RFC 3986, section 3.3.
_SEGMENT = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One call a seller may make.

    Attributes:
        statement: of the conformance checklist; named when the call as such is not as it should be.
        has_body: whether JSON comes along; else the body must be empty.
        body_type: a JSON object or an array.
        query: the name of the query parameter that must name the marketplace's account.
        protocol: the verbs of the external seller protocol, whose bodies are a little laxer.
    """

    operation: str
    method: str
    template: str
    statement: str
    has_body: bool = True
    body_type: type = dict
    query: str | None = None
    protocol: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a call is refused."""

    status: int
    code: str | int
    message: str


class Verdict(Findings):
    """The problems of one call, and the first that makes the marketplace refuse it.

    Attributes:
        code: the error code of a refusal that names none.
    """

    def __init__(self) -> None:
        super().__init__()
        self.refusal: Refusal | None = None
        self.code: str | int = "InvalidRequest"

    def add(self, statement: str, path: str, what: str) -> None:
        """Note a problem that makes the marketplace refuse the call."""
        self.refuse(statement, path, what)

    def note(self, statement: str, path: str, what: str) -> None:
        """Note a problem the marketplace does not stumble over."""
        super().add(statement, path, what)

    def refuse(self, statement: str, path: str, what: str, *, status: int = 400, code: str | int | None = None) -> None:
        """Note a problem that makes the marketplace refuse the call with this status and error code."""
        self.note(statement, path, what)
        if self.refusal is None:
            self.refusal = Refusal(status=status, code=self.code if code is None else code, message=f"{path}: {what}")


def _order_routes() -> Iterable[Route]:
    """Both families of calls about orders lead to the same resources; only the verbs differ."""
    verbs = (
        ("invoice", "POST", "/invoice", "P61"),
        ("tracking", "PATCH", "/invoice/{number}", "P65"),
        ("tracking_status", "PUT", "/invoice/{number}/tracking", "P66"),
        ("cancel_order", "POST", "/cancel", "P69"),
    )
    for operation, method, path, statement in verbs:
        yield Route(operation=operation, method=method, template=_OMS + path, statement=statement)
    for base in (_OMS, _PROTOCOL):
        for operation, _, path, statement in verbs:
            yield Route(operation=operation, method="POST", template=base + path, statement=statement, protocol=True)


def _agreement_routes() -> Iterable[Route]:
    """The connector guide and the protocol's file have the same call below different addresses."""
    for base, query in (("/api/order-system", None), ("/pvt", "accountName"), ("/api/oms/pvt", "accountName")):
        yield Route(
            operation="agreement",
            method="POST",
            template=base + _AGREEMENT,
            statement="P82",
            query=query,
            protocol=query is not None,
        )


ROUTES = (
    *(
        Route(operation="change_notification", method="POST", template=base + _CHANGE, statement="P51", has_body=False)
        for base in ("/api/catalog_system", "/api/sku-binding")
    ),
    Route(operation="suggestion", method="PUT", template=_SUGGESTION, statement="P53"),
    Route(operation="suggestion_status", method="GET", template=_SUGGESTION, statement="P58", has_body=False),
    Route(
        operation="price_notification", method="POST", template=f"{_NOTIFICATOR}/price", statement="P59", has_body=False
    ),
    Route(
        operation="inventory_notification",
        method="POST",
        template=f"{_NOTIFICATOR}/inventory",
        statement="P59",
        has_body=False,
    ),
    Route(operation="delivery_promises", method="PUT", template=_PROMISES, statement="§10", body_type=list, query="an"),
    *_order_routes(),
    *_agreement_routes(),
)
#: The names a record may carry; `unknown` is a call that leads nowhere.
OPERATIONS = tuple(dict.fromkeys([*(route.operation for route in ROUTES), RETURN_INVOICE]))
_STRAY = (
    ("/api/catalog_system", "P51"),
    ("/api/sku-binding", "P51"),
    ("/suggestions", "P53"),
    ("/api/notificator", "P59"),
    ("/api/order-system", "P82"),
    ("/api/delivery-promises", "§10"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Where a request line leads.

    Attributes:
        route: None when it leads nowhere.
        statement: of the conformance checklist; named when the call as such is not as it should be.
        ids: what the braces of the template stand for, decoded.
        allowed: the methods of the address, when only the method is wrong.
        well_spelt: whether every segment is percent-encoded UTF-8.
    """

    route: Route | None
    statement: str
    ids: Mapping[str, str] = field(default_factory=dict)
    allowed: tuple[str, ...] = ()
    well_spelt: bool = True


def find_route(method: str, raw_path: str) -> Match:
    """Return where a request line leads; the path is the one of the wire, not decoded."""
    segments = raw_path.split("/")
    fitting = [(route, ids) for route in ROUTES if (ids := _fit(route.template.split("/"), segments)) is not None]
    for route, ids in fitting:
        if route.method == method:
            return Match(route=route, statement=route.statement, ids=ids, well_spelt=_is_well_spelt(raw_path))
    meant = fitting[0][0].statement if fitting else _meant(raw_path)
    return Match(route=None, statement=meant, allowed=tuple(dict.fromkeys(route.method for route, _ in fitting)))


def check_known_keys(verdict: Verdict, statement: str, body: Mapping[str, Any], known: Iterable[str]) -> None:
    """Note the fields the contract does not name; they are no reason to refuse."""
    for name in sorted(set(body) - set(known)):
        verdict.note(statement, shown(name), "is no field of the contract")


def _meant(raw_path: str) -> str:
    """Return the statement a call that leads nowhere most likely meant to follow."""
    return next((statement for prefix, statement in _STRAY if raw_path.startswith(prefix)), "P61")


def _fit(template: list[str], segments: list[str]) -> dict[str, str] | None:
    if len(template) != len(segments):
        return None
    ids: dict[str, str] = {}
    for wanted, segment in zip(template, segments, strict=True):
        if wanted.startswith("{") and segment:
            ids[wanted.strip("{}")] = unquote(segment, errors="replace")
        elif wanted != segment:
            return None
    return ids


def _is_well_spelt(raw_path: str) -> bool:
    try:
        unquote(raw_path, errors="strict")
    except UnicodeDecodeError:
        return False
    return all(_SEGMENT.fullmatch(segment) for segment in raw_path.split("/"))
