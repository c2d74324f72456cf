"""What a simulation hands to its store is handed to the real ones: they must say and hold the same.

The simulation itself runs on time that no socket and no thread knows, so its changes are kept and
given again, stale ones and repeated ones among them, some on their way at once.
"""

import asyncio
from pathlib import Path

import pytest
from tests.contract.stores import DURABLE, Opener
from tests.simulation.test_simulation import simulate

from counterfoil.core.change import Change
from counterfoil.core.ports import Committed, Evidence, Store
from counterfoil.engine.verify import verify

pytestmark = pytest.mark.anyio
STEPS = 300
AT_ONCE = 32  # changes of different orders and keys, so that nothing depends on who comes first
PAGE = 200


def runs(given: list[tuple[Change, Committed]]) -> list[list[tuple[Change, Committed]]]:
    """The changes as runs that may be on their way at once, each order's in its order."""
    found: list[list[tuple[Change, Committed]]] = [[]]
    taken: set[tuple[int, object]] = set()
    for change, committed in given:
        merchant = change.order.merchant
        marks: set[tuple[int, object]] = {(merchant, change.order.id)}
        marks.update((merchant, use.key) for use in change.keys)
        if len(found[-1]) == AT_ONCE or not taken.isdisjoint(marks):
            found.append([])
            taken.clear()
        found[-1].append((change, committed))
        taken |= marks
    return found


async def held(store: Store, merchant: int) -> list[Evidence]:
    """Everything that rests about a merchant's orders; postings in one order."""
    found: list[Evidence] = []
    after = 0
    while run := await store.evidence(merchant, after, PAGE):
        found += run
        after = run[-1].id
    return found


@pytest.mark.parametrize("opener", DURABLE.values(), ids=[*DURABLE])
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_real_store_says_and_holds_the_same(
    opener: Opener, seed: int, tmp_path: Path
) -> None:
    world = await asyncio.to_thread(simulate, seed, STEPS)
    store = await opener(tmp_path)
    for merchant in world.merchants:
        await store.save_merchant(merchant)
    for run in runs(world.rest.given):
        said = await asyncio.gather(*(store.commit(change) for change, _ in run))
        assert said == [committed for _, committed in run]
    for merchant in world.merchants:
        ours, theirs = await held(world.rest, merchant.id), await held(store, merchant.id)
        assert [each.order for each in theirs] == [each.order for each in ours]
        assert [set(each.postings) for each in theirs] == [set(each.postings) for each in ours]
    async for proof in verify(store):
        last = proof
    assert last.holds, last.differences
    await store.close()
