"""`flask vtex-seller check --bench`: how fast the shop answers."""

import re
from collections.abc import Callable, Iterable

import pytest
from click.testing import Result
from flask import Response, request

from flask_vtex_seller import SimulationRequest, Sla
from flask_vtex_seller.cli import bench

from ..shops import Shop
from .conftest import served

Check = Callable[..., Result]
SHORT = ("--bench", "--bench-seconds", "0.05", "--sku", "apple", "--sku", "pear", "--postal-code", "01310-100")
LINE = re.compile(
    r"acme: carts of (\d+) items? +p50 ([\d.]+) ms   p95 ([\d.]+) ms   p99 ([\d.]+) ms   hooks (\d+%|-)   (\d+) calls"
)


def measured(result: Result) -> list[tuple[str, ...]]:
    return [found.groups() for line in result.output.splitlines() if (found := LINE.fullmatch(line))]


def test_carts_of_three_sizes_are_measured(check: Check) -> None:
    result = check(*SHORT)
    assert result.exit_code == 0, result.output
    lines = measured(result)
    assert [line[0] for line in lines] == ["1", "10", "100"]
    for _, p50, p95, p99, hooks, calls in lines:
        assert 0 < float(p50) <= float(p95) <= float(p99)
        assert 0 <= int(hooks.rstrip("%")) <= 100
        assert int(calls) >= 1


def test_a_running_shop_is_measured_at_its_address(shop: Shop, check: Check) -> None:
    with served(shop.app) as url:
        result = check("--url", url, "--no-statements", *SHORT)
    assert result.exit_code == 0, result.output
    assert [line[0] for line in measured(result)] == ["1", "10", "100"]


def test_the_share_of_the_hooks_is_their_own(shop: Shop, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stopwatch that only the loader moves, everything is the loader's."""
    now = [0.0]

    def slas(_: SimulationRequest) -> Iterable[Sla]:
        now[0] += 0.25
        return [Sla(id="standard", name="S", price=990, shipping_estimate="1d")]

    shop.slas = slas
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    lines = measured(check(*SHORT))
    assert {line[1:5] for line in lines} == {("250.0", "250.0", "250.0", "100%")}


@pytest.mark.parametrize(
    ("prefer", "is_told"),
    [
        (None, False),
        ("", False),
        ("wait=10, no-server-timing", False),
        ("server-timing", True),
        ("respond-async, Server-Timing", True),
    ],
)
def test_only_a_call_that_asks_is_told_how_long_the_hooks_took(shop: Shop, prefer: str | None, is_told: bool) -> None:
    cart, headers = {"items": [{"id": "apple", "quantity": 1}]}, {} if prefer is None else {"Prefer": prefer}
    told = shop.call("/pvt/orderForms/simulation", cart, headers=headers).headers.get("Server-Timing", "")
    assert bool(re.fullmatch(r"hooks;dur=\d+\.\d", told)) is is_told


def test_without_the_header_the_share_is_not_known(shop: Shop, check: Check) -> None:
    def strip(answer: Response) -> Response:
        answer.headers.pop("Server-Timing", None)
        return answer

    shop.app.after_request(strip)
    assert {line[4] for line in measured(check(*SHORT))} == {"-"}


def test_a_slow_shop_is_told_and_fails(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "SLOW_SECONDS", 1e-6)
    result = check(*SHORT)
    assert result.exit_code == 1
    assert len(re.findall(r"^✗ acme: carts of \d+ items?: p99 is \d+\.\d s, ", result.output, re.M)) == 3


def test_a_cart_that_is_too_large_for_the_shop_is_not_fired(new_shop: Callable[..., Shop], check: Check) -> None:
    result = check(*SHORT, shop=new_shop(VTEX_SELLER_MAX_ITEMS=20))
    assert [line[0] for line in measured(result)] == ["1", "10"]


def test_answers_with_nothing_available_are_told(shop: Shop, check: Check) -> None:
    """Late answers are like this, and they may be quick."""

    @shop.app.before_request
    def sell_out() -> None:
        if shop.asked and len(request.get_data()) > 4000:
            shop.stock.clear()

    result = check(*SHORT)
    assert result.exit_code == 1
    assert re.search(r"^✗ acme: carts of 100 items: \d+ of \d+ answers had nothing available$", result.output, re.M)


def test_an_error_is_told_with_its_status(shop: Shop, check: Check) -> None:
    @shop.app.before_request
    def fail() -> None:
        if len(request.get_data()) > 4000:
            shop.slas = lambda _: 1 / 0  # type: ignore[assignment,return-value]

    result = check(*SHORT)
    assert result.exit_code == 1
    assert "✗ acme: carts of 100 items are answered with 500" in result.output


def test_an_answer_that_makes_no_sense_is_an_answer_with_nothing_available(shop: Shop, check: Check) -> None:
    def garble(answer: Response) -> Response:
        answer.set_data(b"[]" if (request.content_length or 0) > 4000 else answer.get_data())
        return answer

    shop.app.after_request(garble)
    result = check(*SHORT)
    assert re.search(r"^✗ acme: carts of 100 items: (\d+) of \1 answers had nothing available$", result.output, re.M)


def test_with_nothing_known_to_be_in_stock_nothing_is_measured(check: Check) -> None:
    result = check("--bench")
    assert result.exit_code == 1
    assert "✗ acme: nothing is known to be in stock, so nothing is measured: name a SKU with --sku" in result.output


def test_it_is_off_unless_it_is_asked_for(check: Check) -> None:
    assert measured(check("--sku", "apple", "--postal-code", "01310-100")) == []
