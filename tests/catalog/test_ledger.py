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
THREADS = 6


def mark(world: World, sku_id: str, state: SkuState, now: datetime = NOON, **more: Any) -> bool:
    written: bool = world.ledger(lambda ledger: ledger.mark("acme", sku_id, state, now=now, **more))
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


@pytest.mark.parametrize(("suggested_before", "written"), [(NOON, False), (LATER, True)])
def test_an_old_suggestion_protects_no_record(world: World, suggested_before: datetime, written: bool) -> None:
    mark(world, "beans", SUGGESTED)
    found = mark(world, "beans", UNKNOWN, LATER, unless={SUGGESTED}, suggested_before=suggested_before)
    assert found is written


def test_a_sku_has_a_record_for_each_marketplace(world: World) -> None:
    mark(world, "beans", KNOWN)
    world.ledger(lambda ledger: ledger.mark("other", "beans", SUGGESTED, now=NOON))
    assert record(world).state is KNOWN


def test_a_note_leaves_the_state(world: World) -> None:
    mark(world, "beans", SUGGESTED)
    world.ledger(lambda ledger: ledger.note("acme", "beans", now=LATER, reason="refused"))
    found = record(world)
    assert (found.state, found.changed_at, found.reason) == (SUGGESTED, NOON, "refused")


def test_a_note_about_a_sku_without_a_record_makes_it_unknown(world: World) -> None:
    world.ledger(lambda ledger: ledger.note("acme", "beans", now=NOON, reason="no image"))
    assert (record(world).state, record(world).reason) == (UNKNOWN, "no image")


def test_a_long_reason_is_cut(world: World) -> None:
    mark(world, "beans", UNKNOWN, reason="x" * 900)
    world.ledger(lambda ledger: ledger.note("acme", "pods", now=NOON, reason="y" * 900))
    assert (len(record(world).reason), len(record(world, "pods").reason)) == (500, 500)


def test_nothing_is_committed_by_the_ledger(world: World) -> None:
    with world.engine.connect() as connection:
        SkuLedger(connection, world.tables["vtex_sku"]).mark("acme", "beans", KNOWN, now=NOON)
        connection.rollback()
    assert world.record("beans") is None


def test_it_works_on_the_shops_session(world: World) -> None:
    session: scoped_session[Any] = scoped_session(sessionmaker(bind=world.engine))
    ledger = SkuLedger(session, world.tables["vtex_sku"])
    assert ledger.mark("acme", "beans", UNKNOWN, now=NOON)
    assert not ledger.mark("acme", "beans", SUGGESTED, now=NOON, unless={UNKNOWN})
    session.commit()
    session.remove()
    assert record(world).state is UNKNOWN


def test_another_database_is_refused_by_name() -> None:
    engine: Any = sqlalchemy.create_mock_engine("oracle://", lambda *_: None)
    session: scoped_session[Any] = scoped_session(sessionmaker(bind=engine))
    ledger = SkuLedger(session, attach(MetaData())["vtex_sku"])
    with pytest.raises(ConfigurationError, match="runs on SQLite and PostgreSQL, not on oracle"):
        ledger.mark("acme", "beans", KNOWN, now=NOON)
    session.remove()


def test_of_many_marking_at_once_one_is_the_first(world: World) -> None:
    def work(ledger: SkuLedger) -> bool:
        return ledger.mark("acme", "beans", UNKNOWN, now=NOON, unless={UNKNOWN, SUGGESTED})

    assert sorted(at_once(world, work)) == [False] * (THREADS - 1) + [True]


def test_of_many_changing_at_once_one_succeeds(world: World) -> None:
    mark(world, "beans", KNOWN)

    def work(ledger: SkuLedger) -> bool:
        return ledger.mark("acme", "beans", UNKNOWN, now=LATER, unless={UNKNOWN, SUGGESTED})

    assert sorted(at_once(world, work)) == [False] * (THREADS - 1) + [True]


# pages


def test_a_page_has_what_changed_last_first(world: World) -> None:
    for hours, (sku_id, state) in enumerate([("a", KNOWN), ("b", SUGGESTED), ("c", KNOWN)]):
        mark(world, sku_id, state, NOON + timedelta(hours=hours))
    world.ledger(lambda ledger: ledger.mark("other", "d", KNOWN, now=NOON))

    def page(state: SkuState | None, marketplace: str | None, limit: int = 9) -> list[str]:
        found = world.ledger(lambda ledger: ledger.page(state=state, marketplace=marketplace, limit=limit))
        return [entry.sku_id for entry in found]

    assert page(None, None) == ["c", "b", "a", "d"]
    assert page(KNOWN, "acme") == ["c", "a"]
    assert page(None, "other") == ["d"]
    assert page(None, None, limit=2) == ["c", "b"]


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
