"""Hosts by what their database object is made of: base classes, binds, schemas, naming conventions, memory."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import DeclarativeBase, DeclarativeBaseNoMeta

from flask_vtex_seller import OrderPlacement, OutOfStock, VtexSeller
from flask_vtex_seller.database import CORE

from ..shops import Shop, order_body
from .conftest import NewHost, check, create_all, live_through

CONVENTION = {
    "ix": "ix_host_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_host_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_host_%(table_name)s_%(constraint_name)s",
    "fk": "fk_host_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_host_%(table_name)s",
}


def _declarative() -> SQLAlchemy:
    class Base(DeclarativeBase):
        pass

    return SQLAlchemy(model_class=Base)


def _without_a_metaclass() -> SQLAlchemy:
    class Base(DeclarativeBaseNoMeta):
        pass

    return SQLAlchemy(model_class=Base)


def _with_metadata_of_its_own() -> SQLAlchemy:
    class Base(DeclarativeBase):
        metadata = MetaData(naming_convention=CONVENTION)

    return SQLAlchemy(model_class=Base)


@pytest.fixture
def shop_schema(database_url: str, tmp_path: Path) -> Iterator[tuple[str, Callable[[Flask, SQLAlchemy], None]]]:
    """The name of a schema, and what makes it known to an application's connections."""
    if database_url.startswith("sqlite"):
        yield "shop", lambda app, db: _attach(app, db, tmp_path / "attached.sqlite")
        return
    name = f"shop_{os.getpid()}_{abs(hash(str(tmp_path))) % 10**9}"
    admin = sqlalchemy.create_engine(make_url(database_url), poolclass=sqlalchemy.NullPool)
    with admin.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    yield name, lambda app, db: None
    with admin.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    admin.dispose()


def _attach(app: Flask, db: SQLAlchemy, file: Path) -> None:
    def attach(connection: Any, _: object) -> None:
        connection.execute(f"ATTACH DATABASE '{file}' AS shop").close()

    with app.app_context():
        event.listen(db.engine, "connect", attach)


@pytest.mark.parametrize("make_db", [SQLAlchemy, _declarative, _without_a_metaclass, _with_metadata_of_its_own])
def test_every_kind_of_model_class_carries_an_order_through_its_life(
    new_host: NewHost, make_db: Callable[[], SQLAlchemy]
) -> None:
    host = new_host(make_db())
    create_all(host)
    live_through(host)
    assert check(host)[0] == 0


def test_models_declared_after_the_seller_share_its_metadata(new_host: NewHost) -> None:
    db = SQLAlchemy()
    seller = VtexSeller(db)
    host = new_host(db, seller=seller)

    class Late(db.Model):  # type: ignore[name-defined,misc]
        id = db.Column(db.Integer, primary_key=True)

    assert {"late", "shop_order", "vtex_order"} <= set(db.metadata.tables)
    create_all(host)
    live_through(host)


def test_our_tables_are_no_models_of_the_hosts_registry(new_host: NewHost) -> None:
    host = new_host()
    assert [mapper.class_ for mapper in host.db.Model.registry.mappers] == [host.orders]


def test_a_host_with_binds_keeps_our_tables_in_its_default_database(new_host: NewHost, tmp_path: Path) -> None:
    db = SQLAlchemy()

    class Archive(db.Model):  # type: ignore[name-defined,misc]
        __bind_key__ = "archive"
        id = db.Column(db.Integer, primary_key=True)
        marketplace_order_id = db.Column(db.String(128))

    host = new_host(db, SQLALCHEMY_BINDS={"archive": f"sqlite:///{tmp_path / 'archive.sqlite'}"})
    create_all(host)
    with host.app.app_context():
        assert inspect(db.engines["archive"]).get_table_names() == ["archive"]
        assert set(inspect(db.engine).get_table_names()) == {"shop_order", *CORE.tables}
    assert check(host)[0] == 0
    live_through(host)


def test_a_hook_may_write_to_two_binds_and_both_share_its_fate(new_host: NewHost, tmp_path: Path) -> None:
    db = SQLAlchemy()

    class Archive(db.Model):  # type: ignore[name-defined,misc]
        __bind_key__ = "archive"
        id = db.Column(db.Integer, primary_key=True)
        marketplace_order_id = db.Column(db.String(128))

    host = new_host(db, SQLALCHEMY_BINDS={"archive": f"sqlite:///{tmp_path / 'archive.sqlite'}"})
    create_all(host)

    def place(order: OrderPlacement) -> str:
        id_ = order.marketplace_order_id
        rows = [host.orders(marketplace_order_id=id_), Archive(marketplace_order_id=id_)]
        db.session.add_all(rows)
        db.session.flush()
        if id_ == "refused-01":
            raise OutOfStock("nothing left")
        return f"S-{rows[0].id}"

    host.place = place
    assert host.call("/pvt/orders", [order_body("refused-01")]).status_code == 409
    assert host.call("/pvt/orders", [order_body("taken-01")]).status_code == 200
    with host.app.app_context():
        assert [row.marketplace_order_id for row in db.session.query(Archive)] == ["taken-01"]
        assert [row.marketplace_order_id for row in db.session.query(host.orders)] == ["taken-01"]


def test_the_hosts_schema_applies_to_our_tables(
    new_host: NewHost, shop_schema: tuple[str, Callable[[Flask, SQLAlchemy], None]]
) -> None:
    schema, prepare = shop_schema
    host = new_host(SQLAlchemy(metadata=MetaData(schema=schema)))
    prepare(host.app, host.db)
    assert f"{schema}.vtex_order" in host.db.metadata.tables
    assert f"has no {schema}.vtex_order" in check(host)[1]
    create_all(host)
    with host.app.app_context():
        assert inspect(host.db.engine).has_table("vtex_order", schema=schema)
        assert not inspect(host.db.engine).has_table("vtex_order")
    assert check(host)[0] == 0
    live_through(host)


def test_create_tables_puts_ours_in_the_hosts_schema(
    new_host: NewHost, shop_schema: tuple[str, Callable[[Flask, SQLAlchemy], None]]
) -> None:
    schema, prepare = shop_schema
    host = new_host(SQLAlchemy(metadata=MetaData(schema=schema)))
    prepare(host.app, host.db)
    result = host.app.test_cli_runner().invoke(args=["vtex-seller", "create-tables"])
    assert result.output.startswith("Tables: ")
    assert f"{schema}.vtex_order" in result.output
    with host.app.app_context():
        assert sorted(inspect(host.db.engine).get_table_names(schema=schema)) == sorted(CORE.tables)


def test_a_naming_convention_of_the_host_renames_nothing_of_ours(new_host: NewHost) -> None:
    host = new_host(SQLAlchemy(metadata=MetaData(naming_convention=CONVENTION)))
    create_all(host)
    with host.app.app_context():
        inspector = inspect(host.db.engine)
        assert inspector.get_pk_constraint("vtex_order")["name"] == "pk_vtex_order"
        assert inspector.get_pk_constraint("shop_order")["name"] == "pk_host_shop_order"
        uniques = inspector.get_unique_constraints("vtex_order")
        assert [unique["name"] for unique in uniques] == ["uq_vtex_order_order_id"]
        indexes = {index["name"] for index in inspector.get_indexes("vtex_order")}
        own = {"ix_vtex_order_created_at", "ix_vtex_order_state_reserved_until"}
        assert indexes - {"uq_vtex_order_order_id"} == own
    live_through(host)


def test_a_sqlite_database_in_memory_carries_an_order_through_its_life(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(database_url="sqlite://")
    live_through(shop)
    live_through(shop, "second-01")
    assert shop.order_ids() == ["S-1", "S-2"]
    assert check(shop)[0] == 0


def test_without_migrations_create_tables_makes_ours_alone_and_only_once(new_host: NewHost) -> None:
    host = new_host()
    status, output = check(host)
    assert status == 1
    assert "flask vtex-seller create-tables" in output
    for _ in range(2):
        result = host.app.test_cli_runner().invoke(args=["vtex-seller", "create-tables"])
        assert result.exit_code == 0
        assert set(result.output.removeprefix("Tables: ").strip().split(", ")) == set(CORE.tables)
    with host.app.app_context():
        assert sorted(inspect(host.db.engine).get_table_names()) == sorted(CORE.tables)
    assert check(host)[0] == 0
