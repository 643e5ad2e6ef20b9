"""Where calls come from: which addresses may call, and how often one may fail to show a token."""

from collections import OrderedDict
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from threading import Lock

from .clock import Clock

Network = IPv4Network | IPv6Network
WINDOW_SECONDS = 60.0
_MAX_SOURCES = 10_000
_IPV6_PREFIX = 64
"""What one customer of a network has to himself: single addresses of it are as many as anybody likes."""


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read addresses and networks, such as `203.0.113.7` and `2001:db8::/32`.

    Raises:
        ValueError: one is neither; names it.
    """
    return tuple(map(ip_network, texts))


def is_inside(address: str | None, allowed: Iterable[Network]) -> bool:
    """Tell whether the address is in one of the networks; what is no address is in none."""
    found = _parsed(address)
    return found is not None and any(found in network for network in allowed)


class FailureLimit:
    """Counts the failures of each source at each door in a minute; in this process alone, and in bounded memory.

    At each door: marketplaces may call from the same addresses, and one with an old token must not shut out another.
    Not in the database: whoever may not call must not make the shop write.

    Args:
        most: the failures in a minute after which a source is turned away; None never turns one away.
    """

    def __init__(self, most: int | None, clock: Clock) -> None:
        self._most = most
        self._clock = clock
        self._lock = Lock()
        self._seen: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()
        """When a source's minute ends and its failures so far, the oldest minute first."""

    def wait(self, address: str | None, door: str) -> float:
        """Return for how many seconds calls from the address are turned away at a door; 0 if they are not."""
        if self._most is None or not self._seen:
            return 0.0
        with self._lock:
            end, failures = self._seen.get((door, _source(address)), (0.0, 0))
        return max(end - self._clock.monotonic(), 0.0) if failures >= self._most else 0.0

    def note(self, address: str | None, door: str) -> None:
        """Count a failure."""
        if self._most is None:
            return
        source, now = (door, _source(address)), self._clock.monotonic()
        with self._lock:
            end, failures = self._seen.get(source, (0.0, 0))
            if not failures or end <= now:
                self._seen.pop(source, None)
                end, failures = now + WINDOW_SECONDS, 0
            self._seen[source] = end, failures + 1
            if len(self._seen) > _MAX_SOURCES:
                self._seen.popitem(last=False)


def _source(address: str | None) -> str:
    """Return what is counted as one: an IPv4 address, or an IPv6 network; all that is no address together."""
    found = _parsed(address)
    if isinstance(found, IPv6Address):
        return str(IPv6Network((int(found), _IPV6_PREFIX), strict=False))
    return str(found or "")


def _parsed(address: str | None) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address((address or "").partition("%")[0])
    except ValueError:
        return None
    return (isinstance(found, IPv6Address) and found.ipv4_mapped) or found
