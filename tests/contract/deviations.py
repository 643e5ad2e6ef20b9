"""Where our answers differ from the published schemas on purpose, and why.

Rows and sections are those of the protocol dossier (`protocol.md`): row 12 is in its §12. Each entry is proved to be
needed by `test_fulfillment.py`, so this table cannot rot.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]


def nullable(schema: Schema) -> Schema:
    """Allow null (or, for a whole answer, no body)."""
    return {**schema, "nullable": True}


def decimal(schema: Schema) -> Schema:
    """Allow a number with a fraction."""
    return {**schema, "type": "number"}


def or_array(schema: Schema) -> Schema:
    """Allow an array of it."""
    return {"anyOf": [schema, {"type": "array", "items": schema}]}


def numbers(schema: Schema) -> Schema:
    """Allow numbers where the schema has strings."""
    return {**schema, "items": {"type": ["string", "number"]}}


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """One place where the published schema is changed before our answers are held against it."""

    operation: str
    """The `operationId`."""
    path: tuple[str, ...]
    """Into the schema of the operation's 200 answer, `$ref` followed."""
    change: Callable[[Schema], Schema]
    instead: str
    """What we answer."""
    source: str
    """What of the dossier it follows from."""


_SIMULATION, _PLACEMENT = "fulfillment-simulation", "order-placement"
_FULFILL, _CANCEL = "authorize-fulfillment", "mkp-order-cancellation"
_ITEM = ("properties", "items", "items", "properties")
_ADDRESS = ("properties", "shippingData", "properties", "address", "properties")
_LOGISTICS = ("properties", "shippingData", "properties", "logisticsInfo", "items", "properties")

DEVIATIONS = (
    Deviation(
        operation=_SIMULATION,
        path=("properties", "country"),
        change=nullable,
        instead="null for a request without a country",
        source="row 12, §1.1",
    ),
    Deviation(
        operation=_SIMULATION,
        path=("properties", "postalCode"),
        change=nullable,
        instead="null for a request without a postal code",
        source="row 12, §1.1",
    ),
    Deviation(
        operation=_SIMULATION,
        path=(*_ITEM, "merchantName"),
        change=nullable,
        instead="null unless the seller charges",
        source="row 13",
    ),
    Deviation(
        operation=_SIMULATION,
        path=(*_ITEM, "unitMultiplier"),
        change=decimal,
        instead="a number with a fraction for a SKU sold by weight",
        source="row 26",
    ),
    Deviation(
        operation=_PLACEMENT,
        path=(),
        change=or_array,
        instead="an array for an array",
        source="row 1",
    ),
    Deviation(
        operation=_PLACEMENT,
        path=(*_ADDRESS, "reference"),
        change=nullable,
        instead="null where null was received: the order is echoed",
        source="row 24, §1.2",
    ),
    Deviation(
        operation=_PLACEMENT,
        path=(*_ADDRESS, "geoCoordinates"),
        change=numbers,
        instead="numbers where numbers were received: the order is echoed",
        source="row 22, row 24",
    ),
    Deviation(
        operation=_PLACEMENT,
        path=(*_LOGISTICS, "deliveryWindow"),
        change=nullable,
        instead="null where null was received: the order is echoed",
        source="row 24, §1.2",
    ),
    Deviation(
        operation=_PLACEMENT,
        path=(*_ITEM, "unitMultiplier"),
        change=decimal,
        instead="a number with a fraction where one was received: the order is echoed",
        source="row 24, row 26",
    ),
    Deviation(
        operation=_PLACEMENT,
        path=(*_ITEM, "measurementUnit"),
        change=nullable,
        instead="null where null was received: the order is echoed",
        source="row 24, §1.2",
    ),
    Deviation(
        operation=_PLACEMENT,
        path=("properties", "clientProfileData", "properties", "documentType"),
        change=nullable,
        instead="null where null was received: the order is echoed",
        source="row 24, §1.2",
    ),
    Deviation(
        operation=_FULFILL,
        path=("properties", "receipt"),
        change=nullable,
        instead="null when the shop gives no receipt",
        source="§1.3",
    ),
    Deviation(
        operation=_CANCEL,
        path=("properties", "receipt"),
        change=nullable,
        instead="null: a cancellation has no receipt of its own",
        source="§1.4",
    ),
    Deviation(
        operation=_CANCEL,
        path=(),
        change=nullable,
        instead="no body while the shop evaluates the cancellation, and when it refuses",
        source="row 11",
    ),
)
