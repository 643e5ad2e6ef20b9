"""Why a host gives no answer; see also tests/cli, where the command says it."""

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import requests

from flask_vtex_seller.conformance import Answer, Unreachable, UrlTarget
from flask_vtex_seller.conformance.deadline import Deadline
from flask_vtex_seller.conformance.trouble import reason

from ..marketplace.loopback import loopback, reply

if TYPE_CHECKING:
    import trustme

LONG_AGO, LATER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def authority() -> "trustme.CA":
    return pytest.importorskip("trustme").CA()


@pytest.fixture(scope="module")
def trusted(authority: "trustme.CA") -> Iterator[str]:
    with authority.cert_pem.tempfile() as path:
        yield path


def ask(url: str, trusted: str | bool) -> str:
    """Return why there is no answer; empty if there is one."""
    told = ""
    try:
        UrlTarget(url, timeout=(5, 5), verify=trusted).send("POST", "/?token=a-secret", b"{}", {})
    except Unreachable as error:
        told = error.reason
    assert "a-secret" not in told
    return told


@pytest.mark.parametrize(
    ("names", "times", "expected"),
    [
        (["127.0.0.1"], {}, ""),
        (["127.0.0.1"], {"not_before": LONG_AGO, "not_after": LONG_AGO}, "its TLS certificate has expired"),
        (["127.0.0.1"], {"not_before": LATER, "not_after": LATER}, "its TLS certificate is not valid yet"),
        (["shop.example"], {}, "its TLS certificate is for another host"),
    ],
    ids=["good", "expired", "future", "another host"],
)
def test_a_certificate_is_named_by_what_is_wrong_with_it(
    authority: "trustme.CA", trusted: str, names: list[str], times: Mapping[str, datetime], expected: str
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, **times).configure_cert(context)
    with loopback(context) as host:
        host.answer = lambda _: reply(200, b"{}")
        assert ask(host.url, trusted) == expected


def test_a_host_that_wants_a_certificate_of_its_caller_is_named(authority: "trustme.CA", trusted: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    with loopback(context) as host:
        told = ask(host.url, trusted)
    # where the call is written before the refusal is read, only the end of the connection is seen
    assert told in (
        "it asks its caller for a certificate, which marketplaces do not have",
        "it breaks off the TLS connection",
        "it resets the connection",
    )


@pytest.mark.parametrize(
    ("alert", "expected"),
    [
        (70, "it speaks no version of TLS that is still safe: 1.2 is needed"),
        (40, "it shares no TLS cipher with its caller"),
        (112, "it has no TLS certificate for this host"),
        (80, "the TLS handshake fails"),
    ],
)
def test_a_refused_handshake_is_named(alert: int, expected: str) -> None:
    """The alerts are those of RFC 8446, section 6."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(bytes([21, 3, 1, 0, 2, 2, alert]))

        thread = threading.Thread(target=refuse)
        thread.start()
        told = ask(f"https://127.0.0.1:{listener.getsockname()[1]}", True)
        thread.join()
    assert told == expected


@pytest.mark.parametrize("error", [RuntimeError("token=a-secret"), requests.RequestException("token=a-secret")])
def test_what_nobody_thought_of_is_told_without_its_words(error: Exception) -> None:
    assert reason(error) == "the connection fails"


def test_causes_that_go_round_in_a_circle_end() -> None:
    first, second = OSError("first"), ConnectionResetError("second")
    first.__cause__, second.__cause__ = second, first
    assert reason(first) == "it resets the connection"


# the clock on a whole call


class Slow:
    """A target that answers when it is allowed to."""

    def __init__(self) -> None:
        self.allowed = threading.Event()

    def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        assert self.allowed.wait(30)
        return Answer(status=200)


def test_a_call_that_does_not_end_is_given_up() -> None:
    slow = Slow()
    with pytest.raises(Unreachable, match=r"the call is not over after 0\.05 seconds"):
        Deadline(slow, 0.05).send("POST", "/", b"", {})
    slow.allowed.set()
    assert Deadline(slow, 30).send("POST", "/", b"", {}) == Answer(status=200)


def test_what_goes_wrong_within_the_time_is_passed_on() -> None:
    class Broken:
        def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
            raise Unreachable("nobody there")

    with pytest.raises(Unreachable, match="nobody there"):
        Deadline(Broken(), 30).send("POST", "/", b"", {})
