"""A PostgreSQL database as rows, for moving house (`store/moving.py`)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Boolean, Table

from counterfoil.store import bulk, rows, search
from counterfoil.store import tables as t
from counterfoil.store.link import Link, connect, given, read
from counterfoil.store.options import Options
from counterfoil.store.queries import Query
from counterfoil.store.rows import Row


class Server:
    """A database that others serve."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def read(self, query: Query, **named: object) -> list[Row]:
        """The rows of a statement."""
        async with self._link.connection() as connection, connection.transaction():
            return await read(connection, query, **named)

    async def add(self, table: Table, found: Sequence[Row]) -> None:
        """Add the rows that are not there yet, and the texts of orders."""
        async with self._link.connection() as connection, connection.transaction():
            await self._add(connection, table, [_typed(table, row) for row in found])
            if table is t.orders:
                orders = (search.text_row(rows.read_order(row)) for row in found)
                await self._add(connection, t.texts, [row for row in orders if row])

    async def close(self) -> None:
        """Let go of it."""
        await self._link.close()

    async def _add(self, connection: Any, table: Table, found: Sequence[Row]) -> None:
        columns = [given(column) for column in bulk.arrays(found, len(table.c))]
        await connection.execute(bulk.bring(table).sql, *columns)


async def open_server(url: str, options: Options) -> Server:
    """The database of that address; raises `StoreError`."""
    return Server(await connect(url, options))


def _typed(table: Table, row: Row) -> Row:
    """The row with truth values as such: the embedded database gives numbers."""
    return tuple(
        bool(value) if isinstance(column.type, Boolean) else value
        for column, value in zip(table.c, row, strict=True)
    )
