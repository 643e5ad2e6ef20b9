"""What the protocol says in a call's query: tokens, the sales channel and, by GET, a cart."""

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl

MAX_TOKENS = 8
"""How many texts that may be a token are looked at."""
_MAX_CHANNEL_LENGTH = 64
CART = "purchaseContext"
"""A simulation by GET has its cart there."""
_CART = CART.encode()
_MAX_REMEMBERED_LENGTH = 512
"""Bytes of a query."""


@dataclass(slots=True, eq=False, repr=False)
class Query:
    """What was found."""

    tokens: tuple[str, ...]
    """The first few `token`, in their order."""
    sales_channel: str | None
    """The first `sc` that says something: marketplaces repeat it and send it empty."""


def read_query(query: bytes) -> Query:
    """Read the query of a call; a marketplace sends the same one with every call, and so it is read once.

    Args:
        query: as it stands in the address.
    """
    # A cart is a shopper's, and another one each time. Of an encoded query it is not seen at once whether it holds one.
    is_remembered = len(query) <= _MAX_REMEMBERED_LENGTH and _CART not in query and b"%" not in query
    return _remembered(query) if is_remembered else _read(query)


def find(query: bytes, name: str) -> str:
    """Return a query's first value of a name; empty if there is none."""
    return next((value for found, value in _pairs(query) if found == name), "")


def _read(query: bytes) -> Query:
    pairs = _pairs(query)
    channels = (value.replace("\0", "").strip()[:_MAX_CHANNEL_LENGTH] for name, value in pairs if name == "sc")
    return Query(
        tokens=tuple(value for name, value in pairs if name == "token")[:MAX_TOKENS],
        sales_channel=next(filter(None, channels), None),
    )


_remembered = lru_cache(maxsize=64)(_read)


def _pairs(query: bytes) -> list[tuple[str, str]]:
    return parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=True)
