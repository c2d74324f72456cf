"""Addresses that hang, a store that fails, a process that ends: the pump goes on."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
from msgspec.structs import replace
from tests.engine.desk import EUR, Desk, Meddled, open_desk

from counterfoil.core.callbacks import Callback, Receipt
from counterfoil.core.change import change
from counterfoil.core.errors import Code
from counterfoil.core.order import Order
from counterfoil.core.timers import Due, Errand, Timer, Want
from counterfoil.engine.audience import FRESH_US
from counterfoil.engine.pump import LEASE_S, PORTION, WIDTH, loop_ms
from counterfoil.engine.turn import Turn
from counterfoil.testing import demo_merchant

pytestmark = pytest.mark.anyio


class Slow:
    """An address that answers when a test lets it."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.under_way: dict[str, int] = {}
        self.most: dict[str, int] = {}

    async def post(self, url: str, callback: Callback) -> Receipt:
        now = self.under_way.get(url, 0) + 1
        self.under_way[url] = now
        self.most[url] = max(self.most.get(url, 0), now)
        if url.endswith("/9"):
            await self.open.wait()
        self.under_way[url] -= 1
        return Receipt(took_us=1, status=200, answer=str(len(callback.body)))

    async def close(self) -> None: ...


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not check():  # noqa: ASYNC110 (what is waited for is a number in the store)
            await asyncio.sleep(0.001)


def made(desk: Desk, endpoint: int) -> int:
    """How many attempts at that endpoint are recorded."""
    return sum(each.endpoint == endpoint for each in desk.store._attempts.values())


async def test_a_hanging_address_delays_nobody_and_has_a_bound() -> None:
    desk = await open_desk()
    slow = Slow()
    desk.carrier = slow
    desk.restart()
    await desk.listens(number=9)
    await desk.listens(number=8)
    running = asyncio.create_task(desk.pump.run())
    for _ in range(20):
        await desk.authorize()
    await until(lambda: made(desk, 8) == 20)
    assert slow.under_way["https://shop.example/9"] == WIDTH
    slow.open.set()
    await until(lambda: made(desk, 9) == 20)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert max(slow.most.values()) == WIDTH
    assert Due.DELIVER not in await desk.timers()


async def test_an_address_that_fails_has_one_at_a_time_until_it_works_again() -> None:
    desk = await open_desk()
    await desk.listens()
    desk.courier.script.append(Receipt(took_us=9, status=500))
    await desk.authorize()
    await desk.pump.run_due()
    room = desk.pump._rooms[1, 9]
    assert (room.width, room.running) == (1, 0)
    await desk.later(60)
    assert room.width == WIDTH


async def test_what_is_under_way_at_the_end_is_recorded_or_left_for_later() -> None:
    desk = await open_desk()
    slow = Slow()
    desk.carrier = slow
    desk.restart()
    await desk.listens(number=9)
    await desk.listens(number=8)
    running = asyncio.create_task(desk.pump.run())
    await desk.authorize()
    await until(lambda: slow.under_way.get("https://shop.example/8") == 0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (made(desk, 8), made(desk, 9)) == (1, 0)
    slow.open.set()
    desk.restart()
    desk.clock.advance(LEASE_S)
    await desk.pump.run_due()
    assert (made(desk, 8), made(desk, 9)) == (1, 1)


async def test_a_store_that_fails_does_not_end_the_pump() -> None:
    desk = await open_desk()
    await desk.listens()

    async def refuse() -> None:
        raise OSError

    desk.store.settling.append(refuse)
    running = asyncio.create_task(desk.pump.run())
    await desk.authorize()
    await until(lambda: len(desk.courier.posts) == 1)
    await until(lambda: not desk.store.settling)
    desk.clock.advance(LEASE_S)
    desk.pump.nudge([(1, 9)])
    await until(lambda: len(desk.courier.posts) == 2)
    await until(lambda: made(desk, 9) == 1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_another_process_sets_is_found_at_the_next_tick() -> None:
    desk = await open_desk()
    desk.pump.tick_ms = 10
    await desk.listens()
    lanes, broken = desk.audience.lanes, [True]

    async def failing() -> list[tuple[int, int]]:
        if broken:
            broken.pop()
            raise OSError
        return await lanes()

    desk.pump._lanes = failing
    running = asyncio.create_task(desk.pump.run())
    desk.engine.nudge = lambda _: None
    await desk.authorize()
    await until(lambda: made(desk, 9) == 1)
    await asyncio.sleep(0.03)
    assert len(desk.courier.posts) == 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_lane_without_room_is_not_asked_for() -> None:
    desk = await open_desk()
    desk.carrier = slow = Slow()
    desk.restart()
    await desk.listens()
    running = asyncio.create_task(desk.pump.run())
    for _ in range(WIDTH):
        await desk.authorize()
    await until(lambda: slow.under_way.get("https://shop.example/9") == WIDTH)
    desk.pump.nudge([(1, 9)])
    await asyncio.sleep(0.01)
    slow.open.set()
    await until(lambda: made(desk, 9) == WIDTH)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_endpoints_are_looked_up_again_after_a_second() -> None:
    desk = await open_desk()
    assert await desk.audience.of(1) == ()
    endpoint = await desk.listens()
    desk.audience._known[1] = (desk.clock.now(), ())
    assert await desk.audience.of(1) == ()
    desk.clock.advance(0, microseconds=FRESH_US)
    assert await desk.audience.of(1) == (endpoint,)


async def test_payments_go_first() -> None:
    busy = True
    turn = Turn(lambda: busy, per_second=8)
    passed = 0

    async def go() -> None:
        nonlocal passed
        await turn()
        passed += 1

    waiting = [asyncio.create_task(go()) for _ in range(5)]
    await asyncio.sleep(0.01)
    assert passed == 0
    await until(lambda: passed == 2)
    await until(lambda: passed == 4)
    busy = False
    await asyncio.gather(*waiting)
    await turn()
    assert passed == 5


async def test_a_walk_waits_for_what_is_under_way() -> None:
    desk = await open_desk()
    desk.carrier = slow = Slow()
    desk.restart()
    await desk.listens()
    running = asyncio.create_task(desk.pump.run())
    await desk.authorize()
    await until(lambda: slow.under_way.get("https://shop.example/9") == 1)
    walking = asyncio.create_task(desk.later(5))
    await asyncio.sleep(0.01)
    assert not walking.done()
    slow.open.set()
    await walking
    assert made(desk, 9) == 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_steady_nudges_of_one_lane_keep_no_other_waiting() -> None:
    desk = await open_desk()
    desk.pump.tick_ms = 30
    await desk.listens()
    running = asyncio.create_task(desk.pump.run())

    async def nudge() -> None:
        while True:
            desk.pump.nudge([(1, 9)])
            await asyncio.sleep(0.005)

    nudging = asyncio.create_task(nudge())
    await asyncio.sleep(0.05)
    number = desk.ids.next()
    order = Order(merchant=1, id=number, amount=EUR, expires=desk.clock.now())
    timer = Timer(kind=Due.EXPIRE, subject=number, due=desk.clock.now())
    desk.engine.nudge = lambda _: None
    await desk.engine.commit(order, lambda o: replace(change(o), timers=(timer,)))
    await until(lambda: desk.store._orders[1, number].closed is Code.SESSION_EXPIRED)
    for task in (nudging, running):
        task.cancel()
    await asyncio.gather(nudging, running, return_exceptions=True)


async def test_what_takes_longer_than_its_lease_is_not_begun_again_here() -> None:
    desk = await open_desk()
    desk.pump.tick_ms = 10
    desk.carrier = slow = Slow()
    desk.restart()
    desk.pump.tick_ms = 10
    await desk.listens()
    running = asyncio.create_task(desk.pump.run())
    await desk.authorize()
    await until(lambda: slow.under_way.get("https://shop.example/9") == 1)
    desk.clock.advance(LEASE_S + 1)
    await asyncio.sleep(0.05)
    slow.open.set()
    await until(lambda: made(desk, 9) == 1)
    assert max(slow.most.values()) == 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert Due.DELIVER not in await desk.timers()


async def test_what_a_walk_that_was_broken_off_began_is_done_all_the_same() -> None:
    desk = await open_desk()
    desk.carrier = slow = Slow()
    desk.restart()
    desk.pump.tick_ms = 10
    await desk.listens()
    await desk.authorize()
    walking = asyncio.create_task(desk.later(5))
    await until(lambda: slow.under_way.get("https://shop.example/9") == 1)
    walking.cancel()
    await asyncio.gather(walking, return_exceptions=True)
    slow.open.set()
    running = asyncio.create_task(desk.pump.run())
    desk.clock.advance(LEASE_S + 1)
    await until(lambda: made(desk, 9) == 1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


class Counted(Meddled):
    """Notes how many lanes are asked for at once, and takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    async def claim(
        self, wants: Sequence[Want], *, now: int, holder: int, until: int
    ) -> Sequence[Errand]:
        self.sizes.append(len(wants))
        await asyncio.sleep(0.02)
        return await super().claim(wants, now=now, holder=holder, until=until)


async def test_many_lanes_are_looked_at_in_portions_and_more_seldom() -> None:
    desk = await open_desk()
    desk.store = store = Counted()
    desk.restart()
    for number in range(1, 450):
        await store.save_merchant(demo_merchant(number))
    number = desk.ids.next()
    order = Order(merchant=449, id=number, amount=EUR, expires=desk.clock.now())
    timer = Timer(kind=Due.EXPIRE, subject=number, due=desk.clock.now())
    desk.engine.nudge = lambda _: None
    await desk.engine.commit(order, lambda o: replace(change(o), timers=(timer,)))
    running = asyncio.create_task(desk.pump.run())
    await until(lambda: store._orders[449, number].closed is Code.SESSION_EXPIRED)
    assert store.sizes == [PORTION, PORTION, 49]
    assert desk.pump._tick_at_ms - loop_ms() > 1050
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
