"""The kit bites: a shop that is broken in one thing fails the statement about it, and no other."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

import flask_vtex_seller as vtex
from example_shop import vtex as shop
from example_shop.catalog.models import Product
from example_shop.extensions import db
from example_shop.orders import service
from flask_vtex_seller.conformance import STATEMENTS, Answer, AppTarget
from flask_vtex_seller.hook import Hook

from ..shops import SECOND_TOKEN, TOKEN
from .breaking import BrokenTarget, Call, Change, Memory, Send, answer, refusal, spoiled
from .conftest import Bed

CHANGES: list[tuple[str, Change]] = []
HOOKS: list[tuple[str, str, Callable[..., Any]]] = []


def breaks(statement: str) -> Callable[[Change], Change]:
    """Mark a change on the wire that breaks a statement."""

    def mark(change: Change) -> Change:
        CHANGES.append((statement, change))
        return change

    return mark


def spoils(statement: str) -> Callable[[Callable[[Any, Call], Any]], Callable[[Any, Call], Any]]:
    """Mark a change of a simulation's answer that breaks a statement."""

    def mark(spoil: Callable[[Any, Call], Any]) -> Callable[[Any, Call], Any]:
        def change(call: Call, send: Send, memory: Memory) -> Answer:
            given = send(call)
            if call.route != "simulation" or given.status != 200:
                return given
            return spoiled(given, lambda content: spoil(content, call))

        change.__name__ = spoil.__name__
        CHANGES.append((statement, change))
        return spoil

    return mark


def misbehaves(statement: str, hook: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a function of the shop that breaks a statement."""

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        HOOKS.append((statement, hook, function))
        return function

    return mark


# answers to carts


@spoils("P1")
def the_list_price_is_missing(content: Any, call: Call) -> None:
    for item in content["items"]:
        del item["listPrice"]


@spoils("P1")
def what_is_in_stock_costs_nothing(content: Any, call: Call) -> None:
    if len(call.lines) == 1 and not content["country"] and content["items"][0]["id"] == "CAF-250":
        content["items"][0].update(price=0, listPrice=0)


@spoils("P2")
def an_empty_address_is_echoed(content: Any, call: Call) -> None:
    content["postalCode"] = call.fields.get("postalCode")


@breaks("P2")
def an_empty_country_is_refused(call: Call, send: Send, memory: Memory) -> Answer:
    return refusal(400, "INVALID_FIELD") if call.fields.get("country") == "" else send(call)


@spoils("P3")
def unknown_skus_are_left_out(content: Any, call: Call) -> None:
    content["items"] = [item for item in content["items"] if item["id"] != "no-such-sku-conformance"]


@spoils("P3")
def the_lines_are_numbered_from_one(content: Any, call: Call) -> None:
    for item in content["items"]:
        item["requestIndex"] += 1


@breaks("P4")
def an_unknown_sku_is_not_found(call: Call, send: Send, memory: Memory) -> Answer:
    unknown = any(line.get("id") == "no-such-sku-conformance" for line in call.lines)
    return refusal(404, "ORD021") if unknown and call.route == "simulation" else send(call)


@spoils("P5")
def more_is_promised_than_there_is(content: Any, call: Call) -> None:
    for item, line in zip(content["items"], call.lines, strict=True):
        item["quantity"] = item["quantity"] and int(line["quantity"])


@spoils("P6")
def what_cannot_be_served_has_a_stock(content: Any, call: Call) -> None:
    for item, entry in zip(content["items"], content["logisticsInfo"], strict=False):
        if not item["quantity"]:
            entry["stockBalance"] = 7


@spoils("P7")
def nothing_available_has_logistics(content: Any, call: Call) -> None:
    if not content["logisticsInfo"]:
        content["logisticsInfo"] = [{"itemIndex": 0, "quantity": 0, "stockBalance": 0, "slas": []}]


@spoils("P8")
def each_line_gets_the_whole_stock(content: Any, call: Call) -> None:
    if len({line["id"] for line in call.lines}) < len(call.lines):
        for item, line in zip(content["items"], call.lines, strict=True):
            item["quantity"] = line["quantity"]


@spoils("P9")
def prices_have_a_decimal_point(content: Any, call: Call) -> None:
    for item in content["items"]:
        item["price"] = float(item["price"])


@spoils("P10")
def offerings_are_null(content: Any, call: Call) -> None:
    for item in content["items"]:
        item["offerings"] = None


@spoils("P11")
def the_estimate_is_a_phrase(content: Any, call: Call) -> None:
    for entry in content["logisticsInfo"]:
        for sla in entry["slas"]:
            sla["shippingEstimate"] = "2 dias úteis"


@spoils("P12")
def what_cannot_travel_is_out_of_stock(content: Any, call: Call) -> None:
    if content["postalCode"] == "69005-040":
        for entry in content["logisticsInfo"]:
            entry["stockBalance"] = 0


@misbehaves("P12", "sla_loader")
def everywhere_is_served(request: vtex.SimulationRequest) -> Any:
    return shop.slas(replace(request, postal_code="01310-100"))


@spoils("P13")
def the_counter_has_no_address_id(content: Any, call: Call) -> None:
    for entry in content["logisticsInfo"]:
        for sla in entry["slas"]:
            if sla["pickupStoreInfo"]:
                del sla["pickupStoreInfo"]["address"]["addressId"]


@spoils("P14")
def windows_have_no_zone(content: Any, call: Call) -> None:
    window = {"startDateUtc": "2026-03-05T11:00:00", "endDateUtc": "2026-03-05T15:00:00", "price": 0}
    for entry in content["logisticsInfo"]:
        for sla in entry["slas"]:
            if sla["id"] == "express":
                sla["availableDeliveryWindows"] = [window]


@spoils("P15")
def logistics_stand_backwards(content: Any, call: Call) -> None:
    content["logisticsInfo"].reverse()


@spoils("P16")
def the_querys_channel_wins(content: Any, call: Call) -> None:
    channel = "1" if "sc=1" in call.query else "2" if "sc=2" in call.query else call.fields.get("sc")
    if channel == "2":
        content["items"][0]["price"] += 1


@spoils("P17")
def the_marketplace_is_the_merchant(content: Any, call: Call) -> None:
    for item in content["items"]:
        item["merchantName"] = "acmemarket"


@breaks("P18")
def a_whole_cart_takes_its_time(call: Call, send: Send, memory: Memory) -> Answer:
    memory.clock.advance(1 + len(call.lines) * 0.6)
    return send(call)


@breaks("P19")
def a_quantity_must_be_a_number(call: Call, send: Send, memory: Memory) -> Answer:
    texts = any(isinstance(line.get("quantity"), str) for line in call.lines)
    return refusal(400, "INVALID_FIELD") if texts else send(call)


@misbehaves("P20", "sla_loader")
def only_postal_codes_are_addresses(request: vtex.SimulationRequest) -> Any:
    return shop.slas(request) if request.postal_code else []


@spoils("P21")
def the_first_line_pays_more(content: Any, call: Call) -> None:
    if len(content["logisticsInfo"]) > 1:
        for sla in content["logisticsInfo"][0]["slas"]:
            sla["price"] += 100


@breaks("P22")
def a_list_is_a_surprise(call: Call, send: Send, memory: Memory) -> Answer:
    given = send(call)
    surprised = call.route == "simulation" and given.status == 400 and call.json == []
    return answer(500, "<h1>Internal Server Error</h1>") if surprised else given


@breaks("P23")
def no_cart_is_too_long(call: Call, send: Send, memory: Memory) -> Answer:
    return answer(200, {"items": [], "logisticsInfo": []}) if len(call.lines) > 500 else send(call)


# answers to orders


@breaks("P24")
def an_array_is_answered_with_an_object(call: Call, send: Send, memory: Memory) -> Answer:
    given = send(call)
    if call.route != "orders" or given.status != 200:
        return given
    return spoiled(given, lambda content: content[0] if isinstance(content, list) and len(content) == 1 else None)


def in_placements(spoil: Callable[[dict[str, Any]], None]) -> Change:
    def change(call: Call, send: Send, memory: Memory) -> Answer:
        given = send(call)
        if call.route != "orders" or given.status != 200:
            return given

        def each(content: Any) -> None:
            for placed in content if isinstance(content, list) else [content]:
                spoil(placed)

        return spoiled(given, each)

    change.__name__ = spoil.__name__
    return change


@breaks("P25")
@in_placements
def there_is_no_follow_up_email(placed: dict[str, Any]) -> None:
    del placed["followUpEmail"]


@breaks("P25")
@in_placements
def the_items_do_not_come_back(placed: dict[str, Any]) -> None:
    placed["shippingData"] = {}


@breaks("P26")
@in_placements
def unknown_fields_are_dropped(placed: dict[str, Any]) -> None:
    placed.pop("customData", None)


@breaks("P27")
def a_repeat_is_a_new_order(call: Call, send: Send, memory: Memory) -> Answer:
    if call.route != "orders" or not isinstance(call.json, list) or call.body not in memory.seen:
        given = send(call)
        memory.seen[call.body] = memory.seen.get(call.body) or given.status == 200 or None
        if not memory.seen[call.body]:
            del memory.seen[call.body]
        return given
    (order,) = call.json
    given = send(call.with_body([{**order, "marketplaceOrderId": order["marketplaceOrderId"] + "-again"}]))
    return spoiled(given, lambda content: content[0].update(marketplaceOrderId=order["marketplaceOrderId"]))


@breaks("P28")
def other_content_is_taken_for_a_repeat(call: Call, send: Send, memory: Memory) -> Answer:
    given = send(call)
    if call.route == "orders" and isinstance(call.json, list):
        key = call.json[0]["marketplaceOrderId"]
        if given.status == 409 and key in memory.seen:
            return memory.seen[key]
        if given.status == 200:
            memory.seen[key] = given
    return given


@misbehaves("P29", "on_order_placement")
def too_little_stock_is_an_unknown_sku(order: vtex.OrderPlacement) -> Any:
    try:
        return shop.place(order)
    except vtex.OutOfStock as refused:
        raise vtex.SkuNotFound(str(refused)) from None


@breaks("P29")
def an_error_has_no_headers(call: Call, send: Send, memory: Memory) -> Answer:
    given = send(call)
    return replace(given, headers={}) if given.headers.get("x-vtex-error-code") == "FMT002" else given


@breaks("P30")
def any_delivery_will_do(call: Call, send: Send, memory: Memory) -> Answer:
    return send(replace(call, body=call.body.replace(b"no-such-sla-conformance", b"standard")))


@breaks("P30")
def an_unknown_sku_is_sold_out(call: Call, send: Send, memory: Memory) -> Answer:
    given = send(call)
    return refusal(409, "FMT002") if given.headers.get("x-vtex-error-code") == "ORD021" else given


@breaks("P30")
def an_error_tells_all(call: Call, send: Send, memory: Memory) -> Answer:
    given = send(call)
    if given.status != 500:
        return given
    return spoiled(given, lambda content: content["error"].update(exception="Traceback (most recent call last): …"))


@breaks("P31")
def an_order_without_items_is_fine(call: Call, send: Send, memory: Memory) -> Answer:
    orders = call.json if call.route == "orders" and isinstance(call.json, list) else []
    if orders and orders[0].get("items") == []:
        return answer(200, [{**orders[0], "orderId": "S-0", "followUpEmail": ""}])
    return send(call)


@misbehaves("P32", "on_order_placement")
def an_order_is_shipped_at_once(order: vtex.OrderPlacement) -> Any:
    placed = shop.place(order)
    service.release(service.get(placed.order_id))
    return placed


@misbehaves("P33", "on_order_placement")
def every_shopper_has_a_name(order: vtex.OrderPlacement) -> Any:
    assert order.client
    assert order.client.first_name
    return shop.place(order)


@breaks("P34")
def what_failed_once_fails_for_ever(call: Call, send: Send, memory: Memory) -> Answer:
    if call.body in memory.seen:
        return refusal(409, "ORD008")
    given = send(call)
    if call.route == "orders" and given.status == 500:
        memory.seen[call.body] = True
    return given


@breaks("P35")
def orders_are_taken_one_by_one(call: Call, send: Send, memory: Memory) -> Answer:
    if call.route != "orders" or not isinstance(call.json, list) or len(call.json) < 2:
        return send(call)
    given = [send(call.with_body([order])) for order in call.json]
    return next((one for one in given if one.status != 200), given[0])


@breaks("P36")
@in_placements
def there_is_a_payment_to_speak_of(placed: dict[str, Any]) -> None:
    placed["paymentData"] = {}


# answers about orders


@breaks("P37")
def a_receipt_has_its_ids_exchanged(call: Call, send: Send, memory: Memory) -> Answer:
    given = send(call)
    return spoiled(given, exchange) if call.route == "fulfill" and given.status == 200 else given


def exchange(content: Any) -> None:
    content["orderId"], content["marketplaceOrderId"] = content["marketplaceOrderId"], content["orderId"]


@breaks("P38")
def every_call_has_its_own_receipt(call: Call, send: Send, memory: Memory) -> Answer:
    given = send(call)
    if call.route != "fulfill" or given.status != 200:
        return given
    memory.seen[len(memory.seen)] = True
    return spoiled(given, lambda content: content.update(receipt=f"R-{len(memory.seen)}"))


@breaks("P39")
def an_unknown_order_is_a_page(call: Call, send: Send, memory: Memory) -> Answer:
    given = send(call)
    return answer(404, "<h1>Not Found</h1>") if call.route == "fulfill" and given.status == 404 else given


@breaks("P40")
def a_canceled_order_is_authorized(call: Call, send: Send, memory: Memory) -> Answer:
    given = send(call)
    return answer(200, {}) if call.route == "fulfill" and given.status == 409 else given


@breaks("P41")
def two_spellings_are_too_many(call: Call, send: Send, memory: Memory) -> Answer:
    return refusal(400, "INVALID_FIELD") if b'"Message"' in call.body else send(call)


@breaks("P42")
def the_path_is_enough(call: Call, send: Send, memory: Memory) -> Answer:
    return send(call.with_body({}) if call.route == "fulfill" and call.fields else call)


@breaks("P43")
def thinking_has_a_body(call: Call, send: Send, memory: Memory) -> Answer:
    given = send(call)
    thinking = call.route == "cancel" and given.status == 200 and not given.body
    return answer(200, {"status": "evaluating"}) if thinking else given


@breaks("P44")
def a_confirmation_has_its_ids_exchanged(call: Call, send: Send, memory: Memory) -> Answer:
    given = send(call)
    return spoiled(given, exchange) if call.route == "cancel" and given.status == 200 and given.body else given


@breaks("P46")
def seven_decimals_are_too_many(call: Call, send: Send, memory: Memory) -> Answer:
    return refusal(400, "INVALID_FIELD") if b".1234567" in call.body else send(call)


@breaks("P47")
def a_wish_needs_its_number(call: Call, send: Send, memory: Memory) -> Answer:
    nameless = call.route == "cancel" and "cancellationRequestId" not in call.fields and TOKEN in call.query
    return refusal(400, "INVALID_FIELD") if nameless and call.fields and "no-such" not in call.path else send(call)


@breaks("P48")
def a_wish_is_heard_once(call: Call, send: Send, memory: Memory) -> Answer:
    if call.route == "cancel" and (call.path, call.body) in memory.seen:
        return refusal(409, "ORDER_CANCELED")
    given = send(call)
    if given.status == 200:
        memory.seen[call.path, call.body] = True
    return given


@breaks("P48")
def a_confirmed_wish_is_thought_about_again(call: Call, send: Send, memory: Memory) -> Answer:
    if call.route == "cancel" and (call.path, call.body) in memory.seen:
        return answer(200)
    given = send(call)
    if given.status == 200:
        memory.seen[call.path, call.body] = True
    return given


@breaks("P50")
def every_wish_returns_the_stock(call: Call, send: Send, memory: Memory) -> Answer:
    given = send(call)
    if call.route == "cancel" and call.fields.get("cancellationRequestId") == "f" * 32:
        db.session.execute(update(Product).values(stock=Product.stock + 1))
        db.session.commit()
    return given


# who may call, and how


@breaks("P71")
def cancellations_need_no_token(call: Call, send: Send, memory: Memory) -> Answer:
    given = send(call)
    open_door = call.route == "cancel" and given.status == 401
    return send(replace(call, path=f"{call.path.partition('?')[0]}?token={TOKEN}")) if open_door else given


@breaks("P71")
def the_body_is_read_before_the_token(call: Call, send: Send, memory: Memory) -> Answer:
    return refusal(400, "INVALID_JSON") if call.json is None and "no-such-token" in call.query else send(call)


@breaks("P72")
def one_token_is_enough(call: Call, send: Send, memory: Memory) -> Answer:
    return refusal(401, "UNAUTHORIZED") if SECOND_TOKEN in call.query else send(call)


@breaks("P73")
def what_is_not_found_is_repeated(call: Call, send: Send, memory: Memory) -> Answer:
    given = send(call)
    if given.status != 404:
        return given
    return spoiled(given, lambda content: content["error"].update(message=f"there is no {call.path}"))


@breaks("P74")
def an_empty_channel_is_none(call: Call, send: Send, memory: Memory) -> Answer:
    return refusal(400, "INVALID_FIELD") if call.query.endswith("sc=") else send(call)


def names(entries: list[Any]) -> list[str]:
    return [f"{entry[0]}-{entry[-1].__name__}" for entry in entries]


@pytest.mark.parametrize(("statement", "change"), CHANGES, ids=names(CHANGES))
def test_a_change_on_the_wire_is_found_by_its_statement(bed: Bed, statement: str, change: Change) -> None:
    broken = BrokenTarget(AppTarget(bed.app), change)
    with bed.app.app_context():
        failed = bed.failed(broken, clock=broken.memory.clock)
    assert {name: result.says for name, result in failed.items() if name != statement} == {}
    assert list(failed) == [statement]
    assert failed[statement].sent.startswith("POST /api/vtex/acme/pvt/")
    assert failed[statement].received.startswith("HTTP ")


@pytest.mark.parametrize(("statement", "hook", "function"), HOOKS, ids=names(HOOKS))
def test_a_misbehaving_function_is_found_by_its_statement(
    bed: Bed, hooks: dict[str, Hook[Any]], statement: str, hook: str, function: Callable[..., Any]
) -> None:
    hooks[hook]._function = function
    failed = bed.failed()
    assert {name: result.says for name, result in failed.items() if name != statement} == {}
    assert list(failed) == [statement]


def test_every_statement_that_is_judged_has_a_shop_that_breaks_it() -> None:
    judged = {name for name, statement in STATEMENTS.items() if statement.check}
    assert judged == {entry[0] for entry in (*CHANGES, *HOOKS)}
