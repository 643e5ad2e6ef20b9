"""Nothing of a shopper, and no credential, leaves by a side door while an order lives and fails (S7, S8)."""

import io
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from flask_vtex_seller import RedactingFilter
from flask_vtex_seller.orders.schemas import read_placements

from ..marketplace.loopback import Loopback, loopback
from ..shops import Shop
from .canaries import (
    CREDENTIALS,
    DOCUMENT,
    EMAIL,
    HEALTH,
    INBOUND,
    KEY,
    NAME,
    PEOPLE,
    REASON,
    SHOPS_EMAIL,
    Life,
    body,
    invoice,
    leaks,
    life,
    live,
)

LISTS = (
    ("outbox", "list"),
    ("outbox", "list", "--state", "dead"),
    ("orders", "list"),
    ("status",),
    ("urls",),
    ("openapi",),
    ("check",),
    ("purge", "--older-than", "1"),
)


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as server:
        yield server


@pytest.fixture
def lived(new_shop: Callable[..., Shop], server: Loopback) -> Iterator[Life]:
    """A shop without keys: what leaks, leaks in the clear."""
    with life(new_shop, server) as lived:
        yield lived


@pytest.fixture
def sealed(new_shop: Callable[..., Shop], server: Loopback) -> Iterator[Life]:
    with life(new_shop, server, VTEX_SELLER_ENCRYPTION_KEYS=[KEY]) as lived:
        yield lived


def test_no_record_of_any_level_tells_of_people_or_credentials(lived: Life, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    live(lived)
    assert len(caplog.records) > 10
    for record in caplog.records:
        assert leaks(f"{record.getMessage()} {record.__dict__!r}") == [], record.name


def test_no_signal_carries_anything_of_a_shopper(lived: Life) -> None:
    live(lived)
    heard = "".join(lived.heard)
    assert "1001" in heard, "the delivered invoice"
    assert "NOT_CANCELABLE" in heard, "the dead letter"
    assert leaks(heard.replace(SHOPS_EMAIL, "")) == []


def test_no_error_answer_repeats_what_came_with_the_call(lived: Life) -> None:
    live(lived)
    assert len(lived.answers) == 7
    for answer in lived.answers:
        assert leaks(answer) == []


def test_no_list_of_the_command_line_tells_of_people_or_credentials(lived: Life) -> None:
    live(lived)
    for command in LISTS:
        result = lived.command(*command, answer="n\n")
        assert result.output.strip()
        assert leaks(result.output) == [], command


def test_the_health_route_tells_of_nobody(lived: Life) -> None:
    live(lived)
    with lived.shop.app.test_client() as client:
        answer = client.get("/api/vtex/-/health", headers={"Authorization": f"Bearer {HEALTH}"})
        refused = client.get(f"/api/vtex/-/health?token={INBOUND}")
    assert (answer.get_json()["marketplaces"]["acme"]["dead"], refused.status_code) == (1, 401)
    assert leaks(f"{answer.text} {answer.headers} {refused.text} {refused.headers}") == []


def test_an_error_of_the_database_keeps_the_parameters_of_our_statements_to_itself(lived: Life) -> None:
    live(lived)
    with lived.shop.app.app_context():
        lived.shop.db.session.execute(lived.shop.db.text("ALTER TABLE vtex_outbox RENAME TO vtex_outbox_gone"))
        lived.shop.db.session.commit()
    with pytest.raises(DBAPIError) as caught:
        lived.say("send_invoice", "S-1", invoice("1003"))
    told = "".join(traceback.format_exception(caught.value))
    assert "INSERT INTO vtex_outbox" in told
    assert leaks(told) == []


def test_an_error_of_the_shops_own_statements_is_the_shops(lived: Life) -> None:
    statement = lived.shop.db.text("SELECT :it FROM shop_nothing")
    with lived.shop.app.app_context(), pytest.raises(DBAPIError, match="of the shop's own"):
        lived.shop.db.session.execute(statement, {"it": "of the shop's own"})


def test_no_repr_shows_a_person_or_a_credential(lived: Life) -> None:
    live(lived)
    state = lived.shop.app.extensions["vtex_seller"]
    with lived.shop.app.app_context():
        messages, orders = state.outbox.page(limit=99), state.ledger.page(marketplace=None, state=None, limit=9)
    assert any(DOCUMENT in json.dumps(message.body) for message in messages)
    assert any(DOCUMENT in message.last_excerpt for message in messages)
    acme = state.settings.marketplaces["acme"]
    placements = read_placements(body("C-09"), acme, sales_channel=None, max_items=9)
    asked = [repr(argument) for argument in lived.shop.asked]
    shown = repr([messages, orders, placements, invoice("1"), state, state.settings, acme, state.drain, asked])
    assert "C-09" in shown
    assert leaks(shown) == []


def test_no_column_of_ours_tells_of_people_or_credentials_with_a_key(sealed: Life) -> None:
    live(sealed)
    sent = b"".join(request.body for request in sealed.server.received)
    assert DOCUMENT.encode() in sent, "the marketplace is told all the same"
    dump = sealed.dump()
    assert dump.count("sealed:") >= 9, "five bodies, two answers, two addresses"
    assert leaks(dump) == []


def test_no_column_of_ours_ever_tells_of_credentials(lived: Life) -> None:
    live(lived)
    dump = lived.dump()
    assert {NAME, DOCUMENT, EMAIL, REASON, SHOPS_EMAIL} <= set(leaks(dump)), "without a key it is stored as it is"
    assert leaks(dump, CREDENTIALS) == []


def test_a_message_that_was_sealed_is_shown_and_delivered_as_it_was_written(sealed: Life) -> None:
    live(sealed)
    shown = sealed.command("outbox", "show", "1").output
    assert NAME in shown
    assert sealed.command("orders", "show", "S-1").output.count(SHOPS_EMAIL) == 1


def test_what_the_shop_logs_itself_goes_through_its_filter(lived: Life) -> None:
    """The shop's functions log what they were handed, and a failure with its traceback."""
    log, written = logging.getLogger("shop.vtex"), io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(order)s", defaults={"order": ""}))
    handler.addFilter(RedactingFilter(secrets=CREDENTIALS))

    def release(authorization: Any) -> str:
        log.warning("asked for %s", body("C-01"), extra={"order": body("C-01")})
        try:
            raise ValueError(f"no stock for {NAME}, {json.dumps(body('C-01'))}")
        except ValueError:
            log.exception("releasing an order of %s failed", EMAIL)
        return "receipt"

    log.addHandler(handler)
    try:
        lived.shop.release = release
        live(lived)
    finally:
        log.removeHandler(handler)
    text = written.getvalue()
    assert text.count("releasing an order") == 2
    assert "ValueError" in text
    assert __file__ in text, "where it failed is told"
    assert leaks(text) == []
    assert "C-01" in text, "an order's id is no secret"
    assert not [canary for canary in PEOPLE if canary in text]
