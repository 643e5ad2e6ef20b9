"""What an operation means above the outbox."""

from typing import Any, Protocol

from sqlalchemy import Connection

from ..marketplace.outcome import Outcome
from .message import Message


class OutcomeHandler(Protocol):
    """Makes the body of an operation's messages, and knows what their end changes."""

    def body(self, message: Message, /) -> Any | None:
        """Return what to send; called with no transaction open, so it may ask the shop, and in any thread.

        Raises:
            VtexSellerError: it cannot be sent; the message becomes a dead letter with these words.
        """

    def settled(self, connection: Connection, message: Message, outcome: Outcome, /) -> None:
        """Write what a delivered or refused message changes, in the transaction that settles it."""

    def discarded(self, connection: Connection, message: Message, /) -> None:
        """Take back what saying a message changed, in the transaction that discards it."""


class PlainHandler:
    """A message that is sent as it was written and changes nothing else."""

    def body(self, message: Message, /) -> Any | None:
        """Return the body as it was written."""
        return message.body

    def settled(self, connection: Connection, message: Message, outcome: Outcome, /) -> None:
        """Change nothing."""

    def discarded(self, connection: Connection, message: Message, /) -> None:
        """Take back nothing: it changed nothing."""


PLAIN = PlainHandler()
