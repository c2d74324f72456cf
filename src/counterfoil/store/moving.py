"""Moving house: every row of one database into another, of either kind.

Rows go table by table and merchant by merchant in the order of their keys, and what is there
already stays: a copy that was interrupted goes on about where it stopped. What only one kind of
database has (the index of customers' names) is made anew from the orders. Nobody may write to
either meanwhile.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import (
    BigInteger,
    Column,
    Null,
    Select,
    Table,
    bindparam,
    func,
    insert,
    null,
    select,
    tuple_,
)
from sqlalchemy.sql.elements import ColumnElement

from counterfoil.core.keeping import NOBODY
from counterfoil.core.record import Record
from counterfoil.store import queries, rows
from counterfoil.store import tables as t
from counterfoil.store.migrate import StoreError
from counterfoil.store.queries import Query, compiled
from counterfoil.store.rows import Row
from counterfoil.store.sqlite import connect

RUN: Final = 2_000  # rows at a time
DIRECTORY: Final = (t.merchants, t.credentials, t.rates, t.data_keys)


class Counted(Record):
    """How many rows a table has, of one merchant or (None) of all; `digest`: what they say."""

    table: str
    merchant: int | None
    rows: int
    digest: int = 0


class House(Protocol):
    """A database as rows."""

    async def read(self, query: Query, **named: object) -> list[Row]:
        """The rows of a statement, their texts as they were given."""
        ...

    async def add(self, table: Table, found: Sequence[Row]) -> None:
        """Add the rows that are not there yet, and what lists find orders by."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


async def counts(house: House) -> list[Counted]:
    """The rows of every table, merchant by merchant."""
    found: list[Counted] = []
    for table, merchant in await _tables(house):
        ((rows,),) = await house.read(count(table), merchant=merchant)
        found.append(Counted(table=table.name, merchant=merchant, rows=rows))
    return found


async def digests(house: House, told: Callable[[int], object]) -> list[Counted]:
    """The same with what the rows say, whatever their order; `told` is given how many went by."""
    found: list[Counted] = []
    for table, merchant in await _tables(house):
        rows = digest = 0
        async for run in _runs(house, table, merchant, 0):
            rows += len(run)
            digest += sum(map(_digest, run))
            told(len(run))
        counted = Counted(table=table.name, merchant=merchant, rows=rows, digest=digest)
        found.append(counted)
    return found


def _digest(row: Row) -> int:
    """What a row says, as a number; truth values are numbers in some databases."""
    values = [int(value) if isinstance(value, bool) else value for value in row]
    return int.from_bytes(blake2b(repr(values).encode("utf-8", "surrogatepass")).digest())


async def _tables(house: House) -> list[tuple[Table, int | None]]:
    """Every table, and those of merchants once for each."""
    owners: list[int | None] = [NOBODY, *await merchants(house)]
    return [(table, None) for table in DIRECTORY] + [
        (table, owner) for owner in owners for table in t.OWNED
    ]


async def merchants(house: House) -> list[int]:
    """The number of every merchant."""
    return [row[0] for row in await house.read(queries.everything(t.merchants))]


async def copy(source: House, target: House, told: Callable[[int], object]) -> None:
    """Copy everything; `told` is given how many rows went by. Raises `StoreError`."""
    known = await merchants(source)
    strange = sorted(set(await merchants(target)) - set(known))
    if strange:
        raise StoreError(f"the target holds merchant {strange[0]}, which the source does not")
    for table, merchant in await _tables(source):
        last = 0
        if merchant is not None:
            ((found,),) = await target.read(greatest(table), merchant=merchant)
            last = found or 0
        async for run in _runs(source, table, merchant, last):
            await target.add(table, run)
            told(len(run))


async def _runs(
    house: House, table: Table, merchant: int | None, start: int
) -> AsyncIterator[list[Row]]:
    """A table's rows, or those from a number on where they are numbered."""
    whose = {"merchant": merchant, "limit": RUN}
    run = await house.read(beginning(table), start=start, **whose)
    while run:
        yield run
        place = {f"after_{c.name}": run[-1][list(table.c).index(c)] for c in _key(table)}
        run = await house.read(after(table), **place, **whose)


@cache
def count(table: Table) -> Query:
    """How many rows there are, of a merchant."""
    return compiled(select(func.count()).select_from(table).where(*_mine(table)))


@cache
def greatest(table: Table) -> Query:
    """The last of a merchant's rows, where they are numbered: a copy goes on there."""
    return compiled(select(func.max(_number(table))).where(*_mine(table)))


@cache
def beginning(table: Table) -> Query:
    """The first rows of a merchant, or those from a number (`start`) on."""
    number = _number(table)
    begin = bindparam("start", type_=BigInteger)
    numbered = () if isinstance(number, Null) else (number >= begin,)
    return compiled(_run(table).where(*numbered))


@cache
def after(table: Table) -> Query:
    """The rows of a merchant after a key (`after_…`)."""
    key = _key(table)
    place = tuple_(*(bindparam(f"after_{c.name}", type_=c.type) for c in key))
    return compiled(_run(table).where(tuple_(*key) > place))


def _run(table: Table) -> Select[Any]:
    limit = bindparam("limit", type_=BigInteger)
    return select(*table.c).where(*_mine(table)).order_by(*_key(table)).limit(limit)


def _mine(table: Table) -> list[ColumnElement[bool]]:
    return [] if table in DIRECTORY else [queries.at(table.c.merchant_id, "merchant")]


def _key(table: Table) -> list[Column[Any]]:
    """The columns that rows are ordered by, of one merchant."""
    key = list(table.primary_key.columns)
    return key if table in DIRECTORY else key[1:]


def _number(table: Table) -> ColumnElement[Any]:
    """The number that rows are ordered by, if they are: texts each database orders in its way."""
    first = _key(table)[0]
    return first if isinstance(first.type, BigInteger) and table not in DIRECTORY else null()


class File:
    """An embedded database."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path)

    async def read(self, query: Query, **named: object) -> list[Row]:
        """The rows of a statement."""
        bound = [named.get(name, query.fixed.get(name)) for name in query.names]
        return self._connection.execute(query.sql, bound).fetchall()

    async def add(self, table: Table, found: Sequence[Row]) -> None:
        """Add the rows that are not there yet."""
        sql = compiled(insert(table).prefix_with("OR IGNORE")).sql
        with self._connection:
            self._connection.executemany(sql, found)
            if table is t.orders:
                texts = (rows.text_row(rows.read_order(row)) for row in found)
                self._connection.executemany(queries.refile_text().sql, filter(None, texts))

    async def close(self) -> None:
        """Let go of it."""
        self._connection.close()
