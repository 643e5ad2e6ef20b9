"""What happens in the shop, for whoever wants to know.

Sent inside the transaction, before its commit: what a listener writes becomes true with it or not at all. A listener
that raises ends the step.
"""

from blinker import Namespace

_namespace = Namespace()

order_shipped = _namespace.signal("order-shipped")
"""It left the house. The sender is the Order; so it is below."""
order_delivered = _namespace.signal("order-delivered")
cancellation_accepted = _namespace.signal("cancellation-accepted")
"""The buyer no longer wanted it, and the shop agreed."""
order_given_up = _namespace.signal("order-given-up")
"""The shop cannot deliver it."""
order_returned = _namespace.signal("order-returned")
