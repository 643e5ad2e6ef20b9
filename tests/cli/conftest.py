"""A shop that runs at an address, and `flask vtex-seller check` of it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import Result
from werkzeug.serving import WSGIRequestHandler, make_server

from ..shops import Shop

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Any]


@pytest.fixture
def check(request: pytest.FixtureRequest) -> Callable[..., Result]:
    """Run `flask vtex-seller check` of the common shop, or of another."""

    def run(*arguments: str, shop: Shop | None = None) -> Result:
        shop = shop or request.getfixturevalue("shop")
        result = shop.app.test_cli_runner().invoke(args=["vtex-seller", "check", *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Write nothing between the lines of the command."""


@contextmanager
def served(application: Wsgi) -> Iterator[str]:
    """Serve a WSGI application on a socket of this machine; yields its address."""
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
