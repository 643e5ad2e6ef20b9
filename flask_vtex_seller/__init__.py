"""Sell an existing Flask shop's products on VTEX marketplaces."""

from .errors import (
    AmbiguousOrder,
    ConfigurationError,
    HookFailed,
    HookMissing,
    OutOfStock,
    PlacementRefused,
    PriceChanged,
    SkuNotFound,
    SlaNotAvailable,
    UnknownOrder,
    VtexSellerError,
)
from .extension import VtexSeller
from .money import Cents, cents
from .offers import (
    DeliveryWindow,
    Offer,
    Offering,
    PickupPoint,
    SimulationItem,
    SimulationMode,
    SimulationRequest,
    Sla,
)
from .orders.order import (
    Address,
    CancellationDecision,
    CancellationRequest,
    ClientProfile,
    FulfillmentAuthorization,
    Order,
    OrderItem,
    OrderPlacement,
    OrderShipping,
    OrderState,
    PlacedOrder,
)
from .signals import cancellation_requested, fulfillment_authorized, order_canceled, order_placed

__version__ = "0.1.0"

__all__ = [
    "Address",
    "AmbiguousOrder",
    "CancellationDecision",
    "CancellationRequest",
    "Cents",
    "ClientProfile",
    "ConfigurationError",
    "DeliveryWindow",
    "FulfillmentAuthorization",
    "HookFailed",
    "HookMissing",
    "Offer",
    "Offering",
    "Order",
    "OrderItem",
    "OrderPlacement",
    "OrderShipping",
    "OrderState",
    "OutOfStock",
    "PickupPoint",
    "PlacedOrder",
    "PlacementRefused",
    "PriceChanged",
    "SimulationItem",
    "SimulationMode",
    "SimulationRequest",
    "SkuNotFound",
    "Sla",
    "SlaNotAvailable",
    "UnknownOrder",
    "VtexSeller",
    "VtexSellerError",
    "cancellation_requested",
    "cents",
    "fulfillment_authorized",
    "order_canceled",
    "order_placed",
]
