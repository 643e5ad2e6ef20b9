"""Orders as the protocol knows them, in the shop's words."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import orjson

from ..money import Cents
from ..values import value_class
from .payment import Payment, read_payments

_Raw = Mapping[str, Any]


class OrderState(Enum):
    """How far an order has come between marketplace and shop."""

    PLACING = "placing"
    """The placement hook has not been answered for yet."""
    PLACED = "placed"
    """Reserved: not to be shipped before the marketplace authorizes it."""
    EXPIRED = "expired"
    """Its reservation's time is over and the shop has given the stock back; the marketplace has not given it up."""
    AUTHORIZED = "authorized"
    """Paid: to be shipped and invoiced."""
    PARTIALLY_INVOICED = "partially invoiced"
    """The marketplace has invoices for a part of it."""
    INVOICED = "invoiced"
    """The marketplace has invoices for all of it."""
    DELIVERED = "delivered"
    """The marketplace knows that the shopper has it."""
    RETURNED = "returned"
    """The marketplace has return invoices for all that was invoiced."""
    CANCELED = "canceled"


class CancellationDecision(Enum):
    """What the shop says to a marketplace's wish to cancel."""

    CONFIRM = "confirm"
    EVALUATE = "evaluate"
    """Not decided yet: the marketplace's next call asks the hook again."""
    REFUSE = "refuse"
    """The order goes on; its invoice tells the marketplace so."""


@value_class(frozen=True, slots=True, kw_only=True, eq=False)
class Address:
    """Where an order goes. Any field may be missing: marketplaces share what their trust policy allows."""

    address_type: str | None = field(default=None, repr=False)
    receiver_name: str | None = field(default=None, repr=False)
    address_id: str | None = field(default=None, repr=False)
    postal_code: str | None = field(default=None, repr=False)
    city: str | None = field(default=None, repr=False)
    state: str | None = field(default=None, repr=False)
    country: str | None = field(default=None, repr=False)
    street: str | None = field(default=None, repr=False)
    number: str | None = field(default=None, repr=False)
    neighborhood: str | None = field(default=None, repr=False)
    complement: str | None = field(default=None, repr=False)
    reference: str | None = field(default=None, repr=False)
    geo_coordinates: tuple[float, float] | None = field(default=None, repr=False)
    """Longitude, latitude."""


@value_class(frozen=True, slots=True, kw_only=True, eq=False)
class ClientProfile:
    """The shopper. Any field may be missing, and the e-mail may be a masked one of the marketplace's."""

    email: str | None = field(default=None, repr=False)
    first_name: str | None = field(default=None, repr=False)
    last_name: str | None = field(default=None, repr=False)
    document_type: str | None = field(default=None, repr=False)
    document: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    is_corporate: bool = False
    corporate_name: str | None = field(default=None, repr=False)
    trade_name: str | None = field(default=None, repr=False)
    corporate_document: str | None = field(default=None, repr=False)
    state_inscription: str | None = field(default=None, repr=False)
    corporate_phone: str | None = field(default=None, repr=False)


@value_class(frozen=True, slots=True, kw_only=True)
class ItemAttachment:
    """What the shopper filled in for a line, such as an engraving; see `AttachmentOffering`."""

    name: str
    content: _Raw = field(default_factory=dict, repr=False)
    """The fields with what was filled in; of an attachment without a `content`, all that came beside its name."""


@value_class(frozen=True, slots=True, kw_only=True)
class ItemService:
    """A service that was bought along with a line; see `Offering`."""

    id: str
    type: str | None = None
    name: str | None = None
    price: Cents | None = None
    quantity: int | None = None


@value_class(frozen=True, slots=True, kw_only=True, eq=False)
class OrderItem:
    """One line of an order; the same SKU may stand on several lines.

    Source: external-seller-fulfillment OpenAPI, `orderPlacement.items[]`.
    """

    sku_id: str
    quantity: int
    price: Cents
    """Of one unit."""
    seller_id: str | None = None
    measurement_unit: str | None = None
    unit_multiplier: Decimal = Decimal(1)
    is_gift: bool = False
    attachments: tuple[ItemAttachment, ...] = ()
    services: tuple[ItemService, ...] = ()
    """Of the line's `bundleItems`; their prices are no part of the line's."""
    raw: _Raw = field(default_factory=dict, repr=False, compare=False)
    """The line as received, with its price tags and whatever else the protocol does not name."""


@value_class(frozen=True, slots=True, kw_only=True)
class OrderShipping:
    """How one line of an order travels.

    Source: external-seller-fulfillment OpenAPI, `orderPlacement.shippingData.logisticsInfo[]`.
    """

    item_index: int
    """The line's position in the order's items."""
    sla_id: str | None = None
    """The `Sla.id` that the shopper chose."""
    price: Cents = 0
    """For this line."""
    lock_ttl: str | None = None
    """How long the shop is asked to keep the reservation, such as `8d`."""
    shipping_estimate: str | None = None
    window_start: datetime | None = None
    window_end: datetime | None = None
    window_price: Cents | None = None
    """What the marketplace says that the window costs beside the option itself."""


@value_class(frozen=True, slots=True, kw_only=True, eq=False)
class OrderPlacement:
    """An order that a shopper has just placed at a marketplace.

    Source: external-seller-fulfillment OpenAPI, `orderPlacement`.
    """

    marketplace: str
    marketplace_order_id: str
    items: tuple[OrderItem, ...]
    shipping: tuple[OrderShipping, ...] = ()
    address: Address | None = field(default=None, repr=False)
    client: ClientProfile | None = field(default=None, repr=False)
    marketplace_payment_value: Cents | None = None
    """What the marketplace will pay the shop, shipping included."""
    marketplace_order_group: str | None = None
    sales_channel: str | None = None
    """As in a simulation: of the order, else of the call's query, else the configured one."""
    marketplace_services_endpoint: str | None = None
    """Data, not an address to call: it came in a request body."""
    raw: _Raw = field(default_factory=dict, repr=False, compare=False)
    """The order as received; holds the shopper's data."""

    @property
    def items_value(self) -> Cents:
        """Sum the lines without services and shipping."""
        return sum(item.price * item.quantity for item in self.items)

    @property
    def services_value(self) -> Cents:
        """Sum what the lines' services cost; one without a quantity is bought for each unit."""
        return sum(
            (service.price or 0) * (service.quantity or item.quantity)
            for item in self.items
            for service in item.services
        )

    @property
    def shipping_value(self) -> Cents:
        """Sum the shipping of all lines."""
        return sum(line.price for line in self.shipping)

    @property
    def value(self) -> Cents:
        """Sum lines, services and shipping: what the shop's invoices may add up to."""
        return self.items_value + self.services_value + self.shipping_value

    def fingerprint(self) -> str:
        """Return a digest of what makes it the same order: lines, prices, SLAs, address and total.

        A retry with its fields or shipping lines in another order, or a refreshed delivery estimate, is still the same.
        """
        content = [
            [[item.sku_id, item.quantity, item.price] for item in self.items],
            sorted(
                [line.item_index, line.sla_id or "", line.price, str(line.window_start), str(line.window_end)]
                for line in self.shipping
            ),
            self.address and [getattr(self.address, name) for name in self.address.__slots__],
            self.marketplace_payment_value,
        ]
        return hashlib.sha256(orjson.dumps(content)).hexdigest()


class Agreement(Enum):
    """How far a marketplace and the shop have agreed on a modification of an order; either may say it.

    Source: external-seller-marketplace OpenAPI, `SendAgreement`, `agreementType`.
    """

    ACKNOWLEDGMENT = "Acknowledgment"
    """Whoever says it knows of the modification."""
    CONFIRMATION = "Confirmation"
    """It is applied; only then it counts."""


@value_class(frozen=True, slots=True, kw_only=True)
class PlacedOrder:
    """The placement hook's answer when the order's id alone does not say enough."""

    order_id: str
    """The shop's own id, at most 128 characters."""
    follow_up_email: str = field(default="", repr=False)
    """Where the marketplace can reach the shop about this order."""
    payment_reference: str | None = None
    """Digits only; needed when the seller processes the payment."""


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class OrderReference:
    """What a call about an existing order says: which one, and its particulars.

    Source: external-seller-fulfillment OpenAPI, `requestOrderId`; one body for authorization and cancellation.
    """

    order_id: str
    """Of the path: the shop's id, or the marketplace's."""
    marketplace_order_id: str | None = None
    """Of the body."""
    payment_data: _Raw | None = field(default=None, repr=False)
    request_id: str | None = None
    requested_at: datetime | None = None
    reason: str | None = field(default=None, repr=False)
    requested_by_user: bool | None = None
    raw: _Raw = field(default_factory=dict, repr=False, compare=False)


@value_class(frozen=True, slots=True, kw_only=True, eq=False)
class FulfillmentAuthorization:
    """The marketplace's word that an order is paid and may be shipped.

    Source: external-seller-fulfillment OpenAPI, `requestOrderId`.
    """

    marketplace: str
    marketplace_order_id: str
    order_id: str
    payment_data: _Raw | None = field(default=None, repr=False)
    """As received; its keys vary by payment provider."""
    reservation_expired: bool = False
    """The reservation's time was over before: the shop has given back the stock and must take it again, or refuse."""
    raw: _Raw = field(default_factory=dict, repr=False, compare=False)

    @property
    def payments(self) -> tuple[Payment, ...]:
        """Read `payment_data`; empty when the marketplace told nothing."""
        return read_payments(self.payment_data)


@value_class(frozen=True, slots=True, kw_only=True, eq=False)
class CancellationRequest:
    """The marketplace's wish to cancel an order.

    Source: external-seller-fulfillment OpenAPI, `requestOrderId`.
    """

    marketplace: str
    marketplace_order_id: str
    order_id: str
    request_id: str | None = None
    """The same in every call about the same wish; None in the protocol's old form."""
    requested_at: datetime | None = None
    reason: str | None = field(default=None, repr=False)
    requested_by_user: bool | None = None
    raw: _Raw = field(default_factory=dict, repr=False, compare=False)


@value_class(frozen=True, slots=True, kw_only=True, eq=False)
class Order:
    """What is known of an order between marketplace and shop; holds no shopper's data."""

    marketplace: str
    marketplace_order_id: str
    order_id: str | None
    """The shop's own id; None only while the order is being placed."""
    state: OrderState
    marketplace_order_group: str | None
    marketplace_services_endpoint: str | None
    value: Cents | None
    """Lines, services and shipping as placed."""
    follow_up_email: str = field(repr=False)
    payment_reference: str | None
    receipt: str | None
    """What the shop answered to the authorization."""
    cancellation_request_id: str | None
    cancellation_decision: CancellationDecision | None
    reserved_until: datetime | None
    """When the reservation ends if it is not authorized until then; None: never."""
    created_at: datetime
    placed_at: datetime | None
    authorized_at: datetime | None
    canceled_at: datetime | None
    cancellation_said_at: datetime | None
    """When the shop said that it cancels the order; the marketplace may not have heard it yet."""
    invoiced_said: Cents
    """Of the sale's invoices that the shop sent; the sum that `invoiced_value` will reach."""
    returned_said: Cents
    """Of the return's invoices that the shop sent."""
    invoiced_value: Cents
    """Of the sale's invoices that the marketplace has."""
    returned_value: Cents
    """Of the return's invoices that the marketplace has."""
