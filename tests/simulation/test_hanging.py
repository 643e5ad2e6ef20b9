"""A loader that hangs for ever, in a server as shops use it."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..shops import TOKEN

ROOT = Path(__file__).parents[2]
SIMULATION = f"/api/vtex/acme/pvt/orderForms/simulation?token={TOKEN}"
HEALTH = "/api/vtex/-/health?token=monitor"
SECONDS, THREADS, SERVER_THREADS = 0.25, 4, 4
LIMIT = 15.0
"""Seconds that a process has to end; far less than gunicorn's own patience here."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs gunicorn and /proc")


class Server:
    """gunicorn with one worker process."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.process = process
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        self._connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())

    def simulate(self, postal_code: str) -> tuple[int, float]:
        """Return the quantity that is available, and the seconds that the answer took."""
        items = [{"id": "apple", "quantity": 1, "seller": "fruitshop"}]
        begun = time.monotonic()
        status, answer = self.call("POST", SIMULATION, {"items": items, "postalCode": postal_code, "country": "BRA"})
        assert status == 200
        return answer["items"][0]["quantity"], time.monotonic() - begun

    def health(self) -> tuple[int, dict[str, Any]]:
        status, said = self.call("GET", HEALTH)
        return status, said["simulations"]

    def close(self) -> None:
        self._connection.close()
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    config = {
        "VTEX_SELLER_SIMULATION_SECONDS": SECONDS,
        "VTEX_SELLER_SIMULATION_THREADS": THREADS,
        "VTEX_SELLER_HEALTH_TOKEN": "monitor",
    }
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as gunicorn does with a socket of its own
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "--bind", f"fd://{door.fileno()}", "--workers", "1"),
                *(
                    "--threads",
                    str(SERVER_THREADS),
                    "--graceful-timeout",
                    "120",
                    "--timeout",
                    "120",
                    "--no-control-socket",
                ),
                "tests.simulation.hanging_shop:create_app()",
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "SHOP_DATABASE": f"sqlite:///{tmp_path / 'shop.sqlite'}",
                "SHOP_CONFIG": json.dumps(config),
            },
            stderr=subprocess.PIPE,
            pass_fds=[door.fileno()],
        )
        server = Server(process, door.getsockname()[1])
        try:
            yield server
        finally:
            server.close()


def threads_of(pid: int) -> int:
    return len([*Path(f"/proc/{pid}/task").iterdir()])


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGESIZE")


def test_a_loader_that_hangs_is_bounded_and_the_process_ends_all_the_same(
    server: Server, request: pytest.FixtureRequest
) -> None:
    """P18: in time, with a bounded number of threads, in constant memory; and SIGTERM ends it."""
    many = 10_000 if request.config.getoption("--chaos-full") else 500
    assert server.simulate("01310-100")[0] == 1
    pid = server.health()[1]["process"]
    hanging = [server.simulate("00000-000") for _ in range(THREADS)]
    assert [quantity for quantity, _ in hanging] == [0] * THREADS
    assert max(seconds for _, seconds in hanging) < 10 * SECONDS
    for _ in range(many // 5):  # what is allocated once, is
        server.simulate("00000-000")
    memory = resident_bytes(pid)
    begun = time.monotonic()
    assert {server.simulate("00000-000")[0] for _ in range(many)} == {0}
    assert (time.monotonic() - begun) / many < SECONDS / 5  # at once: nobody waits for a thread that hangs
    assert threads_of(pid) <= 1 + SERVER_THREADS + THREADS
    assert resident_bytes(pid) - memory < 2_000_000
    status, said = server.health()
    assert (status, said["status"], said["hanging"]) == (503, "fail", ["sla_loader"] * THREADS)
    assert (said["late"], said["saturated"]) == (THREADS, many + many // 5)

    server.process.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    _, log = server.process.communicate(timeout=LIMIT)
    assert (server.process.returncode, time.monotonic() - begun < LIMIT) == (0, True)
    assert log.count(b"within its budget: waiting for sla_loader") == 1
    assert log.count(b"within its budget: every thread is taken") <= 1 + many // 500
