"""The admin page where prices and stock are edited."""

from collections.abc import Mapping
from typing import TypedDict

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from ..extensions import db
from ..money import parse_cents
from ..security import protect_forms, require_admin
from . import service

blueprint = Blueprint("catalog_admin", __name__, url_prefix="/admin/products")
require_admin(blueprint)
protect_forms(blueprint)

_MAX_STOCK = 1_000_000


@blueprint.get("/")
def product_list() -> str:
    """Show every product with a form for its prices and stock."""
    return render_template("admin/products.html", products=service.products())


@blueprint.post("/<code>")
def edit(code: str) -> Response:
    """Save one product's prices and stock."""
    if service.find(code) is None:
        abort(404, "There is no such product.")
    # The look-up's transaction ends here: the edit is to begin with its write.
    db.session.rollback()
    try:
        service.edit(code, **_read(request.form))
        db.session.commit()
        flash(f"{code} is saved.", "good")
    except ValueError as error:
        flash(f"{code} is not saved: {error}.", "bad")
    except service.StockMoved:
        db.session.rollback()
        flash(f"{code} is not saved: some were sold meanwhile. Look at the stock again.", "bad")
    return redirect(url_for(".product_list"))


class _Edit(TypedDict):
    price_cents: int
    list_price_cents: int | None
    stock_seen: int
    stock: int


def _read(form: Mapping[str, str]) -> _Edit:
    price = _amount(form, "price")
    list_price = _amount(form, "list_price") if form.get("list_price", "").strip() else None
    if list_price is not None and list_price < price:
        raise ValueError("the list price is below the price")
    return {
        "price_cents": price,
        "list_price_cents": list_price,
        "stock_seen": _count(form, "stock_seen"),
        "stock": _count(form, "stock"),
    }


def _amount(form: Mapping[str, str], field: str) -> int:
    try:
        return parse_cents(form.get(field, ""))
    except ValueError:
        raise ValueError(f"the {field.replace('_', ' ')} must be an amount such as 19,90") from None


def _count(form: Mapping[str, str], field: str) -> int:
    text = form.get(field, "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 7 and int(text) <= _MAX_STOCK):
        raise ValueError(f"the stock must be a whole number from 0 to {_MAX_STOCK}")
    return int(text)
