"""One of several processes acts. (R13)"""

from collections.abc import Callable
from datetime import timedelta

import pytest

from flask_vtex_seller.outbox.roles import DRAIN, LEADER, RoleLedger
from flask_vtex_seller.runners import leader as leader_module
from flask_vtex_seller.runners.leader import Leadership

from ..outbox.box import Box, make_box
from ..shops import Shop

TERM = timedelta(seconds=15)


@pytest.fixture
def box(new_shop: Callable[..., Shop]) -> Box:
    return make_box(new_shop)


def candidate(box: Box) -> Leadership:
    return Leadership(box.state.drain.engine, box.state.tables["vtex_runner"], clock=box.clock, term=TERM)


def test_the_first_one_leads_and_stays_leader(box: Box) -> None:
    first, second = candidate(box), candidate(box)
    for _ in range(60):
        assert (first.hold(), second.hold()) == (True, False)
        box.clock.advance(5)


def test_a_leader_that_dies_is_followed_when_its_term_ends(box: Box) -> None:
    first, second = candidate(box), candidate(box)
    first.hold()
    box.clock.advance(TERM.total_seconds() - 1)
    assert not second.hold()
    box.clock.advance(1)
    assert second.hold()
    assert not first.hold(), "it comes back too late"


def test_a_leader_that_ends_makes_room_at_once(box: Box) -> None:
    first, second = candidate(box), candidate(box)
    first.hold()
    second.release()
    assert not second.hold(), "only its own term is its to end"
    first.release()
    assert second.hold()


def test_a_fork_is_another_process(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    leadership = candidate(box)
    assert leadership.hold()
    monkeypatch.setattr(leader_module.os, "getpid", lambda: 1)
    assert not leadership.hold()


def test_it_is_known_who_leads_and_who_drained_last(box: Box) -> None:
    table = box.state.tables["vtex_runner"]
    with box.state.drain.engine.connect() as connection:
        assert RoleLedger(connection, table).all() == {}
    leadership = candidate(box)
    leadership.hold()
    leadership.note_drain()
    with box.state.drain.engine.connect() as connection:
        known = RoleLedger(connection, table).all()
    assert known[LEADER].process == known[DRAIN].process
    assert (known[LEADER].at, known[DRAIN].at) == (box.clock.now() + TERM, box.clock.now())
