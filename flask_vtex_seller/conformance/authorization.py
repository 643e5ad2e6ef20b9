"""Checks in the making."""

from .conversation import Conversation, NotApplicable


def canceled_order(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def payment_data(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def receipt(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def repeat(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def two_orders(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def unknown_order(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")
