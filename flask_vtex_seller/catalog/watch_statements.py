"""What statements of the shop's session change of the watched models: `session.execute(update(Model))` and its like.

An UPDATE or DELETE is asked to return what leads to the SKUs of its rows, so that exactly those are told of that it
changed, without a query before it: a transaction of the shop's that begins with its write still does. Only where the
changed row no longer knows its SKU is it asked for before.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, ClauseElement, Connection, Delete, Insert, Result, Table, Update
from sqlalchemy.orm import Mapper, ORMExecuteState
from sqlalchemy.schema import Column

from .sku_path import UNLOADED, Key
from .watched import Gathered, Kinds, Notices, WatchedModel, names_of

Assignments = Mapping[str, Any]
"""What a statement sets, by the names of attributes or columns."""


class _Plan(NamedTuple):
    """How the SKUs are found whose rows an UPDATE or DELETE changes."""

    watched: WatchedModel
    kinds: Kinds
    """What is said of the SKUs of the rows when the statement is through."""
    columns: Sequence[Column[Any]] = ()
    """What the statement returns: what decides about the SKU, or the primary key."""
    by_primary_key: bool = False
    before: Kinds = frozenset()
    """What is said of the SKUs of the rows that match before the statement runs."""

    def found(self, connection: Connection, keys: Iterable[Key]) -> Iterator[Any]:
        """Yield the ids to which the returned keys lead."""
        if self.by_primary_key:
            return (sku_id for _, sku_id in self.watched.path.of_rows(connection, keys))
        return self.watched.path.of_deciding(connection, keys)


def run_watched(state: ORMExecuteState, watched: Sequence[WatchedModel]) -> tuple[Result[Any], Notices] | None:
    """Run a statement that changes watched models; return its result and what is to be said.

    Returns None, with nothing run, if it changes none, or if nothing tells which rows it changes.
    """
    statement = state.statement
    if not isinstance(statement, Insert | Update | Delete) or not isinstance(statement.table, Table):
        return None
    concerned = [one for one in watched if statement.table.fullname in one.tables]
    if not concerned:
        return None
    if isinstance(statement, Insert):
        return _insert(state, statement, [one for one in concerned if _is_whole(state, statement.table, one)])
    if not state.is_executemany:
        return _run(state, statement, [plan for one in concerned if (plan := _plan(state, statement, one))])
    if isinstance(statement, Update) and state.is_orm_statement and statement.whereclause is None:
        return _update_each(state, concerned)
    return None


def _run(
    state: ORMExecuteState, statement: Update | Delete, plans: Sequence[_Plan]
) -> tuple[Result[Any], Notices] | None:
    if not plans:
        return None
    gathered = Gathered()
    for plan in plans:
        if plan.before:
            path, entity = plan.watched.path, _target(state, statement.table, plan.watched).class_
            connection = _connection(state, plan.watched)
            for value in path.of_matching(connection, entity, statement.whereclause, state.parameters):
                gathered.add(plan.before, value)
    columns = list(dict.fromkeys(column for plan in plans for column in plan.columns))
    result, rows = _returning(state, statement, columns)
    for plan in plans:
        places = [columns.index(column) for column in plan.columns]
        keys = (tuple(row[place] for place in places) for row in rows) if places else ()
        for value in plan.found(_connection(state, plan.watched), keys):
            gathered.add(plan.kinds, value)
    return result, gathered.notices()


def _plan(state: ORMExecuteState, statement: Update | Delete, watched: WatchedModel) -> _Plan | None:
    path, table = watched.path, statement.table
    primary: list[Any] = list(table.primary_key)
    is_known = _is_whole(state, table, watched)
    direct = [path.column] if path.is_own else path.foreign_columns
    knows_sku = is_known and direct and all(_is_of(column, table) for column in direct)
    if isinstance(statement, Delete):
        if knows_sku:
            return _Plan(watched=watched, kinds=watched.gone, columns=direct)
        return _Plan(watched=watched, kinds=Kinds(), before=watched.gone)
    names = {name for row in _assignments(statement, state.parameters) for name in row}
    changed = watched.attributes(names)
    if not changed:
        return None
    if changed.isdisjoint(path.deciding):
        columns = direct if knows_sku else primary
        kinds = watched.kinds_of(changed)
        return _Plan(watched=watched, kinds=kinds, columns=columns, by_primary_key=not knows_sku)
    # What is set to a new value cannot be returned.
    columns = primary if all({column.name, column.key}.isdisjoint(names) for column in primary) else []
    kinds, before = watched.announced, watched.gone
    return _Plan(watched=watched, kinds=kinds, columns=columns, by_primary_key=True, before=before)


def _update_each(state: ORMExecuteState, concerned: Sequence[WatchedModel]) -> tuple[Result[Any], Notices] | None:
    """Run an update that names each row by its primary key."""
    rows: Any = state.parameters
    names, gathered, changed = {name for row in rows for name in row}, Gathered(), list[tuple[Any, Kinds, list[Key]]]()
    for watched in concerned:
        path, keys = watched.path, [tuple(map(row.get, watched.path.primary_names)) for row in rows]
        attributes = watched.attributes(names.difference(path.primary_names))
        is_moved = not attributes.isdisjoint(path.deciding)
        if is_moved:
            for _, value in path.of_rows(_connection(state, watched), keys):
                gathered.add(watched.gone, value)
        kinds = watched.announced if is_moved else watched.kinds_of(attributes)
        if kinds:
            changed.append((watched, kinds, keys))
    if not changed:
        return None
    result = state.invoke_statement()
    for watched, kinds, keys in changed:
        for _, value in watched.path.of_rows(_connection(state, watched), keys):
            gathered.add(kinds, value)
    return result, gathered.notices()


def _insert(
    state: ORMExecuteState, statement: Insert, concerned: Sequence[WatchedModel]
) -> tuple[Result[Any], Notices] | None:
    """Run an insert; the SKUs are known by its values."""
    if not concerned:
        return None
    result, gathered = state.invoke_statement(), Gathered()
    rows, is_upsert = _assignments(statement, state.parameters), hasattr(_conflict(statement), "update_values_to_set")
    for watched in concerned:
        path, kinds = watched.path, watched.announced | (watched.all_kinds if is_upsert else Kinds())
        names = [names_of(watched.mapper, attribute) for attribute in path.deciding]
        keys = [tuple(_value(row, of_one) for of_one in names) for row in rows]
        for value in path.of_deciding(_connection(state, watched), keys):
            gathered.add(kinds, value)
        if keys and UNLOADED in keys[0] and (key := _inserted_key(statement, result, rows)):
            for _, value in path.of_rows(_connection(state, watched), [key]):
                gathered.add(kinds, value)
    return result, gathered.notices()


def _inserted_key(statement: Insert, result: Any, rows: Sequence[Assignments]) -> Key | None:
    if len(rows) != 1 or len(statement.exported_columns) or statement.select is not None or _conflict(statement):
        return None
    key = getattr(result, "inserted_primary_key", None)
    return None if key is None else tuple(key)


def _conflict(statement: Insert) -> object:
    return getattr(statement, "_post_values_clause", None)


def _target(state: ORMExecuteState, table: Any, watched: WatchedModel) -> Mapper[Any]:
    """Return the mapper of the rows that a statement changes: that of the watched model, or one below it."""
    if state.bind_mapper is not None:
        return state.bind_mapper if state.bind_mapper.isa(watched.mapper) else watched.mapper
    below = (one for one in watched.mapper.self_and_descendants if one.local_table is table)
    return next(below, watched.mapper)


def _is_whole(state: ORMExecuteState, table: Any, watched: WatchedModel) -> bool:
    """Tell whether all the rows that a statement can change are of the watched model."""
    if state.bind_mapper is not None:
        return state.bind_mapper.isa(watched.mapper)
    mappers = [one for one in watched.mapper.self_and_descendants if one.local_table is table]
    return bool(mappers) and not watched.mapper.single


def _returning(
    state: ORMExecuteState, statement: Update | Delete, columns: Sequence[Column[Any]]
) -> tuple[Result[Any], Sequence[Sequence[Any]]]:
    """Run a statement; return its result as the shop expects it, and the columns of the rows that it changed."""
    if not columns:
        return state.invoke_statement(), []
    if not len(statement.exported_columns):
        result: Any = state.invoke_statement(statement=statement.return_defaults(*columns))
        rows = result.returned_defaults_rows or ()
        return result, [[row._mapping[column] for column in columns] for row in rows]
    extra = [column.label(f"vtex_seller_{place}") for place, column in enumerate(columns)]
    frozen = state.invoke_statement(statement=statement.returning(*extra)).freeze()
    width = len(frozen().keys()) - len(extra)
    return frozen().columns(*range(width)), [tuple(row)[width:] for row in frozen()]


def _assignments(statement: Insert | Update, parameters: Any) -> list[Assignments]:
    """Return what a statement sets in each row that it names values for."""
    given: Any = getattr(statement, "_ordered_values", None) or getattr(statement, "_values", None) or {}
    common = {_name(key): value for key, value in dict(given).items()}
    many: Any = [row for rows in getattr(statement, "_multi_values", ()) for row in rows if isinstance(row, Mapping)]
    many = many or (parameters if isinstance(parameters, list | tuple) else [parameters or {}])
    return [{**common, **{_name(key): value for key, value in row.items()}} for row in many]


def _name(key: Any) -> str:
    return key if isinstance(key, str) else str(key.key)


def _value(row: Assignments, names: Iterable[str]) -> Any:
    value = next((row[name] for name in names if name in row), UNLOADED)
    if isinstance(value, BindParameter):
        value = value.value
    return UNLOADED if isinstance(value, ClauseElement) else value


def _is_of(column: Column[Any], table: Any) -> bool:
    return isinstance(column.table, Table) and column.table.fullname == str(table.fullname)


def _connection(state: ORMExecuteState, watched: WatchedModel) -> Connection:
    return state.session.connection(bind_arguments={"mapper": watched.mapper})
