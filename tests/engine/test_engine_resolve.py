"""Operations without an answer: asked about, taken back where nobody can say, never guessed."""

import asyncio

import pytest
from msgspec.structs import replace
from tests.engine.desk import (
    CARD,
    EUR,
    MUTE,
    Crash,
    Desk,
    die,
    never,
    nothing,
    open_desk,
    stands,
    two_terminals,
)

from counterfoil.core.answers import Approved
from counterfoil.core.declines import Decline
from counterfoil.core.events import Event
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Order, Outcome
from counterfoil.core.rules import Bucket
from counterfoil.engine.orders import Draft
from counterfoil.engine.resolve import RUN, Resolved, resolve, settle
from counterfoil.testing import approve, decline, demo_merchant, unknown

pytestmark = pytest.mark.anyio


async def lost(desk: Desk, kind: Kind = Kind.AUTHORIZE) -> Order:
    """An order whose last operation was approved there, and whose answer never came."""
    if kind is Kind.AUTHORIZE:
        desk.host.script.appendleft(desk.host.lose)
        return (await desk.authorize()).order
    if kind is Kind.CREDIT:
        desk.host.script.appendleft(desk.host.lose)
        return (await desk.orders.credit(desk.merchant, Draft(amount=EUR), CARD)).order
    order = await desk.charged() if kind is Kind.REFUND else (await desk.authorize()).order
    desk.host.script.appendleft(desk.host.lose)
    return (await desk.act(order, kind)).order


async def doubted(desk: Desk) -> Order:
    """The same, marked as being taken back, the reversal not yet sent: a crash came between."""
    order = await lost(desk)
    marked = await desk.engine.doubt(order, order.operations[-1].id)
    assert marked is not None
    return marked


@pytest.mark.parametrize(
    "kind", [Kind.AUTHORIZE, Kind.CHARGE, Kind.REVERSE, Kind.REFUND, Kind.CREDIT]
)
async def test_what_the_acquirer_has_is_approved_by_inquiry(kind: Kind) -> None:
    desk = await open_desk()
    order = await lost(desk, kind)
    sent = len(desk.host.instructions)
    assert await desk.resolve() == Resolved(found=1, closed=1)
    assert (await desk.last(order)).outcome is Outcome.APPROVED
    assert len(desk.host.instructions) == sent


async def test_what_the_acquirer_never_received_has_failed() -> None:
    desk = await open_desk(unknown())
    order = (await desk.authorize()).order
    assert (await desk.resolve()).closed == 1
    operation = await desk.last(order)
    assert (operation.outcome, operation.decline) == (Outcome.FAILED, Decline.NOT_RECEIVED)
    assert stands(await desk.now(order)) == {Bucket.OPEN: 10_000}


async def test_what_is_younger_than_the_instant_is_left_alone() -> None:
    desk = await open_desk()
    order = await lost(desk)
    assert await resolve(desk.engine, before=desk.clock.now() - 1) == Resolved()
    assert (await desk.last(order)).outcome is Outcome.PENDING


async def test_where_the_inquiry_finds_nothing_out_it_is_reversed_and_not_received() -> None:
    desk = await open_desk()
    order = await lost(desk)
    desk.host.ignorant = True
    assert (await desk.resolve()).closed == 1
    operation = await desk.last(order)
    assert (operation.outcome, operation.decline) == (Outcome.FAILED, Decline.NOT_RECEIVED)
    reversal = desk.host.instructions[-1]
    assert (reversal.kind, reversal.reference) == (Kind.REVERSE, -operation.id)
    assert reversal.original is not None
    assert reversal.original.reference == operation.id
    assert reversal.amount == operation.amount


async def test_the_echo_of_an_inquiry_is_checked() -> None:
    desk = await open_desk()
    order = await lost(desk)
    number = order.operations[-1].id
    desk.host.book[number] = Approved(reference=number, amount=Money(minor=1, currency="EUR"))
    await desk.resolve()
    assert desk.kinds() == [Kind.AUTHORIZE, Kind.REVERSE]
    assert (await desk.last(order)).outcome is Outcome.FAILED


@pytest.mark.parametrize("kind", [Kind.AUTHORIZE, Kind.CHARGE])
async def test_where_nobody_can_be_asked_it_is_reversed(kind: Kind) -> None:
    desk = await open_desk(supports=MUTE)
    order = await lost(desk, kind)
    assert (await desk.resolve()).closed == 1
    assert desk.host.inquiries == []
    assert desk.host.instructions[-1].kind is Kind.REVERSE
    assert (await desk.last(order)).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    "gone", [Decline.ORIGINAL_NOT_FOUND, Decline.ORIGINAL_UNKNOWN, Decline.NOT_RECEIVED]
)
async def test_a_reversal_of_what_never_arrived_closes_it(gone: Decline) -> None:
    desk = await open_desk(unknown(), decline(gone), supports=MUTE)
    order = (await desk.authorize()).order
    assert (await desk.resolve()).closed == 1
    assert (await desk.last(order)).decline is Decline.NOT_RECEIVED


@pytest.mark.parametrize("answer", [unknown(), decline(Decline.SYSTEM_MALFUNCTION)])
async def test_a_reversal_without_a_clear_answer_is_repeated_until_there_is_one(
    answer: Approved,
) -> None:
    desk = await open_desk(approve, unknown(), answer, supports=MUTE)
    order = (await desk.authorize()).order
    await desk.act(order, Kind.CHARGE, 6_000)
    assert await desk.resolve() == Resolved(found=1, closed=0)
    operation = await desk.last(order)
    assert operation.doubted
    assert stands(await desk.now(order)) == {Bucket.AUTHORIZED: 4_000}
    assert await desk.resolve() == Resolved(found=1, closed=1)
    assert [each.reference for each in desk.host.instructions[-2:]] == [-operation.id] * 2
    assert stands(await desk.now(order)) == {Bucket.AUTHORIZED: 10_000}


async def test_that_it_is_being_taken_back_is_durable_before_the_reversal_is_sent() -> None:
    desk = await open_desk(supports=MUTE)
    order = await lost(desk)
    seen: list[bool] = []

    async def look() -> None:
        seen.append((await desk.last(order)).doubted)

    desk.host.sending.append(look)
    await desk.resolve()
    assert seen == [True]


async def test_what_is_being_taken_back_is_not_asked_about() -> None:
    desk = await open_desk()
    order = await doubted(desk)
    assert (await desk.resolve()).closed == 1
    assert desk.host.inquiries == []
    assert (await desk.last(order)).outcome is Outcome.FAILED


async def test_a_crash_between_doubt_and_reversal_is_taken_up_again() -> None:
    desk = await open_desk(supports=MUTE)
    order = await lost(desk)
    desk.store.after.append(die)
    with pytest.raises(Crash):
        await desk.resolve()
    desk.restart()
    assert (await desk.last(order)).doubted
    assert desk.kinds() == [Kind.AUTHORIZE]
    assert (await desk.resolve()).closed == 1
    assert desk.kinds() == [Kind.AUTHORIZE, Kind.REVERSE]


async def test_a_crash_between_reversal_and_close_repeats_the_reversal_under_its_number() -> None:
    desk = await open_desk(supports=MUTE)
    order = await lost(desk)
    desk.store.before.extend([nothing, die])
    with pytest.raises(Crash):
        await desk.resolve()
    desk.restart()
    assert (await desk.last(order)).outcome is Outcome.PENDING
    assert (await desk.resolve()).closed == 1
    number = order.operations[-1].id
    references = [each.reference for each in desk.host.instructions]
    assert references == [number, -number, -number]
    assert set(desk.host.booked) == {number, -number}


async def test_a_crash_before_the_doubt_is_durable_sends_no_reversal() -> None:
    desk = await open_desk(supports=MUTE)
    order = await lost(desk)
    desk.store.before.append(die)
    with pytest.raises(Crash):
        await desk.resolve()
    assert not (await desk.last(order)).doubted
    assert desk.kinds() == [Kind.AUTHORIZE]


async def test_a_reversal_without_an_answer_is_repeated_under_its_own_number() -> None:
    desk = await open_desk(supports=MUTE)
    order = await lost(desk, Kind.REVERSE)
    assert (await desk.resolve()).closed == 1
    operation = await desk.last(order)
    assert operation.outcome is Outcome.APPROVED
    assert [each.reference for each in desk.host.instructions[-2:]] == [operation.id] * 2
    assert not operation.doubted


@pytest.mark.parametrize("kind", [Kind.REFUND, Kind.CREDIT])
async def test_refund_and_credit_are_never_reversed(kind: Kind) -> None:
    desk = await open_desk(supports=MUTE)
    order = await lost(desk, kind)
    sent = len(desk.host.instructions)
    for _ in range(3):
        assert await desk.resolve() == Resolved(found=1, closed=0)
    operation = await desk.last(order)
    assert (operation.outcome, operation.doubted) == (Outcome.PENDING, False)
    assert len(desk.host.instructions) == sent


@pytest.mark.parametrize("kind", [Kind.REFUND, Kind.CREDIT])
async def test_refund_and_credit_are_asked_about_until_there_is_an_answer(kind: Kind) -> None:
    desk = await open_desk()
    order = await lost(desk, kind)
    desk.host.ignorant = True
    assert (await desk.resolve()).closed == 0
    desk.host.ignorant = False
    assert (await desk.resolve()).closed == 1
    assert (await desk.last(order)).outcome is Outcome.APPROVED


async def test_what_was_closed_since_it_was_listed_is_left_as_it_is() -> None:
    desk = await open_desk(unknown())
    order = (await desk.authorize()).order
    (listed,) = await desk.store.pending(1, 2**63 - 1, 10)
    asked = desk.host.instructions[-1]
    await desk.host.tell(asked, approve(asked))
    assert await settle(desk.engine, desk.merchant, listed)
    assert desk.host.inquiries == []
    assert (await desk.last(order)).outcome is Outcome.APPROVED


async def test_an_approval_that_comes_during_the_inquiry_is_not_reversed() -> None:
    desk = await open_desk(unknown())
    order = (await desk.authorize()).order
    asked = desk.host.instructions[-1]
    desk.host.ignorant = True
    desk.host.inquiring.append(lambda: desk.host.tell(asked, approve(asked)))
    await desk.resolve()
    assert (await desk.last(order)).outcome is Outcome.APPROVED
    assert desk.kinds() == [Kind.AUTHORIZE]


async def test_an_approval_that_comes_ahead_of_the_doubt_is_not_reversed() -> None:
    desk = await open_desk(unknown(), supports=MUTE)
    order = (await desk.authorize()).order
    asked = desk.host.instructions[-1]
    desk.store.before.append(lambda: desk.host.tell(asked, approve(asked)))
    await desk.resolve()
    assert (await desk.last(order)).outcome is Outcome.APPROVED
    assert desk.kinds() == [Kind.AUTHORIZE]


async def test_a_decline_that_comes_during_the_reversal_closes_it_once() -> None:
    desk = await open_desk(unknown(), supports=MUTE)
    order = (await desk.authorize()).order
    asked = desk.host.instructions[-1]
    desk.host.sending.append(lambda: desk.host.tell(asked, decline()))
    await desk.resolve()
    operation = await desk.last(order)
    assert (operation.outcome, operation.decline) == (Outcome.DECLINED, Decline.DO_NOT_HONOR)


async def test_two_resolvers_at_once_close_it_once() -> None:
    desk = await open_desk(supports=MUTE)
    order = await lost(desk)
    desk.host.sending.append(desk.resolve)
    await desk.resolve()
    number = order.operations[-1].id
    assert (await desk.last(order)).decline is Decline.NOT_RECEIVED
    assert {each.reference for each in desk.host.instructions} == {number, -number}
    told = [notice.event for _, notice in desk.store.notices_told]
    assert told == [Event.PAYMENT_PENDING, Event.PAYMENT_FAILED]


async def test_doubting_twice_changes_nothing_the_second_time() -> None:
    desk = await open_desk()
    order = await doubted(desk)
    commits = desk.store.commits
    await desk.engine.doubt(order, order.operations[-1].id)
    assert desk.store.commits == commits


async def test_every_merchant_is_looked_at() -> None:
    desk = await open_desk(unknown())
    await desk.authorize()
    desk.merchant = demo_merchant(2)
    await desk.store.save_merchant(desk.merchant)
    desk.host.script.append(unknown())
    await desk.authorize()
    assert await desk.resolve() == Resolved(found=2, closed=2)


async def test_an_inquiry_that_never_returns_is_left_at_the_time_limit() -> None:
    desk = await open_desk(unknown())
    await desk.authorize()
    desk.host.inquiring.append(never)
    async with asyncio.timeout(1):
        assert (await desk.resolve()).closed == 1


async def test_what_cannot_be_closed_does_not_hide_what_can() -> None:
    desk = await open_desk(supports=MUTE)
    for _ in range(RUN):
        await lost(desk, Kind.CREDIT)
    order = await lost(desk)
    for _ in range(2):
        await desk.resolve()
    assert (await desk.last(order)).outcome is Outcome.FAILED


async def test_one_that_cannot_even_be_asked_about_does_not_stop_the_others() -> None:
    desk = await open_desk(unknown(), unknown(), terminals=two_terminals())
    await desk.authorize()
    order = (await desk.authorize()).order
    first = (await desk.store.pending(1, 2**63 - 1, 10))[0].order
    stored = await desk.store.load(1, first)
    payment = replace(stored.payments[0], terminal="GONE")
    desk.store._orders[1, first] = replace(stored, payments=(payment,))
    found = await desk.resolve()
    assert found == Resolved(found=2, closed=1, failed=1)
    assert (await desk.last(order)).outcome is Outcome.FAILED
