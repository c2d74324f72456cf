"""Timers, the endpoints that are told, the attempts to tell them; when a notice happened."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ID = sa.BigInteger


def upgrade() -> None:
    """Make the tables. Notices from before are dropped: there was nobody yet who could be told."""
    op.execute("DELETE FROM notices")
    op.add_column("notices", sa.Column("at", ID, nullable=False, server_default="0"))
    timers()
    callbacks()


def timers() -> None:
    """What is to happen later, and who is at work on it."""
    op.create_table(
        "timers",
        sa.Column("merchant_id", ID, primary_key=True),
        sa.Column("kind", sa.String(20), primary_key=True),
        sa.Column("subject", ID, primary_key=True),
        sa.Column("lane", ID, primary_key=True),
        sa.Column("due", ID, nullable=False),
        sa.Column("since", ID, nullable=False),
        sa.Column("touched", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("parked", sa.Boolean, nullable=False),
        sa.Column("holder", ID, nullable=False),
        sa.Column("held_until", ID, nullable=False),
        sa.Column("why", sa.String(200)),
    )
    op.create_index("timers_due", "timers", ["merchant_id", "lane", "parked", "due"])


def callbacks() -> None:
    """Who is told, and what came of it."""
    op.create_table(
        "endpoints",
        sa.Column("merchant_id", ID, primary_key=True),
        sa.Column("id", ID, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "attempts",
        sa.Column("merchant_id", ID, primary_key=True),
        sa.Column("id", ID, primary_key=True),
        sa.Column("endpoint_id", ID, nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("delivered", sa.Boolean, nullable=False),
        sa.Column("receipt", sa.Text, nullable=False),
    )
    op.create_index("attempts_endpoint", "attempts", ["merchant_id", "endpoint_id", "id"])
    op.create_index("attempts_order", "attempts", ["merchant_id", "order_id", "id"])
