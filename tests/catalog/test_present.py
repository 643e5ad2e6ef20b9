"""What the shop says of its SKUs: one call for many, and what one SKU breaks does not stop the others."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from flask_vtex_seller.catalog.hooks import SkuLoader
from flask_vtex_seller.catalog.present import NO_CATALOG, NOTHING, NotRead, Offered, Present, digest
from flask_vtex_seller.catalog.sku import SkuImage
from flask_vtex_seller.config import Settings
from flask_vtex_seller.errors import HookMissing
from flask_vtex_seller.hook import Hook
from flask_vtex_seller.offers import Offer, SimulationRequest

from ..shops import ACME
from .conftest import MARKETPLACES, make_sku

IDS = [f"sku-{number}" for number in range(100)]
Loader = Callable[[Sequence[str]], Iterable[Any]]


class Shop:
    """A shop's functions, and what they were asked."""

    def __init__(self, load: Loader, *, skus: Loader | None = None, **acme: Any) -> None:
        self.asked: list[Sequence[str]] = []
        self.requests: list[SimulationRequest] = []
        self.entered = 0
        self.load = load
        hook: Hook[SkuLoader] = Hook("sku_loader")
        if skus is not None:
            hook.register(skus)
        settings = Settings.from_config({"VTEX_SELLER_MARKETPLACES": {"acme": {**ACME, **acme}}})
        self.present = Present(
            offer_loader=lambda: self.offers, sku_loader=hook, marketplaces=settings.marketplaces, context=self.context
        )

    def offers(self, sku_ids: Sequence[str], request: SimulationRequest) -> Iterable[Offer]:
        self.asked.append(sku_ids)
        self.requests.append(request)
        return self.load(sku_ids)

    @contextmanager
    def context(self) -> Iterator[None]:
        self.entered += 1
        yield


def offer(sku_id: str, **changes: Any) -> Offer:
    return Offer(**{"sku_id": sku_id, "price": 100, "stock": 3, **changes})


def test_many_skus_are_one_call_without_an_address() -> None:
    shop = Shop(lambda ids: map(offer, ids), sales_channel="2")
    assert shop.present.offers("acme", IDS) == dict.fromkeys(IDS, Offered(100, 100, 3))
    (asked,), (request,) = shop.asked, shop.requests
    assert (list(asked), [item.sku_id for item in request.items]) == (IDS, IDS)
    assert (request.marketplace, request.sales_channel, request.has_address) == ("acme", "2", False)


def test_a_sku_without_an_offer_has_no_price_and_no_stock() -> None:
    shop = Shop(lambda ids: [offer("sku-1", list_price=150)])
    assert shop.present.offers("acme", ["sku-1", "sku-2"]) == {"sku-1": Offered(100, 150, 3), "sku-2": NOTHING}


def test_stock_counts_as_far_as_it_is_shown() -> None:
    shop = Shop(lambda ids: [offer(sku_id, stock=500) for sku_id in ids], max_stock=20)
    assert shop.present.offers("acme", ["sku-1"]) == {"sku-1": Offered(100, 100, 20)}


def _raises(sku_id: str) -> Any:
    raise KeyError(sku_id)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (_raises, "the shop's offer_loader raised KeyError"),
        (lambda sku_id: offer(sku_id, price=-1), "the shop's offer_loader raised ValueError"),
        (lambda sku_id: None, "the shop's offer_loader returned NoneType where Offer objects belong"),
    ],
)
def test_the_skus_at_fault_are_found_and_the_others_are_read(wrong: Callable[[str], Any], reason: str) -> None:
    broken = {"sku-0", "sku-41", "sku-42", "sku-99"}
    shop = Shop(lambda ids: (wrong(sku_id) if sku_id in broken else offer(sku_id) for sku_id in ids))
    found = shop.present.offers("acme", IDS)
    assert {sku_id for sku_id, one in found.items() if one == NotRead(reason)} == broken
    assert {sku_id for sku_id, one in found.items() if one == Offered(100, 100, 3)} == set(IDS) - broken
    assert len(shop.asked) < 60  # by halves, not one by one
    assert shop.entered == len(shop.asked), "what one call broke must not be around the next"


def test_a_sku_that_comes_twice_is_not_read_and_one_that_nobody_asked_for_is_named() -> None:
    strays = set[str]()
    shop = Shop(lambda ids: [offer("a"), offer("b"), offer("a", price=7), offer("z")])
    found = shop.present.offers("acme", ["a", "b"], strays=strays)
    assert found == {"a": NotRead("the shop's offer_loader returned it twice"), "b": Offered(100, 100, 3)}
    assert strays == {"z"}


def test_a_busy_database_blames_no_sku() -> None:
    def busy(_: Sequence[str]) -> Any:
        raise OperationalError("SELECT", {}, Exception("busy"))

    shop = Shop(busy)
    with pytest.raises(OperationalError):
        shop.present.offers("acme", IDS)
    assert len(shop.asked) == 1


def test_a_missing_function_is_named() -> None:
    present = Present(offer_loader=Hook("offer_loader").get, sku_loader=Hook("sku_loader"), marketplaces=MARKETPLACES)
    with pytest.raises(HookMissing, match="offer_loader"):
        present.offers("acme", IDS)


# catalog data


def test_a_shop_that_says_nothing_of_its_catalog_has_no_digests() -> None:
    assert Shop(list).present.catalog(["a"]) == {"a": NO_CATALOG}


def test_a_broken_sku_does_not_stop_the_others() -> None:
    def skus(ids: Sequence[str]) -> Iterator[Any]:
        for sku_id in ids:
            if sku_id != "unknown":
                yield make_sku(
                    sku_id, description="\ud800" if sku_id == "half" else "whole", weight_grams=-(sku_id == "b")
                )

    found = Shop(list, skus=skus).present.catalog(["a", "b", "half", "unknown"])
    assert found["a"] == digest(make_sku("a", description="whole", weight_grams=0))
    assert found["b"] == NotRead("the shop's sku_loader raised ValueError")
    assert isinstance(found["half"], NotRead)
    assert found["unknown"] == NO_CATALOG


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "500 g"},
        {"brand": "Another"},
        {"ean": None, "ref_id": "R-1"},
        {"height": 21},
        {"images": (SkuImage(name="Bag", url="https://shop.example/other.jpg"),)},
        {"specifications": {"Roast": ["dark"]}},
    ],
)
def test_other_catalog_data_has_another_digest(changes: dict[str, Any]) -> None:
    assert digest(make_sku(**changes)) != digest(make_sku())


@pytest.mark.parametrize(
    "changes", [{"price": 1}, {"stock": 0}, {"height": Decimal("20.00")}, {"images": [*make_sku().images]}]
)
def test_the_same_catalog_data_has_the_same_digest(changes: dict[str, Any]) -> None:
    assert digest(make_sku(**changes)) == digest(make_sku())


def test_the_order_of_specifications_does_not_count() -> None:
    one = make_sku(specifications={"Roast": ["dark"], "Size": ["250 g"]})
    assert digest(one) == digest(make_sku(specifications={"Size": ("250 g",), "Roast": ("dark",)}))


def test_a_function_that_fails_slowly_for_all_is_not_asked_for_each() -> None:
    """A service that is down has each call wait for its time-out."""
    now = [0.0]

    def fail(_: Sequence[str]) -> Iterable[Offer]:
        now[0] += 3
        raise ConnectionError

    shop = Shop(fail)
    shop.present._monotonic = lambda: now[0]
    found = shop.present.offers("acme", IDS)
    assert len(shop.asked) == 2
    assert found == dict.fromkeys(IDS, NotRead("the shop's offer_loader raised ConnectionError"))
