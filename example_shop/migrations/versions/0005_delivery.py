"""Marketplaces: every try is kept, rates and breakers are shared, and one scheduler leads."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("tries", sa.Text(), nullable=False, server_default="[]", comment="JSON: the last attempts"),
        sa.Column(
            "late", sa.Integer(), nullable=False, server_default="0", comment="answers that came after their lease"
        ),
    ):
        op.add_column("vtex_outbox", column)
    op.drop_index("ix_vtex_outbox_state_due_at", "vtex_outbox")
    op.drop_index("ix_vtex_outbox_marketplace_lane", "vtex_outbox")
    op.create_index("ix_vtex_outbox_state_due_at_id", "vtex_outbox", ["state", "due_at", "id"])
    op.create_index("ix_vtex_outbox_marketplace_lane_id", "vtex_outbox", ["marketplace", "lane", "id"])
    _create_gate()
    _create_runner()


def downgrade() -> None:
    op.drop_table("vtex_runner")
    op.drop_table("vtex_gate")
    op.drop_index("ix_vtex_outbox_marketplace_lane_id", "vtex_outbox")
    op.drop_index("ix_vtex_outbox_state_due_at_id", "vtex_outbox")
    op.create_index("ix_vtex_outbox_marketplace_lane", "vtex_outbox", ["marketplace", "lane"])
    op.create_index("ix_vtex_outbox_state_due_at", "vtex_outbox", ["state", "due_at"])
    op.drop_column("vtex_outbox", "late")
    op.drop_column("vtex_outbox", "tries")


def _create_gate() -> None:
    op.create_table(
        "vtex_gate",
        sa.Column("marketplace", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False, comment="host:… a breaker, rate:… a rate, repeats"),
        sa.Column(
            "next_at",
            sa.BigInteger(),
            nullable=False,
            comment="when the next call may begin; microseconds since 1970 UTC",
        ),
        sa.Column("failures", sa.Integer(), nullable=False, comment="in a row, of a host"),
        sa.PrimaryKeyConstraint("marketplace", "name", name=op.f("pk_vtex_gate")),
    )


def _create_runner() -> None:
    op.create_table(
        "vtex_runner",
        sa.Column("role", sa.String(length=32), nullable=False, comment="leader, drain"),
        sa.Column("process", sa.String(length=128), nullable=False, comment="host, process id and a random part"),
        sa.Column(
            "at",
            sa.BigInteger(),
            nullable=False,
            comment="until when it leads; when it drained last; microseconds UTC",
        ),
        sa.PrimaryKeyConstraint("role", name=op.f("pk_vtex_runner")),
    )
