"""VtexSeller: the object that a shop creates, registers its functions with and mounts into its application."""

import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, TypeVar

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Session

from .catalog.hooks import BrandMapper, CategoryMapper, SkuIdsLoader, SkuLoader, SuggestionFinisher
from .catalog.notices import CHANGE, INVENTORY, PRICE, PROMISES, append_notices, drafts, hearers, promise_drafts
from .catalog.promises import SkuAvailability
from .catalog.watch import Watches
from .catalog.watched import Notices, Watch
from .cli import vtex_seller_cli
from .clock import Clock, SystemClock
from .composition import compose
from .config import Settings
from .database import attach, remember_changes
from .errors import AmbiguousOrder, ConfigurationError, UnknownOrder
from .orders.hooks import (
    AuthorizeFulfillmentHook,
    OrderCancellationHook,
    OrderFinder,
    OrderModificationHook,
    OrderPlacementHook,
    ReservationExpiredHook,
)
from .orders.invoice import Invoice, Tracking, TrackingStatus
from .orders.order import Agreement, Order
from .outbox.drain import Report
from .outbox.rows import TABLE as OUTBOX_TABLE
from .simulation.hooks import OfferLoader, SlaLoader
from .state import EXTENSION_KEY, Hooks, State, current_state, find_state
from .web.blueprint import make_blueprint

OfferLoaderT = TypeVar("OfferLoaderT", bound=OfferLoader)
SlaLoaderT = TypeVar("SlaLoaderT", bound=SlaLoader)
PlacementT = TypeVar("PlacementT", bound=OrderPlacementHook)
FinderT = TypeVar("FinderT", bound=OrderFinder)
SkuLoaderT = TypeVar("SkuLoaderT", bound=SkuLoader)
BrandMapperT = TypeVar("BrandMapperT", bound=BrandMapper)
CategoryMapperT = TypeVar("CategoryMapperT", bound=CategoryMapper)
FinisherT = TypeVar("FinisherT", bound=SuggestionFinisher)
SkuIdsLoaderT = TypeVar("SkuIdsLoaderT", bound=SkuIdsLoader)
AuthorizeT = TypeVar("AuthorizeT", bound=AuthorizeFulfillmentHook)
CancellationT = TypeVar("CancellationT", bound=OrderCancellationHook)
ModificationT = TypeVar("ModificationT", bound=OrderModificationHook)
ReservationT = TypeVar("ReservationT", bound=ReservationExpiredHook)

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
        self._watches = Watches(db.session, self._tell_watched)
        self.blueprint = make_blueprint()
        """The protocol's routes; exempt it from the shop's CSRF protection and login wall. It takes no others."""

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
            names = tuple(settings.marketplaces)
            app.register_blueprint(self.blueprint, url_prefix=settings.url_prefix, marketplaces=names)
        app.cli.add_command(vtex_seller_cli)
        app.extensions[EXTENSION_KEY] = compose(
            app, settings, db=self._db, tables=self._tables, hooks=self._hooks, clock=self._clock
        )
        for marketplace in settings.marketplaces.values():
            if not marketplace.inbound_tokens:
                _log.warning(
                    "no inbound_tokens are configured for %s: every call of it is refused",
                    marketplace.name,
                    extra={"marketplace": marketplace.name},
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

    def on_order_modification(self, function: ModificationT) -> ModificationT:
        """Register the function that learns of changes to orders; experimental; see `OrderModificationHook`."""
        self._hooks.on_order_modification.register(function)
        return function

    def on_reservation_expired(self, function: ReservationT) -> ReservationT:
        """Register the function that gives back the stock of unpaid orders; see `ReservationExpiredHook`."""
        self._hooks.on_reservation_expired.register(function)
        return function

    def sku_loader(self, function: SkuLoaderT) -> SkuLoaderT:
        """Register the function that loads the catalog data of SKUs to suggest; see `SkuLoader`."""
        self._hooks.sku_loader.register(function)
        return function

    def brand_mapper(self, function: BrandMapperT) -> BrandMapperT:
        """Register the function that says how a marketplace spells a brand; see `BrandMapper`."""
        self._hooks.brand_mapper.register(function)
        return function

    def category_mapper(self, function: CategoryMapperT) -> CategoryMapperT:
        """Register the function that says which category of a marketplace's is meant; see `CategoryMapper`."""
        self._hooks.category_mapper.register(function)
        return function

    def suggestion_finisher(self, function: FinisherT) -> FinisherT:
        """Register the function that has the last word about suggestions; see `SuggestionFinisher`."""
        self._hooks.suggestion_finisher.register(function)
        return function

    def sku_ids_loader(self, function: SkuIdsLoaderT) -> SkuIdsLoaderT:
        """Register the function that names every SKU on sale; see `SkuIdsLoader`."""
        self._hooks.sku_ids_loader.register(function)
        return function

    def watch(
        self,
        model: Any,
        *,
        sku_id: str,
        price: Collection[str] = (),
        inventory: Collection[str] = (),
        catalog: Collection[str] = (),
    ) -> None:
        """Have changes of a model's rows told to the marketplaces, in the transaction of `db.session` that makes them.

        What other programs, raw SQL and the `bulk_*` methods of a session change is not seen.

        Args:
            model: a mapped class; its subclasses are watched, too.
            sku_id: the attribute that holds the SKU's id, a str, an int or a UUID; or the path to it through
                relationships, such as `product.code`.
            price: attributes whose change gives a price notice; so with `inventory` and a stock notice.
            catalog: attributes whose change gives a change notice. A model with any describes the SKU itself: its
                inserts announce SKUs.

        Raises:
            ConfigurationError: the model is not mapped, or there is no such attribute; of a path perhaps as late as
                when the mappers are configured.
        """
        self._watches.add(Watch.of(model, sku_id, catalog=catalog, price=price, inventory=inventory))

    def order(self, order_id: str, *, marketplace: str | None = None) -> Order:
        """Return what is known of an order, read in the session's present transaction.

        Args:
            order_id: the shop's own id.
            marketplace: needed only where two marketplaces placed orders that share an id.

        Raises:
            UnknownOrder: no marketplace placed it here; names the shop's id if it is a marketplace's.
            AmbiguousOrder: two did.
            TypeError: the id or the name is no str.
        """
        for name, value in (("order_id", order_id), ("marketplace", "" if marketplace is None else marketplace)):
            if not isinstance(value, str):
                raise TypeError(f"{name} must be a str, not {type(value).__name__}")
        ledger = current_state().ledger
        orders = ledger.find(order_id, marketplace)
        if not orders:
            meant = "".join(
                f"; {order.marketplace} calls one so, and the shop calls it {order.order_id!r}"
                for order in ledger.named(order_id, marketplace)
                if order.order_id is not None
            )
            nobody = "no marketplace placed an" if marketplace is None else f"{marketplace} placed no"
            raise UnknownOrder(f"{nobody} order {order_id!r} here{meant}")
        if len(orders) > 1:
            names = ", ".join(sorted(order.marketplace for order in orders))
            raise AmbiguousOrder(f"{names} all placed an order {order_id!r}: pass marketplace=")
        return orders[0]

    # The verbs. Each writes one message in the session's present transaction and commits nothing: the shop's commit
    # sends it, the shop's rollback unsays it.

    def send_invoice(
        self,
        order_id: str,
        invoice: Invoice,
        *,
        refuses_cancellation: bool = False,
        marketplace: str | None = None,
    ) -> None:
        """Tell the marketplace that an order, or a parcel of it, is invoiced.

        While a cancellation is under evaluation, the invoice is held until that is decided.

        Args:
            refuses_cancellation: this invoice is the shop's no to a cancellation under evaluation.
            marketplace: as in `order`.

        Raises:
            UnknownOrder, AmbiguousOrder: as `order`.
            IllegalTransition: the order's state does not allow it.
            ValueError: the number was used, or the invoices would exceed the order's total.
        """
        order = self.order(order_id, marketplace=marketplace)
        current_state().outbound.send_invoice(order, invoice, refuses_cancellation=refuses_cancellation)

    def send_tracking(
        self, order_id: str, invoice_number: str, tracking: Tracking, *, marketplace: str | None = None
    ) -> None:
        """Tell the marketplace how the parcel of an invoice travels; raises as `send_invoice`."""
        current_state().outbound.send_tracking(self.order(order_id, marketplace=marketplace), invoice_number, tracking)

    def update_tracking_status(
        self, order_id: str, invoice_number: str, status: TrackingStatus, *, marketplace: str | None = None
    ) -> None:
        """Tell the marketplace where the parcel of an invoice is; raises as `send_invoice`."""
        order = self.order(order_id, marketplace=marketplace)
        current_state().outbound.update_tracking_status(order, invoice_number, status)

    def cancel_order(
        self, order_id: str, *, reason: str, return_invoice: Invoice | None = None, marketplace: str | None = None
    ) -> None:
        """Tell the marketplace that the shop cancels an order; raises as `send_invoice`.

        Args:
            return_invoice: needed for an invoiced order, for all that was not returned yet: it goes first, the
                cancellation after it.
        """
        current_state().outbound.cancel(self.order(order_id, marketplace=marketplace), reason, return_invoice)

    def return_invoice(self, order_id: str, invoice: Invoice, *, marketplace: str | None = None) -> None:
        """Tell the marketplace that invoiced goods came back; cancels nothing; raises as `send_invoice`."""
        current_state().outbound.return_invoice(self.order(order_id, marketplace=marketplace), invoice)

    def confirm_cancellation(self, order_id: str, *, marketplace: str | None = None) -> None:
        """Confirm a cancellation that the shop's hook answered with EVALUATE; raises as `send_invoice`."""
        current_state().outbound.confirm_cancellation(self.order(order_id, marketplace=marketplace))

    def send_agreement(
        self, order_id: str, change_id: str, agreement: Agreement, *, marketplace: str | None = None
    ) -> None:
        """Tell the marketplace how far the shop is with a modification of an order; raises as `send_invoice`.

        Args:
            change_id: the marketplace's id of the modification.
        """
        order = self.order(order_id, marketplace=marketplace)
        current_state().outbound.send_agreement(order, change_id, agreement)

    def refuse_cancellation(self, order_id: str, *, marketplace: str | None = None) -> None:
        """Refuse a cancellation under evaluation: the invoices that it holds are sent; raises as `send_invoice`.

        With no invoice held, `send_invoice(..., refuses_cancellation=True)` refuses it.
        """
        current_state().outbound.refuse_cancellation(self.order(order_id, marketplace=marketplace))

    def notify_price(self, *sku_ids: str, marketplaces: Collection[str] | None = None) -> None:
        """Tell the marketplaces that prices changed; each then asks for the SKU with a simulation.

        Args:
            sku_ids: the shop's own ids. Notices of one SKU that wait are sent as one.
            marketplaces: names; all when None. One whose settings have `price` off is left out.

        Raises:
            TypeError, ValueError: an id cannot be one; names it.
        """
        self._notify(PRICE, sku_ids, marketplaces)

    def notify_inventory(self, *sku_ids: str, marketplaces: Collection[str] | None = None) -> None:
        """Tell the marketplaces that stock changed; as `notify_price`."""
        self._notify(INVENTORY, sku_ids, marketplaces)

    def notify_catalog(self, *sku_ids: str, marketplaces: Collection[str] | None = None) -> None:
        """Tell the marketplaces that SKUs are new or their catalog data changed; as `notify_price`.

        A marketplace that does not know a SKU is sent a suggestion, built from what `sku_loader` returns then.
        """
        self._notify(CHANGE, sku_ids, marketplaces)

    def notify_delivery_promises(self, *items: SkuAvailability, marketplaces: Collection[str] | None = None) -> None:
        """Tell the marketplaces where and how fast SKUs can be had; replaces what was said of each before.

        Args:
            marketplaces: as in `notify_price`; one whose settings have `inventory` off is left out.

        Raises:
            TypeError: an item is no `SkuAvailability`.
        """
        names = self._hearers(PROMISES, marketplaces)
        current_state().outbox.append(promise_drafts(names, items), now=self._clock.now())

    def _notify(self, kind: str, sku_ids: Collection[str], marketplaces: Collection[str] | None) -> None:
        names, state, now = self._hearers(kind, marketplaces), current_state(), self._clock.now()
        state.outbox.append(drafts(kind, names, sku_ids), now=now, due_at=_due_at(state, now))

    def _tell_watched(self, session: Session, notices: Notices) -> None:
        state, now = find_state(), self._clock.now()
        # A shop's session outside of its application, or in one that sells on no marketplace, has nobody to tell.
        if state is None or not state.settings.marketplaces:
            return
        outbox, marketplaces = state.tables[OUTBOX_TABLE.name], state.settings.marketplaces
        connection = session.connection(bind_arguments={"clause": outbox})
        append_notices(connection, outbox, notices, marketplaces, now=now, due_at=_due_at(state, now))

    @staticmethod
    def _hearers(kind: str, marketplaces: Collection[str] | None) -> list[str]:
        configured = current_state().settings.marketplaces
        if isinstance(marketplaces, str):
            raise TypeError("marketplaces come as a list of names")
        names = list(configured if marketplaces is None else dict.fromkeys(marketplaces))
        unknown = sorted(set(names) - configured.keys())
        if unknown:
            raise ValueError(f"no marketplace is configured as {', '.join(unknown)}")
        return hearers(kind, {name: configured[name] for name in names})

    def drain(self, *, limit: int | None = None, seconds: float | None = None) -> Report:
        """Deliver what is due now, in the calling thread; a worker does this all the time.

        Args:
            limit: of attempts.
            seconds: after which no further call is begun.
        """
        return current_state().drain.run(limit=limit, seconds=seconds)


def _due_at(state: State, now: datetime) -> datetime:
    """Return when a notice may be sent: until then it waits for others of its SKU and kind."""
    return now + timedelta(seconds=state.settings.notice_seconds)
