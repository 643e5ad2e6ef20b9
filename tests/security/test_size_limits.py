"""Nobody takes more than his share: a body is cut off where it is too large, whatever is said of its length. (S10)"""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from werkzeug.serving import make_server

from ..chaos.report import Figures
from ..shops import TOKEN, Shop

MEGABYTE = 1024 * 1024
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
