"""The cart, the shipping calculator, the checkout form and the thank-you page."""

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from ..catalog.service import find as find_product
from ..extensions import db
from ..orders.service import OrderRefused
from ..security import protect_forms
from ..shipping import ShippingOption, normalize_postal_code
from . import cart, form, service

blueprint = Blueprint("checkout", __name__)
protect_forms(blueprint)

_POSTAL_CODE, _LAST_ORDER = "postal_code", "last_order"


@blueprint.get("/cart")
def show_cart() -> str:
    """Show the cart and, once a CEP is known, what its delivery costs."""
    lines, postal_code = cart.lines(), session.get(_POSTAL_CODE, "")
    return render_template(
        "checkout/cart.html",
        lines=lines,
        subtotal=service.subtotal(lines),
        postal_code=postal_code,
        options=service.shipping_options(lines, postal_code),
    )


@blueprint.post("/cart/add")
def add_to_cart() -> Response:
    """Put more of a product into the cart."""
    product = find_product(request.form.get("sku", ""))
    quantity = _quantity(request.form.get("quantity", "1"))
    if product is None:
        flash("There is no such product.", "bad")
    elif not quantity:
        flash(f"Choose a quantity from 1 to {cart.MAX_QUANTITY}.", "bad")
    elif product.stock == 0:
        flash(f"{product.name} is sold out.", "bad")
    elif cart.put(product.code, cart.quantities().get(product.code, 0) + quantity):
        flash(f"{product.name} is in your cart.", "good")
    else:
        flash("Your cart is full.", "bad")
    return redirect(url_for(".show_cart"))


@blueprint.post("/cart/update")
def update_cart() -> Response:
    """Change how many of a product are in the cart; 0 takes it out."""
    sku, quantity = request.form.get("sku", ""), _quantity(request.form.get("quantity", ""))
    if quantity is None:
        flash(f"Choose a quantity from 0 to {cart.MAX_QUANTITY}.", "bad")
    elif sku in cart.quantities():
        cart.put(sku, quantity)
    return redirect(url_for(".show_cart"))


@blueprint.post("/cart/shipping")
def set_postal_code() -> Response:
    """Remember where the cart is to go."""
    postal_code = normalize_postal_code(request.form.get("postal_code", ""))
    if postal_code is None:
        flash("A postal code (CEP) has eight digits, such as 01310-100.", "bad")
    else:
        session[_POSTAL_CODE] = postal_code
    return redirect(url_for(".show_cart"))


@blueprint.get("/checkout")
def checkout_form() -> str | Response:
    """Ask for the buyer, the address and the way of delivery."""
    lines, options = _cart_and_options()
    if not lines or not options:
        return _back_to_cart(lines)
    return _form_page(lines, options, form.Filled(values={}, errors={}))


@blueprint.post("/checkout")
def place_order() -> str | Response | tuple[str, int]:
    """Place the order, or show the form again with what is wrong."""
    lines, options = _cart_and_options()
    if not lines or not options:
        return _back_to_cart(lines)
    filled = form.read(request.form)
    option = next((option for option in options if option.code == request.form.get("shipping")), None)
    if filled.errors or option is None or request.form.get("seen") != _seen(lines, options):
        return _form_page(lines, options, filled, chosen=option, submitted=True), 422
    # The reads' transaction ends here: the reservation is to begin with its write.
    db.session.rollback()
    try:
        order = service.place(lines, option, filled.customer(session[_POSTAL_CODE]))
        db.session.commit()
    except OrderRefused as refusal:
        db.session.rollback()
        flash(f"The order was not placed: {refusal}.", "bad")
        return redirect(url_for(".show_cart"))
    cart.clear()
    session[_LAST_ORDER] = order.number
    return redirect(url_for(".thank_you"))


@blueprint.get("/thank-you")
def thank_you() -> str | Response:
    """Show the number of the order that this session placed last."""
    number = session.get(_LAST_ORDER)
    if number is None:
        return redirect(url_for("catalog.product_list"))
    return render_template("checkout/thanks.html", number=number)


def _cart_and_options() -> tuple[list[cart.CartLine], tuple[ShippingOption, ...]]:
    lines = cart.lines()
    return lines, service.shipping_options(lines, session.get(_POSTAL_CODE, ""))


def _back_to_cart(lines: list[cart.CartLine]) -> Response:
    if not lines:
        flash("Your cart is empty.", "bad")
    elif _POSTAL_CODE not in session:
        flash("Enter your postal code first.", "bad")
    return redirect(url_for(".show_cart"))


def _form_page(
    lines: list[cart.CartLine],
    options: tuple[ShippingOption, ...],
    filled: form.Filled,
    *,
    chosen: ShippingOption | None = None,
    submitted: bool = False,
) -> str:
    seen = _seen(lines, options)
    return render_template(
        "checkout/form.html",
        lines=lines,
        options=options,
        subtotal=service.subtotal(lines),
        postal_code=session[_POSTAL_CODE],
        fields=form.FIELDS,
        states=sorted(form.STATES),
        filled=filled,
        chosen=chosen,
        seen=seen,
        shipping_missing=submitted and chosen is None,
        prices_changed=submitted and request.form.get("seen") != seen,
    )


def _seen(lines: list[cart.CartLine], options: tuple[ShippingOption, ...]) -> str:
    """Return the amounts that the form shows: nobody is charged others than they saw."""
    return "-".join(str(cents) for cents in (service.subtotal(lines), *(option.total_cents for option in options)))


def _quantity(text: str) -> int | None:
    text = text.strip()
    known = text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= cart.MAX_QUANTITY
    return int(text) if known else None
