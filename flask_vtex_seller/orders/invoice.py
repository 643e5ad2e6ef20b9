"""Invoices and parcels, in the shop's words."""

import re
from collections import Counter
from dataclasses import field
from datetime import date, datetime
from urllib.parse import urlsplit

from ..money import Cents, require_cents, require_count
from ..schema_loader import require_text
from ..values import value_class

_INVOICE_NUMBER = re.compile(r"[A-Za-z0-9]{1,64}")


@value_class(frozen=True, slots=True, kw_only=True)
class InvoiceItem:
    """A SKU of an invoice; an invoice names each SKU once."""

    sku_id: str
    quantity: int
    """At least 1."""
    price: Cents
    """Of one unit."""
    description: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        require_text("InvoiceItem.sku_id", self.sku_id, 128)
        require_count("InvoiceItem.quantity", self.quantity)
        if self.quantity < 1:
            raise ValueError("InvoiceItem.quantity must be at least 1")
        require_cents("InvoiceItem.price", self.price)
        _require_optional_text("InvoiceItem.description", self.description, 1000)


@value_class(frozen=True, slots=True, kw_only=True)
class Tracking:
    """A parcel on its way.

    Source: Orders API, `PATCH /api/oms/pvt/orders/{orderId}/invoice/{invoiceNumber}`.
    """

    courier: str
    tracking_number: str = field(repr=False)
    tracking_url: str | None = field(default=None, repr=False)
    dispatched_at: datetime | None = None
    """Aware."""

    def __post_init__(self) -> None:
        require_text("Tracking.courier", self.courier, 200)
        require_text("Tracking.tracking_number", self.tracking_number, 200)
        _require_url("Tracking.tracking_url", self.tracking_url)
        _require_aware("Tracking.dispatched_at", self.dispatched_at)


@value_class(frozen=True, slots=True, kw_only=True)
class TrackingEvent:
    """Something that happened to a parcel on its way."""

    description: str = field(repr=False)
    on: date
    city: str = field(default="", repr=False)
    state: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        require_text("TrackingEvent.description", self.description, 1000)
        if not isinstance(self.on, date) or isinstance(self.on, datetime):
            raise TypeError("TrackingEvent.on must be a date")
        _require_optional_text("TrackingEvent.city", self.city, 200)
        _require_optional_text("TrackingEvent.state", self.state, 200)


@value_class(frozen=True, slots=True, kw_only=True)
class TrackingStatus:
    """Where a parcel is.

    Source: Orders API, `PUT /api/oms/pvt/orders/{orderId}/invoice/{invoiceNumber}/tracking`.
    """

    is_delivered: bool
    delivered_at: datetime | None = None
    """Aware; needed for a delivered parcel."""
    events: tuple[TrackingEvent, ...] = ()

    def __post_init__(self) -> None:
        if type(self.is_delivered) is not bool:
            raise TypeError("TrackingStatus.is_delivered must be a bool")
        _require_aware("TrackingStatus.delivered_at", self.delivered_at)
        if self.is_delivered and self.delivered_at is None:
            raise ValueError("TrackingStatus.delivered_at is needed for a delivered parcel")
        _require_all("TrackingStatus.events", self.events, TrackingEvent)


@value_class(frozen=True, slots=True, kw_only=True)
class Invoice:
    """A sale's invoice, or a return's: one a parcel, and together the whole order.

    Raises:
        TypeError: an amount or a quantity is no `int`.
        ValueError: names the field that the marketplace would refuse.

    Source: Orders API, `POST /api/oms/pvt/orders/{orderId}/invoice`.
    """

    number: str
    """Letters and digits only: the marketplace loses the tracking of any other."""
    value: Cents
    """Items and shipping of this parcel; above 0."""
    items: tuple[InvoiceItem, ...]
    issued_at: datetime
    """Aware."""
    key: str | None = field(default=None, repr=False)
    """The fiscal document's access key."""
    url: str | None = field(default=None, repr=False)
    embedded: str | None = field(default=None, repr=False)
    """The fiscal document itself, XML."""
    tracking: Tracking | None = None
    """If the parcel is on its way already."""

    def __post_init__(self) -> None:
        require_invoice_number(self.number)
        require_cents("Invoice.value", self.value)
        if self.value == 0:
            raise ValueError("Invoice.value must be above 0")
        _require_all("Invoice.items", self.items, InvoiceItem)
        if not self.items:
            raise ValueError("Invoice.items must not be empty")
        twice = [sku_id for sku_id, count in Counter(item.sku_id for item in self.items).items() if count > 1]
        if twice:
            raise ValueError(
                f"Invoice.items names {', '.join(sorted(twice))} twice: one item a SKU, or no refund works"
            )
        if self.issued_at is None:
            raise TypeError("Invoice.issued_at must be a datetime")
        _require_aware("Invoice.issued_at", self.issued_at)
        _require_optional_text("Invoice.key", self.key, 200)
        _require_optional_text("Invoice.embedded", self.embedded, 1_000_000)
        if self.tracking is not None and not isinstance(self.tracking, Tracking):
            raise TypeError("Invoice.tracking must be a Tracking")
        _require_url("Invoice.url", self.url)


def require_invoice_number(number: object) -> str:
    """Return an invoice's number.

    Raises:
        ValueError: it cannot be one.
    """
    if not isinstance(number, str) or not _INVOICE_NUMBER.fullmatch(number):
        raise ValueError(f"an invoice number has 1 to 64 letters and digits, got {number!r}")
    return number


def _require_optional_text(name: str, value: object, max_length: int) -> None:
    if value is not None:
        require_text(name, value, max_length, may_be_empty=True)


def _require_all(name: str, values: object, kind: type) -> None:
    if not isinstance(values, tuple) or not all(isinstance(value, kind) for value in values):
        raise TypeError(f"{name} must be a tuple of {kind.__name__}")


def _require_aware(name: str, moment: object) -> None:
    if moment is None:
        return
    if not isinstance(moment, datetime):
        raise TypeError(f"{name} must be a datetime, not {type(moment).__name__}")
    if moment.tzinfo is None:
        raise ValueError(f"{name} must be an aware datetime")


def _require_url(name: str, url: str | None) -> None:
    if url is None:
        return
    require_text(name, url, 2000)
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(f"{name} must be an http or https address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{name} must be an http or https address")
