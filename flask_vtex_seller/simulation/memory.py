"""What the shop last said, for the moments when it is too slow to say it again."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from ..clock import Clock
from ..offers import Offer, SimulationRequest, Sla, Terms
from .threads import after_fork

V = TypeVar("V")

MOST = 20_000
"""How many offers are kept in a process, and how many lines and delivery options of carts; some ten megabytes each.
What was said longest ago is forgotten first."""


class TermsMemory:
    """Keeps the last good answers for a while.

    An offer is kept for its marketplace, sales channel and SKU. Delivery options are kept for a cart as a whole, lines
    and address: a price that was quoted for another address, or for another quantity, would be wrong.

    Args:
        seconds: how old an answer may be to be given again.
    """

    def __init__(self, *, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._forget()
        after_fork(self._forget)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._offers: _Recent[Offer | None] = _Recent(MOST)
        self._slas: _Recent[tuple[Sla, ...]] = _Recent(MOST)

    def keep(self, request: SimulationRequest, terms: Terms, *, asked_at: float) -> None:
        """Remember what the shop said.

        Args:
            asked_at: on the clock's `monotonic`; an answer to an older question changes nothing.
        """
        with self._lock:
            for item in request.items:
                offer, key = terms.offers.get(item.sku_id), _sku(request, item.sku_id)
                # A SKU that the shop no longer knows is remembered only in the place of its offer.
                if offer is not None or key in self._offers:
                    self._offers.keep(key, offer, asked_at)
            if request.has_address:
                size = len(request.items) + len(terms.slas)
                self._slas.keep(_cart(request), terms.slas, asked_at, size=size)

    def recall(self, request: SimulationRequest) -> Terms:
        """Return the terms for the lines of which the last good answer is not too old.

        None at all for a cart with an address of which no delivery options are known: without any it would seem that
        the shop does not deliver there.
        """
        now, since = self._clock.now(), self._clock.monotonic() - self._seconds
        with self._lock:
            slas = self._slas.find(_cart(request), since) if request.has_address else ()
            if slas is None:
                return Terms(offers={}, slas=())
            found = [self._offers.find(_sku(request, item.sku_id), since) for item in request.items]
        offers = {
            offer.sku_id: offer
            for offer in found
            if offer is not None and (offer.price_valid_until is None or offer.price_valid_until > now)
        }
        return Terms(offers=offers, slas=slas)


class _Recent(Generic[V]):
    """Values by key with the moment each is from; what was kept longest ago gives way."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._entries: OrderedDict[Hashable, tuple[float, int, V]] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries

    def keep(self, key: Hashable, value: V, at: float, *, size: int = 1) -> None:
        before = self._entries.get(key)
        if before is not None:
            if before[0] > at:
                return
            self._size -= before[1]
        self._entries[key] = (at, size, value)
        self._entries.move_to_end(key)
        self._size += size
        while self._size > self._most:
            self._size -= self._entries.popitem(last=False)[1][1]

    def find(self, key: Hashable, since: float) -> V | None:
        entry = self._entries.get(key)
        return None if entry is None or entry[0] < since else entry[2]


def _sku(request: SimulationRequest, sku_id: str) -> Hashable:
    return request.marketplace, request.sales_channel, sku_id


def _cart(request: SimulationRequest) -> Hashable:
    lines = tuple((item.sku_id, item.quantity) for item in request.items)
    where = (request.postal_code, request.country, request.geo_coordinates)
    return request.marketplace, request.sales_channel, *where, lines
