"""Checks in the making."""

from .conversation import Conversation, NotApplicable


def all_or_nothing(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def conflict(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def echo(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def failing_shop(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def masked_shopper(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def no_items(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def no_stock(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def only_reserved(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def payment(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def refusals(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def repeat(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def same_container(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def unknown_fields(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")
