"""Orders, operations, ledger, cards, keys and the directory."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger
FILTERS = (
    "reference",
    "ip",
    "bin",
    "issuer_title",
    "issuer_country",
    "subtype",
    "brand",
    "standing",
)


def upgrade() -> None:
    """Make the first schema."""
    directory()
    orders()
    money()
    if op.get_context().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE orders_text USING fts5"
            "(merchant, name, email, content='', contentless_delete=1, tokenize='trigram')"
        )
    else:
        texts()


def texts() -> None:
    """What PostgreSQL finds customers' names and addresses by."""
    op.create_table(
        "orders_text",
        sa.Column("merchant_id", ID, primary_key=True),
        sa.Column("id", ID, primary_key=True),
        sa.Column("name", sa.Text),
        sa.Column("email", sa.Text),
        sa.Column("grams", sa.ARRAY(ID), nullable=False),
    )
    op.create_index("orders_text_grams", "orders_text", ["grams"], postgresql_using="gin")


def directory() -> None:
    """What is small and cached."""
    op.create_table(
        "merchants",
        sa.Column("id", ID, primary_key=True, autoincrement=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "credentials",
        sa.Column("wire", sa.String(20), primary_key=True),
        sa.Column("login", sa.String(200), primary_key=True),
        sa.Column("merchant_id", ID, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False),
    )
    op.create_index("credentials_merchant", "credentials", ["merchant_id"])
    op.create_table(
        "rates",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("source", sa.String(3), primary_key=True),
        sa.Column("target", sa.String(3), primary_key=True),
        sa.Column("rate", sa.String(40), nullable=False),
    )
    op.create_index("rates_pair", "rates", ["source", "target", "day"])
    op.create_table(
        "data_keys",
        sa.Column("id", ID, primary_key=True, autoincrement=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
    )


def orders() -> None:
    """Orders and what lists filter them by; operations."""
    op.create_table(
        "orders",
        sa.Column("merchant_id", ID, primary_key=True),
        sa.Column("id", ID, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("reference", sa.String(255)),
        sa.Column("ip", sa.String(45)),
        sa.Column("bin", sa.String(8)),
        sa.Column("issuer_title", sa.String(255)),
        sa.Column("issuer_country", sa.String(3)),
        sa.Column("subtype", sa.String(40)),
        sa.Column("brand", sa.String(20)),
        sa.Column("standing", sa.String(20), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    for name in FILTERS:
        present = sa.text(f"{name} IS NOT NULL")
        op.create_index(
            f"orders_{name}",
            "orders",
            ["merchant_id", name, "id"],
            sqlite_where=present,
            postgresql_where=present,
        )
    op.create_table(
        "operations",
        sa.Column("merchant_id", ID, primary_key=True),
        sa.Column("id", ID, primary_key=True),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("operations_order", "operations", ["merchant_id", "order_id", "id"])
    op.create_index("operations_kind", "operations", ["merchant_id", "kind", "id"])
    op.create_index("operations_outcome", "operations", ["merchant_id", "outcome", "id"])


def money() -> None:
    """Postings, notices, cards, idempotency keys, issuers seen."""
    op.create_table(
        "postings",
        sa.Column("merchant_id", ID, primary_key=True),
        sa.Column("operation_id", ID, primary_key=True),
        sa.Column("account", sa.String(20), primary_key=True),
        sa.Column("currency", sa.String(3), primary_key=True),
        sa.Column("minor", ID, nullable=False),
    )
    op.create_table(
        "notices",
        sa.Column("merchant_id", ID, primary_key=True),
        sa.Column("order_id", ID, primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("operation_id", ID),
    )
    op.create_table(
        "cards",
        sa.Column("merchant_id", ID, primary_key=True),
        sa.Column("id", ID, primary_key=True),
        sa.Column("key_id", ID, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
    )
    op.create_index("cards_fingerprint", "cards", ["merchant_id", "fingerprint", "id"])
    op.create_table(
        "keys",
        sa.Column("merchant_id", ID, primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("used", ID, nullable=False),
    )
    op.create_index("keys_used", "keys", ["merchant_id", "used"])
    op.create_table(
        "issuers",
        sa.Column("merchant_id", ID, primary_key=True),
        sa.Column("title", sa.String(255), primary_key=True),
    )
