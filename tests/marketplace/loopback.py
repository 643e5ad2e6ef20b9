"""A marketplace's socket on this machine: notes every byte that arrives and answers with any bytes, right or wrong."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..shops import ACME

RESET = None
"""An answer: the connection is reset."""
_RST_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request, as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    raw: bytes


Answer = Callable[[Received], bytes | Iterable[bytes] | None]
"""All at once, or piece by piece; pieces that end with a ConnectionResetError end with a reset."""


def reply(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """An honest answer; `_` in a header's name stands for `-`."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Loopback:
    """A listening socket with a thread for each connection; `answer` may be replaced at any time.

    Args:
        tls: speaks TLS like this; None speaks none.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.received: list[Received] = []
        self.answer: Answer = lambda _: reply()
        self._arrived = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def wait_until(self, holds: Callable[[list[Received]], bool], seconds: float = 60) -> bool:
        """Wait for requests until `holds` is true of them; tell whether it came to be."""
        with self._arrived:
            return self._arrived.wait_for(lambda: holds(self.received), timeout=seconds)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=10)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _secure(self, connection: socket.socket) -> socket.socket:
        connection.settimeout(30)
        return self._tls.wrap_socket(connection, server_side=True) if self._tls else connection

    def _serve(self, connection: socket.socket) -> None:
        # a caller that is killed in the middle of its call is what some tests are about
        with contextlib.suppress(OSError), self._secure(connection) as connection:
            request = _read(connection)
            if request is None:
                return
            with self._arrived:
                self.received.append(request)
                self._arrived.notify_all()
            answer = self.answer(request)
            if answer is None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
                return
            try:
                for piece in [answer] if isinstance(answer, bytes) else answer:
                    connection.sendall(piece)
            except ConnectionResetError:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)


def _read(connection: socket.socket) -> Received | None:
    raw = b""
    while b"\r\n\r\n" not in raw:
        if not (part := connection.recv(65536)):
            return None
        raw += part
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        if not (part := connection.recv(65536)):
            return None
        raw, body = raw + part, body + part
    method, target, _ = first.split(" ")
    return Received(method=method, target=target, headers=headers, body=body, raw=raw)


@contextlib.contextmanager
def loopback(tls: ssl.SSLContext | None = None) -> Iterator[Loopback]:
    server = Loopback(tls)
    try:
        yield server
    finally:
        server.close()


def closed_port_url() -> str:
    """An address of this machine at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def marketplace_at(url: str, **changes: Any) -> dict[str, Any]:
    """The settings of a marketplace that is found at `url`."""
    return {**ACME, "base_url": url, "suggestions_url": f"{url}/acmemarket", "local": True, **changes}
