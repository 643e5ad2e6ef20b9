"""The invoices a seller has sent for an order, as the marketplace keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

OUTPUT = "Output"
INPUT = "Input"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """One invoice: of a sale (`Output`) or of a return (`Input`).

    Attributes:
        value: cents.
        quantities: units per SKU id.
        body: what the seller sent first; a repeat is measured against it.
        receipt: the newest; every repeat brings another.
        tracking: the last tracking information with a number, or None.
        events: what the carrier reported last, oldest first.
    """

    number: str
    type: str
    value: int
    quantities: Mapping[str, int]
    body: Mapping[str, Any]
    receipt: str
    received_at: datetime
    tracking: Mapping[str, Any] | None = None
    delivered: bool = False
    events: tuple[Mapping[str, Any], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the invoice as a JSON object."""
        return {
            "number": self.number,
            "type": self.type,
            "value": self.value,
            "items": dict(self.quantities),
            "receipt": self.receipt,
            "received_at": self.received_at.isoformat(),
            "tracking": None if self.tracking is None else dict(self.tracking),
            "delivered": self.delivered,
            "events": [dict(event) for event in self.events],
        }


def value_of(invoices: Iterable[Invoice], type: str) -> int:
    """Return the cents of all invoices of one type."""
    return sum(invoice.value for invoice in invoices if invoice.type == type)


def units_of(invoices: Iterable[Invoice], type: str) -> dict[str, int]:
    """Return the units per SKU id of all invoices of one type."""
    units: dict[str, int] = {}
    for invoice in invoices:
        for sku_id, quantity in invoice.quantities.items() if invoice.type == type else ():
            units[sku_id] = units.get(sku_id, 0) + quantity
    return units


def tracking_of(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a body says about the parcel, or None when it has no tracking number."""
    if not body.get("trackingNumber"):
        return None
    return {name: body.get(name) for name in ("courier", "trackingNumber", "trackingUrl", "dispatchedDate")}
