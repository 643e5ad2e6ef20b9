"""The checks of the marketplace's cancellation (P43 to P50)."""

from .authorization import require_receipt
from .cart import stock_of
from .conversation import Conversation, NotApplicable, Reply, order_path
from .ordering import authorize, cancel, is_confirmation, place_one


def evaluating(talk: Conversation) -> None:
    """P43: an order that is paid is tried, too, for many shops cancel others at once."""
    reserved, paid = place_one(talk), place_one(talk)
    replies = [cancel(talk, reserved)]
    if authorize(talk, paid).status == 200:
        replies.append(cancel(talk, paid))
    for reply in replies:
        reply.require(reply.status == 200, f"a marketplace's wish to cancel is answered 200, not {reply.status}")
        told = reply.is_empty or is_confirmation(reply)
        reply.require(told, "while the shop thinks about a cancellation, its answer has an empty body")
    if not any(reply.is_empty for reply in replies):
        raise NotApplicable("the shop confirms every cancellation at once")


def confirmed(talk: Conversation) -> None:
    """P44."""
    placed = place_one(talk)
    reply = cancel(talk, placed)
    _require_confirmation(reply)
    require_receipt(reply, placed.order_id, placed.marketplace_order_id, "a confirmed cancellation")


def _require_confirmation(reply: Reply) -> None:
    if not is_confirmation(reply):
        raise reply.unfit("the shop does not confirm at once that an unpaid order is canceled")


def seven_decimals(talk: Conversation) -> None:
    """P46."""
    placed = place_one(talk)
    reply = cancel(talk, placed, cancellationRequestDate="2026-05-04T12:30:15.1234567+00:00")
    says = "a `cancellationRequestDate` with seven decimals is how marketplaces write it"
    reply.require(reply.status == 200, f"{says}; this was answered with {reply.status}")


def old_form(talk: Conversation) -> None:
    """P47."""
    placed = place_one(talk)
    body = {"marketplaceOrderId": placed.marketplace_order_id}
    reply = talk.call(order_path(placed.order_id, "cancel"), body)
    says = "a cancellation may say no more than `marketplaceOrderId`"
    reply.require(reply.status == 200, f"{says}; this was answered with {reply.status}")


def repeat(talk: Conversation) -> None:
    """P48."""
    placed = place_one(talk)
    first = cancel(talk, placed)
    if first.status != 200:
        raise first.unfit("the shop does not take the cancellation: see P43")
    again = cancel(talk, placed)
    again.require(again.status == 200, "the same cancellation again is answered 200 once more")
    same = is_confirmation(again) == is_confirmation(first)
    again.require(same, "the same cancellation again is answered with the decision that was made")


def stock_returns_once(talk: Conversation) -> None:
    """P50."""
    sku_id = talk.case.skus[0].id
    placed = place_one(talk)
    _require_confirmation(cancel(talk, placed))
    stock = stock_of(talk, sku_id)
    again = cancel(talk, placed, cancellationRequestId="f" * 32)
    again.require(is_confirmation(again), "an order that is canceled already is confirmed again")
    left = stock_of(talk, sku_id)
    again.require(left == stock, f"a cancellation gives the stock back once: {stock} were left, and then {left}")
