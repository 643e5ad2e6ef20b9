"""The queries on the table of messages, each alone."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from flask_vtex_seller.marketplace.operations import OPERATIONS
from flask_vtex_seller.outbox.ledger import OutboxLedger, Scope
from flask_vtex_seller.outbox.message import Message, MessageState
from flask_vtex_seller.outbox.rows import Settlement

from .box import Box, invoice, notice, said

MARKETPLACES = ("acme", "other")


def lease(
    box: Box, limit: int = 20, *, seconds: float = 60, marketplaces: Sequence[str] = MARKETPLACES
) -> tuple[list[Message], datetime]:
    now = box.clock.now()
    until = now + timedelta(seconds=seconds)
    with box.ledger() as ledger:
        scopes = [Scope(marketplace=name, operations=tuple(OPERATIONS)) for name in marketplaces]
        return ledger.lease(now=now, until=until, limit=limit, scopes=scopes), until


def settle(box: Box, message: Message, until: datetime, state: MessageState, **values: Any) -> bool:
    with box.ledger() as ledger:
        settlement = Settlement(message=message, until=until, state=state, **values)
        return bool(ledger.settle([settlement], now=box.clock.now()))


def names(messages: Sequence[Message]) -> list[str]:
    return [said(message) for message in messages]


# append


def test_a_message_is_kept_as_it_was_said(box: Box) -> None:
    body = {"reason": "maçã 🍎 \u2028", "n": [1, None, True, 2**53, 1.5], "": {}}
    box.say(invoice("1", body=body))
    [message], _ = lease(box)
    assert message.body == body
    assert (message.marketplace, message.operation, message.lane) == ("acme", "invoice", "order:1-01")
    assert message.arguments == {"marketplace_order_id": "1-01", "invoice_number": "1"}
    assert message.created_at == message.due_at == box.clock.now()
    assert (message.state, message.merges, message.settled_at) == (MessageState.PENDING, False, None)


def test_a_message_without_a_body_has_none_and_one_with_an_empty_body_has_it(box: Box) -> None:
    box.say(notice("apple"), invoice("1", body={}))
    messages, _ = lease(box)
    assert [message.body for message in messages] == [None, {}]


def test_saying_nothing_writes_nothing(box: Box) -> None:
    box.say()
    assert box.rows() == []


def test_ids_grow_in_the_order_of_saying_and_are_never_used_again(box: Box) -> None:
    """R3: they are a lane's order."""
    box.say(invoice("1"), invoice("2"))
    first = box.ids()
    assert first == sorted(first)
    with box.ledger() as ledger:
        ledger.move(first, MessageState.DISCARDED, now=box.clock.now(), reason="made up")
    box.clock.advance(1)
    with box.ledger() as ledger:
        ledger.purge(before=box.clock.now(), limit=10)
    box.say(invoice("3"))
    assert box.ids()[-1] > first[-1]
    assert first[0] not in box.ids()


def test_a_repr_shows_neither_body_nor_answer(box: Box) -> None:
    """S7"""
    box.say(invoice("1", body={"name": "Maria"}))
    [message], until = lease(box)
    settle(box, message, until, MessageState.DEAD, excerpt="Maria Silva")
    with box.ledger() as ledger:
        assert "Maria" not in repr(ledger.get(message.id))


# lease


def test_the_oldest_message_of_each_lane_is_taken_the_oldest_first(box: Box) -> None:
    box.say(
        invoice("1", order="A"),
        invoice("2", order="A"),
        invoice("3", order="B"),
        notice("apple"),
        invoice("4", order="B"),
    )
    assert names(lease(box)[0]) == ["1", "3", "apple"]


def test_no_more_than_asked_for_is_taken(box: Box) -> None:
    box.say(*(invoice(str(number), order=str(number)) for number in range(5)))
    assert names(lease(box, 2)[0]) == ["0", "1"]
    assert names(lease(box, 2)[0]) == ["2", "3"]
    assert names(lease(box, 2)[0]) == ["4"]


def test_the_attempt_is_counted_when_it_is_taken(box: Box) -> None:
    """R15"""
    box.say(invoice("1"))
    [message], _ = lease(box)
    assert (message.attempts, box.rows()[0].attempts) == (1, 1)


def test_what_is_taken_is_not_taken_again_before_its_lease_ends(box: Box) -> None:
    """R2"""
    box.say(invoice("1"), invoice("2"))
    assert names(lease(box, seconds=60)[0]) == ["1"]
    box.clock.advance(59.999999)
    assert lease(box)[0] == []
    box.clock.advance(0.000001)
    [message], _ = lease(box)
    assert (said(message), message.attempts) == ("1", 2)


def test_what_is_not_due_is_not_taken(box: Box) -> None:
    box.say(invoice("1"))
    box.clock.advance(-1)
    assert lease(box)[0] == []
    box.clock.advance(1)
    assert names(lease(box)[0]) == ["1"]


def test_lanes_of_two_marketplaces_are_two_though_they_share_a_name(box: Box) -> None:
    box.say(invoice("1"), invoice("2", marketplace="other"))
    assert names(lease(box)[0]) == ["1", "2"]


def test_only_messages_to_the_marketplaces_asked_for_are_taken(box: Box) -> None:
    box.say(invoice("1"), invoice("2", marketplace="other"))
    assert names(lease(box, marketplaces=["other"])[0]) == ["2"]
    assert lease(box, marketplaces=[])[0] == []


@pytest.mark.parametrize(
    ("state", "draft", "next_is_free"),
    [
        (MessageState.DELIVERED, invoice, True),
        (MessageState.DISCARDED, invoice, True),
        (MessageState.DEAD, invoice, False),
        (MessageState.PENDING, invoice, False),
        (MessageState.HELD, invoice, False),
        (MessageState.DEAD, notice, True),
        (MessageState.PENDING, notice, False),
    ],
)
def test_what_a_settled_head_means_for_its_lane(box: Box, state: MessageState, draft: Any, next_is_free: bool) -> None:
    """R3"""
    extra = {} if draft is invoice else {"merges": False}
    box.say(draft("x", **extra), draft("x", **extra))
    [head], until = lease(box)
    assert settle(box, head, until, state, due_at=box.clock.now() + timedelta(hours=1))
    assert len(lease(box)[0]) == next_is_free


# settle, hand back


def test_settling_writes_what_became_of_the_message_and_ends_the_lease(box: Box) -> None:
    box.say(invoice("1"))
    [message], until = lease(box)
    box.clock.advance(1)
    assert settle(box, message, until, MessageState.DEAD, status=400, reason="400", excerpt="no")
    with box.ledger() as ledger:
        found = ledger.get(message.id)
    assert found is not None
    assert (found.state, found.last_status, found.last_reason, found.last_excerpt) == (
        MessageState.DEAD,
        400,
        "400",
        "no",
    )
    assert found.settled_at == box.clock.now()
    assert box.rows()[0].leased_until is None


def test_a_message_that_will_be_tried_again_is_not_settled(box: Box) -> None:
    box.say(invoice("1"))
    [message], until = lease(box)
    later = box.clock.now() + timedelta(minutes=5)
    assert settle(box, message, until, MessageState.PENDING, due_at=later, reason="503")
    with box.ledger() as ledger:
        found = ledger.get(message.id)
    assert found is not None
    assert (found.state, found.due_at, found.settled_at) == (MessageState.PENDING, later, None)


def test_a_reason_of_any_length_fits(box: Box) -> None:
    box.say(invoice("1"))
    [message], until = lease(box)
    assert settle(box, message, until, MessageState.DEAD, reason="ç" * 5000)
    assert box.rows()[0].last_reason == "ç" * 500


def test_a_lease_that_somebody_else_took_over_settles_and_hands_back_nothing(box: Box) -> None:
    """R2"""
    box.say(invoice("1"))
    [message], lost = lease(box)
    box.clock.advance(60)
    _, until = lease(box)
    assert not settle(box, message, lost, MessageState.DELIVERED)
    with box.ledger() as ledger:
        ledger.hand_back([message.id], until=lost)
    assert (box.rows()[0].state, box.rows()[0].attempts) == ("pending", 2)
    assert settle(box, message, until, MessageState.DELIVERED)


def test_a_message_is_settled_once(box: Box) -> None:
    box.say(invoice("1"))
    [message], until = lease(box)
    assert settle(box, message, until, MessageState.DELIVERED)
    assert not settle(box, message, until, MessageState.DEAD)
    assert box.states() == {"1": "delivered"}


def test_what_is_handed_back_is_as_if_it_had_never_been_taken(box: Box) -> None:
    """R19"""
    box.say(invoice("1", order="A"), invoice("2", order="B"))
    before = box.rows()
    messages, until = lease(box)
    with box.ledger() as ledger:
        ledger.hand_back([message.id for message in messages], until=until)
    assert box.rows() == before


# merge


def test_a_notice_speaks_for_the_pending_ones_of_its_sku_kind_and_marketplace_only(box: Box) -> None:
    box.say(
        notice("apple"),
        notice("apple"),
        notice("apple", "inventory"),
        notice("pear"),
        notice("apple", marketplace="other"),
        notice("apple", merges=False),
        notice("apple"),
    )
    head, *_ = lease(box)[0]
    with box.ledger() as ledger:
        assert ledger.merge([head], now=box.clock.now()) == 2
    rows = box.rows()
    merged = [position for position, row in enumerate(rows) if row.state == "merged"]
    assert merged == [1, 6]
    assert {rows[position].last_reason for position in merged} == {f"said by message {head.id}"}


def test_a_notice_speaks_for_the_dead_ones_before_it_too(box: Box) -> None:
    box.say(notice("apple"), notice("pear"))
    messages, until = lease(box)
    for message in messages:
        settle(box, message, until, MessageState.DEAD)
    box.say(notice("apple"))
    box.run()
    assert [row.state for row in box.rows()] == ["merged", "dead", "delivered"]


# move


@pytest.mark.parametrize("state", [MessageState.DELIVERED, MessageState.MERGED, MessageState.DISCARDED])
def test_what_is_over_is_not_moved(box: Box, state: MessageState) -> None:
    box.say(invoice("1"))
    [message], until = lease(box)
    settle(box, message, until, state)
    with box.ledger() as ledger:
        assert not ledger.move([message.id], MessageState.PENDING, now=box.clock.now(), reason="again")
    assert box.states() == {"1": state.value}


def test_a_dead_message_starts_afresh(box: Box) -> None:
    box.say(invoice("1"))
    [message], until = lease(box)
    settle(box, message, until, MessageState.DEAD)
    box.clock.advance(600)
    with box.ledger() as ledger:
        moved = ledger.move([message.id, 10**6], MessageState.PENDING, now=box.clock.now(), reason="again")
    assert [again.id for again in moved] == [message.id]
    [again], _ = lease(box)
    assert (again.id, again.attempts, again.settled_at, again.last_reason) == (message.id, 1, None, "again")


def test_a_message_that_is_being_sent_is_not_moved_until_its_lease_has_ended(box: Box) -> None:
    box.say(invoice("1"))
    [message], until = lease(box)
    for expected in (0, 1):
        with box.ledger() as ledger:
            now = box.clock.now()
            assert len(ledger.move([message.id], MessageState.DISCARDED, now=now, reason="enough")) == expected
        box.clock.advance(60)
    assert not settle(box, message, until, MessageState.DELIVERED), "whoever held the lease has lost it"


# hold, release, withdraw


def test_what_is_written_as_held_is_taken_only_once_it_is_released_and_in_its_order(box: Box) -> None:
    with box.ledger() as ledger:
        ledger.append([invoice("1"), invoice("2")], now=box.clock.now(), held=True)
    box.say(invoice("3"), invoice("4", order="B"), invoice("5", marketplace="other"))
    assert names(lease(box, marketplaces=["acme"])[0]) == ["4"]
    with box.ledger() as ledger:
        ledger.release("acme", "order:1-01", now=box.clock.now())
    for number in ("1", "2", "3"):
        [message], until = lease(box, marketplaces=["acme"])
        assert said(message) == number
        settle(box, message, until, MessageState.DELIVERED)


def test_a_released_message_has_all_its_time_before_it(box: Box) -> None:
    with box.ledger() as ledger:
        ledger.append([invoice("1")], now=box.clock.now(), held=True)
        box.clock.advance(30 * 86400)
        ledger.release("acme", "order:1-01", now=box.clock.now())
    [message], _ = lease(box)
    assert message.tried_since == box.clock.now()


def test_only_a_lanes_own_messages_of_the_operations_asked_for_are_held_and_withdrawn(box: Box) -> None:
    box.say(invoice("1"), notice("apple"), invoice("2", marketplace="other"), invoice("3", order="B"))
    now = box.clock.now()
    with box.ledger() as ledger:
        ledger.hold("acme", "order:1-01", ["tracking"], now=now)
        assert ledger.withdraw("acme", "order:1-01", ["tracking"], now=now, reason="gone") == []
        ledger.hold("acme", "order:1-01", ["invoice"], now=now)
    assert box.states() == {"1": "held", "apple": "pending", "2": "pending", "3": "pending"}
    with box.ledger() as ledger:
        withdrawn = ledger.withdraw("acme", "order:1-01", ["invoice"], now=now, reason="gone")
    assert names(withdrawn) == ["1"]
    assert (box.states()["1"], box.rows()[0].last_reason) == ("discarded", "gone")


def test_what_is_being_sent_is_neither_held_nor_withdrawn(box: Box) -> None:
    box.say(invoice("1"))
    [message], until = lease(box)
    with box.ledger() as ledger:
        ledger.hold("acme", message.lane, ["invoice"], now=box.clock.now())
        assert ledger.withdraw("acme", message.lane, ["invoice"], now=box.clock.now(), reason="gone") == []
    assert settle(box, message, until, MessageState.DELIVERED)


# reading


def test_pages_are_narrowed_and_begin_with_the_newest(box: Box) -> None:
    box.say(invoice("1", order="A"), invoice("2", order="A"), invoice("3", marketplace="other"), notice("apple"))
    [head, *_], until = lease(box)
    settle(box, head, until, MessageState.DEAD)

    def page(**changes: Any) -> list[str]:
        with box.ledger() as ledger:
            return names(ledger.page(**{"state": None, "marketplace": None, "lane": None, "limit": 50, **changes}))

    assert page() == ["apple", "3", "2", "1"]
    assert page(limit=2) == ["apple", "3"]
    assert page(state=MessageState.DEAD) == ["1"]
    assert page(marketplace="other") == ["3"]
    assert page(lane="order:A") == ["2", "1"]
    assert page(lane="order:A", state=MessageState.PENDING) == ["2"]
    assert page(lane="order:%") == []


def test_an_unknown_message_is_none(box: Box) -> None:
    with box.ledger() as ledger:
        assert ledger.get(1) is None


# purge


def test_only_what_was_over_long_ago_is_deleted(box: Box) -> None:
    states = [
        MessageState.DELIVERED,
        MessageState.MERGED,
        MessageState.DISCARDED,
        MessageState.DEAD,
        MessageState.PENDING,
    ]
    box.say(*(invoice(state.value, order=state.value) for state in states))
    messages, until = lease(box)
    for message, state in zip(messages, states, strict=True):
        settle(box, message, until, state)
    settled = box.clock.now()
    with box.ledger() as ledger:
        later = settled + timedelta(microseconds=1)
        assert ledger.purge(before=settled, limit=10) == 0
        assert [ledger.purge(before=later, limit=2) for _ in range(3)] == [2, 1, 0]
    assert set(box.states()) == {"dead", "pending"}


def test_what_waits_elsewhere_is_not_walked_to_merge_notices(box: Box) -> None:
    """With as many leases as a worker takes, SQLite would go by the state; it must go by the lanes."""
    if box.state.drain.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL plans by what is in the table")
    statements: list[tuple[str, Any]] = []
    engine = box.state.drain.engine
    event.listen(engine, "before_cursor_execute", lambda *told: statements.append((told[2], told[3])))
    box.say(*(notice(f"sku-{number}") for number in range(64)))
    with engine.begin() as connection:
        ledger = OutboxLedger(connection, box.state.drain.table)
        scope = Scope(marketplace="acme", operations=("price_notification",))
        messages = ledger.lease(now=box.clock.now(), until=box.clock.now(), limit=64, scopes=[scope])
        ledger.merge(messages, now=box.clock.now())
        ledger.waiting("acme", [message.lane for message in messages], ["price_notification"])
        asked = statements[-2:]
        assert len(asked) == 2
        for statement, values in asked:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            assert "ix_vtex_outbox_marketplace_lane_id" in (words := str(plan.all())), words
            assert "ix_vtex_outbox_state" not in words
