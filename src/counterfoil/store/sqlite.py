"""The embedded store: one SQLite file, one hand that writes, readers beside it.

Write-ahead log with `synchronous=FULL`: what `commit` has answered survives the loss of power. One
process serves the file; commands may read and administer it meanwhile. apsw brings its own SQLite,
because the one of Debian 12 can corrupt a write-ahead log (fixed in 3.51.3).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import local
from typing import Any, Final, TypeVar

import apsw

from counterfoil.core.card import SealedCard
from counterfoil.core.change import Change, KeyUse
from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Credential, Merchant
from counterfoil.core.order import Order, Outcome
from counterfoil.core.ports import Committed, DataKey, Evidence, Listed, OperationQuery, OrderQuery
from counterfoil.core.rates import Rate
from counterfoil.core.timers import Backlog, Queue
from counterfoil.store import agenda, kept, lists, migrate, queries, rows, scribe
from counterfoil.store import tables as t
from counterfoil.store.entries import Entries, WriteError
from counterfoil.store.hands import Far, Hand, Near, transact
from counterfoil.store.lanes import Lanes
from counterfoil.store.migrate import StoreError
from counterfoil.store.queries import Query
from counterfoil.store.scribe import Step, Told

MIGRATING_MS: Final = 60_000  # another process may be bringing the file to the newest schema
READERS: Final = 2  # threads for lists and proofs; single reads are made where they are asked
CARDS_PAGE: Final = 500
LANES: Final = 2  # batches: while one is written the next may be on its way
Result = TypeVar("Result")


async def open_store(path: Path, *, create: bool = True, apart: bool = False) -> "SqliteStore":
    """The store in that file, brought to the newest schema; made if it is not there.

    Only its owner may read the file, for it holds personal data. `apart`: a process of its own
    writes, which is worth it where many write at once.
    Raises `OSError`, or `StoreError`: also where it is not there and is not to be made (`create`).
    """
    store = SqliteStore(path)
    await asyncio.to_thread(migrate_file, path, create=create)
    await store.start(apart=apart)
    return store


def connect(path: Path) -> apsw.Connection:
    """A connection with our settings; raises `apsw.Error`."""
    return scribe.connect(str(path))


def migrate_file(path: Path, *, create: bool = True) -> tuple[str | None, str]:
    """Bring the file to the newest schema; the steps it was at and is at now.

    Raises `OSError`, or `StoreError` where it is no database of ours, or of a newer version.
    """
    if not create and not path.exists():
        raise StoreError(f"there is no database {path}; counterfoil migrate makes one")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    try:
        with closing(apsw.Connection(str(path))) as connection:
            return _migrated(connection)
    except (apsw.Error, StoreError) as error:
        raise StoreError(f"the database {path} cannot be used: {error}") from error


def _migrated(connection: apsw.Connection) -> tuple[str | None, str]:
    def climb() -> None:
        present = _step(connection)  # another process may have been quicker
        if present != t.HEAD:
            # A statement that gives rows (RETURNING) halts the text until they are fetched.
            connection.execute(migrate.steps("sqlite", present)).fetchall()

    connection.set_busy_timeout(MIGRATING_MS)
    before = _step(connection)
    if before != t.HEAD:
        transact(connection, lambda _: climb())
    connection.execute("PRAGMA journal_mode=WAL")
    return before, t.HEAD


def _step(connection: apsw.Connection) -> str | None:
    # Asked of the file: the driver's own view of the schema may be older than the transaction.
    there = "SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'"
    if connection.execute(there).fetchone() is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


class SqliteStore(kept.KeptStore):
    """Implements `core.ports.Store`; each method is described there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._threads = local()

    async def start(self, *, apart: bool) -> None:
        """Open the connections, and have somebody write; `apart`: a process of its own."""
        self._loop = asyncio.get_running_loop()
        self._near = connect(self.path)
        self._pool = ThreadPoolExecutor(READERS, "counterfoil-reader")
        self.hand: Hand = await Far.opened(self.path) if apart else Near(self.path)
        self._lanes = Lanes(Entries(self.hand).write, LANES)

    def commit(self, change: Change) -> Coroutine[Any, Any, Committed]:
        return self._lanes.submit(change)

    async def load(self, merchant: int, order: int) -> Order:
        row = self._one(queries.order(), merchant=merchant, id=order)
        if row is None:
            raise Refused(Code.ORDER_NOT_FOUND, order=str(order))
        return rows.read_order(row)

    async def card(self, merchant: int, card: int) -> SealedCard | None:
        row = self._one(queries.card(), merchant=merchant, id=card)
        return None if row is None else rows.read_card(row)

    async def key_use(self, merchant: int, key: str) -> KeyUse | None:
        row = self._one(queries.key_use(), merchant=merchant, key=key)
        return None if row is None else rows.read_key_use(row)

    async def orders(self, query: OrderQuery) -> Sequence[Order]:
        return await self._read(lambda connection: lists.orders(connection, query))

    async def operations(self, query: OperationQuery) -> Sequence[Listed]:
        return await self._read(lambda connection: lists.operations(connection, query))

    async def pending(
        self, merchant: int, before: int, limit: int, *, after: int = 0
    ) -> Sequence[Listed]:
        query = queries.pending()
        bounds = {"merchant": merchant, "before": before, "after": after, "limit": limit}
        given = query.bind(outcome=Outcome.PENDING, **bounds)
        found = await self._read(lambda connection: list(connection.execute(query.sql, given)))
        return [Listed(order=row[0], operation=rows.read_operation(row[1])) for row in found]

    async def backlog(self, merchant: int, now: int) -> Mapping[Backlog, Queue]:
        query = agenda.backlog()
        given = query.bind(merchant=merchant, now=now, outcome=Outcome.PENDING)
        found = await self._read(lambda connection: list(connection.execute(query.sql, given)))
        return agenda.laid_out(found)

    async def evidence(self, merchant: int, after: int, limit: int) -> Sequence[Evidence]:
        return await self._read(
            lambda connection: lists.evidence(connection, merchant, after, limit)
        )

    async def strays(self, merchant: int, limit: int) -> Sequence[tuple[int, int | None]]:
        return await self._read(lambda connection: lists.strays(connection, merchant, limit))

    async def orphans(self) -> Sequence[tuple[int, str]]:
        sql = queries.orphans().sql
        return await self._read(lambda connection: list(connection.execute(sql)))

    async def merchants(self) -> Sequence[Merchant]:
        return [rows.read_merchant(row) for row in self._all(queries.everything(t.merchants))]

    async def merchant(self, merchant: int) -> Merchant | None:
        row = self._one(queries.merchant(), id=merchant)
        return None if row is None else rows.read_merchant(row)

    async def save_merchant(self, merchant: Merchant) -> None:
        await self._put(t.merchants, [(merchant.id, rows.body(merchant))])

    async def credential(self, wire: str, login: str) -> Credential | None:
        row = self._one(queries.credential(), wire=wire, login=login)
        return None if row is None else rows.read_credential(row)

    async def credentials(self, merchant: int) -> Sequence[Credential]:
        found = self._all(queries.credentials_of(), merchant=merchant)
        return [rows.read_credential(row) for row in found]

    async def save_credential(self, credential: Credential) -> None:
        await self._put(t.credentials, [rows.credential_row(credential)])

    async def rate(self, source: str, target: str, day: str) -> Rate | None:
        row = self._one(queries.rate(), source=source, target=target, day=day, limit=1)
        return None if row is None else rows.read_rate(row)

    async def rates(self, first: str, last: str) -> Sequence[Rate]:
        return await self._rates(queries.rates_between(), first=first, last=last)

    async def rates_on(self, day: str) -> Sequence[Rate]:
        return await self._rates(queries.rates_on(), day=day)

    async def _rates(self, query: Query, **given: object) -> Sequence[Rate]:
        bound = query.bind(**given)
        found = await self._read(lambda connection: list(connection.execute(query.sql, bound)))
        return [rows.read_rate(row) for row in found]

    async def save_rates(self, rates: Sequence[Rate]) -> None:
        await self._put(t.rates, [(r.day, r.source, r.target, r.rate) for r in rates])

    async def data_keys(self) -> Sequence[DataKey]:
        return [rows.read_data_key(row) for row in self._all(queries.everything(t.data_keys))]

    async def found_vault(self, keys: Sequence[DataKey]) -> Sequence[DataKey]:
        def work(connection: apsw.Connection) -> list[tuple[Any, ...]]:
            every = queries.everything(t.data_keys).sql
            if connection.execute(every).fetchone() is None:
                for key in keys:
                    row = (key.id, key.wrapped, key.active)
                    connection.execute(queries.put(t.data_keys).sql, row)
            return connection.execute(every).fetchall()

        found = await self._alter(work)
        return [rows.read_data_key(row) for row in found]

    async def save_data_key(self, key: DataKey) -> None:
        await self._put(t.data_keys, [(key.id, key.wrapped, key.active)])

    async def reseal(self, merchant: int, card: SealedCard) -> None:
        query = queries.reseal()
        given = query.bind(merchant=merchant, card=card.id, key=card.key, new_sealed=card.sealed)
        await self._alter(lambda connection: connection.execute(query.sql, given))

    async def every_card(self, merchant: int) -> AsyncIterator[SealedCard]:
        after = 0
        while True:
            found = self._all(
                queries.cards_after(), merchant=merchant, after=after, limit=CARDS_PAGE
            )
            for row in found:
                yield rows.read_card(row)
            if len(found) < CARDS_PAGE:
                return
            after = found[-1][0]

    async def ready(self) -> bool:
        return await self.hand.alive() and self._near.execute("SELECT 1").fetchone() is not None

    async def close(self) -> None:
        await self._lanes.close()
        await self.hand.close()
        self._pool.shutdown()
        self._near.close()

    async def _write(self, steps: Sequence[Step]) -> Told:
        told = await self.hand.write(steps)
        if not told.done:
            raise WriteError(told.error)
        return told

    def _alter(self, work: Callable[[apsw.Connection], Result]) -> Awaitable[Result]:
        return self.hand.alone(work)

    def _one(self, query: Query, **given: object) -> tuple[Any, ...] | None:
        return self._seen().execute(query.sql, query.bind(**given)).fetchone()

    def _all(self, query: Query, **given: object) -> list[tuple[Any, ...]]:
        return self._seen().execute(query.sql, query.bind(**given)).fetchall()

    def _seen(self) -> apsw.Connection:
        """The loop's connection; all that one turn of the loop reads is one snapshot.

        A turn later at the earliest somebody learns what was written meanwhile, so they see it.
        """
        if not self._near.in_transaction:
            self._near.execute("BEGIN")
            self._loop.call_soon(self._near.execute, "COMMIT")
        return self._near

    async def _read(self, work: Callable[[apsw.Connection], Result]) -> Result:
        def act() -> Result:
            connection = getattr(self._threads, "connection", None)
            if connection is None:
                connection = self._threads.connection = connect(self.path)
            with connection:  # one snapshot for everything that the work reads
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._pool, act)

    async def _put(self, table: Any, found: Sequence[rows.Row]) -> None:
        sql = queries.put(table).sql
        await self._alter(lambda connection: [connection.execute(sql, row) for row in found])
