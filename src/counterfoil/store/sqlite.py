"""The embedded store: one SQLite file, one thread that writes, readers beside it.

Write-ahead log with `synchronous=FULL`: what `commit` has answered survives the loss of power. One
process serves the file; commands may read and administer it meanwhile. apsw brings its own SQLite,
because the one of Debian 12 can corrupt a write-ahead log (fixed in 3.51.3).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
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
from counterfoil.core.ports import (
    FILTERS,
    Committed,
    DataKey,
    Evidence,
    Listed,
    OperationQuery,
    OrderQuery,
    projection,
)
from counterfoil.core.rates import Rate
from counterfoil.core.timers import Backlog, Queue
from counterfoil.store import agenda, batch, kept, lists, migrate, queries, rows
from counterfoil.store import tables as t
from counterfoil.store.migrate import StoreError
from counterfoil.store.queries import Query
from counterfoil.store.writer import Verdict, Writer

MIGRATING_MS: Final = 60_000  # another process may be bringing the file to the newest schema
READERS: Final = 2  # threads for lists and proofs; single reads are made where they are asked
CARDS_PAGE: Final = 500
ISSUERS_MAX: Final = 100_000  # pairs of merchant and issuer kept in mind
PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",
    "trusted_schema=OFF",
    "cache_size=-8000",
    "journal_size_limit=67108864",
    "wal_autocheckpoint=4000",  # pages: what is written again and again is copied once
)
Result = TypeVar("Result")


async def open_store(path: Path, *, create: bool = True) -> "SqliteStore":
    """The store in that file, brought to the newest schema; made if it is not there.

    Only its owner may read the file, for it holds personal data.
    Raises `OSError`, or `StoreError`: also where it is not there and is not to be made (`create`).
    """
    store = SqliteStore(path)
    await asyncio.to_thread(migrate_file, path, create=create)
    store.start()
    return store


def connect(path: Path) -> apsw.Connection:
    """A connection with our settings; raises `apsw.Error`."""
    connection = apsw.Connection(str(path), statementcachesize=200)
    connection.set_busy_timeout(5000)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


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
        _transact(connection, climb)
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
        self._known_issuers: set[tuple[int, str]] = set()
        self._new_issuers: set[tuple[int, str]] = set()

    def start(self) -> None:
        """Open the connections and the writing thread; inside a running event loop."""
        self._connection = connect(self.path)
        self._near = connect(self.path)
        self._pool = ThreadPoolExecutor(READERS, "counterfoil-reader")
        self._writer = Writer(self._write)
        self._writer.start()

    async def commit(self, change: Change) -> Committed:
        return await self._writer.submit(change)

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
        return self._writer.is_alive() and self._near.execute("SELECT 1").fetchone() is not None

    async def close(self) -> None:
        self._writer.close()
        await asyncio.to_thread(self._writer.finish)
        self._pool.shutdown()
        self._near.close()
        self._connection.close()

    def _alter(self, work: Callable[[apsw.Connection], Result]) -> Awaitable[Result]:
        connection = self._connection
        return self._writer.run_alone(lambda: _transact(connection, lambda: work(connection)))

    def _one(self, query: Query, **given: object) -> tuple[Any, ...] | None:
        return self._near.execute(query.sql, query.bind(**given)).fetchone()

    def _all(self, query: Query, **given: object) -> list[tuple[Any, ...]]:
        return self._near.execute(query.sql, query.bind(**given)).fetchall()

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

    def _write(self, changes: Sequence[Change]) -> Sequence[Verdict]:
        """Commit what can be committed; a change that breaks a constraint is tried alone."""
        try:
            verdicts = _transact(self._connection, lambda: self._apply(changes))
        except apsw.Error as error:
            if len(changes) == 1:
                return [self._why(changes[0], error)]
            return [verdict for change in changes for verdict in self._write([change])]
        if len(self._known_issuers) > ISSUERS_MAX:
            self._known_issuers.clear()
        self._known_issuers |= self._new_issuers  # now that the commit is durable
        return verdicts

    def _why(self, change: Change, error: apsw.Error) -> Verdict:
        """What stands in the way of a change: an order of its number, or something unforeseen."""
        query, order = queries.order(), change.order
        given = query.bind(merchant=order.merchant, id=order.id)
        there = self._connection.execute(query.sql, given).fetchone() is not None
        return Committed.STALE if there and change.expects == 0 else error

    def _apply(self, changes: Sequence[Change]) -> Sequence[Verdict]:
        used = self._used_keys([change for change in changes if change.keys])
        moved = self._advance(
            [change for change in changes if change.expects and id(change) not in used]
        )
        verdicts: list[Verdict] = []
        done: list[Change] = []
        for change in changes:
            if id(change) in used:
                verdicts.append(Committed.DUPLICATE)
            elif change.expects and (change.order.merchant, change.order.id) not in moved:
                verdicts.append(Committed.STALE)
            else:
                verdicts.append(Committed.DONE)
                done.append(change)
        for table, found in batch.added(done):
            for size, given in batch.packed(found):
                self._connection.execute(queries.add(table, size).sql, given)
        for size, given in batch.packed(batch.closed(done)):
            self._connection.execute(queries.close(size).sql, given)
        for size, given in batch.packed(batch.timers(done)):
            self._connection.execute(agenda.plant(size).sql, given)
        self._project(done)
        return verdicts

    def _used_keys(self, changes: Sequence[Change]) -> set[int]:
        by_key = {
            (change.order.merchant, use.key): id(change)
            for change in changes
            for use in change.keys
        }
        found: set[tuple[object, ...]] = set()
        for size, given in batch.packed(list(by_key)):
            found.update(self._connection.execute(queries.used_keys(size).sql, given))
        return {number for mark, number in by_key.items() if mark in found}

    def _advance(self, changes: Sequence[Change]) -> set[tuple[object, ...]]:
        """The orders that were at the version expected: they are moved on."""
        packed = list(batch.packed([rows.advance_row(change) for change in changes]))
        before = self._connection.total_changes()
        for size, given in packed:
            self._connection.execute(queries.advance(size).sql, given)
        moved: set[tuple[object, ...]] = {(each.order.merchant, each.order.id) for each in changes}
        if self._connection.total_changes() - before < len(moved):  # asked which only now: it costs
            self._connection.execute("ROLLBACK; BEGIN IMMEDIATE")  # nothing else is written yet
            told = [(queries.advance(size, telling=True).sql, given) for size, given in packed]
            moved = {row for sql, given in told for row in self._connection.execute(sql, given)}
        return moved

    def _project(self, changes: Sequence[Change]) -> None:
        """Remember the issuers of new cards; file anew the orders that lists find otherwise now."""
        self._new_issuers.clear()
        for change in changes:
            if change.cards or change.refiled:
                order = change.order
                title = rows.issuer_title(order)
                if title and (order.merchant, title) not in self._known_issuers:
                    self._connection.execute(queries.put(t.issuers).sql, (order.merchant, title))
                    self._new_issuers.add((order.merchant, title))
            if change.refiled:
                query = queries.reproject()
                projected = zip(FILTERS, projection(order), strict=True)
                given = {f"new_{name}": value for name, value in projected}
                self._connection.execute(
                    query.sql, query.bind(merchant=order.merchant, id=order.id, **given)
                )
                row = rows.text_row(order)
                if row is not None:
                    self._connection.execute(queries.refile_text().sql, row)


def _transact(connection: apsw.Connection, work: Callable[[], Result]) -> Result:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work()
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result
