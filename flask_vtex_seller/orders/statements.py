"""The statements that every call of a marketplace runs on the table of orders.

Each is made once for a table: what differs from call to call is a parameter.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, Table, Update, bindparam, or_, select, update

from ..database import once_a_table


def of_order(marketplace: str, marketplace_order_id: str) -> Mapping[str, Any]:
    """Return the parameters that name an order."""
    return {"of_marketplace": marketplace, "of_order": marketplace_order_id}


@once_a_table
def reading(table: Table) -> Select[Any]:
    """Read the order."""
    return select(table).where(_is_it(table))


@once_a_table
def resolving(table: Table, besides: str) -> Select[Any]:
    """Read the orders `of_marketplace` that one of `ids` names, but those in state `besides`."""
    columns = table.c
    ids: BindParameter[str] = bindparam("ids", expanding=True)
    named = or_(columns.order_id.in_(ids), columns.marketplace_order_id.in_(ids))
    return select(table).where(columns.marketplace == bindparam("of_marketplace"), columns.state != besides, named)


@once_a_table
def claiming(table: Table) -> Update:
    """Change the order if it still is of the version `was_version` and no claim lasts beyond `now`."""
    columns = table.c
    free = or_(columns.claimed_until.is_(None), columns.claimed_until <= bindparam("now"))
    return _changing(table).where(columns.version == bindparam("was_version"), free)


@once_a_table
def settling(table: Table, unchanged: tuple[str, ...]) -> Update:
    """Change the order if it is claimed until `until`; return its row.

    Args:
        unchanged: columns that must have the values of the parameters `was_…`.
    """
    as_it_was = [table.c[name].is_not_distinct_from(bindparam(f"was_{name}")) for name in unchanged]
    ours = table.c.claimed_until == bindparam("until")
    return _changing(table).where(ours, *as_it_was).returning(*table.c)


def _changing(table: Table) -> Update:
    """Set the columns that the parameters name."""
    return update(table).where(_is_it(table)).values(version=table.c.version + 1)


def _is_it(table: Table) -> ColumnElement[bool]:
    columns = table.c
    return (columns.marketplace == bindparam("of_marketplace")) & (
        columns.marketplace_order_id == bindparam("of_order")
    )
