"""A shop whose models are watched, and what it would tell marketplaces."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar

from sqlalchemy import ForeignKey, event, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flask_vtex_seller import VtexSeller
from flask_vtex_seller.outbox.rows import TABLE

from ..shops import ACME, Shop, StoppedClock

SHORT = {"change_notification": "change", "price_notification": "price", "inventory_notification": "stock"}


@dataclass
class Watching:
    """A shop with products, and stock and texts of them in tables of their own."""

    shop: Shop
    clock: StoppedClock
    models: Any
    statements: list[str] = field(default_factory=list)
    """What was sent to the database since `notices` was asked last."""

    @property
    def seller(self) -> VtexSeller:
        return self.shop.seller

    @property
    def session(self) -> Any:
        return self.shop.db.session

    @contextmanager
    def working(self) -> Iterator[Any]:
        """The shop's session in an application context, committed at the end."""
        with self.shop.app.app_context():
            yield self.session
            self.session.commit()

    def rows(self) -> list[Any]:
        with self.shop.app.app_context(), self.shop.db.engine.connect() as connection:
            table = self.shop.db.metadata.tables[TABLE.name]
            return list(connection.execute(select(table).order_by(table.c.id)))

    def forget(self) -> None:
        """Have nothing said so far."""
        with self.working() as session:
            session.execute(self.shop.db.metadata.tables[TABLE.name].delete())
        self.statements.clear()

    def notices(self) -> list[str]:
        """What was committed since this was asked last: kinds and SKUs, to the marketplace `acme`."""
        said = [f"{SHORT[row.operation]} {row.lane.removeprefix('sku:')}" for row in self.rows()]
        self.forget()
        return said

    def fill(self, count: int = 3) -> None:
        """Have products p1, p2 …, 10 units each in one stock, and forget that they were new."""
        models = self.models
        with self.working() as session:
            for number in range(1, count + 1):
                product = models.Product(code=f"p{number}", name="x", price_cents=100, on_hand=10)
                session.add_all([product, models.Stock(product=product, units=10)])
                session.flush()  # the ids are the database's own, in this order: a later row takes the next one
        self.forget()

    def product(self, number: int = 1) -> Any:
        return self.session.get(self.models.Product, number)


def make_models(db: Any) -> Any:
    class Product(db.Model):
        __tablename__ = "product"
        id: Mapped[int] = mapped_column(primary_key=True)
        code: Mapped[str | None]
        name: Mapped[str] = mapped_column(default="x")
        price_cents: Mapped[int] = mapped_column("price_in_cents", default=100)
        on_hand: Mapped[int] = mapped_column(default=0)
        note: Mapped[str | None]
        kind: Mapped[str] = mapped_column(default="product")
        stocks: Mapped[list["Stock"]] = relationship(back_populates="product", cascade="all, delete-orphan")
        texts: Mapped[list["Text"]] = relationship(back_populates="products", secondary="product_text")
        __mapper_args__: ClassVar[dict[str, Any]] = {"polymorphic_on": "kind", "polymorphic_identity": "product"}

    class Bundle(Product):
        discount: Mapped[int | None]
        __mapper_args__: ClassVar[dict[str, Any]] = {"polymorphic_identity": "bundle"}

    class Book(Product):
        __tablename__ = "book"
        id: Mapped[int] = mapped_column(ForeignKey("product.id"), primary_key=True)
        pages: Mapped[int] = mapped_column(default=1)
        __mapper_args__: ClassVar[dict[str, Any]] = {"polymorphic_identity": "book"}

    class Stock(db.Model):
        __tablename__ = "stock"
        id: Mapped[int] = mapped_column(primary_key=True)
        product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
        units: Mapped[int]
        product: Mapped[Product] = relationship(back_populates="stocks")

    class Text(db.Model):
        __tablename__ = "text"
        id: Mapped[int] = mapped_column(primary_key=True)
        words: Mapped[str]
        products: Mapped[list[Product]] = relationship(back_populates="texts", secondary="product_text")

    db.Table(
        "product_text",
        *(db.Column(f"{name}_id", db.ForeignKey(f"{name}.id"), primary_key=True) for name in ("product", "text")),
    )
    return SimpleNamespace(Product=Product, Bundle=Bundle, Book=Book, Stock=Stock, Text=Text)


def make_watching(new_shop: Callable[..., Shop], **config: Any) -> Watching:
    clock = StoppedClock()
    config = {"marketplaces": {"acme": ACME}, **config}
    shop = new_shop(clock=clock, create_tables=False, **config)
    watching = Watching(shop=shop, clock=clock, models=make_models(shop.db))
    with shop.app.app_context():
        shop.db.create_all()
        event.listen(
            shop.db.engine,
            "before_cursor_execute",
            lambda _, __, statement, *___: watching.statements.append(statement),
        )
    return watching


def watch_all(watching: Watching) -> None:
    """Watch the product and its stock as most shops would."""
    models, seller = watching.models, watching.seller
    seller.watch(models.Product, sku_id="code", price=["price_cents"], inventory=["on_hand"], catalog=["name"])
    seller.watch(models.Stock, sku_id="product.code", inventory=["units"])
