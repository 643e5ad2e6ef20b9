"""`flask vtex-seller catalog drift`: where marketplaces and the shop differ, found without a write."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import event

from flask_vtex_seller.outbox.message import Message
from flask_vtex_seller.state import State, current_state

from ..catalog.conftest import make_sku
from ..outbox.box import BUSY, DELIVERED, REFUSED
from ..shops import ACME, Shop, StoppedClock


@pytest.fixture
def shop(new_shop: Callable[..., Shop]) -> Shop:
    """Told of everything, by now."""
    shop = new_shop(clock=StoppedClock())
    shop.seller.sku_ids_loader(lambda: list(shop.stock))
    with shop.app.app_context():
        current_state().reconciler.run()
        deliver(current_state())
    return shop


def deliver(state: State, answer: Callable[[Message], Any] = lambda _: DELIVERED) -> None:
    replace(state.drain, send=lambda message, _: answer(message)).run()


def drift(shop: Shop, *arguments: str) -> Result:
    return shop.app.test_cli_runner().invoke(args=["vtex-seller", "catalog", "drift", *arguments])


def rows(shop: Shop, *arguments: str) -> list[list[str]]:
    result = drift(shop, "--csv", "-", *arguments)
    assert result.exit_code == 0, result.output
    head, *found = csv.reader(io.StringIO(result.stdout))
    assert head == ["marketplace", "sku id", "what", "told", "present", "since", "reason"]
    return found


def test_where_nothing_differs_nothing_is_shown(shop: Shop) -> None:
    result = drift(shop)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "0 differences at acme\n")


def test_what_was_told_stands_beside_what_holds_now(shop: Shop) -> None:
    shop.stock["apple"] = replace(shop.stock["apple"], price=1199)
    shop.stock["pear"] = replace(shop.stock["pear"], stock=7)
    shop.stock["kiwi"] = replace(shop.stock["pear"], sku_id="kiwi")
    since = "2026-03-04 15:45:02"
    assert rows(shop) == [
        ["acme", "apple", "price", "12.50 instead of 15.00", "11.99 instead of 15.00", since, ""],
        ["acme", "pear", "stock", "2", "7", since, ""],
        ["acme", "kiwi", "never told", "", "", "", ""],
    ]


def test_what_the_shop_has_not_any_more_is_shown(shop: Shop) -> None:
    del shop.stock["apple"]
    assert [row[:5] for row in rows(shop)] == [["acme", "apple", "stock", "10", "0"]]


def test_changed_catalog_data_is_shown(shop: Shop) -> None:
    shop.seller.sku_loader(lambda ids: [make_sku(sku_id) for sku_id in ids if sku_id == "apple"])
    assert [row[1:3] for row in rows(shop)] == [["apple", "catalog"]]


def test_a_sku_that_cannot_be_read_is_shown_with_the_reason(shop: Shop) -> None:
    shop.seller.sku_loader(lambda ids: [make_sku(sku_id, price=-(sku_id == "pear")) for sku_id in ids])
    found = [row for row in rows(shop) if row[2] == "not read"]
    assert [(row[1], row[6]) for row in found] == [("pear", "the shop's sku_loader raised ValueError")]


def test_notices_that_no_marketplace_took_are_shown(shop: Shop) -> None:
    clock: Any = shop.seller._clock
    with shop.app.app_context():
        shop.seller.notify_price("apple")
        shop.seller.notify_inventory("pear", "plum")
        shop.db.session.commit()
        answers = {"apple": REFUSED, "pear": BUSY, "plum": DELIVERED}
        deliver(current_state(), lambda message: answers[message.arguments["sku_id"]])
    assert [(row[1], row[2], row[6]) for row in rows(shop)] == [("apple", "dead", "price_notification: 400")]
    clock.advance(11 * 60)
    assert ("pear", "not sent", "inventory_notification: 503") in [(row[1], row[2], row[6]) for row in rows(shop)]


@pytest.mark.parametrize("state", ["denied", "blocked", "expired"])
def test_suggestions_that_came_to_nothing_are_shown_with_the_reason(shop: Shop, state: str) -> None:
    with shop.app.app_context():
        table = current_state().tables["vtex_sku"]
        changed = table.update().where(table.c.sku_id == "apple").values(state=state, reason="=cmd|' /C calc'!A0")
        shop.db.session.execute(changed)
        shop.db.session.commit()
    # a spreadsheet must not compute what somebody else wrote
    assert [(row[1], row[2], row[6]) for row in rows(shop)] == [("apple", state, "'=cmd|' /C calc'!A0")]


def test_a_table_moves_no_cursor(shop: Shop) -> None:
    shop.stock["a\x1b[2Jb"] = replace(shop.stock["pear"], sku_id="a\x1b[2Jb")
    shown = drift(shop).stdout
    assert "a?[2Jb" in shown
    assert shown.splitlines()[0].split() == ["MARKETPLACE", "SKU", "ID", "WHAT", "TOLD", "PRESENT", "SINCE", "REASON"]


def test_it_writes_nothing(shop: Shop) -> None:
    statements: list[str] = []
    shop.stock["apple"] = replace(shop.stock["apple"], price=1)
    with shop.app.app_context():
        event.listen(shop.db.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    assert len(rows(shop)) == 1
    assert {statement.split()[0] for statement in statements} == {"SELECT"}


def test_one_marketplace_may_be_chosen_and_must_be_one(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(marketplaces={"acme": ACME, "other": ACME})
    shop.seller.sku_ids_loader(lambda: ["apple"])
    assert [row[0] for row in rows(shop)] == ["acme", "other"]
    assert [row[0] for row in rows(shop, "--marketplace", "other")] == ["other"]
    assert (
        "no marketplace that is told about SKUs is configured as nobody"
        in drift(shop, "--marketplace", "nobody").output
    )


def test_it_goes_to_a_file_or_says_why_not(shop: Shop, tmp_path: Path) -> None:
    del shop.stock["apple"]
    file = tmp_path / "drift.csv"
    assert drift(shop, "--csv", str(file)).exit_code == 0
    assert len(file.read_text().splitlines()) == 2
    result = drift(shop, "--csv", str(tmp_path / "nowhere" / "drift.csv"))
    assert result.exit_code == 1
    assert "cannot be written: No such file or directory" in result.output


def test_a_shop_that_names_no_skus_is_told(new_shop: Callable[..., Shop]) -> None:
    result = drift(new_shop())
    assert result.exit_code == 1
    assert "no sku_ids_loader is registered" in result.output
