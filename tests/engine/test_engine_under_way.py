"""An operation on its way is its own request's: nobody else closes it, and no error loses it."""

import pytest
from tests.engine.desk import CARD, EUR, Crash, die, nothing, open_desk

from counterfoil.core.declines import Decline
from counterfoil.core.order import Kind, Outcome
from counterfoil.core.timers import Due
from counterfoil.engine.orders import Draft
from counterfoil.engine.resolve import Resolved
from counterfoil.testing import approve, unknown

pytestmark = pytest.mark.anyio


async def full_disk() -> None:
    raise OSError("disk full")


async def test_the_resolver_leaves_alone_what_is_under_way() -> None:
    desk = await open_desk()
    seen: list[Resolved] = []

    async def look() -> None:
        seen.append(await desk.resolve())

    desk.host.ignorant = True  # it would reverse what it asks about
    desk.host.sending.append(look)
    done = await desk.authorize()
    assert seen == [Resolved(found=1)]
    assert done.operation is not None
    assert done.operation.outcome is Outcome.APPROVED
    assert desk.kinds() == [Kind.AUTHORIZE]
    assert desk.engine.running == set()


async def test_the_resolver_leaves_alone_the_charge_that_follows_by_itself() -> None:
    desk = await open_desk()
    desk.host.ignorant = True
    seen: list[Resolved] = []

    async def look() -> None:
        seen.append(await desk.resolve())

    desk.host.sending += [nothing, look]
    draft = Draft(amount=EUR, auto_charge=True)
    done = await desk.orders.authorize(desk.merchant, draft, CARD)
    assert seen == [Resolved(found=1)]
    assert [each.outcome for each in done.order.operations] == [Outcome.APPROVED] * 2
    assert desk.engine.running == set()


async def test_an_answer_that_cannot_be_kept_leaves_it_pending_and_is_asked_for_later() -> None:
    desk = await open_desk()
    desk.store.before += [nothing, full_disk]
    done = await desk.authorize()
    assert done.operation is not None
    assert done.operation.outcome is Outcome.PENDING
    assert desk.engine.running == set()
    assert (await desk.resolve()).closed == 1
    assert (await desk.last(done.order)).outcome is Outcome.APPROVED
    assert desk.kinds() == [Kind.AUTHORIZE]


async def test_what_cannot_be_begun_is_not_under_way() -> None:
    desk = await open_desk()
    desk.store.before.append(full_disk)
    with pytest.raises(OSError, match="disk full"):
        await desk.authorize()
    assert desk.engine.running == set()
    assert desk.host.instructions == []


async def test_an_approval_after_it_was_not_received_is_given_back() -> None:
    desk = await open_desk(unknown())
    order = (await desk.authorize()).order
    await desk.resolve()
    assert (await desk.last(order)).decline is Decline.NOT_RECEIVED
    asked = desk.host.instructions[-1]
    await desk.host.tell(asked, approve(asked))
    assert (await desk.last(order)).outcome is Outcome.FAILED
    back = desk.host.instructions[-1]
    assert (back.kind, back.reference) == (Kind.REVERSE, -asked.reference)
    assert back.amount == asked.amount


async def test_an_approval_is_given_back_until_the_acquirer_confirms_it() -> None:
    desk = await open_desk(unknown())
    order = (await desk.authorize()).order
    await desk.resolve()
    asked = desk.host.instructions[0]
    desk.host.script.extend([unknown(), unknown(), unknown()])
    before = len(desk.host.instructions)
    await desk.host.tell(asked, approve(asked))
    await desk.later(60)
    sent = desk.host.instructions[before:]
    assert {(each.kind, each.reference) for each in sent} == {(Kind.REVERSE, -asked.reference)}
    assert len(sent) == 4
    assert Due.GIVE_BACK not in await desk.timers()
    assert (await desk.last(order)).outcome is Outcome.FAILED


async def test_a_crash_before_it_is_given_back_leaves_that_to_a_timer() -> None:
    desk = await open_desk(unknown())
    await desk.authorize()
    await desk.resolve()
    asked = desk.host.instructions[0]
    desk.host.sending.append(die)
    with pytest.raises(Crash):
        await desk.host.tell(asked, approve(asked))
    desk.restart()
    before = len(desk.host.instructions)
    await desk.later(10)
    (back,) = desk.host.instructions[before:]
    assert (back.kind, back.reference) == (Kind.REVERSE, -asked.reference)
