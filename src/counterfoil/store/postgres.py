"""PostgreSQL: the same truth for several processes and machines.

What `commit` has answered is durable as far as the server's own settings say (`synchronous_commit`,
synchronous standbys). A change that was not acknowledged is refused, and may stand all the same:
then its operation is one without an answer, which the engine asks about. No sequence, trigger,
advisory lock or `LISTEN`, and `merchant_id` in every statement: what that is for is in
`docs/scale.md`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

import asyncpg

from counterfoil.core.card import SealedCard
from counterfoil.core.change import Change, KeyUse
from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Credential, Merchant
from counterfoil.core.order import Order, Outcome
from counterfoil.core.ports import (
    ID_MAX,
    Committed,
    DataKey,
    Evidence,
    Listed,
    OperationQuery,
    OrderQuery,
)
from counterfoil.core.rates import Rate
from counterfoil.store import bulk, lists, migrate, queries, rows, search
from counterfoil.store import tables as t
from counterfoil.store.commits import Commits
from counterfoil.store.gather import Gathered
from counterfoil.store.keeping import KeptErrands
from counterfoil.store.lanes import Lanes
from counterfoil.store.link import (
    Connection,
    Hosts,
    Link,
    connect,
    given,
    read,
    row,
    unusable,
)
from counterfoil.store.migrate import StoreError
from counterfoil.store.options import Options
from counterfoil.store.queries import Query
from counterfoil.store.rows import Row
from counterfoil.store.workers import Lease

CARDS_PAGE: Final = 500
SLICE: Final = 20  # orders of a list read at once: each may be large
THERE_NOW: Final = (
    asyncpg.UniqueViolationError,
    asyncpg.DuplicateTableError,
    asyncpg.DuplicateObjectError,
)
ANEW: Final = "CREATE TABLE alembic_version"
THERE: Final = "CREATE TABLE IF NOT EXISTS alembic_version"
VERSIONS: Final = f"{THERE} (version_num TEXT NOT NULL PRIMARY KEY)"
Read = TypeVar("Read")


async def open_store(
    url: str, options: Options | None = None, *, create: bool = True
) -> "PostgresStore":
    """The store in that database, brought to the newest schema.

    Raises `StoreError`: also where there is no schema of ours and none is to be made (`create`).
    """
    await migrate_database(url, options, create=create)
    return PostgresStore(await connect(url, options or Options()))


async def migrate_database(
    url: str, options: Options | None = None, *, create: bool = True
) -> tuple[str | None, str]:
    """Bring the database to the newest schema; the steps it was at and is at now.

    Raises `StoreError` where it cannot be reached, is no database of ours, or of a newer version.
    """
    timeout_s = (options or Options()).timeout_ms / 1000
    try:
        connection = await Hosts(url).connect(url, timeout=timeout_s, statement_cache_size=0)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise unusable(url, error) from error
    try:
        return await _migrated(connection, create=create)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, StoreError) as error:
        raise unusable(url, error) from error
    finally:
        await connection.close()


async def _migrated(connection: Connection, *, create: bool) -> tuple[str | None, str]:
    async with connection.transaction():  # behind a pooler it holds one connection together
        before = await _step(connection)
        encoding = await connection.fetchval("SHOW server_encoding")
    if before == t.HEAD:
        return before, t.HEAD
    if before is None and not create:
        raise StoreError("there is no schema in it; counterfoil migrate makes one")
    if encoding != "UTF8":
        raise StoreError(f"its encoding is {encoding}, not UTF8")
    with suppress(*THERE_NOW):  # two that begin at once may meet over the very first table
        await connection.execute(VERSIONS)
    async with connection.transaction():
        await connection.execute("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
        present = await _step(connection)  # another process may have been quicker
        if present != t.HEAD:
            steps = bulk.unbounded(migrate.steps("postgresql", present))
            await connection.execute(steps.replace(ANEW, THERE))
    return before, t.HEAD


async def _step(connection: Connection) -> str | None:
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    found = await connection.fetchval("SELECT version_num FROM alembic_version")
    return None if found is None else str(found)


class PostgresStore(KeptErrands):
    """Implements `core.ports.Store`; each method is described there."""

    def __init__(self, link: Link) -> None:
        self._link = link
        options = link.options
        self._lanes = Lanes(Commits(link).write, options.lanes, alone=options.alone)
        self._bodies = Gathered(self._loaded, options.lanes)

    async def commit(self, change: Change) -> Committed:
        return await self._lanes.submit(change)

    async def load(self, merchant: int, order: int) -> Order:
        body = await self._bodies.get((merchant, order))
        if body is None:
            raise Refused(Code.ORDER_NOT_FOUND, order=str(order))
        return rows.read_order((body,))

    async def card(self, merchant: int, card: int) -> SealedCard | None:
        return await self._one(queries.card(), rows.read_card, merchant=merchant, id=card)

    async def key_use(self, merchant: int, key: str) -> KeyUse | None:
        return await self._one(queries.key_use(), rows.read_key_use, merchant=merchant, key=key)

    async def orders(self, query: OrderQuery) -> Sequence[Order]:
        known: list[Row] = []
        if query.issuer_part:
            known = await self._all(queries.issuer_titles(), tuple, merchant=query.merchant)
        filters = lists.order_filters(query, [title for (title,) in known])
        if filters is None:
            return []
        upwards = query.after is not None
        if lists.sought_in(query):
            found = await self._searched(query, filters)
        else:
            driver = filters[0][0] if filters else None
            shape = search.page(t.orders, driver, filters, upwards=upwards)
            found = await self._fetch(shape, **_marks(filters), **lists.bounds(query))
        orders: list[Order] = []
        for start in range(0, len(found), SLICE):
            orders += [rows.read_order(each) for each in found[start : start + SLICE]]
            await asyncio.sleep(0)  # others are served in between
        return orders[::-1] if upwards else orders

    async def operations(self, query: OperationQuery) -> Sequence[Listed]:
        filters = lists.operation_filters(query)
        if filters is None:
            return []
        upwards = query.after is not None
        shape = search.page(t.operations, filters[0][0], filters, upwards=upwards)
        found = await self._fetch(shape, **_marks(filters), **lists.bounds(query))
        read = [Listed(order=each[1], operation=rows.read_operation(each[2])) for each in found]
        return read[::-1] if upwards else read

    async def pending(
        self, merchant: int, before: int, limit: int, *, after: int = 0
    ) -> Sequence[Listed]:
        bounds = {"merchant": merchant, "before": before, "after": after, "limit": limit}
        found = await self._fetch(queries.pending(), outcome=Outcome.PENDING, **bounds)
        return [Listed(order=each[0], operation=rows.read_operation(each[1])) for each in found]

    async def evidence(self, merchant: int, after: int, limit: int) -> Sequence[Evidence]:
        async with (
            self._link.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            whose = {"merchant": merchant, "after": after, "limit": limit}
            run = await read(connection, queries.order_rows(), **whose)
            if not run:
                return []
            span = {"merchant": merchant, "first": run[0][1], "last": run[-1][1]}
            operations = await read(connection, queries.operation_rows(), **span)
            postings = await read(connection, queries.posting_rows(), **span)
        return lists.laid_out(run, operations, postings)

    async def strays(self, merchant: int, limit: int) -> Sequence[tuple[int, int | None]]:
        lost, alone = lists.stray_queries()
        whose = {"merchant": merchant, "limit": limit}
        found = await self._fetch(lost, **whose)
        entries = await self._fetch(alone, **whose)
        return [*((each[0], each[1]) for each in found), *((each[0], None) for each in entries)]

    async def orphans(self) -> Sequence[tuple[int, str]]:
        return [(each[0], each[1]) for each in await self._fetch(queries.orphans())]

    async def merchants(self) -> Sequence[Merchant]:
        return await self._all(queries.everything(t.merchants), rows.read_merchant)

    async def merchant(self, merchant: int) -> Merchant | None:
        return await self._one(queries.merchant(), rows.read_merchant, id=merchant)

    async def save_merchant(self, merchant: Merchant) -> None:
        await self._put(t.merchants, [(merchant.id, rows.body(merchant))])

    async def credential(self, wire: str, login: str) -> Credential | None:
        return await self._one(queries.credential(), rows.read_credential, wire=wire, login=login)

    async def credentials(self, merchant: int) -> Sequence[Credential]:
        return await self._all(queries.credentials_of(), rows.read_credential, merchant=merchant)

    async def save_credential(self, credential: Credential) -> None:
        await self._put(t.credentials, [rows.credential_row(credential)])

    async def rate(self, source: str, target: str, day: str) -> Rate | None:
        pair = {"source": source, "target": target}
        return await self._one(queries.rate(), rows.read_rate, **pair, day=day, limit=1)

    async def rates(self, first: str, last: str) -> Sequence[Rate]:
        return await self._all(queries.rates_between(), rows.read_rate, first=first, last=last)

    async def rates_on(self, day: str) -> Sequence[Rate]:
        return await self._all(queries.rates_on(), rows.read_rate, day=day)

    async def save_rates(self, rates: Sequence[Rate]) -> None:
        given = [(each.day, each.source, each.target, each.rate) for each in rates]
        await self._put(t.rates, bulk.each_once(given, 3))

    async def data_keys(self) -> Sequence[DataKey]:
        return await self._all(queries.everything(t.data_keys), rows.read_data_key)

    async def found_vault(self, keys: Sequence[DataKey]) -> Sequence[DataKey]:
        every = queries.everything(t.data_keys)

        async def work(connection: Connection) -> list[Row]:
            await connection.execute("LOCK TABLE data_keys IN ACCESS EXCLUSIVE MODE")
            if not await read(connection, every):
                new = [(key.id, key.wrapped, key.active) for key in keys]
                await connection.execute(bulk.put(t.data_keys).sql, *bulk.arrays(new, 3))
            return await read(connection, every)

        return [rows.read_data_key(each) for each in await self._alter(work)]

    async def save_data_key(self, key: DataKey) -> None:
        await self._put(t.data_keys, [(key.id, key.wrapped, key.active)])

    async def reseal(self, merchant: int, card: SealedCard) -> None:
        new = {"key": card.key, "new_sealed": card.sealed}
        await self._fetch(queries.reseal(), merchant=merchant, card=card.id, **new)

    async def every_card(self, merchant: int) -> AsyncIterator[SealedCard]:
        after, query = 0, queries.cards_after()
        while True:
            run = {"merchant": merchant, "after": after, "limit": CARDS_PAGE}
            found = await self._all(query, rows.read_card, **run)
            for each in found:
                yield each
            if len(found) < CARDS_PAGE:
                return
            after = found[-1].id

    async def lease(self) -> Lease:
        lease = Lease(self._fetch)
        await lease.take()
        return lease

    async def ready(self) -> bool:
        try:
            return bool(await self._link.fetch("SELECT 1", ()))
        except Refused:
            return False

    async def close(self) -> None:
        await self._lanes.close()
        await self._link.close()

    async def _loaded(self, wanted: Sequence[tuple[int, int]]) -> dict[tuple[int, int], str]:
        """The bodies of those orders that are there; `alone`: asked for one by one."""
        if self._link.options.alone:
            asked = queries.order()
            ones = [(key, await self._fetch(asked, merchant=key[0], id=key[1])) for key in wanted]
            return {key: found[0][0] for key, found in ones if found}
        query = bulk.loads()
        found = await self._link.fetch(query.sql, bulk.arrays(wanted, 2))
        return {(each[0], each[1]): each[2] for each in found}

    async def _fetch(self, query: Query, **named: object) -> list[Any]:
        compiled = bulk.text(query.source)
        bound = compiled.bind(**{name: given(value) for name, value in named.items()})
        return await self._link.fetch(compiled.sql, bound)

    async def _alter(self, work: Callable[[Connection], Awaitable[Read]]) -> Read:
        """The result of work on a connection, in a transaction of its own."""
        async with self._link.connection() as connection, connection.transaction():
            return await work(connection)

    async def _all(
        self, query: Query, reading: Callable[[Row], Read], **named: object
    ) -> list[Read]:
        return [reading(row(each)) for each in await self._fetch(query, **named)]

    async def _one(
        self, query: Query, reading: Callable[[Row], Read], **named: object
    ) -> Read | None:
        found = await self._all(query, reading, **named)
        return found[0] if found else None

    async def _put(self, table: Any, found: Sequence[Row]) -> None:
        rows_given = [tuple(given(value) for value in each) for each in found]
        bound = bulk.arrays(rows_given, len(table.c))
        await self._link.fetch(bulk.put(table).sql, bound)

    async def _searched(self, query: OrderQuery, filters: lists.Filters) -> list[Any]:
        """A page of orders whose customers have such names and addresses."""
        sought = [(name, part.casefold()) for name, part in lists.sought_in(query)]
        if any("\0" in part for _, part in sought):
            return []  # no text holds one
        parts, rest = tuple(name for name, _ in sought), tuple(name for name, _ in filters)
        upwards = query.after is not None
        named = lists.bounds(query) | _marks(filters)
        named |= {f"{name}_part": part for name, part in sought}
        numbers = [
            number
            for name, part in sought
            for number in search.grams(query.merchant, search.TEXTS.index(name), part)
        ]
        near = search.among_newest(parts, rest, upwards=upwards)
        reach = search.NEWEST if numbers else ID_MAX
        found = await self._fetch(near, reach=reach, **named)
        if len(found) == query.limit or not numbers:
            return found
        shape = search.looked_up(parts, rest, upwards=upwards)
        return await self._fetch(shape, grams=numbers, **named)


def _marks(filters: lists.Filters) -> dict[str, object]:
    return {f"{name}_values": list(values) for name, values in filters}
