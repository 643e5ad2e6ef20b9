"""What a correct suggestion of a SKU looks like.

The rules stand in the order of the published error numbers: the first that is broken gives the number.
*Source:* suggestions OpenAPI, `PUT /suggestions/{sellerId}/{sellerSkuId}` request; VTEX help center, "Returns from API
for entering SKUs in the Suggestion module", whose names and numbers these are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from .contracts import Verdict, check_known_keys
from .findings import (
    Field,
    check_fields,
    check_list,
    check_object,
    is_count,
    is_integer,
    is_list,
    is_number,
    is_string,
    is_text,
    shown,
)

NOT_FOUND, NOT_PENDING = 16, 18
ERROR_NAMES = {
    0: "NotSpecifiedError",
    1: "MatchCategoryIdIsEmpty",
    2: "MatchBrandIdIsEmpty",
    3: "ProductNameIsEmpty",
    4: "SkuNameIsRequired",
    5: "SkuHeightIsRequired",
    6: "SkuWeightIsRequired",
    7: "SkuLengthIsRequired",
    8: "SkuWidthIsRequired",
    9: "SkuImagesAreRequired",
    10: "EanOrRefIdAreRequired",
    11: "SkuImageUrlIsInvalid",
    12: "ProductOrSkuHasInvalidSpecificationLength",
    NOT_FOUND: "SuggestionNotFound",
    NOT_PENDING: "SuggestionIsNotPending",
}
LONGEST_NAME = 150
_LARGEST_INT32 = 2**31 - 1
_CURRENCY = re.compile(r"[A-Z]{3}")


def _is_category(value: Any) -> bool:
    parts = value.split("/") if isinstance(value, str) else []
    return len(parts) > 1 and all(part.strip() for part in parts)


def _is_name(value: Any) -> bool:
    return is_text(value) and len(value) <= LONGEST_NAME


def _is_size(value: Any) -> bool:
    return is_number(value) and value > 0


def _is_binding_id(value: Any) -> bool:
    """The contract has a 32-bit integer; a SKU id that is none can only be sent as text."""
    return (is_count(value) and value <= _LARGEST_INT32) or (is_text(value) and not _fits_int32(value))


def _fits_int32(value: str) -> bool:
    return value.isascii() and value.isdigit() and int(value[:12]) <= _LARGEST_INT32


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list) and all(is_text(entry) for entry in value)


_Numbered = tuple[int, Field]


def _size(code: int, name: str, statement: str = "P55", unit: str = "") -> _Numbered:
    return code, Field(name, statement, _is_size, f"a number > 0{unit}")


LEADING: tuple[_Numbered, ...] = (
    (1, Field("CategoryFullPath", "P53", _is_category, "a path such as Department/Category")),
    (2, Field("BrandName", "P53", is_text, "a non-empty string")),
    (3, Field("ProductName", "P55", _is_name, f"a string of 1 to {LONGEST_NAME} characters")),
    (4, Field("SkuName", "P53", is_text, "a non-empty string")),
    _size(5, "Height"),
    _size(6, "Weight", "P56", " of grams"),
    _size(7, "Length"),
    _size(8, "Width"),
    (9, Field("Images", "P55", lambda value: is_list(value) and len(value) > 0, "an array of at least one image")),
)
OTHERS = (
    Field("ProductId", "P53", is_text, "a non-empty string"),
    Field("ProductDescription", "P53", is_text, "a non-empty string"),
    Field("SellerId", "P53", is_text, "a non-empty string"),
    Field("AvailableQuantity", "P53", is_count, "an integer >= 0"),
)
PRICING = (
    Field("Currency", "P53", lambda value: is_text(value) and bool(_CURRENCY.fullmatch(value)), "an ISO 4217 code"),
    Field("SalePrice", "P53", is_count, "an integer >= 0"),
    Field("CurrencySymbol", "P53", is_string, "a string"),
)
_Optional = tuple[str, str, Callable[[Any], bool], str]
OPTIONAL: tuple[_Optional, ...] = (
    ("NameComplete", "P53", is_string, "a string"),
    ("MeasurementUnit", "P53", is_text, "a unit such as un"),
    ("UnitMultiplier", "P53", _is_size, "a number > 0"),
    ("SellerStockKeepingUnitId", "P53", _is_binding_id, "an integer of 32 bits, or text if the SKU id is none"),
)
KNOWN = frozenset(
    {field.name for _, field in LEADING}
    | {field.name for field in OTHERS}
    | {name for name, *_ in OPTIONAL}
    | {"RefId", "EAN", "Pricing", "Updated", "ProductSpecifications", "SkuSpecifications"}
)


def check_suggestion(verdict: Verdict, body: Mapping[str, Any], *, seller_id: str) -> None:
    """Note what is wrong with the body of a suggestion.

    Args:
        seller_id: the one of the path.
    """
    for code, field in LEADING:
        verdict.code = code
        check_fields(verdict, "", body, (field,))
    _check_codes(verdict, body)
    _check_images(verdict, body.get("Images"))
    for name in ("ProductSpecifications", "SkuSpecifications"):
        _check_specifications(verdict, name, body.get(name))
    verdict.code = 0
    check_fields(verdict, "", body, OTHERS)
    _check_optional(verdict, body)
    _check_pricing(verdict, body.get("Pricing"))
    if is_text(body.get("SellerId")) and body["SellerId"] != seller_id:
        verdict.add("P53", "SellerId", f"must be {shown(seller_id)} as in the path, got {shown(body['SellerId'])}")
    if "Updated" not in body:
        verdict.note("P53", "Updated", "is missing; the contract requires it, null is enough")
    check_known_keys(verdict, "P53", body, KNOWN)


def _check_codes(verdict: Verdict, body: Mapping[str, Any]) -> None:
    """An EAN as a string, which the contract shows, is dropped by the marketplace. *Source:* VTEX known issues."""
    verdict.code = 10
    ean, ref_id = body.get("EAN"), body.get("RefId")
    if not (ean or ref_id):
        verdict.add("P54", "EAN", "or RefId must be given, got neither")
    verdict.code = 0
    if ean is not None and not _is_text_list(ean):
        verdict.add("P54", "EAN", f"must be an array of strings, got {shown(ean)}")
    if ref_id is not None and not is_string(ref_id):
        verdict.add("P53", "RefId", f"must be a string, got {shown(ref_id)}")


def _check_images(verdict: Verdict, images: Any) -> None:
    verdict.code = 11
    for index, image in enumerate(images if isinstance(images, list) else []):
        path = f"Images[{index}]"
        if not check_object(image, verdict, "P55", path):
            continue
        if not _is_https(image.get("imageUrl")):
            verdict.add("P55", f"{path}.imageUrl", f"must be an https address, got {shown(image.get('imageUrl'))}")
        if not is_string(image.get("imageName")):
            verdict.note("P55", f"{path}.imageName", f"must be a string, got {shown(image.get('imageName'))}")


def _check_specifications(verdict: Verdict, name: str, specifications: Any) -> None:
    verdict.code = 12
    if specifications is None or not check_list(specifications, verdict, "P53", name):
        return
    fields = (
        Field("fieldName", "P53", is_text, "a non-empty string"),
        Field("fieldValues", "P53", _is_text_list, "an array of strings"),
    )
    for index, specification in enumerate(specifications):
        path = f"{name}[{index}]"
        if check_object(specification, verdict, "P53", path):
            check_fields(verdict, path, specification, fields)


def _check_optional(verdict: Verdict, body: Mapping[str, Any]) -> None:
    for name, statement, accepts, wanted in OPTIONAL:
        if body.get(name) is not None and not accepts(body[name]):
            verdict.add(statement, name, f"must be {wanted}, got {shown(body[name])}")
    multiplier = body.get("UnitMultiplier")
    if _is_size(multiplier) and not is_integer(multiplier):
        verdict.note("P53", "UnitMultiplier", f"must be an integer by the contract, got {shown(multiplier)}")


def _check_pricing(verdict: Verdict, pricing: Any) -> None:
    if check_object(pricing, verdict, "P53", "Pricing"):
        check_fields(verdict, "Pricing", pricing, PRICING)


def _is_https(value: Any) -> bool:
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        return parts is not None and parts.scheme == "https" and bool(parts.hostname)
    except ValueError:
        return False
