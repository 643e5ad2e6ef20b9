"""Checks in the making."""

from .conversation import Conversation, NotApplicable


def no_token_repeated(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def odd_queries(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def second_token(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def tokens(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")
