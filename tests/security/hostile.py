"""What nobody honest sends: values, texts and whole bodies, and a shop to send them to."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any

from flask_vtex_seller import Offer, OrderModification

from ..shops import ACME, TOKEN, Shop, order_body

CART = {
    "items": [{"id": "apple", "quantity": 1, "seller": "fruitshop", "parentItemIndex": None}],
    "postalCode": "01310-100",
    "country": "BRA",
    "geoCoordinates": [-46.6, -23.5],
    "sc": "1",
}
REFERENCE = {
    "marketplaceOrderId": "1138342255777-01",
    "cancellationRequestId": "c-1",
    "cancellationRequestDate": "2026-03-04T15:45:02.1306360+00:00",
    "reason": "late",
    "requestedByUser": True,
    "paymentData": {"transactions": [{"payments": [{"value": 100}]}]},
}
CHANGE = {"requestId": "r-1", "reason": "late", "add": {"items": [{"id": "apple", "quantity": 1, "price": 1250}]}}
AGREEMENT = {"agreementType": "Confirmation"}
TEMPLATES: dict[str, Any] = {
    "/pvt/orderForms/simulation": CART,
    "/pvt/orders": [order_body()],
    "/pvt/orders/S-1/fulfill": REFERENCE,
    "/pvt/orders/S-1/cancel": REFERENCE,
    "/pvt/orders/S-1/changes": CHANGE,
    "/pvt/orders/S-1/changes/r-1/send-agreement": AGREEMENT,
}
BOMB = "bomb"
"""A SKU about which the shop's own functions raise."""


@dataclass(frozen=True)
class Raw:
    """Bytes that stand where a JSON value should."""

    text: bytes


VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31 - 1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64),
    *(10**30, 0.0, -0.0, 1.0, 1.5, 1e308, 5e-324, "", " ", "0", "-1", "1", "1.0", "1e9", "1_0", "٣", "true", "null"),
    *("apple", BOMB, "plum", "\x00", "a\x00b", "\x1f\x7f\x85\u2028", "\ufeff", "\u202e", "\ud83d\ude00", "é" * 129),
    *("a" * 129, "a" * 2001, "a" * 100_000, "'; DROP TABLE vtex_order;--", "../../etc/passwd", "{{7*7}}", "%s%n%x"),
    *([], {}, [[]], [None], {"": ""}, {"items": []}, [{}] * 600, {str(n): n for n in range(1000)}, [0] * 5000),
    *map(Raw, (b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"9" * 5000, b"-" + b"9" * 5000, b"1e-9999")),
    *map(Raw, (b"01", b"+1", b"0x10", b"1.", b".5", b"tru", b"nul", b"'a'", b"", b"1 2", b"/*x*/1", b'"\t"', b'"\n"')),
    *map(Raw, (b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"\\x"')),
    *map(Raw, (b'{"a":1,"a":2}', b'{"id":"x","id":"apple","quantity":-1,"quantity":1}', b'"', b"[", b"{", b"]", b",")),
    *map(Raw, (b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b"[" * 65 + b"]" * 65)),
)


def dump(value: Any) -> bytes:
    """Write JSON as it is wanted, right or wrong."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, dict):
        return b"{" + b",".join(dump(key) + b":" + dump(inner) for key, inner in value.items()) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(dump, value)) + b"]"
    return json.dumps(value).encode()


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each node."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, node in inner:
        yield from paths(node, (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return a copy with another node at the path."""
    if not path:
        return new
    copy = deepcopy(value)
    node = copy
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = new
    return copy


ENCODINGS: tuple[Callable[[bytes], bytes], ...] = (
    lambda body: b"\xef\xbb\xbf" + body,
    lambda body: body.decode("utf-8", "replace").encode("utf-16"),
    lambda body: body.decode("utf-8", "replace").encode("utf-16-le"),
    lambda body: body.decode("utf-8", "replace").encode("utf-32"),
    lambda body: body.decode("utf-8", "replace").encode("cp037", "replace"),
    lambda body: body + body,
    lambda body: body + b"\x00",
    lambda body: b"\x00" * len(body),
    lambda body: body[: len(body) // 2],
    lambda body: body[1:],
    lambda body: body + b",",
    lambda body: b"body=" + body,
    lambda body: b"",
    lambda body: b" \r\n\t",
    lambda body: b'{"items":0,' + body[1:],  # a key that stands twice
    lambda body: body + b" " * (10 * 1024 * 1024),
    lambda body: b'"' + b"a" * (10 * 1024 * 1024) + b'"',
    lambda body: b"\xff\xfe\xfd" + body,
)


@dataclass(frozen=True)
class Call:
    """One call of a marketplace, or of somebody else."""

    path: str
    body: bytes
    method: str = "POST"
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def mutation(rng: Random) -> Call:
    """Draw a call whose body is wrong in a place or two, or as a whole."""
    path = rng.choice([*TEMPLATES])
    body = TEMPLATES[path]
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        body = changed(body, rng.choice([*paths(body)]), rng.choice(VALUES))
    raw = dump(body)
    if rng.random() < 0.2:
        raw = rng.choice(ENCODINGS)(raw)
    method = rng.choice(("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")) if rng.random() < 0.05 else "POST"
    return Call(path, raw, method=method)


class _Explosive(dict[str, Offer]):
    """A stock that the shop cannot look into for one SKU."""

    exploded = 0

    def __contains__(self, sku_id: object) -> bool:
        if sku_id == BOMB:
            self.exploded += 1
            raise RuntimeError("the shop's own function")
        return super().__contains__(sku_id)


def open_everything(new_shop: Callable[..., Shop], **config: Any) -> Shop:
    """Return a shop with every route there is, and a SKU that makes its functions raise."""
    open_acme = {**ACME, "simulation_by_get": True, "order_modifications": True}
    shop = new_shop(marketplaces={"acme": open_acme}, VTEX_SELLER_HEALTH_TOKEN="health", **config)
    shop.stock = _Explosive(shop.stock)

    @shop.seller.on_order_modification
    def modify(modification: OrderModification) -> None:
        shop.asked.append(modification)

    return shop


def exploded(shop: Shop) -> int:
    assert isinstance(shop.stock, _Explosive)
    return shop.stock.exploded


def send(shop: Shop, call: Call) -> Any:
    """Make the call with a live token."""
    query = f"{call.query}&token={TOKEN}" if call.query else f"token={TOKEN}"
    return shop.app.test_client().open(
        f"/api/vtex/acme{call.path}", method=call.method, data=call.body, query_string=query, headers=call.headers
    )
