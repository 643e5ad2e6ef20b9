"""Reading what a caller of the sandbox's own JSON API asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MOST_LINES = 500


class BadInput(ValueError):
    """The body of an API call cannot be used; the message says which field and why."""


def text(payload: Mapping[str, Any], name: str) -> str:
    """Return a field that must be a non-empty string."""
    value = payload.get(name)
    if not isinstance(value, str) or not value.strip():
        raise BadInput(f"{name} must be a non-empty string")
    return value


def optional_text(payload: Mapping[str, Any], name: str) -> str | None:
    """Return a field that may be absent, null or empty, all of which are None."""
    return None if payload.get(name) in (None, "") else text(payload, name)


def flag(payload: Mapping[str, Any], name: str) -> bool:
    """Return a field that is true or false, false by default."""
    value = payload.get(name, False)
    if not isinstance(value, bool):
        raise BadInput(f"{name} must be true or false")
    return value


def expectation(payload: Mapping[str, Any]) -> str | int | None:
    """Return `expect`: absent, a word or error code, or an HTTP status."""
    value = payload.get("expect")
    if value is None or (type(value) is int and 400 <= value <= 599):
        return value
    return text(payload, "expect")


def lines(payload: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return `items` as pairs of SKU id and quantity."""
    items = payload.get("items")
    if not isinstance(items, list) or not 0 < len(items) <= _MOST_LINES:
        raise BadInput(f"items must be a list of 1 to {_MOST_LINES} objects with sku_id and quantity")
    return [_line(item, f"items[{position}]") for position, item in enumerate(items)]


def quantities(payload: Mapping[str, Any]) -> list[int] | None:
    """Return `quantities`, one per item, or None when they are not given."""
    value = payload.get("quantities")
    if value is None:
        return None
    if not isinstance(value, list) or not all(type(number) is int and number >= 0 for number in value):
        raise BadInput("quantities must be a list of integers >= 0")
    if len(value) != len(lines(payload)):
        raise BadInput("quantities must have one entry per item")
    return value


def coordinates(payload: Mapping[str, Any]) -> list[float] | None:
    """Return `geo_coordinates` as longitude and latitude, or None when they are not given."""
    value = payload.get("geo_coordinates")
    if value in (None, []):
        return None
    if not isinstance(value, list) or len(value) != 2 or not all(type(part) in (int, float) for part in value):
        raise BadInput("geo_coordinates must be a list of two numbers, longitude and latitude")
    return value


def fault(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a fault that are given; what they may be, the fault itself knows."""
    names = {"match": "operation", "times": "times", "kind": "kind", "retry_after": "retry_after"}
    names |= {"seconds": "seconds", "processed": "processed"}
    unknown = sorted(set(payload) - set(names))
    if unknown:
        raise BadInput(f"{unknown[0]} is no field of a fault; the fields are {', '.join(names)}")
    return {names[name]: value for name, value in payload.items()}


def page(arguments: Mapping[str, str], *, most: int) -> tuple[int, int]:
    """Return `after` and `limit` of a listing from its query string."""
    numbers = []
    for name, default in (("after", 0), ("limit", most)):
        value = arguments.get(name, str(default))
        if not (value.isascii() and value.isdigit() and len(value) <= 9):
            raise BadInput(f"{name} must be a whole number")
        numbers.append(int(value))
    return numbers[0], min(numbers[1], most)


def _line(item: Any, path: str) -> tuple[str, int]:
    if not isinstance(item, dict):
        raise BadInput(f"{path} must be an object with sku_id and quantity")
    quantity = item.get("quantity", 1)
    if type(quantity) is not int or quantity < 1:
        raise BadInput(f"{path}.quantity must be an integer >= 1")
    try:
        return text(item, "sku_id"), quantity
    except BadInput as error:
        raise BadInput(f"{path}.{error}") from None
