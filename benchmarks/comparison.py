"""Web servers on loopback that are called with the same bodies, so often that what one call costs can be compared.

All servers keep to one processor, and whoever calls them to the others: what one call costs does not depend on where
the system wakes a thread.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from socket import create_connection, socket

import serving

TWINS = Path(__file__).parent / "twins"
CONNECTIONS = 4
_START_SECONDS = 30
_PROCESSORS = sorted(os.sched_getaffinity(0))
_SERVERS = set(_PROCESSORS[-1:])
_CALLERS = set(_PROCESSORS[:-1]) or _SERVERS


class CannotMeasure(Exception):
    """Something is missing here; the message says what."""


class Twin(serving.Server):
    """One of the shops that are compared.

    Args:
        command: with `{port}` where the port belongs.
        path: where its carts go, with `{size}` where the cart's size belongs; none for a shop that gets no carts.
        spread: whether it may use all processors.
    """

    def __init__(
        self, name: str, command: Sequence[str], path: str = "", *, spread: bool = False, **environment: str
    ) -> None:
        self.name = name
        self._path = path
        port = _free_port()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 -- closed by stop
        with _on(set(_PROCESSORS) if spread else _SERVERS):
            process = subprocess.Popen(
                [part.replace("{port}", str(port)) for part in command],
                cwd=TWINS,
                env=_environment({name: value.replace("{port}", str(port)) for name, value in environment.items()}),
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
            )
        super().__init__(process, port)
        self._wait()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
        self._log.close()

    def cost(self, cart: bytes, size: int, calls: int) -> float:
        """Return the microseconds of processor time that a call costs."""
        return self.cost_of(self._carts(cart, size, calls))

    def call(self, cart: bytes, size: int, calls: int) -> bytes:
        """Send the cart so many times, over several connections; return one answer's body."""
        return self.send(self._carts(cart, size, calls))

    def cost_of(self, requests: Sequence[bytes]) -> float:
        """Return the microseconds of processor time that each of the requests costs."""
        before = self.cpu_seconds()
        self.send(requests)
        return 1e6 * (self.cpu_seconds() - before) / len(requests)

    def send(self, requests: Sequence[bytes]) -> bytes:
        """Send all requests, over several connections; return one answer's body."""
        answers: list[bytes] = []
        callers = [
            threading.Thread(target=_call, args=(self.port, requests[number::CONNECTIONS], answers))
            for number in range(CONNECTIONS)
        ]
        with _on(_CALLERS):
            for caller in callers:
                caller.start()
        for caller in callers:
            caller.join()
        if len(answers) != CONNECTIONS:
            raise CannotMeasure(
                f"{self.name} did not answer every call with 200 ({self._process.poll()}):\n{self._last_words()}"
            )
        return answers[0]

    def _carts(self, cart: bytes, size: int, calls: int) -> list[bytes]:
        return [post(self._path.replace("{size}", str(size)), cart)] * calls

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise CannotMeasure(f"{self.name} did not start:\n{self._last_words()}") from None
                time.sleep(0.05)

    def _last_words(self) -> str:
        self._log.seek(0)
        return self._log.read()[-2000:].decode(errors="replace")


def gunicorn(app: str) -> list[str]:
    """Return the command of one sync worker that serves the application of a twin."""
    options = ["--workers=1", "--worker-class=sync", "--bind=127.0.0.1:{port}", "--no-control-socket", "--timeout=120"]
    return [sys.executable, "-m", "gunicorn", *options, f"{app}:app"]


def uvicorn(app: str) -> list[str]:
    """Return the command of one worker that serves the application of a twin."""
    options = ["--port={port}", "--workers=1", "--no-access-log", "--log-level=warning"]
    return [sys.executable, "-m", "uvicorn", *options, f"{app}:app"]


def post(path: str, body: bytes) -> bytes:
    """Return a request with all its bytes."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "User-Agent: vtex",
        "Accept: application/json",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


@contextmanager
def _on(processors: set[int]) -> Iterator[None]:
    """Start processes and threads that keep to these processors."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **more}


def _free_port() -> int:
    with socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _call(port: int, requests: Sequence[bytes], answers: list[bytes]) -> None:
    connection, body = None, b""
    for request in requests:
        connection = connection or create_connection(("127.0.0.1", port), timeout=60)
        connection.sendall(request)
        head, body = _receive(connection)
        if not head.startswith(b"http/1.1 200"):
            return
        if b"connection: close" in head:
            connection.close()
            connection = None
    if connection:
        connection.close()
    answers.append(body)


def _receive(connection: socket) -> tuple[bytes, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    head = head.lower()
    length = int(head.partition(b"content-length:")[2].split(None, 1)[0])
    while len(body) < length:
        body += _some(connection)
    return head, body


def _some(connection: socket) -> bytes:
    if more := connection.recv(1 << 18):
        return more
    raise CannotMeasure("a server hung up")
