"""What it costs to get a cart to a place in Brazil, and how long it takes.

A table: the same cart and place always give the same answer. Each product travels in its own parcel, so the price of a
cart is the sum of its products' prices.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

STANDARD, EXPRESS, PICKUP = "standard", "express", "pickup"
_GRAMS_INCLUDED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PickupPlace:
    """A counter of the shop where orders can be fetched."""

    id: str
    name: str
    postal_code: str
    street: str
    number: str
    neighborhood: str
    city: str
    state: str
    country: str
    geo_coordinates: tuple[float, float]
    """Longitude, latitude."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A way of shipping to a region."""

    code: str
    name: str
    business_days: int
    base_cents: int
    """For a product's parcel up to one kilogram."""
    per_kg_cents: int
    """For each started kilogram above that."""
    pickup: PickupPlace | None = None

    def price(self, grams: int) -> int:
        """Return the price in cents of one product's parcel."""
        extra_kg = -(-max(0, grams - _GRAMS_INCLUDED) // 1_000)
        return self.base_cents + extra_kg * self.per_kg_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """An area with one table of services."""

    name: str
    services: tuple[Service, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippingOption:
    """What one service asks for a cart."""

    code: str
    name: str
    business_days: int
    price_by_sku: Mapping[str, int]
    """Cents for all units of the SKU."""
    pickup: PickupPlace | None

    @property
    def total_cents(self) -> int:
        """Sum the SKUs."""
        return sum(self.price_by_sku.values())


COUNTER = PickupPlace(
    id="jatoba-centro",
    name="Empório Jatobá Centro",
    postal_code="01037-010",
    street="Rua do Jatobá",
    number="120",
    neighborhood="Centro",
    city="São Paulo",
    state="SP",
    country="BRA",
    geo_coordinates=(-46.6392, -23.5431),
)


def _services(standard: tuple[int, int, int], express: tuple[int, int, int] | None = None) -> tuple[Service, ...]:
    """Build a region's services from (business days, base cents, cents per further kilogram)."""
    named = [(STANDARD, "Standard delivery", standard)] + ([(EXPRESS, "Express delivery", express)] if express else [])
    return tuple(
        Service(code=code, name=name, business_days=days, base_cents=base, per_kg_cents=per_kg)
        for code, name, (days, base, per_kg) in named
    )


_AT_THE_COUNTER = Service(
    code=PICKUP, name=f"Pickup at {COUNTER.name}", business_days=1, base_cents=0, per_kg_cents=0, pickup=COUNTER
)

SAO_PAULO = Region(name="São Paulo", services=(*_services((2, 990, 150), (1, 1990, 250)), _AT_THE_COUNTER))
SP_STATE = Region(name="São Paulo state", services=_services((3, 1290, 200), (2, 2490, 350)))
SOUTHEAST = Region(name="Southeast", services=_services((5, 1690, 300), (3, 3290, 500)))
SOUTH = Region(name="South", services=_services((6, 1890, 350), (3, 3590, 600)))
CENTER_WEST = Region(name="Center-West", services=_services((8, 2490, 500)))
NORTHEAST = Region(name="Northeast", services=_services((9, 2690, 600)))
NORTH = Region(name="North", services=_services((12, 3490, 900)))

# The longest beginning wins. No carrier of this shop goes to 69 (Amazonas, Acre, Roraima).
_BY_POSTAL_CODE: Mapping[str, Region | None] = {
    "0": SAO_PAULO,
    "1": SP_STATE,
    "2": SOUTHEAST,
    "3": SOUTHEAST,
    "4": NORTHEAST,
    "5": NORTHEAST,
    "6": NORTHEAST,
    "66": NORTH,
    "67": NORTH,
    "68": NORTH,
    "69": None,
    "7": CENTER_WEST,
    "8": SOUTH,
    "9": SOUTH,
}

# West, south, east, north; the first box that holds the point wins. Rough along the borders between regions.
_BOXES: tuple[tuple[float, float, float, float, Region | None], ...] = (
    (-47.2, -24.1, -46.0, -23.2, SAO_PAULO),
    (-74.0, -11.2, -58.9, 5.3, None),
    (-53.2, -25.0, -47.2, -22.6, SP_STATE),
    (-51.0, -22.6, -47.3, -20.2, SP_STATE),
    (-47.3, -25.0, -45.0, -22.6, SP_STATE),
    (-57.7, -33.8, -48.0, -22.6, SOUTH),
    (-61.7, -24.1, -51.0, -9.0, CENTER_WEST),
    (-51.0, -18.6, -47.3, -12.4, CENTER_WEST),
    (-50.8, -12.4, -46.0, -8.0, CENTER_WEST),
    (-51.1, -23.4, -41.0, -16.2, SOUTHEAST),
    (-41.0, -21.5, -39.6, -18.3, SOUTHEAST),
    (-58.9, -9.0, -46.1, 4.5, NORTH),
    (-47.3, -18.4, -32.3, -1.0, NORTHEAST),
)


def normalize_postal_code(text: str) -> str | None:
    """Return a CEP as `01310-100`, or None if the text is none."""
    match = re.fullmatch(r"([0-9]{5})[-\s]?([0-9]{3})", text.strip().replace(".", ""))
    return f"{match[1]}-{match[2]}" if match else None


def region_of(postal_code: str) -> Region | None:
    """Return the region that a CEP lies in, or None if it is no CEP or nobody delivers there."""
    known = normalize_postal_code(postal_code)
    if known is None:
        return None
    return _BY_POSTAL_CODE.get(known[:2], _BY_POSTAL_CODE.get(known[:1]))


def region_at(longitude: float, latitude: float) -> Region | None:
    """Return the region that a point lies in, or None if nobody delivers there."""
    for west, south, east, north, region in _BOXES:
        if west <= longitude <= east and south <= latitude <= north:
            return region
    return None


def locate(country: str | None, postal_code: str | None, point: tuple[float, float] | None) -> Region | None:
    """Return the region of an address that may be known in part only, or None if nobody delivers there.

    Args:
        country: ISO 3166 alpha-3; Brazil when unknown.
        point: longitude and latitude; asked only without a CEP.
    """
    if country not in (None, "", "BRA"):
        return None
    if postal_code:
        return region_of(postal_code)
    return region_at(*point) if point else None


def quote(region: Region | None, grams_by_sku: Mapping[str, int]) -> tuple[ShippingOption, ...]:
    """Return what each service of the region asks for the cart.

    Args:
        region: None, where nobody delivers, gives no option.
        grams_by_sku: the weight of all units of each SKU.
    """
    if region is None or not grams_by_sku:
        return ()
    return tuple(
        ShippingOption(
            code=service.code,
            name=service.name,
            business_days=service.business_days,
            price_by_sku={sku: service.price(grams) for sku, grams in grams_by_sku.items()},
            pickup=service.pickup,
        )
        for service in region.services
    )
