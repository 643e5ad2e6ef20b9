"""What orders and their messages hold of people: finding it, removing it, sealing it anew.

Rows stay, with what a shop has to keep: ids, dates, states, totals, invoice numbers. What they tell of a person goes:
the bodies of messages, what the marketplace answered, the e-mail address in the order, and the digest by which a
repeated placement is known, for the shopper's address is part of it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Table, and_, tuple_

from ..clock import to_epoch_us
from ..outbox.drain import Drain
from ..outbox.message import MessageState
from ..personal import PersonalColumns
from .lane import order_lane
from .ledger import REMOVED, OrderLedger
from .order import Order

REASON = "what it held of people was removed"
"""The last reason of a message that was emptied: who discarded it may have named somebody there, too."""
_OVER = tuple(state.value for state in (MessageState.DELIVERED, MessageState.MERGED, MessageState.DISCARDED))
_BATCH = 500
_WHITESPACE = re.compile(r"\\+[nrt]")
"""As JSON writes it: its letter is not a part of what follows."""
_TEXTS_AT_A_TIME = 100
"""A body may hold a fiscal document of a megabyte."""
Progress = Callable[[int], object]
"""Told after each batch how many rows it had."""


class Whose(NamedTuple):
    """Of which orders: of all that are older than a moment, or of some."""

    before: datetime | None = None
    """Orders that arrived, and messages about orders that were said, before it."""
    orders: tuple[tuple[str, str], ...] = ()
    """Marketplace and its order id of each."""


class Waiting(NamedTuple):
    """A message that may still be sent, and tells what it tells until then."""

    id: int
    marketplace: str
    lane: str
    operation: str
    state: str


class Held(NamedTuple):
    """How many rows hold something, or held it."""

    orders: int
    messages: int
    """Those that are over."""
    waiting: tuple[Waiting, ...]
    """Those that are not: pending, held or dead. They still hold it."""


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class PersonalData:
    """What one application holds of people; each step of a walk over it is a short transaction of its own.

    Args:
        orders: the copy of `ledger.TABLE` on the shop's metadata.
    """

    drain: Drain
    orders: Table

    def of_order(self, id_: str, marketplace: str | None = None) -> list[Order]:
        """Return the orders of that id, be it the shop's or the marketplace's."""
        with self.drain.engine.connect() as connection:
            return OrderLedger(connection, self.orders, self.drain.vault).named(id_, marketplace)

    def of_email(self, email: str, *, progress: Progress = bool) -> tuple[Whose, int]:
        """Return the orders in which an e-mail address stands, or in whose messages; and how many texts are unreadable.

        No row says which shopper it is about, so all that orders and messages hold is opened and read.
        """
        tells, found, unreadable = _teller(email), dict[tuple[str, str], None](), 0
        lane_of, about_orders = ("marketplace", "lane"), self._about_orders
        for columns, criteria, names in (
            (self._in_messages, [about_orders], lane_of),
            (self._in_orders, [], ()),
        ):
            for page in self._pages(columns, *criteria, names=(*columns.sealed, *names), limit=_TEXTS_AT_A_TIME):
                for row in page:
                    texts = columns.texts(row)
                    unreadable += texts.count(None)
                    if any(text and tells(text) for text in texts):
                        found[row.marketplace, _order_of(row)] = None
                progress(len(page))
        return Whose(orders=tuple(found)), unreadable

    def held(self, whose: Whose) -> Held:
        """Tell how much there is; reads only."""
        in_orders, in_messages = self._which(whose)
        over, names = self._over, ("marketplace", "lane", "operation", "state")
        waiting = [
            Waiting(**row._mapping)
            for page in self._pages(self._in_messages, in_messages, ~over, names=names)
            for row in page
        ]
        with self.drain.engine.connect() as connection:
            return Held(
                orders=self._in_orders.count(connection, in_orders),
                messages=self._in_messages.count(connection, in_messages, over),
                waiting=tuple(waiting),
            )

    def remove(
        self, whose: Whose, *, force: bool = False, progress: Progress = bool, stop: Callable[[], bool] = bool
    ) -> Held:
        """Remove it from orders and from messages that are over; return how much that was, and what waits.

        Args:
            force: discard what waits before: it is never sent. What is being sent right now is left all the same.
            stop: asked between two pages; true ends it, and what is left is removed the next time.
        """
        in_orders, in_messages = self._which(whose)
        if force:
            for page in self._pages(self._in_messages, in_messages, ~self._over):
                self.drain.move([row.id for row in page], MessageState.DISCARDED, reason=REASON)
        return Held(
            messages=self._remove(self._in_messages, in_messages, self._over, progress=progress, stop=stop),
            orders=self._remove(self._in_orders, in_orders, progress=progress, stop=stop),
            waiting=self.held(whose).waiting,
        )

    def count(self) -> int:
        """Count the rows that `seal_anew` looks at."""
        with self.drain.engine.connect() as connection:
            return self._in_messages.count(connection) + self._in_orders.count(connection)

    def seal_anew(self, *, progress: Progress = bool) -> tuple[int, int]:
        """Seal with the first key what is not; return how many texts were, and how many none of the keys opens.

        It may be cut off and begun again: what is done is done.
        """
        sealed = unreadable = 0
        for columns in (self._in_messages, self._in_orders):
            for page in self._pages(columns, names=columns.sealed, limit=_TEXTS_AT_A_TIME):
                with self.drain.engine.begin() as connection:
                    done, closed = columns.seal_anew(connection, page)
                sealed, unreadable = sealed + done, unreadable + closed
                progress(len(page))
        return sealed, unreadable

    def _which(self, whose: Whose) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        """Return the conditions on a row of an order and on one of a message."""
        orders, messages = self.orders.c, self.drain.table.c
        if whose.before is not None:
            moment = to_epoch_us(whose.before)
            return orders.created_at < moment, and_(messages.created_at < moment, self._about_orders)
        lanes = [(marketplace, order_lane(id_)) for marketplace, id_ in whose.orders]
        return (
            tuple_(orders.marketplace, orders.marketplace_order_id).in_(whose.orders),
            tuple_(messages.marketplace, messages.lane).in_(lanes),
        )

    def _pages(
        self, columns: PersonalColumns, *criteria: ColumnElement[bool], names: Sequence[str] = (), limit: int = _BATCH
    ) -> Iterator[list[Row[Any]]]:
        """Walk over the rows that hold something, a page at a time, with no transaction open in between."""
        after = None
        while True:
            with self.drain.engine.connect() as connection:
                page = columns.page(connection, *criteria, limit=limit, after=after, names=names)
            if page:
                yield page
            if len(page) < limit:
                return
            after = columns.key(page[-1])

    def _remove(
        self,
        columns: PersonalColumns,
        *criteria: ColumnElement[bool],
        progress: Progress,
        stop: Callable[[], bool],
    ) -> int:
        removed = 0
        for page in takewhile(lambda _: not stop(), self._pages(columns, *criteria)):
            with self.drain.engine.begin() as connection:
                removed += columns.remove(connection, [columns.key(row) for row in page], *criteria)
            progress(len(page))
        return removed

    @property
    def _in_messages(self) -> PersonalColumns:
        return PersonalColumns(
            table=self.drain.table,
            vault=self.drain.vault,
            emptied={"body": None, "last_excerpt": ""},
            sealed=("body", "last_excerpt"),
            noted={"last_reason": REASON},
        )

    @property
    def _in_orders(self) -> PersonalColumns:
        return PersonalColumns(
            table=self.orders,
            vault=self.drain.vault,
            emptied={"follow_up_email": None, "fingerprint": REMOVED},
            sealed=("follow_up_email",),
            noted={"version": self.orders.c.version + 1},
        )

    @property
    def _about_orders(self) -> ColumnElement[bool]:
        return self.drain.table.c.lane.startswith(order_lane(""), autoescape=True)

    @property
    def _over(self) -> ColumnElement[bool]:
        return self.drain.table.c.state.in_(_OVER)


def _order_of(row: Row[Any]) -> str:
    """Return the marketplace's id of the order that a row of either table is about."""
    order_id: str = row.lane.removeprefix(order_lane("")) if "lane" in row._fields else row.marketplace_order_id
    return order_id


def _teller(email: str) -> Callable[[str], bool]:
    """Return what tells whether a text holds an address; one that only ends or begins like it is somebody else's."""
    name, _, host = email.partition("@")
    begins, ends = r"(?:(?<![\w.+%-])|(?<=%[0-9A-F]{2}))", r"(?![\w-]|\.\w)"
    at = r"(?:@|%40|\\u0040)"
    address = re.compile(f"{begins}{re.escape(name)}{at}{re.escape(host)}{ends}", re.IGNORECASE)
    return lambda text: address.search(_WHITESPACE.sub(" ", text)) is not None
