import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import inspect, text

from example_shop import seed
from example_shop.catalog.models import Product
from example_shop.extensions import db


def run(app: Flask, *arguments: str) -> str:
    result = app.test_cli_runner().invoke(args=arguments)
    assert result.exit_code == 0, result.output
    return result.output


def products(app: Flask) -> list[Product]:
    with app.app_context():
        return list(db.session.scalars(db.select(Product).order_by(Product.id)))


def test_seeding_creates_the_tables_and_the_catalog(new_app: Callable[..., Flask]) -> None:
    app = new_app()
    assert "20 products added, 20 in the shop." in run(app, "seed")
    catalog = products(app)
    assert len({product.code for product in catalog}) == len({product.ean for product in catalog}) == 20
    assert {product.stock for product in catalog} >= {0, 1}
    assert len({product.category for product in catalog}) == 5


def test_seeding_again_leaves_existing_products_as_they_are(new_app: Callable[..., Flask]) -> None:
    app = new_app()
    run(app, "seed")
    with app.app_context():
        db.session.execute(text("UPDATE products SET stock = 7, price_cents = 1 WHERE code = 'CANDLE'"))
        db.session.execute(text("DELETE FROM products WHERE code = 'BLANKET'"))
        db.session.commit()
    assert "1 products added, 20 in the shop." in run(app, "seed")
    assert "0 products added, 20 in the shop." in run(app, "seed")
    candle = next(product for product in products(app) if product.code == "CANDLE")
    assert (candle.stock, candle.price_cents) == (7, 1)


def test_seeding_works_in_memory(new_app: Callable[..., Flask]) -> None:
    assert "20 in the shop." in run(new_app(SQLALCHEMY_DATABASE_URI="sqlite://"), "seed")


def test_seeding_works_from_any_folder(
    new_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    app = new_app()
    monkeypatch.chdir(tmp_path)
    assert "20 in the shop." in run(app, "seed")


def test_seeding_does_not_commit_by_itself(app: Flask) -> None:
    with app.app_context():
        db.session.execute(text("DELETE FROM products"))
        assert seed.fill() == 20
        db.session.rollback()
        assert seed.fill() == 0


def test_every_seed_is_fit_for_sale(app: Flask) -> None:
    for product in products(app):
        digits = [int(digit) for digit in product.ean]
        assert len(digits) == 13
        assert sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10 == 0
        assert product.list_price_cents is None or product.list_price_cents > product.price_cents
        assert (Path(app.static_folder or "") / product.image).is_file()


def test_the_migrations_give_the_tables_that_the_models_describe(new_app: Callable[..., Flask]) -> None:
    app = new_app()
    run(app, "db", "upgrade")
    with app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, db.metadata) == []
    run(app, "db", "check")


def test_the_migrations_can_be_taken_back(new_app: Callable[..., Flask]) -> None:
    app = new_app()
    run(app, "db", "upgrade")
    run(app, "db", "downgrade", "base")
    with app.app_context():
        left = set(inspect(db.engine).get_table_names())
    assert left == {"alembic_version"}


def test_the_migrations_can_be_written_out_as_sql(new_app: Callable[..., Flask]) -> None:
    assert "CREATE TABLE products" in run(new_app(), "db", "upgrade", "--sql")


def test_the_migrations_leave_the_logging_alone(new_app: Callable[..., Flask]) -> None:
    handlers = list(logging.getLogger().handlers)
    run(new_app(), "db", "upgrade")
    assert not logging.getLogger("example_shop").disabled
    assert not logging.getLogger("flask_vtex_seller.orders.placing").disabled
    assert logging.getLogger().handlers == handlers
