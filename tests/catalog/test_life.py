"""From state to state: what each answer makes of a SKU, and that nothing goes round in circles. (P52, P57, P58)"""

import json
from datetime import timedelta
from functools import partial

import pytest

from flask_vtex_seller.catalog.ledger import SkuLedger
from flask_vtex_seller.catalog.life import ACCEPTED, BLOCKED, EXPIRY, UNDECIDED
from flask_vtex_seller.catalog.sku import SkuRecord, SkuState
from flask_vtex_seller.catalog.sync import due_for_another_look
from flask_vtex_seller.marketplace.refusals import SuggestionError
from flask_vtex_seller.outbox.message import Draft

from .conftest import World, make_sku

INTERVAL = timedelta(minutes=20)
STATES = sorted(SkuState, key=str)
UNDECIDED_STATES = [SkuState.SUGGESTED, SkuState.PENDING]
NOTICE, SUGGESTION, STATUS, PRESENCE = "change_notification", "suggestion", "suggestion_status", "presence"


def be(world: World, state: SkuState, reason: str = "", *, sku_id: str = "beans-250") -> None:
    """Have a SKU suggested now, and then in a state."""
    mark = partial(SkuLedger.mark, reasons={("acme", sku_id): reason}, now=world.clock.now())
    world.ledger(partial(mark, state=SkuState.SUGGESTED))
    world.ledger(partial(mark, state=state))


def record(world: World, sku_id: str = "beans-250") -> SkuRecord:
    found = world.record(sku_id)
    assert found is not None
    return found


def state(world: World) -> SkuState:
    return record(world).state


def said(world: World) -> list[str]:
    return [operation for operation, _ in world.said()]


def look(world: World) -> list[str]:
    """Ask as the worker's sweep does when its time has come; return what was asked."""
    before = len(world.messages())
    world.clock.advance(INTERVAL.total_seconds())

    def work(ledger: SkuLedger) -> list[Draft]:
        return due_for_another_look(ledger, marketplaces=["acme"], interval=INTERVAL, limit=9, now=world.clock.now())

    world.append(world.ledger(work))
    world.drain()
    return said(world)[before:]


def is_in_the_catalog(world: World, known: bool) -> None:
    world.answer(NOTICE, 204 if known else 404)


def notify(world: World) -> list[str]:
    before = len(world.messages())
    world.say(NOTICE)
    world.drain()
    return said(world)[before:]


# a notice that is answered 404


@pytest.mark.parametrize(
    ("before", "suggested", "after"),
    [
        (SkuState.UNKNOWN, True, SkuState.SUGGESTED),
        (SkuState.SUGGESTED, False, SkuState.SUGGESTED),
        (SkuState.PENDING, False, SkuState.PENDING),
        (SkuState.KNOWN, True, SkuState.SUGGESTED),
        (SkuState.DENIED, True, SkuState.SUGGESTED),
        (SkuState.BLOCKED, False, SkuState.BLOCKED),
        (SkuState.EXPIRED, True, SkuState.SUGGESTED),
    ],
    ids=lambda value: getattr(value, "value", value),
)
def test_what_the_shop_says_suggests_a_sku_or_not(
    world: World, before: SkuState, suggested: bool, after: SkuState
) -> None:
    be(world, before)
    is_in_the_catalog(world, False)
    world.answer(SUGGESTION, 200)
    assert notify(world) == ([NOTICE, SUGGESTION] if suggested else [NOTICE])
    assert state(world) is after


@pytest.mark.parametrize("before", STATES)
def test_a_notice_that_is_answered_2xx_makes_any_sku_known(world: World, before: SkuState) -> None:
    be(world, before, "something")
    is_in_the_catalog(world, True)
    assert notify(world) == [NOTICE]
    assert state(world) is SkuState.KNOWN


def test_a_denial_stays_readable_until_the_next_suggestion_is_answered(world: World) -> None:
    be(world, SkuState.DENIED, "denied: blurred picture")
    is_in_the_catalog(world, False)
    world.answer(SUGGESTION, 503)
    notify(world)
    assert (state(world), record(world).reason) == (SkuState.DENIED, "denied: blurred picture")


# the answer to a suggestion


@pytest.mark.parametrize("number", [18, 17, 23, 22, 9, 999])
def test_each_numbered_error_takes_a_sku_to_the_state_that_the_table_says(world: World, number: int) -> None:
    world.skus = {state.value: make_sku(state.value) for state in SkuState}
    for before in SkuState:
        be(world, before, sku_id=before.value)
        world.answer(SUGGESTION, 400, json.dumps({"Code": number}), sku_id=before.value)
        world.answer(NOTICE, 404, sku_id=before.value)
        world.say(SUGGESTION, before.value)
    world.drain()
    same = {state: state for state in SkuState}
    asked = {SkuState.UNKNOWN: SkuState.SUGGESTED, SkuState.EXPIRED: SkuState.SUGGESTED}
    taken = {**dict.fromkeys(SkuState, SkuState.SUGGESTED), SkuState.KNOWN: SkuState.KNOWN}
    expected = {
        18: {**same, **asked, SkuState.DENIED: SkuState.BLOCKED},
        17: taken,
        23: dict.fromkeys(SkuState, SkuState.KNOWN),
    }
    assert {state: record(world, state.value).state for state in SkuState} == expected.get(number, same)
    ends = {18: "delivered", 17: "delivered", 23: "delivered", 999: "pending"}
    assert world.said()[:7] == [(SUGGESTION, ends.get(number, "dead"))] * 7
    assert said(world)[7:] == ([PRESENCE] * 7 if number == 22 else [])


def test_a_sku_whose_place_is_taken_is_known_when_it_is_there(world: World) -> None:
    """Error 22: the marketplace's SKU is bound to one of ours, which may be this one."""
    world.answer(SUGGESTION, 400, "Error 22")
    is_in_the_catalog(world, True)
    world.say(SUGGESTION)
    world.drain()
    assert state(world) is SkuState.KNOWN


def test_a_denied_sku_whose_suggestion_is_not_taken_any_more_is_blocked_for_good(world: World) -> None:
    be(world, SkuState.DENIED)
    is_in_the_catalog(world, False)
    world.answer(SUGGESTION, 400, '{"error": {"code": 18}}')
    assert notify(world) == [NOTICE, SUGGESTION]
    assert (state(world), record(world).reason) == (SkuState.BLOCKED, BLOCKED)
    assert notify(world) == [NOTICE], "not suggested by itself"
    assert look(world) == [], "nor asked about"
    world.answer(SUGGESTION, 200)
    world.say(SUGGESTION)  # somebody unblocked it there, and said so here
    world.drain()
    assert state(world) is SkuState.SUGGESTED


# the status read back


@pytest.mark.parametrize("before", UNDECIDED_STATES)
@pytest.mark.parametrize(
    ("status", "after"),
    [
        ("Pending", SkuState.PENDING),
        ("WaitingReview", SkuState.PENDING),
        ("Denied", SkuState.DENIED),
        ("blocked", SkuState.BLOCKED),
        ("Expired", SkuState.EXPIRED),
    ],
)
def test_a_status_that_is_understood_is_the_state(world: World, before: SkuState, status: str, after: SkuState) -> None:
    """P58."""
    be(world, before)
    world.answer(STATUS, 200, json.dumps({"Status": status}))
    assert look(world) == [STATUS]
    assert state(world) is after


def test_a_denial_says_why(world: World) -> None:
    be(world, SkuState.SUGGESTED)
    world.answer(
        STATUS, 200, json.dumps({"content": "x" * 5000, "Status": "Denied", "DenyReason": "blurred\x1b[31m picture"})
    )
    look(world)
    assert (state(world), record(world).reason) == (SkuState.DENIED, "blurred [31m picture")


@pytest.mark.parametrize("before", UNDECIDED_STATES)
@pytest.mark.parametrize(
    ("status", "text"),
    [(200, '{"Status": "Accepted"}'), (200, "{}"), (200, ""), (200, "x"), (204, ""), (400, ""), (403, ""), (405, "")],
)
def test_an_approval_and_what_cannot_be_understood_are_found_out_by_a_notice(
    world: World, before: SkuState, status: int, text: str
) -> None:
    """P58."""
    be(world, before)
    world.answer(STATUS, status, text)
    is_in_the_catalog(world, False)
    assert look(world) == [STATUS, PRESENCE]
    assert state(world) is before, "an answer of 404 suggests nothing"
    is_in_the_catalog(world, True)
    assert look(world) == [STATUS, PRESENCE]
    assert (state(world), record(world).reason) == (SkuState.KNOWN, "")
    assert look(world) == []


def test_an_approval_that_the_catalog_does_not_show_yet_says_so(world: World) -> None:
    be(world, SkuState.PENDING)
    world.answer(STATUS, 200, '{"Status": "Approved"}')
    is_in_the_catalog(world, False)
    look(world)
    assert record(world).reason == ACCEPTED


@pytest.mark.parametrize("before", UNDECIDED_STATES)
def test_a_suggestion_that_is_gone_is_known_or_unknown_and_not_asked_about_again(
    world: World, before: SkuState
) -> None:
    """Error 16: an approved one may be gone, too."""
    be(world, before)
    world.answer(STATUS, 404, '{"Code": 16}')
    is_in_the_catalog(world, False)
    assert look(world) == [STATUS, PRESENCE]
    assert (state(world), record(world).reason) == (SkuState.UNKNOWN, "404: not suggested")
    assert look(world) == []
    be(world, before)
    is_in_the_catalog(world, True)
    look(world)
    assert state(world) is SkuState.KNOWN


@pytest.mark.parametrize("before", UNDECIDED_STATES)
@pytest.mark.parametrize(
    ("status", "text"), [(200, '{"Status": "Pending"}'), (200, ""), (404, ""), (200, '{"Status": "Accepted"}')]
)
def test_what_nobody_decided_about_in_time_has_expired(world: World, before: SkuState, status: int, text: str) -> None:
    be(world, before)
    suggested_at = record(world).suggested_at
    world.answer(STATUS, status, text)
    world.answer(SUGGESTION, 200)
    is_in_the_catalog(world, False)
    world.clock.advance((EXPIRY - INTERVAL).total_seconds())
    world.clock.advance(1)
    look(world)
    assert (state(world), record(world).reason) == (SkuState.EXPIRED, UNDECIDED)
    assert record(world).suggested_at == suggested_at
    assert SUGGESTION not in said(world), "only the shop suggests it again"
    assert look(world) == []
    assert notify(world) == [NOTICE, SUGGESTION]
    assert (state(world), record(world).suggested_at) == (SkuState.SUGGESTED, world.clock.now())


def test_what_was_decided_when_the_time_was_over_is_decided(world: World) -> None:
    be(world, SkuState.PENDING)
    world.clock.advance(2 * EXPIRY.total_seconds())
    world.answer(STATUS, 200, '{"Status": "Denied"}')
    look(world)
    assert state(world) is SkuState.DENIED


@pytest.mark.parametrize("before", sorted(set(SkuState) - set(UNDECIDED_STATES), key=str))
def test_only_undecided_skus_are_asked_about(world: World, before: SkuState) -> None:
    be(world, before)
    assert look(world) == []


@pytest.mark.parametrize("text", ['{"Status": "Pending"}', '{"Status": "Denied"}', '{"Status": "Expired"}'])
def test_a_status_that_comes_late_changes_no_decision(world: World, text: str) -> None:
    be(world, SkuState.SUGGESTED)
    world.answer(STATUS, 200, text)

    def adopt_meanwhile(*_: object) -> str:
        be(world, SkuState.KNOWN)
        return text

    world.wire.get("https://api.vtex.com/acmemarket/suggestions/fruitshop/beans-250", text=adopt_meanwhile)
    look(world)
    assert state(world) is SkuState.KNOWN


def test_a_question_that_fails_does_not_keep_the_shops_notices_back(world: World) -> None:
    be(world, SkuState.SUGGESTED)
    world.answer(STATUS, 503)
    world.answer("price_notification", 202)
    look(world)
    world.say("price_notification")
    assert world.drain().delivered == 1


def test_a_question_that_was_refused_for_long_is_one_dead_letter(world: World) -> None:
    be(world, SkuState.SUGGESTED)
    world.answer(STATUS, 403)
    is_in_the_catalog(world, False)
    for _ in range(4):
        look(world)
    dead = [message for message in world.messages() if message.state.value == "dead"]
    assert [message.operation for message in dead] == [STATUS]
    assert "Send marketplace suggestion" in dead[0].last_reason


def test_a_dead_end_is_told_with_its_number_and_what_to_do(world: World) -> None:
    world.answer(SUGGESTION, 400, '{"Code": 2}')
    world.say(SUGGESTION)
    world.drain()
    reason = world.messages()[0].last_reason
    assert reason == record(world).reason == f"400: {SuggestionError.NO_BRAND.words}"
    assert "2, MatchBrandIdIsEmpty: " in reason
