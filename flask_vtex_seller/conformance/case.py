"""What the checks may know of the shop that they judge."""

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from .endpoint import Endpoint

FAILURE = "words of the shop's own code, which no answer may repeat"
"""What the exception says while `Case.failing_placement` lasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sku:
    """An article that the shop sells."""

    id: str
    stock: int | None = None
    """How many are left; None if the checks shall take the shop's own word."""
    price: int | None = None
    """Of one unit, in cents; None if the checks shall take the shop's own word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An address, as far as a delivery depends on it."""

    postal_code: str
    country: str = "BRA"
    """ISO 3166 alpha-3."""
    geo_coordinates: tuple[float, float] | None = None
    """Longitude and latitude of the same place."""
    city: str = "São Paulo"
    state: str = "SP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A shop, described for the checks. The more it says, the more can be judged.

    Raises:
        ValueError: the endpoint is none, or there is no SKU to ask for.
    """

    endpoint: str = field(repr=False)
    """The fulfillment endpoint as registered at the marketplace, token included; its host may be left out."""
    skus: tuple[Sku, ...]
    """In stock; two or more let carts be judged, too."""
    address: Place
    """Where the shop delivers to."""
    unserved_address: Place | None = None
    """Where it does not."""
    out_of_stock_sku: str | None = None
    unknown_sku: str = "no-such-sku-conformance"
    seller_id: str = "conformance"
    """The shop's id at the marketplace."""
    merchant_name: str | None = None
    """Of the shop's gateway account if the shop processes payments."""
    second_token: str | None = field(default=None, repr=False)
    """Another live token, as during a rotation."""
    sales_channels: tuple[str, str] = ("1", "2")
    unavailable: str = "empty"
    """What the shop says of the logistics of a cart of which nothing is available: `empty` or `zeros`."""
    max_stock: int | None = None
    """The most that it shows of a SKU's stock; all of it when None."""
    geo_order: str = "lon,lat"
    """How the marketplace writes coordinates: `lon,lat` or `lat,lon`."""
    max_items: int = 500
    max_bytes: int = 1024 * 1024
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    """Part of the ids of the orders that the checks place; a new one for each run."""
    count_orders: Callable[[], int] | None = None
    """Tells how many orders the shop has, committed ones only."""
    may_ship: Callable[[str], bool] | None = None
    """Tells whether the shop would ship the order with this id of its own."""
    failing_placement: Callable[[], AbstractContextManager[object]] | None = None
    """While it lasts, the shop's code raises `RuntimeError(FAILURE)` after it took an order, before the answer."""

    def point(self) -> list[float]:
        """Return the address's coordinates as the marketplace writes them; empty if they are unknown."""
        point = list(self.address.geo_coordinates or ())
        return point if self.geo_order == "lon,lat" else point[::-1]

    def __post_init__(self) -> None:
        Endpoint(self.endpoint)
        if not self.skus:
            raise ValueError("name at least one SKU that is in stock")
