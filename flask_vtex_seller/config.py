"""The shop's settings, read once from `app.config`."""

import re
from collections.abc import Mapping
from dataclasses import field, fields
from types import MappingProxyType
from typing import Any

from .config_values import PATH, Values, interval, not_negative, positive, whole
from .errors import ConfigurationError
from .sources import Network
from .values import value_class

PREFIX = "VTEX_SELLER_"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_ROUTE_FAMILIES = ("oms", "protocol")
_UNAVAILABLE = ("empty", "zeros")
_GEO_ORDERS = ("lon,lat", "lat,lon")
_CATALOG_ROUTES = ("catalog_system", "sku-binding")
_NOTIFICATOR_PREFIX = "/api/notificator"
_AGREEMENT_PATH = "/api/order-system/orders/{marketplace_order_id}/changes/{change_id}/send-agreement"
_AGREEMENT_NAMES = ("marketplace_order_id", "change_id")
_SERVICES_HOSTS = (
    ".vtexcommercestable.com.br",
    ".vtexcommercebeta.com.br",
    ".vtexcommerce.com.br",
    ".myvtex.com",
    "portal.vtexcommerce.com.br",
)
_PLACEMENT_ANSWERS = ("mirror", "array")
_EVALUATION_ANSWERS = ("empty", "object")
_DATE_LAYOUTS = ("iso", "legacy")
_NUMBERS = {
    "VTEX_SELLER_LEASE_SECONDS": "lease_seconds",
    "VTEX_SELLER_DRAIN_SECONDS": "drain_seconds",
    "VTEX_SELLER_KEEP_DAYS": "keep_days",
    "VTEX_SELLER_SIMULATION_SECONDS": "simulation_seconds",
    "VTEX_SELLER_STALE_OFFERS_SECONDS": "stale_offers_seconds",
}
_INTERVALS = {"VTEX_SELLER_RECONCILE_SECONDS": "reconcile_seconds"}
_WHOLE_NUMBERS = {
    "VTEX_SELLER_MAX_ITEMS": "max_items",
    "VTEX_SELLER_MAX_BODY_BYTES": "max_body_bytes",
    "VTEX_SELLER_DRAIN_THREADS": "drain_threads",
    "VTEX_SELLER_SIMULATION_THREADS": "simulation_threads",
    "VTEX_SELLER_AUTH_FAILURES_PER_MINUTE": "auth_failures_per_minute",
}
_ENCRYPTION_KEYS, _PERSONAL_DATA_DAYS = "VTEX_SELLER_ENCRYPTION_KEYS", "VTEX_SELLER_PERSONAL_DATA_DAYS"
_NOTICE_SECONDS = "VTEX_SELLER_NOTICE_SECONDS"
_NAMED = (
    "VTEX_SELLER_MARKETPLACES",
    "VTEX_SELLER_URL_PREFIX",
    "VTEX_SELLER_HEALTH_TOKEN",
    _ENCRYPTION_KEYS,
    _PERSONAL_DATA_DAYS,
    _NOTICE_SECONDS,
)
_REQUIRED = ("account", "seller_id", "app_key", "app_token")
_OFF_BY_DEFAULT = ("simulation_by_get", "order_modifications", "paused")
_ON_BY_DEFAULT = ("check_orders", "catalog", "price", "inventory", "orders")
RATE_GROUPS = ("orders", "catalog", "suggestions", "notices")
"""Of operations whose rate can be bounded; the operations say which is theirs."""


class Secret:
    """A string that shows itself only when asked to."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the string itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('…')"

    __str__ = __repr__


@value_class(frozen=True, slots=True, kw_only=True)
class Marketplace:
    """One marketplace that the shop sells on.

    Source: VTEX, "Adding a seller" (seller id, account) and the application keys that the marketplace issues.
    """

    name: str
    """The shop's own name for it; part of the fulfillment endpoint's path."""
    account: str
    """The marketplace's VTEX account name."""
    seller_id: str
    """The shop's id at the marketplace; at most 50 characters, case matters."""
    app_key: str
    app_token: Secret
    inbound_tokens: tuple[Secret, ...] = ()
    """Any of them authenticates the marketplace's calls; two live ones allow rotation; none refuses every call."""
    inbound_addresses: tuple[Network, ...] = ()
    """The addresses that its calls may come from; any when empty."""
    base_url: str
    """Where catalog, notification and order calls go, without a trailing slash."""
    suggestions_url: str
    """Where SKU suggestions go, without a trailing slash."""
    route_family: str = "oms"
    """`oms` or `protocol`: which of the two documented families of order calls is used."""
    services_hosts: tuple[str, ...] = _SERVICES_HOSTS
    """Where an order's `marketplaceServicesEndpoint` may lead: `.suffix` for the account's own host below it, or the
    name of a host that all accounts share. Lower case, ASCII."""
    catalog_route: str = "catalog_system"
    """`catalog_system` or `sku-binding`: which of the two documented change notifications is used."""
    notificator_prefix: str = _NOTIFICATOR_PREFIX
    """What the paths of price and inventory notices begin with."""
    agreement_path: str = _AGREEMENT_PATH
    """Where agreements to order modifications go, with `{marketplace_order_id}`, `{change_id}` and perhaps
    `{account}`."""
    merchant_name: str | None = None
    """The shop's VTEX account, if it processes the payments itself; else the marketplace does."""
    sales_channel: str | None = None
    """Assumed when a simulation names none."""
    ships_to: tuple[str, ...] = ("BRA",)
    """ISO 3166 alpha-3 codes of the countries that offers ship to unless they say otherwise."""
    unavailable: str = "empty"
    """`empty` or `zeros`: what a simulation says of the logistics of a cart of which nothing is available."""
    max_stock: int | None = None
    """The most that the marketplace is shown of a SKU's stock; all of it when None."""
    geo_order: str = "lon,lat"
    """`lon,lat` or `lat,lon`: how the marketplace writes coordinates."""
    simulation_by_get: bool = False
    """Simulations by GET are answered, too."""
    check_orders: bool = True
    """Prices and delivery options of an order are held against the shop's own before its placement hook is called."""
    price_tolerance_cents: int = 1
    """How far a price of an order's line, the unit's or the delivery's, may be below the shop's."""
    reservation_days: float | None = None
    """How long an order that says no time itself is reserved; for ever when None."""
    placement_answer: str = "mirror"
    """`mirror`: an object is answered with an object; `array`: with an array, too."""
    evaluation_answer: str = "empty"
    """What tells that a cancellation is evaluated or refused: `empty`, no byte at all, or `object`, `{}`."""
    date_layout: str = "iso"
    """How answers write a date: `iso`, with its offset, or `legacy`, `YYYY-MM-DD hh:mm:ss` in UTC."""
    order_modifications: bool = False
    """Its calls about modifications of orders are answered; experimental."""
    paused: bool = False
    """No call goes out while set; the marketplace's own calls are still answered."""
    catalog: bool = True
    """Whether the marketplace is told about the catalog; so with `price` and `inventory`."""
    price: bool = True
    inventory: bool = True
    orders: bool = True
    """Whether new orders are taken; what was placed goes on in any case."""
    proxy: Secret | None = None
    """The URL of a proxy through which calls go; it may hold a password. The environment's proxies are not used."""
    ca_bundle: str | None = None
    """A file of certificates that are trusted instead of the usual ones."""
    rates: Mapping[str, float] = field(default_factory=dict)
    """Calls a second of all workers together, by group of operations; a group that is missing is not bounded."""
    local: bool = False
    """Plain http to a loopback host is allowed: the marketplace is a sandbox on this machine."""

    @property
    def some_address(self) -> str:
        """Return an address that its calls may come from; this machine's own if they may come from anywhere."""
        return str(self.inbound_addresses[0][0]) if self.inbound_addresses else "127.0.0.1"

    def longitude_first(self, pair: tuple[float, float] | None) -> tuple[float, float] | None:
        """Return coordinates that came in the marketplace's order as longitude, latitude."""
        return pair if pair is None or self.geo_order == _GEO_ORDERS[0] else (pair[1], pair[0])


_KEYS = frozenset(field.name for field in fields(Marketplace)) - {"name"}
"""What a marketplace's dict may hold: a field each."""


@value_class(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that the extension reads from `app.config`."""

    marketplaces: Mapping[str, Marketplace]
    url_prefix: str = "/api/vtex"
    lease_seconds: float = 60.0
    """How long a message belongs to the worker that took it; a call may take a quarter of that, at most 15 seconds."""
    drain_seconds: float = 5.0
    """How often a worker looks for messages."""
    drain_threads: int = 4
    """How many calls a worker makes at a time."""
    notice_seconds: float = 0.0
    """How long a notice waits for others of its SKU and kind, to be one call with them."""
    keep_days: float = 30.0
    """How long delivered messages are kept."""
    reconcile_seconds: float | None = 3600.0
    """How often a worker holds what the shop sells against what marketplaces were told; None: never."""
    personal_data_days: float | None = None
    """How long what orders and messages hold of people is kept; None: as long as their rows."""
    encryption_keys: tuple[Secret, ...] = ()
    """What seals it in the database: the first; each opens it."""
    max_items: int = 500
    """The most lines that a cart or an order may have."""
    max_body_bytes: int = 1024 * 1024
    """The largest body that is read."""
    auth_failures_per_minute: int | None = None
    """After how many calls of one source without a live token none of its calls is looked at; None: however many."""
    health_token: Secret | None = None
    """Opens the health route, which does not exist without it."""
    simulation_seconds: float | None = None
    """How long the shop's functions may take to answer a simulation; they run in the request itself when None."""
    simulation_threads: int = 16
    """How many simulations are asked about at a time, where there is such a limit of time."""
    stale_offers_seconds: float | None = None
    """How old the answer may be that is given again where the shop's functions are late; none is when None."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Settings":
        """Read the `VTEX_SELLER_*` keys.

        Raises:
            ConfigurationError: a key is unknown, missing or malformed; the message names it.
        """
        known = {*_NAMED, *_NUMBERS, *_INTERVALS, *_WHOLE_NUMBERS}
        for key in config:
            if key.startswith(PREFIX) and key not in known:
                raise ConfigurationError(f"{key} is no setting of flask-vtex-seller; known: {', '.join(sorted(known))}")
        marketplaces = config.get("VTEX_SELLER_MARKETPLACES") or {}
        if not isinstance(marketplaces, Mapping):
            raise ConfigurationError(
                "VTEX_SELLER_MARKETPLACES must be a dict: a name, then that marketplace's settings"
            )
        values = Values("app.config", config)
        numbers: dict[str, Any] = {
            **{field: positive(key, config[key]) for key, field in _NUMBERS.items() if key in config},
            **{field: interval(key, config[key]) for key, field in _INTERVALS.items() if key in config},
            **{field: whole(key, config[key]) for key, field in _WHOLE_NUMBERS.items() if key in config},
        }
        if "stale_offers_seconds" in numbers and "simulation_seconds" not in numbers:
            raise ConfigurationError("VTEX_SELLER_STALE_OFFERS_SECONDS needs VTEX_SELLER_SIMULATION_SECONDS")
        return cls(
            marketplaces=MappingProxyType({str(name): _marketplace(name, raw) for name, raw in marketplaces.items()}),
            url_prefix=_url_prefix(config.get("VTEX_SELLER_URL_PREFIX", "/api/vtex")),
            health_token=_secret("VTEX_SELLER_HEALTH_TOKEN", config.get("VTEX_SELLER_HEALTH_TOKEN")),
            encryption_keys=tuple(map(Secret, values.texts(_ENCRYPTION_KEYS))),
            personal_data_days=values.days(_PERSONAL_DATA_DAYS),
            notice_seconds=not_negative(_NOTICE_SECONDS, config.get(_NOTICE_SECONDS, 0)),
            **numbers,
        )


def _marketplace(name: object, raw: object) -> Marketplace:
    where = f"VTEX_SELLER_MARKETPLACES[{name!r}]"
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigurationError(f"{where}: a marketplace's name has letters, digits, '-' and '_' only, at most 64")
    if not isinstance(raw, Mapping):
        raise ConfigurationError(f"{where} must be a dict with the keys {', '.join(_REQUIRED)}")
    unknown = sorted(set(map(str, raw)) - _KEYS)
    if unknown:
        raise ConfigurationError(f"{where} has unknown keys: {', '.join(unknown)}")
    missing = [key for key in _REQUIRED if raw.get(key) in (None, "")]
    if missing:
        raise ConfigurationError(f"{where} lacks {', '.join(missing)}")
    return _read(name, Values(where, raw))


def _read(name: str, values: Values) -> Marketplace:
    account, seller_id = values.text("account") or "", values.text("seller_id") or ""
    if not _ACCOUNT.fullmatch(account):
        raise values.error("account", "must be the marketplace's account name: letters, digits and '-'")
    if len(seller_id) > 50 or " " in seller_id:
        raise values.error("seller_id", "has at most 50 characters and no space")
    local = values.flag("local")
    return Marketplace(
        name=name,
        account=account,
        seller_id=seller_id,
        app_key=values.credential("app_key"),
        app_token=Secret(values.credential("app_token")),
        inbound_tokens=tuple(Secret(token) for token in values.texts("inbound_tokens")),
        inbound_addresses=values.networks("inbound_addresses"),
        base_url=values.url("base_url", f"https://{account}.vtexcommercestable.com.br", local),
        suggestions_url=values.url("suggestions_url", f"https://api.vtex.com/{account}", local),
        route_family=values.choice("route_family", _ROUTE_FAMILIES),
        services_hosts=values.hosts("services_hosts", _SERVICES_HOSTS),
        catalog_route=values.choice("catalog_route", _CATALOG_ROUTES),
        notificator_prefix=values.path("notificator_prefix", _NOTIFICATOR_PREFIX),
        agreement_path=values.template("agreement_path", _AGREEMENT_PATH, _AGREEMENT_NAMES),
        merchant_name=values.text("merchant_name"),
        sales_channel=values.text("sales_channel"),
        ships_to=values.countries("ships_to"),
        unavailable=values.choice("unavailable", _UNAVAILABLE),
        max_stock=values.count("max_stock", None),
        geo_order=values.choice("geo_order", _GEO_ORDERS),
        price_tolerance_cents=values.count("price_tolerance_cents", 1),
        reservation_days=values.days("reservation_days"),
        placement_answer=values.choice("placement_answer", _PLACEMENT_ANSWERS),
        evaluation_answer=values.choice("evaluation_answer", _EVALUATION_ANSWERS),
        date_layout=values.choice("date_layout", _DATE_LAYOUTS),
        proxy=None if (proxy := values.proxy("proxy")) is None else Secret(proxy),
        ca_bundle=values.file("ca_bundle"),
        rates=values.rates("rates", RATE_GROUPS),
        local=local,
        **{name: values.flag(name) for name in _OFF_BY_DEFAULT},
        **{name: values.flag(name, default=True) for name in _ON_BY_DEFAULT},
    )


def _secret(key: str, value: object) -> Secret | None:
    if value in (None, ""):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ConfigurationError(f"{key} must be a string")
    return Secret(str(value))


def _url_prefix(value: object) -> str:
    if not isinstance(value, str) or not PATH.fullmatch(value):
        raise ConfigurationError(
            "VTEX_SELLER_URL_PREFIX must be a path of letters, digits, '.', '_', '~' and '-', such as /api/vtex"
        )
    return value.rstrip("/")
