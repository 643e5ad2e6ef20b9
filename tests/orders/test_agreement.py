"""The shop's word about a modification of an order. (P82, row 38)"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from flask_vtex_seller import Agreement, IllegalTransition, OrderState
from flask_vtex_seller.marketplace.outcome import Outcome, Verdict
from flask_vtex_seller.outbox.message import Message
from flask_vtex_seller.state import current_state

from ..contract.speaking import make_invoice, place_order, speaking
from ..shops import Shop, StoppedClock


@pytest.fixture
def shop(new_shop: Callable[..., Shop]) -> Shop:
    return new_shop(clock=StoppedClock())


def said(shop: Shop) -> list[Message]:
    with shop.app.app_context():
        return current_state().outbox.page(state=None, marketplace=None, lane=None, limit=100)[::-1]


@pytest.mark.parametrize("agreement", list(Agreement))
def test_it_is_a_message_in_the_orders_lane(shop: Shop, agreement: Agreement) -> None:
    """P82"""
    order_id = place_order(shop, "1138-01")
    with speaking(shop) as seller:
        seller.send_agreement(order_id, "e8532a32", agreement)
    [message] = said(shop)
    assert (message.operation, message.lane, message.body) == (
        "agreement",
        "order:1138-01",
        {"agreementType": agreement.value},
    )
    assert message.arguments == {"marketplace_order_id": "1138-01", "change_id": "e8532a32"}


def test_the_protocol_has_two_of_them() -> None:
    """P82"""
    assert {agreement.value for agreement in Agreement} == {"Acknowledgment", "Confirmation"}


@pytest.mark.parametrize("value", ["Acknowledgment", "Confirmation", "confirmation", "Denied", "", None, True, 1])
def test_any_other_value_is_refused_before_anything_is_said(shop: Shop, value: Any) -> None:
    """P82"""
    order_id = place_order(shop, "1138-01")
    with pytest.raises(TypeError, match="agreement must be a Agreement"), speaking(shop) as seller:
        seller.send_agreement(order_id, "c-1", value)
    assert said(shop) == []


@pytest.mark.parametrize("change_id", ["", " ", ".", "..", "x" * 129, "a\0b", "\ud800", 7, None])
def test_a_change_must_have_an_id_that_can_be_sent(shop: Shop, change_id: Any) -> None:
    order_id = place_order(shop, "1138-01")
    with pytest.raises((TypeError, ValueError), match="id of an order modification"), speaking(shop) as seller:
        seller.send_agreement(order_id, change_id, Agreement.CONFIRMATION)
    assert said(shop) == []


@pytest.mark.parametrize("state", [OrderState.INVOICED, OrderState.DELIVERED, OrderState.CANCELED, OrderState.RETURNED])
def test_an_order_that_is_over_is_not_modified(shop: Shop, state: OrderState) -> None:
    order_id = place_order(shop, "1138-01")
    with speaking(shop):
        current_state().ledger.advance("acme", "1138-01", sources=list(OrderState), state=state)
    with pytest.raises(IllegalTransition, match=f"{state.value}: an agreement needs"), speaking(shop) as seller:
        seller.send_agreement(order_id, "c-1", Agreement.CONFIRMATION)


def test_an_order_in_parts_may_be_modified_and_one_that_is_canceled_not(shop: Shop) -> None:
    order_id = place_order(shop, "1138-01")
    with speaking(shop) as seller:
        seller.send_invoice(order_id, make_invoice("1", 1000))
        seller.send_agreement(order_id, "c-1", Agreement.ACKNOWLEDGMENT)
        seller.cancel_order(order_id, reason="broken", return_invoice=make_invoice("R1", 1000))
    with pytest.raises(IllegalTransition, match="being canceled by the shop"), speaking(shop) as seller:
        seller.send_agreement(order_id, "c-1", Agreement.CONFIRMATION)


def test_an_agreement_that_is_refused_keeps_nothing_of_its_order_back(shop: Shop) -> None:
    """Row 38: its address is published nowhere."""
    order_id = place_order(shop, "1138-01")
    with speaking(shop) as seller:
        seller.send_agreement(order_id, "c-1", Agreement.CONFIRMATION)
        seller.send_invoice(order_id, make_invoice("1", 1000))
    with shop.app.app_context():
        drain = current_state().drain
        refused = Outcome(verdict=Verdict.REFUSED, status=404, reason="404")
        done = Outcome(verdict=Verdict.DELIVERED, status=200, reason="200")
        replace(drain, send=lambda message, _: refused if message.operation == "agreement" else done).run()
    assert [message.state.value for message in said(shop)] == ["dead", "delivered"]
