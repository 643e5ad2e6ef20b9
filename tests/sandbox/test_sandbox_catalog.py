"""What a seller tells the marketplace about its SKUs, and what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest

from flask_vtex_seller.sandbox import catalog, create_app
from flask_vtex_seller.sandbox.catalog import UnknownSku

from .conftest import FakeSeller, Outbox, suggestion


class TestChangeNotification:
    def test_an_unknown_sku_is_answered_with_the_documented_text(self, outbox: Outbox) -> None:
        """P52"""
        reply = outbox.notify("lamp")
        assert reply.status_code == 404
        assert reply.text == "Seller StockKeepingUnit lamp not found for this seller id shop"
        assert reply.mimetype == "text/plain"
        record = outbox.record
        assert (record.operation, record.ok, record.outcome) == ("change_notification", True, "not known here")
        assert record.direction == "seller → marketplace"
        assert record.response_text == reply.text

    def test_an_approved_sku_is_known(self, outbox: Outbox) -> None:
        """P51"""
        outbox.suggest(suggestion())
        assert outbox.notify().status_code == 404
        outbox.marketplace.approve("lamp")
        reply = outbox.notify()
        assert (reply.status_code, reply.data) == (204, b"")
        assert outbox.record.outcome == "known"
        assert "Content-Type" not in reply.headers

    def test_a_percent_encoded_id_is_one_segment(self, outbox: Outbox) -> None:
        """P51"""
        outbox.marketplace.approve("a/b ç")
        assert outbox.notify("a%2Fb%20%C3%A7").status_code == 204
        assert outbox.record.title == "SKU a/b ç is new or has changed"
        assert outbox.record.ok
        assert "a%2Fb%20%C3%A7" in outbox.record.url

    def test_two_slashes_in_a_row_inside_an_id_are_kept(self, outbox: Outbox) -> None:
        outbox.marketplace.approve("a//b")
        assert outbox.notify("a%2F%2Fb").status_code == 204

    @pytest.mark.parametrize("sku_id", ["a/b", "", "a//b"])
    def test_an_id_that_is_not_one_segment_leads_nowhere(self, outbox: Outbox, sku_id: str) -> None:
        """P51"""
        reply = outbox.notify(sku_id)
        assert (reply.status_code, reply.json["error"]["code"]) == (404, "NotFound")
        assert outbox.record.operation == "unknown"
        assert outbox.problems == ["P51 path"]

    @pytest.mark.parametrize("sku_id", ["%FF", 'a"b', "a%zz"])
    def test_an_id_that_is_badly_encoded_is_reported(self, outbox: Outbox, sku_id: str) -> None:
        """P51"""
        assert outbox.notify(sku_id).status_code == 404
        assert outbox.problems == ["P51 path"]

    def test_the_one_segment_form_is_not_for_sellers(self, outbox: Outbox) -> None:
        """P51"""
        reply = outbox.call("POST", "/api/catalog_system/pvt/skuseller/changenotification/lamp")
        assert reply.status_code == 404
        assert outbox.problems == ["P51 path"]

    def test_a_body_is_reported(self, outbox: Outbox) -> None:
        """P51"""
        path = "/api/catalog_system/pvt/skuseller/changenotification/shop/lamp"
        assert outbox.call("POST", path, []).status_code == 404
        assert outbox.record.problems == ('P51 body: must be empty, got "[]"',)

    def test_another_seller_is_not_known(self, outbox: Outbox) -> None:
        """P51"""
        outbox.marketplace.approve("lamp")
        reply = outbox.notify(seller_id="Shop")
        assert (reply.status_code, reply.json["error"]["code"]) == (404, "SellerNotFound")
        assert outbox.problems == ["P51 path"]

    def test_a_wrong_method_is_told_the_right_ones(self, outbox: Outbox) -> None:
        reply = outbox.call("GET", "/api/catalog_system/pvt/skuseller/changenotification/shop/lamp")
        assert (reply.status_code, reply.headers["Allow"]) == (405, "POST")
        assert outbox.problems == ["P51 method"]


class TestOfferNotification:
    @pytest.mark.parametrize("what", ["price", "inventory"])
    def test_the_marketplace_asks_about_a_sku_on_sale(self, outbox: Outbox, seller: FakeSeller, what: str) -> None:
        """P59"""
        outbox.marketplace.approve("lamp")
        reply = outbox.offer(what)
        outbox.marketplace.settle()
        assert (reply.status_code, reply.data) == (202, b"")
        notice, simulation = outbox.marketplace.exchanges()
        assert (notice.operation, simulation.operation) == (f"{what}_notification", "index")
        assert notice.ok
        assert simulation.ok, simulation.problems
        assert simulation.direction == "marketplace → seller"
        assert seller.requests[-1][1]["items"][0]["id"] == "lamp"

    def test_a_sku_that_is_not_on_sale_is_not_asked_about(self, outbox: Outbox, seller: FakeSeller) -> None:
        outbox.suggest(suggestion())
        assert outbox.offer().status_code == 202
        outbox.marketplace.settle()
        assert seller.requests == []
        assert outbox.record.outcome == "accepted; the SKU is not on sale here"

    def test_the_wrong_address_is_named(self, outbox: Outbox) -> None:
        """P59"""
        reply = outbox.call("POST", "/api/notificator/shop/changenotification/lamp/stock")
        assert reply.status_code == 404
        assert outbox.problems == ["P59 path"]

    def test_a_seller_that_is_asked_and_fails_is_shown(self, outbox: Outbox, seller: FakeSeller) -> None:
        outbox.marketplace.approve("ghost")
        outbox.offer(sku_id="ghost")
        outbox.offer(sku_id="ghost")
        outbox.marketplace.settle()
        outcomes = [record.outcome for record in outbox.marketplace.exchanges() if record.operation == "index"]
        assert outcomes == ["1 line, 1 unavailable, 0 delivery options"] * 2


class TestSuggestion:
    def test_it_waits_for_somebody_to_decide(self, outbox: Outbox) -> None:
        """P53"""
        reply = outbox.suggest(suggestion())
        assert (reply.status_code, reply.data) == (200, b"")
        assert outbox.record.ok, outbox.record.problems
        assert (outbox.record.operation, outbox.record.outcome) == ("suggestion", "pending, version 1")
        (sku,) = outbox.marketplace.skus()
        assert (sku.sku_id, sku.state, sku.version) == ("lamp", "pending", 1)
        assert sku.as_json()["content"]["ProductName"] == "Lamp"

    def test_the_next_one_takes_its_place(self, outbox: Outbox) -> None:
        outbox.suggest(suggestion())
        outbox.suggest(suggestion(ProductName="Lamp 2"))
        (sku,) = outbox.marketplace.skus()
        assert sku.version == 2
        assert sku.content is not None
        assert sku.content["ProductName"] == "Lamp 2"

    def test_an_approved_sku_exists_already(self, outbox: Outbox) -> None:
        """P57"""
        outbox.suggest(suggestion())
        outbox.marketplace.approve("lamp")
        reply = outbox.suggest(suggestion())
        assert (reply.status_code, reply.data) == (304, b"")
        assert (outbox.record.ok, outbox.record.outcome) == (True, "exists already")

    def test_a_denied_sku_is_blocked_until_it_is_approved(self, outbox: Outbox) -> None:
        """P57"""
        outbox.suggest(suggestion())
        assert outbox.marketplace.deny("lamp", "too bright").reason == "too bright"
        reply = outbox.suggest(suggestion())
        assert (reply.status_code, reply.json["error"]["code"]) == (400, 18)
        assert reply.json["error"]["message"].startswith("SuggestionIsNotPending")
        assert outbox.record.ok
        assert outbox.notify().status_code == 404
        assert outbox.marketplace.approve("lamp").reason is None
        assert outbox.notify().status_code == 204

    def test_every_one_is_approved_if_so_configured(self, seller: FakeSeller) -> None:
        app = create_app(
            {
                "SANDBOX_FULFILLMENT_ENDPOINT": seller.endpoint,
                "SANDBOX_SELLER_ID": "shop",
                "SANDBOX_AUTO_APPROVE": True,
            }
        )
        with app.extensions["vtex_sandbox"] as marketplace:
            outbox = Outbox(app.test_client(), marketplace)
            assert outbox.suggest(suggestion()).status_code == 200
            assert outbox.record.outcome == "approved, version 1"
            assert outbox.notify().status_code == 204

    def test_it_can_be_read_back(self, outbox: Outbox) -> None:
        """P58"""
        missing = outbox.call("GET", "/suggestions/shop/lamp")
        assert (missing.status_code, missing.json["error"]["code"]) == (404, 16)
        outbox.suggest(suggestion())
        found = outbox.call("GET", "/suggestions/shop/lamp")
        assert (found.status_code, found.json["Status"], found.json["latestVersionId"]) == (200, "Pending", "1")
        assert found.json["content"] == suggestion()
        assert (outbox.record.operation, outbox.record.ok) == ("suggestion_status", True)

    def test_what_a_reviewer_decided_can_be_read_back(self, outbox: Outbox) -> None:
        """P58"""
        outbox.suggest(suggestion())
        outbox.marketplace.deny("lamp", "blurred picture")
        denied = outbox.call("GET", "/suggestions/shop/lamp").json
        assert (denied["Status"], denied["DenyReason"]) == ("Denied", "blurred picture")
        outbox.marketplace.approve("lamp")
        approved = outbox.call("GET", "/suggestions/shop/lamp").json
        assert (approved["Status"], "DenyReason" in approved) == ("Approved", False)

    def test_what_expired_is_gone_and_can_be_suggested_again(self, outbox: Outbox) -> None:
        outbox.suggest(suggestion())
        assert outbox.client.post("/api/skus/lamp/forget", json={}).json["sku"]["state"] == "pending"
        assert outbox.call("GET", "/suggestions/shop/lamp").status_code == 404
        assert outbox.client.post("/api/skus/lamp/forget", json={}).status_code == 404
        assert outbox.suggest(suggestion()).status_code == 200

    def test_what_nobody_suggested_cannot_be_denied(self, outbox: Outbox) -> None:
        with pytest.raises(UnknownSku, match="SKU lamp was never suggested"):
            outbox.marketplace.deny("lamp")

    def test_old_skus_make_room(self, outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(catalog, "LARGEST_CATALOG", 1)
        outbox.marketplace.approve("a")
        outbox.marketplace.approve("b")
        assert [sku.sku_id for sku in outbox.marketplace.skus()] == ["b"]


LONG = "x" * 151
HTTP = [{"imageName": "front", "imageUrl": "http://shop.example/lamp.jpg"}]
NO_NAME = [{"imageUrl": "https://shop.example/lamp.jpg"}]
BROKEN: list[tuple[dict[str, Any], int, str]] = [
    ({"CategoryFullPath": "Light"}, 1, "P53 CategoryFullPath"),
    ({"CategoryFullPath": "Home/ "}, 1, "P53 CategoryFullPath"),
    ({"CategoryFullPath": None}, 1, "P53 CategoryFullPath"),
    ({"BrandName": ""}, 2, "P53 BrandName"),
    ({"ProductName": LONG}, 3, "P55 ProductName"),
    ({"ProductName": ""}, 3, "P55 ProductName"),
    ({"SkuName": " "}, 4, "P53 SkuName"),
    ({"Height": 0}, 5, "P55 Height"),
    ({"Height": "10"}, 5, "P55 Height"),
    ({"Weight": -1}, 6, "P56 Weight"),
    ({"Length": True}, 7, "P55 Length"),
    ({"Width": None}, 8, "P55 Width"),
    ({"Images": []}, 9, "P55 Images"),
    ({"Images": "https://a.example"}, 9, "P55 Images"),
    ({"EAN": [], "RefId": ""}, 10, "P54 EAN"),
    ({"Images": HTTP}, 11, "P55 Images[0].imageUrl"),
    ({"Images": [{"imageName": "a", "imageUrl": "https://[x"}]}, 11, "P55 Images[0].imageUrl"),
    ({"Images": [{"imageName": "a"}]}, 11, "P55 Images[0].imageUrl"),
    ({"Images": ["https://a.example"]}, 11, "P55 Images[0]"),
    ({"SkuSpecifications": {}}, 12, "P53 SkuSpecifications"),
    ({"SkuSpecifications": ["red"]}, 12, "P53 SkuSpecifications[0]"),
    (
        {"ProductSpecifications": [{"fieldName": "a", "fieldValues": "b"}]},
        12,
        "P53 ProductSpecifications[0].fieldValues",
    ),
    ({"EAN": "7891234567895"}, 0, "P54 EAN"),
    ({"EAN": [7891234567895]}, 0, "P54 EAN"),
    ({"RefId": 7}, 0, "P53 RefId"),
    ({"ProductId": 7}, 0, "P53 ProductId"),
    ({"ProductDescription": ""}, 0, "P53 ProductDescription"),
    ({"SellerId": "other"}, 0, "P53 SellerId"),
    ({"SellerId": None}, 0, "P53 SellerId"),
    ({"AvailableQuantity": 1.5}, 0, "P53 AvailableQuantity"),
    ({"MeasurementUnit": 1}, 0, "P53 MeasurementUnit"),
    ({"NameComplete": 1}, 0, "P53 NameComplete"),
    ({"UnitMultiplier": 0}, 0, "P53 UnitMultiplier"),
    ({"SellerStockKeepingUnitId": "5"}, 0, "P53 SellerStockKeepingUnitId"),
    ({"SellerStockKeepingUnitId": 2**31}, 0, "P53 SellerStockKeepingUnitId"),
    ({"Pricing": None}, 0, "P53 Pricing"),
    ({"Pricing": {"Currency": "R$", "SalePrice": 1, "CurrencySymbol": "R$"}}, 0, "P53 Pricing.Currency"),
    ({"Pricing": {"Currency": "BRL", "SalePrice": 1.5, "CurrencySymbol": "R$"}}, 0, "P53 Pricing.SalePrice"),
    ({"Pricing": {"Currency": "BRL", "SalePrice": 1, "CurrencySymbol": None}}, 0, "P53 Pricing.CurrencySymbol"),
]


@pytest.mark.parametrize(("changes", "code", "problem"), BROKEN)
def test_a_broken_rule_has_its_number(alone: Outbox, changes: dict[str, Any], code: int, problem: str) -> None:
    """P53, P54, P55, P56"""
    reply = alone.suggest(suggestion(**changes))
    assert (reply.status_code, reply.json["error"]["code"]) == (400, code)
    assert alone.problems == [problem]
    assert alone.marketplace.skus() == []


def test_the_first_broken_rule_is_answered_and_all_are_reported(alone: Outbox) -> None:
    reply = alone.suggest(suggestion(Images=HTTP, Weight=0, Pricing=None))
    assert reply.json["error"]["code"] == 6
    assert reply.json["error"]["message"].startswith("SkuWeightIsRequired: Weight: must be a number > 0")
    assert alone.problems == ["P56 Weight", "P55 Images[0].imageUrl", "P53 Pricing"]


@pytest.mark.parametrize("name", sorted(set(suggestion()) - {"RefId", "EAN"}))
def test_a_missing_field_is_reported(alone: Outbox, name: str) -> None:
    optional = {
        "SkuSpecifications",
        "ProductSpecifications",
        "MeasurementUnit",
        "UnitMultiplier",
        "SellerStockKeepingUnitId",
    }
    body = suggestion()
    del body[name]
    reply = alone.suggest(body)
    assert [problem.split()[1] for problem in alone.problems] == ([] if name in optional else [name])
    assert reply.status_code == (200 if name in optional | {"Updated"} else 400)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"WeightKg": 1}, 'P53 "WeightKg"'),
        ({"UnitMultiplier": 0.5}, "P53 UnitMultiplier"),
        ({"Images": NO_NAME}, "P55 Images[0].imageName"),
    ],
)
def test_an_oddity_is_reported_and_no_reason_to_refuse(alone: Outbox, changes: dict[str, Any], problem: str) -> None:
    assert alone.suggest(suggestion(**changes)).status_code == 200
    assert alone.problems == [problem]


@pytest.mark.parametrize(
    "changes",
    [
        {"EAN": None},
        {"EAN": []},
        {"RefId": None},
        {"SellerStockKeepingUnitId": 5},
        {"SellerStockKeepingUnitId": "99999999999"},
        {"CategoryFullPath": "a/b/c"},
        {"ProductName": "x" * 150},
        {"SkuSpecifications": None},
    ],
)
def test_what_is_fine(alone: Outbox, changes: dict[str, Any]) -> None:
    assert alone.suggest(suggestion(**changes)).status_code == 200
    assert alone.record.ok, alone.record.problems


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'"x"'])
def test_a_body_that_is_no_object_is_refused(alone: Outbox, body: bytes) -> None:
    """P53"""
    reply = alone.call("PUT", "/suggestions/shop/lamp", body)
    assert reply.status_code == 400
    assert alone.problems == ["P53 body"]
