"""Hosts with Flask-Migrate: their migrations find our tables and are content afterwards."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, MetaData, inspect

from flask_vtex_seller.database import CORE

from .conftest import NewHost, create_all
from .test_databases import CONVENTION

SHOP = """
import os

from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy


from flask_vtex_seller import VtexSeller

db = SQLAlchemy()
seller = VtexSeller(db)


class Product(db.Model):
    id = db.Column(db.Integer, primary_key=True)


def create_app():
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["SHOP_DATABASE"]
    db.init_app(app)
    seller.init_app(app)
    Migrate(app, db)
    return app
"""
# One interpreter for all commands; not this one: Flask-Migrate's env.py reconfigures its logging.
RUN = """
import sys
from shop import create_app

for command in sys.argv[1:]:
    result = create_app().test_cli_runner().invoke(args=command.split())
    print(command, "->", result.exit_code, result.output)
    if result.exit_code:
        sys.exit(f"{command} failed: {result.exception!r}")
"""


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = sqlalchemy.create_engine(database_url, poolclass=sqlalchemy.NullPool)
    yield engine
    engine.dispose()


def flask(folder: Path, database_url: str, *commands: str) -> subprocess.CompletedProcess[str]:
    """Run `flask` commands of the shop in `folder`, one after the other, until one fails."""
    return subprocess.run(
        [sys.executable, "-c", RUN, *commands],
        cwd=folder,
        env={
            **os.environ,
            "SHOP_DATABASE": database_url,
            "PYTHONPATH": f"{folder}{os.pathsep}{Path(__file__).parents[2]}",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_flask_migrate_finds_our_tables_and_is_content_after_the_upgrade(
    tmp_path: Path, database_url: str, engine: Engine
) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    done = flask(tmp_path, database_url, "db init", "db migrate", "db upgrade", "db check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(inspect(engine).get_table_names()) == {"alembic_version", "product", *CORE.tables}
    (migration,) = (tmp_path / "migrations" / "versions").glob("*.py")
    written = migration.read_text()
    for name in ("pk_vtex_order", "uq_vtex_order_order_id", "ix_vtex_order_created_at"):
        assert name in written
    assert "flask_vtex_seller" not in written, "a migration must outlive the package's internals"
    assert "No new upgrade operations" in done.stdout + done.stderr

    down = flask(tmp_path, database_url, "db downgrade")
    assert down.returncode == 0, down.stdout + down.stderr
    assert inspect(engine).get_table_names() == ["alembic_version"]


@pytest.mark.parametrize(
    "metadata", [MetaData(), MetaData(naming_convention=CONVENTION)], ids=["plain", "naming convention"]
)
def test_what_create_all_makes_differs_in_nothing_from_the_metadata(
    new_host: NewHost, engine: Engine, metadata: MetaData
) -> None:
    host = new_host(SQLAlchemy(metadata=metadata))
    create_all(host)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, host.db.metadata) == []


def test_create_tables_makes_what_a_migration_would(new_host: NewHost, engine: Engine) -> None:
    host = new_host()
    host.app.test_cli_runner().invoke(args=["vtex-seller", "create-tables"])
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), host.db.metadata)
    assert [(kind, table.name) for kind, table in differences] == [("add_table", "shop_order")]
