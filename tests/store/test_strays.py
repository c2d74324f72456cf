"""What rests and is no part of any order is found, merchant by merchant."""

from pathlib import Path

import apsw
import pytest
from tests.contract.stores import Till

from counterfoil.core.ledger import Account, Posting
from counterfoil.store.sqlite import open_store
from counterfoil.testing import MemoryStore

pytestmark = pytest.mark.anyio


async def test_the_embedded_store_finds_what_belongs_to_nothing(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "counterfoil.db")
    till = Till(store)
    orders = [await till.charged(till.order(merchant)) for merchant in (1, 1, 2)]
    assert [await store.strays(merchant, 10) for merchant in (1, 2)] == [[], []]
    connection = apsw.Connection(str(store.path))
    connection.execute("DELETE FROM orders WHERE id = ?", (orders[0].id,))
    connection.execute("DELETE FROM operations WHERE order_id = ?", (orders[1].id,))
    connection.close()
    lost = [(each.id, orders[0].id) for each in orders[0].operations]
    alone = [(each.id, None) for each in orders[1].operations]
    assert await store.strays(1, 10) == [*lost, *alone]
    assert await store.strays(1, 1) == [lost[0], alone[0]]
    assert await store.strays(2, 10) == []
    await store.close()


async def test_the_store_in_memory_finds_the_same() -> None:
    store = MemoryStore()
    till = Till(store)
    orders = [await till.charged(till.order(merchant)) for merchant in (1, 2)]
    del store._orders[1, orders[0].id]
    stray = Posting(operation=7, account=Account.FEE, currency="EUR", minor=1)
    store.postings += [(1, stray), (1, stray)]
    lost = [(each.id, orders[0].id) for each in orders[0].operations]
    assert await store.strays(1, 10) == [*lost, (7, None)]
    assert await store.strays(1, 1) == [lost[0], (7, None)]
    assert await store.strays(2, 10) == []
