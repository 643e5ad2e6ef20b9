"""The inherited tests: what they need, what they skip, and what they say when a shop breaks its word."""

import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from flask_vtex_seller import OrderPlacement
from flask_vtex_seller.conformance import STATEMENTS
from flask_vtex_seller.testing import SellerConformance, failing_placement
from flask_vtex_seller.testing.outgoing import OUTGOING

from ..shops import TOKEN, Shop, order_body

ROOT = Path(__file__).parents[2]
FILE = """
import pytest
from tests.shops import make_shop
from flask_vtex_seller.testing import Place, SellerConformance, Sku

@pytest.fixture
def app(tmp_path):
    shop = make_shop(f"sqlite:///{{tmp_path / 'shop.sqlite'}}")
    yield shop.app
    shop.close()

class TestFruit(SellerConformance):
    known_skus = [Sku(id="apple", {apple}), "pear"]
    address = Place(postal_code="01310-100")
    {more}
"""


@pytest.fixture
def run_suite(tmp_path: Path) -> Callable[..., str]:
    """Write the file that a shop writes, run some of its tests, and return what was told."""

    def run(expression: str, *, apple: str = "stock=10, price=1250", more: str = "") -> str:
        (tmp_path / "test_fruit.py").write_text(FILE.format(apple=apple, more=more), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-rs", "-v", "-p", "no:cacheprovider", "-p", "no:randomly"]
        environment = {"PATH": "", "PYTHONPATH": str(ROOT), "COLUMNS": "300"}
        done = subprocess.run(
            [*command, "-k", expression],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout + done.stderr

    return run


def test_there_is_one_test_for_each_statement_that_can_be_judged() -> None:
    numbers = [name.split("_")[1] for name in vars(SellerConformance) if name.startswith("test_")]
    assert numbers == [name for name, statement in STATEMENTS.items() if statement.check or name in OUTGOING]
    assert hasattr(SellerConformance, "test_P8_lines_of_one_sku_share_its_stock")


def test_a_kept_statement_passes_and_one_that_does_not_apply_says_why(run_suite: Callable[..., str]) -> None:
    told = run_suite("test_P1_ or test_P12_ or test_P32_")
    assert "test_P1_a_known_sku_without_an_address" in told
    assert "1 passed, 2 skipped" in told
    assert "no address is named that the shop does not deliver to" in told
    assert "`may_ship` is not given" in told


def test_a_broken_statement_is_shown_with_call_and_answer_and_no_token(run_suite: Callable[..., str]) -> None:
    told = run_suite("test_P9_", apple="price=1249")
    assert "P9: Every amount of money is a whole number of cents" in told
    assert "apple costs 1249 cents: that is its `price`, not 1250" in told
    assert "POST /api/vtex/acme/pvt/orderForms/simulation?token=…" in told
    assert '"price":1250' in told
    assert TOKEN not in told
    assert "1 failed" in told


def test_a_known_deviation_is_skipped_with_its_reason(run_suite: Callable[..., str]) -> None:
    told = run_suite("test_P9_", apple="price=1249", more='deviations = {"P9": "we sell dearer"}')
    assert "we sell dearer" in told
    assert "1 skipped" in told


def test_a_deviation_that_is_none_fails(run_suite: Callable[..., str]) -> None:
    told = run_suite("test_P9_", more='deviations = {"P9": "we sell dearer"}')
    assert "P9 is kept by now: take it out of `deviations`" in told


def test_what_the_shop_tells_about_itself_is_looked_at(run_suite: Callable[..., str]) -> None:
    told = run_suite("test_P27_ or test_P32_", more="count_orders = lambda self, app: 7; may_ship = lambda *_: True")
    assert "the same order twice is one order in the shop; 0 were added, and 1 should be" in told
    assert "a placed order is only reserved" in told


def test_a_shop_at_an_address_is_judged_without_an_app(run_suite: Callable[..., str], shop: Shop) -> None:
    server = make_server("127.0.0.1", 0, shop.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}/api/vtex/acme?token={TOKEN}"
    told = run_suite("test_P", more=f"endpoint = {endpoint!r}; seller_id = 'fruitshop'; app = None")
    server.shutdown()
    thread.join()
    server.server_close()
    assert re.search(r"^=+ \d\d passed, \d+ skipped in", told.splitlines()[-1]), told


def test_a_failing_placement_fails_after_its_work_and_only_meanwhile(shop: Shop) -> None:
    with failing_placement(shop.app):
        assert shop.call("/pvt/orders", [order_body()]).status_code == 500
    assert len(shop.asked_for(OrderPlacement)) == 1
    assert shop.order_ids() == []
    assert shop.call("/pvt/orders", [order_body()]).status_code == 200
