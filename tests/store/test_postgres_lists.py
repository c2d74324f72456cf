"""A long list is read while others are served."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.cluster import url_of
from tests.contract.stores import Till

from counterfoil.core.ports import OrderQuery
from counterfoil.store.link import connect
from counterfoil.store.options import Options
from counterfoil.store.postgres import SLICE, PostgresStore, open_store
from counterfoil.store.queries import Query

pytestmark = pytest.mark.anyio
ORDERS = 2_000


class Watched(PostgresStore):
    """Notes how many turns others had had when the rows were there."""

    turns = 0
    fetched = 0

    async def _fetch(self, query: Query, **given: object) -> list[Any]:
        found = await super()._fetch(query, **given)
        self.fetched = self.turns
        return found

    async def others(self) -> None:
        """Take every turn there is."""
        while True:
            self.turns += 1
            await asyncio.sleep(0)


async def test_a_page_of_orders_is_read_a_slice_at_a_time(tmp_path: Path) -> None:
    url = await url_of(tmp_path)
    await (await open_store(url)).close()
    store = Watched(await connect(url, Options()))
    till = Till(store)
    await asyncio.gather(*(till.put(till.order()) for _ in range(ORDERS)))
    running = asyncio.create_task(store.others())
    found = await store.orders(OrderQuery(merchant=1, limit=ORDERS))
    running.cancel()
    after = store.turns - store.fetched
    await store.close()
    assert len(found) == ORDERS
    assert after >= ORDERS // SLICE
