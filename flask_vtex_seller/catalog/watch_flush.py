"""What one flush changes of the watched models.

Events of the mapper note the rows, at the price of a function call each; what their SKUs are is found out for all of
them at once when the flush is through. What is deleted must be asked for before that.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.orm import InstanceState, Session
from sqlalchemy.orm.attributes import instance_state

from .sku_path import UNLOADED, Key
from .watched import Gathered, Kinds, Notices, WatchedModel

_FLUSH = "vtex_seller_flush"
State = InstanceState[Any]


class Flush:
    """The rows of watched models that a flush of `session` writes; there is one for each flush."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._written = defaultdict[tuple[WatchedModel, Kinds], list[State]](list)
        self._left = defaultdict[WatchedModel, list[Key]](list)
        self._asked = defaultdict[WatchedModel, set[State]](set)
        self._gathered = Gathered()

    def written(self, watched: WatchedModel, kinds: Kinds, state: State) -> None:
        """Note a row that is new or changed, and the kinds of notices that this makes."""
        self._written[watched, kinds].append(state)

    def moved(self, watched: WatchedModel, state: State) -> None:
        """Note a row that is given to another SKU."""
        self.written(watched, watched.announced, state)
        self._left[watched].append(watched.path.before(state))

    def deleted(self, watched: WatchedModel, state: State, connection: Connection) -> None:
        """Note a row that is about to be deleted."""
        value = watched.path.stored(state)
        if value is not UNLOADED:
            self._gathered.add(watched.gone, value)
        elif state not in self._asked[watched]:
            self.ask(watched, connection, state)

    def ask(self, watched: WatchedModel, connection: Connection | None = None, *more: State) -> None:
        """Ask for the SKUs of all rows together that are marked as deleted and do not say it, and of some more."""
        marked = [state for state in map(instance_state, self._session.deleted) if state.mapper.isa(watched.mapper)]
        asked = {state for state in (*marked, *more) if watched.path.stored(state) is UNLOADED} - self._asked[watched]
        self._asked[watched] |= asked
        for _, sku_id in watched.path.of_rows(connection or self._connection(watched), map(watched.path.key_of, asked)):
            self._gathered.add(watched.gone, sku_id)

    def notices(self) -> Notices:
        """Return what is to be said of it, when all rows are written."""
        unknown = defaultdict[WatchedModel, dict[Key, Kinds]](dict)
        for (watched, kinds), states in self._written.items():
            loaded, add = watched.path.loaded, self._gathered.add
            for state in states:
                value = loaded(state)
                if value is UNLOADED:
                    key = watched.path.key_of(state)
                    unknown[watched][key] = unknown[watched].get(key, Kinds()) | kinds
                else:
                    add(kinds, value)
        for watched, kinds_by_key in unknown.items():
            for key, sku_id in watched.path.of_rows(self._connection(watched), kinds_by_key):
                self._gathered.add(kinds_by_key[key], sku_id)
        for watched, keys in self._left.items():
            for value in watched.path.of_deciding(self._connection(watched), keys):
                self._gathered.add(watched.gone, value)
        return self._gathered.notices()

    def _connection(self, watched: WatchedModel) -> Connection:
        return self._session.connection(bind_arguments={"mapper": watched.mapper})


def begin_flush(session: Session) -> Flush:
    """Have the rows of the flush that begins noted, instead of those of one that failed."""
    flush = session.info[_FLUSH] = Flush(session)
    return flush


def end_flush(session: Session) -> Flush | None:
    """Return what was noted since `begin_flush`; nothing more is."""
    flush: Flush | None = session.info.pop(_FLUSH, None)
    return flush


def note_rows(watched: WatchedModel) -> None:
    """Have the rows of a model noted in every flush; mappers are configured by then.

    Raises:
        ConfigurationError: the path to the SKU's id leads nowhere.
    """
    model, path, kinds_by_names = watched.mapper.class_, watched.path, dict[tuple[str, ...], Kinds]()
    deciding, types = frozenset(path.deciding), {**path.types, **watched.types}
    # Compared to an SQL expression a value is neither equal nor not.
    compare: dict[str, Callable[[Any, Any], Any]] = {name: found.compare_values for name, found in types.items()}

    def inserted(_: object, __: object, state: State) -> None:
        if flush := _flush_of(state):
            flush.written(watched, watched.announced, state)

    def updated(_: object, __: object, state: State) -> None:
        names = _changed(state, compare)
        if not names or (flush := _flush_of(state)) is None:
            return
        if not deciding.isdisjoint(names):
            flush.moved(watched, state)
            return
        kinds = kinds_by_names.get(names)
        if kinds is None:
            kinds = kinds_by_names[names] = watched.kinds_of(names)
        flush.written(watched, kinds, state)

    def deleted(_: object, connection: Connection, state: State) -> None:
        if flush := _flush_of(state):
            flush.deleted(watched, state, connection)

    for name in path.deciding:
        # An expired row forgets to which SKU it belonged, unless somebody wants to hear of the old value.
        event.listen(getattr(model, name), "set", _hear_old_value, active_history=True, propagate=True)
    # Before the update: after it nothing tells what SQL expressions were assigned to.
    for name, listener in (("after_insert", inserted), ("before_update", updated), ("before_delete", deleted)):
        event.listen(model, name, listener, raw=True, propagate=True)


def _flush_of(state: State) -> Flush | None:
    session = state.session
    return None if session is None else session.info.get(_FLUSH)


def _changed(state: State, compare: Mapping[str, Callable[[Any, Any], Any]]) -> tuple[str, ...]:
    """Return the columns of `compare` whose values are not those of the database."""
    now = state.dict
    names: tuple[str, ...] = ()
    for name, before in state.committed_state.items():
        if name not in compare:
            continue
        if name not in now or before is UNLOADED or compare[name](now[name], before) is not True:
            names += (name,)
    return names


def _hear_old_value(*_: object) -> None:
    pass
