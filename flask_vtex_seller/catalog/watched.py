"""A model of the shop's of which something is watched: what a change of its rows means for marketplaces."""

import logging
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Table, inspect
from sqlalchemy.exc import NoInspectionAvailable
from sqlalchemy.orm import Mapper

from ..errors import ConfigurationError
from .notices import CHANGE, INVENTORY, PRICE
from .sku import require_sku_id
from .sku_path import SkuPath, require_columns

Kinds = frozenset[str]
Notices = Mapping[str, Collection[str]]
"""The ids of SKUs by kind of notice, each once, in the order of the changes."""
_WRITTEN = frozenset({int, UUID})
"""Types of ids that have one way to be written."""
_log = logging.getLogger(__name__)


class Watch(NamedTuple):
    """What the shop wants watched."""

    model: type[Any]
    sku_id: str
    """The name of an attribute, or a path to one of a related model."""
    catalog: tuple[str, ...] = ()
    """Names of attributes; so it is below."""
    price: tuple[str, ...] = ()
    inventory: tuple[str, ...] = ()

    @classmethod
    def of(cls, model: type[Any], sku_id: str, **columns: Collection[str]) -> "Watch":
        """Return what is wanted, checked as far as it can be before its model is looked at.

        Raises:
            ConfigurationError: a list or a path is none, or there is nothing to watch.
        """
        for name, listed in columns.items():
            if isinstance(listed, str) or not all(isinstance(one, str) for one in listed):
                raise ConfigurationError(f"watch: {name} must be a list of names of attributes, got {listed!r}")
        if not isinstance(sku_id, str) or not all(sku_id.split(".")):
            raise ConfigurationError(f"watch: sku_id must be a name or a path such as 'product.code', got {sku_id!r}")
        if not any(columns.values()):
            raise ConfigurationError("watch: name at least one attribute in price, inventory or catalog")
        return cls(model=model, sku_id=sku_id, **{name: tuple(listed) for name, listed in columns.items()})


class WatchedModel:
    """What changes of a model's rows mean.

    Raises:
        ConfigurationError: it is no mapped model, or has no column of a name.
    """

    def __init__(self, watch: Watch) -> None:
        try:
            mapper = inspect(watch.model)
        except NoInspectionAvailable:
            mapper = None
        if not isinstance(mapper, Mapper):
            raise ConfigurationError(f"watch: {watch.model!r} is no mapped model")
        lists = {CHANGE: watch.catalog, PRICE: watch.price, INVENTORY: watch.inventory}
        names = {name for listed in lists.values() for name in listed}
        require_columns(mapper, "watch", names)
        self.mapper: Mapper[Any] = mapper
        self.path = SkuPath(mapper, watch.sku_id)
        if self.path.is_own:
            require_columns(mapper, "watch: sku_id", [watch.sku_id])
        self.kinds = {name: Kinds(kind for kind, listed in lists.items() if name in listed) for name in names}
        """By the attribute that is watched."""
        self.types = {name: mapper.get_property(name).columns[0].type for name in names}
        self.all_kinds = Kinds().union(*self.kinds.values())
        describes = CHANGE in self.all_kinds
        self.announced = Kinds({CHANGE}) if describes else self.all_kinds
        """What a row that is new to its SKU makes."""
        self.gone = self.all_kinds
        """What a row that is no longer its SKU's makes."""
        if self.path.is_own:
            self.gone = Kinds({INVENTORY}) if describes else self.all_kinds | {INVENTORY}

    @cached_property
    def tables(self) -> frozenset[str]:
        """The tables in which the model's rows, and those of its subclasses, have columns."""
        mappers = {*self.mapper.iterate_to_root(), *self.mapper.self_and_descendants}
        return frozenset(one.local_table.fullname for one in mappers if isinstance(one.local_table, Table))

    def kinds_of(self, names: Iterable[str]) -> Kinds:
        """Return the kinds of notices that changes of these attributes make."""
        return Kinds().union(*(self.kinds[name] for name in names if name in self.kinds))

    def attributes(self, names: Collection[str]) -> set[str]:
        """Return the attributes that matter here, of those that a statement sets by their, or their columns', names."""
        return {
            attribute
            for attribute in (*self.kinds, *self.path.deciding)
            if not names_of(self.mapper, attribute).isdisjoint(names)
        }


def names_of(mapper: Mapper[Any], attribute: str) -> set[str]:
    """Return what a statement may call an attribute: its own name, its column's name and key."""
    column = mapper.get_property(attribute).columns[0]
    return {attribute, column.name, column.key}


class Gathered:
    """Notices about SKUs, while they are gathered."""

    def __init__(self) -> None:
        # A change notice goes first: what follows means something to a marketplace that knows the SKU.
        self._ids: dict[str, dict[str, None]] = {kind: {} for kind in (CHANGE, PRICE, INVENTORY)}

    def add(self, kinds: Iterable[str], value: object) -> None:
        """Add the SKU whose id a column holds; a row without one is no SKU yet, and makes no notice."""
        if value is None:
            return
        if type(value) in _WRITTEN:
            value = str(value)
        try:
            sku_id = require_sku_id(value)
        except (TypeError, ValueError):
            # The shop's own transaction must not fail of it.
            _log.warning("a watched row has an id that no SKU can have", extra={"sku_id": repr(value)})
            return
        for kind in kinds:
            self._ids[kind][sku_id] = None

    def notices(self) -> Notices:
        """Return what was gathered; kinds without a SKU are left out."""
        return {kind: ids for kind, ids in self._ids.items() if ids}
