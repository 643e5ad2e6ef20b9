"""What the protocol asks of a shop, and what a check finds."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from .conversation import Conversation

Check = Callable[[Conversation], None]


class Touch(StrEnum):
    """What a check does to the shop."""

    READS = "reads"
    """Changes nothing, if the shop behaves: fit for a running one."""
    WRITES = "writes"
    """Places orders, and cancels them again where the shop lets it."""


class Verdict(StrEnum):
    """What became of a check."""

    OK = "ok"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One sentence of the protocol that a shop keeps or breaks."""

    number: int
    title: str
    check: Check | None = None
    touch: Touch | None = None
    elsewhere: str = ""
    """Why nothing can be judged here, if there is no check."""

    @property
    def name(self) -> str:
        """Return `P` and the number."""
        return f"P{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a check found; tokens are masked."""

    statement: Statement
    verdict: Verdict
    says: str = ""
    """What the protocol says and the shop does not do, or why the statement does not apply."""
    sent: str = ""
    """The call that was judged, on several lines; empty if none was made."""
    received: str = ""
    """Its answer, on several lines."""
