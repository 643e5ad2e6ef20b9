"""`flask vtex-seller catalog status`, `show`, `adopt` and `suggest`."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from click.testing import Result

from flask_vtex_seller.catalog.notices import question, sku_draft
from flask_vtex_seller.catalog.sku import SkuState
from flask_vtex_seller.state import current_state

from .outbox.box import REFUSED, Box, make_box
from .shops import ACME, Shop

KNOWN, DENIED, SUGGESTED = SkuState.KNOWN, SkuState.DENIED, SkuState.SUGGESTED


def run(box: Box, *arguments: str, answer: str | None = None) -> Result:
    return box.shop.app.test_cli_runner().invoke(args=["vtex-seller", "catalog", *arguments], input=answer)


def mark(box: Box, marketplace: str, sku_id: str, state: SkuState, reason: str = "") -> None:
    with box.shop.app.app_context():
        current_state().skus.mark({(marketplace, sku_id): reason}, state, now=box.clock.now())
        box.shop.db.session.commit()


def states(box: Box) -> dict[str, SkuState]:
    with box.shop.app.app_context():
        return {f"{found.marketplace}/{found.sku_id}": found.state for found in current_state().skus.page(limit=100)}


def sell(box: Box, sku_ids: Any) -> None:
    box.shop.seller.sku_ids_loader(lambda: sku_ids)


@pytest.fixture
def box(new_shop: Callable[..., Shop]) -> Box:
    box = make_box(new_shop)
    mark(box, "acme", "apple", KNOWN)
    mark(box, "acme", "pear", DENIED, "denied: blurred picture")
    mark(box, "other", "apple", SUGGESTED)
    return box


# status


def test_skus_are_listed_with_their_state_since_when_and_why(box: Box) -> None:
    result = run(box, "status")
    assert result.exit_code == 0
    assert [" ".join(line.split()) for line in result.stdout.splitlines()] == [
        "MARKETPLACE SKU STATE SINCE WHY",
        "acme apple known 2026-03-04 15:45:02",
        "acme pear denied 2026-03-04 15:45:02 denied: blurred picture",
        "other apple suggested 2026-03-04 15:45:02",
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--marketplace", "other"), ["other apple"]),
        (("--marketplace", "nobody"), []),
        (("--state", "denied"), ["acme pear"]),
        (("--state", "known", "--marketplace", "acme"), ["acme apple"]),
        (("--after", "acme/apple"), ["acme pear", "other apple"]),
        (("--after", "other/apple"), []),
    ],
)
def test_the_list_can_be_narrowed(box: Box, arguments: tuple[str, ...], expected: list[str]) -> None:
    lines = run(box, "status", *arguments).stdout.splitlines()[1:]
    assert [" ".join(line.split()[:2]) for line in lines] == expected


def test_a_full_page_says_where_the_next_one_begins(box: Box) -> None:
    result = run(box, "status", "--limit", "2")
    assert result.stderr == "there may be more: --after acme/pear\n"
    following = run(box, "status", "--limit", "2", "--after", "acme/pear")
    assert (len(following.stdout.splitlines()), following.stderr) == (2, "")


@pytest.mark.parametrize(
    "arguments", [("--state", "lost"), ("--limit", "0"), ("--limit", "1001"), ("--after", "apple"), ("--after", "")]
)
def test_nonsense_is_refused_with_the_option(box: Box, arguments: tuple[str, ...]) -> None:
    result = run(box, "status", *arguments)
    assert (result.exit_code, arguments[0] in result.stderr) == (2, True)


# show


def test_a_sku_is_shown_at_every_marketplace_with_its_messages(box: Box) -> None:
    box.answer = lambda _: REFUSED
    box.say(sku_draft("suggestion", "other", "apple"), question("suggestion_status", "other", "apple"))
    box.run()
    result = run(box, "show", "apple")
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["marketplace", "acme"] in lines
    assert ["state", "known"] in lines
    assert ["state", "suggested"] in lines
    assert [line[2:] for line in lines if line[0] == "message"] == [
        ["suggestion", "dead:", "400"],
        ["suggestion_status", "dead:", "400"],
    ]


def test_one_marketplace_can_be_shown_alone(box: Box) -> None:
    shown = run(box, "show", "apple", "--marketplace", "other").stdout
    assert ("suggested" in shown, "acme" in shown) == (True, False)


@pytest.mark.parametrize("arguments", [("plum",), ("pear", "--marketplace", "other"), ("",), ("a\nb",)])
def test_a_sku_that_nobody_spoke_of_is_said_so(box: Box, arguments: tuple[str, ...]) -> None:
    result = run(box, "show", *arguments)
    assert (result.exit_code, "has said anything about" in result.stderr) == (1, True)


# adopt


def test_adopted_skus_are_known_without_a_message(box: Box) -> None:
    box.clock.advance(60)
    result = run(box, "adopt", "apple", "plum", "plum")
    assert (result.exit_code, result.stdout) == (0, "3 of 4 adopted; the others were known already\n")
    assert states(box) == {
        "acme/apple": KNOWN,
        "acme/pear": DENIED,
        "acme/plum": KNOWN,
        "other/apple": KNOWN,
        "other/plum": KNOWN,
    }
    assert box.rows() == []
    with box.shop.app.app_context():
        first, second = current_state().skus.find("apple")
    assert (first.reason, second.reason.startswith("adopted: ")) == ("", True)
    assert second.changed_at - first.changed_at == timedelta(minutes=1)


def test_skus_are_adopted_at_one_marketplace(box: Box) -> None:
    assert run(box, "adopt", "pear", "--marketplace", "acme").exit_code == 0
    assert states(box) == {"acme/apple": KNOWN, "acme/pear": KNOWN, "other/apple": SUGGESTED}


def test_all_that_is_on_sale_is_adopted_in_batches(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_vtex_seller.cli.skus._BATCH", 2)
    sell(box, iter(["apple", "pear", "plum", "apple", "fig"]))
    result = run(box, "adopt", "--all", "--yes")
    assert (result.exit_code, result.stdout) == (0, "7 of 8 adopted; the others were known already\n")
    assert set(states(box).values()) == {KNOWN}
    assert len(states(box)) == 8


def test_adopting_all_asks_first(box: Box) -> None:
    sell(box, ["plum"])
    result = run(box, "adopt", "--all", answer="n\n")
    assert result.exit_code == 1
    assert "1 SKUs will count as known at acme, other" in result.output
    assert "acme/plum" not in states(box)
    assert run(box, "adopt", "--all", answer="y\n").exit_code == 0
    assert states(box)["acme/plum"] is KNOWN


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name SKUs by their ids"),
        (("apple", "--all"), "name SKUs by their ids"),
        (("..",), "must not be '.' or '..'"),
        (("x" * 129,), "must have 1 to 128 characters"),
        (("apple", "--marketplace", "nobody"), "'nobody' is none of them; configured: acme, other"),
        (("--all", "--yes"), "no sku_ids_loader is registered"),
    ],
)
def test_what_cannot_be_adopted_is_named(box: Box, arguments: tuple[str, ...], words: str) -> None:
    result = run(box, "adopt", *arguments)
    assert (result.exit_code > 0, words in result.stderr) == (True, True), result.output
    assert len(states(box)) == 3


@pytest.mark.parametrize("named", [["apple", ""], ["apple", 7], 7])
def test_a_shop_that_names_nonsense_adopts_nothing(box: Box, named: Any) -> None:
    sell(box, named)
    result = run(box, "adopt", "--all", "--yes")
    assert (result.exit_code, result.stderr.startswith("Error: ")) == (1, True)
    assert len(states(box)) == 3


def test_a_marketplace_that_is_not_told_about_the_catalog_adopts_nothing(new_shop: Callable[..., Shop]) -> None:
    box = make_box(new_shop, marketplaces={"acme": {**ACME, "catalog": False}})
    result = run(box, "adopt", "apple")
    assert (result.exit_code, "no marketplace is told about the catalog" in result.stderr) == (1, True)


# suggest


def test_a_denied_sku_is_suggested_again_and_a_known_one_is_not(box: Box) -> None:
    result = run(box, "suggest", "pear", "--marketplace", "acme")
    assert (result.exit_code, result.stdout) == (0, "1 suggestions are on their way to acme\n")
    result = run(box, "suggest", "apple")
    assert (result.exit_code, result.stdout) == (1, "1 suggestions are on their way to acme, other\n")
    assert "in the marketplace's catalog already" in result.stderr
    assert [(row.marketplace, row.operation, row.lane) for row in box.rows()] == [
        ("acme", "suggestion", "sku:pear"),
        ("other", "suggestion", "sku:apple"),
    ]


def test_nothing_is_suggested_without_a_name(box: Box) -> None:
    assert run(box, "suggest").exit_code == 2
