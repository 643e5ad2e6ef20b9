"""A filter that keeps people and credentials out of the shop's logs.

The package's own records hold neither. This is for the others: an access log with the query of each call, a function of
the shop that logs what it was handed, a traceback that quotes it.
"""

import logging
import re
import traceback
from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from .hook import places

GONE = "…"
_PERSONAL = (
    *("email", "firstname", "lastname", "document", "phone", "corporatename", "tradename", "corporatedocument"),
    *("stateinscription", "corporatephone", "receivername", "postalcode", "city", "street", "number", "neighborhood"),
    *("complement", "reference", "geocoordinates", "embeddedinvoice", "embedded", "invoiceurl", "trackingnumber"),
    *("trackingurl", "opentextfield"),
)
_SECRET = ("token", "apptoken", "xvtexapiapptoken", "password", "secret", "authorization", "cookie", "setcookie")
_KEYS = frozenset((*_PERSONAL, *_SECRET))
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_MAX_DEPTH = 8
_TELLING_NOTHING = (bool, int, float, Decimal, Enum, UUID, date, time, timedelta)
"""Values that a formatter may write as they are."""


def _spellings(keys: Iterable[str]) -> str:
    """Return a pattern for keys in any spelling: `firstName`, `first_name`, `FIRST-NAME`."""
    return "|".join("[_-]?".join(key) for key in sorted(keys, key=len, reverse=True))


_QUOTED = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*\'"""
_SHAPES = r"""
    (?<![\w.+-])[\w.+-]++(?:@|%40)[\w-]+(?:\.[\w-]+)+     # an e-mail address, in one go: long words take minutes else
    | (?<!\d)\d{3}\.\d{3}\.\d{3}-\d{2}(?!\d)                # a CPF
    | \b[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-\d{2}(?!\d)  # a CNPJ
    | (?:\+|%2B)\d[\d\ ().-]{8,18}\d                        # a phone number
    | \(\d{2}\)\ ?\d{4,5}-\d{4}(?!\d)                       # a Brazilian one
    | (?<![\d-])\d{5}-\d{3}(?![\d-])                        # a CEP
"""
_DOCUMENTS = r"(?<!\d)(?:\d{11}|\d{14})(?!\d)"


class _Patterns(NamedTuple):
    """What is looked for; made with the first filter, for to make it is work and few processes need it."""

    named: tuple[re.Pattern[str], ...]
    """Values behind a key: of a header, of JSON inside a string, of JSON or a Python repr or a query."""
    shapes: re.Pattern[str]
    documents: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    keys, secrets = _spellings(_KEYS), _spellings(_SECRET)
    value = rf"""(?:{_QUOTED}|\[[^\]]{{0,4000}}\]|[^\s&,;"'(){{}}\[\]]+)"""
    nested = r"""(?P<quote>\\+["'])\s*:\s*)(?:(?P=quote).*?(?P=quote)|\[[^\]]{0,4000}\]|[^\s,\\}\]]+)"""
    return _Patterns(
        named=(
            re.compile(rf"(?P<key>\b(?:{secrets}):[ \t]*)[^\r\n]+", re.IGNORECASE),
            re.compile(rf"(?P<key>\b(?:{keys}){nested}", re.IGNORECASE | re.DOTALL),
            re.compile(rf"""(?P<key>\b(?:{keys})(?:["']\s*:|=)\s*){value}""", re.IGNORECASE),
        ),
        shapes=re.compile(_SHAPES, re.VERBOSE),
        documents=re.compile(_DOCUMENTS),
    )


class RedactingFilter(logging.Filter):
    """Takes what tells of people, and credentials, out of log records; lets every record pass.

    Put it on handlers of the shop: `handler.addFilter(RedactingFilter())`. It changes the record itself, so handlers
    behind it see the same. It knows the protocol's fields by their names, in JSON, in a `repr` and in a query; and by
    their shape e-mail addresses, CPF, CNPJ, phone numbers and postal codes. A name in free text it cannot know.

    Args:
        secrets: texts that are taken out wherever they stand, such as the tokens of the configuration.
        exception_words: keep what exceptions say, redacted like everything else; without them a traceback has its
            lines and the exceptions' types, for a message may quote anything.
    """

    def __init__(self, *, secrets: Iterable[str] = (), exception_words: bool = False) -> None:
        super().__init__()
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)
        self._exception_words = exception_words
        self._patterns = _patterns()

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact `record`; never raises, as a log must not."""
        if isinstance(record.msg, Mapping) and not record.args:
            record.msg = self._cleaned_or_gone(record.msg)
        else:
            record.msg, record.args = self.redact(_message(record)), None
        if record.exc_info:
            error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
            record.exc_text, record.exc_info = self.redact(self._traceback(error)), None
        elif record.exc_text:
            record.exc_text = self.redact(record.exc_text)
        if record.stack_info:
            record.stack_info = self.redact(record.stack_info)
        for name, value in list(vars(record).items()):
            if name not in _STANDARD:
                setattr(record, name, self._cleaned_or_gone(value, name))
        return True

    def redact(self, text: str) -> str:
        """Return `text` without what this filter knows."""
        for secret in self._secrets:
            text = text.replace(secret, GONE)
        for pattern in self._patterns.named:
            text = pattern.sub(rf"\g<key>{GONE}", text)
        return self._patterns.documents.sub(_document, self._patterns.shapes.sub(GONE, text))

    def _cleaned_or_gone(self, value: Any, key: object = None) -> Any:
        try:
            return self._cleaned(value, key)
        except Exception:
            # An object of the shop's that cannot even be looked at.
            return GONE

    def _cleaned(self, value: Any, key: object = None, depth: int = 0) -> Any:
        if isinstance(key, str) and key.lower().replace("_", "").replace("-", "") in _KEYS and value is not None:
            return GONE
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, bytes):
            return self.redact(value.decode("utf-8", "replace"))
        if depth == _MAX_DEPTH and isinstance(value, Mapping | list | tuple | set):
            return GONE
        if isinstance(value, Mapping):
            return {name: self._cleaned(inner, name, depth + 1) for name, inner in value.items()}
        if type(value) in (list, tuple, set, frozenset):
            return type(value)(self._cleaned(inner, None, depth + 1) for inner in value)
        if isinstance(value, BaseException) and not self._exception_words:
            return type(value).__name__
        return value if value is None or isinstance(value, _TELLING_NOTHING) else self.redact(str(value))

    def _traceback(self, error: BaseException | None) -> str:
        if error is None:
            return ""
        if self._exception_words:
            return "".join(traceback.format_exception(error)).rstrip()
        parts, seen = list[str](), set[int]()
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            parts.append(f"{places(error)}{type(error).__name__}")
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n\n".join(reversed(parts))


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:
        # What logging itself reports would be the record as it came.
        return f"a record of {record.name} that cannot be formatted"


def _document(found: re.Match[str]) -> str:
    """Return what stands for eleven or fourteen digits: nothing is shown of a CPF or CNPJ, other numbers stay."""
    digits = [int(digit) for digit in found[0]]
    for length in (len(digits) - 2, len(digits) - 1):
        weights = [2 + place % (8 if len(digits) == 14 else 10) for place in range(length)]
        rest = sum(digit * weight for digit, weight in zip(reversed(digits[:length]), weights, strict=True)) % 11
        if digits[length] != (0 if rest < 2 else 11 - rest):
            return found[0]
    return GONE
