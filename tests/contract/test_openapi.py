"""The document that `flask vtex-seller openapi` prints against the published file, field by field and both ways."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ..shops import Shop
from .deviations import DOCUMENT_DEVIATIONS, Finding, Schema

FILE = Path(__file__).parents[3] / "shared/vtex-openapi/external-seller-fulfillment.json"
if not FILE.exists():
    pytest.skip(f"the published OpenAPI file is not here: {FILE}", allow_module_level=True)

PUBLISHED: Schema = json.loads(FILE.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Field:
    """What a document says of one field."""

    types: frozenset[str]
    required: bool

    @property
    def is_anything(self) -> bool:
        """Whether nothing is said of it, and so nothing of its parts."""
        return "anything" in self.types


@pytest.fixture
def ours(shop: Shop) -> Schema:
    result = shop.app.test_cli_runner().invoke(args=["vtex-seller", "openapi"])
    assert result.exit_code == 0, result.output
    document: Schema = json.loads(result.output)
    return document


def operations(document: Schema) -> dict[str, Schema]:
    """Return the operations by path; what a path calls its order's id is its own business."""
    return {path.replace("{sellerOrderId}", "{orderId}"): item["post"] for path, item in document["paths"].items()}


def fields(document: Schema, content: Schema) -> dict[str, Field]:
    """Return what `content` says of each field, by a path such as `items[].price`; an array of orders is as one."""
    found: dict[str, Field] = {}
    for path, known in _fields(document, content["content"]["application/json"]["schema"], "", required=True):
        found.setdefault(path.removeprefix("[]").removeprefix("."), known)
    return found


def _fields(document: Schema, schema: Schema, path: str, *, required: bool) -> Iterator[tuple[str, Field]]:
    shapes = list(_shapes(document, schema))
    yield path, Field(frozenset(kind for shape in shapes for kind in _types(shape)), required)
    for shape in shapes:
        for name, inner in shape.get("properties", {}).items():
            yield from _fields(document, inner, f"{path}.{name}", required=name in shape.get("required", ()))
        if shape.get("items"):
            yield from _fields(document, shape["items"], f"{path}[]", required=True)


def _shapes(document: Schema, schema: Schema) -> Iterator[Schema]:
    """Yield the schemas that `schema` is a choice of, without references."""
    if "$ref" in schema:
        *_, name = schema["$ref"].split("/")
        schema = document["components"]["schemas"][name]
    if "anyOf" not in schema:
        yield schema
    for inner in schema.get("anyOf", ()):
        yield from _shapes(document, inner)


def _types(shape: Schema) -> set[str]:
    named = shape.get("type", "anything")
    return {*([named] if isinstance(named, str) else named), *(["null"] if shape.get("nullable") else [])}


def differences(theirs: Mapping[str, Field], ours: Mapping[str, Field]) -> Iterator[tuple[str, str]]:
    """Yield path and words of each difference; of what is missing, the whole and not its parts."""
    for path in sorted({*theirs, *ours}):
        if path in theirs and path in ours:
            for words in _differences(theirs[path], ours[path]):
                yield path, words
        elif _parent(path) in theirs and _parent(path) in ours and not ours[_parent(path)].is_anything:
            yield path, "is not described" if path in theirs else "is ours"


def _parent(path: str) -> str:
    return path.removesuffix("[]") if path.endswith("[]") else path.rpartition(".")[0]


def _differences(theirs: Field, ours: Field) -> Iterator[str]:
    null = {"null"}
    if theirs.required is not ours.required:
        yield "must be there" if ours.required else "may be missing"
    if ours.types & null != theirs.types & null:
        yield "may be null" if ours.types & null else "is never null"
    if ours.types - null != theirs.types - null:
        yield f"is {_any_of(ours.types - null)}, not {_any_of(theirs.types - null)}"


def _any_of(types: frozenset[str]) -> str:
    return " or ".join(sorted(types))


def parameters(document: Schema, operation: Schema) -> dict[str, str]:
    """Return each parameter's place by its name in lower case: headers have no case."""
    known = document["components"]["parameters"]
    named = [known[item["$ref"].split("/")[-1]] if "$ref" in item else item for item in operation["parameters"]]
    return {item["name"].lower(): item["in"] for item in named}


def findings(theirs: Schema, ours: Schema) -> Iterator[Finding]:
    """Yield every difference between the two documents."""
    for path, published in operations(theirs).items():
        operation, own = published["operationId"], operations(ours)[path]
        for part, of in (("request", "requestBody"), ("answer", "200")):
            pair = [(item if of in item else item["responses"])[of] for item in (published, own)]
            for place, words in differences(fields(theirs, pair[0]), fields(ours, pair[1])):
                yield Finding(operation, part, place, words)
        for part, sets in (
            ("statuses", (published["responses"], own["responses"])),
            ("parameters", (parameters(theirs, published), parameters(ours, own))),
        ):
            for name in sorted(sets[0].keys() ^ sets[1].keys()):
                yield Finding(operation, part, name, "is not described" if name in sets[0] else "is ours")


def test_the_two_documents_have_the_same_operations(ours: Schema) -> None:
    """Row 5: whatever the guide counts, no inbound call is left out."""
    assert operations(ours).keys() == operations(PUBLISHED).keys()


def test_the_two_documents_differ_only_where_it_is_listed(ours: Schema) -> None:
    listed = {finding for deviation in DOCUMENT_DEVIATIONS for finding in deviation.findings}
    assert [finding for finding in findings(PUBLISHED, ours) if finding not in listed] == []


def test_every_listed_difference_is_there(ours: Schema) -> None:
    listed = Counter(finding for deviation in DOCUMENT_DEVIATIONS for finding in deviation.findings)
    assert listed - Counter(findings(PUBLISHED, ours)) == Counter()


def test_every_listed_difference_says_why() -> None:
    unexplained = [
        deviation
        for deviation in DOCUMENT_DEVIATIONS
        if not deviation.why or not ("row " in deviation.source or "§" in deviation.source)
    ]
    assert unexplained == []


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda schema: schema["properties"].pop("receipt"), "is not described"),
        (lambda schema: schema["properties"].update(more={"type": "string"}), "is ours"),
        (lambda schema: schema["properties"]["orderId"].update(type="integer"), "is integer, not string"),
        (lambda schema: schema["properties"]["orderId"].update(type=["string", "null"]), "may be null"),
    ],
)
def test_a_change_of_a_schema_is_found(ours: Schema, change: Any, finding: str) -> None:
    before = set(findings(PUBLISHED, ours))
    change(ours["components"]["schemas"]["OrderReceipt"])
    assert finding in {found.words for found in set(findings(PUBLISHED, ours)) - before}
