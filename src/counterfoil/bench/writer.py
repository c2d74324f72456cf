"""The floor's durable writes: one thread, group commit, multi-row statements.

Every `sqlite3_step` gives the interpreter lock away and must win it back from the event loop, so a
batch is written in as few statements as its rows allow: chunks of 64, 16, 4 and 1.
"""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final, NamedTuple, TypeAlias

import apsw

CHUNKS: Final = (64, 16, 4, 1)
BATCH_MAX: Final = 512  # changes in one transaction; bounds how long the last of them waits

Value: TypeAlias = int | str | bytes
Row: TypeAlias = tuple[Value, ...]


class Target(NamedTuple):
    """A table rows go to; `update` says what becomes of a row that is there already."""

    table: str
    columns: int
    update: str = ""


ORDERS: Final = Target(
    "orders", 4, "on conflict (id) do update set version = excluded.version, body = excluded.body"
)
OPERATIONS: Final = Target("operations", 4, "on conflict (id) do update set body = excluded.body")
CARDS: Final = Target("cards", 4)
POSTINGS: Final = Target("postings", 5)
NOTICES: Final = Target("notices", 4)
TIMERS: Final = Target("timers", 4)

SCHEMA: Final = """
create table if not exists orders (
  id integer primary key, merchant integer not null, version integer not null, body blob not null);
create table if not exists operations (
  id integer primary key, merchant integer not null, order_id integer not null, body blob not null);
create table if not exists cards (
  id integer primary key, merchant integer not null, sealed blob not null, print blob not null);
create table if not exists postings (
  operation integer not null, merchant integer not null, account text not null,
  currency text not null, minor integer not null);
create table if not exists notices (
  id integer primary key, merchant integer not null, order_id integer not null,
  event text not null);
create table if not exists timers (
  id integer primary key, merchant integer not null, order_id integer not null,
  due integer not null);
"""

Write: TypeAlias = tuple[tuple[Target, Row], ...]
Waiting: TypeAlias = tuple[Write, asyncio.Future[None]]


def connect(path: Path) -> apsw.Connection:
    """A connection with the settings of the product's own store: WAL, every commit on the disk."""
    connection = apsw.Connection(str(path))
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    connection.execute("pragma wal_autocheckpoint = 4000")
    connection.execute(SCHEMA)
    return connection


def statement(target: Target, rows: int) -> str:
    """One insert of so many rows; as in the product, what breaks ends the transaction."""
    row = f"({', '.join('?' * target.columns)})"
    values = ", ".join([row] * rows)
    return f"insert or rollback into {target.table} values {values} {target.update}"  # noqa: S608 (our constants)


def chunks(rows: int) -> Iterator[int]:
    """That many rows as sizes of statements, the largest first: 70 is 64, 4, 1, 1."""
    for size in CHUNKS:
        while rows >= size:
            yield size
            rows -= size


class Writer:
    """One thread that writes all that waits in one transaction, again and again."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path)
        self._queue: SimpleQueue[Waiting | None] = SimpleQueue()
        self._sql = {
            (target, size): statement(target, size)
            for target in (ORDERS, OPERATIONS, CARDS, POSTINGS, NOTICES, TIMERS)
            for size in CHUNKS
        }
        self._thread = Thread(target=self._write_all, name="floor-writer")
        self._thread.start()

    def commit(self, write: Write) -> asyncio.Future[None]:
        """A future that is done when the rows are on the disk."""
        future = asyncio.get_running_loop().create_future()
        self._queue.put((write, future))
        return future

    def close(self) -> None:
        """Write what waits, then end the thread."""
        self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _write_all(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            ended = self._gather(batch)
            self._write(batch)
            futures = [future for _, future in batch]
            futures[0].get_loop().call_soon_threadsafe(_settle, futures)
            if ended:
                return

    def _gather(self, batch: list[Waiting]) -> bool:
        """Add what waits to the batch; whether the end was among it."""
        try:
            while len(batch) < BATCH_MAX:
                each = self._queue.get_nowait()
                if each is None:
                    return True
                batch.append(each)
        except Empty:
            pass
        return False

    def _write(self, batch: Sequence[Waiting]) -> None:
        tables: dict[Target, list[Value]] = {}
        for write, _ in batch:
            for target, row in write:
                tables.setdefault(target, []).extend(row)
        run = self._connection.execute
        run("begin immediate")
        for target, values in tables.items():
            start = 0
            for size in chunks(len(values) // target.columns):
                end = start + size * target.columns
                run(self._sql[target, size], values[start:end])
                start = end
        run("commit")


def _settle(futures: Sequence[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
