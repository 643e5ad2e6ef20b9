"""The table of messages: how a message becomes a row, and a row a message.

What may tell of people, a message's body and the marketplace's answer to it, goes through the vault.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, Row, String, Table, Text
from sqlalchemy.sql.elements import conv

from ..clock import from_epoch_us, to_epoch_us
from ..database import CORE
from ..vault import Vault
from .message import UNREADABLE, Draft, Message, MessageState, Try

TABLE = Table(
    "vtex_outbox",
    CORE,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), autoincrement=True, nullable=False),
    Column("marketplace", String(64), nullable=False),
    Column("operation", String(64), nullable=False),
    Column("lane", String(255), nullable=False, comment="what must arrive in order"),
    Column("arguments", Text, nullable=False, comment="JSON: the values of the call's path"),
    Column("body", Text, comment="JSON"),
    Column("merges", Integer, nullable=False, comment="1: pending ones of lane and operation are one call"),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, comment="counted before the call: one that kills its worker counts"),
    Column("due_at", BigInteger, nullable=False, comment="microseconds since 1970 UTC, as all times"),
    Column("tried_since", BigInteger, nullable=False, comment="when its time began: of giving up, not of the row"),
    Column("leased_until", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("settled_at", BigInteger),
    Column("last_status", Integer),
    Column("last_reason", String(500), nullable=False),
    Column("last_excerpt", Text, nullable=False),
    Column("tries", Text, nullable=False, comment="JSON: the last attempts"),
    Column("late", Integer, nullable=False, comment="answers that came after their lease"),
    PrimaryKeyConstraint("id", name=conv("pk_vtex_outbox")),
    Index(conv("ix_vtex_outbox_state_due_at_id"), "state", "due_at", "id"),
    Index(conv("ix_vtex_outbox_marketplace_lane_id"), "marketplace", "lane", "id"),
)
SETTLED = ("state", "due_at", "settled_at", "last_status", "last_reason", "last_excerpt", "tries")
"""The columns that an attempt's end writes."""
MAX_REASON_LENGTH = 500
_MAX_TRIES = 20


class Settlement(NamedTuple):
    """What became of a leased message."""

    message: Message
    until: datetime
    """The end of its lease, which tells whose it is."""
    state: MessageState
    due_at: datetime | None = None
    status: int | None = None
    reason: str = ""
    excerpt: str = ""
    tries: tuple[Try, ...] = ()


def write_draft(
    draft: Draft, vault: Vault, *, now: datetime, held: bool = False, due_at: datetime | None = None
) -> dict[str, Any]:
    """Return the values of a new row, due at once unless `due_at` says when."""
    moment = to_epoch_us(now)
    due = moment if due_at is None else to_epoch_us(due_at)
    return {
        "marketplace": draft.marketplace,
        "operation": draft.operation,
        "lane": draft.lane,
        "arguments": orjson.dumps(dict(draft.arguments)).decode(),
        "body": None if draft.body is None else vault.seal(orjson.dumps(draft.body).decode()),
        "merges": int(draft.merges),
        "state": (MessageState.HELD if held else MessageState.PENDING).value,
        "attempts": 0,
        "due_at": due,
        "tried_since": due,
        "created_at": moment,
        "last_reason": "",
        "last_excerpt": "",
        "tries": "[]",
        "late": 0,
    }


def write_settlement(settlement: Settlement, vault: Vault, now: datetime) -> dict[str, Any]:
    """Return the values of `SETTLED`, each under its name with `new_` before it, and the row's id as `row_id`."""
    due_at = settlement.due_at or settlement.message.due_at
    excerpt = storable(settlement.excerpt)
    return {
        "row_id": settlement.message.id,
        "new_state": settlement.state.value,
        "new_due_at": to_epoch_us(due_at),
        "new_settled_at": None if settlement.state is MessageState.PENDING else to_epoch_us(now),
        "new_last_status": settlement.status,
        "new_last_reason": storable(settlement.reason)[:MAX_REASON_LENGTH],
        "new_last_excerpt": excerpt and vault.seal(excerpt),
        "new_tries": _written(settlement.tries[-_MAX_TRIES:]),
    }


def storable(text: str) -> str:
    """Return `text` without what a database cannot keep: NUL and half characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _written(tries: Sequence[Try]) -> str:
    rows = [[to_epoch_us(try_.at), try_.milliseconds, try_.status, storable(try_.reason)[:100]] for try_ in tries]
    return orjson.dumps(rows).decode()


def _tries(text: str) -> tuple[Try, ...]:
    return tuple(
        Try(at=from_epoch_us(at), milliseconds=took, status=status, reason=reason)
        for at, took, status, reason in orjson.loads(text)
    )


def read_message(row: Row[Any], vault: Vault) -> Message:
    """Return the message that a row holds; what none of the keys opens is `UNREADABLE`."""
    body, excerpt = row.body and vault.open(row.body), vault.open(row.last_excerpt)
    return Message(
        id=row.id,
        marketplace=row.marketplace,
        operation=row.operation,
        lane=row.lane,
        arguments=orjson.loads(row.arguments),
        body=None if row.body is None else UNREADABLE if body is None else orjson.loads(body),
        merges=bool(row.merges),
        state=MessageState(row.state),
        attempts=row.attempts,
        due_at=from_epoch_us(row.due_at),
        tried_since=from_epoch_us(row.tried_since),
        created_at=from_epoch_us(row.created_at),
        settled_at=None if row.settled_at is None else from_epoch_us(row.settled_at),
        last_status=row.last_status,
        last_reason=row.last_reason,
        last_excerpt=str(UNREADABLE) if excerpt is None else excerpt,
        tries=_tries(row.tries),
        late=row.late,
    )
