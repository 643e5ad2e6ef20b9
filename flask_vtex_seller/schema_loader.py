"""How a body becomes values: the base of all wire schemas and the fields that the protocol needs.

Lenient in: unknown fields are ignored, spellings seen in the wild are understood. Strict in types: an amount is an
integer or the body is refused, and the refusal names the field.
"""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property, partial
from itertools import islice
from typing import Any, ClassVar

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, pre_load
from marshmallow.validate import Length, Range

from .errors import InvalidRequest
from .money import MAX_INTEGER
from .schema_compiler import NotOrdinary, Ordinary, Readers, compile_readers, key_of, ordinary_case

MAX_ID_LENGTH = 128
_MAX_TEXT_LENGTH = 2000
_MAX_REASONS = 5
_MAX_HARMLESS = 200
"""How many keys without a meaning a schema remembers."""
_HOOK_MARKS = ("__marshmallow_hook__", "_marshmallow_hook")
"""What marshmallow, new and old, marks a method with that it calls while it loads."""
_FIELD_OPTIONS = ("attribute", "pre_load", "post_load")
"""Of a field, which only marshmallow knows."""


class WireSchema(Schema):
    """The base of all wire schemas.

    A field's key is matched as the protocol spells it; failing that, without regard to case, or by one of the
    `aliases` in the field's metadata.
    """

    class Meta:
        """Fields that the protocol adds later must not break us."""

        unknown = EXCLUDE

    makes: ClassVar[type | None] = None
    """The class of what is read; a dict of the fields' values when None."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._harmless = set(self._keys)
        """The keys that need no respelling: those, and others that came and mean nothing, for the next time."""

    def make(self, values: dict[str, Any], original: Any) -> Any:
        """Return what the fields' values become; a schema that does more than call its class says so here.

        Args:
            original: what they were read from.

        Raises:
            ValidationError: the values do not belong together.
        """
        return values if self.makes is None else self.makes(**values)

    def given(self, data: object, name: str) -> Any:
        """Return what `data` holds for a field, as it came; None if nothing."""
        if not isinstance(data, dict):
            return None
        key = key_of(self.load_fields[name])
        return data[key] if key in data else self._respell(data).get(key)

    @cached_property
    def readers(self) -> Readers:
        """Read as `load` does, or raise `NotOrdinary` or `ValidationError`; made when they are first used."""
        if not self._is_plain():
            return Readers(one=partial(self.load, many=False), each=partial(self.load, many=True))
        makes, make = self.makes, self.make if self.makes else None
        if type(self).make is not WireSchema.make:
            makes, make = None, self.make
        return compile_readers(self, knows=self._harmless.issuperset, respell=self._respell, makes=makes, make=make)

    def _is_plain(self) -> bool:
        members = (member for kind in type(self).__mro__ for member in vars(kind).items())
        hooks = {name for name, value in members if any(hasattr(value, mark) for mark in _HOOK_MARKS)}
        return (
            hooks == {"_canonical_keys", "_make"}
            and self.unknown == EXCLUDE
            and not self.partial
            and not any(getattr(field, name, None) for field in self.load_fields.values() for name in _FIELD_OPTIONS)
        )

    @post_load(pass_original=True)
    def _make(self, data: dict[str, Any], original: Any, **_: Any) -> Any:
        return self.make(data, original)

    @pre_load
    def _canonical_keys(self, data: Any, **_: Any) -> Any:
        return data if not isinstance(data, Mapping) or data.keys() <= self._keys else self._respell(data)

    def _respell(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        others = data.keys() - self._keys
        if not any(key.lower() in self._spellings for key in others):
            room = _MAX_HARMLESS + len(self._keys) - len(self._harmless)
            self._harmless.update(islice((key for key in others if len(key) <= MAX_ID_LENGTH), max(0, room)))
            return data
        canonical = dict(data)
        for key in data:
            name = None if key in self._keys else self._spellings.get(key.lower())
            if name is not None:
                canonical.setdefault(name, data[key])  # of two other spellings the first counts
        return canonical

    @cached_property
    def _keys(self) -> frozenset[str]:
        """The keys as the protocol spells them."""
        return frozenset(map(key_of, self.load_fields.values()))

    @cached_property
    def _spellings(self) -> Mapping[str, str]:
        """Other spellings, in lower case, with the key that each means."""
        spellings = {}
        for field in self.load_fields.values():
            for spelling in (*field.metadata.get("aliases", ()), key_of(field)):
                spellings[spelling.lower()] = key_of(field)
        return spellings


def read(schema: WireSchema, body: Any) -> Any:
    """Return what `schema.load` returns, and raise what it raises; an ordinary body costs a fraction."""
    try:
        return schema.readers.one(body)
    except (NotOrdinary, ValidationError):
        return schema.load(body)


def entries(value: object) -> int:
    """Return how many entries marshmallow would read one by one, to be asked before it does: a bad one costs much."""
    return len(value) if isinstance(value, list | dict) else 0


def load(schema: WireSchema, body: object, *, where: str = "") -> Any:
    """Load `body` through `schema`.

    Args:
        schema: one instance, made once.
        where: put before the field's path in a refusal, such as `[1]` for the second order of an array.

    Raises:
        InvalidRequest: names each field and its reason; never a value.
    """
    try:
        return read(schema, body)
    except ValidationError as error:
        reasons = [f"{where}{path}: {reason}" if where + path else reason for path, reason in _flat(error.messages)]
        more = len(reasons) - _MAX_REASONS
        text = "; ".join(reasons[:_MAX_REASONS]) + (f"; and {more} more" if more > 0 else "")
        raise InvalidRequest(text, code="INVALID_FIELD") from None


def _flat(messages: object, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            if key == "_schema":
                yield from _flat(inner, path)
            elif isinstance(key, int):
                yield from _flat(inner, f"{path}[{key}]")
            else:
                yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(messages, list):
        for inner in messages:
            yield from _flat(inner, path)
    else:
        yield path, str(messages)


class Text(fields.String):
    """A string; a number where a string belongs (a house number, an id) is understood as its digits."""

    def __init__(self, *, max_length: int = _MAX_TEXT_LENGTH, validate: Any = None, **kwargs: Any) -> None:
        super().__init__(validate=[Length(max=max_length), *([validate] if validate else [])], **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        return super()._deserialize(str(value) if type(value) is int else value, attr, data, **kwargs)

    def ordinary(self) -> Ordinary:
        """A string."""
        return Ordinary("type(value) is str")


class OptionalText(Text):
    """A string that may be missing, null or empty, which all mean the same: None."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(load_default=None, allow_none=True, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        return text if text.strip() else None

    def _validate(self, value: Any) -> None:
        if value is not None:
            super()._validate(value)

    def ordinary(self) -> Ordinary:
        """A string; None if it is blank."""
        return Ordinary("type(value) is str", "value if value.strip() else None")


class Identifier(Text):
    """A non-empty id of at most 128 characters."""

    def __init__(self, *, metadata: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        described = {"minLength": 1, **(metadata or {})}
        super().__init__(max_length=MAX_ID_LENGTH, required=True, metadata=described, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not text.strip():
            raise ValidationError("Must not be empty.")
        return text

    def ordinary(self) -> Ordinary:
        """A string that is not blank."""
        return Ordinary("type(value) is str and value.strip()")


class Count(fields.Integer):
    """A real integer (no float, bool or string) that fits 32 bits."""

    def __init__(self, *, minimum: int = 0, **kwargs: Any) -> None:
        super().__init__(strict=True, validate=Range(min=minimum, max=MAX_INTEGER), **kwargs)

    def ordinary(self) -> Ordinary:
        """An integer."""
        return Ordinary("type(value) is int")


class Amount(Count):
    """Money in cents.

    Args:
        of: what it is the price of.
    """

    def __init__(self, *, of: str = "", **kwargs: Any) -> None:
        super().__init__(metadata={"description": f"In cents, {of}." if of else "In cents."}, **kwargs)


class LenientCount(Count):
    """A `Count` that is also understood as a string of plain ASCII digits."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"description": "A string of digits is understood, too."}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10:
            value = int(value)
        return super()._deserialize(value, attr, data, **kwargs)

    def ordinary(self) -> Ordinary:
        """An integer; digits are rare enough."""
        return super().ordinary()


class _FormedValue(fields.Raw):
    """A value whose form no field of marshmallow's tells: its metadata do."""

    form: ClassVar[Mapping[str, Any]]
    """In the words of JSON Schema."""

    def __init__(self, *, metadata: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(metadata={**self.form, **(metadata or {})}, **kwargs)


class Multiplier(_FormedValue):
    """A positive decimal; null and 0 read as 1."""

    form: ClassVar[Mapping[str, Any]] = {"type": "number", "minimum": 0}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | float | str | None):
            raise ValidationError("Not a valid number.")
        try:
            number = Decimal(str(value or 0))
        except InvalidOperation:
            raise ValidationError("Not a valid number.") from None
        if not number.is_finite() or number < 0:
            raise ValidationError("Not a valid number.")
        return number or Decimal(1)


class GeoCoordinates(_FormedValue):
    """A pair of numbers, or strings of them; longitude first. Anything else reads as no coordinates.

    Sources disagree on form and order, and official examples hold a single number: nothing is refused here.
    """

    form: ClassVar[Mapping[str, Any]] = {
        "type": "array",
        "items": {"type": ["number", "string"]},
        "description": "Longitude, then latitude. Anything but a pair is no place.",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, list) or len(value) != 2:
            return None
        try:
            pair = tuple(float(part) for part in value if not isinstance(part, bool))
        except (TypeError, ValueError):
            return None
        return pair if len(pair) == 2 and all(map(math.isfinite, pair)) else None


class Moment(_FormedValue):
    """A date and time in any of the forms that marketplaces send; naive means UTC."""

    form: ClassVar[Mapping[str, Any]] = {"type": "string", "format": "date-time"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (TypeError, ValueError, OverflowError):  # the last: at the calendar's ends an offset leads out of it
            raise ValidationError("Not a valid datetime.") from None


class Lenient(fields.Raw):
    """What another field reads; missing, null and what that field refuses read as None."""

    def __init__(self, inner: "fields.Field[Any]", *, metadata: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        described = {"description": "What cannot be read counts as missing.", **(metadata or {})}
        super().__init__(load_default=None, allow_none=True, metadata=described, **kwargs)
        self._inner = inner

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        try:
            return self._inner.deserialize(value, attr, data)
        except ValidationError:
            return None

    def ordinary(self) -> Ordinary | None:
        """What is plain for the inner field."""
        return ordinary_case(self._inner)


def require_text(name: str, value: object, max_length: int, *, may_be_empty: bool = False) -> None:
    """Refuse anything but text that JSON and every database can hold.

    Raises:
        TypeError: not a str.
        ValueError: empty, too long, or with a NUL or half a character.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    if (not value.strip() and not may_be_empty) or len(value) > max_length:
        raise ValueError(f"{name} must have {0 if may_be_empty else 1} to {max_length} characters")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"{name} holds a character that cannot be sent")
