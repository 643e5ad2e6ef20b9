"""Reading single settings; whatever is wrong is said with the key."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from .errors import ConfigurationError
from .money import MAX_INTEGER
from .offers import require_countries
from .sources import Network, networks

N = TypeVar("N", int, None)

PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+/*")
MAX_NUMBER = 1_000_000
_HOST = re.compile(r"[a-z0-9.:-]+")
_HOST_NAME = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_TEMPLATE = re.compile(r"/(?:[A-Za-z0-9._~/?=&-]|\{[a-z_]+\})+")
_MAX_DAYS = 3650


class Values:
    """Reads one dict of settings; every complaint names the key.

    Args:
        where: the dict's own place, such as `VTEX_SELLER_MARKETPLACES['acme']`.
    """

    def __init__(self, where: str, raw: Mapping[str, Any]) -> None:
        self._where = where
        self._raw = raw

    def error(self, key: str, complaint: str) -> ConfigurationError:
        """Return a complaint about a key."""
        return ConfigurationError(f"{self._where}[{key!r}] {complaint}")

    def text(self, key: str) -> str | None:
        """Read a string; None if it is missing or empty."""
        value = self._raw.get(key)
        return None if value in (None, "") else self._string(key, value)

    def credential(self, key: str) -> str:
        """Read what is sent in a header, without what a file or a shell leaves around it."""
        text = (self.text(key) or "").strip()
        if not (text and text.isascii() and text.isprintable()):
            raise self.error(key, "must be printable ASCII, and not blank: it is sent in a header")
        return text

    def _string(self, key: str, value: object) -> str:
        # The environment turns digits into numbers (`app.config.from_prefixed_env`): an int is its digits again,
        # while a float has lost what was written.
        if isinstance(value, float):
            raise self.error(key, "was read as a decimal number; quote it, as in '\"1.5\"', to keep it a string")
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self.error(key, f"must be a string, not {type(value).__name__}")
        return str(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """Read a list of strings, or one string with commas between them."""
        value = self._raw.get(key)
        if value is None:
            return ()
        parts = value if isinstance(value, list | tuple) else self._string(key, value).split(",")
        texts = (self._string(key, part).strip() for part in parts)
        return tuple(text for text in texts if text)

    def countries(self, key: str) -> tuple[str, ...]:
        """Read ISO 3166 alpha-3 codes; `BRA` if they are missing."""
        codes = self.texts(key) or ("BRA",)
        try:
            require_countries(key, codes)
        except ValueError as error:
            raise self.error(key, str(error)) from None
        return codes

    def hosts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Read names of hosts; one that begins with a dot stands for those below it."""
        hosts = tuple(text.lower() for text in self.texts(key)) or default
        for host in hosts:
            if not _HOST_NAME.fullmatch(host.removeprefix(".")) or host.rpartition(".")[2].isdigit():
                raise self.error(key, f"must be names such as .myvtex.com or oms.example.com, not {host!r}")
        return hosts

    def networks(self, key: str) -> tuple[Network, ...]:
        """Read addresses and networks."""
        try:
            return networks(self.texts(key))
        except ValueError as error:
            raise self.error(key, f"must be addresses such as 203.0.113.7 or 2001:db8::/32: {error}") from None

    def path(self, key: str, default: str) -> str:
        """Read a path without a trailing slash."""
        path = self.text(key) or default
        if not PATH.fullmatch(path) or not {".", ".."}.isdisjoint(path.split("/")):
            raise self.error(key, f"must be a path such as {default}")
        return path.rstrip("/")

    def template(self, key: str, default: str, names: Collection[str]) -> str:
        """Read a path with exactly these names in braces, beside `{account}`."""
        template = self.text(key) or default
        found = set(re.findall(r"\{(\w+)\}", template)) - {"account"}
        if not _TEMPLATE.fullmatch(template) or found != set(names) or "//" in template or "/." in template:
            raise self.error(key, f"must be a path such as {default}")
        return template

    def proxy(self, key: str) -> str | None:
        """Read the http(s) URL of a proxy, which may hold a user and a password; None if it is missing."""
        url = self.text(key)
        if url is None:
            return None
        try:
            parts = urlsplit(url)
            _ = parts.port  # reading it is what checks it
        except ValueError:
            raise self.error(key, "is no URL") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
            raise self.error(key, "must be a URL such as http://proxy.example:3128")
        return url

    def file(self, key: str) -> str | None:
        """Read the path of a file that is there; None if it is missing."""
        path = self.text(key)
        if path is not None and not Path(path).is_file():
            raise self.error(key, "must name a file")
        return path

    def rates(self, key: str, groups: Collection[str]) -> Mapping[str, float]:
        """Read positive numbers under keys of `groups`."""
        rates = self._raw.get(key) or {}
        if not isinstance(rates, Mapping) or not set(rates) <= set(groups):
            raise self.error(key, f"must be a dict of calls a second with the keys {', '.join(groups)}")
        for rate in rates.values():
            if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= MAX_NUMBER:
                raise self.error(key, f"must hold positive numbers, at most {MAX_NUMBER}")
        return {group: float(rate) for group, rate in rates.items()}

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Read true or false."""
        value = self._raw.get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, "must be true or false")
        return value

    def count(self, key: str, default: N) -> int | N:
        """Read a whole number, not negative."""
        value = self._raw.get(key)
        if value is None:
            return default
        if type(value) is not int or not 0 <= value <= MAX_INTEGER:
            raise self.error(key, "must be a whole number, not negative")
        return value

    def days(self, key: str) -> float | None:
        """Read a positive number of days; None if it is missing."""
        value = self._raw.get(key)
        return None if value in (None, "") else positive(f"{self._where}[{key!r}]", value, _MAX_DAYS)

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """Read one of the choices; the first if it is missing."""
        value = self.text(key) or choices[0]
        if value not in choices:
            raise self.error(key, f"must be one of {', '.join(choices)}")
        return value

    def url(self, key: str, default: str, local: bool) -> str:
        """Read an https URL without a trailing slash; http to this machine only if `local`."""
        url = self.text(key) or default
        try:
            parts = urlsplit(url)
            _ = parts.port  # reading it is what checks it
        except ValueError:
            raise self.error(key, "is no URL") from None
        loopback = local and parts.hostname in _LOOPBACK_HOSTS
        if not parts.hostname or parts.scheme not in (("https", "http") if loopback else ("https",)):
            raise self.error(key, "must be an https URL (http to this machine only with local = true)")
        if not _HOST.fullmatch(parts.hostname):
            raise self.error(key, "is no URL")
        if parts.query or parts.fragment or parts.username is not None:
            raise self.error(key, "must have no query, fragment or user")
        return url.rstrip("/")


def positive(key: str, value: object, maximum: int = MAX_NUMBER) -> float:
    """Return a setting that is a positive number.

    Raises:
        ConfigurationError: it is none; names the key.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= maximum:
        raise ConfigurationError(f"{key} must be a positive number, at most {maximum}")
    return float(value)


def interval(key: str, value: object) -> float | None:
    """Return a setting that is a positive number; None for 0, which means never. Raises as `positive`."""
    return None if type(value) is int and value == 0 else positive(key, value)


def not_negative(key: str, value: object) -> float:
    """Return a setting that is a number and not negative; raises as `positive`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_NUMBER:
        raise ConfigurationError(f"{key} must be a number from 0 to {MAX_NUMBER}")
    return float(value)


def whole(key: str, value: object) -> int:
    """Return a setting that is a positive whole number; raises as `positive`."""
    if type(value) is not int or not 0 < value <= MAX_INTEGER:
        raise ConfigurationError(f"{key} must be a positive whole number")
    return value
