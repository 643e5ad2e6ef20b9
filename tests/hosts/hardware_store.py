"""A hardware store that was there before us: its own base class, integer keys, decimal prices, login and forms.

Its services commit by themselves. What VTEX touches is below the line "the marketplaces".
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from flask import Blueprint, Flask, Response, redirect, render_template_string, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import ForeignKey, Numeric, String, UniqueConstraint, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from werkzeug.exceptions import HTTPException

from flask_vtex_seller import (
    CancellationDecision,
    CancellationRequest,
    FulfillmentAuthorization,
    Invoice,
    InvoiceItem,
    Offer,
    OrderPlacement,
    OutOfStock,
    SimulationRequest,
    Sku,
    SkuImage,
    SkuNotFound,
    Sla,
    SlaNotAvailable,
    VtexSeller,
    cents,
)

VAN = Decimal("15.00")
PASSWORD = "open sesame"


class Base(DeclarativeBase):
    """The store's own base class."""


db = SQLAlchemy(model_class=Base)
csrf = CSRFProtect()
staff = Blueprint("staff", __name__)


class Article(db.Model):  # type: ignore[name-defined,misc]
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    on_hand: Mapped[int]
    kilos: Mapped[Decimal] = mapped_column(Numeric(8, 3), default=Decimal("0.250"))
    prices: Mapped[list["Price"]] = relationship()


class Price(db.Model):  # type: ignore[name-defined,misc]
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id"), primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    amount: Mapped[Decimal] = mapped_column(Numeric(10, 3))


class Sale(db.Model):  # type: ignore[name-defined,misc]
    __table_args__ = (UniqueConstraint("channel", "reference"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str]
    reference: Mapped[str] = mapped_column(String(128))
    status: Mapped[str] = mapped_column(default="reserved")
    shipping: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    lines: Mapped[list["SaleLine"]] = relationship(order_by="SaleLine.id")

    @property
    def total(self) -> Decimal:
        return self.shipping + sum(line.quantity * line.amount for line in self.lines)


class SaleLine(db.Model):  # type: ignore[name-defined,misc]
    id: Mapped[int] = mapped_column(primary_key=True)
    sale_id: Mapped[int] = mapped_column(ForeignKey("sale.id"))
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id"))
    quantity: Mapped[int]
    amount: Mapped[Decimal] = mapped_column(Numeric(10, 2))


# services: each is a transaction of its own


class NotEnough(Exception):
    """The store has fewer of an article than were asked for."""


def reserve(channel: str, reference: str, lines: Sequence[tuple[int, int, Decimal]], shipping: Decimal) -> Sale:
    sale = Sale(channel=channel, reference=reference, shipping=shipping)
    for article_id, quantity, amount in lines:
        enough = (Article.id == article_id) & (Article.on_hand >= quantity)
        if db.session.execute(update(Article).where(enough).values(on_hand=Article.on_hand - quantity)).rowcount != 1:
            db.session.rollback()
            raise NotEnough(article_id)
        sale.lines.append(SaleLine(article_id=article_id, quantity=quantity, amount=amount))
    db.session.add(sale)
    db.session.commit()
    return sale


def release(sale: Sale) -> None:
    sale.status = "released"
    db.session.commit()


def ask_to_cancel(sale: Sale) -> None:
    """Note the wish; the staff decides."""
    sale.status = "cancellation asked"
    db.session.commit()


def cancel(sale: Sale) -> None:
    for line in sale.lines:
        back = Article.on_hand + line.quantity
        db.session.execute(update(Article).where(Article.id == line.article_id).values(on_hand=back))
    sale.status = "canceled"
    db.session.commit()


def invoice(sale: Sale, document_number: str) -> None:
    items = tuple(
        InvoiceItem(sku_id=str(line.article_id), quantity=line.quantity, price=cents(line.amount))
        for line in sale.lines
    )
    document = Invoice(number=document_number, value=cents(sale.total), items=items, issued_at=datetime.now(UTC))
    seller.send_invoice(number(sale), document, marketplace=sale.channel)
    sale.status = "invoiced"
    db.session.commit()


def number(sale: Sale) -> str:
    """Return what the store's people call the sale."""
    return str(sale.id)


# pages


@staff.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    if request.method == "POST" and request.form["password"] == PASSWORD:
        session["staff"] = True
        return redirect(url_for("staff.desk"))
    return render_template_string('<form method="post"><input name="csrf_token" value="{{ csrf_token() }}"></form>')


@staff.get("/desk")
def desk() -> str:
    return render_template_string('<input name="csrf_token" value="{{ csrf_token() }}">')


@staff.post("/desk/<int:sale_id>/invoice")
def invoice_sale(sale_id: int) -> str:
    invoice(db.get_or_404(Sale, sale_id), request.form["number"])
    return "invoiced"


@staff.post("/desk/<int:sale_id>/cancel")
def cancel_sale(sale_id: int) -> str:
    cancel(db.get_or_404(Sale, sale_id))
    return "canceled"


def require_login() -> Response | None:
    public = request.endpoint == "staff.login" or request.blueprint == seller.blueprint.name
    return None if public or "staff" in session else redirect(url_for("staff.login"))  # type: ignore[return-value]


def error_page(error: Exception) -> tuple[str, int]:
    return "<h1>The store is sorry</h1>", error.code or 500 if isinstance(error, HTTPException) else 500


def create_app(database_url: str, marketplaces: Mapping[str, Any]) -> Flask:
    app = Flask("hardware_store")
    app.config.update(
        SECRET_KEY="made-up",
        SQLALCHEMY_DATABASE_URI=database_url,
        VTEX_SELLER_URL_PREFIX="/partners/vtex",
        VTEX_SELLER_MARKETPLACES=marketplaces,
    )
    app.before_request(require_login)
    app.register_error_handler(HTTPException, error_page)
    app.register_error_handler(Exception, error_page)
    app.register_blueprint(staff)
    db.init_app(app)
    csrf.init_app(app)
    seller.init_app(app)
    return app


# the marketplaces

seller = VtexSeller(db)
csrf.exempt(seller.blueprint)


def _article_ids(sku_ids: Iterable[str]) -> list[int]:
    return [int(sku_id) for sku_id in sku_ids if sku_id.isdecimal() and len(sku_id) < 10]


@seller.offer_loader
def offers(sku_ids: Sequence[str], request: SimulationRequest) -> Iterable[Offer]:
    rows = select(Article, Price).join(Article.prices).where(Article.id.in_(_article_ids(sku_ids)))
    for article, price in db.session.execute(rows.where(Price.channel == request.marketplace)):
        yield Offer(sku_id=str(article.id), price=cents(price.amount), stock=article.on_hand)


@seller.sla_loader
def slas(request: SimulationRequest) -> Iterable[Sla]:
    if request.country not in (None, "PRT"):
        return []
    return [Sla(id="van", name="Our van", price=cents(VAN), shipping_estimate="2bd")]


@seller.on_order_placement
def place(order: OrderPlacement) -> str:
    if any(line.sla_id != "van" for line in order.shipping):
        raise SlaNotAvailable("we only have the van")
    lines = []
    for item in order.items:
        if not (known := _article_ids([item.sku_id])) or db.session.get(Article, known[0]) is None:
            raise SkuNotFound(f"no article {item.sku_id}")
        lines.append((known[0], item.quantity, _amount(item.price)))
    try:
        sale = reserve(order.marketplace, order.marketplace_order_id, lines, _amount(order.shipping_value))
    except NotEnough as error:
        raise OutOfStock(f"not enough of article {error}") from error
    return number(sale)


@seller.sku_loader
def skus(sku_ids: Sequence[str]) -> Iterable[Sku]:
    for article in db.session.scalars(select(Article).where(Article.id.in_(_article_ids(sku_ids)))):
        yield Sku(
            sku_id=str(article.id),
            product_id=str(article.id),
            product_name=article.name,
            name=article.name,
            description=f"{article.name}, from the hardware store",
            brand="Hammer & Daughters",
            category="Tools/All",
            height=10,
            width=10,
            length=10,
            weight_grams=int(article.kilos * 1000),
            price=cents(max(price.amount for price in article.prices)),
            stock=article.on_hand,
            images=(SkuImage(name="Front", url=f"https://hardware.example/{article.id}.jpg"),),
            ref_id=f"A-{article.id}",
            currency="EUR",
        )


@seller.sku_ids_loader
def sku_ids() -> Iterable[str]:
    return [str(id_) for id_ in db.session.scalars(select(Article.id).order_by(Article.id))]


def _amount(value: int) -> Decimal:
    return Decimal(value).scaleb(-2)


@seller.order_finder
def find(marketplace: str, marketplace_order_id: str) -> str | None:
    same = (Sale.channel == marketplace) & (Sale.reference == marketplace_order_id)
    sale = db.session.scalar(select(Sale).where(same))
    return sale and number(sale)


@seller.on_authorize_fulfillment
def on_release(authorization: FulfillmentAuthorization) -> str:
    release(db.get_or_404(Sale, int(authorization.order_id)))
    return f"picked for {authorization.order_id}"


@seller.on_order_cancellation
def on_cancel(request: CancellationRequest) -> CancellationDecision:
    sale = db.get_or_404(Sale, int(request.order_id))
    if sale.status == "reserved":
        cancel(sale)
    if sale.status == "canceled":
        return CancellationDecision.CONFIRM
    ask_to_cancel(sale)
    return CancellationDecision.EVALUATE
