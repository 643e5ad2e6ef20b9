"""A catalog without a shop around it: real tables, the real drain, and a marketplace faked at the wire."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import pytest
import sqlalchemy
from requests_mock import Mocker
from sqlalchemy import Engine, MetaData, Table

from flask_vtex_seller.catalog.handlers import ChangeNotificationHandler, QuestionHandler
from flask_vtex_seller.catalog.hooks import BrandMapper, CategoryMapper, SkuLoader, SuggestionFinisher
from flask_vtex_seller.catalog.ledger import SkuLedger
from flask_vtex_seller.catalog.notices import drafts
from flask_vtex_seller.catalog.present import Present
from flask_vtex_seller.catalog.sku import Sku, SkuImage, SkuRecord
from flask_vtex_seller.catalog.spacing import Spacing
from flask_vtex_seller.catalog.suggesting import SuggestionHandler
from flask_vtex_seller.config import Settings
from flask_vtex_seller.database import attach
from flask_vtex_seller.hook import Hook
from flask_vtex_seller.marketplace.client import MarketplaceClient
from flask_vtex_seller.marketplace.operations import OPERATIONS
from flask_vtex_seller.marketplace.outcome import Outcome
from flask_vtex_seller.offers import Offer, SimulationRequest
from flask_vtex_seller.outbox.drain import Drain, Report
from flask_vtex_seller.outbox.ledger import OutboxLedger
from flask_vtex_seller.outbox.message import Draft, Message

from ..shops import ACME, StoppedClock

MARKETPLACES = Settings.from_config({"VTEX_SELLER_MARKETPLACES": {"acme": ACME}}).marketplaces


def make_sku(sku_id: str = "beans-250", **changes: Any) -> Sku:
    """A SKU that any marketplace would take."""
    values: dict[str, Any] = {
        "sku_id": sku_id,
        "product_id": f"product of {sku_id}",
        "product_name": "House beans",
        "name": "250 g",
        "description": "Roasted on Mondays.",
        "brand": "Fruit & Bean",
        "category": "Coffee/Whole bean",
        "height": 20,
        "width": 10,
        "length": 6,
        "weight_grams": 260,
        "price": 3990,
        "stock": 12,
        "images": (SkuImage(name="Bag", url="https://shop.example/beans.jpg"),),
        "ean": "7891234567895",
    }
    return Sku(**{**values, **changes})


@dataclass
class World:
    """Tables, a clock, a marketplace's answers, and what a shop knows of its SKUs."""

    engine: Engine
    tables: Mapping[str, Table]
    clock: StoppedClock
    wire: Mocker
    skus: dict[str, Sku] = field(default_factory=lambda: {"beans-250": make_sku()})
    asked: list[Sequence[str]] = field(default_factory=list)
    sku_loader: Hook[SkuLoader] = field(default_factory=lambda: Hook("sku_loader"))

    brand_mapper: Hook[BrandMapper] = field(default_factory=lambda: Hook("brand_mapper", required=False))
    category_mapper: Hook[CategoryMapper] = field(default_factory=lambda: Hook("category_mapper", required=False))
    finisher: Hook[SuggestionFinisher] = field(default_factory=lambda: Hook("suggestion_finisher", required=False))
    spacing: Spacing = field(default_factory=Spacing)

    def load_skus(self, sku_ids: Sequence[str], /) -> Iterable[Sku]:
        self.asked.append(sku_ids)
        return (sku for sku in self.skus.values() if sku.sku_id in sku_ids)

    def load_offers(self, sku_ids: Sequence[str], request: SimulationRequest, /) -> Iterable[Offer]:
        return [Offer(sku_id=sku.sku_id, price=sku.price, stock=sku.stock) for sku in self.skus.values()]

    @property
    def present(self) -> Present:
        return Present(offer_loader=lambda: self.load_offers, sku_loader=Hook("sku_loader"), marketplaces=MARKETPLACES)

    def append(self, batch: list[Draft]) -> None:
        with self.engine.begin() as connection:
            OutboxLedger(connection, self.tables["vtex_outbox"]).append(batch, now=self.clock.now())

    def say(self, kind: str, sku_id: str = "beans-250") -> None:
        self.append(drafts(kind, ["acme"], [sku_id]))

    def ledger(self, work: Callable[[SkuLedger], Any]) -> Any:
        with self.engine.begin() as connection:
            return work(SkuLedger(connection, self.tables["vtex_sku"]))

    def record(self, sku_id: str = "beans-250") -> SkuRecord | None:
        found: SkuRecord | None = self.ledger(lambda ledger: ledger.get("acme", sku_id))
        return found

    def messages(self) -> list[Message]:
        with self.engine.begin() as connection:
            ledger = OutboxLedger(connection, self.tables["vtex_outbox"])
            return ledger.page(state=None, marketplace=None, lane=None, limit=100)[::-1]

    def said(self) -> list[tuple[str, str]]:
        """Operation and state of all messages, oldest first."""
        return [(message.operation, message.state.value) for message in self.messages()]

    def answer(self, operation: str, status: int, text: str = "", *, sku_id: str = "beans-250") -> None:
        """Have the marketplace answer like that from now on."""
        kind = OPERATIONS[operation]
        url = kind.url(MARKETPLACES["acme"], {"sku_id": "SKU"})
        head, _, tail = url.partition("SKU")
        self.wire.register_uri(kind.method, head + sku_id + tail, status_code=status, text=text)

    def drain(self) -> Report:
        client = MarketplaceClient(self.clock, user_agent="tests")

        def send(message: Message, body: Any | None) -> Outcome:
            marketplace = MARKETPLACES[message.marketplace]
            return client.send(OPERATIONS[message.operation], marketplace, message.arguments, body)

        sku_table, outbox_table = self.tables["vtex_sku"], self.tables["vtex_outbox"]
        questions = QuestionHandler(
            sku_table=sku_table, outbox_table=outbox_table, present=self.present, clock=self.clock
        )
        drain = Drain(
            engine=self.engine,
            table=outbox_table,
            gates=self.tables["vtex_gate"],
            roles=self.tables["vtex_runner"],
            send=send,
            handlers={
                "change_notification": ChangeNotificationHandler(
                    sku_table=sku_table, outbox_table=outbox_table, present=self.present, clock=self.clock
                ),
                "suggestion": self.suggestion_handler(),
                "suggestion_status": questions,
                "presence": questions,
            },
            marketplaces=frozenset(MARKETPLACES),
            lease=timedelta(seconds=60),
            clock=self.clock,
            rng=Random(0),
            announce=lambda settled: None,
        )
        try:
            return drain.run()
        finally:
            client.close()

    def suggestion_handler(self, **changes: Any) -> SuggestionHandler:
        parts: dict[str, Any] = {
            "sku_loader": self.sku_loader,
            "brand_mapper": self.brand_mapper,
            "category_mapper": self.category_mapper,
            "finisher": self.finisher,
            "sku_table": self.tables["vtex_sku"],
            "outbox_table": self.tables["vtex_outbox"],
            "marketplaces": MARKETPLACES,
            "clock": self.clock,
            "spacing": self.spacing,
        }
        return SuggestionHandler(**{**parts, **changes})

    def calls(self) -> list[str]:
        """Method and address of the calls that reached the marketplace."""
        return [f"{request.method} {request.url}" for request in self.wire.request_history]


@pytest.fixture
def world(database_url: str, requests_mock: Mocker) -> Iterator[World]:
    metadata = MetaData()
    tables = attach(metadata)
    engine = sqlalchemy.create_engine(database_url)
    metadata.create_all(engine)
    made = World(engine=engine, tables=tables, clock=StoppedClock(), wire=requests_mock)
    made.sku_loader.register(made.load_skus)
    yield made
    engine.dispose()
