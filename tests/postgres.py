"""A PostgreSQL server of the tests' own: started on a free port, thrown away afterwards."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

try:
    import psycopg
except ImportError:  # pragma: no cover -- the extra `postgres` is not installed
    psycopg = None  # type: ignore[assignment]

UNPRIVILEGED_USER = "nobody"


class NoServer(Exception):
    """No PostgreSQL server can be had here; the message says why."""


def binaries() -> Path:
    """Return the folder of `initdb` and `postgres`."""
    if psycopg is None:
        raise NoServer("the PostgreSQL driver is not installed: pip install -e '.[postgres]'")
    candidates = [Path(found).resolve().parent] if (found := shutil.which("initdb")) else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise NoServer("no PostgreSQL server binaries (initdb, postgres) on this machine; set TEST_POSTGRES_URL instead")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Server:
    """A private server; `stop` and `start` let a test restart it."""

    def __init__(self, folder: Path) -> None:
        self.bin = binaries()
        self.data = folder / "data"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        # initdb refuses to run as root
        self._user = UNPRIVILEGED_USER if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(folder, self._user)
        self._run("initdb", "-D", str(self.data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        command = [str(self.bin / "postgres"), "-D", str(self.data), "-p", str(self.port), "-k", str(self.data)]
        for setting in ("fsync=off", "full_page_writes=off", "max_connections=150", "listen_addresses=127.0.0.1"):
            command += ["-c", setting]
        self._process = subprocess.Popen(
            command, user=self._user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/"
        )
        deadline = time.monotonic() + 60
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise NoServer("the private PostgreSQL server did not start")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it at once, as `pg_ctl -m immediate` does: connections break, nothing is tidied up."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=30)
            self._process = None

    def _answers(self) -> bool:
        try:
            psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.bin / program), *arguments], user=self._user, capture_output=True, check=False, cwd="/"
        )
        if done.returncode:
            raise NoServer(f"{program} failed: {done.stderr.decode(errors='replace').strip()}")


@contextlib.contextmanager
def private_server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="vtex-seller-postgres-") as folder:
        server = Server(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()
