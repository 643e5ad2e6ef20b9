"""A server in processes of its own, the load that is put on it, and the processor time that it takes.

Processor time is the operating system's own account of each process, in nanoseconds: Linux.
"""

import asyncio
import json
import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
TOKEN = "bench"  # noqa: S105
SIMULATION = f"/api/vtex/acme/pvt/orderForms/simulation?token={TOKEN}"
_CPUCLOCK_SCHED = 2  # of linux/posix-timers.h: what a process's clock counts
_START_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What the answers of a load showed."""

    seconds: Sequence[float]
    """How long each answer took, the quickest first."""
    statuses: frozenset[int]
    took: float
    cpu: float
    """Seconds of the server's processor time."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.took

    @property
    def cpu_us(self) -> float:
        """Microseconds of the server's processor time for one answer."""
        return 1e6 * self.cpu / len(self.seconds)

    def percentile(self, share: float) -> float:
        """Seconds within which that share of the answers came."""
        return self.seconds[max(0, math.ceil(share * len(self.seconds)) - 1)]


class Server:
    """A server that listens at `port`."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.port = port
        self._process = process

    def cpu_seconds(self) -> float:
        """Return the processor time that its processes have taken so far."""
        return sum(time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED) for pid in self._pids(self._process.pid))

    def _pids(self, pid: int) -> list[int]:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        return [pid, *(found for child in children for found in self._pids(int(child)))]

    def fire(self, path: str, body: bytes, *, connections: int, seconds: float) -> Load:
        """Ask, as fast as answers come, on so many connections."""
        cpu, begun = self.cpu_seconds(), time.perf_counter()
        answers = asyncio.run(_fire(self.port, path, body, connections, begun + seconds))
        took = time.perf_counter() - begun
        return Load(
            seconds=sorted(answer[1] for answer in answers),
            statuses=frozenset(answer[0] for answer in answers),
            took=took,
            cpu=self.cpu_seconds() - cpu,
        )


@contextmanager
def serve(*command: str, **environment: str) -> Iterator[Server]:
    """Serve `shop:create_app()` until the block ends; `{port}` in the command is where to listen."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", *(word.format(port=port) for word in command)],
        cwd=HERE,
        env={**os.environ, "PYTHONPATH": str(HERE.parent), **environment},
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_for(process, port)
        yield Server(process, port)
    finally:
        process.terminate()
        process.wait()


def gunicorn(*options: str) -> tuple[str, ...]:
    """Return the command that serves the shop with gunicorn."""
    common = ("--bind", "127.0.0.1:{port}", "--log-level", "warning", "--no-control-socket", "--backlog", "256")
    return ("gunicorn", *common, *options, "shop:create_app()")


def granian(*options: str) -> tuple[str, ...]:
    """Return the command that serves the shop with Granian."""
    common = ("--interface", "wsgi", "--host", "127.0.0.1", "--port", "{port}", "--log-level", "warning")
    return ("granian", *common, *options, "--factory", "shop:create_app")


def cart(size: int, *, first: int = 0, address: bool = True) -> bytes:
    """Return a simulation's body of so many SKUs."""
    items = [{"id": f"sku-{first + number}", "quantity": 1, "seller": "shop"} for number in range(size)]
    where = {"postalCode": "01310-100", "country": "BRA"} if address else {}
    return json.dumps({"items": items, **where}).encode()


def _wait_for(process: "subprocess.Popen[bytes]", port: int) -> None:
    until = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            if asyncio.run(_fire(port, SIMULATION, cart(1), 1, 0)):
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the server did not start")


async def _fire(port: int, path: str, body: bytes, connections: int, until: float) -> list[tuple[int, float]]:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    question = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    answers: list[tuple[int, float]] = []
    await asyncio.gather(*(_keep_asking(port, question, until, answers) for _ in range(connections)))
    return answers


async def _keep_asking(port: int, question: bytes, until: float, answers: list[tuple[int, float]]) -> None:
    writer = None
    while True:
        begun = time.perf_counter()
        if writer is None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(question)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
        except (asyncio.IncompleteReadError, ConnectionError):
            # It closed the connection between two calls, as a server may: what was not answered is asked again.
            writer = None
            continue
        await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
        answers.append((int(head.split(b" ", 2)[1]), time.perf_counter() - begun))
        if b"connection: close" in head:
            writer.close()
            writer = None
        if time.perf_counter() >= until:
            if writer is not None:
                writer.close()
            return
