"""What falls due: charges, releases, ends of sessions and questions, each once and at its time."""

import asyncio

import pytest
from msgspec.structs import replace
from tests.engine.desk import EUR, MUTE, Crash, Desk, die, open_desk, stands

from counterfoil.core.change import change
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code, Refused
from counterfoil.core.events import Event
from counterfoil.core.later import life_days
from counterfoil.core.order import Kind, Order, Outcome, Payment, Recurring
from counterfoil.core.rules import Bucket, Command, Standing, standing
from counterfoil.core.schedule import SECOND_US
from counterfoil.core.timers import Due, Errand, Timer
from counterfoil.engine.chores import chores
from counterfoil.engine.pump import LEASE_S, NotYetError
from counterfoil.testing import decline, unknown
from counterfoil.testing.acquirer import EVERYTHING

pytestmark = pytest.mark.anyio

DAY_S = 24 * 3600


async def session(desk: Desk, seconds: int) -> Order:
    """An order that nobody has paid yet, and the timer of its session."""
    number = desk.ids.next()
    expires = desk.clock.now() + seconds * SECOND_US
    order = Order(merchant=1, id=number, amount=EUR, expires=expires)
    timer = Timer(kind=Due.EXPIRE, subject=number, due=expires)
    made = await desk.engine.commit(order, lambda o: replace(change(o), timers=(timer,)))
    assert made is not None
    return made.order


def closing(order: Order) -> int:
    """When its authorization was answered."""
    closed = order.operations[0].closed
    assert closed is not None
    return closed


async def test_an_automatic_charge_falls_due_and_no_sooner() -> None:
    desk = await open_desk(charge_after_s=3600)
    order = (await desk.authorize()).order
    await desk.later(3600)  # it was approved some microseconds after it was asked for
    assert stands(await desk.now(order)) == {Bucket.AUTHORIZED: 10_000}
    await desk.later(1)
    assert stands(await desk.now(order)) == {Bucket.CHARGED: 10_000}
    assert 0 <= (await desk.last(order)).created - closing(order) - 3600 * SECOND_US < 9


async def test_an_automatic_charge_leaves_alone_what_was_reversed() -> None:
    desk = await open_desk(charge_after_s=3600)
    order = (await desk.authorize()).order
    await desk.act(order, Kind.REVERSE)
    await desk.later(7200)
    assert desk.kinds() == [Kind.AUTHORIZE, Kind.REVERSE]
    assert Due.CHARGE not in await desk.timers()


async def test_an_automatic_charge_leaves_alone_what_was_charged_in_part() -> None:
    desk = await open_desk(charge_after_s=3600)
    order = (await desk.authorize()).order
    await desk.act(order, Kind.CHARGE, 4_000)
    await desk.later(7200)
    assert desk.kinds() == [Kind.AUTHORIZE, Kind.CHARGE]


async def test_an_automatic_charge_waits_while_something_has_no_answer() -> None:
    desk = await open_desk(charge_after_s=60)
    order = (await desk.authorize()).order
    desk.host.ignorant = True
    desk.host.script.extend([unknown()] * 100)
    await desk.act(order, Kind.REVERSE, 1_000)
    await desk.later(90)
    assert Kind.CHARGE not in desk.kinds()
    assert Due.CHARGE in await desk.timers()
    desk.host.script.clear()
    await desk.later(120)
    assert stands(await desk.now(order)) == {Bucket.REVERSED: 1_000, Bucket.CHARGED: 9_000}


async def test_a_charge_whose_process_died_is_taken_over_and_made_once() -> None:
    desk = await open_desk(charge_after_s=60)
    order = (await desk.authorize()).order
    desk.store.after.append(die)
    desk.clock.advance(61)
    with pytest.raises(Crash):
        await desk.pump.run_due()
    desk.restart()
    await desk.pump.run_due()
    assert Kind.CHARGE not in desk.kinds()
    desk.clock.advance(LEASE_S)
    await desk.pump.run_due()
    assert Kind.CHARGE not in desk.kinds()
    await desk.resolve()
    await desk.later(600)
    charges = [each for each in (await desk.now(order)).operations if each.kind is Kind.CHARGE]
    assert [each.outcome for each in charges] == [Outcome.FAILED, Outcome.APPROVED]
    assert desk.kinds().count(Kind.CHARGE) == 1


async def test_two_processes_make_one_charge() -> None:
    desk = await open_desk(charge_after_s=60)
    await desk.authorize()
    desk.clock.advance(61)
    first = desk.pump
    desk.restart()
    await asyncio.gather(first.run_due(), desk.pump.run_due())
    assert desk.kinds() == [Kind.AUTHORIZE, Kind.CHARGE]


async def test_an_authorization_lapses_and_what_is_left_is_given_back() -> None:
    desk = await open_desk()
    order = (await desk.authorize()).order
    await desk.act(order, Kind.CHARGE, 4_000)
    await desk.later(10 * DAY_S - 2)
    assert stands(await desk.now(order))[Bucket.AUTHORIZED] == 6_000
    await desk.later(2)
    assert stands(await desk.now(order)) == {Bucket.REVERSED: 6_000, Bucket.CHARGED: 4_000}
    assert await desk.timers() == []


async def test_what_was_charged_whole_does_not_lapse() -> None:
    desk = await open_desk()
    order = await desk.charged()
    await desk.later(40 * DAY_S)
    assert desk.kinds() == [Kind.AUTHORIZE, Kind.CHARGE]
    assert stands(await desk.now(order)) == {Bucket.CHARGED: 10_000}


async def test_an_acquirer_that_cannot_reverse_is_not_asked_to() -> None:
    desk = await open_desk(supports=frozenset())
    await desk.authorize()
    await desk.later(40 * DAY_S)
    assert desk.kinds() == [Kind.AUTHORIZE]


async def test_a_lapse_waits_while_something_has_no_answer() -> None:
    desk = await open_desk(authorization_days=1)
    order = (await desk.authorize()).order
    await desk.later(DAY_S - 3)
    desk.host.ignorant = True
    desk.host.script.extend([unknown()] * 100)
    await desk.act(order, Kind.CHARGE, 1_000)
    await desk.later(10)
    assert Due.RELEASE in await desk.timers()
    desk.host.script.clear()
    await desk.later(120)
    assert stands(await desk.now(order)) == {Bucket.REVERSED: 10_000}


async def test_how_long_an_authorization_lives() -> None:
    desk = await open_desk(authorization_days=0)
    order = (await desk.authorize()).order
    (payment,) = order.payments
    assert payment.card is not None
    assert await desk.timers() == []
    assert life_days(desk.merchant, payment) == 0
    own = replace(desk.merchant, authorization_days=None)
    assert life_days(own, payment) == 10
    assert life_days(own, replace(payment, card=None)) == 7
    assert life_days(own, replace(payment, recurring=Recurring(first=True))) == 10
    assert life_days(own, replace(payment, recurring=Recurring())) == 5


async def test_a_session_ends_at_its_time_and_the_merchant_is_told() -> None:
    desk = await open_desk()
    await desk.listens()
    order = await session(desk, 1_800)
    await desk.later(1_799)
    assert standing(await desk.now(order)) is Standing.NEW
    await desk.later(1)
    after = await desk.now(order)
    assert (after.closed, after.closed_at) == (Code.SESSION_EXPIRED, order.expires)
    assert desk.told() == ["2 order.rejected 0 s9"]
    assert [notice.event for _, notice in desk.store.notices_told] == [
        Event.ORDER_CREATED,
        Event.ORDER_REJECTED,
    ]


async def test_a_session_of_what_was_paid_or_closed_does_not_end() -> None:
    desk = await open_desk()
    paid = (await desk.authorize()).order
    begun = await desk.engine.commit(
        paid,
        lambda o: replace(
            change(replace(o, expires=desk.clock.now())),
            timers=(Timer(kind=Due.EXPIRE, subject=o.id, due=desk.clock.now()),),
        ),
    )
    assert begun is not None
    later = await session(desk, 60)
    await desk.store.plant(1, [Timer(kind=Due.EXPIRE, subject=later.id, due=desk.clock.now())])
    await desk.pump.run_due()
    assert (await desk.now(paid)).closed is None
    await desk.later(60)
    assert (await desk.now(later)).closed is Code.SESSION_EXPIRED
    await desk.store.plant(1, [Timer(kind=Due.EXPIRE, subject=later.id, due=desk.clock.now())])
    before = await desk.now(later)
    await desk.pump.run_due()
    assert await desk.now(later) == before


async def test_a_session_waits_for_an_answer_that_is_on_its_way() -> None:
    desk = await open_desk(unknown(), supports=MUTE)
    desk.host.script.append(unknown())
    order = (await desk.authorize()).order
    timer = Timer(kind=Due.EXPIRE, subject=order.id, due=desk.clock.now())
    now = desk.clock.now()
    await desk.engine.commit(
        order, lambda o: replace(change(replace(o, expires=now)), timers=(timer,))
    )
    await desk.pump.run_due()
    assert (await desk.now(order)).closed is None
    await desk.later(120)
    after = await desk.now(order)
    assert (after.operations[0].decline, after.closed) == (
        Decline.NOT_RECEIVED,
        Code.SESSION_EXPIRED,
    )


async def test_an_operation_without_an_answer_is_asked_about_and_ever_more_seldom() -> None:
    desk = await open_desk(unknown())
    desk.host.ignorant = True
    order = (await desk.authorize()).order
    desk.host.script.extend([unknown()] * 1_000)
    asked = []
    for _ in range(4):
        before = len(desk.host.instructions)
        await desk.later(600)
        asked.append(len(desk.host.instructions) - before)
    assert asked[0] > asked[1] > asked[3] > 0
    desk.host.script.clear()
    await desk.later(3_600)
    assert (await desk.last(order)).decline is Decline.NOT_RECEIVED
    assert await desk.timers() == []


async def test_a_question_nobody_answers_is_parked_in_sight_after_days() -> None:
    desk = await open_desk(unknown(), supports=EVERYTHING)
    desk.host.ignorant = True
    order = (await desk.authorize()).order
    desk.host.script.extend([unknown()] * 1_000)
    await desk.later(6 * DAY_S)
    (parked,) = await desk.store.timers(1, 10, parked=True)
    assert (parked.timer.kind, parked.why) == (Due.RESOLVE, "the acquirer has not said")
    assert (await desk.last(order)).outcome is Outcome.PENDING


async def test_a_broken_timer_is_put_off_and_hinders_no_other() -> None:
    desk = await open_desk(charge_after_s=60)
    order = (await desk.authorize()).order
    gone = Timer(kind=Due.EXPIRE, subject=12345, due=desk.clock.now() + 60 * SECOND_US)
    await desk.store.plant(1, [gone])
    await desk.later(61)
    assert stands(await desk.now(order)) == {Bucket.CHARGED: 10_000}
    (waits, _) = await desk.store.timers(1, 10)
    assert (waits.timer.subject, waits.tries, waits.why) == (12345, 1, "Refused")


async def test_a_million_seconds_pass_exactly() -> None:
    desk = await open_desk(charge_after_s=1_000_000, authorization_days=30)
    orders = [(await desk.authorize()).order for _ in range(3)]
    start = desk.clock.now()
    await desk.later(1_000_001)
    assert desk.clock.now() == start + 1_000_001 * SECOND_US
    for order in orders:
        late = (await desk.last(order)).created - closing(order) - 1_000_000 * SECOND_US
        assert 0 <= late < 9  # microseconds: each id takes one


async def test_a_declined_authorization_sets_no_timer() -> None:
    desk = await open_desk(decline(Decline.DO_NOT_HONOR), charge_after_s=60)
    await desk.authorize()
    assert await desk.timers() == []


async def test_what_cannot_be_done_now_is_done_later() -> None:
    desk = await open_desk(charge_after_s=60)
    order = (await desk.authorize()).order
    gone = desk.store._merchants.pop(1)
    (kind, handle) = (Due.CHARGE, desk.pump._kinds[Due.CHARGE].handle)
    errand = Errand(merchant=1, timer=Timer(kind=kind, subject=order.id, due=0))
    with pytest.raises(NotYetError, match="the merchant is gone"):
        await handle(errand)
    desk.store._merchants[1] = gone

    async def busy() -> None:
        raise Refused(Code.STORE_UNAVAILABLE)

    desk.store.before.append(busy)
    await desk.later(61)
    assert stands(await desk.now(order)) == {Bucket.AUTHORIZED: 10_000}
    await desk.later(10)
    assert stands(await desk.now(order)) == {Bucket.CHARGED: 10_000}


async def test_a_question_that_cannot_be_noted_is_found_by_the_chore() -> None:
    desk = await open_desk(unknown())

    async def broken() -> None:
        raise OSError

    desk.store.planting.append(broken)
    order = (await desk.authorize()).order
    assert await desk.timers() == []
    desk.clock.advance(60)
    chore, _ = chores(desk.engine)
    await chore.work()
    await desk.pump.run_due()
    assert (await desk.last(order)).outcome is Outcome.FAILED


async def test_a_charge_that_is_hindered_is_tried_again_and_not_dropped() -> None:
    desk = await open_desk(charge_after_s=60)
    order = (await desk.authorize()).order
    acquirers = desk.engine.acquirers
    desk.engine.acquirers = {}
    await desk.later(61)
    (waits,) = [e for e in await desk.store.timers(1, 10) if e.timer.kind is Due.CHARGE]
    assert waits.why == "unknown_terminal"
    desk.engine.acquirers = acquirers
    await desk.later(10)
    assert stands(await desk.now(order)) == {Bucket.CHARGED: 10_000}


async def test_each_payment_of_an_order_is_charged_at_its_own_time() -> None:
    desk = await open_desk(charge_after_s=3600)
    half = replace(EUR, minor=5_000)
    numbers = [desk.ids.next() for _ in range(3)]
    payments = tuple(Payment(id=each, amount=half, terminal="TERM") for each in numbers[1:])
    order = Order(merchant=1, id=numbers[0], amount=EUR, payments=payments)
    made = await desk.engine.commit(order, change)
    assert made is not None
    for payment in payments:
        command = Command(kind=Kind.AUTHORIZE, payment=payment.id)
        await desk.orders.follow_up(desk.merchant, order.id, command)
        await desk.later(1800)
    await desk.later(1)
    first, second = (await desk.now(order)).payments
    assert [each.kind for each in first.log] == [Kind.AUTHORIZE, Kind.CHARGE]
    assert [each.kind for each in second.log] == [Kind.AUTHORIZE]
    await desk.later(1800)
    first, second = (await desk.now(order)).payments
    assert [each.kind for each in first.log] == [Kind.AUTHORIZE, Kind.CHARGE]
    assert [each.kind for each in second.log] == [Kind.AUTHORIZE, Kind.CHARGE]
