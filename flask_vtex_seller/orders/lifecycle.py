"""What may happen to an order in which state."""

from collections.abc import Mapping
from enum import Enum

from ..errors import IllegalTransition, OrderConflict
from .order import CancellationDecision, Order, OrderState

_UNPAID = frozenset({OrderState.PLACED, OrderState.EXPIRED})
_UNSHIPPED = _UNPAID | {OrderState.AUTHORIZED}
_SHIPPING = frozenset({OrderState.AUTHORIZED, OrderState.PARTIALLY_INVOICED})
_INVOICED = frozenset({OrderState.PARTIALLY_INVOICED, OrderState.INVOICED, OrderState.DELIVERED})

BY_MARKETPLACE: Mapping[OrderState, frozenset[OrderState]] = {
    OrderState.AUTHORIZED: _UNPAID,
    OrderState.CANCELED: _UNSHIPPED,
}
"""Where a marketplace's call may lead, and from which states."""


class Verb(Enum):
    """What a shop can say about an order, and in which states.

    The states are those that the marketplace knows of. What was said and is still on its way counts as said: tracking
    may follow an invoice at once, since both travel in one lane.
    """

    INVOICE = ("an invoice", _SHIPPING)
    TRACK = ("tracking", _SHIPPING | _INVOICED)
    CANCEL = ("a cancellation without a return invoice", _UNSHIPPED)
    RETURN = ("a return invoice", _SHIPPING | _INVOICED)
    AGREE = ("an agreement", _UNSHIPPED | _SHIPPING)
    CONFIRM_CANCELLATION = ("confirming a cancellation", _UNSHIPPED)

    def __init__(self, words: str, allowed: frozenset[OrderState]) -> None:
        self.words = words
        self.allowed = allowed


def require_transition(order: Order, target: OrderState) -> None:
    """Refuse a marketplace's call that the order's state does not allow.

    Raises:
        OrderConflict: names the order and its state.
    """
    if target is OrderState.AUTHORIZED and order.cancellation_said_at is not None:
        raise OrderConflict(f"order {order.order_id} is being canceled by the shop", code="ORDER_CANCELED")
    if order.state not in BY_MARKETPLACE[target]:
        raise OrderConflict(
            f"order {order.order_id} is {order.state.value} and cannot become {target.value}",
            code=f"ORDER_{order.state.name}",
        )


def require_verb(order: Order, verb: Verb) -> None:
    """Refuse a verb of the shop's that the order's state does not allow.

    Raises:
        IllegalTransition: names the order, its state and what is allowed.
    """
    if order.cancellation_said_at is not None:
        raise IllegalTransition(order.order_id, "being canceled by the shop", verb.words, ["not canceled"])
    if order.state not in verb.allowed:
        raise IllegalTransition(order.order_id, order.state.value, verb.words, [state.value for state in verb.allowed])


def is_under_evaluation(order: Order) -> bool:
    """Tell whether the shop still owes the marketplace a decision about a cancellation."""
    return order.state is not OrderState.CANCELED and order.cancellation_decision is CancellationDecision.EVALUATE
