"""The statements about what a shop tells its marketplaces, judged by overhearing it (P51 to P66, P78).

What goes out is read here anew, from the request itself: the package's own table of operations judges nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
import requests
from flask import Flask

from ..catalog.notices import CHANGE, INVENTORY, PRICE, SUGGESTION, drafts
from ..catalog.suggesting import SuggestionHandler
from ..config import Marketplace
from ..conformance import Conversation, Result, Statement, Verdict
from ..conformance.conversation import NotApplicable
from ..conformance.ordering import Placed, authorize, place_one
from ..errors import VtexSellerError
from ..orders.invoice import Invoice, InvoiceItem, Tracking, TrackingStatus
from ..orders.order import Order
from ..outbox.limits import GateLedger
from ..outbox.message import Message, MessageState
from ..state import EXTENSION_KEY, State
from .clock import Latest
from .wire import Reply, Speech, overheard

_PATIENCE_SECONDS = 30.0
_SHOWN, _MESSAGES = 5, 20
_WITHOUT_BODY, _REDIRECTS = (204, 304), range(301, 309)


class NotSo(Exception):
    """The shop does not keep the statement; the message says what the protocol asks for."""


def _require(kept: object, says: str) -> None:
    if not kept:
        raise NotSo(says)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A call of the shop's, as it would have gone over the wire."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: Any

    @property
    def path(self) -> str:
        """Return the path, percent-encoded."""
        return urlsplit(self.url).path


@dataclass(slots=True, eq=False, repr=False)
class Outgoing:
    """What an application says to one of its marketplaces.

    Args:
        talk: the marketplace's own talk with the shop, for the orders that it is about.
    """

    app: Flask
    marketplace: Marketplace
    talk: Conversation
    spoken: list[Spoken] = field(default_factory=list)
    status: Callable[[Spoken], int] = lambda _: 200
    """What a call is answered."""

    @property
    def state(self) -> State:
        """Return what the extension knows of the application."""
        state: State = self.app.extensions[EXTENSION_KEY]
        return state

    @property
    def skus(self) -> list[str]:
        """Return the SKUs that the shop is known to sell."""
        return [sku.id for sku in self.talk.case.skus]

    def under(self, base: str, sku_id: str) -> str:
        """Return the path of a call about a SKU: seller and SKU, each encoded for itself."""
        return f"{base}/{quote(self.marketplace.seller_id, safe='')}/{quote(sku_id, safe='')}"

    @contextmanager
    def overhearing(self) -> Iterator[None]:
        """Let no call leave this process, and note those to the marketplace."""
        with overheard(self._listen):
            yield

    def _listen(self, speech: Speech, request: requests.PreparedRequest) -> Reply:
        said = orjson.loads(request.body) if request.body else None
        spoken = Spoken(method=request.method or "", url=request.url or "", headers=request.headers, body=said)
        if speech.marketplace.name != self.marketplace.name:
            return Reply()
        self.spoken.append(spoken)
        status, elsewhere = self.status(spoken), {"Location": "https://elsewhere.example/"}
        receipt = {"date": datetime.now(UTC).isoformat(), "orderId": "", "receipt": None}
        body = b"" if status in _WITHOUT_BODY else orjson.dumps(receipt)
        return Reply(status=status, body=body, headers=elsewhere if status in _REDIRECTS else {})

    def notify(self, kind: str, *sku_ids: str) -> None:
        """Say that SKUs changed, and deliver it."""
        self.state.drain.append(drafts(kind, [self.marketplace.name], sku_ids))
        self.deliver()

    def deliver(self) -> None:
        """Deliver what waits; what the marketplace was like in another check does not count."""
        drain = self.state.drain
        with drain.engine.begin() as connection:
            GateLedger(connection, drain.gates).forget(self.marketplace.name)
        suggestions = drain.handlers[SUGGESTION]
        if isinstance(suggestions, SuggestionHandler):
            suggestions.spacing.forget()
        replace(drain, rng=Latest()).run(seconds=_PATIENCE_SECONDS)

    def said(self, method: str, path: str) -> list[Spoken]:
        """Return the calls to a path."""
        return [call for call in self.spoken if (call.method, call.path) == (method, path)]

    def messages(self, sku_id: str) -> list[Message]:
        """Return what was written about a SKU, the newest first."""
        with self.app.app_context():
            return self.state.outbox.page(
                state=None, marketplace=self.marketplace.name, lane=f"sku:{sku_id}", limit=_MESSAGES
            )

    def say(self, placed: Placed, verb: Callable[[Order], None]) -> None:
        """Say something about an order in the shop's transaction, and deliver it."""
        with self.app.app_context():
            (order,) = self.state.ledger.find(placed.order_id, self.marketplace.name)
            try:
                verb(order)
            except (VtexSellerError, ValueError) as refused:  # the shop may have said it by itself
                raise NotApplicable(f"the order's state does not allow it: {refused}") from None
            self.state.db.session.commit()
        self.deliver()

    def paid_order(self) -> Placed:
        """Have an order placed and authorized.

        Raises:
            NotApplicable: the shop does not take it.
        """
        if self.marketplace.route_family != "oms":
            raise NotApplicable("the marketplace is set up for the other documented family of calls about orders")
        placed = place_one(self.talk)
        if authorize(self.talk, placed).status != 200:
            raise NotApplicable("the shop does not authorize an order: see P37")
        return placed


def _changes(out: Outgoing, sku_id: str) -> str:
    _require_told(out, "catalog")
    family = "sku-binding" if out.marketplace.catalog_route == "sku-binding" else "catalog_system"
    return out.under(f"/api/{family}/pvt/skuseller/changenotification", sku_id)


def _require_told(out: Outgoing, what: str) -> None:
    if not getattr(out.marketplace, what):
        raise NotApplicable(f"the marketplace is set up not to be told about {what}")


def change_notification(out: Outgoing) -> None:
    """P51."""
    sku_id = out.skus[0]
    out.notify(CHANGE, sku_id)
    path = _changes(out, sku_id)
    found = out.said("POST", path)
    _require(found, f"a change of {sku_id} is told with a POST to {path}")
    headers = {name.lower(): value for name, value in found[0].headers.items()}
    keys = (headers.get("x-vtex-api-appkey"), headers.get("x-vtex-api-apptoken"))
    right = keys == (out.marketplace.app_key, out.marketplace.app_token.reveal())
    _require(right, "a call to the marketplace carries its application key and its application token")


def suggested_once(out: Outgoing) -> None:
    """P52."""
    suggested = _suggestions(out, out.skus[0])
    _require(len(suggested) == 1, f"an unknown SKU (404) is suggested once, not {len(suggested)} times")
    for status in (200, 202, 204, 401, 403, 429, 500, 503):
        sku_id = f"conformance-{status}"
        _suggestions(out, sku_id, status)
        # The shop does not know this SKU, so a suggestion would be written and not leave.
        written = [message for message in out.messages(sku_id) if message.operation == SUGGESTION]
        _require(not written, f"a change that is answered {status} suggests nothing")


def _suggestions(out: Outgoing, sku_id: str, status: int = 404) -> list[Spoken]:
    """Tell of a changed SKU, which is answered with `status`; return what is suggested then."""
    if status == 404 and out.state.hooks.sku_loader.find() is None:
        raise NotApplicable("the shop has no sku_loader: it suggests nothing")
    known = _changes(out, sku_id)
    out.status = lambda call: status if call.path == known else 200
    out.notify(CHANGE, sku_id)
    return [
        call for call in out.spoken if call.method == "PUT" and call.path.endswith(out.under("/suggestions", sku_id))
    ]


def suggestion_address(out: Outgoing) -> None:
    """P53."""
    _require_told(out, "catalog")
    if urlsplit(out.marketplace.suggestions_url).netloc != "api.vtex.com":
        raise NotApplicable("the marketplace is configured with a suggestions host of its own")
    sku_id = out.skus[0]
    url = f"https://api.vtex.com/{out.marketplace.account}{out.under('/suggestions', sku_id)}"
    _require([call.url for call in _suggested(out, sku_id)] == [url], f"a suggestion is a PUT to {url}")


def _suggested(out: Outgoing, sku_id: str) -> list[Spoken]:
    """As `_suggestions`, of a SKU whose suggestion leaves.

    Raises:
        NotApplicable: none leaves.
    """
    found = _suggestions(out, sku_id)
    if not found:
        raise NotApplicable(f"no suggestion of {sku_id} leaves: see P55")
    return found


def suggestion_codes(out: Outgoing) -> None:
    """P54."""
    for sku_id in out.skus:
        body = _suggested(out, sku_id)[0].body
        eans, reference = body.get("EAN"), body.get("RefId")
        _require(eans is None or isinstance(eans, list), f"the EANs of {sku_id} leave as a list")
        _require(eans or reference, f"{sku_id} is suggested with an EAN or a RefId")


def suggestion_contents(out: Outgoing) -> None:
    """P55."""
    for sku_id in out.skus:
        found = _suggestions(out, sku_id)
        _require(found, f"{sku_id} cannot be suggested: {_reason(out, sku_id)}")
        body = found[0].body
        texts = [name for name in ("ProductName", "SkuName", "BrandName", "CategoryFullPath") if not body.get(name)]
        _require(not texts, f"the suggestion of {sku_id} lacks {', '.join(texts)}")
        _require(len(body["ProductName"]) <= 150, f"the name of {sku_id} has more than 150 characters")
        sizes = [name for name in ("Height", "Width", "Length", "Weight") if not body.get(name, 0) > 0]
        _require(not sizes, f"the suggestion of {sku_id} has nothing above 0 in {', '.join(sizes)}")
        images = [str(image.get("imageUrl")) for image in body.get("Images") or ()]
        secure = images and all(image.startswith("https://") for image in images)
        _require(secure, f"{sku_id} is suggested with images, all of them at https addresses")


def _reason(out: Outgoing, sku_id: str) -> str:
    dead = [message for message in out.messages(sku_id) if message.state is MessageState.DEAD]
    return dead[0].last_reason or "" if dead else "nothing says why"


def price_and_stock_notices(out: Outgoing) -> None:
    """P59."""
    sku_id = out.skus[0]
    out.status = lambda _: 202
    for kind, name in {PRICE: "price", INVENTORY: "inventory"}.items():
        _require_told(out, name)
        out.notify(kind, sku_id)
        out.deliver()
        seller = quote(out.marketplace.seller_id, safe="")
        path = f"{out.marketplace.notificator_prefix}/{seller}/changenotification/{quote(sku_id, safe='')}/{name}"
        found = out.said("POST", path)
        _require(len(found) == 1, f"a changed {name} is one POST to {path}, not {len(found)}; 202 is a success")


def merged_notices(out: Outgoing) -> None:
    """P60."""
    sku_id = out.skus[0]
    out.state.drain.append(drafts(CHANGE, [out.marketplace.name], [sku_id] * 4))
    out.notify(CHANGE, sku_id)
    found = out.said("POST", _changes(out, sku_id))
    _require(len(found) == 1, f"five changes of one SKU that wait are one call, not {len(found)}")


def invoice_address(out: Outgoing) -> None:
    """P61."""
    placed = out.paid_order()
    _send_invoice(out, placed)
    path = f"{_order(placed)}/invoice"
    found = [call.path for call in out.spoken if call.path.endswith("/invoice")]
    _require(found == [path], f"an invoice is a POST to {path}, with the marketplace's id of the order")


def _order(placed: Placed) -> str:
    return f"/api/oms/pvt/orders/{quote(placed.marketplace_order_id, safe='')}"


def _send_invoice(out: Outgoing, placed: Placed) -> list[Spoken]:
    (line,) = placed.body["items"]
    item = InvoiceItem(sku_id=line["id"], quantity=line["quantity"], price=line["price"])
    value, now = placed.body["marketplacePaymentValue"], datetime.now(UTC)
    invoice = Invoice(number="1", value=value, items=(item,), issued_at=now)
    out.say(placed, lambda order: out.state.outbound.send_invoice(order, invoice, refuses_cancellation=False))
    return [call for call in out.spoken if call.path.endswith("/invoice")]


def invoice_contents(out: Outgoing) -> None:
    """P62."""
    placed = out.paid_order()
    found = _send_invoice(out, placed)
    _require(found, "an invoice leaves as soon as the shop has committed it")
    body, value = found[0].body, placed.body["marketplacePaymentValue"]
    _require(body.get("type") == "Output", "a sale's invoice has the `type` `Output`")
    _require(body.get("invoiceValue") == value, f"`invoiceValue` is cents, delivery included: {value}")
    lines = [(item.get("id"), item.get("price"), item.get("quantity")) for item in body.get("items") or ()]
    expected = [(line["id"], line["price"], line["quantity"]) for line in placed.body["items"]]
    _require(lines == expected, "an invoice has one line for each SKU, with its price in cents and its quantity")


def tracking(out: Outgoing) -> None:
    """P65."""
    placed = out.paid_order()
    _send_invoice(out, placed)
    parcel = Tracking(courier="Conformance", tracking_number="C1", dispatched_at=datetime.now(UTC))
    out.say(placed, lambda order: out.state.outbound.send_tracking(order, "1", parcel))
    path = f"{_order(placed)}/invoice/1"
    found = out.said("PATCH", path)
    _require(len(found) == 1, f"tracking is one PATCH to {path}, not {len(found)}")
    names = {"courier", "trackingNumber", "trackingUrl", "dispatchedDate"}
    _require(names <= found[0].body.keys(), f"tracking has {', '.join(sorted(names))}")
    invoices = [call for call in out.spoken if call.path.endswith("/invoice")]
    _require(len(invoices) == 1, "tracking sends no second invoice")


def delivery(out: Outgoing) -> None:
    """P66."""
    placed = out.paid_order()
    _send_invoice(out, placed)
    parcel = Tracking(courier="Conformance", tracking_number="C1", dispatched_at=datetime.now(UTC))
    out.say(placed, lambda order: out.state.outbound.send_tracking(order, "1", parcel))
    arrived = TrackingStatus(is_delivered=True, delivered_at=datetime.now(UTC))
    out.say(placed, lambda order: out.state.outbound.update_tracking_status(order, "1", arrived))
    path = f"{_order(placed)}/invoice/1/tracking"
    found = out.said("PUT", path)
    _require(len(found) == 1, f"a delivery is one PUT to {path}, not {len(found)}")
    told = found[0].body.get("isDelivered") is True and isinstance(found[0].body.get("events"), list)
    _require(told, "a delivery has `isDelivered` true, and `events`, a list")


def redirect(out: Outgoing) -> None:
    """P78."""
    sku_id = out.skus[0]
    told = _changes(out, sku_id)
    out.status = lambda call: 307 if call.path == told else 200
    out.notify(CHANGE, sku_id)
    strange = [call.url for call in out.spoken if "elsewhere" in call.url]
    _require(not strange, "a redirect is not followed: the keys are for the marketplace only")


OUTGOING: Mapping[str, Callable[[Outgoing], None]] = {
    "P51": change_notification,
    "P52": suggested_once,
    "P53": suggestion_address,
    "P54": suggestion_codes,
    "P55": suggestion_contents,
    "P59": price_and_stock_notices,
    "P60": merged_notices,
    "P61": invoice_address,
    "P62": invoice_contents,
    "P65": tracking,
    "P66": delivery,
    "P78": redirect,
}
"""By the statement's name."""


def judge_outgoing(statement: Statement, out: Outgoing) -> Result:
    """Judge what the shop says by one statement."""
    try:
        OUTGOING[statement.name](out)
    except NotApplicable as reason:
        return Result(statement=statement, verdict=Verdict.NOT_APPLICABLE, says=str(reason))
    except NotSo as failure:
        heard = "\n".join(f"{call.method} {call.url}\n{_shown(call.body)}" for call in out.spoken[-_SHOWN:])
        return Result(statement=statement, verdict=Verdict.FAILED, says=str(failure), sent=heard or "(nothing)")
    return Result(statement=statement, verdict=Verdict.OK)


def _shown(body: Any) -> str:
    return "" if body is None else f"{orjson.dumps(body).decode()[:2_000]}\n"
