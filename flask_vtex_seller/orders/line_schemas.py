"""One line of an order on the wire, with what the shopper added to it.

Source: external-seller-fulfillment OpenAPI, `orderPlacement.items[]`.
"""

from contextlib import suppress
from typing import Any

import orjson
from marshmallow import ValidationError, fields, post_load, pre_load

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


class _Each(fields.Raw):
    """What `schema` makes of each entry of an array, or of the one that stands for it; what it refuses is left out.

    No order is refused for what shoppers add to a line: the forms in the wild are many, and all of it is in `raw`.
    """

    def __init__(self, schema: WireSchema, **kwargs: Any) -> None:
        super().__init__(load_default=(), allow_none=True, **kwargs)
        self._schema = schema

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> tuple[Any, ...]:
        read = []
        for entry in value if isinstance(value, list) else [value]:
            with suppress(ValidationError):
                read.append(self._schema.load(entry))
        return tuple(read)


class AttachmentSchema(WireSchema):
    """`items[].itemsAttachment[]` or `items[].attachments[]`: an object, or its name alone."""

    name = Identifier()
    content = Lenient(fields.Dict())

    @pre_load
    def _name_alone(self, data: Any, **_: Any) -> Any:
        return {"name": data} if isinstance(data, str) else data

    @post_load(pass_original=True)
    def _make(self, data: dict[str, Any], original: Any, **_: Any) -> ItemAttachment:
        content = data["content"]
        if content is None and isinstance(original, dict):
            content = {key: value for key, value in original.items() if key.lower() != "name"}
        return ItemAttachment(name=data["name"], content=content or {})


class ServiceSchema(WireSchema):
    """`items[].bundleItems[]`; the price in cents."""

    id = Identifier()
    type = Lenient(OptionalText())
    name = Lenient(OptionalText())
    price = Lenient(Amount())
    quantity = Lenient(Count())

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> ItemService:
        return ItemService(**data)


class OrderItemSchema(WireSchema):
    """`items[]` of an order; prices in cents."""

    sku_id = Identifier(data_key="id", metadata={"description": "The shop's own id of the SKU."})
    quantity = Count(minimum=1, required=True)
    price = Amount(of="one unit", required=True)
    seller_id = OptionalText(data_key="seller", max_length=128)
    measurement_unit = OptionalText(data_key="measurementUnit")
    unit_multiplier = Multiplier(data_key="unitMultiplier", load_default=None, allow_none=True)
    is_gift = Flag(data_key="isGift")
    attachments = _Each(AttachmentSchema())
    items_attachment = _Each(
        AttachmentSchema(), data_key="itemsAttachment", metadata={"aliases": ("itemAttachment", "itemAttachments")}
    )
    services = _Each(ServiceSchema(), data_key="bundleItems")

    @post_load(pass_original=True)
    def _make(self, data: dict[str, Any], original: Any, **_: Any) -> OrderItem:
        if data["unit_multiplier"] is None:
            del data["unit_multiplier"]
        attachments, known = data["attachments"] or (), data.pop("items_attachment") or ()
        # one that stands under both names is one
        under_the_other = set(map(_identity, known))
        more = (attachment for attachment in attachments if _identity(attachment) not in under_the_other)
        data["attachments"] = (*known, *more)
        data["services"] = data["services"] or ()
        return OrderItem(raw=original, **{**data, "is_gift": bool(data["is_gift"])})


def _identity(attachment: ItemAttachment) -> tuple[str, bytes]:
    """Return what can be looked up: an order may hold so many that to compare each with each would take minutes."""
    return attachment.name, orjson.dumps(attachment.content, option=orjson.OPT_SORT_KEYS)
