"""Marketplaces: the tables of flask-vtex-seller."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "vtex_order",
        sa.Column("marketplace", sa.String(length=64), nullable=False),
        sa.Column("marketplace_order_id", sa.String(length=128), nullable=False),
        sa.Column("order_id", sa.String(length=128), nullable=True, comment="the shop's own id"),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, comment="grows with every change"),
        sa.Column(
            "fingerprint", sa.String(length=64), nullable=False, comment="of the content that makes it the same order"
        ),
        sa.Column(
            "claimed_until",
            sa.BigInteger(),
            nullable=True,
            comment="a hook runs for this order; microseconds since 1970 UTC, as all times",
        ),
        sa.Column("marketplace_order_group", sa.String(length=128), nullable=True),
        sa.Column("marketplace_services_endpoint", sa.String(length=2000), nullable=True),
        sa.Column("value", sa.BigInteger(), nullable=True, comment="lines and shipping, in cents"),
        sa.Column("follow_up_email", sa.String(length=254), nullable=True, comment="the shop's, not the shopper's"),
        sa.Column("payment_reference", sa.String(length=64), nullable=True),
        sa.Column("receipt", sa.String(length=255), nullable=True, comment="of the authorization"),
        sa.Column("cancellation_request_id", sa.String(length=128), nullable=True),
        sa.Column("cancellation_decision", sa.String(length=16), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("placed_at", sa.BigInteger(), nullable=True),
        sa.Column("authorized_at", sa.BigInteger(), nullable=True),
        sa.Column("canceled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("marketplace", "marketplace_order_id", name=op.f("pk_vtex_order")),
        sa.UniqueConstraint("marketplace", "order_id", name=op.f("uq_vtex_order_order_id")),
    )
    op.create_index(op.f("ix_vtex_order_created_at"), "vtex_order", ["created_at"])


def downgrade() -> None:
    op.drop_table("vtex_order")
