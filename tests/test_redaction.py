"""The filter for the shop's own logs: what it takes out, what it leaves, and that it never breaks a log."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from flask_vtex_seller import RedactingFilter

from .shops import order_body

SHOPPER = ("maria.silva", "Maria", "Silva", "39053344705", "5511999990000", "Paulista", "01310-100", "apto 7")


class Sink:
    """A logger of its own with the filter on its handler."""

    def __init__(self, **options: Any) -> None:
        self.log = logging.getLogger("tests.redaction")
        self.records: list[logging.LogRecord] = []
        self.written = io.StringIO()
        self.handler = logging.StreamHandler(self.written)
        self.handler.addFilter(RedactingFilter(**options))
        self.log.addHandler(self.handler)
        self.log.propagate = False

    @property
    def text(self) -> str:
        return self.written.getvalue()

    def close(self) -> None:
        self.log.removeHandler(self.handler)
        self.log.propagate = True


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()
    yield sink
    sink.close()


def redact(text: str) -> str:
    return RedactingFilter().redact(text)


@pytest.mark.parametrize(
    "write",
    [json.dumps, repr, lambda body: json.dumps({"sent": json.dumps(body)}), lambda body: repr([json.dumps(body)])],
    ids=["JSON", "repr", "JSON in JSON", "JSON in a repr"],
)
def test_an_order_in_any_writing_keeps_its_ids_and_loses_its_shopper(write: Any) -> None:
    text = redact(write(order_body("1138342255777-01")))
    assert [word for word in SHOPPER if word in text] == []
    for kept in ("1138342255777-01", "apple", "1250", "3830", "standard", "geoCoordinates"):
        assert kept in text


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ('{"firstName": "Ma\\"ria", "id": 1}', '{"firstName": …, "id": 1}'),
        ("first_name='Maria', total=12", "first_name=…, total=12"),
        ("RECEIVER-NAME=Maria&sc=1", "RECEIVER-NAME=…&sc=1"),
        ('"geoCoordinates": [-46.6, -23.5], "x": 1', '"geoCoordinates": …, "x": 1'),
        (
            "GET /api/vtex/acme/pvt/orders?token=abc&sc=1 HTTP/1.1",
            "GET /api/vtex/acme/pvt/orders?token=…&sc=1 HTTP/1.1",
        ),
        ("X-VTEX-API-AppToken: abc def\r\nAccept: */*", "X-VTEX-API-AppToken: …\r\nAccept: */*"),
        ("Authorization: Bearer abc", "Authorization: …"),
        ("write to maria+1@mail.example.", "write to …."),
        ("?e=maria%40mail.example&f", "?e=…&f"),
        ("390.533.447-05 and 39053344705", "… and …"),
        ("11.222.333/0001-81 and 11222333000181", "… and …"),
        ("+55 11 99999-0000 or (11) 99999-0000", "… or …"),
        ("to 01310-100, then", "to …, then"),
    ],
)
def test_what_is_known_by_its_name_or_shape_is_taken_out(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "order 1138342255777-01 is placed",
        "2026-03-04T15:45:02.130636+00:00",
        "12345678901 is no CPF, and 12345678901234 no CNPJ",
        "message 4711, invoice, is dead: 400",
        '{"orderId": "S-1", "invoiceNumber": "1001", "value": 3830}',
        "http://acmemarket.vtexcommercestable.com.br/api/oms?an=acmemarket",
        '127.0.0.1 - - [04/Mar/2026 15:45:02] "POST /x HTTP/1.1" 200 -',
        "",
    ],
)
def test_what_tells_of_nobody_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_secrets_are_taken_out_wherever_they_stand() -> None:
    filter_ = RedactingFilter(secrets=["abc", "abcdef", ""])
    assert filter_.redact("xabcdefx abc") == "x…x …"


def test_arguments_and_extras_are_redacted(sink: Sink) -> None:
    record = logging.makeLogRecord({"msg": "placing %s for %s", "args": ("C-01", "maria@mail.example")})
    vars(record).update(order=order_body(), email="x", sku_id="apple", count=3, raw=b"maria@mail.example", none=None)
    vars(record).update(several=("maria@mail.example", ["390.533.447-05"]))
    assert sink.handler.filter(record)
    assert record.getMessage() == "placing C-01 for …"
    assert (record.__dict__["email"], record.__dict__["sku_id"], record.__dict__["count"]) == ("…", "apple", 3)
    assert record.__dict__["several"] == ("…", ["…"])
    assert [word for word in SHOPPER if word in repr(record.__dict__)] == []


def test_a_message_that_is_a_dict_stays_one(sink: Sink) -> None:
    record = logging.makeLogRecord({"msg": {"event": "placed", "client": {"firstName": "Maria"}}})
    sink.handler.filter(record)
    assert record.msg == {"event": "placed", "client": {"firstName": "…"}}


def test_a_traceback_has_its_lines_and_types_and_no_words(sink: Sink) -> None:
    try:
        try:
            raise KeyError("Maria")
        except KeyError as error:
            raise ValueError("Silva") from error
    except ValueError:
        sink.log.exception("it failed", stack_info=True)
    assert "it failed" in sink.text
    assert sink.text.index("KeyError") < sink.text.index("ValueError")
    assert sink.text.count("test_a_traceback_has_its_lines") >= 2
    assert 'KeyError: "' not in sink.text
    assert "'Maria'" not in sink.text.replace('KeyError("Maria")', "")


def test_the_words_of_exceptions_can_be_kept_redacted() -> None:
    sink = Sink(exception_words=True)
    try:
        raise ValueError("no stock for maria@mail.example")
    except ValueError:
        sink.log.exception("it failed")
    sink.close()
    assert "ValueError: no stock for …" in sink.text


def test_a_traceback_that_another_handler_wrote_before_is_replaced(sink: Sink) -> None:
    try:
        raise ValueError("Maria")
    except ValueError as error:
        record = logging.makeLogRecord({"msg": "x", "exc_info": (ValueError, error, error.__traceback__)})
    logging.Formatter().format(record)
    sink.handler.filter(record)
    assert "ValueError: Maria" not in logging.Formatter().format(record)


def test_a_record_that_cannot_be_formatted_is_still_a_record(sink: Sink) -> None:
    sink.log.warning("%d of %s", "Maria")
    assert sink.text == "a record of tests.redaction that cannot be formatted\n"


def test_what_contains_itself_ends(sink: Sink) -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    sink.log.warning("x", extra={"endless": endless})
    assert sink.text == "x\n"


@pytest.mark.parametrize("text", ["a" * 300_000, "1." * 150_000, "+1" * 150_000, "number=[" * 10_000])
def test_a_text_of_any_length_is_soon_looked_through(text: str) -> None:
    """A pattern that begins anew at each letter takes minutes for this: the tests' own time-out tells."""
    assert len(redact(text)) > 0


class Odd:
    """What a shop may log beside its words."""

    def __init__(self, words: str) -> None:
        self.words = words

    def __str__(self) -> str:
        return self.words


def test_objects_beside_a_record_are_written_without_what_tells(sink: Sink) -> None:
    beside = {"who": Odd("maria.silva@example.com"), "why": ValueError("39053344705"), "count": 3, "nothing": None}
    sink.log.warning("odd", extra=beside)
    found = vars(sink.records[-1]) if sink.records else {}
    record = logging.makeLogRecord(beside)
    assert RedactingFilter().filter(record)
    assert (record.who, record.why, record.count, record.nothing) == ("…", "ValueError", 3, None)  # type: ignore[attr-defined]
    assert found == {} or "maria" not in str(found)


def test_nothing_beside_a_record_breaks_a_log() -> None:
    class Broken(dict[str, str]):
        def items(self) -> Any:
            raise RuntimeError

    record = logging.makeLogRecord({"msg": "x", "exc_info": True, "broken": Broken()})
    assert RedactingFilter().filter(record)
    assert record.broken == "…"  # type: ignore[attr-defined]
