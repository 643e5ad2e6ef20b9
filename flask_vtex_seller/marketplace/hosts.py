"""Who may be called at the address that came with an order.

`marketplaceServicesEndpoint` stands in the body of a placement, and a call to it carries the application key: whoever
forges an order would be handed the key. So nothing of the address is used that is not checked here, and what is used is
put together anew.
"""

import re
import socket
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import parse_qsl, urlsplit

from ..config import Marketplace
from ..errors import VtexSellerError

Resolver = Callable[[str], Iterable[str]]
"""Returns the IP addresses of a host; raises OSError if there are none."""

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?")
_QUERY = re.compile(r"[A-Za-z0-9._~=&-]*")
_MAX_LENGTH = 2000
_NAT64 = IPv6Address("64:ff9b::")
_PORTS = {"https": 443, "http": 80}


class UntrustedEndpoint(VtexSellerError):
    """An order's `marketplaceServicesEndpoint` is none that credentials may be sent to.

    Args:
        reason: without the address itself, which anybody may have written.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the order's marketplaceServicesEndpoint {reason}")


def resolve(host: str) -> list[str]:
    """Ask the machine's resolver for the IP addresses of `host`."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, 443, proto=socket.IPPROTO_TCP)]


def services_url(endpoint: str, path: str, marketplace: Marketplace, resolver: Resolver) -> str:
    """Return the address of `path` below an order's `marketplaceServicesEndpoint`: https, its query kept at the end.

    A redirect or a rebound name could still lead elsewhere: the client follows no redirect, and TLS proves the name
    before anything of the call is said.

    Args:
        path: with its leading slash, and perhaps a query of its own.

    Raises:
        UntrustedEndpoint: see there.
        OSError: the host has no address at present.

    Source: external-seller-marketplace OpenAPI, server; order placement, `marketplaceServicesEndpoint`: a whole address
    with its query.
    """
    # urlsplit drops tabs and line breaks, and tolerates much else
    if len(endpoint) > _MAX_LENGTH or not endpoint.isprintable() or re.search(r"[\s\\@#%]", endpoint):
        raise UntrustedEndpoint("holds characters that no address of a marketplace has")
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:
        raise UntrustedEndpoint("is no address") from None
    if not _PATH.fullmatch(parts.path) or not _QUERY.fullmatch(parts.query):
        raise UntrustedEndpoint("has a path or a query that no marketplace has")
    accounts = [value.lower() for name, value in parse_qsl(parts.query, True) if name.lower() == "an"]
    if any(account != marketplace.account.lower() for account in accounts):
        raise UntrustedEndpoint("names another account")
    origin = _own_origin(parts.scheme, parts.netloc, marketplace, bool(accounts))
    if origin is None:
        if parts.scheme not in _PORTS or port not in (None, 443, _PORTS[parts.scheme]):
            raise UntrustedEndpoint("is no https address of the usual port")
        origin = f"https://{_trusted(parts.hostname or '', marketplace, bool(accounts), resolver)}"
    own_path, _, own_query = path.partition("?")
    query = "&".join(filter(None, (parts.query, own_query)))
    return f"{origin}{parts.path.rstrip('/')}{own_path}{query and '?'}{query}"


def _own_origin(scheme: str, netloc: str, marketplace: Marketplace, names_account: bool) -> str | None:
    """Return the sandbox's own address: a local marketplace sits behind `base_url` and nowhere else."""
    own = urlsplit(marketplace.base_url)
    is_own = marketplace.local and names_account and (scheme, netloc) == (own.scheme, own.netloc)
    return f"{scheme}://{netloc}" if is_own else None


def _trusted(hostname: str, marketplace: Marketplace, names_account: bool, resolver: Resolver) -> str:
    """Return the host in ASCII if it is one of the marketplace's."""
    host = _ascii(hostname)
    if not any(_is_account_host(host, entry, marketplace, names_account) for entry in marketplace.services_hosts):
        raise UntrustedEndpoint("leads to no host of the marketplace's account")
    addresses = list(resolver(host))
    if not addresses:
        raise OSError("no address")
    if not all(map(_is_public, addresses)):
        raise UntrustedEndpoint("leads into a network that is not public")
    return host


def _ascii(hostname: str) -> str:
    try:
        host = hostname.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise UntrustedEndpoint("has no name of a host") from None
    if not all(map(_LABEL.fullmatch, host.split("."))):
        raise UntrustedEndpoint("has no name of a host")
    return host


def _is_account_host(host: str, entry: str, marketplace: Marketplace, names_account: bool) -> bool:
    if entry.startswith("."):
        # Below myvtex.com every account runs code of its own: `an` in the query must not speak for another's label.
        return host == f"{marketplace.account.lower()}{entry}"
    return host == entry and names_account


def _is_public(address: str) -> bool:
    found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        if int(found) >> 32 == int(_NAT64) >> 32:
            found = IPv4Address(int(found) & 0xFFFFFFFF)
        else:
            found = found.ipv4_mapped or found.sixtofour or found
    return found.is_global and not found.is_multicast
