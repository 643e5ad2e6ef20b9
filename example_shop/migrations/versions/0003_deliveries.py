"""The shop: orders are delivered and come back."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("orders", sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("orders", sa.Column("return_invoice_number", sa.String(length=40), nullable=True))


def downgrade() -> None:
    for column in ("return_invoice_number", "returned_at", "delivered_at"):
        op.drop_column("orders", column)
