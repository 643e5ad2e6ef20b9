"""Watching the shop's models: what its session changes of them becomes notices in the same transaction.

What no event can see is left to the sweep: raw SQL, `bulk_insert_mappings` and its like, another program.

=======================  =============================================================================================
a row is                 its SKU's notices
=======================  =============================================================================================
changed                  of the kinds whose attributes changed; a value assigned but equal is no change
inserted                 a change notice if the catalog is watched: the marketplace asks for price and stock by itself
                         then, and can do nothing with notices of them before it knows the SKU. Else all watched kinds
deleted                  inventory: the SKU is out of stock. Found by a path: all watched kinds, for the SKU stays
given to another SKU     the old one's as if deleted, the new one's as if inserted
=======================  =============================================================================================
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Result, event
from sqlalchemy.orm import Mapper, ORMExecuteState, Session

from ..database import DbSession
from .watch_flush import begin_flush, end_flush, note_rows
from .watch_statements import run_watched
from .watched import Notices, Watch, WatchedModel

Tell = Callable[[Session, Notices], None]


class Watches:
    """The watched models of one `db.session`.

    Args:
        session: whose changes are seen; no other session's are.
        tell: writes notices in the transaction of the session that it is given.
    """

    def __init__(self, session: DbSession, tell: Tell) -> None:
        self._session = session
        self._tell = tell
        self._known = list[Watch]()
        self._waiting = list[WatchedModel]()
        """Until the mappers are configured: a path may lead through models that are not imported yet."""
        self._tried = set[WatchedModel]()
        self._watched = list[WatchedModel]()

    def add(self, watch: Watch) -> None:
        """Watch a model from now on; the same watch once more changes nothing.

        Raises:
            ConfigurationError: the model is not mapped, or has no attribute of a name; of a path that leads nowhere
                perhaps later, when the mappers are configured.
        """
        if watch in self._known:
            return
        watched = WatchedModel(watch)
        if not self._known:
            self._listen()
        self._known.append(watch)
        self._waiting.append(watched)
        self._begin([watched])

    def _listen(self) -> None:
        event.listen(self._session, "before_flush", self._flush_begins)
        event.listen(self._session, "after_flush", self._flushed)
        event.listen(self._session, "after_soft_rollback", self._rolled_back)
        event.listen(self._session, "do_orm_execute", self._executed)
        event.listen(Mapper, "after_configured", self._configured)

    def _configured(self) -> None:
        # Called whenever mappers are configured, also those of other programs in this process: complains once.
        self._begin([one for one in self._waiting if one not in self._tried])

    def _begin(self, waiting: Sequence[WatchedModel]) -> None:
        for watched in waiting:
            if watched.mapper.configured:
                self._tried.add(watched)
                note_rows(watched)
                self._waiting.remove(watched)
                self._watched.append(watched)

    def _flush_begins(self, session: Session, *_: object) -> None:
        self._begin([*self._waiting])  # a wrong path is complained of again: nothing of its model would be told
        flush = begin_flush(session)
        if session.deleted:
            for watched in self._watched:
                if watched.path.is_to_many:  # the rows of its association go before its own
                    flush.ask(watched)

    def _flushed(self, session: Session, _: object) -> None:
        flush = end_flush(session)
        if flush is not None and (notices := flush.notices()):
            self._tell(session, notices)

    def _rolled_back(self, session: Session, _: object) -> None:
        end_flush(session)

    def _executed(self, state: ORMExecuteState) -> Result[Any] | None:
        if not (state.is_insert or state.is_update or state.is_delete):
            return None
        self._begin([*self._waiting])
        run = run_watched(state, self._watched)
        if run is None:
            return None
        result, notices = run
        if notices:
            self._tell(state.session, notices)
        return result
