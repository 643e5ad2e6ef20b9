"""Which of many processes with a scheduler of their own acts: the one that holds a row.

Correctness never depends on it: messages have leases of their own. It only spares the others the work.
"""

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import Engine, Table

from ..clock import Clock
from ..outbox.roles import RoleLedger


class Leadership:
    """One process's claim on being the one that acts; not shared between processes, not kept over a fork.

    Args:
        table: the copy of `outbox.roles.TABLE` on the shop's metadata.
        term: how long a leader that says nothing stays one.
    """

    def __init__(self, engine: Engine, table: Table, *, clock: Clock, term: timedelta) -> None:
        self._engine = engine
        self._table = table
        self._clock = clock
        self._term = term
        self._pid = os.getpid()
        self._process = _name()

    def hold(self) -> bool:
        """Become the leader, or stay it for another term; tell whether this process is it now."""
        if os.getpid() != self._pid:
            # A fork took this object along; its scheduler's thread stayed behind.
            self._pid, self._process = os.getpid(), _name()
        now = self._clock.now()
        with self._roles() as roles:
            return roles.lead(self._process, until=now + self._term, now=now)

    def release(self) -> None:
        """Let another process lead at once."""
        now = self._clock.now()
        with self._roles() as roles:
            roles.resign(self._process, now=now)

    def note_drain(self) -> None:
        """Write that this process has just drained."""
        now = self._clock.now()
        with self._roles() as roles:
            roles.note_drain(self._process, now=now)

    @contextmanager
    def _roles(self) -> Iterator[RoleLedger]:
        with self._engine.begin() as connection:
            yield RoleLedger(connection, self._table)


def _name() -> str:
    return f"{socket.gethostname()[:64]}:{os.getpid()}:{secrets.token_hex(8)}"
