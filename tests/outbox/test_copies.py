"""Writing many messages with one statement."""

from datetime import timedelta
from typing import Any

import pytest

from flask_vtex_seller.catalog.notices import drafts, sku_draft
from flask_vtex_seller.outbox.copies import append_copies

from .box import Box

ODD = [
    "p 1/2?#&+",
    'quo"ted\\',
    "maçã 日本 🍎",
    "\x01\x1f\x7f\t\n\r\b\f",
    "\u2028<>&'",
    "'; DROP TABLE vtex_outbox; --",
    "1",
]
KINDS = ("change_notification", "price_notification", "inventory_notification")


def without_ids(box: Box) -> list[dict[str, Any]]:
    return [{name: value for name, value in row._mapping.items() if name != "id"} for row in box.rows()]


@pytest.mark.parametrize("wait", [None, timedelta(minutes=1)])
@pytest.mark.parametrize("kinds", [KINDS[:1], KINDS])
def test_the_rows_are_those_that_drafts_make(box: Box, kinds: tuple[str, ...], wait: timedelta | None) -> None:
    now = box.clock.now()
    due_at = None if wait is None else now + wait
    written = [draft for kind in kinds for draft in drafts(kind, ["acme", "other"], ODD)]
    with box.ledger() as ledger:
        ledger.append(written, now=now, due_at=due_at)
    expected = without_ids(box)
    drain = box.state.drain
    with drain.engine.begin() as connection:
        connection.execute(drain.table.delete())
        copies = {(name, kind): ODD for kind in kinds for name in ("acme", "other")}
        append_copies(connection, drain.table, sku_draft(KINDS[0], "", ""), copies, now=now, due_at=due_at)
    assert without_ids(box) == expected
    assert len(expected) == len(kinds) * 2 * len(ODD)


def test_no_ids_are_no_messages(box: Box) -> None:
    drain = box.state.drain
    with drain.engine.begin() as connection:
        append_copies(connection, drain.table, sku_draft(KINDS[0], "", ""), {}, now=box.clock.now())
    assert box.rows() == []
