"""Calls over TLS, with certificates of one's own, and through a proxy."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from flask_vtex_seller.clock import SystemClock
from flask_vtex_seller.config import Marketplace, Settings
from flask_vtex_seller.marketplace.client import MarketplaceClient
from flask_vtex_seller.marketplace.operations import OPERATIONS
from flask_vtex_seller.marketplace.outcome import Certainty, Outcome, Verdict

from .loopback import Loopback, marketplace_at, reply

ARGUMENTS = {"marketplace_order_id": "1-01", "invoice_number": "1"}
ANSWER = reply(200, b'{"orderId": "1"}')


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@contextlib.contextmanager
def tls(authority: trustme.CA, talk: Callable[[ssl.SSLSocket], None]) -> Iterator[str]:
    """One TLS socket on loopback; gives its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)

    def serve() -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            plain = stack.enter_context(contextlib.closing(listener.accept()[0]))
            connection = stack.enter_context(context.wrap_socket(plain, server_side=True))
            heard = b""
            while not heard.endswith(b"\r\n\r\n{}"):
                heard += connection.recv(65536)
            talk(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"https://localhost:{listener.getsockname()[1]}"
    thread.join(timeout=5)


def send(url: str, *, seconds: float = 5.0, **changes: Any) -> Outcome:
    settings = Settings.from_config({"VTEX_SELLER_MARKETPLACES": {"acme": marketplace_at(url, **changes)}})
    marketplace: Marketplace = settings.marketplaces["acme"]
    client = MarketplaceClient(SystemClock(), user_agent="tests", call_seconds=seconds)
    try:
        return client.send(OPERATIONS["invoice"], marketplace, ARGUMENTS, {})
    finally:
        client.close()


def test_a_certificate_that_nobody_vouches_for_gets_no_keys(authority: trustme.CA) -> None:
    heard: list[str] = []
    with tls(authority, lambda connection: heard.append("a call")) as url:
        outcome = send(url)
    assert (outcome.verdict, outcome.certainty) == (Verdict.RETRY, Certainty.NOT_SENT)
    assert heard == []


def test_a_bundle_of_ones_own_is_trusted(authority: trustme.CA, bundle: str) -> None:
    with tls(authority, lambda connection: connection.sendall(ANSWER)) as url:
        assert send(url, ca_bundle=bundle).verdict is Verdict.DELIVERED


def test_an_answer_that_trickles_through_tls_ends_with_its_call(authority: trustme.CA, bundle: str) -> None:
    """P81, R18: each record comes in time."""
    hung_up = threading.Event()

    def trickle(connection: ssl.SSLSocket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        for _ in range(60):
            hung_up.wait(0.05)
            connection.sendall(b"x")

    with tls(authority, trickle) as url:
        begun = time.monotonic()
        outcome = send(url, ca_bundle=bundle, seconds=0.5)
        elapsed = time.monotonic() - begun
        hung_up.set()
    assert (outcome.verdict, outcome.certainty) == (Verdict.RETRY, Certainty.UNKNOWN)
    assert elapsed < 2


def test_a_proxy_is_used_if_it_is_a_setting(server: Loopback) -> None:
    server.answer = lambda _: ANSWER
    proxy = server.url.replace("http://", "http://shop:pass%20word@")
    assert send("http://127.0.0.1:9", proxy=proxy).verdict is Verdict.DELIVERED
    (received,) = server.received
    assert received.target == "http://127.0.0.1:9/api/oms/pvt/orders/1-01/invoice"
    assert received.headers["proxy-authorization"].startswith("Basic ")


def test_a_proxy_that_trickles_ends_with_its_call(server: Loopback) -> None:
    def trickle() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nX: "
        for _ in range(60):
            never.wait(0.05)
            yield b"x"

    never = threading.Event()
    server.answer = lambda _: trickle()
    begun = time.monotonic()
    outcome = send("http://127.0.0.1:9", proxy=server.url, seconds=0.5)
    elapsed = time.monotonic() - begun
    never.set()
    assert outcome.verdict is Verdict.RETRY
    assert elapsed < 2


def test_a_proxy_of_the_environment_is_not_used(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    server.answer = lambda _: ANSWER
    assert send(server.url).verdict is Verdict.DELIVERED
