"""A database in trouble on demand: full, or not to be written to."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

FULL, READ_ONLY, NONE = "full", "read only", ""


def ask_for_trouble(engine: Engine, file: Path) -> None:
    """Have each use of a connection obey what `file` says at that moment.

    A full disk is SQLite's own limit of pages; of a PostgreSQL only the refusal to write can be had without one.
    """

    def obey(connection: Any, *_: Any) -> None:
        wanted = file.read_text()
        cursor = connection.cursor()
        if engine.dialect.name == "sqlite":
            cursor.execute("PRAGMA page_count")
            pages = cursor.fetchone()[0]
            cursor.execute(f"PRAGMA max_page_count = {pages if wanted == FULL else 2**30}")
            cursor.execute(f"PRAGMA query_only = {int(wanted == READ_ONLY)}")
        else:
            cursor.execute(f"SET default_transaction_read_only = {'off' if wanted == NONE else 'on'}")
            connection.commit()
        cursor.close()

    event.listen(engine, "checkout", obey)
