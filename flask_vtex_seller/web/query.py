"""What the protocol says in a call's query: the token and the sales channel."""

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl

_MAX_CHANNEL_LENGTH = 64


class Query(NamedTuple):
    """What was found."""

    tokens: tuple[str, ...]
    """Each `token`, in their order."""
    sales_channel: str | None
    """The first `sc` that says something: marketplaces repeat it and send it empty."""

    def __repr__(self) -> str:
        return f"Query(tokens=…, sales_channel={self.sales_channel!r})"


@lru_cache(maxsize=64)
def read_query(query: bytes) -> Query:
    """Read the query of a call; a marketplace sends the same one with every call, and so it is read once.

    Args:
        query: as it stands in the address.
    """
    pairs = parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=True)
    channels = (value.replace("\0", "").strip()[:_MAX_CHANNEL_LENGTH] for name, value in pairs if name == "sc")
    return Query(
        tokens=tuple(value for name, value in pairs if name == "token"),
        sales_channel=next(filter(None, channels), None),
    )
