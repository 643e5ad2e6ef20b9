"""Hosts that configure logging themselves: we add nothing to it, and our records say what they are about."""

import logging
from collections.abc import Callable, Iterator

import pytest
from flask_sqlalchemy import SQLAlchemy

from flask_vtex_seller import VtexSeller

from ..shops import ACME, APP_TOKEN, SECOND_TOKEN, TOKEN, Shop, order_body
from .conftest import NewHost, create_all, live_through

OPERATION = {"x-vtex-operation-id": "operation-7"}


@pytest.fixture(autouse=True)
def _everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="flask_vtex_seller")


def handlers() -> Iterator[tuple[str, logging.Handler]]:
    loggers = [logging.getLogger(), *map(logging.getLogger, list(logging.Logger.manager.loggerDict))]
    for logger in loggers:
        for handler in logger.handlers:
            yield logger.name, handler


def records(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name.startswith("flask_vtex_seller")]


def test_init_app_adds_no_handler_and_sets_no_level(new_host: NewHost) -> None:
    before, level = set(handlers()), logging.getLogger().level
    host = new_host()
    assert set(handlers()) == before
    create_all(host)
    live_through(host)
    assert set(handlers()) == before
    assert logging.getLogger().level == level
    ours = [name for name in logging.Logger.manager.loggerDict if name.startswith("flask_vtex_seller.")]
    assert ours
    assert {logging.getLogger(name).level for name in ours} == {logging.NOTSET}
    assert all(logging.getLogger(name).propagate for name in ours)


def test_a_marketplace_without_inbound_tokens_is_warned_of_by_name(
    new_host: NewHost, caplog: pytest.LogCaptureFixture
) -> None:
    new_host(VTEX_SELLER_MARKETPLACES={"quiet": {**ACME, "inbound_tokens": []}})
    (record,) = records(caplog)
    assert (record.levelname, record.__dict__["marketplace"]) == ("WARNING", "quiet")


def test_an_order_that_goes_well_logs_nothing_above_info(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    live_through(shop)
    assert [record for record in records(caplog) if record.levelno > logging.INFO] == []


def test_a_refused_call_is_logged_with_marketplace_order_and_operation(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    assert shop.call("/pvt/orders/S-404/fulfill", {}, headers=OPERATION).status_code == 404
    (record,) = records(caplog)
    said = {key: record.__dict__[key] for key in ("marketplace", "order_id", "operation_id", "code", "status")}
    assert said == {
        "marketplace": "acme",
        "order_id": "S-404",
        "operation_id": "operation-7",
        "code": "ORDER_NOT_FOUND",
        "status": 404,
    }


def test_a_refused_call_with_doubled_slashes_is_logged_alike(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    assert shop.call("//pvt/orders/S-404/fulfill", {}, headers=OPERATION).status_code == 404
    (record,) = records(caplog)
    assert (record.__dict__["marketplace"], record.__dict__["order_id"]) == ("acme", "S-404")


def test_an_unauthorized_call_is_logged_with_its_marketplace(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    assert shop.call("/pvt/orders", [], query_string={"token": "guess"}).status_code == 401
    (record,) = records(caplog)
    assert (record.__dict__["marketplace"], record.__dict__["status"]) == ("acme", 401)


@pytest.mark.parametrize("debug", [True, False])
def test_a_failed_hook_is_logged_with_marketplace_order_and_operation(
    new_shop: Callable[..., Shop], caplog: pytest.LogCaptureFixture, debug: bool
) -> None:
    shop = new_shop(DEBUG=debug)
    shop.call("/pvt/orders", [order_body()])
    shop.release = lambda _: 1 // 0
    assert shop.call("/pvt/orders/S-1/fulfill", {}, headers=OPERATION).status_code == 500
    (record,) = records(caplog)
    said = {key: record.__dict__[key] for key in ("levelname", "marketplace", "order_id", "operation_id")}
    assert said == {"levelname": "ERROR", "marketplace": "acme", "order_id": "S-1", "operation_id": "operation-7"}
    assert "on_authorize_fulfillment raised ZeroDivisionError" in record.getMessage()
    assert __file__ in record.getMessage(), "the record says where the hook failed"


def test_a_failed_placement_is_logged_with_marketplace_and_operation(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.place = lambda _: 1 // 0
    assert shop.call("/pvt/orders", [order_body()], headers=OPERATION).status_code == 500
    (record,) = records(caplog)
    assert (record.__dict__["marketplace"], record.__dict__["operation_id"]) == ("acme", "operation-7")


def test_a_failed_placement_is_logged_with_its_order(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.place = lambda _: 1 // 0
    shop.call("/pvt/orders", [order_body("failing-01")])
    (record,) = records(caplog)
    assert record.__dict__["marketplace_order_ids"] == ("failing-01",)


def test_records_hold_no_token_and_nothing_of_the_shopper(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    def place(order: object) -> str:
        raise ValueError(f"cannot place {order_body()}")

    shop.place = place
    shop.call("/pvt/orders", [order_body()], headers=OPERATION)
    shop.call("/pvt/orders", [order_body()], query_string={"token": SECOND_TOKEN + "x"})
    assert records(caplog)
    for record in records(caplog):
        told = f"{record.getMessage()} {record.__dict__}"
        for secret in (TOKEN, SECOND_TOKEN, APP_TOKEN, "maria.silva", "39053344705", "Avenida Paulista"):
            assert secret not in told


def test_a_seller_alone_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    VtexSeller(SQLAlchemy())
    assert records(caplog) == []
