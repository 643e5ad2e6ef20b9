"""VtexSeller: the object that a shop creates, registers its functions with and mounts into its application."""

import logging
from typing import TypeVar

from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from .cli import vtex_seller_cli
from .clock import Clock, SystemClock
from .config import Settings
from .database import attach, remember_changes
from .errors import AmbiguousOrder, ConfigurationError, UnknownOrder
from .orders.hooks import AuthorizeFulfillmentHook, OrderCancellationHook, OrderFinder, OrderPlacementHook
from .orders.inbound import InboundOrders
from .orders.ledger import TABLE as ORDER_TABLE
from .orders.ledger import OrderLedger
from .orders.order import Order
from .simulation.hooks import OfferLoader, SlaLoader
from .state import EXTENSION_KEY, Hooks, State, current_state
from .web.blueprint import make_blueprint

OfferLoaderT = TypeVar("OfferLoaderT", bound=OfferLoader)
SlaLoaderT = TypeVar("SlaLoaderT", bound=SlaLoader)
PlacementT = TypeVar("PlacementT", bound=OrderPlacementHook)
FinderT = TypeVar("FinderT", bound=OrderFinder)
AuthorizeT = TypeVar("AuthorizeT", bound=AuthorizeFulfillmentHook)
CancellationT = TypeVar("CancellationT", bound=OrderCancellationHook)

_log = logging.getLogger(__name__)


class VtexSeller:
    """Makes a Flask shop an external seller on VTEX marketplaces.

    Create one beside the shop's `db`, register the shop's functions with its decorators, and mount it::

        seller = VtexSeller(db)

        def create_app():
            ...
            db.init_app(app)
            seller.init_app(app)

    Its tables join `db.metadata`, so the shop's migrations see them. It keeps nothing of an application: the settings
    and objects of each are in `app.extensions["vtex_seller"]`.

    Args:
        db: the shop's Flask-SQLAlchemy object.
        clock: replaces the machine's time, in tests.

    Raises:
        ConfigurationError: `db` is no `SQLAlchemy`, or another `VtexSeller` uses it already.
    """

    def __init__(self, db: SQLAlchemy, *, clock: Clock | None = None) -> None:
        if not isinstance(db, SQLAlchemy):
            raise ConfigurationError("VtexSeller needs the shop's Flask-SQLAlchemy object: VtexSeller(db)")
        self._db = db
        self._tables = attach(db.metadata)
        remember_changes(db.session)
        self._hooks = Hooks()
        self._clock = clock or SystemClock()
        self.blueprint = make_blueprint()
        """The protocol's routes; exempt it from the shop's CSRF protection and login wall."""

    def init_app(self, app: Flask) -> None:
        """Read the settings of `app`, mount the routes and add the commands.

        Raises:
            ConfigurationError: a setting is wrong, `db.init_app(app)` was not called before, or this was called twice.
        """
        if EXTENSION_KEY in app.extensions:
            raise ConfigurationError("seller.init_app(app) was called twice for one application: remove one call")
        if app.extensions.get("sqlalchemy") is not self._db:
            raise ConfigurationError(
                "call db.init_app(app), with the db of VtexSeller(db), before seller.init_app(app)"
            )
        settings = Settings.from_config(app.config)
        if settings.marketplaces:
            app.register_blueprint(self.blueprint, url_prefix=settings.url_prefix)
        app.cli.add_command(vtex_seller_cli)
        app.extensions[EXTENSION_KEY] = self._compose(settings)
        for marketplace in settings.marketplaces.values():
            if not marketplace.inbound_tokens:
                _log.warning(
                    "no inbound_tokens are configured: every call of the marketplace is refused",
                    extra={"marketplace": marketplace.name},
                )

    def _compose(self, settings: Settings) -> State:
        ledger = OrderLedger(self._db.session, self._tables[ORDER_TABLE.name])
        inbound = InboundOrders(
            ledger=ledger,
            clock=self._clock,
            on_placement=self._hooks.on_order_placement,
            finder=self._hooks.order_finder,
            on_authorization=self._hooks.on_authorize_fulfillment,
            on_cancellation=self._hooks.on_order_cancellation,
        )
        return State(
            settings=settings,
            hooks=self._hooks,
            tables=self._tables,
            db=self._db,
            ledger=ledger,
            inbound=inbound,
        )

    # The decorators. Each returns the function as it was, and mypy refuses one of another signature.

    def offer_loader(self, function: OfferLoaderT) -> OfferLoaderT:
        """Register the function that loads price and stock of a cart's SKUs; see `OfferLoader`."""
        self._hooks.offer_loader.register(function)
        return function

    def sla_loader(self, function: SlaLoaderT) -> SlaLoaderT:
        """Register the function that loads the delivery options for an address; see `SlaLoader`."""
        self._hooks.sla_loader.register(function)
        return function

    def on_order_placement(self, function: PlacementT) -> PlacementT:
        """Register the function that creates the shop's order; see `OrderPlacementHook`."""
        self._hooks.on_order_placement.register(function)
        return function

    def order_finder(self, function: FinderT) -> FinderT:
        """Register the function that finds an order the shop already has; see `OrderFinder`."""
        self._hooks.order_finder.register(function)
        return function

    def on_authorize_fulfillment(self, function: AuthorizeT) -> AuthorizeT:
        """Register the function that releases an order for shipping; see `AuthorizeFulfillmentHook`."""
        self._hooks.on_authorize_fulfillment.register(function)
        return function

    def on_order_cancellation(self, function: CancellationT) -> CancellationT:
        """Register the function that decides about a cancellation; see `OrderCancellationHook`."""
        self._hooks.on_order_cancellation.register(function)
        return function

    def order(self, order_id: str, *, marketplace: str | None = None) -> Order:
        """Return what is known of an order, read in the session's present transaction.

        Args:
            order_id: the shop's own id.
            marketplace: needed only where two marketplaces placed orders that share an id.

        Raises:
            UnknownOrder: no marketplace placed it here.
            AmbiguousOrder: two did.
        """
        orders = current_state().ledger.find(order_id, marketplace)
        if not orders:
            raise UnknownOrder(f"no marketplace placed an order {order_id!r} here")
        if len(orders) > 1:
            names = ", ".join(sorted(order.marketplace for order in orders))
            raise AmbiguousOrder(f"{names} all placed an order {order_id!r}: pass marketplace=")
        return orders[0]
