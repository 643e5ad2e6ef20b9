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

from .catalog.handlers import ChangeNotificationHandler, PriceAndStockHandler, QuestionHandler
from .catalog.ledger import TABLE as SKU_TABLE
from .catalog.ledger import SkuLedger
from .catalog.notices import CHANGE, INVENTORY, PRESENCE, PRICE, STATUS, SUGGESTION
from .catalog.present import Present
from .catalog.reconcile import Reconciler
from .catalog.runs import TABLE as RUN_TABLE
from .catalog.suggesting import SuggestionHandler
from .catalog.survey import Survey
from .clock import Clock, SystemClock
from .config import Settings
from .database import DatabaseClock, Tables, hide_parameters
from .marketplace.client import CALL_SECONDS, MarketplaceClient
from .marketplace.operations import OPERATIONS
from .marketplace.outcome import Outcome
from .offers import Ask, Terms
from .orders.claim import Claims
from .orders.inbound import InboundOrders
from .orders.invoice_ledger import TABLE as INVOICE_TABLE
from .orders.invoice_ledger import InvoiceLedger
from .orders.lane import OrderLanes
from .orders.ledger import TABLE as ORDER_TABLE
from .orders.ledger import OrderLedger
from .orders.outbound import ORDER_OPERATIONS, OrderMessageHandler, OutboundOrders, services_endpoint
from .orders.personal_data import PersonalData
from .orders.reservation import Reservations
from .outbox.drain import Drain
from .outbox.handler import OutcomeHandler, Settled
from .outbox.ledger import OutboxLedger
from .outbox.limits import TABLE as GATE_TABLE
from .outbox.message import Message, MessageState
from .outbox.roles import TABLE as ROLE_TABLE
from .outbox.rows import TABLE as OUTBOX_TABLE
from .signals import announce, breaker_closed, breaker_opened, message_dead, message_delivered
from .simulation.deadline import Deadline
from .simulation.figures import Figures
from .simulation.health import SimulationHealth, look
from .simulation.memory import TermsMemory
from .simulation.quote import ask
from .sources import FailureLimit
from .state import Hooks, State
from .vault import Vault


def compose(app: Flask, settings: Settings, *, db: SQLAlchemy, tables: Tables, hooks: Hooks, clock: Clock) -> State:
    """Return the state of one application.

    Args:
        tables: the package's own, by name, as they stand on the shop's metadata.
        hooks: looked up when they are called, so they may be registered later.
    """
    session, vault = db.session, Vault(settings.encryption_keys)
    terms = partial(ask, offer_loader=hooks.offer_loader, sla_loader=hooks.sla_loader)
    simulate, simulation_health = _compose_simulation(app, settings, terms, clock)
    ledger = OrderLedger(session, tables[ORDER_TABLE.name], vault)
    outbox = OutboxLedger(session, tables[OUTBOX_TABLE.name], vault)
    invoices = InvoiceLedger(session, tables[INVOICE_TABLE.name], tables[ORDER_TABLE.name])
    claims = Claims(ledger=ledger, clock=clock)
    lanes = OrderLanes(outbox=outbox, invoices=invoices, clock=clock)
    present = _present(app, settings, hooks, clock)
    drain = _compose_drain(app, settings, db=db, tables=tables, hooks=hooks, present=present, clock=clock, vault=vault)
    return State(
        settings=settings,
        hooks=hooks,
        tables=tables,
        db=db,
        ask=simulate,
        simulation_health=simulation_health,
        ledger=ledger,
        inbound=_compose_inbound(hooks, claims=claims, ask=terms, lanes=lanes),
        reservations=Reservations(claims=claims, on_expiry=hooks.on_reservation_expired),
        outbound=OutboundOrders(orders=ledger, invoices=invoices, outbox=outbox, lanes=lanes, clock=clock),
        skus=SkuLedger(session, tables[SKU_TABLE.name]),
        outbox=outbox,
        drain=drain,
        reconciler=_reconciler(app, settings, drain, tables=tables, hooks=hooks, present=present),
        personal_data=PersonalData(drain=drain, orders=tables[ORDER_TABLE.name]),
        failures=FailureLimit(settings.auth_failures_per_minute, clock),
    )


def _compose_inbound(hooks: Hooks, *, claims: Claims, ask: Ask, lanes: OrderLanes) -> InboundOrders:
    return InboundOrders(
        claims=claims,
        ask=ask,
        lanes=lanes,
        on_placement=hooks.on_order_placement,
        finder=hooks.order_finder,
        on_authorization=hooks.on_authorize_fulfillment,
        on_cancellation=hooks.on_order_cancellation,
        on_modification=hooks.on_order_modification,
    )


def _present(app: Flask, settings: Settings, hooks: Hooks, clock: Clock) -> Present:
    return Present(
        offer_loader=hooks.offer_loader.get,
        sku_loader=hooks.sku_loader,
        marketplaces=settings.marketplaces,
        context=app.app_context,
        monotonic=clock.monotonic,
    )


def _reconciler(
    app: Flask, settings: Settings, drain: Drain, *, tables: Tables, hooks: Hooks, present: Present
) -> Reconciler:
    survey = Survey(
        engine=drain.engine,
        skus=tables[SKU_TABLE.name],
        present=present,
        sku_ids_loader=hooks.sku_ids_loader,
        marketplaces=settings.marketplaces,
        context=app.app_context,
    )
    return Reconciler(
        engine=drain.engine, survey=survey, outbox=drain.table, runs=tables[RUN_TABLE.name], clock=drain.clock
    )


def _compose_simulation(
    app: Flask, settings: Settings, terms: partial[Terms], clock: Clock
) -> tuple[Ask, Callable[[], SimulationHealth]]:
    figures, stale = Figures(clock), settings.stale_offers_seconds
    if settings.simulation_seconds is None:
        return figures.counting(terms), partial(look, figures, None, clock)
    deadline = Deadline(
        terms,
        seconds=settings.simulation_seconds,
        threads=settings.simulation_threads,
        context=app.app_context,
        memory=None if stale is None else TermsMemory(seconds=stale, clock=clock),
        figures=figures,
        clock=clock,
    )
    return deadline, partial(look, figures, deadline.pool, clock)


def _compose_drain(
    app: Flask,
    settings: Settings,
    *,
    db: SQLAlchemy,
    tables: Tables,
    hooks: Hooks,
    present: Present,
    clock: Clock,
    vault: Vault,
) -> Drain:
    with app.app_context():
        engine = db.engine
    hide_parameters(engine, tables.values())
    if engine.dialect.name == "postgresql" and isinstance(clock, SystemClock):
        clock = DatabaseClock(engine, clock)

    tell, tell_breaker = _announcers(app)
    marketplaces = settings.marketplaces.values()
    return Drain(
        engine=engine,
        table=tables[OUTBOX_TABLE.name],
        gates=tables[GATE_TABLE.name],
        roles=tables[ROLE_TABLE.name],
        send=_sender(settings, engine, tables, clock),
        handlers=_handlers(app, settings, tables=tables, hooks=hooks, present=present, clock=clock),
        marketplaces=frozenset(found.name for found in marketplaces if not found.paused),
        paused=frozenset(found.name for found in marketplaces if found.paused),
        rates={(found.name, group): rate for found in marketplaces for group, rate in found.rates.items()},
        lease=timedelta(seconds=settings.lease_seconds),
        clock=clock,
        rng=Random(),  # noqa: S311 -- spreads retries, keeps no secret
        announce=tell,
        announce_breaker=tell_breaker,
        vault=vault,
    )


def _announcers(app: Flask) -> tuple[Callable[[Settled], None], Callable[[str, str, bool], None]]:
    def tell(settled: Settled) -> None:
        signal = message_delivered if settled.state is MessageState.DELIVERED else message_dead
        if not signal.receivers:
            return
        # What a marketplace answers may repeat what it was sent.
        message = replace(settled.message, body=None, last_excerpt="", state=settled.state)
        announce(signal, app, message=message, outcome=replace(settled.outcome, excerpt=""))

    def tell_breaker(marketplace: str, host: str, opened: bool) -> None:
        announce(breaker_opened if opened else breaker_closed, app, marketplace=marketplace, host=host)

    return tell, tell_breaker


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
    app: Flask, settings: Settings, *, tables: Tables, hooks: Hooks, present: Present, clock: Clock
) -> Mapping[str, OutcomeHandler]:
    skus, messages, orders = (tables[table.name] for table in (SKU_TABLE, OUTBOX_TABLE, ORDER_TABLE))
    order = OrderMessageHandler(orders=orders, invoices=tables[INVOICE_TABLE.name], clock=clock)
    suggestion = SuggestionHandler(
        sku_loader=hooks.sku_loader,
        brand_mapper=hooks.brand_mapper,
        category_mapper=hooks.category_mapper,
        finisher=hooks.suggestion_finisher,
        sku_table=skus,
        outbox_table=messages,
        marketplaces=settings.marketplaces,
        clock=clock,
        context=app.app_context,
    )
    change = ChangeNotificationHandler(sku_table=skus, outbox_table=messages, present=present, clock=clock)
    notices = dict.fromkeys((PRICE, INVENTORY), PriceAndStockHandler(sku_table=skus, present=present, clock=clock))
    question = QuestionHandler(sku_table=skus, outbox_table=messages, present=present, clock=clock)
    questions = dict.fromkeys((STATUS, PRESENCE), question)
    orders_ = dict.fromkeys(ORDER_OPERATIONS, order)
    return {**orders_, **notices, CHANGE: change, SUGGESTION: suggestion, **questions}
