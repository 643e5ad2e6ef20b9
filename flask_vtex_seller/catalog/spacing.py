"""Keeping suggestions of one product apart: the marketplace's matcher makes two products of variations that race."""

import threading
from datetime import datetime, timedelta

SPACING = timedelta(seconds=5)
"""Between two suggestions of one product. Source: VTEX known issue on SKUs of one product that are approved at once."""


_TIDIED_AT = 1000


class Spacing:
    """Remembers when a product was suggested last; in this process only, for it is a courtesy and no promise."""

    def __init__(self) -> None:
        self._free_at: dict[tuple[str, str], datetime] = {}
        self._lock = threading.Lock()

    def wait_until(self, marketplace: str, product_id: str, *, now: datetime, ahead: int) -> datetime | None:
        """Return None if a SKU of the product may be suggested now, which is remembered; else when to ask again.

        Args:
            ahead: how many others of the product wait already.
        """
        with self._lock:
            free_at = self._free_at.get((marketplace, product_id))
            if free_at is not None and now < free_at:
                return free_at + ahead * SPACING
            if len(self._free_at) > _TIDIED_AT:
                self._free_at = {product: moment for product, moment in self._free_at.items() if now < moment}
            self._free_at[marketplace, product_id] = now + SPACING
            return None

    def forget(self) -> None:
        """Let any SKU be suggested now."""
        with self._lock:
            self._free_at.clear()
