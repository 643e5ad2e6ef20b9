"""Personal data: an order's e-mail address may be sealed, which makes it longer."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _alter(sa.Text())


def downgrade() -> None:
    _alter(sa.String(length=254))


def _alter(type_: sa.types.TypeEngine[str]) -> None:
    """Put a column of another type in the place of the old: SQLite alters none."""
    op.execute("ALTER TABLE vtex_order RENAME COLUMN follow_up_email TO follow_up_email_before")
    op.add_column("vtex_order", sa.Column("follow_up_email", type_, comment="the shop's, not the shopper's"))
    op.execute("UPDATE vtex_order SET follow_up_email = follow_up_email_before")
    op.drop_column("vtex_order", "follow_up_email_before")
