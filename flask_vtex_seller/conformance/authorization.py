"""The checks of the authorization to fulfill (P37 to P42)."""

from .conversation import Conversation, NotApplicable, Reply, order_path
from .moment import is_moment
from .ordering import authorize, cancel, is_confirmation, place_one
from .refusal import require_refused


def receipt(talk: Conversation) -> None:
    """P37."""
    placed = place_one(talk)
    reply = authorize(talk, placed)
    require_receipt(reply, placed.order_id, placed.marketplace_order_id, "an authorized order")


def require_receipt(reply: Reply, order_id: str, marketplace_order_id: str, what: str) -> None:
    """Go on if the answer is a receipt for this order.

    Raises:
        Failed: otherwise.
    """
    reply.require(reply.status == 200, f"{what} is answered 200, not {reply.status}")
    answer = reply.json if isinstance(reply.json, dict) else {}
    ours = answer.get("marketplaceOrderId") == marketplace_order_id
    reply.require(ours, "`marketplaceOrderId` is the marketplace's id of the order")
    reply.require(answer.get("orderId") == order_id, "`orderId` is the shop's id of the order")
    reply.require(is_moment(answer.get("date")), "`date` is when it was done, as a date and time")
    known = "receipt" in answer and (answer["receipt"] is None or isinstance(answer["receipt"], str))
    reply.require(known, "`receipt` is a text, or null")


def repeat(talk: Conversation) -> None:
    """P38."""
    placed = place_one(talk)
    first = authorize(talk, placed)
    if first.status != 200 or not isinstance(first.json, dict):
        raise first.unfit("the shop does not authorize the order: see P37")
    again = authorize(talk, placed)
    again.require(again.status == 200, "the authorization again, as after a lost answer, is answered 200 once more")
    told = again.json.get("receipt") if isinstance(again.json, dict) else None
    again.require(told == first.json.get("receipt"), "the authorization again is answered with the same `receipt`")


def unknown_order(talk: Conversation) -> None:
    """P39."""
    reply = talk.call(order_path("no-such-order-conformance", "fulfill"), {"marketplaceOrderId": talk.next_order_id()})
    require_refused(reply, "the authorization of an order that the shop does not have", statuses=(404,))


def canceled_order(talk: Conversation) -> None:
    """P40."""
    placed = place_one(talk)
    if not is_confirmation(cancel(talk, placed)):
        raise NotApplicable("the shop does not cancel an order at once that is placed and not paid")
    reply = authorize(talk, placed)
    refused = 400 <= reply.status < 500
    reply.require(refused, f"a canceled order is not authorized: that is answered 4xx, not {reply.status}")
    reply.require(not _may_ship(talk, placed.order_id), "a canceled order is never shipped")


def _may_ship(talk: Conversation, order_id: str) -> bool:
    return talk.case.may_ship is not None and talk.case.may_ship(order_id)


def payment_data(talk: Conversation) -> None:
    """P41."""
    both_spellings = {"payments": [], "connectorResponses": {"Message": "ok", "message": "ok", "tid": "1"}}
    if authorize(talk, place_one(talk)).status != 200:
        raise NotApplicable("the shop does not authorize an order: see P37")
    for name, data in {"in two spellings": both_spellings, "that is null": None}.items():
        reply = authorize(talk, place_one(talk), paymentData=data)
        reply.require(reply.status == 200, f"payment data {name} is no reason to refuse an authorization")


def two_orders(talk: Conversation) -> None:
    """P42."""
    orders = one, other = place_one(talk), place_one(talk)
    before = [_may_ship(talk, placed.order_id) for placed in orders]
    reply = authorize(talk, one, marketplaceOrderId=other.marketplace_order_id)
    require_refused(reply, "an authorization whose path and body name different orders", statuses=(400,))
    same = [_may_ship(talk, placed.order_id) for placed in orders] == before
    reply.require(same, "an authorization whose path and body name different orders releases neither")
