"""Records of SKUs: each change one statement, whoever else changes them at that moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import MetaData
from sqlalchemy.orm import scoped_session, sessionmaker

from flask_vtex_seller import ConfigurationError
from flask_vtex_seller.catalog.ledger import SkuLedger
from flask_vtex_seller.catalog.sku import SkuRecord, SkuState
from flask_vtex_seller.database import attach

from .conftest import World

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
UNKNOWN, SUGGESTED, KNOWN = SkuState.UNKNOWN, SkuState.SUGGESTED, SkuState.KNOWN
PENDING = SkuState.PENDING
THREADS = 6


def mark_one(
    ledger: SkuLedger, sku_id: str, state: SkuState, *, marketplace: str = "acme", reason: str = "", **more: Any
) -> bool:
    return bool(ledger.mark({(marketplace, sku_id): reason}, state, **more))


def mark(world: World, sku_id: str, state: SkuState, now: datetime = NOON, **more: Any) -> bool:
    written: bool = world.ledger(lambda ledger: mark_one(ledger, sku_id, state, now=now, **more))
    return written


def record(world: World, sku_id: str = "beans") -> SkuRecord:
    found = world.record(sku_id)
    assert found is not None
    return found


def at_once(world: World, work: Callable[[SkuLedger], Any]) -> list[Any]:
    """Do `work` in several transactions that begin together."""
    ready = Barrier(THREADS)

    def one(_: int) -> Any:
        ready.wait()
        return world.ledger(work)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS)))


def test_of_a_sku_that_nobody_spoke_of_nothing_is_known(world: World) -> None:
    assert world.record("beans") is None


def test_a_first_mark_makes_a_record(world: World) -> None:
    assert mark(world, "beans", UNKNOWN, reason="404")
    assert record(world) == SkuRecord(
        marketplace="acme",
        sku_id="beans",
        state=UNKNOWN,
        reason="404",
        changed_at=NOON,
        looked_at=NOON,
        suggested_at=None,
    )


def test_a_second_mark_changes_it(world: World) -> None:
    mark(world, "beans", UNKNOWN, reason="404")
    assert mark(world, "beans", SUGGESTED, LATER)
    found = record(world)
    assert (found.state, found.reason, found.changed_at, found.suggested_at) == (SUGGESTED, "", LATER, LATER)


def test_the_same_state_again_keeps_since_when(world: World) -> None:
    mark(world, "beans", KNOWN)
    mark(world, "beans", KNOWN, LATER)
    assert (record(world).changed_at, record(world).looked_at) == (NOON, LATER)


def test_a_known_sku_keeps_when_it_was_suggested(world: World) -> None:
    mark(world, "beans", SUGGESTED)
    mark(world, "beans", KNOWN, LATER)
    assert record(world).suggested_at == NOON


def test_a_record_stays_as_it_is_in_the_states_that_are_named(world: World) -> None:
    mark(world, "beans", SUGGESTED)
    assert not mark(world, "beans", UNKNOWN, LATER, reason="404", unless={SUGGESTED})
    assert (record(world).state, record(world).reason, record(world).looked_at) == (SUGGESTED, "", NOON)


def test_a_record_in_another_state_is_changed(world: World) -> None:
    mark(world, "beans", KNOWN)
    assert mark(world, "beans", UNKNOWN, LATER, unless={SUGGESTED})


def expire(world: World, suggested_before: datetime, *sku_ids: str) -> None:
    keys = [("acme", sku_id) for sku_id in sku_ids]
    world.ledger(lambda ledger: ledger.expire(keys, "too old", suggested_before=suggested_before, now=LATER))


@pytest.mark.parametrize("state", [SUGGESTED, PENDING])
@pytest.mark.parametrize(("suggested_before", "expired"), [(NOON, False), (LATER, True)])
def test_an_undecided_suggestion_expires(
    world: World, state: SkuState, suggested_before: datetime, expired: bool
) -> None:
    mark(world, "beans", SUGGESTED)
    mark(world, "beans", state)
    expire(world, suggested_before, "beans")
    found = record(world)
    assert (found.state, found.reason, found.changed_at) == (
        (SkuState.EXPIRED, "too old", LATER) if expired else (state, "", NOON)
    )


@pytest.mark.parametrize("state", sorted(set(SkuState) - {SUGGESTED, PENDING}, key=str))
def test_what_is_decided_or_was_not_suggested_does_not_expire(world: World, state: SkuState) -> None:
    mark(world, "beans", SUGGESTED)
    mark(world, "beans", state)
    mark(world, "pods", SUGGESTED)
    expire(world, LATER, "beans", "gone")
    expire(world, LATER)
    assert (record(world).state, record(world, "pods").state) == (state, SUGGESTED)
    assert world.record("gone") is None


def test_only_those_in_a_state_are_touched(world: World) -> None:
    mark(world, "beans", SkuState.DENIED, reason="no")
    mark(world, "pods", KNOWN)
    keys = [("acme", "beans"), ("acme", "pods"), ("acme", "gone")]
    assert world.ledger(lambda ledger: ledger.touch(keys, SkuState.DENIED, now=LATER)) == {("acme", "beans")}
    assert world.ledger(lambda ledger: ledger.touch([], SkuState.DENIED, now=LATER)) == set()
    assert record(world).looked_at == LATER
    assert (record(world).state, record(world).reason, record(world).changed_at) == (SkuState.DENIED, "no", NOON)


def test_of_many_that_are_marked_together_those_are_returned_that_changed(world: World) -> None:
    for sku_id, state in [("a", SUGGESTED), ("b", KNOWN), ("c", UNKNOWN)]:
        mark(world, sku_id, state)
    reasons = {("acme", sku_id): f"of {sku_id}" for sku_id in "abcd"}
    written = world.ledger(lambda ledger: ledger.mark(reasons, UNKNOWN, now=LATER, unless={SUGGESTED, PENDING}))
    assert {sku_id for _, sku_id in written} == {"b", "c", "d"}
    assert [record(world, sku_id).reason for sku_id in "abcd"] == ["", "of b", "of c", "of d"]


def test_a_sku_has_a_record_for_each_marketplace(world: World) -> None:
    mark(world, "beans", KNOWN)
    world.ledger(lambda ledger: mark_one(ledger, "beans", SUGGESTED, marketplace="other", now=NOON))
    assert record(world).state is KNOWN


def test_a_note_leaves_the_state(world: World) -> None:
    mark(world, "beans", SUGGESTED)
    world.ledger(lambda ledger: ledger.note({("acme", "beans"): "refused"}, now=LATER))
    found = record(world)
    assert (found.state, found.changed_at, found.reason) == (SUGGESTED, NOON, "refused")


def test_a_note_about_a_sku_without_a_record_makes_it_unknown(world: World) -> None:
    world.ledger(lambda ledger: ledger.note({("acme", "beans"): "no image"}, now=NOON))
    assert (record(world).state, record(world).reason) == (UNKNOWN, "no image")


def test_a_long_reason_is_cut(world: World) -> None:
    mark(world, "beans", UNKNOWN, reason="x" * 900)
    world.ledger(lambda ledger: ledger.note({("acme", "pods"): "y" * 900}, now=NOON))
    assert (len(record(world).reason), len(record(world, "pods").reason)) == (500, 500)


def test_a_reason_that_no_database_can_hold_is_made_one(world: World) -> None:
    mark(world, "beans", UNKNOWN, reason="no\0 \ud800")
    assert record(world).reason == "no ?"


def test_nothing_is_committed_by_the_ledger(world: World) -> None:
    with world.engine.connect() as connection:
        SkuLedger(connection, world.tables["vtex_sku"]).mark({("acme", "beans"): ""}, KNOWN, now=NOON)
        connection.rollback()
    assert world.record("beans") is None


def test_it_works_on_the_shops_session(world: World) -> None:
    session: scoped_session[Any] = scoped_session(sessionmaker(bind=world.engine))
    ledger = SkuLedger(session, world.tables["vtex_sku"])
    assert mark_one(ledger, "beans", UNKNOWN, now=NOON)
    assert not mark_one(ledger, "beans", SUGGESTED, now=NOON, unless={UNKNOWN})
    session.commit()
    session.remove()
    assert record(world).state is UNKNOWN


def test_another_database_is_refused_by_name() -> None:
    engine: Any = sqlalchemy.create_mock_engine("oracle://", lambda *_: None)
    session: scoped_session[Any] = scoped_session(sessionmaker(bind=engine))
    ledger = SkuLedger(session, attach(MetaData())["vtex_sku"])
    with pytest.raises(ConfigurationError, match="runs on SQLite and PostgreSQL, not on oracle"):
        mark_one(ledger, "beans", KNOWN, now=NOON)
    session.remove()


def test_of_many_marking_at_once_one_is_the_first(world: World) -> None:
    def work(ledger: SkuLedger) -> bool:
        return mark_one(ledger, "beans", UNKNOWN, now=NOON, unless={UNKNOWN, SUGGESTED})

    assert sorted(at_once(world, work)) == [False] * (THREADS - 1) + [True]


def test_of_many_changing_at_once_one_succeeds(world: World) -> None:
    mark(world, "beans", KNOWN)

    def work(ledger: SkuLedger) -> bool:
        return mark_one(ledger, "beans", UNKNOWN, now=LATER, unless={UNKNOWN, SUGGESTED})

    assert sorted(at_once(world, work)) == [False] * (THREADS - 1) + [True]


# pages


def test_a_page_is_ordered_by_marketplace_and_sku(world: World) -> None:
    for sku_id, state in [("c", KNOWN), ("b", SUGGESTED), ("a", KNOWN)]:
        mark(world, sku_id, state)
    world.ledger(lambda ledger: mark_one(ledger, "a", KNOWN, marketplace="other", now=NOON))

    def page(limit: int = 9, **which: Any) -> list[str]:
        found = world.ledger(lambda ledger: ledger.page(limit=limit, **which))
        return [f"{entry.marketplace}/{entry.sku_id}" for entry in found]

    assert page() == ["acme/a", "acme/b", "acme/c", "other/a"]
    assert page(state=KNOWN, marketplace="acme") == ["acme/a", "acme/c"]
    assert page(marketplace="other") == ["other/a"]
    assert page(limit=2) == ["acme/a", "acme/b"]
    assert page(limit=2, after=("acme", "b")) == ["acme/c", "other/a"]
    assert page(after=("other", "a")) == []


def test_a_sku_is_found_at_every_marketplace(world: World) -> None:
    world.ledger(lambda ledger: mark_one(ledger, "beans", KNOWN, marketplace="other", now=NOON))
    mark(world, "beans", SUGGESTED)
    mark(world, "pods", SUGGESTED)
    found = world.ledger(lambda ledger: ledger.find("beans"))
    assert [(entry.marketplace, entry.state) for entry in found] == [("acme", SUGGESTED), ("other", KNOWN)]


# another look


def look(ledger: SkuLedger, now: datetime, limit: int = 9, marketplaces: tuple[str, ...] = ("acme",)) -> Any:
    return ledger.look_again(marketplaces=marketplaces, before=now - timedelta(minutes=30), now=now, limit=limit)


def test_those_that_waited_longest_are_looked_at_first_and_then_have_to_wait_again(world: World) -> None:
    for minutes, sku_id in enumerate(["c", "a", "b"]):
        mark(world, sku_id, SUGGESTED, NOON + timedelta(minutes=minutes))
    mark(world, "known", KNOWN)
    mark(world, "unknown", UNKNOWN)
    assert world.ledger(lambda ledger: look(ledger, LATER, limit=2)) == [("acme", "a"), ("acme", "c")]
    assert world.ledger(lambda ledger: look(ledger, LATER)) == [("acme", "b")]
    assert world.ledger(lambda ledger: look(ledger, LATER)) == []
    assert len(world.ledger(lambda ledger: look(ledger, LATER + timedelta(minutes=30)))) == 3


def test_a_fresh_suggestion_and_another_marketplaces_are_not_looked_at(world: World) -> None:
    mark(world, "fresh", SUGGESTED, LATER - timedelta(minutes=29))
    mark(world, "old", SUGGESTED)
    assert world.ledger(lambda ledger: look(ledger, LATER, marketplaces=("other",))) == []
    assert world.ledger(lambda ledger: look(ledger, LATER, marketplaces=("other", "acme"))) == [("acme", "old")]


def test_of_many_looking_at_once_each_takes_others(world: World) -> None:
    for number in range(9):
        mark(world, f"sku-{number}", SUGGESTED)
    taken = [pair for some in at_once(world, lambda ledger: look(ledger, LATER, limit=3)) for pair in some]
    assert len(taken) == len(set(taken))
