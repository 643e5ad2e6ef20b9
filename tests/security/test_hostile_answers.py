"""What a marketplace answers is as little to be trusted as what it asks: no answer ends a worker. (S11)"""

import gzip
import logging
from collections.abc import Callable, Iterator
from itertools import count
from random import Random

import pytest

from flask_vtex_seller.clock import SystemClock
from flask_vtex_seller.config import Settings
from flask_vtex_seller.marketplace.client import MarketplaceClient
from flask_vtex_seller.marketplace.operations import OPERATIONS
from flask_vtex_seller.marketplace.outcome import Outcome
from flask_vtex_seller.outbox.message import MessageState
from flask_vtex_seller.state import current_state

from ..chaos.conftest import Scale
from ..chaos.report import Figures
from ..contract.speaking import drain, make_invoice, make_sku, place_order, sell, speaking
from ..marketplace.loopback import Loopback, loopback, marketplace_at, reply
from ..shops import APP_TOKEN, Shop, StoppedClock
from .hostile import VALUES, dump

VALUES_OF_PATHS = {"marketplace_order_id": "1-01", "invoice_number": "NF77", "sku_id": "apple", "change_id": "c-1"}
STATUSES = (
    *(200, 200, 200, 201, 202, 204, 206, 299, 301, 302, 304, 307, 308, 400, 400, 401, 403, 404, 404, 405, 408, 409),
    *(410, 413, 418, 422, 425, 429, 429, 451, 499, 500, 502, 503, 504, 511, 599, 600, 999, 0, 1, 99, 100, 101, 103),
)
HEADERS = (
    *(b"Retry-After: 5", b"Retry-After: -1", b"Retry-After: 1e9", b"Retry-After: 99999999999999999999999"),
    *(b"Retry-After: Fri, 31 Feb 9999 25:61:61 GMT", b"Retry-After: \xff", b"Retry-After: \xd9\xa3", b"Retry-After:"),
    *(b"Content-Type: text/html", b"Content-Type: application/json; charset=utf-7", b"Content-Type: \x80", b"X" * 3000),
    *(b"Content-Encoding: gzip", b"Content-Encoding: deflate", b"Content-Encoding: br, zstd", b"Content-Encoding: x"),
    *(b"Content-Length: 0", b"Content-Length: 5", b"Content-Length: -1", b"Content-Length: " + b"9" * 30, b": x", b"x"),
    *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"Location: //evil.example/", b"\x00: \x00"),
    *(b"Set-Cookie: a=b", b"X-Folded: a\r\n b", b"x-ratelimit-reset: soon", b"RateLimit-Reset: 3", b"Location: \xff"),
)  # fmt: skip
TEXTS = (
    *(b"", b" ", b"null", b"<html>no such page</html>", b"Already canceled", b'{"error":{"code":"1","message":null}}'),
    *(b"Seller StockKeepingUnit apple not found", b"\x00" * 50, b"\xff\xfe\x00", b"\xef\xbb\xbf{}", b"OK" * 40_000),
    *(f'{{"echo": "{APP_TOKEN}"}}'.encode(), gzip.compress(b"0" * 3_000_000), gzip.compress(b"{}")[:-4], b"[" * 90_000),
)


def answer(rng: Random) -> bytes:
    """Draw an answer: most are HTTP, many are wrong, each ends at once."""
    body = rng.choice(TEXTS) if rng.random() < 0.5 else dump(rng.choice(VALUES))
    if rng.random() < 0.1:
        return rng.choice((b"", rng.randbytes(60), body, b"HTTP/1.1 200", b"HTTP/9.9 200 OK\r\n\r\n", b"\r\n\r\n"))
    version = rng.choice((b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2", b"http/1.1"))
    lines = [version + b" %d " % rng.choice(STATUSES) + rng.choice((b"OK", b"", b"\xff", b"<b>"))]
    lines.append(b"Connection: close")  # before a line that no header is: nothing behind that is read
    lines += rng.sample(HEADERS, rng.randrange(3))
    if rng.random() < 0.7:
        lines.append(b"Content-Length: %d" % len(body))
    whole = b"\r\n".join([*lines, b"", body])
    return whole if rng.random() < 0.9 else whole[: rng.randrange(len(whole))]


@pytest.fixture
def home(rng: Random) -> Iterator[Loopback]:
    with loopback() as server:
        server.answer = lambda _: answer(rng)
        yield server


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_call_has_an_outcome_whatever_is_answered(
    home: Loopback, scale: Scale, figures: Figures, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = {"acme": marketplace_at(home.url)}
    acme = Settings.from_config({"VTEX_SELLER_MARKETPLACES": settings}).marketplaces["acme"]
    client = MarketplaceClient(SystemClock(), user_agent="tests", call_seconds=5)
    verdicts: dict[str, int] = {}
    for _ in range(scale(12, 150)):
        outcome = client.send(OPERATIONS[name], acme, VALUES_OF_PATHS, {"a": 1})
        judge(outcome)
        verdicts[outcome.verdict.value] = verdicts.get(outcome.verdict.value, 0) + 1
    client.close()
    assert APP_TOKEN not in caplog.text
    figures.note("S11", answers=sum(verdicts.values()), **verdicts)


def judge(outcome: Outcome) -> None:
    assert isinstance(outcome, Outcome)
    assert len(outcome.excerpt) <= 4000
    assert "\0" not in outcome.excerpt + outcome.reason
    (outcome.excerpt + outcome.reason).encode()
    assert APP_TOKEN not in outcome.excerpt + outcome.reason
    assert outcome.retry_after is None or outcome.retry_after.total_seconds() >= 0


def test_a_worker_goes_on_whatever_is_answered(
    new_shop: Callable[..., Shop], home: Loopback, scale: Scale, rng: Random, figures: Figures
) -> None:
    """Through the outbox and what a delivery changes above it: orders, SKUs, suggestions."""
    clock = StoppedClock()
    shop = new_shop(marketplaces={"acme": marketplace_at(home.url)}, clock=clock)
    sell(shop, *(make_sku(f"sku-{number}") for number in range(scale(8, 60))))
    numbers = count()
    say_everything(shop, numbers, scale(4, 30))
    rounds = 0
    while len(home.received) < scale(60, 600) and rounds < scale(60, 600):
        drain(shop)
        clock.advance(rng.choice((30.0, 600.0, 7200.0)))
        rounds += 1
        if not rounds % 10:
            say_everything(shop, numbers, 1)
    with shop.app.app_context():
        messages = current_state().outbox.page(state=None, marketplace=None, lane=None, limit=5000)
    states = {state.value: sum(message.state is state for message in messages) for state in MessageState}
    figures.note("S11", answers=len(home.received), rounds=rounds, **states)
    assert len(home.received) >= scale(30, 300)
    home.answer = lambda _: reply(200, b"{}")
    with speaking(shop) as seller:
        seller.notify_price("afterwards")
    clock.advance(4 * 3600)
    before = len(home.received)
    drain(shop)
    assert len(home.received) > before, "the worker works"


def say_everything(shop: Shop, numbers: Iterator[int], orders: int) -> None:
    made = [place_order(shop, f"{next(numbers)}-01") for _ in range(orders)]
    with speaking(shop) as seller:
        for number, order_id in enumerate(made):
            if number % 4 == 3:
                seller.cancel_order(order_id, reason="broken")
                continue
            seller.send_invoice(order_id, make_invoice("NF1", 1000))
        for number in range(orders * 2):
            seller.notify_price(f"sku-{number}")
            seller.notify_inventory(f"sku-{number}")
            seller.notify_catalog(f"sku-{number}")
