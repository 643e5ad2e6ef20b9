"""Prices as whole cents, and how people write them in Brazil."""

import re

_WRITTEN = re.compile(r"(?P<whole>[0-9]{1,7})(?:[.,](?P<cents>[0-9]{2}))?")


def brl(cents: int) -> str:
    """Write an amount the way Brazilians read it.

    >>> brl(123456)
    'R$ 1.234,56'
    """
    return f"R$ {plain(cents)}"


def plain(cents: int) -> str:
    """Write an amount without the currency's sign."""
    whole, rest = divmod(cents, 100)
    return f"{whole:,}".replace(",", ".") + f",{rest:02d}"


def parse_cents(text: str) -> int:
    """Read `19,90`, `19.90`, `R$ 1.234,56` or `19` as cents.

    Raises:
        ValueError: the text is no such amount.
    """
    bare = text.strip().removeprefix("R$").strip()
    if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{3})+(,[0-9]{2})?", bare):
        bare = bare.replace(".", "")
    match = _WRITTEN.fullmatch(bare)
    if match is None:
        raise ValueError("not an amount of money")
    return int(match["whole"]) * 100 + int(match["cents"] or 0)
