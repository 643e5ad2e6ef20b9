"""The sweep: what marketplaces were told is kept, and what differs from it becomes notices, each once."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from flask_vtex_seller.catalog.notices import PRESENCE, question, sku_draft
from flask_vtex_seller.catalog.reconcile import Progress
from flask_vtex_seller.catalog.sku import SkuState
from flask_vtex_seller.marketplace.operations import Meaning
from flask_vtex_seller.marketplace.outcome import Outcome, Verdict
from flask_vtex_seller.outbox.message import Draft, Message, MessageState
from flask_vtex_seller.runners.scheduler import reconcile
from flask_vtex_seller.state import State, current_state

from ..outbox.box import BUSY, DELIVERED, REFUSED
from ..shops import ACME, Shop, StoppedClock
from .conftest import make_sku

UNKNOWN_SKU = Outcome(verdict=Verdict.DELIVERED, status=404, reason="404", meaning=Meaning.UNKNOWN_SKU)
CHANGE, PRICE, INVENTORY = "change_notification", "price_notification", "inventory_notification"


class Kept:
    """A shop, what it has on sale, and marketplaces that answer with a function."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.ids = ["apple", "pear"]
        self.names: dict[str, str] = {}
        self.asked: list[list[str]] = []
        self.broken = set[str]()
        self.sent: list[tuple[str, str]] = []
        self.answer: Callable[[Message], Outcome] = lambda _: DELIVERED
        shop.seller.sku_ids_loader(lambda: self.ids)
        genuine = shop.seller._hooks.offer_loader.get()

        def offers(sku_ids: Any, request: Any) -> Any:
            self.asked.append(list(sku_ids))
            if self.broken.intersection(sku_ids):
                raise KeyError
            return genuine(sku_ids, request)

        shop.seller._hooks.offer_loader._function = offers

    @property
    def state(self) -> State:
        with self.shop.app.app_context():
            return current_state()

    @property
    def clock(self) -> StoppedClock:
        clock: Any = self.shop.seller._clock
        return clock

    def sell_catalog(self) -> None:
        @self.shop.seller.sku_loader
        def skus(sku_ids: Any) -> Any:
            return [make_sku(sku_id, name=self.names.get(sku_id, "250 g")) for sku_id in sku_ids]

    def sweep(self) -> Progress:
        self.clock.advance(1)
        return self.state.reconciler.run()

    def deliver(self) -> list[tuple[str, str]]:
        """Send what waits; return operation and SKU of each call."""
        self.sent.clear()

        def send(message: Message, _: Any) -> Outcome:
            self.sent.append((message.operation, message.arguments["sku_id"]))
            return self.answer(message)

        replace(self.state.drain, send=send).run()
        return sorted(self.sent)

    def load(self) -> None:
        """Have everything told and known."""
        self.sweep()
        self.deliver()

    def write(self, drafts: Sequence[Draft]) -> None:
        self.state.drain.append(drafts)

    def make_known(self, sku_id: str) -> None:
        with self.shop.app.app_context():
            current_state().skus.mark({("acme", sku_id): ""}, SkuState.KNOWN, now=self.clock.now())
            self.shop.db.session.commit()

    def newest(self) -> int:
        with self.shop.app.app_context():
            return current_state().outbox.page(limit=1)[0].id

    def stock(self, sku_id: str, **changes: Any) -> None:
        self.shop.stock[sku_id] = replace(self.shop.stock[sku_id], **changes)


@pytest.fixture
def kept(new_shop: Callable[..., Shop]) -> Kept:
    return Kept(new_shop(clock=StoppedClock()))


def test_what_is_told_and_unchanged_is_not_said_again(kept: Kept) -> None:
    assert kept.sweep().notices == 2
    assert kept.deliver() == [(CHANGE, "apple"), (CHANGE, "pear")]
    assert [kept.sweep().notices, kept.deliver()] == [0, []]


def test_a_batch_is_one_call_of_the_shop_and_so_are_notices_taken_together(kept: Kept) -> None:
    kept.load()
    assert kept.asked == [["apple", "pear"], ["apple", "pear"]]


@pytest.mark.parametrize(
    ("changes", "notices"),
    [
        ({"price": 999}, [(PRICE, "apple")]),
        ({"list_price": 1600}, [(PRICE, "apple")]),
        ({"stock": 0}, [(INVENTORY, "apple")]),
        ({"stock": 9, "price": 1}, [(INVENTORY, "apple"), (PRICE, "apple")]),
        ({"measurement_unit": "kg"}, []),
    ],
)
def test_a_difference_is_said_once_by_its_own_notice(
    kept: Kept, changes: dict[str, Any], notices: list[tuple[str, str]]
) -> None:
    kept.load()
    kept.stock("apple", **changes)
    kept.sweep()
    assert kept.deliver() == notices
    assert kept.sweep().notices == 0


def test_changed_catalog_data_is_said_by_a_notice_that_speaks_for_price_and_stock(kept: Kept) -> None:
    kept.sell_catalog()
    kept.load()
    kept.names["apple"] = "500 g"
    kept.stock("apple", price=1)
    kept.sweep()
    assert kept.deliver() == [(CHANGE, "apple")]
    assert kept.sweep().notices == 0


def test_what_waits_already_is_not_said_twice(kept: Kept) -> None:
    kept.load()
    kept.stock("apple", stock=1)
    assert [kept.sweep().notices, kept.sweep().notices] == [1, 0]


def test_a_change_notice_that_waits_speaks_for_price_and_stock(kept: Kept) -> None:
    """A SKU that was deleted and is inserted anew at another price, say."""
    kept.load()
    kept.write([sku_draft(CHANGE, "acme", "apple")])
    kept.stock("apple", price=1, stock=9)
    assert kept.sweep().notices == 0
    assert kept.deliver() == [(CHANGE, "apple")]
    assert kept.sweep().notices == 0


def test_a_notice_that_was_refused_is_said_again(kept: Kept) -> None:
    kept.answer = lambda _: REFUSED
    kept.load()
    kept.answer = lambda _: DELIVERED
    assert kept.sweep().notices == 2
    kept.deliver()
    assert kept.sweep().notices == 0


def test_price_and_stock_of_a_sku_that_the_marketplace_lacks_are_not_said(kept: Kept) -> None:
    kept.sell_catalog()
    kept.answer = lambda message: UNKNOWN_SKU if message.operation == CHANGE else DELIVERED
    kept.load()
    kept.stock("apple", stock=1)
    assert kept.sweep().notices == 0
    kept.names["apple"] = "500 g"
    assert kept.sweep().notices == 1


def test_a_sku_that_becomes_known_without_a_notice_is_told_price_and_stock(kept: Kept) -> None:
    kept.answer = lambda _: UNKNOWN_SKU
    kept.load()
    kept.make_known("apple")
    kept.answer = lambda _: DELIVERED
    kept.sweep()
    assert kept.deliver() == [(INVENTORY, "apple"), (PRICE, "apple")]


def test_a_sku_whose_presence_was_confirmed_was_told_what_held_then(kept: Kept) -> None:
    kept.answer = lambda _: UNKNOWN_SKU
    kept.load()
    kept.answer = lambda _: DELIVERED
    kept.write([question(PRESENCE, "acme", "apple")])
    assert kept.deliver() == [(PRESENCE, "apple")]
    assert kept.sweep().notices == 0
    kept.stock("apple", stock=1)
    kept.sweep()
    assert kept.deliver() == [(INVENTORY, "apple")]


def test_what_a_marketplace_was_told_before_it_had_the_sku_does_not_count(kept: Kept) -> None:
    """It takes such a notice, and asks for nothing."""
    kept.answer = lambda message: UNKNOWN_SKU if message.operation == CHANGE else DELIVERED
    kept.load()
    kept.write([sku_draft(PRICE, "acme", "apple"), sku_draft(INVENTORY, "acme", "apple")])
    kept.deliver()
    kept.make_known("apple")
    kept.sweep()
    assert kept.deliver() == [(INVENTORY, "apple"), (PRICE, "apple")]
    assert kept.sweep().notices == 0


@pytest.mark.parametrize("kind", [CHANGE, PRICE, INVENTORY])
@pytest.mark.parametrize("discarded", [False, True])
def test_after_a_notice_that_may_have_arrived_the_same_as_before_is_said_again(
    kept: Kept, kind: str, discarded: bool
) -> None:
    """The marketplace asked, its answer was lost, and what it was told then holds no more."""
    kept.load()
    kept.write([sku_draft(kind, "acme", "apple")])
    kept.answer = lambda _: BUSY
    kept.deliver()
    if discarded:
        kept.state.drain.move([kept.newest()], MessageState.DISCARDED, reason="somebody said so")
    kept.answer = lambda _: REFUSED
    kept.clock.advance(3600)
    kept.deliver()
    kept.answer = lambda _: DELIVERED
    kept.sweep()
    assert kept.deliver() == [(kind, "apple")]
    assert kept.sweep().notices == 0


def test_a_notice_that_was_refused_at_once_told_nothing_and_changes_nothing(kept: Kept) -> None:
    kept.load()
    kept.write([sku_draft(PRICE, "acme", "apple")])
    kept.answer = lambda _: REFUSED
    kept.deliver()
    assert kept.sweep().notices == 0


def test_a_sku_that_is_gone_before_anybody_knew_what_it_was_told_is_said_to_be_out_of_stock(kept: Kept) -> None:
    kept.load()
    kept.broken = {"apple"}
    kept.write([sku_draft(INVENTORY, "acme", "apple")])
    kept.deliver()
    kept.broken = set()
    kept.ids.remove("apple")
    del kept.shop.stock["apple"]
    kept.sweep()
    assert kept.deliver() == [(INVENTORY, "apple")]
    assert kept.sweep().notices == 0


def test_a_change_while_a_notice_is_on_its_way_costs_a_notice_and_loses_none(kept: Kept) -> None:
    def sell(_: Message) -> Outcome:
        kept.stock("apple", stock=5)
        return DELIVERED

    kept.answer = sell
    kept.load()
    kept.sweep()
    assert kept.deliver() == [(INVENTORY, "apple")]
    assert kept.sweep().notices == 0


def test_a_shop_that_fails_holds_no_notice_back_and_nothing_counts_as_told(kept: Kept) -> None:
    kept.sweep()
    kept.broken = {"apple"}
    assert kept.deliver() == [(CHANGE, "apple"), (CHANGE, "pear")]
    with kept.shop.app.app_context():
        record = current_state().skus.get("acme", "apple")
        kept.shop.db.session.rollback()
    assert record is not None
    assert (record.state, record.reason) == (SkuState.KNOWN, "not read: the shop's offer_loader raised KeyError")
    kept.broken = set()
    kept.sweep()
    assert kept.deliver() == [(INVENTORY, "apple"), (PRICE, "apple")]
    assert kept.sweep().notices == 0


def test_the_reason_goes_when_the_sku_can_be_read_again(kept: Kept) -> None:
    kept.load()
    kept.broken = {"apple"}
    assert [failure.sku_id for failure in kept.sweep().failures] == ["apple"]
    kept.broken = set()
    assert kept.sweep().failures == []
    with kept.shop.app.app_context():
        record = current_state().skus.get("acme", "apple")
        kept.shop.db.session.rollback()
    assert record is not None
    assert (record.state, record.reason) == (SkuState.KNOWN, "")


def test_a_sku_that_is_not_on_sale_any_more_is_said_to_be_out_of_stock_once(kept: Kept) -> None:
    kept.load()
    kept.ids.remove("apple")
    del kept.shop.stock["apple"]
    kept.sweep()
    assert kept.deliver() == [(INVENTORY, "apple")]
    assert kept.sweep().notices == 0


def test_a_sku_that_is_not_named_but_still_offered_is_not_said_over_and_over(kept: Kept) -> None:
    kept.load()
    kept.ids.clear()
    assert kept.sweep().notices == 0


def test_each_marketplace_is_told_what_it_may_hear(new_shop: Callable[..., Shop]) -> None:
    quiet = {**ACME, "price": False}
    few = {**ACME, "max_stock": 5}
    kept = Kept(new_shop(clock=StoppedClock(), marketplaces={"quiet": quiet, "few": few}))
    kept.load()
    kept.stock("apple", price=1)
    kept.stock("pear", stock=8)
    kept.load()
    kept.stock("pear", stock=9)
    kept.sweep()
    with kept.shop.app.app_context():
        page = current_state().outbox.page(limit=100)
    said = [(message.marketplace, message.operation, message.arguments["sku_id"]) for message in page[::-1]][4:]
    assert sorted(said) == [
        ("few", INVENTORY, "pear"),
        ("few", PRICE, "apple"),
        ("quiet", INVENTORY, "pear"),
        ("quiet", INVENTORY, "pear"),
    ]


# the job


def test_of_many_workers_one_sweeps_in_an_interval(new_shop: Callable[..., Shop]) -> None:
    kept = Kept(new_shop(clock=StoppedClock(), VTEX_SELLER_RECONCILE_SECONDS=600))
    asked = []
    for seconds in (0, 0, 599, 1):
        kept.clock.advance(seconds)
        with kept.shop.app.app_context():
            assert reconcile(kept.state, threading.Event()) is False
        asked.append(len(kept.asked))
    assert asked == [1, 1, 1, 2]


def test_a_sweep_may_be_off_and_ends_when_told_to(new_shop: Callable[..., Shop]) -> None:
    off = Kept(new_shop(clock=StoppedClock(), VTEX_SELLER_RECONCILE_SECONDS=0))
    stop = threading.Event()
    with off.shop.app.app_context():
        assert off.state.settings.reconcile_seconds is None
        reconcile(off.state, stop)
    assert off.asked == []
    stop.set()
    made = off.state.reconciler.run_if_due(every=timedelta(hours=1), stop=stop.is_set)
    assert made is not None
    assert (made.done, made.ended) == (0, False)


def test_a_shop_that_names_no_skus_is_left_alone_and_one_that_fails_is_no_end_of_the_worker(
    new_shop: Callable[..., Shop], caplog: pytest.LogCaptureFixture
) -> None:
    shop = new_shop(clock=StoppedClock())
    with shop.app.app_context():
        assert reconcile(current_state(), threading.Event()) is False
        shop.seller.sku_ids_loader(lambda: 1 // 0)  # type: ignore[arg-type]
        assert reconcile(current_state(), threading.Event()) is False
    assert "reconciling failed: the shop's sku_ids_loader raised ZeroDivisionError" in caplog.text


def test_no_function_of_the_shops_leaves_its_transaction_open_during_a_sweep(kept: Kept) -> None:
    session, open_ = kept.shop.db.session, list[bool]()

    def ids() -> list[str]:
        session.execute(text("SELECT 1"))
        return kept.ids

    def look(*_: object) -> None:
        open_.append(session().in_transaction())

    kept.shop.seller._hooks.sku_ids_loader._function = ids
    with kept.shop.app.app_context():
        event.listen(kept.state.drain.engine, "begin", look)
        kept.sweep()
    assert len(open_) > 2
    assert not any(open_[1:]), "the first is the loader's own"


def test_what_could_not_be_read_is_logged(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    kept.broken = {"pear"}
    with kept.shop.app.app_context():
        reconcile(kept.state, threading.Event())
    assert "1 SKUs could not be reconciled, such as pear: the shop's offer_loader raised KeyError" in caplog.text


def test_a_stop_is_heard_among_skus_that_are_not_on_sale_any_more(kept: Kept) -> None:
    """R19"""
    kept.load()
    kept.ids = []
    kept.clock.advance(1)
    made = kept.state.reconciler.run(stop=lambda: True)
    assert (made.ended, made.notices) == (False, 0)
    assert kept.sweep().ended
