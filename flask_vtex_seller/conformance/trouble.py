"""Why a call got no answer, in one line for people.

The words of the exceptions themselves are not used: they hold the address, and that holds the token.
"""

import ssl
from collections.abc import Iterator
from http.client import BadStatusLine, HTTPException, RemoteDisconnected
from http.client import IncompleteRead as HalfChunk

import requests
from urllib3.exceptions import DecodeError, IncompleteRead, LocationParseError, NameResolutionError

_UNKNOWN_AUTHORITY = "its TLS certificate is vouched for by nobody known, or the server leaves certificates out"
_CERTIFICATES = {
    9: "its TLS certificate is not valid yet",
    10: "its TLS certificate has expired",
    18: "its TLS certificate is self-signed",
    19: _UNKNOWN_AUTHORITY,
    20: _UNKNOWN_AUTHORITY,
    21: _UNKNOWN_AUTHORITY,
    62: "its TLS certificate is for another host",
    64: "its TLS certificate is for another host",
}
"""By OpenSSL's number of the verification error."""
_NO_TLS = "it does not speak TLS at this port, but plain http perhaps"
_OLD_TLS = "it speaks no version of TLS that is still safe: 1.2 is needed"
_HANDSHAKES = {
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
    "UNSUPPORTED_PROTOCOL": _OLD_TLS,
    "TLSV1_ALERT_PROTOCOL_VERSION": _OLD_TLS,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "it shares no TLS cipher with its caller",
    "TLSV1_UNRECOGNIZED_NAME": "it has no TLS certificate for this host",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it asks its caller for a certificate, which marketplaces do not have",
}
"""By OpenSSL's name of the reason."""
_LATE = "it took the call and did not answer in time"
_BROKEN_OFF = "its answer breaks off in the middle"
_NO_ADDRESS = "the address is none"
_KINDS: tuple[tuple[type[BaseException], str], ...] = (
    (NameResolutionError, "no host has this name"),
    (ConnectionRefusedError, "nobody listens at this port"),
    (requests.exceptions.ConnectTimeout, "nobody takes the connection in time"),
    (TimeoutError, _LATE),
    (requests.exceptions.Timeout, _LATE),
    (RemoteDisconnected, "it closes the connection without an answer"),
    (ConnectionResetError, "it resets the connection"),
    (IncompleteRead, _BROKEN_OFF),
    (HalfChunk, _BROKEN_OFF),
    (DecodeError, "its answer is not encoded as it says"),
    (BadStatusLine, "it does not speak HTTP at this port"),
    (HTTPException, "its answer is no HTTP"),
    (LocationParseError, _NO_ADDRESS),
    (requests.exceptions.InvalidURL, _NO_ADDRESS),
    (requests.exceptions.InvalidSchema, _NO_ADDRESS),
    (requests.exceptions.MissingSchema, _NO_ADDRESS),
)
"""The precise ones first."""


def reason(error: BaseException) -> str:
    """Say what happened: the most precise thing that the exception or one of its causes tells."""
    causes = list(_causes(error, set()))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _CERTIFICATES.get(cause.verify_code, "its TLS certificate cannot be trusted")
        if isinstance(cause, ssl.SSLEOFError):
            return "it breaks off the TLS connection"
        if isinstance(cause, ssl.SSLError):
            return _HANDSHAKES.get(cause.reason or "", "the TLS handshake fails")
    return next(
        (words for kind, words in _KINDS if any(isinstance(cause, kind) for cause in causes)), "the connection fails"
    )


def _causes(error: object, seen: set[int]) -> Iterator[BaseException]:
    """Yield an exception and what it holds: `requests` and `urllib3` put causes into arguments and attributes."""
    if not isinstance(error, BaseException) or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    for inner in (error.__cause__, error.__context__, getattr(error, "reason", None), *error.args):
        yield from _causes(inner, seen)
