"""What statements of the shop's session change of watched models is told as what a flush changes."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import bindparam, delete, event, insert, select, update
from sqlalchemy.orm import ORMExecuteState

from flask_vtex_seller.database import dialect_insert

from ..shops import Shop
from .watching import Watching, make_watching, watch_all


@pytest.fixture
def bare(new_shop: Callable[..., Shop]) -> Watching:
    return make_watching(new_shop)


@pytest.fixture
def shop(bare: Watching) -> Watching:
    """A shop with the products p1, p2 and p3, 10 units in stock each."""
    watch_all(bare)
    bare.fill()
    return bare


every_mode = pytest.mark.parametrize("mode", ["auto", "evaluate", "fetch", False])


@every_mode
def test_an_update_tells_of_the_rows_that_it_changed(shop: Watching, mode: Any) -> None:
    product = shop.models.Product
    with shop.working() as session:
        session.get(product, 2)
        statement = update(product).where(product.id > 1).values(on_hand=product.on_hand - 1)
        result = session.execute(statement, execution_options={"synchronize_session": mode})
        assert result.rowcount == 2
    assert shop.notices() == ["stock p2", "stock p3"]


def test_an_update_asks_nothing_before_or_after_it(shop: Watching) -> None:
    product = shop.models.Product
    with shop.working() as session:
        shop.statements.clear()
        session.execute(update(product).where(product.code == "p1").values(on_hand=1, price_cents=2))
        assert [statement.split()[0] for statement in shop.statements] == ["UPDATE", "INSERT"]
    assert shop.notices() == ["price p1", "stock p1"]


def test_values_are_known_by_any_name(shop: Watching) -> None:
    product, table = shop.models.Product, shop.models.Product.__table__
    with shop.working() as session:
        session.execute(update(product).where(product.id == 1).values({"price_cents": 3}))
        session.execute(update(product).where(product.id == 2).ordered_values((product.price_cents, 3)))
        session.execute(update(table).where(table.c.id == 3), {"price_in_cents": 3})
    assert shop.notices() == ["price p1", "price p2", "price p3"]


def test_an_update_of_what_is_not_watched_runs_as_it_is(shop: Watching) -> None:
    product = shop.models.Product
    with shop.working() as session:
        shop.statements.clear()
        assert session.execute(update(product).values(note="counted")).rowcount == 3
        assert "RETURNING code" not in " ".join(shop.statements)
    assert shop.notices() == []


def test_an_update_that_matches_nothing_tells_nothing(shop: Watching) -> None:
    product = shop.models.Product
    with shop.working() as session:
        assert session.execute(update(product).where(product.id > 9).values(on_hand=1)).rowcount == 0
    assert shop.notices() == []


def test_the_shop_gets_what_its_update_returns(shop: Watching) -> None:
    product = shop.models.Product
    with shop.working() as session:
        statement = update(product).where(product.id < 3).values(on_hand=4)
        assert session.execute(statement.returning(product.id, product.on_hand)).all() == [(1, 4), (2, 4)]
        assert session.scalars(statement.returning(product.name)).all() == ["x", "x"]
        assert session.scalar(statement.returning(product.code).where(product.id == 2)) == "p2"
        assert session.execute(statement.returning(product.code, product.code)).first() == ("p1", "p1")
        (row, *_) = session.scalars(statement.returning(product)).all()
        assert (row, row.on_hand) == (session.get(product, 1), 4)
        assert session.execute(delete(product).where(product.id == 9).returning(product.id)).first() is None
    assert shop.notices() == ["stock p1", "stock p2", "stock p1", "stock p2", "stock p2", *["stock p1", "stock p2"] * 2]


def test_the_querys_own_update_and_delete_are_told(shop: Watching) -> None:
    product, stock = shop.models.Product, shop.models.Stock
    with shop.working() as session:
        assert session.query(product).filter_by(code="p1").update({"price_cents": 1}) == 1
        assert session.query(stock).filter_by(product_id=2).delete() == 1
    assert shop.notices() == ["price p1", "stock p2"]


def test_an_update_of_the_table_is_told(shop: Watching) -> None:
    table = shop.models.Product.__table__
    with shop.working() as session:
        assert session.execute(update(table).where(table.c.id == 1).values(on_hand=0)).rowcount == 1
        returned = session.execute(update(table).where(table.c.id == 2).values(on_hand=0).returning(table.c.id))
        assert returned.scalar_one() == 2
    assert shop.notices() == ["stock p1", "stock p2"]


def test_rows_named_by_their_keys_are_told(shop: Watching) -> None:
    with shop.working() as session:
        session.execute(update(shop.models.Product), [{"id": 1, "price_cents": 5}, {"id": 3, "price_cents": 6}])
    assert shop.notices() == ["price p1", "price p3"]


def test_rows_named_by_their_keys_may_change_their_sku(shop: Watching) -> None:
    with shop.working() as session:
        session.execute(update(shop.models.Product), [{"id": 1, "code": "P-1"}])
    assert shop.notices() == ["change P-1", "stock p1"]


def test_an_update_many_times_over_is_left_to_the_sweep(shop: Watching) -> None:
    table = shop.models.Product.__table__
    with shop.working() as session:
        session.execute(update(table).where(table.c.id == bindparam("number")), [{"number": 1, "on_hand": 1}] * 2)
    assert shop.notices() == []


@every_mode
def test_a_delete_takes_products_off(shop: Watching, mode: Any) -> None:
    product, stock = shop.models.Product, shop.models.Stock
    with shop.working() as session:
        session.execute(delete(stock).where(stock.product_id > 1))
        result = session.execute(delete(product).where(product.id > 1), execution_options={"synchronize_session": mode})
        assert result.rowcount == 2
    assert shop.notices() == ["stock p2", "stock p3"] * 2


def test_rows_found_by_a_path_are_told_with_one_query(shop: Watching) -> None:
    stock = shop.models.Stock
    with shop.working() as session:
        shop.statements.clear()
        assert session.execute(update(stock).where(stock.id != 2).values(units=0)).rowcount == 2
        assert [statement.split()[0] for statement in shop.statements] == ["UPDATE", "SELECT", "INSERT"]
    assert sorted(shop.notices()) == ["stock p1", "stock p3"]


def test_rows_of_a_path_to_many_are_told(shop: Watching) -> None:
    models = shop.models
    shop.seller.watch(models.Text, sku_id="products.code", catalog=["words"])
    with shop.working() as session:
        session.add(models.Text(id=1, words="old", products=[shop.product(1), shop.product(3)]))
    shop.forget()
    with shop.working() as session:
        session.execute(update(models.Text).values(words="new"))
    assert sorted(shop.notices()) == ["change p1", "change p3"]
    with shop.working() as session:
        session.execute(delete(shop.shop.db.metadata.tables["product_text"]).where(False))
        session.execute(delete(models.Text).where(models.Text.id == 7))
    assert shop.notices() == []


def test_a_changed_sku_id_is_told_of_both(shop: Watching) -> None:
    product = shop.models.Product
    with shop.working() as session:
        assert session.execute(update(product).where(product.id < 3).values(code=product.code + "-new")).rowcount == 2
    assert sorted(shop.notices()) == ["change p1-new", "change p2-new", "stock p1", "stock p2"]


def test_rows_given_to_another_product_are_told_of_both(shop: Watching) -> None:
    stock = shop.models.Stock
    with shop.working() as session:
        session.execute(update(stock).where(stock.product_id == 1).values(product_id=2))
    assert sorted(shop.notices()) == ["stock p1", "stock p2"]


def test_parameters_of_the_criteria_are_known_before_the_update(shop: Watching) -> None:
    product = shop.models.Product
    with shop.working() as session:
        session.execute(update(product).where(product.code == bindparam("wanted")), {"wanted": "p3", "code": "new"})
    assert sorted(shop.notices()) == ["change new", "stock p3"]


# inserts


def test_inserted_products_are_announced(shop: Watching) -> None:
    product = shop.models.Product
    with shop.working() as session:
        session.execute(insert(product), [{"code": "a"}, {"code": "b"}])
        session.execute(insert(product).values(code="c"))
        session.execute(insert(product).values([{"code": "d", "name": "x"}, {"code": "e", "name": "x"}]))
        table = product.__table__
        result = session.execute(insert(table).values(code="f", kind="product"))
        assert result.inserted_primary_key[0] > 3
        assert session.scalar(insert(product).values(code="g").returning(product.code)) == "g"
    assert shop.notices() == [f"change {code}" for code in "abcdefg"]


def test_inserted_rows_of_a_path_are_told(shop: Watching) -> None:
    with shop.working() as session:
        rows = [{"product_id": 1, "units": 5}, {"product_id": 3, "units": 5}]
        session.execute(insert(shop.models.Stock), rows)
    assert sorted(shop.notices()) == ["stock p1", "stock p3"]


def test_an_insert_that_may_update_tells_of_everything(shop: Watching) -> None:
    product = shop.models.Product
    with shop.working() as session:
        statement = dialect_insert(session, product).values(id=1, code="p1", on_hand=7, kind="product")
        set_ = {"on_hand": statement.excluded.on_hand}
        session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=set_))
    assert shop.notices() == ["change p1", "price p1", "stock p1"]


def test_rows_inserted_from_a_query_are_left_to_the_sweep(shop: Watching) -> None:
    product = shop.models.Product
    with shop.working() as session:
        columns = ["code", "kind", "name", "on_hand", "price_in_cents"]
        chosen = select(product.code + "-2", product.kind, product.name, product.on_hand, product.price_cents)
        session.execute(insert(product).from_select(columns, chosen))
    assert shop.notices() == []


# inheritance


@pytest.mark.parametrize("name", ["Bundle", "Book"])
def test_statements_about_a_base_tell_of_the_watched_subclass_only(bare: Watching, name: str) -> None:
    product, model = bare.models.Product, getattr(bare.models, name)
    bare.seller.watch(model, sku_id="code", price=["price_cents"], catalog=["name"])
    bare.fill()
    with bare.working() as session:
        session.add(model(id=9, code="s"))
    bare.forget()
    with bare.working() as session:
        assert session.execute(update(product).values(price_cents=1)).rowcount == 4
        session.execute(update(product.__table__).values(price_in_cents=2))
    assert bare.notices() == ["price s"] * 2
    with bare.working() as session:
        session.execute(delete(bare.models.Stock))
        session.execute(delete(bare.models.Book.__table__).where(False))
        if name == "Bundle":
            session.execute(delete(product))
    assert bare.notices() == (["stock s"] if name == "Bundle" else [])


def test_statements_about_subclasses_tell_of_the_watched_base(shop: Watching) -> None:
    models = shop.models
    with shop.working() as session:
        session.add_all([models.Bundle(id=8, code="bundle"), models.Book(id=9, code="book")])
    shop.forget()
    with shop.working() as session:
        session.execute(update(models.Bundle).values(on_hand=1))
        session.execute(update(models.Book), [{"id": 9, "on_hand": 1, "pages": 3}])
        session.execute(update(models.Book).values(pages=4))
    assert shop.notices() == ["stock bundle", "stock book"]
    with shop.working() as session:
        session.execute(delete(models.Bundle))
        session.execute(delete(models.Book).where(models.Book.pages == 4))
    assert shop.notices() == ["stock bundle", "stock book"]


# the shop's own listeners and transactions


def test_listeners_of_the_shop_still_hear_of_the_statement(shop: Watching) -> None:
    heard = []

    @event.listens_for(shop.session, "do_orm_execute")
    def hear(state: ORMExecuteState) -> None:
        heard.append(state.is_update)

    with shop.working() as session:
        session.execute(update(shop.models.Product).values(on_hand=1))
    assert heard == [True]


def test_what_is_rolled_back_was_never_said(shop: Watching) -> None:
    with shop.working() as session:
        session.execute(update(shop.models.Product).values(on_hand=1))
        session.rollback()
    assert shop.notices() == []
