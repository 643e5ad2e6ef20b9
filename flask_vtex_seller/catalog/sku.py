"""SKUs as a shop describes them to a marketplace, and what is known of them there."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import NamedTuple
from urllib.parse import urlsplit

from ..errors import VtexSellerError
from ..money import MAX_INTEGER, Cents, require_cents, require_count
from ..schema_loader import MAX_ID_LENGTH
from ..values import value_class

MAX_NAME_LENGTH = 150
_CURRENCY = re.compile(r"[A-Z]{3}")
_TEXTS = ("product_id", "product_name", "name", "description", "brand", "category", "currency", "measurement_unit")
_OPTIONAL_TEXTS = ("ean", "ref_id", "currency_symbol")
_SIZES = ("height", "width", "length")
_NOT_EMPTY = ("product_id", "product_name", "name", "brand", "measurement_unit")
# A client resolves them as steps in a path: the call would reach another address than the SKU's.
_DOTS = frozenset({".", ".."})

Specifications = Mapping[str, Sequence[str]]
"""Values by the field's name, such as `{"Roast": ["dark"]}`."""


class SkuState(Enum):
    """What a marketplace makes of a SKU."""

    UNKNOWN = "unknown"
    """The marketplace does not have it, and has no suggestion of it."""
    SUGGESTED = "suggested"
    """The marketplace took a suggestion of it; what became of that is not known yet, or cannot be understood."""
    PENDING = "pending"
    """The suggestion waits for the marketplace's decision."""
    KNOWN = "known"
    """It is in the marketplace's catalog: approved, or there before."""
    DENIED = "denied"
    """The marketplace turned the suggestion down; it is suggested again when the shop says that it has changed."""
    BLOCKED = "blocked"
    """The marketplace turned it down and takes no other suggestion of it until somebody there unblocks it."""
    EXPIRED = "expired"
    """Nobody decided about the suggestion in time; as a denied one, it can be suggested again."""


class SuggestionStatus(Enum):
    """What a marketplace says about a suggestion when it is read back."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    DENIED = "denied"
    BLOCKED = "blocked"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    """Nothing that can be understood: the answer's form is published nowhere."""


class SkuRecord(NamedTuple):
    """What is known of a SKU at a marketplace."""

    marketplace: str
    sku_id: str
    state: SkuState
    reason: str
    """What the marketplace, or this package, said last about it; often nothing."""
    changed_at: datetime
    """Since when it is in its state."""
    looked_at: datetime
    """When the marketplace was asked last, or is being asked."""
    suggested_at: datetime | None
    """When it was suggested last."""


@value_class(frozen=True, slots=True, kw_only=True)
class SkuImage:
    """A picture of a SKU, where the marketplace can fetch it."""

    name: str
    url: str
    """https."""

    def __post_init__(self) -> None:
        _require_text("SkuImage.name", self.name)
        _require_text("SkuImage.url", self.url)


@value_class(frozen=True, slots=True, kw_only=True, eq=False)
class Sku:
    """What a shop tells a marketplace about a SKU that the marketplace does not have yet.

    Only types are checked here; what the marketplace asks for beyond them is checked by `problems`, so that a shop may
    hold SKUs that are not ready yet.

    Raises:
        TypeError: a value of a wrong type, such as a price that is no `int`; names the field.
        ValueError: the price, the stock or the weight is negative or beyond 32 bits; a size is no finite number.

    Source: suggestions OpenAPI, `SaveSuggestionRequest`.
    """

    sku_id: str
    """The shop's own id; at most 128 characters."""
    product_id: str
    """Of the product at the shop; the same for all its variations."""
    product_name: str
    """At most 150 characters."""
    name: str
    """What tells this variation from the product's others; at most 150 characters."""
    description: str
    """Of the product."""
    brand: str
    """As the marketplace spells it."""
    category: str
    """The path in the marketplace's tree, such as `Coffee/Ground`."""
    height: Decimal | int
    """Of the packed SKU, in centimetres; so are width and length."""
    width: Decimal | int
    length: Decimal | int
    weight_grams: int
    """Of the packed SKU."""
    price: Cents
    """For the marketplace's reviewers: what is asked of shoppers comes from the simulation."""
    stock: int
    """For the marketplace's reviewers, too."""
    images: tuple[SkuImage, ...] = ()
    """At least one, or it cannot be suggested."""
    ean: str | None = None
    """The bar code; it or the ref_id must be given."""
    ref_id: str | None = None
    """The manufacturer's or the shop's reference code."""
    currency: str = "BRL"
    """ISO 4217."""
    currency_symbol: str | None = None
    """When None: `R$` for BRL, else the currency's code."""
    measurement_unit: str = "un"
    unit_multiplier: Decimal | int = 1
    specifications: Specifications = field(default_factory=dict)
    """What tells this variation from the product's others, field by field."""
    product_specifications: Specifications = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_sku_id(self.sku_id, name="Sku.sku_id")
        for name in _TEXTS:
            _require_text(f"Sku.{name}", getattr(self, name))
        for name in _OPTIONAL_TEXTS:
            if getattr(self, name) is not None:
                _require_text(f"Sku.{name}", getattr(self, name))
        for name in (*_SIZES, "unit_multiplier"):
            _require_number(f"Sku.{name}", getattr(self, name))
        require_count("Sku.weight_grams", self.weight_grams, unit="grams")
        require_cents("Sku.price", self.price)
        require_count("Sku.stock", self.stock)
        _require_images(self.images)
        _require_specifications("Sku.specifications", self.specifications)
        _require_specifications("Sku.product_specifications", self.product_specifications)

    @property
    def seller_stock_keeping_unit_id(self) -> int | str:
        """The id as the marketplace's own type for it has it: a number if it reads as one of 32 bits, else as it is.

        An id with leading zeros stays a string: as a number it would be another one.
        """
        digits = self.sku_id
        if digits.isascii() and digits.isdigit() and len(digits) <= len(str(MAX_INTEGER)):
            number = int(digits)
            if number <= MAX_INTEGER and str(number) == digits:
                return number
        return digits


class SkuNotReady(VtexSellerError):
    """A SKU cannot be suggested: the shop does not know it, or it lacks what marketplaces ask for.

    Args:
        reasons: each names its field.
    """

    def __init__(self, sku_id: str, reasons: Sequence[str]) -> None:
        super().__init__(f"SKU {sku_id} cannot be suggested: {'; '.join(reasons)}")
        self.sku_id = sku_id
        self.reasons = tuple(reasons)


def problems(sku: Sku) -> list[str]:
    """Return what a marketplace would refuse the SKU for, each naming the field; nothing when it is ready.

    Source: VTEX help center, returns from the API for entering SKUs in the Suggestion module (errors 1 to 11);
    suggestions OpenAPI, `SaveSuggestionRequest` (150 characters, https).
    """
    return [*_text_problems(sku), *_number_problems(sku), *_image_problems(sku)]


def require_sku_id(sku_id: object, *, name: str = "a SKU's id") -> str:
    """Return `sku_id` if it can stand in a call's path and in our tables.

    Raises:
        TypeError: not a str.
        ValueError: empty, longer than 128 characters, `.` or `..`, or with NUL or half a surrogate pair.
    """
    if not isinstance(sku_id, str):
        raise TypeError(f"{name} must be a str, not {type(sku_id).__name__}: {sku_id!r}")
    if not sku_id.strip() or len(sku_id) > MAX_ID_LENGTH:
        raise ValueError(f"{name} must have 1 to {MAX_ID_LENGTH} characters, got {sku_id!r}")
    if sku_id in _DOTS or "\0" in sku_id or not _is_wire_text(sku_id):
        raise ValueError(f"{name} must not be '.' or '..' and must hold neither NUL nor lone surrogates: {sku_id!r}")
    return sku_id


def _require_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")


def _require_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        raise TypeError(f"{name} must be a Decimal or an int, not {type(value).__name__}")
    if not Decimal(value).is_finite():
        raise ValueError(f"{name} must be finite, got {value}")


def _require_images(images: object) -> None:
    if not isinstance(images, tuple | list) or not all(isinstance(image, SkuImage) for image in images):
        raise TypeError("Sku.images must be a tuple of SkuImage")


def _require_specifications(name: str, specifications: object) -> None:
    if not isinstance(specifications, Mapping):
        raise TypeError(f"{name} must map names to lists of str, not be a {type(specifications).__name__}")
    for field_name, values in specifications.items():
        _require_text(f"a name in {name}", field_name)
        # a str is a sequence of str, too: "dark" would become four values
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise TypeError(f"{name}[{field_name!r}] must be a list of str, not {type(values).__name__}")
        for value in values:
            _require_text(f"a value in {name}[{field_name!r}]", value)


def _text_problems(sku: Sku) -> Iterator[str]:
    for name in _NOT_EMPTY:
        if not getattr(sku, name).strip():
            yield f"{name} is empty"
    if not all(step.strip() for step in sku.category.split("/")):
        yield "category must be a path without empty steps, such as Coffee/Ground"
    for name in ("product_name", "name"):
        if len(getattr(sku, name)) > MAX_NAME_LENGTH:
            yield f"{name} is longer than {MAX_NAME_LENGTH} characters"
    if not (sku.ean or "").strip() and not (sku.ref_id or "").strip():
        yield "ean and ref_id are both missing"
    if not _CURRENCY.fullmatch(sku.currency):
        yield "currency must be an ISO 4217 code such as BRL"
    for name, text in _texts(sku):
        if not _is_wire_text(text):
            yield f"{name} holds a lone surrogate, which is no text"


def _number_problems(sku: Sku) -> Iterator[str]:
    for name in (*_SIZES, "unit_multiplier", "weight_grams"):
        value = getattr(sku, name)
        # a tiny Decimal is above 0, but not any more as a JSON number
        if value > MAX_INTEGER or float(value) <= 0:
            yield f"{name} must be above 0 and at most {MAX_INTEGER}"


def _image_problems(sku: Sku) -> Iterator[str]:
    if not sku.images:
        yield "images is empty"
    for index, image in enumerate(sku.images):
        if not image.name.strip():
            yield f"images[{index}].name is empty"
        if not _is_https(image.url):
            yield f"images[{index}].url must be an https URL"


def _texts(sku: Sku) -> Iterator[tuple[str, str]]:
    """Name and text of everything that the shop's people typed."""
    for name in (*_TEXTS, *_OPTIONAL_TEXTS):
        yield name, getattr(sku, name) or ""
    for index, image in enumerate(sku.images):
        yield f"images[{index}]", image.name + image.url
    for name in ("specifications", "product_specifications"):
        for field_name, values in getattr(sku, name).items():
            yield name, "\n".join([field_name, *values])


def _is_wire_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and not any(map(str.isspace, url))
