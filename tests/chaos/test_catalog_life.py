"""Whatever happens to a shop's products, its marketplaces show what holds, once the dust has settled. (R21)"""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as with_seed
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import delete, event

from flask_vtex_seller.catalog.reconcile import Wanted
from flask_vtex_seller.catalog.sku import SkuState
from flask_vtex_seller.marketplace.operations import Meaning
from flask_vtex_seller.marketplace.outcome import Outcome
from flask_vtex_seller.outbox.message import Message, MessageState
from flask_vtex_seller.runners.scheduler import sweep as ask_what_was_decided
from flask_vtex_seller.state import EXTENSION_KEY, State

from ..catalog.watching import Watching, make_watching, watch_all
from ..shops import ACME, Shop
from .catalog_market import Decision, Market, Shown, Trouble
from .catalog_shop import CATALOG, CODES, KINDS, PRICE, SEEN, STOCK, UNSEEN, Edit, Fate, Killed, Stall, touched
from .conftest import Scale
from .report import Figures

LATER = 3 * 3600.0
"""Seconds after which leases are over, and whatever failed is due again."""
MARKETS = {"acme": ACME, "other": {**ACME, "account": "othermarket", "max_stock": 5}}
EVERYTHING = Wanted(everything=True)
Key = tuple[str, str, str]
"""A marketplace, a SKU, and a kind of notice."""

which = st.integers(0, 3)
numbers = st.integers(0, 5)
"""Few, so that what was comes back."""
edits = st.lists(st.tuples(st.sampled_from([*SEEN, *UNSEEN * 2]), which, numbers), min_size=1, max_size=4)
seen_edits = st.lists(st.tuples(st.sampled_from(SEEN), which, numbers), max_size=2)
sometimes = st.sampled_from([False] * 4 + [True])
deaths = st.one_of(st.none(), st.integers(0, 40))
"""After how many steps a process dies, if it does."""
troubles = st.lists(st.sampled_from([None, None, *Trouble]), max_size=6)
Edits = Sequence[tuple[Edit, int, int]]


@dataclass
class World:
    """The shop that all sequences are tried in."""

    stall: Stall
    fate: Fate
    seen: Counter[str] = field(default_factory=Counter)

    @property
    def watching(self) -> Watching:
        return self.stall.watching

    @property
    def state(self) -> State:
        state: State = self.watching.shop.app.extensions[EXTENSION_KEY]
        return state

    def ask(self, market: str, sku_id: str) -> Shown | None:
        """What a marketplace is answered: the shop's own route says it, in another process."""
        with self.fate.dying(None):
            answer = self.watching.shop.call("/pvt/orderForms/simulation", _cart(sku_id), marketplace=market)
        if answer.status_code != 200:
            return None
        (item,) = answer.json["items"]
        return Shown(price=(item["price"], item["listPrice"]), stock=(item["quantity"], answer.json["logisticsInfo"]))

    def empty(self) -> None:
        self.stall.broken.clear()
        with self.state.drain.engine.begin() as connection:
            for table in reversed(self.watching.shop.db.metadata.sorted_tables):
                connection.execute(delete(table))


class CatalogLife(RuleBasedStateMachine):
    """A shop and two marketplaces."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.stall, self.clock = world, world.stall, world.watching.clock
        self.markets = {
            name: Market(ask=lambda sku_id, name=name: world.ask(name, sku_id), now=self.clock.now, says_accepted=says)
            for name, says in zip(MARKETS, (True, False), strict=True)
        }
        self.changes = Counter[Key]()
        """How many notices there may be."""
        self.asked_for = defaultdict[str, set[str]](set)
        """The SKUs that a run for everything was for that is not over, by its name."""
        self.unwatched = set[str]()
        """The SKUs of which a marketplace may show something wrong until the next sweep."""
        self.lost = False

    def teardown(self) -> None:
        self.world.seen["sequences"] += 1
        try:
            self._settle()
            self._knows_what_is_known()
            self._says_no_more_than_needed()
        finally:
            self.world.empty()

    # the shop

    @initialize(known=st.sampled_from([[], ["acme"], ["acme", "other"], ["acme", "other"]]), sees_all=st.booleans())
    def open(self, known: list[str], sees_all: bool) -> None:
        """Some products, and marketplaces that have them in their catalogs already.

        Args:
            sees_all: nothing is changed behind the session's back.
        """
        self.sees_all = sees_all
        self._edit([(_named("_add"), 0, number) for number in (3, 4)], None)
        if known:
            self._drain((), None)
            for market in known:
                self.approve_all(market)
            self.ask_again(None)
            self._drain((), None)

    @rule(edits=edits, gives_up=sometimes, dies=sometimes, death=st.integers(0, 15))
    def edit(self, edits: Edits, gives_up: bool, dies: bool, death: int) -> None:
        self._edit(edits, death if dies else None, commits=not gives_up)

    edit_more = edit_still_more = edit  # a rule's chance is one of all rules

    @rule(code=st.sampled_from(CODES), breaks=st.booleans())
    def a_hook_fails_for(self, code: str, breaks: bool) -> None:
        (self.stall.broken.add if breaks else self.stall.broken.discard)(code)
        self.unwatched |= self.stall.broken

    # marketplaces, and time

    @rule(market=st.sampled_from(list(MARKETS)), code=st.sampled_from(CODES), decision=st.sampled_from(Decision))
    def decide(self, market: str, code: str, decision: Decision) -> None:
        done = self.markets[market].decide(code, decision)
        self.world.seen["decisions"] += done
        self.lost |= done and decision is Decision.LOSES

    @rule(market=st.sampled_from(list(MARKETS)))
    def approve_all(self, market: str) -> None:
        for code in CODES:
            self.decide(market, code, Decision.APPROVES)

    @rule(hours=st.sampled_from([1, 1, 30, 24 * 31]))
    def wait(self, hours: int) -> None:
        self.clock.advance(hours * 3600.0)

    # the worker

    @rule(troubles=troubles, death=deaths, meanwhile=seen_edits)
    def drain(self, troubles: list[Trouble | None], death: int | None, meanwhile: Edits) -> None:
        self.clock.advance(LATER)
        self._drain(troubles, death, meanwhile)

    drain_more = drain

    @rule(death=deaths)
    def reconcile(self, death: int | None) -> None:
        with self._process(death):
            self.world.state.reconciler.run_if_due(every=timedelta(0))

    @rule(death=deaths, renotify=st.booleans())
    def tell_of_everything(self, death: int | None, renotify: bool) -> None:
        self._tell_of(EVERYTHING._replace(renotify=renotify), death)

    @rule(death=deaths)
    def ask_again(self, death: int | None) -> None:
        self.clock.advance(LATER)
        with self._process(death):
            ask_what_was_decided(self.world.state, None)  # type: ignore[arg-type]

    @rule(place=st.integers(0, 9), again=st.booleans())
    def look_at_a_message(self, place: int, again: bool) -> None:
        """Somebody sends it again, or gives a notice up."""
        rows = [row for row in self._rows() if again or row.operation in KINDS]
        if rows:
            row, state = rows[place % len(rows)], MessageState.PENDING if again else MessageState.DISCARDED
            self.unwatched.add(row.arguments["sku_id"])
            self.world.state.drain.move([row.id], state, reason="somebody said so")

    # how it is done

    @contextmanager
    def _process(self, death: int | None) -> Iterator[None]:
        """What is done here is done by a process that may die of it."""
        self.world.seen["steps"] += 1
        try:
            with self.world.watching.shop.app.app_context(), self.world.fate.dying(death):
                yield
        except Killed:
            self.world.seen["deaths"] += 1

    def _edit(self, edits: Edits, death: int | None, *, commits: bool = True) -> None:
        said, session = set[tuple[str, str]](), self.world.watching.session
        with self._process(death):
            rows = self.stall.rows()
            for edit, which_, number in edits:
                if self.sees_all and edit in UNSEEN:
                    continue
                said |= edit(self.stall, which_, number) or set()
                session.flush()
                before, rows = rows, self.stall.rows()
                changed = touched(before, rows, unseen=edit in UNSEEN)
                said |= changed
                self.unwatched |= {sku_id for sku_id, _ in changed} if edit in UNSEEN else set()
            if not commits:
                session.rollback()
                return
            session.commit()
            self.world.seen["changes"] += len(said)
            self.changes.update((market, *change) for market in MARKETS for change in said)

    def _tell_of(self, wanted: Wanted, death: int | None) -> None:
        with self._process(death):
            with self.world.fate.dying(None):
                on_sale = set(self.stall.on_sale())
            asked_for = self.asked_for[wanted.name]
            more = on_sale if wanted.renotify else on_sale - asked_for
            kinds = KINDS if wanted.renotify else (CATALOG,)
            self.changes.update((market, sku_id, kind) for market in MARKETS for sku_id in more for kind in kinds)
            asked_for |= on_sale
            made = self.world.state.reconciler.run(wanted)
            self.world.state.reconciler.end(wanted, made)
            asked_for.clear()

    def _drain(self, troubles: Sequence[Trouble | None], death: int | None, meanwhile: Edits = ()) -> None:
        coming, edits = iter(troubles), [meanwhile]

        def send(message: Message, _: Any) -> Outcome:
            self.world.fate.step()
            if edits:
                with self.world.fate.dying(None):
                    self._edit(edits.pop(), None)
            with self.world.fate.dying(None):
                outcome = self._call(message, next(coming, None))
            self.world.fate.step()
            return outcome

        with suppress(Killed), self.world.fate.dying(death):
            replace(self.world.state.drain, send=send, rng=Random(7)).run()

    def _call(self, message: Message, trouble: Trouble | None) -> Outcome:
        name, sku_id = message.marketplace, message.arguments["sku_id"]
        outcome = self.markets[name].outcome(message.operation, sku_id, trouble)
        if outcome.meaning is Meaning.EXISTS or sku_id in self.stall.broken:
            # the shop does not know what the marketplace shows then, and says it again
            kinds = {PRICE: (PRICE,), STOCK: (STOCK,)}.get(message.operation, (PRICE, STOCK))
            self.changes.update((name, sku_id, kind) for kind in kinds)
        self.world.seen["calls"] += 1
        self.world.seen["troubles"] += trouble is not None
        return outcome

    def _rows(self) -> Sequence[Message]:
        """All messages, the oldest first."""
        with self.world.watching.shop.app.app_context():
            return self.world.state.outbox.page(limit=10_000)[::-1]

    # what must hold in the end

    def _settle(self) -> None:
        """All is well from now on; somebody sends again what is dead."""
        self.stall.broken.clear()
        dead = [row.id for row in self._rows() if row.state is MessageState.DEAD]
        self.world.state.drain.move(dead, MessageState.PENDING, reason="somebody said so")
        self._drain_all()
        self._hears_what_was_decided()
        self._shows_what_holds(but_for=self.unwatched)
        if self.lost:
            self._tell_of(EVERYTHING, None)
        with self._process(None):
            self.world.state.reconciler.run_if_due(every=timedelta(0))
        self._drain_all()
        self._hears_what_was_decided()
        self._shows_what_holds()

    def _hears_what_was_decided(self) -> None:
        """Nobody asks again at once about what was suggested just now."""
        self.ask_again(None)
        self._drain_all()

    def _shows_what_holds(self, but_for: Set[str] = frozenset()) -> None:
        with self.world.watching.shop.app.app_context():
            offered = set(self.stall.on_sale())
            told = {(record.marketplace, code) for code in CODES for record in self.world.state.skus.find(code)}
        assert told.issuperset((name, sku_id) for name in MARKETS for sku_id in offered - but_for)
        for name, market in self.markets.items():
            for sku_id in market.catalog.keys() - but_for:
                shown, holds = market.catalog[sku_id], self.world.ask(name, sku_id)
                assert holds is not None
                # what the shop does not offer has no price
                assert shown == (holds if sku_id in offered else holds._replace(price=shown.price)), (name, sku_id)

    def _drain_all(self) -> None:
        for _ in range(10):
            self.clock.advance(LATER)
            self._drain((), None)
            if not any(row.state is MessageState.PENDING for row in self._rows()):
                return
        raise AssertionError("messages wait for ever")

    def _knows_what_is_known(self) -> None:
        with self.world.watching.shop.app.app_context():
            records = [record for code in self.stall.on_sale() for record in self.world.state.skus.find(code)]
        for record in records:
            market, sku_id, state = self.markets[record.marketplace], record.sku_id, record.state
            assert (state is SkuState.KNOWN) == (sku_id in market.catalog), record
            assert (state in (SkuState.SUGGESTED, SkuState.PENDING)) == market.is_pending(sku_id), record
            assert (state in (SkuState.DENIED, SkuState.BLOCKED)) <= market.is_turned_down(sku_id), record
            assert state is not SkuState.UNKNOWN or record.reason, record

    def _says_no_more_than_needed(self) -> None:
        delivered = Counter[Key]()
        for row in self._rows():
            if row.operation in KINDS and row.state is MessageState.DELIVERED:
                delivered[row.marketplace, row.arguments["sku_id"], row.operation] += 1
        self.world.seen["notices"] += delivered.total()
        too_many = {key: (count, self.changes[key]) for key, count in delivered.items() if count > self.changes[key]}
        assert not too_many


def _named(name: str) -> Edit:
    return next(edit for edit in SEEN if edit.__name__ == name)


def _cart(sku_id: str) -> dict[str, Any]:
    return {"items": [{"id": sku_id, "quantity": 1000, "seller": ACME["seller_id"]}]}


@pytest.fixture
def world(new_shop: Callable[..., Shop]) -> World:
    watching = make_watching(new_shop, marketplaces=MARKETS)
    watch_all(watching)
    with watching.shop.app.app_context():
        engine = watching.shop.db.engine
    if engine.dialect.name == "sqlite":  # it is processes that die here, and no machine
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
        engine.dispose()
    fate = Fate(engine)
    return World(stall=Stall(watching), fate=fate)


def test_whatever_happens_to_products_marketplaces_show_what_holds_in_the_end(
    world: World, scale: Scale, seed: int, figures: Figures, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    sequences = scale(8, 1500)
    run_state_machine_as_test(
        with_seed(seed)(lambda: CatalogLife(world)),
        settings=settings(
            max_examples=sequences,
            stateful_step_count=20,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # to shrink takes long
            suppress_health_check=list(HealthCheck),
        ),
    )
    seen = world.seen
    figures.note("R21", sequences=seen["sequences"], steps=seen["steps"], deaths=seen["deaths"])
    figures.note("R21", changes=seen["changes"], calls=seen["calls"], notices=seen["notices"], differences=0)
    assert seen["sequences"] >= sequences
