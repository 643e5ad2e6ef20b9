"""What the processes of the chaos tests do.

Run as a program it loads everything once and forks a process for each order that it reads: a line of JSON with the name
of a function of this module, the description of a shop, and arguments.
"""

import functools
import json
import os
import signal
import sys
import time
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from flask import Flask, request
from flask.cli import cli
from werkzeug.serving import WSGIRequestHandler, make_server

from flask_vtex_seller import IllegalTransition, message_delivered
from flask_vtex_seller.clock import SystemClock
from flask_vtex_seller.outbox.ledger import OutboxLedger
from flask_vtex_seller.outbox.limits import GateLedger
from flask_vtex_seller.outbox.message import MessageState
from flask_vtex_seller.runners import scheduler
from flask_vtex_seller.state import current_state

from ..contract.speaking import make_invoice, speaking
from ..outbox.box import invoice
from ..shops import Shop, make_shop
from .kit import tell
from .troubles import ask_for_trouble
from .warehouse import Warehouse

_SHOP: dict[str, Any] = {}


class SetClock(SystemClock):
    """A clock that somebody sets: a file tells by how many seconds it is wrong. Its monotonic one is right."""

    def __init__(self, file: str) -> None:
        self._file = Path(file)

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=float(self._file.read_text()))


class LaterClock:
    """The time of a later day; a PostgreSQL is not asked for another."""

    def __init__(self, seconds: float) -> None:
        self._ahead = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def make() -> Shop:
    """Make the shop that was described: database, marketplace, config, the key it calls with, clock, trouble."""
    clock: Any = None
    if "clock_file" in _SHOP:
        clock = SetClock(_SHOP["clock_file"])
    elif "ahead" in _SHOP:
        clock = LaterClock(_SHOP["ahead"])
    marketplaces = {"acme": {**_SHOP["marketplace"], "app_key": _SHOP["key"]}}
    shop = make_shop(
        _SHOP["database"], create_tables=False, marketplaces=marketplaces, clock=clock, **_SHOP.get("config", {})
    )
    if "trouble_file" in _SHOP:
        with shop.app.app_context():
            ask_for_trouble(shop.db.engine, Path(_SHOP["trouble_file"]))
    return shop


def create_app() -> Flask:
    return make().app


# the tasks


def worker() -> None:
    """The command itself."""
    cli.main(args=["--app", "tests.chaos.children:create_app", "vtex-seller", "worker"])


def sync(skus: int) -> None:
    """The command that tells of all of so many SKUs."""
    shop = make()
    shop.seller.sku_ids_loader(lambda: [f"sku-{number}" for number in range(skus)])
    result = shop.app.test_cli_runner().invoke(args=["vtex-seller", "sync", "--all", "--batch", "25"])
    sys.exit(result.exit_code)


def retry_all(dies_in: int = 0) -> None:
    """The command that has all dead messages sent again; it dies in the batch of that number, before its commit."""
    genuine, batches = OutboxLedger.move, []

    @functools.wraps(genuine)
    def move(*args: Any, **kwargs: Any) -> Any:
        moved = genuine(*args, **kwargs)
        batches.append(moved)
        if len(batches) == dies_in:
            os.kill(os.getpid(), signal.SIGKILL)
        return moved

    OutboxLedger.move = move  # type: ignore[method-assign]
    result = make().app.test_cli_runner().invoke(args=["vtex-seller", "outbox", "retry", "--all", "--yes"])
    sys.stderr.write(result.output)
    sys.exit(result.exit_code)


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_: Any) -> None:
        """Say nothing."""


def serve(file: str, commits: bool = False, dies: str | None = None) -> None:
    """Serve the shop, a thread a call, and write down the port; `/ship/<order>` is the shop's own: it invoices.

    Args:
        dies: at this point of a hook; see `warehouse`.
    """
    warehouse = Warehouse(make(), commits=commits)
    warehouse.watch(lambda point, _: os.kill(os.getpid(), signal.SIGKILL) if point == dies else None)
    shop = warehouse.shop

    def ship(order_id: str) -> tuple[str, int]:
        request.get_data()  # its last byte comes when the race begins
        try:
            with speaking(shop) as seller:
                seller.send_invoice(order_id, make_invoice("1"))
        except (IllegalTransition, ValueError):
            return "", 409
        return "", 200

    shop.app.add_url_rule("/ship/<order_id>", view_func=ship, methods=["POST"])
    server = make_server("127.0.0.1", 0, shop.app, threaded=True, request_handler=_Quiet)
    tell(Path(file), str(server.port))
    server.serve_forever()


def drain(deliveries: int = 0) -> None:
    """Drain until nothing is pending, or until so many deliveries: then die."""
    shop, delivered = make(), []

    def count(*_: Any, **__: Any) -> None:
        delivered.append(1)
        if len(delivered) == deliveries:
            os.kill(os.getpid(), signal.SIGKILL)

    message_delivered.connect(count)
    with shop.app.app_context():
        while True:
            shop.seller.drain()
            pending = current_state().outbox.page(state=MessageState.PENDING, marketplace=None, lane=None, limit=1)
            shop.db.session.rollback()
            if not pending:
                return
            time.sleep(0.02)


def drain_once() -> None:
    """Drain what is due now."""
    shop = make()
    with shop.app.app_context():
        shop.seller.drain()


def sell(first: int, rows: int, seed: int) -> None:
    """Say one message in each of `rows` transactions, roll half of them back, and die between a commit and any call."""
    shop, rng = make(), Random(seed)
    rolled_back = set(rng.sample(range(rows), rows // 2))
    last = max(set(range(rows)) - rolled_back)
    with shop.app.app_context():
        state = current_state()
        for number in [*(n for n in range(rows) if n != last), last]:
            shop.db.session.add(shop.orders(marketplace_order_id=f"{first + number}"))
            state.outbox.append([invoice("1", order=f"{first + number}")], now=state.drain.clock.now())
            if number in rolled_back:
                shop.db.session.rollback()
            else:
                shop.db.session.commit()
    os.kill(os.getpid(), signal.SIGKILL)


def worker_that_notes_grants(file: str) -> None:
    """A worker that writes down each moment that a rate gives it."""
    genuine = GateLedger.reserve

    @functools.wraps(genuine)
    def reserve(self: GateLedger, marketplace: str, name: str, count: int, **rest: Any) -> list[datetime]:
        moments = genuine(self, marketplace, name, count, **rest)
        if name.startswith("rate:"):
            _note(file, "".join(f"{moment.timestamp()}\n" for moment in moments))
        return moments

    GateLedger.reserve = reserve  # type: ignore[method-assign]
    worker()


def embedded(file: str) -> None:
    """A process of the shop's with a scheduler inside that writes down each tick that it acts on."""
    genuine = scheduler.deliver

    @functools.wraps(genuine)
    def deliver(*args: Any) -> None:
        _note(file, f"{time.monotonic()} {os.getpid()}\n")
        genuine(*args)

    scheduler.deliver = deliver
    app, ending = create_app(), []
    signal.signal(signal.SIGTERM, lambda *_: ending.append(1))
    running = scheduler.start_scheduler(app)
    while not ending:
        time.sleep(0.02)
    running.shutdown(wait=True)


def calls(file: str, orders: list[str]) -> None:
    """Deliver one message after the other; write what became of each, its time, and by how much memory grew at most."""
    shop, found = make(), {}
    with shop.app.app_context():
        state = current_state()
        warm, *orders = orders
        for order in (warm, *orders):
            if order != warm and len(found) == 1:
                Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
                before = _memory("VmRSS")
            state.drain.append([invoice("1", order=order)])
            told: list[Any] = []
            genuine = state.drain.send

            def send(message: Any, body: Any, told: list[Any] = told, genuine: Any = genuine) -> Any:
                told.append(genuine(message, body))
                return told[-1]

            begun = time.monotonic()
            # one only: its repetition may come due before a slow machine has looked whether anything is left
            report = _with(state.drain, send).run(limit=1)
            took = time.monotonic() - begun
            [outcome] = told
            with state.drain.engine.begin() as connection:
                tomorrow = state.drain.table.c.due_at + 86_400_000_000
                connection.execute(state.drain.table.update().values(due_at=tomorrow))
            found[order] = {
                "took": took,
                "attempts": report.delivered + report.failed + report.dead,
                "verdict": outcome.verdict.name,
                "certainty": outcome.certainty.name,
                "status": outcome.status,
                "reason": outcome.reason,
            }
        grown = _memory("VmHWM") - before
    Path(file).write_text(json.dumps({"outcomes": found, "grown_megabytes": grown / 1024}))


def _with(drain: Any, send: Any) -> Any:
    # ten failures in a row would open the breaker: each is to be an attempt
    fields = {name: getattr(drain, name) for name in type(drain).__dataclass_fields__}
    with drain.engine.begin() as connection:
        connection.execute(drain.gates.delete())
    return type(drain)(**{**fields, "send": send})


def _memory(name: str) -> int:
    """In kilobytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1])


def _note(file: str, text: str) -> None:
    with open(file, "a") as out:
        out.write(text)


# the program


def _carry_out(order: dict[str, Any]) -> None:
    _SHOP.update(order["shop"])
    os.dup2(2, 1)  # only the nursery speaks there
    status = 0
    try:
        globals()[order["task"]](**order["arguments"])
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stderr.flush()
    os._exit(status)


def main() -> None:
    alive: set[int] = set()
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            pid = order["wait"]
            answer = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            alive.discard(pid)
        elif "poll" in order:
            flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
            answer = int(os.waitid(os.P_PID, order["poll"], flags) is not None)
        else:
            answer = os.fork()
            if answer == 0:
                _carry_out(order)
            alive.add(answer)
        print(answer, flush=True)  # noqa: T201 -- this is how a nursery answers
    for pid in alive:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    # under its own name, for the command imports it by that
    from tests.chaos import children

    children.main()
