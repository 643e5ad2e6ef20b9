"""The checks of the order placement (P24 to P36)."""

from typing import Any

from .cart import stock_of, text
from .case import FAILURE
from .conversation import Conversation, NotApplicable, Reply
from .ordering import answers, ask, order_body, place, placed_id
from .refusal import require_error_headers, require_refused

_SECRETS = ("Traceback", "RuntimeError", FAILURE)


def same_container(talk: Conversation) -> None:
    """P24."""
    offered = ask(talk)
    in_array = place(talk, order_body(talk, offered))
    bare = place(talk, order_body(talk, offered), bare=True)
    if in_array.status != 200 and bare.status != 200:
        raise in_array.unfit("the shop takes no order: see P25")
    in_array.require(in_array.status == 200, "marketplaces send orders in an array, even one alone")
    is_array = isinstance(in_array.json, list) and len(in_array.json) == 1
    in_array.require(is_array, "an array with one order is answered with an array with one element")
    bare.require(bare.status == 200, "an order that comes without an array is taken, too")
    bare.require(isinstance(bare.json, dict), "an order that comes without an array is answered with one object")


def echo(talk: Conversation) -> None:
    """P25."""
    body = order_body(talk, ask(talk))
    reply = place(talk, body)
    reply.require(reply.status == 200, f"an order for what the shop just offered is answered 200, not {reply.status}")
    answer = _first(reply)
    reply.require(text(answer.get("orderId")), "`orderId` is the shop's own id of the order, a text")
    reply.require(isinstance(answer.get("followUpEmail"), str), "`followUpEmail` is a text, empty if there is none")
    differing = [name for name, sent in body.items() if name != "paymentData" and not _covers(answer.get(name), sent)]
    reply.require(not differing, f"what was received comes back in the answer; not so {', '.join(differing)}")


def unknown_fields(talk: Conversation) -> None:
    """P26."""
    body = order_body(talk, ask(talk), customData={"customApps": [{"id": "conformance", "fields": {"a": "1"}}]})
    body["conformanceField"] = ["kept", 7, None]
    body["items"][0]["conformanceField"] = {"kept": True}
    reply = place(talk, body)
    reply.require(reply.status == 200, "fields that the shop does not know are no reason to refuse an order")
    answer = _first(reply)
    for name in ("customData", "conformanceField"):
        reply.require(_covers(answer.get(name), body[name]), f"unknown fields come back as received: `{name}` does not")
    lines = answer.get("items")
    inner = lines[0].get("conformanceField") if isinstance(lines, list) and lines else None
    reply.require(inner == {"kept": True}, "unknown fields of an item come back as received")


def repeat(talk: Conversation) -> None:
    """P27."""
    body, before = order_body(talk, ask(talk)), _orders(talk)
    first = placed_id(place(talk, body))
    stock = _stock(talk)
    again = place(talk, body)
    again.require(again.status == 200, "the same order again, as after a lost answer, is answered 200 once more")
    answer = text(_first(again).get("orderId"))
    again.require(answer == first, f"the same order again has the same `orderId`: {first}, not {answer}")
    _require_no_more(talk, again, before, 1, "the same order twice is one order in the shop")
    again.require(_stock(talk) == stock, "the same order twice takes its stock once")


def conflict(talk: Conversation) -> None:
    """P28."""
    two, before = ask(talk, 2), _orders(talk)
    body = order_body(talk, ask(talk))
    placed_id(place(talk, body))
    stock = _stock(talk)
    reply = place(talk, order_body(talk, two, body["marketplaceOrderId"]))
    require_refused(reply, "another order under an id that is taken", statuses=(409,), code="FMT009")
    _require_no_more(talk, reply, before, 1, "a conflicting order leaves nothing in the shop")
    reply.require(_stock(talk) == stock, "a conflicting order takes no stock")


def no_stock(talk: Conversation) -> None:
    """P29."""
    stock, before = _true_stock(talk, ask(talk).stock), _orders(talk)
    reply = place(talk, order_body(talk, ask(talk, stock + 1, beyond_stock=True)))
    require_refused(reply, f"an order for {stock + 1} of {stock} in stock", code="FMT002")
    require_error_headers(reply, "FMT002")
    _require_no_more(talk, reply, before, 0, "an order that is refused leaves nothing in the shop")


def _true_stock(talk: Conversation, shown: int) -> int:
    most = talk.case.max_stock
    if most is None or shown < most:
        return shown
    stock = talk.case.skus[0].stock
    if stock is None:
        raise NotApplicable("the shop shows not all of its stock, and how much it has is not named")
    return stock


def refusals(talk: Conversation) -> None:
    """P30."""
    offered = ask(talk)
    unknown = order_body(talk, offered)
    unknown["items"][0]["id"] = talk.case.unknown_sku
    require_refused(place(talk, unknown), "an order for a SKU that the shop does not know", code="ORD021")
    undeliverable = order_body(talk, offered)
    undeliverable["shippingData"]["logisticsInfo"][0]["selectedSla"] = "no-such-sla-conformance"
    require_refused(place(talk, undeliverable), "an order with a delivery that the shop does not offer", code="FMT010")
    if talk.case.failing_placement is not None:
        with talk.case.failing_placement():
            failed = place(talk, order_body(talk, offered))
        require_refused(failed, "an order at which the shop's code fails", statuses=(500,), code="ORD008")
        words = failed.answer.body.decode("utf-8", "replace")
        leaked = [word for word in _SECRETS if word in words]
        failed.require(not leaked, "an error's answer tells nothing of the shop's code")


def no_items(talk: Conversation) -> None:
    """P31."""
    before = _orders(talk)
    body = order_body(talk, ask(talk), items=[])
    body["shippingData"]["logisticsInfo"] = []
    reply = place(talk, body)
    require_refused(reply, "an order without items", statuses=(400,))
    _require_no_more(talk, reply, before, 0, "an order without items leaves nothing in the shop")


def only_reserved(talk: Conversation) -> None:
    """P32."""
    may_ship = talk.case.may_ship
    if may_ship is None:
        raise NotApplicable("nothing tells whether the shop would ship: `may_ship` is not given")
    reply = place(talk, order_body(talk, ask(talk)))
    shipped = may_ship(placed_id(reply))
    reply.require(not shipped, "a placed order is only reserved: it is not shipped before it is authorized")


def masked_shopper(talk: Conversation) -> None:
    """P33."""
    offered = ask(talk)
    masked = {"email": "0a1b2c@ct.marketplace.example", "firstName": None, "lastName": None, "document": None}
    for name, shopper in {"a masked e-mail address and no name": masked, "no data at all": None}.items():
        reply = place(talk, order_body(talk, offered, clientProfileData=shopper))
        reply.require(reply.status == 200, f"marketplaces share what they like: a shopper with {name} is no reason")


def failing_shop(talk: Conversation) -> None:
    """P34."""
    failing = talk.case.failing_placement
    if failing is None:
        raise NotApplicable("the shop's code cannot be made to fail: `failing_placement` is not given")
    body, before, stock = order_body(talk, ask(talk)), _orders(talk), _stock(talk)
    with failing():
        reply = place(talk, body)
    reply.require(reply.status >= 400, "an order at which the shop's code fails is not answered as if it were placed")
    if _orders(talk) == before:  # else the shop commits its orders by itself, and must find this one at the repeat
        reply.require(_stock(talk) == stock, "an order at which the shop's code failed takes no stock")
    again = place(talk, body)
    again.require(again.status == 200, "once the shop's code is well again, the repeat of the order is taken")
    _require_no_more(talk, again, before, 1, "the repeat of an order that failed is one order in the shop")


def all_or_nothing(talk: Conversation) -> None:
    """P35: whether anything stayed is seen by placing the first order again, with other content."""
    one, two, before, stock = ask(talk), ask(talk, 2), _orders(talk), _stock(talk)
    good, bad = order_body(talk, one), order_body(talk, one)
    bad["items"][0]["id"] = talk.case.unknown_sku
    alone = place(talk, bad)
    if alone.status == 200:
        raise alone.unfit("the shop takes an order that it cannot fill: see P30")
    reply = place(talk, good, bad)
    reply.require(reply.status >= 400, "two orders of which one cannot be taken are refused together")
    _require_no_more(talk, reply, before, 0, "two orders that are refused together leave none in the shop")
    reply.require(_stock(talk) == stock, "two orders that are refused together take no stock")
    other = place(talk, order_body(talk, two, good["marketplaceOrderId"]))
    other.require(other.status == 200, "an order that was refused together with another is unknown, and its id is free")


def payment(talk: Conversation) -> None:
    """P36."""
    reply = place(talk, order_body(talk, ask(talk)))
    placed_id(reply)
    answer, merchant = _first(reply), talk.case.merchant_name
    if merchant is None:
        given = "paymentData" in answer and answer["paymentData"] is None
        reply.require(given, "the marketplace charges: `paymentData` is null in the answer")
        return
    found = answer.get("paymentData")
    found = found if isinstance(found, dict) else {}
    reply.require(found.get("merchantName") == merchant, f"`paymentData.merchantName` is {merchant!r}")
    reference = str(found.get("merchantPaymentReferenceId", ""))
    digits = reference.isascii() and reference.isdigit()
    reply.require(digits, "`paymentData.merchantPaymentReferenceId` is the payment's reference, digits only")


def _first(reply: Reply) -> dict[str, Any]:
    return next(iter(answers(reply)), {})


def _covers(received: Any, sent: Any) -> bool:
    """Tell whether everything sent is in what came back; more may be."""
    if isinstance(sent, dict):
        return isinstance(received, dict) and all(_covers(received.get(name), value) for name, value in sent.items())
    if isinstance(sent, list):
        alike = isinstance(received, list) and len(received) == len(sent)
        return alike and all(_covers(got, value) for got, value in zip(received, sent, strict=True))
    return bool(received == sent)


def _orders(talk: Conversation) -> int:
    return 0 if talk.case.count_orders is None else talk.case.count_orders()


def _require_no_more(talk: Conversation, reply: Reply, before: int, more: int, says: str) -> None:
    if talk.case.count_orders is not None:
        found = talk.case.count_orders() - before
        reply.require(found == more, f"{says}; {found} were added, and {more} should be")


def _stock(talk: Conversation) -> int | None:
    """Return the stock of the first SKU; None where it is not told, or used up."""
    try:
        return stock_of(talk, talk.case.skus[0].id)
    except NotApplicable:
        return None
