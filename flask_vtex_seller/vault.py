"""Sealing what is stored of people, with keys of the shop's: who only has the database reads nothing of them.

What was stored before there was a key is read as it stands, and so is everything without one.
"""

from collections.abc import Sequence
from typing import Any

from .config import Secret
from .errors import ConfigurationError

_MARK = "sealed:"
"""What a sealed text begins with; no JSON does."""


class Vault:
    """Seals texts before they are stored and opens them again; without keys they are stored as they are.

    Args:
        keys: Fernet keys; the first seals, each opens.

    Raises:
        ConfigurationError: a key is none, or the extra `encryption` is not installed.
    """

    def __init__(self, keys: Sequence[Secret] = ()) -> None:
        self._newest: Any = None
        self._any: Any = None
        if keys:
            self._newest, self._any = _fernets(keys)

    @property
    def has_keys(self) -> bool:
        """Whether anything is sealed at all."""
        return self._newest is not None

    def seal(self, text: str) -> str:
        """Return what to store for `text`."""
        if self._newest is not None:
            return _MARK + str(self._newest.encrypt(text.encode()), "ascii")
        # What only looks like a sealed text, such as the beginning of somebody's answer, must not become one.
        return f" {text}" if text.startswith(_MARK) else text

    def open(self, stored: str) -> str | None:
        """Return the text that is stored; None if none of the keys opens it."""
        return _opened(self._any, stored) if stored.startswith(_MARK) else stored

    def needs_sealing(self, stored: str) -> bool:
        """Tell whether anything but the first key is enough to read it."""
        return not stored.startswith(_MARK) or _opened(self._newest, stored) is None


PLAIN = Vault()
"""The vault of a shop without keys."""


def _fernets(keys: Sequence[Secret]) -> tuple[Any, Any]:
    """Return what seals, and what opens."""
    try:
        from cryptography.fernet import Fernet, MultiFernet
    except ImportError:
        raise ConfigurationError(
            "VTEX_SELLER_ENCRYPTION_KEYS needs cryptography: pip install 'flask-vtex-seller[encryption]'"
        ) from None
    fernets = []
    for number, key in enumerate(keys, start=1):
        try:
            fernets.append(Fernet(key.reveal()))
        except ValueError:
            raise ConfigurationError(
                f"key {number} of VTEX_SELLER_ENCRYPTION_KEYS is no Fernet key: 32 bytes in URL-safe base64, as "
                "cryptography.fernet.Fernet.generate_key() makes them"
            ) from None
    return fernets[0], MultiFernet(fernets)


def _opened(fernet: Any, stored: str) -> str | None:
    if fernet is None:
        return None
    from cryptography.fernet import InvalidToken

    try:
        return str(fernet.decrypt(stored.removeprefix(_MARK)), "utf-8")
    except (InvalidToken, ValueError):  # ValueError: what was never sealed, and only begins like it
        return None
