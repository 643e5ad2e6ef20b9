"""Reservations: how long the shop keeps the stock of an order that nobody has paid for, and giving it back."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..config import Marketplace
from ..errors import TemporarilyUnavailable
from ..hook import Hook, places
from .claim import Claims, Outcome
from .hooks import ReservationExpiredHook
from .ledger import Entry
from .order import Order, OrderPlacement, OrderState

_TIME = re.compile(r"\s*([0-9]{1,9})\s*(bd|d|h|m)\s*", re.IGNORECASE)
_LONGEST_DAYS = 3650
_AT_A_TIME = 500
_log = logging.getLogger(__name__)


def read_lock_time(text: str | None) -> timedelta | None:
    """Return how long `text` asks for: `8d`, `12bd`, `4h`, `30m`; None if it is nothing of the kind, or no time at all.

    A business day counts as long as it can last: with a weekend for each five begun. Nothing lasts over ten years.
    """
    found = _TIME.fullmatch(text or "")
    if found is None or not int(found[1]):
        return None
    number, unit = int(found[1]), found[2].lower()
    if unit == "bd":
        number, unit = number + 2 * -(-number // 5), "d"
    days = {"d": number, "h": number / 24, "m": number / 1440}[unit]
    return timedelta(days=min(days, _LONGEST_DAYS))


def reserved_until(placement: OrderPlacement, marketplace: Marketplace, now: datetime) -> datetime | None:
    """Return when an order's reservation ends: after the longest time that one of its lines asks for.

    Where no line says a time, the marketplace's configured one counts; without that it never ends.
    """
    times = [time for text in {line.lock_ttl for line in placement.shipping} if (time := read_lock_time(text))]
    if not times and marketplace.reservation_days is not None:
        times = [timedelta(days=marketplace.reservation_days)]
    return now + max(times) if times else None


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class Reservations:
    """Ends reservations whose time is over; a shop without the hook keeps them."""

    claims: Claims
    on_expiry: Hook[ReservationExpiredHook]

    def expire(self, *, stop: Callable[[], bool] = bool) -> list[Order]:
        """End what is over, each order in a transaction of its own; return what was ended.

        Of several workers one ends an order. One whose hook fails is logged and tried again at the next run.

        Args:
            stop: asked before each order.
        """
        ended: list[Order] = []
        if not self.on_expiry.registered:
            return ended
        for entry in self._overdue():
            if stop():
                break
            try:
                outcome = self._expire(entry)
            except TemporarilyUnavailable:
                continue  # a call or another worker is at it, or the database is busy: the next run tries again
            except Exception as error:
                # As in the drain: what one order breaks must not stop the others.
                cause, order = error.__cause__ or error, entry.order
                extra = {"marketplace": order.marketplace, "order_id": order.order_id}
                _log.error("ending a reservation failed: %s\n%s", type(cause).__name__, places(cause), extra=extra)
                continue
            if outcome.changed:
                ended.append(outcome.order)
        return ended

    def _overdue(self) -> Iterator[Entry]:
        """Read page after page: orders whose hook always fails stay at the head and must not hide those behind."""
        now, last = self.claims.clock.now(), None
        while page := self.claims.ledger.overdue(now=now, limit=_AT_A_TIME, after=last):
            yield from page
            last = page[-1].order

    def _expire(self, entry: Entry) -> Outcome:
        def answer() -> Mapping[str, Any]:
            self.claims.call(self.on_expiry, entry.order)
            return {"state": OrderState.EXPIRED}

        return self.claims.decide(
            self.on_expiry.name, entry, answer, patient=False, only_if={"state": entry.order.state}
        )
