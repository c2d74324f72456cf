"""The statements of timers, notices, endpoints and attempts, each with a name and a sentence."""

from collections.abc import Iterable
from functools import cache
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Select,
    String,
    and_,
    bindparam,
    case,
    delete,
    false,
    func,
    insert,
    literal_column,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.sql.elements import ColumnElement

from counterfoil.core.order import instant_of
from counterfoil.core.timers import Backlog, Queue
from counterfoil.store import tables as t
from counterfoil.store.queries import WHOLLY, Query, at, compiled, rows_of
from counterfoil.store.rows import Row

KEY: Final = ("merchant_id", "kind", "subject", "lane")
FREE: Final = ("due", "since", "tries", "why")


@cache
def plant() -> Query:
    """Set timers; a row has the table's columns.

    One that is there is touched and stays as it is; but one that is parked is due again.
    """
    timers = t.timers
    columns = list(timers.c)
    v = rows_of({c.name: c.type for c in columns})
    there = next(iter(v.c)).is_not(None)
    planting = upsert(timers).from_select(columns, select(*v.c).where(there))
    return compiled(touched(planting.prefix_with(WHOLLY, dialect="sqlite")))


def touched(statement: Insert) -> Insert:
    """The insertion of timers, as `plant` says what becomes of one that is there."""
    timers = t.timers
    return statement.on_conflict_do_update(
        index_elements=[timers.c[name] for name in KEY],
        set_={
            "touched": timers.c.touched + literal_column("1"),
            "parked": false(),
            "tries": case((timers.c.parked, literal_column("0")), else_=timers.c.tries),
            "due": case((timers.c.parked, statement.excluded.due), else_=timers.c.due),
        },
    )


@cache
def plant_new() -> Query:
    """Set a timer unless it is there; parameters are the table's columns."""
    statement = upsert(t.timers).values({c.name: bindparam(c.name) for c in t.timers.c})
    return compiled(statement.on_conflict_do_nothing())


@cache
def claim() -> Query:
    """Take some of a lane's timers that are due, not parked, and held by nobody."""
    timers = t.timers
    free = (
        select(timers.c.kind, timers.c.subject, timers.c.lane)
        .where(
            at(timers.c.merchant_id, "whose"),
            at(timers.c.lane, "lane"),
            timers.c.parked == false(),
            timers.c.due <= bindparam("now", type_=BigInteger),
            timers.c.held_until <= bindparam("now", type_=BigInteger),
        )
        .order_by(timers.c.due)
        .limit(bindparam("limit"))
        .with_for_update(skip_locked=True)  # what another process is taking now is not waited for
        .cte("free")
    )
    return compiled(
        update(timers)
        .values(holder=bindparam("new_holder"), held_until=bindparam("new_until"))
        .where(
            at(timers.c.merchant_id, "merchant"),
            timers.c.kind == free.c.kind,
            timers.c.subject == free.c.subject,
            timers.c.lane == free.c.lane,
        )
        .returning(*timers.c)
    )


@cache
def any_due() -> Query:
    """Whether a lane has a timer that is due and held by nobody."""
    timers = t.timers
    return compiled(
        select(timers.c.subject)
        .where(
            at(timers.c.merchant_id, "merchant"),
            at(timers.c.lane, "lane"),
            timers.c.parked == false(),
            timers.c.due <= bindparam("now", type_=BigInteger),
            timers.c.held_until <= bindparam("now", type_=BigInteger),
        )
        .limit(bindparam("limit"))
    )


@cache
def remove() -> Query:
    """Take a timer away that is done, unless it was touched or taken since."""
    timers = t.timers
    return compiled(delete(timers).where(_mine(), timers.c.touched == bindparam("touched")))


@cache
def park() -> Query:
    """Keep a timer that nobody tries again, unless it was touched or taken since."""
    timers = t.timers
    return compiled(
        update(timers)
        .values(parked=true(), held_until=0, **{name: bindparam(f"new_{name}") for name in FREE})
        .where(_mine(), timers.c.touched == bindparam("touched"))
    )


@cache
def again() -> Query:
    """Put a timer back with another time, unless it was taken since."""
    return compiled(
        update(t.timers)
        .values(held_until=0, **{name: bindparam(f"new_{name}") for name in FREE})
        .where(_mine())
    )


@cache
def let_go() -> Query:
    """Free a merchant's timers that the process of a number held: the last byte of the holder."""
    timers = t.timers
    return compiled(
        update(timers)
        .values(held_until=0)
        .where(
            at(timers.c.merchant_id, "merchant"),
            timers.c.held_until > bindparam("nobody", type_=BigInteger),
            timers.c.holder.bitwise_and(bindparam("byte", type_=BigInteger))
            == bindparam("worker", type_=BigInteger),
        )
    )


@cache
def timers_of(*, parked: bool) -> Query:
    """A merchant's timers, those due first first; those that nobody tries again, or all."""
    timers = t.timers
    found = select(*timers.c).where(at(timers.c.merchant_id, "merchant"))
    if parked:
        found = found.where(timers.c.parked == true())
    return compiled(found.order_by(timers.c.due).limit(bindparam("limit")))


@cache
def next_due() -> Query:
    """When the next of a merchant's timers is due that is not due yet."""
    timers = t.timers
    return compiled(
        select(func.min(timers.c.due)).where(
            at(timers.c.merchant_id, "merchant"),
            timers.c.parked == false(),
            timers.c.due > bindparam("now", type_=BigInteger),
        )
    )


@cache
def backlog() -> Query:
    """What of a merchant waits or is parked: name, whether parked, how many, the first instant.

    Of operations the id is the instant. Every part reads a stretch of an index and nothing else.
    """
    o, timers = t.operations, t.timers
    nil = literal_column("0", BigInteger)

    def part(
        name: Backlog, first: Column[int], parked: ColumnElement[bool], *where: ColumnElement[bool]
    ) -> Select[str, bool, int, int]:
        what = literal_column(f"'{name}'", String)
        found = select(what, parked, func.count(), func.min(first))
        return found.where(at(first.table.c.merchant_id, "merchant"), *where)

    due = timers.c.due <= bindparam("now", type_=BigInteger)
    told = part(Backlog.CALLBACKS, timers.c.due, timers.c.parked, timers.c.lane > nil)
    own = (timers.c.lane == nil, timers.c.parked == false())
    idle = (timers.c.lane == nil, timers.c.parked == true())
    return compiled(
        union_all(
            part(Backlog.OPERATIONS, o.c.id, false(), at(o.c.outcome, "outcome")),
            part(Backlog.TIMERS, timers.c.due, false(), *own, due),
            part(Backlog.TIMERS, timers.c.due, true(), *idle),
            told.group_by(timers.c.parked),
        )
    )


def laid_out(found: Iterable[Row]) -> dict[Backlog, Queue]:
    """Rows of `backlog`, put together."""
    queues = dict.fromkeys(Backlog, Queue())
    for name, parked, count, first in found:
        what = Backlog(name)
        if parked:
            queues[what] += Queue(parked=count)
        elif count:
            since = instant_of(first) if what is Backlog.OPERATIONS else first
            queues[what] += Queue(waiting=count, since=since)
    return queues


@cache
def notices() -> Query:
    """An order's notices from a sequence on."""
    n = t.notices
    return compiled(
        select(*n.c)
        .where(
            at(n.c.merchant_id, "merchant"),
            at(n.c.order_id, "order"),
            n.c.sequence >= bindparam("since", type_=BigInteger),
        )
        .order_by(n.c.sequence)
    )


@cache
def endpoints() -> Query:
    """A merchant's endpoints, oldest first."""
    e = t.endpoints
    return compiled(select(*e.c).where(at(e.c.merchant_id, "merchant")).order_by(e.c.id))


@cache
def remove_endpoint() -> Query:
    """Forget an endpoint."""
    e = t.endpoints
    return compiled(delete(e).where(at(e.c.merchant_id, "merchant"), at(e.c.id, "id")))


@cache
def empty_lane() -> Query:
    """Forget a lane's timers."""
    timers = t.timers
    return compiled(
        delete(timers).where(at(timers.c.merchant_id, "merchant"), at(timers.c.lane, "lane"))
    )


@cache
def add_attempt() -> Query:
    """Keep an attempt; parameters are the table's columns."""
    a = t.attempts
    return compiled(insert(a).values({c.name: bindparam(c.name) for c in a.c}))


@cache
def attempts(*filters: str) -> Query:
    """A page of a merchant's attempts, newest first, where those columns have the values given."""
    a = t.attempts
    return compiled(
        select(*a.c)
        .where(
            at(a.c.merchant_id, "merchant"),
            a.c.id < bindparam("before", type_=BigInteger),
            *(at(a.c[name], name) for name in filters),
        )
        .order_by(a.c.id.desc())
        .limit(bindparam("limit"))
    )


def _mine() -> ColumnElement[bool]:
    """The condition that it is this timer, and that nobody has taken it since."""
    timers = t.timers
    return and_(*[at(timers.c[name], name) for name in (*KEY, "holder")])
