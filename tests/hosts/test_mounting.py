"""How a shop mounts the extension: in which order, how often, into how many applications."""

import re

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_vtex_seller import ConfigurationError, OrderPlacement, SimulationRequest, VtexSeller

from ..shops import ACME, TOKEN, order_body
from .conftest import NewHost, create_all, live_through, order_model

OTHER = {**ACME, "account": "othermarket", "inbound_tokens": ["other-token"]}


def new_app(**config: object) -> Flask:
    app = Flask("host")
    app.config.update(SQLALCHEMY_DATABASE_URI="sqlite://", VTEX_SELLER_MARKETPLACES={"acme": ACME}, **config)
    return app


def test_init_app_before_the_databases_says_which_comes_first() -> None:
    with pytest.raises(ConfigurationError, match=re.escape("call db.init_app(app)") + ".*before seller.init_app"):
        VtexSeller(SQLAlchemy()).init_app(new_app())


def test_init_app_with_another_database_object_names_the_sellers_own() -> None:
    app = new_app()
    SQLAlchemy().init_app(app)
    with pytest.raises(ConfigurationError, match=re.escape("with the db of VtexSeller(db)")):
        VtexSeller(SQLAlchemy()).init_app(app)


def test_a_refused_init_app_may_be_repeated_once_the_remedy_is_applied() -> None:
    app, db = new_app(), SQLAlchemy()
    seller = VtexSeller(db)
    with pytest.raises(ConfigurationError):
        seller.init_app(app)
    db.init_app(app)
    seller.init_app(app)
    assert "vtex_seller" in app.extensions


def test_init_app_twice_says_to_remove_one_call() -> None:
    app, db = new_app(), SQLAlchemy()
    db.init_app(app)
    seller = VtexSeller(db)
    seller.init_app(app)
    with pytest.raises(ConfigurationError, match=r"twice.*remove one call"):
        seller.init_app(app)


def test_a_seller_without_a_database_object_says_what_to_pass() -> None:
    with pytest.raises(ConfigurationError, match=re.escape("VtexSeller(db)")):
        VtexSeller(None)  # type: ignore[arg-type]


def test_an_application_in_place_of_the_database_object_says_what_to_pass() -> None:
    with pytest.raises(ConfigurationError, match=re.escape("VtexSeller(db)")):
        VtexSeller(Flask("host"))  # type: ignore[arg-type]


def test_a_second_seller_on_one_database_object_says_to_share_the_first() -> None:
    db = SQLAlchemy()
    VtexSeller(db)
    with pytest.raises(ConfigurationError, match=re.escape("one VtexSeller(db) per db") + ".*share it"):
        VtexSeller(db)


def test_without_init_app_a_verb_says_to_call_it() -> None:
    app, db = new_app(), SQLAlchemy()
    db.init_app(app)
    seller = VtexSeller(db)
    with app.app_context(), pytest.raises(RuntimeError, match=re.escape("call seller.init_app(app) after db.init_app")):
        seller.order("S-1")


def test_one_seller_serves_two_applications_each_with_its_own_settings(new_host: NewHost) -> None:
    db = SQLAlchemy()
    seller, orders = VtexSeller(db), order_model(db)
    one = new_host(db, seller=seller, orders=orders)
    # the same functions as in `one`, so the second registration replaces the first
    two = new_host(
        db,
        seller=seller,
        orders=orders,
        VTEX_SELLER_MARKETPLACES={"other": OTHER},
        VTEX_SELLER_URL_PREFIX="/sell",
    )
    create_all(one)
    live_through(one)
    assert (
        two.app.test_client().post("/sell/other/pvt/orders?token=other-token", json=[order_body()]).status_code == 200
    )
    assert one.app.test_client().post("/sell/other/pvt/orders?token=other-token", json=[]).status_code == 404
    assert two.app.test_client().post(f"/api/vtex/acme/pvt/orders?token={TOKEN}", json=[]).status_code == 404
    assert one.app.extensions["vtex_seller"] is not two.app.extensions["vtex_seller"]
    with two.app.app_context():
        assert seller.order("S-2").marketplace == "other"


def test_two_sellers_serve_two_applications_in_one_process(
    new_host: NewHost, tmp_path_factory: pytest.TempPathFactory
) -> None:
    one = new_host()
    two = new_host(SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path_factory.mktemp('two') / 'two.sqlite'}")
    for host in (one, two):
        create_all(host)
        live_through(host)
    assert one.order_ids() == two.order_ids() == ["S-1"]
    assert len(one.asked_for(OrderPlacement)) == len(two.asked_for(OrderPlacement)) == 1


def test_an_application_factory_may_run_for_every_test(new_host: NewHost) -> None:
    db = SQLAlchemy()
    seller, orders = VtexSeller(db), order_model(db)
    for _ in range(3):
        host = new_host(db, seller=seller, orders=orders)
        create_all(host)
        live_through(host)
        assert len(host.asked_for(OrderPlacement)) == 1, "the hooks of the newest application are the ones called"
        with host.app.app_context():
            db.session.remove()
            db.drop_all()


def test_another_function_for_a_registered_hook_names_both(new_host: NewHost) -> None:
    host = new_host()

    def second(sku_ids: object, request: SimulationRequest) -> list[object]:
        return []

    with pytest.raises(ConfigurationError, match=r"offer_loader is already .*offers.*second cannot be registered"):
        host.seller.offer_loader(second)  # type: ignore[type-var]


def test_without_a_marketplace_the_application_starts_and_has_no_route_of_ours(new_host: NewHost) -> None:
    bare = Flask("bare", static_folder="static")
    host = new_host(VTEX_SELLER_MARKETPLACES={}, app=Flask("host", static_folder="static"))
    create_all(host)
    assert {rule.rule for rule in host.app.url_map.iter_rules()} == {rule.rule for rule in bare.url_map.iter_rules()}
    response = host.call("/pvt/orders", [order_body()])
    assert (response.status_code, response.mimetype) == (404, "text/html")


def test_without_the_marketplaces_key_the_application_starts() -> None:
    app, db = Flask("host"), SQLAlchemy()
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    db.init_app(app)
    VtexSeller(db).init_app(app)
    assert not [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("vtex_seller")]


def test_commands_work_without_a_marketplace(new_host: NewHost) -> None:
    host = new_host(VTEX_SELLER_MARKETPLACES={})
    runner = host.app.test_cli_runner()
    assert runner.invoke(args=["vtex-seller", "create-tables"]).exit_code == 0
    assert "VTEX_SELLER_MARKETPLACES" in runner.invoke(args=["vtex-seller", "urls"]).output
    assert "VTEX_SELLER_MARKETPLACES" in runner.invoke(args=["vtex-seller", "check"]).output


@pytest.mark.parametrize("prefix", ["/sell", "/sell/", "/a/b/c", "/api/vtex2"])
def test_the_url_prefix_moves_every_route(new_host: NewHost, prefix: str) -> None:
    """Row 18: with `/api` or without."""
    host = new_host(VTEX_SELLER_URL_PREFIX=prefix)
    create_all(host)
    client, mounted = host.app.test_client(), prefix.rstrip("/")
    assert client.post(f"{mounted}/acme/pvt/orders?token={TOKEN}", json=[order_body()]).status_code == 200
    assert "x-vtex-error-code" in client.get(f"{mounted}/acme/nothing").headers
    elsewhere = client.post(f"/api/vtex/acme/pvt/orders?token={TOKEN}", json=[order_body()])
    assert (elsewhere.status_code, elsewhere.mimetype) == (404, "text/html")
    urls = host.app.test_cli_runner().invoke(args=["vtex-seller", "urls"]).output
    assert f"https://shop.example{mounted}/acme?token=" in urls


def test_a_seller_keeps_nothing_of_an_application(new_host: NewHost) -> None:
    db = SQLAlchemy()
    seller = VtexSeller(db)
    before = set(vars(seller))
    host = new_host(db, seller=seller)
    assert set(vars(seller)) == before
    assert not any(value is host.app for value in vars(seller).values())
