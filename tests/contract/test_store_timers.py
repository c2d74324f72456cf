"""What every store must do with timers, and with what the world is told of."""

import asyncio
from typing import Final

import pytest
from msgspec.structs import replace
from tests.contract.stores import Till

from counterfoil.core.callbacks import Attempt, AttemptQuery, Endpoint, Receipt
from counterfoil.core.card import SealedSecret
from counterfoil.core.change import change
from counterfoil.core.events import Event
from counterfoil.core.order import Kind, instant_of
from counterfoil.core.ports import Committed, Store
from counterfoil.core.timers import Backlog, Due, Errand, Queue, Settled, Timer, Want

pytestmark = pytest.mark.anyio

LEASE: Final = 30


def timer(subject: int = 7, due: int = 100, lane: int = 0, since: int = 1) -> Timer:
    return Timer(kind=Due.DELIVER, subject=subject, due=due, lane=lane, since=since)


async def claim(store: Store, now: int, *, holder: int = 256, lane: int = 0) -> list[Errand]:
    wants = [Want(merchant=1, lane=lane, limit=10)]
    return list(await store.claim(wants, now=now, holder=holder, until=now + LEASE))


async def one(store: Store, now: int, holder: int = 256) -> Errand:
    (found,) = await claim(store, now, holder=holder)
    return found


async def due(store: Store) -> list[int]:
    return [each.timer.due for each in await store.timers(1, 10)]


async def test_a_timer_is_durable_with_the_change_that_causes_it(store: Store, till: Till) -> None:
    order = till.order()
    made = replace(change(order), timers=(timer(order.id, lane=3),))
    assert await store.commit(made) is Committed.DONE
    (found,) = await store.timers(1, 10)
    assert found.timer == timer(order.id, lane=3)
    assert await store.timers(2, 10) == []


async def test_a_stale_change_sets_no_timer(store: Store, till: Till) -> None:
    order = await till.put(till.order())
    stale = replace(change(replace(order, version=9)), timers=(timer(),))
    assert await store.commit(stale) is Committed.STALE
    assert await store.timers(1, 10) == []


async def test_what_is_due_is_claimed_once_and_the_earliest_first(store: Store) -> None:
    await store.plant(1, [timer(1, 120), timer(2, 100), timer(3, 110), timer(4, 200)])
    assert [each.timer.due for each in await claim(store, 120)] == [100, 110, 120]
    assert await claim(store, 120, holder=512) == []


async def test_no_more_are_claimed_than_are_wanted(store: Store) -> None:
    await store.plant(1, [timer(number, 100 + number) for number in range(5)])
    wants = [Want(merchant=1, lane=0, limit=2)]
    found = await store.claim(wants, now=500, holder=256, until=530)
    assert [each.timer.subject for each in found] == [0, 1]


async def test_lanes_and_merchants_are_claimed_apart(store: Store) -> None:
    await store.plant(1, [timer(1, lane=5), timer(1, lane=6)])
    await store.plant(2, [timer(1, lane=5)])
    (found,) = await claim(store, 100, lane=5)
    assert (found.merchant, found.timer.lane) == (1, 5)
    assert len(await claim(store, 100, lane=6)) == 1


async def test_two_workers_at_once_never_claim_the_same(store: Store) -> None:
    await store.plant(1, [timer(number) for number in range(40)])
    runs = await asyncio.gather(*(claim(store, 100, holder=256 * n) for n in range(1, 9)))
    found = [each.timer.subject for run in runs for each in run]
    assert sorted(found) == sorted(set(found)) == [*range(40)]


async def test_a_dead_workers_claim_is_taken_over_when_its_lease_ends(store: Store) -> None:
    await store.plant(1, [timer()])
    await one(store, 100)
    assert await claim(store, 100 + LEASE - 1, holder=512) == []
    assert (await one(store, 100 + LEASE, holder=512)).holder == 512


async def test_who_comes_back_late_changes_nothing(store: Store) -> None:
    await store.plant(1, [timer()])
    late = await one(store, 100)
    await one(store, 100 + LEASE, holder=512)
    await store.settle([Settled(errand=late)], [])
    await store.settle([Settled(errand=late, again=900)], [])
    await store.settle([Settled(errand=late, parked=True)], [])
    (rests,) = await store.timers(1, 10)
    assert (rests.holder, rests.timer.due, rests.parked) == (512, 100, False)


async def test_what_is_done_is_removed(store: Store) -> None:
    await store.plant(1, [timer(1), timer(2)])
    first, second = await claim(store, 100)
    await store.settle([Settled(errand=first)], [])
    assert [each.timer for each in await store.timers(1, 10)] == [second.timer]


async def test_what_was_touched_meanwhile_is_not_removed_but_due_again(store: Store) -> None:
    await store.plant(1, [timer(since=1)])
    found = await one(store, 100)
    await store.plant(1, [timer(due=105, since=4)])
    await store.settle([Settled(errand=found, since=4)], [])
    again = await one(store, 105)
    assert (again.timer.since, again.touched, again.tries) == (4, 1, 0)
    await store.settle([Settled(errand=again)], [])
    assert await store.timers(1, 10) == []


async def test_what_failed_is_due_later_and_says_why(store: Store) -> None:
    await store.plant(1, [timer()])
    found = await one(store, 100)
    await store.settle([Settled(errand=found, again=160, since=2, tries=1, why="x" * 300)], [])
    assert await claim(store, 159) == []
    again = await one(store, 160)
    assert (again.timer.since, again.tries) == (2, 1)
    assert again.why is not None
    assert again.why.startswith("xxx")


async def test_a_timer_set_again_keeps_its_time(store: Store) -> None:
    await store.plant(1, [timer()])
    found = await one(store, 100)
    await store.settle([Settled(errand=found, again=500, since=1, tries=3)], [])
    await store.plant(1, [timer(due=110, since=2)])
    (rests,) = await store.timers(1, 10)
    assert (rests.timer.due, rests.timer.since, rests.tries, rests.touched) == (500, 1, 3, 1)


async def test_what_is_parked_is_not_claimed_until_it_is_set_again(store: Store) -> None:
    await store.plant(1, [timer(1), timer(2, due=900)])
    found = await one(store, 100)
    await store.settle([Settled(errand=found, parked=True, since=1, tries=9, why="gone")], [])
    assert await claim(store, 800) == []
    (parked,) = await store.timers(1, 10, parked=True)
    assert (parked.timer.subject, parked.why, parked.tries) == (1, "gone", 9)
    assert await store.next_due(1, 100) == 900
    await store.plant(1, [timer(1, due=850)])
    again = await one(store, 850)
    assert (again.timer.subject, again.tries, again.timer.since) == (1, 0, 1)


async def test_what_was_touched_meanwhile_is_not_parked(store: Store) -> None:
    await store.plant(1, [timer()])
    found = await one(store, 100)
    await store.plant(1, [timer(due=105)])
    await store.settle([Settled(errand=found, parked=True, since=1)], [])
    assert len(await claim(store, 105)) == 1


async def test_a_process_that_starts_anew_lets_go_of_its_own(store: Store) -> None:
    await store.plant(1, [timer(1, 100), timer(2, 100, lane=9)])
    await claim(store, 100, holder=256 * 7 + 3)
    await claim(store, 100, holder=256 * 8 + 4, lane=9)
    await store.let_go(1, 3)
    assert len(await claim(store, 101, holder=512)) == 1
    assert await claim(store, 101, holder=512, lane=9) == []


async def test_when_the_next_is_due(store: Store) -> None:
    assert await store.next_due(1, 0) is None
    await store.plant(1, [timer(1, 120), timer(2, 100, lane=4)])
    assert await store.next_due(1, 0) == 100
    assert await store.next_due(1, 100) == 120
    assert await store.next_due(1, 120) is None
    assert await store.next_due(2, 0) is None
    assert await due(store) == [100, 120]


async def test_notices_are_read_in_order(store: Store, till: Till) -> None:
    order = await till.put(till.order())
    closed = await till.authorized(order)
    told = await store.notices(1, closed.id, 1)
    assert [(each.sequence, each.event) for each in told] == [
        (1, Event.ORDER_CREATED),
        (2, Event.PAYMENT_AUTHORIZED),
    ]
    assert told[1].at == closed.operations[0].closed
    assert [each.sequence for each in await store.notices(1, closed.id, 2)] == [2]
    assert await store.notices(2, closed.id, 1) == []


def endpoint(number: int = 5, merchant: int = 1) -> Endpoint:
    return Endpoint(
        merchant=merchant,
        id=number,
        wire="standard",
        url="https://shop.example/hook",
        created=10,
        events=(Event.ORDER_CHARGED,),
        secrets=(SealedSecret(key=1, sealed=b"\x00\xff", since=10, until=20),),
    )


async def test_endpoints(store: Store) -> None:
    await store.save_endpoint(endpoint(6))
    await store.save_endpoint(endpoint(5))
    await store.save_endpoint(endpoint(5, merchant=2))
    off = replace(endpoint(6), off="gone")
    await store.save_endpoint(off)
    assert list(await store.endpoints(1)) == [endpoint(5), off]
    await store.plant(1, [timer(lane=5), timer(lane=6)])
    await store.remove_endpoint(1, 5)
    assert list(await store.endpoints(1)) == [off]
    assert [each.timer.lane for each in await store.timers(1, 10)] == [6]
    assert list(await store.endpoints(2)) == [endpoint(5, merchant=2)]


async def test_an_endpoint_is_altered_as_it_rests(store: Store) -> None:
    def off(each: Endpoint) -> Endpoint:
        return replace(each, off="gone")

    await store.save_endpoint(endpoint(5))
    await store.save_endpoint(endpoint(6))
    assert await store.alter_endpoint(1, 6, off) == off(endpoint(6))
    assert await store.alter_endpoint(1, 7, off) is None
    assert await store.alter_endpoint(2, 5, off) is None
    assert list(await store.endpoints(1)) == [endpoint(5), off(endpoint(6))]
    assert list(await store.endpoints(2)) == []


def attempt(number: int, *, endpoint: int = 5, order: int = 7, status: int = 200) -> Attempt:
    return Attempt(
        id=number,
        merchant=1,
        endpoint=endpoint,
        order=order,
        sequence=1,
        event=Event.ORDER_CHARGED,
        receipt=Receipt(took_us=5, status=status, answer="ok"),
    )


async def test_attempts_are_kept_with_what_came_of_the_claim(store: Store) -> None:
    await store.plant(1, [timer()])
    made = [attempt(1), attempt(2, endpoint=6, status=500), attempt(3, order=8)]
    await store.settle([Settled(errand=await one(store, 100))], made)
    everything = AttemptQuery(merchant=1, limit=10)
    assert list(await store.attempts(everything)) == made[::-1]
    assert list(await store.attempts(replace(everything, endpoint=6))) == [made[1]]
    assert list(await store.attempts(replace(everything, order=8))) == [made[2]]
    assert list(await store.attempts(replace(everything, delivered=False))) == [made[1]]
    assert list(await store.attempts(replace(everything, delivered=True, limit=1))) == [made[2]]
    assert list(await store.attempts(replace(everything, before=2))) == [made[0]]
    assert list(await store.attempts(replace(everything, merchant=2))) == []
    assert await store.attempt(1, 2) == made[1]
    assert await store.attempt(2, 2) is None


async def test_what_waits_is_counted(store: Store, till: Till) -> None:
    nothing = dict.fromkeys(Backlog, Queue())
    assert await store.backlog(1, 100) == nothing
    order = await till.begin(till.with_card(till.order()), Kind.AUTHORIZE)
    await till.finish(await till.begin(till.with_card(till.order()), Kind.AUTHORIZE))
    own = [timer(1, 80), timer(2, 90), timer(3, 200)]
    await store.plant(1, [*own, timer(1, 150, lane=5), timer(2, 140, lane=6), timer(9, 10, lane=6)])
    await store.plant(2, [timer(1, 1), timer(1, 1, lane=5)])
    errands = [*await claim(store, 80), *await claim(store, 20, lane=6)]
    await store.settle([Settled(errand=each, parked=True) for each in errands], ())
    assert await store.backlog(1, 100) == {
        Backlog.OPERATIONS: Queue(waiting=1, since=instant_of(order.operations[0].id)),
        Backlog.TIMERS: Queue(waiting=1, since=90, parked=1),
        Backlog.CALLBACKS: Queue(waiting=2, since=140, parked=1),
    }
    assert (await store.backlog(2, 100))[Backlog.TIMERS] == Queue(waiting=1, since=1)
    assert await store.backlog(3, 100) == nothing
