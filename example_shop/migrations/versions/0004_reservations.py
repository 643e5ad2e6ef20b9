"""Marketplaces: reservations end when nobody pays in time."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_COMMENT = "when the reservation ends if it is not authorized; null: never"


def upgrade() -> None:
    op.add_column("vtex_order", sa.Column("reserved_until", sa.BigInteger(), nullable=True, comment=_COMMENT))
    op.create_index(op.f("ix_vtex_order_state_reserved_until"), "vtex_order", ["state", "reserved_until"])


def downgrade() -> None:
    op.drop_index(op.f("ix_vtex_order_state_reserved_until"), "vtex_order")
    op.drop_column("vtex_order", "reserved_until")
