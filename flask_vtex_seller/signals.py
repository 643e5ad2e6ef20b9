"""Signals: what happened, told to any part of the shop that listens, after it was committed.

Each is sent with the Flask application as sender. What it carries, `order=` an `Order` unless said otherwise, holds no
shopper's data.
"""

import logging
from typing import Any

from blinker import NamedSignal, Namespace

_log = logging.getLogger(__name__)
_namespace = Namespace()

order_placed = _namespace.signal("vtex-seller.order-placed")
"""A marketplace's order is reserved in the shop."""
fulfillment_authorized = _namespace.signal("vtex-seller.fulfillment-authorized")
"""An order is paid and may be shipped."""
cancellation_requested = _namespace.signal("vtex-seller.cancellation-requested")
"""The marketplace wants an order canceled and the shop evaluates or refuses it: see `order.cancellation_decision`."""
reservation_expired = _namespace.signal("vtex-seller.reservation-expired")
"""An order was not authorized in time, and the shop has given its stock back; sent by the worker."""
order_canceled = _namespace.signal("vtex-seller.order-canceled")
"""An order is canceled."""

message_delivered = _namespace.signal("vtex-seller.message-delivered")
"""A marketplace has a message of the outbox: `message=` a `Message` without its body, `outcome=` an `Outcome`."""
message_dead = _namespace.signal("vtex-seller.message-dead")
"""A marketplace refused a message, or could not be reached for too long; somebody must look at it."""


def announce(signal: NamedSignal, sender: object, **data: Any) -> None:
    """Send `signal` to each receiver; one that raises is logged and does not undo what was committed."""
    for receiver in signal.receivers_for(sender):
        try:
            receiver(sender, **data)
        except Exception as error:
            # The marketplace must get the answer to what is committed, whatever a listener makes of it.
            _log.error("a receiver of %s raised %s", signal.name, type(error).__name__, extra={"signal": signal.name})
