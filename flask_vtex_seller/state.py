"""State: all that the extension knows of one Flask application."""

from collections.abc import Callable
from dataclasses import dataclass, field

from flask import current_app, has_app_context
from flask_sqlalchemy import SQLAlchemy

from .catalog.hooks import BrandMapper, CategoryMapper, SkuIdsLoader, SkuLoader, SuggestionFinisher
from .catalog.ledger import SkuLedger
from .catalog.reconcile import Reconciler
from .config import Settings
from .database import Tables
from .hook import Hook
from .offers import Ask
from .orders.hooks import (
    AuthorizeFulfillmentHook,
    OrderCancellationHook,
    OrderFinder,
    OrderModificationHook,
    OrderPlacementHook,
    ReservationExpiredHook,
)
from .orders.inbound import InboundOrders
from .orders.ledger import OrderLedger
from .orders.outbound import OutboundOrders
from .orders.personal_data import PersonalData
from .orders.reservation import Reservations
from .outbox.drain import Drain
from .outbox.ledger import OutboxLedger
from .simulation.health import SimulationHealth
from .simulation.hooks import OfferLoader, SlaLoader
from .sources import FailureLimit

EXTENSION_KEY = "vtex_seller"


@dataclass(slots=True, eq=False, repr=False)
class Hooks:
    """The shop's functions, a slot each; shared by all applications of one `VtexSeller`."""

    offer_loader: Hook[OfferLoader] = field(default_factory=lambda: Hook("offer_loader"))
    sla_loader: Hook[SlaLoader] = field(default_factory=lambda: Hook("sla_loader"))
    on_order_placement: Hook[OrderPlacementHook] = field(default_factory=lambda: Hook("on_order_placement"))
    order_finder: Hook[OrderFinder] = field(default_factory=lambda: Hook("order_finder", required=False))
    on_authorize_fulfillment: Hook[AuthorizeFulfillmentHook] = field(
        default_factory=lambda: Hook("on_authorize_fulfillment")
    )
    on_order_cancellation: Hook[OrderCancellationHook] = field(default_factory=lambda: Hook("on_order_cancellation"))
    on_reservation_expired: Hook[ReservationExpiredHook] = field(
        default_factory=lambda: Hook("on_reservation_expired", required=False)
    )
    on_order_modification: Hook[OrderModificationHook] = field(
        default_factory=lambda: Hook("on_order_modification", required=False)
    )
    sku_loader: Hook[SkuLoader] = field(default_factory=lambda: Hook("sku_loader", required=False))
    brand_mapper: Hook[BrandMapper] = field(default_factory=lambda: Hook("brand_mapper", required=False))
    category_mapper: Hook[CategoryMapper] = field(default_factory=lambda: Hook("category_mapper", required=False))
    suggestion_finisher: Hook[SuggestionFinisher] = field(
        default_factory=lambda: Hook("suggestion_finisher", required=False)
    )
    sku_ids_loader: Hook[SkuIdsLoader] = field(default_factory=lambda: Hook("sku_ids_loader", required=False))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class State:
    """The object graph of one application, composed in `VtexSeller.init_app`."""

    settings: Settings
    hooks: Hooks
    db: SQLAlchemy
    tables: Tables
    ask: Ask
    simulation_health: Callable[[], SimulationHealth]
    ledger: OrderLedger
    inbound: InboundOrders
    reservations: Reservations
    outbound: OutboundOrders
    skus: SkuLedger
    outbox: OutboxLedger
    drain: Drain
    reconciler: Reconciler
    personal_data: PersonalData
    failures: FailureLimit


def find_state() -> State | None:
    """Return the state of the current application, or None where `current_state` raises."""
    state = current_app.extensions.get(EXTENSION_KEY) if has_app_context() else None
    return state if isinstance(state, State) else None


def current_state() -> State:
    """Return the state of the current application.

    Raises:
        RuntimeError: `init_app` was not called for it, or no application is active.
    """
    state = current_app.extensions.get(EXTENSION_KEY)
    if not isinstance(state, State):
        raise RuntimeError("this application has no VtexSeller: call seller.init_app(app) after db.init_app(app)")
    return state
