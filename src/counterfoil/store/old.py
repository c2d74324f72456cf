"""The statements that forget what is old: a bounded batch each, found by an index or a key."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import BigInteger, Column, Table, bindparam, delete, exists, select, tuple_

from counterfoil.core.keeping import Old
from counterfoil.core.order import id_at
from counterfoil.core.timers import Due
from counterfoil.store import tables as t
from counterfoil.store.queries import Query, at, compiled
from counterfoil.store.rows import Row

AT_ONCE: Final = 500  # rows looked at in one commit, so that payments go in between
BEYOND: Final = {"offset": AT_ONCE - 1, "limit": 1}
Aged: TypeAlias = tuple[Table, tuple[Column[Any], ...], Column[Any]]

# The rest of each key after the merchant, and the column that says how old a row is.
AGED: Final[Mapping[Old, Aged]] = {
    Old.KEYS: (t.keys, (t.keys.c.key,), t.keys.c.used),
    Old.KEPT: (t.kept, (t.kept.c.kind, t.kept.c.id), t.kept.c.used),
    Old.ATTEMPTS: (t.attempts, (t.attempts.c.id,), t.attempts.c.id),
}


@cache
def aged(what: Old) -> Query:
    """Forget some of a merchant's rows that are older, the oldest first; gives one for each."""
    table, key, age = AGED[what]
    oldest = (
        select(*key)
        .where(at(table.c.merchant_id, "merchant"), age < bindparam("before", type_=BigInteger))
        .order_by(age)
        .limit(bindparam("limit"))
    )
    mine = (at(table.c.merchant_id, "of"), tuple_(*key).in_(oldest))
    return compiled(delete(table).where(*mine).returning(age))


@cache
def notices_end() -> Query:
    """Up to which order a merchant's next notices go, so many at once; none: up to the last."""
    n = t.notices
    return compiled(
        select(n.c.order_id)
        .where(at(n.c.merchant_id, "merchant"), *_span("last"))
        .order_by(n.c.order_id)
        .limit(bindparam("limit"))
        .offset(bindparam("offset"))
    )


@cache
def notices() -> Query:
    """Forget what old orders told long ago, unless something of it was or is yet to be posted."""
    n, a, timers = t.notices, t.attempts, t.timers
    posted = exists().where(
        a.c.merchant_id == n.c.merchant_id,
        a.c.order_id == n.c.order_id,
    )
    waits = exists().where(
        timers.c.merchant_id == n.c.merchant_id,
        timers.c.kind == Due.DELIVER,
        timers.c.subject == n.c.order_id,
    )
    old = n.c.at < bindparam("before", type_=BigInteger)
    mine = (at(n.c.merchant_id, "merchant"), *_span("last"))
    return compiled(delete(n).where(*mine, old, ~posted, ~waits))


def _span(last: str) -> tuple[Any, Any]:
    order = t.notices.c.order_id
    return (
        order > bindparam("after", type_=BigInteger),
        order <= bindparam(last, type_=BigInteger),
    )


class Batch(NamedTuple):
    """What removes a batch, and what it is given."""

    query: Query
    given: dict[str, object]


def batch(what: Old, merchant: int, before: int) -> Batch:
    """A batch of anything but notices; gives a row for each that is gone."""
    bound = id_at(before) if what is Old.ATTEMPTS else before  # such an id is an instant
    whose = {"merchant": merchant, "of": merchant}
    return Batch(aged(what), {**whose, "before": bound, "limit": AT_ONCE})


def more(removed: Sequence[Row]) -> int | None:
    """Whether the batch was full, as `forget` says it."""
    return 0 if len(removed) == AT_ONCE else None


def span(merchant: int, before: int, after: int) -> dict[str, int]:
    """Which notices are looked at."""
    return {"merchant": merchant, "after": after, "last": id_at(before) - 1}
