"""A small shop whose hooks record what they are asked, for the tests of the package."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from werkzeug.test import TestResponse

from flask_vtex_seller import (
    CancellationDecision,
    CancellationRequest,
    FulfillmentAuthorization,
    Offer,
    OrderPlacement,
    OutOfStock,
    PickupPoint,
    PlacedOrder,
    SimulationRequest,
    SkuNotFound,
    Sla,
    VtexSeller,
)

TOKEN = "inbound-token-1"
SECOND_TOKEN = "inbound-token-2"
APP_TOKEN = "app-token-secret"
ACME = {
    "account": "acmemarket",
    "seller_id": "fruitshop",
    "app_key": "vtexappkey-acme",
    "app_token": APP_TOKEN,
    "inbound_tokens": [TOKEN, SECOND_TOKEN],
}


class StoppedClock:
    """A clock that moves only when told to, or when somebody sleeps."""

    def __init__(self, moment: datetime = datetime(2026, 3, 4, 15, 45, 2, 130636, tzinfo=UTC)) -> None:
        self.moment = moment
        self.elapsed = 0.0

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.elapsed += seconds
        self.moment += timedelta(seconds=seconds)


PICKUP_POINT = PickupPoint(
    id="store-centro",
    name="Loja Centro",
    postal_code="01001-000",
    city="São Paulo",
    state="SP",
    country="BRA",
    street="Praça da Sé",
    number="100",
    neighborhood="Sé",
    geo_coordinates=(-46.6339, -23.5503),
)


@dataclass
class Shop:
    """The application, what its hooks were asked, and what they shall answer."""

    app: Flask
    db: SQLAlchemy
    seller: VtexSeller
    orders: Any
    """The model class of the shop's own orders."""
    stock: dict[str, Offer]
    asked: list[Any] = field(default_factory=list)
    """Every argument a hook was called with, in order."""
    slas: Callable[[SimulationRequest], Iterable[Sla]] | None = None
    place: Callable[[OrderPlacement], Any] | None = None
    find: Callable[[str, str], Any] | None = None
    release: Callable[[FulfillmentAuthorization], Any] = lambda _: "receipt-1"
    decide: Callable[[CancellationRequest], Any] = lambda _: CancellationDecision.CONFIRM

    def call(self, path: str, body: Any = None, *, marketplace: str = "acme", **kwargs: Any) -> TestResponse:
        """Call as the marketplace: `path` below the fulfillment endpoint."""
        kwargs.setdefault("query_string", {"token": TOKEN})
        if not {"data", "json"} & kwargs.keys():
            kwargs["json"] = body
        with self.app.test_client() as client:
            return client.post(f"/api/vtex/{marketplace}{path}", **kwargs)

    def simulate(self, *lines: tuple[str, int], **body: Any) -> TestResponse:
        items = [{"id": sku_id, "quantity": quantity, "seller": "fruitshop"} for sku_id, quantity in lines]
        return self.call("/pvt/orderForms/simulation", {"items": items, **body})

    def asked_for(self, kind: type) -> list[Any]:
        return [argument for argument in self.asked if isinstance(argument, kind)]

    def order_ids(self) -> list[str]:
        """The shop's own orders, as committed."""
        with self.app.app_context():
            return [f"S-{row.id}" for row in self.db.session.query(self.orders).order_by(self.orders.id)]

    def close(self) -> None:
        with self.app.app_context():
            self.db.session.remove()
            self.db.engine.dispose()


def make_shop(
    database_url: str,
    *,
    marketplaces: dict[str, Any] | None = None,
    clock: Any = None,
    create_tables: bool = True,
    wal: bool = True,
    **config: Any,
) -> Shop:
    class Base(DeclarativeBase):
        pass

    db = SQLAlchemy(model_class=Base)

    class ShopOrder(db.Model):  # type: ignore[name-defined,misc]
        __tablename__ = "shop_order"
        id: Mapped[int] = mapped_column(primary_key=True)
        marketplace_order_id: Mapped[str]

    seller = VtexSeller(db, clock=clock)
    app = Flask("fruitshop")
    app.config.update(
        SQLALCHEMY_DATABASE_URI=database_url,
        VTEX_SELLER_MARKETPLACES={"acme": ACME} if marketplaces is None else marketplaces,
        **config,
    )
    db.init_app(app)
    seller.init_app(app)
    shop = Shop(app=app, db=db, seller=seller, orders=ShopOrder, stock=_stock())
    _register_hooks(shop)
    with app.app_context():
        if wal and database_url.startswith("sqlite:///"):
            event.listen(db.engine, "connect", _wal)
        if create_tables:
            db.create_all()
    return shop


def _wal(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.close()


def _stock() -> dict[str, Offer]:
    offers = [
        Offer(sku_id="apple", price=1250, list_price=1500, stock=10),
        Offer(sku_id="pear", price=300, stock=2),
        Offer(sku_id="plum", price=100, stock=0),
    ]
    return {offer.sku_id: offer for offer in offers}


def _register_hooks(shop: Shop) -> None:
    seller = shop.seller

    @seller.offer_loader
    def offers(sku_ids: Sequence[str], request: SimulationRequest) -> Iterable[Offer]:
        shop.asked.append(request)
        return [shop.stock[sku_id] for sku_id in sku_ids if sku_id in shop.stock]

    @seller.sla_loader
    def slas(request: SimulationRequest) -> Iterable[Sla]:
        shop.asked.append(("slas", request))
        if shop.slas is not None:
            return shop.slas(request)
        if request.postal_code == "69900-000":
            return []
        return [
            Sla(id="standard", name="Standard", price=990, shipping_estimate="5bd"),
            Sla(id="pickup", name="Pick up", price=0, shipping_estimate="2h", pickup_point=PICKUP_POINT),
        ]

    @seller.on_order_placement
    def place(order: OrderPlacement) -> str | PlacedOrder:
        shop.asked.append(order)
        if shop.place is not None:
            answer: str | PlacedOrder = shop.place(order)
            return answer
        return reserve(shop, order)

    @seller.on_authorize_fulfillment
    def release(authorization: FulfillmentAuthorization) -> str | None:
        shop.asked.append(authorization)
        receipt: str | None = shop.release(authorization)
        return receipt

    @seller.on_order_cancellation
    def cancel(request: CancellationRequest) -> CancellationDecision:
        shop.asked.append(request)
        decision: CancellationDecision = shop.decide(request)
        return decision


def reserve(shop: Shop, order: OrderPlacement) -> str:
    """What an ordinary placement hook does: check, insert, return the id, leave the transaction alone."""
    for item in order.items:
        if item.sku_id not in shop.stock:
            raise SkuNotFound(f"no SKU {item.sku_id}")
        if shop.stock[item.sku_id].stock < item.quantity:
            raise OutOfStock(f"only {shop.stock[item.sku_id].stock} of SKU {item.sku_id} left")
    # a sequence would leave gaps on PostgreSQL where an order was rolled back
    number = (shop.db.session.query(func.max(shop.orders.id)).scalar() or 0) + 1
    row = shop.orders(id=number, marketplace_order_id=order.marketplace_order_id)
    shop.db.session.add(row)
    shop.db.session.flush()
    return f"S-{row.id}"


def find_by_marketplace_id(shop: Shop, marketplace_order_id: str) -> str | None:
    """What an ordinary order finder does."""
    row = shop.db.session.query(shop.orders).filter_by(marketplace_order_id=marketplace_order_id).first()
    return None if row is None else f"S-{row.id}"


def use_order_finder(shop: Shop) -> None:
    @shop.seller.order_finder
    def find(marketplace: str, marketplace_order_id: str) -> str | PlacedOrder | None:
        shop.asked.append((marketplace, marketplace_order_id))
        return find_by_marketplace_id(shop, marketplace_order_id)


def order_body(
    marketplace_order_id: str = "1138342255777-01", *, seller_id: str = "fruitshop", **changes: Any
) -> dict[str, Any]:
    """An order as a marketplace sends it: one apple and two pears for a made-up shopper."""
    body: dict[str, Any] = {
        "marketplaceOrderId": marketplace_order_id,
        "marketplaceServicesEndpoint": "http://acmemarket.vtexcommercestable.com.br/api/oms?an=acmemarket",
        "marketplacePaymentValue": 3830,
        "items": [_item("apple", 1, 1250, seller_id), _item("pear", 2, 300, seller_id)],
        "clientProfileData": {
            "email": "maria.silva@mail.example",
            "firstName": "Maria",
            "lastName": "Silva",
            "documentType": "cpf",
            "document": "39053344705",
            "phone": "+5511999990000",
            "isCorporate": False,
        },
        "shippingData": {
            "address": {
                "addressType": "residential",
                "receiverName": "Maria Silva",
                "addressId": "home",
                "postalCode": "01310-100",
                "city": "São Paulo",
                "state": "SP",
                "country": "BRA",
                "street": "Avenida Paulista",
                "number": "1000",
                "neighborhood": "Bela Vista",
                "complement": "apto 7",
                "reference": None,
                "geoCoordinates": [],
            },
            "logisticsInfo": [_shipping(0), _shipping(1)],
            "updateStatus": "updated",
        },
        "paymentData": None,
        "marketingData": None,
        "openTextField": None,
        "customData": {"unknown": ["to", "us", 1.5]},
    }
    return {**body, **changes}


def _item(sku_id: str, quantity: int, price: int, seller_id: str) -> dict[str, Any]:
    return {
        "id": sku_id,
        "quantity": quantity,
        "seller": seller_id,
        "commission": 0,
        "freightCommission": 0,
        "price": price,
        "bundleItems": [],
        "itemAttachment": {"name": None, "content": {}},
        "attachments": [],
        "priceTags": [],
        "measurementUnit": "un",
        "unitMultiplier": 1,
        "isGift": False,
    }


def _shipping(index: int) -> dict[str, Any]:
    return {
        "itemIndex": index,
        "selectedSla": "standard",
        "lockTTL": "8d",
        "shippingEstimate": "5bd",
        "price": 990,
        "deliveryWindow": None,
    }
