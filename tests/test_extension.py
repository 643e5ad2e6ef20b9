"""VtexSeller: registering functions, mounting, and asking for an order."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_vtex_seller import (
    AmbiguousOrder,
    CancellationDecision,
    ConfigurationError,
    Offer,
    OrderState,
    SimulationRequest,
    UnknownOrder,
    VtexSeller,
)

from .shops import ACME, Shop, StoppedClock, order_body

DECORATORS: dict[str, Callable[..., Any]] = {
    "offer_loader": lambda sku_ids, request: [],
    "sla_loader": lambda request: [],
    "on_order_placement": lambda order: "1",
    "order_finder": lambda marketplace, marketplace_order_id: None,
    "on_authorize_fulfillment": lambda authorization: None,
    "on_order_cancellation": lambda request: CancellationDecision.CONFIRM,
}
each_decorator = pytest.mark.parametrize("decorator", DECORATORS)


@pytest.fixture
def mount(database_url: str) -> Iterator[Callable[..., Flask]]:
    """Mount a seller on a new application."""
    apps: list[tuple[Flask, SQLAlchemy]] = []

    def make(seller: VtexSeller, db: SQLAlchemy, **config: Any) -> Flask:
        app = Flask("fruitshop")
        app.config.update(
            SQLALCHEMY_DATABASE_URI=database_url, **{"VTEX_SELLER_MARKETPLACES": {"acme": ACME}, **config}
        )
        db.init_app(app)
        seller.init_app(app)
        apps.append((app, db))
        return app

    yield make
    for app, db in apps:
        with app.app_context():
            db.engine.dispose()


# registering


@each_decorator
def test_a_decorator_returns_the_function_as_it_was(decorator: str) -> None:
    function = DECORATORS[decorator]
    assert getattr(VtexSeller(SQLAlchemy()), decorator)(function) is function


@each_decorator
def test_another_function_for_a_hook_is_refused_by_name(decorator: str) -> None:
    def another(*_: Any) -> Any: ...

    register = getattr(VtexSeller(SQLAlchemy()), decorator)
    register(DECORATORS[decorator])
    with pytest.raises(ConfigurationError, match=f"^{decorator} is already"):
        register(another)


@each_decorator
def test_the_same_function_again_replaces_itself(decorator: str) -> None:
    register = getattr(VtexSeller(SQLAlchemy()), decorator)
    register(DECORATORS[decorator])
    register(DECORATORS[decorator])


def test_the_last_run_of_an_application_factory_is_the_one_that_answers(mount: Callable[..., Flask]) -> None:
    db = SQLAlchemy()
    seller = VtexSeller(db)

    def create_app(price: int) -> Flask:
        @seller.offer_loader
        def offers(sku_ids: Sequence[str], request: SimulationRequest) -> list[Offer]:
            return [Offer(sku_id=sku_id, price=price, stock=1) for sku_id in sku_ids]

        return mount(seller, db)

    create_app(1)
    assert price_of(create_app(2)) == 2


def price_of(app: Flask) -> int:
    body = {"items": [{"id": "apple", "quantity": 1}]}
    response = app.test_client().post("/api/vtex/acme/pvt/orderForms/simulation?token=inbound-token-1", json=body)
    price: int = response.json["items"][0]["price"]  # type: ignore[index]
    return price


def test_hooks_may_be_registered_after_init_app(mount: Callable[..., Flask]) -> None:
    db = SQLAlchemy()
    seller = VtexSeller(db)
    app = mount(seller, db)

    @seller.offer_loader
    def offers(sku_ids: Sequence[str], request: SimulationRequest) -> list[Offer]:
        return [Offer(sku_id="apple", price=7, stock=1)]

    assert price_of(app) == 7


# mounting


@pytest.mark.parametrize("db", [None, "db", object()])
def test_a_seller_needs_the_shops_database_object(db: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"VtexSeller\(db\)"):
        VtexSeller(db)


def test_a_second_seller_on_one_database_object_is_refused() -> None:
    db = SQLAlchemy()
    VtexSeller(db)
    with pytest.raises(ConfigurationError, match=r"create one VtexSeller\(db\) per db"):
        VtexSeller(db)


def test_mounting_before_the_database_names_the_remedy() -> None:
    seller, app = VtexSeller(SQLAlchemy()), Flask("fruitshop")
    with pytest.raises(ConfigurationError, match=r"call db\.init_app\(app\), .* before seller\.init_app\(app\)"):
        seller.init_app(app)


def test_mounting_on_an_application_of_another_database_names_the_remedy(database_url: str) -> None:
    app = Flask("fruitshop")
    app.config["SQLALCHEMY_DATABASE_URI"] = database_url
    other = SQLAlchemy(app)
    with pytest.raises(ConfigurationError, match=r"with the db of VtexSeller\(db\)"):
        VtexSeller(SQLAlchemy()).init_app(app)
    with app.app_context():
        other.engine.dispose()


def test_mounting_twice_is_refused(shop: Shop) -> None:
    with pytest.raises(ConfigurationError, match="called twice"):
        shop.seller.init_app(shop.app)


def test_one_seller_may_be_mounted_on_two_applications(mount: Callable[..., Flask]) -> None:
    db = SQLAlchemy()
    seller = VtexSeller(db)
    seller.offer_loader(lambda sku_ids, request: [Offer(sku_id="apple", price=7, stock=1)])
    one, two = mount(seller, db), mount(seller, db, VTEX_SELLER_URL_PREFIX="/sell")
    assert price_of(one) == 7
    assert one.extensions["vtex_seller"] is not two.extensions["vtex_seller"]
    assert two.test_client().get("/sell/nobody").headers["x-vtex-error-code"] == "NOT_FOUND"
    assert "x-vtex-error-code" not in two.test_client().get("/api/vtex/nobody").headers


def test_without_a_marketplace_there_are_no_routes(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(marketplaces={})
    assert not any(rule.endpoint.startswith("vtex_seller") for rule in shop.app.url_map.iter_rules())


def test_a_configuration_error_keeps_the_application_from_starting(new_shop: Callable[..., Shop]) -> None:
    with pytest.raises(ConfigurationError, match=r"VTEX_SELLER_MARKETPLACES\['acme'\] lacks"):
        new_shop(marketplaces={"acme": {}})


def test_a_marketplace_without_tokens_is_warned_of(
    new_shop: Callable[..., Shop], caplog: pytest.LogCaptureFixture
) -> None:
    """P71."""
    new_shop(marketplaces={"acme": ACME, "open": {**ACME, "inbound_tokens": None}})
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "inbound_tokens" in record.getMessage()
    assert record.marketplace == "open"  # type: ignore[attr-defined]


def test_nothing_of_an_application_is_kept_on_the_seller(shop: Shop) -> None:
    assert shop.app not in vars(shop.seller).values()


# asking for an order


def test_an_order_is_known_by_the_shops_id(new_shop: Callable[..., Shop]) -> None:
    clock = StoppedClock()
    shop = new_shop(clock=clock)
    shop.call("/pvt/orders", [order_body("1-01")])
    with shop.app.app_context():
        order = shop.seller.order("S-1")
    assert (order.marketplace, order.marketplace_order_id, order.order_id) == ("acme", "1-01", "S-1")
    assert order.state is OrderState.PLACED
    assert order.created_at == order.placed_at == clock.moment
    assert order.value == 1250 + 2 * 300 + 2 * 990


def test_an_order_nobody_placed_is_unknown(shop: Shop) -> None:
    with shop.app.app_context(), pytest.raises(UnknownOrder, match=r"^no marketplace placed an order 'S-1' here$"):
        shop.seller.order("S-1")


def test_the_marketplaces_own_id_is_not_the_shops(shop: Shop) -> None:
    shop.call("/pvt/orders", [order_body("1-01")])
    said = "^no marketplace placed an order '1-01' here; acme calls one so, and the shop calls it 'S-1'$"
    with shop.app.app_context(), pytest.raises(UnknownOrder, match=said):
        shop.seller.order("1-01")


@pytest.mark.parametrize(("order_id", "marketplace"), [(5, None), (None, None), ("S-1", ["acme"])])
def test_what_is_no_text_names_no_order(shop: Shop, order_id: Any, marketplace: Any) -> None:
    wrong = (
        "marketplace must be a str, not list"
        if marketplace
        else f"order_id must be a str, not {type(order_id).__name__}"
    )
    with shop.app.app_context(), pytest.raises(TypeError, match=wrong):
        shop.seller.cancel_order(order_id, reason="broken", marketplace=marketplace)


@pytest.fixture
def twins(new_shop: Callable[..., Shop]) -> Shop:
    """Two marketplaces placed orders to which the shop gave one id."""
    shop = new_shop(marketplaces={"acme": ACME, "other": ACME})
    shop.place = lambda _: "SAME"
    for marketplace, id_ in (("acme", "1-01"), ("other", "2-01")):
        assert shop.call("/pvt/orders", [order_body(id_)], marketplace=marketplace).status_code == 200
    return shop


def test_an_id_of_two_marketplaces_is_ambiguous(twins: Shop) -> None:
    with twins.app.app_context(), pytest.raises(AmbiguousOrder, match=r"acme, other .* 'SAME': pass marketplace="):
        twins.seller.order("SAME")


def test_naming_the_marketplace_resolves_the_ambiguity(twins: Shop) -> None:
    with twins.app.app_context():
        assert twins.seller.order("SAME", marketplace="other").marketplace_order_id == "2-01"
        with pytest.raises(UnknownOrder, match=r"^third placed no order 'SAME' here$"):
            twins.seller.order("SAME", marketplace="third")


def test_an_application_without_a_seller_says_what_was_forgotten() -> None:
    seller = VtexSeller(SQLAlchemy())
    with Flask("bare").app_context(), pytest.raises(RuntimeError, match=r"call seller\.init_app\(app\)"):
        seller.order("S-1")
