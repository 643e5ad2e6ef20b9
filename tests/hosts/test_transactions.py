"""Hosts by what they do with `db.session` before, inside and around our calls."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import g
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event, insert, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from flask_vtex_seller import OrderPlacement, OrderState, OutOfStock, UnknownOrder

from ..shops import Shop, order_body, reserve, use_order_finder
from .conftest import NewHost, create_all, live_through

ID = "1138342255777-01"
REFERENCE = {"marketplaceOrderId": ID}


@pytest.fixture
def visits(shop: Shop) -> Any:
    """A model of the host's that has nothing to do with us."""

    class Visit(shop.db.Model):  # type: ignore[name-defined,misc]
        __tablename__ = "visit"
        id: Mapped[int] = mapped_column(primary_key=True)
        page: Mapped[str] = mapped_column(default="/")

    create_all(shop)
    return Visit


def count(shop: Shop, model: Any) -> int:
    with shop.app.app_context():
        found: int = shop.db.session.query(model).count()
        return found


def commit_by_itself(shop: Shop, order: OrderPlacement) -> str:
    order_id = reserve(shop, order)
    shop.db.session.commit()
    return order_id


def test_a_placement_hook_may_commit_by_itself(shop: Shop) -> None:
    use_order_finder(shop)
    shop.place = lambda order: commit_by_itself(shop, order)
    live_through(shop, ID)
    assert shop.call("/pvt/orders", [order_body("second-01")]).json[0]["orderId"] == "S-2"
    assert shop.call("/pvt/orders", [order_body("second-01")]).json[0]["orderId"] == "S-2"
    assert shop.order_ids() == ["S-1", "S-2"]


def test_a_placement_hook_that_commits_needs_no_finder_while_nothing_goes_wrong(shop: Shop) -> None:
    shop.place = lambda order: commit_by_itself(shop, order)
    assert shop.call("/pvt/orders", [order_body(ID)]).json[0]["orderId"] == "S-1"
    assert shop.call("/pvt/orders", [order_body(ID)]).json[0]["orderId"] == "S-1"
    assert shop.order_ids() == ["S-1"]


def test_a_hook_that_fails_after_its_own_commit_leaves_one_shop_order_after_the_repeat(shop: Shop) -> None:
    use_order_finder(shop)

    def break_off(order: OrderPlacement) -> str:
        commit_by_itself(shop, order)
        raise RuntimeError("the mail server is away")

    shop.place = break_off
    assert shop.call("/pvt/orders", [order_body(ID)]).status_code == 500
    repeat = shop.call("/pvt/orders", [order_body(ID)])
    assert (repeat.status_code, repeat.json[0]["orderId"]) == (200, "S-1")
    assert shop.order_ids() == ["S-1"]
    assert len(shop.asked_for(OrderPlacement)) == 1


def test_a_hook_that_rolls_back_before_refusing_is_a_refusal(shop: Shop) -> None:
    def place(order: OrderPlacement) -> str:
        shop.db.session.rollback()
        raise OutOfStock("nothing left")

    shop.place = place
    assert shop.call("/pvt/orders", [order_body(ID)]).json["error"]["code"] == "FMT002"
    shop.place = None
    assert shop.call("/pvt/orders", [order_body(ID)]).status_code == 200


def test_a_hook_may_use_savepoints(shop: Shop) -> None:
    def place(order: OrderPlacement) -> str:
        with shop.db.session.begin_nested():
            return reserve(shop, order)

    shop.place = place
    live_through(shop, ID)


def test_the_other_hooks_may_commit_by_themselves(shop: Shop, visits: Any) -> None:
    release, decide = shop.release, shop.decide

    def committing(answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def hook(argument: Any) -> Any:
            shop.db.session.add(visits())
            shop.db.session.commit()
            return answer(argument)

        return hook

    shop.release, shop.decide = committing(release), committing(decide)
    live_through(shop, ID)
    assert count(shop, visits) == 2


def test_a_read_that_the_host_left_open_does_not_stop_a_placement(shop: Shop, visits: Any) -> None:
    """On SQLite in WAL mode a write after an outdated read is refused at once, whatever the time-out."""
    with shop.app.app_context():
        if shop.db.engine.dialect.name == "sqlite":
            _begin_when_told(shop)

    @shop.app.before_request
    def load_user() -> None:
        g.first = shop.db.session.execute(select(shop.orders)).first()
        with shop.db.engine.begin() as someone_else:
            someone_else.execute(insert(visits).values(page="/elsewhere"))
        assert shop.db.session().in_transaction()

    placed = shop.call("/pvt/orders", [order_body(ID)])
    assert placed.status_code == 200
    order_id = placed.json[0]["orderId"]
    assert shop.call(f"/pvt/orders/{order_id}/fulfill", REFERENCE).status_code == 200
    assert shop.call(f"/pvt/orders/{order_id}/cancel", REFERENCE).status_code == 200


def test_an_object_that_the_host_loaded_first_is_usable_in_the_hook(shop: Shop, visits: Any) -> None:
    with shop.app.app_context():
        shop.db.session.add(visits(page="/home"))
        shop.db.session.commit()

    @shop.app.before_request
    def load_user() -> None:
        g.visit = shop.db.session.query(visits).one()

    shop.place = lambda _: f"from-{g.visit.page}"
    assert shop.call("/pvt/orders", [order_body(ID)]).json[0]["orderId"] == "from-/home"


@pytest.mark.parametrize("path", ["/pvt/orders", "/pvt/orders/S-1/fulfill", "/pvt/orders/S-1/cancel"])
@pytest.mark.parametrize("change", ["new", "dirty", "deleted"])
def test_changes_that_the_host_left_pending_are_refused_with_the_remedy(
    shop: Shop, visits: Any, caplog: pytest.LogCaptureFixture, path: str, change: str
) -> None:
    @shop.app.before_request
    def count_visit() -> None:
        row = shop.db.session.query(shop.orders).first()
        if row is None:
            return
        if change == "new":
            shop.db.session.add(visits())
        elif change == "dirty":
            row.marketplace_order_id = "visit"
        else:
            shop.db.session.delete(row)

    assert shop.call("/pvt/orders", [order_body("first-01")]).status_code == 200
    body = [order_body(ID)] if path == "/pvt/orders" else {"marketplaceOrderId": "first-01"}
    response = shop.call(path, body)
    assert (response.status_code, response.json["error"]["code"]) == (500, "ORD008")
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "commit or roll them back" in record.getMessage()
    with shop.app.app_context():
        assert [row.marketplace_order_id for row in shop.db.session.query(shop.orders)] == ["first-01"]
        assert shop.seller.order("S-1").state is OrderState.PLACED
    assert count(shop, visits) == 0


@pytest.mark.parametrize("how", ["flush", "autoflush", "bulk", "text"])
def test_changes_that_the_host_flushed_are_refused_or_kept_but_never_lost(shop: Shop, visits: Any, how: str) -> None:
    @shop.app.before_request
    def count_visit() -> None:
        session = shop.db.session
        if how == "bulk":
            session.execute(insert(visits).values(page="/"))
        elif how == "text":
            session.execute(text("INSERT INTO visit (page) VALUES ('/')"))
        else:
            session.add(visits())
            session.flush() if how == "flush" else session.query(shop.orders).all()

    status = shop.call("/pvt/orders", [order_body(ID)]).status_code
    assert count(shop, visits) == 1 or status == 500


def test_setting_an_attribute_to_what_it_was_is_no_pending_change(shop: Shop) -> None:
    @shop.app.before_request
    def touch() -> None:
        for row in shop.db.session.query(shop.orders):
            row.marketplace_order_id = str(row.marketplace_order_id)

    shop.call("/pvt/orders", [order_body("first-01")])
    assert shop.call("/pvt/orders", [order_body(ID)]).status_code == 200


def test_pending_changes_do_not_disturb_a_simulation(shop: Shop, visits: Any) -> None:
    shop.app.before_request(lambda: shop.db.session.add(visits()))
    assert shop.simulate(("apple", 1)).status_code == 200
    assert count(shop, visits) == 0


def test_a_host_whose_session_flushes_nothing_by_itself_is_at_home(new_host: NewHost) -> None:
    db = SQLAlchemy(session_options={"autoflush": False})
    host = new_host(db)
    create_all(host)
    # the hook leaves its row to be written
    host.place = lambda order: (db.session.add(host.orders(marketplace_order_id=order.marketplace_order_id)), "S-1")[1]
    live_through(host, ID)
    assert host.order_ids() == ["S-1"]


def test_a_host_that_commits_after_each_request_is_at_home(shop: Shop) -> None:
    @shop.app.after_request
    def commit(response: Any) -> Any:
        shop.db.session.commit()
        return response

    live_through(shop, ID)
    assert shop.order_ids() == ["S-1"]


def test_order_reads_in_the_shops_own_transaction(shop: Shop) -> None:
    shop.call("/pvt/orders", [order_body(ID)])
    table, session = shop.db.metadata.tables["vtex_order"], shop.db.session
    with shop.app.app_context():
        session.execute(update(table).values(receipt="uncommitted"))
        assert shop.seller.order("S-1").receipt == "uncommitted"
        session.rollback()
        assert shop.seller.order("S-1").receipt is None


def test_order_neither_commits_nor_ends_the_shops_transaction(shop: Shop, visits: Any) -> None:
    shop.call("/pvt/orders", [order_body(ID)])
    session = shop.db.session
    with shop.app.app_context():
        session.add(visits())
        session.flush()
        session.add(visits())
        shop.seller.order("S-1")
        with pytest.raises(UnknownOrder):
            shop.seller.order("S-9")
        assert session().in_transaction()
        session.rollback()
    assert count(shop, visits) == 0


def test_a_test_client_inside_an_application_context_sees_and_shares_one_session(shop: Shop) -> None:
    with shop.app.app_context():
        live_through(shop, ID)
        assert shop.seller.order("S-1").state is OrderState.CANCELED
        assert shop.db.session.query(shop.orders).count() == 1


def test_pending_changes_around_a_test_client_survive_the_refusal(shop: Shop, visits: Any) -> None:
    """A test that forgot to commit its set-up: told so, and nothing of it is lost."""
    with shop.app.app_context():
        shop.db.session.add(visits())
        assert shop.call("/pvt/orders", [order_body(ID)]).json["error"]["code"] == "ORD008"
        shop.db.session.commit()
        assert shop.call("/pvt/orders", [order_body(ID)]).status_code == 200
    assert count(shop, visits) == 1


def test_a_test_client_inside_a_request_context_works(shop: Shop) -> None:
    with shop.app.test_request_context("/"):
        live_through(shop, ID)


def _begin_when_told(shop: Shop) -> None:
    """Have SQLite's transactions begin with their first statement, reads included, as SQLAlchemy's manual advises."""

    def leave_it_to_us(connection: Any, _: object) -> None:
        connection.isolation_level = None

    event.listen(shop.db.engine, "connect", leave_it_to_us)
    event.listen(shop.db.engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    shop.db.engine.dispose()
