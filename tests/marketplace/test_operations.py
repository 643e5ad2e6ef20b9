"""The table of calls: where each goes, and what is known of it. (P61, P65, P66, P79)"""

from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_vtex_seller.config import Marketplace, Secret
from flask_vtex_seller.marketplace.operations import OPERATIONS, Host, Meaning, Operation

ACME = Marketplace(
    name="acme",
    account="acmemarket",
    seller_id="fruitshop",
    app_key="key",
    app_token=Secret("token"),
    base_url="https://acmemarket.vtexcommercestable.com.br",
    suggestions_url="https://api.vtex.com/acmemarket",
)
STORE = ACME.base_url
ORDER = f"{STORE}/api/oms/pvt/orders/1138342255777-01"
VALUES = {
    "marketplace_order_id": "1138342255777-01",
    "invoice_number": "NF77",
    "sku_id": "apple",
    "change_id": "c-1",
}
CALLS = {
    "invoice": ("POST", f"{ORDER}/invoice"),
    "return_invoice": ("POST", f"{ORDER}/invoice"),
    "tracking": ("PATCH", f"{ORDER}/invoice/NF77"),
    "tracking_status": ("PUT", f"{ORDER}/invoice/NF77/tracking"),
    "cancel_order": ("POST", f"{ORDER}/cancel"),
    "cancel_returned_order": ("POST", f"{ORDER}/cancel"),
    "agreement": ("POST", f"{STORE}/api/order-system/orders/1138342255777-01/changes/c-1/send-agreement"),
    "change_notification": ("POST", f"{STORE}/api/catalog_system/pvt/skuseller/changenotification/fruitshop/apple"),
    "presence": ("POST", f"{STORE}/api/catalog_system/pvt/skuseller/changenotification/fruitshop/apple"),
    "suggestion_status": ("GET", "https://api.vtex.com/acmemarket/suggestions/fruitshop/apple"),
    "suggestion": ("PUT", "https://api.vtex.com/acmemarket/suggestions/fruitshop/apple"),
    "price_notification": ("POST", f"{STORE}/api/notificator/fruitshop/changenotification/apple/price"),
    "inventory_notification": ("POST", f"{STORE}/api/notificator/fruitshop/changenotification/apple/inventory"),
    "delivery_promises": ("PUT", f"{STORE}/api/delivery-promises/external-sellers/fruitshop/products?an=acmemarket"),
}
ORDER_CALLS = {
    "invoice",
    "return_invoice",
    "tracking",
    "tracking_status",
    "cancel_order",
    "cancel_returned_order",
    "agreement",
}


def test_every_operation_is_in_this_list() -> None:
    assert set(OPERATIONS) == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_each_operation_has_its_method_and_address(name: str) -> None:
    """P61, P65, P66"""
    operation = OPERATIONS[name]
    assert (operation.method, operation.url(ACME, VALUES)) == CALLS[name]


@pytest.mark.parametrize("name", CALLS)
def test_an_operation_is_found_under_its_own_name(name: str) -> None:
    assert OPERATIONS[name].name == name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("invoice", "Notify invoice"),
        ("return_invoice", "Notify refund"),
        ("tracking", "Notify invoice"),
        ("tracking_status", "Notify invoice"),
        ("cancel_order", "Cancel order"),
        ("cancel_returned_order", "Cancel order"),
        ("agreement", "ask the marketplace"),
        ("delivery_promises", "Notify Product Availability Change"),
        ("change_notification", "Seller SKUs"),
        ("suggestion", "Send marketplace suggestion"),
        ("price_notification", "View Seller"),
        ("inventory_notification", "View Seller"),
    ],
)
def test_each_operation_names_the_permission_it_needs(name: str, words: str) -> None:
    """P79"""
    assert words in OPERATIONS[name].permission


def test_calls_about_an_order_hold_their_lane_and_those_about_a_sku_do_not() -> None:
    """Row 38: an agreement does not, for its address is published nowhere and may well be refused."""
    holding = {name for name, operation in OPERATIONS.items() if operation.holds_lane}
    assert holding == ORDER_CALLS - {"agreement"}


def test_only_suggestions_go_to_the_other_host() -> None:
    there = {name for name, operation in OPERATIONS.items() if operation.host is Host.SUGGESTIONS}
    assert there == {"suggestion", "suggestion_status"}


def test_a_success_of_an_invoice_and_of_a_cancellation_is_json() -> None:
    assert {name for name, operation in OPERATIONS.items() if operation.answers_json} == {
        "invoice",
        "return_invoice",
        "cancel_order",
    }


def test_the_normal_ends_outside_2xx_are_these() -> None:
    endings = {name: dict(operation.endings) for name, operation in OPERATIONS.items() if operation.endings}
    assert endings == {
        "cancel_returned_order": {400: Meaning.NOT_NEEDED},
        "change_notification": {404: Meaning.UNKNOWN_SKU},
        "suggestion": {304: Meaning.EXISTS},
        "presence": {404: Meaning.UNKNOWN_SKU},
        "suggestion_status": {404: Meaning.NOT_SUGGESTED},
    }


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("a/b", "a%2Fb"),
        ("a b", "a%20b"),
        ("maçã", "ma%C3%A7%C3%A3"),
        ("100%", "100%25"),
        ("a?b#c", "a%3Fb%23c"),
        ("../../x", "..%2F..%2Fx"),
        ("{sku_id}", "%7Bsku_id%7D"),
        ("a\r\nX: y", "a%0D%0AX%3A%20y"),
        ("%2F", "%252F"),
    ],
)
def test_a_value_stays_one_segment_of_the_path(value: str, encoded: str) -> None:
    url = OPERATIONS["change_notification"].url(ACME, {"sku_id": value})
    assert url == f"{STORE}/api/catalog_system/pvt/skuseller/changenotification/fruitshop/{encoded}"


@given(st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda value: value not in (".", "..")))
def test_no_value_changes_the_shape_of_an_address(value: str) -> None:
    plain = OPERATIONS["tracking"].url(ACME, VALUES)
    url = OPERATIONS["tracking"].url(ACME, {**VALUES, "invoice_number": value})
    assert url.isascii()
    assert url.count("/") == plain.count("/")
    assert not set(url) & set("?# \r\n")


def test_the_sellers_id_cannot_be_replaced_by_an_argument() -> None:
    url = OPERATIONS["price_notification"].url(ACME, {"sku_id": "apple", "seller_id": "somebody"})
    assert "/fruitshop/" in url
    assert "somebody" not in url


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_a_path_needs_nothing_but_known_values(operation: Operation) -> None:
    for path in (operation.at(ACME).path, operation.services_path or ""):
        names = {name for _, name, _, _ in Formatter().parse(path) if name}
        assert names <= {*VALUES, "seller_id", "account"}


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        OPERATIONS["invoice"] = OPERATIONS["tracking"]  # type: ignore[index]
