"""The marketplace's side of the protocol, played against a seller."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import quote

from . import checkout, outcomes
from .answer import Answer
from .calls import Call, Caller
from .endpoint import FulfillmentEndpoint
from .exchange import Exchange
from .exchange_log import ExchangeLog
from .inbox import Inbox
from .incoming import Credentials
from .order_book import CANCELED, OrderBook, SentOrder
from .order_rules import (
    OrderIds,
    check_authorization,
    check_cancellation,
    check_placement,
)
from .rules import check_same_prices, check_simulation

#: A slower answer makes a product unavailable. *Source:* external seller connector guide, "Fulfillment simulation".
SIMULATION_TIMEOUT_SECONDS = 2.5
TIMEOUT_SECONDS = 30.0

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_ORDER_VERBS: Mapping[str, tuple[str, Callable[[Answer], str]]] = {
    "authorize": ("fulfill", outcomes.describe_authorization),
    "cancel": ("cancel", outcomes.describe_cancellation),
}


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Marketplace(Inbox):
    """A VTEX marketplace that sells what one external seller offers.

    Each operation makes one HTTP call, checks the answer against the protocol and returns the Exchange, which it also
    keeps. A seller that is down, slow or talks nonsense gives an Exchange with problems, never an exception. What the
    seller calls in turn, the Inbox answers. Safe to share between threads.

    Args:
        fulfillment_endpoint: what the seller would register at the marketplace, query string with the secret included.
        seller_id: the name under which the marketplace knows the seller; echoed in every answer.
        clock: aware UTC.
        timer: seconds on a clock that never goes back; measures how long a call takes.
        simulation_timeout_seconds: for the whole call.
        timeout_seconds: for the whole call of the operations about orders.
        app_key, app_token: what the seller has to send with its calls; without them any pair passes.
        auto_approve: put every suggested SKU on sale at once.
        services_endpoint: the `marketplaceServicesEndpoint` of the orders; one that leads nowhere by default.

    Raises:
        ValueError: the endpoint is not an address that can be called, or only one of key and token is given.
    """

    def __init__(
        self,
        fulfillment_endpoint: str,
        *,
        seller_id: str = "example-shop",
        account: str = "sandbox",
        sales_channel: str = "1",
        clock: Callable[[], datetime] = _utc_now,
        timer: Callable[[], float] = time.monotonic,
        simulation_timeout_seconds: float = SIMULATION_TIMEOUT_SECONDS,
        timeout_seconds: float = TIMEOUT_SECONDS,
        app_key: str | None = None,
        app_token: str | None = None,
        auto_approve: bool = False,
        services_endpoint: str | None = None,
    ) -> None:
        super().__init__(
            seller_id=seller_id,
            account=account,
            endpoint=FulfillmentEndpoint(fulfillment_endpoint),
            credentials=Credentials(app_key=app_key, app_token=app_token),
            orders=OrderBook(),
            log=ExchangeLog(),
            lock=threading.Lock(),
            clock=clock,
            timer=timer,
            auto_approve=auto_approve,
        )
        self._services_endpoint = services_endpoint or f"https://{account}.marketplace.invalid/api/oms?an={account}"
        self.sales_channel = sales_channel
        self._caller = Caller(self._endpoint, log=self._log, lock=self._lock, clock=clock, timer=timer)
        self._simulation_timeout = simulation_timeout_seconds
        self._timeout = timeout_seconds
        self._last_group = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Marketplace({self.endpoint!r}, seller_id={self.seller_id!r})"

    def close(self) -> None:
        """End what is under way and close the connections to the seller."""
        super().close()
        self._caller.close()

    @property
    def endpoint(self) -> str:
        """The fulfillment endpoint with its secrets masked."""
        return self._endpoint.shown()

    def exchanges(self) -> list[Exchange]:
        """Return the last calls in either direction, oldest first."""
        with self._lock:
            return self._log.all()

    def orders(self) -> list[SentOrder]:
        """Return the last orders, oldest first."""
        with self._lock:
            return self._orders.all()

    def index(self, sku_id: str, *, expect: str | int | None = None) -> Exchange:
        """Ask about one unit of a SKU as the indexer does after a change notification."""
        body = checkout.index_body(sku_id, seller_id=self.seller_id)
        return self._simulate("index", f"Index SKU {sku_id}", body, expect, None)

    def simulate(
        self,
        items: Iterable[tuple[str, int]],
        *,
        postal_code: str | None = None,
        country: str | None = None,
        geo_coordinates: Sequence[float] | None = None,
        loose: bool = False,
        same_prices_as: Exchange | None = None,
        expect: str | int | None = None,
    ) -> Exchange:
        """Ask for prices and stock and, with an address, for the ways to deliver.

        Args:
            items: SKU id and quantity of each line.
            country: ISO code of three letters; makes an address together with the postal code.
            geo_coordinates: longitude and latitude; an address of its own.
            loose: spell the lines as older callers do.
            same_prices_as: an earlier simulation of the same lines and address, in any order of lines, whose delivery
                prices must come back.
            expect: `unavailable` (no line may be for sale), `unreachable` (the address is not served), or the error
                code or HTTP status of the refusal that is due.
        """
        body = checkout.simulation_body(
            items,
            seller_id=self.seller_id,
            sales_channel=self.sales_channel,
            postal_code=postal_code,
            country=country,
            geo_coordinates=geo_coordinates,
            loose=loose,
        )
        place = postal_code or ("a point on the map" if geo_coordinates else "the shelf")
        count = len(body["items"])
        title = f"Simulate {count} {'line' if count == 1 else 'lines'} for {place}"
        return self._simulate("simulate", title, body, expect, same_prices_as)

    def place(
        self,
        simulation: Exchange,
        *,
        sla_id: str | None = None,
        quantities: Sequence[int] | None = None,
        customer: Mapping[str, Any] = _NOTHING,
        address: Mapping[str, Any] = _NOTHING,
        extra: Mapping[str, Any] = _NOTHING,
        marketplace_order_id: str | None = None,
        expect: str | int | None = None,
    ) -> Exchange:
        """Place the order that the checkout makes of a simulation with an address.

        Args:
            simulation: a correct answer; its prices and delivery options are used.
            sla_id: None takes the cheapest delivery option that all lines share.
            quantities: one per simulated line, to order something else than the seller promised.
            customer, address, extra: replace fields of `clientProfileData`, of the address, of the order.
            marketplace_order_id: that of an accepted order must be refused if the content differs; None makes one.
            expect: the error code, such as `FMT002`, or the HTTP status of the refusal that is due.

        Raises:
            NothingToOrder: the simulation leaves nothing to order; a ValueError.
        """
        if simulation.operation not in {"simulate", "index"} or simulation.problems or simulation.status != 200:
            raise checkout.NothingToOrder("an order needs a simulation that was answered without problems")
        order_id = marketplace_order_id or self._new_order_id()
        wishes = checkout.Wishes(sla_id=sla_id, quantities=quantities, customer=customer, address=address, extra=extra)
        order = checkout.order_body(
            simulation.response_body,
            wishes,
            marketplace_order_id=order_id,
            services_endpoint=self._services_endpoint,
            geo_coordinates=simulation.request_body.get("geoCoordinates", ()),
        )
        return self._place("place", f"Place order {order_id}", order_id, order, expect)

    def place_again(self, marketplace_order_id: str, *, expect: str | int | None = None) -> Exchange:
        """Send an order once more, unchanged; the seller must answer with the same orderId.

        Raises:
            UnknownOrder: the order was never sent; a LookupError.
        """
        with self._lock:
            order = self._orders.get(marketplace_order_id)
        title = f"Place order {marketplace_order_id} again"
        return self._place("place_again", title, marketplace_order_id, order.body, expect)

    def authorize(
        self,
        marketplace_order_id: str,
        *,
        seller_order_id: str | None = None,
        legacy_body: bool = False,
        expect: str | int | None = None,
    ) -> Exchange:
        """Tell the seller that the payment is approved; a repeat must bring the same receipt.

        Args:
            seller_order_id: asks about this order instead of the one remembered, to provoke a 404.
            legacy_body: send nothing but the marketplaceOrderId.
            expect: the error code or the HTTP status of the refusal that is due.

        Raises:
            UnknownOrder: the order was never sent or never accepted; a LookupError.
        """
        ids, value = self._ids(marketplace_order_id, seller_order_id)
        if seller_order_id is None:
            with self._lock:
                self._orders.release(marketplace_order_id)

        def judge(answer: Answer) -> list[str]:
            order = self._orders.find(marketplace_order_id)
            problems = check_authorization(
                ids,
                answer,
                earlier=None if order is None else order.authorization,
                canceled=order is not None and order.state == CANCELED,
                legacy_body=legacy_body,
                expect=expect,
            )
            if seller_order_id is None:
                self._orders.note_authorization(marketplace_order_id, answer)
            return problems

        body = checkout.authorization_body(marketplace_order_id, value=value, legacy_body=legacy_body)
        call = self._order_call("authorize", ids, body, expect)
        return self._caller.perform(call, judge)

    def cancel(
        self,
        marketplace_order_id: str,
        *,
        reason: str = "The shopper changed their mind",
        new_request: bool = False,
        seller_order_id: str | None = None,
        legacy_body: bool = False,
        expect: str | int | None = None,
    ) -> Exchange:
        """Ask the seller to cancel an order, or ask for its decision once more.

        Args:
            new_request: make a request with an id of its own instead of repeating the last one.
            seller_order_id, legacy_body: as for `authorize`, which raises the same, too.
            expect: `confirmed`, `evaluating`, or the error code or HTTP status of the refusal that is due.
        """
        ids, _ = self._ids(marketplace_order_id, seller_order_id)
        with self._lock:
            request, repeated = self._orders.request_cancellation(marketplace_order_id, self._clock(), anew=new_request)

        def judge(answer: Answer) -> list[str]:
            order = self._orders.find(marketplace_order_id)
            problems = check_cancellation(
                ids,
                answer,
                earlier=None if order is None else order.confirmation,
                invoiced=order is not None and order.sold,
                same_request=repeated,
                legacy_body=legacy_body,
                expect=expect,
            )
            self._orders.note_cancellation(marketplace_order_id, answer)
            return problems

        body = checkout.cancellation_body(marketplace_order_id, request, reason=reason, legacy_body=legacy_body)
        call = self._order_call("cancel", ids, body, expect)
        return self._caller.perform(call, judge)

    def _simulate(
        self, operation: str, title: str, body: dict[str, Any], expect: str | int | None, twin: Exchange | None
    ) -> Exchange:
        def judge(answer: Answer) -> list[str]:
            problems = check_simulation(body, answer, budget_seconds=self._simulation_timeout, expect=expect)
            if twin is not None and twin.ok and not problems and twin.status == answer.status == 200:
                problems += check_same_prices(twin.response_body, answer.body)
            return problems

        call = Call(
            operation=operation,
            title=title,
            path="/pvt/orderForms/simulation",
            body=body,
            timeout_seconds=self._simulation_timeout,
            describe=outcomes.describe_simulation,
            expect=expect,
        )
        return self._caller.perform(call, judge)

    def _place(
        self, operation: str, title: str, order_id: str, order: Mapping[str, Any], expect: str | int | None
    ) -> Exchange:
        with self._lock:
            self._orders.send(order_id, order, self._clock())

        def judge(answer: Answer) -> list[str]:
            known = self._orders.find(order_id)
            problems = check_placement(
                order,
                answer,
                known_order_id=None if known is None else known.order_id,
                differs=known is not None and known.order_id is not None and known.body != order,
                expect=expect,
            )
            self._orders.note_placement(order_id, answer)
            return problems

        call = Call(
            operation=operation,
            title=title,
            path="/pvt/orders",
            body=[order],
            timeout_seconds=self._timeout,
            describe=outcomes.describe_placement,
            marketplace_order_id=order_id,
            expect=expect,
        )
        return self._caller.perform(call, judge)

    def _order_call(self, operation: str, ids: OrderIds, body: dict[str, Any], expect: str | int | None) -> Call:
        verb, describe = _ORDER_VERBS[operation]
        return Call(
            operation=operation,
            title=f"{operation.capitalize()} order {ids.order_id}",
            path=f"/pvt/orders/{quote(ids.order_id, safe='')}/{verb}",
            body=body,
            timeout_seconds=self._timeout,
            describe=describe,
            marketplace_order_id=ids.marketplace_order_id,
            expect=expect,
        )

    def _ids(self, marketplace_order_id: str, seller_order_id: str | None) -> tuple[OrderIds, int]:
        """Return both ids of an order, and the cents to be paid for it, which are 0 for a made-up order."""
        if seller_order_id is not None:
            return OrderIds(marketplace_order_id=marketplace_order_id, order_id=seller_order_id), 0
        with self._lock:
            order, order_id = self._orders.accepted(marketplace_order_id)
        value = order.body["marketplacePaymentValue"]
        return OrderIds(marketplace_order_id=marketplace_order_id, order_id=order_id), value

    def _new_order_id(self) -> str:
        """Make an id of thirteen digits, the milliseconds of the clock, and the number of the seller in the order."""
        with self._lock:
            self._last_group = max(self._last_group + 1, int(self._clock().timestamp() * 1000))
            return f"{self._last_group:013d}-01"
