"""Idempotency keys: the same question gets the same answer, and nothing is done twice."""

import asyncio

import msgspec
import pytest
from msgspec.structs import replace
from tests.engine.desk import (
    CARD,
    EUR,
    QUICK,
    Crash,
    die,
    never,
    nothing,
    once,
    open_desk,
    refusal,
)

from counterfoil.core.errors import Code
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Order, Outcome
from counterfoil.engine.orders import Draft
from counterfoil.engine.perform import Done, Limits
from counterfoil.testing import approve, decline, unknown

pytestmark = pytest.mark.anyio

PATIENT = Limits(acquirer_ms=5_000, replay_ms=5_000, replay_poll_ms=5)
CHF = Money(minor=500, currency="CHF")


def written(order: Order) -> bytes:
    """The order as it goes to a wire; its version, which counts commits, is on none."""
    return msgspec.json.encode(replace(order, version=0, told=0))


def same(first: Done, again: Done) -> None:
    """Both say the same, byte for byte."""
    assert written(again.order) == written(first.order)
    assert again.operation == first.operation


async def test_the_same_key_gives_the_same_order_and_sends_nothing() -> None:
    desk = await open_desk()
    first = await desk.authorize(once())
    commits = desk.store.commits
    same(first, await desk.authorize(once()))
    assert (len(desk.store._orders), desk.store.commits) == (1, commits)
    assert desk.kinds() == [Kind.AUTHORIZE]


async def test_the_same_key_with_other_input_is_refused() -> None:
    desk = await open_desk()
    await desk.authorize(once())
    found = await refusal(desk.authorize(once(asked=b"other")))
    assert (found.code, found.facts) == (Code.KEY_REUSED, {"key": "key-1"})
    assert len(desk.store._orders) == 1


async def test_the_same_key_of_another_merchant_is_another_key() -> None:
    desk = await open_desk()
    await desk.authorize(once())
    desk.merchant = replace(desk.merchant, id=2)
    await desk.store.save_merchant(desk.merchant)
    await desk.authorize(once())
    assert len(desk.store._orders) == 2


async def test_the_same_key_fifty_times_at_once_is_done_once() -> None:
    desk = await open_desk(limits=PATIENT)
    desk.host.sending.append(lambda: asyncio.sleep(0.02))
    found = await asyncio.gather(*(desk.authorize(once()) for _ in range(50)))
    assert len({written(done.order) for done in found}) == 1
    assert desk.kinds() == [Kind.AUTHORIZE]
    assert desk.store.commits == 2
    assert desk.orders._running == {}


async def test_the_same_charge_fifty_times_at_once_is_done_once() -> None:
    desk = await open_desk(limits=PATIENT)
    order = (await desk.authorize()).order
    desk.host.sending.append(lambda: asyncio.sleep(0.02))
    asked = (desk.act(order, Kind.CHARGE, 100, once()) for _ in range(50))
    found = await asyncio.gather(*asked)
    assert {done.operation for done in found} == {found[0].operation}
    assert desk.kinds() == [Kind.AUTHORIZE, Kind.CHARGE]


async def test_the_same_key_from_another_process_waits_for_the_first_and_gives_its_answer() -> None:
    desk = await open_desk(limits=PATIENT)
    other = await open_desk(limits=PATIENT)
    other.store, other.host = desk.store, desk.host
    other.restart()
    answers: list[asyncio.Task[Done]] = []

    async def elsewhere() -> None:
        answers.append(asyncio.create_task(other.authorize(once())))
        await asyncio.sleep(0.02)

    desk.host.sending.append(elsewhere)
    first = await desk.authorize(once())
    same(first, await answers[0])
    assert desk.kinds() == [Kind.AUTHORIZE]


async def test_a_key_whose_first_request_is_still_at_work_is_in_use() -> None:
    desk = await open_desk(limits=replace(QUICK, acquirer_ms=5_000, replay_ms=20))
    desk.host.sending.append(never)
    first = asyncio.create_task(desk.authorize(once()))
    await asyncio.sleep(0)
    found = await refusal(desk.authorize(once()))
    assert (found.code, found.facts) == (Code.KEY_IN_USE, {"key": "key-1"})
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert desk.orders._running == {}


async def test_a_key_whose_operation_has_no_answer_is_in_use_until_it_is_resolved() -> None:
    desk = await open_desk(unknown())
    await desk.authorize(once())
    assert (await refusal(desk.authorize(once()))).code is Code.KEY_IN_USE
    await desk.resolve()
    again = await desk.authorize(once())
    assert again.operation is not None
    assert again.operation.outcome is Outcome.FAILED
    assert desk.kinds() == [Kind.AUTHORIZE]


async def test_a_key_whose_request_crashed_after_begin_gives_what_became_of_it() -> None:
    desk = await open_desk()
    desk.store.after.append(die)
    with pytest.raises(Crash):
        await desk.authorize(once())
    desk.restart()
    assert (await refusal(desk.authorize(once()))).code is Code.KEY_IN_USE
    await desk.resolve()
    again = await desk.authorize(once())
    assert again.operation is not None
    assert again.operation.outcome is Outcome.FAILED
    assert len(desk.store._orders) == 1


async def test_a_key_whose_request_crashed_after_finish_gives_the_approval() -> None:
    desk = await open_desk()
    desk.store.after.extend([nothing, die])
    with pytest.raises(Crash):
        await desk.authorize(once())
    desk.restart()
    again = await desk.authorize(once())
    assert again.operation is not None
    assert again.operation.outcome is Outcome.APPROVED
    assert desk.kinds() == [Kind.AUTHORIZE]


async def test_a_key_whose_request_crashed_before_begin_is_free() -> None:
    desk = await open_desk()
    desk.store.before.append(die)
    with pytest.raises(Crash):
        await desk.authorize(once())
    desk.restart()
    done = await desk.authorize(once())
    assert done.operation is not None
    assert done.operation.outcome is Outcome.APPROVED


async def test_a_key_whose_request_was_refused_is_free() -> None:
    desk = await open_desk()
    order = (await desk.authorize()).order
    assert (await refusal(desk.act(order, Kind.REFUND, None, once()))).code is Code.NOT_CHARGED
    await desk.act(order, Kind.CHARGE)
    done = await desk.act(order, Kind.REFUND, None, once())
    assert done.operation is not None
    assert done.operation.outcome is Outcome.APPROVED


async def test_a_repeat_that_is_refused_because_the_first_was_done_gives_the_first() -> None:
    desk = await open_desk()
    order = (await desk.authorize()).order
    found: list[Done] = []

    async def first() -> None:
        found.append(await desk.act(order, Kind.CHARGE, None, once()))

    desk.store.before.append(first)
    again = await desk.act(order, Kind.CHARGE, None, once())
    same(found[0], again)
    assert desk.kinds() == [Kind.AUTHORIZE, Kind.CHARGE]


async def test_a_repeat_after_later_operations_shows_the_order_as_it_was() -> None:
    desk = await open_desk(approve, approve, unknown())
    authorized = await desk.authorize(once("a"), reference="R")
    order = authorized.order
    charged = await desk.act(order, Kind.CHARGE, 6_000, once("c"))
    await desk.act(order, Kind.REFUND, 1_000)
    await desk.act(order, Kind.REVERSE)
    same(authorized, await desk.authorize(once("a"), reference="R"))
    same(charged, await desk.act(order, Kind.CHARGE, 6_000, once("c")))
    await desk.resolve()
    same(authorized, await desk.authorize(once("a"), reference="R"))
    same(charged, await desk.act(order, Kind.CHARGE, 6_000, once("c")))


@pytest.mark.parametrize("late", [approve, decline])
async def test_what_had_no_answer_then_has_none_in_the_repeat(late: object) -> None:
    desk = await open_desk(approve, unknown())
    order = (await desk.authorize()).order
    await desk.act(order, Kind.CHARGE, 6_000)
    asked = desk.host.instructions[-1]
    first = await desk.act(order, Kind.CHARGE, 1_000, once())
    desk.clock.advance(1)
    await desk.host.tell(asked, approve(asked) if late is approve else decline())
    same(first, await desk.act(order, Kind.CHARGE, 1_000, once()))


async def test_what_began_after_the_answer_is_not_in_the_repeat() -> None:
    desk = await open_desk()
    order = (await desk.authorize()).order
    found: list[Done] = []

    async def overtake() -> None:
        found.append(await desk.act(order, Kind.CHARGE, 6_000, once()))

    desk.store.before.append(overtake)
    await desk.act(order, Kind.CHARGE, 1_000)
    same(found[0], await desk.act(order, Kind.CHARGE, 6_000, once()))


async def test_a_repeat_of_a_rejected_order_gives_it_again() -> None:
    desk = await open_desk()
    first = await desk.authorize(once(), amount=CHF)
    again = await desk.authorize(once(), amount=CHF)
    same(first, again)
    assert again.operation is None
    assert len(desk.store._orders) == 1


async def test_two_rejected_orders_at_once_under_one_key_are_one() -> None:
    desk = await open_desk()
    found: list[Done] = []

    async def first() -> None:
        found.append(await desk.authorize(once(), amount=CHF))

    desk.store.before.append(first)
    again = await desk.authorize(once(), amount=CHF)
    same(found[0], again)
    assert len(desk.store._orders) == 1


async def test_a_repeat_of_a_declined_authorization_gives_the_decline() -> None:
    desk = await open_desk(decline())
    first = await desk.authorize(once())
    same(first, await desk.authorize(once()))
    assert desk.kinds() == [Kind.AUTHORIZE]


async def test_a_repeat_of_an_automatic_charge_gives_the_charge() -> None:
    desk = await open_desk()
    first = await desk.authorize(once(), auto_charge=True)
    assert first.operation is not None
    assert first.operation.kind is Kind.CHARGE
    await desk.act(first.order, Kind.REFUND)
    same(first, await desk.authorize(once(), auto_charge=True))
    assert desk.kinds() == [Kind.AUTHORIZE, Kind.CHARGE, Kind.REFUND]


async def test_an_automatic_charge_without_an_answer_keeps_its_key_in_use() -> None:
    desk = await open_desk(approve, unknown())
    await desk.authorize(once(), auto_charge=True)
    found = await refusal(desk.authorize(once(), auto_charge=True))
    assert found.code is Code.KEY_IN_USE


async def test_a_repeat_of_a_credit_gives_the_credit() -> None:
    desk = await open_desk()
    first = await desk.orders.credit(desk.merchant, Draft(amount=EUR), CARD, once())
    same(first, await desk.orders.credit(desk.merchant, Draft(amount=EUR), CARD, once()))
    assert desk.kinds() == [Kind.CREDIT]


async def test_a_key_asked_for_twice_gives_its_answer_however_short_the_wait() -> None:
    desk = await open_desk(limits=Limits(acquirer_ms=20, replay_ms=1, replay_poll_ms=5))
    first = await desk.authorize(once())
    same(first, await desk.authorize(once()))


async def test_an_error_of_the_first_request_does_not_leave_its_key_running() -> None:
    desk = await open_desk()

    async def broken() -> None:
        raise OSError

    desk.store.before.append(broken)
    with pytest.raises(OSError):
        await desk.authorize(once())
    assert desk.orders._running == {}
    await asyncio.gather(desk.authorize(once()), desk.authorize(once()))
    assert desk.kinds() == [Kind.AUTHORIZE]
