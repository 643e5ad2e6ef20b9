"""What a marketplace is told when something goes wrong: one contract, and nothing of the shop's inside."""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from flask import Flask, abort, got_request_exception
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.exc import IntegrityError, OperationalError
from werkzeug.test import TestResponse

from flask_vtex_seller import Offer, OutOfStock, PlacementRefused, VtexSeller

from ..shops import ACME, TOKEN, Shop, order_body

SIMULATION = "/pvt/orderForms/simulation"
CART = {"items": [{"id": "apple", "quantity": 1}]}
SHOPPER = "maria.silva@mail.example"


class Raising(dict[str, Offer]):
    """The stock of a shop whose offer loader raises."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def __contains__(self, _: object) -> bool:
        raise self.error


def problem(response: TestResponse) -> dict[str, Any]:
    """Return the `error` of an answer that keeps the whole contract."""
    body = response.get_json()
    assert list(body) == ["error"]
    error: dict[str, Any] = body["error"]
    assert set(error) == {"code", "message", "exception"}
    assert error["exception"] is None
    assert response.mimetype == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert unquote(response.headers["x-vtex-error-code"]) == error["code"]
    message = response.headers["x-vtex-error-message"]
    assert message.isascii()
    assert message.isprintable()
    assert unquote(message) == error["message"][:300]
    return error


def failing(shop: Shop, error: BaseException) -> TestResponse:
    shop.stock = Raising(error)
    return shop.simulate(("apple", 1))


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


# a function of the shop raises


def test_a_hook_that_raises_is_an_unexpected_problem(shop: Shop) -> None:
    response = failing(shop, RuntimeError(SHOPPER))
    assert response.status_code == 500
    assert problem(response) == {
        "code": "ORD008",
        "message": "the shop could not process the call",
        "exception": None,
    }


@pytest.mark.parametrize("path", [SIMULATION, "/pvt/orders"])
def test_what_a_hook_raised_is_in_no_answer_and_in_no_log(
    shop: Shop, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    caplog.set_level(logging.DEBUG)
    error = IntegrityError(f"INSERT {SHOPPER}", {"email": SHOPPER}, sqlite3.IntegrityError(SHOPPER))
    shop.stock = Raising(error)
    response = shop.call(path, CART if path == SIMULATION else [order_body()])
    assert response.status_code == 500
    assert problem(response)["code"] == "ORD008"
    written = response.get_data(as_text=True) + str(response.headers)
    written += "".join(record.getMessage() + str(vars(record)) for record in caplog.records)
    assert "IntegrityError" not in response.get_data(as_text=True)
    for private in (SHOPPER, "INSERT", "Traceback (most recent", "39053344705"):
        assert private not in written


def test_the_log_names_the_hook_the_kind_of_exception_and_the_place(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    failing(shop, RuntimeError(SHOPPER))
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert record.getMessage().startswith("the shop's offer_loader raised RuntimeError\n")
    assert "in __contains__" in record.getMessage()
    assert record.exc_info is None
    assert record.marketplace == "acme"  # type: ignore[attr-defined]


def test_the_exceptions_own_words_are_logged_while_debugging(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.app.debug = True
    response = failing(shop, RuntimeError(SHOPPER))
    assert SHOPPER in caplog.text
    assert SHOPPER not in response.get_data(as_text=True)


def test_the_shops_error_tracker_is_told_what_the_hook_raised(shop: Shop) -> None:
    error, told = RuntimeError(SHOPPER), []

    def tracker(_: object, exception: BaseException) -> None:
        told.append(exception)

    with got_request_exception.connected_to(tracker, sender=shop.app):
        failing(shop, error)
    assert told == [error]


@pytest.mark.parametrize("settings", [{"TESTING": True}, {"PROPAGATE_EXCEPTIONS": True}])
def test_a_hooks_exception_is_answered_in_the_shops_own_tests_too(
    new_shop: Callable[..., Shop], settings: dict[str, bool]
) -> None:
    assert failing(new_shop(**settings), RuntimeError()).status_code == 500


@pytest.mark.parametrize(
    ("answer", "got"),
    [(None, "NoneType"), (7, "int"), ([None], "NoneType"), (["apple"], "str"), ([{"sku_id": "apple"}], "dict")],
)
def test_a_hook_that_returns_something_else_is_an_unexpected_problem(
    hookless: Flask, caplog: pytest.LogCaptureFixture, answer: Any, got: str
) -> None:
    seller_of(hookless).offer_loader.register(lambda sku_ids, request: answer)
    response = hookless.test_client().post(f"/api/vtex/acme{SIMULATION}?token={TOKEN}", json=CART)
    assert (response.status_code, problem(response)["code"]) == (500, "ORD008")
    assert f"the shop's offer_loader returned {got} where Offer objects belong" in caplog.text


def seller_of(app: Flask) -> Any:
    return app.extensions["vtex_seller"].hooks


@pytest.mark.parametrize(
    ("hook", "path", "body"),
    [
        ("offer_loader", SIMULATION, CART),
        ("sla_loader", SIMULATION, {**CART, "postalCode": "01310-100", "country": "BRA"}),
        ("on_order_placement", "/pvt/orders", [order_body()]),
    ],
)
def test_a_missing_hook_is_an_unexpected_problem_and_the_log_names_it(
    hookless: Flask, caplog: pytest.LogCaptureFixture, hook: str, path: str, body: Any
) -> None:
    if hook == "sla_loader":
        seller_of(hookless).offer_loader.register(lambda sku_ids, request: [])
    response = hookless.test_client().post(f"/api/vtex/acme{path}?token={TOKEN}", json=body)
    assert (response.status_code, problem(response)["code"]) == (500, "ORD008")
    assert hook not in response.get_data(as_text=True)
    assert f"decorate a function of the shop with @seller.{hook}" in caplog.text


def test_a_placements_refusal_means_nothing_in_a_simulation(shop: Shop) -> None:
    response = failing(shop, OutOfStock(SHOPPER))
    assert (response.status_code, problem(response)["code"]) == (500, "ORD008")
    assert SHOPPER not in response.get_data(as_text=True)


# the database's passing trouble


def test_a_busy_database_asks_for_a_repeat(shop: Shop) -> None:
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
    response = failing(shop, OperationalError(SHOPPER, {}, busy))
    assert response.status_code == 503
    assert problem(response)["code"] == "TEMPORARILY_UNAVAILABLE"
    assert response.headers["Retry-After"] == "1"
    assert SHOPPER not in response.get_data(as_text=True)


# refusals


REFUSALS = [
    OutOfStock("esgotado em São Paulo ☃"),
    OutOfStock('100% "sold out"\r\nX-Evil: 1'),
    OutOfStock("a\tb\0c\x7f"),
    OutOfStock("ü" * 1000),
    OutOfStock(""),
    PlacementRefused("own code", code="OWN_CODE.1-a"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=range(len(REFUSALS)))
def test_error_headers_are_ascii_and_decode_to_the_message(shop: Shop, refusal: PlacementRefused) -> None:
    """P29."""

    def place(_: Any) -> Any:
        raise refusal

    shop.place = place
    response = shop.call("/pvt/orders", [order_body()])
    assert response.status_code == 409
    assert problem(response)["message"] == refusal.message
    assert problem(response)["code"] == refusal.code
    assert "X-Evil" not in response.headers


def test_a_readable_message_stays_readable_in_the_header(shop: Shop) -> None:
    response = shop.call(SIMULATION, {"items": [{"id": "apple", "quantity": 0}]})
    assert response.headers["x-vtex-error-message"].startswith("items[0].quantity: Must be greater than or equal to 1")


def test_a_refusal_is_logged_by_its_code_only(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="flask_vtex_seller")
    headers = {"x-vtex-operation-id": "op-1\x7f" + "x" * 100}
    shop.call(SIMULATION, {"items": [{"id": SHOPPER}]}, headers=headers)
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert record.getMessage() == "refused a call: 400 INVALID_FIELD"
    shown = vars(record)
    assert (shown["code"], shown["status"], shown["marketplace"]) == ("INVALID_FIELD", 400, "acme")
    assert shown["operation_id"] == "op-1" + "x" * 59
    assert SHOPPER not in str(shown)


# what others raise before or after our views


def test_what_the_shop_aborts_with_is_answered_in_our_contract_below_the_prefix(shop: Shop) -> None:
    shop.app.before_request(lambda: abort(429, SHOPPER))
    response = shop.simulate(("apple", 1))
    assert response.status_code == 429
    assert problem(response) == {"code": "HTTP_429", "message": "Too Many Requests", "exception": None}


def test_what_the_shop_raises_before_our_view_is_answered_in_our_contract(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    @shop.app.before_request
    def broken() -> None:
        raise ValueError(SHOPPER)

    response = shop.simulate(("apple", 1))
    assert (response.status_code, problem(response)["code"]) == (500, "ORD008")
    assert SHOPPER not in caplog.text


def test_the_shops_own_error_handlers_do_not_answer_for_us(shop: Shop) -> None:
    for kind in (404, 500, Exception):
        shop.app.register_error_handler(kind, lambda _: ("<h1>ours</h1>", 418))
    client, query = shop.app.test_client(), {"token": TOKEN}
    responses = [
        shop.simulate(("apple", 0)),
        failing(shop, RuntimeError()),
        client.get("/api/vtex/acme/nowhere", query_string=query),
        client.get("/api/vtex/nobody"),
    ]
    assert [response.status_code for response in responses] == [400, 500, 404, 404]
    assert all(problem(response) for response in responses)
    assert client.get("/elsewhere").status_code == 418
