"""Value classes are the standard library's frozen dataclasses to everybody who uses them."""

import copy
import dataclasses
import inspect
import pickle
import pkgutil
from collections.abc import Mapping
from importlib import import_module
from typing import Any
from unittest.mock import ANY

import pytest

import flask_vtex_seller
from flask_vtex_seller import Offer, values
from flask_vtex_seller.values import thawed, value_class

standard = dataclasses.dataclass


def tags() -> dict[str, Any]:
    return {"size": "M"}


def declare(dataclass: Any) -> Any:
    """Return a class, declared with this decorator, that has all that the package's have."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Parcel:
        """Some goods."""

        type: str
        object: int
        tuple: "list[int] | None" = None
        tags: Mapping[str, Any] = dataclasses.field(default_factory=tags, compare=False)
        receiver: str | None = dataclasses.field(default=None, repr=False)

        def __post_init__(self) -> None:
            if self.object < 0:
                raise ValueError("Parcel.object is negative")

        @property
        def is_heavy(self) -> bool:
            return self.object > 10

    return Parcel


@value_class(frozen=True, slots=True, kw_only=True)
class Kept:
    """At a module's level, where pickle finds it."""

    name: str
    size: int = 1


@value_class(frozen=True, slots=True, kw_only=True, eq=False)
class Same:
    """Equal to itself alone."""

    name: str


BOTH = pytest.mark.parametrize("parcel", [declare(value_class), declare(standard)], ids=["value class", "dataclass"])


@BOTH
def test_it_is_shown_and_compared_by_its_fields(parcel: Any) -> None:
    one = parcel(type="box", object=3, receiver="Jo", tags={"a": 1})
    assert repr(one) == "declare.<locals>.Parcel(type='box', object=3, tuple=None, tags={'a': 1})"
    assert one == parcel(type="box", object=3, receiver="Jo", tags={}), "tags are not compared"
    assert one != parcel(type="box", object=3, receiver="Al")
    assert hash(one) == hash(parcel(type="box", object=3, receiver="Jo"))
    assert hash(one) != hash(parcel(type="box", object=3, receiver="Al"))
    assert one != ("box", 3, None, "Jo")
    assert one == ANY
    assert {one: "found"}[parcel(type="box", object=3, receiver="Jo")] == "found"
    assert dataclasses.asdict(one) == {
        "type": "box",
        "object": 3,
        "tuple": None,
        "tags": {"a": 1},
        "receiver": "Jo",
    }
    assert parcel.__doc__ == "Some goods."
    assert one.is_heavy is False


@BOTH
def test_it_cannot_be_changed(parcel: Any) -> None:
    one = parcel(type="box", object=3)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'object'"):
        one.object = 4
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'object'"):
        del one.object
    assert one.object == 3
    assert not hasattr(one, "__dict__")
    assert type(one) is parcel


@BOTH
def test_it_is_made_of_keywords_alone_and_checks_itself(parcel: Any) -> None:
    for wrong, said in (
        (((), {"type": "box"}), "missing 1 required keyword-only argument: 'object'"),
        (((), {"type": "box", "object": 3, "more": 1}), "got an unexpected keyword argument 'more'"),
        ((("box",), {"object": 3}), "takes 1 positional argument but 2"),
    ):
        arguments, named = wrong
        with pytest.raises(TypeError, match=r"Parcel\.__init__\(\) " + said):
            parcel(*arguments, **named)
    with pytest.raises(ValueError, match="negative"):
        parcel(type="box", object=-1)
    assert parcel(type="a", object=1).tags == tags()
    assert parcel(type="a", object=1).tags is not parcel(type="b", object=1).tags


@BOTH
def test_a_changed_copy_is_checked_too(parcel: Any) -> None:
    one = parcel(type="box", object=3, receiver="Jo")
    assert dataclasses.replace(one, object=4) == parcel(type="box", object=4, receiver="Jo")
    with pytest.raises(ValueError, match="negative"):
        dataclasses.replace(one, object=-1)
    with pytest.raises(TypeError):
        dataclasses.replace(one, more=1)


@BOTH
def test_copies_are_equal_and_frozen(parcel: Any) -> None:
    one = parcel(type="box", object=3, tags={"a": []})
    for made in (copy.copy(one), copy.deepcopy(one)):
        assert made == one
        assert made.tags == one.tags
        with pytest.raises(dataclasses.FrozenInstanceError):
            made.object = 4
    assert copy.deepcopy(one).tags["a"] is not one.tags["a"]


@BOTH
def test_a_dataclass_may_extend_it_that_is_frozen_too(parcel: Any) -> None:
    @standard(frozen=True, slots=True, kw_only=True)
    class Heavy(parcel):  # type: ignore[misc]
        weight: int

    heavy = Heavy(type="box", object=3, weight=7)
    assert repr(heavy).endswith("Heavy(type='box', object=3, tuple=None, tags={'size': 'M'}, weight=7)")
    assert dataclasses.replace(heavy, weight=8).weight == 8
    with pytest.raises(dataclasses.FrozenInstanceError):
        heavy.object = 4
    with pytest.raises(TypeError, match="cannot inherit non-frozen dataclass from a frozen one"):

        @standard
        class Loose(parcel):  # type: ignore[misc]
            pass


@BOTH
def test_what_a_dataclass_inherits_knows_nothing_of_what_it_adds(parcel: Any) -> None:
    """It may hold what must not be shown, or what cannot be hashed."""

    @standard(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
    class Kept(parcel):  # type: ignore[misc]
        more: dict[str, int]

    one = Kept(type="box", object=3, more={"a": 1})
    assert repr(one).endswith("Kept(type='box', object=3, tuple=None, tags={'size': 'M'})")
    assert one == Kept(type="box", object=3, more={})
    assert hash(one) == hash(Kept(type="box", object=3, more={}))


@BOTH
def test_what_holds_itself_can_be_shown(parcel: Any) -> None:
    one = parcel(type="box", object=3, tags={})
    one.tags["self"] = one
    assert repr(one).endswith("Parcel(type='box', object=3, tuple=None, tags={'self': ...})")


def test_it_has_no_other_attributes() -> None:
    """As a dataclass should; the standard library's with slots raise a TypeError about `super` instead."""
    one = declare(value_class)(type="box", object=3)
    with pytest.raises(AttributeError, match="no attribute 'unknown'"):
        one.unknown = 4
    with pytest.raises(AttributeError, match="unknown"):
        del one.unknown


def test_a_subclass_of_a_shop_may_have_other_attributes() -> None:
    """It cannot have any of its own in the standard library, for the same reason."""
    parcel = declare(value_class)

    class Fragile(parcel):  # type: ignore[misc]
        def __init__(self, note: str, **fields: Any) -> None:
            super().__init__(**fields)
            self.note = note

    one = Fragile("glass", type="box", object=3)
    assert (one.note, one.object, one.tags, one.receiver) == ("glass", 3, tags(), None)
    assert type(one) is Fragile
    assert one != parcel(type="box", object=3)
    assert one == Fragile("china", type="box", object=3)
    assert (copy.copy(one).note, copy.deepcopy(one).note) == ("glass", "glass")
    one.note = "china"
    del one.note
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.object = 4
    with pytest.raises(ValueError, match="negative"):
        Fragile("glass", type="box", object=-3)


def test_both_say_the_same_of_their_making() -> None:
    ours, theirs = declare(value_class), declare(standard)
    assert str(inspect.signature(ours)) == str(inspect.signature(theirs))
    assert inspect.get_annotations(ours.__init__) == inspect.get_annotations(theirs.__init__)
    assert [field.name for field in dataclasses.fields(ours)] == [field.name for field in dataclasses.fields(theirs)]
    assert ours.__match_args__ == theirs.__match_args__
    assert ours.__slots__ == theirs.__slots__
    assert ours.__init__.__module__ == ours.__repr__.__module__ == __name__


def test_it_survives_pickling() -> None:
    again = pickle.loads(pickle.dumps(Kept(name="a", size=2)))  # noqa: S301
    assert again == Kept(name="a", size=2)
    assert type(again) is Kept


def test_without_eq_each_is_equal_to_itself_alone() -> None:
    one = Same(name="a")
    assert one == one
    assert one != Same(name="a")
    assert hash(one) != hash(Same(name="a"))


def test_an_object_that_was_filled_before_it_was_frozen_is_like_any_other() -> None:
    made: Any = thawed(Kept)()
    made.name, made.size = "a", 2
    made.__class__ = Kept
    assert made == Kept(name="a", size=2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.size = 3


def test_its_own_objects_are_filled_by_plain_assignment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is what it is for; one of a subclass cannot be."""
    filled: list[str] = []
    monkeypatch.setattr(values, "_fill", lambda self, **_: filled.append(type(self).__name__))
    parcel = declare(value_class)
    assert parcel(type="box", object=3).object == 3
    assert filled == []
    type("Sub", (parcel,), {"__post_init__": lambda _: None})(type="box", object=3)
    assert filled == ["Sub"]


def test_what_it_would_not_do_as_the_standard_library_does_it_refuses() -> None:
    class Plain:
        pass

    class Extending(Plain):
        size: int

    class Computed:
        size: int = dataclasses.field(init=False, default=1)

    class Unhashed:
        size: int = dataclasses.field(hash=False)

    class Passing:
        size: dataclasses.InitVar[int]

    for kind, said in ((Extending, "extends"), (Computed, "fields"), (Unhashed, "fields"), (Passing, "fields")):
        with pytest.raises(
            TypeError, match=rf"{kind.__name__} .*{said}.*: make it a dataclass of the standard library"
        ):
            value_class(frozen=True, slots=True, kw_only=True)(kind)


def test_each_public_value_class_has_a_docstring_and_types_for_its_making() -> None:
    public = [getattr(flask_vtex_seller, name) for name in flask_vtex_seller.__all__]
    found = [one for one in public if isinstance(one, type) and dataclasses.is_dataclass(one)]
    assert Offer in found
    for kind in found:
        assert set(inspect.get_annotations(kind.__init__)) == {*(f.name for f in dataclasses.fields(kind)), "return"}


def test_no_module_of_the_core_compiles_six_methods_a_class() -> None:
    """What is frozen and imported with the package is a value class, save one that extends another."""
    slow = []
    for found in pkgutil.walk_packages(flask_vtex_seller.__path__, "flask_vtex_seller."):
        if found.name.split(".")[1] in {"sandbox", "testing", "conformance", "cli"} or "__main__" in found.name:
            continue
        for kind in vars(import_module(found.name)).values():
            if isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind.__module__ == found.name:
                frozen = kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
                if frozen and "_thawed" not in kind.__init__.__globals__:
                    slow.append(kind.__name__)
    assert sorted(slow) == ["Message", "_Operation"]
