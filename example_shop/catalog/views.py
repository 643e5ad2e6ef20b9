"""The pages a shopper browses."""

from flask import Blueprint, abort, render_template, request

from ..security import protect_forms
from . import service

blueprint = Blueprint("catalog", __name__)
protect_forms(blueprint)


@blueprint.get("/")
def product_list() -> str:
    """Show all products, or one category's."""
    categories = service.categories()
    chosen = request.args.get("category") or None
    if chosen is not None and chosen not in categories:
        abort(404, "There is no such category.")
    return render_template("catalog/list.html", products=service.products(chosen), categories=categories, chosen=chosen)


@blueprint.get("/products/<code>")
def product_page(code: str) -> str:
    """Show one product."""
    product = service.find(code)
    if product is None:
        abort(404, "There is no such product.")
    return render_template("catalog/product.html", product=product)
