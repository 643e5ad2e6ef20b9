"""Functions made from a schema, which read ordinary bodies many times faster than marshmallow does.

The schema stays the one description of a body. What is made from it knows the plain case of each field: the JSON type
that belongs there. What is not plain it leaves to marshmallow, and so is the wording of every refusal. Neither a result
nor a refusal depends on which of the two read a body.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from marshmallow import Schema, fields, missing
from marshmallow.validate import Length, Range

from .values import thawed

Make = Callable[[dict[str, Any], Mapping[str, Any]], Any]
Respell = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class NotOrdinary(Exception):
    """The body is one for marshmallow."""


class Readers(NamedTuple):
    """What is made from a schema."""

    one: Callable[[Any], Any]
    """Reads an object."""
    each: Callable[[list[Any]], list[Any]]
    """Reads each of a list."""


class Ordinary(NamedTuple):
    """The plain case of a field, as Python about a `value` that is there."""

    test: str
    """True of a plain value; never of None."""
    result: str = "value"
    """What a plain value becomes."""


def compile_readers(
    schema: Schema,
    *,
    knows: Callable[[Iterable[str]], bool],
    respell: Respell,
    makes: type | None,
    make: Make | None,
) -> Readers:
    """Return functions that read objects as `schema.load` does, or raise.

    They raise `NotOrdinary` where `schema.load` has to decide, and `ValidationError`, though not with all the reasons,
    for nothing but what `schema.load` refuses, too.

    Args:
        schema: ignores unknown keys; its only hooks are `respell` and `make`.
        knows: tells of an object's keys whether none of them has to be respelled.
        respell: returns an object with the keys that the schema knows, given one that has others, too.
        makes: the class of the result, if `make` only calls it with the fields' values.
        make: given the fields' values and the object they were read from, returns the result; else it is the values.
    """
    namespace: dict[str, Any] = {"NotOrdinary": NotOrdinary, "knows": knows, "respell": respell}
    namespace["are_dicts"] = frozenset({dict}).issuperset
    result = _Slots(makes) if makes and _Slots.fit(makes, schema) else _Values(make)
    # Made as a dataclass makes its methods: the text holds what the schema says, nothing that a body says.
    exec("\n".join(_lines(schema, result, namespace)), namespace)  # noqa: S102
    return Readers(one=namespace["read"], each=namespace["read_each"])


class _Values:
    """The result as a dict, and what is made of it."""

    def __init__(self, make: Make | None) -> None:
        self.names: dict[str, Any] = {"make": make}
        self.begin, self.end = "values = {}", "made = values" if make is None else "made = make(values, original)"

    def keep(self, name: str, value: str) -> str:
        return f"values[{name!r}] = {value}"


class _Slots:
    """The result as an object of a value class, filled without the call of its `__init__`."""

    begin, end = "made = thawed()", "made.__class__ = makes"

    def __init__(self, makes: type) -> None:
        self.names: dict[str, Any] = {"makes": makes, "thawed": thawed(makes)}

    @staticmethod
    def fit(makes: type, schema: Schema) -> bool:
        """Tell whether `makes(**values)` does nothing but fill the slots, each with the value of a field."""
        slots, values = vars(makes).get("__slots__", ()), schema.load_fields
        never_absent = all(field.required or field.load_default is not missing for field in values.values())
        return (
            dataclasses.is_dataclass(makes)
            and makes.__mro__ == (makes, object)
            and not hasattr(makes, "__post_init__")
            and {field.name for field in dataclasses.fields(makes) if field.init} == set(slots) == set(values)
            and never_absent
        )

    def keep(self, name: str, value: str) -> str:
        return f"made.{name} = {value}"


def key_of(field: "fields.Field[Any]") -> str:
    """Return the key of a schema's field, as the protocol spells it."""
    return field.data_key if field.data_key is not None else str(field.name)


def ordinary_case(field: "fields.Field[Any]") -> Ordinary | None:
    """Return the field's plain case, its validators included; None if there is nothing plain about it."""
    classes = type(field).__mro__
    told = next((kind for kind in classes if "ordinary" in vars(kind)), None)
    reads = next(
        kind for kind in classes if not vars(kind).keys().isdisjoint(("deserialize", "_deserialize", "_validate"))
    )
    bounds = [_bounds(validator) for validator in field.validators]
    # A subclass that reads otherwise has to tell its own case.
    if told is None or not issubclass(told, reads) or None in bounds:
        return None
    case: Ordinary | None = field.ordinary()  # type: ignore[attr-defined]
    return case and case._replace(test=" and ".join([case.test, *map(str, bounds)]))


def _bounds(validator: object) -> str | None:
    """Return the validator as Python; None for one that only marshmallow knows."""
    if type(validator) is Length and validator.equal is None:
        measured = "len(value)"
    elif type(validator) is Range and validator.min_inclusive and validator.max_inclusive:
        measured = "value"
    else:
        return None
    low, high = validator.min, validator.max
    if low is high is None or not {type(low), type(high)} <= {int, type(None)}:
        return None
    return f"{'' if low is None else f'{low} <= '}{measured}{'' if high is None else f' <= {high}'}"


def _lines(schema: Schema, result: _Values | _Slots, namespace: dict[str, Any]) -> Iterator[str]:
    """Yield the functions `read` and `read_each`; what they speak of goes into the namespace."""
    namespace |= result.names
    made = [*_made(schema, result, namespace)]
    yield "def read(original):"
    yield " if type(original) is not dict: raise NotOrdinary"
    yield " data = original if knows(original) else respell(original)"
    yield from made
    yield " return made"
    yield "def read_each(objects):"
    yield " if not are_dicts(map(type, objects)): raise NotOrdinary"
    # All keys at once: a cart's lines have the same ones.
    yield " known, read = knows(set().union(*objects)), []"
    yield " for original in objects:"
    yield "  data = original if known or knows(original) else respell(original)"
    yield from (f" {line}" for line in made)
    yield "  read.append(made)"
    yield " return read"


def _made(schema: Schema, result: _Values | _Slots, namespace: dict[str, Any]) -> Iterator[str]:
    """Yield how `data` becomes `made`."""
    yield f" {result.begin}"
    for number, (name, field) in enumerate(schema.load_fields.items()):
        ours, key, keep = f"field_{number}", repr(key_of(field)), partial(result.keep, name)
        namespace[ours], namespace[f"{ours}_default"] = field, field.load_default
        case = _nested(field, ours, namespace) if type(field) is fields.Nested else ordinary_case(field)
        test, value = case or Ordinary("value is not None", f"{ours}.{_method(field)}(value, {key}, data)")
        yield f" if {key} in data:"
        yield f"  value = data[{key}]"
        yield f"  if {test}: {keep(value)}"
        yield "  elif value is not None: raise NotOrdinary"
        yield f"  else: {keep('None') if field.allow_none else 'raise NotOrdinary'}"
        yield f" else: {_if_missing(field, ours, keep)}"
    yield f" {result.end}"


def _method(field: "fields.Field[Any]") -> str:
    """Return what reads a value that is neither missing nor None; most of `deserialize` is about those two."""
    kind, plain = type(field), fields.Field
    own = kind.deserialize is not plain.deserialize or kind._validate is not plain._validate
    return "deserialize" if own or field.validators else "_deserialize"


def _if_missing(field: "fields.Field[Any]", ours: str, keep: Callable[[str], str]) -> str:
    if field.required:
        return "raise NotOrdinary"
    if field.load_default is missing:
        return "pass"
    return keep(f"{ours}_default" + "()" * callable(field.load_default))


def _nested(field: Any, ours: str, namespace: dict[str, Any]) -> Ordinary | None:
    readers, bounds = getattr(field.schema, "readers", None), [_bounds(validator) for validator in field.validators]
    if readers is None or field.unknown is not None or None in bounds:
        return None
    namespace[f"{ours}_reader"] = readers.each if field.schema.many else readers.one
    if not field.schema.many:
        return None if bounds else Ordinary("value is not None", f"{ours}_reader(value)")
    test = " and ".join(["type(value) is list", *map(str, bounds)])
    return Ordinary(test, f"{ours}_reader(value)")
