"""A real PostgreSQL for tests: one cluster a session, on loopback.

A database is made for each folder that a test names, as a copy of a migrated one; the oldest are
dropped again. Nothing waits for the disk: what is written survives the server's death all the same.
"""

import asyncio
import atexit
import hashlib
from functools import cache
from pathlib import Path
from typing import Final

import asyncpg

from counterfoil.bench.cluster import Cluster
from counterfoil.store.postgres import migrate_database

KEPT: Final = 6  # databases; a test may use several
FAST: Final = ("fsync=off", "full_page_writes=off")


class Databases(Cluster):
    """A cluster with a database for each folder."""

    def __init__(self) -> None:
        super().__init__(*FAST)
        self._kept: list[str] = []
        atexit.register(self.remove)

    async def database(self, folder: Path) -> str:
        """The address of that folder's database, made if it is not there."""
        name = "t" + hashlib.sha256(str(folder).encode()).hexdigest()[:20]
        if name not in self._kept:
            await self._make(name)
        return self.url(name)

    async def _make(self, name: str) -> None:
        connection = await asyncpg.connect(self.url())
        try:
            if not self._kept:
                await connection.execute("CREATE DATABASE ours")
                await migrate_database(self.url("ours"))
            while len(self._kept) >= KEPT:
                await connection.execute(f"DROP DATABASE {self._kept.pop(0)} WITH (FORCE)")
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE ours")
            self._kept.append(name)
        finally:
            await connection.close()


@cache
def shared() -> Databases:
    """The cluster of this session, started when the first test asks for it."""
    return Databases()


async def url_of(folder: Path) -> str:
    """The address of that folder's database on the shared cluster."""
    cluster = await asyncio.to_thread(shared)
    return await cluster.database(folder)


def fresh_url(folder: Path) -> str:
    """The same, where no loop runs."""
    return asyncio.run(url_of(folder))
