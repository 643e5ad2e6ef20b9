"""An address that came with an order gets no connection and no key, whatever it looks like. (S4)"""

import logging
import socket
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from flask_vtex_seller.state import current_state

from ..chaos.conftest import Scale
from ..chaos.report import Figures
from ..contract.speaking import drain, make_invoice, speaking
from ..marketplace.loopback import Loopback, loopback, marketplace_at, reply
from ..marketplace.test_hosts import HOSTILE as BY_HAND
from ..marketplace.test_hosts import OMS, Trap
from ..shops import APP_TOKEN, Shop, StoppedClock, order_body

OWN_HOSTS = (
    "acmemarket.vtexcommercestable.com.br",
    "acmemarket.vtexcommercebeta.com.br",
    "acmemarket.vtexcommerce.com.br",
    "acmemarket.myvtex.com",
    "portal.vtexcommerce.com.br",
)
DISGUISES = (
    *("https://{own}@evil.example/", "https://{own}:443@evil.example/", "https://evil.example\\@{own}/"),
    *("https://{own}.evil.example/", "https://evil.example/{own}", "https://evil.example#{own}"),
    *("https://evil.example?{own}/?an=acmemarket", "https://{own}%2eevil.example/", "https://{own}%00.evil.example/"),
    *("https://{own}\u3002evil.example/", "https://{own}\t.evil.example/", "https://evil.example%23@{own}/"),
    *("https://{own}:8443/?an=acmemarket", "ftp://{own}/?an=acmemarket", "https://x.{own}/?an=acmemarket"),
    *("https://-{own}/?an=acmemarket", "https://{own}x/?an=acmemarket", "https://{own}/?an=evil"),
)
NUMBERS = (
    *("127.0.0.1", "127.1", "127.0.0.2", "127.255.255.254", "2130706433", "0x7f000001", "0177.0.0.1", "0"),
    *("169.254.169.254", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "52.95.120.1", "[::1]", "[::]"),
    *("[::ffff:127.0.0.1]", "[fe80::1]", "[fc00::1]", "[2600:9000::1]", "[64:ff9b::7f00:1]", "localhost"),
)
ENDPOINTS = tuple(
    dict.fromkeys(
        [
            *BY_HAND,
            *(form.format(own=own) for own in OWN_HOSTS for form in DISGUISES),
            *(f"{scheme}://{number}:{{port}}/?an=acmemarket" for number in NUMBERS for scheme in ("http", "https")),
        ]
    )
)
PUBLIC = [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("52.95.120.1", 443))]


@pytest.fixture
def home() -> Iterator[Loopback]:
    with loopback() as server:
        server.answer = lambda _: reply(200, b"{}")
        yield server


@pytest.fixture
def trap(home: Loopback, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trap]:
    """Every name is public when it is looked at, and leads to the trap when it is called."""
    trap, genuine = Trap(), socket.getaddrinfo

    def rebinding(host: Any, port: Any, *arguments: Any, **kwargs: Any) -> Any:
        if f"http://{host}:{port}" == home.url:
            return genuine(host, port, *arguments, **kwargs)
        if kwargs.get("proto") == socket.IPPROTO_TCP:  # as the check asks
            return PUBLIC
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", trap.port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    yield trap
    trap.close()


@pytest.fixture
def shop(new_shop: Callable[..., Shop], home: Loopback) -> Shop:
    settings = marketplace_at(home.url, route_family="protocol")
    return new_shop(marketplaces={"acme": settings}, clock=StoppedClock())


def say_invoice(shop: Shop, number: int, endpoint: str) -> bool:
    """Place an order that brings the endpoint, and say its invoice; tell whether the order was taken."""
    body = order_body(f"{number}-01", marketplaceServicesEndpoint=endpoint)
    try:
        placed = shop.call("/pvt/orders", [body])
    except UnicodeEncodeError:  # half a character: no JSON can carry it
        return False
    if placed.status_code != 200:
        assert placed.status_code == 400, endpoint
        return False
    order_id = placed.get_json()[0]["orderId"]
    assert shop.call(f"/pvt/orders/{order_id}/fulfill", {}).status_code == 200
    with speaking(shop) as seller:
        seller.send_invoice(order_id, make_invoice(str(number)))
    return True


def test_no_hostile_endpoint_gets_a_connection_and_every_invoice_arrives(
    shop: Shop,
    home: Loopback,
    trap: Trap,
    scale: Scale,
    rng: Random,
    figures: Figures,
    caplog: pytest.LogCaptureFixture,
) -> None:
    chosen = scale(rng.sample(ENDPOINTS, 60), ENDPOINTS)
    caplog.set_level(logging.INFO)
    taken = [
        say_invoice(shop, number, endpoint.replace("{port}", str(trap.port))) for number, endpoint in enumerate(chosen)
    ]
    delivered, failed, dead = drain(shop)
    assert (delivered, failed, dead) == (sum(taken), 0, 0)
    assert trap.visitors == 0
    assert {request.target.rpartition("/")[0].rpartition("/")[0] for request in home.received} == {
        "/api/oms/pvt/orders"
    }
    with shop.app.app_context():
        messages = current_state().outbox.page(state=None, marketplace=None, lane=None, limit=1000)
    for message in messages:
        assert (message.last_reason or "").startswith("200 (sent to base_url: the order's marketplaceServicesEndpoint")
    assert "evil" not in caplog.text
    figures.note("S4", endpoints=len(chosen), orders=sum(taken), connections=trap.visitors)
    assert len(ENDPOINTS) >= 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("family", ["oms", "protocol"])
def test_no_redirect_of_the_marketplace_leads_the_key_elsewhere(
    new_shop: Callable[..., Shop], home: Loopback, status: int, family: str
) -> None:
    with loopback() as elsewhere:
        home.answer = lambda _: reply(status, Location=f"{elsewhere.url}/collect")
        settings = marketplace_at(home.url, route_family=family)
        shop = new_shop(marketplaces={"acme": settings}, clock=StoppedClock())
        endpoint = f"{home.url}/api/oms?an=acmemarket"
        assert say_invoice(shop, 1, endpoint)
        assert drain(shop) == (0, 0, 1)
        assert (len(home.received), elsewhere.received) == (1, [])


def test_a_name_that_is_rebound_after_the_check_gets_no_key(shop: Shop, home: Loopback, trap: Trap) -> None:
    """The account's own host is public when it is looked at, another a moment later: TLS comes before any word."""
    assert say_invoice(shop, 1, OMS)
    assert drain(shop) == (0, 1, 0)
    with shop.app.app_context():
        [message] = current_state().outbox.page(state=None, marketplace=None, lane=None, limit=9)
    # What listens there speaks no TLS: it says so, or resets the connection, whichever comes first.
    assert message.last_reason in {"not sent: SSLError", "outcome unknown: ConnectionError"}
    assert home.received == []


def test_the_environments_proxy_gets_nothing(shop: Shop, home: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    with loopback() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert say_invoice(shop, 1, "")
        assert drain(shop) == (1, 0, 0)
        assert proxy.received == []
        assert APP_TOKEN.encode() in home.received[0].raw
