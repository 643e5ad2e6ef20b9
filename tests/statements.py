"""What the protocol asks of a seller, statement by statement, and the tests that prove it.

The statements and the rows of contradictions are those of the protocol dossier (`protocol.md`, §13 and §12). A test
proves a statement, or shows what we do about a contradiction, if its name, its docstring, or the docstring of its class
or module names it: `P27`, `row 12`. The tests of the sandbox do not count: they are about the sandbox.

`pytest --vtex-statements` prints the listing.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

TESTS = Path(__file__).parent
SETTINGS_PAGE = TESTS.parent / "docs/reference/configuration.md"
_NAMED = re.compile(r"\b(P|[Rr]ow )(\d{1,2})\b")

STATEMENTS: Mapping[str, str] = {
    # simulation
    "P1": "a known item without an address has prices and stock",
    "P2": "an address that is absent, null or empty is the same, and null in the answer",
    "P3": "every line is answered in its place, unknown ones too",
    "P4": "an unknown SKU is unavailable, not an error",
    "P5": "more than the stock is cut to the stock",
    "P6": "no quantity, no stock anywhere",
    "P7": "nothing available, no logistics",
    "P8": "lines of one SKU share its stock and keep their places",
    "P9": "money is whole cents, rounded half up, never a float",
    "P10": "offerings are a list, each complete",
    "P11": "every option for an address is complete",
    "P12": "out of reach there is stock but no option",
    "P13": "a pickup option, and no other, has its point with a full address",
    "P14": "windows are in UTC, in order, and priced in cents",
    "P15": "logistics come in the items' order and say where they ship",
    "P16": "the body's sales channel wins over the query's",
    "P17": "the merchant is named if the seller charges",
    "P18": "a slow shop is answered for in time",
    "P19": "spellings and types seen in the wild are understood",
    "P20": "coordinates are an address",
    "P21": "prices of options depend on neither the call nor the order of lines",
    "P22": "a body that is no simulation is refused in the error contract",
    "P23": "too many items or bytes never reach the shop",
    # placement
    "P24": "an array is answered with an array, an object with an object",
    "P25": "the order is repeated with the shop's id and e-mail address",
    "P26": "unknown fields survive and reach the shop",
    "P27": "the same order, even at the same moment, is one order",
    "P28": "other content under a known id is a conflict",
    "P29": "missing stock has its code, in body and headers",
    "P30": "other refusals have their codes, a failure tells nothing of the inside",
    "P31": "an order without items is none",
    "P32": "a placed order is reserved and nothing more",
    "P33": "a masked or missing shopper is accepted",
    "P34": "a failing hook leaves nothing, and a repeat succeeds",
    "P35": "of an array all orders are placed or none",
    "P36": "payment data are there if the seller charges, else null",
    # authorization
    "P37": "an authorization is answered with date, ids and receipt",
    "P38": "a repeat has the same receipt and no second release",
    "P39": "an unknown order is 404",
    "P40": "a canceled order is not released",
    "P41": "payment data in any form are handed on",
    "P42": "path and body that name two orders change neither",
    # cancellation by the marketplace
    "P43": "under evaluation: 200 and an empty body",
    "P44": "confirmed: both ids, date and receipt",
    "P45": "refused: no confirmation, an invoice says it",
    "P46": "a date with seven fraction digits is read",
    "P47": "the old body with the order's id alone works",
    "P48": "a decision is answered again",
    "P49": "an invoice waits while a cancellation is evaluated",
    "P50": "what is canceled stays canceled, once",
    # catalog
    "P51": "a notice names seller and SKU, encoded, with both keys",
    "P52": "known means silence, unknown a suggestion, an error neither",
    "P53": "a suggestion goes to the suggestions' host",
    "P54": "an EAN leaves as a list; a SKU without any reference is stopped here",
    "P55": "catalog data that would be refused are stopped here",
    "P56": "weight leaves in grams",
    "P57": "a SKU that exists or is not pending ends the matter",
    "P58": "a status that nobody knows is unknown, and harmless",
    "P59": "changes of price and stock reach the notificator",
    "P60": "many changes of one SKU are one notice",
    # invoices, tracking, cancellation by the shop
    "P61": "an invoice goes to the marketplace's id of the order",
    "P62": "an invoice has whole cents and one line a SKU",
    "P63": "an invoice number that gets lost is stopped here",
    "P64": "parts of an invoice are summed up against the order",
    "P65": "tracking is added to an invoice, not sent as another",
    "P66": "a delivery is told with its events",
    "P67": "a return cancels nothing by itself",
    "P68": "a verb that is not allowed is tried once more as POST",
    "P69": "a cancellation that is refused has a type",
    "P70": "canceled already is canceled",
    # transport, trust, limits
    "P71": "without the secret nothing is read, on any route",
    "P72": "two secrets work while one replaces the other",
    "P73": "the secret of the query is in no log and no answer",
    "P74": "other parameters of the query disturb nothing",
    "P75": "no credential leaves for an endpoint that is not the marketplace's",
    "P76": "an endpoint's own query stays behind the path, its http becomes https",
    "P77": "a marketplace that asks for patience gets it",
    "P78": "a redirect gets no credential",
    "P79": "a missing permission is named",
    "P80": "tokens are in no repr, log or exception",
    "P81": "every call ends by itself",
    "P82": "an agreement is one of two words",
}

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

LATER: Mapping[str, str] = {
    "P18": "the simulation's deadline",
    "P58": "the catalog: reading a suggestion's state back",
}
"""What no test proves yet, with the part of the work that will."""

SETTINGS: Mapping[str, str] = {
    "row 6": "route_family",
    "row 13": "merchant_name",
    "row 18": "VTEX_SELLER_URL_PREFIX",
    "row 23": "sales_channel",
    "row 33": "suggestions_url",
}
"""Contradictions of which the shop decides, by a documented setting."""


def proofs() -> dict[str, list[str]]:
    """Return the tests that name each statement and row, as pytest names them, in alphabetical order."""
    found = defaultdict(set)
    for file in sorted(TESTS.rglob("test_*.py")):
        if TESTS / "sandbox" not in file.parents:
            for test, said in _tests(ast.parse(file.read_text(encoding="utf-8")), file.relative_to(TESTS.parent), ""):
                for prefix, number in _NAMED.findall(said):
                    found[f"{prefix.replace('R', 'r')}{int(number)}"].add(test)
    return {name: sorted(tests) for name, tests in found.items()}


def _tests(node: ast.Module | ast.ClassDef, place: object, above: str) -> Iterator[tuple[str, str]]:
    """Yield each test below `node` and what it, its class and its module say."""
    above = f"{above} {ast.get_docstring(node) or ''}"
    for inner in node.body:
        if isinstance(inner, ast.ClassDef) and inner.name.startswith("Test"):
            yield from _tests(inner, f"{place}::{inner.name}", above)
        elif isinstance(inner, ast.FunctionDef) and inner.name.startswith("test"):
            name = inner.name.replace("_", " ")
            yield f"{place}::{inner.name}", f"{above} {name} {ast.get_docstring(inner) or ''}"


def documented_settings() -> set[str]:
    """Return the settings of the reference."""
    return set(re.findall(r"^\| `(\w+)`", SETTINGS_PAGE.read_text(encoding="utf-8"), re.MULTILINE))


def missing() -> list[str]:
    """Return the statements and rows for which there is nothing at all."""
    there = {*proofs(), *LATER, *SETTINGS}
    return [f"{name}: {title}" for name, title in {**STATEMENTS, **ROWS}.items() if name not in there]


def listing() -> Iterator[str]:
    """Yield the lines that `pytest --vtex-statements` prints."""
    tests = proofs()
    for name, title in {**STATEMENTS, **ROWS}.items():
        yield f"{name:<7} {title}"
        lines = list(tests.get(name, ()))
        if name in SETTINGS:
            lines.append(f"setting {SETTINGS[name]}, {SETTINGS_PAGE.relative_to(TESTS.parent)}")
        if not lines:
            lines.append(f"later: {LATER[name]}" if name in LATER else "NOTHING")
        yield from (f"        {line}" for line in lines)
