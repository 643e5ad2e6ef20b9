"""What a shop's session changes of watched models is told, in the same transaction, and nothing else is."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session, load_only

from flask_vtex_seller import ConfigurationError

from ..shops import ACME, Shop
from .watching import Watching, make_watching, watch_all


@pytest.fixture
def bare(new_shop: Callable[..., Shop]) -> Watching:
    """A shop of which nothing is watched."""
    return make_watching(new_shop)


@pytest.fixture
def shop(bare: Watching) -> Watching:
    """A shop with the products p1, p2 and p3, 10 units in stock each."""
    watch_all(bare)
    bare.fill()
    return bare


# rows


def test_a_changed_price_is_a_price_notice(shop: Watching) -> None:
    with shop.working():
        shop.product(1).price_cents = 200
    assert shop.notices() == ["price p1"]


def test_each_kind_of_change_is_told_the_catalog_first(shop: Watching) -> None:
    with shop.working():
        product = shop.product(1)
        product.on_hand, product.price_cents, product.name = 5, 200, "y"
    assert shop.notices() == ["change p1", "price p1", "stock p1"]


def test_what_is_not_watched_is_not_told(shop: Watching) -> None:
    with shop.working():
        shop.product(1).note = "to be counted"
    assert shop.notices() == []


def test_an_equal_value_is_no_change(shop: Watching) -> None:
    with shop.working():
        product = shop.product(1)
        product.price_cents = 100
        product.name, product.note = "x", "seen"
    assert shop.notices() == []


def test_a_value_that_was_changed_and_changed_back_before_the_flush_is_no_change(shop: Watching) -> None:
    with shop.working():
        product = shop.product(1)
        product.price_cents = 200
        product.price_cents = 100
    assert shop.notices() == []


def test_a_value_assigned_to_an_expired_row_counts_as_changed(shop: Watching) -> None:
    """Nobody knows what it was before; a notice too many does no harm."""
    with shop.working():
        product = shop.product(1)
        shop.session.commit()
        product.price_cents = 200
    assert shop.notices() == ["price p1"]


def test_a_value_computed_by_the_database_is_a_change(shop: Watching) -> None:
    with shop.working():
        product = shop.product(1)
        product.on_hand = shop.models.Product.on_hand - 1
    assert shop.notices() == ["stock p1"]


def test_a_value_set_by_a_listener_of_the_shop_is_a_change(bare: Watching) -> None:
    @event.listens_for(bare.models.Product, "before_update")
    def mark_down(_: object, __: object, product: Any) -> None:
        product.price_cents = 1

    watch_all(bare)
    bare.fill()
    with bare.working():
        bare.product(1).note = "damaged"
    assert bare.notices() == ["price p1"]


def test_several_flushes_of_a_transaction_are_told_each(shop: Watching) -> None:
    with shop.working():
        shop.product(1).price_cents = 200
        shop.session.flush()
        shop.product(2).on_hand = 0
    assert shop.notices() == ["price p1", "stock p2"]


def test_a_new_product_is_a_change_notice_alone(shop: Watching) -> None:
    with shop.working() as session:
        session.add(shop.models.Product(code="new", price_cents=5, on_hand=3))
    assert shop.notices() == ["change new"]


def test_a_new_row_of_a_model_without_catalog_data_is_what_it_is_watched_for(shop: Watching) -> None:
    with shop.working() as session:
        session.add(shop.models.Stock(product_id=2, units=5))
    assert shop.notices() == ["stock p2"]


def test_a_deleted_product_is_out_of_stock(shop: Watching) -> None:
    with shop.working() as session:
        session.delete(shop.product(1))
    assert shop.notices() == ["stock p1"]


def test_a_product_deleted_while_it_is_expired_is_still_known(shop: Watching) -> None:
    with shop.working() as session:
        products = [shop.product(number) for number in (1, 2, 3)]
        session.commit()
        shop.statements.clear()
        for product in products:
            product.stocks.clear()
        session.flush()
        session.execute(shop.models.Stock.__table__.delete())
    shop.forget()
    with shop.working() as session:
        products = [shop.product(number) for number in (1, 2, 3)]
        session.commit()
        for product in products:
            session.delete(product)
    assert sorted(shop.notices()) == ["stock p1", "stock p2", "stock p3"]


def test_a_deleted_row_that_is_found_by_a_path_makes_what_it_is_watched_for(shop: Watching) -> None:
    shop.seller.watch(shop.models.Stock, sku_id="product.code", price=["units"])
    with shop.working() as session:
        session.delete(session.get(shop.models.Stock, 3))
    assert shop.notices() == ["price p3", "stock p3"]


def test_a_row_that_lost_its_parent_is_deleted_and_told(shop: Watching) -> None:
    with shop.working() as session:
        product = shop.product(1)
        stock = product.stocks[0]
        session.commit()
        product.stocks.remove(stock)
        session.expire(stock)
    assert shop.notices() == ["stock p1"]


def test_a_changed_sku_id_takes_the_old_one_off_and_announces_the_new_one(shop: Watching) -> None:
    with shop.working():
        shop.product(1).code = "P-1"
    assert shop.notices() == ["change P-1", "stock p1"]


def test_a_changed_sku_id_of_an_expired_row_still_knows_the_old_one(shop: Watching) -> None:
    with shop.working() as session:
        product = shop.product(1)
        session.commit()
        product.code = "P-1"
    assert shop.notices() == ["change P-1", "stock p1"]


def test_a_row_given_to_another_product_is_told_of_both(shop: Watching) -> None:
    with shop.working() as session:
        session.get(shop.models.Stock, 1).product = shop.product(2)
    assert sorted(shop.notices()) == ["stock p1", "stock p2"]


def test_a_row_given_to_another_product_by_its_key_is_told_of_both(shop: Watching) -> None:
    with shop.working() as session:
        stock = session.get(shop.models.Stock, 1)
        assert stock.product.code == "p1"
        stock.product_id = 3
    assert sorted(shop.notices()) == ["stock p1", "stock p3"]


# transactions


def test_what_is_rolled_back_was_never_said(shop: Watching) -> None:
    with shop.working() as session:
        shop.product(1).price_cents = 200
        session.flush()
        session.rollback()
    assert shop.notices() == []


def test_what_a_savepoint_takes_back_was_never_said(shop: Watching) -> None:
    with shop.working() as session:
        shop.product(2).price_cents = 300
        session.flush()
        savepoint = session.begin_nested()
        shop.product(1).price_cents = 200
        session.flush()
        savepoint.rollback()
    assert shop.notices() == ["price p2"]


def test_a_flush_that_fails_says_nothing_later(shop: Watching) -> None:
    with shop.working() as session:
        shop.product(1).price_cents = 200
        session.add(shop.models.Stock(id=1, product_id=1, units=None))
        with pytest.raises(Exception, match=r"(?i)null|unique"):
            session.flush()
        session.rollback()
        shop.product(2).price_cents = 200
    assert shop.notices() == ["price p2"]


def test_many_changes_are_told_with_one_statement_and_no_query(shop: Watching) -> None:
    with shop.working():
        for number in (1, 2, 3):
            shop.product(number).price_cents = 200
            shop.product(number).on_hand = 1
        shop.statements.clear()
        shop.session.flush()
        kinds = [statement.split()[0] for statement in shop.statements]
    assert kinds == ["UPDATE", "INSERT"]
    assert len(shop.notices()) == 6


def test_related_rows_that_are_not_loaded_are_asked_for_with_one_query(shop: Watching) -> None:
    with shop.working() as session:
        for stock in session.query(shop.models.Stock):
            stock.units = 3
        shop.statements.clear()
        session.flush()
        kinds = [statement.split()[0] for statement in shop.statements]
    assert kinds == ["UPDATE", "SELECT", "INSERT"]
    assert sorted(shop.notices()) == ["stock p1", "stock p2", "stock p3"]


def test_ids_that_are_not_loaded_are_asked_for_with_one_query(shop: Watching) -> None:
    with shop.working() as session:
        product = shop.models.Product
        for row in session.query(product).options(load_only(product.price_cents)):
            row.price_cents = 200
        shop.statements.clear()
        session.flush()
        kinds = [statement.split()[0] for statement in shop.statements]
    assert kinds == ["UPDATE", "SELECT", "INSERT"]
    assert sorted(shop.notices()) == ["price p1", "price p2", "price p3"]


# models


def test_a_path_to_many_tells_of_each_of_them(shop: Watching) -> None:
    models = shop.models
    shop.seller.watch(models.Text, sku_id="products.code", catalog=["words"])
    with shop.working() as session:
        session.add(models.Text(id=1, words="old", products=[shop.product(1), shop.product(3)]))
    assert sorted(shop.notices()) == ["change p1", "change p3"]
    with shop.working() as session:
        session.get(models.Text, 1).words = "new"
    assert sorted(shop.notices()) == ["change p1", "change p3"]
    with shop.working() as session:
        session.delete(session.get(models.Text, 1))
    assert sorted(shop.notices()) == ["change p1", "change p3"]


@pytest.mark.parametrize("name", ["Bundle", "Book"])
def test_subclasses_of_a_watched_model_are_watched(shop: Watching, name: str) -> None:
    model = getattr(shop.models, name)
    with shop.working() as session:
        session.add(model(id=9, code="s"))
    assert shop.notices() == ["change s"]
    with shop.working() as session:
        session.get(model, 9).price_cents = 7
    assert shop.notices() == ["price s"]
    with shop.working() as session:
        session.delete(session.get(model, 9))
    assert shop.notices() == ["stock s"]


@pytest.mark.parametrize(("name", "attribute"), [("Bundle", "discount"), ("Book", "pages")])
def test_a_subclass_alone_can_be_watched(bare: Watching, name: str, attribute: str) -> None:
    model = getattr(bare.models, name)
    bare.seller.watch(model, sku_id="code", price=["price_cents", attribute], catalog=["name"])
    bare.fill()
    with bare.working() as session:
        session.add(model(id=9, code="s"))
        bare.product(1).price_cents = 7
    assert bare.notices() == ["change s"]
    with bare.working() as session:
        product = session.get(model, 9)
        session.commit()
        setattr(product, attribute, 5)
    assert bare.notices() == ["price s"]


@pytest.mark.parametrize("code", [None, "", ".", "x" * 129])
def test_a_row_without_an_id_that_a_sku_can_have_is_left_alone(
    shop: Watching, code: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    with shop.working() as session, caplog.at_level(logging.WARNING):
        session.add(shop.models.Product(code=code))
    assert shop.notices() == []
    assert len(caplog.records) == (code is not None)


def test_a_number_can_be_the_id(bare: Watching) -> None:
    bare.seller.watch(bare.models.Product, sku_id="id", price=["price_cents"])
    with bare.working() as session:
        session.add(bare.models.Product(id=42, code="a"))
    assert bare.notices() == ["price 42"]


def test_watching_twice_tells_once(shop: Watching) -> None:
    watch_all(shop)
    with shop.working():
        shop.product(1).price_cents = 200
    assert shop.notices() == ["price p1"]


# marketplaces


def test_each_marketplace_is_told_what_its_switches_let_it_hear(new_shop: Callable[..., Shop]) -> None:
    shop = make_watching(new_shop, marketplaces={"acme": ACME, "other": {**ACME, "price": False}})
    watch_all(shop)
    shop.fill()
    with shop.working():
        shop.product(1).price_cents = 200
        shop.product(1).on_hand = 3
    said = [(row.marketplace, row.operation) for row in shop.rows()]
    assert said == [
        ("acme", "price_notification"),
        ("acme", "inventory_notification"),
        ("other", "inventory_notification"),
    ]


def test_a_shop_without_marketplaces_is_not_held_up(new_shop: Callable[..., Shop]) -> None:
    shop = make_watching(new_shop, marketplaces={})
    watch_all(shop)
    shop.fill()
    with shop.working():
        shop.product(1).price_cents = 200
    assert shop.rows() == []


def test_a_session_of_another_maker_is_not_held_up(shop: Watching) -> None:
    with shop.shop.app.app_context():
        engine = shop.shop.db.engine
    with Session(engine) as session:
        session.get(shop.models.Product, 1).price_cents = 200
        session.commit()
    assert shop.notices() == []


def test_a_session_that_outlives_its_application_context_is_not_held_up(shop: Watching) -> None:
    with shop.shop.app.app_context():
        engine = shop.shop.db.engine
    session = shop.session.session_factory(binds={shop.models.Product: engine})
    session.get_bind = lambda *_, **__: engine
    session.get(shop.models.Product, 1).price_cents = 200
    session.commit()
    session.close()
    assert shop.notices() == []


def test_raw_sql_is_left_to_the_sweep(shop: Watching) -> None:
    with shop.working() as session:
        session.execute(text("UPDATE product SET on_hand = 1"))
        session.bulk_update_mappings(shop.models.Product, [{"id": 1, "on_hand": 2}])
    assert shop.notices() == []


# declarations


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"model": object}, "no mapped model"),
        ({"model": "Product"}, "no mapped model"),
        ({"price": ["cents"]}, "Product has no column under the name 'cents'"),
        ({"price": ["stocks"]}, "Product has no column under the name 'stocks'"),
        ({"price": "price_cents"}, "price must be a list of names"),
        ({"catalog": [1]}, "catalog must be a list of names"),
        ({"price": []}, "at least one attribute"),
        ({"sku_id": "sku"}, "Product has no column under the name 'sku'"),
        ({"sku_id": ""}, "sku_id must be a name or a path"),
        ({"sku_id": "product..code"}, "sku_id must be a name or a path"),
        ({"sku_id": 5}, "sku_id must be a name or a path"),
    ],
)
def test_a_wrong_declaration_is_refused_at_once(bare: Watching, wrong: dict[str, Any], words: str) -> None:
    right = {"model": bare.models.Product, "sku_id": "code", "price": ["price_cents"]}
    arguments = {**right, **wrong}
    with pytest.raises(ConfigurationError, match=words):
        bare.seller.watch(arguments.pop("model"), **arguments)
    with bare.working() as session:  # nothing is left of it
        session.add(bare.models.Product(code="a"))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("item.code", "Stock has no relationship 'item'"),
        ("product.sku", "Product has no column under the name 'sku'"),
        ("product.stocks.code", "Stock has no column under the name 'code'"),
        ("units.code", "Stock has no relationship 'units'"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused_when_the_mappers_are_configured(
    bare: Watching, path: str, words: str
) -> None:
    bare.seller.watch(bare.models.Stock, sku_id=path, inventory=["units"])
    with pytest.raises(ConfigurationError, match=words):
        bare.shop.db.Model.registry.configure()
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=words), bare.working() as session:
            session.add(bare.models.Product(code="a"))


def test_a_row_whose_foreign_key_alone_was_set_is_its_new_skus(bare: Watching) -> None:
    """With `expire_on_commit=False` the relationship still holds the former row then."""
    watch_all(bare)
    bare.fill()
    with bare.shop.app.app_context():
        session = bare.session
        session().expire_on_commit = False
        stock = session.get(bare.models.Stock, 1)
        assert stock.product.code == "p1"
        stock.product_id = 2
        session.commit()
        bare.forget()
        stock.units = 9
        session.commit()
    assert bare.notices() == ["stock p2"]
