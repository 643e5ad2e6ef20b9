"""How a body is read: guarded at the door."""

import gzip
from collections.abc import Callable
from io import BytesIO, RawIOBase
from typing import Any

import orjson
import pytest
from flask import Flask, Request, got_request_exception, request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder, TestResponse
from werkzeug.utils import cached_property

from flask_vtex_seller import OrderState
from flask_vtex_seller.errors import InvalidRequest
from flask_vtex_seller.web import body as body_module
from flask_vtex_seller.web.body import read_json

from ..shops import TOKEN, Shop, order_body

MAX_BYTES = 1024 * 1024
SIMULATION = "/pvt/orderForms/simulation"
CART = {"items": [{"id": "apple", "quantity": 1}]}


class Own(Request):
    """A shop's own class of requests, which has added nothing yet."""


KINDS = pytest.mark.parametrize("kind", [Request, Own])


@pytest.fixture(autouse=True, params=[False, True], ids=["its length ends a body", "the server ends a body"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test of this page runs for both; gunicorn, Granian and waitress end it, Flask's own server does not."""
    if not request.param:
        return
    original = Flask.wsgi_app

    def ending(app: Flask, environ: dict[str, Any], start_response: Any) -> Any:
        return original(app, {"wsgi.input_terminated": True, **environ}, start_response)

    monkeypatch.setattr(Flask, "wsgi_app", ending)


def refused(response: TestResponse, status: int, code: str) -> str:
    error = response.get_json()["error"]
    assert (response.status_code, error["code"]) == (status, code)
    assert response.headers["x-vtex-error-code"] == code
    message: str = error["message"]
    return message


def padded(size: int) -> bytes:
    body = orjson.dumps(CART)
    return body + b" " * (size - len(body))


def test_a_body_larger_than_the_cap_is_refused_on_every_route(shop: Shop) -> None:
    """P23."""
    for path in (SIMULATION, "/pvt/orders", "/pvt/orders/S-1/fulfill", "/pvt/orders/S-1/cancel"):
        response = shop.call(path, data=padded(MAX_BYTES + 1))
        assert "larger than 1048576 bytes" in refused(response, 413, "PAYLOAD_TOO_LARGE")
    assert shop.asked == []


def test_a_body_of_just_the_cap_is_read(shop: Shop) -> None:
    assert shop.call(SIMULATION, data=padded(MAX_BYTES)).status_code == 200


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 413), (65_536, 413)])
def test_a_body_of_unknown_length_is_refused_behind_the_cap(shop: Shop, more: int, status: int) -> None:
    """P23: chunked, so no length is announced."""
    stream: dict[str, Any] = {
        "input_stream": BytesIO(padded(MAX_BYTES + more)),
        "environ_overrides": {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    }
    response = shop.call(SIMULATION, data=None, **stream)
    assert response.status_code == status
    if more:
        refused(response, 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("length", ["+9", "1_0", " 9", "-1", "\u0663", "9" * 400, "9" * 5_000, "nine", ""])
def test_a_body_that_says_nonsense_about_its_length_is_refused_behind_the_cap(shop: Shop, length: str) -> None:
    stream: dict[str, Any] = {
        "input_stream": BytesIO(padded(MAX_BYTES + 1)),
        "environ_overrides": {"wsgi.input_terminated": True, "CONTENT_LENGTH": length},
    }
    refused(shop.call(SIMULATION, data=None, **stream), 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("more", [{}, {"HTTP_TRANSFER_ENCODING": "chunked"}])
def test_a_body_that_is_longer_than_it_says_is_refused(shop: Shop, more: dict[str, str]) -> None:
    """Something before us unpacked it, or put its pieces together, and left the header as it was."""
    stream: dict[str, Any] = {
        "input_stream": BytesIO(padded(MAX_BYTES + 1)),
        "environ_overrides": {"wsgi.input_terminated": True, "CONTENT_LENGTH": "10", **more},
    }
    refused(shop.call(SIMULATION, data=None, **stream), 413, "PAYLOAD_TOO_LARGE")


@KINDS
def test_the_pieces_of_a_body_are_not_read_on_behind_the_cap(shop: Shop, kind: type[Request]) -> None:
    shop.app.request_class = kind
    stream = BytesIO(padded(100 * MAX_BYTES))
    overrides = {"wsgi.input_terminated": True, "CONTENT_LENGTH": "10", "HTTP_TRANSFER_ENCODING": "chunked"}
    refused(
        shop.call(SIMULATION, data=None, input_stream=stream, environ_overrides=overrides), 413, "PAYLOAD_TOO_LARGE"
    )
    assert stream.tell() <= MAX_BYTES + 1


@pytest.mark.parametrize("limit", [10, 100 * MAX_BYTES])
def test_a_limit_of_the_shop_for_its_own_pages_does_not_apply(new_shop: Callable[..., Shop], limit: int) -> None:
    shop = new_shop(MAX_CONTENT_LENGTH=limit)
    assert shop.simulate(("apple", 1)).status_code == 200
    refused(shop.call(SIMULATION, data=padded(MAX_BYTES + 1)), 413, "PAYLOAD_TOO_LARGE")


READERS: list[Callable[[], Any]] = [
    lambda: request.get_data(),
    lambda: request.get_json(),
]


@pytest.mark.parametrize("read", READERS)
def test_a_body_that_the_shop_has_read_before_us_is_still_there(new_shop: Callable[..., Shop], read: Any) -> None:
    shop, seen = new_shop(), []
    shop.app.before_request(lambda: seen.append(read()))
    assert shop.simulate(("apple", 1)).status_code == 200
    assert seen[0]
    assert shop.asked


@pytest.mark.parametrize("config", [{}, {"MAX_CONTENT_LENGTH": 10}])
def test_a_body_that_we_have_read_is_there_for_the_shop_after_the_call(
    new_shop: Callable[..., Shop], config: dict[str, Any]
) -> None:
    shop, seen = new_shop(**config), []

    @shop.app.after_request
    def note(response: Any) -> Any:
        seen.append(request.get_data())
        return response

    assert shop.call(SIMULATION, data=orjson.dumps(CART)).status_code == 200
    assert seen == [orjson.dumps(CART)]


class Unpacking(Request):
    """Of a shop whose proxy packs bodies."""

    @cached_property
    def stream(self) -> Any:
        return BytesIO(gzip.decompress(super().stream.read()))


def test_a_shops_own_class_of_requests_has_its_say(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop()
    shop.app.request_class = Unpacking
    assert shop.call(SIMULATION, data=gzip.compress(orjson.dumps(CART))).status_code == 200


class InPieces(RawIOBase):
    """As something before us may unpack a body: a few bytes at a time, and more of them than were sent."""

    def __init__(self, body: bytes, failure: Exception | None = None) -> None:
        self._body, self._failure = BytesIO(body), failure

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._body.read(min(7, len(buffer)))
        if not piece and self._failure:
            raise self._failure
        buffer[: len(piece)] = piece
        return len(piece)


@pytest.mark.parametrize("length", ["7", "10", str(len(orjson.dumps(CART)))])
def test_a_body_that_comes_in_pieces_is_read_to_its_end(shop: Shop, length: str) -> None:
    stream: dict[str, Any] = {
        "environ_overrides": {
            "wsgi.input": InPieces(orjson.dumps(CART)),
            "wsgi.input_terminated": True,
            "CONTENT_LENGTH": length,
        },
    }
    # Just as many bytes as were sent are all, as far as can be told.
    assert shop.call(SIMULATION, data=None, **stream).status_code == (400 if length == "7" else 200)


ENCODINGS = pytest.mark.parametrize("more", [{}, {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}])


@KINDS
@ENCODINGS
@pytest.mark.parametrize("failure", [OSError("reset"), ValueError("no chunk")])
def test_a_body_that_breaks_off_is_the_callers_fault(
    shop: Shop, failure: Exception, more: dict[str, Any], kind: type[Request]
) -> None:
    shop.app.request_class = kind
    reported: list[Any] = []
    overrides = {"wsgi.input": InPieces(orjson.dumps(CART)[:20], failure), "CONTENT_LENGTH": "39", **more}
    with got_request_exception.connected_to(lambda *_, **said: reported.append(said), shop.app):
        response = shop.call(SIMULATION, data=None, environ_overrides=overrides)
    assert refused(response, 400, "INVALID_REQUEST") == "the body breaks off before its end"
    assert (reported, shop.asked) == ([], [])


@KINDS
@pytest.mark.parametrize("came", [b"", b"\r\n"])
@pytest.mark.parametrize("verb", ["fulfill", "cancel"])
def test_a_body_of_which_nothing_came_is_no_empty_one(shop: Shop, verb: str, came: bytes, kind: type[Request]) -> None:
    shop.app.request_class = kind
    shop.call("/pvt/orders", [order_body()])
    overrides = {"wsgi.input": BytesIO(came), "CONTENT_LENGTH": "40"}
    refused(shop.call(f"/pvt/orders/S-1/{verb}", data=None, environ_overrides=overrides), 400, "INVALID_REQUEST")
    with shop.app.app_context():
        assert shop.seller.order("S-1").state is OrderState.PLACED


@KINDS
@ENCODINGS
@pytest.mark.parametrize(
    ("stream", "length", "status"),
    [
        (lambda: BytesIO(padded(MAX_BYTES + 2)), str(MAX_BYTES + 2), 413),
        (lambda: InPieces(b"{}", OSError("reset")), "40", 400),
        (lambda: BytesIO(b"{"), "1", 400),
    ],
)
def test_whatever_is_answered_the_shop_may_look_at_the_body_afterwards(
    shop: Shop, stream: Any, length: str, status: int, more: dict[str, Any], kind: type[Request]
) -> None:
    shop.app.request_class = kind
    seen = []

    @shop.app.after_request
    def note(response: Any) -> Any:
        seen.append(request.get_data())
        return response

    overrides = {"wsgi.input": stream(), "CONTENT_LENGTH": length, **more}
    assert shop.call(SIMULATION, data=None, environ_overrides=overrides).status_code == status
    assert len(seen) == 1


def test_what_follows_a_body_on_its_connection_is_not_read(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the server does not end it."""
    monkeypatch.undo()
    stream = BytesIO(orjson.dumps(CART) + b"POST /next")
    overrides = {"wsgi.input": stream, "CONTENT_LENGTH": str(len(orjson.dumps(CART)))}
    assert shop.call(SIMULATION, data=None, environ_overrides=overrides).status_code == 200
    assert stream.read() == b"POST /next"


def test_a_body_that_says_it_is_too_long_is_refused_unread(shop: Shop) -> None:
    """The call would be held up for as long as its bytes take."""
    stream = BytesIO(padded(MAX_BYTES + 1))
    overrides = {"wsgi.input": stream, "CONTENT_LENGTH": str(MAX_BYTES + 2)}
    refused(shop.call(SIMULATION, data=None, environ_overrides=overrides), 413, "PAYLOAD_TOO_LARGE")
    assert stream.tell() == 0


@pytest.mark.parametrize(
    "content_type", ["text/plain", "", "application/x-www-form-urlencoded", "application/json; x=y"]
)
def test_the_content_type_does_not_matter(shop: Shop, content_type: str) -> None:
    assert shop.call(SIMULATION, data=orjson.dumps(CART), content_type=content_type).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b'{"items": [{"id": "apple", "quantity": NaN}]}',
        b'{"items": [], "geoCoordinates": [Infinity, -Infinity]}',
        b'{"items": [], "x": 1e400}',
        b'{"items": [], "x": "\xff"}',
        b'{"items": [], "x": "\\ud800"}',
        b"[" * 5000 + b"]" * 5000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"items": [],}',
        b"{} {}",
        b"\xef\xbb\xbf{}",
    ],
    ids=["NaN", "Infinity", "too-large", "not-utf8", "surrogate", "deep", "deep-object", "comma", "two", "bom"],
)
def test_what_strict_json_does_not_know_is_refused(shop: Shop, body: bytes) -> None:
    """P22."""
    assert refused(shop.call(SIMULATION, data=body), 400, "INVALID_JSON").startswith("the body is not JSON: ")


def test_the_place_of_the_mistake_is_told_but_not_its_text(shop: Shop) -> None:
    message = refused(shop.call(SIMULATION, data=b'{"email":\n maria@mail.example}'), 400, "INVALID_JSON")
    assert message.endswith("at line 2 column 2")
    assert "maria" not in message


def test_an_empty_body_is_called_empty(shop: Shop) -> None:
    assert refused(shop.call(SIMULATION, data=b""), 400, "INVALID_JSON") == "the body is not JSON: it is empty"


@pytest.mark.parametrize(
    "body",
    [
        {**CART, "country": "BR\0"},
        {"items": [{"id": "app\0le", "quantity": 1}]},
        {**CART, "unknown": [{"a": ["\0"]}]},
        {**CART, "key\0": 1},
        ["\0"],
    ],
)
def test_a_nul_character_anywhere_is_refused(shop: Shop, body: Any) -> None:
    assert "NUL" in refused(shop.call(SIMULATION, data=orjson.dumps(body)), 400, "INVALID_JSON")
    assert shop.asked == []


def test_a_nul_character_in_an_order_is_refused(shop: Shop) -> None:
    assert "NUL" in refused(shop.call("/pvt/orders", [order_body("1\0")]), 400, "INVALID_JSON")


def test_a_backslash_before_u0000_is_no_nul_character(shop: Shop) -> None:
    body = orjson.dumps({**CART, "country": "\\u0000"})
    assert b"\\u0000" in body
    assert shop.call(SIMULATION, data=body).get_json()["country"] == "\\u0000"


NESTED = st.recursive(
    st.sampled_from(["[[[[", "}}{{", 1, None]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "]{", "b"]), inner),
)


def depth_of(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth_of, inner), default=0) if isinstance(value, dict | list) else 0


@given(NESTED, st.integers(min_value=0, max_value=4))
def test_just_what_is_nested_deeper_than_the_limit_is_refused(value: Any, limit: int) -> None:
    """Whatever stands beside it, and however many brackets stand in texts."""
    request = Request(EnvironBuilder(method="POST", data=orjson.dumps(value)).get_environ())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(body_module, "MAX_DEPTH", limit)
        if depth_of(value) <= limit:
            assert read_json(request, limit=MAX_BYTES) == value
        else:
            with pytest.raises(InvalidRequest, match=f"nested deeper than {limit} levels"):
                read_json(request, limit=MAX_BYTES)


def test_of_duplicate_keys_the_last_wins(shop: Shop) -> None:
    body = b'{"country": "ARG", "items": [{"id": "apple", "quantity": 1}], "country": "BRA"}'
    assert shop.call(SIMULATION, data=body).get_json()["country"] == "BRA"


@pytest.mark.parametrize("body", [b"", b" \r\n"])
@pytest.mark.parametrize("verb", ["fulfill", "cancel"])
def test_a_call_about_an_order_may_have_no_body(shop: Shop, verb: str, body: bytes) -> None:
    shop.call("/pvt/orders", [order_body()])
    assert shop.call(f"/pvt/orders/S-1/{verb}", data=body).status_code == 200


def test_a_placement_needs_a_body(shop: Shop) -> None:
    refused(shop.call("/pvt/orders", data=b""), 400, "INVALID_JSON")


def test_a_nul_character_in_the_sales_channel_of_the_query_does_not_reach_the_shop(shop: Shop) -> None:
    shop.call(SIMULATION, CART, query_string=f"token={TOKEN}&sc=%00")
    assert not any("\0" in (request.sales_channel or "") for request in shop.asked)
