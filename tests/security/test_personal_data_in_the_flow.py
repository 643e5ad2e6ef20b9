"""Nothing of a shopper, and no credential, leaves by a side door while an order lives and fails (S7, S8)."""

import io
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from flask_vtex_seller import RedactingFilter
from flask_vtex_seller.orders.schemas import read_placements

from ..chaos.conftest import Scale
from ..chaos.report import Figures
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
from .hostile import VALUES, changed, dump, paths

IDS = ("id", "marketplaceOrderId", "marketplaceOrderGroup", "seller", "selectedSla")
"""Of an order: a refusal may name them."""
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


def found_in(records: list[logging.LogRecord]) -> list[tuple[str, list[str]]]:
    """Return the loggers whose records tell something, in their words or in what they carry, and what that is."""
    told = ((record.name, leaks(f"{record.getMessage()} {record.__dict__!r}")) for record in records)
    return [(name, canaries) for name, canaries in told if canaries]


def test_no_record_of_any_level_tells_of_people_or_credentials(
    lived: Life, caplog: pytest.LogCaptureFixture, figures: Figures
) -> None:
    caplog.set_level(logging.DEBUG)
    live(lived)
    found = found_in(caplog.records)
    figures.note("S7", records=len(caplog.records), found=len(found))
    assert len(caplog.records) > 10
    assert found == []


def test_no_signal_carries_anything_of_a_shopper(lived: Life, figures: Figures) -> None:
    live(lived)
    heard = "".join(lived.heard)
    found = leaks(heard.replace(SHOPS_EMAIL, ""))
    figures.note("S7", signals=len(lived.heard), found=len(found))
    assert "1001" in heard, "the delivered invoice"
    assert "NOT_CANCELABLE" in heard, "the dead letter"
    assert found == []


def test_no_error_answer_repeats_what_came_with_the_call(lived: Life, figures: Figures) -> None:
    live(lived)
    found = leaks("".join(lived.answers))
    figures.note("S7", answers=len(lived.answers), found=len(found))
    assert len(lived.answers) == 7
    assert found == []


def test_no_refusal_of_a_wrong_body_repeats_anything_of_it(
    lived: Life, scale: Scale, rng: Random, figures: Figures, caplog: pytest.LogCaptureFixture
) -> None:
    """An order of the canary shopper, wrong in one place: a hostile value stands there, or one of the shopper's."""
    caplog.set_level(logging.DEBUG)
    order, found, refused, records = body("C-01"), list[str](), 0, 0
    places = [place for place in paths(order) if not place or place[-1] not in IDS]
    values = [*(value for value in VALUES if len(dump(value)) < 10_000), *PEOPLE, *CREDENTIALS, {EMAIL: NAME}]
    for _ in range(scale(150, 5000)):
        answer = lived.call(
            "/pvt/orders", None, data=dump(changed([order], (0, *rng.choice(places)), rng.choice(values)))
        )
        if answer.status_code >= 400:
            refused += 1
            found += leaks(f"{answer.headers} {answer.text}")
        found += [canary for _, canaries in found_in(caplog.records) for canary in canaries]
        records += len(caplog.records)
        caplog.clear()
    figures.note("S7", refused=refused, records=records, found=len(found))
    assert refused > scale(50, 2000)
    assert found == []


def test_no_list_of_the_command_line_tells_of_people_or_credentials(lived: Life, figures: Figures) -> None:
    live(lived)
    found = {}
    for command in LISTS:
        result = lived.command(*command, answer="n\n")
        assert result.output.strip()
        found[command] = leaks(result.output)
    figures.note("S7", lists=len(found), found=sum(map(len, found.values())))
    assert found == {command: [] for command in LISTS}


def test_the_health_route_tells_of_nobody(lived: Life, figures: Figures) -> None:
    live(lived)
    with lived.shop.app.test_client() as client:
        answer = client.get("/api/vtex/-/health", headers={"Authorization": f"Bearer {HEALTH}"})
        refused = client.get(f"/api/vtex/-/health?token={INBOUND}")
    assert (answer.get_json()["marketplaces"]["acme"]["dead"], refused.status_code) == (1, 401)
    found = leaks(f"{answer.text} {answer.headers} {refused.text} {refused.headers}")
    figures.note("S8", answers=2, found=len(found))
    assert found == []


def test_an_error_of_the_database_keeps_the_parameters_of_our_statements_to_itself(
    lived: Life, figures: Figures
) -> None:
    live(lived)
    with lived.shop.app.app_context():
        lived.shop.db.session.execute(lived.shop.db.text("ALTER TABLE vtex_outbox RENAME TO vtex_outbox_gone"))
        lived.shop.db.session.commit()
    with pytest.raises(DBAPIError) as caught:
        lived.say("send_invoice", "S-1", invoice("1003"))
    told = "".join(traceback.format_exception(caught.value))
    found = leaks(told)
    figures.note("S7", traceback_lines=told.count("\n"), found=len(found))
    assert "INSERT INTO vtex_outbox" in told
    assert found == []


def test_an_error_of_the_shops_own_statements_is_the_shops(lived: Life) -> None:
    statement = lived.shop.db.text("SELECT :it FROM shop_nothing")
    with lived.shop.app.app_context(), pytest.raises(DBAPIError, match="of the shop's own"):
        lived.shop.db.session.execute(statement, {"it": "of the shop's own"})


def test_no_repr_shows_a_person_or_a_credential(lived: Life, figures: Figures) -> None:
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
    found = leaks(shown)
    figures.note("S8", characters=len(shown), found=len(found))
    assert "C-09" in shown
    assert found == []


def test_no_column_of_ours_tells_of_people_or_credentials_with_a_key(sealed: Life, figures: Figures) -> None:
    """Nor any byte of what the database keeps them in."""
    live(sealed)
    sent = b"".join(request.body for request in sealed.server.received)
    assert DOCUMENT.encode() in sent, "the marketplace is told all the same"
    dumped, raw = sealed.dump(), sealed.raw()
    found = leaks(dumped + raw)
    figures.note("S7", bytes=len(raw), sealed=dumped.count("sealed:"), found=len(found))
    assert dumped.count("sealed:") >= 9, "five bodies, two answers, two addresses"
    assert raw.count("sealed:") >= 9
    assert found == []


def test_no_column_of_ours_ever_tells_of_credentials(lived: Life, figures: Figures) -> None:
    """Without a key people stand there as they are, so they would be found."""
    live(lived)
    dumped, raw = lived.dump(), lived.raw()
    found = leaks(dumped + raw, CREDENTIALS)
    figures.note("S8", bytes=len(raw), found=len(found))
    for copy in (dumped, raw):
        assert {NAME, DOCUMENT, EMAIL, REASON, SHOPS_EMAIL} <= set(leaks(copy))
    assert found == []


def test_a_message_that_was_sealed_is_shown_and_delivered_as_it_was_written(sealed: Life) -> None:
    live(sealed)
    shown = sealed.command("outbox", "show", "1").output
    assert NAME in shown
    assert sealed.command("orders", "show", "S-1").output.count(SHOPS_EMAIL) == 1


def test_what_the_shop_logs_itself_goes_through_its_filter(lived: Life, figures: Figures) -> None:
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
    found = leaks(text)
    figures.note("S7", log_lines=text.count("\n"), found=len(found))
    assert text.count("releasing an order") == 2
    assert "ValueError" in text
    assert __file__ in text, "where it failed is told"
    assert found == []
    assert "C-01" in text, "an order's id is no secret"
