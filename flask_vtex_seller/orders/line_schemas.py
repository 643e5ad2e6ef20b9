"""One line of an order on the wire, with what the shopper added to it.

Source: external-seller-fulfillment OpenAPI, `orderPlacement.items[]`.
"""

from contextlib import suppress
from typing import Any

import orjson
from marshmallow import ValidationError, fields

from ..schema_compiler import NotOrdinary, Ordinary
from ..schema_loader import Amount, Count, Identifier, Lenient, Multiplier, OptionalText, WireSchema
from .order import ItemAttachment, ItemService, OrderItem


class Flag(fields.Boolean):
    """A boolean; missing and null read as false."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(load_default=False, allow_none=True, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value

    def ordinary(self) -> Ordinary:
        """A boolean."""
        return Ordinary("type(value) is bool")


class _Each(fields.Raw):
    """What `schema` makes of each entry of an array, or of the one that stands for it; what it refuses is left out.

    No order is refused for what shoppers add to a line: the forms in the wild are many, and all of it is in `raw`.

    Args:
        key_alone: the only key of an entry that is a text instead of an object.
    """

    def __init__(self, schema: WireSchema, *, key_alone: str | None = None, **kwargs: Any) -> None:
        super().__init__(load_default=(), allow_none=True, **kwargs)
        self._schema = schema
        self._key_alone = key_alone

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> tuple[Any, ...]:
        if value == []:
            return ()
        read = []
        for entry in value if isinstance(value, list) else [value]:
            named = {self._key_alone: entry} if self._key_alone and isinstance(entry, str) else entry
            # Asked here, for a refusal takes a hundred times as long, and a line may hold half a million of them.
            if isinstance(named, dict):
                with suppress(ValidationError):
                    read.append(self._read(named))
        return tuple(read)

    def _read(self, entry: Any) -> Any:
        try:
            return self._schema.readers.one(entry)
        except NotOrdinary:
            return self._schema.load(entry)


class AttachmentSchema(WireSchema):
    """`items[].itemsAttachment[]` or `items[].attachments[]`: an object, or its name alone."""

    name = Identifier(allow_none=True)
    content = Lenient(fields.Dict())

    def make(self, values: dict[str, Any], original: Any) -> ItemAttachment:
        """Return the attachment; what stands beside the name is its content if nothing else is.

        Raises:
            ValidationError: the name is null, as marketplaces write that there is none.
        """
        if values["name"] is None:
            raise ValidationError("Field may not be null.", field_name="name")
        content = values["content"]
        if content is None and isinstance(original, dict):
            content = {key: value for key, value in original.items() if key.lower() != "name"}
        return ItemAttachment(name=values["name"], content=content or {})


class ServiceSchema(WireSchema):
    """`items[].bundleItems[]`; the price in cents."""

    makes = ItemService

    id = Identifier()
    type = Lenient(OptionalText())
    name = Lenient(OptionalText())
    price = Lenient(Amount())
    quantity = Lenient(Count())


class OrderItemSchema(WireSchema):
    """`items[]` of an order; prices in cents."""

    sku_id = Identifier(data_key="id", metadata={"description": "The shop's own id of the SKU."})
    quantity = Count(minimum=1, required=True)
    price = Amount(of="one unit", required=True)
    seller_id = OptionalText(data_key="seller", max_length=128)
    measurement_unit = OptionalText(data_key="measurementUnit")
    unit_multiplier = Multiplier(data_key="unitMultiplier", load_default=None, allow_none=True)
    is_gift = Flag(data_key="isGift")
    attachments = _Each(AttachmentSchema(), key_alone="name")
    items_attachment = _Each(
        AttachmentSchema(),
        key_alone="name",
        data_key="itemsAttachment",
        metadata={"aliases": ("itemAttachment", "itemAttachments")},
    )
    services = _Each(ServiceSchema(), data_key="bundleItems")

    def make(self, values: dict[str, Any], original: Any) -> OrderItem:
        """Return the line, with the attachments of both names."""
        if values["unit_multiplier"] is None:
            del values["unit_multiplier"]
        attachments, known = values["attachments"] or (), values.pop("items_attachment") or ()
        # one that stands under both names is one
        under_the_other = set(map(_identity, known))
        more = (attachment for attachment in attachments if _identity(attachment) not in under_the_other)
        values["attachments"] = (*known, *more)
        values["services"] = values["services"] or ()
        return OrderItem(raw=original, **{**values, "is_gift": bool(values["is_gift"])})


def _identity(attachment: ItemAttachment) -> tuple[str, bytes]:
    """Return what can be looked up: an order may hold so many that to compare each with each would take minutes."""
    return attachment.name, orjson.dumps(attachment.content, option=orjson.OPT_SORT_KEYS)
