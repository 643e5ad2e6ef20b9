"""What rows of a table hold of people: walking over it, sealing it anew, removing it.

Each call is a transaction of the caller's, and short: a walk goes on behind the last key that it saw.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, Table, and_, bindparam, func, or_, select, tuple_, update

from .vault import Vault

Key = tuple[Any, ...]
"""The values of a row's primary key."""


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class PersonalColumns:
    """Which columns of a table hold something of people.

    Args:
        table: a copy on the shop's metadata.
        emptied: the columns, each with what it holds once that is removed.
        sealed: those of them that go through the vault.
        noted: what else is written when it is removed.
    """

    table: Table
    vault: Vault
    emptied: Mapping[str, Any]
    sealed: Sequence[str]
    noted: Mapping[str, Any] = field(default_factory=dict)

    def count(self, connection: Connection, *criteria: ColumnElement[bool]) -> int:
        """Count the rows that hold something."""
        return int(connection.execute(select(func.count()).where(self._holds, *criteria)).scalar_one())

    def page(
        self,
        connection: Connection,
        *criteria: ColumnElement[bool],
        limit: int,
        after: Key | None = None,
        names: Iterable[str] = (),
    ) -> list[Row[Any]]:
        """Return rows that hold something, in the order of their keys: the key, then the columns of `names`.

        Args:
            after: the key of the last row of the page before.
        """
        wanted = [*self._key, *(self.table.c[name] for name in names)]
        behind = [tuple_(*self._key) > tuple_(*after)] if after is not None else []
        statement = select(*wanted).where(self._holds, *criteria, *behind).order_by(*self._key).limit(limit)
        return list(connection.execute(statement))

    def key(self, row: Row[Any]) -> Key:
        """Return the key of a row of a page."""
        return tuple(row[: len(self._key)])

    def remove(self, connection: Connection, keys: Sequence[Key], *criteria: ColumnElement[bool]) -> int:
        """Remove what rows hold, if they still fulfil the criteria; return how many that were."""
        which = tuple_(*self._key).in_(keys)
        statement = update(self.table).where(which, self._holds, *criteria).values({**self.emptied, **self.noted})
        return int(connection.execute(statement).rowcount)

    def texts(self, row: Row[Any]) -> list[str | None]:
        """Open what a row, of a page with the sealed columns, holds; None for what none of the keys opens."""
        return [self.vault.open(stored) for name in self.sealed if (stored := getattr(row, name))]

    def seal_anew(self, connection: Connection, rows: Iterable[Row[Any]]) -> tuple[int, int]:
        """Seal what rows, of a page with the sealed columns, hold with the first key.

        What somebody else writes meanwhile stays. Returns how many texts were sealed, and how many none of the keys
        opens.
        """
        unreadable, changes = 0, dict[str, list[dict[str, Any]]]()
        for row in rows:
            for name in self.sealed:
                stored = getattr(row, name)
                if not stored or not self.vault.needs_sealing(stored):
                    continue
                text = self.vault.open(stored)
                if text is None:
                    unreadable += 1
                    continue
                key = {f"of_{column.name}": value for column, value in zip(self._key, self.key(row), strict=True)}
                changes.setdefault(name, []).append({**key, "old": stored, "new": self.vault.seal(text)})
        for name, values in changes.items():
            connection.execute(self._resealing(name), values)
        return sum(map(len, changes.values())), unreadable

    def _resealing(self, name: str) -> Any:
        of_row = and_(*(column == bindparam(f"of_{column.name}") for column in self._key))
        column = self.table.c[name]
        return update(self.table).where(of_row, column == bindparam("old")).values({name: bindparam("new")})

    @property
    def _key(self) -> list[Column[Any]]:
        return list(self.table.primary_key)

    @property
    def _holds(self) -> ColumnElement[bool]:
        return or_(*(self.table.c[name].is_distinct_from(value) for name, value in self.emptied.items()))
