"""Marketplaces: what each was told last of a SKU is kept, and what was asked to be synchronized."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column(
            "told_price", sa.BigInteger(), comment="cents; what a notice told last, as the next ones; null: not known"
        ),
        sa.Column("told_list_price", sa.BigInteger()),
        sa.Column("told_stock", sa.BigInteger()),
        sa.Column("told_catalog", sa.String(32), comment="digest of the catalog data; empty: the shop said none"),
        sa.Column("told_at", sa.BigInteger(), comment="when a notice was delivered last"),
        sa.Column("asked_at", sa.BigInteger(), comment="when the run of sync began that asked for it last"),
    ):
        op.add_column("vtex_sku", column)
    op.create_table(
        "vtex_sync",
        sa.Column("asked", sa.String(128), nullable=False, comment="for which SKUs, and what of them"),
        sa.Column("begun_at", sa.BigInteger(), nullable=False, comment="of the last run; microseconds since 1970 UTC"),
        sa.Column("ended_at", sa.BigInteger(), comment="null: under way, or cut off"),
        sa.PrimaryKeyConstraint("asked", name=op.f("pk_vtex_sync")),
    )


def downgrade() -> None:
    op.drop_table("vtex_sync")
    for name in ("asked_at", "told_at", "told_catalog", "told_stock", "told_list_price", "told_price"):
        op.drop_column("vtex_sku", name)
