"""What waits is counted over all merchants, and looked up at most every ten seconds."""

import asyncio

import pytest
from msgspec.structs import replace
from tests.engine.desk import open_desk

from counterfoil.core.timers import Backlog, Due, Timer
from counterfoil.engine.backlog import PORTION, Waiting, Watch

pytestmark = pytest.mark.anyio

SECOND = 1_000_000


async def test_every_merchants_queues_are_one_and_the_oldest_is_how_late_it_is() -> None:
    desk = await open_desk()
    now = desk.clock.now()
    for number in range(2, PORTION + 2):
        await desk.store.save_merchant(replace(desk.merchant, id=number))
    for merchant, ago in ((1, 5), (2, 7), (PORTION + 1, 6)):
        timer = Timer(kind=Due.EXPIRE, subject=1, due=now - ago * SECOND)
        await desk.store.plant(merchant, [timer])
    found = await Watch(desk.store, desk.clock).look()
    assert found[Backlog.TIMERS] == Waiting(3, 7 * SECOND, 0)
    assert found[Backlog.OPERATIONS] == found[Backlog.CALLBACKS] == Waiting(0, 0, 0)


async def test_who_asks_again_within_ten_seconds_gets_the_same() -> None:
    desk = await open_desk()
    watch = Watch(desk.store, desk.clock)
    first, second = await asyncio.gather(watch.look(), watch.look())
    assert first is second
    await desk.store.plant(1, [Timer(kind=Due.DELIVER, subject=1, due=10**16, lane=9)])
    desk.clock.advance(9)
    assert await watch.look() is first
    desk.clock.advance(1)
    assert (await watch.look())[Backlog.CALLBACKS] == Waiting(1, 0, 0)
