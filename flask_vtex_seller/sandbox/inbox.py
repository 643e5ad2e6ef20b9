"""The half of the marketplace that listens: what a seller sends is checked, answered and recorded here."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from .answer import read_json
from .background import Background
from .catalog import Catalog, Sku
from .contracts import Verdict
from .dispatch import check_contract, refuse
from .endpoint import MASK, FulfillmentEndpoint, find_spellings, masked, shown_query
from .exchange import TO_MARKETPLACE, Exchange
from .exchange_log import ExchangeLog
from .faults import Fault, FaultQueue
from .incoming import LONGEST_CREDENTIAL, Arrived, Credentials, Incoming, check_call, read_call
from .listing import Listing
from .oms import OrderServices
from .order_book import OrderBook
from .reply import Reply

LONGEST_TEXT = 20_000
SETTLE_TIMEOUT_SECONDS = 60.0

_Handler = Callable[[Incoming, Verdict], Reply | None]
_TITLES: Mapping[str, str] = {
    "change_notification": "SKU {sku_id} is new or has changed",
    "suggestion": "Suggest SKU {sku_id}",
    "suggestion_status": "Read the suggestion of SKU {sku_id}",
    "price_notification": "The price of SKU {sku_id} has changed",
    "inventory_notification": "The stock of SKU {sku_id} has changed",
    "invoice": "Invoice order {order_id}",
    "return_invoice": "Return goods of order {order_id}",
    "tracking": "Track invoice {number} of order {order_id}",
    "tracking_status": "Report on invoice {number} of order {order_id}",
    "cancel_order": "Cancel order {order_id} for the seller",
    "agreement": "Agree to change {change_id} of order {order_id}",
    "delivery_promises": "Promise deliveries",
    "unknown": "A call that leads nowhere",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What goes back to the seller.

    Attributes:
        delay_seconds: how long to hold it back.
    """

    reply: Reply
    exchange: Exchange
    delay_seconds: float = 0.0


class Inbox(ABC):
    """Takes the calls of one seller.

    Args:
        lock: guards the orders, the log and everything in here.
        auto_approve: put every suggested SKU on sale at once.
    """

    def __init__(
        self,
        *,
        seller_id: str,
        account: str,
        endpoint: FulfillmentEndpoint,
        credentials: Credentials,
        orders: OrderBook,
        log: ExchangeLog,
        lock: threading.Lock,
        clock: Callable[[], datetime],
        timer: Callable[[], float],
        auto_approve: bool,
    ) -> None:
        self.seller_id = seller_id
        self.account = account
        self._endpoint = endpoint
        self._credentials = credentials
        self._orders = orders
        self._log = log
        self._lock = lock
        self._clock = clock
        self._timer = timer
        self._catalog = Catalog(auto_approve=auto_approve)
        self._faults = FaultQueue()
        self._background = Background()
        self._closing = threading.Event()
        self._handlers = _handlers(Listing(self._catalog), OrderServices(orders))

    @abstractmethod
    def index(self, sku_id: str) -> Exchange:
        """Ask the seller about one unit of a SKU."""

    def close(self) -> None:
        """Let go of delayed answers and drop the simulations that are still to be made."""
        self._closing.set()
        self._background.close()

    def skus(self) -> list[Sku]:
        """Return the SKUs the seller has suggested or somebody has approved, oldest first."""
        with self._lock:
            return self._catalog.all()

    def approve(self, sku_id: str) -> Sku:
        """Put a SKU on sale; one that was never suggested is bound by hand."""
        with self._lock:
            return self._catalog.approve(sku_id)

    def deny(self, sku_id: str, reason: str = "not wanted here") -> Sku:
        """Block a SKU: further suggestions of it are refused until it is approved.

        Raises:
            UnknownSku: it was neither suggested nor approved; a LookupError.
        """
        with self._lock:
            return self._catalog.deny(sku_id, reason)

    def forget(self, sku_id: str) -> Sku:
        """Drop a SKU's suggestion, as if it had expired.

        Raises:
            UnknownSku: it was neither suggested nor approved; a LookupError.
        """
        with self._lock:
            return self._catalog.forget(sku_id)

    def faults(self) -> list[Fault]:
        """Return the faults that are still to come, oldest first."""
        with self._lock:
            return self._faults.all()

    def clear_faults(self) -> None:
        """Forget the faults that are still to come."""
        with self._lock:
            self._faults.clear()

    def fail_next(
        self,
        operation: str = "*",
        *,
        times: int = 1,
        kind: str = "503",
        retry_after: int | str | None = None,
        seconds: float = 1.0,
        processed: bool | None = None,
    ) -> Fault:
        """Let the next calls of the seller go wrong; the arguments are those of `Fault`, which says what is possible.

        Raises:
            ValueError: an argument is not possible.
        """
        fault = Fault(
            match=operation,
            times=times,
            kind=kind,
            retry_after=retry_after,
            seconds=seconds,
            processed=processed,
        )
        with self._lock:
            self._faults.add(fault)
        return fault

    def settle(self, *, timeout_seconds: float = SETTLE_TIMEOUT_SECONDS) -> None:
        """Wait for the simulations that the seller's notifications have led to so far.

        Raises:
            TimeoutError: they are not done in time.
        """
        self._background.settle(timeout_seconds=timeout_seconds)

    def pause(self, seconds: float) -> None:
        """Hold the calling thread back for so long, or until the marketplace is closed."""
        self._closing.wait(seconds)

    def receive(self, arrived: Arrived) -> Delivery:
        """Check a call of the seller, let it take effect, record it, and return what to answer."""
        started, received_at = self._timer(), self._clock()
        token = arrived.app_token[:LONGEST_CREDENTIAL]
        secrets = find_spellings({token, self._credentials.app_token or ""}) + self._endpoint.secrets
        call = read_call(arrived, received_at, secrets, MASK)
        verdict = Verdict()
        with self._lock:
            fault = self._faults.take(call.operation)
            reply = self._answer(call, verdict, fault)
            duration_ms = round((self._timer() - started) * 1000)

            exchange = self._log.add(
                lambda number: self._record(
                    number,
                    call,
                    reply,
                    verdict,
                    fault=fault,
                    duration_ms=duration_ms,
                    mask=lambda text: masked(text, secrets),
                )
            )
        if reply.index_sku is not None:
            sku_id = reply.index_sku
            self._background.run(lambda: self.index(sku_id))
        return Delivery(reply=reply, exchange=exchange, delay_seconds=0.0 if fault is None else fault.delay_seconds)

    def _answer(self, call: Incoming, verdict: Verdict, fault: Fault | None) -> Reply:
        check_call(verdict, call, self._credentials)
        if verdict.refusal is None:
            check_contract(verdict, call, self.seller_id, self.account)
        if fault is not None and not fault.takes_effect:
            return fault.spoil(None)
        reply = self._handlers[call.operation](call, verdict) if verdict.refusal is None else None
        right = reply or refuse(call, verdict.refusal)
        return right if fault is None else fault.spoil(right)

    def _record(
        self,
        number: int,
        call: Incoming,
        reply: Reply,
        verdict: Verdict,
        *,
        fault: Fault | None,
        duration_ms: int,
        mask: Callable[[str], str],
    ) -> Exchange:
        arrived = call.arrived
        query = f"?{shown_query(arrived.query)}" if arrived.query else ""
        text = mask(reply.content.decode(errors="replace"))
        media_type = {} if reply.media_type is None else {"content-type": reply.media_type}
        return Exchange(
            number=number,
            direction=TO_MARKETPLACE,
            operation=call.operation,
            title=mask(_TITLES[call.operation].format_map(call.ids)),
            started_at=call.received_at,
            method=arrived.method,
            url=mask(f"{arrived.origin}{arrived.path}{query}"),
            request_body=call.body if call.is_json else call.text[:LONGEST_TEXT] or None,
            status=reply.status,
            response_headers={**media_type, **reply.headers},
            response_body=read_json(text)[1],
            response_text=text[:LONGEST_TEXT],
            duration_ms=duration_ms,
            problems=tuple(mask(problem) for problem in verdict.problems),
            outcome=mask(reply.outcome),
            marketplace_order_id=call.ids.get("order_id"),
            fault=None if fault is None else fault.kind,
        )


def _handlers(listing: Listing, services: OrderServices) -> dict[str, _Handler]:
    return {
        "change_notification": listing.notify_change,
        "suggestion": listing.suggest,
        "suggestion_status": listing.read,
        "price_notification": listing.notify_offer,
        "inventory_notification": listing.notify_offer,
        "invoice": services.invoice,
        "return_invoice": services.invoice,
        "tracking": services.track,
        "tracking_status": services.report,
        "cancel_order": services.cancel,
        "agreement": services.agree,
        "delivery_promises": listing.promise,
    }
