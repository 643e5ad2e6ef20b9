"""Asking the shop for SKUs: what a bad one breaks, and what it does not."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from flask_vtex_seller.catalog.loading import load_skus
from flask_vtex_seller.catalog.sku import Sku
from flask_vtex_seller.hook import Hook

from .conftest import make_sku

IDS = [f"sku-{number}" for number in range(32)]


def load(function: Callable[[Sequence[str]], Any], sku_ids: Sequence[str] = IDS) -> tuple[dict[str, Any], list[Any]]:
    """Return what is found, errors as their words, and what the function was asked."""
    asked: list[Any] = []
    hook: Hook[Any] = Hook("sku_loader")

    def ask(ids: Sequence[str], /) -> Any:
        asked.append(ids)
        return function(ids)

    hook.register(ask)
    found = load_skus(hook, sku_ids)
    return {sku_id: one if isinstance(one, Sku) else str(one) for sku_id, one in found.items()}, asked


def broken(found: dict[str, Any]) -> dict[str, str]:
    return {sku_id: words for sku_id, words in found.items() if isinstance(words, str)}


def test_all_are_asked_for_at_once_each_once() -> None:
    found, asked = load(lambda ids: map(make_sku, ids), ["a", "b", "a"])
    assert asked == [("a", "b")]
    assert {sku_id: sku.sku_id for sku_id, sku in found.items()} == {"a": "a", "b": "b"}


def test_one_that_the_function_fails_for_is_found_by_halving() -> None:
    def fail(ids: Sequence[str]) -> Iterable[Sku]:
        if "sku-21" in ids:
            raise ZeroDivisionError("with words of the shop's")
        return [make_sku(sku_id) for sku_id in ids]

    found, asked = load(fail)
    assert broken(found) == {"sku-21": "the shop's sku_loader raised ZeroDivisionError"}
    assert len(found) == 32
    assert len(asked) == 11  # 1 + 2 · log2(32)


def test_what_a_generator_yields_before_it_fails_counts() -> None:
    def fail(ids: Sequence[str]) -> Iterator[Sku]:
        for sku_id in ids:
            if sku_id == "sku-30":
                raise KeyError(sku_id)
            yield make_sku(sku_id)

    found, asked = load(fail)
    assert list(broken(found)) == ["sku-30"]
    assert asked == [tuple(IDS), ("sku-30",), ("sku-31",)]


def test_a_thing_that_is_no_sku_does_not_stop_those_beside_it() -> None:
    def answer(ids: Sequence[str]) -> Iterable[Any]:
        return [{"sku_id": sku_id} if sku_id == "sku-3" else make_sku(sku_id) for sku_id in ids]

    found, asked = load(answer)
    assert broken(found) == {"sku-3": "the shop's sku_loader returned dict where Sku objects belong"}
    assert asked == [tuple(IDS)], "the one that is missing is the one"


def test_a_sku_that_was_not_asked_for_is_left_out() -> None:
    found, _ = load(lambda ids: [make_sku("other"), *map(make_sku, ids)])
    assert list(found) == IDS
    assert broken(found) == {}


def test_a_sku_that_is_not_returned_is_said_so() -> None:
    found, asked = load(lambda ids: [make_sku(sku_id) for sku_id in ids if sku_id != "sku-7"])
    assert broken(found) == {"sku-7": "SKU sku-7 cannot be suggested: the shop's sku_loader does not return it"}
    assert len(asked) == 1


def test_the_same_sku_twice_counts_once() -> None:
    found, _ = load(lambda ids: [make_sku(sku_id) for sku_id in [*ids, *ids]])
    assert broken(found) == {}


def test_the_same_sku_twice_with_different_data_is_not_guessed_at() -> None:
    found, _ = load(lambda ids: [*map(make_sku, ids), make_sku("sku-4", name="another"), make_sku("sku-4")])
    words = "SKU sku-4 cannot be suggested: the shop's sku_loader returns it twice, with different data"
    assert broken(found) == {"sku-4": words}


@pytest.mark.parametrize(
    ("answer", "got"), [(None, "NoneType"), (7, "int"), ("sku", "str"), ([None, {}], "NoneType, dict")]
)
def test_an_answer_that_is_none_breaks_all_and_ends(answer: Any, got: str) -> None:
    found, asked = load(lambda _: answer, IDS[:4])
    assert broken(found) == dict.fromkeys(IDS[:4], f"the shop's sku_loader returned {got} where Sku objects belong")
    assert len(asked) == 7


def test_a_passing_trouble_of_the_database_is_no_skus_fault() -> None:
    error = OperationalError("SELECT 1", None, Exception("database is locked"))
    error.orig = __import__("sqlite3").OperationalError("database is locked")

    def fail(_: Sequence[str]) -> Iterable[Sku]:
        raise error

    with pytest.raises(OperationalError):
        load(fail)


def test_without_a_function_each_says_so() -> None:
    found = load_skus(Hook("sku_loader"), ["a", "b"])
    assert all("no sku_loader is registered" in str(error) for error in found.values())
    assert list(found) == ["a", "b"]


def test_a_function_that_fails_slowly_for_all_is_not_asked_for_each() -> None:
    now, asked = [0.0], list[Any]()
    hook: Hook[Any] = Hook("sku_loader")

    def fail(ids: Sequence[str], /) -> Iterable[Sku]:
        asked.append(ids)
        now[0] += 3
        raise ConnectionError

    hook.register(fail)
    found = load_skus(hook, IDS, monotonic=lambda: now[0])
    assert len(asked) == 2
    assert {str(one) for one in found.values()} == {"the shop's sku_loader raised ConnectionError"}
    assert found.keys() == set(IDS)
