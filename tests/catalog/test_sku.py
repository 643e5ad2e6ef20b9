"""What a shop may say of a SKU, and what a marketplace would refuse it for."""

import dataclasses
from decimal import Decimal
from typing import Any

import pytest

from flask_vtex_seller import VtexSellerError
from flask_vtex_seller.catalog.sku import Sku, SkuImage, SkuNotReady, problems, require_sku_id

from .conftest import make_sku

TEXTS = ["product_id", "product_name", "name", "description", "brand", "category", "currency", "measurement_unit"]
LONE_SURROGATE = "\ud800"


def test_a_sku_needs_no_more_than_what_the_marketplace_asks_for() -> None:
    assert problems(make_sku()) == []
    assert problems(make_sku(ean=None, ref_id="B-250", height=Decimal("0.5"), currency_symbol="R$")) == []


def test_a_sku_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        make_sku().price = 1  # type: ignore[misc]


# types, refused at once


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("value", [None, 7, b"x"])
def test_a_text_must_be_a_str(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=rf"Sku\.{name} must be a str"):
        make_sku(**{name: value})


@pytest.mark.parametrize("name", ["ean", "ref_id", "currency_symbol"])
def test_an_optional_text_must_be_a_str_or_none(name: str) -> None:
    missing: dict[str, Any] = {name: None}
    assert getattr(make_sku(**missing), name) is None
    number: dict[str, Any] = {name: 7891234567895}
    with pytest.raises(TypeError, match=rf"Sku\.{name} must be a str, not int"):
        make_sku(**number)


@pytest.mark.parametrize("name", ["price", "stock", "weight_grams"])
@pytest.mark.parametrize("value", [12.5, True, "12", None, Decimal(12)])
def test_money_stock_and_weight_must_be_ints(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=rf"Sku\.{name} must be an int"):
        make_sku(**{name: value})


@pytest.mark.parametrize("name", ["height", "width", "length", "unit_multiplier"])
@pytest.mark.parametrize("value", [12.5, True, "12", None])
def test_sizes_must_be_exact_numbers(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=rf"Sku\.{name} must be a Decimal or an int"):
        make_sku(**{name: value})


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"price": -1}, r"Sku\.price must not be negative"),
        ({"stock": 2**31}, r"Sku\.stock must be at most"),
        ({"weight_grams": -1}, r"Sku\.weight_grams must not be negative"),
        ({"height": Decimal("NaN")}, r"Sku\.height must be finite"),
        ({"length": Decimal("Infinity")}, r"Sku\.length must be finite"),
    ],
)
def test_an_impossible_number_is_refused_with_the_fields_name(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        make_sku(**changes)


@pytest.mark.parametrize("images", [None, "https://shop.example/beans.jpg", ("https://shop.example/beans.jpg",)])
def test_images_must_be_images(images: Any) -> None:
    with pytest.raises(TypeError, match=r"Sku\.images must be a tuple of SkuImage"):
        make_sku(images=images)


@pytest.mark.parametrize(("name", "url"), [(None, "https://shop.example/a.jpg"), ("Bag", 7)])
def test_an_images_name_and_url_must_be_strs(name: Any, url: Any) -> None:
    with pytest.raises(TypeError, match=r"SkuImage\.(name|url) must be a str"):
        SkuImage(name=name, url=url)


@pytest.mark.parametrize("name", ["specifications", "product_specifications"])
@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ([("Roast", ["dark"])], "must map names to lists of str, not be a list"),
        ({7: ["dark"]}, "must be a str, not int"),
        ({"Roast": "dark"}, r"\['Roast'\] must be a list of str, not str"),
        ({"Roast": 7}, r"\['Roast'\] must be a list of str, not int"),
        ({"Roast": [7]}, r"a value in .*\['Roast'\] must be a str, not int"),
    ],
)
def test_specifications_map_names_to_lists(name: str, value: Any, complaint: str) -> None:
    with pytest.raises(TypeError, match=rf"Sku\.{name}|a name in Sku\.{name}") as caught:
        make_sku(**{name: value})
    assert caught.match(complaint)


@pytest.mark.parametrize("sku_id", ["", "  ", "x" * 129, ".", "..", "a\0b", LONE_SURROGATE])
def test_an_id_that_cannot_be_sent_is_named(sku_id: str) -> None:
    with pytest.raises(ValueError, match=r"Sku\.sku_id must") as caught:
        make_sku(sku_id)
    assert repr(sku_id) in str(caught.value)


def test_an_id_that_is_no_str_is_named() -> None:
    with pytest.raises(TypeError, match="a SKU's id must be a str, not int: 7"):
        require_sku_id(7)


@pytest.mark.parametrize("sku_id", ["7", "x" * 128, "a/b c?d", "açaí", "...", "a..b"])
def test_any_other_id_can_be_sent(sku_id: str) -> None:
    assert require_sku_id(sku_id) == sku_id


# the marketplace's rules


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"images": ()}, "images is empty"),
        ({"images": (SkuImage(name="Bag", url="http://shop.example/a.jpg"),)}, "images[0].url must be an https URL"),
        ({"images": (SkuImage(name="Bag", url="https:///a.jpg"),)}, "images[0].url must be an https URL"),
        ({"images": (SkuImage(name="Bag", url="https://[a.jpg"),)}, "images[0].url must be an https URL"),
        ({"images": (SkuImage(name="Bag", url="https://shop.example/a b"),)}, "images[0].url must be an https URL"),
        ({"images": (SkuImage(name=" ", url="https://shop.example/a.jpg"),)}, "images[0].name is empty"),
        ({"product_name": "x" * 151}, "product_name is longer than 150 characters"),
        ({"name": "x" * 151}, "name is longer than 150 characters"),
        ({"product_name": ""}, "product_name is empty"),
        ({"name": " "}, "name is empty"),
        ({"product_id": ""}, "product_id is empty"),
        ({"measurement_unit": ""}, "measurement_unit is empty"),
        ({"brand": " "}, "brand is empty"),
        ({"category": ""}, "category must be a path without empty steps, such as Coffee/Ground"),
        ({"category": "Coffee/"}, "category must be a path without empty steps, such as Coffee/Ground"),
        ({"ean": None}, "ean and ref_id are both missing"),
        ({"ean": "", "ref_id": " "}, "ean and ref_id are both missing"),
        ({"height": 0}, "height must be above 0 and at most 2147483647"),
        ({"width": Decimal("-0.5")}, "width must be above 0 and at most 2147483647"),
        ({"length": Decimal("1E-400")}, "length must be above 0 and at most 2147483647"),
        ({"length": Decimal("1E+400")}, "length must be above 0 and at most 2147483647"),
        ({"weight_grams": 0}, "weight_grams must be above 0 and at most 2147483647"),
        ({"unit_multiplier": 0}, "unit_multiplier must be above 0 and at most 2147483647"),
        ({"currency": "real"}, "currency must be an ISO 4217 code such as BRL"),
        ({"description": LONE_SURROGATE}, "description holds a lone surrogate, which is no text"),
        ({"specifications": {"Roast": [LONE_SURROGATE]}}, "specifications holds a lone surrogate, which is no text"),
        (
            {"images": (SkuImage(name=LONE_SURROGATE, url="https://shop.example/a.jpg"),)},
            "images[0] holds a lone surrogate, which is no text",
        ),
    ],
)
def test_what_the_marketplace_would_refuse_is_named(changes: dict[str, Any], field: str) -> None:
    """P54 and P55."""
    assert problems(make_sku(**changes)) == [field]


def test_names_may_have_150_characters() -> None:
    assert problems(make_sku(product_name="x" * 150, name="é" * 150)) == []


def test_all_problems_are_named_at_once() -> None:
    assert len(problems(make_sku(brand="", height=0, images=(), ean=None))) == 4


def test_a_sku_that_is_not_ready_is_named_with_its_fields() -> None:
    error = SkuNotReady("beans", ["brand is empty", "images is empty"])
    assert isinstance(error, VtexSellerError)
    assert str(error) == "SKU beans cannot be suggested: brand is empty; images is empty"
    assert (error.sku_id, error.reasons) == ("beans", ("brand is empty", "images is empty"))


# the marketplace's own type for an id


@pytest.mark.parametrize(
    ("sku_id", "expected"),
    [
        ("567", 567),
        ("0", 0),
        ("2147483647", 2**31 - 1),
        ("2147483648", "2147483648"),
        ("99999999999", "99999999999"),
        ("007", "007"),
        ("beans-250", "beans-250"),
        ("-1", "-1"),
        ("٣", "٣"),
        ("³", "³"),
    ],
)
def test_only_an_id_of_plain_digits_becomes_a_number(sku_id: str, expected: int | str) -> None:
    sku: Sku = make_sku(sku_id)
    assert sku.seller_stock_keeping_unit_id == expected
    assert type(sku.seller_stock_keeping_unit_id) is type(expected)
