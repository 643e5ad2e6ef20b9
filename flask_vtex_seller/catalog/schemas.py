"""SKU suggestions on the wire.

Source: suggestions OpenAPI, `PUT /suggestions/{sellerId}/{sellerSkuId}`.
"""

from decimal import Decimal
from typing import Any

from marshmallow import RAISE, ValidationError, fields, validate

from ..money import MAX_INTEGER
from ..schema_loader import Count, Identifier, OptionalText, Text, WireSchema
from .sku import MAX_NAME_LENGTH, Sku, Specifications

_SYMBOLS = {"BRL": "R$"}
_MAX_DESCRIPTION_LENGTH = 1_000_000
_NOT_EMPTY = validate.Length(min=1)


class _Measure(fields.Raw):
    """A JSON number above 0."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int | float:
        if type(value) not in (int, float) or not 0 < value <= MAX_INTEGER:
            raise ValidationError("Not a number above 0.")
        number: int | float = value
        return number


class _StockKeepingId(fields.Raw):
    """A 32-bit integer, or an id that is none."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int | str:
        if type(value) is int and 0 <= value <= MAX_INTEGER:
            return value
        if isinstance(value, str) and value:
            return value
        raise ValidationError("Not an id.")


class StrictWireSchema(WireSchema):
    """What we write, we know."""

    class Meta:
        """A key too many is a mistake of ours."""

        unknown = RAISE


class SpecificationSchema(StrictWireSchema):
    """`SkuSpecifications[]` and `ProductSpecifications[]`."""

    name = Text(data_key="fieldName", required=True)
    values = fields.List(Text(), data_key="fieldValues", required=True)


class ImageSchema(StrictWireSchema):
    """`Images[]`."""

    name = Text(data_key="imageName", required=True, validate=_NOT_EMPTY)
    url = Text(data_key="imageUrl", required=True, validate=validate.URL(schemes={"https"}, require_tld=False))


class PricingSchema(StrictWireSchema):
    """`Pricing`; the price in cents."""

    currency = Text(data_key="Currency", required=True, validate=validate.Regexp("[A-Z]{3}$"))
    sale_price = Count(data_key="SalePrice", required=True)
    currency_symbol = Text(data_key="CurrencySymbol", required=True, validate=_NOT_EMPTY)


class SuggestionSchema(StrictWireSchema):
    """A suggestion; the tests hold what `write_suggestion` builds against it."""

    product_id = Identifier(data_key="ProductId")
    product_name = Text(data_key="ProductName", required=True, max_length=MAX_NAME_LENGTH, validate=_NOT_EMPTY)
    description = Text(data_key="ProductDescription", required=True, max_length=_MAX_DESCRIPTION_LENGTH)
    brand = Text(data_key="BrandName", required=True, validate=_NOT_EMPTY)
    name = Text(data_key="SkuName", required=True, max_length=MAX_NAME_LENGTH, validate=_NOT_EMPTY)
    seller_id = Text(data_key="SellerId", required=True, max_length=50, validate=_NOT_EMPTY)
    height = _Measure(data_key="Height", required=True)
    width = _Measure(data_key="Width", required=True)
    length = _Measure(data_key="Length", required=True)
    weight = _Measure(data_key="Weight", required=True)
    updated = fields.Raw(data_key="Updated", required=True, allow_none=True)
    ref_id = OptionalText(data_key="RefId")
    ean = fields.List(Text(validate=_NOT_EMPTY), data_key="EAN", required=True)
    stock_keeping_id = _StockKeepingId(data_key="SellerStockKeepingUnitId", required=True)
    category = Text(data_key="CategoryFullPath", required=True, validate=_NOT_EMPTY)
    specifications = fields.Nested(SpecificationSchema, many=True, data_key="SkuSpecifications", required=True)
    product_specifications = fields.Nested(
        SpecificationSchema, many=True, data_key="ProductSpecifications", required=True
    )
    images = fields.Nested(ImageSchema, many=True, data_key="Images", required=True, validate=_NOT_EMPTY)
    measurement_unit = Text(data_key="MeasurementUnit", required=True, validate=_NOT_EMPTY)
    unit_multiplier = _Measure(data_key="UnitMultiplier", required=True)
    available_quantity = Count(data_key="AvailableQuantity", required=True)
    pricing = fields.Nested(PricingSchema, data_key="Pricing", required=True)


def write_suggestion(sku: Sku, *, seller_id: str) -> dict[str, Any]:
    """Return the body that suggests a SKU; it should have no `problems`.

    The EAN leaves as a list: as the string that the OpenAPI file declares it gets lost.
    Source: VTEX known issue "EAN field as string being ignored".

    Args:
        seller_id: the shop's id at the marketplace.
    """
    ean, ref_id = (sku.ean or "").strip(), (sku.ref_id or "").strip()
    return {
        "ProductId": sku.product_id,
        "ProductName": sku.product_name,
        "ProductDescription": sku.description,
        "BrandName": sku.brand,
        "SkuName": sku.name,
        "SellerId": seller_id,
        "Height": _number(sku.height),
        "Width": _number(sku.width),
        "Length": _number(sku.length),
        "Weight": sku.weight_grams,
        "Updated": None,
        "RefId": ref_id or None,
        "EAN": [ean] if ean else [],
        "SellerStockKeepingUnitId": sku.seller_stock_keeping_unit_id,
        "CategoryFullPath": sku.category,
        "SkuSpecifications": _specifications(sku.specifications),
        "ProductSpecifications": _specifications(sku.product_specifications),
        "Images": [{"imageName": image.name, "imageUrl": image.url} for image in sku.images],
        "MeasurementUnit": sku.measurement_unit,
        "UnitMultiplier": _number(sku.unit_multiplier),
        "AvailableQuantity": sku.stock,
        "Pricing": {
            "Currency": sku.currency,
            "SalePrice": sku.price,
            "CurrencySymbol": sku.currency_symbol or _SYMBOLS.get(sku.currency, sku.currency),
        },
    }


def _specifications(specifications: Specifications) -> list[dict[str, Any]]:
    return [{"fieldName": name, "fieldValues": list(values)} for name, values in specifications.items()]


def _number(value: Decimal | int) -> int | float:
    whole = int(value)
    return whole if whole == value else float(value)
