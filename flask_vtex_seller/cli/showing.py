"""How a value looks on a line of its own."""

from ..orders.order import OrderState


def shown(value: object) -> str:
    """Return the words for `value`; `-` where there is none."""
    if isinstance(value, OrderState):
        return value.value
    return "-" if value is None or value == "" else str(getattr(value, "value", value))


def printable(text: str) -> str:
    """Return one line that moves no terminal's cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
