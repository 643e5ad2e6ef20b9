"""The demo's two servers: a fresh shop and a sandbox marketplace that know each other."""

import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from flask_vtex_seller.runners.scheduler import start_scheduler
from flask_vtex_seller.sandbox import create_app as create_sandbox

from .. import seed
from ..extensions import db

SELLER_ID = "jatoba"


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Keep silent: the timeline tells it better, and a log line would hold the token."""


@contextmanager
def _serving(app: Flask, listener: socket.socket) -> Iterator[None]:
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet, fd=listener.fileno())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _listener() -> Iterator[tuple[socket.socket, str]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def set_up(create_shop: Callable[[dict[str, Any]], Flask]) -> Iterator[tuple[Flask, Flask, str, str]]:
    """Serve a fresh shop and a sandbox that know each other; yields both and their addresses."""
    with ExitStack() as stack:
        shop_listener, shop_url = stack.enter_context(_listener())
        sandbox_listener, sandbox_url = stack.enter_context(_listener())
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="vtex-seller-demo-")))
        token = secrets.token_urlsafe(24)
        shop = create_shop(_shop_config(folder, token, sandbox_url))
        stack.callback(_dispose, shop)
        with shop.app_context():
            seed.prepare()
        endpoint = f"{shop_url}/api/vtex/sandbox?token={token}"
        sandbox = create_sandbox(_sandbox_config(endpoint, shop))
        stack.callback(sandbox.extensions["vtex_sandbox"].close)
        stack.enter_context(_serving(shop, shop_listener))
        stack.enter_context(_serving(sandbox, sandbox_listener))
        stack.callback(start_scheduler(shop).shutdown)
        yield shop, sandbox, shop_url, sandbox_url


def _sandbox_config(endpoint: str, shop: Flask) -> dict[str, Any]:
    known = shop.config["VTEX_SELLER_MARKETPLACES"]["sandbox"]
    return {
        "SANDBOX_FULFILLMENT_ENDPOINT": endpoint,
        "SANDBOX_SELLER_ID": SELLER_ID,
        "SANDBOX_APP_KEY": known["app_key"],
        "SANDBOX_APP_TOKEN": known["app_token"],
    }


def _shop_config(folder: Path, token: str, sandbox_url: str) -> dict[str, Any]:
    marketplace = {
        "account": "sandbox",
        "seller_id": SELLER_ID,
        "app_key": "vtexappkey-sandbox",
        "app_token": secrets.token_urlsafe(24),
        "inbound_tokens": [token],
        "base_url": sandbox_url,
        "suggestions_url": sandbox_url,
        "local": True,
    }
    return {
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder / 'shop.sqlite'}",
        "SECRET_KEY": secrets.token_urlsafe(24),
        "SHOP_ADMIN_PASSWORD": secrets.token_urlsafe(6),
        "VTEX_SELLER_MARKETPLACES": {"sandbox": marketplace},
        "VTEX_SELLER_DRAIN_SECONDS": 0.2,
    }


def _dispose(shop: Flask) -> None:
    with shop.app_context():
        db.session.remove()
        db.engine.dispose()
