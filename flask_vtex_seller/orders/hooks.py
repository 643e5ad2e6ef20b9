"""What a shop does with an order: the signatures of its functions.

Each runs inside the transaction of the marketplace's call, or of the worker's run, which commits after it. A hook that
commits `db.session` by itself is allowed; what that means is told on the page about orders in the documentation.
"""

from typing import Protocol

from .modification import OrderModification
from .order import (
    CancellationDecision,
    CancellationRequest,
    FulfillmentAuthorization,
    Order,
    OrderPlacement,
    PlacedOrder,
)


class OrderPlacementHook(Protocol):
    """Creates the shop's order as a reservation; it is not to be shipped yet."""

    def __call__(self, order: OrderPlacement, /) -> str | PlacedOrder:
        """Return the shop's own id of the new order.

        Raises:
            PlacementRefused: a subclass of it that says why the order cannot be taken; anything else answers ORD008.
        """


class OrderFinder(Protocol):
    """Finds an order that the shop already has: needed by a placement hook that commits by itself."""

    def __call__(self, marketplace: str, marketplace_order_id: str, /) -> str | PlacedOrder | None:
        """Return the shop's own id of a marketplace's order, or None."""


class AuthorizeFulfillmentHook(Protocol):
    """Releases a reserved order for shipping."""

    def __call__(self, authorization: FulfillmentAuthorization, /) -> str | None:
        """Return a receipt of at most 255 characters, or None.

        Raises:
            FulfillmentRefused: the shop cannot ship it, as when its reservation expired and the stock is gone.
        """


class ReservationExpiredHook(Protocol):
    """Gives back the stock of an order that was not authorized in time; called by a worker."""

    def __call__(self, order: Order, /) -> None:
        """Give it back; the order may still be authorized, or canceled."""


class OrderCancellationHook(Protocol):
    """Decides about the marketplace's wish to cancel, and cancels the shop's order if it agrees."""

    def __call__(self, request: CancellationRequest, /) -> CancellationDecision:
        """Return the decision; `EVALUATE` has the hook asked again at the marketplace's next call."""


class OrderModificationHook(Protocol):
    """Learns of a marketplace's wish to change an order, and of each step of agreeing on it; experimental."""

    def __call__(self, modification: OrderModification, /) -> None:
        """Note it or apply it; a step may come again."""
