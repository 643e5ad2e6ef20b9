"""What a marketplace was told last of a SKU: the columns of `vtex_sku` about it, and every query on them.

They are read from the shop right before a notice is sent and written when it has arrived. A change between the two
costs a notice too many, never one too few.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Row, Table, Update, bindparam, case, or_, select, update

from ..clock import to_epoch_us
from ..database import dialect_of, insert_of, is_transient, once_a_table
from ..errors import VtexSellerError
from ..outbox.message import Message
from .ledger import Key
from .notices import CHANGE, INVENTORY, PRICE
from .present import NotRead, Offered, Present
from .sku import SkuState

Record = Row[Any]
"""The columns `READ` of a SKU's row."""
READ = (
    "sku_id",
    "state",
    "told_price",
    "told_list_price",
    "told_stock",
    "told_catalog",
    "told_at",
    "asked_at",
    "reason",
    "changed_at",
)
_WRITTEN = {
    CHANGE: ("told_price", "told_list_price", "told_stock", "told_catalog"),
    PRICE: ("told_price", "told_list_price"),
    INVENTORY: ("told_stock",),
}
"""The columns that a notice of a kind speaks for: after a change notification a marketplace asks for everything."""


class Seen(NamedTuple):
    """What the shop said of a SKU when a notice of it was about to be sent."""

    offered: Offered | NotRead
    catalog: str | NotRead | None = None
    """None for a notice that is not about it."""

    @property
    def trouble(self) -> str:
        """Why it cannot be said what the marketplace is told; empty when it can."""
        if type(self.offered) is NotRead:
            return NOT_READ + self.offered.reason
        return NOT_READ + self.catalog.reason if type(self.catalog) is NotRead else ""


NOT_READ = "not read: "
"""How the reason of a SKU begins that the shop could not say everything of."""


def see(present: Present, messages: Sequence[Message], *, catalog: bool) -> dict[int, Seen]:
    """Ask the shop what notices will tell; never fails, for a notice is sent whatever the shop's functions do.

    Returns by the message's id. One call of each function for all, and of `offer_loader` for each marketplace.
    """
    ids: dict[str, list[str]] = {}
    for message in messages:
        ids.setdefault(message.marketplace, []).append(message.arguments["sku_id"])
    offers = {name: _read(present.offers, some, name) for name, some in ids.items()}
    digests: Mapping[str, str | NotRead] = {}
    if catalog:
        digests = _read(present.catalog, list(dict.fromkeys(sku_id for some in ids.values() for sku_id in some)))
    return {
        message.id: Seen(offers[message.marketplace][sku_id], digests.get(sku_id))
        for message in messages
        for sku_id in (message.arguments["sku_id"],)
    }


def _read(ask: Any, sku_ids: list[str], *before: str) -> Any:
    try:
        return ask(*before, list(dict.fromkeys(sku_ids)))
    except Exception as error:
        if not isinstance(error, VtexSellerError) and not is_transient(error):
            raise
        words = str(error) if isinstance(error, VtexSellerError) else "the shop's database was busy"
        return dict.fromkeys(sku_ids, NotRead(words))


class ToldLedger:
    """Reads and writes what SKUs' marketplaces were told, in a transaction of the caller's; never commits.

    Args:
        table: the copy of `ledger.TABLE` on the shop's metadata.
    """

    def __init__(self, connection: Connection, table: Table) -> None:
        self._connection = connection
        self._table = table

    def write(self, kind: str, seen: Mapping[Key, Seen | None], *, now: datetime, accepted: bool = True) -> None:
        """Write what a delivered notice of a kind told, where there is a record; None: what it told is not known.

        A notice of price or stock is taken for any SKU, and tells something where the marketplace has it.

        Args:
            accepted: whether the marketplace has the SKU. If not, it asks for no price and no stock.
        """
        moment = to_epoch_us(now)
        rows = [
            {"of": marketplace, "id": sku_id, "at": moment, **_values(kind, one, accepted)}
            for (marketplace, sku_id), one in sorted(seen.items(), key=lambda item: item[0])
        ]
        if rows:
            self._connection.execute(_write_statement(self._table, kind), rows)

    def forget(self, kind: str, keys: Iterable[Key]) -> None:
        """Write that it is not known what SKUs' marketplaces were told: a notice of a kind came to no good end.

        It may have arrived before it failed, and what the shop said then need not be what it says now.
        """
        rows = [{"of": marketplace, "id": sku_id} for marketplace, sku_id in sorted(keys)]
        if rows:
            self._connection.execute(_forget_statement(self._table, kind), rows)

    def read(self, marketplace: str, sku_ids: Sequence[str]) -> dict[str, Record]:
        """Return the records of SKUs by id."""
        values = {"of": marketplace, "ids": list(sku_ids)}
        return {row[0]: row for row in self._connection.execute(_read_statement(self._table), values)}

    def on_sale(self, marketplace: str, *, after: str, limit: int) -> list[str]:
        """Return the next SKUs, in order, that the marketplace knows and may have in stock, for all that is known."""
        columns = self._table.c
        in_stock = or_(columns.told_stock > 0, columns.told_stock.is_(None))
        of_stock = (columns.state == SkuState.KNOWN.value, in_stock)
        page = select(columns.sku_id).where(columns.marketplace == marketplace, columns.sku_id > after, *of_stock)
        return list(self._connection.execute(page.order_by(columns.sku_id).limit(limit)).scalars())

    def in_states(self, marketplace: str, states: Iterable[str], *, after: str, limit: int) -> list[Record]:
        """Return the next SKUs, in order, that are in one of these states."""
        columns = self._table.c
        page = select(*(columns[name] for name in READ)).where(
            columns.marketplace == marketplace, columns.sku_id > after, columns.state.in_(tuple(states))
        )
        return list(self._connection.execute(page.order_by(columns.sku_id).limit(limit)))

    def ask(self, keys: Iterable[Key], *, begun: int, now: datetime) -> set[Key]:
        """Mark SKUs as asked for by a run; return those that were not yet, and that nobody else has marked meanwhile.

        Args:
            begun: when the run began, in microseconds since 1970.
        """
        table, moment = self._table, to_epoch_us(now)
        row = {"state": SkuState.UNKNOWN.value, "reason": "", "changed_at": moment, "looked_at": moment}
        rows = [{"marketplace": name, "sku_id": sku_id, "asked_at": begun, **row} for name, sku_id in sorted(keys)]
        if not rows:
            return set()
        mark = _ask_statement(table, dialect_of(self._connection, table))
        return {(found.marketplace, found.sku_id) for found in self._connection.execute(mark, rows)}


def _values(kind: str, seen: Seen | None, accepted: bool) -> dict[str, Any]:
    """Return the values of the kind's columns; null where it is not known what was told: it will be told again."""
    offered = seen.offered if seen is not None and accepted else None
    price, list_price, stock = offered if isinstance(offered, Offered) else (None, None, None)
    catalog = seen.catalog if seen is not None and isinstance(seen.catalog, str) else None
    values = {"told_price": price, "told_list_price": list_price, "told_stock": stock, "told_catalog": catalog}
    return {f"new_{name}": values[name] for name in _WRITTEN[kind]}


@once_a_table
def _write_statement(table: Table, kind: str) -> Update:
    columns = table.c
    values: dict[str, Any] = {name: bindparam(f"new_{name}", type_=columns[name].type) for name in _WRITTEN[kind]}
    if kind != CHANGE:
        known = columns.state == SkuState.KNOWN.value
        values = {name: case((known, value), else_=None) for name, value in values.items()}
    return _updated(table).values(told_at=bindparam("at", type_=BigInteger), **values)


@once_a_table
def _forget_statement(table: Table, kind: str) -> Update:
    return _updated(table).values(dict.fromkeys(_WRITTEN[kind]))


def _updated(table: Table) -> Update:
    return update(table).where(table.c.marketplace == bindparam("of"), table.c.sku_id == bindparam("id"))


@once_a_table
def _read_statement(table: Table) -> Any:
    columns = table.c
    ours = (columns.marketplace == bindparam("of"), columns.sku_id.in_(bindparam("ids", expanding=True)))
    return select(*(columns[name] for name in READ)).where(*ours)


@once_a_table
def _ask_statement(table: Table, dialect: str) -> Any:
    columns, statement = table.c, insert_of(dialect, table)
    key, begun = [columns.marketplace, columns.sku_id], statement.excluded.asked_at
    unasked = columns.asked_at.is_distinct_from(begun)
    return statement.on_conflict_do_update(index_elements=key, set_={"asked_at": begun}, where=unasked).returning(*key)
