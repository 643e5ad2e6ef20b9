"""Order modifications: what a marketplace wants changed in an order that it placed. Experimental.

Source: VTEX, external seller connector guide, order modifications (December 2025), and its order modifications guide.
Nobody publishes which address an external seller is called at, nor a complete example: everything may be missing here.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import field
from typing import Any

import orjson
from marshmallow import fields, validate

from ..errors import InvalidRequest
from ..money import Cents
from ..schema_loader import MAX_ID_LENGTH, Count, Identifier, OptionalText, Text, WireSchema, entries, load
from ..values import value_class
from .order import Agreement

_MAX_LINES = 500


@value_class(frozen=True, slots=True, kw_only=True)
class ModifiedItem:
    """A line that is added, removed or replaced."""

    sku_id: str
    quantity: int
    price: Cents | None = None
    """Of one unit, where the marketplace says it."""


@value_class(frozen=True, slots=True, kw_only=True, eq=False)
class OrderModification:
    """A step of a modification; what is to change is said with the request only."""

    marketplace: str
    marketplace_order_id: str
    order_id: str
    request_id: str
    """The same in every step; where the request has none, a digest of its content."""
    agreement: Agreement | None = None
    """None: the marketplace asks for it. Then both know of it, and with the confirmation it is real."""
    reason: str | None = field(default=None, repr=False)
    added: tuple[ModifiedItem, ...] = ()
    removed: tuple[ModifiedItem, ...] = ()
    replaced: tuple[tuple[tuple[ModifiedItem, ...], tuple[ModifiedItem, ...]], ...] = ()
    """Pairs: what goes, and what comes instead."""
    discount: Cents = 0
    increment: Cents = 0
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The body as received."""


class ModifiedItemSchema(WireSchema):
    """`items[]` of a modification; the price in cents."""

    makes = ModifiedItem

    sku_id = Identifier(data_key="id")
    quantity = Count(minimum=1, required=True)
    price = Count(load_default=None, allow_none=True)


class ModifiedItemsSchema(WireSchema):
    """`add`, `remove`, `replace[].from` and `replace[].to`."""

    items = fields.Nested(
        ModifiedItemSchema, many=True, load_default=(), allow_none=True, validate=validate.Length(max=_MAX_LINES)
    )

    def make(self, values: dict[str, Any], original: Any) -> tuple[ModifiedItem, ...]:
        """Return the items."""
        return tuple(values["items"] or ())


class ReplacementSchema(WireSchema):
    """`replace[]`."""

    from_ = fields.Nested(ModifiedItemsSchema, data_key="from", load_default=(), allow_none=True)
    to = fields.Nested(ModifiedItemsSchema, load_default=(), allow_none=True)

    def make(self, values: dict[str, Any], original: Any) -> tuple[tuple[ModifiedItem, ...], tuple[ModifiedItem, ...]]:
        """Return what goes and what comes."""
        return values["from_"] or (), values["to"] or ()


class ModificationSchema(WireSchema):
    """The body that asks for a modification."""

    request_id = OptionalText(
        data_key="requestId", max_length=MAX_ID_LENGTH, metadata={"aliases": ["changeRequestId", "changeId"]}
    )
    reason = OptionalText()
    added = fields.Nested(ModifiedItemsSchema, data_key="add", load_default=(), allow_none=True)
    removed = fields.Nested(ModifiedItemsSchema, data_key="remove", load_default=(), allow_none=True)
    replaced = fields.Nested(
        ReplacementSchema,
        many=True,
        data_key="replace",
        load_default=(),
        allow_none=True,
        validate=validate.Length(max=_MAX_LINES),
    )
    discount = Count(data_key="manualDiscountValue", load_default=0, allow_none=True)
    increment = Count(data_key="manualIncrementValue", load_default=0, allow_none=True)


class AgreementSchema(WireSchema):
    """The body of an agreement."""

    agreement_type = Text(
        data_key="agreementType",
        required=True,
        validate=validate.OneOf([agreement.value for agreement in Agreement]),
    )


_MODIFICATION, _REPLACEMENT, _ITEMS = ModificationSchema(), ReplacementSchema(), ModifiedItemsSchema()
_AGREEMENT = AgreementSchema()


def read_modification(body: object) -> dict[str, Any]:
    """Return what the request says, as fields of `OrderModification`.

    Raises:
        InvalidRequest: names the field.
    """
    _require_few(body)
    data = load(_MODIFICATION, body)
    for name, nothing in (("added", ()), ("removed", ()), ("replaced", ()), ("discount", 0), ("increment", 0)):
        data[name] = data[name] or nothing
    data["request_id"] = data["request_id"] or hashlib.sha256(orjson.dumps(body)).hexdigest()[:32]
    return {**data, "replaced": tuple(data["replaced"]), "raw": body}


def _require_few(body: object) -> None:
    pairs = _MODIFICATION.given(body, "replaced")
    groups = [_MODIFICATION.given(body, name) for name in ("added", "removed")]
    if isinstance(pairs, list):
        groups += [_REPLACEMENT.given(pair, name) for pair in pairs for name in ("from_", "to")]
    lines = sum(entries(_ITEMS.given(group, "items")) for group in groups)
    # Each line of an order may go, come, be replaced and replace.
    if entries(pairs) > _MAX_LINES or lines > 4 * _MAX_LINES:
        raise InvalidRequest(f"the modification is about more than {_MAX_LINES} lines", code="INVALID_FIELD")


def read_agreement(body: object, *, request_id: str) -> dict[str, Any]:
    """Return what an agreement says, as fields of `OrderModification`.

    Raises:
        InvalidRequest: names the field.
    """
    if len(request_id) > MAX_ID_LENGTH or "\0" in request_id:
        raise InvalidRequest("the path's id of the change is no id", code="INVALID_FIELD")
    agreement = Agreement(load(_AGREEMENT, body)["agreement_type"])
    return {"request_id": request_id, "agreement": agreement, "raw": body}
