"""Runs the migrations on the application's own database."""

from alembic import context
from flask import current_app

_extension = current_app.extensions["migrate"]


def _run_offline() -> None:
    """Write the statements out instead of running them."""
    context.configure(
        dialect_name=_extension.db.engine.dialect.name,
        target_metadata=_extension.db.metadata,
        literal_binds=True,
        **_extension.configure_args,
    )
    with context.begin_transaction():
        context.run_migrations()


def _run_online() -> None:
    with _extension.db.engine.connect() as connection:
        context.configure(connection=connection, target_metadata=_extension.db.metadata, **_extension.configure_args)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    _run_offline()
else:
    _run_online()
