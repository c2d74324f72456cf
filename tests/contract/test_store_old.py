"""What every store must forget when it is old, and what it must not."""

from typing import Final

import pytest
from msgspec.structs import replace
from tests.contract.stores import Till

from counterfoil.core.callbacks import Attempt, AttemptQuery, Receipt
from counterfoil.core.change import change
from counterfoil.core.events import Event
from counterfoil.core.keeping import Kept, Old
from counterfoil.core.order import Order, instant_of
from counterfoil.core.ports import Committed, Store
from counterfoil.core.timers import Due, Timer

pytestmark = pytest.mark.anyio

LATER: Final = 10**16  # microseconds since 1970; long after all that these tests make
LANE: Final = 9


def attempt(order: Order, number: int, *, merchant: int = 1) -> Attempt:
    """That something of the order was posted."""
    return Attempt(
        id=number,
        merchant=merchant,
        endpoint=LANE,
        order=order.id,
        sequence=1,
        event=Event.ORDER_CREATED,
        receipt=Receipt(took_us=5, status=200),
    )


async def forget(store: Store, what: Old, before: int, merchant: int = 1) -> int:
    """Forget all there is, batch by batch; how many batches it took."""
    after, batches = 0, 1
    while (next_after := await store.forget(what, merchant, before, after=after)) is not None:
        after, batches = next_after, batches + 1
    return batches


async def told(store: Store, order: Order) -> int:
    """How many notices of the order rest."""
    return len(await store.notices(order.merchant, order.id, 0))


async def test_texts_are_forgotten_if_they_say_when_they_were_used(store: Store) -> None:
    rows = (Kept(merchant=1, kind="answer", id=number, body="{}", used=number) for number in (1, 2))
    account = Kept(merchant=1, kind="account", id=1, body="{}")
    theirs = Kept(merchant=2, kind="answer", id=1, body="{}", used=1)
    for each in (*rows, account, theirs):
        assert await store.keep(each)
    assert await store.keep(Kept(merchant=1, kind="answer", id=1, body="new", used=3), "{}")
    await forget(store, Old.KEPT, 3)
    assert await store.kept(1, "answer", 1) == "new"
    assert await store.kept(1, "answer", 2) is None
    assert await store.every_kept(1, "account", 5) == [account]
    assert await store.every_kept(2, "answer", 5) == [theirs]
    await forget(store, Old.KEPT, 4)
    assert await store.kept(1, "answer", 1) is None


async def test_attempts_are_forgotten_by_when_they_were_made(store: Store, till: Till) -> None:
    order = till.order()
    numbers = [till.order().id for _ in range(3)]
    for merchant in (1, 2):
        made = [attempt(order, number, merchant=merchant) for number in numbers]
        await store.settle((), made)
    await forget(store, Old.ATTEMPTS, instant_of(numbers[2]))
    found = await store.attempts(AttemptQuery(merchant=1, limit=9))
    assert [each.id for each in found] == numbers[2:]
    assert len(await store.attempts(AttemptQuery(merchant=2, limit=9))) == 3


async def test_what_was_told_is_forgotten_when_it_is_old(store: Store, till: Till) -> None:
    first = await till.put(till.order())
    second = await till.put(till.order())
    theirs = await till.put(till.order(merchant=2))
    await forget(store, Old.NOTICES, instant_of(second.id))
    assert [await told(store, each) for each in (first, second, theirs)] == [0, 1, 1]
    assert await store.load(1, first.id) == first


async def test_what_an_old_order_tells_now_is_kept(store: Store, till: Till) -> None:
    order = await till.put(till.order())
    (was,) = await store.notices(1, order.id, 0)
    late = replace(was, sequence=2, at=LATER)
    made = replace(change(replace(order, told=2)), notices=(late,))
    assert await store.commit(made) is Committed.DONE
    await forget(store, Old.NOTICES, LATER)
    assert await store.notices(1, order.id, 0) == [late]


async def test_what_is_yet_to_be_told_or_was_posted_is_kept(store: Store, till: Till) -> None:
    waits, posted, done = [await till.put(till.order()) for _ in range(3)]
    await store.plant(1, [Timer(kind=Due.DELIVER, subject=waits.id, due=1, lane=LANE)])
    await store.plant(1, [Timer(kind=Due.EXPIRE, subject=done.id, due=1)])
    await store.settle((), [attempt(posted, till.order().id)])
    await forget(store, Old.NOTICES, LATER)
    assert [await told(store, each) for each in (waits, posted, done)] == [1, 1, 0]
    await forget(store, Old.ATTEMPTS, LATER)
    await forget(store, Old.NOTICES, LATER)
    assert await told(store, posted) == 0


async def test_many_go_in_batches(store: Store, till: Till) -> None:
    orders = [till.order() for _ in range(1_100)]
    await store.settle((), [attempt(order, order.id) for order in orders])
    for order in orders:
        await till.put(order)
    await store.plant(1, [Timer(kind=Due.DELIVER, subject=orders[0].id, due=1, lane=LANE)])
    batches = await forget(store, Old.ATTEMPTS, LATER)
    assert await store.attempts(AttemptQuery(merchant=1, limit=9)) == []
    assert batches in {1, 3}  # what is in memory goes at once
    assert await forget(store, Old.NOTICES, LATER) == batches
    assert [await told(store, order) for order in orders] == [1] + [0] * 1_099
