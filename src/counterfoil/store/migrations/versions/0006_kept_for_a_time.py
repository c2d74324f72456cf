"""Texts beside orders that are kept for a time say when they were used."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column, and the index by which old ones are found."""
    op.add_column("kept", sa.Column("used", sa.BigInteger))
    used = sa.text("used IS NOT NULL")
    op.create_index(
        "kept_used", "kept", ["merchant_id", "used"], sqlite_where=used, postgresql_where=used
    )
