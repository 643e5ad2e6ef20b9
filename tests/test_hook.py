"""The slots for the shop's functions, and the line between those functions and the package."""

import functools
import sqlite3
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError, TimeoutError

from flask_vtex_seller import ConfigurationError, HookFailed, HookMissing, OutOfStock, PlacementRefused
from flask_vtex_seller.hook import Hook, HookBoundary, WrongAnswer, iterable


def one() -> None: ...


def two() -> None: ...


def made_by_a_factory() -> Callable[[], None]:
    def function() -> None: ...

    return function


async def awaited() -> None: ...


async def yielded_async() -> AsyncIterator[None]:
    yield None


class AwaitedObject:
    async def __call__(self) -> None: ...


def filled() -> Hook[Callable[[], None]]:
    hook: Hook[Callable[[], None]] = Hook("offer_loader")
    hook.register(one)
    return hook


def locked() -> OperationalError:
    error = sqlite3.OperationalError("database is locked: maria")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return OperationalError("INSERT", {}, error)


def test_a_registered_function_is_found() -> None:
    hook = filled()
    assert hook.registered
    assert hook.get() is one
    assert hook.find() is one


def test_an_empty_slot_is_missing_and_says_how_to_fill_it() -> None:
    hook: Hook[Callable[[], None]] = Hook("offer_loader")
    assert not hook.registered
    assert hook.find() is None
    with pytest.raises(HookMissing, match=r"no offer_loader is registered: .* @seller\.offer_loader") as caught:
        hook.get()
    assert caught.value.name == "offer_loader"


def test_another_function_is_refused_and_both_are_named() -> None:
    hook = filled()
    with pytest.raises(ConfigurationError, match=r"offer_loader is already .*\.one; .*\.two cannot be registered"):
        hook.register(two)
    assert hook.get() is one


@pytest.mark.parametrize(
    "function",
    [awaited, yielded_async, functools.partial(awaited), AwaitedObject(), functools.partial(AwaitedObject())],
)
def test_a_coroutine_function_is_refused_when_it_is_registered(function: Callable[[], Any]) -> None:
    hook: Hook[Callable[[], Any]] = Hook("offer_loader")
    with pytest.raises(
        ConfigurationError, match=r"offer_loader must not be async: tests\.test_hook\.(awaited|yielded|Awaited)"
    ):
        hook.register(function)
    assert not hook.registered


def test_the_same_function_of_a_second_factory_run_replaces_the_first() -> None:
    hook: Hook[Callable[[], None]] = Hook("offer_loader")
    first, second = made_by_a_factory(), made_by_a_factory()
    hook.register(first)
    hook.register(second)
    assert hook.get() is second


class Loader:
    def __call__(self) -> None: ...


@pytest.mark.parametrize("make", [Loader, lambda: functools.partial(one)], ids=["object", "partial"])
def test_a_callable_object_of_a_second_factory_run_replaces_the_first(make: Callable[[], Callable[[], None]]) -> None:
    hook: Hook[Callable[[], None]] = Hook("offer_loader")
    first, second = make(), make()
    hook.register(first)
    hook.register(second)
    assert hook.get() is second


def test_a_partial_of_another_function_is_refused() -> None:
    hook: Hook[Callable[[], None]] = Hook("offer_loader")
    hook.register(functools.partial(one))
    with pytest.raises(ConfigurationError, match=r"is already .*\.one; .*\.two cannot be registered"):
        hook.register(functools.partial(two))


def test_a_lambda_of_another_line_is_refused() -> None:
    hook: Hook[Callable[[], None]] = Hook("offer_loader")
    hook.register(lambda: None)
    with pytest.raises(ConfigurationError, match=r"<lambda>:\d+ cannot be registered"):
        hook.register(lambda: None)


def test_a_callable_object_in_place_of_a_function_is_refused_by_its_class() -> None:
    with pytest.raises(ConfigurationError, match=r"\.one; .*\.Loader cannot be registered"):
        filled().register(Loader())


def test_what_a_hook_raises_becomes_words_that_are_safe_to_show() -> None:
    with pytest.raises(HookFailed, match=r"^the shop's place raised KeyError$") as caught, HookBoundary("place"):
        raise KeyError("maria@mail.example")
    assert caught.value.hook == "place"
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_refusal_goes_through_where_it_is_let_through() -> None:
    with pytest.raises(OutOfStock, match="only 1 left"), HookBoundary("place", lets_through=PlacementRefused):
        raise OutOfStock("only 1 left")


def test_a_hook_has_a_boundary_of_its_name_that_lets_its_refusals_through() -> None:
    hook: Hook[Callable[[], None]] = Hook("place", lets_through=PlacementRefused)
    with pytest.raises(OutOfStock), hook.boundary:
        raise OutOfStock("only 1 left")
    with pytest.raises(HookFailed, match=r"^the shop's place raised KeyError$"), hook.boundary:
        raise KeyError


@pytest.mark.parametrize("error", [OutOfStock("maria"), HookMissing("sla_loader"), ConfigurationError("maria")])
def test_an_error_of_ours_is_the_hooks_where_it_means_nothing(error: Exception) -> None:
    words = rf"^the shop's offer_loader raised {type(error).__name__}$"
    with pytest.raises(HookFailed, match=words), HookBoundary("offer_loader"):
        raise error


@pytest.mark.parametrize("error", [locked(), TimeoutError("pool")])
def test_a_databases_passing_trouble_goes_through(error: Exception) -> None:
    with pytest.raises(type(error)), HookBoundary("place"):
        raise error


def test_a_databases_lasting_trouble_is_the_hooks() -> None:
    with pytest.raises(HookFailed, match=r"raised IntegrityError$"), HookBoundary("place"):
        raise IntegrityError("INSERT", {"name": "maria"}, sqlite3.IntegrityError("UNIQUE"))


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_the_end_of_the_process_goes_through(kind: type[BaseException]) -> None:
    with pytest.raises(kind), HookBoundary("place"):
        raise kind


def test_a_hook_that_raises_nothing_passes() -> None:
    with HookBoundary("place"):
        pass


def test_whatever_can_be_iterated_is_an_answer() -> None:
    class Rows:
        """As older database libraries return them."""

        def __getitem__(self, place: int) -> str:
            return ["a", "b"][place]

    rows: Any = Rows()
    assert [*iterable(rows, str)] == ["a", "b"]
    with pytest.raises(WrongAnswer, match=r"^returned NoneType where str objects belong$"):
        iterable(None, str)  # type: ignore[arg-type]
