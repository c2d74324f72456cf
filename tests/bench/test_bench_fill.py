"""Orders by the million are orders like any other."""

import asyncio
from collections import Counter
from pathlib import Path

from rich.console import Console

from counterfoil.bench.fill import AGE_US, Maker, fill, fill_database
from counterfoil.core.card import Brand
from counterfoil.core.merchant import Credential
from counterfoil.core.order import Order, instant_of
from counterfoil.core.ports import OrderQuery
from counterfoil.core.rules import Standing, position, standing
from counterfoil.store.sqlite import open_store
from counterfoil.testing.store import MemoryStore
from counterfoil.testing.world import demo_merchant

NOW = 1_800_000_000_000_000


def made(count: int) -> list[Order]:
    return [change.order for change in Maker(demo_merchant(), count, NOW).changes()]


def test_orders_are_of_every_sort_and_sound() -> None:
    orders = made(500)
    found = Counter(map(standing, orders))
    assert set(found) == {
        Standing.AUTHORIZED,
        Standing.CHARGED,
        Standing.DECLINED,
        Standing.REFUNDED,
        Standing.REVERSED,
    }
    for order in orders:
        position(order.payments[0])
    brands = Counter(order.payments[0].card.brand for order in orders if order.payments[0].card)
    assert brands[Brand.VISA] > brands[Brand.MASTERCARD] > brands[Brand.AMEX] > 0
    assert len({order.client.email for order in orders if order.client}) == 500


def test_ids_never_repeat_and_everything_is_past() -> None:
    orders = made(500)
    ids = [order.id for order in orders]
    ids += [operation.id for order in orders for operation in order.operations]
    assert len(set(ids)) == len(ids)
    assert [order.id for order in orders] == sorted(order.id for order in orders)
    assert max(order.updated for order in orders) < NOW
    assert instant_of(orders[-1].id) < NOW - AGE_US


def test_the_same_seed_gives_the_same_orders() -> None:
    assert made(20) == made(20)


def test_a_change_holds_the_whole_order() -> None:
    for change in Maker(demo_merchant(), 100, NOW).changes():
        assert change.expects == 0
        assert change.born == change.closed == change.order.operations
        assert len(change.notices) == len(change.closed)
        assert sum(posting.minor for posting in change.postings) == 0
        assert len(change.cards) == 1


def test_a_store_is_filled_and_a_thousand_ids_given_back() -> None:
    store, told = MemoryStore(), []
    ids = asyncio.run(fill(store, 2500, demo_merchant(), lambda: told.append(1)))
    assert store.commits == len(told) == 2500
    assert len(set(ids)) == 1000


def test_a_file_is_filled_for_the_demo_merchant(tmp_path: Path) -> None:
    path = tmp_path / "bench.db"

    async def seed() -> None:
        store = await open_store(path)
        await store.save_merchant(demo_merchant(7))
        credential = Credential(wire="bizon", login="project", merchant=7, secret_hash=b"-")
        await store.save_credential(credential)
        await store.close()

    async def read() -> int:
        store = await open_store(path)
        found = await store.orders(OrderQuery(merchant=7, limit=100))
        await store.close()
        return len(found)

    asyncio.run(seed())
    assert len(asyncio.run(fill_database(f"sqlite:///{path}", 40, Console(quiet=True)))) == 40
    assert asyncio.run(read()) == 40
