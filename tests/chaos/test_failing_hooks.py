"""A hook that raises, hangs or takes its process with it: no half order, and the same call succeeds. (R11)"""

import itertools
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from flask_vtex_seller import OrderState
from flask_vtex_seller.state import current_state

from ..shops import Shop, order_body
from .conftest import Scale
from .kit import Child, Nursery
from .report import Figures
from .volley import marketplace_call, volley
from .warehouse import AFTER_COMMIT, BEFORE_COMMIT, BEGINNING, BETWEEN, CANCELED, END, PLACED, RELEASED, Warehouse

POINTS = [BEGINNING, BETWEEN, END, BEFORE_COMMIT, AFTER_COMMIT]
DEEDS = {"place": PLACED, "fulfill": RELEASED, "cancel": CANCELED}
BECOMES = {"place": OrderState.PLACED, "fulfill": OrderState.AUTHORIZED, "cancel": OrderState.CANCELED}

with_each_hook = pytest.mark.parametrize("what", list(DEEDS))


class Orders:
    """Orders of which each is about to get one call."""

    def __init__(self, warehouse: Warehouse, what: str) -> None:
        self.warehouse, self.what = warehouse, what
        self._numbers = itertools.count()
        self.ids: list[str] = []

    @property
    def shop(self) -> Shop:
        return self.warehouse.shop

    def next(self) -> tuple[str, Any]:
        """Return the call's path and body."""
        self.ids.append(f"{next(self._numbers):013}-01")
        body = order_body(self.ids[-1])
        if self.what == "place":
            return "/pvt/orders", [body]
        order_id = self.shop.call("/pvt/orders", [body]).json[0]["orderId"]
        return f"/pvt/orders/{order_id}/{self.what}", {"marketplaceOrderId": self.ids[-1]}

    def is_done(self) -> bool:
        """Tell whether the last call is done; the hook's deed must be there just then, and else nothing of an order."""
        with self.shop.app.app_context():
            entry = current_state().ledger.get("acme", self.ids[-1])
        done = entry is not None and entry.order.state is BECOMES[self.what]
        assert self.warehouse.deeds(self.ids[-1])[DEEDS[self.what]] == done
        assert done or self.what != "place" or entry is None
        return done

    def check(self) -> None:
        """Each is whole: once in the shop's tables, once in ours, its stock taken once, its hook's deed done once."""
        assert self.warehouse.taken() == {"apple": len(self.ids), "pear": 2 * len(self.ids)}
        with self.shop.app.app_context():
            entries = [current_state().ledger.get("acme", id_) for id_ in self.ids]
        for id_, entry in zip(self.ids, entries, strict=True):
            assert entry is not None
            assert entry.claimed_until is None
            assert entry.order.state is BECOMES[self.what]
            assert set(self.warehouse.deeds(id_).items()) == {(PLACED, 1), (DEEDS[self.what], 1)}


@with_each_hook
def test_a_hook_that_raises_leaves_nothing_and_the_repeat_succeeds(
    warehouse: Warehouse, what: str, scale: Scale, figures: Figures
) -> None:
    """P34; around the commit it is the database that fails."""
    orders, times, to_raise = Orders(warehouse, what), scale(2, 20), list[str]()

    def fail(point: str, _: str) -> None:
        if to_raise == [point]:
            to_raise.clear()
            raise RuntimeError("no mail server, no database")

    warehouse.watch(fail)
    for point in POINTS * times:
        path, body = orders.next()
        to_raise.append(point)
        assert orders.shop.call(path, body).status_code == 500
        assert not to_raise
        assert orders.is_done() is (point == AFTER_COMMIT)
        assert orders.shop.call(path, body).status_code == 200
    orders.check()
    figures.note("R11", hook=what, points=len(POINTS), raises_at_each=times, half_orders=0, repeats_that_failed=0)


@with_each_hook
def test_a_process_that_dies_in_a_hook_leaves_nothing_and_the_repeat_succeeds(
    warehouse: Warehouse,
    nursery: Nursery,
    serve: Callable[..., tuple[Child, int]],
    what: str,
    scale: Scale,
    figures: Figures,
) -> None:
    """P34"""
    orders, times = Orders(warehouse, what), scale(1, 20)
    for point in POINTS * times:
        path, body = orders.next()
        child, port = serve(dies=point)
        [answer] = volley([marketplace_call(port, path, body)])
        assert answer.status == 0
        assert nursery.wait(child) == -signal.SIGKILL
        assert orders.is_done() is (point == AFTER_COMMIT)
        assert orders.shop.call(path, body).status_code == 200
    orders.check()
    figures.note("R11", hook=what, points=len(POINTS), killed_at_each=times, half_orders=0, repeats_that_failed=0)


@with_each_hook
def test_while_a_hook_hangs_a_repeat_is_sent_away_and_afterwards_finds_one_order(
    new_shop: Callable[..., Shop], database_url: str, what: str, scale: Scale, figures: Figures
) -> None:
    """P34: the marketplace has long given up the first call when the hook goes on."""
    warehouse = Warehouse(new_shop(database_url=impatient(database_url)))
    warehouse.build()
    orders, times, hanging, goes_on = Orders(warehouse, what), scale(1, 20), threading.Event(), threading.Event()
    to_hang = list[str]()

    def hang(point: str, _: str) -> None:
        if to_hang == [point]:
            to_hang.clear()
            hanging.set()
            assert goes_on.wait(timeout=30)

    warehouse.watch(hang)
    with ThreadPoolExecutor(1) as thread:
        for point in POINTS * times:
            path, body = orders.next()
            to_hang.append(point)
            given_up = thread.submit(orders.shop.call, path, body)
            assert hanging.wait(timeout=30)
            meanwhile = orders.shop.call(path, body)
            assert meanwhile.status_code == (200 if point == AFTER_COMMIT else 503)
            goes_on.set()
            first, repeat = given_up.result(), orders.shop.call(path, body)
            assert (first.status_code, repeat.status_code) == (200, 200)
            assert first.json == repeat.json
            hanging.clear()
            goes_on.clear()
    orders.check()
    figures.note("R11", hook=what, points=len(POINTS), hangs_at_each=times, half_orders=0, repeats_that_failed=0)


def impatient(database_url: str) -> str:
    """The same database, whose locks are not waited for long: who hangs holds his as long as the test wants."""
    url = make_url(database_url)
    if url.drivername == "sqlite":
        url = url.update_query_dict({"timeout": "0.1"})
    else:
        url = url.update_query_dict({"options": f"{url.query['options']} -clock_timeout=100"})
    return url.render_as_string(hide_password=False)
