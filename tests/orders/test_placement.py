"""Placing orders, through the route."""

import contextlib
import copy
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, update
from sqlalchemy.exc import IntegrityError, OperationalError

from flask_vtex_seller import (
    OrderPlacement,
    OrderState,
    OutOfStock,
    PlacedOrder,
    PriceChanged,
    SkuNotFound,
    SlaNotAvailable,
    order_placed,
)
from flask_vtex_seller.clock import to_epoch_us
from flask_vtex_seller.orders.claim import CLAIM
from flask_vtex_seller.state import current_state

from ..shops import ACME, TOKEN, Shop, StoppedClock, order_body, reserve, use_order_finder


class LazyText:
    """What translation libraries hand out instead of a str."""

    def __str__(self) -> str:
        return "esgotado"


def place(shop: Shop, body: Any, **kwargs: Any) -> Any:
    return shop.call("/pvt/orders", body, **kwargs)


def error_code(response: Any) -> str:
    code = response.json["error"]["code"]
    assert response.headers["x-vtex-error-code"] == code
    assert response.json["error"].keys() == {"code", "message", "exception"}
    return str(code)


class TestAnswer:
    def test_an_array_gets_an_array_and_an_object_an_object(self, shop: Shop) -> None:
        """P24, row 1"""
        assert isinstance(place(shop, [order_body("A-01")]).json, list)
        assert isinstance(place(shop, order_body("B-01")).json, dict)

    def test_an_array_can_be_forced(self, new_shop: Callable[..., Shop]) -> None:
        """P24, row 1"""
        shop = new_shop(marketplaces={"acme": {**ACME, "placement_answer": "array"}})
        assert [order["orderId"] for order in place(shop, order_body("A-01")).json] == ["S-1"]
        assert [order["orderId"] for order in place(shop, [order_body("B-01")]).json] == ["S-2"]

    def test_everything_received_is_repeated_with_the_shops_ids(self, shop: Shop) -> None:
        """P25, P26"""
        shop.place = lambda order: PlacedOrder(order_id="S-77", follow_up_email="shop@fruit.example")
        body = order_body()
        answer = place(shop, [body]).json[0]
        assert answer == {**body, "orderId": "S-77", "followUpEmail": "shop@fruit.example", "paymentData": None}

    def test_a_shop_without_a_follow_up_address_answers_an_empty_one(self, shop: Shop) -> None:
        assert place(shop, [order_body()]).json[0]["followUpEmail"] == ""

    def test_a_seller_that_charges_answers_its_merchant_name_and_payment_reference(
        self, new_shop: Callable[..., Shop]
    ) -> None:
        """P36"""
        shop = new_shop(marketplaces={"acme": {**ACME, "merchant_name": "fruitpay"}})
        shop.place = lambda order: PlacedOrder(order_id="S-1", payment_reference="20261104")
        answer = place(shop, [order_body(paymentData={"merchantName": "fruitpay"})]).json[0]
        assert answer["paymentData"] == {"merchantName": "fruitpay", "merchantPaymentReferenceId": "20261104"}

    @pytest.mark.parametrize("reference", [None, "", "12a", "²", "١٢"])
    def test_a_seller_that_charges_must_give_a_reference_of_digits(
        self, new_shop: Callable[..., Shop], reference: str | None
    ) -> None:
        shop = new_shop(marketplaces={"acme": {**ACME, "merchant_name": "fruitpay"}})
        shop.place = lambda order: PlacedOrder(order_id="S-1", payment_reference=reference)
        assert place(shop, [order_body()]).status_code == 500

    def test_the_hook_gets_the_order_with_its_particulars(self, shop: Shop) -> None:
        place(shop, [order_body(marketplaceOrderGroup="1138342255777")])
        (order,) = shop.asked_for(OrderPlacement)
        assert (order.marketplace, order.marketplace_order_id) == ("acme", "1138342255777-01")
        assert order.marketplace_order_group == "1138342255777"
        assert [(item.sku_id, item.quantity, item.price) for item in order.items] == [
            ("apple", 1, 1250),
            ("pear", 2, 300),
        ]
        assert order.client.document == "39053344705"
        assert order.address.postal_code == "01310-100"
        assert [line.sla_id for line in order.shipping] == ["standard", "standard"]
        assert (order.items_value, order.shipping_value) == (1850, 1980)
        assert order.raw["customData"] == {"unknown": ["to", "us", 1.5]}

    def test_a_shopper_without_particulars_is_accepted(self, shop: Shop) -> None:
        """P33"""
        masked = {"email": "4f5e@ct.vtex.com.br", "firstName": None, "document": None, "isCorporate": None}
        nulls = dict.fromkeys(order_body()["clientProfileData"])
        for number, client in enumerate((masked, nulls, {}, None)):
            assert place(shop, [order_body(f"{number}-01", clientProfileData=client)]).status_code == 200
        assert place(shop, [order_body("B-01", clientProfileData=None, shippingData=None)]).status_code == 200
        first, second, *_ = shop.asked_for(OrderPlacement)
        assert (first.client.email, first.client.first_name) == ("4f5e@ct.vtex.com.br", None)
        assert (second.client.email, second.client.document, second.client.is_corporate) == (None, None, False)

    @pytest.mark.parametrize(
        "payment_data", [None, {}, {"merchantName": "x"}, {"merchantName": "x", "payments": [1]}, [], "odd", 7]
    )
    def test_whatever_a_marketplace_says_about_payment_is_answered_with_null(
        self, shop: Shop, payment_data: Any
    ) -> None:
        """P36, row 14: it charges the shopper itself."""
        answer = place(shop, [order_body(paymentData=payment_data)])
        assert answer.status_code == 200
        assert answer.json[0]["paymentData"] is None

    def test_price_tags_are_handed_on_and_never_computed_with(self, shop: Shop) -> None:
        """Row 25: sources disagree which of its two amounts is in cents."""
        tags = [{"identifier": None, "isPercentual": False, "name": "DISCOUNT@1", "rawValue": -12, "value": -1200}]
        body = order_body()
        body["items"][0]["priceTags"] = tags
        assert place(shop, [body]).json[0]["items"][0]["priceTags"] == tags
        (order,) = shop.asked_for(OrderPlacement)
        assert order.items[0].raw["priceTags"] == tags
        assert order.items_value == 1850

    def test_empty_strings_read_as_missing(self, shop: Shop) -> None:
        body = order_body(openTextField="", marketplaceOrderGroup="")
        body["clientProfileData"].update(phone="", email="")
        body["shippingData"]["address"].update(complement="")
        assert place(shop, [body]).json == [{**body, "orderId": "S-1", "followUpEmail": "", "paymentData": None}]
        (order,) = shop.asked_for(OrderPlacement)
        assert (order.client.phone, order.address.complement, order.marketplace_order_group) == (None, None, None)

    def test_the_answer_does_not_follow_what_a_hook_does_to_the_order(self, shop: Shop) -> None:
        def meddle(order: OrderPlacement) -> str:
            with contextlib.suppress(AttributeError):
                order.raw.clear()
            return reserve(shop, order)

        shop.place = meddle
        assert place(shop, [order_body()]).json[0]["customData"] == {"unknown": ["to", "us", 1.5]}

    def test_an_order_nested_too_deep_to_be_answered_is_refused_before_the_hook(self, shop: Shop) -> None:
        nested: Any = []
        for _ in range(400):
            nested = [nested]
        response = place(shop, [order_body(customData={"deep": nested})])
        assert (response.status_code, error_code(response)) == (400, "INVALID_JSON")
        assert shop.order_ids() == []

    def test_a_placed_order_is_reserved_and_not_authorized(self, shop: Shop) -> None:
        """P32"""
        place(shop, [order_body()])
        with shop.app.app_context():
            order = shop.seller.order("S-1")
        assert order.state is OrderState.PLACED
        assert order.authorized_at is None
        assert order.value == 3830
        assert order.marketplace_services_endpoint.startswith("http://acmemarket.")

    def test_the_signal_is_sent_after_the_commit_and_once(self, shop: Shop) -> None:
        seen = []

        def receive(sender: object, order: Any) -> None:
            seen.append((order.order_id, shop.order_ids()))

        with order_placed.connected_to(receive, sender=shop.app):
            place(shop, [order_body()])
            place(shop, [order_body()])
        assert seen == [("S-1", ["S-1"])]

    def test_a_failing_signal_receiver_does_not_spoil_the_answer(self, shop: Shop) -> None:
        def receive(sender: object, order: Any) -> None:
            raise RuntimeError

        with order_placed.connected_to(receive, sender=shop.app):
            assert place(shop, [order_body()]).status_code == 200


class TestRepeat:
    def test_the_same_order_again_gets_the_same_answer_without_the_hook(self, shop: Shop) -> None:
        """P27, row 42"""
        first, second = place(shop, [order_body()]), place(shop, [order_body()])
        assert first.json == second.json
        assert len(shop.asked_for(OrderPlacement)) == 1
        assert shop.order_ids() == ["S-1"]

    def test_other_bytes_and_a_new_estimate_are_still_the_same_order(self, shop: Shop) -> None:
        place(shop, [order_body()])
        again = dict(reversed(copy.deepcopy(order_body(openTextField="new")).items()))
        again["shippingData"]["logisticsInfo"][0]["shippingEstimate"] = "6bd"
        again["shippingData"]["logisticsInfo"].reverse()
        answer = place(shop, again).json
        assert answer["orderId"] == "S-1"
        assert answer["openTextField"] == "new"

    @pytest.mark.parametrize(
        "change",
        [
            lambda body: body["items"][0].update(quantity=2),
            lambda body: body["items"][0].update(price=1),
            lambda body: body["items"].reverse(),
            lambda body: body["shippingData"]["logisticsInfo"][0].update(selectedSla="pickup"),
            lambda body: body["shippingData"]["logisticsInfo"][0].update(price=1),
            lambda body: body["shippingData"]["address"].update(postalCode="20000-000"),
            lambda body: body.update(marketplacePaymentValue=1),
        ],
    )
    def test_other_content_under_the_same_id_is_a_conflict(self, shop: Shop, change: Callable[[Any], None]) -> None:
        """P28, row 42"""
        place(shop, [order_body()])
        other = copy.deepcopy(order_body())
        change(other)
        response = place(shop, [other])
        assert (response.status_code, error_code(response)) == (409, "FMT009")
        assert shop.order_ids() == ["S-1"]

    def test_an_order_of_another_marketplace_is_another_order(self, new_shop: Callable[..., Shop]) -> None:
        shop = new_shop(marketplaces={"acme": ACME, "globex": {**ACME, "account": "globex"}})
        place(shop, [order_body()])
        answer = place(shop, [order_body()], marketplace="globex").json[0]
        assert answer["orderId"] == "S-2"

    def test_the_repeat_of_an_authorized_or_canceled_order_still_gets_its_id(self, shop: Shop) -> None:
        place(shop, [order_body()])
        shop.call("/pvt/orders/S-1/fulfill", {})
        assert place(shop, [order_body()]).json[0]["orderId"] == "S-1"
        shop.call("/pvt/orders/S-1/cancel", {})
        assert place(shop, [order_body()]).json[0]["orderId"] == "S-1"


class TestSeveral:
    def test_several_orders_are_placed_together_in_their_order(self, shop: Shop) -> None:
        answers = place(shop, [order_body("B-01"), order_body("A-01")]).json
        assert [(a["marketplaceOrderId"], a["orderId"]) for a in answers] == [("B-01", "S-1"), ("A-01", "S-2")]

    def test_one_refused_order_leaves_none(self, shop: Shop) -> None:
        """P35"""
        refused = order_body("B-01")
        refused["items"][0]["quantity"] = 11
        response = place(shop, [order_body("A-01"), refused])
        assert (response.status_code, error_code(response)) == (409, "FMT002")
        assert [order.marketplace_order_id for order in shop.asked_for(OrderPlacement)] == ["A-01", "B-01"]
        assert shop.order_ids() == []
        with shop.app.app_context():
            assert current_state().ledger.page(marketplace=None, state=None, limit=9) == []
        assert place(shop, [order_body("A-01")]).json[0]["orderId"] == "S-1"

    def test_the_same_order_twice_in_one_array_is_one_order(self, shop: Shop) -> None:
        told = []

        def receive(sender: object, order: Any) -> None:
            told.append(order.order_id)

        with order_placed.connected_to(receive, sender=shop.app):
            answers = place(shop, [order_body(), order_body()]).json
        assert told == ["S-1"]
        assert [answer["orderId"] for answer in answers] == ["S-1", "S-1"]

    def test_one_id_with_two_contents_in_one_array_is_a_conflict(self, shop: Shop) -> None:
        response = place(shop, [order_body(), order_body(marketplacePaymentValue=1)])
        assert (response.status_code, error_code(response)) == (409, "FMT009")
        assert shop.order_ids() == []

    def test_known_and_new_orders_may_come_together(self, shop: Shop) -> None:
        place(shop, [order_body("A-01")])
        answers = place(shop, [order_body("B-01"), order_body("A-01")]).json
        assert [answer["orderId"] for answer in answers] == ["S-2", "S-1"]


class TestRefused:
    def test_an_order_without_lines_is_refused_and_leaves_nothing(self, shop: Shop) -> None:
        """P31"""
        for body in ([order_body("A-01"), order_body("B-01", items=[])], order_body("B-01", items=[])):
            response = place(shop, body)
            assert (response.status_code, error_code(response)) == (400, "INVALID_FIELD")
        assert shop.order_ids() == []
        with shop.app.app_context():
            assert current_state().ledger.page(marketplace=None, state=None, limit=9) == []
        assert shop.asked_for(OrderPlacement) == []

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ([], "array"),
            ("text", "Invalid input type"),
            ([7], "[0]"),
            (None, "not JSON"),
            ([order_body(items=[])], "[0].items"),
            ([order_body(items=None)], "[0].items"),
            ([order_body(marketplaceOrderId="")], "[0].marketplaceOrderId"),
            ([order_body(marketplaceOrderId="x" * 129)], "[0].marketplaceOrderId"),
            ([order_body(marketplacePaymentValue="3830")], "[0].marketplacePaymentValue"),
            ([{"items": [{"id": "apple", "quantity": 1, "price": 1}]}], "[0].marketplaceOrderId"),
            (order_body(items=[{"id": "apple", "quantity": 0, "price": 1}]), "items[0].quantity"),
            (order_body(items=[{"id": "apple", "quantity": 1.0, "price": 1}]), "items[0].quantity"),
            (order_body(items=[{"id": "apple", "quantity": True, "price": 1}]), "items[0].quantity"),
            (order_body(items=[{"id": "apple", "quantity": 1, "price": -1}]), "items[0].price"),
            (order_body(items=[{"id": "apple", "quantity": 1, "price": 2**31}]), "items[0].price"),
            (order_body(items=[{"id": "apple", "quantity": 1}]), "items[0].price"),
            (
                order_body(items=[{"id": "apple", "quantity": 2**31 - 1, "price": 2**31 - 1}], shippingData=None),
                "items: the order's value",
            ),
            (order_body(items=[{"quantity": 1, "price": 1}]), "items[0].id"),
            (
                order_body(items=[{"id": "apple", "quantity": 1, "price": 1, "isGift": "no"}]),
                "items[0].isGift",
            ),
            (
                order_body(items=[{"id": "apple", "quantity": 1, "price": 1, "unitMultiplier": "x"}]),
                "items[0].unitMultiplier",
            ),
            (order_body(shippingData={"logisticsInfo": [{"itemIndex": 2}]}), "logisticsInfo[0].itemIndex"),
            (
                order_body(
                    shippingData={
                        "logisticsInfo": [
                            {"itemIndex": 0, "deliveryWindow": {"startDateUtc": "soon", "endDateUtc": "later"}}
                        ]
                    }
                ),
                "deliveryWindow.startDateUtc",
            ),
            (order_body(clientProfileData=[]), "clientProfileData"),
        ],
    )
    def test_a_malformed_body_is_refused_naming_the_field(self, shop: Shop, body: Any, field: str) -> None:
        """P22, P31"""
        response = place(shop, body)
        assert response.status_code == 400
        error_code(response)
        assert field in response.json["error"]["message"]
        assert shop.asked_for(OrderPlacement) == []

    def test_an_order_with_more_lines_than_the_limit_is_refused(self, new_shop: Callable[..., Shop]) -> None:
        """P23"""
        shop = new_shop(VTEX_SELLER_MAX_ITEMS=2)
        assert place(shop, [order_body("A-01")]).status_code == 200
        longer = order_body("B-01", items=order_body()["items"] + order_body()["items"][:1])
        response = place(shop, [order_body("C-01"), longer])
        assert (response.status_code, error_code(response)) == (400, "INVALID_FIELD")
        assert response.json["error"]["message"] == "[1].items: the order has more than 2 lines"
        assert shop.order_ids() == ["S-1"]

    @pytest.mark.parametrize(
        ("refusal", "code"),
        [
            (SkuNotFound("no SKU kiwi"), "ORD021"),
            (OutOfStock("no apple left"), "FMT002"),
            (PriceChanged("apple costs more"), "FMT006"),
            (SlaNotAvailable("no standard delivery"), "FMT010"),
        ],
    )
    def test_the_shops_refusal_has_the_protocols_code(self, shop: Shop, refusal: Exception, code: str) -> None:
        """P29, P30"""

        def refuse(order: OrderPlacement) -> str:
            reserve(shop, order)
            raise refusal

        shop.place = refuse
        response = place(shop, [order_body()])
        assert (response.status_code, error_code(response)) == (409, code)
        assert response.json["error"]["message"] == str(refusal)
        assert shop.order_ids() == []

    @pytest.mark.parametrize("message", [5, None, LazyText(), "half a \udc80 character"])
    def test_whatever_a_refusal_says_reaches_the_marketplace_as_text(self, shop: Shop, message: Any) -> None:
        def refuse(order: OrderPlacement) -> str:
            raise OutOfStock(message)

        shop.place = refuse
        response = place(shop, [order_body()])
        assert (response.status_code, error_code(response)) == (409, "FMT002")

    def test_a_raising_hook_leaves_nothing_and_a_repeat_succeeds(self, shop: Shop) -> None:
        """P30, P34"""

        def fail(order: OrderPlacement) -> str:
            reserve(shop, order)
            raise RuntimeError("maria.silva@mail.example has no credit")

        shop.place = fail
        response = place(shop, [order_body()])
        assert (response.status_code, error_code(response)) == (500, "ORD008")
        assert "maria" not in response.get_data(as_text=True)
        assert shop.order_ids() == []
        shop.place = None
        assert place(shop, [order_body()]).json[0]["orderId"] == "S-1"

    @pytest.mark.parametrize(
        "answer", [None, 12, "", " ", "x" * 129, "a\0b", "a\ud800", object(), PlacedOrder(order_id="")]
    )
    def test_an_unusable_answer_of_the_hook_leaves_nothing(self, shop: Shop, answer: Any) -> None:
        def answer_badly(order: OrderPlacement) -> Any:
            reserve(shop, order)
            return answer

        shop.place = answer_badly
        response = place(shop, [order_body()])
        assert (response.status_code, error_code(response)) == (500, "ORD008")
        assert shop.order_ids() == []

    def test_an_order_id_that_another_order_has_is_refused(self, shop: Shop) -> None:
        shop.place = lambda order: "S-1"
        assert place(shop, [order_body("A-01")]).status_code == 200
        assert place(shop, [order_body("B-01")]).status_code == 500

    @pytest.mark.parametrize("refusal", [OutOfStock, OutOfStock(), OutOfStock("")])
    def test_a_refusal_without_words_has_those_of_its_class(self, shop: Shop, refusal: Any) -> None:
        def refuse(_: OrderPlacement) -> str:
            raise refusal

        shop.place = refuse
        response = place(shop, [order_body()])
        assert (response.status_code, error_code(response)) == (409, "FMT002")
        assert response.json["error"]["message"] == "the stock does not cover the order"

    @pytest.mark.parametrize("name", ["on_order_placement", "on_authorize_fulfillment", "on_order_cancellation"])
    def test_what_the_database_refuses_of_a_hooks_rows_is_the_hooks_and_not_ours(
        self, shop: Shop, caplog: pytest.LogCaptureFixture, name: str
    ) -> None:
        def leave(answer: Any) -> Any:
            shop.db.session.add(shop.orders(marketplace_order_id=None))  # nothing flushes it in the hook
            return answer

        paths = {"on_authorize_fulfillment": "fulfill", "on_order_cancellation": "cancel"}
        if name in paths:
            assert place(shop, [order_body()]).status_code == 200
            shop.release = shop.decide = lambda _: leave(None)
            response = shop.call(
                f"/pvt/orders/S-1/{paths[name]}", {"marketplaceOrderId": order_body()["marketplaceOrderId"]}
            )
        else:
            shop.place = lambda _: leave("S-9")
            response = place(shop, [order_body()])
        assert (response.status_code, error_code(response)) == (500, "ORD008")
        assert f"the shop's {name} raised IntegrityError" in caplog.text
        assert shop.order_ids() == (["S-1"] if name in paths else [])
        # nothing stands in a repeat's way
        shop.place, shop.release = None, lambda _: "receipt-1"
        assert place(shop, [order_body()]).status_code == 200

    @pytest.mark.parametrize("write", ["flush", "commit"])
    def test_a_hook_that_goes_on_after_a_refused_write_is_told_so(
        self, shop: Shop, caplog: pytest.LogCaptureFixture, write: str
    ) -> None:
        def go_on(_: OrderPlacement) -> str:
            shop.db.session.add(shop.orders(marketplace_order_id=None))
            with contextlib.suppress(IntegrityError):
                getattr(shop.db.session, write)()
            return "S-9"

        shop.place = go_on
        response = place(shop, [order_body()])
        assert (response.status_code, error_code(response)) == (500, "ORD008")
        assert "on_order_placement went on after a flush that failed" in caplog.text
        shop.place = None
        assert place(shop, [order_body()]).status_code == 200

    def test_a_hook_may_go_on_after_a_refused_write_with_a_savepoint(self, shop: Shop) -> None:
        def go_on(order: OrderPlacement) -> str:
            with contextlib.suppress(IntegrityError), shop.db.session.begin_nested():
                shop.db.session.add(shop.orders(marketplace_order_id=None))
            return reserve(shop, order)

        shop.place = go_on
        assert place(shop, [order_body()]).status_code == 200

    def test_no_hook_no_order(self, shop: Shop) -> None:
        shop.app.extensions["vtex_seller"].hooks.on_order_placement._function = None
        response = place(shop, [order_body()])
        assert (response.status_code, error_code(response)) == (500, "ORD008")


class TestHookThatCommits:
    """A placement hook may commit `db.session` by itself, as most shops' service functions do."""

    @pytest.fixture
    def shop(self, new_shop: Callable[..., Shop]) -> Shop:
        shop = new_shop(clock=StoppedClock())
        shop.place = lambda order: self.reserve_and_commit(shop, order)
        return shop

    @staticmethod
    def reserve_and_commit(shop: Shop, order: OrderPlacement) -> str:
        order_id = reserve(shop, order)
        shop.db.session.commit()
        return order_id

    def fail_after_commit(self, shop: Shop) -> None:
        def fail(order: OrderPlacement) -> str:
            self.reserve_and_commit(shop, order)
            raise RuntimeError

        shop.place = fail
        assert place(shop, [order_body()]).status_code == 500

    def test_it_works_as_any_other(self, shop: Shop) -> None:
        assert place(shop, [order_body()]).json[0]["orderId"] == "S-1"
        assert place(shop, [order_body()]).json[0]["orderId"] == "S-1"
        assert len(shop.asked_for(OrderPlacement)) == 1

    def test_what_it_committed_before_it_failed_is_not_placed_twice_without_an_order_finder(
        self, shop: Shop, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.fail_after_commit(shop)
        shop.place = lambda order: self.reserve_and_commit(shop, order)
        assert error_code(place(shop, [order_body()])) == "ORD008"
        assert shop.order_ids() == ["S-1"]
        assert "order_finder" in caplog.text

    def test_an_order_found_by_a_repeat_is_announced(self, shop: Shop) -> None:
        use_order_finder(shop)
        self.fail_after_commit(shop)
        seen = []

        def receive(sender: object, order: Any) -> None:
            seen.append(order.order_id)

        with order_placed.connected_to(receive, sender=shop.app):
            place(shop, [order_body()])
            place(shop, [order_body()])
        assert seen == ["S-1"]

    def test_a_refusal_after_a_commit_leaves_no_claim(self, shop: Shop) -> None:
        def commit_and_refuse(order: OrderPlacement) -> str:
            shop.db.session.commit()
            raise OutOfStock("none left")

        shop.place = commit_and_refuse
        for _ in range(2):
            assert error_code(place(shop, [order_body()])) == "FMT002"

    def test_of_several_orders_a_refused_one_does_not_hide_what_was_committed_before_it(self, shop: Shop) -> None:
        use_order_finder(shop)

        def second_is_refused(order: OrderPlacement) -> str:
            if order.marketplace_order_id == "B-01":
                raise OutOfStock("none left")
            return self.reserve_and_commit(shop, order)

        shop.place = second_is_refused
        assert error_code(place(shop, [order_body("A-01"), order_body("B-01")])) == "FMT002"
        assert place(shop, [order_body("A-01")]).json[0]["orderId"] == "S-1"
        assert shop.order_ids() == ["S-1"]

    def test_a_hook_that_rolls_the_transaction_back_is_told_so(
        self, shop: Shop, caplog: pytest.LogCaptureFixture
    ) -> None:
        def roll_back(order: OrderPlacement) -> str:
            shop.db.session.rollback()
            return "S-1"

        shop.place = roll_back
        assert error_code(place(shop, [order_body()])) == "ORD008"
        assert "rolled back" in caplog.text

    def test_what_it_committed_before_it_failed_is_found_by_the_repeat(self, shop: Shop) -> None:
        use_order_finder(shop)
        self.fail_after_commit(shop)
        assert place(shop, [order_body()]).json[0]["orderId"] == "S-1"
        assert shop.order_ids() == ["S-1"]

    def test_a_repeat_with_other_content_of_what_it_committed_is_a_conflict(self, shop: Shop) -> None:
        use_order_finder(shop)
        self.fail_after_commit(shop)
        response = place(shop, [order_body(marketplacePaymentValue=1)])
        assert (response.status_code, error_code(response)) == (409, "FMT009")

    def test_the_hook_is_called_again_if_the_shop_has_no_such_order(self, shop: Shop) -> None:
        use_order_finder(shop)

        def commit_nothing_and_fail(order: OrderPlacement) -> str:
            shop.db.session.commit()
            raise OutOfStock("none left")

        shop.place = commit_nothing_and_fail
        assert place(shop, [order_body()]).status_code == 409
        shop.place = lambda order: self.reserve_and_commit(shop, order)
        assert place(shop, [order_body(marketplacePaymentValue=5)]).json[0]["orderId"] == "S-1"
        assert place(shop, [order_body(marketplacePaymentValue=5)]).json[0]["orderId"] == "S-1"

    def interrupted(self, shop: Shop, *, with_order: bool = True) -> None:
        """Leave what a process leaves that dies between the hook's commit and the answer."""

        def fail(order: OrderPlacement) -> str:
            if with_order:
                reserve(shop, order)
            shop.db.session.commit()
            raise RuntimeError

        shop.place = fail
        assert place(shop, [order_body()]).status_code == 500
        claimed_until = to_epoch_us(shop.seller._clock.now() + CLAIM)
        with shop.app.app_context():
            shop.db.session.execute(update(shop.seller._tables["vtex_order"]).values(claimed_until=claimed_until))
            shop.db.session.commit()
        shop.place = lambda order: self.reserve_and_commit(shop, order)

    def test_what_a_killed_process_committed_is_found_by_the_repeat(self, shop: Shop) -> None:
        use_order_finder(shop)
        self.interrupted(shop)
        assert place(shop, [order_body()]).json[0]["orderId"] == "S-1"
        assert shop.order_ids() == ["S-1"]

    def test_while_the_other_call_may_still_be_at_work_the_repeat_is_told_to_come_again(self, shop: Shop) -> None:
        use_order_finder(shop)
        self.interrupted(shop, with_order=False)
        response = place(shop, [order_body()])
        assert (response.status_code, error_code(response)) == (503, "TEMPORARILY_UNAVAILABLE")
        shop.seller._clock.advance(61)
        assert place(shop, [order_body()]).json[0]["orderId"] == "S-1"

    def test_without_an_order_finder_a_live_claim_is_waited_for_all_the_same(self, shop: Shop) -> None:
        self.interrupted(shop)
        assert place(shop, [order_body()]).status_code == 503

    def test_without_an_order_finder_an_interrupted_placement_is_not_repeated(
        self, shop: Shop, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.interrupted(shop)
        shop.seller._clock.advance(61)
        response = place(shop, [order_body()])
        assert (response.status_code, error_code(response)) == (500, "ORD008")
        assert shop.order_ids() == ["S-1"]
        assert "order_finder" in caplog.text


class TestDatabaseTrouble:
    def test_a_locked_database_is_503_and_a_repeat_succeeds(
        self, new_shop: Callable[..., Shop], request: pytest.FixtureRequest
    ) -> None:
        if request.config.getoption("--database") != "sqlite":
            pytest.skip("about SQLite's one lock")
        shop = new_shop(SQLALCHEMY_ENGINE_OPTIONS={"connect_args": {"timeout": 0.05}})
        with shop.app.app_context(), shop.db.engine.connect() as other:
            other.exec_driver_sql("BEGIN IMMEDIATE")
            response = place(shop, [order_body()])
            other.rollback()
        assert (response.status_code, error_code(response)) == (503, "TEMPORARILY_UNAVAILABLE")
        assert response.headers["Retry-After"]
        assert shop.asked_for(OrderPlacement) == []
        assert place(shop, [order_body()]).json[0]["orderId"] == "S-1"

    def test_database_trouble_inside_the_hook_is_503_and_the_hook_is_not_called_again(self, shop: Shop) -> None:
        def lose_connection(order: OrderPlacement) -> str:
            reserve(shop, order)
            raise OperationalError("select", {}, Exception("server closed the connection"), connection_invalidated=True)

        shop.place = lose_connection
        assert place(shop, [order_body()]).status_code == 503
        assert len(shop.asked_for(OrderPlacement)) == 1
        shop.place = None
        assert place(shop, [order_body()]).json[0]["orderId"] == "S-1"

    def test_missing_tables_are_an_error_of_the_shop(self, new_shop: Callable[..., Shop]) -> None:
        shop = new_shop(create_tables=False)
        response = place(shop, [order_body()])
        assert (response.status_code, error_code(response)) == (500, "ORD008")

    def test_a_placement_costs_at_most_four_statements_of_ours(self, shop: Shop) -> None:
        statements: list[str] = []
        with shop.app.app_context():
            engine = shop.db.engine

        def count(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
            statements.append(statement)

        event.listen(engine, "before_cursor_execute", count)
        place(shop, [order_body()])
        ours = [statement for statement in statements if "vtex_order" in statement]
        assert len(ours) <= 4
        assert statements[0].startswith("INSERT INTO vtex_order")


def test_the_token_is_checked_before_anything_else(shop: Shop) -> None:
    assert place(shop, [order_body()], query_string={"token": TOKEN + "x"}).status_code == 401
    assert shop.asked == []
