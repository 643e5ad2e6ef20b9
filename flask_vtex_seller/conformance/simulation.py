"""Checks in the making."""

from .conversation import Conversation, NotApplicable


def coordinates(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def delivery_options(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def delivery_windows(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def every_line(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def in_time(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def lenient_cart(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def limited_by_stock(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def logistics_in_order(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def malformed_cart(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def merchant_name(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def no_address(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def nothing_available(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def offerings(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def out_of_reach(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def pickup_points(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def price_and_stock(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def sales_channel(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def same_prices(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def shared_stock(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def too_much(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def unknown_sku(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def whole_cents(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")


def zero_means_zero(talk: Conversation) -> None:
    """Judge nothing yet."""
    raise NotApplicable("not judged yet")
