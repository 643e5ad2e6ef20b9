"""What a shop says is overheard and judged: a whole one passes, and each broken one fails its own statement."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import requests

from flask_vtex_seller.catalog.sku import Sku, SkuImage
from flask_vtex_seller.clock import SystemClock
from flask_vtex_seller.conformance import STATEMENTS, AppTarget, Conversation, Place, Result, Verdict, case_for
from flask_vtex_seller.conformance import Sku as KnownSku
from flask_vtex_seller.conformance.configured import choose
from flask_vtex_seller.marketplace.client import MarketplaceClient
from flask_vtex_seller.marketplace.operations import Host, Meaning
from flask_vtex_seller.marketplace.outcome import Outcome
from flask_vtex_seller.marketplace.outcome import Verdict as Ending
from flask_vtex_seller.orders.outbound import OutboundOrders
from flask_vtex_seller.testing.outgoing import OUTGOING, Outgoing, judge_outgoing

from ..shops import ACME, APP_TOKEN, Shop

SAY = MarketplaceClient.send
BROKEN: list[tuple[str, Callable[..., Any]]] = []


def made(sku_id: str, **changes: Any) -> Sku:
    values: dict[str, Any] = {
        "product_id": sku_id,
        "product_name": f"The {sku_id}",
        "name": "One",
        "description": "Ripe.",
        "brand": "Orchard",
        "category": "Food/Fruit",
        "height": 8,
        "width": 8,
        "length": 8,
        "weight_grams": 150,
        "price": 1250,
        "stock": 10,
        "images": (SkuImage(name="Front", url="https://shop.example/fruit.jpg"),),
        "ean": "7891234567895",
    }
    return Sku(**{"sku_id": sku_id, **values, **changes})


def breaks(statement: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a way of saying things that breaks a statement."""

    def mark(say: Callable[..., Any]) -> Callable[..., Any]:
        BROKEN.append((statement, say))
        return say

    return mark


@breaks("P51")
def without_the_token(client: Any, operation: Any, marketplace: Any, arguments: Any, body: Any, **kw: Any) -> Outcome:
    prepare = client._prepare

    def forget(*call: Any) -> requests.PreparedRequest:
        request: requests.PreparedRequest = prepare(*call)
        del request.headers["X-VTEX-API-AppToken"]
        return request

    client._prepare = forget
    try:
        return SAY(client, operation, marketplace, arguments, body, **kw)
    finally:
        del client._prepare


@breaks("P52")
def a_missing_permission_is_an_unknown_sku(
    client: Any, operation: Any, marketplace: Any, arguments: Any, body: Any, **kw: Any
) -> Outcome:
    outcome = SAY(client, operation, marketplace, arguments, body, **kw)
    if arguments.get("sku_id") == "conformance-403":
        return replace(outcome, verdict=Ending.DELIVERED, meaning=Meaning.UNKNOWN_SKU)
    return outcome


@breaks("P53")
def suggested_to_the_store(
    client: Any, operation: Any, marketplace: Any, arguments: Any, body: Any, **kw: Any
) -> Outcome:
    return SAY(client, operation._replace(host=Host.STORE), marketplace, arguments, body, **kw)


@breaks("P54")
def one_ean_only(client: Any, operation: Any, marketplace: Any, arguments: Any, body: Any, **kw: Any) -> Outcome:
    changed = {**body, "EAN": body["EAN"][0]} if operation.name == "suggestion" else body
    return SAY(client, operation, marketplace, arguments, changed, **kw)


@breaks("P55")
def plain_http_images(client: Any, operation: Any, marketplace: Any, arguments: Any, body: Any, **kw: Any) -> Outcome:
    changed = (
        {**body, "Images": [{"imageUrl": "http://shop.example/a.jpg"}]} if operation.name == "suggestion" else body
    )
    return SAY(client, operation, marketplace, arguments, changed, **kw)


@breaks("P59")
def notified_under_another_prefix(
    client: Any, operation: Any, marketplace: Any, arguments: Any, body: Any, **kw: Any
) -> Outcome:
    return SAY(client, operation, replace(marketplace, notificator_prefix="/notificator"), arguments, body, **kw)


@breaks("P60")
def said_twice(client: Any, operation: Any, marketplace: Any, arguments: Any, body: Any, **kw: Any) -> Outcome:
    if operation.name == "change_notification":
        SAY(client, operation, marketplace, arguments, body, **kw)
    return SAY(client, operation, marketplace, arguments, body, **kw)


@breaks("P61")
def invoiced_under_the_shops_id(
    client: Any, operation: Any, marketplace: Any, arguments: Any, body: Any, **kw: Any
) -> Outcome:
    changed = {**arguments, "marketplace_order_id": "S-1"} if operation.name == "invoice" else arguments
    return SAY(client, operation, marketplace, changed, body, **kw)


@breaks("P62")
def invoiced_in_reais(client: Any, operation: Any, marketplace: Any, arguments: Any, body: Any, **kw: Any) -> Outcome:
    changed = {**body, "invoiceValue": body["invoiceValue"] / 100} if operation.name == "invoice" else body
    return SAY(client, operation, marketplace, arguments, changed, **kw)


@breaks("P65")
def tracked_by_a_second_invoice(
    client: Any, operation: Any, marketplace: Any, arguments: Any, body: Any, **kw: Any
) -> Outcome:
    changed = operation._replace(method="POST") if operation.name == "tracking" else operation
    return SAY(client, changed, marketplace, arguments, body, **kw)


@breaks("P66")
def delivered_without_events(
    client: Any, operation: Any, marketplace: Any, arguments: Any, body: Any, **kw: Any
) -> Outcome:
    changed = {"isDelivered": True} if operation.name == "tracking_status" else body
    return SAY(client, operation, marketplace, arguments, changed, **kw)


@breaks("P78")
def redirected(client: Any, operation: Any, marketplace: Any, arguments: Any, body: Any, **kw: Any) -> Outcome:
    outcome = SAY(client, operation, marketplace, arguments, body, **kw)
    if outcome.status == 307:
        client._session.post("https://elsewhere.example/", headers={"X-VTEX-API-AppToken": "given away"})
    return outcome


@pytest.fixture
def shop(new_shop: Callable[..., Shop]) -> Shop:
    shop = new_shop(marketplaces={"acme": {**ACME, "seller_id": "fruit&co"}, "globex": ACME})
    sell(shop, made("apple"), made("pear"))
    return shop


def sell(shop: Shop, *skus: Sku) -> None:
    @shop.seller.sku_loader
    def load(sku_ids: Sequence[str]) -> Iterator[Sku]:
        return (sku for sku in skus if sku.sku_id in sku_ids)


def judge_all(shop: Shop) -> dict[str, Result]:
    """Judge by every statement, each in a world of its own: what is said to a marketplace is said once."""
    known = (KnownSku(id="apple"), KnownSku(id="pear"))
    case = case_for(shop.app, "acme", skus=known, address=Place(postal_code="01310-100"))
    marketplace, results = choose(shop.app, "acme")[1], {}
    for name in OUTGOING:
        talk = Conversation(AppTarget(shop.app), case, SystemClock(), label=f"-{name.lower()}")
        out = Outgoing(shop.app, marketplace, talk)
        with out.overhearing():
            results[name] = judge_outgoing(STATEMENTS[name], out)
        forget(shop)
    return results


def forget(shop: Shop) -> None:
    with shop.app.app_context():
        for table in ("vtex_outbox", "vtex_sku"):
            shop.db.session.execute(shop.db.metadata.tables[table].delete())
        shop.db.session.commit()


def test_a_whole_shop_passes(shop: Shop) -> None:
    results = judge_all(shop)
    assert {name: result.says for name, result in results.items() if result.verdict is not Verdict.OK} == {}


@pytest.mark.parametrize(("statement", "say"), BROKEN, ids=[f"{name}-{say.__name__}" for name, say in BROKEN])
def test_a_broken_way_of_saying_things_is_found_by_its_statement(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, statement: str, say: Callable[..., Any]
) -> None:
    monkeypatch.setattr(MarketplaceClient, "send", say)
    results = judge_all(shop)
    failed = {name: result for name, result in results.items() if result.verdict is Verdict.FAILED}
    assert {name: result.says for name, result in failed.items() if name != statement} == {}
    assert list(failed) == [statement]
    assert failed[statement].sent
    assert APP_TOKEN not in f"{failed[statement]}"


def test_every_statement_that_is_overheard_has_a_way_to_break_it() -> None:
    assert {name for name, _ in BROKEN} == set(OUTGOING)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ean": None, "ref_id": None}, "ref_id are both missing"),
        ({"images": (SkuImage(name="Front", url="http://shop.example/a.jpg"),)}, "https"),
        ({"weight_grams": 0}, "weight"),
    ],
)
def test_a_sku_that_a_marketplace_would_refuse_is_named_with_the_reason(
    new_shop: Callable[..., Shop], changes: dict[str, Any], reason: str
) -> None:
    shop = new_shop(marketplaces={"acme": ACME})
    sell(shop, made("apple"), made("pear", **changes))
    results = judge_all(shop)
    failed = {name: result.says for name, result in results.items() if result.verdict is Verdict.FAILED}
    assert list(failed) == ["P55"]
    assert failed["P55"].startswith("pear cannot be suggested: ")
    assert reason in failed["P55"]


def test_a_shop_without_catalog_data_is_not_judged_by_it(new_shop: Callable[..., Shop]) -> None:
    results = judge_all(new_shop(marketplaces={"acme": ACME}))
    skipped = {name for name, result in results.items() if result.verdict is Verdict.NOT_APPLICABLE}
    assert skipped == {"P52", "P53", "P54", "P55"}


def test_an_order_that_cannot_be_invoiced_any_more_is_not_judged_by_its_invoice(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ValueError("the invoices would add up to more than the order")

    monkeypatch.setattr(OutboundOrders, "send_invoice", refuse)
    results = judge_all(shop)
    skipped = {name: result.says for name, result in results.items() if result.verdict is not Verdict.OK}
    assert set(skipped) == {"P61", "P62", "P65", "P66"}
    assert "would add up to more" in skipped["P61"]


@pytest.mark.parametrize(
    ("settings", "skipped"),
    [
        ({"catalog_route": "sku-binding", "notificator_prefix": "/notificator"}, ""),
        ({"catalog": False}, "P51 P52 P53 P54 P55 P60 P78"),
        ({"price": False}, "P59"),
        ({"inventory": False}, "P59"),
        ({"route_family": "protocol"}, "P61 P62 P65 P66"),
        ({"suggestions_url": "https://suggestions.example/acmemarket"}, "P53"),
    ],
)
def test_a_shop_is_judged_by_what_it_is_set_up_to_say(
    new_shop: Callable[..., Shop], settings: dict[str, Any], skipped: str
) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, **settings}})
    sell(shop, made("apple"), made("pear"))
    results = judge_all(shop)
    assert {name for name, result in results.items() if result.verdict is Verdict.NOT_APPLICABLE} == set(
        skipped.split()
    )
    assert {name: result.says for name, result in results.items() if result.verdict is Verdict.FAILED} == {}
