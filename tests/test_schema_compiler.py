"""A reader made from a schema: nothing but its speed may tell it from marshmallow."""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marshmallow import RAISE, Schema, ValidationError, fields, post_load, pre_load, validate

from flask_vtex_seller.orders.modification import ModificationSchema
from flask_vtex_seller.orders.schemas import OrderPlacementSchema
from flask_vtex_seller.schema_compiler import NotOrdinary
from flask_vtex_seller.schema_loader import Count, Identifier, OptionalText, Text, WireSchema, read
from flask_vtex_seller.simulation.schemas import SimulationRequestSchema

from .shops import order_body

CART = {
    "items": [
        {"id": "apple", "quantity": 1, "seller": "fruitshop"},
        {"id": "pear", "quantity": 2, "parentItemIndex": 0},
    ],
    "postalCode": "01310-100",
    "country": "BRA",
    "geoCoordinates": [-46.6, -23.5],
    "sc": "1",
    "isCheckedIn": False,
    "clientProfileData": None,
}
MODIFICATION = {
    "requestId": "r1",
    "add": {"items": [{"id": "apple", "quantity": 1, "price": 100}]},
    "replace": [{"from": {"items": [{"id": "pear", "quantity": 1}]}, "to": {"items": []}}],
    "manualDiscountValue": 5,
}
ODD: list[Any] = [
    *(None, True, False, 0, 1, -1, 2**31 - 1, 2**31, 2**63, 1.0, 1.5, float("nan")),
    *("", " ", "x", "5", "٣", "true", "x" * 129, "x" * 2001, " " * 2001, "2026-01-02T03:04:05Z"),
    *([], {}, [None], ["1", "2"], [1, 2], [[]], [{}], {"": 1}, {"items": []}, {"Name": "n"}, [{"name": "n", "x": 1}]),
]
SCHEMAS = {
    "simulation": (SimulationRequestSchema(), CART),
    "placement": (OrderPlacementSchema(), order_body()),
    "modification": (ModificationSchema(), MODIFICATION),
}


def spots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each place in a body: what holds it, and its key or index there."""
    for key in value if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from spots(value[key])


@st.composite
def near(draw: st.DrawFn, body: dict[str, Any]) -> Any:
    """A body that differs from an ordinary one in some places, or in all."""
    body = copy.deepcopy(body)
    for _ in range(draw(st.integers(0, 3))):
        holder, key = draw(st.sampled_from(list(spots(body)) or [([body], 0)]))
        change = draw(st.sampled_from(["odd", "odd", "twice", "gone", "respelled", "more"]))
        if change == "odd":
            holder[key] = copy.deepcopy(draw(st.sampled_from(ODD)))
        elif change == "gone":
            del holder[key]
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        elif change == "respelled":
            holder[draw(st.sampled_from([key.upper(), key.lower(), key.title(), "skuId", "lisPrice"]))] = holder.pop(
                key
            )
        else:
            holder[key.upper() if change == "twice" else draw(st.text(max_size=3))] = copy.deepcopy(
                draw(st.sampled_from(ODD))
            )
    return body if draw(st.integers(0, 99)) else draw(st.sampled_from(ODD))


def outcome(reader: Callable[[Any], Any], body: Any) -> str:
    """Return what the reader returns or says, to the last type: 1 and True are not the same."""
    try:
        return repr(spelled(reader(copy.deepcopy(body))))
    except ValidationError as refused:
        return repr(refused.messages)


def spelled(value: Any) -> Any:
    if is_dataclass(value):
        return type(value), {field.name: spelled(getattr(value, field.name)) for field in dataclass_fields(value)}
    if isinstance(value, Mapping):
        return {key: spelled(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value), [spelled(inner) for inner in value]
    return value


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", SCHEMAS)
def test_every_body_is_read_and_refused_as_marshmallow_does(name: str, request: pytest.FixtureRequest) -> None:
    """2,000 carts near an ordinary one, and fewer of the others; 50,000 of each with --chaos-full."""
    schema, body = SCHEMAS[name]
    count = 50_000 if request.config.getoption("--chaos-full") else 2_000 if name == "simulation" else 300
    seen = {"ordinary": 0, "other": 0}

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(near(body))
    def agrees(body: Any) -> None:
        assert outcome(partial(read, schema), body) == outcome(schema.load, body)
        seen["ordinary" if is_ordinary(schema, body) else "other"] += 1

    agrees()
    assert min(seen.values()) > count / 20, "both ways must be taken often enough to be compared"


def is_ordinary(schema: WireSchema, body: Any) -> bool:
    try:
        schema.readers.one(copy.deepcopy(body))
    except (NotOrdinary, ValidationError):
        return False
    return True


def test_what_is_read_holds_the_body_it_was_read_from() -> None:
    body = order_body()
    loaded = read(OrderPlacementSchema(), body)
    assert all(item.raw is line for item, line in zip(loaded["items"], body["items"], strict=True))


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_ordinary_body_never_reaches_marshmallow(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    schema, body = SCHEMAS[name]
    assert is_ordinary(schema, body)  # makes the reader

    def load(*_: Any, **__: Any) -> None:
        raise AssertionError("marshmallow was asked")

    monkeypatch.setattr(Schema, "_do_load", load)
    read(schema, copy.deepcopy(body))


def test_an_order_with_all_that_a_line_may_have_is_ordinary() -> None:
    body = order_body(marketplaceOrderGroup="1138342255777", sc="1")
    body["items"][0] |= {
        "attachments": ["engraving"],
        "bundleItems": [{"type": "GiftWrapping", "id": "5", "name": "Wrap", "price": 100, "quantity": 1}],
        "itemAttachment": {"name": "message", "content": {"text": "hi"}},
        "priceTags": [{"identifier": None, "isPercentual": False, "name": "discount", "rawValue": -1.0, "value": -100}],
        "unitMultiplier": 1.5,
    }
    window = {"startDateUtc": "2026-01-02T08:00:00+00:00", "endDateUtc": "2026-01-02T12:00:00+00:00", "lisPrice": 100}
    body["shippingData"]["logisticsInfo"][0]["deliveryWindow"] = {**window, "price": 100}
    body["shippingData"]["address"]["geoCoordinates"] = [-46.6, -23.5]
    schema = OrderPlacementSchema()
    assert is_ordinary(schema, body)
    assert outcome(partial(read, schema), body) == outcome(schema.load, body)


class Line(WireSchema):
    sku_id = Identifier(data_key="id", metadata={"aliases": ("sku",)})
    quantity = Count(minimum=1, required=True)


class Cart(WireSchema):
    lines = fields.Nested(Line, many=True, required=True, data_key="items", validate=validate.Length(min=1, max=2))
    note = OptionalText()


def read_by(schema: WireSchema, body: Mapping[str, Any]) -> Any:
    """Return what the reader alone makes of the body; None if it leaves it to marshmallow."""
    try:
        return schema.readers.one(body)
    except NotOrdinary:
        return None


def test_a_reader_knows_the_spellings_that_its_schema_knows() -> None:
    read_line = {"sku_id": "apple", "quantity": 1}
    for key in ("id", "ID", "sku", "SKU"):
        body = {"ITEMS": [{key: "apple", "quantity": 1}], "Note": "n"}
        assert read_by(Cart(), body) == {"lines": [read_line], "note": "n"}


def test_a_reader_leaves_every_oddity_to_marshmallow() -> None:
    line, schema = {"id": "apple", "quantity": 1}, Cart()
    assert read_by(schema, {"items": [line], "more": 1}) == {
        "lines": [{"sku_id": "apple", "quantity": 1}],
        "note": None,
    }
    odd: list[Any] = [
        *(
            {},
            [],
            None,
            {"items": None},
            {"items": []},
            {"items": [line] * 3},
            {"items": (line,)},
        ),
        *({"items": [{**line, key: value}]} for key in line for value in (None, True, 1.0, "", 0, "x" * 129)),
    ]
    assert [body for body in odd if read_by(schema, body) is not None] == []


def test_a_schema_with_hooks_of_its_own_is_read_by_marshmallow() -> None:
    class Doubled(Line):
        @post_load
        def double(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
            return {**data, "quantity": 2 * data["quantity"]}

    class Unwrapped(Line):
        @pre_load
        def unwrap(self, data: Any, **_: Any) -> Any:
            return data["line"]

    class Strict(Line):
        class Meta:
            unknown = RAISE

    class Carts(WireSchema):
        lines = fields.Nested(Doubled, many=True)

    class Renamed(Line):
        price = Count(attribute="inner.cents", load_default=5)

    line = {"id": "apple", "quantity": 1}
    assert read(Doubled(), line)["quantity"] == 2
    assert read(Unwrapped(), {"line": line})["sku_id"] == "apple"
    assert read(Carts(), {"lines": [line]})["lines"][0]["quantity"] == 2
    assert read(Renamed(), line)["inner"] == {"cents": 5}
    with pytest.raises(ValidationError, match="Unknown field"):
        read(Strict(), {**line, "more": 1})


def test_a_field_that_reads_otherwise_than_its_parent_is_asked_itself() -> None:
    class Loud(Text):
        def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
            return str(super()._deserialize(value, attr, data, **kwargs)).upper()

    class Checked(Text):
        def _validate(self, value: Any) -> None:
            raise ValidationError("never")

    schema: Any = WireSchema.from_dict({"loud": Loud(), "own": Text(validate=validate.Regexp("a+")), "plain": Text()})
    assert read_by(schema(), {"loud": "a", "own": "aa", "plain": "a"}) == {"loud": "A", "own": "aa", "plain": "a"}
    with pytest.raises(ValidationError):
        schema().readers.one({"own": "b"})
    never: Any = WireSchema.from_dict({"checked": Checked()})
    with pytest.raises(ValidationError):
        never().readers.one({"checked": "a"})


def test_what_a_schema_makes_is_made_whichever_class_it_is() -> None:
    class Plain:
        def __init__(self, sku_id: str, quantity: int) -> None:
            self.said = f"{quantity} {sku_id}"

    class Made(Line):
        makes = Plain

    assert read_by(Made(), {"id": "apple", "quantity": 2}).said == "2 apple"


def test_a_default_that_is_called_is_called_for_each_body() -> None:
    schema: Any = WireSchema.from_dict({"tags": fields.List(fields.String(), load_default=list)})
    reader = schema().readers.one
    first, second = reader({}), reader({})
    assert first == second == {"tags": []}
    assert first["tags"] is not second["tags"]
