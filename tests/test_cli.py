"""`flask vtex-seller …`."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect  # type: ignore[import-untyped]
from sqlalchemy import inspect

from flask_vtex_seller import VtexSeller

from .shops import ACME, APP_TOKEN, SECOND_TOKEN, TOKEN, Shop, StoppedClock, order_body

HOOKS = [
    "offer_loader",
    "sla_loader",
    "on_order_placement",
    "on_authorize_fulfillment",
    "on_order_cancellation",
]


def run(shop: Shop, *arguments: str) -> Result:
    return shop.app.test_cli_runner().invoke(args=["vtex-seller", *arguments])


def words(line: str) -> str:
    return " ".join(line.split())


# urls


def test_urls_prints_an_endpoint_for_each_live_token_and_hides_the_tokens(shop: Shop) -> None:
    result = run(shop, "urls")
    assert result.exit_code == 0
    assert result.output.splitlines() == ["acme: https://shop.example/api/vtex/acme?token=…"] * 2
    assert TOKEN not in result.output


def test_urls_prints_the_tokens_when_asked(shop: Shop) -> None:
    result = run(shop, "urls", "--show-tokens", "--base-url", "https://fruit.example/")
    assert result.output.splitlines() == [
        f"acme: https://fruit.example/api/vtex/acme?token={TOKEN}",
        f"acme: https://fruit.example/api/vtex/acme?token={SECOND_TOKEN}",
    ]


def test_urls_of_a_marketplace_without_tokens_has_a_gap(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, "inbound_tokens": []}}, VTEX_SELLER_URL_PREFIX="/sell")
    assert run(shop, "urls", "--show-tokens").output == "acme: https://shop.example/sell/acme?token=…\n"


def test_urls_without_a_marketplace_says_what_to_set(new_shop: Callable[..., Shop]) -> None:
    assert "set VTEX_SELLER_MARKETPLACES" in run(new_shop(marketplaces={}), "urls").output


def test_a_printed_endpoint_works_whatever_its_token_holds(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, "inbound_tokens": ["a+b&c=d#e"]}})
    _, _, query = run(shop, "urls", "--show-tokens").output.strip().partition("?")
    body = {"items": [{"id": "apple", "quantity": 1}]}
    assert shop.call("/pvt/orderForms/simulation", body, query_string=query).status_code == 200


# check


def test_check_of_a_complete_shop_is_content(shop: Shop) -> None:
    result = run(shop, "check", "--sku", "apple")
    assert (result.exit_code, result.output) == (0, "✓ ready to sell on acme\n")


def test_check_shows_no_secret(shop: Shop) -> None:
    assert not any(secret in run(shop, "check").output for secret in (TOKEN, SECOND_TOKEN, APP_TOKEN))


def test_check_names_missing_tables_and_the_remedy(new_shop: Callable[..., Shop]) -> None:
    result = run(new_shop(create_tables=False), "check")
    assert result.exit_code == 1
    assert "✗ the database has no vtex_order: run the shop's migrations or `flask vtex-seller create-tables`" in (
        result.output
    )


def test_check_names_a_marketplace_without_tokens(new_shop: Callable[..., Shop]) -> None:
    """P71."""
    result = run(new_shop(marketplaces={"acme": {**ACME, "inbound_tokens": ""}}), "check")
    assert (result.exit_code, result.output) == (1, "✗ acme has no inbound_tokens: every call of it is refused\n")


def test_check_without_a_marketplace_fails(new_shop: Callable[..., Shop]) -> None:
    result = run(new_shop(marketplaces={}), "check")
    assert (result.exit_code, result.output) == (
        1,
        "✗ no marketplace is configured: set VTEX_SELLER_MARKETPLACES\n",
    )


def test_check_notices_a_login_wall_of_the_shop(shop: Shop) -> None:
    @shop.app.before_request
    def wall() -> Any:
        return "log in", 403

    result = run(shop, "check")
    assert result.exit_code == 1
    assert "/api/vtex/acme/pvt/orderForms/simulation is answered by the shop with 403" in result.output
    assert "request.blueprint is 'vtex_seller'" in result.output


def test_check_notices_a_wall_that_answers_401_like_we_do(shop: Shop) -> None:
    @shop.app.before_request
    def wall() -> Any:
        return "log in", 401

    assert "answered by the shop with 401" in run(shop, "check").output


def test_check_tells_how_to_exempt_the_blueprint_from_csrf_protection(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(SECRET_KEY="made up")
    csrf = CSRFProtect(shop.app)
    result = run(shop, "check")
    assert result.exit_code == 1
    assert "csrf.exempt(seller.blueprint)" in result.output
    csrf.exempt(shop.seller.blueprint)
    assert run(shop, "check").exit_code == 0


@pytest.fixture
def hookless(database_url: str) -> Iterator[Flask]:
    """A shop that registered no function yet."""
    db, app = SQLAlchemy(), Flask("hookless")
    app.config.update(SQLALCHEMY_DATABASE_URI=database_url, VTEX_SELLER_MARKETPLACES={"acme": ACME})
    seller = VtexSeller(db)
    db.init_app(app)
    seller.init_app(app)
    with app.app_context():
        db.create_all()
    yield app
    with app.app_context():
        db.engine.dispose()


def test_check_names_every_missing_hook_but_the_optional_one(hookless: Flask) -> None:
    result = hookless.test_cli_runner().invoke(args=["vtex-seller", "check"])
    assert result.exit_code == 1
    assert result.output.splitlines() == [f"✗ no {hook} is registered" for hook in HOOKS]


# create-tables


def test_create_tables_can_be_run_again(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(create_tables=False)
    first, second = run(shop, "create-tables"), run(shop, "create-tables")
    assert first.exit_code == second.exit_code == 0
    assert first.output == second.output
    assert "vtex_order" in first.output
    with shop.app.app_context():
        assert inspect(shop.db.engine).has_table("vtex_order")


def test_create_tables_leaves_the_shops_own_tables_alone(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(create_tables=False)
    run(shop, "create-tables")
    with shop.app.app_context():
        assert not inspect(shop.db.engine).has_table("shop_order")


def test_create_tables_keeps_what_is_stored(shop: Shop) -> None:
    shop.call("/pvt/orders", [order_body()])
    run(shop, "create-tables")
    assert "1138342255777-01" in run(shop, "orders", "list").output


# orders


@pytest.fixture
def busy(new_shop: Callable[..., Shop]) -> Shop:
    """A shop on two marketplaces with two placed orders and an authorized one, a minute apart."""
    clock = StoppedClock()
    shop = new_shop(marketplaces={"acme": ACME, "other": ACME}, clock=clock)
    shop.call("/pvt/orders", [order_body("1-01")])
    clock.advance(60)
    shop.call("/pvt/orders", [order_body("2-01")], marketplace="other")
    clock.advance(60)
    shop.call("/pvt/orders", [order_body("3-01")])
    shop.call("/pvt/orders/S-3/fulfill", {"marketplaceOrderId": "3-01"})
    return shop


def listed(shop: Shop, *arguments: str) -> list[str]:
    result = run(shop, "orders", "list", *arguments)
    assert result.exit_code == 0
    return [words(line) for line in result.output.splitlines()[1:]]


def test_orders_are_listed_the_newest_first(busy: Shop) -> None:
    assert listed(busy) == [
        "acme 3-01 S-3 authorized 2026-03-04T15:47:02+00:00",
        "other 2-01 S-2 placed 2026-03-04T15:46:02+00:00",
        "acme 1-01 S-1 placed 2026-03-04T15:45:02+00:00",
    ]


def test_the_list_has_a_heading_even_without_orders(shop: Shop) -> None:
    assert words(run(shop, "orders", "list").output) == "MARKETPLACE MARKETPLACE ORDER ORDER STATE CREATED"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--marketplace", "other"), ["2-01"]),
        (("--state", "placed"), ["2-01", "1-01"]),
        (("--state", "authorized"), ["3-01"]),
        (("--state", "canceled"), []),
        (("--marketplace", "acme", "--state", "placed"), ["1-01"]),
        (("--limit", "2"), ["3-01", "2-01"]),
        (("--marketplace", "nobody"), []),
    ],
)
def test_the_list_can_be_narrowed(busy: Shop, arguments: tuple[str, ...], expected: list[str]) -> None:
    assert [line.split()[1] for line in listed(busy, *arguments)] == expected


@pytest.mark.parametrize("arguments", [("--state", "lost"), ("--limit", "0"), ("--limit", "1001")])
def test_a_wrong_filter_is_refused(shop: Shop, arguments: tuple[str, ...]) -> None:
    assert run(shop, "orders", "list", *arguments).exit_code == 2


def test_an_order_is_shown_with_all_that_is_known(busy: Shop) -> None:
    result = run(busy, "orders", "show", "S-3")
    shown = dict(line.split(maxsplit=1) for line in result.output.splitlines())
    assert result.exit_code == 0
    assert shown["marketplace"] == "acme"
    assert shown["marketplace_order_id"] == "3-01"
    assert shown["state"] == "authorized"
    assert shown["receipt"] == "receipt-1"
    assert shown["value"] == "3830"
    assert shown["canceled_at"] == "-"
    assert shown["follow_up_email"] == "-"


def test_an_order_is_shown_by_the_marketplaces_id_too(busy: Shop) -> None:
    assert run(busy, "orders", "show", "3-01").output == run(busy, "orders", "show", "S-3").output


def test_an_order_is_shown_without_the_shoppers_data(busy: Shop) -> None:
    output = run(busy, "orders", "show", "S-3").output
    assert not any(word in output for word in ("maria", "Maria", "39053344705", "Paulista"))


def test_a_decision_is_shown_by_its_name(busy: Shop) -> None:
    busy.call("/pvt/orders/S-1/cancel", {"marketplaceOrderId": "1-01"})
    output = run(busy, "orders", "show", "S-1").output
    assert "confirm" in output
    assert "CancellationDecision" not in output


def test_an_unknown_order_is_an_error(busy: Shop) -> None:
    for arguments in (("S-9",), ("S-1", "--marketplace", "other")):
        result = run(busy, "orders", "show", *arguments)
        assert result.exit_code == 1
        assert f"no marketplace placed an order '{arguments[0]}' here" in result.output


@pytest.mark.parametrize("command", ["status", "catalog status", "outbox list", "purge --older-than 1 --yes"])
def test_a_database_without_the_tables_is_an_error_of_one_line(new_shop: Callable[..., Shop], command: str) -> None:
    shop = new_shop(create_tables=False)
    result = shop.app.test_cli_runner().invoke(args=["vtex-seller", *command.split()])
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1), result.output
    assert "flask vtex-seller create-tables" in result.stderr
