"""The shop's settings, read once from `app.config`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import urlsplit

from .errors import ConfigurationError
from .money import MAX_INTEGER
from .offers import require_countries

N = TypeVar("N", int, None)

PREFIX = "VTEX_SELLER_"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_HOST = re.compile(r"[a-z0-9.:-]+")
_HOST_NAME = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+/*")
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
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
_TEMPLATE = re.compile(r"/(?:[A-Za-z0-9._~/?=&-]|\{[a-z_]+\})+")
_PLACEMENT_ANSWERS = ("mirror", "array")
_EVALUATION_ANSWERS = ("empty", "object")
_DATE_LAYOUTS = ("iso", "legacy")
_NUMBERS = {
    "VTEX_SELLER_LEASE_SECONDS": "lease_seconds",
    "VTEX_SELLER_DRAIN_SECONDS": "drain_seconds",
    "VTEX_SELLER_KEEP_DAYS": "keep_days",
    "VTEX_SELLER_SIMULATION_SECONDS": "simulation_seconds",
}
_WHOLE_NUMBERS = {
    "VTEX_SELLER_MAX_ITEMS": "max_items",
    "VTEX_SELLER_MAX_BODY_BYTES": "max_body_bytes",
}
_MAX_NUMBER = 1_000_000
_MAX_DAYS = 3650
_REQUIRED = ("account", "seller_id", "app_key", "app_token")


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


@dataclass(frozen=True, slots=True, kw_only=True)
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
    local: bool = False
    """Plain http to a loopback host is allowed: the marketplace is a sandbox on this machine."""

    def longitude_first(self, pair: tuple[float, float] | None) -> tuple[float, float] | None:
        """Return coordinates that came in the marketplace's order as longitude, latitude."""
        return pair if pair is None or self.geo_order == _GEO_ORDERS[0] else (pair[1], pair[0])


_KEYS = frozenset(field.name for field in fields(Marketplace)) - {"name"}
"""What a marketplace's dict may hold: a field each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that the extension reads from `app.config`."""

    marketplaces: Mapping[str, Marketplace]
    url_prefix: str = "/api/vtex"
    lease_seconds: float = 60.0
    """How long a message belongs to the worker that took it; over twice the 27 seconds that a call may take."""
    drain_seconds: float = 5.0
    """How often a worker looks for messages."""
    keep_days: float = 30.0
    """How long delivered messages are kept."""
    max_items: int = 500
    """The most lines that a cart or an order may have."""
    max_body_bytes: int = 1024 * 1024
    """The largest body that is read."""
    simulation_seconds: float | None = None
    """How long the shop's functions may take to answer a simulation; they run in the request itself when None."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Settings":
        """Read the `VTEX_SELLER_*` keys.

        Raises:
            ConfigurationError: a key is unknown, missing or malformed; the message names it.
        """
        known = {"VTEX_SELLER_MARKETPLACES", "VTEX_SELLER_URL_PREFIX", *_NUMBERS, *_WHOLE_NUMBERS}
        for key in config:
            if key.startswith(PREFIX) and key not in known:
                raise ConfigurationError(f"{key} is no setting of flask-vtex-seller; known: {', '.join(sorted(known))}")
        marketplaces = config.get("VTEX_SELLER_MARKETPLACES") or {}
        if not isinstance(marketplaces, Mapping):
            raise ConfigurationError(
                "VTEX_SELLER_MARKETPLACES must be a dict: a name, then that marketplace's settings"
            )
        numbers: dict[str, Any] = {
            **{field: _positive(key, config[key]) for key, field in _NUMBERS.items() if key in config},
            **{field: _whole(key, config[key]) for key, field in _WHOLE_NUMBERS.items() if key in config},
        }
        return cls(
            marketplaces=MappingProxyType({str(name): _marketplace(name, raw) for name, raw in marketplaces.items()}),
            url_prefix=_url_prefix(config.get("VTEX_SELLER_URL_PREFIX", "/api/vtex")),
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
    return _Reader(where, raw).marketplace(name)


class _Reader:
    """Reads one marketplace's dict; every complaint names the key."""

    def __init__(self, where: str, raw: Mapping[str, Any]) -> None:
        self._where = where
        self._raw = raw

    def marketplace(self, name: str) -> Marketplace:
        account, seller_id = self._text("account") or "", self._text("seller_id") or ""
        if not _ACCOUNT.fullmatch(account):
            raise self._error("account", "must be the marketplace's account name: letters, digits and '-'")
        if len(seller_id) > 50 or " " in seller_id:
            raise self._error("seller_id", "has at most 50 characters and no space")
        local = self._flag("local")
        return Marketplace(
            name=name,
            account=account,
            seller_id=seller_id,
            app_key=self._text("app_key") or "",
            app_token=Secret(self._text("app_token") or ""),
            inbound_tokens=tuple(Secret(token) for token in self._texts("inbound_tokens")),
            base_url=self._url("base_url", f"https://{account}.vtexcommercestable.com.br", local),
            suggestions_url=self._url("suggestions_url", f"https://api.vtex.com/{account}", local),
            route_family=self._choice("route_family", _ROUTE_FAMILIES),
            services_hosts=self._hosts("services_hosts"),
            catalog_route=self._choice("catalog_route", _CATALOG_ROUTES),
            notificator_prefix=self._path("notificator_prefix", _NOTIFICATOR_PREFIX),
            agreement_path=self._template("agreement_path", _AGREEMENT_PATH),
            merchant_name=self._text("merchant_name"),
            sales_channel=self._text("sales_channel"),
            ships_to=self._countries("ships_to"),
            unavailable=self._choice("unavailable", _UNAVAILABLE),
            max_stock=self._count("max_stock", None),
            geo_order=self._choice("geo_order", _GEO_ORDERS),
            simulation_by_get=self._flag("simulation_by_get"),
            check_orders=self._flag("check_orders", default=True),
            price_tolerance_cents=self._count("price_tolerance_cents", 1),
            reservation_days=self._days("reservation_days"),
            placement_answer=self._choice("placement_answer", _PLACEMENT_ANSWERS),
            evaluation_answer=self._choice("evaluation_answer", _EVALUATION_ANSWERS),
            date_layout=self._choice("date_layout", _DATE_LAYOUTS),
            order_modifications=self._flag("order_modifications"),
            paused=self._flag("paused"),
            catalog=self._flag("catalog", default=True),
            price=self._flag("price", default=True),
            inventory=self._flag("inventory", default=True),
            orders=self._flag("orders", default=True),
            local=local,
        )

    def _error(self, key: str, complaint: str) -> ConfigurationError:
        return ConfigurationError(f"{self._where}[{key!r}] {complaint}")

    def _text(self, key: str) -> str | None:
        value = self._raw.get(key)
        return None if value in (None, "") else self._string(key, value)

    def _string(self, key: str, value: object) -> str:
        # The environment turns digits into numbers (`app.config.from_prefixed_env`): an int is its digits again,
        # while a float has lost what was written.
        if isinstance(value, float):
            raise self._error(key, "was read as a decimal number; quote it, as in '\"1.5\"', to keep it a string")
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self._error(key, f"must be a string, not {type(value).__name__}")
        return str(value)

    def _texts(self, key: str) -> tuple[str, ...]:
        value = self._raw.get(key)
        if value is None:
            return ()
        parts = value if isinstance(value, list | tuple) else self._string(key, value).split(",")
        texts = (self._string(key, part).strip() for part in parts)
        return tuple(text for text in texts if text)

    def _countries(self, key: str) -> tuple[str, ...]:
        codes = self._texts(key) or ("BRA",)
        try:
            require_countries(key, codes)
        except ValueError as error:
            raise self._error(key, str(error)) from None
        return codes

    def _hosts(self, key: str) -> tuple[str, ...]:
        hosts = tuple(text.lower() for text in self._texts(key)) or _SERVICES_HOSTS
        for host in hosts:
            if not _HOST_NAME.fullmatch(host.removeprefix(".")) or host.rpartition(".")[2].isdigit():
                raise self._error(key, f"must be names such as .myvtex.com or oms.example.com, not {host!r}")
        return hosts

    def _path(self, key: str, default: str) -> str:
        path = self._text(key) or default
        if not _PATH.fullmatch(path) or not {".", ".."}.isdisjoint(path.split("/")):
            raise self._error(key, f"must be a path such as {default}")
        return path.rstrip("/")

    def _template(self, key: str, default: str) -> str:
        template = self._text(key) or default
        names = set(re.findall(r"\{(\w+)\}", template)) - {"account"}
        if not _TEMPLATE.fullmatch(template) or names != set(_AGREEMENT_NAMES) or "//" in template or "/." in template:
            raise self._error(key, f"must be a path such as {default}")
        return template

    def _flag(self, key: str, *, default: bool = False) -> bool:
        value = self._raw.get(key, default)
        if not isinstance(value, bool):
            raise self._error(key, "must be true or false")
        return value

    def _count(self, key: str, default: N) -> int | N:
        value = self._raw.get(key)
        if value is None:
            return default
        if type(value) is not int or not 0 <= value <= MAX_INTEGER:
            raise self._error(key, "must be a whole number, not negative")
        return value

    def _days(self, key: str) -> float | None:
        value = self._raw.get(key)
        return None if value in (None, "") else _positive(f"{self._where}[{key!r}]", value, _MAX_DAYS)

    def _choice(self, key: str, choices: tuple[str, ...]) -> str:
        value = self._text(key) or choices[0]
        if value not in choices:
            raise self._error(key, f"must be one of {', '.join(choices)}")
        return value

    def _url(self, key: str, default: str, local: bool) -> str:
        url = self._text(key) or default
        try:
            parts = urlsplit(url)
            _ = parts.port  # reading it is what checks it
        except ValueError:
            raise self._error(key, "is no URL") from None
        loopback = local and parts.hostname in _LOOPBACK_HOSTS
        if not parts.hostname or parts.scheme not in (("https", "http") if loopback else ("https",)):
            raise self._error(key, "must be an https URL (http to this machine only with local = true)")
        if not _HOST.fullmatch(parts.hostname):
            raise self._error(key, "is no URL")
        if parts.query or parts.fragment or parts.username is not None:
            raise self._error(key, "must have no query, fragment or user")
        return url.rstrip("/")


def _positive(key: str, value: object, maximum: int = _MAX_NUMBER) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= maximum:
        raise ConfigurationError(f"{key} must be a positive number, at most {maximum}")
    return float(value)


def _whole(key: str, value: object) -> int:
    if type(value) is not int or not 0 < value <= MAX_INTEGER:
        raise ConfigurationError(f"{key} must be a positive whole number")
    return value


def _url_prefix(value: object) -> str:
    if not isinstance(value, str) or not _PATH.fullmatch(value):
        raise ConfigurationError(
            "VTEX_SELLER_URL_PREFIX must be a path of letters, digits, '.', '_', '~' and '-', such as /api/vtex"
        )
    return value.rstrip("/")
