"""Texts that mean something to a database, a shell, a template, a path or a log: here they are texts. (S3)"""

import ast
import logging
import re
from collections.abc import Callable, Iterator
from itertools import count, product
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import orjson
import pytest
import sqlalchemy

from ..chaos.conftest import Scale
from ..chaos.report import Figures
from ..shops import Shop, order_body
from .hostile import Call, changed, open_everything, paths, send

MODULES = sorted((Path(__file__).parents[2] / "flask_vtex_seller").rglob("*.py"))
CORES = (
    *("' OR '1'='1", "'; DROP TABLE vtex_order;--", "1; DELETE FROM shop_order", '" OR ""="', "') UNION SELECT 1,2--"),
    *("admin'--", "' || (SELECT 1) || '", "'; SELECT pg_sleep(9);--", "\\'; DROP TABLE vtex_order;--", "$$;--"),
    *("1 AND 1=2", "x' AND randomblob(9)--", "';ATTACH DATABASE 'x' AS y;--", "0x27", "%27%20OR%201=1"),
    *("%", "_", "%%", "_%", "[a-z]%", "\\%", "%' ESCAPE '!", "*", "?", ".*", "^a|b$", "(a+)+$"),
    *("../../etc/passwd", "..%2f..%2f", "..\\..\\", "%2e%2e%2f", "..;/", "/etc/passwd", "//evil.io/", "file:///etc"),
    *("C:\\x", "S-1/../S-2", "S-1%2ffulfill", "S-1/fulfill", ".", "..", "~root", "%00", "%c0%ae%c0%ae/"),
    *("\r\nX-Evil: 1", "%0d%0aX-Evil:%201", "\nSet-Cookie: a=b", "a\r\n\r\n<html>", "\u2028INFO", "\u0085x", "\x1b[m"),
    *("{{7919*7907}}", "${7919*7907}", "#{7919*7907}", "{%raw%}", "{0.__class__}", "%(secret)s", "%s%n", "${jndi:x}"),
    *("<script>alert(1)</script>", "\"><img onerror=alert(1)>", "javascript:alert(1)", "</script>", "<!--", "&lt;"),
    *("; ls", "| id", "`id`", "$(id)", "&& id", "@evil", "=1+1", "+1", "-1", "__proto__", "constructor", "__class__"),
)  # fmt: skip
WRAPPINGS: tuple[Callable[[str], str], ...] = (
    lambda core: core,
    lambda core: f" {core} ",
    lambda core: f"S-1{core}",
    lambda core: f"{core}S-1",
    lambda core: core * 3,
    lambda core: core.swapcase(),
    lambda core: quote(core, safe=""),
)
PAYLOADS = tuple(dict.fromkeys(wrap(core) for wrap, core in product(WRAPPINGS, CORES)))
HEADERS = ("x-vtex-operation-id", "Content-Type", "User-Agent", "X-Forwarded-For", "Accept-Language", "Cookie")
BREAK = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")


def schema_of(shop: Shop) -> dict[str, list[str]]:
    with shop.app.app_context():
        looked = sqlalchemy.inspect(shop.db.engine)
        return {
            table: sorted(str(column["name"]) for column in looked.get_columns(table))
            for table in sorted(looked.get_table_names())
        }


def rows_of(shop: Shop) -> dict[str, int]:
    with shop.app.app_context(), shop.db.engine.connect() as connection:
        tables = shop.db.metadata.sorted_tables
        counted = (sqlalchemy.select(sqlalchemy.func.count()).select_from(table) for table in tables)
        return {
            table.name: connection.execute(query).scalar_one() for table, query in zip(tables, counted, strict=True)
        }


def strings(body: Any) -> list[tuple[Any, ...]]:
    """Return where strings stand in a body."""

    def at(path: tuple[Any, ...]) -> Any:
        node = body
        for key in path:
            node = node[key]
        return node

    return [path for path in paths(body) if isinstance(at(path), str)]


def attempts(payload: str, number: int) -> Iterator[Call]:
    """Yield calls that hold the payload in every string, then in paths, in headers and in the query."""
    order = order_body(f"{number}-01")
    everywhere = order
    for path in strings(order):
        if path[-1] not in ("marketplaceOrderId", "id", "seller", "selectedSla"):
            everywhere = changed(everywhere, path, payload[:120])
    for body in (everywhere, {**order, "marketplaceOrderId": payload}, changed(order, ("items", 0, "id"), payload)):
        yield _json("/pvt/orders", [body])
    yield _json("/pvt/orderForms/simulation", {"items": [{"id": payload, "quantity": 1}], "country": payload})
    yield _json("/pvt/orders/S-1/cancel", {"cancellationRequestId": payload, "reason": payload})
    quoted = quote(payload)
    for place in (f"/pvt/orders/{quoted}/fulfill", f"/pvt/orders/S-1/{quoted}", f"/{quoted}"):
        yield Call(place, b"{}")
    line = payload.encode("ascii", "ignore").decode().translate({13: None, 10: None, 0: None})
    yield Call("/pvt/orders/S-9/fulfill", b"{}", headers=dict.fromkeys(HEADERS, line))
    yield Call("/pvt/orderForms/simulation", b"{}", query=f"sc={quoted}&{quoted}={quoted}")


def _json(path: str, body: Any) -> Call:
    return Call(path, orjson.dumps(body))


def test_the_list_is_a_long_one() -> None:
    assert len(PAYLOADS) >= 500


def test_no_text_does_anything(
    new_shop: Callable[..., Shop],
    scale: Scale,
    rng: Random,
    figures: Figures,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing is created or dropped, nothing runs, no line is written into the log, no header into an answer."""
    caplog.set_level(logging.INFO)
    shop = open_everything(new_shop)
    shop.call("/pvt/orders", [order_body("target-01")])
    shop.call("/pvt/orders", [order_body("bystander-01")])
    schema, numbers, calls = schema_of(shop), count(), 0
    for payload in scale(rng.sample(PAYLOADS, 25), PAYLOADS):
        orders = len(shop.order_ids())
        for call in attempts(payload, next(numbers)):
            calls += 1
            response = send(shop, call)
            assert response.status_code in (200, 400, 404, 405, 409), (payload, call.path, response.status_code)
            assert "X-Evil" not in response.headers
            assert "Set-Cookie" not in response.headers
            assert str(7919 * 7907) not in response.text
            assert response.mimetype == "application/json"
        assert orders <= len(shop.order_ids()) <= orders + 3, payload
        written = [record.getMessage() for record in caplog.records if record.name.startswith("flask_vtex_seller")]
        assert [line for line in written if BREAK.search(line)] == [], payload
        extras = [value for record in caplog.records for value in _extras(record)]
        assert [text for text in extras if BREAK.search(text)] == [], payload
        caplog.clear()
    assert schema_of(shop) == schema
    assert shop.call("/pvt/orders/S-2/fulfill", {"marketplaceOrderId": "bystander-01"}).status_code == 200
    figures.note("S3", payloads=scale(25, len(PAYLOADS)), calls=calls, rows=rows_of(shop)["vtex_order"])


def _extras(record: logging.LogRecord) -> Iterator[str]:
    """Yield what a formatter may write beside the message."""
    for name in ("marketplace", "order_id", "operation_id", "code"):
        value = getattr(record, name, None)
        if isinstance(value, str):
            yield value
    yield from getattr(record, "marketplace_order_ids", ())


@pytest.mark.parametrize("payload", ["%", "_", "S-%", "S-_", "[S]-1", "S-1' OR '1'='1", "s-1", "S-1 ", "S\u20111"])
def test_an_id_names_itself_alone(shop: Shop, payload: str) -> None:
    shop.call("/pvt/orders", [order_body()])
    response = send(shop, Call(f"/pvt/orders/{quote(payload)}/cancel", b"{}"))
    assert (response.status_code, response.headers["x-vtex-error-code"]) == (404, "ORDER_NOT_FOUND")


# no SQL is put together from text

_MAKES_SQL_OF_TEXT = {"text", "literal_column", "DDL", "exec_driver_sql", "executescript", "cursor"}


def test_no_sql_is_written_as_text() -> None:
    """Statements are put together by SQLAlchemy alone, which binds each value; ruff's S608 looks for strings beside."""
    assert [place for file in MODULES for place in _textual_sql(file)] == []


@pytest.mark.parametrize(
    "source",
    [
        "from sqlalchemy import text",
        "import sqlalchemy\nsession.execute(sqlalchemy.text(f'SELECT {x}'))",
        "session.execute('SELECT ' + x)",
        "connection.exec_driver_sql(x)  # execute",
        "from sqlalchemy import literal_column",
    ],
)
def test_sql_that_is_written_as_text_is_found(source: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(source, encoding="utf-8")
    assert [*_textual_sql(tmp_path / "module.py")]


def _textual_sql(file: Path) -> Iterator[str]:
    source = file.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)) if "sqlalchemy" in source or "execute" in source else ():
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy"):
            if {alias.name for alias in node.names} & _MAKES_SQL_OF_TEXT:
                yield f"{file.name}:{node.lineno} imports it"
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            of_sqlalchemy = name == "text" and ast.unparse(node.func).startswith(("sqlalchemy.", "sa.", "db."))
            if of_sqlalchemy or name in _MAKES_SQL_OF_TEXT - {"text"} or (name == "execute" and _is_text(node)):
                yield f"{file.name}:{node.lineno} calls it"


def _is_text(call: ast.Call) -> bool:
    return bool(call.args) and isinstance(call.args[0], ast.JoinedStr | ast.BinOp | ast.Constant)
