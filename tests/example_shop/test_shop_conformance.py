"""The example shop proves that it keeps the protocol, as any shop can."""

from flask import Flask

from example_shop.extensions import db
from example_shop.orders import service
from example_shop.orders.models import Order, OrderState
from flask_vtex_seller.testing import Place, SellerConformance, Sku


class TestEmporioJatoba(SellerConformance):
    known_skus = (Sku(id="CAF-250", stock=120, price=2490), "CANDLE", "PAN-22")
    out_of_stock_sku = "POT-5L"
    address = Place(postal_code="01310-100", geo_coordinates=(-46.65, -23.56))
    unserved_address = Place(postal_code="69005-040", city="Manaus", state="AM")

    def count_orders(self, app: Flask) -> int:
        with app.app_context():
            return db.session.query(Order).count()

    def may_ship(self, app: Flask, order_id: str) -> bool:
        with app.app_context():
            return service.get(order_id).state is OrderState.RELEASED
