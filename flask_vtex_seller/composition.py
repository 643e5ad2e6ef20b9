"""Putting the parts together: from settings, tables and hooks to the State of one application."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from .catalog.ledger import TABLE as SKU_TABLE
from .catalog.ledger import SkuLedger
from .catalog.sync import (
    CHANGE,
    SUGGESTION,
    ChangeNotificationHandler,
    SuggestionHandler,
)
from .clock import Clock
from .config import Settings
from .database import Tables
from .marketplace.client import MarketplaceClient
from .marketplace.operations import OPERATIONS
from .marketplace.outcome import Outcome
from .orders.claim import Claims
from .orders.inbound import InboundOrders
from .orders.invoice_ledger import TABLE as INVOICE_TABLE
from .orders.invoice_ledger import InvoiceLedger
from .orders.lane import OrderLanes
from .orders.ledger import TABLE as ORDER_TABLE
from .orders.ledger import OrderLedger
from .orders.outbound import ORDER_OPERATIONS, OrderMessageHandler, OutboundOrders, services_endpoint
from .orders.reservation import Reservations
from .outbox.drain import Drain, Settled
from .outbox.ledger import TABLE as OUTBOX_TABLE
from .outbox.ledger import OutboxLedger
from .outbox.message import Message, MessageState
from .signals import announce, message_dead, message_delivered
from .simulation.deadline import Deadline
from .simulation.quote import ask
from .state import Hooks, State


def compose(app: Flask, settings: Settings, *, db: SQLAlchemy, tables: Tables, hooks: Hooks, clock: Clock) -> State:
    """Return the state of one application.

    Args:
        tables: the package's own, by name, as they stand on the shop's metadata.
        hooks: looked up when they are called, so they may be registered later.
    """
    session = db.session
    terms = partial(ask, offer_loader=hooks.offer_loader, sla_loader=hooks.sla_loader)
    seconds = settings.simulation_seconds
    ledger = OrderLedger(session, tables[ORDER_TABLE.name])
    outbox = OutboxLedger(session, tables[OUTBOX_TABLE.name])
    invoices = InvoiceLedger(session, tables[INVOICE_TABLE.name], tables[ORDER_TABLE.name])
    claims = Claims(ledger=ledger, clock=clock)
    lanes = OrderLanes(outbox=outbox, invoices=invoices, clock=clock)
    return State(
        settings=settings,
        hooks=hooks,
        tables=tables,
        db=db,
        ask=terms if seconds is None else Deadline(terms, seconds=seconds, context=app.app_context),
        ledger=ledger,
        inbound=InboundOrders(
            claims=claims,
            ask=terms,
            lanes=lanes,
            on_placement=hooks.on_order_placement,
            finder=hooks.order_finder,
            on_authorization=hooks.on_authorize_fulfillment,
            on_cancellation=hooks.on_order_cancellation,
            on_modification=hooks.on_order_modification,
        ),
        reservations=Reservations(claims=claims, on_expiry=hooks.on_reservation_expired),
        outbound=OutboundOrders(orders=ledger, invoices=invoices, outbox=outbox, lanes=lanes, clock=clock),
        skus=SkuLedger(session, tables[SKU_TABLE.name]),
        outbox=outbox,
        drain=_compose_drain(app, settings, db=db, tables=tables, hooks=hooks, clock=clock),
    )


def _compose_drain(
    app: Flask, settings: Settings, *, db: SQLAlchemy, tables: Tables, hooks: Hooks, clock: Clock
) -> Drain:
    client = MarketplaceClient(clock, user_agent="flask-vtex-seller")

    def send(message: Message, body: Any | None) -> Outcome:
        marketplace, endpoint = settings.marketplaces[message.marketplace], None
        if marketplace.route_family == "protocol":
            with engine.connect() as connection:
                endpoint = services_endpoint(connection, orders_table, message)
        operation = OPERATIONS[message.operation]
        return client.send(operation, marketplace, message.arguments, body, services_endpoint=endpoint)

    def tell(settled: Settled) -> None:
        signal = message_delivered if settled.state is MessageState.DELIVERED else message_dead
        announce(signal, app, message=replace(settled.message, body=None, state=settled.state), outcome=settled.outcome)

    skus, messages, orders_table = (tables[table.name] for table in (SKU_TABLE, OUTBOX_TABLE, ORDER_TABLE))
    orders = OrderMessageHandler(orders=orders_table, invoices=tables[INVOICE_TABLE.name], clock=clock)
    change = ChangeNotificationHandler(sku_table=skus, outbox_table=messages, clock=clock)
    suggestion = SuggestionHandler(
        sku_loader=hooks.sku_loader,
        finisher=hooks.suggestion_finisher,
        sku_table=skus,
        marketplaces=settings.marketplaces,
        clock=clock,
        context=app.app_context,
    )
    with app.app_context():
        engine = db.engine
    return Drain(
        engine=engine,
        table=messages,
        send=send,
        handlers={**dict.fromkeys(ORDER_OPERATIONS, orders), CHANGE: change, SUGGESTION: suggestion},
        marketplaces=frozenset(name for name, found in settings.marketplaces.items() if not found.paused),
        lease=timedelta(seconds=settings.lease_seconds),
        clock=clock,
        rng=Random(),  # noqa: S311 -- spreads retries, keeps no secret
        announce=tell,
    )
