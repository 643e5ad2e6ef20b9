"""Nobody takes more than his share: a body is cut off where it is too large, whatever is said of its length. (S10)"""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import orjson
import pytest
from marshmallow import Schema
from werkzeug.serving import make_server

from ..chaos.report import Figures
from ..shops import TOKEN, Shop, order_body

MEGABYTE = 1024 * 1024
LINE = {"id": "apple", "quantity": 1, "price": 1250, "seller": "fruitshop"}
PATHS = ("/pvt/orderForms/simulation", "/pvt/orders", "/pvt/orders/S-1/fulfill", "/pvt/orders/S-1/cancel")


@pytest.fixture
def address(shop: Shop) -> Iterator[tuple[str, int]]:
    """A server with a thread for each connection."""
    server = make_server("127.0.0.1", 0, shop.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield "127.0.0.1", server.server_port
    server.shutdown()
    thread.join(timeout=20)
    server.server_close()


def begin(address: tuple[str, int], path: str, header: str, token: str = TOKEN) -> socket.socket:
    connection = socket.create_connection(address, timeout=20)
    head = f"POST /api/vtex/acme{path}?token={token} HTTP/1.1\r\nHost: shop\r\n{header}\r\nConnection: close\r\n\r\n"
    connection.sendall(head.encode())
    return connection


def status_of(connection: socket.socket) -> int:
    return int(connection.recv(4096).split()[1])


@pytest.mark.parametrize("path", PATHS)
def test_ten_megabytes_are_refused_before_they_are_sent(address: tuple[str, int], path: str, figures: Figures) -> None:
    """At the length that is told: the caller waits for nothing, the shop reads nothing."""
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        with begin(address, path, f"Content-Length: {10 * MEGABYTE}") as connection:
            assert status_of(connection) == 413
        taken.append(time.perf_counter() - begun)
    figures.note("S10", ten_megabytes=f"413 after {min(taken) * 1000:.0f} ms")
    assert min(taken) < 0.1


@pytest.mark.parametrize("path", PATHS)
def test_a_body_without_a_length_is_cut_off(address: tuple[str, int], path: str, shop: Shop, figures: Figures) -> None:
    """Chunk follows chunk, for ever; the answer comes after the first megabyte."""
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    sent = 0
    with begin(address, path, "Transfer-Encoding: chunked") as connection:
        connection.settimeout(0.02)
        answer = b""
        while not answer and sent < 64 * MEGABYTE:
            try:
                sent += connection.send(chunk[sent % len(chunk) :])
            except (BrokenPipeError, ConnectionResetError):
                break
            except TimeoutError:
                pass
            answer = _arrived(connection)
    assert b" 413 " in answer or not answer, "a reset may overtake the answer"
    figures.note("S10", without_length=f"cut off after {sent / MEGABYTE:.1f} MB")
    assert MEGABYTE <= sent < 16 * MEGABYTE, "what lies in the sockets between included"
    assert shop.asked == []


def _arrived(connection: socket.socket) -> bytes:
    connection.setblocking(False)
    try:
        return connection.recv(4096)
    except (BlockingIOError, ConnectionResetError):
        return b""
    finally:
        connection.settimeout(0.02)


@pytest.mark.parametrize("header", [f"Content-Length: {10 * MEGABYTE}", "Transfer-Encoding: chunked"])
def test_who_may_not_call_is_refused_before_anything_is_read(address: tuple[str, int], header: str) -> None:
    with begin(address, "/pvt/orders", header, token="wrong") as connection:
        assert status_of(connection) == 401


@pytest.mark.parametrize("header", ["Content-Length: -1", "Content-Length: x", "Content-Length: 5, 6", "X: y"])
def test_a_length_that_is_none_is_answered_all_the_same(address: tuple[str, int], header: str) -> None:
    with begin(address, "/pvt/orders", header) as connection:
        assert status_of(connection) in (400, 413)


def attachments(entry: bytes) -> bytes:
    """Return an order of 500 KB whose one line has all those attachments."""
    head, _, tail = orjson.dumps(
        order_body("A-1", items=[{**LINE, "attachments": ["HERE"]}], shippingData=None)
    ).partition(b'"HERE"')
    return head + b",".join([entry] * (500_000 // len(entry + b","))) + tail


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        (PATHS[0], b'{"items":[%s0]}' % (b"0," * 400_000), 400, "items: the cart has more than 500 lines"),
        (PATHS[0], b'{"Items":[%s0]}' % (b"0," * 400_000), 400, "items: the cart has more than 500 lines"),
        (PATHS[0], b'{"items":[%s{}]}' % (b"{}," * 300_000), 413, "holds more than 20971 objects and arrays"),
        (PATHS[0], b'{"items":[%s{}]}' % (b"{}," * 20_000), 400, "items: the cart has more than 500 lines"),
        (PATHS[1], b'[{"items":[%s0]}]' % (b"0," * 400_000), 400, "[0].items: the order has more than 500 lines"),
        (
            PATHS[1],
            b'{"shippingdata":{"logisticsInfo":[%s0]}}' % (b"0," * 400_000),
            400,
            "shippingData.logisticsInfo: the order has more than 500 lines",
        ),
        (PATHS[1], attachments(b"{}"), 413, "holds more than 20971 objects and arrays"),
    ],
)
def test_what_is_too_much_is_refused_before_it_is_read_one_by_one(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, path: str, body: bytes, status: int, words: str
) -> None:
    """Each entry that is refused by itself takes a hundred times as long as to send it."""
    monkeypatch.setattr(Schema, "_do_load", lambda *_, **__: pytest.fail("it was read"))
    response = shop.call(path, data=body)
    assert response.status_code == status
    assert words in response.get_json()["error"]["message"]


def test_an_attachment_that_is_no_object_is_passed_over(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    body = attachments(b"0")
    monkeypatch.setattr(Schema, "_do_load", lambda *_, **__: pytest.fail("it was read"))
    assert shop.call(PATHS[1], data=body).status_code == 200
    assert shop.order_ids() == ["S-1"]


def test_a_text_full_of_brackets_is_no_object(shop: Shop) -> None:
    cart = {"items": [{"id": "apple", "quantity": 1}], "note": "{[" * 50_000}
    assert shop.call(PATHS[0], cart).status_code == 200


def test_the_largest_order_with_all_that_belongs_to_its_lines_is_taken(shop: Shop) -> None:
    given = {**LINE, "attachments": [{"name": str(number), "content": {"a": [1]}} for number in range(9)]}
    line = {"itemIndex": 0, "selectedSla": "standard", "price": 0}
    order = order_body("A-1", items=[given] * 500, shippingData={"logisticsInfo": [line] * 500})
    assert "objects and arrays" not in shop.call(PATHS[1], order).get_data(as_text=True)


def test_an_array_of_orders_may_have_more_objects_than_one_order(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(VTEX_SELLER_MAX_ITEMS=1)
    given = {**LINE, "attachments": [{"name": str(number), "content": {"a": [1]}} for number in range(9)]}
    orders = [order_body(f"A-{number}", items=[given], shippingData=None) for number in range(50)]
    assert shop.call(PATHS[1], orders).status_code == 200
