"""A message to a marketplace, from the moment the shop says it until the marketplace has it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from ..values import value_class


class MessageState(Enum):
    """How far a message has come."""

    PENDING = "pending"
    HELD = "held"
    """Not to be sent before something else is decided; what is behind it in its lane waits, too."""
    DELIVERED = "delivered"
    MERGED = "merged"
    """A later one of the same content-free kind said it for both."""
    DEAD = "dead"
    """Refused, or tried in vain for too long: somebody must look at it."""
    DISCARDED = "discarded"
    """Somebody decided that it is not to be sent."""


class Unreadable:
    """What stands in for a text that none of the configured keys opens."""

    def __str__(self) -> str:
        return "no key of VTEX_SELLER_ENCRYPTION_KEYS opens it"


UNREADABLE = Unreadable()


@value_class(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message as it is written into the outbox."""

    marketplace: str
    operation: str
    """A name of `marketplace.operations.OPERATIONS`."""
    lane: str
    """Messages of one lane arrive in the order in which they were said."""
    arguments: Mapping[str, str]
    """The values of the operation's path."""
    body: Any | None = field(default=None, repr=False)
    """A JSON value; None for a call without a body, or for one whose body is made when it is sent, or was removed."""
    merges: bool = False
    """Whether all pending messages of the same lane and operation are one call: notices that carry no content."""


@value_class(frozen=True, slots=True, kw_only=True)
class Try:
    """One attempt at sending a message."""

    at: datetime
    """When it began."""
    milliseconds: int
    status: int | None
    """None if no answer came."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Message(Draft):
    """A message as it stands in the outbox."""

    id: int
    """Grows with time."""
    state: MessageState
    attempts: int
    due_at: datetime
    tried_since: datetime
    """When its time began: of the first due moment, or of somebody's wish to have it sent again."""
    created_at: datetime
    settled_at: datetime | None
    last_status: int | None
    last_reason: str
    last_excerpt: str = field(repr=False)
    tries: tuple[Try, ...] = ()
    """The last attempts, oldest first."""
    late: int = 0
    """How many answers came after the lease had ended: another worker may have made the same call meanwhile."""
