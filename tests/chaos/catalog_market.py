"""A marketplace that keeps a view of its own of the shop's SKUs; what it shows of one, it asks the shop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple

import orjson
import requests

from flask_vtex_seller.marketplace.operations import OPERATIONS
from flask_vtex_seller.marketplace.outcome import Outcome, of_answer, of_trouble

Answer = tuple[int, Any]
"""A status and a JSON value."""
_DROPPED_AFTER = timedelta(days=30)
_NOT_PENDING = {"errorCode": 18, "message": "Suggestion is not pending"}
_NO_SUGGESTION = (404, {"message": "there is no such suggestion"})


class Trouble(Enum):
    """What becomes of a call that is not simply answered."""

    UNREACHABLE = "nobody is there"
    BUSY = "429"
    BROKEN = "500"
    AWAY = "503"
    LOST = "carried out, and no answer comes back"
    LOST_500 = "carried out, and answered 500"

    @property
    def is_carried_out(self) -> bool:
        return self in (Trouble.LOST, Trouble.LOST_500)


class Decision(Enum):
    """What somebody at the marketplace does about a SKU."""

    APPROVES = "approves the suggestion"
    DENIES = "denies the suggestion"
    BLOCKS = "denies the suggestion and any other"
    LOSES = "takes the SKU out of the catalog"


class Shown(NamedTuple):
    """What shoppers see of a SKU; None: nothing yet."""

    price: Any = None
    stock: Any = None


@dataclass(frozen=True)
class Suggestion:
    """One that the marketplace took."""

    since: datetime
    state: str = "pending"


@dataclass
class Market:
    """One marketplace.

    Args:
        ask: what the shop answers about a SKU; None if it fails.
        says_accepted: whether it says of an approved suggestion that it is, or that there is none.
    """

    ask: Callable[[str], Shown | None]
    now: Callable[[], datetime]
    says_accepted: bool = False
    catalog: dict[str, Shown] = field(default_factory=dict)
    """What is approved."""
    suggestions: dict[str, Suggestion] = field(default_factory=dict)

    def outcome(self, operation: str, sku_id: str, trouble: Trouble | None) -> Outcome:
        """Return what the shop makes of the answer to a call."""
        if trouble is Trouble.UNREACHABLE:
            return of_trouble(requests.ConnectTimeout())
        status, body = (int(trouble.value), None) if trouble in _REFUSALS else self._carry_out(operation, sku_id)
        if trouble is Trouble.LOST:
            return of_trouble(requests.ReadTimeout())
        status = 500 if trouble is Trouble.LOST_500 else status
        return of_answer(OPERATIONS[operation], status, {}, orjson.dumps(body).decode(), now=self.now())

    def decide(self, sku_id: str, decision: Decision) -> bool:
        """Tell whether there was anything to decide."""
        if decision is Decision.LOSES:
            return self.catalog.pop(sku_id, None) is not None
        if not self.is_pending(sku_id):
            return False
        if decision is Decision.APPROVES:
            del self.suggestions[sku_id]
            self.catalog[sku_id] = Shown()
            self._look(sku_id)
        else:
            state = "denied" if decision is Decision.DENIES else "blocked"
            self.suggestions[sku_id] = replace(self.suggestions[sku_id], state=state)
        return True

    def is_pending(self, sku_id: str) -> bool:
        found = self._suggestion(sku_id)
        return found is not None and found.state == "pending"

    def is_turned_down(self, sku_id: str) -> bool:
        found = self._suggestion(sku_id)
        return found is not None and found.state != "pending"

    def _suggestion(self, sku_id: str) -> Suggestion | None:
        found = self.suggestions.get(sku_id)
        if found is not None and found.state == "pending" and self.now() - found.since >= _DROPPED_AFTER:
            return self.suggestions.pop(sku_id) and None
        return found

    def _carry_out(self, operation: str, sku_id: str) -> Answer:
        if operation == "suggestion":
            return self._take(sku_id)
        if operation == "suggestion_status":
            return self._tell(sku_id)
        self._look(sku_id, _ABOUT.get(operation, Shown._fields))
        if operation in _ABOUT:
            return 202, None  # they are queued, known SKU or not
        return (204, None) if sku_id in self.catalog else (404, {"message": "unknown SKU"})

    def _look(self, sku_id: str, fields: Sequence[str] = Shown._fields) -> None:
        """Ask about a SKU, and show what was asked for."""
        if sku_id in self.catalog and (answer := self.ask(sku_id)) is not None:
            self.catalog[sku_id] = self.catalog[sku_id]._replace(**{name: getattr(answer, name) for name in fields})

    def _take(self, sku_id: str) -> Answer:
        if sku_id in self.catalog:
            return 304, None
        found = self._suggestion(sku_id)
        if found is not None and found.state == "blocked":
            return 400, _NOT_PENDING
        self.suggestions[sku_id] = Suggestion(since=self.now())
        return 200, {}

    def _tell(self, sku_id: str) -> Answer:
        if sku_id in self.catalog:
            return (200, {"status": "accepted"}) if self.says_accepted else _NO_SUGGESTION
        found = self._suggestion(sku_id)
        if found is None:
            return _NO_SUGGESTION
        return 200, {"status": "pending" if found.state == "pending" else "denied", "reason": "a blurred picture"}


_ABOUT = {"price_notification": ("price",), "inventory_notification": ("stock",)}
_REFUSALS = (Trouble.BUSY, Trouble.BROKEN, Trouble.AWAY)
