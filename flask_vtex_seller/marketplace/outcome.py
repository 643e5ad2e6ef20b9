"""What became of one call to a marketplace."""

import re
from collections.abc import Mapping
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any

import orjson
import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from ..values import value_class
from .operations import Meaning, Operation
from .refusals import SuggestionError

_EXCERPT_LENGTH = 2000
_NO_JSON = object()
_ALREADY_CANCELED = re.compile(r"\balready\s+(been\s+)?cancell?ed\b", re.IGNORECASE)
_NOT_CANCELABLE = (
    "the marketplace does not cancel the order: one that is invoiced, even in part, it never does; "
    "discard this message, then return what is invoiced"
)
_RETRIED = frozenset({408, 425, 429})
_WITHOUT_ADVICE = timedelta(seconds=60)
"""What a 429 without Retry-After asks for. Source: VTEX developer portal, orders feed: stop and wait a minute."""
_UNSENT = (requests.ConnectTimeout, requests.exceptions.SSLError, ConnectTimeoutError, NewConnectionError)
_LIMIT_RESETS = ("ratelimit-reset", "x-ratelimit-reset")


class Verdict(Enum):
    """Whether a message is done with."""

    DELIVERED = "delivered"
    RETRY = "retry"
    REFUSED = "refused"


class Certainty(Enum):
    """What is known of a call: the one table of how calls end."""

    ANSWERED = "answered"
    NOT_TRIED = "not tried"
    """It was not even begun: a mistake on this side."""
    NOT_SENT = "not sent"
    """No connection: the marketplace has not seen it."""
    UNKNOWN = "outcome unknown"
    """It may have been carried out: it was sent, at least in part, and no whole answer came back."""


class HostHealth(Enum):
    """What an attempt says about the host that was called."""

    WORKS = "works"
    """It answered for itself, if only with a no."""
    BUSY = "busy"
    """It wants to be left alone."""
    FAILED = "failed"
    """It did not answer, or with trouble of its own."""
    UNKNOWN = "unknown"
    """It was not called."""


@value_class(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one attempt."""

    verdict: Verdict
    reason: str
    """One line for people: the status or the trouble, and what to do about it."""
    status: int | None = None
    """None if no answer came."""
    meaning: Meaning = Meaning.DONE
    excerpt: str = field(default="", repr=False)
    """The beginning of the answer's body, which may repeat what was sent."""
    answer: Any | None = field(default=None, repr=False)
    """The body of a success as a JSON value, where the operation keeps it and it is one."""
    error: SuggestionError | None = None
    """The numbered error that a refused suggestion names."""
    retry_after: timedelta | None = None
    """The marketplace's own wish."""
    certainty: Certainty = Certainty.ANSWERED

    @property
    def host(self) -> HostHealth:
        """Tell what this says about the host."""
        if self.certainty in (Certainty.NOT_SENT, Certainty.UNKNOWN):
            return HostHealth.FAILED
        if self.status is None:
            return HostHealth.UNKNOWN
        if self.status == 429:
            return HostHealth.BUSY
        return HostHealth.FAILED if self.status >= 500 else HostHealth.WORKS


def of_answer(operation: Operation, status: int, headers: Mapping[str, str], text: str, *, now: datetime) -> Outcome:
    """Judge an answer.

    2xx and the operation's own endings are done; 429, 5xx and a few kin are tried again; a redirect is refused, for
    following it would hand the application key to whoever it points at; so is every other 4xx. A 400 may say more.

    Args:
        text: the beginning of the body.
    """
    if 200 <= status < 300:
        judged = _success(operation, status, text)
    elif status == 400 and operation.says_already_done and _is_already_canceled(text):
        judged = _ending(400, Meaning.ALREADY_DONE)
    elif status in operation.endings and not _is_page(text):
        judged = _ending(status, operation.endings[status])
    elif status == 400 and (found := _bad_request(operation, text)) is not None:
        judged = found
    elif status in _RETRIED or status >= 500:
        wait = retry_after(headers, now=now)
        wait = _WITHOUT_ADVICE if wait is None and status == 429 else wait
        judged = Outcome(verdict=Verdict.RETRY, reason=str(status), retry_after=wait)
    else:
        judged = Outcome(verdict=Verdict.REFUSED, reason=_refusal(operation, status, text))
    return replace(judged, status=status, excerpt=text[:_EXCERPT_LENGTH].replace("\0", ""))


def _success(operation: Operation, status: int, text: str) -> Outcome:
    if operation.answers_json and not _is_json(text):
        return Outcome(verdict=Verdict.RETRY, reason=f"{status}, but the answer is not JSON: outcome unknown")
    if _is_page(text):
        return Outcome(verdict=Verdict.RETRY, reason=f"{status}, but with a web page: outcome unknown")
    answer = _json(text) if operation.keeps_answer else None
    return Outcome(verdict=Verdict.DELIVERED, reason=str(status), answer=answer)


def _ending(status: int, meaning: Meaning) -> Outcome:
    return Outcome(verdict=Verdict.DELIVERED, reason=f"{status}: {meaning.value}", meaning=meaning)


def _bad_request(operation: Operation, text: str) -> Outcome | None:
    """Judge a 400 that says more than that; None if this one does not."""
    if _is_page(text):
        return None
    if operation.says_already_done:
        reason = f"400: {_NOT_CANCELABLE}"
        return Outcome(verdict=Verdict.REFUSED, reason=reason, meaning=Meaning.NOT_CANCELABLE)
    error = SuggestionError.read(text) if operation.numbers_errors else None
    if error is None:
        return None
    verdict = Verdict.DELIVERED if error.is_an_end else Verdict.RETRY if error.is_passing else Verdict.REFUSED
    return Outcome(verdict=verdict, reason=f"400: {error.words}", meaning=error.meaning, error=error)


def unsendable(error: Exception) -> Outcome:
    """Judge a call that could not even be written down, such as one whose key no header can carry."""
    reason = f"cannot be sent: {type(error).__name__}"
    return Outcome(verdict=Verdict.REFUSED, reason=reason, certainty=Certainty.NOT_TRIED)


def unreachable(error: Exception) -> Outcome:
    """Judge a call for which no address was found: it is tried again."""
    return Outcome(verdict=Verdict.RETRY, reason=f"not sent: {type(error).__name__}", certainty=Certainty.NOT_SENT)


def of_trouble(error: Exception) -> Outcome:
    """Judge a call without a whole answer: it is tried again."""
    certainty = Certainty.NOT_SENT if _is_unsent(error) else Certainty.UNKNOWN
    return Outcome(verdict=Verdict.RETRY, reason=f"{certainty.value}: {type(error).__name__}", certainty=certainty)


def _is_unsent(error: BaseException) -> bool:
    """Tell whether no connection came about, so that nothing can have been sent.

    requests wraps what urllib3 says once or twice: a refused connection and a broken one are both a ConnectionError.
    """
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop()
        if isinstance(cause, _UNSENT):
            return True
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            waiting += [*cause.args, getattr(cause, "reason", None)]
    return False


def retry_after(headers: Mapping[str, str], *, now: datetime) -> timedelta | None:
    """Return how long the marketplace wants to be left alone; headers in either documented spelling, any case.

    Retry-After is a number of seconds or an HTTP date.
    """
    lowered = {name.lower(): value.strip() for name, value in headers.items()}
    for name in ("retry-after", *_LIMIT_RESETS):
        value = lowered.get(name, "")
        if value.isascii() and value.isdigit() and len(value) <= 6:
            return timedelta(seconds=int(value))
        if name == "retry-after" and value:
            try:
                moment = parsedate_to_datetime(value)
                aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
                return max(aware - now, timedelta(0))
            except (TypeError, ValueError, OverflowError):
                continue
    return None


def _refusal(operation: Operation, status: int, text: str) -> str:
    if status == 401:
        return "401: the marketplace does not accept app_key and app_token"
    if status == 403:
        return f"403: the application key lacks the permission {operation.permission}"
    if 300 <= status < 400:
        return f"{status}: a redirect, which is not followed; check base_url and suggestions_url"
    if _is_page(text):
        return f"{status} with a web page: check base_url and suggestions_url"
    return str(status)


def _is_json(text: str) -> bool:
    return _json(text, default=_NO_JSON) is not _NO_JSON


def _json(text: str, *, default: object = None) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return default


def _is_page(text: str) -> bool:
    return text.lstrip()[:1] == "<"


def _is_already_canceled(text: str) -> bool:
    return _ALREADY_CANCELED.search(text) is not None
