"""`flask vtex-seller check --url …`: a shop that runs somewhere, and the hosts that are in its way."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import Result
from flask import redirect, request
from flask.typing import ResponseReturnValue
from flask_wtf import CSRFProtect  # type: ignore[import-untyped]
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from flask_vtex_seller.conformance.deadline import Deadline

from ..marketplace.loopback import RESET, Answer, closed_port_url, loopback, reply
from ..shops import ACME, APP_TOKEN, SECOND_TOKEN, TOKEN, Shop
from .conftest import Wsgi, served

if TYPE_CHECKING:
    import trustme

Check = Callable[..., Result]
PAGE = b"<!doctype html><title>Welcome</title>"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SIMULATION = "/api/vtex/acme/pvt/orderForms/simulation"


def complaints(result: Result) -> list[str]:
    assert not any(secret in result.output for secret in (TOKEN, SECOND_TOKEN, APP_TOKEN))
    return [line.removeprefix("✗ ") for line in result.output.splitlines() if line.startswith("✗ ")]


def only_complaint(result: Result) -> str:
    (complaint,) = complaints(result)
    assert result.exit_code == 1
    return complaint


# a shop that is well


def test_a_running_shop_is_judged_by_every_statement(shop: Shop, check: Check) -> None:
    with served(shop.app) as url:
        result = check("--url", url, "--sku", "apple", "--sku", "pear", "--postal-code", "01310-100")
    assert result.exit_code == 0, result.output
    *statements, summary, end = result.output.splitlines()
    assert len(statements) == 82
    assert statements[0].startswith("✓ acme: P1 A known SKU")
    assert statements[23].startswith("- acme: P24 An array of orders")
    assert statements[23].endswith("the check places orders, and that was not asked for")
    assert summary.startswith("acme: ")
    assert summary.endswith(" not applicable")
    assert end == "✓ ready to sell on acme"
    assert shop.order_ids() == []


def test_the_whole_endpoint_may_be_given(shop: Shop, check: Check) -> None:
    with served(shop.app) as url:
        for address in (f"{url}/", f"{url}/api/vtex", f"{url}/api/vtex/acme?token={TOKEN}"):
            result = check("--url", address, "--no-statements", "--sku", "apple")
            assert (result.exit_code, result.output) == (0, "✓ ready to sell on acme\n")


def test_the_whole_endpoint_of_one_marketplace_leads_to_all(new_shop: Callable[..., Shop], check: Check) -> None:
    shop = new_shop(marketplaces={"acme": ACME, "zeta": ACME})
    with served(shop.app) as url:
        result = check("--url", f"{url}/api/vtex/acme", "--no-statements", "--sku", "apple", shop=shop)
    assert (result.exit_code, result.output) == (0, "✓ ready to sell on acme, zeta\n")


def test_a_shop_below_a_path_is_checked_there(shop: Shop, check: Check) -> None:
    with served(DispatcherMiddleware(not_found, {"/store": shop.app})) as url:
        assert check("--url", f"{url}/store", "--sku", "apple").exit_code == 0


def test_the_tables_of_this_machine_do_not_matter(
    shop: Shop, check: Check, new_shop: Callable[..., Shop], tmp_path: Any
) -> None:
    here = new_shop(database_url=f"sqlite:///{tmp_path}/empty.sqlite", create_tables=False)
    with served(shop.app) as url:
        assert check("--url", url, shop=here).exit_code == 0


def test_another_token_is_noticed(shop: Shop, check: Check, new_shop: Callable[..., Shop]) -> None:
    acme = {**ACME, "inbound_tokens": [TOKEN, "a-newer-token"]}
    here = new_shop(marketplaces={"acme": acme}, create_tables=False)
    with served(shop.app) as url:
        complaint = only_complaint(check("--url", url, shop=here))
    assert complaint == f"{url}{SIMULATION} refuses token 2 of acme: there, other inbound_tokens are configured"


def test_another_marketplace_is_noticed(shop: Shop, check: Check, new_shop: Callable[..., Shop]) -> None:
    here = new_shop(marketplaces={"zeta": ACME}, create_tables=False)
    with served(shop.app) as url:
        complaint = only_complaint(check("--url", url, shop=here))
    assert "with 404, by the extension: no marketplace zeta is configured there" in complaint


# hosts that do not answer


def hangs(_: object) -> bytes:
    threading.Event().wait(3)
    return b""


def drips(start: bytes) -> Answer:
    def answer(_: object) -> Iterator[bytes]:
        yield start
        while True:
            threading.Event().wait(0.05)
            yield b"x"

    return answer


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda _: RESET, "it resets the connection"),
        (lambda _: b"", "it closes the connection without an answer"),
        (lambda _: b"SSH-2.0-OpenSSH_9.6\r\n", "it does not speak HTTP at this port"),
        (lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", "its answer breaks off in the middle"),
        (lambda _: CHUNKED + b"9\r\n{", "its answer breaks off in the middle"),
        (lambda _: reply(200, b"{}", Content_Encoding="gzip"), "its answer is not encoded as it says"),
    ],
    ids=["reset", "closed", "ssh", "half", "half-chunk", "no-gzip"],
)
def test_a_host_without_an_answer_is_named_with_the_reason(check: Check, answer: Answer, reason: str) -> None:
    with loopback() as host:
        host.answer = answer
        complaint = only_complaint(check("--url", host.url))
    assert complaint == f"{host.url} gives no answer: {reason}"


@pytest.mark.parametrize("scheme", ["http://", "https://"])
def test_a_silent_host_is_named(check: Check, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """Over TLS the handshake is silent: its first bytes are taken for a request without an end."""
    # On a busy machine the end of the whole call would come first now and then.
    monkeypatch.setattr("flask_vtex_seller.cli.check.Deadline", lambda target, _: target)
    with loopback() as host:
        host.answer = hangs
        url = host.url.replace("http://", scheme)
        complaint = only_complaint(check("--url", url, "--timeout", "0.3"))
    assert complaint == f"{url} gives no answer: it took the call and did not answer in time"


@pytest.mark.parametrize(
    "start",
    [b"HTTP/1.1 200 OK\r\nX-Long: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"],
    ids=["header", "body"],
)
def test_a_host_that_drips_is_named(check: Check, monkeypatch: pytest.MonkeyPatch, start: bytes) -> None:
    """It is never silent for long, so only the end of the whole call, after twice that time, helps."""
    # A hundredth of it, for on a busy machine a short silence would come first now and then.
    monkeypatch.setattr("flask_vtex_seller.cli.check.Deadline", lambda target, end: Deadline(target, end / 100))
    with loopback() as host:
        host.answer = drips(start)
        complaint = only_complaint(check("--url", host.url, "--timeout", "30"))
    assert complaint == f"{host.url} gives no answer: the call is not over after 0.6 seconds"


def test_a_port_where_nobody_listens_is_named(check: Check) -> None:
    url = closed_port_url()
    assert only_complaint(check("--url", url)) == f"{url} gives no answer: nobody listens at this port"


def test_a_name_that_nobody_has_is_named(check: Check) -> None:
    complaint = only_complaint(check("--url", "https://no-such-host.invalid"))
    assert complaint == "https://no-such-host.invalid gives no answer: no host has this name"


def test_a_dead_host_is_asked_once_for_all_marketplaces(check: Check, new_shop: Callable[..., Shop]) -> None:
    here = new_shop(marketplaces={"acme": ACME, "zeta": ACME}, create_tables=False)
    assert "nobody listens" in only_complaint(check("--url", closed_port_url(), shop=here))


# hosts that speak TLS badly


@pytest.fixture(scope="module")
def authority() -> "trustme.CA":
    return pytest.importorskip("trustme").CA()


def tls(certificate: "trustme.LeafCert") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def test_a_certificate_that_nobody_vouches_for_is_named(check: Check, authority: "trustme.CA") -> None:
    with loopback(tls(authority.issue_cert("127.0.0.1"))) as host:
        complaint = only_complaint(check("--url", host.url))
    assert complaint.endswith(
        "its TLS certificate is vouched for by nobody known, or the server leaves certificates out"
    )
    assert host.received == []


def test_a_self_signed_certificate_is_named(check: Check, authority: "trustme.CA", tmp_path: Path) -> None:
    own = tmp_path / "own.pem"
    own.write_bytes(authority.private_key_pem.bytes() + authority.cert_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    with loopback(context) as host:
        assert only_complaint(check("--url", host.url)).endswith("its TLS certificate is self-signed")


def test_plain_http_where_tls_is_expected_is_named(shop: Shop, check: Check) -> None:
    with served(shop.app) as url:
        complaint = only_complaint(check("--url", url.replace("http://", "https://")))
    assert complaint.endswith("it does not speak TLS at this port, but plain http perhaps")


def test_a_host_that_ends_the_handshake_is_named(check: Check) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)

        thread = threading.Thread(target=hang_up)
        thread.start()
        complaint = only_complaint(check("--url", f"https://127.0.0.1:{listener.getsockname()[1]}"))
        thread.join()
    assert complaint.endswith("it breaks off the TLS connection")


def test_tls_where_plain_http_is_expected_is_named(check: Check, authority: "trustme.CA") -> None:
    with loopback(tls(authority.issue_cert("127.0.0.1"))) as host:
        complaint = only_complaint(check("--url", host.url.replace("https://", "http://")))
    assert "gives no answer: it closes the connection" in complaint or "it resets the connection" in complaint


def test_plain_http_beyond_this_machine_is_not_enough(check: Check) -> None:
    result = check("--url", "http://no-such-host.invalid")
    assert "http://no-such-host.invalid is plain http: marketplaces call https addresses only" in complaints(result)


# hosts with something before the extension


def not_found(_: object, start: Callable[..., Any]) -> list[bytes]:
    start("404 Not Found", [("Content-Type", "text/html")])
    return [PAGE]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (reply(200, PAGE), "with 200 and a web page, before the extension: let requests through"),
        (reply(404, PAGE), "with 404 and a web page, before the extension: the extension is not there"),
        (reply(404, b"{}"), "with 404, before the extension: the extension is not there"),
        (reply(502, PAGE), "with 502 and a web page, before the extension: the proxy does not reach the shop"),
        (reply(503), "with 503, before the extension: the proxy does not reach the shop, or the shop is down"),
        (reply(403), "with 403, before the extension: let requests through"),
        (reply(401, WWW_Authenticate="Basic"), "with 401, before the extension: let marketplaces in without that"),
        (reply(302, Location="/login?next=/api"), "with 302 to /login?next=…, before the extension: let requests"),
        (reply(302, Location=f"/login/{APP_TOKEN}"), "with 302 to /login/…, before the extension: let requests"),
        (reply(500, b"\x1b[2Jboom", Location="\x1b[31m"), "with 500 to ?[31m, before the extension: let requests"),
    ],
    ids=["page", "no-page", "nothing", "gateway", "down", "forbidden", "password", "login", "secret", "escape-codes"],
)
def test_a_host_that_answers_otherwise_is_named_with_a_remedy(check: Check, answer: bytes, expected: str) -> None:
    with loopback() as host:
        host.answer = lambda _: answer
        complaint = only_complaint(check("--url", host.url))
    assert f"{host.url}{SIMULATION} is answered by the shop or a proxy {expected}" in complaint
    assert not any(TOKEN.encode() in received.raw for received in host.received)


@pytest.mark.parametrize(
    ("location", "remedy"),
    [
        (f"https://127.0.0.1{SIMULATION}", "marketplaces follow no redirect: use --url https://127.0.0.1"),
        (f"//www.shop.example{SIMULATION}", "marketplaces follow no redirect: use --url http://www.shop.example"),
        (f"/store{SIMULATION}", "marketplaces follow no redirect: use --url {url}/store"),
        (f"{SIMULATION}/", "a slash more or less is a redirect there, and marketplaces follow none"),
    ],
    ids=["https", "host", "path", "slash"],
)
def test_a_redirect_says_which_address_to_use(check: Check, location: str, remedy: str) -> None:
    with loopback() as host:
        host.answer = lambda _: reply(308, Location=location)
        complaint = only_complaint(check("--url", host.url))
    assert complaint.endswith(remedy.format(url=host.url))


def test_csrf_protection_of_a_running_shop_is_named(new_shop: Callable[..., Shop], check: Check) -> None:
    guarded = new_shop(SECRET_KEY="made up")
    CSRFProtect(guarded.app)
    with served(guarded.app) as url:
        assert only_complaint(check("--url", url, shop=guarded)).endswith("csrf.exempt(seller.blueprint)")


def test_a_login_wall_of_a_running_shop_is_named(shop: Shop, check: Check) -> None:
    @shop.app.before_request
    def wall() -> ResponseReturnValue:
        return redirect(f"/login?next={request.full_path}")

    with served(shop.app) as url:
        assert "request.blueprint is 'vtex_seller'" in only_complaint(check("--url", url))


def test_a_redirect_to_a_long_address_is_cut(check: Check) -> None:
    with loopback() as host:
        host.answer = lambda _: reply(302, Location=f"/{'x' * 9000}?token={TOKEN}")
        assert len(only_complaint(check("--url", host.url))) < 500


# proxies that change what they pass on


def through(application: Wsgi, **changes: Callable[[str], str]) -> Wsgi:
    """A proxy that changes parts of what it passes on."""

    def proxy(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        for name, change in changes.items():
            environ[name] = change(environ[name])
        return application(environ, start)

    return proxy


def test_a_shop_below_another_path_is_found(shop: Shop, check: Check) -> None:
    shop.app.config["APPLICATION_ROOT"] = "/store"
    with served(DispatcherMiddleware(not_found, {"/store": shop.app})) as url:
        complaint = only_complaint(check("--url", url))
    assert complaint.endswith(f"the shop is mounted below /store: use --url {url}/store")


def test_a_shop_above_the_given_path_is_found(shop: Shop, check: Check) -> None:
    with served(shop.app) as url:
        complaint = only_complaint(check("--url", f"{url}/store"))
    assert complaint.endswith(f"the shop is mounted below /: use --url {url}")


def test_a_proxy_that_strips_a_prefix_is_found(shop: Shop, check: Check) -> None:
    with served(DispatcherMiddleware(not_found, {"/api": through(shop.app, SCRIPT_NAME=lambda _: "")})) as url:
        complaint = only_complaint(check("--url", url))
    assert complaint.endswith(f"the shop is mounted below /api: use --url {url}/api")


def test_a_proxy_that_adds_a_prefix_is_found(shop: Shop, check: Check) -> None:
    with served(through(shop.app, PATH_INFO=lambda path: f"/api{path}")) as url:
        complaint = only_complaint(check("--url", url))
    assert complaint.endswith(f"a proxy adds /api to paths: the endpoint is {url}/vtex/acme")


def test_a_proxy_that_drops_the_query_is_found(shop: Shop, check: Check) -> None:
    with served(through(shop.app, QUERY_STRING=lambda _: "")) as url:
        complaint = only_complaint(check("--url", url))
    assert complaint.endswith("is called without its query: a proxy drops it, and the token with it")


def test_a_firewall_that_dislikes_tokens_is_found(shop: Shop, check: Check) -> None:
    def wall(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        return (not_found if "token=" in environ["QUERY_STRING"] else shop.app)(environ, start)

    with served(wall) as url:
        complaint = only_complaint(check("--url", url))
    assert complaint.endswith("with 404 and a web page as soon as it carries a token")


# what is typed


@pytest.mark.parametrize(
    "address",
    [
        "shop.example",
        "ftp://shop.example",
        "https://",
        "https://[::1",
        "https://u:p@shop.example",
        "https://x:0",
        "https://exa mple",
    ],
)
def test_an_address_that_is_none_is_refused(check: Check, address: str) -> None:
    result = check("--url", address)
    assert result.exit_code == 2
    assert "an address begins with https:// and names a host" in result.output


def test_an_address_that_cannot_be_one_is_named(check: Check) -> None:
    assert only_complaint(check("--url", f"https://{'a' * 70}.example")).endswith(
        "gives no answer: the address is none"
    )


# who may call


def test_a_list_of_addresses_does_not_keep_the_check_inside_out(new_shop: Callable[..., Shop], check: Check) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, "inbound_addresses": "203.0.113.0/24"}})
    assert check(shop=shop).exit_code == 0


def test_a_check_from_an_address_that_may_not_call_says_so(new_shop: Callable[..., Shop], check: Check) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, "inbound_addresses": "203.0.113.0/24"}})
    with served(shop.app) as url:
        complaint = only_complaint(check("--url", url, shop=shop))
    assert "with 403, by the extension: inbound_addresses of acme leave out the address" in complaint


def test_a_check_after_too_many_failures_says_so(new_shop: Callable[..., Shop], check: Check) -> None:
    shop = new_shop(VTEX_SELLER_AUTH_FAILURES_PER_MINUTE=1)
    with served(shop.app) as url:
        check("--url", url, shop=shop)
        complaint = only_complaint(check("--url", url, shop=shop))
    assert "with 429, by the extension: too many calls of yours had no valid token" in complaint
