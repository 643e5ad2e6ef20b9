"""The case that an application's configuration makes."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from flask_vtex_seller import ConfigurationError, PlacedOrder
from flask_vtex_seller.conformance import Answer, AppTarget, Place, Sku, Verdict, case_for, run

from ..shops import ACME, SECOND_TOKEN, TOKEN, Shop
from .breaking import BrokenTarget, Call, Memory, Send

KNOWN: dict[str, Any] = {"skus": (Sku(id="apple"),), "address": Place(postal_code="01310-100")}


def test_the_configuration_tells_endpoint_tokens_and_ids(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, "merchant_name": "fruitpay"}}, VTEX_SELLER_URL_PREFIX="/m")
    case = case_for(shop.app, **KNOWN)
    assert case.endpoint == f"/m/acme?token={TOKEN}"
    assert (case.second_token, case.seller_id, case.merchant_name) == (SECOND_TOKEN, "fruitshop", "fruitpay")
    assert case.skus == KNOWN["skus"]


def test_what_is_known_better_counts(shop: Shop) -> None:
    assert case_for(shop.app, **KNOWN, second_token=None).second_token is None


def test_a_token_of_odd_characters_works(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, "inbound_tokens": ["a+b&c=d/é", "x y"]}})
    results = run(AppTarget(shop.app), case_for(shop.app, **KNOWN), writes=False)
    assert [result.says for result in results if result.verdict is Verdict.FAILED] == []


@pytest.mark.parametrize(("reference", "verdict"), [("20261104", Verdict.OK), (None, Verdict.FAILED)])
def test_a_shop_that_processes_payments_answers_their_reference(
    new_shop: Callable[..., Shop], reference: str | None, verdict: Verdict
) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, "merchant_name": "fruitpay"}})
    shop.place = lambda order: PlacedOrder(order_id=order.marketplace_order_id, payment_reference="20261104")

    def without_reference(call: Call, send: Send, memory: Memory) -> Answer:
        given = send(call)
        return replace(given, body=given.body.replace(b'"20261104"', json.dumps(reference).encode()))

    case = case_for(shop.app, **KNOWN)
    results = run(BrokenTarget(AppTarget(shop.app), without_reference), case, writes=True)
    found = {result.statement.name: result.verdict for result in results}
    assert (found["P17"], found["P36"]) == (Verdict.OK, verdict)


@pytest.mark.parametrize(
    ("marketplaces", "name", "says"),
    [
        ({"acme": ACME, "globex": ACME}, None, "name the marketplace: VTEX_SELLER_MARKETPLACES has: acme, globex"),
        ({"acme": ACME}, "globex", "there is no marketplace 'globex': VTEX_SELLER_MARKETPLACES has: acme"),
        ({}, None, "VTEX_SELLER_MARKETPLACES has: none"),
        ({"acme": {**ACME, "inbound_tokens": []}}, None, "acme has no inbound_tokens"),
    ],
)
def test_a_marketplace_that_cannot_be_called_is_named(
    new_shop: Callable[..., Shop], marketplaces: dict[str, Any], name: str | None, says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        case_for(new_shop(marketplaces=marketplaces).app, name, **KNOWN)


def test_an_application_without_the_extension_is_told_so() -> None:
    with pytest.raises(ConfigurationError, match="init_app"):
        case_for(Flask("plain"), **KNOWN)


SETTINGS: list[dict[str, Any]] = [
    {"unavailable": "zeros"},
    {"max_stock": 3},
    {"geo_order": "lat,lon"},
    {"unavailable": "zeros", "max_stock": 1, "geo_order": "lat,lon"},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_shop_is_judged_by_what_it_is_set_up_for(new_shop: Callable[..., Shop], settings: dict[str, Any]) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, **settings}})
    seen: list[Any] = []

    def remember(call: Call, send: Send, memory: Memory) -> Answer:
        given = send(call)
        seen.extend(point for point in [call.fields.get("geoCoordinates")] if point)
        return given

    address = Place(postal_code="01310-100", geo_coordinates=(-46.65, -23.56))
    case = case_for(shop.app, skus=(Sku(id="apple", stock=10), Sku(id="pear")), address=address)
    results = {
        found.statement.name: found
        for found in run(BrokenTarget(AppTarget(shop.app), remember), case, writes=True)
        if found.statement.check
    }
    assert {name: found.says for name, found in results.items() if found.verdict is Verdict.FAILED} == {}
    assert results["P5"].verdict is results["P29"].verdict is results["P20"].verdict is Verdict.OK
    assert results["P7"].verdict is (Verdict.NOT_APPLICABLE if "unavailable" in settings else Verdict.OK)
    assert seen[0] == ([-23.56, -46.65] if "geo_order" in settings else [-46.65, -23.56])


def test_the_end_of_a_capped_stock_is_not_guessed(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, "max_stock": 3}})
    results = {
        found.statement.name: found for found in run(AppTarget(shop.app), case_for(shop.app, **KNOWN), writes=True)
    }
    assert results["P29"].verdict is Verdict.NOT_APPLICABLE
    assert "shows not all of its stock" in results["P29"].says
