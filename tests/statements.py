"""What the protocol asks of a seller, statement by statement, and the tests that prove it.

The statements and the rows of contradictions are those of the protocol dossier (`protocol.md`, §13 and §12). A test
proves a statement, or shows what we do about a contradiction, if its name, its docstring or its class's docstring names
it: `P27`, `row 12`. The tests of the sandbox do not count: they are about the sandbox. Nor do those that a class
inherits: they see the shop from outside only.

`pytest --vtex-statements` prints the listing.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from flask_vtex_seller import conformance

TESTS = Path(__file__).parent
SETTINGS_PAGE = TESTS.parent / "docs/reference/configuration.md"
_NAMED = re.compile(r"\b(P|[Rr]ow )(\d{1,2})\b")

STATEMENTS: Mapping[str, str] = {name: statement.title for name, statement in conformance.STATEMENTS.items()}

ROWS: Mapping[str, str] = {
    "row 1": "an order as an array or as an object",
    "row 2": "which route takes a change notification",
    "row 3": "which status means that a SKU is known",
    "row 4": "the notificator with and without /api",
    "row 5": "how many calls there are",
    "row 6": "two families of order calls and their verbs",
    "row 7": "tracking by a second invoice or by its own call",
    "row 8": "canceling after a return",
    "row 9": "refusing a cancellation by an invoice or by a call",
    "row 10": "who makes the second cancellation call",
    "row 11": "what an empty body is",
    "row 12": "an address that is missing, null or half",
    "row 13": "whose name merchantName is",
    "row 14": "what paymentData of an order hold",
    "row 15": "what an authorization's body must hold",
    "row 16": "which of the two ids is which in a receipt",
    "row 17": "whose id the path has",
    "row 18": "/api in the paths or not",
    "row 19": "how an unavailable item looks",
    "row 20": "fewer than asked for",
    "row 21": "quantity and stock of a logistics entry",
    "row 22": "the order and type of coordinates",
    "row 23": "the sales channel in body or query",
    "row 24": "spellings of fields",
    "row 25": "which of a price tag's values is in cents",
    "row 26": "what a unit multiplier may be",
    "row 27": "units of a shipping estimate",
    "row 28": "forms of dates",
    "row 29": "the form of a receipt's date",
    "row 30": "names and types in a suggestion",
    "row 31": "cents or units in a suggestion's price",
    "row 32": "how long a suggestion can be changed",
    "row 33": "the suggestions' host",
    "row 34": "an invoice's value and date",
    "row 35": "what a tracking status must hold",
    "row 36": "where a delivery is told",
    "row 37": "the endpoint that comes with an order",
    "row 38": "the path of an agreement",
    "row 39": "names of the headers about limits",
    "row 40": "deliveryIds of an option",
    "row 41": "a simulation by GET",
    "row 42": "a duplicate order: an error or the same answer",
    "row 43": "a price that moved since the simulation",
    "row 44": "the form of a simulation on each page",
}

SETTINGS: Mapping[str, str] = {
    "row 6": "route_family",
    "row 13": "merchant_name",
    "row 18": "VTEX_SELLER_URL_PREFIX",
    "row 23": "sales_channel",
    "row 33": "suggestions_url",
}
"""Contradictions of which the shop decides, by a documented setting."""


def proofs(folder: Path = TESTS) -> dict[str, list[str]]:
    """Return the tests that name each statement and row, as pytest names them, in alphabetical order."""
    found = defaultdict(set)
    for file in sorted(folder.rglob("test_*.py")):
        if folder / "sandbox" not in file.parents:
            body = ast.parse(file.read_text(encoding="utf-8")).body
            for test, said in _tests(body, file.relative_to(folder.parent)):
                for prefix, number in _NAMED.findall(said):
                    found[f"{prefix.replace('R', 'r')}{int(number)}"].add(test)
    return {name: sorted(tests) for name, tests in found.items()}


def _tests(body: list[ast.stmt], place: object, above: str = "") -> Iterator[tuple[str, str]]:
    """Yield each test in `body` with what it and its class say."""
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from _tests(node.body, f"{place}::{node.name}", f"{above} {ast.get_docstring(node) or ''}")
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            own = f"{node.name.replace('_', ' ')} {ast.get_docstring(node) or ''}"
            yield f"{place}::{node.name}", f"{above} {own}"


def documented_settings() -> set[str]:
    """Return the settings of the reference."""
    return set(re.findall(r"^\| `(\w+)`", SETTINGS_PAGE.read_text(encoding="utf-8"), re.MULTILINE))


def missing() -> list[str]:
    """Return the statements and rows for which there is nothing at all."""
    there = {*proofs(), *SETTINGS}
    return [f"{name}: {title}" for name, title in {**STATEMENTS, **ROWS}.items() if name not in there]


def listing() -> Iterator[str]:
    """Yield the lines that `pytest --vtex-statements` prints."""
    tests = proofs()
    for name, title in {**STATEMENTS, **ROWS}.items():
        yield f"{name:<7} {title}"
        lines = list(tests.get(name, ()))
        if name in SETTINGS:
            lines.append(f"setting {SETTINGS[name]}, {SETTINGS_PAGE.relative_to(TESTS.parent)}")
        yield from (f"        {line}" for line in lines or ["NOTHING"])
