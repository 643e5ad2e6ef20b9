"""Reading back what became of a suggestion.

What the answer to `GET /suggestions/{sellerId}/{sellerSkuId}` looks like is published nowhere: names are read in any
case and spelling, and what is not understood is UNKNOWN. Nothing here ever fails.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from .sku import SuggestionStatus

_STATUSES = {
    "pending": SuggestionStatus.PENDING,
    "waitingreview": SuggestionStatus.PENDING,
    "inreview": SuggestionStatus.PENDING,
    "accepted": SuggestionStatus.ACCEPTED,
    "approved": SuggestionStatus.ACCEPTED,
    "denied": SuggestionStatus.DENIED,
    "rejected": SuggestionStatus.DENIED,
    "disapproved": SuggestionStatus.DENIED,
    "blocked": SuggestionStatus.BLOCKED,
    "expired": SuggestionStatus.EXPIRED,
}
_STATUS_KEYS = ("status", "suggestionstatus")
_REASON_ENDINGS = ("reason", "reasons", "justification", "comment", "message")
_WRAPPERS = ("data", "suggestion", "result")
_MAX_REASON_LENGTH = 300


def read_suggestion_status(body: object) -> SuggestionStatus:
    """Return what the answer says of the suggestion, of its latest version if there are several.

    Args:
        body: a JSON value, or None for an answer without one.
    """
    for part in _parts(body):
        for key, value in part.items():
            if _letters(key) in _STATUS_KEYS and isinstance(value, str):
                return _STATUSES.get(_letters(value), SuggestionStatus.UNKNOWN)
    return SuggestionStatus.UNKNOWN


def read_suggestion_reason(body: object) -> str:
    """Return why the suggestion was turned down, in the marketplace's words on one line; often nothing."""
    for part in _parts(body):
        for key, value in part.items():
            words = " ".join(filter(_is_text, value)) if isinstance(value, list) else value
            if _letters(key).endswith(_REASON_ENDINGS) and isinstance(words, str) and words.strip():
                return _one_line(words)
    return ""


def _parts(body: object) -> Iterator[Mapping[Any, Any]]:
    """Yield the objects that may say it: the answer itself, then what it may be wrapped in."""
    if isinstance(body, list):
        versions = [version for version in body if isinstance(version, Mapping)]
        latest = [
            version for version in versions if any(_letters(key) == "islatest" and version[key] for key in version)
        ]
        body = next(reversed(latest or versions), None)
    if isinstance(body, Mapping):
        yield body
        yield from (value for key, value in body.items() if _letters(key) in _WRAPPERS and isinstance(value, Mapping))


def _letters(text: object) -> str:
    return "".join(filter(str.isalpha, str(text).lower()))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _one_line(words: str) -> str:
    """Keep what cannot move a terminal's cursor, and no more than a line of it."""
    printable = "".join(letter if letter.isprintable() else " " for letter in words[: 4 * _MAX_REASON_LENGTH])
    return " ".join(printable.split())[:_MAX_REASON_LENGTH]
