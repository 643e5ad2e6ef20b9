"""Checks in the making."""

from .conversation import Conversation, NotApplicable


def confirmed(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def evaluating(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def old_form(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def repeat(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def seven_decimals(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def stock_returns_once(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")
