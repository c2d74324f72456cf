"""Every statement we send, each with a name and a sentence; built with SQLAlchemy, compiled once.

A page of SQL for any database: the shapes are the same, the text is the dialect's. Some statements
take rows (`rows_of`), here one; `batch.packed` has them take many in one list of values, because a
step of the embedded engine costs more than a row.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    String,
    Table,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    select,
    union_all,
    update,
    values,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.expression import CTE, ClauseElement, TableClause
from sqlalchemy.types import TypeEngine

from counterfoil.core.listing import FILTERS
from counterfoil.store import tables as t

SQLITE: Final = sqlite.dialect(paramstyle="qmark")
# A broken constraint ends the transaction: SQLite need not note how to undo the statement alone.
WHOLLY: Final = "OR ROLLBACK"


class Query(NamedTuple):
    """A statement's text, its parameters in the order of its marks, and those that never vary.

    `source` is what it was compiled from; another database compiles that (`store/bulk.py`).
    """

    sql: str
    names: tuple[str, ...]
    fixed: dict[str, object]
    source: ClauseElement

    def bind(self, **given: object) -> tuple[Any, ...]:
        """The parameters in the order of the marks."""
        known = self.fixed | given
        return tuple([known[name] for name in self.names])


def compiled(statement: ClauseElement) -> Query:
    """The statement as text for SQLite."""
    text = statement.compile(dialect=SQLITE)
    assert isinstance(text, SQLCompiler)
    fixed = {name: value for name, value in text.params.items() if value is not None}
    return Query(str(text), tuple(text.positiontup or ()), fixed, statement)


@cache
def add(table: Table | TableClause) -> Query:
    """Insert rows, in the order of the table's columns."""
    columns = list(table.c)
    v = rows_of({c.name: c.type for c in columns})
    there = next(iter(v.c)).is_not(None)
    adding = insert(table).from_select(columns, select(*v.c).where(there))
    return compiled(adding.prefix_with(WHOLLY, dialect="sqlite"))


@cache
def advance(*, telling: bool = False) -> Query:
    """Move orders from the version expected to the next; `telling` which moved.

    A row is merchant_id, id, expected, version, standing, body.
    """
    o = t.orders
    moved = ("merchant_id", "id", "version", "version", "standing", "body")
    named = ("merchant_id", "id", "expected", "version", "standing", "body")
    v = rows_of({name: o.c[like].type for name, like in zip(named, moved, strict=True)})
    moving = (
        update(o)
        .prefix_with(WHOLLY, dialect="sqlite")
        .values(version=v.c.version, standing=v.c.standing, body=v.c.body)
        .where(o.c.merchant_id == v.c.merchant_id, o.c.id == v.c.id, o.c.version == v.c.expected)
    )
    return compiled(moving.returning(o.c.merchant_id, o.c.id) if telling else moving)


@cache
def close() -> Query:
    """Write operations once more. A row is merchant_id, id, outcome, body."""
    o = t.operations
    names = ("merchant_id", "id", "outcome", "body")
    v = rows_of({name: o.c[name].type for name in names})
    return compiled(
        update(o)
        .prefix_with(WHOLLY, dialect="sqlite")
        .values(outcome=v.c.outcome, body=v.c.body)
        .where(o.c.merchant_id == v.c.merchant_id, o.c.id == v.c.id)
    )


@cache
def reproject() -> Query:
    """Set the columns that lists filter an order by, when it got a card after it was made."""
    o = t.orders
    columns = [o.c[name] for name in FILTERS]
    return compiled(
        update(o)
        .values({c.name: bindparam(f"new_{c.name}") for c in columns})
        .where(at(o.c.merchant_id, "merchant"), at(o.c.id, "id"))
    )


@cache
def refile_text() -> Query:
    """Index a customer's name and address anew; parameters are the full-text table's columns."""
    statement = insert(t.orders_text).values({c.name: bindparam(c.name) for c in t.orders_text.c})
    return compiled(statement.prefix_with("OR REPLACE"))


@cache
def order() -> Query:
    """One order."""
    o = t.orders
    return compiled(select(o.c.body).where(at(o.c.merchant_id, "merchant"), at(o.c.id, "id")))


@cache
def order_rows() -> Query:
    """A run of a merchant's orders by id, whole rows, for proofs."""
    o = t.orders
    return compiled(
        select(*o.c)
        .where(at(o.c.merchant_id, "merchant"), o.c.id > bindparam("after", type_=BigInteger))
        .order_by(o.c.id)
        .limit(bindparam("limit"))
    )


@cache
def operation_rows() -> Query:
    """All operations of the orders in a run, oldest first, whole rows, for proofs."""
    o = t.operations
    return compiled(
        select(*o.c)
        .where(
            at(o.c.merchant_id, "merchant"),
            o.c.order_id >= bindparam("first", type_=BigInteger),
            o.c.order_id <= bindparam("last", type_=BigInteger),
        )
        .order_by(o.c.order_id, o.c.id)
    )


@cache
def posting_rows() -> Query:
    """The postings of the operations in a run, whole rows, for proofs."""
    p, o = t.postings, t.operations
    return compiled(
        select(*p.c, o.c.order_id)
        .join(o, and_(o.c.merchant_id == p.c.merchant_id, o.c.id == p.c.operation_id))
        .where(
            at(o.c.merchant_id, "merchant"),
            o.c.order_id >= bindparam("first", type_=BigInteger),
            o.c.order_id <= bindparam("last", type_=BigInteger),
        )
    )


@cache
def strays(operation: Column[int], names: Column[int], whose: Table) -> Query:
    """Operations in a table that names what is gone, for proofs, with what they name."""
    merchant = operation.table.c.merchant_id
    there = exists().where(whose.c.merchant_id == merchant, whose.c.id == names)
    mine = merchant == bindparam("merchant", type_=BigInteger)
    found = select(operation, names).distinct().where(mine, ~there)
    return compiled(found.order_by(operation).limit(bindparam("limit")))


@cache
def orphans() -> Query:
    """Merchants that rest in no directory, and the tables in which rows of theirs do."""
    m = t.merchants.c.id
    found = [
        select(o.c.merchant_id, literal_column(f"'{o.name}'", String))
        .distinct()
        .where(~exists().where(m == o.c.merchant_id), o.c.merchant_id > literal_column("0"))
        for o in t.OWNED
    ]
    return compiled(union_all(*found))


@cache
def card() -> Query:
    """One sealed card."""
    c = t.cards
    return compiled(
        select(c.c.id, c.c.key_id, c.c.sealed, c.c.fingerprint).where(
            at(c.c.merchant_id, "merchant"), at(c.c.id, "id")
        )
    )


@cache
def cards_after() -> Query:
    """A run of a merchant's sealed cards by id."""
    c = t.cards
    return compiled(
        select(c.c.id, c.c.key_id, c.c.sealed, c.c.fingerprint)
        .where(at(c.c.merchant_id, "merchant"), c.c.id > bindparam("after", type_=BigInteger))
        .order_by(c.c.id)
        .limit(bindparam("limit"))
    )


@cache
def reseal() -> Query:
    """Replace a card's ciphertext."""
    c = t.cards
    return compiled(
        update(c)
        .values(key_id=bindparam("key"), sealed=bindparam("new_sealed"))
        .where(at(c.c.merchant_id, "merchant"), at(c.c.id, "card"))
    )


@cache
def key_use() -> Query:
    """What an idempotency key was used for."""
    k = t.keys
    return compiled(
        select(k.c.key, k.c.fingerprint, k.c.order_id, k.c.used).where(
            at(k.c.merchant_id, "merchant"), k.c.key == bindparam("key", type_=String)
        )
    )


@cache
def pending() -> Query:
    """A merchant's oldest operations without an answer."""
    o = t.operations
    return compiled(
        select(o.c.order_id, o.c.body)
        .where(
            at(o.c.merchant_id, "merchant"),
            o.c.outcome == bindparam("outcome", type_=String),
            o.c.id < bindparam("before", type_=BigInteger),
            o.c.id > bindparam("after", type_=BigInteger),
        )
        .order_by(o.c.id)
        .limit(bindparam("limit"))
    )


@cache
def everything(table: Table) -> Query:
    """A directory table, whole."""
    return compiled(select(*table.c).order_by(*table.primary_key.columns))


@cache
def merchant() -> Query:
    """One merchant."""
    return compiled(select(t.merchants.c.body).where(at(t.merchants.c.id, "id")))


@cache
def credential() -> Query:
    """The credential of a login on a wire."""
    c = t.credentials
    return compiled(
        select(*c.c).where(
            c.c.wire == bindparam("wire", type_=String),
            c.c.login == bindparam("login", type_=String),
        )
    )


@cache
def credentials_of() -> Query:
    """All credentials of a merchant."""
    c = t.credentials
    return compiled(
        select(*c.c).where(at(c.c.merchant_id, "merchant")).order_by(c.c.wire, c.c.login)
    )


@cache
def issuer_titles() -> Query:
    """The issuers a merchant has seen cards of."""
    i = t.issuers
    return compiled(select(i.c.title).where(at(i.c.merchant_id, "merchant")))


@cache
def put(table: Table) -> Query:
    """Insert a row, or replace what is not its key; parameters are the table's columns."""
    key = {c.name for c in table.primary_key.columns}
    statement = upsert(table).values({c.name: bindparam(c.name) for c in table.c})
    rest = {c.name: statement.excluded[c.name] for c in table.c if c.name not in key}
    if not rest:
        return compiled(statement.on_conflict_do_nothing())
    return compiled(
        statement.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=rest)
    )


@cache
def rates_between() -> Query:
    """Exchange rates of a span of days."""
    r = t.rates
    return compiled(
        select(*r.c)
        .where(
            r.c.day >= bindparam("first", type_=String), r.c.day <= bindparam("last", type_=String)
        )
        .order_by(r.c.source, r.c.target, r.c.day)
    )


@cache
def rate() -> Query:
    """The latest rate of a pair that is not after a day."""
    r = t.rates
    return compiled(
        select(*r.c)
        .where(
            r.c.source == bindparam("source", type_=String),
            r.c.target == bindparam("target", type_=String),
            r.c.day <= bindparam("day", type_=String),
        )
        .order_by(r.c.day.desc())
        .limit(bindparam("limit"))
    )


@cache
def rates_on() -> Query:
    """Of each pair the latest rate that is not after a day."""
    r, later = t.rates, t.rates.alias("later")
    newest = (
        select(func.max(later.c.day))
        .where(
            later.c.source == r.c.source,
            later.c.target == r.c.target,
            later.c.day <= bindparam("day", type_=String),
        )
        .scalar_subquery()
    )
    return compiled(select(*r.c).where(r.c.day == newest).order_by(r.c.source, r.c.target))


@cache
def used_keys() -> Query:
    """Which idempotency keys have been used. A row is merchant_id, key."""
    k = t.keys
    v = rows_of({name: k.c[name].type for name in ("merchant_id", "key")})
    return compiled(
        select(k.c.merchant_id, k.c.key).join_from(
            v, k, and_(k.c.merchant_id == v.c.merchant_id, k.c.key == v.c.key)
        )
    )


def at(column: Column[Any], name: str) -> ColumnElement[bool]:
    """The condition that a column has the value of a parameter, with the column's type."""
    return column == bindparam(name, type_=column.type)


def rows_of(shape: Mapping[str, TypeEngine[Any]]) -> CTE:
    """A row of parameters as a named table of such columns (`batch.packed`: many)."""
    columns: list[Column[Any]] = [Column(name, kind) for name, kind in shape.items()]
    row: Any = tuple(bindparam(name, type_=kind) for name, kind in shape.items())
    return values(*columns, name="v").data([row]).cte("v")
