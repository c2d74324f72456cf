"""Crashes between two steps, and what is frozen while time goes by."""

import pytest
from msgspec.structs import replace
from tests.engine.desk import MUTE, Crash, die, nothing, open_desk, refusal, stands

from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Outcome
from counterfoil.core.rates import Rate
from counterfoil.core.rules import Bucket
from counterfoil.testing import approve, unknown

pytestmark = pytest.mark.anyio


async def test_a_crash_after_begin_is_closed_as_never_received() -> None:
    desk = await open_desk()
    desk.store.after.append(die)
    with pytest.raises(Crash):
        await desk.authorize()
    assert desk.kinds() == []
    desk.restart()
    assert (await desk.resolve()).closed == 1
    operation = (await desk.only()).operations[-1]
    assert (operation.outcome, operation.decline) == (Outcome.FAILED, Decline.NOT_RECEIVED)


async def test_a_crash_before_begin_is_durable_leaves_nothing() -> None:
    desk = await open_desk()
    desk.store.before.append(die)
    with pytest.raises(Crash):
        await desk.authorize()
    desk.restart()
    assert (await desk.resolve()).found == 0
    assert desk.store.commits == 0


async def test_a_crash_after_send_is_closed_as_the_acquirer_has_it() -> None:
    desk = await open_desk()
    desk.store.before.extend([nothing, die])
    with pytest.raises(Crash):
        await desk.authorize()
    desk.restart()
    assert (await desk.resolve()).closed == 1
    assert stands(await desk.only()) == {Bucket.AUTHORIZED: 10_000}
    assert desk.kinds() == [Kind.AUTHORIZE]


async def test_a_crash_after_send_is_taken_back_where_nobody_can_be_asked() -> None:
    desk = await open_desk(supports=MUTE)
    desk.store.before.extend([nothing, die])
    with pytest.raises(Crash):
        await desk.authorize()
    desk.restart()
    assert (await desk.resolve()).closed == 1
    assert stands(await desk.only()) == {Bucket.OPEN: 10_000}
    assert desk.kinds() == [Kind.AUTHORIZE, Kind.REVERSE]


async def test_a_crash_after_finish_leaves_it_approved_and_nothing_to_resolve() -> None:
    desk = await open_desk()
    desk.store.after.extend([nothing, die])
    with pytest.raises(Crash):
        await desk.authorize()
    desk.restart()
    assert (await desk.resolve()).found == 0
    assert stands(await desk.only()) == {Bucket.AUTHORIZED: 10_000}


async def test_the_exchange_rate_is_the_one_in_force_when_it_began() -> None:
    desk = await open_desk(approve, unknown())
    day = Rate(day="2026-01-15", source="EUR", target="USD", rate="1.25")
    await desk.store.save_rates([day])
    order = (await desk.authorize(amount=Money(minor=10_000, currency="USD"))).order
    await desk.act(order, Kind.CHARGE)
    asked = desk.host.instructions[-1]
    await desk.store.save_rates([replace(day, day="2026-01-16", rate="2")])
    desk.clock.advance(24 * 3600)
    await desk.host.tell(asked, approve(asked))
    charge = await desk.last(order)
    assert charge.outcome is Outcome.APPROVED
    assert (charge.statement.rate, charge.statement.amount) == ("0.8", 8_000)
    refund = (await desk.act(order, Kind.REFUND)).operation
    assert refund is not None
    assert (refund.statement.rate, refund.statement.amount) == ("0.8", -8_000)


async def test_without_an_exchange_rate_nothing_is_kept_or_sent() -> None:
    desk = await open_desk()
    work = desk.authorize(amount=Money(minor=10_000, currency="USD"))
    assert (await refusal(work)).code is Code.NO_EXCHANGE_RATE
    assert desk.store.commits == 0
    assert desk.kinds() == []
