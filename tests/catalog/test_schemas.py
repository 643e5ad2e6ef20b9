"""A suggestion's body: ours, and as the marketplace's published file has it."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from marshmallow import ValidationError

from flask_vtex_seller.catalog.schemas import SuggestionSchema, write_suggestion
from flask_vtex_seller.catalog.sku import Sku, SkuImage

from .conftest import make_sku

FILE = Path(__file__).parents[3] / "shared/vtex-openapi/suggestions.json"
SCHEMA = SuggestionSchema()
FULL = make_sku(
    "567",
    product_id="beans",
    ref_id=" B-250 ",
    height=Decimal("20.5"),
    unit_multiplier=Decimal("0.25"),
    specifications={"Roast": ["dark", "light"]},
    product_specifications={"Origin": ("Minas Gerais",)},
    images=(
        SkuImage(name="Bag", url="https://shop.example/beans.jpg"),
        SkuImage(name="Back", url="https://shop.example/back.jpg"),
    ),
)
SKUS = {
    "an EAN only": make_sku(),
    "a reference only": make_sku(ean=None, ref_id="B-250"),
    "everything": FULL,
}
Change = Callable[[dict[str, Any]], None]


def written(sku: Sku) -> dict[str, Any]:
    return write_suggestion(sku, seller_id="fruitshop")


def test_every_field_of_the_shop_has_its_place() -> None:
    assert written(FULL) == {
        "ProductId": "beans",
        "ProductName": "House beans",
        "ProductDescription": "Roasted on Mondays.",
        "BrandName": "Fruit & Bean",
        "SkuName": "250 g",
        "SellerId": "fruitshop",
        "Height": 20.5,
        "Width": 10,
        "Length": 6,
        "Weight": 260,
        "Updated": None,
        "RefId": "B-250",
        "EAN": ["7891234567895"],
        "SellerStockKeepingUnitId": 567,
        "CategoryFullPath": "Coffee/Whole bean",
        "SkuSpecifications": [{"fieldName": "Roast", "fieldValues": ["dark", "light"]}],
        "ProductSpecifications": [{"fieldName": "Origin", "fieldValues": ["Minas Gerais"]}],
        "Images": [
            {"imageName": "Bag", "imageUrl": "https://shop.example/beans.jpg"},
            {"imageName": "Back", "imageUrl": "https://shop.example/back.jpg"},
        ],
        "MeasurementUnit": "un",
        "UnitMultiplier": 0.25,
        "AvailableQuantity": 12,
        "Pricing": {"Currency": "BRL", "SalePrice": 3990, "CurrencySymbol": "R$"},
    }


def test_an_ean_leaves_as_a_list_and_a_missing_one_as_an_empty_list() -> None:
    """P54."""
    assert written(make_sku())["EAN"] == ["7891234567895"]
    assert written(make_sku(ean=None, ref_id="B-250"))["EAN"] == []


def test_a_weight_leaves_in_grams() -> None:
    """P56."""
    assert written(make_sku(weight_grams=1250))["Weight"] == 1250


@pytest.mark.parametrize(("size", "expected"), [(20, 20), (Decimal("20.0"), 20), (Decimal("20.5"), 20.5)])
def test_a_whole_size_leaves_as_an_integer(size: Decimal | int, expected: float) -> None:
    height = written(make_sku(height=size))["Height"]
    assert height == expected
    assert type(height) is type(expected)


def test_a_price_leaves_in_whole_cents() -> None:
    """Row 31."""
    price = written(make_sku(price=1999))["Pricing"]["SalePrice"]
    assert (price, type(price)) == (1999, int)


@pytest.mark.parametrize(
    ("currency", "symbol", "expected"), [("BRL", None, "R$"), ("ARS", None, "ARS"), ("ARS", "$", "$")]
)
def test_a_currency_has_a_symbol(currency: str, symbol: str | None, expected: str) -> None:
    pricing = written(make_sku(currency=currency, currency_symbol=symbol))["Pricing"]
    assert pricing == {"Currency": currency, "SalePrice": 3990, "CurrencySymbol": expected}


@pytest.mark.parametrize("sku", SKUS.values(), ids=SKUS)
def test_what_we_write_keeps_to_our_schema(sku: Sku) -> None:
    SCHEMA.load(written(sku))


def _set(*path: str, to: Any) -> Change:
    def change(body: dict[str, Any]) -> None:
        *steps, last = path
        for step in steps:
            inner = body[step]
            body = inner[0] if isinstance(inner, list) else inner
        body[last] = to

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("EAN", to="7891234567895"),
        _set("Height", to=0),
        _set("Width", to="10"),
        _set("Weight", to=True),
        _set("SellerStockKeepingUnitId", to=2**31),
        _set("SellerStockKeepingUnitId", to=""),
        _set("Pricing", "SalePrice", to=39.9),
        _set("Pricing", "Currency", to="R$"),
        _set("Images", to=[]),
        _set("Images", "imageUrl", to="http://shop.example/beans.jpg"),
        _set("WeightKg", to=1),
        _set("ProductName", to="x" * 151),
        lambda body: body.pop("Updated"),
    ],
)
def test_our_schema_is_strict(change: Change) -> None:
    body = written(FULL)
    change(body)
    with pytest.raises(ValidationError):
        SCHEMA.load(body)


# the published file

DEVIATIONS: dict[str, tuple[dict[str, Any], str]] = {
    "EAN": ({"type": "array", "items": {"type": "string"}}, "a list, row 30: a string gets lost"),
    "RefId": ({"type": ["string", "null"]}, "null for a SKU that has an EAN only, §2.2"),
    "SellerStockKeepingUnitId": ({"type": ["integer", "string"]}, "a string where the id is no number, row 30"),
    "Height": ({"type": "number"}, "typed integer, format decimal, §2.2"),
    "UnitMultiplier": ({"type": "number"}, "a fraction where the shop sells by it, row 26"),
}


def published(deviations: dict[str, tuple[dict[str, Any], str]]) -> Any:
    if not FILE.exists():
        pytest.skip(f"the published OpenAPI file is not here: {FILE}")
    document = json.loads(FILE.read_text(encoding="utf-8"))
    operation = document["paths"]["/suggestions/{sellerId}/{sellerSkuId}"]["put"]
    *_, name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].split("/")
    schema = document["components"]["schemas"][name]
    for field, (instead, _) in deviations.items():
        schema["properties"][field] = instead
    return jsonschema.Draft202012Validator({**schema, "components": document["components"]})


def mistakes(deviations: dict[str, tuple[dict[str, Any], str]]) -> list[str]:
    validator = published(deviations)
    return [error.message for sku in SKUS.values() for error in validator.iter_errors(written(sku))]


def test_what_we_write_keeps_to_the_published_schema_but_for_the_listed_deviations() -> None:
    assert mistakes(DEVIATIONS) == []


@pytest.mark.parametrize("field", DEVIATIONS)
def test_every_listed_deviation_is_needed(field: str) -> None:
    assert mistakes({name: deviation for name, deviation in DEVIATIONS.items() if name != field})


def test_every_field_that_we_write_is_a_published_one() -> None:
    schema = published({}).schema
    known = {*schema["properties"], *schema["example"]}
    assert set(written(FULL)) <= known
    assert set(schema["required"]) <= set(written(FULL))
