"""The checks of the fulfillment simulation: lines, stock, money and the guard at the door (P1 to P10, P15 to P23)."""

import re
from collections.abc import Iterator
from typing import Any

from .cart import (
    PATH,
    cart_body,
    item,
    items,
    logistics,
    logistics_of,
    objects,
    require_more_skus,
    simulate,
    simulate_with_unknown,
    slas,
    stock_of,
    understood,
    whole,
)
from .conversation import Conversation, NotApplicable, Reply
from .refusal import require_refused
from .target import Unreachable

PATIENCE_SECONDS = 2.5
"""How long a marketplace waits for a simulation."""
_COUNTRY = re.compile(r"[A-Z]{3}")


def price_and_stock(talk: Conversation) -> None:
    """P1."""
    reply = simulate(talk, (talk.case.skus[0].id, 1))
    offer, stock = item(reply, 0), logistics_of(reply, 0).get("stockBalance")
    price, list_price = offer.get("price"), offer.get("listPrice")
    reply.require(_is_amount(price) and price, "a SKU in stock has a price above zero, in `items[].price`")
    reply.require(_is_amount(list_price), "the price before any discount stands in `items[].listPrice`")
    reply.require((list_price or 0) >= (price or 0), "`listPrice` is the price before a discount: never below `price`")
    reply.require(_is_amount(stock) and stock, "a SKU in stock has its stock in `logisticsInfo[].stockBalance`")


def no_address(talk: Conversation) -> None:
    """P2."""
    body = cart_body(talk, (talk.case.skus[0].id, 1))
    del body["postalCode"], body["country"]
    absent = understood(talk.call(PATH, body))
    for form in (None, ""):
        reply = understood(talk.call(PATH, {**body, "postalCode": form, "country": form}))
        alike = _gist(reply) == _gist(absent)
        reply.require(alike, "a null and an empty address mean what a missing one does, and are answered alike")
        echoed = (reply.json.get("postalCode", ""), reply.json.get("country", ""))
        reply.require(echoed == (None, None), "without an address, `postalCode` and `country` come back as null")


def _gist(reply: Reply) -> list[tuple[Any, ...]]:
    told = [[entry.get("price"), entry.get("listPrice"), entry.get("quantity")] for entry in items(reply)]
    return [*map(tuple, told), *((entry.get("stockBalance"),) for entry in logistics(reply))]


def every_line(talk: Conversation) -> None:
    """P3."""
    wanted = [talk.case.skus[0].id, talk.case.unknown_sku, *(sku.id for sku in talk.case.skus[1:2])]
    reply = simulate_with_unknown(talk, *((sku_id, 1) for sku_id in wanted))
    found = items(reply)
    reply.require(
        len(found) == len(wanted), f"{len(wanted)} requested lines are answered with as many `items`, not {len(found)}"
    )
    numbers = [whole(entry.get("requestIndex")) for entry in found]
    expected = list(range(len(wanted)))
    reply.require(sorted(numbers, key=str) == expected, f"`requestIndex` numbers the lines: {expected}, not {numbers}")
    answered = {whole(entry.get("requestIndex")): str(entry.get("id")) for entry in found}
    reply.require(answered == dict(enumerate(wanted)), "each item has the `id` of the line that it answers")


def unknown_sku(talk: Conversation) -> None:
    """P4."""
    reply = understood(talk.call(PATH, cart_body(talk, (talk.case.unknown_sku, 1))))
    for entry in items(reply):
        reply.require(entry.get("quantity") == 0, "a SKU that the shop does not know has the `quantity` 0")


def limited_by_stock(talk: Conversation) -> None:
    """P5."""
    sku = talk.case.skus[0]
    stock = stock_of(talk, sku.id) if sku.stock is None else sku.stock
    if talk.case.max_stock is not None:
        stock = min(stock, talk.case.max_stock)
    reply = simulate(talk, (sku.id, stock + 2))
    quantity, balance = item(reply, 0).get("quantity"), logistics_of(reply, 0).get("stockBalance")
    asked = f"asked for {stock + 2} of {stock} in stock"
    reply.require(quantity == stock, f"{asked}, the `quantity` is {stock}, not {quantity}")
    reply.require(balance == stock, f"{asked}, the `stockBalance` is {stock}, not {balance}")


def zero_means_zero(talk: Conversation) -> None:
    """P6."""
    missing = [talk.case.unknown_sku, *filter(None, [talk.case.out_of_stock_sku])]
    reply = simulate_with_unknown(talk, (talk.case.skus[0].id, 1), *((sku_id, 1) for sku_id in missing))
    for index in range(1, len(missing) + 1):
        if item(reply, index).get("quantity") != 0:
            continue
        entry = logistics_of(reply, index)
        counts = [entry.get("stockBalance", 0)]
        counts += [channel.get("stockBalance", 0) for channel in objects(entry.get("deliveryChannels"))]
        says = f"line {index} can serve 0: its `stockBalance`, also that of each delivery channel, is 0, too"
        reply.require(not any(counts), f"{says}; a marketplace else sells any number of it")


def nothing_available(talk: Conversation) -> None:
    """P7."""
    if talk.case.unavailable == "zeros":
        raise NotApplicable("the shop is set up to say it with zeros, which marketplaces understand, too")
    reply = simulate_with_unknown(talk, (talk.case.unknown_sku, 1))
    found = reply.json.get("logisticsInfo")
    reply.require(found == [], "where no line of the cart is available, `logisticsInfo` is an empty list")


def shared_stock(talk: Conversation) -> None:
    """P8."""
    sku = talk.case.skus[0].id
    stock = stock_of(talk, sku)
    reply = simulate(talk, (sku, stock), (sku, 1))
    quantities = [whole(item(reply, index).get("quantity")) for index in (0, 1)]
    reply.require(None not in quantities, "two lines of one SKU are two `items`, each with its `quantity`")
    total = sum(quantity or 0 for quantity in quantities)
    reply.require(total <= stock, f"two lines of one SKU share its stock of {stock}: together they cannot get {total}")


def whole_cents(talk: Conversation) -> None:
    """P9."""
    lines = [(sku.id, 1) for sku in talk.case.skus]
    reply = simulate(talk, *lines, address=talk.case.address)
    for name, amount in _amounts(reply):
        is_cents = isinstance(amount, int) and not isinstance(amount, bool) and amount >= 0
        reply.require(is_cents, f"{name} is money: a whole number of cents without a decimal point, not {amount!r}")
    for index, sku in enumerate(talk.case.skus):
        price = item(reply, index).get("price")
        kept = sku.price is None or price == sku.price
        reply.require(kept, f"{sku.id} costs {sku.price} cents: that is its `price`, not {price}")


def _amounts(reply: Reply) -> Iterator[tuple[str, Any]]:
    for entry in items(reply):
        for key in ("price", "listPrice"):
            if entry.get(key) is not None:
                yield f"items[].{key}", entry[key]
        for offering in objects(entry.get("offerings")):
            yield "items[].offerings[].price", offering.get("price", 0)
    for index in range(len(items(reply))):
        for sla in slas(reply, index):
            yield "slas[].price", sla.get("price", 0)
            for window in objects(sla.get("availableDeliveryWindows")):
                yield "availableDeliveryWindows[].price", window.get("price", 0)


def offerings(talk: Conversation) -> None:
    """P10."""
    reply = simulate(talk, *((sku.id, 1) for sku in talk.case.skus))
    for entry in items(reply):
        found = entry.get("offerings")
        reply.require(
            isinstance(found, list), "`offerings` is a list; where there are none, an empty one and never null"
        )
        for offering in objects(found):
            complete = all(offering.get(key) is not None for key in ("type", "id", "name", "price"))
            reply.require(complete, "each of the `offerings` has `type`, `id`, `name` and `price`")


def logistics_in_order(talk: Conversation) -> None:
    """P15."""
    first, second = require_more_skus(talk)
    reply = simulate(talk, (first, 1), (second, 1), address=talk.case.address)
    numbers = [entry.get("itemIndex") for entry in logistics(reply)]
    expected = list(range(len(numbers)))
    reply.require(numbers == expected, f"`logisticsInfo` stands in the order of the lines: {expected}, not {numbers}")
    for entry in logistics(reply):
        countries = entry.get("shipsTo")
        known = isinstance(countries, list) and countries and all(_COUNTRY.fullmatch(str(name)) for name in countries)
        reply.require(known, "`shipsTo` lists countries, at least one, in three capitals such as `BRA`")


def sales_channel(talk: Conversation) -> None:
    """P16: seen only at a shop whose offers depend on the channel."""
    body = cart_body(talk, (talk.case.skus[0].id, 1))
    mine, other = talk.case.sales_channels
    at = talk.endpoint.at
    in_body = understood(talk.call(PATH, {**body, "sc": mine}, at=at(PATH, sc=None)))
    in_query = understood(talk.call(PATH, body, at=at(PATH, sc=mine)))
    in_both = understood(talk.call(PATH, {**body, "sc": mine}, at=at(PATH, sc=other)))
    says = f"sales channel {mine} has one offer, whether"
    in_query.require(_gist(in_query) == _gist(in_body), f"{says} `sc` stands in the query or in the body")
    in_both.require(_gist(in_both) == _gist(in_body), f"{says} the query names the same channel or another one")


def merchant_name(talk: Conversation) -> None:
    """P17."""
    expected = talk.case.merchant_name
    reply = simulate(talk, (talk.case.skus[0].id, 1), address=talk.case.address)
    who = "the marketplace charges: `merchantName` is null"
    if expected is not None:
        who = f"the shop processes the payment: `merchantName` is {expected!r}"
    for entry in items(reply):
        reply.require(entry.get("merchantName") == expected, f"{who} in every item, not {entry.get('merchantName')!r}")


def in_time(talk: Conversation) -> None:
    """P18: the time on the wire counts, too."""
    reply = simulate(talk, *((sku.id, 1) for sku in talk.case.skus), address=talk.case.address)
    says = f"a marketplace waits {PATIENCE_SECONDS} seconds for a simulation; this one took {reply.seconds:.1f}"
    reply.require(reply.seconds <= PATIENCE_SECONDS, says)


def lenient_cart(talk: Conversation) -> None:
    """P19."""
    sku_id, seller = talk.case.skus[0].id, talk.case.seller_id
    plain = simulate(talk, (sku_id, 1))
    forms: dict[str, dict[str, object]] = {
        "the quantity as a text": {"id": sku_id, "quantity": "1", "seller": seller},
        "`Seller` with a capital": {"id": sku_id, "quantity": 1, "Seller": seller},
    }
    if sku_id.isascii() and sku_id.isdigit() and str(int(sku_id)) == sku_id:
        forms["the id as a number"] = {"id": int(sku_id), "quantity": 1, "seller": seller}
    for name, line in forms.items():
        reply = talk.call(PATH, {**cart_body(talk), "items": [line]})
        reply.require(reply.status == 200, f"marketplaces send {name}, and mean what they always mean")
        alike = isinstance(reply.json, dict) and _gist(reply) == _gist(plain)
        reply.require(alike, f"{name} is answered like any other cart")


def coordinates(talk: Conversation) -> None:
    """P20."""
    point = talk.case.point()
    if not point:
        raise NotApplicable("the address comes without coordinates")
    body = cart_body(talk, (talk.case.skus[0].id, 1), geoCoordinates=point)
    reply = understood(talk.call(PATH, body))
    reply.require(slas(reply, 0), "coordinates without a postal code are an address, and get delivery options")


def same_prices(talk: Conversation) -> None:
    """P21."""
    lines = [(sku.id, 1) for sku in talk.case.skus[:3]]
    first, again = (simulate(talk, *lines, address=talk.case.address) for _ in range(2))
    prices = _delivery_prices(first, lines)
    again.require(_delivery_prices(again, lines) == prices, "the same cart has the same delivery prices every time")
    lines.reverse()
    turned = simulate(talk, *lines, address=talk.case.address)
    same = _delivery_prices(turned, lines) == prices
    turned.require(same, "a delivery's price does not depend on the order of the lines")


def _delivery_prices(reply: Reply, lines: list[tuple[str, int]]) -> dict[tuple[str, str], object]:
    return {
        (sku_id, str(sla.get("id"))): sla.get("price")
        for index, (sku_id, _) in enumerate(lines)
        for sla in slas(reply, index)
    }


def malformed_cart(talk: Conversation) -> None:
    """P22."""
    bodies = {"no JSON": b"{", "a list": b"[]", "a cart without `items`": b"{}"}
    for name, body in bodies.items():
        reply = talk.call(PATH, body)
        require_refused(reply, f"a body that is {name}", statuses=(400,))


def too_much(talk: Conversation) -> None:
    """P23."""
    sku_id = talk.case.skus[0].id
    too_many = [(sku_id, 1)] * (talk.case.max_items + 1)
    too_large = cart_body(talk, (sku_id, 1), padding="x" * talk.case.max_bytes)
    bodies = {f"{len(too_many)} lines": cart_body(talk, *too_many), "a body above the cap": too_large}
    for name, body in bodies.items():
        try:
            reply = talk.call(PATH, body)
        except Unreachable:  # many servers hang up on what they will not read; the next call must find them well
            talk.call(PATH, cart_body(talk, (sku_id, 1)))
            continue
        reply.require(reply.status in (400, 413), f"{name} is refused with 400 or 413 before the shop looks at it")


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
