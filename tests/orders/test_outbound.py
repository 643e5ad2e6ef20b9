"""What the shop says about an order, and what becomes of the order when the marketplace has heard it."""

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from flask_vtex_seller import (
    CancellationDecision,
    CancellationRequest,
    IllegalTransition,
    Invoice,
    InvoiceItem,
    OrderState,
    Tracking,
    TrackingEvent,
    TrackingStatus,
    UnknownOrder,
)
from flask_vtex_seller.marketplace.operations import OPERATIONS, Meaning
from flask_vtex_seller.marketplace.outcome import Outcome, Verdict
from flask_vtex_seller.orders.schemas import InvoiceSchema
from flask_vtex_seller.outbox.message import MessageState
from flask_vtex_seller.state import current_state

from ..shops import Shop, StoppedClock, order_body

NOW = datetime(2026, 3, 4, 12, 30, tzinfo=timezone(timedelta(hours=-3)))
LANE = "order:1138342255777-01"
TOTAL = 3830


def invoice(number: str = "1001", value: int = TOTAL, **changes: Any) -> Invoice:
    fields: dict[str, Any] = {
        "number": number,
        "value": value,
        "items": (
            InvoiceItem(sku_id="apple", quantity=1, price=1250),
            InvoiceItem(sku_id="pear", quantity=2, price=300),
        ),
        "issued_at": NOW,
    }
    return Invoice(**{**fields, **changes})


TRACKING = Tracking(courier="Correios", tracking_number="BR123", tracking_url="https://t.example/BR123")
DELIVERED = TrackingStatus(is_delivered=True, delivered_at=NOW)


@pytest.fixture
def shop(new_shop: Callable[..., Shop]) -> Shop:
    """A shop with one authorized order, S-1."""
    shop = new_shop(clock=StoppedClock())
    shop.call("/pvt/orders", [order_body()])
    shop.call("/pvt/orders/S-1/fulfill", {})
    return shop


def say(shop: Shop, verb: str, *arguments: Any, **keywords: Any) -> None:
    """Call a verb as the shop's own code does: in its transaction, with its commit."""
    with shop.app.app_context():
        try:
            getattr(shop.seller, verb)(*arguments, **keywords)
        except Exception:
            shop.db.session.rollback()
            raise
        shop.db.session.commit()


def waiting(shop: Shop) -> list[tuple[str, dict[str, str], Any]]:
    """Return what stands in the outbox, oldest first."""
    with shop.app.app_context():
        page = shop.app.extensions["vtex_seller"].outbox.page(state=None, marketplace=None, lane=LANE, limit=100)
    return [(message.operation, message.arguments, message.body) for message in reversed(page)]


def hear(shop: Shop, *, meaning: Meaning = Meaning.DONE, verdict: Verdict = Verdict.DELIVERED, limit: int = 99) -> None:
    """Let the marketplace answer what waits."""
    drain = shop.app.extensions["vtex_seller"].drain
    outcome = Outcome(verdict=verdict, status=200, reason="200", meaning=meaning)
    object.__setattr__(drain, "send", lambda message, body: outcome)
    drain.run(limit=limit)


def order(shop: Shop) -> Any:
    with shop.app.app_context():
        return shop.seller.order("S-1")


class TestInvoice:
    def test_it_is_a_message_in_the_orders_lane_with_the_marketplaces_id(self, shop: Shop) -> None:
        """P61, P62"""
        say(shop, "send_invoice", "S-1", invoice())
        ((operation, arguments, body),) = waiting(shop)
        assert operation == "invoice"
        assert arguments == {"marketplace_order_id": "1138342255777-01", "invoice_number": "1001"}
        assert body["type"] == "Output"
        assert body["invoiceValue"] == TOTAL
        assert body["issuanceDate"] == "2026-03-04T15:30:00+00:00"
        assert body["items"][1] == {"id": "pear", "quantity": 2, "price": 300}
        assert not InvoiceSchema().validate(body)

    def test_what_is_rolled_back_was_never_said(self, shop: Shop) -> None:
        with shop.app.app_context():
            shop.seller.send_invoice("S-1", invoice())
            shop.db.session.rollback()
        assert waiting(shop) == []
        say(shop, "send_invoice", "S-1", invoice())

    def test_the_order_is_invoiced_once_the_marketplace_has_it(self, shop: Shop) -> None:
        say(shop, "send_invoice", "S-1", invoice())
        assert order(shop).state is OrderState.AUTHORIZED
        hear(shop)
        assert order(shop).state is OrderState.INVOICED
        assert (order(shop).invoiced_said, order(shop).invoiced_value) == (TOTAL, TOTAL)

    def test_parts_make_it_partially_invoiced_until_their_sum_is_the_total(self, shop: Shop) -> None:
        """P64"""
        say(shop, "send_invoice", "S-1", invoice("1", 1000))
        hear(shop)
        assert order(shop).state is OrderState.PARTIALLY_INVOICED
        say(shop, "send_invoice", "S-1", invoice("2", TOTAL - 1000))
        hear(shop)
        assert order(shop).state is OrderState.INVOICED

    def test_a_refused_invoice_changes_no_state(self, shop: Shop) -> None:
        say(shop, "send_invoice", "S-1", invoice())
        hear(shop, verdict=Verdict.REFUSED)
        assert order(shop).state is OrderState.AUTHORIZED

    def test_the_sum_of_invoices_cannot_exceed_the_total(self, shop: Shop) -> None:
        say(shop, "send_invoice", "S-1", invoice("1", 1000))
        with pytest.raises(ValueError, match=f"add up to {TOTAL + 1000}"):
            say(shop, "send_invoice", "S-1", invoice("2", TOTAL))
        assert len(waiting(shop)) == 1

    def test_a_number_is_used_once(self, shop: Shop) -> None:
        say(shop, "send_invoice", "S-1", invoice("1", 1000))
        with pytest.raises(ValueError, match="an invoice 1 already"):
            say(shop, "send_invoice", "S-1", invoice("1", 1000))

    def test_tracking_may_come_with_it(self, shop: Shop) -> None:
        """row 7"""
        say(shop, "send_invoice", "S-1", invoice(tracking=TRACKING))
        body = waiting(shop)[0][2]
        assert (body["courier"], body["trackingNumber"]) == ("Correios", "BR123")
        say(shop, "update_tracking_status", "S-1", "1001", DELIVERED)

    def test_an_order_that_is_not_authorized_cannot_be_invoiced(self, shop: Shop) -> None:
        shop.call("/pvt/orders", [order_body("B-01")])
        with pytest.raises(IllegalTransition, match="S-2 is placed: an invoice needs an order that is authorized"):
            say(shop, "send_invoice", "S-2", invoice())

    def test_an_unknown_order_is_told(self, shop: Shop) -> None:
        with pytest.raises(UnknownOrder, match="S-9"):
            say(shop, "send_invoice", "S-9", invoice())

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"number": "1001/A"}, "letters and digits"),
            ({"number": "10 01"}, "letters and digits"),
            ({"number": ""}, "letters and digits"),
            ({"number": 1001}, "letters and digits"),
            ({"value": 0}, "Invoice.value"),
            ({"value": 19.9}, "Invoice.value"),
            ({"items": ()}, "Invoice.items"),
            ({"items": (InvoiceItem(sku_id="a", quantity=1, price=1),) * 2}, "Invoice.items names a twice"),
            ({"issued_at": datetime(2026, 3, 4)}, "Invoice.issued_at"),  # noqa: DTZ001
            ({"issued_at": "2026-03-04"}, "Invoice.issued_at"),
            ({"issued_at": None}, "Invoice.issued_at"),
            ({"url": "ftp://x"}, "Invoice.url"),
            ({"url": "http://["}, "Invoice.url"),
            ({"items": ({"sku_id": "a"},)}, "Invoice.items"),
            ({"key": 5}, "Invoice.key"),
            ({"embedded": "a\0b"}, "Invoice.embedded"),
            ({"tracking": "BR123"}, "Invoice.tracking"),
        ],
    )
    def test_what_the_marketplace_would_refuse_raises_naming_the_field(
        self, changes: dict[str, Any], words: str
    ) -> None:
        """P62, P63"""
        with pytest.raises((TypeError, ValueError), match=words):
            invoice(**changes)

    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (lambda: InvoiceItem(sku_id="", quantity=1, price=1), "InvoiceItem.sku_id"),
            (lambda: InvoiceItem(sku_id="a", quantity=0, price=1), "InvoiceItem.quantity"),
            (lambda: InvoiceItem(sku_id="a", quantity=1, price=1.5), "InvoiceItem.price"),
            (lambda: Tracking(courier="", tracking_number="1"), "Tracking.courier"),
            (lambda: Tracking(courier="c", tracking_number=7), "Tracking.tracking_number"),
            (lambda: Tracking(courier="c", tracking_number="1", tracking_url="x"), "Tracking.tracking_url"),
            (lambda: TrackingStatus(is_delivered="yes"), "TrackingStatus.is_delivered"),
            (lambda: TrackingStatus(is_delivered=True), "TrackingStatus.delivered_at"),
            (lambda: TrackingEvent(description="", on=date(2026, 3, 4)), "TrackingEvent.description"),
            (lambda: TrackingEvent(description="x", on="2026-03-04"), "TrackingEvent.on"),
            (lambda: TrackingEvent(description="x", on=date(2026, 3, 4), city=5), "TrackingEvent.city"),
            (lambda: TrackingStatus(is_delivered=False, events=("x",)), "TrackingStatus.events"),
            (lambda: Tracking(courier="half \ud800", tracking_number="1"), "Tracking.courier"),
            (lambda: InvoiceItem(sku_id="a", quantity=1, price=1, description=7), "InvoiceItem.description"),
        ],
    )
    def test_parts_are_refused_naming_the_field(self, make: Callable[[], Any], words: str) -> None:
        with pytest.raises((TypeError, ValueError), match=words):
            make()


class TestTracking:
    def test_it_follows_its_invoice_in_the_same_lane(self, shop: Shop) -> None:
        """P65, P66, row 7, row 35: events and date are always there."""
        say(shop, "send_invoice", "S-1", invoice())
        say(shop, "send_tracking", "S-1", "1001", TRACKING)
        event = TrackingEvent(description="posted", on=date(2026, 3, 5), city="São Paulo", state="SP")
        say(shop, "update_tracking_status", "S-1", "1001", TrackingStatus(is_delivered=False, events=(event,)))
        assert [operation for operation, _, _ in waiting(shop)] == ["invoice", "tracking", "tracking_status"]
        assert waiting(shop)[1][2] == {
            "courier": "Correios",
            "trackingNumber": "BR123",
            "trackingUrl": "https://t.example/BR123",
            "dispatchedDate": None,
        }
        assert waiting(shop)[2][2] == {
            "isDelivered": False,
            "deliveredDate": None,
            "events": [{"city": "São Paulo", "state": "SP", "description": "posted", "date": "2026-03-05"}],
        }

    def test_a_delivered_parcel_makes_an_invoiced_order_delivered(self, shop: Shop) -> None:
        """row 36: by the status, never by a flag in the tracking."""
        say(shop, "send_invoice", "S-1", invoice(tracking=TRACKING))
        say(shop, "update_tracking_status", "S-1", "1001", DELIVERED)
        assert waiting(shop)[1][2]["deliveredDate"] == "2026-03-04 15:30"
        hear(shop)
        assert order(shop).state is OrderState.DELIVERED

    def test_tracking_before_an_invoice_raises(self, shop: Shop) -> None:
        with pytest.raises(IllegalTransition, match="without an invoice 1001"):
            say(shop, "send_tracking", "S-1", "1001", TRACKING)

    def test_a_status_before_tracking_raises(self, shop: Shop) -> None:
        say(shop, "send_invoice", "S-1", invoice())
        with pytest.raises(IllegalTransition, match="without a tracking number"):
            say(shop, "update_tracking_status", "S-1", "1001", DELIVERED)

    def test_a_return_invoice_cannot_be_tracked(self, shop: Shop) -> None:
        say(shop, "send_invoice", "S-1", invoice())
        say(shop, "return_invoice", "S-1", invoice("R1"))
        with pytest.raises(IllegalTransition):
            say(shop, "send_tracking", "S-1", "R1", TRACKING)


class TestCancellation:
    def test_the_shop_cancels_an_order(self, shop: Shop) -> None:
        """P69"""
        say(shop, "cancel_order", "S-1", reason="broken")
        assert waiting(shop) == [("cancel_order", {"marketplace_order_id": "1138342255777-01"}, {"reason": "broken"})]
        hear(shop)
        assert order(shop).state is OrderState.CANCELED

    def test_an_order_that_was_canceled_already_ends_canceled(self, shop: Shop) -> None:
        """P70"""
        say(shop, "cancel_order", "S-1", reason="broken")
        hear(shop, meaning=Meaning.ALREADY_DONE)
        assert order(shop).state is OrderState.CANCELED

    def test_once_said_nothing_else_can_be_said(self, shop: Shop) -> None:
        say(shop, "cancel_order", "S-1", reason="broken")
        for verb, arguments in (("send_invoice", (invoice(),)), ("return_invoice", (invoice(),))):
            with pytest.raises(IllegalTransition, match="being canceled"):
                say(shop, verb, "S-1", *arguments)
        with pytest.raises(IllegalTransition, match="being canceled"):
            say(shop, "cancel_order", "S-1", reason="again")

    def test_an_invoiced_order_needs_its_return_invoice(self, shop: Shop) -> None:
        say(shop, "send_invoice", "S-1", invoice())
        with pytest.raises(IllegalTransition, match="is invoiced"):
            say(shop, "cancel_order", "S-1", reason="broken")
        hear(shop)
        with pytest.raises(IllegalTransition, match="is invoiced"):
            say(shop, "cancel_order", "S-1", reason="broken")

    def test_a_cancellation_returns_all_that_was_invoiced(self, shop: Shop) -> None:
        """Else the marketplace would refuse it, which is taken for a normal end, and keep the order invoiced."""
        say(shop, "send_invoice", "S-1", invoice())
        say(shop, "return_invoice", "S-1", invoice("R1", 1000))
        said = waiting(shop)
        with pytest.raises(ValueError, match=r"S-1 would add up to 3829, below its 3830: .*, with its freight"):
            say(shop, "cancel_order", "S-1", reason="came back", return_invoice=invoice("R2", 2829))
        assert waiting(shop) == said
        say(shop, "cancel_order", "S-1", reason="came back", return_invoice=invoice("R2", 2830))
        assert [operation for operation, _, _ in waiting(shop)][-2:] == ["return_invoice", "cancel_returned_order"]

    def test_a_cancellation_returns_what_another_transaction_invoiced_meanwhile_too(self, shop: Shop) -> None:
        say(shop, "send_invoice", "S-1", invoice("1", 1000))
        with shop.app.app_context():
            stale = shop.seller.order("S-1")
        say(shop, "send_invoice", "S-1", invoice("2", 500))
        said = waiting(shop)
        with shop.app.app_context(), pytest.raises(IllegalTransition, match="changed by another call meanwhile"):
            current_state().outbound.cancel(stale, "came back", invoice("R1", 1000))
        assert waiting(shop) == said

    def test_the_return_goes_first_and_a_refused_cancellation_after_it_is_a_normal_end(self, shop: Shop) -> None:
        """P67, row 8"""
        say(shop, "send_invoice", "S-1", invoice())
        hear(shop)
        say(shop, "cancel_order", "S-1", reason="came back", return_invoice=invoice("R1"))
        assert [operation for operation, _, _ in waiting(shop)] == [
            "invoice",
            "return_invoice",
            "cancel_returned_order",
        ]
        assert waiting(shop)[1][2]["type"] == "Input"
        hear(shop, limit=1)
        assert order(shop).state is OrderState.RETURNED
        hear(shop, meaning=Meaning.NOT_NEEDED)
        assert order(shop).state is OrderState.CANCELED

    def test_an_invoice_that_arrives_after_a_whole_return_of_the_first_can_be_returned_itself(self, shop: Shop) -> None:
        """P67: said one after the other before any of them has arrived."""
        say(shop, "send_invoice", "S-1", invoice("1", 1000))
        say(shop, "return_invoice", "S-1", invoice("R1", 1000))
        say(shop, "send_invoice", "S-1", invoice("2", TOTAL - 1000))
        hear(shop, limit=2)
        assert order(shop).state is OrderState.RETURNED
        hear(shop)
        assert order(shop).state is OrderState.INVOICED
        say(shop, "return_invoice", "S-1", invoice("R2", TOTAL - 1000))
        hear(shop)
        assert order(shop).state is OrderState.RETURNED

    def test_a_return_alone_cancels_nothing(self, shop: Shop) -> None:
        """P67, row 8"""
        say(shop, "send_invoice", "S-1", invoice())
        say(shop, "return_invoice", "S-1", invoice("R1", 1000))
        hear(shop)
        assert order(shop).state is OrderState.INVOICED
        say(shop, "return_invoice", "S-1", invoice("R2", TOTAL - 1000))
        hear(shop)
        assert order(shop).state is OrderState.RETURNED
        assert [operation for operation, _, _ in waiting(shop)].count("cancel_order") == 0

    def test_no_more_comes_back_than_was_invoiced(self, shop: Shop) -> None:
        with pytest.raises(IllegalTransition, match="a return invoice needs an order that is invoiced"):
            say(shop, "return_invoice", "S-1", invoice("R1"))
        say(shop, "send_invoice", "S-1", invoice("1", 1000))
        with pytest.raises(ValueError, match="above its 1000"):
            say(shop, "return_invoice", "S-1", invoice("R1", 1001))

    @pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "a\0b", None])
    def test_a_cancellation_needs_a_reason(self, shop: Shop, reason: Any) -> None:
        with pytest.raises((TypeError, ValueError), match="reason"):
            say(shop, "cancel_order", "S-1", reason=reason)


class TestMarketplacesWish:
    @pytest.fixture
    def shop(self, shop: Shop) -> Shop:
        """With a cancellation under evaluation."""
        shop.decide = lambda _: CancellationDecision.EVALUATE
        shop.call("/pvt/orders/S-1/cancel", {"cancellationRequestId": "1"})
        return shop

    def test_no_call_denies_it_for_external_sellers_may_not(self) -> None:
        """Row 9"""
        assert [name for name, operation in OPERATIONS.items() if "deny" in operation.path] == []

    def test_an_invoice_can_refuse_it(self, shop: Shop) -> None:
        """P45, row 9"""
        say(shop, "send_invoice", "S-1", invoice(), refuses_cancellation=True)
        assert order(shop).cancellation_decision is CancellationDecision.REFUSE
        shop.decide = lambda _: CancellationDecision.CONFIRM
        assert shop.call("/pvt/orders/S-1/cancel", {"cancellationRequestId": "1"}).data == b""
        assert order(shop).state is OrderState.AUTHORIZED

    def test_it_can_be_confirmed_later(self, shop: Shop) -> None:
        """P48, row 10"""
        say(shop, "confirm_cancellation", "S-1")
        assert order(shop).state is OrderState.CANCELED
        assert shop.call("/pvt/orders/S-1/cancel", {"cancellationRequestId": "1"}).json["orderId"] == "S-1"
        assert [operation for operation, _, _ in waiting(shop)] == ["cancel_order"]
        hear(shop, meaning=Meaning.ALREADY_DONE)
        with pytest.raises(IllegalTransition):
            say(shop, "confirm_cancellation", "S-1")

    def test_nothing_is_confirmed_or_refused_that_nobody_asked_for(self, new_shop: Callable[..., Shop]) -> None:
        shop = new_shop()
        shop.call("/pvt/orders", [order_body()])
        shop.call("/pvt/orders/S-1/fulfill", {})
        with pytest.raises(IllegalTransition, match="not under evaluation"):
            say(shop, "confirm_cancellation", "S-1")
        with pytest.raises(IllegalTransition, match="not under evaluation"):
            say(shop, "send_invoice", "S-1", invoice(), refuses_cancellation=True)

    def test_the_marketplace_cannot_cancel_what_is_invoiced(self, shop: Shop) -> None:
        say(shop, "send_invoice", "S-1", invoice(), refuses_cancellation=True)
        hear(shop)
        response = shop.call("/pvt/orders/S-1/cancel", {"cancellationRequestId": "2"})
        assert (response.status_code, response.json["error"]["code"]) == (409, "ORDER_INVOICED")


class TestCrossingCalls:
    def test_a_cancellation_that_crosses_an_invoice_is_answered_as_under_evaluation(self, shop: Shop) -> None:
        say(shop, "send_invoice", "S-1", invoice())
        response = shop.call("/pvt/orders/S-1/cancel", {"cancellationRequestId": "1"})
        assert (response.status_code, response.data) == (200, b"")
        assert order(shop).state is OrderState.AUTHORIZED
        assert shop.asked_for(CancellationRequest) == []

    def test_a_cancellation_that_the_shop_wants_too_is_confirmed_without_the_hook(self, shop: Shop) -> None:
        say(shop, "cancel_order", "S-1", reason="broken")
        response = shop.call("/pvt/orders/S-1/cancel", {"cancellationRequestId": "1"})
        assert response.json["orderId"] == "S-1"
        assert shop.asked_for(CancellationRequest) == []
        hear(shop, meaning=Meaning.ALREADY_DONE)
        assert order(shop).state is OrderState.CANCELED

    def test_an_order_that_the_shop_cancels_is_not_released(self, shop: Shop) -> None:
        shop.call("/pvt/orders", [order_body("B-01")])
        say(shop, "cancel_order", "S-2", reason="broken")
        response = shop.call("/pvt/orders/S-2/fulfill", {})
        assert (response.status_code, response.json["error"]["code"]) == (409, "ORDER_CANCELED")


class TestUnsaying:
    """A message that somebody discards was never said."""

    @staticmethod
    def discard_last(shop: Shop) -> None:
        state = shop.app.extensions["vtex_seller"]
        with shop.app.app_context():
            last = state.outbox.page(state=None, marketplace=None, lane=LANE, limit=1)[0]
        assert state.drain.move([last.id], MessageState.DISCARDED, reason="wrong number, ana") == 1

    def test_a_corrected_invoice_takes_the_place_of_a_discarded_one(self, shop: Shop) -> None:
        say(shop, "send_invoice", "S-1", invoice())
        hear(shop, verdict=Verdict.REFUSED)
        self.discard_last(shop)
        assert order(shop).invoiced_said == 0
        say(shop, "send_invoice", "S-1", invoice())
        hear(shop)
        assert order(shop).state is OrderState.INVOICED

    def test_a_discarded_return_was_never_said(self, shop: Shop) -> None:
        say(shop, "send_invoice", "S-1", invoice())
        hear(shop)
        say(shop, "return_invoice", "S-1", invoice("R1"))
        self.discard_last(shop)
        assert order(shop).returned_said == 0
        say(shop, "return_invoice", "S-1", invoice("R1"))

    def test_an_order_whose_cancellation_is_discarded_goes_on(self, shop: Shop) -> None:
        say(shop, "cancel_order", "S-1", reason="broken")
        hear(shop, verdict=Verdict.REFUSED)
        self.discard_last(shop)
        say(shop, "send_invoice", "S-1", invoice())

    def test_without_its_return_a_refused_cancellation_leaves_the_order_as_it_is(
        self, shop: Shop, caplog: pytest.LogCaptureFixture
    ) -> None:
        """P67: the 400 is a normal end only where all that was invoiced came back."""
        say(shop, "send_invoice", "S-1", invoice())
        hear(shop)
        say(shop, "cancel_order", "S-1", reason="came back", return_invoice=invoice("R1"))
        hear(shop, limit=1, verdict=Verdict.REFUSED)
        state = shop.app.extensions["vtex_seller"]
        with shop.app.app_context():
            returned = next(m for m in state.outbox.page(limit=9) if m.operation == "return_invoice")
        assert state.drain.move([returned.id], MessageState.DISCARDED, reason="wrong number, ana") == 1
        hear(shop, meaning=Meaning.NOT_NEEDED)
        assert order(shop).state is OrderState.INVOICED
        assert "does not cancel order 1138342255777-01, which goes on" in caplog.text
        say(shop, "cancel_order", "S-1", reason="came back", return_invoice=invoice("R2"))
        hear(shop, limit=1)
        hear(shop, meaning=Meaning.NOT_NEEDED)
        assert order(shop).state is OrderState.CANCELED

    def test_a_discarded_notice_of_tracking_changes_nothing(self, shop: Shop) -> None:
        say(shop, "send_invoice", "S-1", invoice(tracking=TRACKING))
        say(shop, "update_tracking_status", "S-1", "1001", DELIVERED)
        self.discard_last(shop)
        assert order(shop).invoiced_said == TOTAL


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("send_invoice", ({"number": "1"},)),
        ("return_invoice", (None,)),
        ("send_tracking", ("1001", "BR123")),
        ("update_tracking_status", ("1001", True)),
    ],
)
def test_a_verb_says_what_it_needs(shop: Shop, verb: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="must be a"):
        say(shop, verb, "S-1", *arguments)


def test_an_id_that_no_database_can_hold_is_an_unknown_order(shop: Shop) -> None:
    with shop.app.app_context():
        for order_id in ("\ud800", "a\0b"):
            with pytest.raises(UnknownOrder):
                shop.seller.order(order_id)
