"""Behind pgbouncer in transaction mode: every transaction may go over another connection.

The contract of stores runs there too, with batches kept to one merchant.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from tests.cluster import url_of
from tests.contract.stores import Till, next_step
from tests.pooler import pooled

from counterfoil.core.ports import Committed
from counterfoil.store.migrate import StoreError
from counterfoil.store.options import Options
from counterfoil.store.postgres import PostgresStore, migrate_database, open_store
from counterfoil.store.tables import HEAD

pytestmark = pytest.mark.anyio
POOLED = Options(pooled=True)
MANY = 200


@pytest.fixture
async def empty(tmp_path: Path) -> str:
    """The address of a database without a schema, through the pooler."""
    url = await url_of(tmp_path)
    connection = await asyncpg.connect(url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()
    return pooled(url)


@pytest.fixture
async def pair(empty: str) -> AsyncIterator[tuple[PostgresStore, PostgresStore]]:
    """Two processes' stores, with more connections than the pooler has."""
    stores = (await open_store(empty, POOLED), await open_store(empty, POOLED))
    yield stores
    for store in stores:
        await store.close()


async def test_many_that_migrate_at_once(empty: str) -> None:
    steps = await asyncio.gather(*(migrate_database(empty, POOLED) for _ in range(4)))
    assert {after for _, after in steps} == {HEAD}
    assert await migrate_database(empty, POOLED) == (HEAD, HEAD)


async def test_who_forgot_to_say_so_is_told(empty: str) -> None:
    with pytest.raises(StoreError, match="statement_timeout; behind a pooler set database_pooled"):
        await open_store(empty)


async def test_batches_and_reads_at_once(pair: tuple[PostgresStore, PostgresStore]) -> None:
    till = Till(pair[0])
    orders = await asyncio.gather(*(till.put(till.order()) for _ in range(MANY)))
    both = [(store, next_step(order, "x")) for order in orders for store in pair]
    outcomes = await asyncio.gather(*(store.commit(step) for store, step in both))
    assert outcomes.count(Committed.DONE) == outcomes.count(Committed.STALE) == MANY
    found = await asyncio.gather(*(pair[1].load(1, order.id) for order in orders))
    assert [order.version for order in found] == [2] * MANY
    lease = await pair[0].lease()
    assert await lease.renew() == lease.number
