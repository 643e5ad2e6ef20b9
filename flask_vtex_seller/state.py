"""State: all that the extension knows of one Flask application."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import current_app, has_app_context
from flask_sqlalchemy import SQLAlchemy

from .catalog.hooks import BrandMapper, CategoryMapper, SkuIdsLoader, SkuLoader, SuggestionFinisher
from .catalog.ledger import SkuLedger
from .catalog.reconcile import Reconciler
from .config import Settings
from .database import Tables
from .errors import FulfillmentRefused, PlacementRefused
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


class Hooks:
    """The shop's functions, a slot each; shared by all applications of one `VtexSeller`."""

    def __init__(self) -> None:
        self.offer_loader: Hook[OfferLoader] = Hook("offer_loader")
        self.sla_loader: Hook[SlaLoader] = Hook("sla_loader")
        self.on_order_placement: Hook[OrderPlacementHook] = Hook("on_order_placement", lets_through=PlacementRefused)
        self.order_finder: Hook[OrderFinder] = Hook("order_finder", required=False)
        self.on_authorize_fulfillment: Hook[AuthorizeFulfillmentHook] = Hook(
            "on_authorize_fulfillment", lets_through=FulfillmentRefused
        )
        self.on_order_cancellation: Hook[OrderCancellationHook] = Hook("on_order_cancellation")
        self.on_reservation_expired: Hook[ReservationExpiredHook] = Hook("on_reservation_expired", required=False)
        self.on_order_modification: Hook[OrderModificationHook] = Hook("on_order_modification", required=False)
        self.sku_loader: Hook[SkuLoader] = Hook("sku_loader", required=False)
        self.brand_mapper: Hook[BrandMapper] = Hook("brand_mapper", required=False)
        self.category_mapper: Hook[CategoryMapper] = Hook("category_mapper", required=False)
        self.suggestion_finisher: Hook[SuggestionFinisher] = Hook("suggestion_finisher", required=False)
        self.sku_ids_loader: Hook[SkuIdsLoader] = Hook("sku_ids_loader", required=False)

    def __iter__(self) -> Iterator[Hook[Any]]:
        """Yield each slot."""
        yield from vars(self).values()


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
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
