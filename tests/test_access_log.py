"""The token is part of a call's address, and servers log addresses."""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from werkzeug.serving import make_server

from flask_vtex_seller import AccessLogFilter

from .shops import Shop

SECRET = "s3cret-t0ken"
PATH = "/api/vtex/acme/pvt/orders"


def filtered(message: Any, *args: Any) -> str:
    record = logging.LogRecord("any", logging.INFO, "", 0, message, args, None)
    assert AccessLogFilter().filter(record)
    return record.getMessage()


@pytest.mark.parametrize(
    "query",
    [
        f"token={SECRET}",
        f"sc=1&token={SECRET}",
        f"token={SECRET}&sc=1",
        f"?token={SECRET}",
        f"an=x;token={SECRET}",
        f"Token={SECRET}",
        f"%74oken={SECRET}",
        f"t%6F%6ben={SECRET}",
        f"token=a'{SECRET};{SECRET}",
        f"token=%41{SECRET}%26",
        f"token=x&token={SECRET}&token={SECRET}",
    ],
)
@pytest.mark.parametrize("line", ['"POST {} HTTP/1.1" 200', "{}", "Error handling request {}", "'{}'"])
def test_a_token_in_a_query_is_masked(query: str, line: str) -> None:
    written = filtered(line.format(f"{PATH}?{query}"))
    assert SECRET not in written
    assert PATH in written
    assert SECRET not in filtered("%s - %s", line.format(query), 200)


@pytest.mark.parametrize(
    "text",
    [
        '127.0.0.1 - - "GET /?sc=1&an=acme HTTP/1.1" 200 -',
        "the token is missing",
        "csrf_token=abc",
        "/?mytoken=abc",
        "100 %",
        "token=",
    ],
)
def test_a_record_without_a_token_is_left_alone(text: str) -> None:
    assert filtered(text) == text


@pytest.mark.parametrize("message", [{"a": 1}, None, ValueError("x"), 7])
def test_a_message_may_be_anything(message: Any) -> None:
    assert filtered(message) == str(message)


def test_the_rest_of_the_query_stays_readable() -> None:
    assert filtered(f'"POST {PATH}?sc=1&token={SECRET}&an=x HTTP/1.1"') == f'"POST {PATH}?sc=1&token=…&an=x HTTP/1.1"'


class Atoms(dict[str, Any]):
    """What gunicorn's access log is written from: a missing name is a dash."""

    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(name) if name in self else "-"


def test_the_names_of_a_format_stay_names() -> None:
    atoms = Atoms(r=f"POST {PATH}?token={SECRET} HTTP/1.1", q=f"token={SECRET}", U=PATH, s=200)
    assert filtered("%(r)s|%(q)s|%(U)s|%(s)s|%({x}i)s", atoms) == f"POST {PATH}?token=… HTTP/1.1|token=…|{PATH}|200|-"
    assert atoms["q"] == f"token={SECRET}", "it is somebody else's"


def test_werkzeugs_log_holds_no_token(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="werkzeug")
    log, mask = logging.getLogger("werkzeug"), AccessLogFilter()
    log.addFilter(mask)
    server = make_server("127.0.0.1", 0, shop.app)
    thread = threading.Thread(target=server.handle_request, daemon=True)
    thread.start()
    try:
        call(f"http://127.0.0.1:{server.server_port}{PATH}?sc=1&token={SECRET}")
        thread.join(timeout=20)
    finally:
        server.server_close()
        log.removeFilter(mask)
    assert f"{PATH}?sc=1&token=…" in caplog.text
    assert SECRET not in caplog.text


def call(url: str) -> int:
    from urllib.error import HTTPError

    try:
        with urlopen(Request(url, data=b"{}"), timeout=20) as response:  # noqa: S310 -- to this machine
            return int(response.status)
    except HTTPError as error:
        with error:
            return error.code


GUNICORN_SHOP = """
import logging
from flask import Flask
from flask_vtex_seller import AccessLogFilter

def create_app():
    for name in ("gunicorn.access", "gunicorn.error"):
        logging.getLogger(name).addFilter(AccessLogFilter())
    app = Flask(__name__)

    @app.post("/fine")
    def fine():
        return "fine"

    return app

def broken():
    def app(environ, start):
        raise RuntimeError("broken")

    create_app()
    return app
"""


@pytest.mark.parametrize("factory", ["create_app", "broken"])
def test_gunicorns_logs_hold_no_token(tmp_path: Path, factory: str) -> None:
    """Neither its access log nor its error log, which names the address of a call that failed."""
    pytest.importorskip("gunicorn", reason="gunicorn is not installed")
    (tmp_path / "gshop.py").write_text(GUNICORN_SHOP, encoding="utf-8")
    environment = {"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[1]}", "PATH": ""}
    options = ["--bind", "127.0.0.1:0", "--access-logfile", "-", "--no-control-socket"]
    command = [sys.executable, "-m", "gunicorn", *options, f"gshop:{factory}()"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log)
    try:
        url = _address(tmp_path / "log")
        call(f"{url}/fine?sc=1&token={SECRET}")
        _wait(tmp_path / "log", lambda text: "sc=1&token=…" in text)
    finally:
        process.terminate()
        process.wait(timeout=20)
    written = (tmp_path / "log").read_text(encoding="utf-8")
    assert SECRET not in written
    assert (
        "Error handling request" in written
        if factory == "broken"
        else '"POST /fine?sc=1&token=… HTTP/1.1" 200' in written
    )


def _address(log: Path) -> str:
    text = _wait(log, lambda text: "Listening at: " in text and "Booting worker" in text)
    return text.partition("Listening at: ")[2].split()[0]


def _wait(log: Path, holds: Callable[[str], bool]) -> str:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        text = log.read_text(encoding="utf-8")
        if holds(text):
            return text
        time.sleep(0.05)
    raise AssertionError(log.read_text(encoding="utf-8"))
