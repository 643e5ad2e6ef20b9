"""A shop that takes orders through flask-vtex-seller.

With BENCHMARK_HEARD, the path of a file, it writes down what each call asks of the database outside of the hook: for
each verb the statements with their parameters, and how many transactions were begun and committed.
"""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import orders
from flask import request
from sqlalchemy import event

from flask_vtex_seller import (
    CancellationDecision,
    CancellationRequest,
    FulfillmentAuthorization,
    Offer,
    OrderPlacement,
    SimulationRequest,
    Sla,
    VtexSeller,
)

KNOWN = {
    "account": "acme",
    "seller_id": "shop",
    "app_key": "key",
    "app_token": "token",
    "inbound_tokens": [orders.TOKEN],
}
heard: dict[str, Any] = {}
in_hook = False

seller = VtexSeller(orders.db)
app = orders.create_app()
app.config["VTEX_SELLER_MARKETPLACES"] = {"acme": KNOWN}
seller.init_app(app)
with app.app_context():
    orders.fill()


def apart(hook: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Mark what a hook asks of the database as its own."""

    @wraps(hook)
    def marked(argument: Any) -> Any:
        global in_hook
        in_hook = True
        try:
            return hook(argument)
        finally:
            in_hook = False

    return marked


@seller.offer_loader
def offers(sku_ids: Sequence[str], _: SimulationRequest) -> Iterable[Offer]:
    return [orders.OFFERS[sku_id] for sku_id in sku_ids]


@seller.sla_loader
def slas(_: SimulationRequest) -> Iterable[Sla]:
    return [orders.SLA]


@seller.on_order_placement
@apart
def place(order: OrderPlacement) -> str:
    return orders.place(order.marketplace_order_id, [(item.sku_id, item.quantity) for item in order.items])


@seller.on_authorize_fulfillment
@apart
def release(authorization: FulfillmentAuthorization) -> None:
    orders.release(authorization.order_id)


@seller.on_order_cancellation
@apart
def cancel(wish: CancellationRequest) -> CancellationDecision:
    orders.cancel(wish.order_id)
    return CancellationDecision.CONFIRM


def listen(file: Path) -> None:
    """Write down in `file` what the database is asked."""

    def of_call() -> dict[str, Any]:
        verb = {"fulfill": "authorization", "cancel": "cancellation"}.get(request.path.rpartition("/")[2], "placement")
        return heard.setdefault(verb, {"statements": [], "begun": 0, "committed": 0})

    def on_statement(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not in_hook:
            of_call()["statements"].append([statement, parameters])

    def on_begin(_: Any) -> None:
        of_call()["begun"] += 1

    def on_commit(_: Any) -> None:
        of_call()["committed"] += 1
        file.write_text(json.dumps(heard), encoding="utf-8")

    with app.app_context():
        event.listen(orders.db.engine, "before_cursor_execute", on_statement)
        event.listen(orders.db.engine, "begin", on_begin)
        event.listen(orders.db.engine, "commit", on_commit)


if path := os.environ.get("BENCHMARK_HEARD"):
    listen(Path(path))
