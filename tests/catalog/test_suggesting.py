"""What leaves as a suggestion: brands and categories as the marketplace has them, variations one after the other."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from flask_vtex_seller.catalog.sku import Sku
from flask_vtex_seller.catalog.spacing import SPACING, Spacing
from flask_vtex_seller.hook import Hook

from ..shops import StoppedClock
from .conftest import World, make_sku

STEP = SPACING.total_seconds()


def suggest(world: World, *sku_ids: str) -> None:
    for sku_id in sku_ids:
        world.answer("suggestion", 200, sku_id=sku_id)
        world.say("suggestion", sku_id)


def sent(world: World) -> list[str]:
    return [request.path.rpartition("/")[2] for request in world.wire.request_history]


def reason(world: World, sku_id: str = "beans-250") -> str:
    found = world.record(sku_id)
    assert found is not None
    return found.reason


# brands and categories


def test_brand_and_category_leave_as_the_marketplace_has_them(world: World) -> None:
    told: list[tuple[str, str]] = []

    def brand(name: str, marketplace: str, /) -> str:
        told.append((name, marketplace))
        return "FRUIT AND BEAN"

    world.brand_mapper.register(brand)
    world.category_mapper.register(lambda category, _: {"Coffee/Whole bean": "Groceries/Coffee"}[category])
    suggest(world, "beans-250")
    world.drain()
    body = json.loads(world.wire.request_history[0].body)
    assert (body["BrandName"], body["CategoryFullPath"]) == ("FRUIT AND BEAN", "Groceries/Coffee")
    assert told == [("Fruit & Bean", "acme")]


def test_the_finisher_sees_what_was_mapped_and_the_shops_own_sku(world: World) -> None:
    seen: list[tuple[str, str]] = []

    def finish(sku: Sku, suggestion: dict[str, Any], _: str, /) -> dict[str, Any]:
        seen.append((sku.brand, suggestion["BrandName"]))
        return suggestion

    world.brand_mapper.register(lambda brand, _: brand.upper())
    world.finisher.register(finish)
    suggest(world, "beans-250")
    world.drain()
    assert seen == [("Fruit & Bean", "FRUIT & BEAN")]


@pytest.mark.parametrize("hook", ["brand_mapper", "category_mapper"])
@pytest.mark.parametrize("answer", [None, "", " ", 7, ["Coffee"]])
def test_a_mapper_that_returns_no_text_stops_its_sku_alone(world: World, hook: str, answer: Any) -> None:
    world.skus |= {"other": make_sku("other", brand="Other", category="Other/Things")}
    getattr(world, hook).register(lambda name, _: name if name.startswith("Other") else answer)
    suggest(world, "beans-250", "other")
    world.drain()
    assert sent(world) == ["other"]
    assert reason(world) == f"the shop's {hook} must return a str that is not empty"


def test_a_mapper_that_raises_stops_its_sku_alone_without_its_words(world: World) -> None:
    world.skus |= {"other": make_sku("other", brand="Other")}
    world.brand_mapper.register(lambda brand, _: {"Other": "Other"}[brand])
    suggest(world, "beans-250", "other")
    world.drain()
    assert (sent(world), reason(world)) == (["other"], "the shop's brand_mapper raised KeyError")


def test_what_a_mapper_says_is_checked_as_what_the_shop_says(world: World) -> None:
    world.category_mapper.register(lambda *_: "Coffee//Ground")
    suggest(world, "beans-250")
    world.drain()
    assert sent(world) == []
    assert reason(world).startswith("SKU beans-250 cannot be suggested: category must be a path")


# bad ones among good ones


def test_of_many_that_are_suggested_together_each_bad_one_is_named_and_the_others_leave(world: World) -> None:
    """P54, P55: before any call, and with one call of the shop's function more for each half."""
    good = [f"good-{number}" for number in range(12)]
    world.skus = {
        **{sku_id: make_sku(sku_id) for sku_id in good},
        "no-image": make_sku("no-image", images=()),
        "too-long": make_sku("too-long", name="x" * 151),
    }

    def load(sku_ids: Sequence[str], /) -> Iterator[Any]:
        world.asked.append(sku_ids)
        yield make_sku("never-asked-for")
        for sku_id in sku_ids:
            if sku_id == "breaks":
                raise ZeroDivisionError
            if sku_id == "twice":
                yield make_sku(sku_id, name="one")
                yield make_sku(sku_id, name="two")
            elif sku_id in world.skus:
                yield world.skus[sku_id]

    world.sku_loader = Hook("sku_loader")
    world.sku_loader.register(load)
    bad = ["no-image", "breaks", "twice", "too-long", "gone"]
    suggest(world, *good[:6], *bad, *good[6:])
    report = world.drain()
    assert (report.delivered, report.dead) == (12, 5)
    assert sorted(sent(world)) == sorted(good)
    assert {sku_id: reason(world, sku_id).partition(": ")[2] or reason(world, sku_id) for sku_id in bad} == {
        "no-image": "images is empty",
        "breaks": "the shop's sku_loader raised ZeroDivisionError",
        "twice": "the shop's sku_loader returns it twice, with different data",
        "too-long": "name is longer than 150 characters",
        "gone": "the shop's sku_loader does not return it",
    }
    assert len(world.asked) < 10


# variations


def test_variations_of_a_product_are_suggested_one_after_the_other(world: World) -> None:
    sizes = ["s", "m", "l"]
    world.skus = {sku_id: make_sku(sku_id, product_id="shirt") for sku_id in sizes} | {"cup": make_sku("cup")}
    suggest(world, *world.skus)
    counts = []
    for _ in range(4):
        world.drain()
        counts.append(sent(world))
        world.clock.advance(STEP - 0.1)
        world.drain()
        world.clock.advance(0.1)
    assert counts == [["s", "cup"], ["s", "cup", "m"], ["s", "cup", "m", "l"], ["s", "cup", "m", "l"]]
    assert {(message.attempts, len(message.tries)) for message in world.messages()} == {(1, 1)}, "waiting is no attempt"


def test_a_variation_that_is_not_ready_keeps_no_other_waiting(world: World) -> None:
    world.skus = {
        "s": make_sku("s", product_id="shirt", images=()),
        "m": make_sku("m", product_id="shirt"),
    }
    suggest(world, "s", "m")
    report = world.drain()
    assert (report.delivered, report.dead, sent(world)) == (1, 1, ["m"])


def test_a_product_is_free_again_after_a_while_and_others_always_are() -> None:
    spacing, clock = Spacing(), StoppedClock()

    def wait(product_id: str, marketplace: str = "acme", ahead: int = 0) -> float | None:
        moment = spacing.wait_until(marketplace, product_id, now=clock.now(), ahead=ahead)
        return None if moment is None else (moment - clock.now()).total_seconds()

    assert [wait("shirt"), wait("shirt"), wait("shirt", ahead=2)] == [None, STEP, 3 * STEP]
    assert [wait("cup"), wait("shirt", "other")] == [None, None]
    clock.advance(STEP)
    assert [wait("shirt"), wait("shirt")] == [None, STEP]
    spacing.forget()
    assert wait("shirt") is None


def test_products_of_long_ago_are_forgotten() -> None:
    spacing, clock = Spacing(), StoppedClock()
    for number in range(5000):
        spacing.wait_until("acme", f"product-{number}", now=clock.now(), ahead=0)
        clock.advance(1)
    assert len(spacing._free_at) <= 1001
