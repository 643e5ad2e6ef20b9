import logging
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import text

from example_shop import create_app
from example_shop.extensions import db

from .conftest import ACME, TOKEN, Browser, close


def test_without_marketplaces_it_is_a_shop_and_nothing_else(new_app: Callable[..., Flask]) -> None:
    app = new_app()
    with app.app_context():
        db.create_all()
    client = app.test_client()
    assert client.get("/").status_code == 200
    assert client.post(f"/api/vtex/acme/pvt/orderForms/simulation?token={TOKEN}", json={}).status_code == 404


def test_marketplaces_come_from_the_environment(new_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in {**ACME, "inbound_tokens": TOKEN}.items():
        monkeypatch.setenv(f"FLASK_VTEX_SELLER_MARKETPLACES__acme__{key}", str(value))
    client = new_app().test_client()
    assert client.post("/api/vtex/acme/pvt/orderForms/simulation", json={}).status_code == 401


def test_settings_come_from_the_environment_and_the_argument_wins(
    monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.setenv("FLASK_SQLALCHEMY_DATABASE_URI", database_url)
    monkeypatch.setenv("FLASK_SHOP_ADMIN_PASSWORD", "from the environment")
    monkeypatch.setenv("FLASK_SECRET_KEY", "12345")
    app = create_app({"SHOP_ADMIN_PASSWORD": "argument"})
    try:
        assert app.config["SQLALCHEMY_DATABASE_URI"] == database_url
        assert app.config["SHOP_ADMIN_PASSWORD"] == "argument"
        assert app.config["SECRET_KEY"] == "12345"
    finally:
        close(app)


def test_a_missing_secret_key_is_replaced_and_mentioned(
    new_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="example_shop"):
        keys = {new_app(SECRET_KEY=None).config["SECRET_KEY"] for _ in range(2)}
    assert len(keys) == 2
    assert all(len(key) > 30 for key in keys)
    assert "SECRET_KEY is not set" in caplog.text
    assert not any(key in caplog.text for key in keys)


def test_the_default_database_is_a_file_of_the_instance_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app({"SECRET_KEY": "test"})
    try:
        with app.app_context():
            assert db.engine.url.database == f"{app.instance_path}/shop.sqlite"
    finally:
        close(app)


def test_sqlite_files_are_read_while_somebody_writes(app: Flask) -> None:
    with app.app_context():
        if db.engine.dialect.name != "sqlite":
            pytest.skip("about SQLite")
        assert db.session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert db.session.scalar(text("PRAGMA foreign_keys")) == 1


def test_a_page_that_does_not_exist_says_so_in_the_shops_clothes(browser: Browser) -> None:
    answer = browser.get("/nowhere")
    assert answer.status_code == 404
    assert "Empório Jatobá" in answer.text
    assert answer.content_type.startswith("text/html")


def test_pages_are_escaped(app: Flask, browser: Browser) -> None:
    with app.app_context():
        db.session.execute(text("UPDATE products SET name = '<script>x</script>' WHERE code = 'CANDLE'"))
        db.session.commit()
    for page in ("/", "/products/CANDLE"):
        assert "<script>" not in browser.get(page).text
        assert "&lt;script&gt;" in browser.get(page).text
