"""begin, send, finish: every race, time-out, duplicate and crash between two steps."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from msgspec.structs import replace
from tests.engine.desk import (
    CARD,
    EUR,
    MUTE,
    Desk,
    never,
    nothing,
    once,
    open_desk,
    refusal,
    stands,
    two_terminals,
)

from counterfoil.core.answers import Answer, Approved
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code, Refused
from counterfoil.core.ledger import Account
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Order, Outcome
from counterfoil.core.ports import Inquiry, Instruction
from counterfoil.core.rules import Bucket, Command
from counterfoil.engine.instruct import inquire
from counterfoil.engine.orders import Draft
from counterfoil.engine.perform import TRIES_MAX, Limits
from counterfoil.testing import approve, decline, unknown

pytestmark = pytest.mark.anyio


def raising(error: Exception) -> Callable[[Instruction], Answer]:
    def line(_: Instruction) -> Answer:
        raise error

    return line


async def test_an_approval_is_two_commits_and_one_instruction() -> None:
    desk = await open_desk()
    done = await desk.authorize()
    assert done.operation is not None
    assert done.operation.outcome is Outcome.APPROVED
    assert done.operation.auth_code == "AUTH12"
    assert stands(done.order) == {Bucket.AUTHORIZED: 10_000}
    assert desk.store.commits == 2
    assert desk.kinds() == [Kind.AUTHORIZE]
    assert await desk.now(done.order) == done.order


async def test_a_decline_gives_the_money_back_to_where_it_was() -> None:
    desk = await open_desk(decline(Decline.INSUFFICIENT_FUNDS))
    done = await desk.authorize()
    assert done.operation is not None
    assert (done.operation.outcome, done.operation.code) == (Outcome.DECLINED, "51")
    assert stands(done.order) == {Bucket.OPEN: 10_000}


async def test_a_refused_step_sends_nothing_and_changes_nothing() -> None:
    desk = await open_desk()
    order = (await desk.authorize()).order
    found = await refusal(desk.act(order, Kind.REFUND))
    assert found.code is Code.NOT_CHARGED
    assert await desk.now(order) == order
    assert desk.kinds() == [Kind.AUTHORIZE]


async def test_instructions_name_what_they_follow_up() -> None:
    desk = await open_desk()
    order = (await desk.authorize()).order
    await desk.act(order, Kind.CHARGE, 4_000)
    await desk.act(order, Kind.CHARGE, 1_000)
    await desk.act(order, Kind.REFUND, 500)
    await desk.act(order, Kind.REVERSE)
    authorize, charge, second, refund, reverse = desk.host.instructions
    assert authorize.original is None
    assert authorize.card is not None
    for each in (charge, second, reverse):
        assert each.original is not None
        assert each.original.reference == authorize.reference
        assert each.original.auth_code == "AUTH12"
    assert refund.original is not None
    assert refund.original.reference == charge.reference


async def test_a_refund_names_its_charge_though_others_came_later() -> None:
    desk = await open_desk(approve, approve, decline(), approve)
    order = (await desk.authorize()).order
    first = (await desk.act(order, Kind.CHARGE, 4_000)).operation
    await desk.act(order, Kind.CHARGE, 3_000)
    await desk.act(order, Kind.CHARGE, 2_000)
    await desk.act(order, Kind.REFUND, 4_000)
    original = desk.host.instructions[-1].original
    assert first is not None
    assert original is not None
    assert original.reference == first.id


async def test_stale_on_begin_decides_again_and_refuses_what_no_longer_fits() -> None:
    desk = await open_desk()
    order = (await desk.authorize()).order
    desk.store.before.append(lambda: desk.act(order, Kind.CHARGE, 6_000))
    found = await refusal(desk.act(order, Kind.CHARGE, 6_000))
    assert found.code is Code.EXCEEDS_AUTHORIZED
    assert stands(await desk.now(order)) == {Bucket.AUTHORIZED: 4_000, Bucket.CHARGED: 6_000}
    assert desk.kinds() == [Kind.AUTHORIZE, Kind.CHARGE]


async def test_stale_on_begin_decides_again_and_goes_on_where_it_still_fits() -> None:
    desk = await open_desk()
    order = (await desk.authorize()).order
    desk.store.before.append(lambda: desk.act(order, Kind.CHARGE, 6_000))
    done = await desk.act(order, Kind.CHARGE, 4_000)
    assert stands(done.order) == {Bucket.CHARGED: 10_000}


async def test_stale_on_finish_keeps_the_other_step_and_this_answer() -> None:
    desk = await open_desk()
    order = (await desk.authorize()).order
    desk.store.before.extend([nothing, lambda: desk.act(order, Kind.CHARGE, 3_000)])
    done = await desk.act(order, Kind.CHARGE, 6_000)
    assert stands(done.order) == {Bucket.AUTHORIZED: 1_000, Bucket.CHARGED: 9_000}
    assert desk.kinds() == [Kind.AUTHORIZE, Kind.CHARGE, Kind.CHARGE]


async def test_operations_stand_in_the_order_of_their_numbers_also_after_stale() -> None:
    desk = await open_desk()
    order = (await desk.authorize()).order
    desk.store.before.append(lambda: desk.act(order, Kind.CHARGE, 6_000))
    done = await desk.act(order, Kind.CHARGE, 4_000)
    numbers = [each.id for each in done.order.operations]
    assert numbers == sorted(numbers)


async def test_whoever_is_always_too_late_is_told_that_the_order_is_busy() -> None:
    desk = await open_desk()
    order = (await desk.authorize()).order

    async def first() -> None:
        now = await desk.now(order)
        desk.store._orders[order.merchant, order.id] = replace(now, version=now.version + 1)

    desk.store.before.extend([first] * TRIES_MAX)
    assert (await refusal(desk.act(order, Kind.CHARGE))).code is Code.BUSY
    assert desk.kinds() == [Kind.AUTHORIZE]
    assert (await desk.act(order, Kind.CHARGE)).order.operations[-1].kind is Kind.CHARGE


async def test_an_unknown_answer_leaves_it_pending_and_holds_the_money() -> None:
    desk = await open_desk(approve, unknown())
    order = (await desk.authorize()).order
    done = await desk.act(order, Kind.CHARGE, 6_000)
    assert done.operation is not None
    assert done.operation.outcome is Outcome.PENDING
    assert stands(done.order) == {Bucket.AUTHORIZED: 4_000}
    assert (await refusal(desk.act(order, Kind.CHARGE, 4_001))).code is Code.EXCEEDS_AUTHORIZED


@pytest.mark.parametrize(
    "echo",
    [
        lambda asked: replace(approve(asked), reference=asked.reference + 1),
        lambda asked: replace(approve(asked), amount=Money(minor=9_999, currency="EUR")),
        lambda asked: replace(approve(asked), amount=Money(minor=10_000, currency="USD")),
    ],
    ids=["reference", "amount", "currency"],
)
async def test_an_echo_that_is_not_ours_is_not_believed(
    echo: Callable[[Instruction], Approved],
) -> None:
    desk = await open_desk(echo)
    done = await desk.authorize()
    assert done.operation is not None
    assert done.operation.outcome is Outcome.PENDING


@pytest.mark.parametrize(
    "error",
    [ConnectionError(), TimeoutError(), KeyError("x"), ExceptionGroup("many", [OSError()])],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_a_connector_raises_is_unknown(error: Exception) -> None:
    desk = await open_desk(raising(error))
    done = await desk.authorize()
    assert done.operation is not None
    assert done.operation.outcome is Outcome.PENDING


async def test_an_acquirer_that_does_not_answer_is_left_at_the_time_limit() -> None:
    desk = await open_desk(limits=Limits(acquirer_ms=1))
    desk.host.sending.append(never)
    done = await desk.authorize()
    assert done.operation is not None
    assert done.operation.outcome is Outcome.PENDING


async def timed_out(desk: Desk) -> tuple[Order, Instruction]:
    order = (await desk.authorize()).order
    assert order.operations[-1].outcome is Outcome.PENDING
    return order, desk.host.instructions[-1]


async def test_a_late_approval_after_the_time_limit_closes_it() -> None:
    desk = await open_desk(unknown())
    order, asked = await timed_out(desk)
    await desk.host.tell(asked, approve(asked))
    assert (await desk.last(order)).outcome is Outcome.APPROVED


async def test_a_late_decline_after_the_time_limit_closes_it() -> None:
    desk = await open_desk(unknown())
    order, asked = await timed_out(desk)
    await desk.host.tell(asked, decline())
    assert (await desk.last(order)).outcome is Outcome.DECLINED


async def test_a_late_answer_that_knows_nothing_changes_nothing() -> None:
    desk = await open_desk(unknown())
    order, asked = await timed_out(desk)
    await desk.host.tell(asked, unknown())
    await desk.host.tell(asked, replace(approve(asked), reference=1))
    assert await desk.now(order) == order


async def test_a_late_answer_about_another_amount_is_not_believed() -> None:
    desk = await open_desk(unknown())
    order, asked = await timed_out(desk)
    other = replace(asked, amount=Money(minor=1, currency="EUR"))
    await desk.host.tell(other, approve(other))
    assert await desk.now(order) == order


async def test_a_second_answer_is_ignored() -> None:
    desk = await open_desk()
    order = await desk.charged()
    commits, postings = desk.store.commits, list(desk.store.postings)
    asked = desk.host.instructions[-1]
    await desk.host.tell(asked, approve(asked))
    await desk.host.tell(asked, decline())
    assert await desk.now(order) == order
    assert (desk.store.commits, desk.store.postings) == (commits, postings)


async def test_a_duplicate_that_overtakes_the_answer_closes_it_once() -> None:
    desk = await open_desk()
    order = (await desk.authorize()).order

    async def overtake() -> None:
        asked = desk.host.instructions[-1]
        await desk.host.tell(asked, approve(asked))

    desk.host.sending.append(overtake)
    done = await desk.act(order, Kind.CHARGE)
    assert done.operation is not None
    assert done.operation.outcome is Outcome.APPROVED
    assert sum(posting.account is Account.CLEARING for _, posting in desk.store.postings) == 1
    assert desk.kinds() == [Kind.AUTHORIZE, Kind.CHARGE]


async def test_a_duplicate_that_overtakes_the_answer_keeps_the_automatic_charge() -> None:
    desk = await open_desk()

    async def overtake() -> None:
        asked = desk.host.instructions[-1]
        await desk.host.tell(asked, approve(asked))

    desk.host.sending.append(overtake)
    done = await desk.authorize(auto_charge=True)
    assert stands(done.order) == {Bucket.CHARGED: 10_000}


async def test_a_late_approval_of_what_is_being_taken_back_is_ignored() -> None:
    desk = await open_desk(unknown())
    order, asked = await timed_out(desk)
    doubted = await desk.engine.doubt(order, asked.reference)
    await desk.host.tell(asked, approve(asked))
    assert await desk.now(order) == doubted
    assert (await desk.last(order)).outcome is Outcome.PENDING


async def test_a_late_decline_of_what_is_being_taken_back_closes_it() -> None:
    desk = await open_desk(unknown())
    order, asked = await timed_out(desk)
    await desk.engine.doubt(order, asked.reference)
    await desk.host.tell(asked, decline())
    assert (await desk.last(order)).outcome is Outcome.DECLINED


async def test_an_approval_of_what_was_doubted_in_flight_is_pending_and_not_sent_again() -> None:
    desk = await open_desk()

    async def doubt() -> None:
        order = await desk.only()
        await desk.engine.doubt(order, order.operations[-1].id)

    # Were it sent again and again, the time limit would end the third time.
    desk.host.sending.extend([doubt, nothing, never])
    done = await desk.authorize()
    assert done.operation is not None
    assert done.operation.outcome is Outcome.PENDING
    assert desk.kinds() == [Kind.AUTHORIZE]


async def test_an_expired_card_is_declined_without_asking() -> None:
    desk = await open_desk()
    old = replace(CARD, month=12, year=2025)
    done = await desk.orders.authorize(desk.merchant, Draft(amount=EUR), old)
    assert done.operation is not None
    assert done.operation.decline is Decline.EXPIRED_CARD
    assert desk.kinds() == []


async def test_a_terminal_without_a_connector_keeps_and_sends_nothing() -> None:
    desk = await open_desk(terminals=two_terminals())
    with pytest.raises((KeyError, Refused)):
        await desk.authorize(terminal="GONE")
    assert desk.store.commits == 0


async def test_a_late_answer_to_a_reversal_in_doubt_is_no_error() -> None:
    desk = await open_desk(unknown(), unknown(), supports=MUTE)
    order, _ = await timed_out(desk)
    await desk.resolve()
    reversal = desk.host.instructions[-1]
    assert reversal.kind is Kind.REVERSE
    await desk.host.tell(reversal, approve(reversal))
    assert (await desk.last(order)).outcome in {Outcome.PENDING, Outcome.FAILED}


async def test_an_inquiry_names_everything_a_host_may_want() -> None:
    desk = await open_desk(unknown())
    order, asked = await timed_out(desk)
    assert inquire(order, order.operations[-1]) == Inquiry(
        reference=asked.reference,
        merchant=order.merchant,
        order=order.id,
        kind=Kind.AUTHORIZE,
        amount=EUR,
        terminal="TERM",
    )


async def test_a_key_taken_while_beginning_gives_what_the_first_one_gave() -> None:
    desk = await open_desk()
    desk.store.before.append(lambda: desk.authorize(once=once()))
    done = await desk.authorize(once=once())
    assert len(desk.store._orders) == 1
    assert desk.kinds() == [Kind.AUTHORIZE]
    assert done.order == await desk.only()


async def test_a_refund_of_two_charges_asks_no_more_of_either_than_it_was() -> None:
    desk = await open_desk()
    order = (await desk.authorize()).order
    await desk.act(order, Kind.CHARGE, 6_000)
    await desk.act(order, Kind.CHARGE, 4_000)
    await desk.act(order, Kind.REFUND)
    for asked in desk.host.instructions[3:]:
        assert asked.original is not None
        assert asked.amount.minor <= asked.original.amount.minor


async def test_a_final_charge_lets_nothing_go_that_another_operation_holds() -> None:
    desk = await open_desk(approve, unknown())
    order = (await desk.authorize()).order
    await desk.act(order, Kind.CHARGE, 1_000)
    final = Command(kind=Kind.CHARGE, minor=6_000, final=True)
    with suppress(Refused):
        await desk.orders.follow_up(desk.merchant, order.id, final)
        assert not desk.host.instructions[-1].final
