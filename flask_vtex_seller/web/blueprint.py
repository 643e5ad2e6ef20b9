"""The protocol's routes: each view reads, calls one use-case, writes.

Mounted at `{prefix}/{marketplace}`. Whatever else is called below the prefix is answered in the error contract, too;
paths with doubled or trailing slashes reach their route.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any

from blinker import NamedSignal
from flask import Blueprint, Request, Response, current_app, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import MethodNotAllowed as RouteMethodNotAllowed
from werkzeug.exceptions import NotFound as RouteNotFound
from werkzeug.exceptions import default_exceptions
from werkzeug.routing import BaseConverter, Map, Rule

from ..config import Marketplace
from ..errors import ConfigurationError, MethodNotAllowed, NotFound
from ..orders.claim import Outcome
from ..orders.modification import read_agreement, read_modification
from ..orders.schemas import read_placements, read_reference, write_placed, write_receipt
from ..signals import announce, cancellation_requested, fulfillment_authorized, order_canceled, order_placed
from ..simulation.answer import write_answer
from ..simulation.quote import quote
from ..simulation.schemas import read_request
from ..state import State, current_state
from .auth import require_marketplace
from .body import read_json, read_query_json
from .health import PATH as HEALTH_PATH
from .health import health
from .problems import handle, json_response, nothing
from .query import CART, Query

BLUEPRINT_NAME = "vtex_seller"
TIMING = "server-timing"
"""What a call prefers (RFC 7240) that wants to know how long the shop's loaders took; saying so to all is not cheap."""


class _AnythingConverter(BaseConverter):
    """Matches the rest of a path, slashes included, even leading and doubled ones."""

    regex = r"[\s\S]*?"
    part_isolating = False


class ProtocolBlueprint(Blueprint):
    """The protocol's routes, each of which asks for a token, and no others: one that was added would stand open."""

    _is_complete = False

    def add_url_rule(self, rule: str, *args: Any, **kwargs: Any) -> None:
        """Add a route of the protocol.

        Raises:
            ConfigurationError: they are all there.
        """
        if self._is_complete:
            raise ConfigurationError(f"{rule} would need no token here: add it to a blueprint of the shop's own")
        super().add_url_rule(rule, *args, **kwargs)

    def close(self) -> None:
        """Take no more routes."""
        self._is_complete = True


@dataclass(slots=True, eq=False, repr=False)
class Call:
    """A call of a marketplace that has shown its token."""

    request: Request
    """The call itself: each look through Flask's `request` costs."""
    query: Query
    state: State
    marketplace: Marketplace

    def body(self, *, empty: object = None) -> Any:
        """Return the body's JSON; see `read_json`."""
        return read_json(self.request, limit=self.state.settings.max_body_bytes, empty=empty)


View = Callable[..., Response]
"""Takes a `Call`, and the values of the path."""


def simulate(call: Call) -> Response:
    """Fulfillment simulation: price, stock and delivery options of a cart."""
    state, marketplace = call.state, call.marketplace
    body = call.body() if call.request.method == "POST" else _cart_in_query(call)
    cart = read_request(body, marketplace, sales_channel=call.query.sales_channel, max_items=state.settings.max_items)
    terms = state.ask(cart)
    # What a simulation promises, a placement must be able to keep.
    lines = quote(cart, terms, max_stock=marketplace.max_stock if marketplace.orders else 0)
    answer = json_response(write_answer(cart, lines, marketplace))
    if (preferred := call.request.environ.get("HTTP_PREFER")) and _prefers(TIMING, preferred):
        answer.headers.add("Server-Timing", f"hooks;dur={1000 * terms.seconds:.1f}")
    return answer


def place(call: Call) -> Response:
    """Order placement: an array in, the array out; an object in, an object out."""
    state, marketplace = call.state, call.marketplace
    body, max_items = call.body(), state.settings.max_items
    placements = read_placements(body, marketplace, sales_channel=call.query.sales_channel, max_items=max_items)
    outcomes = state.inbound.place(placements, marketplace)
    _tell_each(order_placed, outcomes)
    pairs = zip(placements, outcomes, strict=True)
    answers = [write_placed(placement, outcome.order, marketplace) for placement, outcome in pairs]
    as_array = isinstance(body, list) or marketplace.placement_answer == "array"
    return json_response(answers if as_array else answers[0])


def authorize(call: Call, order_id: str) -> Response:
    """Authorize fulfillment: the order is paid and may be shipped."""
    reference = read_reference(call.body(empty={}), order_id=order_id.rstrip("/"))
    outcome = call.state.inbound.authorize(call.marketplace, reference)
    _tell(fulfillment_authorized, outcome)
    order = outcome.order
    return json_response(write_receipt(order, order.authorized_at, order.receipt, call.marketplace))


def cancel(call: Call, order_id: str) -> Response:
    """Marketplace order cancellation: confirmed with a receipt; evaluated or refused with an empty answer."""
    reference = read_reference(call.body(empty={}), order_id=order_id.rstrip("/"))
    outcome = call.state.inbound.cancel(call.marketplace, reference)
    canceled = outcome.order.canceled_at is not None
    _tell(order_canceled if canceled else cancellation_requested, outcome)
    if canceled:
        return json_response(write_receipt(outcome.order, outcome.order.canceled_at, None, call.marketplace))
    return json_response({}) if call.marketplace.evaluation_answer == "object" else nothing()


def modify(call: Call, order_id: str) -> Response:
    """Order modification, experimental: what the marketplace wants changed."""
    _require_modifications(call.marketplace)
    said = read_modification(call.body())
    modification = call.state.inbound.modify(call.marketplace, order_id.rstrip("/"), said)
    return json_response({"requestId": modification.request_id}, 202)


def agree(call: Call, order_id: str, change_id: str) -> Response:
    """Agreement on a modification, experimental: both know of it, or it is real."""
    _require_modifications(call.marketplace)
    said = read_agreement(call.body(), request_id=change_id)
    agreed = call.state.inbound.modify(call.marketplace, order_id.rstrip("/"), said)
    ids = {"orderId": agreed.order_id, "changeRequestId": agreed.request_id}
    return json_response({**ids, "agreementType": agreed.agreement and agreed.agreement.value})


def anything_else(rest: str = "") -> Response:
    """Find the route behind doubled and trailing slashes, or say that there is none."""
    name, *parts = [part for part in rest.split("/") if part] or [""]
    call = _authenticated(name)
    try:
        view, arguments = _url_map().bind("").match("/" + "/".join(parts), call.request.method)
    except RouteMethodNotAllowed:
        raise MethodNotAllowed(f"{call.request.method} is not allowed here") from None
    except RouteNotFound:
        raise NotFound("no such path") from None
    call.request.view_args = {"marketplace": name, **arguments}
    return _VIEWS[view](call, **arguments)


SIMULATION_PATH = "/pvt/orderForms/simulation"
ROUTES: Mapping[str, View] = {
    SIMULATION_PATH: simulate,
    "/pvt/orders": place,
    "/pvt/orders/<path:order_id>/fulfill": authorize,
    "/pvt/orders/<path:order_id>/cancel": cancel,
    "/pvt/orders/<path:order_id>/changes": modify,
    "/pvt/orders/<path:order_id>/changes/<change_id>/send-agreement": agree,
}
_METHODS: Mapping[View, Collection[str]] = {simulate: ["GET", "POST"], modify: ["PATCH", "POST"]}
_VIEWS = {view.__name__: view for view in ROUTES.values()}


def make_blueprint() -> Blueprint:
    """Return the blueprint; register it with the configured prefix, and `marketplaces`, the configured names."""
    blueprint = ProtocolBlueprint(BLUEPRINT_NAME, __name__)
    for path, view in ROUTES.items():
        blueprint.add_url_rule(
            f"/<marketplace>{path}",
            view_func=_guarded(view),
            methods=_METHODS.get(view, ["POST"]),
            provide_automatic_options=False,
            merge_slashes=False,  # a redirect would repeat the token
        )
    blueprint.add_url_rule(
        HEALTH_PATH, view_func=health, methods=["GET"], provide_automatic_options=False, strict_slashes=False
    )
    blueprint.record(_add_shortcuts)
    blueprint.record(_add_catch_all)
    blueprint.register_error_handler(Exception, handle)
    for code in default_exceptions:
        # A handler of the shop's for this code alone would come before ours for every exception.
        blueprint.register_error_handler(code, handle)
    blueprint.close()
    return blueprint


class _Shortcut(Rule):
    """A rule that calls are found by, and that nothing else knows of: no URL is built from it, no call redirected."""

    def provides_defaults_for(self, rule: Rule) -> bool:
        return False

    def suitable_for(self, values: Mapping[str, Any], method: str | None = None) -> bool:
        return False


def _add_shortcuts(setup: BlueprintSetupState) -> None:
    """Spell simulation out for each marketplace: a variable in its path costs as much as authentication."""
    for name in setup.options.get("marketplaces", ()):
        setup.app.url_map.add(
            _Shortcut(
                f"{setup.url_prefix}/{name}{SIMULATION_PATH}",
                endpoint=f"{BLUEPRINT_NAME}.{simulate.__name__}",
                methods=_METHODS[simulate],
                defaults={"marketplace": name},
                merge_slashes=False,
            )
        )


def _add_catch_all(setup: BlueprintSetupState) -> None:
    # Flask insists on a list of methods for a rule; werkzeug takes "any".
    endpoint = f"{BLUEPRINT_NAME}.{anything_else.__name__}"
    url_map = setup.app.url_map
    url_map.converters["vtex_anything"] = _AnythingConverter
    for path in (f"{setup.url_prefix}", f"{setup.url_prefix}/<vtex_anything:rest>"):
        url_map.add(setup.app.url_rule_class(path, endpoint=endpoint, merge_slashes=False))
    setup.app.view_functions[endpoint] = anything_else


@cache
def _url_map() -> Map:
    """Return the routes below a marketplace's name; few calls need them found once more."""
    methods = {path: _METHODS.get(view, ["POST"]) for path, view in ROUTES.items()}
    return Map([Rule(path, endpoint=view.__name__, methods=methods[path]) for path, view in ROUTES.items()])


def _guarded(view: View) -> View:
    """Return a view of the path's values that calls `view` once the marketplace has shown its token."""

    @wraps(view)
    def guarded(marketplace: str, **arguments: str) -> Response:
        return view(_authenticated(marketplace), **arguments)

    return guarded


def _authenticated(name: str) -> Call:
    call: Request = request._get_current_object()  # type: ignore[attr-defined]
    state = current_state()
    marketplace = state.settings.marketplaces.get(name)
    if marketplace is None:
        raise NotFound("no such path")
    query = require_marketplace(call, marketplace, state.failures)
    return Call(call, query, state, marketplace)


def _cart_in_query(call: Call) -> Any:
    """Return the body of a simulation by GET, where the marketplace is configured to use it."""
    if call.request.method == "GET" and call.marketplace.simulation_by_get:
        return read_query_json(call.request, CART, limit=call.state.settings.max_body_bytes)
    raise MethodNotAllowed(f"{call.request.method} is not allowed here")


def _tell_each(signal: NamedSignal, outcomes: Iterable[Outcome]) -> None:
    """Send the signal once for each order that was changed; an array may hold the same one twice."""
    for outcome in {outcome.order.marketplace_order_id: outcome for outcome in outcomes}.values():
        _tell(signal, outcome)


def _prefers(what: str, preferred: str) -> bool:
    return what in [preference.strip().lower() for preference in preferred.split(",")]


def _require_modifications(marketplace: Marketplace) -> None:
    if not marketplace.order_modifications:
        raise NotFound("no such path")


def _tell(signal: NamedSignal, outcome: Outcome) -> None:
    """Send the signal if this call changed the order, now that it is committed."""
    if outcome.changed:
        announce(signal, current_app._get_current_object(), order=outcome.order)  # type: ignore[attr-defined]
