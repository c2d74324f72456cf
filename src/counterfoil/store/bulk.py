"""PostgreSQL's statements: rows go as one array a column, and a whole batch as one statement.

Every statement is built with SQLAlchemy and compiled once. A batch of changes is one statement
whose parts (`WITH … INSERT …, UPDATE …`) all happen or none: it fails on purpose where an order did
not move. So a commit is one round trip, and what falls out is looked for only when something does.
The same parts are also statements of their own, for the second look and for engines that are
distributed: there `merchant_id` is a constant, and a batch is one merchant's.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Integer,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    column,
    false,
    func,
    literal_column,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import asyncpg, insert
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.expression import ClauseElement, UpdateBase
from sqlalchemy.sql.selectable import FromClause
from sqlalchemy.types import TypeEngine

from counterfoil.core.listing import FILTERS
from counterfoil.store import agenda, queries
from counterfoil.store import tables as t
from counterfoil.store.queries import Query
from counterfoil.store.rows import Row

DIALECT: Final = asyncpg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own
BOUNDED: Final = re.compile(r"VARCHAR(\(\d+\))?")
ADVANCE: Final = "advance"
CLOSE: Final = "close"
ADDED: Final[Mapping[str, Table]] = {
    each.name: each
    for each in (
        *(t.orders, t.texts, t.operations, t.cards),
        *(t.postings, t.notices, t.keys, t.issuers, t.timers),
    )
}
FREE: Final = (t.orders.name, t.texts.name, t.keys.name, t.issuers.name)  # texts of callers
REFILED: Final = frozenset({t.texts.name})  # a row that is there is replaced
LISTS: Final = frozenset({"grams"})  # a list in a row travels as text, for lists of lists are flat
SEEN: Final = frozenset({t.issuers.name})  # a row that is there stays
Shape = Mapping[str, TypeEngine[Any]]


def _shapes() -> dict[str, Shape]:
    o, p = t.orders.c, t.operations.c
    found: dict[str, Shape] = {
        name: {each.name: each.type for each in table.c} for name, table in ADDED.items()
    }
    projected = {name: o[name].type for name in FILTERS}
    moved = {"expected": o.version.type, "version": o.version.type, **projected}
    own = {"merchant_id": o.merchant_id.type, "id": o.id.type}
    found[CLOSE] = {**own, "outcome": p.outcome.type, "body": p.body.type}
    found[ADVANCE] = {**own, **moved, "body": o.body.type}
    return found


SHAPES: Final = _shapes()  # by part: the columns of its rows; orders that move come last


def unbounded(text: str) -> str:
    """SQL in which texts have no length: the wires bound them, and a cast would cut them off."""
    return BOUNDED.sub("TEXT", text)


@cache
def text(statement: ClauseElement) -> Query:
    """The statement as text for PostgreSQL."""
    compiled = statement.compile(dialect=DIALECT)
    assert isinstance(compiled, SQLCompiler)
    fixed = {name: value for name, value in compiled.params.items() if value is not None}
    names = tuple(compiled.positiontup or ())
    return Query(unbounded(str(compiled)), names, fixed, statement)


@cache
def whole(names: tuple[str, ...]) -> Query:
    """Those parts of a batch as one statement; parameters: an array a column, and `moved`.

    Raises division by zero where not so many orders moved from the version that was expected.
    """
    parts = {name: _part(name, one=False).cte(f"new_{name}") for name in names}
    rest = [each for name, each in parts.items() if name != ADVANCE]
    moved: Any = bindparam("moved", type_=BigInteger)
    count: Any = moved
    if ADVANCE in parts:
        count = select(func.count()).select_from(parts[ADVANCE]).scalar_subquery()
    return text(select(func.div(1, cast(count == moved, Integer))).add_cte(*rest))


@cache
def part(name: str, *, one: bool) -> Query:
    """One part of a batch; `one`: all its rows are of the merchant in the parameter `merchant`."""
    return text(_part(name, one=one))


@cache
def put(table: Table) -> Query:
    """Insert rows of a directory, or replace what is not their key."""
    shape = {each.name: each.type for each in table.c}
    return text(_insert(table, _rows(table.name, shape), replace=True))


@cache
def add(table: Table) -> Query:
    """Insert rows."""
    return text(_insert(table, _rows(table.name, {each.name: each.type for each in table.c})))


@cache
def bring(table: Table) -> Query:
    """Insert the rows that are not there yet."""
    shape = {each.name: each.type for each in table.c}
    return text(_insert(table, _rows(table.name, shape), seen=True))


@cache
def plant_new() -> Query:
    """Set timers of the merchant in the parameter `merchant`, unless they are there."""
    v = _rows(t.timers.name, _less(SHAPES[t.timers.name], one=True))
    own = select(_merchant(v, one=True), *v.c)
    return text(insert(t.timers).from_select(list(t.timers.c), own).on_conflict_do_nothing())


@cache
def endpoint_held() -> Query:
    """An endpoint, which nobody else changes until the transaction is over."""
    e = t.endpoints
    mine = (queries.at(e.c.merchant_id, "merchant"), queries.at(e.c.id, "id"))
    return text(select(e.c.body).where(*mine).with_for_update())


@cache
def endpoints_of() -> Query:
    """The endpoints of those merchants, oldest first; as a part of one column, `merchants`."""
    e = t.endpoints
    v = _rows("merchants", {"merchant_id": BigInteger()})
    whose = select(*e.c).join_from(v, e, e.c.merchant_id == v.c.merchant_id)
    return text(whose.order_by(e.c.id))


@cache
def lanes_due() -> Query:
    """Which of those lanes have a timer that is due; as a part of two columns, `lanes`.

    Each is looked for by itself (LATERAL, LIMIT): else the planner may read all timers there are.
    """
    v = _rows("lanes", {"merchant_id": BigInteger(), "lane": BigInteger()})
    timers = t.timers.c
    now = bindparam("now", type_=BigInteger)
    mine = (timers.merchant_id == v.c.merchant_id, timers.lane == v.c.lane)
    free = (timers.parked == false(), timers.due <= now, timers.held_until <= now)
    one = select(timers.subject).where(*mine, *free).correlate(v).limit(literal_column("1"))
    return text(select(v.c.merchant_id, v.c.lane).join_from(v, one.lateral("one"), true()))


@cache
def used_keys(*, one: bool) -> Query:
    """Which idempotency keys have been used; as a part of two columns, `keys`."""
    k = t.keys
    v = _rows("keys", _less({name: k.c[name].type for name in ("merchant_id", "key")}, one=one))
    mine = and_(k.c.merchant_id == _merchant(v, one=one), k.c.key == v.c.key)
    return text(select(k.c.merchant_id, k.c.key).join_from(v, k, mine))


@cache
def loads() -> Query:
    """The orders of those numbers, whosever they are; as a part of two columns, `orders`."""
    o = t.orders
    v = _rows("orders", {"merchant_id": BigInteger(), "id": BigInteger()})
    mine = and_(o.c.merchant_id == v.c.merchant_id, o.c.id == v.c.id)
    return text(select(o.c.merchant_id, o.c.id, o.c.body).join_from(v, o, mine))


def arrays(rows: Sequence[Row], width: int) -> list[Sequence[object]]:
    """Rows as columns."""
    return list(zip(*rows, strict=True)) if rows else [()] * width


def each_once(rows: Sequence[Row], width: int) -> list[Row]:
    """The rows, of those with one key (so many columns) the last: no statement takes two."""
    return list({row[:width]: row for row in rows}.values())


def in_order(query: Query, columns: Sequence[Sequence[object]], **named: object) -> list[object]:
    """The parameters of a statement: the columns of its parts in their order, others by name."""
    known = query.fixed | named
    rest = iter(columns)
    return [known[name] if name in known else next(rest) for name in query.names]


def _part(name: str, *, one: bool) -> UpdateBase:
    if name == ADVANCE:
        return _advance(one=one)
    if name == CLOSE:
        return _close(one=one)
    table = ADDED[name]
    v = _rows(name, _less(SHAPES[name], one=one))
    return _insert(table, v, replace=name in REFILED, seen=name in SEEN, one=one)


def _insert(
    table: Table, v: FromClause, *, replace: bool = False, seen: bool = False, one: bool = False
) -> UpdateBase:
    own: list[ColumnElement[Any]] = [_merchant(v, one=True)] if one else []
    given = [cast(c, table.c[c.name].type) if c.name in LISTS else c for c in v.c]
    made = insert(table).from_select(list(table.c), select(*own, *given))
    if seen:
        return made.on_conflict_do_nothing()
    if table is t.timers:
        return agenda.touched(made)
    if not replace:
        return made
    key = list(table.primary_key.columns)
    rest = {c.name: made.excluded[c.name] for c in table.c if c not in key}
    return made.on_conflict_do_update(index_elements=key, set_=rest)


def _advance(*, one: bool) -> UpdateBase:
    """Move orders from the version expected to the next, with all that lists filter them by."""
    o = t.orders
    v = _rows(ADVANCE, _less(SHAPES[ADVANCE], one=one))
    mine = o.c.merchant_id == _merchant(v, one=one)
    return (
        update(o)
        .values({name: v.c[name] for name in ("version", *FILTERS, "body")})
        .where(mine, o.c.id == v.c.id, o.c.version == v.c.expected)
        .returning(o.c.merchant_id, o.c.id)
    )


def _close(*, one: bool) -> UpdateBase:
    o = t.operations
    v = _rows(CLOSE, _less(SHAPES[CLOSE], one=one))
    mine = o.c.merchant_id == _merchant(v, one=one)
    new = {"outcome": v.c.outcome, "body": v.c.body}
    return update(o).values(new).where(mine, o.c.id == v.c.id)


def _merchant(v: FromClause, *, one: bool) -> ColumnElement[int]:
    return bindparam("merchant", type_=BigInteger) if one else v.c.merchant_id


def _less(shape: Shape, *, one: bool) -> Shape:
    return {name: kind for name, kind in shape.items() if not (one and name == "merchant_id")}


def _rows(name: str, shape: Shape) -> FromClause:
    """Rows whose columns are parameters, an array each."""
    given = [
        bindparam(f"{name}.{each}", type_=ARRAY(Text() if each in LISTS else kind))
        for each, kind in shape.items()
    ]
    columns = [column(each, kind) for each, kind in shape.items()]
    return func.unnest(*given).table_valued(*columns, name=f"v_{name}").render_derived()
