"""The schema, declared once for every database.

`merchant_id` is the first column of every key and index of merchants' data, so that any engine can
distribute by it. An order rests as one row: its `body` is the whole aggregate, beside it stand the
columns that lists filter by, all of them projections that `counterfoil verify` rebuilds. Operations
are append-only: a row is written when it is born and once more when it closes. Directory tables
(merchants, credentials, rates, data keys) are small and cached. Ids are instants (`core/order.py`),
so no table has a column for the time of creation.
"""

from typing import Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    column,
    table,
    text,
)

from counterfoil.core.listing import FILTERS

HEAD: Final = "0006"  # the migration that makes this schema; a test holds the two together
metadata: Final = MetaData()

merchants: Final = Table(
    "merchants",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
)

credentials: Final = Table(
    "credentials",
    metadata,
    Column("wire", String(20), primary_key=True),
    Column("login", String(200), primary_key=True),
    Column("merchant_id", BigInteger, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("sealed", Text),
    Index("credentials_merchant", "merchant_id"),
)

rates: Final = Table(
    "rates",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("source", String(3), primary_key=True),
    Column("target", String(3), primary_key=True),
    Column("rate", String(40), nullable=False),
    Index("rates_pair", "source", "target", "day"),
)

data_keys: Final = Table(
    "data_keys",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("active", Boolean, nullable=False),
)

# Which process has which number in its ids; the embedded database is served by one, and uses none.
workers: Final = Table(
    "workers",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("holder", BigInteger, nullable=False),
    Column("held_until", BigInteger, nullable=False),
)

orders: Final = Table(
    "orders",
    metadata,
    Column("merchant_id", BigInteger, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("reference", String(255)),
    Column("ip", String(45)),
    Column("bin", String(8)),
    Column("issuer_title", String(255)),
    Column("issuer_country", String(3)),
    Column("subtype", String(40)),
    Column("brand", String(20)),
    Column("standing", String(20), nullable=False),
    Column("body", Text, nullable=False),
)

# One index for each filter: within a value, the newest orders stand at its end.
for _name in FILTERS:
    _present = text(f"{_name} IS NOT NULL")
    Index(
        f"orders_{_name}",
        orders.c.merchant_id,
        orders.c[_name],
        orders.c.id,
        sqlite_where=_present,
        postgresql_where=_present,
    )

operations: Final = Table(
    "operations",
    metadata,
    Column("merchant_id", BigInteger, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("order_id", BigInteger, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("body", Text, nullable=False),
    Index("operations_order", "merchant_id", "order_id", "id"),
    Index("operations_kind", "merchant_id", "kind", "id"),
    Index("operations_outcome", "merchant_id", "outcome", "id"),
)

postings: Final = Table(
    "postings",
    metadata,
    Column("merchant_id", BigInteger, primary_key=True),
    Column("operation_id", BigInteger, primary_key=True),
    Column("account", String(20), primary_key=True),
    Column("currency", String(3), primary_key=True),
    Column("minor", BigInteger, nullable=False),
)

notices: Final = Table(
    "notices",
    metadata,
    Column("merchant_id", BigInteger, primary_key=True),
    Column("order_id", BigInteger, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("event", String(40), nullable=False),
    Column("operation_id", BigInteger),
    Column("at", BigInteger, nullable=False, server_default="0"),
)

# What is due is found by lane: the timers of one address never stand in the way of another's.
timers: Final = Table(
    "timers",
    metadata,
    Column("merchant_id", BigInteger, primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("subject", BigInteger, primary_key=True),
    Column("lane", BigInteger, primary_key=True),
    Column("due", BigInteger, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("touched", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("parked", Boolean, nullable=False),
    Column("holder", BigInteger, nullable=False),
    Column("held_until", BigInteger, nullable=False),
    Column("why", String(200)),
    Index("timers_due", "merchant_id", "lane", "parked", "due"),
)

endpoints: Final = Table(
    "endpoints",
    metadata,
    Column("merchant_id", BigInteger, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("body", Text, nullable=False),
)

attempts: Final = Table(
    "attempts",
    metadata,
    Column("merchant_id", BigInteger, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("endpoint_id", BigInteger, nullable=False),
    Column("order_id", BigInteger, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("event", String(40), nullable=False),
    Column("delivered", Boolean, nullable=False),
    Column("receipt", Text, nullable=False),
    Index("attempts_endpoint", "merchant_id", "endpoint_id", "id"),
    Index("attempts_order", "merchant_id", "order_id", "id"),
)

cards: Final = Table(
    "cards",
    metadata,
    Column("merchant_id", BigInteger, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("key_id", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Index("cards_fingerprint", "merchant_id", "fingerprint", "id"),
)

keys: Final = Table(
    "keys",
    metadata,
    Column("merchant_id", BigInteger, primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("order_id", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False),
    Index("keys_used", "merchant_id", "used"),
)

kept: Final = Table(
    "kept",
    metadata,
    Column("merchant_id", BigInteger, primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("body", Text, nullable=False),
    Column("used", BigInteger),
)
_used = text("used IS NOT NULL")
Index(
    "kept_used",
    kept.c.merchant_id,
    kept.c.used,
    sqlite_where=_used,
    postgresql_where=_used,
)

issuers: Final = Table(
    "issuers",
    metadata,
    Column("merchant_id", BigInteger, primary_key=True),
    Column("title", String(255), primary_key=True),
)

# What is merchants': each row's key begins with one.
OWNED: Final = tuple(
    each for each in metadata.sorted_tables if "merchant_id" in each.primary_key.columns
)

# PostgreSQL only: customers' names and addresses, folded, and every three characters of them as a
# number that begins with the merchant (`store/search.py`); no extension is needed to find those.
texts: Final = Table(
    "orders_text",
    MetaData(),
    Column("merchant_id", BigInteger, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("name", Text),
    Column("email", Text),
    Column("grams", ARRAY(BigInteger), nullable=False),
)
Index("orders_text_grams", texts.c.grams, postgresql_using="gin")

# SQLite only: an FTS5 index of every three characters of customers' names and addresses.
# The migration makes it; it holds no text of its own, only which order has which characters.
orders_text: Final = table(
    "orders_text", column("rowid"), column("merchant"), column("name"), column("email")
)
