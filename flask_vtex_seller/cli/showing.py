"""How a value looks on a line of its own."""

from flask import current_app

from ..errors import HookFailed, VtexSellerError
from ..hook import places
from ..orders.order import OrderState

SEE_WORDS = "FLASK_DEBUG=1 shows the exception's own words, which may quote a shopper's data"


def shown(value: object) -> str:
    """Return the words for `value`; `-` where there is none."""
    if isinstance(value, OrderState):
        return value.value
    return "-" if value is None or value == "" else str(getattr(value, "value", value))


def printable(text: str) -> str:
    """Return one line that moves no terminal's cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def explained(error: Exception, otherwise: str = "") -> str:
    """Return what an error says; for a function of the shop's also where it failed.

    Args:
        otherwise: what is said of an error that is none of ours.
    """
    if not isinstance(error, VtexSellerError):
        return otherwise
    cause = error.__cause__
    if not isinstance(error, HookFailed) or cause is None:
        return str(error)
    own = f"{type(cause).__name__}: {cause}" if current_app.debug else SEE_WORDS
    return f"{error}\n{places(cause)}{own}"
