"""How a shop says no: the protocol's error contract.

Source: VTEX help center, integration guide for a non-VTEX seller with payment: the `error` object and two headers.
"""

from collections.abc import Collection
from urllib.parse import unquote

from .cart import text
from .conversation import Reply

CODE, MESSAGE = "x-vtex-error-code", "x-vtex-error-message"


def require_refused(
    reply: Reply, what: str, *, statuses: Collection[int] = range(400, 500), code: str | None = None
) -> None:
    """Go on if the answer is an error with a code and a message in its body.

    Args:
        what: names the call, for whoever reads that it was not refused.
        code: the one that it must have; None for any.

    Raises:
        Failed: otherwise.
    """
    wanted = "a 4xx status" if isinstance(statuses, range) else " or ".join(map(str, statuses))
    reply.require(reply.status in statuses, f"{what} is refused with {wanted}, not answered with {reply.status}")
    error = reply.json.get("error") if isinstance(reply.json, dict) else None
    error = error if isinstance(error, dict) else {}
    said = text(error.get("code")) and text(error.get("message"))
    reply.require(said, f"{what} is refused with JSON: an `error` with `code` and `message`")
    reply.require(code in (None, error["code"]), f"{what} is refused with the code {code}, not {error['code']}")


def require_error_headers(reply: Reply, code: str) -> None:
    """Go on if the two headers repeat the error, in ASCII and percent-encoded.

    Raises:
        Failed: otherwise.
    """
    headers = reply.answer.headers
    reply.require(headers.get(CODE) == code, f"the header `{CODE}` repeats the code {code}")
    message = headers.get(MESSAGE, "")
    reply.require(message.strip(), f"the header `{MESSAGE}` repeats the message")
    encoded = message.isascii() and "�" not in unquote(message)
    reply.require(encoded, f"the header `{MESSAGE}` is ASCII, anything else percent-encoded")
