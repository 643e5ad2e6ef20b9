"""What a shop may offer, and how a simulation's mode is read from its content."""

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from flask_vtex_seller import (
    AttachmentOffering,
    DeliveryId,
    DeliveryWindow,
    Offer,
    Offering,
    PickupPoint,
    SimulationItem,
    SimulationMode,
    SimulationRequest,
    Sla,
)

from .shops import PICKUP_POINT

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
NAIVE = NOON.replace(tzinfo=None)
NO_CENTS: list[Any] = [12.5, True, "1250", None, Decimal(1250)]


def request(**kwargs: Any) -> SimulationRequest:
    return SimulationRequest(marketplace="acme", items=(SimulationItem(sku_id="apple", quantity=1),), **kwargs)


@pytest.mark.parametrize("price", NO_CENTS)
def test_an_offers_price_must_be_an_int(price: Any) -> None:
    with pytest.raises(TypeError, match=r"Offer\.price"):
        Offer(sku_id="apple", price=price, stock=1)


@pytest.mark.parametrize("stock", [1.0, True, "1", None])
def test_an_offers_stock_must_be_an_int(stock: Any) -> None:
    with pytest.raises(TypeError, match=r"Offer\.stock"):
        Offer(sku_id="apple", price=1, stock=stock)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"price": -1}, r"Offer\.price must not be negative"),
        ({"stock": -1}, r"Offer\.stock must not be negative"),
        ({"list_price": 99}, r"Offer\.list_price 99 is below the price 100"),
        ({"unit_multiplier": 0}, r"Offer\.unit_multiplier must be above 0"),
        ({"unit_multiplier": Decimal("-0.5")}, r"Offer\.unit_multiplier must be above 0"),
        ({"price_valid_until": NAIVE}, r"Offer\.price_valid_until must be an aware datetime"),
        ({"ships_to": ()}, r"Offer\.ships_to must name at least one country"),
        ({"ships_to": ("BR",)}, r"Offer\.ships_to must be ISO alpha-3 codes such as BRA, got 'BR'"),
        ({"ships_to": ("bra",)}, r"Offer\.ships_to .* got 'bra'"),
        ({"ships_to": "BRA"}, r"Offer\.ships_to .* got 'B'"),
    ],
)
def test_a_wrong_offer_is_refused_with_the_fields_name(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Offer(**{"sku_id": "apple", "price": 100, "stock": 1, **changes})


@pytest.mark.parametrize("name", ["sku_id", "measurement_unit"])
@pytest.mark.parametrize("value", [7, None, b"7", ["7"]])
def test_an_offers_texts_must_be_texts(name: str, value: Any) -> None:
    """An id that is a number would match no line of the cart, and all would be unavailable without a word."""
    with pytest.raises(TypeError, match=rf"^Offer\.{name} must be a str, not {type(value).__name__}$"):
        Offer(**{"sku_id": "7", "price": 100, "stock": 1, name: value})


def test_an_offers_list_price_must_be_an_int() -> None:
    with pytest.raises(TypeError, match=r"Offer\.list_price"):
        Offer(sku_id="apple", price=100, stock=1, list_price=150.0)  # type: ignore[arg-type]


def test_a_list_price_may_equal_the_price() -> None:
    assert Offer(sku_id="apple", price=100, stock=1, list_price=100).list_price == 100


def test_an_offer_may_be_free_and_sold_out() -> None:
    assert Offer(sku_id="apple", price=0, stock=0).stock == 0


def test_an_offer_cannot_be_changed() -> None:
    offer = Offer(sku_id="apple", price=100, stock=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        offer.price = 1  # type: ignore[misc]


@pytest.mark.parametrize("price", NO_CENTS)
def test_an_offerings_price_must_be_an_int(price: Any) -> None:
    with pytest.raises(TypeError, match=r"Offering\.price"):
        Offering(type="Warranty", id="1", name="1 year", price=price)


@pytest.mark.parametrize(
    ("start", "end"),
    [(NAIVE, NOON), (NOON, NAIVE), (NAIVE, NAIVE + timedelta(hours=1))],
)
def test_a_delivery_window_needs_aware_times(start: datetime, end: datetime) -> None:
    with pytest.raises(ValueError, match="aware"):
        DeliveryWindow(start=start, end=end)


@pytest.mark.parametrize("end", [NOON, NOON - timedelta(hours=1)])
def test_a_delivery_window_ends_after_its_start(end: datetime) -> None:
    """P14."""
    with pytest.raises(ValueError, match="after its start"):
        DeliveryWindow(start=NOON, end=end)


def test_a_delivery_windows_price_must_be_an_int() -> None:
    with pytest.raises(TypeError, match=r"DeliveryWindow\.price"):
        DeliveryWindow(start=NOON, end=NOON + timedelta(hours=1), price=1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("country", ["BR", "", "Brazil", "bra"])
def test_a_pickup_points_country_is_a_three_letter_code(country: str) -> None:
    with pytest.raises(ValueError, match=r"PickupPoint\.country"):
        dataclasses.replace(PICKUP_POINT, country=country)


def test_a_pickup_point_needs_no_complement_nor_reference() -> None:
    point = PickupPoint(
        id="store-1",
        name="Store",
        postal_code="01001-000",
        city="São Paulo",
        state="SP",
        country="BRA",
        street="Praça da Sé",
        number="1",
        neighborhood="Sé",
        geo_coordinates=(-46.6, -23.5),
    )
    assert (point.complement, point.reference, point.additional_info) == ("", None, "")


@pytest.mark.parametrize("estimate", ["3bd", "0bd", "12d", "2h", "90m"])
def test_a_shipping_estimate_is_a_number_and_a_unit(estimate: str) -> None:
    """P11."""
    assert Sla(id="s", name="S", price=0, shipping_estimate=estimate).shipping_estimate == estimate


@pytest.mark.parametrize("estimate", ["", "3", "bd", "3 bd", "3bd\n", "-1d", "1.5d", "3 days", "٣d", "3BD"])
def test_any_other_shipping_estimate_is_refused(estimate: str) -> None:
    """P11."""
    with pytest.raises(ValueError, match=r"Sla\.shipping_estimate"):
        Sla(id="s", name="S", price=0, shipping_estimate=estimate)


@pytest.mark.parametrize("price", NO_CENTS)
def test_an_slas_price_must_be_an_int(price: Any) -> None:
    with pytest.raises(TypeError, match=r"Sla\.price"):
        Sla(id="s", name="S", price=price, shipping_estimate="1d")


@pytest.mark.parametrize("name", ["id", "name", "shipping_estimate"])
def test_an_slas_texts_must_be_texts(name: str) -> None:
    with pytest.raises(TypeError, match=rf"^Sla\.{name} must be a str, not int$"):
        Sla(**{"id": "s", "name": "S", "price": 0, "shipping_estimate": "1d", name: 7})


@pytest.mark.parametrize("sku_ids", [{7}, {"7", None}, "apple"])
def test_the_skus_of_an_sla_must_be_a_set_of_texts(sku_ids: Any) -> None:
    with pytest.raises(TypeError, match=r"^Sla\.sku_ids must be a set of str$"):
        Sla(id="s", name="S", price=0, shipping_estimate="1d", sku_ids=sku_ids)


@pytest.mark.parametrize("name", ["id", "postal_code", "number", "complement", "reference", "receiver_name"])
def test_a_pickup_points_texts_must_be_texts(name: str) -> None:
    with pytest.raises(TypeError, match=rf"^PickupPoint\.{name} must be a str, not int$"):
        dataclasses.replace(PICKUP_POINT, **{name: 100})


@pytest.mark.parametrize("place", [(Decimal(-46), Decimal(-23)), (-46.6,), (-46.6, float("nan")), ("-46", "-23")])
def test_a_pickup_points_place_must_be_two_floats(place: Any) -> None:
    with pytest.raises(TypeError, match=r"^PickupPoint\.geo_coordinates must be two floats"):
        dataclasses.replace(PICKUP_POINT, geo_coordinates=place)


def test_the_texts_of_what_comes_along_must_be_texts() -> None:
    with pytest.raises(TypeError, match=r"^DeliveryId\.dock_id must be a str, not int$"):
        DeliveryId(courier_id="c", courier_name="C", dock_id=1, warehouse_id="w")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^Offering\.id must be a str, not int$"):
        Offering(type="warranty", id=1, name="W", price=0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^AttachmentOffering\.name must be a str, not NoneType$"):
        AttachmentOffering(name=None)  # type: ignore[arg-type]


def test_an_sla_serves_every_sku_unless_it_names_some() -> None:
    everything = Sla(id="s", name="S", price=0, shipping_estimate="1d")
    apples = dataclasses.replace(everything, sku_ids=frozenset({"apple"}))
    assert everything.serves("pear")
    assert apples.serves("apple")
    assert not apples.serves("pear")


@pytest.mark.parametrize(
    ("address", "mode"),
    [
        ({}, SimulationMode.STOREFRONT),
        ({"country": "BRA"}, SimulationMode.STOREFRONT),
        ({"postal_code": "01310-100"}, SimulationMode.STOREFRONT),
        ({"postal_code": "01310-100", "country": "BRA"}, SimulationMode.CHECKOUT),
        ({"geo_coordinates": (0.0, 0.0)}, SimulationMode.CHECKOUT),
    ],
)
def test_the_mode_follows_from_the_address(address: dict[str, Any], mode: SimulationMode) -> None:
    """P20 for the coordinates."""
    assert request(**address).mode is mode
    assert request(**address).has_address is (mode is SimulationMode.CHECKOUT)


def test_a_request_does_not_show_the_body_that_may_hold_a_shoppers_data() -> None:
    assert "maria" not in repr(request(raw={"clientProfileData": {"email": "maria@mail.example"}}))


@pytest.mark.parametrize(
    ("multiplier", "error"),
    [
        (1.5, TypeError),
        (True, TypeError),
        ("1", TypeError),
        (0, ValueError),
        (Decimal("NaN"), ValueError),
        (-1, ValueError),
        (2**70, ValueError),
        (Decimal("1E+400"), ValueError),
        (Decimal("1E-400"), ValueError),
    ],
)
def test_a_unit_multiplier_that_is_no_positive_number_is_refused(multiplier: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="unit_multiplier"):
        Offer(sku_id="apple", price=1, stock=1, unit_multiplier=multiplier)


def test_an_attachments_schema_must_be_json() -> None:
    assert AttachmentOffering(name="Engraving", schema={"a": [1, None]}).schema == {"a": [1, None]}
    with pytest.raises(TypeError, match=r"AttachmentOffering\.schema must be JSON"):
        AttachmentOffering(name="Engraving", schema={"price": Decimal(1)})
