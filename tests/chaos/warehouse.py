"""A shop that keeps what its hooks do in its own database: their deeds, and the stock that placing takes."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Column, Integer, MetaData, String, Table, event, insert, select, update

from flask_vtex_seller import (
    CancellationDecision,
    CancellationRequest,
    FulfillmentAuthorization,
    Order,
    OrderPlacement,
)

from ..shops import Shop

METADATA = MetaData()
DEED = Table(
    "shop_deed",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("what", String, nullable=False),
    Column("marketplace_order_id", String, nullable=False),
)
STOCK = Table(
    "shop_stock",
    METADATA,
    Column("sku_id", String, primary_key=True),
    Column("units", Integer, nullable=False),
)
PLACED, RELEASED, CANCELED, EXPIRED = "placed", "released", "canceled", "expired"
"""Deeds, one a hook."""
BEGINNING, BETWEEN, END = "at its beginning", "between its writes", "at its end"
BEFORE_COMMIT, AFTER_COMMIT = "before the commit", "after the commit"
"""Points of a hook and of what follows it."""
UNITS = 1_000_000
"""Of each SKU, at first."""


@dataclass
class Warehouse:
    """The hooks of a shop that writes down what they do."""

    shop: Shop
    decision: CancellationDecision = CancellationDecision.CONFIRM
    commits: bool = False
    """Whether hooks commit by themselves, after their writes."""
    reach: Callable[[str, str], object] = field(default=lambda *_: None)
    """Called at each point of a hook with the marketplace's id of the order; may raise, or never return."""

    def __post_init__(self) -> None:
        shop = self.shop
        shop.place, shop.release, shop.decide = self.place, self.release, self.decide
        shop.seller.order_finder(self.find)
        shop.seller.on_reservation_expired(self.expire)

    def build(self) -> None:
        """Create the tables and fill the shelves."""
        with self.shop.app.app_context(), self.shop.db.engine.begin() as connection:
            METADATA.create_all(connection)
            connection.execute(insert(STOCK), [{"sku_id": sku_id, "units": UNITS} for sku_id in self.shop.stock])

    def watch(self, reach: Callable[[str, str], object]) -> None:
        """Have it called at each point, those around the commit that follows a hook included."""
        session, ended = self.shop.db.session, threading.local()

        def note(point: str, id_: str) -> None:
            if point == END:
                ended.id = id_
            reach(point, id_)

        def pass_on(point: str) -> Callable[[object], None]:
            return lambda _: reach(point, ended.id) if getattr(ended, "id", None) else None

        self.reach = note
        event.listen(session, "before_commit", pass_on(BEFORE_COMMIT))
        event.listen(session, "after_commit", pass_on(AFTER_COMMIT))
        event.listen(session, "after_transaction_end", lambda *_: vars(ended).clear())

    # the hooks

    def place(self, order: OrderPlacement) -> str:
        return self._do(PLACED, order.marketplace_order_id, {item.sku_id: item.quantity for item in order.items})

    def find(self, marketplace: str, marketplace_order_id: str) -> str | None:
        of_order = (DEED.c.what == PLACED) & (DEED.c.marketplace_order_id == marketplace_order_id)
        number = self.shop.db.session.scalar(select(DEED.c.id).where(of_order))
        return None if number is None else f"D-{number}"

    def release(self, authorization: FulfillmentAuthorization) -> str:
        return self._do(RELEASED, authorization.marketplace_order_id)

    def decide(self, request: CancellationRequest) -> CancellationDecision:
        self._do(CANCELED, request.marketplace_order_id)
        return self.decision

    def expire(self, order: Order) -> None:
        self.shop.asked.append(order)
        self._do(EXPIRED, order.marketplace_order_id)

    def _do(self, what: str, marketplace_order_id: str, takes: dict[str, int] | None = None) -> str:
        self.reach(BEGINNING, marketplace_order_id)
        session = self.shop.db.session
        row = {"what": what, "marketplace_order_id": marketplace_order_id}
        number = session.scalar(insert(DEED).values(row).returning(DEED.c.id))
        self.reach(BETWEEN, marketplace_order_id)
        for sku_id, units in sorted((takes or {}).items()):
            session.execute(update(STOCK).where(STOCK.c.sku_id == sku_id).values(units=STOCK.c.units - units))
        if self.commits:
            session.commit()
        self.reach(END, marketplace_order_id)
        return f"D-{number}"

    # what is committed

    def deeds(self, marketplace_order_id: str | None = None) -> Counter[str]:
        """How often each was done."""
        statement = select(DEED.c.what)
        if marketplace_order_id is not None:
            statement = statement.where(DEED.c.marketplace_order_id == marketplace_order_id)
        with self.shop.app.app_context(), self.shop.db.engine.connect() as connection:
            return Counter(connection.scalars(statement))

    def taken(self) -> dict[str, int]:
        """Units that left the shelves, by SKU."""
        with self.shop.app.app_context(), self.shop.db.engine.connect() as connection:
            rows = connection.execute(select(STOCK.c.sku_id, STOCK.c.units).where(STOCK.c.units != UNITS))
            return {row.sku_id: UNITS - row.units for row in rows}
