"""Authorization, cancellation and invoice at the same moment: one of the last two wins, and all agree which. (R10)"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from flask_vtex_seller import Order, OrderState
from flask_vtex_seller.orders.lane import order_lane
from flask_vtex_seller.state import current_state

from ..contract.speaking import TOTAL
from ..shops import order_body
from .conftest import Scale
from .report import Figures
from .volley import Answer, Call, marketplace_call, volley
from .warehouse import CANCELED, PLACED, RELEASED, Warehouse

PROCESSES = 4
FULFILL, CANCEL, SHIP = "fulfill", "cancel", "ship"
RUNNERS = (FULFILL, CANCEL, SHIP) * 2
"""Each call comes twice."""


@dataclass
class Race:
    """What an order was when the calls came, what they were answered, and what became of it."""

    authorized: bool
    answers: list[tuple[str, Answer]]
    order: Order
    messages: list[str]
    deeds: Counter[str]

    def of(self, runner: str) -> list[Answer]:
        return [answer for name, answer in self.answers if name == runner]

    @property
    def winner(self) -> str:
        won = [
            name
            for name, has in [(CANCEL, self.order.state is OrderState.CANCELED), (SHIP, self.order.invoiced_said > 0)]
            if has
        ]
        assert len(won) == 1, won
        return won[0]


def run(warehouse: Warehouse, ports: list[int], rng: Random, number: int) -> Race:
    """Place an order, perhaps authorize it, and let the calls race."""
    id_, authorized = f"{number:013}-01", bool(number % 2)
    shop = warehouse.shop
    order_id = shop.call("/pvt/orders", [order_body(id_)]).json[0]["orderId"]
    if authorized:
        assert shop.call(f"/pvt/orders/{order_id}/{FULFILL}", {}).status_code == 200
    runners = rng.sample(RUNNERS, len(RUNNERS))
    answers = volley([_call(rng.choice(ports), runner, order_id) for runner in runners])
    with shop.app.app_context():
        order = shop.seller.order(order_id)
        page = current_state().outbox.page(lane=order_lane(id_), limit=99)
        messages = [message.operation for message in page]
    pairs = list(zip(runners, answers, strict=True))
    return Race(authorized=authorized, answers=pairs, order=order, messages=messages, deeds=warehouse.deeds(id_))


def _call(port: int, runner: str, order_id: str) -> Call:
    if runner == SHIP:
        return Call(port=port, path=f"/{SHIP}/{order_id}", body={})
    return marketplace_call(port, f"/pvt/orders/{order_id}/{runner}", {"cancellationRequestId": "1"})


def check(race: Race) -> None:
    statuses = {runner: [answer.status for answer in race.of(runner)] for runner in RUNNERS}
    released = race.deeds[RELEASED]
    # every hook worked once, or not at all
    assert set(race.deeds.values()) == {1}, race.deeds
    assert statuses[CANCEL] == [200, 200]
    if race.winner == SHIP:
        assert sorted(statuses[SHIP]) == [200, 409]
        assert race.messages == ["invoice"]
        assert race.order.invoiced_said == TOTAL
        assert CANCELED not in race.deeds
        assert [answer.json for answer in race.of(CANCEL)] == [None, None], "the invoice is the answer"
        assert statuses[FULFILL] == [200, 200]
    else:
        assert statuses[SHIP] == [409, 409]
        assert race.messages == []
        assert race.deeds[CANCELED] == 1
        assert race.of(CANCEL)[0].json == race.of(CANCEL)[1].json
        assert all(answer.status == 200 or answer.code == "ORDER_CANCELED" for answer in race.of(FULFILL))
        assert released or statuses[FULFILL] == [409, 409], "nothing of a canceled order is released"
    receipts = {answer.json["receipt"] for answer in race.of(FULFILL) if answer.status == 200}
    assert receipts <= {race.order.receipt}
    assert released == (race.order.receipt is not None)


def test_of_a_cancellation_and_an_invoice_that_cross_one_wins(
    warehouse: Warehouse,
    serve: Callable[..., tuple[Any, int]],
    rng: Random,
    scale: Scale,
    figures: Figures,
) -> None:
    """P38, P49, P50: whatever crosses what, through whichever process, and each of the calls twice."""
    ports = [serve()[1] for _ in range(PROCESSES)]
    races = scale(20, 500)
    won = Counter[str]()
    for number in range(races):
        race = run(warehouse, ports, rng, number)
        check(race)
        won[race.winner] += 1
    figures.note("R10", races=races, calls_each=len(RUNNERS), canceled=won[CANCEL], invoiced=won[SHIP], winners_each=1)
    assert won[CANCEL] > 0
    assert won[SHIP] > 0
    assert warehouse.deeds()[PLACED] == races
    assert warehouse.taken() == {"apple": races, "pear": 2 * races}
