"""The lane in which all messages about an order travel, and what a cancellation does to what waits in it.

While the shop evaluates a cancellation, its invoices are *held*: a marketplace that hears of an invoice and of a
canceled order within a moment may never get the order out of its hands again. The decision settles them, in its own
transaction.
"""

from dataclasses import dataclass

from ..clock import Clock
from ..outbox.ledger import OutboxLedger
from .invoice_ledger import InvoiceLedger
from .order import CancellationDecision, Order

_SHIPPING = ("invoice", "tracking", "tracking_status", "agreement")


def order_lane(marketplace_order_id: str) -> str:
    """Return the lane in which all messages about an order travel."""
    return f"order:{marketplace_order_id}"


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class OrderLanes:
    """Holds and lets go what waits in orders' lanes, in a transaction of the caller's."""

    outbox: OutboxLedger
    invoices: InvoiceLedger
    clock: Clock

    def follow(self, order: Order, decision: CancellationDecision) -> bool:
        """Have the lane follow what the shop decided about a cancellation; call it after the order's own change.

        Returns:
            Whether the order's row changed once more.
        """
        if decision is CancellationDecision.CONFIRM:
            return self.withdraw(order)
        if decision is CancellationDecision.REFUSE:
            self.release(order)
        else:
            # A hook that commits by itself lets other transactions of the shop in before its answer is stored.
            self.outbox.hold(*self._key(order), ["invoice"], now=self.clock.now())
        return False

    def release(self, order: Order) -> None:
        """Let held invoices go, and what was said after them."""
        self.outbox.release(*self._key(order), now=self.clock.now())

    def withdraw(self, order: Order) -> bool:
        """Discard and unsay what of an order's shipping the marketplace has not heard: the order is canceled.

        Returns:
            Whether invoices were unsaid, which the order's row tells.
        """
        unsaid = False
        # Again until there is nothing: forgetting an invoice waits for whoever is just saying its tracking.
        while gone := self.outbox.withdraw(
            *self._key(order), _SHIPPING, now=self.clock.now(), reason="the order is canceled"
        ):
            for message in gone:
                if message.operation == "invoice":
                    number = message.arguments["invoice_number"]
                    self.invoices.unsay(order.marketplace, order.marketplace_order_id, number)
                    unsaid = True
        return unsaid

    @staticmethod
    def _key(order: Order) -> tuple[str, str]:
        return order.marketplace, order_lane(order.marketplace_order_id)
