"""Frozen dataclasses that are quick to import and quick to make.

The standard library compiles six methods for each of them, and calls a function for each slot of an object. That was a
third of the package's import, and, with a hundred offers to make from rows, a tenth of the answer to a cart. Here only
`__init__` is compiled, and fills the slots of an object that is frozen when it is full; the other methods are shared.
"""

from collections.abc import Callable, Iterable
from dataclasses import MISSING, FrozenInstanceError, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

__all__ = ["thawed", "value_class"]

T = TypeVar("T")

SHARED = ("__repr__", "__setattr__", "__delattr__", "__getstate__", "__setstate__")
COMPARING = ("__eq__", "__hash__")


class _Factory:
    def __repr__(self) -> str:
        return "<factory>"


_FACTORY = _Factory()
"""Stands for a default that is made anew for each object."""


def thawed(kind: type) -> type:
    """Return a class whose objects become those of `kind`, a class with slots, by nothing but `made.__class__ = kind`.

    It is not frozen: its slots are filled by plain assignment, the quickest there is.
    """
    return type(kind.__name__, (), {"__slots__": vars(kind)["__slots__"]})


def _value_class(
    *, frozen: Literal[True], slots: Literal[True], kw_only: Literal[True], eq: bool = True
) -> Callable[[type[T]], type[T]]:
    def make(kind: type[T]) -> type[T]:
        made: Any = dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(kind)
        made.__dataclass_params__.frozen = frozen  # a subclass has to be so, too
        for name in (*SHARED, *COMPARING * eq):
            if name not in vars(kind):
                setattr(made, name, vars(_Methods)[name])
        made.__init__ = _init(made)
        return made  # type: ignore[no-any-return]

    return make


if TYPE_CHECKING:
    # What is known of the standard library's holds for these, `dataclasses.replace` included.
    from dataclasses import dataclass as value_class
else:
    value_class = _value_class


class _Methods:
    """What the values have in common, as the standard library's dataclasses do it."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __repr__(self) -> str:
        shown = (f"{field.name}={getattr(self, field.name)!r}" for field in fields(self) if field.repr)
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def __setattr__(self, name: str, value: object) -> None:
        if name in self.__dataclass_fields__:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        object.__setattr__(self, name, value)  # of a subclass that has more than fields

    def __delattr__(self, name: str) -> None:
        if name in self.__dataclass_fields__:
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        object.__delattr__(self, name)

    def __getstate__(self) -> list[Any]:
        return [getattr(self, field.name) for field in fields(self)]

    def __setstate__(self, state: Iterable[Any]) -> None:
        _fill(self, [field.name for field in fields(self)], state)

    def __eq__(self, other: object) -> bool:
        return _compared(self) == _compared(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(_compared(self))


def _fill(value: object, names: Iterable[str], state: Iterable[Any]) -> None:
    for name, one in zip(names, state, strict=True):
        object.__setattr__(value, name, one)


def _compared(value: Any) -> tuple[Any, ...]:
    return tuple(getattr(value, field.name) for field in fields(value) if field.compare)


def _init(kind: Any) -> Callable[..., None]:
    """Return the `__init__` of a class; an object of a subclass is filled the way that asks for no layout."""
    types = {field.name: field.type for field in fields(kind)}
    names = [*types]
    defaults = {field.name: field.default for field in fields(kind) if field.default is not MISSING}
    factories = {field.name: field.default_factory for field in fields(kind) if field.default_factory is not MISSING}
    lines = [
        f"def __init__(self, *, {', '.join(names)}):",
        *(f" if {name} is FACTORY: {name} = FACTORIES[{name!r}]()" for name in factories),
        " if self.__class__ is KIND:",
        "  SET(self, '__class__', THAWED)",
        *(f"  self.{name} = {name}" for name in names),
        "  self.__class__ = KIND",
        f" else: FILL(self, NAMES, ({', '.join(names)},))",
        " self.__post_init__()" if hasattr(kind, "__post_init__") else "",
    ]
    namespace: dict[str, Any] = {"KIND": kind, "THAWED": thawed(kind), "SET": object.__setattr__}
    namespace |= {"FACTORY": _FACTORY, "FACTORIES": factories, "FILL": _fill, "NAMES": names}
    # Made as a dataclass makes its methods: the text holds names of fields, nothing else.
    exec("\n".join(lines), namespace)  # noqa: S102
    made: Any = namespace["__init__"]
    made.__kwdefaults__ = defaults | dict.fromkeys(factories, _FACTORY)
    made.__annotations__ = types | {"return": None}
    made.__qualname__ = f"{kind.__qualname__}.__init__"
    return made  # type: ignore[no-any-return]
