"""Whatever happens to an order in whatever order, it becomes what the reference model says. (R10)"""

import contextlib
import itertools
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as with_seed
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, delete, select, text

from flask_vtex_seller import (
    Agreement,
    CancellationDecision,
    CancellationRequest,
    FulfillmentAuthorization,
    FulfillmentRefused,
    IllegalTransition,
    Order,
    OrderPlacement,
    OrderState,
    OutOfStock,
    TrackingStatus,
    UnknownOrder,
)
from flask_vtex_seller.clock import to_epoch_us
from flask_vtex_seller.marketplace.outcome import Outcome, Verdict
from flask_vtex_seller.orders.lane import order_lane
from flask_vtex_seller.outbox.message import Message, MessageState
from flask_vtex_seller.state import current_state

from ..contract.speaking import NOW, TRACKING, make_invoice, speaking
from ..shops import Shop, StoppedClock, order_body
from .conftest import Scale
from .order_model import End, Hook, OrderModel, Refused, Reply
from .report import Figures
from .warehouse import DEED, END, Warehouse

OUTCOMES = {
    End.ARRIVES: Outcome(verdict=Verdict.DELIVERED, status=200, reason="200"),
    End.REFUSED: Outcome(verdict=Verdict.REFUSED, status=400, reason="400"),
    # of no host's making: the breaker has tests of its own
    End.FAILS: Outcome(verdict=Verdict.RETRY, reason="failed"),
}
_ORDERS = text("SELECT * FROM vtex_order")
_MESSAGES = text("SELECT * FROM vtex_outbox ORDER BY id")
ALL_IS_DUE = 2 * 3600.0
"""Seconds after which whatever failed is due again."""
ASKED = {
    OrderPlacement: "placed",
    FulfillmentAuthorization: "released",
    CancellationRequest: "canceled",
    Order: "expired",
}
Call = Callable[[], None]

mostly_first = st.sampled_from([0, 0, 0, 1])
"""Of the two orders: it is the interplay in one that is tried; the other must not feel it."""
does = st.sampled_from(Hook)
mostly_answers = st.sampled_from([*[Hook.ANSWERS] * 5, *Hook])
times = st.sampled_from([1, 1, 2])
contents = st.sampled_from([0, 0, 0, 1])
requests = st.sampled_from([None, "1", "2"])
decisions = st.sampled_from(CancellationDecision)
ends = st.lists(st.sampled_from([End.ARRIVES, End.ARRIVES, *End]), max_size=4)
VERBS: dict[str, list[tuple[Any, ...]]] = {
    "send_invoice": list(itertools.product(["1", "2", "3"], [3830, 1000, 2830], [False, True], [False, True])),
    "return_invoice": list(itertools.product(["8", "9", "1"], [3830, 1000, 2830])),
    "track": [("1",), ("2",), ("8",)],
    "update_tracking": list(itertools.product(["1", "2", "8"], [True, False])),
    "agree": [()],
    "cancel_by_shop": [()],
    "return_and_cancel": list(itertools.product(["8", "9", "1"], [3830, 1000, 2830])),
    "confirm": [()],
    "refuse": [()],
}
"""With what the model's verbs may be called."""
wishes = st.tuples(st.sampled_from(list(VERBS)), st.integers(0, 35), st.sampled_from([True, True, True, False]))
"""A verb, one of its cases, and whether it shall be one that is allowed."""


@dataclass
class Seen:
    """What is committed."""

    orders: dict[str, Any]
    lanes: dict[str, list[tuple[str, str, str, int]]]
    """The oldest message first."""
    deeds: dict[str, Counter[str]]


@dataclass
class World:
    """The shop that all sequences are tried in, and what was seen."""

    warehouse: Warehouse
    clock: StoppedClock
    numbers: Iterator[int] = field(default_factory=itertools.count)
    seen: Counter[str] = field(default_factory=Counter)

    @property
    def shop(self) -> Shop:
        return self.warehouse.shop

    @cached_property
    def engine(self) -> Engine:
        with self.shop.app.app_context():
            return self.shop.db.engine

    def look(self) -> Seen:
        """Read everything at once: this happens after every step."""
        lanes, deeds = dict[str, list[tuple[str, str, str, int]]](), dict[str, Counter[str]]()
        with self.engine.connect() as connection:
            orders = {row.marketplace_order_id: row for row in connection.execute(_ORDERS)}
            for row in connection.execute(_MESSAGES):
                number = json.loads(row.arguments).get("invoice_number", "")
                lanes.setdefault(row.lane, []).append((row.operation, number, row.state, row.attempts))
            for row in connection.execute(select(DEED)):
                deeds.setdefault(row.marketplace_order_id, Counter())[row.what] += 1
        return Seen(orders=orders, lanes=lanes, deeds=deeds)

    def empty(self) -> None:
        self.shop.asked.clear()
        with self.engine.begin() as connection:
            for table in (*self.shop.db.metadata.sorted_tables, DEED):
                connection.execute(delete(table))


BEGINNINGS = [
    "",
    "place",
    "place wait expire",
    "place authorize",
    "place authorize evaluate",
    "place authorize evaluate invoice",
    "place authorize invoice_a_part drain",
    "place authorize invoice drain",
    "place authorize invoice arrive drain",
    "place authorize invoice return drain",
]
"""How far the first order has come when a sequence begins."""


class OrderLife(RuleBasedStateMachine):
    """Two orders, from before they are placed."""

    def __init__(self, world: World, beginning: str) -> None:
        super().__init__()
        self.world, self.shop, self.beginning = world, world.shop, beginning
        self.ids = [f"{next(world.numbers):013}-01" for _ in range(2)]
        self.models = [OrderModel() for _ in self.ids]
        self.shop_ids: dict[str, str] = {}
        self.answers: dict[tuple[str, str], Any] = {}
        """The first of each kind: a repeat gets the same."""
        self.history: list[Call] = []
        self.hooks: dict[str, Hook] = {}
        world.warehouse.reach = self._behave

    def teardown(self) -> None:
        self.world.seen["sequences"] += 1
        self.world.empty()

    # the marketplace

    @initialize()
    def begin(self) -> None:
        def say(verb: str, *arguments: Any) -> Call:
            return lambda: self._speak(0, [(verb, arguments)], commits=True)

        steps: dict[str, Call] = {
            "place": lambda: self._place([0], 0, [Hook.ANSWERS]),
            "wait": lambda: self.wait(200),
            "expire": lambda: self.expire(Hook.ANSWERS),
            "authorize": lambda: self._authorize(0, "shop", Hook.ANSWERS),
            "evaluate": lambda: self._cancel(0, "shop", "1", CancellationDecision.EVALUATE, Hook.ANSWERS),
            "invoice": say("send_invoice", "1", 3830, True, False),
            "invoice_a_part": say("send_invoice", "1", 1000, True, False),
            "arrive": say("update_tracking", "1", True),
            "return": say("return_invoice", "9", 3830),
            "drain": lambda: self.drain(([], [])),
        }
        for step in self.beginning.split():
            steps[step]()

    @rule(
        orders=st.sampled_from([[0], [0], [1], [0, 1], [1, 0], [0, 0]]),
        content=contents,
        hooks=st.lists(does, min_size=2, max_size=2),
        times=times,
    )
    def place(self, orders: list[int], content: int, hooks: list[Hook], times: int) -> None:
        if len(set(orders)) > 1:  # what a hook commits of an array is its own affair
            hooks = [hook if not hook.commits else Hook.ANSWERS for hook in hooks]
        self._call(lambda: self._place(orders, content, hooks), times)

    @rule(order=mostly_first, by=st.sampled_from(["shop", "marketplace", "both"]), hook=mostly_answers, times=times)
    def authorize(self, order: int, by: str, hook: Hook, times: int) -> None:
        self._call(lambda: self._authorize(order, by, hook), times)

    @rule(
        order=mostly_first,
        by=st.sampled_from(["shop", "marketplace", "both"]),
        request=requests,
        decision=decisions,
        hook=mostly_answers,
        times=times,
    )
    def cancel(
        self, order: int, by: str, request: str | None, decision: CancellationDecision, hook: Hook, times: int
    ) -> None:
        self._call(lambda: self._cancel(order, by, request, decision, hook), times)

    @rule(which=st.integers(0, 50))
    def call_again(self, which: int) -> None:
        """A call of long ago."""
        if self.history:
            self.world.seen["repeats"] += 1
            self.history[which % len(self.history)]()

    # the shop

    @rule(
        order=mostly_first,
        wishes=st.lists(wishes, min_size=1, max_size=5),
        commits=st.sampled_from([True] * 3 + [False]),
    )
    def speak(self, order: int, wishes: list[tuple[str, int, bool]], commits: bool) -> None:
        """One transaction of the shop's, that goes on after a verb that raises."""
        model, verbs = self.models[order].copy(), []
        for wish in wishes:
            verbs.append(self._choose(model, *wish))
            with contextlib.suppress(Refused):
                getattr(model, verbs[-1][0])(self.world.clock.now(), *verbs[-1][1])
        self._speak(order, verbs, commits=commits)

    speak_more = speak  # a rule's chance is one of all rules

    def _choose(self, model: OrderModel, name: str, case: int, allowed: bool) -> tuple[str, tuple[Any, ...]]:
        """Return a verb with its arguments; where none is allowed, any."""
        names = list(VERBS)
        first = names.index(name)
        for other in [*names[first:], *names[:first]] if allowed else []:
            cases = VERBS[other]
            for number in range(len(cases)):
                arguments = cases[(case + number) % len(cases)]
                if self._is_allowed(model, other, arguments):
                    return other, arguments
        return name, VERBS[name][case % len(VERBS[name])]

    def _is_allowed(self, model: OrderModel, verb: str, arguments: tuple[Any, ...]) -> bool:
        try:
            getattr(model.copy(), verb)(self.world.clock.now(), *arguments)
        except Refused:
            return False
        return True

    def _speak(self, order: int, verbs: list[tuple[str, tuple[Any, ...]]], *, commits: bool) -> None:
        model = self.models[order].copy()
        with contextlib.suppress(_RollBack), speaking(self.shop):
            for verb, arguments in verbs:
                self._say(model, self.ids[order], verb, arguments)
            if not commits:
                raise _RollBack
        if commits:
            self.models[order] = model

    def _say(self, model: OrderModel, id_: str, verb: str, arguments: Sequence[Any]) -> None:
        expected, raised = "", ""
        try:
            getattr(model, verb)(self.world.clock.now(), *arguments)
        except Refused as refused:
            expected = refused.args[0]
        try:
            _SAY[verb](self.shop.seller, self.shop_ids.get(id_, "S-0"), *arguments)
        except (IllegalTransition, ValueError, UnknownOrder) as error:
            raised = type(error).__name__
        assert raised == expected, (verb, arguments, raised, expected)
        self.world.seen["verbs refused" if raised else verb] += 1
        self.world.seen["verbs"] += not raised

    # time, and the worker

    @rule(hours=st.sampled_from([1, 30, 80, 200]))
    def wait(self, hours: int) -> None:
        self.world.clock.advance(hours * 3600.0)

    @rule(hook=mostly_answers)
    def expire(self, hook: Hook) -> None:
        self.hooks = dict.fromkeys(self.ids, hook)
        self.world.warehouse.commits = hook.commits
        for model in self.models:
            model.expire(hook, self.world.clock.now())
        with self.shop.app.app_context():
            current_state().reservations.expire()

    @rule(ends=st.tuples(ends, ends))
    def drain(self, ends: tuple[list[End], list[End]]) -> None:
        self.world.clock.advance(ALL_IS_DUE)
        now, tried = self.world.clock.now(), dict[str, list[tuple[str, str]]]()
        script = {
            order_lane(id_): iter([OUTCOMES[end] for end in some]) for id_, some in zip(self.ids, ends, strict=True)
        }

        def send(message: Message, _: Any) -> Outcome:
            tried.setdefault(message.lane, []).append(_said(message))
            return next(script[message.lane], OUTCOMES[End.ARRIVES])

        with self.shop.app.app_context():
            replace(current_state().drain, send=send, rng=Random(7)).run()
        for id_, model, some in zip(self.ids, self.models, ends, strict=True):
            assert tried.get(order_lane(id_), []) == model.drain(list(some), now)

    drain_more = drain

    @rule(order=mostly_first, place=st.integers(0, 9), again=st.booleans())
    def look_at_a_message(self, order: int, place: int, again: bool) -> None:
        """Somebody sends it again, or gives it up."""
        messages, model = self._messages(self.ids[order]), self.models[order]
        if not messages:
            return
        place %= len(messages)
        if again:
            model.send_again(place, self.world.clock.now())
        else:
            model.give_up(place)
        state = MessageState.PENDING if again else MessageState.DISCARDED
        with self.shop.app.app_context():
            current_state().drain.move([messages[place].id], state, reason="somebody said so")

    # what must hold

    @invariant()
    def is_what_the_model_says(self) -> None:
        self.world.seen["steps"] += 1
        asked = Counter((ASKED[type(a)], a.marketplace_order_id) for a in self.shop.asked if type(a) in ASKED)
        expected = Counter(
            {(what, id_): n for id_, m in zip(self.ids, self.models, strict=True) for what, n in m.asked.items()}
        )
        assert asked == expected
        seen = self.world.look()
        for id_, model in zip(self.ids, self.models, strict=True):
            self._compare(id_, model, seen)

    def _compare(self, id_: str, model: OrderModel, seen: Seen) -> None:
        order = seen.orders.get(id_)
        if model.state is None:
            assert (order.state if order else None) == ("placing" if model.left_by_hook else None)
        else:
            assert order is not None
            assert order.claimed_until is None
            assert (order.state, order.order_id) == (model.state.value, self.shop_ids[id_])
            assert order.reserved_until == to_epoch_us(model.reserved_until)
            assert (order.authorized_at is not None) == model.authorized
            decision = model.decision and model.decision.value
            assert (order.cancellation_decision, order.cancellation_request_id) == (decision, model.request)
            assert (order.cancellation_said_at is not None) == model.canceling
            assert (order.invoiced_said, order.invoiced_value) == (
                model.sum(sale=True),
                model.sum(sale=True, arrived=True),
            )
            assert (order.returned_said, order.returned_value) == (
                model.sum(sale=False),
                model.sum(sale=False, arrived=True),
            )
            self.world.seen[order.state] += 1
        lane = [(said.operation, said.number, said.state, said.attempts) for said in model.lane]
        assert seen.lanes.get(order_lane(id_), []) == lane
        assert seen.deeds.get(id_, {}) == model.deeds

    # how it is done

    def _call(self, call: Call, times: int) -> None:
        self.history.append(call)
        for _ in range(times):
            call()
        self.world.seen["repeats"] += times - 1

    def _behave(self, point: str, id_: str) -> None:
        if point != END:
            return
        hook = self.hooks[id_]
        if hook is Hook.REFUSES:
            raise self.refusal("no")
        if not hook.answers:
            raise RuntimeError("the mail server is away")

    refusal: Callable[[str], Exception] = RuntimeError

    def _place(self, orders: list[int], content: int, hooks: list[Hook]) -> None:
        names = [self.ids[order] for order in orders]
        self.hooks, self.refusal = dict(zip(names, hooks, strict=False)), OutOfStock
        if len(set(orders)) < len(orders):
            self.hooks[names[0]] = hooks[0]
        self.world.warehouse.commits = any(self.hooks[name].commits for name in names)
        expected = self._expect_placed(list(dict.fromkeys(orders)), content)
        bodies = [order_body(name, marketplacePaymentValue=3830 + content) for name in names]
        answer = self.shop.call("/pvt/orders", bodies)
        assert _reply(answer, "placed") == expected
        if expected.status == 200:
            for name, told in zip(names, answer.json, strict=True):
                assert self.shop_ids.setdefault(name, told["orderId"]) == told["orderId"]

    def _expect_placed(self, orders: list[int], content: int) -> Reply:
        """All or none; hooks are called only when no order of the array contradicts what is known."""
        now, tried = self.world.clock.now(), [model.copy() for model in self.models]
        for order in orders:
            model = self.models[order]
            if (model.state is not None or model.left_by_hook) and model.content != content:
                return Reply(409, "FMT009")
        for order in orders:
            reply = tried[order].place(content, self.hooks[self.ids[order]], now)
            if reply.status != 200:
                break
        if reply.status == 200 or len(orders) == 1:
            self.models = tried
        else:  # rolled back, but for the fact that hooks were called
            for model, attempted in zip(self.models, tried, strict=True):
                model.asked = attempted.asked
        return reply

    def _authorize(self, order: int, by: str, hook: Hook) -> None:
        self._prepare(order, hook, FulfillmentRefused)
        was_expired = self.models[order].state is OrderState.EXPIRED
        expected, calls = self.models[order].authorize(hook), len(self.shop.asked_for(FulfillmentAuthorization))
        answer = self._call_about(order, by, "fulfill", {})
        assert _reply(answer, "authorized") == expected
        self._is_the_same(order, expected, answer)
        assert all(a.reservation_expired == was_expired for a in self.shop.asked_for(FulfillmentAuthorization)[calls:])

    def _cancel(self, order: int, by: str, request: str | None, decision: CancellationDecision, hook: Hook) -> None:
        self._prepare(order, hook, RuntimeError)
        self.world.warehouse.decision = decision
        expected = self.models[order].cancel(request, decision, hook, self.world.clock.now())
        answer = self._call_about(order, by, "cancel", {"cancellationRequestId": request} if request else {})
        assert _reply(answer, "canceled") == expected
        self._is_the_same(order, expected, answer)

    def _prepare(self, order: int, hook: Hook, refusal: Callable[[str], Exception]) -> None:
        self.hooks, self.refusal = {self.ids[order]: hook}, refusal
        self.world.warehouse.commits = hook.commits

    def _call_about(self, order: int, by: str, what: str, body: dict[str, Any]) -> Any:
        id_ = self.ids[order]
        path = id_ if by == "marketplace" else self.shop_ids.get(id_, "D-0")
        return self.shop.call(
            f"/pvt/orders/{path}/{what}", body if by == "shop" else {**body, "marketplaceOrderId": id_}
        )

    def _is_the_same(self, order: int, expected: Reply, answer: Any) -> None:
        if expected.status == 200 and expected.what:
            told = self.answers.setdefault((self.ids[order], expected.what), answer.json)
            assert answer.json == told

    def _messages(self, id_: str) -> list[Message]:
        """The oldest first."""
        with self.shop.app.app_context():
            return current_state().outbox.page(lane=order_lane(id_), limit=999)[::-1]


class _RollBack(Exception):
    pass


_SAY: dict[str, Callable[..., None]] = {
    "send_invoice": lambda seller, order, number, value, tracked, refuses: seller.send_invoice(
        order, make_invoice(number, value, tracking=TRACKING if tracked else None), refuses_cancellation=refuses
    ),
    "return_invoice": lambda seller, order, number, value: seller.return_invoice(order, make_invoice(number, value)),
    "track": lambda seller, order, number: seller.send_tracking(order, number, TRACKING),
    "update_tracking": lambda seller, order, number, delivered: seller.update_tracking_status(
        order, number, TrackingStatus(is_delivered=delivered, delivered_at=NOW if delivered else None)
    ),
    "agree": lambda seller, order: seller.send_agreement(order, "change-1", Agreement.ACKNOWLEDGMENT),
    "cancel_by_shop": lambda seller, order: seller.cancel_order(order, reason="broken"),
    "return_and_cancel": lambda seller, order, number, value: seller.cancel_order(
        order, reason="broken", return_invoice=make_invoice(number, value)
    ),
    "confirm": lambda seller, order: seller.confirm_cancellation(order),
    "refuse": lambda seller, order: seller.refuse_cancellation(order),
}


def _said(message: Message) -> tuple[str, str]:
    return message.operation, message.arguments.get("invoice_number", "")


def _reply(answer: Any, done: str) -> Reply:
    if answer.status_code != 200:
        return Reply(answer.status_code, answer.json["error"]["code"])
    return Reply(200, done if answer.data else "")


@pytest.fixture
def world(new_shop: Callable[..., Shop]) -> World:
    clock = StoppedClock()
    warehouse = Warehouse(new_shop(clock=clock))
    warehouse.build()
    return World(warehouse=warehouse, clock=clock)


@pytest.mark.parametrize("beginning", BEGINNINGS, ids=lambda beginning: beginning or "nothing yet")
def test_whatever_happens_to_an_order_it_is_what_the_model_says(
    world: World, beginning: str, scale: Scale, seed: int, figures: Figures, caplog: pytest.LogCaptureFixture
) -> None:
    """Calls of the marketplace's in any order and doubled, verbs, commits and rollbacks, time, deliveries, somebody."""
    caplog.set_level(logging.CRITICAL)  # hooks raise by the thousand
    sequences = scale(40, 2000) // len(BEGINNINGS)
    run_state_machine_as_test(
        with_seed(seed)(lambda: OrderLife(world, beginning)),
        settings=settings(
            max_examples=sequences,
            stateful_step_count=16,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # to shrink takes long
            suppress_health_check=list(HealthCheck),
        ),
    )
    seen = world.seen
    figures.note("R10", sequences=seen["sequences"], steps=seen["steps"], repeated_calls=seen["repeats"])
    figures.note("R10", verbs=seen["verbs"], verbs_refused=seen["verbs refused"], differences_from_the_model=0)
    assert seen["sequences"] >= sequences
    assert not scale.full or seen["verbs"] > sequences / 10
