"""The life of a SKU at a marketplace, through the real outbox: notices, suggestions, and what their answers mean."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import requests

from flask_vtex_seller.catalog.ledger import SkuLedger
from flask_vtex_seller.catalog.life import EXPIRY
from flask_vtex_seller.catalog.notices import drafts
from flask_vtex_seller.catalog.schemas import SuggestionSchema
from flask_vtex_seller.catalog.sku import SkuRecord, SkuState
from flask_vtex_seller.catalog.sync import due_for_another_look, sku_ids_on_sale
from flask_vtex_seller.errors import HookFailed, HookMissing
from flask_vtex_seller.hook import Hook
from flask_vtex_seller.marketplace.refusals import SuggestionError
from flask_vtex_seller.outbox.handler import Prepared
from flask_vtex_seller.outbox.message import Draft

from ..shops import APP_TOKEN
from .conftest import World, make_sku

STORE = "https://acmemarket.vtexcommercestable.com.br"
NOTICE = f"POST {STORE}/api/catalog_system/pvt/skuseller/changenotification/fruitshop/beans-250"
PROPOSAL = "PUT https://api.vtex.com/acmemarket/suggestions/fruitshop/beans-250"
STATUS = PROPOSAL.replace("PUT", "GET")
UNKNOWN, SUGGESTED, KNOWN = SkuState.UNKNOWN, SkuState.SUGGESTED, SkuState.KNOWN
NOT_PENDING = f"400: {SuggestionError.NOT_PENDING.words}"
NOT_FOUND = "Seller StockKeepingUnit beans-250 not found for this seller id fruitshop"


def is_known(world: World) -> None:
    world.answer("change_notification", 204)


def is_unknown(world: World) -> None:
    world.answer("change_notification", 404, NOT_FOUND)


def notify(world: World) -> None:
    world.say("change_notification")
    world.drain()


def suggest(world: World, status: int = 200, text: str = "") -> None:
    world.answer("suggestion", status, text)
    world.say("suggestion")
    world.drain()


def mark(world: World, state: SkuState) -> None:
    world.ledger(lambda ledger: ledger.mark({("acme", "beans-250"): ""}, state, now=world.clock.now()))


def record(world: World) -> SkuRecord:
    found = world.record()
    assert found is not None
    return found


# messages


def test_there_is_a_message_for_each_sku_and_marketplace() -> None:
    made = drafts("price_notification", ["acme", "other"], ["a", "b"])
    assert [(draft.marketplace, draft.lane) for draft in made] == [
        ("acme", "sku:a"),
        ("acme", "sku:b"),
        ("other", "sku:a"),
        ("other", "sku:b"),
    ]
    assert made[0] == Draft(
        marketplace="acme", operation="price_notification", lane="sku:a", arguments={"sku_id": "a"}, merges=True
    )


def test_a_kind_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="'invoice' is no message about a SKU; there are change_notification, "):
        drafts("invoice", ["acme"], ["a"])


@pytest.mark.parametrize(("marketplaces", "sku_ids"), [(["acme"], "sku-1"), ("acme", ["sku-1"])])
def test_a_str_is_no_list(marketplaces: Iterable[str], sku_ids: Iterable[str]) -> None:
    with pytest.raises(TypeError, match="come as lists"):
        drafts("change_notification", marketplaces, sku_ids)


def test_the_bad_one_of_many_ids_is_named() -> None:
    with pytest.raises(ValueError, match="''"):
        drafts("change_notification", ["acme"], ["a", "", "c"])
    wrong: Any = ["a", 7]
    with pytest.raises(TypeError, match="7"):
        drafts("change_notification", ["acme"], wrong)


@pytest.mark.parametrize("kind", ["price", "inventory"])
def test_price_and_stock_notices_reach_the_notificator(world: World, kind: str) -> None:
    """P59."""
    world.answer(f"{kind}_notification", 202)
    world.say(f"{kind}_notification")
    world.drain()
    assert world.calls() == [f"POST {STORE}/api/notificator/fruitshop/changenotification/beans-250/{kind}"]
    assert world.said() == [(f"{kind}_notification", "delivered")]


def test_many_notices_of_one_sku_are_one_call(world: World) -> None:
    """P60."""
    is_known(world)
    for _ in range(3):
        world.say("change_notification")
    world.drain()
    assert world.calls() == [NOTICE]


# notices


def test_a_notice_goes_to_the_seller_and_the_sku_percent_encoded(world: World) -> None:
    """P51."""
    address = f"{STORE}/api/catalog_system/pvt/skuseller/changenotification/fruitshop/a%2Fb%20c"
    world.wire.post(address, status_code=204)
    world.say("change_notification", "a/b c")
    world.drain()
    (request,) = world.wire.request_history
    assert request.url == address
    assert (request.headers["X-VTEX-API-AppKey"], request.headers["X-VTEX-API-AppToken"]) == (
        "vtexappkey-acme",
        APP_TOKEN,
    )
    assert not request.body


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_sku_that_the_marketplace_has_is_known_and_not_suggested(world: World, status: int) -> None:
    """P52, row 3."""
    world.answer("change_notification", status)
    notify(world)
    assert record(world).state is KNOWN
    assert world.said() == [("change_notification", "delivered")]


def test_a_sku_that_the_marketplace_does_not_have_is_suggested_once(world: World) -> None:
    """P52 and P53."""
    is_unknown(world)
    world.answer("suggestion", 200)
    notify(world)
    assert world.calls() == [NOTICE, PROPOSAL]
    assert record(world).state is SUGGESTED
    notify(world)
    assert world.calls() == [NOTICE, PROPOSAL, NOTICE]
    assert record(world).state is SUGGESTED


def test_the_suggestion_is_written_together_with_what_was_learnt(world: World) -> None:
    is_unknown(world)
    world.answer("suggestion", 503)
    notify(world)
    assert (record(world).state, record(world).reason) == (UNKNOWN, "404: unknown SKU")
    last = world.messages()[-1]
    assert (last.operation, last.lane, last.arguments, last.body, last.merges) == (
        "suggestion",
        "sku:beans-250",
        {"sku_id": "beans-250"},
        None,
        True,
    )


def test_two_notices_before_the_suggestion_make_one_suggestion(world: World) -> None:
    is_unknown(world)
    world.answer("suggestion", 503)
    notify(world)
    world.answer("suggestion", 200)
    world.say("change_notification")
    world.clock.advance(3600)
    world.drain()
    assert world.calls().count(PROPOSAL) == 2  # the first was answered with 503
    assert record(world).state is SUGGESTED


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 503])
def test_an_answer_about_something_else_suggests_nothing(world: World, status: int) -> None:
    """P52."""
    world.answer("change_notification", status)
    notify(world)
    assert world.record() is None
    assert [operation for operation, _ in world.said()] == ["change_notification"]


def test_a_known_sku_that_the_marketplace_lost_is_suggested_again(world: World) -> None:
    mark(world, KNOWN)
    is_unknown(world)
    world.answer("suggestion", 200)
    notify(world)
    assert world.calls() == [NOTICE, PROPOSAL]
    assert record(world).state is SUGGESTED


def test_an_approved_sku_becomes_known(world: World) -> None:
    mark(world, SUGGESTED)
    is_known(world)
    notify(world)
    assert record(world).state is KNOWN


def test_a_suggestion_that_expired_is_made_again(world: World) -> None:
    mark(world, SUGGESTED)
    is_unknown(world)
    world.answer("suggestion", 200)
    world.clock.advance(EXPIRY.total_seconds())
    notify(world)
    assert world.calls() == [NOTICE]
    world.clock.advance(1)
    notify(world)
    assert world.calls() == [NOTICE, NOTICE, PROPOSAL]
    assert record(world).suggested_at == world.clock.now()


# suggestions


def test_a_suggestion_says_what_the_shop_says_at_that_moment(world: World) -> None:
    world.skus["other"] = make_sku("other")
    suggest(world)
    (request,) = world.wire.request_history
    body = json.loads(request.body)
    SuggestionSchema().load(body)
    assert (body["SellerId"], body["SkuName"], body["EAN"]) == ("fruitshop", "250 g", ["7891234567895"])
    assert world.asked == [("beans-250",)]


def test_a_loader_may_return_more_than_was_asked_for(world: World) -> None:
    hook: Hook[Any] = Hook("sku_loader")
    hook.register(lambda sku_ids, /: [make_sku(), make_sku("other", name="wrong")])
    world.sku_loader = hook
    suggest(world)
    assert json.loads(world.wire.request_history[0].body)["SkuName"] == "250 g"


def test_a_sku_that_exists_already_is_known(world: World) -> None:
    """P57, row 32."""
    suggest(world, 304)
    assert (record(world).state, record(world).reason) == (KNOWN, "304: exists")
    assert world.said() == [("suggestion", "delivered")]


@pytest.mark.parametrize(
    "text",
    [
        '{"Code": 18, "Message": "x"}',
        '{"errorCode":"18"}',
        '{"Message": "SuggestionIsNotPending"}',
        "Suggestion is not pending",
        "Error 18",
        "18",
    ],
)
@pytest.mark.parametrize("before", [None, UNKNOWN, SUGGESTED])
def test_a_suggestion_that_is_not_pending_any_more_has_a_reason_of_its_own(
    world: World, text: str, before: SkuState | None
) -> None:
    """P57, row 32."""
    if before is not None:
        mark(world, before)
    suggest(world, 400, text)
    assert (record(world).state, record(world).reason) == (SUGGESTED, NOT_PENDING)
    is_unknown(world)
    notify(world)
    assert world.calls() == [PROPOSAL, NOTICE]
    assert record(world).reason == NOT_PENDING


@pytest.mark.parametrize(
    ("status", "text"), [(200, ""), (400, "Error 18"), (400, "Error 2"), (304, "")], ids=["200", "18", "2", "304"]
)
def test_a_known_sku_stays_known_whatever_a_suggestion_is_answered(world: World, status: int, text: str) -> None:
    mark(world, KNOWN)
    suggest(world, status, text)
    assert record(world).state is KNOWN


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"Code": 10}', f"400: {SuggestionError.NO_CODE.words}"),
        *((text, "400") for text in ('{"Code": 118}', '{"Code": 180}', "18 images", "")),
    ],
)
def test_a_refused_suggestion_leaves_its_reason(world: World, text: str, reason: str) -> None:
    suggest(world, 400, text)
    assert (record(world).state, record(world).reason) == (UNKNOWN, reason)
    assert world.said() == [("suggestion", "dead")]


def test_a_refusal_leaves_a_standing_suggestion(world: World) -> None:
    mark(world, SUGGESTED)
    suggest(world, 403)
    assert record(world).state is SUGGESTED
    assert record(world).reason.startswith("403: the application key lacks the permission Channels")


def test_a_suggestion_that_was_tried_in_vain_for_too_long_leaves_its_reason(world: World) -> None:
    world.say("suggestion")
    world.wire.put(PROPOSAL.removeprefix("PUT "), exc=requests.ConnectTimeout)
    for _ in range(20):
        world.drain()
        world.clock.advance(2 * 3600)
    assert world.said() == [("suggestion", "dead")]
    assert (record(world).state, record(world).reason) == (UNKNOWN, "not sent: ConnectTimeout")


def test_a_sku_that_was_put_right_is_suggested_at_its_next_notice(world: World) -> None:
    world.skus["beans-250"] = make_sku(brand="")
    is_unknown(world)
    world.answer("suggestion", 200)
    notify(world)
    assert world.said() == [("change_notification", "delivered"), ("suggestion", "dead")]
    world.skus["beans-250"] = make_sku()
    notify(world)
    assert record(world).state is SUGGESTED


def test_what_the_marketplace_would_refuse_never_leaves(world: World) -> None:
    """P54 and P55."""
    world.skus["beans-250"] = make_sku(ean=None, images=())
    world.say("suggestion")
    world.drain()
    assert world.calls() == []
    assert world.said() == [("suggestion", "dead")]
    reason = "SKU beans-250 cannot be suggested: ean and ref_id are both missing; images is empty"
    assert record(world).reason == world.messages()[0].last_reason == reason


def test_a_sku_that_the_shop_does_not_know_is_a_dead_letter(world: World) -> None:
    world.skus.clear()
    world.say("suggestion")
    world.drain()
    assert record(world).reason == "SKU beans-250 cannot be suggested: the shop's sku_loader does not return it"


def test_without_a_sku_loader_a_suggestion_is_a_dead_letter_that_names_it(world: World) -> None:
    world.sku_loader = Hook("sku_loader")
    world.say("suggestion")
    world.drain()
    assert record(world).reason.startswith("no sku_loader is registered")


def _raise(_: Any, /) -> Any:
    raise RuntimeError("with words of the shop's")


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (_raise, "raised RuntimeError"),
        (lambda _, /: [{"sku_id": "beans-250"}], "returned dict where Sku objects belong"),
    ],
)
def test_a_loader_that_fails_makes_a_dead_letter_without_its_words(world: World, function: Any, reason: str) -> None:
    world.sku_loader = Hook("sku_loader")
    world.sku_loader.register(function)
    world.say("suggestion")
    world.drain()
    assert record(world).reason == f"the shop's sku_loader {reason}"


def test_the_finisher_has_the_last_word_about_a_suggestion(world: World) -> None:
    """rows 30 and 31: a marketplace that wants kilograms, one EAN, and prices with a point."""
    told: list[Any] = []

    def finish(sku: Any, suggestion: dict[str, Any], marketplace: str, /) -> dict[str, Any]:
        told.append((sku, marketplace))
        suggestion["WeightKg"] = suggestion.pop("Weight") / 1000
        return {**suggestion, "EAN": suggestion["EAN"][0], "Pricing": {"SalePrice": sku.price / 100}}

    world.finisher.register(finish)
    suggest(world)
    [request] = world.wire.request_history
    sent = request.json()
    assert (sent["WeightKg"], sent["EAN"], sent["Pricing"]) == (0.26, "7891234567895", {"SalePrice": 39.9})
    assert "Weight" not in sent
    assert told == [(world.skus["beans-250"], "acme")]
    assert record(world).state is SUGGESTED


def test_without_a_finisher_a_suggestion_has_the_published_names_and_cents(world: World) -> None:
    """P54, P56, rows 30 and 31."""
    suggest(world)
    sent = world.wire.request_history[0].json()
    assert (sent["EAN"], sent["Weight"], sent["Pricing"]["SalePrice"]) == (["7891234567895"], 260, 3990)
    assert sent["Images"] == [{"imageName": "Bag", "imageUrl": "https://shop.example/beans.jpg"}]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "must return a dict with the suggestion"),
        ([], "must return a dict with the suggestion"),
        ("{}", "must return a dict with the suggestion"),
        ({}, "must return a dict with the suggestion"),
        ({"price": {1, 2}}, "returned what JSON cannot hold"),
        ({1: 2}, "returned what JSON cannot hold"),
        ({"name": "\ud800"}, "returned what JSON cannot hold"),
    ],
)
def test_a_finisher_that_returns_no_suggestion_makes_a_dead_letter(world: World, answer: Any, words: str) -> None:
    """row 30"""
    world.finisher.register(lambda *_: answer)
    suggest(world)
    assert world.calls() == []
    assert record(world).reason == f"the shop's suggestion_finisher {words}"


def test_a_finisher_that_fails_makes_a_dead_letter_without_its_words(world: World) -> None:
    def finish(*_: Any) -> Any:
        raise RuntimeError("with words of the shop's")

    world.finisher.register(finish)
    suggest(world)
    assert record(world).reason == "the shop's suggestion_finisher raised RuntimeError"


def test_the_shops_function_runs_in_the_context_that_it_needs(world: World) -> None:
    steps: list[str] = []

    @contextmanager
    def context() -> Iterator[None]:
        steps.append("in")
        yield
        steps.append("out")

    def load(_: Any, /) -> Iterable[Any]:
        steps.append("load")
        yield make_sku()

    hook: Hook[Any] = Hook("sku_loader")
    hook.register(load)
    handler = world.suggestion_handler(sku_loader=hook, context=context)
    world.say("suggestion")
    [message] = world.messages()
    prepared = handler.prepare([message])[message.id]
    assert isinstance(prepared, Prepared)
    assert prepared.body["SkuName"] == "250 g"
    assert steps == ["in", "load", "out"]


# the SKUs on sale


def test_a_notice_ends_with_the_sku_known_or_suggested(world: World) -> None:
    is_unknown(world)
    world.answer("suggestion", 200)
    world.say("change_notification")
    world.drain()
    assert record(world).state is SUGGESTED


def test_the_shop_names_its_skus(world: World) -> None:
    hook: Hook[Any] = Hook("sku_ids_loader")
    with pytest.raises(HookMissing, match="sku_ids_loader"):
        sku_ids_on_sale(hook)
    hook.register(lambda: iter(["a", "b"]))
    assert sku_ids_on_sale(hook) == ["a", "b"]


def test_a_shop_that_fails_to_name_its_skus_fails_without_its_words() -> None:
    def load() -> Iterator[str]:
        yield "a"
        raise RuntimeError("with words of the shop's")

    hook: Hook[Any] = Hook("sku_ids_loader")
    hook.register(load)
    with pytest.raises(HookFailed, match="the shop's sku_ids_loader raised RuntimeError"):
        sku_ids_on_sale(hook)


# another look


def test_an_approval_is_learnt_by_another_look(world: World) -> None:
    interval = timedelta(minutes=30)
    mark(world, SUGGESTED)

    def look() -> int:
        def work(ledger: SkuLedger) -> list[Draft]:
            return due_for_another_look(
                ledger, marketplaces=["acme"], interval=interval, limit=9, now=world.clock.now()
            )

        found: list[Draft] = world.ledger(work)
        world.append(found)
        world.drain()
        return len(found)

    assert look() == 0
    world.clock.advance(interval.total_seconds())
    world.answer("suggestion_status", 200, '{"Status": "Pending"}')
    assert look() == 1
    assert (look(), record(world).state) == (0, SkuState.PENDING)
    world.clock.advance(interval.total_seconds())
    world.answer("suggestion_status", 200, '{"Status": "Approved"}')
    is_known(world)
    assert look() == 1
    assert record(world).state is KNOWN
    world.clock.advance(interval.total_seconds())
    assert look() == 0
    assert world.calls() == [STATUS, STATUS, NOTICE]


def test_the_shop_is_asked_once_about_skus_whose_suggestions_are_sent_together(world: World) -> None:
    world.skus = {sku_id: make_sku(sku_id) for sku_id in ("a", "b", "c")}
    for sku_id in world.skus:
        world.answer("suggestion", 200, sku_id=sku_id)
        world.say("suggestion", sku_id)
    world.drain()
    assert world.asked == [("a", "b", "c")]


def test_a_sku_that_breaks_the_shops_function_does_not_stop_the_others(world: World) -> None:
    def load(sku_ids: Any, /) -> Iterable[Any]:
        if "b" in sku_ids:
            raise ZeroDivisionError
        return [make_sku(sku_id) for sku_id in sku_ids]

    world.sku_loader = Hook("sku_loader")
    world.sku_loader.register(load)
    for sku_id in ("a", "b", "c"):
        world.answer("suggestion", 200, sku_id=sku_id)
        world.say("suggestion", sku_id)
    world.drain()
    records = {sku_id: world.record(sku_id) for sku_id in ("a", "b", "c")}
    assert {sku_id: found and found.state for sku_id, found in records.items()} == {
        "a": SUGGESTED,
        "b": UNKNOWN,
        "c": SUGGESTED,
    }
    assert "sku_loader" in str(records["b"])
