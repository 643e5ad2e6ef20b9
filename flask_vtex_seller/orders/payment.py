"""What a marketplace says about how an order was paid.

Source: external-seller-fulfillment OpenAPI, `requestOrderId.paymentData`, since May 2026; early access on request. Its
fields vary by payment provider, and what connectors answered stands beside the payments or inside each of them.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from ..money import MAX_INTEGER, Cents
from ..values import value_class


@value_class(frozen=True, slots=True, kw_only=True)
class Payment:
    """One means of payment of an order; whatever was not said, or not as described, is None."""

    system: str | None = None
    """The marketplace's id of the means."""
    name: str | None = None
    """Such as `Visa` or `Pix`."""
    value: Cents | None = None
    reference_value: Cents | None = None
    """What the means was asked for, before interest."""
    installments: int | None = None
    group: str | None = None
    """Such as `creditCardPaymentGroup`."""
    connector_responses: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """As received: `Message` and `message` may both be there and differ."""


def read_payments(payment_data: Mapping[str, Any] | None) -> tuple[Payment, ...]:
    """Return the payments that `paymentData` lists, leaving out what is none.

    A payment without connector responses of its own gets those that stand beside the list.
    """
    data = payment_data or {}
    listed, shared = data.get("payments"), _mapping(data.get("connectorResponses"))
    return tuple(
        Payment(
            system=_text(payment.get("paymentSystem")),
            name=_text(payment.get("paymentSystemName")),
            value=_number(payment.get("value")),
            reference_value=_number(payment.get("referenceValue")),
            installments=_number(payment.get("installments")),
            group=_text(payment.get("group")),
            connector_responses=_mapping(payment.get("connectorResponses")) or shared,
        )
        for payment in (listed if isinstance(listed, list) else ())
        if isinstance(payment, Mapping)
    )


def _text(value: object) -> str | None:
    # an id may come as a number
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def _number(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= MAX_INTEGER else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
