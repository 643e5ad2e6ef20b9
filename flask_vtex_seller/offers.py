"""What a simulation asks and what a shop offers: the words that simulation, orders and catalog share."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Any, NamedTuple

import orjson

from .money import MAX_INTEGER, Cents, require_cents, require_count
from .values import value_class

_SHIPPING_ESTIMATE = re.compile(r"[0-9]+(bd|d|h|m)")
_COUNTRY = re.compile(r"[A-Z]{3}")
_POINT_TEXTS = (
    *("id", "name", "postal_code", "city", "state", "country", "street", "number", "neighborhood"),
    *("complement", "additional_info"),
)


class SimulationMode(Enum):
    """What the marketplace needs the answer for, read from the request's content alone."""

    STOREFRONT = "storefront"
    """No address: indexing after a notification, shelf, product page. Price and stock matter, SLAs do not."""
    CHECKOUT = "checkout"
    """An address is known: cart, checkout, shipping calculator. Price, stock and SLAs matter."""


@value_class(frozen=True, slots=True, kw_only=True)
class SimulationItem:
    """One line of the cart; the same SKU may stand on several lines."""

    sku_id: str
    quantity: int
    """At least 1."""
    seller_id: str | None = None
    """This shop's id at the marketplace, as the marketplace wrote it."""
    parent_item_index: int | None = None
    """The position of the line that this one is a part of."""
    parent_assembly_binding: str | None = None
    """How it belongs to that line."""


@value_class(frozen=True, slots=True, kw_only=True)
class SimulationRequest:
    """A cart whose price, stock and delivery options a marketplace wants to know.

    Source: external-seller-fulfillment OpenAPI, `requestFulfillmentSimulation`.
    """

    marketplace: str
    """The name under which the shop configured the marketplace."""
    items: tuple[SimulationItem, ...]
    """One entry a line, in the marketplace's order."""
    postal_code: str | None = field(default=None, repr=False)
    country: str | None = None
    """ISO 3166 alpha-3, such as `BRA`."""
    geo_coordinates: tuple[float, float] | None = field(default=None, repr=False)
    """Longitude, latitude."""
    sales_channel: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """The body as received, for what the protocol does not name; may hold a shopper's data."""

    @property
    def has_address(self) -> bool:
        """Tell whether delivery can be quoted: postal code and country, or geo coordinates."""
        return bool(self.postal_code and self.country) or self.geo_coordinates is not None

    @property
    def mode(self) -> SimulationMode:
        """Tell what the answer is needed for."""
        return SimulationMode.CHECKOUT if self.has_address else SimulationMode.STOREFRONT


@value_class(frozen=True, slots=True, kw_only=True)
class Offering:
    """A service sold along with a SKU, such as a warranty.

    Raises:
        TypeError: a text is no `str`, or the price no `int`.
        ValueError: the price is negative.
    """

    type: str
    id: str
    name: str
    price: Cents

    def __post_init__(self) -> None:
        _require_texts(self, "type", "id", "name")
        require_cents("Offering.price", self.price)


@value_class(frozen=True, slots=True, kw_only=True)
class AttachmentOffering:
    """What the shopper can, or must, fill in for a SKU, such as an engraving.

    Raises:
        TypeError: the name is no `str`, or the schema cannot be written as JSON.
    """

    name: str
    required: bool = False
    schema: Mapping[str, Any] = field(default_factory=dict)
    """The fields by name, each with what it takes, as the marketplace's checkout understands it."""

    def __post_init__(self) -> None:
        _require_texts(self, "name")
        try:
            orjson.dumps(self.schema)
        except TypeError as error:
            raise TypeError(f"AttachmentOffering.schema must be JSON: {error}") from None


@value_class(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the shop asks for a SKU now, and how many it can sell.

    Raises:
        TypeError: an amount or the stock is no `int`, the SKU or the measurement unit no `str`.
        ValueError: an amount or the stock is negative, the list price below the price, a country code not ISO alpha-3.

    Source: external-seller-fulfillment OpenAPI, `responseFulfillmentSimulation.items[]`.
    """

    sku_id: str
    """As the marketplace asked for it; never a number."""
    price: Cents
    """Selling price of one unit."""
    stock: int
    """How many can be sold now; the marketplace reads availability from it."""
    list_price: Cents | None = None
    """The price before a reduction; the selling price when None."""
    measurement_unit: str = "un"
    unit_multiplier: Decimal | int = 1
    price_valid_until: datetime | None = None
    """Aware; None leaves it open."""
    offerings: tuple[Offering, ...] = ()
    attachment_offerings: tuple[AttachmentOffering, ...] = ()
    ships_to: tuple[str, ...] | None = None
    """ISO 3166 alpha-3 codes; the marketplace's configured `ships_to` when None."""

    def __post_init__(self) -> None:
        price, stock, multiplier = self.price, self.stock, self.unit_multiplier
        list_price = price if self.list_price is None else self.list_price
        # The plain case at once: a cart has hundreds of offers.
        are_int = type(price) is type(list_price) is type(stock) is int
        if not (are_int and 0 <= price <= list_price <= MAX_INTEGER and 0 <= stock <= MAX_INTEGER):
            self._refuse_amounts()
        if not (type(self.sku_id) is type(self.measurement_unit) is str):
            _require_texts(self, "sku_id", "measurement_unit")
        if type(multiplier) is not int or not 1 <= multiplier <= MAX_INTEGER:
            _require_multiplier(multiplier)
        if self.price_valid_until is not None and self.price_valid_until.tzinfo is None:
            raise ValueError("Offer.price_valid_until must be an aware datetime")
        if self.ships_to is not None:
            require_countries("Offer.ships_to", self.ships_to)

    def _refuse_amounts(self) -> None:
        require_cents("Offer.price", self.price)
        require_count("Offer.stock", self.stock)
        if self.list_price is not None:
            require_cents("Offer.list_price", self.list_price)
            if self.list_price < self.price:
                raise ValueError(f"Offer.list_price {self.list_price} is below the price {self.price}")


@value_class(frozen=True, slots=True, kw_only=True)
class DeliveryWindow:
    """A time span that the shopper may choose for a scheduled delivery."""

    start: datetime
    end: datetime
    price: Cents = 0
    """Added to the SLA's price."""

    def __post_init__(self) -> None:
        require_cents("DeliveryWindow.price", self.price)
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("DeliveryWindow.start and .end must be aware datetimes")
        if self.end <= self.start:
            raise ValueError("DeliveryWindow.end must be after its start")


@value_class(frozen=True, slots=True, kw_only=True)
class PickupPoint:
    """A place where the shopper can fetch the order.

    Raises:
        TypeError: a text is no `str`, or the coordinates are not two `float`.
        ValueError: the country is not ISO alpha-3.

    Source: external-seller-fulfillment OpenAPI, `…slas[].pickupStoreInfo`.
    """

    id: str
    """Comes back as the order's `addressId`; should not be the beginning of another point's id."""
    name: str
    postal_code: str
    city: str
    state: str
    country: str
    """ISO 3166 alpha-3."""
    street: str
    number: str
    neighborhood: str
    geo_coordinates: tuple[float, float]
    """Longitude, latitude."""
    complement: str = ""
    reference: str | None = None
    receiver_name: str | None = None
    additional_info: str = ""

    def __post_init__(self) -> None:
        _require_texts(self, *_POINT_TEXTS)
        _require_texts(self, *(name for name in ("reference", "receiver_name") if getattr(self, name) is not None))
        _require_place(self.geo_coordinates)
        require_countries("PickupPoint.country", (self.country,))


@value_class(frozen=True, slots=True, kw_only=True)
class DeliveryId:
    """Where a line's goods leave from, and who carries them; few marketplaces ask for it.

    Raises:
        TypeError: one is no `str`.
    """

    courier_id: str
    courier_name: str
    dock_id: str
    warehouse_id: str

    def __post_init__(self) -> None:
        _require_texts(self, "courier_id", "courier_name", "dock_id", "warehouse_id")


@value_class(frozen=True, slots=True, kw_only=True)
class Sla:
    """A way to get a line of the cart to the shopper.

    Two entries of the same id for different `sku_ids` give one delivery option with a price per SKU.

    Raises:
        TypeError: the price is no `int`, or a text or a SKU no `str`.
        ValueError: the price is negative or the estimate has an unknown form.

    Source: external-seller-fulfillment OpenAPI, `responseFulfillmentSimulation.logisticsInfo[].slas[]`.
    """

    id: str
    """Comes back as the order's `selectedSla`."""
    name: str
    price: Cents
    """For one line of the cart, whatever its quantity; equal carts must give equal prices."""
    shipping_estimate: str
    """A number and `bd` (business days), `d` (days), `h` (hours) or `m` (minutes): `3bd`."""
    delivery_windows: tuple[DeliveryWindow, ...] = ()
    pickup_point: PickupPoint | None = None
    """Makes this a pickup instead of a delivery."""
    sku_ids: frozenset[str] | None = None
    """The SKUs that it serves; every SKU of the cart when None."""
    delivery_ids: tuple[DeliveryId, ...] = ()
    """Left out of the answer when empty."""

    def __post_init__(self) -> None:
        _require_texts(self, "id", "name", "shipping_estimate")
        require_cents("Sla.price", self.price)
        if self.sku_ids is not None:
            _require_sku_ids(self.sku_ids)
        if not _SHIPPING_ESTIMATE.fullmatch(self.shipping_estimate):
            raise ValueError(f"Sla.shipping_estimate {self.shipping_estimate!r} is not a number and bd, d, h or m")

    def serves(self, sku_id: str) -> bool:
        """Tell whether this option exists for the SKU."""
        return self.sku_ids is None or sku_id in self.sku_ids


class Terms(NamedTuple):
    """What the shop says about a cart: to quote it, and to hold an order against it."""

    offers: Mapping[str, Offer]
    """By SKU; none for a SKU that the shop does not know."""
    slas: tuple[Sla, ...]
    """Empty without an address, and for an address out of reach."""
    seconds: float = 0.0
    """How long the shop was waited for."""


Ask = Callable[[SimulationRequest], Terms]
"""Asks the shop's own functions about a cart, each once."""


def _require_texts(owner: object, *names: str) -> None:
    for name in names:
        if not isinstance(value := getattr(owner, name), str):
            raise TypeError(f"{type(owner).__name__}.{name} must be a str, not {type(value).__name__}")


def _require_sku_ids(sku_ids: Iterable[str]) -> None:
    if isinstance(sku_ids, str) or not all(isinstance(sku_id, str) for sku_id in sku_ids):
        raise TypeError("Sla.sku_ids must be a set of str")


def _require_place(longitude_latitude: Sequence[float]) -> None:
    are_floats = all(type(one) in (float, int) and isfinite(one) for one in longitude_latitude)
    if len(longitude_latitude) != 2 or not are_floats:
        raise TypeError("PickupPoint.geo_coordinates must be two floats, longitude and latitude")


def _require_multiplier(multiplier: object) -> None:
    if isinstance(multiplier, bool) or not isinstance(multiplier, Decimal | int):
        raise TypeError(f"Offer.unit_multiplier must be a Decimal or an int, not {type(multiplier).__name__}")
    if not Decimal(multiplier).is_finite() or multiplier <= 0:
        raise ValueError("Offer.unit_multiplier must be above 0")
    if not 1 / Decimal(MAX_INTEGER) <= multiplier <= MAX_INTEGER:
        raise ValueError(f"Offer.unit_multiplier must be at most {MAX_INTEGER}, and one part of as many at least")


def require_countries(name: str, codes: tuple[str, ...]) -> None:
    """Refuse an empty list and anything that does not look like an ISO 3166 alpha-3 code.

    Raises:
        ValueError: naming the value.
    """
    if not codes:
        raise ValueError(f"{name} must name at least one country")
    for code in codes:
        if not _COUNTRY.fullmatch(code):
            raise ValueError(f"{name} must be ISO alpha-3 codes such as BRA, got {code!r}")
