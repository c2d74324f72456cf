"""What both stores do with the texts that are kept beside orders."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Final

import apsw
from sqlalchemy import BigInteger, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.sql.elements import ColumnElement

from counterfoil.core.card import SealedCard
from counterfoil.core.keeping import Kept, Old
from counterfoil.store import old, queries, rows
from counterfoil.store import tables as t
from counterfoil.store.queries import Query, at, compiled
from counterfoil.store.rows import Row
from counterfoil.store.timed import TimedStore

NEW: Final = ("body", "used")  # what another text is kept with


@cache
def kept_now() -> Query:
    """What is kept in one place."""
    k = t.kept
    return compiled(select(k.c.body).where(*_place()))


@cache
def kept_first() -> Query:
    """Keep a text where nothing is; gives its id where it was kept."""
    statement = upsert(t.kept).values({c.name: bindparam(c.name, type_=c.type) for c in t.kept.c})
    return compiled(statement.on_conflict_do_nothing().returning(t.kept.c.id))


@cache
def kept_instead() -> Query:
    """Keep a text in place of another; gives its id where that was there."""
    k = t.kept
    return compiled(
        update(k)
        .values({name: bindparam(f"new_{name}", type_=k.c[name].type) for name in NEW})
        .where(*_place(), at(k.c.body, "was"))
        .returning(k.c.id)
    )


@cache
def kept_no_more() -> Query:
    """Forget a text where it is still that."""
    return compiled(delete(t.kept).where(*_place(), at(t.kept.c.body, "was")))


@cache
def card_no_more() -> Query:
    """Forget a sealed card."""
    k = t.cards
    return compiled(delete(k).where(at(k.c.merchant_id, "merchant"), at(k.c.id, "id")))


def dropping(
    items: Sequence[Kept], cards: Sequence[int]
) -> Iterator[tuple[Query, dict[str, object]]]:
    """The statements that forget them, and what each is given."""
    for item in items:
        place = {"merchant": item.merchant, "kind": item.kind, "id": item.id}
        yield kept_no_more(), {**place, "was": item.body}
    for card in cards:
        yield card_no_more(), {"merchant": items[0].merchant, "id": card}


@cache
def kept_run() -> Query:
    """A run of what is kept of a kind."""
    k = t.kept
    return compiled(
        select(*k.c)
        .where(
            at(k.c.merchant_id, "merchant"),
            at(k.c.kind, "kind"),
            k.c.id > bindparam("after", type_=BigInteger),
        )
        .order_by(k.c.id)
        .limit(bindparam("limit"))
    )


def _place() -> tuple[ColumnElement[bool], ...]:
    k = t.kept
    return at(k.c.merchant_id, "merchant"), at(k.c.kind, "kind"), at(k.c.id, "id")


def keeping(item: Kept, was: str | None) -> tuple[Query, dict[str, object]]:
    """The statement that keeps a text, and what it is given."""
    if was is None:
        own = {"merchant_id": item.merchant, "kind": item.kind, "id": item.id}
        return kept_first(), {**own, "body": item.body, "used": item.used}
    place = {"merchant": item.merchant, "kind": item.kind, "id": item.id}
    return kept_instead(), {**place, "was": was, "new_body": item.body, "new_used": item.used}


def read_kept(row: Row) -> Kept:
    """A row of the table."""
    return Kept(merchant=row[0], kind=row[1], id=row[2], body=row[3], used=row[4])


class KeptStore(TimedStore):
    """Implements `core.keeping.Keeper` on SQLite; described there."""

    async def keep(
        self, item: Kept, was: str | None = None, *, card: SealedCard | None = None
    ) -> bool:
        query, given = keeping(item, was)

        def work(connection: apsw.Connection) -> bool:
            done = connection.execute(query.sql, query.bind(**given)).fetchall()
            if done and card is not None:
                own = rows.card_row(item.merchant, card)
                connection.execute(queries.put(t.cards).sql, own)
            return bool(done)

        return await self._alter(work)

    async def kept(self, merchant: int, kind: str, item: int) -> str | None:
        found = self._all(kept_now(), merchant=merchant, kind=kind, id=item)
        return str(found[0][0]) if found else None

    async def every_kept(
        self, merchant: int, kind: str, limit: int, *, after: int = 0
    ) -> Sequence[Kept]:
        found = self._all(kept_run(), merchant=merchant, kind=kind, after=after, limit=limit)
        return [read_kept(row) for row in found]

    async def forget(self, what: Old, merchant: int, before: int, *, after: int = 0) -> int | None:
        if what is not Old.NOTICES:
            query, given = old.batch(what, merchant, before)
            return old.more(await self._alter(_removed(query, given)))
        span = old.span(merchant, before, after)
        found = self._all(old.notices_end(), **span, **old.BEYOND)
        last: int = found[0][0] if found else span["last"]
        await self._alter(_removed(old.notices(), span | {"before": before, "last": last}))
        return last if found else None

    async def drop(self, items: Sequence[Kept], cards: Sequence[int] = ()) -> None:
        def work(connection: apsw.Connection) -> None:
            for query, given in dropping(items, cards):
                connection.execute(query.sql, query.bind(**given))

        await self._alter(work)


def _removed(query: Query, given: Mapping[str, object]) -> Callable[[apsw.Connection], list[Row]]:
    bound = query.bind(**given)
    return lambda connection: connection.execute(query.sql, bound).fetchall()
