"""A batch of changes made durable in PostgreSQL: one round trip, unless something falls out.

The whole batch is one statement that fails where a change is stale or its key is used. Then it is
looked through again, part by part in one transaction, and what cannot be committed falls out alone.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import asyncpg

from counterfoil.core.change import Change
from counterfoil.core.errors import Code, Refused
from counterfoil.core.listing import projection
from counterfoil.core.ports import Committed
from counterfoil.store import agenda, batch, bulk, queries, rows, search
from counterfoil.store import tables as t
from counterfoil.store.lanes import Verdict
from counterfoil.store.link import AGAIN, Connection, Link, escaped, given
from counterfoil.store.rows import Row

ISSUERS_MAX: Final = 100_000  # pairs of merchant and issuer kept in mind
TRIES: Final = 10  # of a batch that others were in the way of
PAUSE_S: Final = 0.01  # before the next of them, each longer than the one before
FELL_OUT: Final = (asyncpg.UniqueViolationError, asyncpg.DivisionByZeroError)
Parts = dict[str, list[Row]]


class Commits:
    """Writes batches; `alone` (link.options): each is one merchant's."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._alone = link.options.alone
        self._known_issuers: set[tuple[int, str]] = set()

    async def write(self, changes: Sequence[Change]) -> Sequence[Verdict]:
        """Commit what can be committed; raises `Refused` where nobody knows what was."""
        for attempt in range(TRIES):
            try:
                async with self._link.connection() as connection:
                    verdicts = await self._written(connection, changes)
            except AGAIN:
                await asyncio.sleep(PAUSE_S * attempt)
            else:
                self._remember(changes, verdicts)
                return verdicts
        raise Refused(Code.STORE_UNAVAILABLE)

    async def _written(
        self, connection: Connection, changes: Sequence[Change]
    ) -> Sequence[Verdict]:
        if not self._alone:
            try:
                await self._at_once(connection, changes)
            except FELL_OUT:
                pass
            else:
                return [Committed.DONE] * len(changes)
        return await self._one_by_one(connection, changes)

    async def _at_once(self, connection: Connection, changes: Sequence[Change]) -> None:
        parts = self._parts(changes)
        names = tuple(name for name in bulk.SHAPES if parts[name])
        columns = [column for name in names for column in zip(*parts[name], strict=True)]
        query = bulk.whole(names)
        bound = bulk.in_order(query, columns, moved=len(parts[bulk.ADVANCE]))
        if self._link.options.pooled:
            async with connection.transaction():
                await connection.execute(query.sql, *bound)
        else:
            await connection.execute(query.sql, *bound)

    async def _one_by_one(
        self, connection: Connection, changes: Sequence[Change]
    ) -> Sequence[Verdict]:
        try:
            async with connection.transaction():
                return await self._looked_through(connection, changes)
        except asyncpg.UniqueViolationError as error:
            if len(changes) == 1:
                async with connection.transaction():
                    return [await self._why(connection, changes[0], error)]
        return [
            verdict
            for change in changes
            for verdict in await self._one_by_one(connection, [change])
        ]

    async def _looked_through(
        self, connection: Connection, changes: Sequence[Change]
    ) -> Sequence[Verdict]:
        used = await self._used(connection, changes)
        steps = [each for each in changes if each.expects and used.isdisjoint(_keys(each))]
        moved = await self._part(connection, bulk.ADVANCE, [_advance_row(each) for each in steps])
        verdicts: list[Committed] = []
        for change in changes:
            if not used.isdisjoint(_keys(change)):
                verdicts.append(Committed.DUPLICATE)
            elif change.expects and (change.order.merchant, change.order.id) not in moved:
                verdicts.append(Committed.STALE)
            else:
                verdicts.append(Committed.DONE)
        for name, found in self._parts(_done(changes, verdicts)).items():
            if name != bulk.ADVANCE:
                await self._part(connection, name, found)
        return verdicts

    async def _used(self, connection: Connection, changes: Sequence[Change]) -> set[Row]:
        query = bulk.used_keys(one=self._alone)
        named = [key for change in changes for key in _keys(change)]
        return await self._send(connection, query, named, 2)

    async def _part(self, connection: Connection, name: str, found: list[Row]) -> set[Row]:
        query = bulk.part(name, one=self._alone)
        return await self._send(connection, query, found, len(bulk.SHAPES[name]))

    async def _send(
        self, connection: Connection, query: queries.Query, found: Sequence[Row], width: int
    ) -> set[Row]:
        """The pairs that a statement gives back; `alone`: the merchant goes as a constant."""
        if not found:
            return set()
        columns = bulk.arrays(found, width)
        merchant = columns[0][0]
        bound = bulk.in_order(query, columns[1:] if self._alone else columns, merchant=merchant)
        return {tuple(each) for each in await connection.fetch(query.sql, *bound)}

    async def _why(
        self, connection: Connection, change: Change, error: asyncpg.UniqueViolationError
    ) -> Verdict:
        """What stands in the way of a change: its key, an order of its number, or a surprise."""
        if await self._used(connection, [change]):
            return Committed.DUPLICATE
        query, order = bulk.text(queries.order().source), change.order
        bound = query.bind(merchant=order.merchant, id=order.id)
        there = await connection.fetch(query.sql, *bound)
        return Committed.STALE if there and change.expects == 0 else error

    def _parts(self, changes: Sequence[Change]) -> Parts:
        """The rows of a batch, by part, without issuers that rest already."""
        parts = parts_of(changes)
        issuers = parts[t.issuers.name]
        parts[t.issuers.name] = [each for each in issuers if each not in self._known_issuers]
        return parts

    def _remember(self, changes: Sequence[Change], verdicts: Sequence[Verdict]) -> None:
        """Keep in mind which issuers rest already, now that the commit is durable."""
        if len(self._known_issuers) > ISSUERS_MAX:
            self._known_issuers.clear()
        self._known_issuers.update(_issuers(_done(changes, verdicts)))


def parts_of(changes: Sequence[Change]) -> Parts:
    """The rows of a batch, by part."""
    parts: Parts = {name: [] for name in bulk.SHAPES}
    for table, found in batch.added(changes):
        if table is not t.orders_text:
            parts[table.name] = found
    parts[bulk.ADVANCE] = [_advance_row(each) for each in changes if each.expects]
    parts[bulk.CLOSE] = batch.closed(changes)
    parts[t.timers.name] = bulk.each_once(batch.timers(changes), len(agenda.KEY))
    filed = [each.order for each in changes if each.refiled or not each.expects]
    parts[t.texts.name] = [text for each in filed if (text := search.text_row(each))]
    parts[t.issuers.name] = sorted(set(_issuers(changes)))
    for name in bulk.FREE:
        parts[name] = [tuple(given(value) for value in found) for found in parts[name]]
    return parts


def _done(changes: Sequence[Change], verdicts: Sequence[Verdict]) -> list[Change]:
    both = zip(changes, verdicts, strict=True)
    return [change for change, verdict in both if verdict is Committed.DONE]


def _issuers(changes: Sequence[Change]) -> list[tuple[int, str]]:
    return [
        (change.order.merchant, title)
        for change in changes
        if (change.cards or change.refiled) and (title := rows.issuer_title(change.order))
    ]


def _keys(change: Change) -> list[Row]:
    return [(change.order.merchant, escaped(use.key)) for use in change.keys]


def _advance_row(change: Change) -> Row:
    order = change.order
    own = (order.merchant, order.id, change.expects, order.version)
    return (*own, *(value and escaped(value) for value in projection(order)), rows.body(order))
