"""The address of a running shop, as people write it on the command line."""

from urllib.parse import urlsplit

import click


def address(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Read scheme, host and path of a shop; drop query, fragment and trailing slash."""
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and " " not in parts.netloc
    except ValueError:
        usable = False
    if not usable or parts.username is not None:
        raise click.BadParameter("an address begins with https:// and names a host, but no user")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
