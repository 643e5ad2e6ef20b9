"""Whom the kit can call: an application in this process, and a shop at an address."""

import itertools
import socket
import threading

import pytest
from flask import Flask, redirect, request
from werkzeug.wrappers import Response

from flask_vtex_seller.conformance import AppTarget, Target, Unreachable, UrlTarget
from flask_vtex_seller.conformance.endpoint import Endpoint, mask, mask_query

from ..marketplace.loopback import RESET, closed_port_url, loopback, reply

PATH = "/api/vtex/acme/pvt/orders/a%2Fb/fulfill?token=t%C3%A9-secret&&sc=&?&x"


def send(target: Target, path: str = PATH) -> bytes:
    return target.send("POST", path, b'{"a":1}', {"content-type": "application/json"}).body


def test_a_call_to_an_address_arrives_as_it_was_made() -> None:
    with loopback() as server:
        server.answer = lambda _: reply(503, b"busy", X_Vtex_Error_Code="BUSY", Set_Cookie="a=b")
        target = UrlTarget(server.url)
        answers = [target.send("POST", PATH, b'{"a":1}', {"x-own": "1"}) for _ in range(2)]
    assert answers[0].status == 503
    assert answers[0].headers["x-vtex-error-code"] == "BUSY"
    assert answers[0].body == b"busy"
    for received in server.received:
        assert (received.method, received.target, received.body) == ("POST", PATH, b'{"a":1}')
        assert received.headers["x-own"] == "1"
        assert "cookie" not in received.headers


def test_a_redirect_is_an_answer() -> None:
    with loopback() as server:
        server.answer = lambda _: reply(302, Location=f"{server.url}/elsewhere")
        answer = UrlTarget(server.url).send("POST", PATH, b"", {})
    assert answer.status == 302
    assert len(server.received) == 1


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, closed_port_url())
    with loopback() as server:
        assert UrlTarget(server.url).send("POST", PATH, b"", {}).status == 200


@pytest.mark.parametrize(
    "answer",
    [
        RESET,
        b"",
        b"hello\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_answer_is_unreachable_without_a_word_of_the_address(answer: bytes | None) -> None:
    with loopback() as server:
        server.answer = lambda _: answer
        with pytest.raises(Unreachable) as caught:
            send(UrlTarget(server.url))
    assert "secret" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert caught.value.__suppress_context__


def test_where_nobody_listens_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        send(UrlTarget(closed_port_url()))


def test_a_server_without_tls_is_unreachable_over_https() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_plainly() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer_plainly)
        thread.start()
        with pytest.raises(Unreachable, match="TLS"):
            send(UrlTarget(f"https://127.0.0.1:{listener.getsockname()[1]}"))
        thread.join()


@pytest.mark.parametrize("origin", ["", "shop.example", "gopher://shop.example", "http://", "http://a b", "http://[::"])
def test_an_address_that_is_none_is_unreachable(origin: str) -> None:
    with pytest.raises(Unreachable):
        send(UrlTarget(origin))


def test_a_silent_shop_is_left_after_the_timeout() -> None:
    left = threading.Event()
    with loopback() as server:
        server.answer = lambda _: reply(200 if left.wait(10) else 500)
        with pytest.raises(Unreachable, match="did not answer in time"):
            send(UrlTarget(server.url, timeout=(5, 0.05)))
        left.set()


def test_a_body_that_drips_is_left_after_a_while() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"
    with loopback() as server:
        server.answer = lambda _: itertools.chain([head], itertools.repeat(b"x"))
        with pytest.raises(Unreachable, match="did not answer in time"):
            send(UrlTarget(server.url, patience=0.05))


def test_a_body_without_an_end_is_cut() -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    with loopback() as server:
        server.answer = lambda _: itertools.chain([head], itertools.repeat(b"x" * 100_000))
        assert len(send(UrlTarget(server.url))) < 5_000_000


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)

    @app.post("/api/vtex/acme/pvt/orders/a/b/fulfill")
    def seen() -> Response:
        told = f"{request.scheme} {request.host} {request.query_string.decode()} {request.get_data(as_text=True)}"
        response = Response(told)
        response.set_cookie("a", "b")
        return response

    @app.post("/away")
    def away() -> Response:
        return redirect("/api/vtex/acme/pvt/orders/a/b/fulfill")  # type: ignore[return-value]

    @app.post("/wrong")
    def wrong() -> Response:
        raise RuntimeError("words of the shop")

    return app


def test_an_application_is_called_without_a_network(app: Flask) -> None:
    assert send(AppTarget(app)) == b'https localhost token=t%C3%A9-secret&&sc=&?&x {"a":1}'


def test_an_application_is_called_at_the_name_that_it_answers_to(app: Flask) -> None:
    app.config["TRUSTED_HOSTS"] = [".shop.example"]
    assert send(AppTarget(app)).startswith(b"https shop.example ")
    app.config["SERVER_NAME"] = "www.shop.example"
    assert send(AppTarget(app)).startswith(b"https www.shop.example ")
    assert send(AppTarget(app, "http://api.shop.example")).startswith(b"http api.shop.example ")


def test_a_redirect_of_an_application_is_an_answer(app: Flask) -> None:
    assert AppTarget(app).send("POST", "/away", b"", {}).status == 302


def test_an_application_that_raises_is_unreachable(app: Flask) -> None:
    app.testing = True
    with pytest.raises(Unreachable, match=r"^the application raised RuntimeError$"):
        send(AppTarget(app), "/wrong")


def test_the_path_of_a_call_goes_before_the_endpoints_query() -> None:
    endpoint = Endpoint("https://shop.example:8443/api/vtex/acme/?&sc=&token=t%C3%A9&sc=2")
    assert endpoint.origin == "https://shop.example:8443"
    assert endpoint.token == "té"
    assert endpoint.at("/pvt/orders") == "/api/vtex/acme/pvt/orders?&sc=&token=t%C3%A9&sc=2"
    assert endpoint.at("/x", sc="3") == "/api/vtex/acme/x?token=t%C3%A9&sc=3"
    assert endpoint.at("/x", token=None, sc=None) == "/api/vtex/acme/x"
    assert endpoint.at("/x", extra="?&a") == "/api/vtex/acme/x?&sc=&token=t%C3%A9&sc=2&?&a"
    assert endpoint.secrets() == {"té"}


def test_secrets_are_masked_in_every_encoding() -> None:
    text = "a b/ç a%20b%2F%C3%A7 a+b%2F%C3%A7 a%20b/%C3%A7 abc"
    assert mask(text, {"a b/ç", "abc", "a"}) == "… … … … abc"
    assert mask_query("/x?token=abc&sc=2&key=&an=acme&flag") == "/x?token=…&sc=2&key=&an=acme&flag"
