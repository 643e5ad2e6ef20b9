"""Marketplaces: the tables of flask-vtex-seller."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger()


def upgrade() -> None:
    _create_invoice()
    _create_order()
    _create_outbox()
    _create_sku()


def downgrade() -> None:
    for table in ("vtex_sku", "vtex_outbox", "vtex_order", "vtex_invoice"):
        op.drop_table(table)


def _create_invoice() -> None:
    op.create_table(
        "vtex_invoice",
        sa.Column("marketplace", sa.String(length=64), nullable=False),
        sa.Column("marketplace_order_id", sa.String(length=128), nullable=False),
        sa.Column("invoice_number", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=8), nullable=False, comment="Output for a sale, Input for a return"),
        sa.Column("value", _BIG, nullable=False, comment="cents"),
        sa.Column("has_tracking", sa.Integer(), nullable=False, comment="1: a tracking number was sent"),
        sa.Column("said_at", _BIG, nullable=False, comment="microseconds since 1970 UTC, as all times"),
        sa.Column("arrived_at", _BIG, comment="when the marketplace took it"),
        sa.PrimaryKeyConstraint("marketplace", "marketplace_order_id", "invoice_number", name=op.f("pk_vtex_invoice")),
    )


def _create_order() -> None:
    op.create_table(
        "vtex_order",
        sa.Column("marketplace", sa.String(length=64), nullable=False),
        sa.Column("marketplace_order_id", sa.String(length=128), nullable=False),
        sa.Column("order_id", sa.String(length=128), comment="the shop's own id"),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, comment="grows with every change"),
        sa.Column(
            "fingerprint", sa.String(length=64), nullable=False, comment="of the content that makes it the same order"
        ),
        sa.Column(
            "claimed_until", _BIG, comment="a hook runs for this order; microseconds since 1970 UTC, as all times"
        ),
        sa.Column("marketplace_order_group", sa.String(length=128)),
        sa.Column("marketplace_services_endpoint", sa.String(length=2000)),
        sa.Column("value", _BIG, comment="lines and shipping, in cents"),
        sa.Column("follow_up_email", sa.String(length=254), comment="the shop's, not the shopper's"),
        sa.Column("payment_reference", sa.String(length=64)),
        sa.Column("receipt", sa.String(length=255), comment="of the authorization"),
        sa.Column("cancellation_request_id", sa.String(length=128)),
        sa.Column("cancellation_decision", sa.String(length=16)),
        sa.Column("cancellation_said_at", _BIG, comment="when the shop said that it cancels"),
        sa.Column("invoiced_said", _BIG, nullable=False, comment="cents, of the sale's invoices that the shop sent"),
        sa.Column("returned_said", _BIG, nullable=False, comment="cents, of the return's invoices that the shop sent"),
        sa.Column("invoiced_value", _BIG, nullable=False, comment="cents, of the sale's invoices that arrived"),
        sa.Column("returned_value", _BIG, nullable=False, comment="cents, of the return's invoices that arrived"),
        sa.Column("created_at", _BIG, nullable=False),
        sa.Column("placed_at", _BIG),
        sa.Column("authorized_at", _BIG),
        sa.Column("canceled_at", _BIG),
        sa.PrimaryKeyConstraint("marketplace", "marketplace_order_id", name=op.f("pk_vtex_order")),
        sa.UniqueConstraint("marketplace", "order_id", name=op.f("uq_vtex_order_order_id")),
    )
    op.create_index(op.f("ix_vtex_order_created_at"), "vtex_order", ["created_at"])


def _create_outbox() -> None:
    op.create_table(
        "vtex_outbox",
        sa.Column("id", _BIG.with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("marketplace", sa.String(length=64), nullable=False),
        sa.Column("operation", sa.String(length=64), nullable=False),
        sa.Column("lane", sa.String(length=255), nullable=False, comment="what must arrive in order"),
        sa.Column("arguments", sa.Text(), nullable=False, comment="JSON: the values of the call's path"),
        sa.Column("body", sa.Text(), comment="JSON"),
        sa.Column("merges", sa.Integer(), nullable=False, comment="1: pending ones of lane and operation are one call"),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column(
            "attempts",
            sa.Integer(),
            nullable=False,
            comment="counted before the call: one that kills its worker counts",
        ),
        sa.Column("due_at", _BIG, nullable=False, comment="microseconds since 1970 UTC, as all times"),
        sa.Column("tried_since", _BIG, nullable=False, comment="when its time began: of giving up, not of the row"),
        sa.Column("leased_until", _BIG),
        sa.Column("created_at", _BIG, nullable=False),
        sa.Column("settled_at", _BIG),
        sa.Column("last_status", sa.Integer()),
        sa.Column("last_reason", sa.String(length=500), nullable=False),
        sa.Column("last_excerpt", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vtex_outbox")),
    )
    op.create_index(op.f("ix_vtex_outbox_marketplace_lane"), "vtex_outbox", ["marketplace", "lane"])
    op.create_index(op.f("ix_vtex_outbox_state_due_at"), "vtex_outbox", ["state", "due_at"])


def _create_sku() -> None:
    op.create_table(
        "vtex_sku",
        sa.Column("marketplace", sa.String(length=64), nullable=False),
        sa.Column("sku_id", sa.String(length=128), nullable=False, comment="the shop's own id"),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False, comment="what was said last about it"),
        sa.Column("changed_at", _BIG, nullable=False, comment="since when it is in its state"),
        sa.Column("looked_at", _BIG, nullable=False, comment="microseconds since 1970 UTC, as all times"),
        sa.Column("suggested_at", _BIG),
        sa.PrimaryKeyConstraint("marketplace", "sku_id", name=op.f("pk_vtex_sku")),
    )
    op.create_index(op.f("ix_vtex_sku_state_looked_at"), "vtex_sku", ["state", "looked_at"])
