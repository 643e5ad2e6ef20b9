"""Dates as they are seen on the wire."""

from datetime import datetime


def is_moment(value: object) -> bool:
    """Tell whether a text is a date and time: ISO 8601, or with a space in the middle."""
    if not isinstance(value, str) or len(value) < len("2026-01-01T00:00"):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
