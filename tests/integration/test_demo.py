"""The demo, as a person runs it."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from example_shop import create_app, demo, vtex
from example_shop.catalog.models import Product
from example_shop.extensions import db
from flask_vtex_seller import Offer, OutOfStock

ROOT = Path(__file__).parents[2]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Any]:
    app = create_app({"SECRET_KEY": "test", "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path / 'unused.sqlite'}"})
    yield app
    with app.app_context():
        db.engine.dispose()


def play(app: Any) -> Result:
    return app.test_cli_runner().invoke(args=["demo", "--once"])


def test_every_step_holds_on_a_database_of_its_own_and_no_token_is_printed(
    app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run, for it is a long one."""
    monkeypatch.setattr(demo.stage.secrets, "token_urlsafe", lambda length: f"canary-{length}")
    result = play(app)
    assert result.exit_code == 0, result.output
    assert "✗" not in result.output
    assert result.output.count("✓") >= 25
    assert result.output.rstrip().endswith("all held.")
    assert "canary-24" not in result.output
    assert not (tmp_path / "unused.sqlite").exists()


def test_a_shop_that_misbehaves_is_shown_and_makes_the_exit_status_1(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def oversell(sku_ids: Any, request: Any) -> list[Offer]:
        products = db.session.query(Product).filter(Product.code.in_(sku_ids))
        return [Offer(sku_id=p.code, price=p.price_cents + len(request.items), stock=1000) for p in products]

    monkeypatch.setattr(vtex.seller._hooks.offer_loader, "_function", oversell)
    result = play(app)
    assert result.exit_code == 1
    assert "✗" in result.output
    assert "did not hold" in result.output


def test_a_story_that_cannot_go_on_says_so(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(order: Any) -> str:
        raise OutOfStock("closed today")

    monkeypatch.setattr(vtex.seller._hooks.on_order_placement, "_function", refuse)
    result = play(app)
    assert result.exit_code == 1
    assert "the story ends here" in result.output


def test_without_once_it_stays_up_with_both_addresses_until_it_is_interrupted() -> None:
    command = [sys.executable, "-m", "flask", "--app", "example_shop", "demo"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ},
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    ) as process:
        assert process.stdout is not None
        told = ""
        for line in process.stdout:
            told += line
            if "Ctrl+C" in line:
                break
        addresses = re.findall(r"The (?:shop|sandbox)\s+(http://127\.0\.0\.1:\d+/)", told)
        pages = [urllib.request.urlopen(address).read().decode() for address in addresses]  # noqa: S310
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
    assert len(pages) == 2
    assert "Serra Clara" in pages[0]
    assert "S-100001" in pages[1]
