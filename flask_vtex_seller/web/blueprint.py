"""The protocol's routes: each view reads, calls one use-case, writes.

Mounted at `{prefix}/{marketplace}`. Whatever else is called below the prefix is answered in the error contract, too;
paths with doubled or trailing slashes reach their route.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from blinker import NamedSignal
from flask import Blueprint, Response, current_app, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import MethodNotAllowed as RouteMethodNotAllowed
from werkzeug.exceptions import NotFound as RouteNotFound
from werkzeug.exceptions import default_exceptions
from werkzeug.routing import BaseConverter, Map, Rule

from ..config import Marketplace
from ..errors import MethodNotAllowed, NotFound
from ..orders.claim import Outcome
from ..orders.modification import read_agreement, read_modification
from ..orders.schemas import read_placements, read_reference, write_placed, write_receipt
from ..signals import announce, cancellation_requested, fulfillment_authorized, order_canceled, order_placed
from ..simulation.answer import write_answer
from ..simulation.quote import quote
from ..simulation.schemas import read_request
from ..state import current_state
from .auth import require_marketplace
from .body import read_json, read_query_json
from .health import PATH as HEALTH_PATH
from .health import health
from .problems import handle, json_response, nothing

BLUEPRINT_NAME = "vtex_seller"
_MAX_CHANNEL_LENGTH = 64
_HEALTH_ENDPOINT = f"{BLUEPRINT_NAME}.{health.__name__}"


class _AnythingConverter(BaseConverter):
    """Matches the rest of a path, slashes included, even leading and doubled ones."""

    regex = r"[\s\S]*?"
    part_isolating = False


def simulate(marketplace: str) -> Response:
    """Fulfillment simulation: price, stock and delivery options of a cart."""
    seen_by, state = _marketplace(marketplace), current_state()
    cart = read_request(_cart(seen_by), seen_by, sales_channel=_sales_channel(), max_items=state.settings.max_items)
    terms = state.ask(cart)
    # What a simulation promises, a placement must be able to keep.
    lines = quote(cart, terms, max_stock=seen_by.max_stock if seen_by.orders else 0)
    answer = json_response(write_answer(cart, lines, seen_by))
    answer.headers["Server-Timing"] = f"hooks;dur={1000 * terms.seconds:.1f}"
    return answer


def place(marketplace: str) -> Response:
    """Order placement: an array in, the array out; an object in, an object out."""
    seen_by, state, body = _marketplace(marketplace), current_state(), read_json()
    channel, max_items = _sales_channel(), state.settings.max_items
    placements = read_placements(body, seen_by, sales_channel=channel, max_items=max_items)
    outcomes = state.inbound.place(placements, seen_by)
    _tell_each(order_placed, outcomes)
    pairs = zip(placements, outcomes, strict=True)
    answers = [write_placed(placement, outcome.order, seen_by) for placement, outcome in pairs]
    as_array = isinstance(body, list) or seen_by.placement_answer == "array"
    return json_response(answers if as_array else answers[0])


def authorize(marketplace: str, order_id: str) -> Response:
    """Authorize fulfillment: the order is paid and may be shipped."""
    seen_by, reference = _marketplace(marketplace), read_reference(read_json(empty={}), order_id=order_id.rstrip("/"))
    outcome = current_state().inbound.authorize(seen_by, reference)
    _tell(fulfillment_authorized, outcome)
    return json_response(write_receipt(outcome.order, outcome.order.authorized_at, outcome.order.receipt, seen_by))


def cancel(marketplace: str, order_id: str) -> Response:
    """Marketplace order cancellation: confirmed with a receipt; evaluated or refused with an empty answer."""
    seen_by, reference = _marketplace(marketplace), read_reference(read_json(empty={}), order_id=order_id.rstrip("/"))
    outcome = current_state().inbound.cancel(seen_by, reference)
    canceled = outcome.order.canceled_at is not None
    _tell(order_canceled if canceled else cancellation_requested, outcome)
    if canceled:
        return json_response(write_receipt(outcome.order, outcome.order.canceled_at, None, seen_by))
    return json_response({}) if seen_by.evaluation_answer == "object" else nothing()


def modify(marketplace: str, order_id: str) -> Response:
    """Order modification, experimental: what the marketplace wants changed."""
    seen_by, said = _modifying(marketplace), read_modification(read_json())
    modification = current_state().inbound.modify(seen_by, order_id.rstrip("/"), said)
    return json_response({"requestId": modification.request_id}, 202)


def agree(marketplace: str, order_id: str, change_id: str) -> Response:
    """Agreement on a modification, experimental: both know of it, or it is real."""
    seen_by, said = _modifying(marketplace), read_agreement(read_json(), request_id=change_id)
    agreed = current_state().inbound.modify(seen_by, order_id.rstrip("/"), said)
    ids = {"orderId": agreed.order_id, "changeRequestId": agreed.request_id}
    return json_response({**ids, "agreementType": agreed.agreement and agreed.agreement.value})


def anything_else(rest: str = "") -> Response:
    """Find the route behind doubled and trailing slashes, or say that there is none."""
    marketplace, *parts = [part for part in rest.split("/") if part] or [""]
    try:
        view, arguments = _MAP.bind("").match("/" + "/".join(parts), request.method)
    except RouteMethodNotAllowed:
        raise MethodNotAllowed(f"{request.method} is not allowed here") from None
    except RouteNotFound:
        raise NotFound("no such path") from None
    request.view_args = {"marketplace": marketplace, **arguments}
    return _VIEWS[view](**request.view_args)


ROUTES: Mapping[str, Callable[..., Response]] = {
    "/pvt/orderForms/simulation": simulate,
    "/pvt/orders": place,
    "/pvt/orders/<path:order_id>/fulfill": authorize,
    "/pvt/orders/<path:order_id>/cancel": cancel,
    "/pvt/orders/<path:order_id>/changes": modify,
    "/pvt/orders/<path:order_id>/changes/<change_id>/send-agreement": agree,
}
_METHODS: Mapping[Callable[..., Response], Collection[str]] = {simulate: ["GET", "POST"], modify: ["PATCH", "POST"]}
_VIEWS = {view.__name__: view for view in ROUTES.values()}
_MAP = Map([Rule(path, endpoint=view.__name__, methods=_METHODS.get(view, ["POST"])) for path, view in ROUTES.items()])


def make_blueprint() -> Blueprint:
    """Return the blueprint; register it with the configured prefix."""
    blueprint = Blueprint(BLUEPRINT_NAME, __name__)
    for path, view in ROUTES.items():
        blueprint.add_url_rule(
            f"/<marketplace>{path}",
            view_func=view,
            methods=_METHODS.get(view, ["POST"]),
            provide_automatic_options=False,
            merge_slashes=False,  # a redirect would repeat the token
        )
    blueprint.add_url_rule(HEALTH_PATH, view_func=health, methods=["GET"], provide_automatic_options=False)
    blueprint.record(_add_catch_all)
    blueprint.before_request(_authenticate)
    blueprint.register_error_handler(Exception, handle)
    for code in default_exceptions:
        # A handler of the shop's for this code alone would come before ours for every exception.
        blueprint.register_error_handler(code, handle)
    return blueprint


def _add_catch_all(setup: BlueprintSetupState) -> None:
    # Flask insists on a list of methods for a rule; werkzeug takes "any".
    endpoint = f"{BLUEPRINT_NAME}.{anything_else.__name__}"
    url_map = setup.app.url_map
    url_map.converters["vtex_anything"] = _AnythingConverter
    for path in (f"{setup.url_prefix}", f"{setup.url_prefix}/<vtex_anything:rest>"):
        url_map.add(setup.app.url_rule_class(path, endpoint=endpoint, merge_slashes=False))
    setup.app.view_functions[endpoint] = anything_else


def _authenticate() -> None:
    call = request._get_current_object()  # type: ignore[attr-defined]
    if call.endpoint == _HEALTH_ENDPOINT:
        return  # it is for the shop's own monitor, which has a token of its own
    arguments = call.view_args or {}
    name = arguments.get("marketplace") or next(filter(None, arguments.get("rest", "").split("/")), "")
    require_marketplace(call, _marketplace(name), current_state().failures)


def _cart(seen_by: Marketplace) -> object:
    """Return a simulation's body; by GET, where the marketplace is configured to use it, a query parameter."""
    if request.method == "POST":
        return read_json()
    if request.method == "GET" and seen_by.simulation_by_get:
        return read_query_json("purchaseContext")
    raise MethodNotAllowed(f"{request.method} is not allowed here")


def _sales_channel() -> str | None:
    """Return the query's first `sc` that says something; marketplaces repeat it and send it empty."""
    said = (value.replace("\0", "").strip()[:_MAX_CHANNEL_LENGTH] for value in request.args.getlist("sc"))
    return next(filter(None, said), None)


def _marketplace(name: str) -> Marketplace:
    try:
        return current_state().settings.marketplaces[name]
    except KeyError:
        raise NotFound("no such path") from None


def _tell_each(signal: NamedSignal, outcomes: Iterable[Outcome]) -> None:
    """Send the signal once for each order that was changed; an array may hold the same one twice."""
    for outcome in {outcome.order.marketplace_order_id: outcome for outcome in outcomes}.values():
        _tell(signal, outcome)


def _modifying(name: str) -> Marketplace:
    seen_by = _marketplace(name)
    if not seen_by.order_modifications:
        raise NotFound("no such path")
    return seen_by


def _tell(signal: NamedSignal, outcome: Outcome) -> None:
    """Send the signal if this call changed the order, now that it is committed."""
    if outcome.changed:
        announce(signal, current_app._get_current_object(), order=outcome.order)  # type: ignore[attr-defined]
