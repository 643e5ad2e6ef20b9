"""`flask vtex-seller sync`: what is written, what is sent, and what is continued."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from click.testing import Result
from requests.exceptions import ConnectionError
from requests_mock import ANY, Mocker
from sqlalchemy import text

from flask_vtex_seller import Offer, SimulationRequest, SkuAvailability, message_delivered
from flask_vtex_seller.catalog.reconcile import Wanted
from flask_vtex_seller.outbox.message import Message
from flask_vtex_seller.state import current_state

from .catalog.conftest import make_sku
from .outbox.box import DELIVERED
from .shops import ACME, APP_TOKEN, Shop, StoppedClock


def run(shop: Shop, *arguments: str) -> Result:
    """Write, and leave sending to a worker."""
    return shop.app.test_cli_runner().invoke(args=["vtex-seller", "sync", "--no-deliver", *arguments])


def messages(shop: Shop, *, limit: int = 5000) -> list[Message]:
    with shop.app.app_context():
        page = current_state().outbox.page(state=None, marketplace=None, lane=None, limit=limit)
    return list(reversed(page))


def deliver(shop: Shop) -> None:
    """Have the marketplaces take all that waits."""
    with shop.app.app_context():
        replace(current_state().drain, send=lambda *_: DELIVERED).run()


def current_clock(shop: Shop) -> StoppedClock:
    clock: Any = shop.seller._clock
    return clock


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
    assert (result.exit_code, result.stdout) == (0, "3 SKUs, 0 not read; 6 notices to acme, other\n")
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
    assert [m.arguments["sku_id"] for m in messages(shop) if m.marketplace == "acme"] == ids
    assert len(messages(shop)) == 10


def test_a_catalog_of_more_than_one_batch_is_loaded_whole(shop: Shop) -> None:
    load(shop, lambda: (f"sku-{number}" for number in range(1201)))
    result = run(shop)
    assert (result.exit_code, result.stdout) == (0, "1201 SKUs, 0 not read; 2402 notices to acme, other\n")
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
    assert run(shop).stdout == "2 SKUs, 0 not read; 4 notices to acme, other\n"
    assert len(messages(shop)) == 4


def test_an_empty_shop_has_nothing_to_load(shop: Shop) -> None:
    load(shop, list)
    result = run(shop)
    assert (result.exit_code, result.stdout) == (0, "0 SKUs, 0 not read; 0 notices to acme, other\n")
    assert messages(shop) == []


def test_loading_again_does_no_harm(shop: Shop) -> None:
    load(shop, lambda: ["apple"])
    assert [run(shop).exit_code, run(shop).exit_code] == [0, 0]
    assert len({message.lane for message in messages(shop)}) == 1


def test_a_shop_without_the_function_is_told(shop: Shop) -> None:
    result = run(shop)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Error: no sku_ids_loader is registered" in result.stderr


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
def test_an_id_that_cannot_be_one_is_named_and_the_others_are_told_about(shop: Shop, wrong: Any) -> None:
    load(shop, lambda: ["apple", wrong, "pear"])
    result = run(shop)
    assert result.exit_code == 1
    assert f"✗ {repr(wrong)[:100]}" in result.stdout
    assert "3 SKUs, 1 not read" not in result.stdout
    assert "2 SKUs, 1 not read; 4 notices" in result.stdout
    assert {message.arguments["sku_id"] for message in messages(shop)} == {"apple", "pear"}


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


# which SKUs


def test_only_what_differs_is_written_and_all_of_it_with_all(shop: Shop) -> None:
    load(shop, lambda: ["apple", "pear"])
    run(shop)
    deliver(shop)
    assert "2 SKUs, 0 not read; 0 notices" in run(shop).stdout
    assert "2 SKUs, 0 not read; 4 notices" in run(shop, "--all").stdout


def test_one_sku_may_be_named_and_need_not_be_on_sale(shop: Shop) -> None:
    assert "1 SKUs, 0 not read; 2 notices" in run(shop, "--sku", "plum").stdout
    assert {message.arguments["sku_id"] for message in messages(shop)} == {"plum"}


def test_a_sku_that_nobody_knows_is_not_told_about(shop: Shop) -> None:
    shop.seller.sku_loader(lambda sku_ids: [make_sku(sku_id) for sku_id in sku_ids if sku_id == "catalog-only"])
    result = run(shop, "--sku", "plumm", "--sku", "plum", "--sku", "catalog-only")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "✗ plumm: neither offer_loader nor sku_loader returns it, and no marketplace is known to have it",
        "3 SKUs, 1 not read; 4 notices to acme, other",
    ]
    assert {message.arguments["sku_id"] for message in messages(shop)} == {"plum", "catalog-only"}


def test_a_sku_of_one_marketplace_only_is_not_unknown(shop: Shop) -> None:
    sold = shop.seller._hooks.offer_loader.get()
    shop.seller._hooks.offer_loader._function = lambda ids, cart: sold(ids, cart) if cart.marketplace == "acme" else []
    assert run(shop, "--sku", "plum").exit_code == 0
    assert {message.marketplace for message in messages(shop)} == {"acme", "other"}


def test_a_sku_that_the_shop_dropped_is_not_told_where_it_never_was(shop: Shop) -> None:
    shop.seller._hooks.offer_loader._function, sold = (lambda *_: []), shop.seller._hooks.offer_loader.get()
    with shop.app.app_context():
        shop.seller.notify_catalog("plum", marketplaces=["acme"])
        shop.db.session.commit()
    deliver(shop)
    assert run(shop, "--sku", "plum").exit_code == 0
    assert [message.marketplace for message in messages(shop)] == ["acme", "acme"]
    shop.seller._hooks.offer_loader._function = sold


def test_a_run_that_is_continued_blames_no_sku_that_was_asked_for(new_shop: Callable[..., Shop]) -> None:
    other = {**ACME, "catalog": False}  # never asked for, and so it comes back
    shop = new_shop(marketplaces={"acme": ACME, "other": other}, clock=StoppedClock())
    sold = shop.seller._hooks.offer_loader.get()
    shop.seller._hooks.offer_loader._function = lambda ids, cart: sold(ids, cart) if cart.marketplace == "acme" else []
    with shop.app.app_context():
        found = [current_state().reconciler.run(Wanted(sku_ids=("plum",))) for _ in range(2)]
    assert [(made.notices, made.failures, made.continued) for made in found] == [(1, [], False), (0, [], True)]


def test_a_loader_that_failed_makes_no_sku_known(shop: Shop) -> None:
    sold = shop.seller._hooks.offer_loader.get()
    shop.seller._hooks.offer_loader._function = lambda *_: 1 / 0  # type: ignore[return-value]
    assert run(shop, "--sku", "plumm").exit_code == 1
    shop.seller._hooks.offer_loader._function = sold
    assert "✗ plumm: neither offer_loader nor sku_loader returns it" in run(shop, "--sku", "plumm").stdout
    assert messages(shop) == []


def test_a_sku_that_the_shop_knows_no_more_is_told_about_where_it_was_before(shop: Shop) -> None:
    run(shop, "--sku", "plum")
    deliver(shop)
    del shop.stock["plum"]
    assert run(shop, "--sku", "plum").exit_code == 0
    assert [message.arguments["sku_id"] for message in messages(shop)] == ["plum"] * 4


def test_since_leaves_out_what_was_told_later(shop: Shop) -> None:
    load(shop, lambda: ["apple", "pear"])
    run(shop)
    deliver(shop)
    told = current_clock(shop).now()
    assert "; 0 notices" in run(shop, "--since", (told - timedelta(seconds=1)).isoformat()).stdout
    assert "; 4 notices" in run(shop, "--since", (told + timedelta(seconds=1)).isoformat()).stdout


def test_price_and_stock_are_said_again_where_the_sku_is_known(shop: Shop) -> None:
    load(shop, lambda: ["apple", "pear"])
    run(shop, "--sku", "apple")
    deliver(shop)
    run(shop, "--renotify")
    said = [(m.operation, m.arguments["sku_id"]) for m in messages(shop) if m.marketplace == "acme"][1:]
    assert sorted(said) == [
        ("change_notification", "pear"),
        ("inventory_notification", "apple"),
        ("price_notification", "apple"),
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--all", "--sku", "a"),
        ("--all", "--since", "2026-03"),
        ("--since", "soon"),
        ("--since", "0001-01-01T00:00+01:00"),
    ],
)
def test_options_that_make_no_sense_are_refused(shop: Shop, arguments: tuple[str, ...]) -> None:
    result = run(load(shop, lambda: ["apple"]), *arguments)
    assert result.exit_code == 2
    assert messages(shop) == []


# runs


def test_a_run_that_was_cut_off_is_continued_and_one_that_ended_is_not(shop: Shop) -> None:
    ids = [f"sku-{number}" for number in range(6)]
    load(shop, lambda: ids)
    with shop.app.app_context():
        made = current_state().reconciler.run(
            Wanted(everything=True), batch=2, stop=iter([False, False, True]).__next__
        )
    assert (made.done, made.ended) == (4, False)
    for _ in range(len(messages(shop))):
        deliver(shop)
    result = run(shop, "--all")
    assert "4 notices to acme, other (the earlier ones" in result.stdout
    assert Counter(m.arguments["sku_id"] for m in messages(shop) if m.marketplace == "acme") == dict.fromkeys(ids, 1)
    deliver(shop)
    assert "12 notices to acme, other\n" in run(shop, "--all").stdout


def test_a_run_that_was_cut_off_asks_itself_whatever_another_one_asked_meanwhile(shop: Shop) -> None:
    load(shop, lambda: ["apple", "pear"])
    deliver(shop)
    with shop.app.app_context():
        wanted = Wanted(everything=True, renotify=True)
        current_state().reconciler.run(wanted, batch=1, stop=iter([False, True]).__next__)
    current_clock(shop).advance(1)
    run(shop, "--all")
    deliver(shop)
    assert "; 0 notices" not in run(shop, "--all", "--renotify").stdout


def test_a_run_may_be_begun_anew(shop: Shop) -> None:
    load(shop, lambda: ["apple", "pear"])
    with shop.app.app_context():
        current_state().reconciler.run(Wanted(everything=True), batch=1, stop=iter([False, True]).__next__)
    deliver(shop)
    assert "; 4 notices to acme, other\n" in run(shop, "--all", "--restart").stdout


# sending


def test_who_is_told_of_a_delivery_may_use_the_shops_session(shop: Shop, requests_mock: Mocker) -> None:
    requests_mock.post(ANY, status_code=204)
    load(shop, lambda: ["apple"])
    heard = list[int]()

    def hear(*_: Any, **__: Any) -> None:
        heard.append(shop.db.session.execute(text("SELECT 1")).scalar())

    with message_delivered.connected_to(hear, sender=shop.app):
        shop.app.test_cli_runner().invoke(args=["vtex-seller", "sync", "--all"])
    assert heard == [1, 1]


def test_it_is_sent_at_once_with_the_configured_threads(shop: Shop, requests_mock: Mocker) -> None:
    requests_mock.post(ANY, status_code=204)
    load(shop, lambda: ["apple", "pear"])
    result = shop.app.test_cli_runner().invoke(args=["vtex-seller", "sync"])
    assert result.exit_code == 0
    assert "4 notices delivered, 0 dead" in result.stdout
    assert {message.state.value for message in messages(shop)} == {"delivered"}


def test_what_is_refused_is_an_exit_status(shop: Shop, requests_mock: Mocker) -> None:
    requests_mock.post(ANY, status_code=400)
    load(shop, lambda: ["apple"])
    result = shop.app.test_cli_runner().invoke(args=["vtex-seller", "sync"])
    assert result.exit_code == 1
    assert "0 notices delivered, 2 dead" in result.stdout


def test_what_was_tried_in_vain_is_an_exit_status_and_left_to_a_worker(shop: Shop, requests_mock: Mocker) -> None:
    requests_mock.post(ANY, exc=ConnectionError)
    load(shop, lambda: ["apple"])
    result = shop.app.test_cli_runner().invoke(args=["vtex-seller", "sync"])
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1:] == [
        "0 notices delivered, 0 dead, 2 tried in vain so far",
        "✗ what was tried in vain is tried again by a worker",
    ]
    assert {message.state.value for message in messages(shop)} == {"pending"}


def test_what_fails_on_our_side_was_tried_in_vain_too(shop: Shop, requests_mock: Mocker) -> None:
    requests_mock.post(ANY, exc=RuntimeError)
    load(shop, lambda: ["apple"])
    result = shop.app.test_cli_runner().invoke(args=["vtex-seller", "sync"])
    assert (result.exit_code, "2 tried in vain so far" in result.stdout) == (1, True)


def test_what_arrives_at_last_was_not_tried_in_vain(shop: Shop, requests_mock: Mocker) -> None:
    with shop.app.app_context():
        current_state().drain.rng.random = lambda: 0.0  # type: ignore[method-assign]  # another attempt is due at once
    requests_mock.post(ANY, [{"exc": ConnectionError}, {"status_code": 204}])
    load(shop, lambda: ["apple"])
    result = shop.app.test_cli_runner().invoke(args=["vtex-seller", "sync"])
    assert (result.exit_code, result.stdout.splitlines()[1]) == (
        0,
        "2 notices delivered, 0 dead, 0 tried in vain so far",
    )


def test_what_else_is_tried_in_vain_is_not_this_commands_affair(shop: Shop, requests_mock: Mocker) -> None:
    requests_mock.post(ANY, status_code=204)
    requests_mock.put(ANY, exc=ConnectionError)
    load(shop, lambda: ["apple"])
    with shop.app.app_context():
        shop.seller.notify_delivery_promises(SkuAvailability(sku_id="plum", availability=1))
        shop.db.session.commit()
    assert shop.app.test_cli_runner().invoke(args=["vtex-seller", "sync"]).exit_code == 0


def test_what_a_paused_marketplace_is_not_told_is_no_failure(
    new_shop: Callable[..., Shop], requests_mock: Mocker
) -> None:
    shop = load(new_shop(marketplaces={"acme": {**ACME, "paused": True}}, clock=StoppedClock()), lambda: ["apple"])
    result = shop.app.test_cli_runner().invoke(args=["vtex-seller", "sync"])
    assert result.exit_code == 0
    assert {message.state.value for message in messages(shop)} == {"pending"}
    assert requests_mock.called is False


# what the shop's functions do wrong


@pytest.mark.timeout(3600)
def test_of_many_skus_the_broken_are_listed_and_the_others_told(
    new_shop: Callable[..., Shop], pytestconfig: pytest.Config
) -> None:
    """2,000 SKUs, 100,000 with `--chaos-full`, every twentieth broken in one of four ways."""
    count = 100_000 if pytestconfig.getoption("--chaos-full") else 2_000
    broken = count // 20
    shop = load(new_shop(clock=StoppedClock()), lambda: [f"sku-{number}" for number in range(count)])
    ways = {f"sku-{number}": number // 20 % 4 for number in range(0, count, 20)}

    def offers(sku_ids: Sequence[str], _: SimulationRequest) -> Iterator[Any]:
        for sku_id in sku_ids:
            if ways.get(sku_id) == 0:
                raise KeyError(sku_id)
            yield None if ways.get(sku_id) == 1 else Offer(sku_id=sku_id, price=1, stock=1)
            if ways.get(sku_id) == 2:
                yield Offer(sku_id=sku_id, price=2, stock=1)
        yield Offer(sku_id="stranger", price=1, stock=1)

    def skus(sku_ids: Sequence[str]) -> Iterator[Any]:
        for sku_id in sku_ids:
            yield make_sku(sku_id, price=-1 if ways.get(sku_id) == 3 else 1)

    shop.seller._hooks.offer_loader._function = offers
    shop.seller.sku_loader(skus)
    result = run(shop, "--all")
    assert result.exit_code == 1
    assert f"{count} SKUs, {broken + 1} not read; {count - broken} notices to acme\n" in result.stdout
    listed = {line.split()[1].rstrip(":") for line in result.stdout.splitlines() if line.startswith("✗ ")}
    assert listed == {*ways, "stranger"}
    said = {message.arguments["sku_id"] for message in messages(shop, limit=count)}
    assert said == {f"sku-{number}" for number in range(count) if number % 20}
    with shop.app.app_context():
        record = current_state().skus.get("acme", "sku-0")
        shop.db.session.rollback()
    assert record is not None
    assert record.reason == "not read: the shop's offer_loader raised KeyError"
    ways.clear()
    assert f"{broken + 1} not read" not in (again := run(shop).stdout)
    assert f"; {broken} notices" in again, "what was broken is tried again"


@pytest.mark.parametrize("command", ["sync", "catalog drift", "catalog adopt --all --yes"])
@pytest.mark.parametrize("debug", ["0", "1"])
def test_commands_show_where_the_ids_failed_and_its_words_in_debug_mode_only(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, command: str, debug: str
) -> None:
    def fail() -> Iterable[str]:
        raise KeyError(*shop.asked)

    shop.asked = [f"a shopper's words and {APP_TOKEN}\x1b"]
    monkeypatch.setenv("FLASK_DEBUG", debug)
    load(shop, fail)
    result = shop.app.test_cli_runner().invoke(args=["vtex-seller", *command.split()])
    assert result.exit_code == 1
    assert "Error: the shop's sku_ids_loader raised KeyError\n" in result.stderr
    assert f'File "{__file__}"' in result.stderr
    assert ("a shopper's words" in result.stderr) is (debug == "1")
    assert APP_TOKEN not in result.output
    assert "\x1b" not in result.output
