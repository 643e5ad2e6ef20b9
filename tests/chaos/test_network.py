"""A network that does everything wrong: each call is an attempt with an end, in time and in little memory. (R18)"""

import contextlib
import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..marketplace.loopback import RESET, Loopback, closed_port_url, loopback, reply
from ..outbox.box import Box
from .conftest import Scale
from .kit import Nursery, described
from .report import Figures

RECEIPT = b'{"orderId": "1-01", "receipt": "r"}'
MEGABYTE = b"x" * 2**20
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
MOST_MEGABYTES = 20.0


def trickle(first: bytes, piece: bytes, pause: float) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        yield first
        while True:
            time.sleep(pause)
            yield piece

    return pieces


def flood(first: bytes, piece: bytes, count: int) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        yield first
        for _ in range(count):
            yield piece

    return pieces


def reset_after(first: bytes) -> Callable[[], Iterator[bytes]]:
    """Some bytes, and then the connection is reset."""

    def pieces() -> Iterator[bytes]:
        yield first
        time.sleep(0.05)
        raise ConnectionResetError

    return pieces


BOMB = gzip.compress(b"\0" * 200_000_000)
FAULTS: dict[str, tuple[Callable[[], Any], str, str]] = {
    # what is answered, the verdict, what is known of the call
    "reset before any byte": (lambda: RESET, "RETRY", "UNKNOWN"),
    "reset in the headers": (reset_after(b"HTTP/1.1 200 OK\r\nContent-Ty"), "RETRY", "UNKNOWN"),
    "reset in the body": (reset_after(HEAD + b"Content-Length: 100\r\n\r\n{"), "RETRY", "UNKNOWN"),
    "closed before any byte": (lambda: b"", "RETRY", "UNKNOWN"),
    "closed in the body": (lambda: HEAD + b"Content-Length: 100\r\n\r\n{", "RETRY", "UNKNOWN"),
    "a trickle": (trickle(HEAD + b"Content-Length: 10000\r\n\r\n", b" ", 0.1), "RETRY", "UNKNOWN"),
    "silence": (trickle(b"", b"", 0.1), "RETRY", "UNKNOWN"),
    "100 without end": (trickle(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 50, 0.001), "RETRY", "UNKNOWN"),
    "a body shorter than said": (lambda: HEAD + b"Content-Length: 999\r\n\r\n" + RECEIPT, "RETRY", "UNKNOWN"),
    "a bomb": (lambda: reply(200, BOMB, Content_Encoding="gzip"), "RETRY", "ANSWERED"),
    "300 MB": (flood(HEAD + b"Content-Length: 314572800\r\n\r\n", MEGABYTE, 300), "RETRY", "ANSWERED"),
    "a redirect": (lambda: reply(307, Location="/elsewhere"), "REFUSED", "ANSWERED"),
}


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as server:
        # the order's number says what goes wrong
        names = list(FAULTS)
        server.answer = lambda request: (
            reply(200, RECEIPT) if "/F" not in request.target else FAULTS[names[order_of(request.target)]][0]()
        )
        yield server


def order_of(target: str) -> int:
    return int(target.split("/")[5].removeprefix("F"))


@pytest.fixture
def call(box: Box, nursery: Nursery, tmp_path: Path, database_url: str) -> Callable[..., dict[str, Any]]:
    """Deliver to `url` in a process of its own; a first good call is its measure."""

    def call(url: str, orders: list[str], *, lease: float, warm: bool = True) -> dict[str, Any]:
        file = tmp_path / "calls.json"
        shop = described(database_url, url, VTEX_SELLER_LEASE_SECONDS=lease)
        first = ["warm"] if warm else orders[:1]
        child = nursery.start("calls", file=str(file), orders=[*first, *orders[0 if warm else 1 :]], shop=shop)
        assert nursery.wait(child) == 0, nursery.log.read_text()
        found: dict[str, Any] = json.loads(file.read_text())
        return found

    return call


def test_every_fault_of_the_network_is_an_attempt_with_the_right_end(
    server: Loopback, call: Callable[..., dict[str, Any]], box: Box, scale: Scale, figures: Figures
) -> None:
    """R18: within its deadline, and without the memory that an answer asks for."""
    lease = scale(4.0, 60.0)
    found = call(server.url, [f"F{number}" for number in range(len(FAULTS))], lease=lease)
    outcomes = {name: found["outcomes"][f"F{number}"] for number, name in enumerate(FAULTS)}
    slowest = max(outcome["took"] for outcome in outcomes.values())
    figures.note("R18", faults=len(FAULTS), slowest=f"{slowest:.1f} s", grown=f"{found['grown_megabytes']:.1f} MB")
    figures.note("R18", deadline=f"{lease / 4:.0f} s")
    assert found["outcomes"]["warm"]["verdict"] == "DELIVERED"
    wanted = {name: (verdict, certainty) for name, (_, verdict, certainty) in FAULTS.items()}
    assert {name: (end["verdict"], end["certainty"]) for name, end in outcomes.items()} == wanted
    assert {outcome["attempts"] for outcome in outcomes.values()} == {1}
    assert slowest <= lease / 4 + 1
    assert found["grown_megabytes"] <= MOST_MEGABYTES
    rows = {row.lane.removeprefix("order:"): row for row in box.rows()}
    for number, name in enumerate(FAULTS):
        state = "dead" if FAULTS[name][1] == "REFUSED" else "pending"
        assert (rows[f"F{number}"].state, rows[f"F{number}"].attempts) == (state, 1)


@pytest.fixture
def no_tls() -> Iterator[str]:
    """An https address at which a plain server answers that it does not understand."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=10)


@pytest.mark.parametrize("kind", ["refused", "not TLS"])
def test_a_call_for_which_no_connection_came_about_was_not_sent(
    call: Callable[..., dict[str, Any]], no_tls: str, figures: Figures, kind: str
) -> None:
    """R18"""
    url = closed_port_url() if kind == "refused" else no_tls
    end = call(url, ["F0", "F1"], lease=8.0, warm=False)["outcomes"]["F1"]
    figures.note("R18", fault=kind, took=f"{end['took']:.1f} s")
    assert (end["verdict"], end["certainty"], end["attempts"]) == ("RETRY", "NOT_SENT", 1)
    assert end["took"] <= 3


def test_a_host_that_takes_no_connection_is_given_up_in_time(
    call: Callable[..., dict[str, Any]], figures: Figures
) -> None:
    """R18: its queue is full, so that not even a connection comes about."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for connection in waiting:
            connection.setblocking(False)
            connection.connect_ex(full.getsockname())
        end = call(f"http://127.0.0.1:{full.getsockname()[1]}", ["F0", "F1"], lease=4.0, warm=False)["outcomes"]["F1"]
        for connection in waiting:
            connection.close()
    figures.note("R18", fault="no connection", took=f"{end['took']:.1f} s")
    assert (end["verdict"], end["certainty"]) == ("RETRY", "NOT_SENT")
    assert end["took"] <= 2
