"""Frozen dataclasses that are quick to import and quick to make.

The standard library compiles six methods for each of them, and calls a function for each slot of an object. That was a
third of the package's import, and, with a hundred offers to make from rows, a tenth of the answer to a cart. Here only
`__init__` is compiled, and fills the slots of an object that is frozen when it is full.
"""

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, fields
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, Literal, TypeVar

__all__ = ["thawed", "value_class"]

T = TypeVar("T")
_Fields = tuple[Field[Any], ...]
_Methods = dict[str, Callable[..., Any]]


class _Factory:
    def __repr__(self) -> str:
        return "<factory>"


_FACTORY = _Factory()
"""Stands for a default that is made anew for each object."""


def thawed(kind: type) -> type:
    """Return a class whose objects become those of `kind`, a value class, by nothing but `made.__class__ = kind`.

    It is not frozen: its slots are filled by plain assignment, the quickest there is.
    """
    return type(kind.__name__, (), {"__slots__": vars(kind)["__slots__"]})


def _value_class(
    *, frozen: Literal[True], slots: Literal[True], kw_only: Literal[True], eq: bool = True
) -> Callable[[type[T]], type[T]]:
    """Do what `dataclasses.dataclass` does, for a class that extends none and has fields of the usual kind.

    Raises:
        TypeError: it is another.
    """

    def make(kind: type[T]) -> type[T]:
        if kind.__bases__ != (object,):
            raise TypeError(f"{kind.__name__} extends a class: make it a dataclass of the standard library")
        made: Any = dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(kind)
        made.__dataclass_params__.frozen = frozen  # a subclass has to be so, too
        told = fields(made)
        if len(told) != len(made.__dataclass_fields__) or any(not one.init or one.hash is not None for one in told):
            raise TypeError(f"{kind.__name__} has unusual fields: make it a dataclass of the standard library")
        methods = {"__init__": _init(made, told), **_methods(told), **(_comparing(told) if eq else {})}
        for name, method in methods.items():
            method.__name__, method.__qualname__ = name, f"{made.__qualname__}.{name}"
            method.__module__ = made.__module__
            setattr(made, name, method)
        return made  # type: ignore[no-any-return]

    return make


if TYPE_CHECKING:
    # What is known of the standard library's holds for these, `dataclasses.replace` included.
    from dataclasses import dataclass as value_class
else:
    value_class = _value_class


def _methods(told: _Fields) -> _Methods:
    names = {field.name: field.repr for field in told}

    @recursive_repr()
    def show(self: object) -> str:
        shown = [f"{name}={getattr(self, name)!r}" for name, is_shown in names.items() if is_shown]
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def assign(self: object, name: str, value: object) -> None:
        if name in names:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        object.__setattr__(self, name, value)  # of a subclass that has more than fields

    def delete(self: object, name: str) -> None:
        if name in names:
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        object.__delattr__(self, name)

    def state(self: object) -> tuple[list[Any], dict[str, Any]]:
        return [getattr(self, name) for name in names], getattr(self, "__dict__", {})

    def restore(self: object, state: tuple[list[Any], dict[str, Any]]) -> None:
        values, more = state
        _fill(self, **dict(zip(names, values, strict=False)), **more)

    return {
        "__repr__": show,
        "__setattr__": assign,
        "__delattr__": delete,
        "__getstate__": state,
        "__setstate__": restore,
    }


def _comparing(told: _Fields) -> _Methods:
    compared = attrgetter(*[field.name for field in told if field.compare])

    def equals(self: object, other: object) -> bool:
        return compared(self) == compared(other) if type(other) is type(self) else NotImplemented

    def digest(self: object) -> int:
        return hash(compared(self))

    return {"__eq__": equals, "__hash__": digest}


def _fill(self: object, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(self, name, value)


def _init(kind: type, told: _Fields) -> Callable[..., None]:
    """Return the `__init__` of a class; an object of a subclass, with another layout, is filled by a call each slot."""
    types = {field.name: field.type for field in told}
    defaults = {field.name: field.default for field in told if field.default is not MISSING}
    factories = {field.name: field.default_factory for field in told if field.default_factory is not MISSING}
    lines = [
        f"def __init__(self, *, {', '.join(types)}):",
        *(f" if {name} is _factory: {name} = _factories[{name!r}]()" for name in factories),
        " if self.__class__ is _kind:",
        "  _set(self, '__class__', _thawed)",
        *(f"  self.{name} = {name}" for name in types),
        "  self.__class__ = _kind",
        " else: _fill(**locals())",
        " self.__post_init__()" if hasattr(kind, "__post_init__") else "",
    ]
    known: dict[str, Any] = {"_kind": kind, "_thawed": thawed(kind), "_set": object.__setattr__, "_fill": _fill}
    known |= {"_factory": _FACTORY, "_factories": factories}
    # Made as a dataclass makes its methods: the text holds names of fields, nothing else.
    exec("\n".join(lines), known)  # noqa: S102
    made: Any = known["__init__"]
    made.__kwdefaults__ = defaults | dict.fromkeys(factories, _FACTORY)
    made.__annotations__ = types | {"return": None}
    return made  # type: ignore[no-any-return]
