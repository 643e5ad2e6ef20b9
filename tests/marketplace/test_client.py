"""Sending over a real socket: what goes out, and that whatever comes back is an outcome. (P61, P78, P80, P81, R18)"""

import gzip
import json
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from flask_vtex_seller.clock import SystemClock
from flask_vtex_seller.config import Marketplace, Settings
from flask_vtex_seller.marketplace.client import MarketplaceClient
from flask_vtex_seller.marketplace.operations import OPERATIONS, Meaning
from flask_vtex_seller.marketplace.outcome import Outcome, Verdict

from ..shops import APP_TOKEN
from .loopback import RESET, Loopback, closed_port_url, loopback, marketplace_at, reply

VALUES = {
    "marketplace_order_id": "1138342255777-01",
    "invoice_number": "NF77",
    "sku_id": "apple",
    "change_id": "c-1",
}
RECEIPT = b'{"date": "2026-03-04T15:45:02.1306360+00:00", "orderId": "1-01", "receipt": null}'
NOTICES = ["change_notification", "price_notification", "inventory_notification"]


@pytest.fixture
def client() -> Iterator[MarketplaceClient]:
    client = MarketplaceClient(SystemClock(), user_agent="fruitshop-tests")
    yield client
    client.close()


@pytest.fixture
def hasty() -> Iterator[MarketplaceClient]:
    """A client whose calls may take a fifth of a second."""
    client = MarketplaceClient(SystemClock(), user_agent="fruitshop-tests", call_seconds=0.2)
    yield client
    client.close()


def at(url: str, **changes: Any) -> Marketplace:
    settings = Settings.from_config({"VTEX_SELLER_MARKETPLACES": {"acme": marketplace_at(url, **changes)}})
    return settings.marketplaces["acme"]


def send(
    client: MarketplaceClient, server: Loopback, name: str = "price_notification", body: Any = None, **values: str
) -> Outcome:
    return client.send(OPERATIONS[name], at(server.url), {**VALUES, **values}, body)


# what goes out


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("invoice", "POST /api/oms/pvt/orders/1138342255777-01/invoice"),
        ("return_invoice", "POST /api/oms/pvt/orders/1138342255777-01/invoice"),
        ("tracking", "PATCH /api/oms/pvt/orders/1138342255777-01/invoice/NF77"),
        ("tracking_status", "PUT /api/oms/pvt/orders/1138342255777-01/invoice/NF77/tracking"),
        ("cancel_order", "POST /api/oms/pvt/orders/1138342255777-01/cancel"),
        ("cancel_returned_order", "POST /api/oms/pvt/orders/1138342255777-01/cancel"),
        ("change_notification", "POST /api/catalog_system/pvt/skuseller/changenotification/fruitshop/apple"),
        ("suggestion", "PUT /acmemarket/suggestions/fruitshop/apple"),
        ("price_notification", "POST /api/notificator/fruitshop/changenotification/apple/price"),
        ("inventory_notification", "POST /api/notificator/fruitshop/changenotification/apple/inventory"),
        ("agreement", "POST /api/order-system/orders/1138342255777-01/changes/c-1/send-agreement"),
        ("delivery_promises", "PUT /api/delivery-promises/external-sellers/fruitshop/products?an=acmemarket"),
    ],
)
def test_every_call_has_its_method_path_and_headers(
    client: MarketplaceClient, server: Loopback, name: str, line: str
) -> None:
    """P61, P65, P66"""
    server.answer = lambda _: reply(200, RECEIPT)
    assert send(client, server, name, {"a": 1}).verdict is Verdict.DELIVERED
    [request] = server.received
    assert f"{request.method} {request.target}" == line
    assert request.headers["x-vtex-api-appkey"] == "vtexappkey-acme"
    assert request.headers["x-vtex-api-apptoken"] == APP_TOKEN
    assert request.headers["accept"] == "application/json"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == "fruitshop-tests"
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ("a/b", "a%2Fb"),
        ("a b", "a%20b"),
        ("maçã 🍎", "ma%C3%A7%C3%A3%20%F0%9F%8D%8E"),
        ("100%", "100%25"),
        ("%2e%2e", "%252e%252e"),
        ("%41", "%2541"),
        ("../../pvt", "..%2F..%2Fpvt"),
        ("..a", "..a"),
        ("a?b=c#d;e&f+g", "a%3Fb%3Dc%23d%3Be%26f%2Bg"),
        ("a\r\nX-Evil: 1", "a%0D%0AX-Evil%3A%201"),
        ("~a_b-c.d", "~a_b-c.d"),
        ("\\..\\", "%5C..%5C"),
    ],
)
def test_an_odd_id_arrives_as_one_encoded_segment(
    client: MarketplaceClient, server: Loopback, value: str, segment: str
) -> None:
    send(client, server, sku_id=value)
    assert [request.target for request in server.received] == [
        f"/api/notificator/fruitshop/changenotification/{segment}/price"
    ]
    assert "x-evil" not in server.received[0].headers


@pytest.mark.parametrize("value", [".", ".."])
def test_an_id_of_dots_does_not_climb_up_the_path(client: MarketplaceClient, server: Loopback, value: str) -> None:
    outcome = send(client, server, "tracking", {"a": 1}, marketplace_order_id=value)
    paths = [request.target for request in server.received]
    assert outcome.verdict is Verdict.REFUSED
    assert paths == []


@pytest.mark.parametrize("name", NOTICES)
def test_a_notice_has_an_empty_body_and_says_so(client: MarketplaceClient, server: Loopback, name: str) -> None:
    send(client, server, name)
    [request] = server.received
    assert (request.body, request.headers["content-length"]) == (b"", "0")
    assert "transfer-encoding" not in request.headers


@pytest.mark.parametrize("body", [{"reason": "maçã \u2028 🍎", "n": [1, None, True, 2**53]}, [], {}, "x"])
def test_a_body_arrives_as_json(client: MarketplaceClient, server: Loopback, body: Any) -> None:
    send(client, server, "tracking", body)
    [request] = server.received
    assert json.loads(request.body) == body
    assert request.headers["content-length"] == str(len(request.body))


def test_a_large_body_arrives_whole(client: MarketplaceClient, server: Loopback) -> None:
    body = {"embeddedInvoice": "x" * 1_000_000}
    assert send(client, server, "tracking", body).verdict is Verdict.DELIVERED
    assert json.loads(server.received[0].body) == body


def test_a_call_has_finite_timeouts_and_checks_certificates(
    client: MarketplaceClient, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P81"""
    calls: list[dict[str, Any]] = []
    genuine = HTTPAdapter.send

    def recording(self: HTTPAdapter, request: PreparedRequest, **kwargs: Any) -> Response:
        calls.append(kwargs)
        return genuine(self, request, **kwargs)

    monkeypatch.setattr(HTTPAdapter, "send", recording)
    assert send(client, server).verdict is Verdict.DELIVERED
    [kwargs] = calls
    connect, read = kwargs["timeout"]
    assert 0 < connect <= 5
    assert 0 < read <= 15
    assert kwargs.get("verify", True) is True


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_proxies_of_the_environment_are_ignored(
    client: MarketplaceClient, server: Loopback, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for other in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(other, raising=False)
    with loopback() as proxy:
        monkeypatch.setenv(name, proxy.url)
        assert send(client, server).verdict is Verdict.DELIVERED
        assert (len(server.received), proxy.received) == (1, [])


def test_credentials_of_the_environment_are_not_sent(
    client: MarketplaceClient, server: Loopback, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    send(client, server)
    assert "authorization" not in server.received[0].headers


def test_a_cookie_is_not_carried_from_one_call_to_the_next(client: MarketplaceClient, server: Loopback) -> None:
    """Two marketplaces share the host of suggestions: neither is to get what the other one handed out."""
    server.answer = lambda _: reply(200, Set_Cookie="session=of-acme; Path=/")
    send(client, server)
    send(client, server)
    assert [request.headers.get("cookie") for request in server.received] == [None, None]


# redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(client: MarketplaceClient, server: Loopback, status: int) -> None:
    """P78: nobody else gets the credentials."""
    with loopback() as elsewhere:
        server.answer = lambda _: reply(status, Location=f"{elsewhere.url}/api")
        outcome = send(client, server, "tracking", {"a": 1})
        assert outcome.verdict is Verdict.REFUSED
        assert "redirect" in outcome.reason
        assert (len(server.received), elsewhere.received) == (1, [])


@pytest.mark.parametrize(
    "location",
    [
        "",
        "/",
        "http://[broken",
        "http://",
        "ftp://x/",
        "//",
        "http://a:b:c/",
        "http://x:99999/",
    ],
)
def test_a_redirect_to_nowhere_is_refused_as_a_redirect(
    client: MarketplaceClient, server: Loopback, location: str
) -> None:
    """P78, R18"""
    server.answer = lambda _: reply(302, Location=location)
    outcome = send(client, server)
    assert (outcome.verdict, outcome.status) == (Verdict.REFUSED, 302)


def test_a_redirect_with_an_endless_body_is_left_at_its_beginning(client: MarketplaceClient, server: Loopback) -> None:
    """R18: the answer says that it has a gigabyte, sends little of it and hangs up."""
    head = b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 1000000000\r\n\r\n"
    server.answer = lambda _: head + b"x" * 200_000
    outcome = send(client, server)
    assert (outcome.verdict, outcome.status) == (Verdict.REFUSED, 302)


# no answer, or half of one


def test_a_refused_connection_is_tried_again(client: MarketplaceClient) -> None:
    """R18"""
    outcome = client.send(OPERATIONS["price_notification"], at(closed_port_url()), VALUES, None)
    assert (outcome.verdict, outcome.status) == (Verdict.RETRY, None)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(RESET, id="reset"),
        pytest.param(b"", id="closed"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Ty", id="closed in the headers"),
        pytest.param(b"HTTP/1.1 20", id="closed in the status line"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", id="no HTTP at all"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", id="truncated"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{", id="truncated in a chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{", id="no chunk"),
        pytest.param(b"HTTP/1.1 abc OK\r\n\r\n", id="no status"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n", id="too many headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", id="a header too long"),
        pytest.param(reply(200, b"this is no gzip", Content_Encoding="gzip"), id="no gzip"),
        pytest.param(reply(200, gzip.compress(RECEIPT)[:-12], Content_Encoding="gzip"), id="half a gzip"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nabcdef", id="two lengths"),
    ],
)
def test_an_answer_that_breaks_off_is_an_attempt_to_be_repeated(
    client: MarketplaceClient, server: Loopback, answer: bytes | None
) -> None:
    """R18"""
    server.answer = lambda _: answer
    outcome = send(client, server, "invoice", {"a": 1})
    assert outcome.verdict is Verdict.RETRY
    assert "unknown" in outcome.reason
    assert len(server.received) == 1, "nothing is retried behind the outbox's back"


def test_silence_is_an_attempt_to_be_repeated(hasty: MarketplaceClient, server: Loopback) -> None:
    """P81, R18"""
    server.answer = lambda _: b"HTTP/1.1 200 OK\r\n" if server.wait_until(lambda _: False, 0.5) else b""
    outcome = send(hasty, server)
    assert (outcome.verdict, outcome.status) == (Verdict.RETRY, None)
    assert "ReadTimeout" in outcome.reason


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x", id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: ", b"x", id="headers"),
        pytest.param(b"HTTP/1.1 2", b"0", id="status"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="promises"),
    ],
)
def test_an_answer_that_trickles_does_not_hold_the_worker_for_ever(
    hasty: MarketplaceClient, server: Loopback, head: bytes, piece: bytes
) -> None:
    """P81, R3, R18: each byte comes in time; all of them together take longer than a lease."""
    hung_up = threading.Event()

    def trickle() -> Iterator[bytes]:
        yield head
        for _ in range(40):
            hung_up.wait(0.05)
            yield piece

    server.answer = lambda _: trickle()
    begun = time.monotonic()
    outcome = send(hasty, server)
    elapsed = time.monotonic() - begun
    hung_up.set()
    assert outcome.verdict is Verdict.RETRY
    assert elapsed < 1


@pytest.mark.parametrize("cut", [1, 10, 12, 40])
def test_a_compressed_success_that_comes_in_pieces_is_read_to_its_end(
    client: MarketplaceClient, server: Loopback, cut: int
) -> None:
    """The first piece, a gzip's header, holds nothing yet."""
    whole = reply(200, gzip.compress(RECEIPT), Content_Encoding="gzip")
    cut += whole.index(b"\r\n\r\n") + 4

    def pieces() -> Iterator[bytes]:
        yield whole[:cut]
        server.wait_until(lambda _: False, 0.05)
        yield whole[cut:]

    server.answer = lambda _: pieces()
    outcome = send(client, server, "invoice", {"a": 1})
    assert (outcome.verdict, outcome.excerpt) == (Verdict.DELIVERED, RECEIPT.decode())


# whole answers


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.DELIVERED),
        (202, Verdict.DELIVERED),
        (400, Verdict.REFUSED),
        (401, Verdict.REFUSED),
        (403, Verdict.REFUSED),
        (404, Verdict.REFUSED),
        (405, Verdict.REFUSED),
        (408, Verdict.RETRY),
        (429, Verdict.RETRY),
        (500, Verdict.RETRY),
        (503, Verdict.RETRY),
        (599, Verdict.RETRY),
    ],
)
def test_an_answer_is_judged_by_its_status(
    client: MarketplaceClient, server: Loopback, status: int, verdict: Verdict
) -> None:
    server.answer = lambda _: reply(status, b'{"error": {"message": "words"}}')
    outcome = send(client, server)
    assert (outcome.verdict, outcome.status) == (verdict, status)
    assert outcome.excerpt == '{"error": {"message": "words"}}'


def test_a_wish_to_wait_is_read_from_the_headers(client: MarketplaceClient, server: Loopback) -> None:
    """P77"""
    server.answer = lambda _: reply(429, retry_after="120")
    outcome = send(client, server)
    assert outcome.retry_after is not None
    assert outcome.retry_after.total_seconds() == 120


@pytest.mark.parametrize(
    "when",
    [
        "99999999999999999999",
        "Fri, 04 Mar 99999999999999999999 15:47:02 GMT",
        "\xff\xfe",
    ],
)
def test_a_wish_that_makes_no_sense_is_no_crash(client: MarketplaceClient, server: Loopback, when: str) -> None:
    server.answer = lambda _: reply(429).replace(
        b"\r\n\r\n", b"\r\nRetry-After: " + when.encode("latin-1") + b"\r\n\r\n"
    )
    outcome = send(client, server)
    assert outcome.verdict is Verdict.RETRY
    assert outcome.retry_after is not None


def test_an_unknown_sku_is_told_from_a_wrong_address(client: MarketplaceClient, server: Loopback) -> None:
    server.answer = lambda _: reply(404, b"Seller StockKeepingUnit apple not found for this seller id fruitshop")
    assert send(client, server, "change_notification").meaning is Meaning.UNKNOWN_SKU
    server.answer = lambda _: reply(404, b"<html>no such page</html>")
    assert send(client, server, "change_notification").verdict is Verdict.REFUSED


def test_304_without_a_body_is_understood(client: MarketplaceClient, server: Loopback) -> None:
    server.answer = lambda _: b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"
    assert send(client, server, "suggestion", {"a": 1}).meaning is Meaning.EXISTS


@pytest.mark.parametrize("encode", [lambda body: body, gzip.compress], ids=["plain", "gzip"])
def test_a_success_is_understood_plain_and_compressed(client: MarketplaceClient, server: Loopback, encode: Any) -> None:
    headers = {} if encode(b"x") == b"x" else {"Content_Encoding": "gzip"}
    server.answer = lambda _: reply(200, encode(RECEIPT), **headers)
    outcome = send(client, server, "invoice", {"a": 1})
    assert (outcome.verdict, outcome.excerpt) == (Verdict.DELIVERED, RECEIPT.decode())


def test_a_success_in_several_chunks_is_read_to_its_end(client: MarketplaceClient, server: Loopback) -> None:
    parts = (RECEIPT[:9], RECEIPT[9:40], RECEIPT[40:])
    chunks = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts)
    server.answer = lambda _: (
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    )
    outcome = send(client, server, "invoice", {"a": 1})
    assert (outcome.verdict, outcome.excerpt) == (Verdict.DELIVERED, RECEIPT.decode())


@pytest.mark.parametrize("status", [200, 400, 404, 500])
def test_of_a_megabyte_only_the_beginning_is_kept(client: MarketplaceClient, server: Loopback, status: int) -> None:
    server.answer = lambda _: reply(status, b"x" * 1_000_000)
    outcome = send(client, server)
    assert outcome.status == status
    assert 0 < len(outcome.excerpt) <= 2000


def test_a_gzip_bomb_is_left_at_its_beginning(client: MarketplaceClient, server: Loopback) -> None:
    bomb = gzip.compress(b"x" * 50_000_000)
    server.answer = lambda _: reply(500, bomb, Content_Encoding="gzip")
    outcome = send(client, server)
    assert (outcome.verdict, len(outcome.excerpt)) == (Verdict.RETRY, 2000)


def test_bytes_that_are_no_text_are_kept_as_what_a_database_can_store(
    client: MarketplaceClient, server: Loopback
) -> None:
    server.answer = lambda _: reply(400, b"a\x00\xff\xed\xa0\x80b")
    excerpt = send(client, server).excerpt
    assert excerpt.startswith("a")
    assert "\0" not in excerpt
    excerpt.encode()


# secrets


@pytest.mark.parametrize("answer", [RESET, b"", reply(200), reply(401), reply(302, Location="/"), reply(500)])
def test_the_app_token_is_in_no_outcome_and_no_log(
    client: MarketplaceClient, server: Loopback, caplog: pytest.LogCaptureFixture, answer: bytes | None
) -> None:
    """P80"""
    caplog.set_level(logging.DEBUG)
    server.answer = lambda _: answer
    outcome = send(client, server)
    assert APP_TOKEN.encode() in server.received[0].raw
    assert APP_TOKEN not in repr(outcome) + caplog.text + repr(client) + repr(vars(client))
    assert APP_TOKEN not in repr(at(server.url))


def test_a_key_that_no_header_can_carry_is_refused(client: MarketplaceClient, server: Loopback) -> None:
    for key in ("chave-maçã-🍎", "a\r\nX-Evil: 1"):
        configured = replace(at(server.url), app_key=key)  # the settings would refuse it
        outcome = client.send(OPERATIONS["tracking"], configured, VALUES, None)
        assert outcome.verdict is Verdict.REFUSED, key
    assert server.received == []


def test_a_token_that_an_answer_repeats_is_not_kept(client: MarketplaceClient, server: Loopback) -> None:
    """P80, S8: some servers answer a refused request with the request."""
    server.answer = lambda _: reply(400, f"you sent {APP_TOKEN}".encode())
    outcome = send(client, server, "tracking", {"a": 1})
    assert outcome.excerpt == "you sent …"
