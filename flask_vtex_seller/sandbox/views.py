"""The sandbox's JSON API and its page."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, abort, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, NotFound, UnsupportedMediaType

from . import inputs
from .catalog import UnknownSku
from .checkout import NothingToOrder
from .exchange import Exchange
from .exchange_log import LONGEST_LOG
from .marketplace import Marketplace
from .order_book import UnknownOrder

EXTENSION_KEY = "vtex_sandbox"
PAGE_LENGTH = 100

blueprint = Blueprint("sandbox", __name__)


class NoEndpoint(RuntimeError):
    """The sandbox was started without a seller to call."""


@blueprint.get("/")
def show_page() -> ResponseReturnValue:
    """Show the last exchanges, newest first."""
    marketplace: Marketplace | None = current_app.extensions[EXTENSION_KEY]
    before = request.args.get("before", type=int) or LONGEST_LOG * LONGEST_LOG
    content = {} if marketplace is None else _page_of(marketplace, before)
    return render_template("sandbox.html", marketplace=marketplace, **content)


@blueprint.get("/api/exchanges")
def list_exchanges() -> ResponseReturnValue:
    """List the exchanges with a number above `after`, oldest first."""
    after, limit = inputs.page(request.args, most=LONGEST_LOG)
    found = [exchange.as_json() for exchange in find_marketplace().exchanges() if exchange.number > after]
    return jsonify(exchanges=found[:limit])


@blueprint.get("/api/exchanges/<int:number>")
def show_exchange(number: int) -> ResponseReturnValue:
    """Return one exchange."""
    found = next((exchange for exchange in find_marketplace().exchanges() if exchange.number == number), None)
    if found is None:
        raise NotFound(f"there is no exchange {number}, or it has made room for newer ones")
    return jsonify(exchange=found.as_json())


@blueprint.get("/api/orders")
def list_orders() -> ResponseReturnValue:
    """List the orders that were sent, oldest first."""
    return jsonify(orders=[order.as_json() for order in find_marketplace().orders()])


@blueprint.post("/api/index")
def index() -> ResponseReturnValue:
    """Simulate as the indexer does."""
    payload = _payload()
    return _exchange(find_marketplace().index(inputs.text(payload, "sku_id"), expect=inputs.expectation(payload)))


@blueprint.post("/api/simulate")
def simulate() -> ResponseReturnValue:
    """Simulate as the product page and the cart do."""
    payload = _payload()
    return _exchange(_simulate(payload, expect=inputs.expectation(payload)))


@blueprint.post("/api/orders")
def place() -> ResponseReturnValue:
    """Simulate with an address, then place the order that comes of it."""
    payload = _payload()
    wishes: dict[str, Any] = {name: inputs.optional_text(payload, name) for name in ("sla_id", "marketplace_order_id")}
    wishes |= {"quantities": inputs.quantities(payload), "expect": inputs.expectation(payload)}
    simulation = _simulate(payload)
    placed = find_marketplace().place(simulation, **wishes)
    return jsonify(simulation=simulation.as_json(), exchange=placed.as_json())


@blueprint.post("/api/orders/<marketplace_order_id>/repeat")
def place_again(marketplace_order_id: str) -> ResponseReturnValue:
    """Send an order once more, unchanged."""
    return _exchange(find_marketplace().place_again(marketplace_order_id, expect=inputs.expectation(_payload())))


@blueprint.post("/api/orders/<marketplace_order_id>/authorize")
def authorize(marketplace_order_id: str) -> ResponseReturnValue:
    """Tell the seller that the payment is approved."""
    payload = _payload()
    legacy, expect = inputs.flag(payload, "legacy_body"), inputs.expectation(payload)
    return _exchange(find_marketplace().authorize(marketplace_order_id, legacy_body=legacy, expect=expect))


@blueprint.post("/api/orders/<marketplace_order_id>/cancel")
def cancel(marketplace_order_id: str) -> ResponseReturnValue:
    """Ask the seller to cancel an order."""
    payload = _payload()
    wishes: dict[str, Any] = {name: inputs.flag(payload, name) for name in ("new_request", "legacy_body")}
    reason = inputs.optional_text(payload, "reason")
    if reason is not None:
        wishes["reason"] = reason
    return _exchange(find_marketplace().cancel(marketplace_order_id, expect=inputs.expectation(payload), **wishes))


@blueprint.get("/api/skus")
def list_skus() -> ResponseReturnValue:
    """List the SKUs that were suggested or approved, oldest first."""
    return jsonify(skus=[sku.as_json() for sku in find_marketplace().skus()])


@blueprint.post("/api/skus/<path:sku_id>/approve")
def approve(sku_id: str) -> ResponseReturnValue:
    """Put a SKU on sale."""
    _payload()
    return jsonify(sku=find_marketplace().approve(sku_id).as_json())


@blueprint.post("/api/skus/<path:sku_id>/deny")
def deny(sku_id: str) -> ResponseReturnValue:
    """Block a SKU."""
    reason = inputs.optional_text(_payload(), "reason")
    wishes = {} if reason is None else {"reason": reason}
    return jsonify(sku=find_marketplace().deny(sku_id, **wishes).as_json())


@blueprint.post("/api/skus/<path:sku_id>/forget")
def forget(sku_id: str) -> ResponseReturnValue:
    """Drop the suggestion of a SKU."""
    _payload()
    return jsonify(sku=find_marketplace().forget(sku_id).as_json())


@blueprint.get("/api/faults")
def list_faults() -> ResponseReturnValue:
    """List the faults that are still to come, oldest first."""
    return jsonify(faults=[fault.as_json() for fault in find_marketplace().faults()])


@blueprint.post("/api/faults")
def add_fault() -> ResponseReturnValue:
    """Let the next calls of the seller go wrong."""
    wishes = inputs.fault(_payload())
    try:
        return jsonify(fault=find_marketplace().fail_next(**wishes).as_json())
    except ValueError as error:
        raise inputs.BadInput(str(error)) from None


@blueprint.delete("/api/faults")
def clear_faults() -> ResponseReturnValue:
    """Forget the faults that are still to come."""
    find_marketplace().clear_faults()
    return jsonify(faults=[])


@blueprint.app_template_filter("pretty")
def pretty(value: Any) -> str:
    """Return a JSON value indented for people."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def answer_error(error: Exception) -> ResponseReturnValue:
    """Turn an error of the API into JSON; the page keeps the framework's own error pages."""
    if isinstance(error, HTTPException):
        # reading the path needs no trusted host, which may be the very thing that is wrong
        if not request.environ.get("PATH_INFO", "").startswith("/api/"):
            return error
        return jsonify(error=error.description), error.code or 500
    statuses = {inputs.BadInput: 400, UnknownOrder: 404, UnknownSku: 404, NoEndpoint: 409, NothingToOrder: 409}
    return jsonify(error=str(error)), statuses[type(error)]


ANSWERED_ERRORS = (HTTPException, inputs.BadInput, UnknownOrder, UnknownSku, NoEndpoint, NothingToOrder)


def _page_of(marketplace: Marketplace, before: int) -> dict[str, Any]:
    exchanges = marketplace.exchanges()
    listed = [exchange for exchange in reversed(exchanges) if exchange.number < before]
    return {
        "exchanges": listed[:PAGE_LENGTH],
        "more": len(listed) > PAGE_LENGTH,
        "orders": marketplace.orders()[::-1],
        "skus": marketplace.skus()[::-1],
        "total": len(exchanges),
        "wrong": sum(not exchange.ok for exchange in exchanges),
    }


def find_marketplace() -> Marketplace:
    """Return the marketplace of this app.

    Raises:
        NoEndpoint: there is none, since it was given no seller to call.
    """
    marketplace: Marketplace | None = current_app.extensions[EXTENSION_KEY]
    if marketplace is None:
        raise NoEndpoint(
            "no seller to call: set FLASK_SANDBOX_FULFILLMENT_ENDPOINT to the seller's fulfillment endpoint, "
            "such as http://127.0.0.1:5000/api/vtex/sandbox?token=..., and start the sandbox again"
        )
    return marketplace


def _payload() -> dict[str, Any]:
    # a web page elsewhere can post a form or plain text here without asking, but not JSON
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("the Content-Type must be application/json")
    if not request.get_data():
        return {}
    payload = request.get_json()
    if not isinstance(payload, dict):
        abort(400, "the body must be a JSON object")
    return payload


def _simulate(payload: dict[str, Any], *, expect: str | int | None = None) -> Exchange:
    return find_marketplace().simulate(
        inputs.lines(payload),
        postal_code=inputs.optional_text(payload, "postal_code"),
        country=inputs.optional_text(payload, "country"),
        geo_coordinates=inputs.coordinates(payload),
        expect=expect,
    )


def _exchange(exchange: Exchange) -> ResponseReturnValue:
    return jsonify(exchange=exchange.as_json())
