"""A long list is read while others are served."""

import asyncio
from pathlib import Path

import pytest
from tests.cluster import url_of
from tests.contract.stores import Till

from counterfoil.core.ports import OrderQuery
from counterfoil.store.postgres import SLICE, open_store

pytestmark = pytest.mark.anyio
ORDERS = 2_000


async def test_a_page_of_orders_is_read_a_slice_at_a_time(tmp_path: Path) -> None:
    store = await open_store(await url_of(tmp_path))
    till, turns = Till(store), 0
    await asyncio.gather(*(till.put(till.order()) for _ in range(ORDERS)))

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.000_001)

    running = asyncio.create_task(others())
    await asyncio.sleep(0)
    turns = 0
    found = await store.orders(OrderQuery(merchant=1, limit=ORDERS))
    running.cancel()
    await store.close()
    assert len(found) == ORDERS
    assert turns >= ORDERS // SLICE // 4  # a busy machine's timers are late
