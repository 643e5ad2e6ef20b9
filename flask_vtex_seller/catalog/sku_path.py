"""The way from a row of a watched model to the ids of its SKUs: an attribute of its own, or one of a related row."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, inspect, select, tuple_
from sqlalchemy.orm import (
    ColumnProperty,
    InstanceState,
    LoaderCallableStatus,
    Mapper,
    RelationshipDirection,
    RelationshipProperty,
    aliased,
)
from sqlalchemy.schema import Column
from sqlalchemy.types import TypeEngine

from ..errors import ConfigurationError

Key = tuple[Hashable, ...]
"""The values of a row's primary or foreign key."""
UNLOADED = LoaderCallableStatus.NO_VALUE
"""Not known without asking the database."""
_AT_ONCE = 5_000
"""Rows a query: databases bound the number of parameters."""


class SkuPath:
    """The names from a model to the attribute that holds a SKU's id, such as `product.code`.

    Args:
        mapper: of the model.
        path: relationships, then a column, with dots between them.
    """

    def __init__(self, mapper: Mapper[Any], path: str) -> None:
        self.mapper = mapper
        self._path = path
        *self._steps, self._attribute = path.split(".")

    @property
    def is_own(self) -> bool:
        """Tell whether the id stands in the row itself."""
        return not self._steps

    @cached_property
    def relationships(self) -> list[RelationshipProperty[Any]]:
        """The relationships of the path; they are known once the mappers are configured.

        Raises:
            ConfigurationError: a name of the path is none of its model's.
        """
        found, mapper = list[RelationshipProperty[Any]](), self.mapper
        for step in self._steps:
            relationship = mapper.get_property(step) if mapper.has_property(step) else None
            if not isinstance(relationship, RelationshipProperty):
                raise ConfigurationError(
                    f"sku_id={self._path!r}: {mapper.class_.__name__} has no relationship {step!r}"
                )
            found.append(relationship)
            mapper = relationship.mapper
        require_columns(mapper, f"sku_id={self._path!r}", [self._attribute])
        return found

    @cached_property
    def column(self) -> Column[Any]:
        """The column of an id that stands in the row itself."""
        (column, *_) = self.mapper.get_property(self._attribute).columns
        return column  # type: ignore[no-any-return]

    @cached_property
    def foreign_columns(self) -> list[Column[Any]]:
        """The columns of the row that say which related row is its own; none if the other side says it."""
        if self.is_own or self.relationships[0].direction is not RelationshipDirection.MANYTOONE:
            return []
        return [local for local, _ in self.relationships[0].local_remote_pairs or ()]  # type: ignore[misc]

    @property
    def is_to_many(self) -> bool:
        """Tell whether a row may have several SKUs: only the database says which."""
        return not self.is_own and not self.foreign_columns

    @cached_property
    def deciding(self) -> list[str]:
        """The attributes of the row whose change gives it to another SKU."""
        return [self._attribute] if self.is_own else [self._key_of(column) for column in self.foreign_columns]

    def _key_of(self, column: ColumnElement[Any]) -> str:
        return self.mapper.get_property_by_column(column).key

    @cached_property
    def types(self) -> Mapping[str, TypeEngine[Any]]:
        """The columns' types of `deciding`."""
        columns = [self.column] if self.is_own else self.foreign_columns
        return dict(zip(self.deciding, (column.type for column in columns), strict=True))

    @cached_property
    def primary_names(self) -> list[str]:
        """The attributes of the row's primary key."""
        return [self._key_of(column) for column in self.mapper.primary_key]

    @cached_property
    def _primary_keys(self) -> list[Any]:
        return [getattr(self.mapper.class_, name) for name in self.primary_names]

    def loaded(self, state: InstanceState[Any]) -> Any:
        """Return the id as the loaded rows have it, `UNLOADED` if they do not say it."""
        if self.is_own:
            return state.dict.get(self._attribute, UNLOADED)
        if self.is_to_many or not state.committed_state.keys().isdisjoint(self.deciding):
            return UNLOADED  # what is loaded may be the row that it belonged to before
        row = state
        for step in self._steps:
            related = state.dict.get(step, UNLOADED)
            if related is None:
                return None
            if related is UNLOADED or isinstance(related, list | set | dict):
                return UNLOADED
            state = inspect(related)
            if step == self._steps[0] and not self._is_related(row, state):
                return UNLOADED
        return state.dict.get(self._attribute, UNLOADED)

    def _is_related(self, state: InstanceState[Any], related: InstanceState[Any]) -> bool:
        """Tell whether the row's foreign key names the related row; SQLAlchemy keeps another that was loaded before."""
        return all(state.dict.get(local, UNLOADED) == related.dict.get(remote) for local, remote in self._key_pairs)

    @cached_property
    def _key_pairs(self) -> list[tuple[str, str]]:
        first = self.relationships[0]
        remote = (column for _, column in first.local_remote_pairs or ())
        return list(
            zip(self.deciding, (first.mapper.get_property_by_column(column).key for column in remote), strict=True)
        )

    def stored(self, state: InstanceState[Any]) -> Any:
        """Return the id as the database has it before the flush, `UNLOADED` if the loaded rows do not say it."""
        if self.is_own:
            return state.committed_state.get(self._attribute, state.dict.get(self._attribute, UNLOADED))
        return self.loaded(state)

    def before(self, state: InstanceState[Any]) -> Key:
        """Return the values of `deciding` as the database has them before the flush; `UNLOADED` for what is unknown."""
        return tuple(state.committed_state.get(name, state.dict.get(name, UNLOADED)) for name in self.deciding)

    def key_of(self, state: InstanceState[Any]) -> Key:
        """Return the row's primary key; None stands for a value that is not known."""
        names = self.primary_names
        if state.key is None:
            return tuple(map(state.dict.get, names))
        return tuple(state.dict.get(name, value) for name, value in zip(names, state.key[1], strict=True))

    def of_rows(self, connection: Connection, keys: Iterable[Key]) -> Iterator[tuple[Key, Any]]:
        """Find the ids of rows by their primary keys; yields each row's key with an id."""
        model = self.mapper.class_
        statement = self._joined(select(*self._primary_keys), model, self.relationships)
        return _ask(connection, statement, self._primary_keys, keys)

    def of_deciding(self, connection: Connection, values: Iterable[Key]) -> Iterator[Any]:
        """Find the ids that rows with these values in `deciding` have; values that are not known are left out."""
        known = [key for key in values if key and UNLOADED not in key]
        if self.is_own:
            return (value for (value,) in known)
        return (sku_id for _, sku_id in self.of_foreign_keys(connection, known)) if known else iter(())

    def of_foreign_keys(self, connection: Connection, keys: Iterable[Key]) -> Iterator[tuple[Key, Any]]:
        """Find the ids that rows with these values in `foreign_columns` have; yields each with an id."""
        first, *others = self.relationships
        related = aliased(first.mapper.class_)
        remote = [
            getattr(related, first.mapper.get_property_by_column(column).key)
            for _, column in first.local_remote_pairs or ()
        ]
        return _ask(connection, self._joined(select(*remote), related, others), remote, keys)

    def of_matching(
        self, connection: Connection, model: type[Any], criteria: ColumnElement[bool] | None, parameters: Any
    ) -> list[Any]:
        """Find the ids of the rows of the model, or of a subclass, that meet criteria; lock them where possible."""
        statement = self._joined(select(), model, self.relationships).with_for_update(of=model)
        statement = statement if criteria is None else statement.where(criteria)
        return list(connection.execute(statement, parameters or {}).scalars())

    def _joined(self, statement: Select[Any], entity: Any, relationships: Iterable[Any]) -> Select[Any]:
        statement = statement.select_from(entity)
        for relationship in relationships:
            related = aliased(relationship.mapper.class_)
            statement = statement.join(getattr(entity, relationship.key).of_type(related))
            entity = related
        return statement.add_columns(getattr(entity, self._attribute))


def require_columns(mapper: Mapper[Any], what: str, names: Iterable[str]) -> None:
    """Check that a model has these columns under these names.

    Raises:
        ConfigurationError: it lacks one; names it and `what` wanted it.
    """
    for name in names:
        attribute = mapper.get_property(name) if mapper.has_property(name) else None
        if not isinstance(attribute, ColumnProperty) or not isinstance(attribute.columns[0], Column):
            raise ConfigurationError(f"{what}: {mapper.class_.__name__} has no column under the name {name!r}")


def _ask(
    connection: Connection, statement: Select[Any], columns: Sequence[Any], keys: Iterable[Key]
) -> Iterator[tuple[Key, Any]]:
    single = len(columns) == 1
    wanted = (columns[0] if single else tuple_(*columns)).in_(bindparam("keys", expanding=True))
    remaining = iter(dict.fromkeys(key for key in keys if None not in key and UNLOADED not in key))
    while some := list(islice(remaining, _AT_ONCE)):
        values = [key for (key,) in some] if single else some
        for *key, sku_id in connection.execute(statement.where(wanted), {"keys": values}):
            yield tuple(key), sku_id
