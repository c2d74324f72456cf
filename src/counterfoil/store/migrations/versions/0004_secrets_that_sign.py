"""API secrets that we sign with, sealed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column; secrets from before are known by their hash alone."""
    op.add_column("credentials", sa.Column("sealed", sa.Text))
