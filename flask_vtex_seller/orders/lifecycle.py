"""Which states an order may leave for which."""

from collections.abc import Mapping

from ..errors import OrderConflict
from .order import Order, OrderState

SOURCES: Mapping[OrderState, frozenset[OrderState]] = {
    OrderState.PLACED: frozenset({OrderState.PLACING}),
    OrderState.AUTHORIZED: frozenset({OrderState.PLACED}),
    OrderState.CANCELED: frozenset({OrderState.PLACED, OrderState.AUTHORIZED}),
}
"""For each state, those it can be reached from."""


def require_transition(order: Order, target: OrderState) -> None:
    """Refuse a transition that the protocol does not know.

    Raises:
        OrderConflict: names the order and its state.
    """
    if order.state not in SOURCES[target]:
        raise OrderConflict(
            f"order {order.order_id} is {order.state.value} and cannot become {target.value}",
            code=f"ORDER_{order.state.name}",
        )
