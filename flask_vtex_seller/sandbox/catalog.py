"""The marketplace's catalog: the SKUs a seller has suggested, and what became of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

LARGEST_CATALOG = 10_000

PENDING = "pending"
APPROVED = "approved"
DENIED = "denied"


class UnknownSku(LookupError):
    """The seller has never suggested this SKU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sku:
    """One SKU of the seller as the marketplace knows it.

    Attributes:
        state: `pending`, `approved` or `denied`.
        version: how many times it was suggested; 0 when it was bound by hand.
        content: the last suggestion.
        reason: why it was denied.
    """

    sku_id: str
    state: str
    version: int = 0
    content: Mapping[str, Any] | None = None
    suggested_at: datetime | None = None
    reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the SKU as a JSON object."""
        return {
            "sku_id": self.sku_id,
            "state": self.state,
            "version": self.version,
            "suggested_at": None if self.suggested_at is None else self.suggested_at.isoformat(),
            "reason": self.reason,
            "content": self.content,
        }


class Catalog:
    """The newest SKUs by the seller's id; the oldest make room.

    Not safe between threads: its owner holds a lock.

    Args:
        auto_approve: take every suggestion at once instead of leaving it to somebody.
    """

    def __init__(self, *, auto_approve: bool = False) -> None:
        self._auto_approve = auto_approve
        self._skus: OrderedDict[str, Sku] = OrderedDict()

    def all(self) -> list[Sku]:
        """Return the SKUs, oldest first."""
        return list(self._skus.values())

    def find(self, sku_id: str) -> Sku | None:
        """Return the SKU of this id, or None."""
        return self._skus.get(sku_id)

    def sells(self, sku_id: str) -> bool:
        """Tell whether the SKU is on sale here."""
        sku = self.find(sku_id)
        return sku is not None and sku.state == APPROVED

    def suggest(self, sku_id: str, content: Mapping[str, Any], now: datetime) -> Sku:
        """Take the suggestion in the place of an earlier one."""
        known = self.find(sku_id)
        return self._keep(
            Sku(
                sku_id=sku_id,
                state=APPROVED if self._auto_approve else PENDING,
                version=1 if known is None else known.version + 1,
                content=content,
                suggested_at=now,
            )
        )

    def approve(self, sku_id: str) -> Sku:
        """Put the SKU on sale; one that was never suggested is bound by hand."""
        known = self.find(sku_id) or Sku(sku_id=sku_id, state=APPROVED)
        return self._keep(replace(known, state=APPROVED, reason=None))

    def deny(self, sku_id: str, reason: str) -> Sku:
        """Block the SKU: it is not on sale, and further suggestions of it are refused.

        Raises:
            UnknownSku: it was neither suggested nor approved.
        """
        known = self.find(sku_id)
        if known is None:
            raise UnknownSku(f"SKU {sku_id} was never suggested")
        return self._keep(replace(known, state=DENIED, reason=reason))

    def forget(self, sku_id: str) -> Sku:
        """Drop what was suggested, as the marketplace does when nobody decides for too long.

        Raises:
            UnknownSku: it was neither suggested nor approved.
        """
        try:
            return self._skus.pop(sku_id)
        except KeyError:
            raise UnknownSku(f"SKU {sku_id} was never suggested") from None

    def _keep(self, sku: Sku) -> Sku:
        self._skus[sku.sku_id] = sku
        while len(self._skus) > LARGEST_CATALOG:
            self._skus.popitem(last=False)
        return sku
