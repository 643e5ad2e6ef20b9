"""Answers in the protocol's error contract, for everything that goes wrong under our prefix.

Source: VTEX help center, integration guide for a non-VTEX seller with payment: the `error` object and the headers
`x-vtex-error-code` and `x-vtex-error-message`.
"""

import logging
from urllib.parse import quote

import orjson
from flask import Response, current_app, got_request_exception, request
from marshmallow import RAISE, fields
from werkzeug.exceptions import HTTPException

from ..database import is_transient
from ..errors import ConfigurationError, HookFailed, MethodNotAllowed, Refusal, TemporarilyUnavailable
from ..hook import places
from ..schema_loader import Text, WireSchema

_log = logging.getLogger(__name__)
_MAX_HEADER_LENGTH = 300
UNEXPECTED = "ORD008"


class ErrorSchema(WireSchema):
    """What went wrong, without a shopper's data."""

    code = Text(required=True)
    message = Text(required=True)
    exception = fields.Raw(required=True, allow_none=True, metadata={"enum": [None], "description": "Always null."})


class ProblemSchema(WireSchema):
    """Every answer that is not 200; the tests hold them against it."""

    class Meta:
        """What we write, we know."""

        unknown = RAISE

    error = fields.Nested(ErrorSchema, required=True)


def handle(error: Exception) -> Response:
    """Answer `error`: a refusal with what it says, anything else without a word of its own."""
    if isinstance(error, Refusal):
        return _refuse(error)
    if is_transient(error):
        return _refuse(TemporarilyUnavailable("the shop's database is busy; repeat the call"))
    if isinstance(error, HTTPException):
        return problem(error.code or 500, f"HTTP_{error.code}", error.name)
    _report(error)
    return problem(500, UNEXPECTED, "the shop could not process the call")


def _refuse(refusal: Refusal) -> Response:
    response = problem(refusal.status, refusal.code, refusal.message)
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(refusal.retry_after)
    if isinstance(refusal, MethodNotAllowed):
        response.headers["Allow"] = "POST"
    told = {"code": refusal.code, "status": refusal.status, **_call(refusal)}
    _log.info("refused a call: %s %s", refusal.status, refusal.code, extra=told)
    return response


def problem(status: int, code: str, message: str) -> Response:
    """Return an error answer; the headers repeat it percent-encoded, as clients decode them."""
    body = {"error": {"code": code, "message": message, "exception": None}}
    response = json_response(body, status)
    response.headers["x-vtex-error-code"] = quote(code)
    response.headers["x-vtex-error-message"] = quote(message[:_MAX_HEADER_LENGTH], safe=" ,;:.()[]'!/_-")
    return response


def nothing() -> Response:
    """Return an answer without a body that no cache keeps."""
    return Response(status=200, headers={"Cache-Control": "no-store"}, mimetype="application/json")


def json_response(body: object, status: int = 200) -> Response:
    """Return `body` as JSON that no cache keeps."""
    response = Response(orjson.dumps(body), status, mimetype="application/json")
    response.headers.add("Cache-Control", "no-store")
    return response


def _report(error: Exception) -> None:
    """Log `error` and tell the shop's own error tracker.

    The log gets the places of the code but not the exception's words, which only a debug mode may show.
    """
    cause = error.__cause__ if isinstance(error, HookFailed) and error.__cause__ else error
    own_words = str(error) if isinstance(error, HookFailed | ConfigurationError) else type(error).__name__
    _log.error(
        "%s\n%s",
        own_words,
        places(cause),
        exc_info=cause if current_app.debug else None,
        extra=_call(error),
    )
    got_request_exception.send(current_app._get_current_object(), exception=cause)  # type: ignore[attr-defined]


def _call(error: Exception) -> dict[str, object]:
    arguments = request.view_args or {}
    operation_id = "".join(filter(str.isprintable, request.headers.get("x-vtex-operation-id", "")[:64]))
    return {
        "marketplace": arguments.get("marketplace"),
        "order_id": arguments.get("order_id"),
        "marketplace_order_ids": getattr(error, "order_ids", ()),
        "operation_id": operation_id or None,
    }
