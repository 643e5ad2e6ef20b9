"""What orders and messages hold of people goes when it is old or somebody asks; what a shop has to keep stays (S7)."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import func, select, update

from flask_vtex_seller.orders.personal_data import Whose
from flask_vtex_seller.outbox.message import MessageState
from flask_vtex_seller.runners.scheduler import clean_up

from ..chaos.conftest import Scale
from ..chaos.report import Figures
from ..marketplace.loopback import Loopback, loopback, reply
from ..shops import Shop
from .canaries import EMAIL, KEY, SHOPS_EMAIL, Life, body, invoice, leaks, life, live

DAY = 86_400.0


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as server:
        yield server


@pytest.fixture
def lived(new_shop: Callable[..., Shop], server: Loopback) -> Iterator[Life]:
    """A shop with a key at the end of two orders' lives: two messages delivered, one to be repeated, one dead."""
    with life(new_shop, server, VTEX_SELLER_ENCRYPTION_KEYS=KEY) as lived:
        live(lived)
        yield lived


@pytest.fixture
def placed(new_shop: Callable[..., Shop], server: Loopback) -> Iterator[Life]:
    """A shop with the orders C-01 and C-02, released; nothing was said about them."""
    with life(new_shop, server) as lived:
        for number in (1, 2):
            lived.call("/pvt/orders", [body(f"C-0{number}")])
            lived.call(f"/pvt/orders/S-{number}/fulfill", {})
        server.answer = lambda _: reply(200, b"{}")
        yield lived


def rows(lived: Life, table: str, *columns: str) -> list[tuple[Any, ...]]:
    state = lived.shop.app.extensions["vtex_seller"]
    found = state.tables[table]
    with state.drain.engine.connect() as connection:
        statement = select(*(found.c[name] for name in columns)).order_by(*found.primary_key)
        return [tuple(row) for row in connection.execute(statement)]


def contents(lived: Life) -> list[tuple[str, bool, bool]]:
    """Return of each message about an order its state, and whether it has a body and an answer."""
    found = rows(lived, "vtex_outbox", "lane", "state", "body", "last_excerpt")
    return [(state, bool(body), bool(answer)) for lane, state, body, answer in found if lane.startswith("order:")]


def wait(lived: Life, seconds: float) -> None:
    lived.shop.seller._clock.advance(seconds)  # type: ignore[attr-defined]


# purge


def test_a_purge_empties_what_is_over_and_names_and_leaves_what_may_still_be_sent(lived: Life) -> None:
    kept = rows(lived, "vtex_invoice", "invoice_number", "value", "said_at", "arrived_at")
    wait(lived, 2 * DAY)
    result = lived.command("purge", "--older-than", "1", "--yes")
    assert "message 3, invoice of order C-01 to acme, is pending: it may still be sent" in result.output
    assert "message 4, cancel_order of order C-02 to acme, is dead: it may still be sent" in result.output
    assert "what 2 orders and 2 messages held of people was removed" in result.output
    assert result.exit_code == 1, "something older is left"
    assert contents(lived) == [
        ("delivered", False, False),
        ("delivered", False, False),
        ("pending", True, True),
        ("dead", True, True),
    ]
    assert rows(lived, "vtex_order", "follow_up_email", "fingerprint") == [(None, "")] * 2
    assert rows(lived, "vtex_invoice", "invoice_number", "value", "said_at", "arrived_at") == kept


def test_what_a_shop_has_to_keep_outlives_a_purge(lived: Life, figures: Figures) -> None:
    order = ("marketplace_order_id", "order_id", "state", "value", "invoiced_value", "receipt", "created_at")
    message = ("id", "operation", "lane", "arguments", "state", "attempts", "created_at", "settled_at", "last_status")
    kept = {
        "vtex_order": order,
        "vtex_outbox": (*message, "tries"),
        "vtex_invoice": ("invoice_number", "value", "said_at"),
    }
    before = {table: rows(lived, table, *columns) for table, columns in kept.items()}
    wait(lived, 2 * DAY)
    lived.command("purge", "--older-than", "1", "--yes")
    after = {table: rows(lived, table, *columns) for table, columns in kept.items()}
    values = [sum(map(len, found)) for found in before.values()]
    lost = sum(old != new for table in kept for old, new in zip(before[table], after[table], strict=False))
    figures.note("S7", kept_values=sum(values), rows_changed=lost)
    assert after == before


def test_a_forced_purge_leaves_nothing(lived: Life) -> None:
    wait(lived, 2 * DAY)
    result = lived.command("purge", "--older-than", "1", "--force", "--yes")
    assert result.exit_code == 0, result.output
    assert "what 2 orders and 4 messages held of people was removed" in result.output
    assert {(body, answer) for _, body, answer in contents(lived)} == {(False, False)}
    assert "sealed:" not in lived.dump()
    sent = len(lived.server.received)
    wait(lived, DAY)
    lived.drain()
    assert [request.target for request in lived.server.received[sent:] if "/orders/" in request.target] == []


def test_an_invoice_that_a_forced_purge_discards_may_be_said_anew(lived: Life) -> None:
    wait(lived, 2 * DAY)
    lived.command("purge", "--older-than", "1", "--force", "--yes")
    lived.say("send_invoice", "S-1", invoice("1002"))


def test_what_is_younger_is_left_alone(lived: Life) -> None:
    wait(lived, DAY / 2)
    dump = lived.dump()
    result = lived.command("purge", "--older-than", "1", "--yes")
    assert (result.exit_code, lived.dump()) == (0, dump)
    assert "0 orders and 0 messages" in result.output


def test_a_purge_asks_and_a_no_changes_nothing(lived: Life) -> None:
    wait(lived, 2 * DAY)
    dump = lived.dump()
    result = lived.command("purge", "--older-than", "1", answer="n\n")
    assert "What 2 orders and 2 messages hold of people will be removed for good" in result.output
    assert (result.exit_code, lived.dump()) == (1, dump)


def test_a_message_that_is_being_sent_is_left_even_by_force(placed: Life) -> None:
    placed.say("send_invoice", "S-1", invoice("1001"))
    state = placed.shop.app.extensions["vtex_seller"]
    wait(placed, 2 * DAY)
    with state.drain.engine.begin() as connection:
        connection.execute(update(state.drain.table).values(leased_until=2**60))
    result = placed.command("purge", "--older-than", "1", "--force", "--yes")
    assert result.exit_code == 1
    assert "1 messages are left: they are being sent right now" in result.output
    assert contents(placed) == [("pending", True, False)]


def test_a_purge_goes_on_over_any_number_of_pages(placed: Life, scale: Scale, figures: Figures) -> None:
    number = scale(1_200, 10_000)
    placed.say("send_invoice", "S-1", invoice("1001"))
    state = placed.shop.app.extensions["vtex_seller"]
    table = state.drain.table
    with state.drain.engine.begin() as connection:
        (row,) = connection.execute(select(table)).mappings()
        copies = [{**row, "id": row["id"] + n, "state": MessageState.DELIVERED.value} for n in range(1, number + 1)]
        connection.execute(table.insert(), copies)
        connection.execute(update(table).values(state=MessageState.DELIVERED.value))
    wait(placed, 2 * DAY)
    result = placed.command("purge", "--older-than", "1", "--yes")
    with state.drain.engine.connect() as connection:
        left, ids = connection.execute(select(func.count(table.c.body), func.count(table.c.id))).one()
    figures.note("S7", purged=ids, still_with_a_body=left)
    assert f"2 orders and {number + 1} messages" in result.output
    assert (left, ids) == (0, number + 1)


def test_a_repeat_of_an_order_that_was_purged_is_answered_from_what_is_left(placed: Life) -> None:
    wait(placed, 2 * DAY)
    placed.command("purge", "--older-than", "1", "--yes")
    answer = placed.call("/pvt/orders", [body("C-01")])
    assert answer.status_code == 200
    assert (answer.get_json()[0]["orderId"], answer.get_json()[0]["followUpEmail"]) == ("S-1", "")


def test_a_worker_purges_where_days_are_configured(new_shop: Callable[..., Shop], server: Loopback) -> None:
    with life(new_shop, server, VTEX_SELLER_PERSONAL_DATA_DAYS=1) as lived:
        live(lived)
        state = lived.shop.app.extensions["vtex_seller"]
        for seconds, emptied in ((DAY / 2, 0), (DAY, 2)):
            wait(lived, seconds)
            with lived.shop.app.app_context():
                clean_up(state, threading.Event())
            assert [body for _, body, _ in contents(lived)].count(False) == emptied


def test_a_purge_that_is_told_to_stop_stops_between_two_pages_and_the_next_one_goes_on(placed: Life) -> None:
    placed.say("send_invoice", "S-1", invoice("1001"))
    placed.drain()
    wait(placed, 2 * DAY)
    state, stops = placed.shop.app.extensions["vtex_seller"], iter([False, True])
    whose = Whose(before=state.drain.clock.now())
    with placed.shop.app.app_context():
        stopped = state.personal_data.remove(whose, stop=lambda: next(stops))
        assert (stopped.messages, stopped.orders) == (1, 0)
        next_one = state.personal_data.remove(whose)
        assert (next_one.messages, next_one.orders) == (0, 2)


def test_a_worker_purges_nothing_by_default(lived: Life) -> None:
    wait(lived, 29 * DAY)
    dump = lived.dump()
    with lived.shop.app.app_context():
        clean_up(lived.shop.app.extensions["vtex_seller"], threading.Event())
    assert lived.dump() == dump


# forget


@pytest.mark.parametrize("id_", ["S-1", "C-01"])
def test_an_order_is_forgotten_by_either_id_and_no_other_is(lived: Life, id_: str) -> None:
    result = lived.command("forget", id_, "--force", "--yes")
    assert result.exit_code == 0, result.output
    assert "acme, order C-01" in result.output
    assert "what 1 orders and 3 messages held of people was removed" in result.output
    assert [entry[1:] for entry in contents(lived)] == [(False, False)] * 3 + [(True, True)]
    with lived.shop.app.app_context():
        assert [lived.shop.seller.order(name).follow_up_email for name in ("S-1", "S-2")] == ["", SHOPS_EMAIL]


def test_an_id_that_is_the_shops_of_one_order_and_the_marketplaces_of_another_means_the_shops(placed: Life) -> None:
    state = placed.shop.app.extensions["vtex_seller"]
    orders = state.personal_data.orders
    with state.drain.engine.begin() as connection:
        connection.execute(update(orders).where(orders.c.order_id == "S-2").values(marketplace_order_id="S-1"))
    result = placed.command("forget", "S-1", "--yes")
    assert "what 1 orders and 0 messages held of people was removed" in result.output
    assert rows(placed, "vtex_order", "order_id", "follow_up_email") == [("S-1", None), ("S-2", SHOPS_EMAIL)]


def test_what_waits_of_a_forgotten_order_is_named_and_left(lived: Life) -> None:
    result = lived.command("forget", "S-2", "--yes")
    assert "message 4, cancel_order of order C-02 to acme, is dead: it may still be sent" in result.output
    assert result.exit_code == 1
    assert contents(lived)[3] == ("dead", True, True)


@pytest.mark.parametrize("keys", [[], [KEY]], ids=["plain", "sealed"])
def test_people_are_found_by_an_address_in_what_is_stored_of_them(
    new_shop: Callable[..., Shop], server: Loopback, keys: list[str]
) -> None:
    with life(new_shop, server, VTEX_SELLER_ENCRYPTION_KEYS=keys) as lived:
        live(lived)
        result = lived.command("forget", EMAIL.upper(), "--force", "--yes")
        assert result.exit_code == 0, result.output
        assert "acme, order C-01" in result.output
        assert "order C-02" not in result.output, "what is kept of it tells no address"
        assert leaks(lived.dump(), (EMAIL,)) == []
        assert [entry[1:] for entry in contents(lived)] == [(False, False)] * 3 + [(True, True)]


def test_the_shops_own_address_is_found_in_orders(lived: Life) -> None:
    result = lived.command("forget", SHOPS_EMAIL, "--force", "--yes")
    assert result.output.count("acme, order") == 2
    assert "sealed:" not in lived.dump()


def test_who_is_not_there_is_not_found_and_nothing_changes(lived: Life) -> None:
    dump = lived.dump()
    for stranger in ("gaiola.example", f"x{EMAIL}", f"{EMAIL}.br", f"a.{EMAIL}", f"{EMAIL}a", "S-9", "%", "\0", "@"):
        result = lived.command("forget", stranger, "--yes")
        assert (result.exit_code, lived.dump()) == (1, dump), stranger
        assert "Error: no order has that id" in result.output


def test_an_address_behind_a_line_break_is_found(placed: Life) -> None:
    placed.say("cancel_order", "S-2", reason=f"said by\n{EMAIL}\n")
    placed.drain()
    assert placed.command("forget", EMAIL, "--yes").exit_code == 0
    assert contents(placed) == [("delivered", False, False)]


def test_two_marketplaces_with_an_order_of_one_id_are_told_apart(
    new_shop: Callable[..., Shop], server: Loopback
) -> None:
    with life(new_shop, server) as lived:
        lived.call("/pvt/orders", [body("C-01")])
        state = lived.shop.app.extensions["vtex_seller"]
        with state.drain.engine.begin() as connection:
            (row,) = connection.execute(select(state.personal_data.orders)).mappings()
            connection.execute(state.personal_data.orders.insert(), {**row, "marketplace": "other"})
        refused = lived.command("forget", "S-1", "--yes")
        assert "acme, other all have an order of that id" in refused.output
        assert lived.command("forget", "S-1", "--marketplace", "other", "--yes").exit_code == 0
        emails = rows(lived, "vtex_order", "marketplace", "follow_up_email")
        assert emails == [("acme", SHOPS_EMAIL), ("other", None)]
