"""What an operation means above the outbox."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection

from ..errors import VtexSellerError
from ..marketplace.outcome import Outcome
from .message import Message, MessageState


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class Prepared:
    """What a message's handler found when the message was about to be sent."""

    body: Any | None = None
    """A JSON value; None for a call without one."""
    seen: Any = None
    """What `settled` is told again."""
    due_at: datetime | None = None
    """When to send it, if not now: until then it goes back, the attempt uncounted, and is prepared anew."""


class Settled(NamedTuple):
    """A message, the attempt that moved it, and where to."""

    message: Message
    outcome: Outcome
    state: MessageState
    seen: Any = None
    """Of its `Prepared`; None if the call was not made."""


class OutcomeHandler(Protocol):
    """Makes the bodies of an operation's messages, and knows what their end changes.

    It is asked about many at a time, for a call of the shop's functions or a statement for each would cost more than
    sending it. No two are of one lane.
    """

    def prepare(self, messages: Sequence[Message], /) -> Mapping[int, Prepared | VtexSellerError]:
        """Return by id what to send; called with no transaction open, so it may ask the shop, and in any thread.

        An error in place of a body: it cannot be sent, and becomes a dead letter with these words. When this raises,
        each message is asked about alone.
        """

    def settled(self, connection: Connection, ended: Sequence[Settled], /) -> None:
        """Write what delivered or refused messages change, in the transaction that settles them."""

    def discarded(self, connection: Connection, message: Message, /) -> None:
        """Take back what saying a message changed, in the transaction that discards it."""


class PlainHandler:
    """Messages that are sent as they were written and change nothing else."""

    def prepare(self, messages: Sequence[Message], /) -> Mapping[int, Prepared | VtexSellerError]:
        """Return the bodies as they were written."""
        return as_written(messages)

    def settled(self, connection: Connection, ended: Sequence[Settled], /) -> None:
        """Change nothing."""

    def discarded(self, connection: Connection, message: Message, /) -> None:
        """Take back nothing: it changed nothing."""


def as_written(messages: Sequence[Message]) -> dict[int, Prepared | VtexSellerError]:
    """Return the bodies that the messages were written with."""
    return {message.id: Prepared(body=message.body) for message in messages}


PLAIN = PlainHandler()


@dataclass(slots=True, eq=False, repr=False)
class Preparation:
    """Prepares messages that were taken together when the first of them is about to be sent, in whatever thread."""

    handler: OutcomeHandler
    messages: Sequence[Message]
    lock: threading.Lock = field(default_factory=threading.Lock)
    found: Mapping[int, Prepared | VtexSellerError] | None = None

    def of(self, message: Message) -> Prepared:
        """Return what to send.

        Raises:
            VtexSellerError: it cannot be sent.
        """
        with self.lock:
            if self.found is None:
                self.found = self._together()
        prepared = self.found.get(message.id)
        if prepared is None:  # the handler broke when it was asked about all
            prepared = self.handler.prepare([message])[message.id]
        if isinstance(prepared, VtexSellerError):
            raise prepared
        return prepared

    def _together(self) -> Mapping[int, Prepared | VtexSellerError]:
        try:
            return self.handler.prepare(self.messages) if len(self.messages) > 1 else {}
        except Exception:
            # Whatever one of them breaks is met again, and told of, when that one is asked about alone.
            return {}
