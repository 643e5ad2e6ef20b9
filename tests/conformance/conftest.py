"""A shop that conforms, to be broken by the tests."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from flask import Flask

from example_shop import create_app, seed
from example_shop.extensions import db
from example_shop.orders import service
from example_shop.orders.models import Order, OrderState
from flask_vtex_seller.clock import Clock
from flask_vtex_seller.conformance import AppTarget, Case, Place, Result, Sku, Target, Verdict, run
from flask_vtex_seller.hook import Hook
from flask_vtex_seller.testing import failing_placement

from ..shops import ACME, SECOND_TOKEN, TOKEN

HOOKS = ("offer_loader", "sla_loader", "on_order_placement", "on_authorize_fulfillment", "on_order_cancellation")


@dataclass(frozen=True)
class Bed:
    """The shop, and what the kit is told of it."""

    app: Flask
    case: Case

    def judge(
        self, target: Target | None = None, *, writes: bool = True, clock: Clock | None = None, **case: Any
    ) -> list[Result]:
        return list(run(target or AppTarget(self.app), replace(self.case, **case), writes=writes, clock=clock))

    def failed(self, target: Target | None = None, **options: Any) -> dict[str, Result]:
        results = self.judge(target, **options)
        return {found.statement.name: found for found in results if found.verdict is Verdict.FAILED}


@pytest.fixture(scope="module")
def app() -> Iterator[Flask]:
    with pytest.MonkeyPatch.context() as environment:
        for key in [key for key in os.environ if key.startswith("FLASK_")]:
            environment.delenv(key)
        app = create_app(
            {
                "SECRET_KEY": "test",
                "TESTING": True,
                "SQLALCHEMY_DATABASE_URI": "sqlite://",
                "VTEX_SELLER_MARKETPLACES": {"acme": {**ACME, "seller_id": "jatoba"}},
            }
        )
    with app.app_context():
        db.create_all()
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def bed(app: Flask, hooks: dict[str, Hook[Any]]) -> Bed:
    with app.app_context():
        for table in reversed(db.metadata.sorted_tables):
            db.session.execute(table.delete())
        seed.fill()
        db.session.commit()

    def count_orders() -> int:
        with app.app_context():
            return db.session.query(Order).count()

    def may_ship(number: str) -> bool:
        with app.app_context():
            return service.get(number).state is OrderState.RELEASED

    case = Case(
        endpoint=f"/api/vtex/acme?token={TOKEN}",
        skus=(Sku(id="CAF-250", stock=120, price=2490), Sku(id="CANDLE"), Sku(id="PAN-22")),
        address=Place(postal_code="01310-100", geo_coordinates=(-46.65, -23.56)),
        unserved_address=Place(postal_code="69005-040"),
        out_of_stock_sku="POT-5L",
        seller_id="jatoba",
        second_token=SECOND_TOKEN,
        count_orders=count_orders,
        may_ship=may_ship,
        failing_placement=lambda: failing_placement(app),
    )
    return Bed(app, case)


@pytest.fixture
def hooks(app: Flask) -> Iterator[dict[str, Hook[Any]]]:
    """The slots of the shop's functions; what a test puts there goes away after it."""
    found = {name: getattr(app.extensions["vtex_seller"].hooks, name) for name in HOOKS}
    before = {name: hook.get() for name, hook in found.items()}
    yield found
    for name, hook in found.items():
        hook._function = before[name]
