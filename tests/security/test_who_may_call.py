"""A token can be neither guessed nor passed by, and is compared in one place. (S5)"""

import ast
import gc
import hmac
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from statistics import fmean, variance
from typing import Any

import pytest
from werkzeug.test import TestResponse

from flask_vtex_seller.config import Secret
from flask_vtex_seller.web.auth import is_token

from ..chaos.conftest import Scale
from ..chaos.report import Figures
from ..shops import ACME, APP_TOKEN, SECOND_TOKEN, TOKEN, Shop, StoppedClock
from .hostile import TEMPLATES

PACKAGE = Path(__file__).parents[2] / "flask_vtex_seller"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
PATHS = (*TEMPLATES, "", "/", "/nowhere", "//pvt//orders//", "/pvt/orders/../orders", "/pvt/orders/%00/cancel")
WRONG = (
    *("", " ", "x", TOKEN[:-1], f"{TOKEN}x", f" {TOKEN}x", TOKEN.upper(), TOKEN[::-1], f"{TOKEN},{TOKEN}", APP_TOKEN),
    *("se\xe7\xe3o", "\xff\xfe", "\x7f", "null", "None", "true", "*", "%", "0", '"', "'", "x" * 100_000, "é" * 500),
)  # fmt: skip
LOCAL, ELSEWHERE, HEALTH = "127.0.0.1", "198.51.100.9", "health-token"


def places(value: str) -> Iterator[dict[str, Any]]:
    """Yield the ways to send a value where a token may be."""
    yield {"query_string": {"token": value}}
    yield {"query_string": [("token", value), ("token", value)]}
    yield {"query_string": "", "headers": [("X-VTEX-API-AppToken", value)]}
    yield {"query_string": "", "headers": [("X-VTEX-API-AppToken", value), ("X-VTEX-API-AppToken", value)]}
    yield {"query_string": "", "headers": [("Authorization", f'VTEX key="k" token="{value}"')]}
    yield {"query_string": "", "headers": [("Authorization", value)]}


def ask(shop: Shop, method: str, path: str, source: str = LOCAL, **kwargs: Any) -> TestResponse:
    kwargs.setdefault("query_string", {"token": TOKEN})
    overrides = {"REMOTE_ADDR": source}
    return shop.app.test_client().open(path, method=method, environ_overrides=overrides, **kwargs)


# the matrix


def test_whatever_is_shown_on_whichever_route_by_whichever_method_is_401(
    new_shop: Callable[..., Shop], scale: Scale, figures: Figures
) -> None:
    settings = {**ACME, "order_modifications": True, "simulation_by_get": True}
    shop, calls = new_shop(marketplaces={"acme": settings}, VTEX_SELLER_HEALTH_TOKEN=HEALTH), 0
    for value in scale(WRONG[::3], WRONG):
        for shown in places(value):
            for path in PATHS:
                for method in scale(METHODS[1:3], METHODS):
                    response = ask(shop, method, f"/api/vtex/acme{path}", data=b"{", **shown)
                    calls += 1
                    assert response.status_code == 401, (value[:50], path, method)
                    assert response.headers["x-vtex-error-code"] == "UNAUTHORIZED"
                    assert response.headers["Cache-Control"] == "no-store"
    assert shop.asked == []
    figures.note("S5", calls=calls, answered_401=calls)


@pytest.mark.parametrize("value", WRONG, ids=ascii)
def test_the_health_route_has_a_token_of_its_own(new_shop: Callable[..., Shop], value: str) -> None:
    shop = new_shop(VTEX_SELLER_HEALTH_TOKEN=HEALTH)
    for shown in (*places(value), {"query_string": "", "headers": {"Authorization": f"Bearer {value}"}}):
        assert ask(shop, "GET", "/api/vtex/-/health", **shown).status_code == 401
    assert ask(shop, "GET", "/api/vtex/-/health", query_string={"token": TOKEN}).status_code == 401
    assert ask(shop, "GET", "/api/vtex/-/health", query_string={"token": HEALTH}).status_code == 200


def test_without_a_configured_token_no_value_opens_anything(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, "inbound_tokens": []}})
    for value in (*WRONG[:10], TOKEN, SECOND_TOKEN):
        for shown in places(value):
            assert ask(shop, "POST", "/api/vtex/acme/pvt/orders", **shown).status_code == 401


# how it is compared


def welch(first: list[int], second: list[int]) -> float:
    """Return t of Welch's test, without each sample's slowest tenth: those were interrupted."""
    kept = [sorted(sample)[: len(sample) * 9 // 10] for sample in (first, second)]
    spread = math.sqrt(sum(variance(sample) / len(sample) for sample in kept))
    return abs(fmean(kept[0]) - fmean(kept[1])) / spread


def timed(samples: int) -> float:
    """Return t between a token that is wrong in its last letter and one that is wrong in its first."""
    token = "abcdefgh" * 2000  # long, for a difference that can be measured
    live, rng = [Secret(token)], Random(samples)
    # Many copies of each, for where a text lies in memory makes a difference as well.
    wrong = (lambda: f"{token[:-1]}x", lambda: f"x{token[1:]}")
    candidates = [(which, [wrong[which]()]) for which in rng.sample([0, 1] * 64, 128)]
    taken: tuple[list[int], list[int]] = ([], [])
    gc.disable()
    try:
        for which, sent in rng.choices(candidates, k=2 * samples):
            begun = time.perf_counter_ns()
            assert not is_token(sent, live)
            taken[which].append(time.perf_counter_ns() - begun)
    finally:
        gc.enable()
    return welch(*taken)


def test_which_token_is_right_cannot_be_measured_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """All are compared, whatever has matched before."""
    compared, compare = [], hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda *pair: compared.append(pair) or compare(*pair))
    assert is_token(["a", "x", "b"], (Secret("a"), Secret("b")))
    assert len(compared) == 6


def test_how_much_of_a_token_is_right_cannot_be_measured(scale: Scale, figures: Figures) -> None:
    samples = scale(1500, 10_000)
    t = min(timed(samples) for _ in range(3))  # noise adds to it, never takes away
    figures.note("S5", samples=samples, welch_t=f"{t:.2f}")
    assert t < 4.5


def test_a_comparison_that_stops_at_the_first_wrong_letter_would_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the measurement would prove nothing."""
    monkeypatch.setattr(hmac, "compare_digest", lambda first, second: first == second)
    assert max(timed(1500) for _ in range(3)) > 4.5


SHOWN_TO = {
    "cli/door.py": "asks the shop, as the marketplace does",
    "cli/mounting.py": "prints them when it is told to",
    "cli/showing.py": "masks them",
    "cli/status.py": "asks the shop's health route",
    "vault.py": "seals with them",
    "conformance/configured.py": "asks the shop, as the marketplace does",
    "marketplace/client.py": "sends them, and masks them in answers",
    "web/auth.py": "compares",
}
"""Who sees a secret itself. What is for a shop's own tests, `testing/`, is no part of a running shop."""


def sources() -> Iterator[tuple[str, ast.AST]]:
    for file in PACKAGE.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if "testing" not in file.parts and ("reveal" in text or "compare_digest" in text):
            yield file.relative_to(PACKAGE).as_posix(), ast.parse(text)


def test_tokens_are_compared_in_one_place_alone() -> None:
    """The sandbox, which is no part of a shop, has a place of its own."""
    comparing = {name for name, tree in sources() for node in ast.walk(tree) if _is(node, "compare_digest")}
    assert comparing == {"web/auth.py", "sandbox/incoming.py"}
    found = [
        f"{name}:{node.lineno}"
        for name, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare) and any(_is(part, "reveal") for part in ast.walk(node))
    ]
    assert found == []


def test_secrets_are_shown_to_few() -> None:
    shown = {name for name, tree in sources() for node in ast.walk(tree) if _is(node, "reveal")}
    assert shown == SHOWN_TO.keys()


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == name


# from where


@pytest.mark.parametrize(
    ("allowed", "source", "status"),
    [
        ("203.0.113.7", "203.0.113.7", 200),
        ("203.0.113.7", "203.0.113.8", 403),
        ("203.0.113.0/24,2001:db8::/32", "203.0.113.255", 200),
        (["203.0.113.0/24", "2001:db8::/32"], "2001:db8:1::9", 200),
        ("203.0.113.0/24", "::ffff:203.0.113.7", 200),
        ("203.0.113.0/24", "2001:db8::1", 403),
        ("203.0.113.0/24", "", 403),
        ("203.0.113.0/24", "unix:", 403),
        ("0.0.0.0/0", "::1", 403),
        ("fe80::/10", "fe80::1%eth0", 200),
    ],
)
def test_a_marketplace_may_call_from_its_addresses_alone(
    new_shop: Callable[..., Shop], allowed: Any, source: str, status: int
) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, "inbound_addresses": allowed}, "open": ACME})
    cart = {"items": [{"id": "apple", "quantity": 1}]}
    response = ask(shop, "POST", "/api/vtex/acme/pvt/orderForms/simulation", source, json=cart)
    assert response.status_code == status
    if status == 403:
        assert response.headers["x-vtex-error-code"] == "ADDRESS_NOT_ALLOWED"
        assert shop.asked == []
    assert ask(shop, "POST", "/api/vtex/open/pvt/orderForms/simulation", source, json=cart).status_code == 200


def test_from_another_address_nobody_learns_whether_a_token_is_right(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(marketplaces={"acme": {**ACME, "inbound_addresses": "203.0.113.7"}})
    for token in (TOKEN, "wrong"):
        for path in PATHS[:-2]:
            response = ask(shop, "POST", f"/api/vtex/acme{path}", ELSEWHERE, query_string={"token": token})
            assert response.status_code == 403


def test_what_a_caller_says_of_its_own_address_is_not_believed(new_shop: Callable[..., Shop]) -> None:
    """Believing it, behind a proxy that is known, is the host's decision: werkzeug's ProxyFix."""
    shop = new_shop(marketplaces={"acme": {**ACME, "inbound_addresses": "203.0.113.7"}})
    for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Client-IP", "True-Client-IP"):
        headers = {name: "for=203.0.113.7" if name == "Forwarded" else "203.0.113.7"}
        assert ask(shop, "POST", "/api/vtex/acme/pvt/orders", ELSEWHERE, headers=headers).status_code == 403


# how often


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def limited(new_shop: Callable[..., Shop], clock: StoppedClock) -> Shop:
    return new_shop(clock=clock, VTEX_SELLER_AUTH_FAILURES_PER_MINUTE=3, VTEX_SELLER_HEALTH_TOKEN=HEALTH)


def guess(shop: Shop, source: str = ELSEWHERE, *, token: str = WRONG[2], path: str = "/acme/pvt/orders") -> int:
    return ask(shop, "POST", f"/api/vtex{path}", source, query_string={"token": token}, data=b"{").status_code


def test_a_source_that_failed_too_often_is_turned_away_until_its_minute_is_over(
    limited: Shop, clock: StoppedClock
) -> None:
    """Also with the right token: whoever guessed it must not learn that."""
    assert [guess(limited) for _ in range(5)] == [401, 401, 401, 429, 429]
    assert guess(limited, token=TOKEN) == 429
    assert guess(limited, path="/acme/nowhere") == 429
    clock.advance(20)
    response = ask(limited, "POST", "/api/vtex/acme/pvt/orders", ELSEWHERE)
    assert (response.headers["x-vtex-error-code"], response.headers["Retry-After"]) == ("TOO_MANY_FAILURES", "40")
    clock.advance(40)
    assert guess(limited, token=TOKEN) == 400, "the token is right, the body is not"
    assert [guess(limited) for _ in range(4)] == [401, 401, 401, 429]


def test_other_sources_are_not_turned_away(limited: Shop) -> None:
    for _ in range(5):
        guess(limited)
    assert guess(limited, "198.51.100.10", token=TOKEN) == 400


def test_calls_with_a_live_token_count_for_nothing(limited: Shop) -> None:
    assert {guess(limited, token=TOKEN) for _ in range(20)} == {400}


def test_the_addresses_of_one_ipv6_network_are_one_source(limited: Shop) -> None:
    assert [guess(limited, f"2001:db8:0:1::{number:x}") for number in range(1, 6)] == [401, 401, 401, 429, 429]
    assert guess(limited, "2001:db8:0:2::1") == 401


def test_the_health_routes_token_cannot_be_guessed_faster(limited: Shop) -> None:
    def ask_health(token: str) -> int:
        query = {"token": token}
        return ask(limited, "GET", "/api/vtex/-/health", ELSEWHERE, query_string=query).status_code

    assert [ask_health("wrong") for _ in range(4)] == [401, 401, 401, 429]
    assert ask_health(HEALTH) == 429


def test_without_the_setting_nobody_is_turned_away(shop: Shop) -> None:
    assert {guess(shop) for _ in range(100)} == {401}
    assert guess(shop, token=TOKEN) == 400
