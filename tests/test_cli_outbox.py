"""`flask vtex-seller outbox …`."""

import getpass
from collections.abc import Callable
from datetime import timedelta

import pytest
from click.testing import Result

from flask_vtex_seller.cli import outbox as outbox_commands
from flask_vtex_seller.clock import from_epoch_us
from flask_vtex_seller.marketplace.outcome import Outcome
from flask_vtex_seller.outbox.limits import REPEATS_PER_SECOND
from flask_vtex_seller.outbox.message import Message, MessageState

from .outbox.box import BUSY, DELIVERED, REFUSED, Box, invoice, make_box, notice, said
from .shops import ACME, APP_TOKEN, TOKEN, Shop, order_body


def run(box: Box, *arguments: str, answer: str | None = None) -> Result:
    return box.shop.app.test_cli_runner().invoke(args=["vtex-seller", "outbox", *arguments], input=answer)


def listed(box: Box, *arguments: str) -> list[str]:
    result = run(box, "list", *arguments)
    assert result.exit_code == 0
    return [line.split()[0] for line in result.stdout.splitlines()[1:]]


@pytest.fixture
def box(new_shop: Callable[..., Shop]) -> Box:
    """Message 1 delivered, 2 dead, 3 waiting behind it, 4 failed once, 5 to another marketplace."""
    box = make_box(new_shop)
    box.say(
        invoice("1", order="A-01", body={"name": "Maria"}),
        invoice("2", order="A-01"),
        invoice("3", order="A-01"),
        notice("apple"),
        invoice("5", order="B-01", marketplace="other"),
    )
    outcomes: dict[str, Outcome] = {"2": REFUSED, "apple": BUSY}
    box.answer = lambda message: outcomes.get(said(message), DELIVERED)
    box.run()
    box.answer = lambda _: DELIVERED
    assert [row.state for row in box.rows()] == ["delivered", "dead", "pending", "pending", "delivered"]
    assert box.ids() == [1, 2, 3, 4, 5]
    return box


# list


def test_messages_are_listed_the_newest_first(box: Box) -> None:
    lines = [" ".join(line.split()) for line in run(box, "list").output.splitlines()]
    assert lines == [
        "ID MARKETPLACE OPERATION LANE STATE TRY LAST",
        "5 other invoice order:B-01 delivered 1 200",
        "4 acme price_notification sku:apple pending 1 503",
        "3 acme invoice order:A-01 pending 0",
        "2 acme invoice order:A-01 dead 1 400",
        "1 acme invoice order:A-01 delivered 1 200",
    ]


def test_the_list_has_a_heading_even_without_messages(new_shop: Callable[..., Shop]) -> None:
    result = run(make_box(new_shop), "list")
    assert (result.exit_code, len(result.output.splitlines())) == (0, 1)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--marketplace", "other"), ["5"]),
        (("--marketplace", "nobody"), []),
        (("--state", "dead"), ["2"]),
        (("--state", "pending"), ["4", "3"]),
        (("--state", "merged"), []),
        (("--order", "A-01"), ["3", "2", "1"]),
        (("--order", "A-01", "--state", "delivered"), ["1"]),
        (("--order", "A-%"), []),
        (("--order", ""), []),
        (("--limit", "2"), ["5", "4"]),
    ],
)
def test_the_list_can_be_narrowed(box: Box, arguments: tuple[str, ...], expected: list[str]) -> None:
    assert listed(box, *arguments) == expected


def test_an_orders_messages_are_found_by_its_id_of_the_shops_too(new_shop: Callable[..., Shop]) -> None:
    """And nobody else's: two marketplaces may call their orders alike, and one may call its order as the shop does."""
    shop = new_shop(marketplaces={"acme": ACME, "globex": ACME})
    for name, ids in (("acme", ["A-01", "S-4"]), ("globex", ["A-01", "B-01"])):
        path = f"/api/vtex/{name}/pvt/orders?token={TOKEN}"
        assert shop.app.test_client().post(path, json=[*map(order_body, ids)]).status_code == 200
    with shop.app.app_context():
        for order_id in ("S-1", "S-2", "S-3", "S-4"):
            shop.seller.cancel_order(order_id, reason="broken")
        shop.db.session.commit()

    def about(*arguments: str) -> list[str]:
        command = ["vtex-seller", "outbox", "list", "--order", *arguments]
        result = shop.app.test_cli_runner().invoke(args=command)
        assert result.exit_code == 0, result.output
        return [" ".join(line.split()[i] for i in (1, 3)) for line in result.output.splitlines()[1:]]

    assert about("S-1") == ["acme order:A-01"]
    assert about("S-3") == about("S-3", "--marketplace", "globex") == ["globex order:A-01"]
    assert about("A-01") == ["globex order:A-01", "acme order:A-01"]
    assert about("S-4") == ["acme order:S-4"]
    assert about("S-4", "--marketplace", "globex") == ["globex order:B-01"]
    assert about("S-5") == about("S-1", "--marketplace", "globex") == []


def test_of_two_orders_that_share_the_shops_id_one_is_to_be_named(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(marketplaces={"acme": ACME, "globex": ACME})
    shop.place = lambda _: "same"
    for name in ("acme", "globex"):
        shop.app.test_client().post(f"/api/vtex/{name}/pvt/orders?token={TOKEN}", json=[order_body()])
    command = ["vtex-seller", "outbox", "discard", "--all", "--reason", "x", "--yes", "--order", "same"]
    result = shop.app.test_cli_runner().invoke(args=command)
    assert result.exit_code == 1
    assert "acme, globex all placed an order 'same': say which with --marketplace" in result.output


@pytest.mark.parametrize("arguments", [("--state", "lost"), ("--limit", "0"), ("--limit", "1001"), ("--limit", "x")])
def test_a_wrong_filter_is_refused(box: Box, arguments: tuple[str, ...]) -> None:
    assert run(box, "list", *arguments).exit_code == 2


def test_the_list_shows_neither_bodies_nor_tokens(box: Box) -> None:
    """S7, P80"""
    output = run(box, "list").output
    assert "Maria" not in output
    assert APP_TOKEN not in output


# show


def test_a_message_is_shown_with_all_that_is_known(box: Box) -> None:
    result = run(box, "show", "2")
    shown = dict(line.split(maxsplit=1) for line in result.output.splitlines())
    assert result.exit_code == 0
    assert shown["id"] == "2"
    assert shown["operation"] == "invoice"
    assert shown["lane"] == "order:A-01"
    assert shown["state"] == "dead"
    assert shown["attempts"] == "1"
    assert shown["last_status"] == "400"
    assert shown["last_excerpt"] == "no such thing"
    assert shown["settled_at"].startswith("2026-03-04")


def test_what_is_not_known_is_a_dash(box: Box) -> None:
    shown = dict(line.split(maxsplit=1) for line in run(box, "show", "3").output.splitlines())
    assert (shown["settled_at"], shown["last_status"], shown["last_reason"]) == ("-", "-", "-")


@pytest.mark.parametrize("command", ["show", "retry"])
def test_an_unknown_message_is_an_error(box: Box, command: str) -> None:
    result = run(box, command, "99")
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert "Error: " in result.output


@pytest.mark.parametrize("command", [("show",), ("retry",), ("discard", "--reason", "x", "--yes")])
def test_a_number_beyond_any_database_is_an_unknown_message(box: Box, command: tuple[str, ...]) -> None:
    result = run(box, *command, "99999999999999999999")
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert "Error: " in result.output


@pytest.mark.parametrize("arguments", [("show", "x"), ("show",), ("retry",), ("retry", "x"), ("discard",)])
def test_a_wrong_call_is_refused(box: Box, arguments: tuple[str, ...]) -> None:
    assert run(box, *arguments).exit_code == 2


# retry


def test_a_dead_message_is_retried_before_what_waits_for_it(box: Box) -> None:
    result = run(box, "retry", "2")
    assert (result.exit_code, result.output) == (0, f"1 of 1 messages: {getpass.getuser()}: to be sent again\n")
    box.sent.clear()
    assert box.run().delivered == 2
    assert box.names == ["2", "3"]


def test_a_waiting_message_is_retried_at_once(box: Box) -> None:
    assert run(box, "retry", "4").exit_code == 0
    box.sent.clear()
    box.run()
    assert "apple" in box.names


def test_several_are_retried_and_those_that_cannot_be_are_an_error(box: Box) -> None:
    result = run(box, "retry", "1", "2", "4", "99")
    assert result.exit_code == 1
    assert "2 of 4 messages" in result.output
    assert "Error: " in result.output
    assert [row.state for row in box.rows()] == ["delivered", "pending", "pending", "pending", "delivered"]


def test_a_number_given_twice_is_one_message(box: Box) -> None:
    result = run(box, "retry", "2", "2")
    assert result.exit_code == 0, result.output


def test_what_is_being_sent_is_not_retried(box: Box) -> None:
    codes = []

    def meddle(_: Message) -> Outcome:
        codes.append(run(box, "retry", "2").exit_code)
        return DELIVERED

    run(box, "retry", "2")
    box.answer = meddle
    box.run(limit=1)
    assert codes == [1]
    assert box.rows()[1].state == "delivered"


# discard


def test_discarding_asks_first_and_no_is_no(box: Box) -> None:
    result = run(box, "discard", "2", "--reason", "made by mistake", answer="n\n")
    assert result.exit_code == 1
    assert "never be sent" in result.output
    assert box.rows()[1].state == "dead"


@pytest.mark.parametrize(("arguments", "answer"), [((), "y\n"), (("--yes",), None)])
def test_a_discarded_message_is_kept_with_who_and_why_and_its_lane_goes_on(
    box: Box, arguments: tuple[str, ...], answer: str | None
) -> None:
    result = run(box, "discard", "2", "--by", "Ana", "--reason", "made by mistake", *arguments, answer=answer)
    assert result.exit_code == 0
    row = box.rows()[1]
    assert (row.state, row.last_reason) == (MessageState.DISCARDED.value, "Ana: made by mistake")
    assert "Ana: made by mistake" in run(box, "list", "--state", "discarded").output
    assert "Ana: made by mistake" in run(box, "show", "2").output
    box.sent.clear()
    assert box.run().delivered == 1
    assert box.names == ["3"]


def test_who_discards_is_the_systems_user_unless_somebody_is_named(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ana")
    run(box, "discard", "2", "--reason", "made by mistake", "--yes")
    assert box.rows()[1].last_reason == "ana: made by mistake"


def test_a_user_without_a_name_can_discard_all_the_same(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert run(box, "discard", "2", "--reason", "made by mistake", "--yes").exit_code == 0
    assert box.rows()[1].last_reason == "unknown: made by mistake"


@pytest.mark.parametrize("arguments", [("--yes",), ("--yes", "--reason")])
def test_discarding_needs_a_reason(box: Box, arguments: tuple[str, ...]) -> None:
    assert run(box, "discard", "2", *arguments).exit_code == 2
    assert box.rows()[1].state == "dead"


@pytest.mark.parametrize("words", ["", "  "])
def test_an_empty_reason_is_none_and_an_empty_name_names_nobody(box: Box, words: str) -> None:
    assert run(box, "discard", "2", "--yes", "--reason", words).exit_code == 2
    assert run(box, "discard", "2", "--yes", "--reason", "x", "--by", words).exit_code == 2
    assert box.rows()[1].state == "dead"


def test_what_was_delivered_cannot_be_discarded(box: Box) -> None:
    result = run(box, "discard", "1", "2", "--reason", "x", "--yes")
    assert result.exit_code == 1
    assert [row.state for row in box.rows()][:2] == ["delivered", "discarded"]


# choosing many


def many(box: Box, dead: int) -> None:
    box.answer = lambda _: REFUSED
    box.say(*(invoice(f"9{number:03}", order=f"C-{number}") for number in range(dead)))
    box.run()
    box.answer = lambda _: DELIVERED


def test_all_dead_messages_are_sent_again_the_oldest_first(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """R14"""
    monkeypatch.setattr(outbox_commands, "_BATCH", 10)
    many(box, 25)
    dead = [row.id for row in box.rows() if row.state == "dead"]
    result = run(box, "retry", "--all", "--yes", "--by", "Ana")
    assert (result.exit_code, "26 of 26 messages" in result.output) == (0, True), result.output
    assert {row.last_reason for row in box.rows() if row.id in dead} == {"Ana: to be sent again"}
    box.sent.clear()
    box.clock.advance(26 / REPEATS_PER_SECOND)
    box.run()
    assert not [row for row in box.rows() if row.state == "dead"]
    assert [message.id for message in box.sent if message.id in dead] == dead


@pytest.mark.parametrize(
    ("arguments", "per_second"),
    [((), REPEATS_PER_SECOND), (("--per-second", "2"), 2.0), (("--per-second", "0.5"), 0.5)],
)
def test_many_that_are_sent_again_leave_room_for_what_is_new(
    box: Box, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], per_second: float
) -> None:
    """R14: they are due one after the other, across batches, and what is said meanwhile goes between them."""
    monkeypatch.setattr(outbox_commands, "_BATCH", 10)
    many(box, 25)
    dead, begun = [row.id for row in box.rows() if row.state == "dead"], box.clock.now()
    run(box, "retry", "--all", "--yes", *arguments)
    due = [from_epoch_us(row.due_at) for row in box.rows() if row.id in dead]
    assert due == [begun + place * timedelta(seconds=1 / per_second) for place in range(26)]
    assert [from_epoch_us(row.tried_since) for row in box.rows() if row.id in dead] == due
    box.sent.clear()
    box.say(invoice("new", order="N-01"))
    box.run()
    assert box.names[:2] == ["2", "new"], "the first one is due at once"


def test_a_message_that_is_named_is_due_at_once(box: Box) -> None:
    many(box, 3)
    dead = [row.id for row in box.rows() if row.state == "dead"]
    run(box, "retry", *map(str, dead))
    assert {from_epoch_us(row.due_at) for row in box.rows() if row.id in dead} == {box.clock.now()}


@pytest.mark.parametrize("per_second", ["0", "-1", "x"])
def test_a_pace_that_is_none_is_refused(box: Box, per_second: str) -> None:
    assert run(box, "retry", "--all", "--yes", "--per-second", per_second).exit_code == 2


def test_only_what_is_chosen_is_moved(box: Box) -> None:
    many(box, 3)
    box.clock.advance(7200)
    box.answer = lambda message: REFUSED if said(message) == "8" else DELIVERED
    box.say(invoice("8", order="D-01"))
    box.run()
    box.answer = lambda _: DELIVERED
    result = run(
        box,
        "discard",
        "--all",
        "--operation",
        "invoice",
        "--older-than",
        "1h",
        "--by",
        "Ana",
        "--reason",
        "typo",
        "--yes",
    )
    assert "4 of 4 messages" in result.output
    assert [row.lane for row in box.rows() if row.state == "dead"] == ["order:D-01"]
    assert [row.last_reason for row in box.rows() if row.state == "discarded"] == ["Ana: typo"] * 4
    assert run(box, "retry", "--all", "--order", "D-01", "--marketplace", "acme", "--yes").exit_code == 0
    assert not [row for row in box.rows() if row.state == "dead"]


def test_many_are_moved_only_after_a_yes(box: Box) -> None:
    assert run(box, "retry", "--all", answer="n\n").exit_code == 1
    assert "1 messages will be sent again" in run(box, "retry", "--all", answer="n\n").output
    assert [row.id for row in box.rows() if row.state == "dead"] == [2]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("retry",), "name messages by their ids"),
        (("retry", "2", "--all"), "name messages by their ids"),
        (("retry", "2", "--order", "A-01"), "go with --all"),
        (("list", "--older-than", "yesterday"), "a number and s, m, h or d"),
        (("list", "--older-than", "-1h"), "a number and s, m, h or d"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(box: Box, arguments: tuple[str, ...], complaint: str) -> None:
    result = run(box, *arguments)
    assert result.exit_code == 2
    assert complaint in result.output


def test_the_list_goes_on_where_a_page_ended(box: Box) -> None:
    assert listed(box, "--limit", "2") == ["5", "4"]
    assert "--before 4" in run(box, "list", "--limit", "2").stderr
    assert listed(box, "--limit", "2", "--before", "4") == ["3", "2"]
    assert listed(box, "--before", "1") == []
    assert listed(box, "--before", str(10**30)) == ["5", "4", "3", "2", "1"]


def test_every_try_is_shown_with_its_time(box: Box) -> None:
    box.sleep_until_due()
    box.answer = lambda _: BUSY
    box.run()
    lines = run(box, "show", "4").output.splitlines()
    tries = [line.split(maxsplit=2)[2] for line in lines if line.startswith("try ")]
    assert len(tries) == 2
    assert all(line.endswith("0 ms: 503") for line in tries), tries
    assert tries[0] < tries[1], "each with its moment"
