from collections.abc import Callable

import pytest
from flask import Flask

from example_shop.money import brl, parse_cents, plain

from .conftest import Browser


def test_the_list_shows_every_product_with_price_and_availability(browser: Browser) -> None:
    page = browser.get("/").text
    assert page.count('class="card"') == 20
    assert "R$ 24,90" in page
    assert "<s>R$ 29,90</s>" in page
    assert "Sold out" in page
    assert "Only 1 left" in page


def test_a_category_shows_its_products_only(browser: Browser) -> None:
    page = browser.get("/?category=Garden").text
    assert page.count('class="card"') == 4
    assert "Hammock" not in page


@pytest.mark.parametrize("path", ["/?category=Cars", "/?category=%00", "/products/NOPE", "/products/%00"])
def test_what_does_not_exist_answers_404(browser: Browser, path: str) -> None:
    assert browser.get(path).status_code == 404


def test_a_product_page_has_its_facts_and_can_be_bought(browser: Browser) -> None:
    page = browser.get("/products/CAF-250").text
    assert "Serra Clara" in page
    assert "270 g" in page
    assert "Add to cart" in page


def test_a_sold_out_product_cannot_be_put_into_the_cart(browser: Browser) -> None:
    page = browser.get("/products/POT-5L").text
    assert "Sold out" in page
    assert "Add to cart" not in page


def test_static_images_of_all_products_exist(browser: Browser) -> None:
    for name in ("coffee", "kitchen", "garden", "stationery", "home", "leaf"):
        with browser.get(f"/static/images/{name}.svg") as answer:
            assert answer.status_code == 200


def test_an_empty_shop_says_how_to_fill_it(new_app: Callable[..., Flask]) -> None:
    app = new_app(SQLALCHEMY_DATABASE_URI="sqlite://")
    result = app.test_cli_runner().invoke(args=["db", "upgrade"])
    assert result.exit_code == 0
    assert "example_shop seed" in app.test_client().get("/").text


@pytest.mark.parametrize(
    ("written", "cents"),
    [
        ("19,90", 1990),
        ("19.90", 1990),
        ("R$ 1.234,56", 123456),
        ("19", 1900),
        ("1.234", 123400),
        ("0", 0),
        (" 5,00 ", 500),
    ],
)
def test_amounts_are_read_as_people_write_them(written: str, cents: int) -> None:
    assert parse_cents(written) == cents


@pytest.mark.parametrize("written", ["", "-1", "1,9", "1e3", "nan", "19,999", "12345678", "1,234.56"])
def test_what_is_no_amount_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        parse_cents(written)


def test_amounts_are_written_with_comma_and_points() -> None:
    assert brl(123456789) == "R$ 1.234.567,89"
    assert plain(5) == "0,05"
    assert parse_cents(plain(123456)) == 123456
