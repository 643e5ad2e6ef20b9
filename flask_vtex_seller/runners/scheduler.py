"""APScheduler as the clock of the outbox: a worker process of its own, or a scheduler inside the shop's process.

Correctness never depends on how many of them run: a message's lease decides who sends it.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, timedelta
from types import FrameType

from apscheduler.events import EVENT_SCHEDULER_SHUTDOWN
from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask, current_app
from sqlalchemy.exc import DBAPIError

from ..catalog.ledger import TABLE as SKU_TABLE
from ..catalog.ledger import SkuLedger
from ..catalog.notices import CHANGE, hearers
from ..catalog.sync import due_for_another_look
from ..clock import SystemClock
from ..database import is_transient, missing
from ..errors import ConfigurationError, VtexSellerError
from ..orders.personal_data import Whose
from ..outbox.ledger import OutboxLedger
from ..signals import announce, reservation_expired
from ..state import State, current_state
from .leader import Leadership

_TICKS_A_TERM, _SHORTEST_TERM = 3, timedelta(seconds=1)
CLEAN_UP_SECONDS = 3600.0
RECONCILE_SECONDS = 60.0
"""How often is looked whether it is time to; the setting says when it is."""
SWEEP_SECONDS = 60.0
EXPIRE_SECONDS = 60.0
_LOOK_SECONDS, _TRY_AGAIN_SECONDS = 0.1, 1.0
LOOK_AGAIN_AFTER = timedelta(minutes=20)
"""How often a suggested SKU is asked about. Source: VTEX asks for 15 to 30 minutes between two looks."""
_LOOKS_AT_A_TIME = 200
_now = SystemClock().now
"""APScheduler goes by this machine's clock, which may be another than the database's."""
_log = logging.getLogger(__name__)


class _Ending(threading.Event):
    """An Event that a signal handler may set: the handler runs in the very thread that may hold an Event's lock."""

    _ended = False

    def set(self) -> None:
        self._ended = True

    def is_set(self) -> bool:
        return self._ended


def run_worker(app: Flask) -> None:
    """Deliver messages until SIGTERM or SIGINT.

    The call in flight is finished then; what was taken but not begun is handed back.

    Raises:
        ConfigurationError: the database's tables are not those of this version.
    """
    stop = _Ending()

    def end(_: int, __: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    scheduler = _start_when_possible(app, stop)
    # Looking now and then: a wait without end would miss a signal that comes just before it begins.
    while not stop.is_set():
        time.sleep(_LOOK_SECONDS)
    if scheduler is not None:
        scheduler.shutdown(wait=True)


def _start_when_possible(app: Flask, stop: threading.Event) -> BackgroundScheduler | None:
    """Start the worker's scheduler as soon as the database answers: after a power cut both start at once."""
    while not stop.is_set():
        try:
            return start_scheduler(app, stop=stop, elect=False)
        except DBAPIError as error:
            if not is_transient(error):
                raise
            # No row is read yet, so the words tell of the connection alone.
            _log.error("the database failed at the start: %s", str(error.orig).partition("\n")[0])
            time.sleep(_TRY_AGAIN_SECONDS)
    return None


def start_scheduler(app: Flask, *, stop: threading.Event | None = None, elect: bool = True) -> BackgroundScheduler:
    """Start delivering in background threads of this process, and return the running scheduler.

    Nothing else starts one: call it where a long-lived process of the shop begins (gunicorn: `post_fork`, for threads
    do not survive a fork), not in an application factory that tests and commands run, too. Of several processes that
    did, one acts, and another takes over when it ends or dies. End it with `scheduler.shutdown()`.

    Args:
        stop: set it to have a run under way begin no further call.
        elect: when False, this process acts whoever else does: two share the work.

    Raises:
        ConfigurationError: the database's tables are not those of this version.
    """
    with app.app_context():
        state = current_state()
        lacking = missing(state.db.engine, state.tables.values())
    if lacking:
        remedy = "run the shop's migrations or `flask vtex-seller create-tables`"
        raise ConfigurationError(f"the database has no {', '.join(lacking)}: {remedy}")
    if not state.settings.marketplaces:
        _log.warning("no marketplace is configured here (VTEX_SELLER_MARKETPLACES): nothing is sent")
    stop = stop or threading.Event()
    # Ticks that came too late are made up for by one, and never dropped in silence.
    defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    scheduler = BackgroundScheduler(job_defaults=defaults, timezone=UTC)
    every = state.settings.drain_seconds
    term = max(_SHORTEST_TERM, _TICKS_A_TERM * timedelta(seconds=every))
    leadership = Leadership(state.drain.engine, state.drain.roles, clock=state.drain.clock, term=term)
    if elect:
        scheduler.add_listener(lambda _: leadership.release(), EVENT_SCHEDULER_SHUTDOWN)
    jobs = {deliver: every, sweep: SWEEP_SECONDS, expire: EXPIRE_SECONDS, clean_up: CLEAN_UP_SECONDS}
    if state.settings.reconcile_seconds is not None:
        jobs[reconcile] = min(RECONCILE_SECONDS, state.settings.reconcile_seconds)
    for job, seconds in jobs.items():
        run = _in_context(app, job, stop, leadership, elect, lambda: bool(scheduler.running))
        scheduler.add_job(run, "interval", seconds=seconds, id=job.__name__, next_run_time=_now())
    scheduler.start()
    return scheduler


def deliver(state: State, stop: threading.Event) -> bool:
    """Send what is due; ends before the next tick, so that a stop is never far. Tell whether more may be due."""
    threads = state.settings.drain_threads
    run = state.drain.run(seconds=state.settings.drain_seconds * 0.8, threads=threads, stop=stop.is_set)
    return run.unfinished and not stop.is_set()


def sweep(state: State, _: threading.Event) -> bool:
    """Ask again about SKUs that marketplaces have not decided about yet: an approved one is known from then on."""
    drain = state.drain
    with drain.engine.begin() as connection:
        skus = SkuLedger(connection, state.tables[SKU_TABLE.name])
        now = drain.clock.now()
        told = drain.marketplaces.intersection(hearers(CHANGE, state.settings.marketplaces))
        due = due_for_another_look(skus, marketplaces=told, interval=LOOK_AGAIN_AFTER, limit=_LOOKS_AT_A_TIME, now=now)
        OutboxLedger(connection, drain.table).append(due, now=now)
    return False


def reconcile(state: State, stop: threading.Event) -> bool:
    """Tell marketplaces what the shop changed without saying so; one worker does it, and the others leave it."""
    every = state.settings.reconcile_seconds
    if every is None or not state.hooks.sku_ids_loader.registered:
        return False
    try:
        made = state.reconciler.run_if_due(every=timedelta(seconds=every), stop=stop.is_set)
    except VtexSellerError as error:
        _log.error("reconciling failed: %s", error)
        return False
    if made is not None and made.failures:
        first = made.failures[0]
        words = (len(made.failures), first.sku_id, first.reason)
        _log.warning("%d SKUs could not be reconciled, such as %s: %s", *words, extra={"sku_id": first.sku_id})
    return False


def expire(state: State, stop: threading.Event) -> bool:
    """Have the shop give back the stock of orders that were not authorized in time."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    for order in state.reservations.expire(stop=stop.is_set):
        announce(reservation_expired, app, order=order)
    return False


def clean_up(state: State, stop: threading.Event) -> bool:
    """Delete messages that were delivered long ago, and what older ones than is configured hold of people."""
    now, settings = state.drain.clock.now(), state.settings
    if state.drain.purge(before=now - timedelta(days=settings.keep_days)):
        return True
    if settings.personal_data_days is not None:
        old = Whose(before=now - timedelta(days=settings.personal_data_days))
        state.personal_data.remove(old, stop=stop.is_set)
    return False


def _in_context(
    app: Flask,
    job: Callable[[State, threading.Event], bool],
    stop: threading.Event,
    leadership: Leadership,
    elect: bool,
    is_running: Callable[[], bool],
) -> Callable[[], None]:
    def run() -> None:
        with app.app_context():
            try:
                more = True
                # Again at once while there is more: the next tick may be far, for those that come meanwhile are gone.
                while more and (not elect or leadership.hold()):
                    more = job(current_state(), stop) and is_running()
                    if job is deliver:
                        leadership.note_drain()
            except DBAPIError as error:
                # The next tick tries again; a worker must outlive its database's restart.
                _log.error("the database failed during %s: %s", job.__name__, type(error).__name__)

    return run
