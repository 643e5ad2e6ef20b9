"""`flask vtex-seller sync`: the first load."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from click.testing import Result

from flask_vtex_seller.outbox.message import Message
from flask_vtex_seller.state import current_state

from .shops import ACME, APP_TOKEN, Shop, StoppedClock


def run(shop: Shop, *arguments: str) -> Result:
    return shop.app.test_cli_runner().invoke(args=["vtex-seller", "sync", *arguments])


def messages(shop: Shop) -> list[Message]:
    with shop.app.app_context():
        page = current_state().outbox.page(state=None, marketplace=None, lane=None, limit=5000)
    return list(reversed(page))


def load(shop: Shop, ids: Callable[[], Any]) -> Shop:
    """Have the shop name its SKUs with `ids`."""

    @shop.seller.sku_ids_loader
    def sku_ids() -> Iterable[str]:
        named: Iterable[str] = ids()
        return named

    return shop


@pytest.fixture
def shop(new_shop: Callable[..., Shop]) -> Shop:
    return new_shop(marketplaces={"acme": ACME, "other": ACME}, clock=StoppedClock())


def test_every_sku_is_written_for_every_marketplace_and_nothing_is_sent(shop: Shop) -> None:
    load(shop, lambda: ["apple", "maçã/50%", "pear"])
    result = run(shop)
    assert (result.exit_code, result.stdout) == (0, "3 SKUs are on their way to acme, other\n")
    found = [(message.marketplace, message.arguments["sku_id"]) for message in messages(shop)]
    assert found == [(name, sku_id) for name in ("acme", "other") for sku_id in ("apple", "maçã/50%", "pear")]
    assert {(m.operation, m.state.value, m.attempts, m.merges) for m in messages(shop)} == {
        ("change_notification", "pending", 0, True)
    }


@pytest.mark.parametrize("batch", [1, 2, 3, 10_000])
def test_the_size_of_a_batch_changes_nothing(shop: Shop, batch: int) -> None:
    ids = [f"sku-{number}" for number in range(5)]
    load(shop, lambda: iter(ids))
    assert run(shop, "--batch", str(batch)).exit_code == 0
    by_name = {name: [m.arguments["sku_id"] for m in messages(shop) if m.marketplace == name] for name in ("acme",)}
    assert by_name == {"acme": ids}
    assert len(messages(shop)) == 10


def test_a_catalog_of_more_than_one_batch_is_loaded_whole(shop: Shop) -> None:
    load(shop, lambda: (f"sku-{number}" for number in range(1201)))
    result = run(shop)
    assert (result.exit_code, result.stdout) == (0, "1201 SKUs are on their way to acme, other\n")
    assert len({(m.marketplace, m.arguments["sku_id"]) for m in messages(shop)}) == 2402


@pytest.mark.parametrize("batch", ["0", "-1", "10001", "many", ""])
def test_a_wrong_batch_is_refused(shop: Shop, batch: str) -> None:
    load(shop, lambda: ["apple"])
    result = run(shop, "--batch", batch)
    assert result.exit_code == 2
    assert "--batch" in result.stderr
    assert messages(shop) == []


def test_a_sku_named_twice_counts_once(shop: Shop) -> None:
    load(shop, lambda: ["apple", "pear", "apple"])
    assert run(shop).stdout == "2 SKUs are on their way to acme, other\n"
    assert len(messages(shop)) == 4


def test_an_empty_shop_has_nothing_to_load(shop: Shop) -> None:
    load(shop, list)
    result = run(shop)
    assert (result.exit_code, result.stdout) == (0, "0 SKUs are on their way to acme, other\n")
    assert messages(shop) == []


def test_loading_again_does_no_harm(shop: Shop) -> None:
    load(shop, lambda: ["apple"])
    assert [run(shop).exit_code, run(shop).exit_code] == [0, 0]
    assert len({message.lane for message in messages(shop)}) == 1


def test_a_shop_without_the_function_is_told(shop: Shop) -> None:
    result = run(shop)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ")
    assert "sku_ids_loader" in result.stderr


def test_a_shop_without_marketplaces_is_told(new_shop: Callable[..., Shop]) -> None:
    result = run(load(new_shop(marketplaces={}), lambda: ["apple"]))
    assert result.exit_code == 1
    assert result.stderr == "Error: no marketplace is configured: set VTEX_SELLER_MARKETPLACES\n"


def _breaks() -> Iterator[str]:
    yield "apple"
    raise RuntimeError("the warehouse is closed")


@pytest.mark.parametrize("ids", [_breaks, lambda: 1 / 0, lambda: None], ids=["midway", "at once", "None"])
def test_a_function_that_fails_is_an_error_and_nothing_is_written(shop: Shop, ids: Callable[[], Any]) -> None:
    result = run(load(shop, ids))
    assert result.exit_code == 1
    assert "sku_ids_loader" in result.stderr
    assert "Traceback" not in result.output
    assert messages(shop) == []


@pytest.mark.parametrize("wrong", ["", "..", "x" * 129, "a\0b", 42, None])
def test_an_id_that_cannot_be_one_is_named(shop: Shop, wrong: Any) -> None:
    load(shop, lambda: ["apple", wrong])
    result = run(shop)
    assert result.exit_code == 1
    assert repr(wrong) in result.stderr
    assert "Traceback" not in result.output
    assert messages(shop) == []


def test_the_batches_before_a_wrong_id_are_kept(shop: Shop) -> None:
    load(shop, lambda: ["apple", "pear", ".."])
    assert run(shop, "--batch", "2").exit_code == 1
    assert len(messages(shop)) == 4


def test_the_function_may_use_the_shops_database(shop: Shop) -> None:
    with shop.app.app_context():
        shop.db.session.add(shop.orders(id=7, marketplace_order_id="sku-from-a-row"))
        shop.db.session.commit()
    rows = shop.db.select(shop.orders.marketplace_order_id)
    load(shop, lambda: shop.db.session.scalars(rows))
    assert run(shop).exit_code == 0
    assert {message.arguments["sku_id"] for message in messages(shop)} == {"sku-from-a-row"}


def test_no_token_is_printed(shop: Shop) -> None:
    load(shop, lambda: ["apple"])
    assert APP_TOKEN not in run(shop).output
