"""Making a shop's own code fail, on purpose and for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps

from flask import Flask

from ..conformance import FAILURE
from ..orders.order import OrderPlacement, PlacedOrder
from ..state import EXTENSION_KEY


@contextmanager
def failing_placement(app: Flask) -> Iterator[None]:
    """Let the shop's `on_order_placement` do its work and then raise `RuntimeError`, in this application, meanwhile.

    Not for tests that share a `VtexSeller` between threads: its functions belong to all of its applications.
    """
    state = app.extensions[EXTENSION_KEY]
    hook = state.hooks.on_order_placement
    place = hook.get()

    @wraps(place)  # under its own name another function could not take its place
    def fail(order: OrderPlacement, /) -> str | PlacedOrder:
        place(order)
        raise RuntimeError(FAILURE)

    hook.register(fail)
    try:
        yield
    finally:
        hook.register(place)
