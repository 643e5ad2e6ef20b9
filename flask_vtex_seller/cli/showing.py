"""How a value looks on a line of its own."""

from flask import current_app

from ..conformance.endpoint import mask
from ..errors import VtexSellerError
from ..hook import places
from ..orders.order import OrderState
from ..state import current_state

SEE_WORDS = "FLASK_DEBUG=1 shows the exception's own words, which may quote a shopper's data"


def shown(value: object) -> str:
    """Return the words for `value`; `-` where there is none."""
    if isinstance(value, OrderState):
        return value.value
    return "-" if value is None or value == "" else str(getattr(value, "value", value))


def printable(text: str) -> str:
    """Return one line that moves no terminal's cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def masked(text: str) -> str:
    """Return lines that hold no configured token and move no terminal's cursor."""
    marketplaces = current_state().settings.marketplaces.values()
    secrets = {token.reveal() for found in marketplaces for token in (*found.inbound_tokens, found.app_token)}
    return "\n".join(map(printable, mask(text, secrets).split("\n")))


def explained(error: Exception, otherwise: str) -> str:
    """Return what an error says; of a function of the shop's also where it failed, and in debug mode its own words.

    Args:
        otherwise: what is said of an error that is none of ours.
    """
    if not isinstance(error, VtexSellerError):
        return otherwise
    if error.__cause__ is None:
        return masked(str(error))
    cause = error.__cause__
    own_words = f"{type(cause).__name__}: {cause}" if current_app.debug else SEE_WORDS
    return masked(f"{error}\n{places(cause)}{own_words}")
