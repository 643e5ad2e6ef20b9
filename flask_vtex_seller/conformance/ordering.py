"""Placing orders as a marketplace does, with a made-up shopper.

Source: external-seller-fulfillment OpenAPI, `/pvt/orders`.
"""

from dataclasses import dataclass
from typing import Any

from .cart import PATH as SIMULATION
from .cart import cart_body, item, logistics_of, slas, text, whole
from .conversation import Conversation, NotApplicable, Reply, order_path

PATH = "/pvt/orders"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What the shop says that a quantity of the first SKU costs, delivered."""

    sku_id: str
    quantity: int
    price: int
    stock: int
    sla: dict[str, Any]

    @property
    def window(self) -> dict[str, Any] | None:
        """Return the option's first delivery window."""
        windows = self.sla.get("availableDeliveryWindows")
        return windows[0] if isinstance(windows, list) and windows and isinstance(windows[0], dict) else None

    @property
    def shipping(self) -> int:
        """Return the delivery's price in cents, that of the window included."""
        window = self.window or {}
        return (whole(self.sla.get("price")) or 0) + (whole(window.get("price")) or 0)


def ask(talk: Conversation, quantity: int = 1, *, beyond_stock: bool = False) -> Offered:
    """Ask the shop for what an order needs to know.

    Args:
        beyond_stock: whether the quantity may be more than there is; delivery is then offered for what there is.

    Raises:
        NotApplicable: the answer does not tell it.
    """
    sku, lines = talk.case.skus[0], [(talk.case.skus[0].id, quantity)]
    reply = talk.call(SIMULATION, cart_body(talk, *lines, address=talk.case.address))
    if reply.status != 200 or not isinstance(reply.json, dict):
        raise reply.unfit("no order can be made up, for the shop offers nothing: see P1")
    price, stock = whole(item(reply, 0).get("price")), whole(logistics_of(reply, 0).get("stockBalance"))
    options = [sla for sla in slas(reply, 0) if text(sla.get("id"))]
    if price is None or stock is None or not options:
        raise reply.unfit("no order can be made up without price, stock and delivery option: see P1 and P11")
    if stock < quantity and not beyond_stock:
        raise NotApplicable(f"it takes {quantity} of {sku.id} in stock, and {stock} are left")
    options.sort(key=lambda sla: (sla.get("deliveryChannel") != "delivery", bool(sla.get("availableDeliveryWindows"))))
    return Offered(sku_id=sku.id, quantity=quantity, price=price, stock=stock, sla=options[0])


def order_body(talk: Conversation, offered: Offered, order_id: str | None = None, **changes: Any) -> dict[str, Any]:
    """Return an order as a marketplace sends it.

    Args:
        order_id: the marketplace's; a new one by default.
        changes: replace top-level fields.
    """
    order_id = order_id or talk.next_order_id()
    merchant = talk.case.merchant_name
    return {
        "marketplaceOrderId": order_id,
        "marketplaceOrderGroup": order_id.rpartition("-")[0],
        "marketplaceServicesEndpoint": "https://marketplace.example/api/oms?an=conformance",
        "marketplacePaymentValue": offered.price * offered.quantity + offered.shipping,
        "items": [_item(talk, offered)],
        "clientProfileData": _shopper(talk),
        "shippingData": {
            "address": _address(talk),
            "logisticsInfo": [_logistics(offered)],
            "updateStatus": "updated",
        },
        "paymentData": None if merchant is None else {"merchantName": merchant},
        "marketingData": None,
        "openTextField": None,
        **changes,
    }


def _item(talk: Conversation, offered: Offered) -> dict[str, Any]:
    return {
        "id": offered.sku_id,
        "quantity": offered.quantity,
        "seller": talk.case.seller_id,
        "commission": 0,
        "freightCommission": 0,
        "price": offered.price,
        "bundleItems": [],
        "itemAttachment": {"name": None, "content": {}},
        "attachments": [],
        "priceTags": [],
        "measurementUnit": "un",
        "unitMultiplier": 1,
        "isGift": False,
    }


def _shopper(talk: Conversation) -> dict[str, Any]:
    return {
        "id": "clientProfileData",
        "email": f"shopper-{talk.case.run}@marketplace.example",
        "firstName": "Conformance",
        "lastName": "Test",
        "documentType": "cpf",
        "document": "11144477735",
        "phone": "+5511900000000",
        "isCorporate": False,
    }


def _address(talk: Conversation) -> dict[str, Any]:
    place = talk.case.address
    return {
        "addressType": "residential",
        "receiverName": "Conformance Test",
        "addressId": "conformance",
        "postalCode": place.postal_code,
        "city": place.city,
        "state": place.state,
        "country": place.country,
        "street": "Rua do Teste",
        "number": "1",
        "neighborhood": "Centro",
        "complement": "",
        "reference": None,
        "geoCoordinates": talk.case.point(),
    }


def _logistics(offered: Offered) -> dict[str, Any]:
    window = offered.window
    return {
        "itemIndex": 0,
        "selectedSla": offered.sla["id"],
        "lockTTL": "8d",
        "shippingEstimate": offered.sla.get("shippingEstimate"),
        "price": offered.shipping,
        "deliveryWindow": window and {**window, "listPrice": window.get("price"), "tax": 0},
    }


def place(talk: Conversation, *orders: dict[str, Any], bare: bool = False) -> Reply:
    """Send orders in an array, or one order bare; remember what the shop took."""
    reply = talk.call(PATH, orders[0] if bare else list(orders))
    for order, answer in zip(orders, answers(reply), strict=False):
        if order_id := text(answer.get("orderId")):
            talk.placed[str(order["marketplaceOrderId"])] = order_id
    return reply


def answers(reply: Reply) -> list[dict[str, Any]]:
    """Return what was answered to each order; empty if the call was refused."""
    found = reply.json if isinstance(reply.json, list) else [reply.json]
    return [answer for answer in found if isinstance(answer, dict)] if reply.status == 200 else []


def placed_id(reply: Reply) -> str:
    """Return the shop's id of an order that it was sent.

    Raises:
        NotApplicable: it has not taken it, or tells no id.
    """
    order_id = next((text(answer.get("orderId")) for answer in answers(reply)), None)
    if order_id is None:
        raise reply.unfit("the shop takes no order, or tells no id of it: see P25")
    return order_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An order that the shop took."""

    order_id: str
    """The shop's."""
    marketplace_order_id: str
    body: dict[str, Any]


def place_one(talk: Conversation, offered: Offered | None = None) -> Placed:
    """Place an order that is only the ground for what is judged.

    Raises:
        NotApplicable: the shop does not take it.
    """
    body = order_body(talk, offered or ask(talk))
    order_id = placed_id(place(talk, body))
    return Placed(order_id=order_id, marketplace_order_id=body["marketplaceOrderId"], body=body)


def authorize(talk: Conversation, placed: Placed, **changes: Any) -> Reply:
    """Tell the shop that the order is paid."""
    body = {"marketplaceOrderId": placed.marketplace_order_id, **changes}
    return talk.call(order_path(placed.order_id, "fulfill"), body)


def cancel(talk: Conversation, placed: Placed, **changes: Any) -> Reply:
    """Tell the shop that the marketplace wants the order canceled."""
    body = {
        "marketplaceOrderId": placed.marketplace_order_id,
        "marketplaceOrderGroup": placed.body["marketplaceOrderGroup"],
        "cancellationRequestId": "0" * 32,
        "reason": "a conformance check",
        "requestedByUser": True,
        **changes,
    }
    return talk.call(order_path(placed.order_id, "cancel"), body)


def is_confirmation(reply: Reply) -> bool:
    """Tell whether the answer to a cancellation confirms it."""
    names = {"marketplaceOrderId", "orderId", "receipt", "date"}
    return reply.status == 200 and isinstance(reply.json, dict) and len(names & reply.json.keys()) > 1
