"""What the kit says, and to whom it says nothing."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from flask_vtex_seller.clock import SystemClock
from flask_vtex_seller.conformance import (
    STATEMENTS,
    Answer,
    AppTarget,
    Case,
    Conversation,
    Place,
    Sku,
    Touch,
    Unreachable,
    Verdict,
    judge,
    run,
)

from ..shops import SECOND_TOKEN, TOKEN
from .breaking import BrokenTarget, Call, Memory, Send, answer
from .conftest import Bed


class Recording:
    """Passes calls on and remembers them."""

    def __init__(self, target: AppTarget) -> None:
        self._target = target
        self.calls: list[tuple[str, str]] = []

    def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.calls.append((path, body.decode()))
        return self._target.send(method, path, body, headers)


def test_every_statement_has_a_number_a_title_and_a_check_or_a_reason() -> None:
    assert list(STATEMENTS) == [f"P{number}" for number in range(1, 83)]
    for statement in STATEMENTS.values():
        assert statement.title
        assert bool(statement.check) is bool(statement.touch) is not bool(statement.elsewhere)
    assert len({statement.title for statement in STATEMENTS.values()}) == 82


def test_the_checks_need_no_test_tool() -> None:
    """They run in a shop's own environment, where `flask vtex-seller check` uses them."""
    code = "import sys, flask_vtex_seller.conformance; print('pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"


def test_a_good_shop_fails_nothing_and_hides_behind_nothing(bed: Bed) -> None:
    results = bed.judge()
    assert [result.statement for result in results] == list(STATEMENTS.values())
    verdicts = {result.statement.name: result.verdict for result in results if result.statement.check}
    assert {name for name, verdict in verdicts.items() if verdict is not Verdict.OK} == {"P14"}  # it has no windows


def test_a_good_shop_with_one_sku_and_no_observers_fails_nothing(bed: Bed) -> None:
    bare = Case(
        endpoint=bed.case.endpoint,
        skus=(Sku(id="CANDLE"),),
        seller_id=bed.case.seller_id,
        address=Place(postal_code="01310-100"),
    )
    results = list(run(AppTarget(bed.app), bare, writes=True))
    assert [result.says for result in results if result.verdict is Verdict.FAILED] == []
    reasons = {result.statement.name: result.says for result in results if result.statement.check and result.says}
    assert set(reasons) == {"P12", "P14", "P15", "P20", "P32", "P34", "P72"}


def test_without_leave_to_write_no_order_is_placed(bed: Bed) -> None:
    recording = Recording(AppTarget(bed.app))
    results = bed.judge(recording, writes=False)
    assert bed.case.count_orders is not None
    assert bed.case.count_orders() == 0
    assert not any("marketplacePaymentValue" in body for _, body in recording.calls)
    written = {result.verdict for result in results if result.statement.touch is Touch.WRITES}
    assert written == {Verdict.NOT_APPLICABLE}


def test_a_second_run_finds_the_same(bed: Bed) -> None:
    skus = (Sku(id="CAF-250"), Sku(id="CANDLE"))  # of unknown stock: an order that was authorized stays
    before, again = bed.judge(skus=skus, run="one"), bed.judge(skus=skus, run="two")
    assert [result.verdict for result in again] == [result.verdict for result in before]


def test_what_was_only_reserved_is_canceled_after_its_check(bed: Bed) -> None:
    talk = Conversation(AppTarget(bed.app), bed.case, SystemClock())
    assert judge(STATEMENTS["P25"], talk).verdict is Verdict.OK
    simulation = {"items": [{"id": "CAF-250", "quantity": 1}]}
    assert talk.call("/pvt/orderForms/simulation", simulation).json["logisticsInfo"][0]["stockBalance"] == 120


def test_orders_are_numbered_by_the_run(bed: Bed) -> None:
    recording = Recording(AppTarget(bed.app))
    bed.judge(recording, run="r17")
    placed = [body for path, body in recording.calls if "/pvt/orders?" in path and "marketplaceOrderId" in body]
    assert placed
    assert all("conformance-r17-p" in body for body in placed)


def test_no_result_holds_a_token(bed: Bed) -> None:
    def echo(call: Call, send: Send, memory: Memory) -> Answer:
        return answer(200, f"{call.path} {TOKEN} {SECOND_TOKEN}")

    results = bed.judge(BrokenTarget(AppTarget(bed.app), echo))
    failed = [result for result in results if result.verdict is Verdict.FAILED]
    assert len(failed) > 20
    for result in results:
        told = f"{result} {result.sent} {result.received} {result.says}"
        assert TOKEN not in told
        assert SECOND_TOKEN not in told
    assert TOKEN not in repr(bed.case)


def test_what_was_sent_and_received_is_shown(bed: Bed) -> None:
    def refuse(call: Call, send: Send, memory: Memory) -> Answer:
        return answer(503, {"error": {"code": "BUSY"}})

    result = bed.judge(BrokenTarget(AppTarget(bed.app), refuse))[0]
    assert result.says == "a cart like this is answered 200, not 503"
    assert result.sent.splitlines()[0] == "POST /api/vtex/acme/pvt/orderForms/simulation?token=…"
    assert '"id":"CAF-250"' in result.sent
    assert result.received.splitlines() == [
        "HTTP 503",
        "content-type: application/json",
        "",
        '{"error": {"code": "BUSY"}}',
    ]


def test_a_long_body_is_cut(bed: Bed) -> None:
    def long(call: Call, send: Send, memory: Memory) -> Answer:
        return answer(500, "x" * 100_000)

    result = bed.judge(BrokenTarget(AppTarget(bed.app), long))[0]
    assert len(result.received) < 3_000
    assert "100000 bytes" in result.received


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"[[]]", b"7", b'"x"', b"\xff", b"[" * 100_000, b'{"items": 7, "logisticsInfo": {}}']
)
def test_no_answer_is_too_strange_to_be_judged(bed: Bed, body: bytes) -> None:
    def strange(call: Call, send: Send, memory: Memory) -> Answer:
        return Answer(status=200, body=body)

    results = bed.judge(BrokenTarget(AppTarget(bed.app), strange))
    assert results[0].verdict is Verdict.FAILED


ODD = (
    None,
    True,
    -1,
    1.5,
    10**15,
    1e300,
    float("nan"),
    float("inf"),
    "",
    "x",
    "\ud800",
    "a\0b",
    [],
    [[]],
    [None],
    {},
    {"a": 1},
)


def nodes(content: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a JSON value: what holds it, and under which key."""
    for key, inner in list(content.items()) if isinstance(content, dict) else list(enumerate(content)):
        yield content, key
        if isinstance(inner, dict | list):
            yield from nodes(inner)


@pytest.mark.parametrize("seed", range(12))
def test_an_odd_value_anywhere_in_an_answer_ends_no_run(bed: Bed, seed: int) -> None:
    chance = Random(seed)

    def odd(call: Call, send: Send, memory: Memory) -> Answer:
        given = send(call)
        content = json.loads(given.body or b"null")
        places = list(nodes([content]))
        if chance.random() < 0.2 and isinstance(content, dict | list):
            holder, key = chance.choice(places)
            holder[key] = chance.choice(ODD)
        return replace(given, body=json.dumps(content).encode())

    results = bed.judge(BrokenTarget(AppTarget(bed.app), odd), writes=seed % 2 == 0)
    assert len(results) == 82
    for result in results:
        f"{result.says} {result.sent} {result.received}".encode("utf-8", "surrogateescape")


def test_a_shop_that_never_answers_is_unreachable(bed: Bed) -> None:
    def silent(call: Call, send: Send, memory: Memory) -> Answer:
        raise Unreachable("nobody took the connection in time")

    with pytest.raises(Unreachable, match="nobody took the connection"):
        bed.judge(BrokenTarget(AppTarget(bed.app), silent))


def test_a_call_without_an_answer_fails_its_statement_only(bed: Bed) -> None:
    def sometimes(call: Call, send: Send, memory: Memory) -> Answer:
        if b".1234567" in call.body:
            raise Unreachable("the connection failed or was cut")
        return send(call)

    failed = bed.failed(BrokenTarget(AppTarget(bed.app), sometimes))
    assert list(failed) == ["P46"]
    assert failed["P46"].says == "a call got no answer: the connection failed or was cut"
    assert failed["P46"].sent.startswith("POST /api/vtex/acme/pvt/orders/S-")


def test_a_server_that_hangs_up_on_too_much_has_refused_it(bed: Bed) -> None:
    def hang_up(call: Call, send: Send, memory: Memory) -> Answer:
        if len(call.body) > 100_000:
            raise Unreachable("the connection failed or was cut")
        return send(call)

    assert bed.failed(BrokenTarget(AppTarget(bed.app), hang_up)) == {}


def test_windows_that_are_right_pass(bed: Bed) -> None:
    window = {"startDateUtc": "2026-03-05T11:00:00+00:00", "endDateUtc": "2026-03-05T15:00:00+00:00", "price": 0}

    def offer_windows(call: Call, send: Send, memory: Memory) -> Answer:
        given = send(call)
        if call.route != "simulation" or given.status != 200:
            return given
        text = given.body.replace(b'"availableDeliveryWindows":[]', f'"availableDeliveryWindows":[{window}]'.encode())
        return replace(given, body=text.replace(b"'", b'"'))

    results = bed.judge(BrokenTarget(AppTarget(bed.app), offer_windows))
    assert [result.says for result in results if result.verdict is Verdict.FAILED] == []
    assert results[13].verdict is Verdict.OK


@pytest.mark.parametrize(
    "endpoint", ["", "shop.example/api", "ftp://shop.example/api", "//shop.example/api", "api/vtex"]
)
def test_an_endpoint_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        Case(endpoint=endpoint, skus=(Sku(id="apple"),), address=Place(postal_code="01310-100"))


def test_a_case_without_a_sku_is_refused() -> None:
    with pytest.raises(ValueError, match="SKU"):
        Case(endpoint="/api/vtex/acme", skus=(), address=Place(postal_code="01310-100"))
