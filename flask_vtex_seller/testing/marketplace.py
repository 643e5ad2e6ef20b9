"""The marketplaces of a shop's tests: they note what the shop says, answer it, and call the shop."""

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
import requests
from flask import Flask
from werkzeug.test import TestResponse

from ..config import Marketplace
from ..marketplace.operations import OPERATIONS
from ..state import EXTENSION_KEY, State
from .bodies import cart_body, order_body
from .wire import Reply, Speech, Trouble

_ACCEPTED = {
    "change_notification": 204,
    "presence": 204,
    "price_notification": 202,
    "inventory_notification": 202,
    "delivery_promises": 202,
}
"""What marketplaces answer instead of 200."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of the shop's to a marketplace, an attempt each."""

    marketplace: str
    """By its configured name."""
    operation: str
    """By its name in `marketplace.operations`."""
    method: str
    path: str
    """Percent-encoded, as it went out, with its query if there is one."""
    arguments: Mapping[str, str]
    """What it is about: `sku_id`, `marketplace_order_id`, `invoice_number`."""
    body: Any | None
    """As JSON; None if there was none."""
    status: int | None
    """What was answered; None if there was no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """Which calls are meant."""

    operation: str
    marketplace: str | None
    arguments: Mapping[str, str]

    def __post_init__(self) -> None:
        if self.operation not in OPERATIONS:
            raise ValueError(f"there is no operation {self.operation!r}; known: {', '.join(OPERATIONS)}")

    def holds(self, operation: str, marketplace: str, arguments: Mapping[str, str]) -> bool:
        return (
            operation == self.operation
            and self.marketplace in (None, marketplace)
            and self.arguments.items() <= arguments.items()
        )


@dataclass(slots=True)
class _Plan:
    """What the next calls of a kind are answered."""

    kind: _Kind
    reply: Reply
    times: int | None


class VtexMarketplace:
    """Every marketplace of the application under test.

    Args:
        find_app: returns the application; asked once, when it is first needed.
    """

    def __init__(self, find_app: Callable[[], Flask]) -> None:
        self.calls: list[Call] = []
        """What the shop said, the oldest first."""
        self._find_app = find_app
        self._app: Flask | None = None
        self._plans: list[_Plan] = []
        self._shop_ids: dict[tuple[str, str], str] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    # which shop

    def use(self, app: Flask) -> None:
        """Test this application, for tests that build their own."""
        self._app = app

    @property
    def app(self) -> Flask:
        """The application under test."""
        if self._app is None:
            self._app = self._find_app()
        return self._app

    @property
    def state(self) -> State:
        """What the extension knows of the application.

        Raises:
            RuntimeError: the application has no `VtexSeller`.
        """
        state = self.app.extensions.get(EXTENSION_KEY)
        if not isinstance(state, State):
            raise RuntimeError("the application under test has no VtexSeller: call seller.init_app(app)")
        return state

    # what the shop says

    def calls_to(self, operation: str, *, marketplace: str | None = None, **arguments: str) -> list[Call]:
        """Return the calls of one kind, the oldest first.

        Args:
            arguments: what the call is about, such as `sku_id="apple"`.

        Raises:
            ValueError: there is no such operation.
        """
        kind = _Kind(operation=operation, marketplace=marketplace, arguments=arguments)
        return [call for call in self.calls if kind.holds(call.operation, call.marketplace, call.arguments)]

    def fail_next(
        self,
        operation: str,
        *,
        status: int = 503,
        trouble: Trouble | None = None,
        times: int | None = 1,
        retry_after: int | None = None,
        body: str = "",
        marketplace: str | None = None,
        **arguments: str,
    ) -> None:
        """Answer the next calls of one kind otherwise; plans for one kind come true in the order they were made.

        Args:
            status: such as 429, 503, 404 (a SKU is unknown) or 304 (it exists).
            trouble: instead of an answer; the marketplace may have understood the call all the same.
            times: how often; None for ever.
            retry_after: seconds, as the header of that name.
            marketplace: only calls to this one.
            arguments: only calls about this, such as `sku_id="apple"`.

        Raises:
            ValueError: there is no such operation.
        """
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        reply = Reply(status=status, body=body.encode(), headers=headers, trouble=trouble)
        kind = _Kind(operation=operation, marketplace=marketplace, arguments=arguments)
        with self._lock:
            self._plans.append(_Plan(kind, reply, times))

    def hear(self, speech: Speech, request: requests.PreparedRequest) -> Reply:
        """Note one call and answer it."""
        url, body = urlsplit(request.url or ""), request.body or b""
        with self._lock:
            reply = self._plan(speech) or _acceptance(speech)
            call = Call(
                marketplace=speech.marketplace.name,
                operation=speech.operation.name,
                method=request.method or "",
                path=f"{url.path}?{url.query}" if url.query else url.path,
                arguments=speech.arguments,
                body=orjson.loads(body) if body else None,
                status=None if reply.trouble else reply.status,
            )
            self.calls.append(call)
        return reply

    def _plan(self, speech: Speech) -> Reply | None:
        said = speech.operation.name, speech.marketplace.name, speech.arguments
        plan = next((plan for plan in self._plans if plan.times != 0 and plan.kind.holds(*said)), None)
        if plan is None:
            return None
        plan.times = None if plan.times is None else plan.times - 1
        return plan.reply

    # what the marketplaces ask of the shop

    def order(
        self,
        *lines: tuple[str, int, int],
        sla: str = "standard",
        freight: int = 0,
        marketplace: str | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        """Write an order of a made-up shopper, with an id of its own.

        Args:
            lines: SKU id, quantity, and the price of one unit in cents.
            sla: the delivery option that was chosen.
            freight: cents a line.
            changes: fields of the order that shall be otherwise, by their names in the protocol.
        """
        number, seller_id = 1_000_000_000_000 + next(self._numbers), self._marketplace(marketplace).seller_id
        return {**order_body(f"{number}-01", lines, seller_id=seller_id, sla=sla, freight=freight), **changes}

    def simulate(self, *lines: tuple[str, int], marketplace: str | None = None, **fields: Any) -> TestResponse:
        """Ask for the price, stock and delivery of a cart.

        Args:
            lines: SKU id and quantity.
            fields: of the request, such as `postalCode="01310-100", country="BRA"`.
        """
        found = self._marketplace(marketplace)
        body = {**cart_body(lines, seller_id=found.seller_id), **fields}
        return self.call("/pvt/orderForms/simulation", body, marketplace=found.name)

    def place(self, order: Mapping[str, Any], *, times: int = 1, marketplace: str | None = None) -> TestResponse:
        """Place an order, `times` over as after lost answers; return the last answer."""
        name = self._marketplace(marketplace).name
        response = self._repeat(times, "/pvt/orders", [order], name)
        if response.status_code == 200:
            self._shop_ids[name, order["marketplaceOrderId"]] = response.json[0]["orderId"]  # type: ignore[index]
        return response

    def authorize(
        self, order: Mapping[str, Any], *, times: int = 1, marketplace: str | None = None, **fields: Any
    ) -> TestResponse:
        """Say that a placed order is paid, `times` over; return the last answer.

        Raises:
            ValueError: the shop did not take this order.
        """
        return self._refer("fulfill", order, times, marketplace, fields)

    def cancel(
        self, order: Mapping[str, Any], *, times: int = 1, marketplace: str | None = None, **fields: Any
    ) -> TestResponse:
        """Ask for the cancellation of a placed order, `times` over; return the last answer.

        Args:
            fields: of the request, such as `reason="changed my mind"` or `cancellationRequestId="1"`.

        Raises:
            ValueError: the shop did not take this order.
        """
        return self._refer("cancel", order, times, marketplace, fields)

    def call(self, path: str, body: Any, *, marketplace: str | None = None) -> TestResponse:
        """Call `path` below the fulfillment endpoint, with its token."""
        found, app = self._marketplace(marketplace), self.app
        if not found.inbound_tokens:
            raise RuntimeError(f"{found.name} has no inbound_tokens: the shop refuses every call of it")
        with app.test_client(use_cookies=False) as client:
            return client.post(
                f"{self.state.settings.url_prefix}/{found.name}{path}",
                json=body,
                query_string={"token": found.inbound_tokens[0].reveal()},
                base_url=f"https://{app.config['SERVER_NAME'] or 'localhost'}",
                environ_overrides={"REMOTE_ADDR": found.some_address},
            )

    def _refer(
        self, verb: str, order: Mapping[str, Any], times: int, marketplace: str | None, fields: Mapping[str, Any]
    ) -> TestResponse:
        name, order_id = self._marketplace(marketplace).name, order["marketplaceOrderId"]
        if (name, order_id) not in self._shop_ids:
            raise ValueError(f"the shop did not take order {order_id}: place it first")
        body = {"marketplaceOrderId": order_id, "marketplaceOrderGroup": order_id.partition("-")[0], **fields}
        return self._repeat(times, f"/pvt/orders/{quote(self._shop_ids[name, order_id], safe='')}/{verb}", body, name)

    def _repeat(self, times: int, path: str, body: Any, marketplace: str) -> TestResponse:
        if times < 1:
            raise ValueError("times is at least 1")
        return [self.call(path, body, marketplace=marketplace) for _ in range(times)][-1]

    def _marketplace(self, name: str | None) -> Marketplace:
        marketplaces = self.state.settings.marketplaces
        if name is None and len(marketplaces) == 1:
            return next(iter(marketplaces.values()))
        if name is None or name not in marketplaces:
            raise ValueError(f"which marketplace? The shop is configured for: {', '.join(marketplaces) or 'none'}")
        return marketplaces[name]


def _acceptance(speech: Speech) -> Reply:
    name, order_id = speech.operation.name, speech.arguments.get("marketplace_order_id")
    if order_id is None:
        return Reply(status=_ACCEPTED.get(name, 200))
    receipt = {"date": datetime.now(UTC).isoformat(), "orderId": order_id, "receipt": f"receipt of {name}"}
    return Reply(body=orjson.dumps(receipt), headers={"Content-Type": "application/json"})
