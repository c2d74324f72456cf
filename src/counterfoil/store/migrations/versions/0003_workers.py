"""Which process has which worker number, on databases that several share."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "workers",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("holder", sa.BigInteger, nullable=False),
        sa.Column("held_until", sa.BigInteger, nullable=False),
    )
