"""Writing very many messages that differ in marketplace, operation and one id only: one statement, no Python a row."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ARRAY, Connection, Insert, Table, Text, bindparam, func, insert, literal, select, union_all

from ..database import once_a_table
from ..vault import PLAIN
from .message import Draft
from .rows import write_draft

Copies = Mapping[tuple[str, str], Collection[str]]
"""Ids by marketplace and operation."""


def append_copies(
    connection: Connection,
    table: Table,
    draft: Draft,
    copies: Copies,
    *,
    now: datetime,
    due_at: datetime | None = None,
) -> None:
    """Write a message like `draft` for each id, in their order; the rows are those of `OutboxLedger.append`.

    Args:
        draft: has no body, and one argument, whose value an id becomes; the id is put behind the lane, too.
        due_at: when they may be sent; at once when None.
    """
    if not copies:
        return
    values = write_draft(draft, PLAIN, now=now, due_at=due_at)
    names, (argument,) = tuple(values), draft.arguments
    values["arguments"] = f"{{{orjson.dumps(argument).decode()}:"
    is_postgresql = connection.dialect.name == "postgresql"
    for number, ((marketplace, operation), ids) in enumerate(copies.items()):
        values |= {f"marketplace_{number}": marketplace, f"operation_{number}": operation}
        values[f"ids_{number}"] = list(ids) if is_postgresql else orjson.dumps(list(ids)).decode()
    del values["marketplace"], values["operation"]
    connection.execute(_statement(table, names, len(copies), is_postgresql), values)


@once_a_table
def _statement(table: Table, names: tuple[str, ...], parts: int, is_postgresql: bool) -> Insert:
    def part(number: int) -> Any:
        if is_postgresql:
            copied: Any = func.unnest(bindparam(f"ids_{number}", type_=ARRAY(Text)), type_=Text).column_valued("copied")
            quoted: Any = func.to_json(copied).cast(Text)
        else:
            ids = func.json_each(bindparam(f"ids_{number}", type_=Text))
            copied = ids.table_valued("value", name="copied").c.value
            quoted = func.json_quote(copied, type_=Text)
        columns: dict[str, Any] = {name: bindparam(name, type_=table.c[name].type) for name in names}
        for name in ("marketplace", "operation"):
            columns[name] = bindparam(f"{name}_{number}", type_=Text)
        columns["lane"] = columns["lane"].concat(copied)
        columns["arguments"] = columns["arguments"].concat(quoted).concat(literal("}", Text))
        return select(*columns.values())

    return insert(table).from_select(names, union_all(*map(part, range(parts))) if parts > 1 else part(0))
