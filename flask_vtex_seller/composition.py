"""Putting the parts together: from settings, tables and hooks to the State of one application."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine

from .catalog.ledger import TABLE as SKU_TABLE
from .catalog.ledger import SkuLedger
from .catalog.sync import (
    CHANGE,
    SUGGESTION,
    ChangeNotificationHandler,
    SuggestionHandler,
)
from .clock import Clock, SystemClock
from .config import Settings
from .database import DatabaseClock, Tables
from .marketplace.client import CALL_SECONDS, MarketplaceClient
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
from .outbox.drain import Drain
from .outbox.handler import OutcomeHandler
from .outbox.ledger import OutboxLedger
from .outbox.limits import TABLE as GATE_TABLE
from .outbox.message import Message, MessageState
from .outbox.roles import TABLE as ROLE_TABLE
from .outbox.rows import TABLE as OUTBOX_TABLE
from .outbox.settling import Settled
from .signals import announce, breaker_closed, breaker_opened, message_dead, message_delivered
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
    with app.app_context():
        engine = db.engine
    if engine.dialect.name == "postgresql" and isinstance(clock, SystemClock):
        clock = DatabaseClock(engine, clock)

    def tell(settled: Settled) -> None:
        signal = message_delivered if settled.state is MessageState.DELIVERED else message_dead
        announce(signal, app, message=replace(settled.message, body=None, state=settled.state), outcome=settled.outcome)

    def tell_breaker(marketplace: str, host: str, opened: bool) -> None:
        announce(breaker_opened if opened else breaker_closed, app, marketplace=marketplace, host=host)

    marketplaces = settings.marketplaces.values()
    return Drain(
        engine=engine,
        table=tables[OUTBOX_TABLE.name],
        gates=tables[GATE_TABLE.name],
        roles=tables[ROLE_TABLE.name],
        send=_sender(settings, engine, tables, clock),
        handlers=_handlers(app, settings, tables=tables, hooks=hooks, clock=clock),
        marketplaces=frozenset(found.name for found in marketplaces if not found.paused),
        paused=frozenset(found.name for found in marketplaces if found.paused),
        rates={(found.name, group): rate for found in marketplaces for group, rate in found.rates.items()},
        lease=timedelta(seconds=settings.lease_seconds),
        clock=clock,
        rng=Random(),  # noqa: S311 -- spreads retries, keeps no secret
        announce=tell,
        announce_breaker=tell_breaker,
    )


def _sender(
    settings: Settings, engine: Engine, tables: Tables, clock: Clock
) -> Callable[[Message, Any | None], Outcome]:
    # A call that outlived its lease could be overtaken by what follows it in its lane.
    call_seconds = min(CALL_SECONDS, settings.lease_seconds / 4)
    client = MarketplaceClient(clock, user_agent="flask-vtex-seller", call_seconds=call_seconds)

    def send(message: Message, body: Any | None) -> Outcome:
        marketplace, endpoint = settings.marketplaces[message.marketplace], None
        if marketplace.route_family == "protocol":
            with engine.connect() as connection:
                endpoint = services_endpoint(connection, tables[ORDER_TABLE.name], message)
        operation = OPERATIONS[message.operation]
        return client.send(operation, marketplace, message.arguments, body, services_endpoint=endpoint)

    return send


def _handlers(
    app: Flask, settings: Settings, *, tables: Tables, hooks: Hooks, clock: Clock
) -> Mapping[str, OutcomeHandler]:
    skus, messages, orders = (tables[table.name] for table in (SKU_TABLE, OUTBOX_TABLE, ORDER_TABLE))
    order = OrderMessageHandler(orders=orders, invoices=tables[INVOICE_TABLE.name], clock=clock)
    suggestion = SuggestionHandler(
        sku_loader=hooks.sku_loader,
        finisher=hooks.suggestion_finisher,
        sku_table=skus,
        marketplaces=settings.marketplaces,
        clock=clock,
        context=app.app_context,
    )
    change = ChangeNotificationHandler(sku_table=skus, outbox_table=messages, clock=clock)
    return {**dict.fromkeys(ORDER_OPERATIONS, order), CHANGE: change, SUGGESTION: suggestion}
