"""Keeping the token, a part of each call's address, out of the logs of the server that the shop runs in."""

import copy
import logging
import re
from typing import Any

# Any of its letters may come percent-encoded, and is the same name to us.
_NAME = "".join(f"(?:{letter}|%{ord(letter):x}|%{ord(letter.upper()):x})" for letter in "token")
_TOKEN = re.compile(rf"(?<![^?&;\s\"'])({_NAME}=)[^&#\s\"]+", re.IGNORECASE)


class AccessLogFilter(logging.Filter):
    """Writes `token=…` for the token wherever a record holds the address of a call.

    Add it to the loggers that write such addresses down: `werkzeug`, `gunicorn.access` and `gunicorn.error`. It lets
    every record pass, and changes none without a token.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the record's words and arguments; always true."""
        record.msg = _masked(record.msg)
        if isinstance(record.args, dict):
            record.args = copy.copy(record.args)  # gunicorn's knows an answer for each missing name
            record.args.update({name: _masked(value) for name, value in record.args.items()})
        elif record.args:
            record.args = tuple(map(_masked, record.args))
        return True


def _masked(value: Any) -> Any:
    return _TOKEN.sub(r"\1…", value) if isinstance(value, str) else value
