"""The admin pages where orders are looked at and moved on."""

from collections.abc import Callable

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from ..extensions import db
from ..security import protect_forms, require_admin
from . import service
from .models import OWN_CHANNEL, Order, OrderState

blueprint = Blueprint("orders", __name__, url_prefix="/admin/orders")
require_admin(blueprint)
protect_forms(blueprint)


@blueprint.get("/")
def order_list() -> str:
    """Show the newest orders, all or of one state."""
    chosen = request.args.get("state") or None
    if chosen is not None and chosen not in list(OrderState):
        abort(404, "There is no such state.")
    state = OrderState(chosen) if chosen else None
    return render_template("admin/orders.html", orders=service.latest(state), states=list(OrderState), chosen=state)


@blueprint.get("/<number>")
def order_page(number: str) -> str:
    """Show one order with what can be done to it."""
    return render_template("admin/order.html", order=_get(number), own_channel=OWN_CHANNEL)


@blueprint.post("/<number>/<step>")
def move(number: str, step: str) -> Response:
    """Do one step of an order's life: `_STEPS` names them."""
    order = _get(number)
    if step not in _STEPS:
        abort(404)
    try:
        _STEPS[step](order)
        db.session.commit()
        flash("Done.", "good")
    except (service.WrongState, ValueError) as error:
        db.session.rollback()
        flash(f"Nothing was changed: {error}.", "bad")
    return redirect(url_for(".order_page", number=number))


def _get(number: str) -> Order:
    order = service.find(number)
    if order is None:
        abort(404, "There is no such order.")
    return order


def _ship(order: Order) -> None:
    service.ship(order, **_texts("invoice_number", "carrier", "tracking_number"))


def _take_back(order: Order) -> None:
    service.take_back(order, **_texts("return_invoice_number"))


def _texts(*names: str) -> dict[str, str]:
    given = {name: request.form.get(name, "").strip() for name in names}
    for name, text in given.items():
        if not text or len(text) > 40 or not text.isprintable():
            raise ValueError(f"the {name.replace('_', ' ')} must have 1 to 40 characters")
    return given


_STEPS: dict[str, Callable[[Order], None]] = {
    "release": service.release,
    "ship": _ship,
    "deliver": service.deliver,
    "take-back": _take_back,
    "give-up": service.give_up,
    "accept-cancellation": service.accept_cancellation,
    "refuse-cancellation": service.refuse_cancellation,
}
