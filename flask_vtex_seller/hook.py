"""A slot for one function of the shop."""

import traceback
from collections.abc import Callable, Iterable
from functools import partial
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any, Generic, TypeVar

from .database import is_transient
from .errors import ConfigurationError, HookFailed, HookMissing, VtexSellerError

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class WrongAnswer(TypeError):
    """A function of the shop returned something else than it must; the words are ours, and safe to show.

    Args:
        kind: what it must return.
        got: the names of the types that it did return.
    """

    def __init__(self, kind: type, *got: str) -> None:
        super().__init__(f"returned {', '.join(got)} where {kind.__name__} objects belong")


def iterable(answer: Iterable[T], kind: type) -> Iterable[T]:
    """Return what a function of the shop returned, to be iterated.

    Raises:
        WrongAnswer: it cannot be; a `return` was forgotten, most often.
    """
    try:
        return iter(answer)
    except TypeError:
        raise WrongAnswer(kind, type(answer).__name__) from None


class Hook(Generic[F]):
    """A named place where the shop registers one function.

    Looked up when it is called, so registering may come after `init_app`.

    Args:
        name: the decorator's name on `VtexSeller`; errors speak of it.
        required: whether a shop without it cannot serve the protocol.
        lets_through: see `HookBoundary`.
    """

    def __init__(self, name: str, *, required: bool = True, lets_through: type[VtexSellerError] = HookFailed) -> None:
        self.name = name
        self.required = required
        self.boundary = HookBoundary(name, lets_through=lets_through)
        """To call it in."""
        self._function: F | None = None

    def register(self, function: F) -> None:
        """Keep `function`; the same function once more (an app factory run twice) replaces itself.

        Raises:
            ConfigurationError: another function is registered already, or this one is a coroutine function.
        """
        if _is_async(function):
            raise ConfigurationError(f"{self.name} must not be async: {_name(function)} would never be awaited")
        if self._function is not None and _name(self._function) != _name(function):
            raise ConfigurationError(
                f"{self.name} is already {_name(self._function)}; {_name(function)} cannot be registered, too"
            )
        self._function = function

    @property
    def registered(self) -> bool:
        """Tell whether the shop registered a function."""
        return self._function is not None

    def get(self) -> F:
        """Return the shop's function.

        Raises:
            HookMissing: none is registered.
        """
        if self._function is None:
            raise HookMissing(self.name)
        return self._function

    def find(self) -> F | None:
        """Return the shop's function, or None."""
        return self._function


def _is_async(function: Callable[..., Any]) -> bool:
    if isinstance(function, partial):
        return _is_async(function.func)
    calls = function, type(function).__call__
    return any(iscoroutinefunction(call) or isasyncgenfunction(call) for call in calls)


def _name(function: Callable[..., Any]) -> str:
    """Name the function's place in the code: an app factory that runs twice makes the same one twice."""
    if isinstance(function, partial):
        return _name(function.func)
    named = function if hasattr(function, "__qualname__") else type(function)
    name = f"{named.__module__}.{named.__qualname__}"
    return f"{name}:{function.__code__.co_firstlineno}" if name.endswith("<lambda>") else name


class HookBoundary:
    """The line between the package and a function of the shop: `with hook.boundary: …`; many threads may be inside.

    A database's passing trouble goes through; anything else that the function raises becomes `HookFailed`, whose words
    are safe to show.

    Args:
        lets_through: what else this function may raise to be answered as it is.
    """

    __slots__ = ("_lets_through", "_name")

    def __init__(self, name: str, *, lets_through: type[VtexSellerError] = HookFailed) -> None:
        self._name = name
        self._lets_through = lets_through

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception):
            self.judge(error)

    def judge(self, error: Exception) -> None:
        """Raise what an exception of the function becomes; return if it is to be raised as it is.

        For where even entering and leaving a block counts: each cart asks two functions.
        """
        if not isinstance(error, self._lets_through) and not is_transient(error):
            reason = str(error) if isinstance(error, WrongAnswer) else f"raised {type(error).__name__}"
            raise HookFailed(self._name, reason) from error


def places(error: BaseException) -> str:
    """Return the lines of code that an exception came through, for a log.

    Without the exception's own words: a database error quotes its parameters, and those may be a shopper's data.
    """
    return "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
