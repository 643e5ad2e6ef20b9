"""Money as the protocol writes it: whole cents."""

from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation

Cents = int
"""An amount in the currency's hundredth part; always a plain `int`."""

MAX_INTEGER = 2**31 - 1
"""The largest amount or count that both ends and every database can hold."""
_CENT = Decimal("0.01")
# Not the shop's own context: its precision and traps are none of ours.
_CONTEXT = Context(prec=28, rounding=ROUND_HALF_UP, traps=[InvalidOperation])


def cents(amount: Decimal | str | int) -> Cents:
    """Return `amount`, given in whole currency units, as cents, rounded half up.

    >>> cents("19.99"), cents(20)
    (1999, 2000)

    Raises:
        TypeError: `amount` is a float (19.99 as a float is not 19.99) or a bool.
        ValueError: `amount` is no finite number.
    """
    if isinstance(amount, bool) or not isinstance(amount, Decimal | str | int):
        raise TypeError(f"money is a Decimal, a str or an int, not a {type(amount).__name__}")
    try:
        return int(_CONTEXT.quantize(Decimal(amount), _CENT).scaleb(2, _CONTEXT))
    except (InvalidOperation, ValueError):
        raise ValueError(f"not an amount of money: {amount!r}") from None


def require_cents(name: str, amount: object) -> None:
    """Refuse anything but cents; typing alone protects no untyped shop.

    Raises: as `require_count`.
    """
    require_count(name, amount, unit="cents")


def require_count(name: str, number: object, *, unit: str = "units") -> None:
    """Refuse anything but a non-negative `int` of 32 bits.

    Raises:
        TypeError: not an `int` (a bool is none, a float or Decimal neither).
        ValueError: negative or too large.
    """
    if type(number) is not int:
        raise TypeError(f"{name} must be an int ({unit}), not {type(number).__name__}")
    if number < 0:
        raise ValueError(f"{name} must not be negative, got {number}")
    if number > MAX_INTEGER:
        raise ValueError(f"{name} must be at most {MAX_INTEGER}, got {number}")
