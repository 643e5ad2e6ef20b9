"""Whom an order's own endpoint may lead to. (P75, P76, row 37)"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_vtex_seller.clock import SystemClock
from flask_vtex_seller.config import Marketplace, Settings
from flask_vtex_seller.errors import ConfigurationError
from flask_vtex_seller.marketplace.client import MarketplaceClient
from flask_vtex_seller.marketplace.hosts import UntrustedEndpoint, resolve, services_url
from flask_vtex_seller.marketplace.operations import OPERATIONS
from flask_vtex_seller.marketplace.outcome import Verdict

from ..shops import ACME, APP_TOKEN
from .loopback import Loopback, marketplace_at, reply

PATH = "/pvt/orders/1-01/invoice"
OMS = "https://acmemarket.vtexcommercestable.com.br/api/oms"
VALUES = {"marketplace_order_id": "1-01", "invoice_number": "NF77"}
TRUSTED = {
    "http://acmemarket.vtexcommercestable.com.br/api/oms?an=acmemarket": f"{OMS}{PATH}?an=acmemarket",
    "https://acmemarket.vtexcommercestable.com.br/api/oms": f"{OMS}{PATH}",
    "https://acmemarket.vtexcommercestable.com.br/api/oms/": f"{OMS}{PATH}",
    "https://acmemarket.vtexcommercestable.com.br:443/api/oms": f"{OMS}{PATH}",
    "http://acmemarket.vtexcommercestable.com.br:80/api/oms": f"{OMS}{PATH}",
    "HTTP://ACMEMARKET.VTEXCOMMERCESTABLE.COM.BR/api/oms?an=AcmeMarket": f"{OMS}{PATH}?an=AcmeMarket",
    "https://acmemarket.vtexcommercebeta.com.br/api/oms?an=acmemarket&sc=1": (
        f"https://acmemarket.vtexcommercebeta.com.br/api/oms{PATH}?an=acmemarket&sc=1"
    ),
    "http://portal.vtexcommerce.com.br/api/oms?an=acmemarket": (
        f"https://portal.vtexcommerce.com.br/api/oms{PATH}?an=acmemarket"
    ),
    "https://acmemarket.myvtex.com/": f"https://acmemarket.myvtex.com{PATH}",
    "https://acmemarket.myvtex.com": f"https://acmemarket.myvtex.com{PATH}",
    "https://\uff41\uff43\uff4d\uff45\uff4d\uff41\uff52\uff4b\uff45\uff54.myvtex.com/": f"https://acmemarket.myvtex.com{PATH}",
}
HOSTILE = (
    # nothing, or nothing that is an address
    *("", " ", "/", "//", "?", "https:", "https://", "https:///api/oms", "acmemarket.myvtex.com", "null", "[]"),
    # other schemes
    *("ftp://acmemarket.myvtex.com/", "file:///etc/passwd", "javascript:alert(1)", "gopher://acmemarket.myvtex.com/"),
    *("//acmemarket.myvtex.com/", "https:acmemarket.myvtex.com", "httpss://acmemarket.myvtex.com/", "ws://x/"),
    # look-alikes
    *("https://acmemarket.myvtex.com.evil.io/", "https://evil.io/acmemarket.myvtex.com", "https://evilmyvtex.com/"),
    *("https://acmemarketmyvtex.com/", "https://acmemarket.myvtex.com.br/", "https://acmemarket.myvtex.co/"),
    *("https://acmemarket.vtexcommercestable.com/", "https://acmemarket-vtexcommercestable.com.br/"),
    *("https://acmemarket.evil.io/?x=.myvtex.com", "https://evil.io?acmemarket.myvtex.com", "https://localhost/"),
    *("https://evil.io/#.myvtex.com", "https://evil.io#acmemarket.myvtex.com/", "https://evil.io/?an=acmemarket"),
    # a marketplace's host, but not the account's
    *("https://other.myvtex.com/", "https://other.myvtex.com/?an=acmemarket", "https://myvtex.com/?an=acmemarket"),
    *("https://a.acmemarket.myvtex.com/", "https://acmemarket.other.myvtex.com/", "https://www.myvtex.com/"),
    *("https://dev--acmemarket.myvtex.com/", "https://acmemarket2.myvtex.com/", "https://xacmemarket.myvtex.com/"),
    *("https://acmemarket.myvtex.com/?an=other", "https://acmemarket.myvtex.com/?an=acmemarket&an=other"),
    *("https://acmemarket.myvtex.com/?an=", "https://acmemarket.myvtex.com/?AN=other"),
    *("https://portal.vtexcommerce.com.br/api/oms", "https://portal.vtexcommerce.com.br/api/oms?an=other"),
    *("http://oms.vtexinternal.com.br/api/oms?an=acmemarket", "https://acmemarket.vtexinternal.com/"),
    # userinfo
    *("https://acmemarket.myvtex.com@evil.io/", "https://evil.io@acmemarket.myvtex.com/", "https://@evil.io/"),
    *("https://user:pass@acmemarket.myvtex.com/", "https://acmemarket.myvtex.com%40evil.io/"),
    *("https://acmemarket.myvtex.com:x@evil.io/", "https://acmemarket.myvtex.com\\@evil.io/"),
    # addresses in digits
    *("https://127.0.0.1/?an=acmemarket", "http://127.0.0.1:{port}/?an=acmemarket", "https://2130706433/"),
    *("https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/", "https://0/", "https://10.0.0.1/"),
    *("https://169.254.169.254/latest/meta-data?an=acmemarket", "https://[::1]/", "https://[::ffff:127.0.0.1]/"),
    *("https://[fe80::1%25eth0]/", "http://[::1]:{port}/?an=acmemarket", "https://\u2460\u2461\u2466.0.0.1/", "https://[::1/"),
    *("http://localhost:{port}/?an=acmemarket", "https://localhost.acmemarket.myvtex.com/", "https://[v1.x]/"),
    # other letters
    *("https://acmemarket.m\u0443vtex.com/", "https://\u0430cmemarket.myvtex.com/", "https://acmemarket.myvt\u0435x.com/"),
    *("https://xn--cmemarket-xfg.myvtex.com/", "https://acmemarket.myvtex.com\u2024evil.io/", "https://acmemarket\u3002evil.io/"),
    *("https://acme\u00admarket.evil.io/", "https://acmemarket.\uff45\uff56\uff49\uff4c.io/", "https://acmemarket.myvtex.com\u200b.evil.io/"),
    *("https://acmemarket.myvtex.com\uff0fevil.io", "https://evil.io\uff03.myvtex.com", "https://ß.myvtex.com/"),
    # ports
    *("https://acmemarket.myvtex.com:8443/", "https://acmemarket.myvtex.com:0/", "https://acmemarket.myvtex.com:80/"),
    *("https://acmemarket.myvtex.com:99999/", "https://acmemarket.myvtex.com:-1/", "http://acmemarket.myvtex.com:22/"),
    *("https://acmemarket.myvtex.com:{port}/", "https://acmemarket.myvtex.com:https/", "https://:443/"),
    # dots
    *("https://acmemarket.myvtex.com./", "https://.acmemarket.myvtex.com/", "https://acmemarket..myvtex.com/"),
    *("https://acmemarket.myvtex.com../", "https://./", "https://../", "https://acmemarket.myvtex.com/../x"),
    *("https://acmemarket.myvtex.com/api/..", "https://acmemarket.myvtex.com/./", "https://acmemarket.myvtex.com//x"),
    *("https://acmemarket.myvtex.com/%2e%2e/", "https://acmemarket.myvtex.com/a%2fb", "https://acmemarket.myvtex.com/;x"),
    # what a parser drops, or a header could be broken with
    *("https://acme\tmarket.myvtex.com/", "https://evil.io\t.myvtex.com/", "https://acmemarket.myvtex.com/\r\nX: 1"),
    *("https://evil.io\n.myvtex.com/", " https://evil.io/", "\x00https://evil.io/", "https://acmemarket.myvtex.com/ x"),
    *("https://acmemarket.myvtex.com/?a\r\nb", "https://acmemarket.myvtex.com/\x7f", "https://evil.io\\.myvtex.com/"),
    *("https:\\\\evil.io\\", "https:/\\evil.io/", "https://acmemarket.myvtex.com/#", "https://acmemarket.myvtex.com#x"),
    *("https://acmemarket.myvtex.com/{{marketplace_order_id}}", "https://acmemarket.myvtex.com/ç", "https://\ud800.io/"),
    *("https://acmemarket.myvtex.com/?x={{account}}", "https://acmemarket.myvtex.com/?x=<script>"),
    "https://" + "a" * 64 + ".myvtex.com/",
    "https://acmemarket.myvtex.com/" + "a" * 2000,
)  # fmt: skip
every_hostile = pytest.mark.parametrize("endpoint", HOSTILE, ids=ascii)


def acme(**changes: Any) -> Marketplace:
    settings = Settings.from_config({"VTEX_SELLER_MARKETPLACES": {"acme": {**ACME, **changes}}})
    return settings.marketplaces["acme"]


def public(_: str) -> list[str]:
    return ["52.95.120.1", "2600:9000::1"]


def address(endpoint: str, path: str = PATH, **changes: Any) -> str:
    return services_url(endpoint, path, acme(**changes), public)


# whom it may lead to


@pytest.mark.parametrize("endpoint", TRUSTED)
def test_the_path_goes_before_the_query_and_http_becomes_https(endpoint: str) -> None:
    """P76"""
    assert address(endpoint) == TRUSTED[endpoint]


def test_a_query_of_the_path_follows_that_of_the_endpoint() -> None:
    """P76, row 38"""
    path = "/pvt/orders/1-01/changes/c/send-agreement?accountName=acmemarket"
    assert address(f"{OMS}?an=acmemarket", path).endswith("/send-agreement?an=acmemarket&accountName=acmemarket")
    assert address(OMS, path).endswith("/send-agreement?accountName=acmemarket")


def test_the_hosts_are_the_shops_to_choose() -> None:
    """P75, row 37: a name with a dot before it is the account's below it, one without is shared by all accounts."""
    hosts = [".orders.example", "OMS.partner.example"]
    assert address("https://acmemarket.orders.example", services_hosts=hosts).startswith("https://acmemarket.orders.")
    shared = address("http://oms.partner.example/x?an=acmemarket", services_hosts=hosts)
    assert shared == f"https://oms.partner.example/x{PATH}?an=acmemarket"
    for endpoint in (OMS, "https://oms.partner.example/x", "https://acmemarket.oms.partner.example/?an=acmemarket"):
        with pytest.raises(UntrustedEndpoint):
            address(endpoint, services_hosts=hosts)


@pytest.mark.parametrize(
    "host",
    ["com", ".com", "..myvtex.com", "my vtex.com", "*.myvtex.com", "127.0.0.1", ".0.0.1", "https://x.com", "[::1]"],
)
def test_a_host_that_is_none_is_refused_at_the_start(host: str) -> None:
    with pytest.raises(ConfigurationError, match="services_hosts"):
        acme(services_hosts=[host])


def test_a_local_marketplace_is_where_base_url_is_and_nowhere_else() -> None:
    """P75: plain http to the sandbox, and to no other port of this machine."""
    local = {"local": True, "base_url": "http://127.0.0.1:5001"}
    own = "http://127.0.0.1:5001/api/oms?an=acmemarket"
    assert address(own, **local) == f"http://127.0.0.1:5001/api/oms{PATH}?an=acmemarket"
    for endpoint in (
        "http://127.0.0.1:5002/?an=acmemarket",
        "http://127.0.0.1:5001/",
        "http://localhost:5001/?an=acmemarket",
    ):
        with pytest.raises(UntrustedEndpoint):
            address(endpoint, **local)
    with pytest.raises(UntrustedEndpoint):
        address(own)
    with pytest.raises(UntrustedEndpoint):  # not local: then only services_hosts can say so
        address("https://gateway.example/?an=acmemarket", base_url="https://gateway.example")


# whom not


def test_the_corpus_is_a_large_one() -> None:
    assert len(set(HOSTILE)) >= 60


@every_hostile
def test_a_hostile_endpoint_is_not_trusted(endpoint: str) -> None:
    """P75"""
    with pytest.raises(UntrustedEndpoint) as caught:
        address(endpoint)
    assert "evil" not in str(caught.value)


@given(st.text(max_size=40), st.text(max_size=10), st.sampled_from(["", "@", ".", "/", ":", "?", "#"]))
def test_no_endpoint_leads_anywhere_but_to_the_accounts_hosts(before: str, after: str, joint: str) -> None:
    """P75"""
    for endpoint in (f"https://{before}{joint}acmemarket.myvtex.com{after}", f"https://{before}", before + after):
        with contextlib.suppress(UntrustedEndpoint):
            url = address(endpoint)
            assert url.startswith(("https://acmemarket.myvtex.com/",))
            assert url.isascii()


@pytest.mark.parametrize(
    "found",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "192.168.1.1",
            "172.16.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",  # noqa: S104
            "224.0.0.1",
        ),
        *("255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
    ],
)
def test_a_name_that_leads_into_a_private_network_is_not_trusted(found: str) -> None:
    """P75: also if only one of its addresses does, as of a name that changes between question and call."""
    for addresses in ([found], ["52.95.120.1", found]):
        with pytest.raises(UntrustedEndpoint, match="not public"):
            services_url(OMS, PATH, acme(), lambda _, found=addresses: found)


@pytest.mark.parametrize("found", ["52.95.120.1", "2600:9000::1", "64:ff9b::345f:7801"])
def test_a_public_address_is_trusted(found: str) -> None:
    assert services_url(OMS, PATH, acme(), lambda _: [found]).startswith(OMS)


def test_the_machines_resolver_tells_addresses() -> None:
    assert "127.0.0.1" in resolve("127.0.0.1")


# over the wire


class Trap:
    """Every name of the world leads to this socket; it counts who comes, and hangs up."""

    def __init__(self) -> None:
        self.visitors = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.visitors += 1
                connection.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=10)


@pytest.fixture
def trap(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trap]:
    trap, genuine = Trap(), socket.getaddrinfo

    def anywhere(host: Any, port: Any, *arguments: Any, **kwargs: Any) -> Any:
        if (host, f"http://{host}:{port}") == ("127.0.0.1", server.url):
            return genuine(host, port, *arguments, **kwargs)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", trap.port))]

    monkeypatch.setattr(socket, "getaddrinfo", anywhere)
    yield trap
    trap.close()


@pytest.fixture
def client() -> Iterator[MarketplaceClient]:
    client = MarketplaceClient(SystemClock(), user_agent="tests", resolver=public)
    yield client
    client.close()


def at_home(server: Loopback) -> Marketplace:
    return acme(**marketplace_at(server.url, route_family="protocol"))


@every_hostile
def test_no_credential_leaves_and_the_invoice_arrives(
    client: MarketplaceClient, server: Loopback, trap: Trap, endpoint: str
) -> None:
    """P75, row 37: nobody is even connected to; the call goes where it would have gone without the endpoint."""
    server.answer = lambda _: reply(200, b"{}")
    hostile = endpoint.replace("{port}", str(trap.port))
    outcome = client.send(OPERATIONS["invoice"], at_home(server), VALUES, {}, services_endpoint=hostile)
    assert trap.visitors == 0
    assert [request.target for request in server.received] == ["/api/oms/pvt/orders/1-01/invoice"]
    assert outcome.verdict is Verdict.DELIVERED
    assert outcome.reason.startswith("200 (sent to base_url: the order's marketplaceServicesEndpoint ")


def test_the_trap_catches_who_does_call(client: MarketplaceClient, server: Loopback, trap: Trap) -> None:
    outcome = client.send(OPERATIONS["invoice"], at_home(server), VALUES, {}, services_endpoint=OMS)
    assert (trap.visitors, server.received) == (1, [])
    assert outcome.verdict is Verdict.RETRY


def test_a_name_without_an_address_is_tried_again(server: Loopback) -> None:
    """A resolver that is down for a moment must neither lose the invoice nor send it elsewhere."""

    def nowhere(_: str) -> list[str]:
        raise socket.gaierror(-3, "temporary failure")

    for resolver in (nowhere, lambda _: []):
        client = MarketplaceClient(SystemClock(), user_agent="tests", resolver=resolver)
        outcome = client.send(OPERATIONS["invoice"], at_home(server), VALUES, {}, services_endpoint=OMS)
        assert (outcome.verdict, outcome.status) == (Verdict.RETRY, None)
        assert outcome.reason.startswith("not sent: ")
        client.close()
    assert server.received == []


@pytest.mark.parametrize("name", ["price_notification", "change_notification", "delivery_promises", "suggestion"])
def test_calls_about_skus_never_go_to_an_orders_services(
    client: MarketplaceClient, server: Loopback, trap: Trap, name: str
) -> None:
    client.send(OPERATIONS[name], at_home(server), {"sku_id": "apple"}, None, services_endpoint=OMS)
    assert (len(server.received), trap.visitors) == (1, 0)


def test_the_oms_family_does_not_look_at_the_endpoint(client: MarketplaceClient, server: Loopback, trap: Trap) -> None:
    """row 37: ignored by default"""
    marketplace = acme(**marketplace_at(server.url))
    outcome = client.send(OPERATIONS["tracking"], marketplace, VALUES, {}, services_endpoint=OMS)
    assert (trap.visitors, outcome.reason) == (0, "200")
    assert server.received[0].method == "PATCH"


def test_the_endpoint_is_neither_logged_nor_kept(
    client: MarketplaceClient, server: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    """P75, P80: it is an address that anybody may have written."""
    hostile = "https://evil.io/?an=acmemarket"
    outcome = client.send(OPERATIONS["invoice"], at_home(server), VALUES, {}, services_endpoint=hostile)
    [record] = [record for record in caplog.records if "marketplaceServicesEndpoint" in record.getMessage()]
    assert (record.levelname, record.__dict__["marketplace_order_id"]) == ("WARNING", "1-01")
    assert "evil" not in caplog.text + outcome.reason
    assert APP_TOKEN not in caplog.text + outcome.reason
