import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from example_shop.checkout import form
from example_shop.extensions import db
from example_shop.orders.models import Order, OrderState

from .conftest import BUYER, Browser, hidden

Orders = Callable[[], list[Order]]
Stock = Callable[[str], int]


def execute(app: Flask, statement: str) -> None:
    with app.app_context():
        db.session.execute(text(statement))
        db.session.commit()


def test_the_cart_adds_up(browser: Browser) -> None:
    browser.post("/cart/add", sku="CAF-250", quantity=2)
    page = browser.post("/cart/add", sku="CAF-250", quantity=1).text
    assert "R$ 74,70" in page
    assert 'class="count">3<' in page


def test_quantities_change_and_zero_takes_a_product_out(browser: Browser) -> None:
    browser.fill_cart(("CAF-250", 2), ("CANDLE", 1))
    assert "R$ 24,90" in browser.post("/cart/update", sku="CAF-250", quantity=1).text
    browser.post("/cart/update", sku="CAF-250", quantity=0)
    page = browser.post("/cart/update", sku="CANDLE", quantity=0).text
    assert "It is empty" in page


@pytest.mark.parametrize("quantity", ["", "-1", "1.5", "100", "1e1", "²", "9999999999"])
def test_a_strange_quantity_is_explained(browser: Browser, quantity: str) -> None:
    assert "Choose a quantity" in browser.post("/cart/add", sku="CANDLE", quantity=quantity).text
    assert "Choose a quantity" in browser.post("/cart/update", sku="CANDLE", quantity=quantity).text


def test_a_cart_takes_at_most_99_of_a_product(browser: Browser) -> None:
    browser.post("/cart/add", sku="ENV-50", quantity=99)
    assert 'class="count">99<' in browser.post("/cart/add", sku="ENV-50", quantity=5).text


def test_products_that_cannot_be_bought_do_not_enter_the_cart(browser: Browser) -> None:
    assert "There is no such product" in browser.post("/cart/add", sku="NOPE").text
    assert "There is no such product" in browser.post("/cart/add", sku="\x00").text
    assert "is sold out" in browser.post("/cart/add", sku="POT-5L").text
    assert "It is empty" in browser.post("/cart/update", sku="CANDLE", quantity=3).text


def test_a_full_cart_says_so(browser: Browser) -> None:
    with browser.client.session_transaction() as session:
        session["cart"] = {f"OLD-{number}": 1 for number in range(40)}
    assert "Your cart is full" in browser.post("/cart/add", sku="CANDLE").text


def test_a_product_that_is_no_more_leaves_the_cart(app: Flask, browser: Browser) -> None:
    browser.fill_cart(("CANDLE", 1), ("ENV-50", 1))
    execute(app, "DELETE FROM products WHERE code = 'CANDLE'")
    page = browser.get("/cart").text
    assert "candle" not in page
    assert "envelopes" in page


def test_the_calculator_shows_what_the_postal_code_gets(browser: Browser) -> None:
    browser.fill_cart(("SOIL-5KG", 1), postal_code="01310100")
    page = browser.get("/cart").text
    assert "01310-100" in page
    assert "R$ 17,40" in page  # 9,90 and five more started kilograms
    assert "Express delivery" in page
    assert "Pickup at" in page


def test_an_unserved_postal_code_is_told(browser: Browser) -> None:
    browser.fill_cart(("CANDLE", 1), postal_code="69005-040")
    assert "We do not deliver to 69005-040" in browser.get("/cart").text
    assert browser.get("/checkout").headers["Location"] == "/cart"


def test_a_strange_postal_code_is_explained(browser: Browser) -> None:
    assert "eight digits" in browser.post("/cart/shipping", postal_code="12").text


def test_the_checkout_needs_a_cart_and_a_postal_code(browser: Browser) -> None:
    assert "Your cart is empty" in browser.get("/checkout", follow_redirects=True).text
    browser.post("/cart/add", sku="CANDLE")
    assert "Enter your postal code first" in browser.post("/checkout", **BUYER).text


def test_an_order_reserves_its_stock_and_gets_a_number(browser: Browser, stock: Stock, orders: Orders) -> None:
    page = browser.order(("CAF-250", 2), ("PAN-22", 1)).text
    (order,) = orders()
    assert order.number in page
    assert (order.source, order.source_order_id, order.state) == ("shop", None, OrderState.RESERVED)
    assert (order.items_cents, order.shipping_cents, order.total_cents) == (20970, 2280, 23250)
    assert (order.document, order.state_of_address, order.postal_code) == ("52998224725", "SP", "01310-100")
    assert (stock("CAF-250"), stock("PAN-22")) == (118, 17)
    assert "It is empty" in browser.get("/cart").text


def test_the_thank_you_page_is_the_buyers_own(app: Flask, browser: Browser) -> None:
    browser.order(("CANDLE", 1))
    assert browser.get("/thank-you").status_code == 200
    assert Browser(app).get("/thank-you").headers["Location"] == "/"


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("name", "", "Full name is missing"),
        ("name", "x" * 121, "is longer than 120 characters"),
        ("city", "São\x00Paulo", "cannot be printed"),
        ("email", "ana", "does not look like"),
        ("phone", "4321", "area code"),
        ("state", "XX", "two letters"),
        ("document", "529.982.247-26", "not a valid number"),
    ],
)
def test_a_mistake_in_the_form_is_shown_beside_its_field(
    browser: Browser, orders: Orders, field: str, value: str, complaint: str
) -> None:
    answer = browser.order(("CANDLE", 1), **{field: value})
    assert answer.status_code == 422
    assert complaint in answer.text
    assert "Rua das Acácias" in answer.text
    assert orders() == []


def test_a_way_of_delivery_must_be_one_that_was_offered(browser: Browser, orders: Orders) -> None:
    answer = browser.order(("CANDLE", 1), shipping="drone")
    assert answer.status_code == 422
    assert "Choose a way of delivery" in answer.text
    assert orders() == []


def test_nobody_is_charged_a_price_they_did_not_see(app: Flask, browser: Browser, orders: Orders) -> None:
    browser.fill_cart(("CANDLE", 1))
    seen = hidden(browser.get("/checkout").text, "seen")
    execute(app, "UPDATE products SET price_cents = 9999 WHERE code = 'CANDLE'")
    answer = browser.post("/checkout", **BUYER, shipping="standard", seen=seen)
    assert answer.status_code == 422
    assert "Prices have changed" in answer.text
    assert orders() == []


def test_an_order_beyond_the_stock_is_refused_whole(browser: Browser, stock: Stock, orders: Orders) -> None:
    page = browser.order(("CAF-250", 1), ("TEA-HIB", 2)).text
    assert "there are not enough of Hibiscus" in page
    assert "Only 1 left" in page
    assert (stock("CAF-250"), stock("TEA-HIB"), orders()) == (120, 1, [])


def in_threads(count: int, work: Callable[[int], Any]) -> None:
    barrier = threading.Barrier(count)

    def run(index: int) -> None:
        barrier.wait()
        work(index)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_shoppers_at_the_same_moment_never_buy_more_than_there_is(app: Flask, stock: Stock, orders: Orders) -> None:
    execute(app, "UPDATE products SET stock = 3 WHERE code = 'CANDLE'")
    browsers = [Browser(app) for _ in range(8)]
    seen = []
    for index, browser in enumerate(browsers):
        # each puts the two products in in another order: sorted locks keep them from waiting in a ring
        lines = [("CANDLE", 1), ("CAF-250", 1)]
        browser.fill_cart(*(lines if index % 2 else reversed(lines)))
        seen.append(hidden(browser.get("/checkout").text, "seen"))
    pages: dict[int, str] = {}

    def buy(index: int) -> None:
        pages[index] = browsers[index].post("/checkout", **BUYER, shipping="standard", seen=seen[index]).text

    in_threads(8, buy)
    assert sum("Thank you!" in page for page in pages.values()) == 3
    assert sum("there are not enough of" in page for page in pages.values()) == 5
    assert len(orders()) == 3
    assert (stock("CANDLE"), stock("CAF-250")) == (0, 117)


def test_forms_without_the_sessions_token_are_refused(browser: Browser, orders: Orders) -> None:
    browser.fill_cart(("CANDLE", 1))
    for path in ("/cart/add", "/cart/update", "/cart/shipping", "/checkout"):
        assert browser.post_raw(path, sku="CANDLE").status_code == 400
        assert browser.post_raw(path, sku="CANDLE", csrf_token="wrong é").status_code == 400
    assert orders() == []


def test_a_form_from_a_session_that_is_gone_is_refused(app: Flask) -> None:
    assert "open for too long" in Browser(app).post_raw("/cart/add", sku="CANDLE", csrf_token="").text


@pytest.mark.parametrize(
    ("document", "valid"),
    [
        ("52998224725", True),
        ("11111111111", False),
        ("52998224724", False),
        ("11222333000181", True),
        ("11222333000182", False),
        ("00000000000000", False),
        ("12ABC34501DE35", True),
        ("12ABC34501DE36", False),
        ("123", False),
    ],
)
def test_documents_are_checked_by_their_check_digits(document: str, valid: bool) -> None:
    assert form.is_document(document) is valid
