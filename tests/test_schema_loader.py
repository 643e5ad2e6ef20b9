"""Reading bodies: what each field takes, which spellings are understood, and what a refusal says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, fields
from marshmallow.validate import OneOf

from flask_vtex_seller.errors import InvalidRequest
from flask_vtex_seller.schema_loader import (
    Count,
    GeoCoordinates,
    Identifier,
    Lenient,
    LenientCount,
    Moment,
    Multiplier,
    OptionalText,
    Text,
    WireSchema,
    load,
)

SECRET = "maria@mail.example"
ARABIC_THREE = "٣"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


class Line(WireSchema):
    sku_id = Identifier(data_key="id", metadata={"aliases": ("skuId", "sku")})
    quantity = Count(required=True)


class Cart(WireSchema):
    lines = fields.Nested(Line, many=True, required=True, data_key="items")
    postal_code = OptionalText(data_key="postalCode")


def one(field: fields.Field[Any]) -> Schema:
    made: Any = WireSchema.from_dict({"value": field})
    schema: Schema = made()
    return schema


def read(field: fields.Field[Any], value: object) -> Any:
    return load(one(field), {"value": value})["value"]


def refused(field: fields.Field[Any], value: object) -> str:
    with pytest.raises(InvalidRequest) as caught:
        read(field, value)
    assert caught.value.code == "INVALID_FIELD"
    assert caught.value.status == 400
    return caught.value.message


# text


@pytest.mark.parametrize(("value", "expected"), [("x", "x"), ("", ""), (100, "100"), (-1, "-1"), ("ação", "ação")])
def test_text_is_a_string_and_understands_whole_numbers(value: object, expected: str) -> None:
    assert read(Text(), value) == expected


@pytest.mark.parametrize("value", [None, True, False, 1.5, float("nan"), [], {}, ["x"]])
def test_text_refuses_every_other_type(value: object) -> None:
    assert refused(Text(), value).startswith("value: ")


def test_text_has_a_limit() -> None:
    assert len(read(Text(), "x" * 2000)) == 2000
    assert "Longer than maximum length 2000" in refused(Text(), "x" * 2001)
    assert "Longer than maximum length 3" in refused(Text(max_length=3), 1234)


def test_text_may_have_a_validation_of_its_own_beside_the_limit() -> None:
    field = Text(validate=OneOf(["a" * 3, "b"]), max_length=2)
    assert read(field, "b") == "b"
    refused(field, "c")
    refused(field, "aaa")


@pytest.mark.parametrize("value", [None, ""])
def test_an_optional_text_reads_null_and_empty_as_none(value: object) -> None:
    assert read(OptionalText(), value) is None


def test_an_optional_text_may_be_missing() -> None:
    assert load(one(OptionalText()), {}) == {"value": None}


@pytest.mark.parametrize("value", [True, 1.5, [], {}])
def test_an_optional_text_is_still_a_text(value: object) -> None:
    assert refused(OptionalText(), value) == "value: Not a valid string."


@pytest.mark.parametrize(("value", "expected"), [("apple", "apple"), (7, "7"), (0, "0"), (2**63, str(2**63))])
def test_an_identifier_may_be_a_number(value: object, expected: str) -> None:
    """P19."""
    assert read(Identifier(), value) == expected


@pytest.mark.parametrize("value", ["", " ", "\t\n", None, True, 1.0, [], {}, "x" * 129])
def test_an_identifier_is_not_empty_nor_long(value: object) -> None:
    refused(Identifier(), value)


def test_an_identifier_is_required() -> None:
    with pytest.raises(InvalidRequest, match=r"value: Missing data"):
        load(one(Identifier()), {})


# numbers


@pytest.mark.parametrize("value", [0, 1, 2**31 - 1])
def test_a_count_is_an_integer_of_32_bits(value: int) -> None:
    assert read(Count(), value) == value


NO_COUNTS = [True, False, 1.0, 1.5, "1", "", None, [], {}, -1, 2**31, 10**30, float("nan"), float("inf"), ARABIC_THREE]


@pytest.mark.parametrize("value", NO_COUNTS)
def test_a_count_refuses_everything_else(value: object) -> None:
    refused(Count(), value)


def test_a_count_may_have_a_minimum() -> None:
    assert read(Count(minimum=1), 1) == 1
    assert "greater than or equal to 1" in refused(Count(minimum=1), 0)


@pytest.mark.parametrize(("value", "expected"), [(3, 3), ("3", 3), ("003", 3), ("2147483647", 2**31 - 1)])
def test_a_lenient_count_understands_digits(value: object, expected: int) -> None:
    """P19."""
    assert read(LenientCount(), value) == expected


@pytest.mark.parametrize(
    "value",
    [
        *(value for value in NO_COUNTS if value != "1"),
        "+1",
        "-1",
        "1.0",
        "1e1",
        "0x1",
        "1_0",
        " 1",
        "²",
        "2147483648",
        "9" * 11,
        "9" * 5000,
    ],
)
def test_a_lenient_count_refuses_everything_else(value: object) -> None:
    refused(LenientCount(), value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, "1"), (2.5, "2.5"), ("0.1", "0.1"), (0, "1"), (0.0, "1"), ("0", "1"), ("", "1"), (1e-7, "1E-7")],
)
def test_a_multiplier_is_a_decimal_and_nothing_reads_as_one(value: object, expected: str) -> None:
    """Row 26."""
    multiplier = read(Multiplier(), value)
    assert isinstance(multiplier, Decimal)
    assert multiplier == Decimal(expected)


@pytest.mark.parametrize(
    "value", [True, False, -1, "-0.5", "x", "NaN", "sNaN", "Infinity", float("nan"), float("inf"), [], {}, "1,5"]
)
def test_a_multiplier_refuses_what_is_no_positive_number(value: object) -> None:
    assert refused(Multiplier(), value) == "value: Not a valid number."


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([-46.6, -23.5], (-46.6, -23.5)),
        (["-46.6", "-23.5"], (-46.6, -23.5)),
        ([0, 0], (0.0, 0.0)),
        ([" 1 ", 2], (1.0, 2.0)),
    ],
)
def test_coordinates_are_a_pair_of_numbers_or_of_their_strings(value: object, expected: tuple[float, float]) -> None:
    """Row 22."""
    assert read(GeoCoordinates(), value) == expected


@pytest.mark.parametrize(
    "value",
    [
        [],
        [1],
        [1, 2, 3],
        ["-22.9"],
        ["x", 1],
        [None, 1],
        [True, 1],
        [True, 1, 2],
        [float("nan"), 1],
        ["Infinity", 1],
        [[1], 2],
        "1,2",
        {"lat": 1},
        7,
    ],
)
def test_anything_else_reads_as_no_coordinates(value: object) -> None:
    assert read(GeoCoordinates(), value) is None


# time


@pytest.mark.parametrize("separator", ["T", " "])
@pytest.mark.parametrize("zone", ["", "Z", "+00:00", "-03:00"])
@pytest.mark.parametrize("digits", range(10))
def test_a_moment_has_up_to_nine_digits_of_a_second(digits: int, zone: str, separator: str) -> None:
    """Row 28: what is finer than a microsecond is cut off; without a zone it is UTC."""
    fraction = "123456789"[:digits]
    microseconds = int(fraction[:6].ljust(6, "0"))
    value = f"2026-03-04{separator}15:45:02{'.' * bool(digits)}{fraction}{zone}"
    hour = 18 if zone == "-03:00" else 15
    assert read(Moment(), value) == datetime(2026, 3, 4, hour, 45, 2, microseconds, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-04T15:45:02.130636Z",
        "2026-03-04T15:45:02.1306360+00:00",
        "2026-03-04T12:45:02.1306369-03:00",
        "2026-03-04 15:45:02.130636",
        "2026-03-04T15:45:02.130636",
    ],
)
def test_a_moment_is_read_in_all_the_forms_marketplaces_send(value: str) -> None:
    """Row 28, and P46 for the seven digits."""
    assert read(Moment(), value) == datetime(2026, 3, 4, 15, 45, 2, 130636, tzinfo=UTC)


def test_a_moment_is_utc() -> None:
    assert read(Moment(), "2026-03-04T12:00:00-03:00").tzinfo is UTC


@pytest.mark.parametrize("value", ["", "soon", "2026-13-01", "04/03/2026", 1772639102, 1.5, True, [], {}])
def test_what_is_no_moment_is_refused(value: object) -> None:
    assert refused(Moment(), value) == "value: Not a valid datetime."


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-03:00"])
def test_a_moment_outside_the_calendar_is_refused(value: str) -> None:
    assert refused(Moment(), value) == "value: Not a valid datetime."


# what nothing is refused for


@pytest.mark.parametrize("value", [None, -1, True, "1", [], {}])
def test_a_lenient_field_reads_what_another_refuses_as_none(value: object) -> None:
    assert read(Lenient(Count()), value) is None
    assert read(Lenient(Count()), 7) == 7
    assert load(one(Lenient(Count())), {}) == {"value": None}


def test_a_lenient_field_keeps_the_limits_of_the_other() -> None:
    assert read(Lenient(OptionalText(max_length=3)), "four") is None
    assert read(Lenient(OptionalText(max_length=3)), "abc") == "abc"


# no value of any type does anything but load or be refused


@pytest.mark.parametrize(
    "field",
    [
        Text(),
        OptionalText(),
        Identifier(),
        Count(),
        LenientCount(),
        Multiplier(),
        GeoCoordinates(),
        Moment(),
        Lenient(Moment()),
    ],
    ids=lambda field: type(field).__name__,
)
def test_a_field_loads_or_refuses_any_json(field: fields.Field[Any]) -> None:
    schema = one(field)

    @given(JSON)
    def check(value: object) -> None:
        try:
            load(schema, {"value": value})
        except InvalidRequest as refusal:
            assert refusal.message.startswith("value: ")  # noqa: PT017

    check()


@given(JSON)
def test_a_schema_loads_or_refuses_any_json(body: object) -> None:
    try:
        load(Cart(), body)
    except InvalidRequest as refusal:
        assert refusal.message  # noqa: PT017


# keys


@pytest.mark.parametrize("key", ["Id", "ID", "SkuId", "SKU"])
def test_a_key_is_matched_without_regard_to_case_and_by_its_aliases(key: str) -> None:
    """P19 and row 24."""
    assert load(Line(), {key: "apple", "quantity": 1})["sku_id"] == "apple"


@pytest.mark.parametrize("key", ["skuid", "sku"])
def test_an_alias_in_lower_case_is_understood(key: str) -> None:
    assert load(Line(), {key: "apple", "quantity": 1})["sku_id"] == "apple"


def test_a_key_in_lower_case_is_understood() -> None:
    assert load(Cart(), {"items": [], "postalcode": "01310-100"})["postal_code"] == "01310-100"


def test_the_protocols_spelling_wins_over_another() -> None:
    both = {"Id": "pear", "id": "apple", "SKU": "plum", "quantity": 1}
    assert load(Line(), both)["sku_id"] == "apple"


def test_of_two_other_spellings_the_first_counts() -> None:
    assert load(Line(), {"ID": "pear", "SKU": "plum", "Id": "fig", "quantity": 1})["sku_id"] == "pear"


def test_unknown_keys_are_ignored() -> None:
    assert load(Line(), {"id": "apple", "quantity": 1, "new": {"a": [1]}}) == {"sku_id": "apple", "quantity": 1}


def test_only_so_many_keys_without_a_meaning_are_remembered_and_none_that_is_long() -> None:
    line = Line()
    for number in range(1_000):
        assert load(line, {"id": "apple", "quantity": 1, f"new{number}": 1, "x" * 1_000: 1})["quantity"] == 1
    assert max(map(len, line._harmless)) < 1_000
    assert len(line._harmless) <= 200 + len(line._keys)


def test_another_spelling_is_understood_beside_a_key_that_is_known_to_mean_nothing() -> None:
    line = Line()
    assert load(line, {"id": "apple", "quantity": 1, "new": 1})["sku_id"] == "apple"
    assert load(line, {"ID": "pear", "quantity": 1, "new": 1})["sku_id"] == "pear"


def test_loading_leaves_the_body_as_it_was() -> None:
    body: Mapping[str, Any] = {"ID": "apple", "quantity": 1, "x": 2}
    load(Line(), body)
    assert body == {"ID": "apple", "quantity": 1, "x": 2}


# refusals


def test_a_refusal_names_the_path_to_each_field() -> None:
    with pytest.raises(InvalidRequest) as caught:
        load(Cart(), {"items": [{"id": "apple", "quantity": 1}, {"quantity": SECRET}], "postalCode": [SECRET]})
    reasons = set(caught.value.message.split("; "))
    assert reasons == {
        "items[1].id: Missing data for required field.",
        "items[1].quantity: Not a valid integer.",
        "postalCode: Not a valid string.",
    }


def test_a_refusal_never_quotes_a_value() -> None:
    with pytest.raises(InvalidRequest) as caught:
        load(Cart(), {"items": [SECRET, {"id": {SECRET: SECRET}, "quantity": SECRET}], "postalCode": {"a": SECRET}})
    assert SECRET not in caught.value.message
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("body", [None, 1, "x", True, [], [{}]])
def test_a_body_that_is_no_object_is_refused_in_plain_words(body: object) -> None:
    with pytest.raises(InvalidRequest, match=r"^Invalid input type\.$"):
        load(Cart(), body)


def test_the_place_in_an_array_stands_before_the_path() -> None:
    with pytest.raises(InvalidRequest, match=r"^\[1\]\.items: Missing data"):
        load(Cart(), {}, where="[1].")
    with pytest.raises(InvalidRequest, match=r"^\[1\]: Invalid input type"):
        load(Cart(), 7, where="[1]")


def test_a_refusal_names_five_reasons_and_counts_the_others() -> None:
    with pytest.raises(InvalidRequest) as caught:
        load(Cart(), {"items": [{"id": "apple"}] * 8})
    assert caught.value.message.count("Missing data") == 5
    assert caught.value.message.endswith("; and 3 more")
