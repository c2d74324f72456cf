"""What one turn of the event loop reads of the embedded database is one snapshot, and never old."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop
from tests.contract.stores import Till, next_step

from counterfoil.core.errors import Code, Refused
from counterfoil.core.ports import Committed
from counterfoil.store.scribe import connect
from counterfoil.store.sqlite import open_store

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
CALLERS = 40
STEPS = 10


@pytest.fixture(params=[*LOOPS.values()], ids=[*LOOPS])
def loop(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    """A turn has the same parts in both, in another order."""
    made: Callable[[], asyncio.AbstractEventLoop] = request.param
    return made


def test_a_turn_reads_one_snapshot_and_the_next_one_anew(
    tmp_path: Path, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def act() -> None:
        store = await open_store(tmp_path / "c.db")
        till = Till(store)
        order = await till.put(till.order())
        other = connect(str(store.path))
        first = await store.load(order.merchant, order.id)
        other.execute("DELETE FROM orders")
        assert await store.load(order.merchant, order.id) == first
        await asyncio.sleep(0)
        with pytest.raises(Refused) as refused:
            await store.load(order.merchant, order.id)
        assert refused.value.code is Code.ORDER_NOT_FOUND
        other.close()
        await store.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(act())


@pytest.mark.parametrize("apart", [False, True], ids=["thread", "process"])
def test_whoever_has_written_reads_it(
    tmp_path: Path, loop: Callable[[], asyncio.AbstractEventLoop], *, apart: bool
) -> None:
    """However many others read in the same turns."""

    async def act() -> None:
        store = await open_store(tmp_path / "c.db", apart=apart)
        till = Till(store)
        orders = [await till.put(till.order()) for _ in range(CALLERS)]
        busy = True

        async def look() -> None:
            while busy:
                await store.load(orders[0].merchant, orders[0].id)
                await asyncio.sleep(0)

        async def write(at: int) -> None:
            for step in range(STEPS):
                change = next_step(orders[at], f"{step}")
                assert await store.commit(change) is Committed.DONE
                orders[at] = await store.load(orders[at].merchant, orders[at].id)
                assert orders[at] == change.order

        lookers = [asyncio.create_task(look()) for _ in range(3)]
        await asyncio.gather(*map(write, range(CALLERS)))
        busy = False
        await asyncio.gather(*lookers)
        await store.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(act())
