"""A shop of a few watched products, all that may be done to them, and processes of it that die at any moment."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, delete, event, insert, select, text, update

from flask_vtex_seller import Offer, SimulationRequest, Sku

from ..catalog.conftest import make_sku
from ..catalog.watching import Watching

CATALOG, PRICE, STOCK = "change_notification", "price_notification", "inventory_notification"
KINDS = (CATALOG, PRICE, STOCK)
CODES = ("p1", "p2", "p3", "p4")
Touched = set[tuple[str, str]]
"""SKUs, and the kinds of notices that say what changed of them."""


class Killed(BaseException):
    """The process ended: nothing of it runs any more."""


class Fate:
    """Lets a process die before one of its next steps: a statement, a commit, a call."""

    def __init__(self, engine: Engine) -> None:
        self._left: int | None = None
        for name in ("before_cursor_execute", "commit"):
            event.listen(engine, name, lambda connection, *_: self.step(connection))

    def step(self, connection: Connection | None = None) -> None:
        if self._left is None:
            return
        self._left -= 1
        if self._left < 0:
            if connection is not None:
                connection.invalidate()  # its socket closes with the process, and nobody says so first
            raise Killed

    @contextmanager
    def dying(self, steps: int | None) -> Iterator[None]:
        """Have what is done here die after so many steps; None: not at all."""
        before, self._left = self._left, steps
        try:
            yield
        finally:
            self._left = before


class Row(NamedTuple):
    """A product, or stock of one, as the database has it."""

    sku_id: str
    name: str = ""
    price: int = 0
    units: int = 0


Rows = Mapping[tuple[str, int], Row]


class Stall:
    """The shop, and what its functions say of it.

    Attributes:
        broken: the SKUs that the shop's `offer_loader` fails for.
    """

    def __init__(self, watching: Watching) -> None:
        self.watching, self.broken = watching, set[str]()
        models = watching.models
        self._products, self._stocks = models.Product.__table__, models.Stock.__table__
        watching.shop.seller._hooks.offer_loader._function = self._offers
        watching.seller.sku_loader(self._skus)
        watching.seller.sku_ids_loader(self.on_sale)

    def rows(self, connection: Connection | None = None) -> Rows:
        product, stock = self._products.c, self._stocks.c
        execute = (connection or self.watching.session).execute
        columns = (product.id, product.code, product.name, product.price_in_cents, product.on_hand)
        found = {("product", id_): Row(*values) for id_, *values in execute(select(*columns))}
        joined = select(stock.id, product.code, stock.units).join(self._products)
        return {**found, **{("stock", id_): Row(code, units=units) for id_, code, units in execute(joined)}}

    def on_sale(self) -> Sequence[str]:
        return list(self.watching.session.scalars(select(self._products.c.code)))

    def _offers(self, sku_ids: Sequence[str], _: SimulationRequest) -> Iterable[Offer]:
        rows = self.rows().items()
        units = Counter[str]()
        for _, row in rows:
            units[row.sku_id] += row.units
        for (table, _), row in rows:
            if table == "product" and row.sku_id in sku_ids:
                if row.sku_id in self.broken:
                    raise KeyError(row.sku_id)
                yield Offer(sku_id=row.sku_id, price=row.price, stock=units[row.sku_id])

    def _skus(self, sku_ids: Sequence[str]) -> Iterable[Sku]:
        rows = [row for (table, _), row in self.rows().items() if table == "product"]
        return [make_sku(row.sku_id, product_name=row.name) for row in rows if row.sku_id in sku_ids]


def touched(before: Rows, after: Rows, *, unseen: bool) -> Touched:
    """Return what differs.

    A SKU that is gone is out of stock. One that is new is said to be; where nobody saw it come and it was there before,
    its price and stock may be found to differ as well.
    """
    found = Touched()
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if old is None or new is None or old.sku_id != new.sku_id:
            found |= {(old.sku_id, STOCK)} if old else set()
            table, _ = key
            announced = (KINDS if unseen else (CATALOG,)) if table == "product" else (STOCK,)
            found |= {(new.sku_id, kind) for kind in announced} if new else set()
            continue
        pairs = zip(KINDS, old[1:], new[1:], strict=True)
        found |= {(new.sku_id, kind) for kind, was, is_ in pairs if was != is_}
    return found


# what a transaction of the shop's may do

Edit = Callable[[Any, int, int], Touched | None]
"""Gets the shop, a number that chooses a product, and one more; returns what it said though nothing differs."""


def _product(stall: Stall, which: int) -> Any:
    model = stall.watching.models.Product
    found = stall.watching.session.scalars(select(model).order_by(model.id)).all()
    return found[which % len(found)] if found else None


def _stock(stall: Stall, which: int) -> Any:
    model = stall.watching.models.Stock
    found = stall.watching.session.scalars(select(model).order_by(model.id)).all()
    return found[which % len(found)] if found else None


def _free_code(stall: Stall, which: int) -> str | None:
    free = sorted(set(CODES).difference(stall.on_sale()))
    return free[which % len(free)] if free else None


def _set(stall: Stall, which: int, **values: Any) -> None:
    if (product := _product(stall, which)) is not None:
        for name, value in values.items():
            assert getattr(product, name) is not None  # loaded: an expired value cannot be compared
            setattr(product, name, value)


def _set_price(stall: Stall, which: int, number: int) -> None:
    _set(stall, which, price_cents=100 + number)


def _set_stock(stall: Stall, which: int, number: int) -> None:
    _set(stall, which, on_hand=number)


def _rename(stall: Stall, which: int, number: int) -> None:
    _set(stall, which, name=f"coffee {number}")


def _assign_equals(stall: Stall, which: int, _: int) -> None:
    if (product := _product(stall, which)) is not None:
        _set(stall, which, price_cents=product.price_cents, on_hand=product.on_hand, name=product.name)


def _add(stall: Stall, which: int, number: int) -> None:
    if code := _free_code(stall, which):
        product = stall.watching.models.Product(code=code, name="x", price_cents=100 + number, on_hand=number)
        stall.watching.session.add(product)


def _remove(stall: Stall, which: int, _: int) -> None:
    if (product := _product(stall, which)) is not None:
        stall.watching.session.delete(product)


def _give_another_code(stall: Stall, which: int, number: int) -> None:
    if code := _free_code(stall, number):
        _set(stall, which, code=code)


def _deliver_stock(stall: Stall, which: int, number: int) -> None:
    if (product := _product(stall, which)) is not None:
        stall.watching.session.add(stall.watching.models.Stock(product=product, units=number))


def _count_stock(stall: Stall, which: int, number: int) -> None:
    if (stock := _stock(stall, which)) is not None:
        stock.units = number


def _move_stock(stall: Stall, which: int, number: int) -> None:
    if (stock := _stock(stall, which)) is not None:
        stock.product = _product(stall, number)


def _clear_stock(stall: Stall, which: int, _: int) -> None:
    if (stock := _stock(stall, which)) is not None:
        stall.watching.session.delete(stock)


def _raise_all_prices(stall: Stall, _: int, __: int) -> None:
    model = stall.watching.models.Product
    stall.watching.session.execute(update(model).values(price_cents=model.price_cents + 1))


def _take_from_stocks(stall: Stall, which: int, _: int) -> None:
    model = stall.watching.models.Stock
    statement = update(model).where(model.units > which % 3).values(units=model.units - 1)
    stall.watching.session.execute(statement)


def _delete_by_statement(stall: Stall, which: int, _: int) -> None:
    if (product := _product(stall, which)) is not None:
        models, session = stall.watching.models, stall.watching.session
        session.execute(delete(models.Stock).where(models.Stock.product_id == product.id))
        session.execute(delete(models.Product).where(models.Product.id == product.id))


def _insert_by_statement(stall: Stall, which: int, number: int) -> None:
    if code := _free_code(stall, which):
        row = {"code": code, "name": "x", "price_cents": 100 + number, "on_hand": number, "kind": "product"}
        stall.watching.session.execute(insert(stall.watching.models.Product).values(row))


def _take_back_to_savepoint(stall: Stall, which: int, number: int) -> None:
    session = stall.watching.session
    _set_stock(stall, which, number + 30)  # pysqlite begins a transaction with its first write
    session.flush()
    savepoint = session.begin_nested()
    _set_price(stall, which + 1, number + 40)
    _rename(stall, which, number + 50)
    session.flush()
    savepoint.rollback()


def _speak(stall: Stall, which: int, number: int) -> Touched | None:
    if (product := _product(stall, which)) is None:
        return None
    seller, kind = stall.watching.seller, KINDS[number % 3]
    say = {CATALOG: seller.notify_catalog, PRICE: seller.notify_price, STOCK: seller.notify_inventory}
    say[kind](product.code)
    return {(product.code, kind)}


def _set_by_raw_sql(stall: Stall, which: int, number: int) -> None:
    column, value = (("price_in_cents", 100 + number), ("on_hand", number), ("name", f"coffee {number}"))[number % 3]
    if (product := _product(stall, which)) is not None:
        statement = text(f"UPDATE product SET {column} = :value WHERE id = :id")  # noqa: S608 -- of three names
        stall.watching.session.execute(statement, {"value": value, "id": product.id})
        stall.watching.session.expire(product)


def _remove_by_raw_sql(stall: Stall, which: int, _: int) -> None:
    if (product := _product(stall, which)) is not None:
        session = stall.watching.session
        for statement in ("DELETE FROM stock WHERE product_id = :id", "DELETE FROM product WHERE id = :id"):
            session.execute(text(statement), {"id": product.id})
        session.expunge_all()


def _add_by_raw_sql(stall: Stall, which: int, number: int) -> None:
    if code := _free_code(stall, which):
        values = "(:code, 'x', :price, :units, 'product')"
        statement = f"INSERT INTO product (code, name, price_in_cents, on_hand, kind) VALUES {values}"  # noqa: S608
        row = {"code": code, "price": 100 + number, "units": number}
        stall.watching.session.execute(text(statement), row)


def _set_in_bulk(stall: Stall, which: int, number: int) -> None:
    session, model = stall.watching.session, stall.watching.models.Product
    if (product := _product(stall, which)) is not None:
        session.bulk_update_mappings(model, [{"id": product.id, "on_hand": number, "price_cents": 100 + number}])
        session.expire(product)


SEEN: Sequence[Edit] = (
    _set_price,
    _set_stock,
    _rename,
    _assign_equals,
    _add,
    _remove,
    _give_another_code,
    _deliver_stock,
    _count_stock,
    _move_stock,
    _clear_stock,
    _raise_all_prices,
    _take_from_stocks,
    _delete_by_statement,
    _insert_by_statement,
    _take_back_to_savepoint,
    _speak,
)
UNSEEN: Sequence[Edit] = (_set_by_raw_sql, _remove_by_raw_sql, _add_by_raw_sql, _set_in_bulk)
"""What no event tells of."""
