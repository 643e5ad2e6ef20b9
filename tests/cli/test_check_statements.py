"""`flask vtex-seller check`: the statements that it judges, and what it prints of them."""

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from click.testing import Result
from flask import Response, request

from flask_vtex_seller import Offer, SimulationRequest, Sla

from ..shops import ACME, APP_TOKEN, SECOND_TOKEN, TOKEN, Shop
from .conftest import served

Check = Callable[..., Result]
MakeShop = Callable[..., Shop]


def listed(result: Result) -> dict[str, str]:
    """Return the line of each statement by its name."""
    lines = [line.split(" ", 3) for line in result.output.splitlines() if line[:1] in "✓✗-" and ": P" in line]
    return {name: " ".join([sign, marketplace, name, rest]) for sign, marketplace, name, rest in lines}


def names(shop: Shop, *sku_ids: str) -> None:
    @shop.seller.sku_ids_loader
    def load() -> Iterable[str]:
        shop.asked.append("sku ids")
        return iter(sku_ids)


def spoil(shop: Shop, old: bytes, new: bytes) -> None:
    """Have the shop change what the extension answers."""

    @shop.app.after_request
    def change(response: Response) -> Response:
        response.set_data(response.get_data().replace(old, new))
        return response


def test_nothing_is_listed_of_a_shop_that_is_well(shop: Shop, check: Check) -> None:
    result = check("--sku", "apple")
    assert (result.exit_code, result.output) == (0, "✓ ready to sell on acme\n")


def test_statements_are_listed_on_demand(shop: Shop, check: Check) -> None:
    result = check("--sku", "apple", "--statements")
    assert result.exit_code == 0, result.output
    statements = listed(result)
    assert list(statements) == [f"P{number}" for number in range(1, 83)]
    assert statements["P1"] == "✓ acme: P1 A known SKU without an address is answered with price, list price and stock"
    assert statements["P8"] == "✓ acme: P8 Lines of one SKU share its stock"
    assert statements["P12"].startswith("- acme: P12 Out of the shop's reach there is stock")
    assert statements["P12"].endswith(": no address is named that the shop does not deliver to")
    counts = [sum(line[0] == sign for line in statements.values()) for sign in "✓✗-"]
    assert counts[1] == 0
    assert f"acme: {counts[0]} statements kept, 0 broken, {counts[2]} not applicable\n" in result.output


@pytest.mark.parametrize("where", ["inside", "outside"])
def test_a_broken_statement_says_what_was_sent_what_came_back_and_what_the_protocol_says(
    shop: Shop, check: Check, where: str
) -> None:
    spoil(shop, b'"listPrice":1500', b'"listPrice":15.5,"seen":"' + TOKEN.encode() + b'"')
    with served(shop.app) as url:
        result = check("--sku", "apple", "--no-statements", *(["--url", url] if where == "outside" else []))
    assert result.exit_code == 1
    assert set(listed(result)) >= {"P9"}
    after = result.output.partition("✗ acme: P9 Every amount of money is a whole number of cents\n")[2].splitlines()
    assert after[0].startswith("    protocol  items[].listPrice is money: a whole number of cents")
    assert after[1] == "    sent      POST /api/vtex/acme/pvt/orderForms/simulation?token=…"
    assert '"items":[{"id":"apple","quantity":1,"seller":"fruitshop"}]' in after[3]
    assert after[4] == "    received  HTTP 200"
    assert '"listPrice":15.5,"seen":"…"' in result.output
    assert not any(secret in result.output for secret in (TOKEN, SECOND_TOKEN, APP_TOKEN))
    assert "ready to sell" not in result.output


def test_what_comes_back_cannot_move_the_cursor(shop: Shop, check: Check) -> None:
    spoil(shop, b'"listPrice":1500', b'"listPrice":15.5, "x": "\x1b[2J\x07"')
    output = check("--sku", "apple").output
    assert "?[2J?" in output
    assert "\x1b" not in output


def test_no_order_is_placed_and_nothing_is_written(shop: Shop, check: Check) -> None:
    check("--sku", "apple", "--statements")
    assert shop.order_ids() == []
    asked = {type(argument).__name__ for argument in shop.asked}
    assert asked == {"SimulationRequest", "tuple"}


# which SKUs are asked for


def test_the_shop_names_the_skus_if_nobody_else_does(shop: Shop, check: Check) -> None:
    names(shop, "plum", "apple", "pear")
    result = check("--statements")
    assert result.exit_code == 0, result.output
    assert listed(result)["P15"].startswith("✓")  # it takes two in stock
    assert shop.asked[0] == "sku ids"


def test_skus_that_are_named_are_asked_for_instead(shop: Shop, check: Check) -> None:
    names(shop, "apple", "pear")
    check("--sku", "pear")
    assert "sku ids" not in shop.asked
    carts = [argument.items for argument in shop.asked if hasattr(argument, "items")]
    assert not any(item.sku_id == "apple" for cart in carts for item in cart)


def test_without_a_sku_no_statement_is_judged_and_nothing_is_wrong(shop: Shop, check: Check) -> None:
    for options in ((), ("--statements",)):
        result = check(*options)
        assert result.exit_code == 0
        assert result.output.splitlines() == [
            "- acme: no statement is judged: no SKU is known here; name one with --sku",
            "✓ nothing found in the way, but no cart was tried, on acme",
        ]


def test_of_several_marketplaces_only_those_are_ready_where_a_cart_was_tried(
    new_shop: Callable[..., Shop], check: Check
) -> None:
    shop = new_shop(marketplaces={"acme": ACME, "zeta": ACME})
    sold = shop.seller._hooks.offer_loader.get()
    names(shop, "apple")
    shop.seller._hooks.offer_loader._function = lambda ids, asked: (
        sold(ids, asked) if asked.marketplace == "acme" else []
    )
    assert check(shop=shop).output.splitlines() == [
        "- zeta: no statement is judged: none of the first SKUs of sku_ids_loader is in stock; name one with --sku",
        "✓ ready to sell on acme",
        "✓ nothing found in the way, but no cart was tried, on zeta",
    ]


def test_a_shop_that_sold_everything_is_not_wrong(shop: Shop, check: Check) -> None:
    names(shop, "plum")
    result = check("--statements")
    assert result.exit_code == 0
    assert "none of the first SKUs of sku_ids_loader is in stock; name one with --sku" in result.output


def test_a_named_sku_that_is_sold_out_is_said(shop: Shop, check: Check) -> None:
    result = check("--sku", "plum", "--sku", "kiwi")
    assert result.exit_code == 1
    assert result.output == "✗ acme: the shop has none of plum, kiwi in stock: name others with --sku\n"


def test_a_loader_that_fails_is_named(shop: Shop, check: Check) -> None:
    shop.asked = ["a shopper's words"]

    @shop.seller.sku_ids_loader
    def load() -> Iterable[str]:
        raise KeyError(*shop.asked)

    result = check()
    assert result.exit_code == 1
    assert "✗ the shop's sku_ids_loader raised KeyError\n" in result.output
    assert f'File "{__file__}"' in result.output
    assert "a shopper's words" not in result.output
    assert "FLASK_DEBUG=1 shows the exception's own words" in result.output
    assert "no SKU is known here; name one with --sku\n" in result.output
    assert check("--sku", "apple").exit_code == 0


def test_a_loader_that_fails_says_why_in_debug_mode(shop: Shop, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    shop.asked = ["a shopper's words"]

    @shop.seller.sku_ids_loader
    def load() -> Iterable[str]:
        raise KeyError(*shop.asked)

    result = check()
    assert 'KeyError: "a shopper\'s words"\n' in result.output
    assert "FLASK_DEBUG" not in result.output


@pytest.mark.parametrize("sku_id", [7, ("apple",), None])
def test_a_loader_of_what_is_no_id_is_named(shop: Shop, check: Check, sku_id: Any) -> None:
    shop.seller.sku_ids_loader(lambda: ["apple", sku_id])
    result = check()
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f"✗ sku_ids_loader must yield str, not {type(sku_id).__name__}",
        "- acme: no statement is judged: no SKU is known here; name one with --sku",
    ]


@pytest.mark.parametrize("options", [(), ("--sku", "apple")])
def test_loaders_that_take_longer_than_their_budget_are_told(
    new_shop: MakeShop, check: Check, options: tuple[str, ...]
) -> None:
    """Else a shop that has never an answer in time would seem to be ready, with nothing in stock."""
    shop, answers = new_shop(VTEX_SELLER_SIMULATION_SECONDS=0.01), threading.Event()
    shop.seller.sku_ids_loader(lambda: ["apple"])

    def slas(_: SimulationRequest) -> Iterable[Sla]:
        answers.wait(20)
        return []

    shop.slas = slas
    try:
        result = check(*options, shop=shop)
    finally:
        answers.set()
    assert result.exit_code == 1
    assert re.search(
        r"^✗ [1-9]\d* carts were answered as unavailable, .* than the 0\.01 s of VTEX_", result.output, re.M
    )


@pytest.mark.parametrize(("seconds", "is_told"), [(2.4, False), (2.5, True), (10, True)])
def test_a_budget_that_no_marketplace_waits_for_is_told(
    new_shop: MakeShop, check: Check, seconds: float, is_told: bool
) -> None:
    result = check("--sku", "apple", shop=new_shop(VTEX_SELLER_SIMULATION_SECONDS=seconds))
    assert result.exit_code == is_told
    words = f"✗ VTEX_SELLER_SIMULATION_SECONDS is {seconds:g}: marketplaces wait 2.5 s in all; 2 is sensible\n"
    assert (result.output == words) is is_told


@pytest.mark.parametrize("options", [(), ("--statements",)])
def test_a_shop_that_fails_is_told_once_and_how_to_see_why(shop: Shop, check: Check, options: Sequence[str]) -> None:
    shop.stock["apple"] = None  # type: ignore[assignment]
    result = check("--sku", "apple", *options)
    assert result.exit_code == 1
    assert result.output == (
        "✗ acme: a cart of apple is answered with HTTP 500, so no statement is judged: the log says where the shop "
        "failed; FLASK_DEBUG=1 shows the exception's own words, which may quote a shopper's data\n"
    )


def test_where_the_shop_runs_nobody_is_told_to_switch_debugging_on(shop: Shop, check: Check) -> None:
    shop.stock["apple"] = None  # type: ignore[assignment]
    with served(shop.app) as url:
        result = check("--url", url, "--sku", "apple")
    assert result.exit_code == 1
    assert result.output == (
        "✗ acme: a cart of apple is answered with HTTP 500, so no statement is judged: "
        "the log says where the shop failed\n"
    )


# where the shop delivers to


def test_an_address_that_nobody_named_need_not_be_served(shop: Shop, check: Check) -> None:
    shop.slas = lambda _: []
    result = check("--sku", "apple", "--statements")
    assert result.exit_code == 0, result.output
    expected = "the shop does not deliver to 01310-100 in BRA: name another with --postal-code"
    assert listed(result)["P11"].endswith(expected)


def test_an_address_that_was_named_is_served(shop: Shop, check: Check) -> None:
    result = check("--sku", "apple", "--postal-code", "69900-000")
    assert result.exit_code == 1
    assert set(listed(result)) == {"P11"}


def test_the_country_is_the_first_that_the_marketplace_ships_to(new_shop: MakeShop, check: Check) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, "ships_to": "ARG,BRA"}})
    check("--sku", "apple", shop=shop)
    check("--sku", "apple", "--country", "BRA", "--postal-code", "01310-100", shop=shop)
    countries = [argument.country for argument in shop.asked if getattr(argument, "postal_code", None)]
    assert (countries[0], countries[-1]) == ("ARG", "BRA")


# which marketplaces


def test_one_marketplace_may_be_checked_alone(new_shop: MakeShop, check: Check) -> None:
    shop = new_shop(marketplaces={"acme": ACME, "zeta": {**ACME, "inbound_tokens": []}})
    assert check(shop=shop).exit_code == 1
    result = check("--marketplace", "acme", "--sku", "apple", shop=shop)
    assert (result.exit_code, result.output) == (0, "✓ ready to sell on acme\n")


def test_each_marketplace_is_judged(new_shop: MakeShop, check: Check) -> None:
    shop = new_shop(marketplaces={"acme": ACME, "zeta": {**ACME, "merchant_name": "fruitpay"}})
    result = check("--sku", "apple", "--statements", shop=shop)
    assert result.exit_code == 0, result.output
    assert "\nzeta: " in result.output
    assert result.output.endswith("✓ ready to sell on acme, zeta\n")


def test_a_marketplace_that_is_none_is_refused(shop: Shop, check: Check) -> None:
    result = check("--marketplace", "amce")
    assert result.exit_code == 2
    assert "no marketplace 'amce' is configured; known: acme" in result.output


# shops that are not complete


def test_a_shop_without_tables_is_not_judged(new_shop: MakeShop, check: Check) -> None:
    shop = new_shop(create_tables=False)
    result = check("--sku", "apple", "--statements", shop=shop)
    assert result.exit_code == 1
    assert listed(result) == {}
    assert shop.asked == []


def test_a_database_that_is_not_there_is_named(new_shop: MakeShop, check: Check) -> None:
    shop = new_shop(database_url="sqlite:////nowhere/at/all.sqlite", create_tables=False, wal=False)
    result = check(shop=shop)
    assert result.exit_code == 1
    assert "✗ the database cannot be asked: OperationalError\n" in result.output


def test_a_shop_that_raises_before_the_extension_is_named_also_in_debug_mode(shop: Shop, check: Check) -> None:
    shop.app.debug = True

    @shop.app.before_request
    def bug() -> None:
        raise RuntimeError(request.full_path)

    result = check()
    assert result.exit_code == 1
    assert "RuntimeError" in result.output or "is answered by the shop with 500" in result.output


@pytest.mark.parametrize("token", ["a+b&c=d#e", "tökén", "12345678"])
def test_any_token_works_and_stays_secret(new_shop: MakeShop, check: Check, token: str) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, "inbound_tokens": [token]}})
    result = check("--sku", "apple", "--statements", shop=shop)
    assert result.exit_code == 0, result.output
    assert token not in result.output


def test_offers_of_any_size_are_judged(shop: Shop, check: Check) -> None:
    shop.stock["gold"] = Offer(sku_id="gold", price=10**9, stock=2**31 - 10)
    assert check("--sku", "gold").exit_code == 0


def test_a_country_is_three_letters(shop: Shop, check: Check) -> None:
    result = check("--country", "Brazil")
    assert result.exit_code == 2
    assert "Brazil" in result.output


@pytest.mark.parametrize("most", [1, 2, 900])
def test_the_shop_is_held_to_its_own_limits(new_shop: MakeShop, check: Check, most: int) -> None:
    """P23."""
    shop = new_shop(VTEX_SELLER_MAX_ITEMS=most, VTEX_SELLER_MAX_BODY_BYTES=2_000_000)
    names(shop, "apple", "pear", "plum")
    result = check("--statements", shop=shop)
    assert listed(result)["P23"].startswith("✓"), result.output
    assert listed(result)["P1"].startswith("✓"), result.output
