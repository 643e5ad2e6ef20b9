"""What marketplaces send, about a made-up shopper."""

from collections.abc import Sequence
from typing import Any

_SHOPPER = {
    "email": "1b2c3d@ct.mail.example",
    "firstName": "Maria",
    "lastName": "Silva",
    "documentType": "cpf",
    "document": "39053344705",
    "phone": "+5511999990000",
    "isCorporate": False,
}
_ADDRESS: dict[str, Any] = {
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
    "complement": None,
    "reference": None,
    "geoCoordinates": [],
}


def order_body(
    marketplace_order_id: str, lines: Sequence[tuple[str, int, int]], *, seller_id: str, sla: str, freight: int
) -> dict[str, Any]:
    """Write an order.

    Args:
        lines: SKU id, quantity, and the price of one unit in cents.
        freight: cents a line.
    """
    return {
        "marketplaceOrderId": marketplace_order_id,
        "marketplaceServicesEndpoint": "https://marketplace.example/api/oms?an=marketplace",
        "marketplacePaymentValue": sum(quantity * price + freight for _, quantity, price in lines),
        "items": [_item(*line, seller_id) for line in lines],
        "clientProfileData": dict(_SHOPPER),
        "shippingData": {
            "address": dict(_ADDRESS),
            "logisticsInfo": [_shipping(index, sla, freight) for index, _ in enumerate(lines)],
            "updateStatus": "updated",
        },
        "paymentData": None,
        "marketingData": None,
        "openTextField": None,
    }


def cart_body(lines: Sequence[tuple[str, int]], *, seller_id: str) -> dict[str, Any]:
    """Write the question for price and stock of SKU ids and quantities."""
    return {"items": [{"id": sku_id, "quantity": quantity, "seller": seller_id} for sku_id, quantity in lines]}


def _item(sku_id: str, quantity: int, price: int, seller_id: str) -> dict[str, Any]:
    return {
        "id": sku_id,
        "quantity": quantity,
        "seller": seller_id,
        "commission": 0,
        "freightCommission": 0,
        "price": price,
        "bundleItems": [],
        "attachments": [],
        "priceTags": [],
        "measurementUnit": "un",
        "unitMultiplier": 1,
        "isGift": False,
    }


def _shipping(index: int, sla: str, freight: int) -> dict[str, Any]:
    return {
        "itemIndex": index,
        "selectedSla": sla,
        "lockTTL": "8d",
        "shippingEstimate": "5bd",
        "price": freight,
        "deliveryWindow": None,
    }
