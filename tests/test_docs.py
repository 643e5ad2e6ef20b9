"""The documentation keeps its word: its tutorial runs, and its reference forgets nothing."""

import ast
import importlib
import json
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
from blinker import NamedSignal
from flask import Flask
from werkzeug.serving import make_server

import flask_vtex_seller
from flask_vtex_seller import config, errors
from flask_vtex_seller.cli import vtex_seller_cli
from flask_vtex_seller.conformance import STATEMENTS
from flask_vtex_seller.database import CORE
from flask_vtex_seller.marketplace.operations import OPERATIONS
from flask_vtex_seller.orders.order import OrderState
from flask_vtex_seller.sandbox import create_app as create_sandbox
from flask_vtex_seller.testing.outgoing import OUTGOING

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PACKAGE = ROOT / "flask_vtex_seller"
TUTORIAL = DOCS / "tutorial" / "your-shop-on-a-marketplace.md"
TEST_GUIDE = DOCS / "howto" / "test-your-hooks.md"
PAGES = sorted(DOCS.rglob("*.md"))
_BLOCK = re.compile(
    r"^```(?:\{code-block\} )?(?P<language>\w+)\n(?::caption: (?P<caption>[^\n]+)\n\n)?(?P<text>.*?)^```$", re.M | re.S
)
_CODE = re.compile(r'code\s*(?::\s*str\s*)?=\s*"([A-Z][A-Z0-9_]+)"')


@dataclass(frozen=True)
class Block:
    """One listing of a page; its caption is the file that it belongs to, or what the test does with it."""

    language: str
    caption: str | None
    text: str


def blocks(page: Path) -> list[Block]:
    return [Block(**found.groupdict()) for found in _BLOCK.finditer(page.read_text(encoding="utf-8"))]


def write_modules(page: Path, folder: Path) -> None:
    """Write the files that the page builds; a later listing of a file goes below the earlier ones."""
    for block in blocks(page):
        if block.language == "python" and block.caption is not None:
            with (folder / block.caption).open("a", encoding="utf-8") as file:
                file.write(f"{block.text}\n\n")


class Reader:
    """Somebody who follows the tutorial to the letter."""

    def __init__(self, app: Flask, shop: ModuleType) -> None:
        self.app = app
        self.shop = shop

    def run(self, command: str) -> str:
        """Run a `flask …` line of the tutorial."""
        words = shlex.split(command)
        assert words[0] == "flask"
        with self.app.app_context():
            self.shop.db.session.remove()
        return self.app.test_cli_runner().invoke(args=words[1:]).output

    def stock(self, sku: str) -> int:
        with self.app.app_context():
            stock: int = self.shop.db.session.get(self.shop.Product, sku).stock
            return stock


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    for name, value in exports(TUTORIAL).items():
        monkeypatch.setenv(name, value)
    write_modules(TUTORIAL, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    names = ("shop", "vtex", "app")
    before = {name: sys.modules.pop(name, None) for name in names}
    modules = {name: importlib.import_module(name) for name in names}
    app = modules["app"].create_app()
    yield Reader(app, modules["shop"])
    with app.app_context():
        modules["shop"].db.session.remove()
        modules["shop"].db.engine.dispose()
    for name in names:
        del sys.modules[name]
        if before[name] is not None:
            sys.modules[name] = before[name]


def exports(page: Path) -> dict[str, str]:
    """Return the variables that the page sets."""
    variables = {}
    for block in blocks(page):
        for line in block.text.splitlines() if block.language == "bash" else ():
            if line.startswith("export "):
                name, _, value = shlex.split(line)[1].partition("=")
                variables[name] = value
    return variables


@pytest.fixture
def marketplace(reader: Reader) -> Iterator[Callable[[str], dict[str, Any]]]:
    """Answer the tutorial's curl calls: a real sandbox that calls the tutorial's shop over loopback."""
    server = make_server("127.0.0.1", 0, reader.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    variables = exports(TUTORIAL)
    endpoint = variables["FLASK_SANDBOX_FULFILLMENT_ENDPOINT"].replace(":5000/", f":{server.server_port}/")
    sandbox = create_sandbox(
        {
            "SANDBOX_FULFILLMENT_ENDPOINT": endpoint,
            "SANDBOX_SELLER_ID": variables["FLASK_SANDBOX_SELLER_ID"],
            "SANDBOX_SIMULATION_TIMEOUT_SECONDS": 30,  # the machine that tests may be a busy one
        }
    )

    def call(command: str) -> dict[str, Any]:
        words = shlex.split(command.replace("\\\n", " "))
        assert words[0] == "curl"
        path = words[1].removeprefix("http://127.0.0.1:5001")
        with sandbox.test_client() as client:
            response = client.post(path, json=json.loads(words[words.index("-d") + 1]))
        assert response.status_code == 200, response.text
        exchange: dict[str, Any] = response.json["exchange"]
        return exchange

    yield call
    sandbox.extensions["vtex_sandbox"].close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_tutorial_goes_as_it_says(reader: Reader, marketplace: Callable[[str], dict[str, Any]]) -> None:
    """Each call and command of the tutorial, in its order, has the outcome that the tutorial shows."""
    # The tutorial runs the first commands before its hooks exist: here, the shop is complete from the start.
    listings = [block for block in blocks(TUTORIAL) if block.caption in {"check", "answer", "call", "outcome"}]
    with reader.app.app_context():
        # `flask --app shop fill` creates what the shop alone knows of
        own = [table for name, table in reader.shop.db.metadata.tables.items() if not name.startswith("vtex_")]
        reader.shop.db.metadata.create_all(reader.shop.db.engine, tables=own)
    told = ""
    for number, block in enumerate(listings):
        if block.caption == "check":
            told = reader.run(block.text)
            if "create-tables" in block.text:
                reader.run("flask fill")
        elif block.caption == "call":
            exchange = marketplace(block.text)
            assert exchange["problems"] == []
            told = exchange["outcome"]
        elif number > 1:
            assert told.strip() == block.text.strip()
    assert reader.stock("apple") == 10
    assert re.search(r"state +canceled", reader.run("flask vtex-seller orders show F-1"))
    assert re.search(r"receipt +released F-1", reader.run("flask vtex-seller orders show F-1"))


def test_each_listing_of_the_tutorial_names_its_file() -> None:
    assert [block.text for block in blocks(TUTORIAL) if block.language == "python" and not block.caption] == []


def test_the_tutorial_names_what_is_missing_before_the_hooks_exist(tmp_path: Path) -> None:
    """The first `check`, on a fresh interpreter and with the files as they are at that point."""
    for block in blocks(TUTORIAL):
        target = tmp_path / (block.caption or "")
        if block.language == "python" and not target.exists():
            target.write_text(block.text, encoding="utf-8")
    environment = {**exports(TUTORIAL), "PATH": "", "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    flask = [sys.executable, "-m", "flask"]
    subprocess.run([*flask, "--app", "shop", "fill"], cwd=tmp_path, env=environment, check=True, timeout=60)
    checked = subprocess.run(
        [*flask, "vtex-seller", "check"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    shown = next(block.text for block in blocks(TUTORIAL) if block.caption == "answer")
    assert checked.stdout.splitlines() == shown.splitlines()
    assert checked.returncode == 1


def test_the_guide_to_testing_hooks_has_tests_that_pass(tmp_path: Path) -> None:
    write_modules(TUTORIAL, tmp_path)
    write_modules(TEST_GUIDE, tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "."]
    environment = {"PATH": "", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=90)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert " passed" in ran.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_python_on_a_page_is_python_and_imports_what_exists(page: Path) -> None:
    for block in blocks(page):
        if block.language != "python":
            continue
        for node in ast.walk(ast.parse(block.text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("flask_vtex_seller"):
                module = importlib.import_module(node.module or "")
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_every_file_that_a_page_links_to_exists(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    linked = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]
    assert [link for link in linked if not (page.parent / link).exists()] == []


def test_every_setting_is_in_the_reference() -> None:
    page = reference("configuration")
    fields = set(config.Marketplace.__dataclass_fields__) - {"name"}
    keys = set(re.findall(r'"(VTEX_SELLER_[A-Z_]*[A-Z])"', (PACKAGE / "config.py").read_text(encoding="utf-8")))
    assert {"VTEX_SELLER_MARKETPLACES", "VTEX_SELLER_URL_PREFIX", "VTEX_SELLER_LEASE_SECONDS"} <= keys
    assert missing({*keys, *fields}, page) == []


def test_every_error_code_is_in_the_reference() -> None:
    sources = [source for source in PACKAGE.rglob("*.py") if "sandbox" not in source.parts]
    codes = {code for source in sources for code in _CODE.findall(source.read_text("utf-8"))}
    # made from the order's state: a canceled order cannot be authorized, an invoiced one cannot be canceled
    refused = set(OrderState) - {OrderState.PLACING, OrderState.PLACED, OrderState.EXPIRED, OrderState.AUTHORIZED}
    codes |= {f"ORDER_{state.name}" for state in refused}
    assert {"ORD008", "FMT009", "INVALID_JSON", "INVALID_FIELD", "ORDER_NOT_FOUND", "UNAUTHORIZED"} <= codes
    assert missing({*codes, "HTTP_"}, reference("errors"), closed=False) == []


def test_every_exception_is_in_the_reference() -> None:
    names = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.VtexSellerError)
    }
    assert missing(names, reference("errors"), closed=False) == []


def test_every_command_is_in_the_reference() -> None:
    page = reference("cli")
    for path, command in commands(vtex_seller_cli, "vtex-seller"):
        assert f"## `flask {path}`" in page
        for parameter in command.params:
            assert parameter.opts[0] in page or parameter.human_readable_name in page, f"{path} {parameter.opts[0]}"


def test_what_the_check_finds_is_quoted_word_for_word() -> None:
    """What the guide to going live explains, the command says."""
    page = (DOCS / "howto" / "go-live.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?) \| ", page, re.M)
    assert len(rows) > 15
    folders = (PACKAGE / "cli", PACKAGE / "conformance")
    said = "".join(source.read_text("utf-8") for folder in folders for source in folder.glob("*.py"))
    said = re.sub(r"\{[^{}\n]*\}", "…", said)
    for quoted in re.findall(r"`([^`]+)`", " ".join(rows)):
        for words in re.sub(r"\b(302|200|404|502|503|1|acme)\b", "…", quoted).split("…"):
            assert words.strip(" ,") in said, quoted


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def test_every_public_name_is_in_the_reference() -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md"))
    documented = set(re.findall(r"auto\w+:: flask_vtex_seller\.(\w+)$", pages, re.M))
    assert sorted(set(flask_vtex_seller.__all__) - documented) == []
    assert missing(set(flask_vtex_seller.__all__), reference("api"), closed=False) == []


def test_every_outbound_call_is_in_the_reference() -> None:
    page = reference("outbound")
    assert missing(set(OPERATIONS), page) == []
    assert missing({operation.permission for operation in OPERATIONS.values()}, page, closed=False) == []
    unnamed = re.compile(r"\{\w+\}")
    shown = unnamed.sub("{}", page)
    calls = {f"{operation.method} {unnamed.sub('{}', operation.path)}" for operation in OPERATIONS.values()}
    assert missing(calls, shown, closed=False) == []


def test_every_signal_is_in_the_reference() -> None:
    signals = {value.name for value in vars(flask_vtex_seller.signals).values() if isinstance(value, NamedSignal)}
    assert missing(signals, reference("signals")) == []


def test_every_statement_is_in_the_reference() -> None:
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in reference("conformance").splitlines()]
    rows = [row for row in cells if row and row[0].startswith("`P")]
    assert rows == [
        [
            f"`{name}`",
            statement.title,
            statement.touch.value if statement.touch else "—",
            statement.elsewhere[:1].upper() + statement.elsewhere[1:],
        ]
        for name, statement in STATEMENTS.items()
    ]


def test_what_the_guide_counts_is_what_there_is() -> None:
    judged = [statement for statement in STATEMENTS.values() if statement.check]
    assert (len(judged), len(STATEMENTS), len(OUTGOING)) == (52, 82, 12)
    guide = TEST_GUIDE.read_text(encoding="utf-8")
    assert all(number in guide for number in ("fifty-two", "eighty-two", "twelve"))
    overheard = next(line for line in reference("conformance").splitlines() if "overhearing" in line)
    assert set(re.findall(r"`(P\d+)`", overheard)) == set(OUTGOING)


def test_every_column_is_in_the_reference() -> None:
    page = reference("tables")
    for table in CORE.sorted_tables:
        named = {table.name, *(column.name for column in table.columns), *(index.name or "" for index in table.indexes)}
        named |= {str(constraint.name) for constraint in table.constraints if constraint.name}
        assert missing(named, page) == []


def test_nothing_of_the_writers_machine_is_in_the_docs() -> None:
    for page in [*PAGES, DOCS / "conf.py"]:
        text = page.read_text(encoding="utf-8")
        assert [word for word in ("/work", "/home/", "/tmp/", "../shared") if word in text] == [], page  # noqa: S108


def reference(page: str) -> str:
    return (DOCS / "reference" / f"{page}.md").read_text(encoding="utf-8")


def missing(words: set[str], page: str, *, closed: bool = True) -> list[str]:
    """Return the words that the page does not have; `closed` ones must stand between backticks."""
    return sorted(word for word in words if (f"`{word}`" if closed else word) not in page)
