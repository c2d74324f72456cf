"""What was told is forgotten when its time is over, and nothing of it is told again."""

import pytest
from msgspec.structs import replace
from tests.engine.desk import open_desk

from counterfoil.core.callbacks import AttemptQuery
from counterfoil.core.card import Secret
from counterfoil.core.later import DAY_S
from counterfoil.core.schedule import SECOND_US
from counterfoil.core.timers import Due, Timer
from counterfoil.engine.chores import chores

pytestmark = pytest.mark.anyio

ALL = AttemptQuery(merchant=1, limit=100)


async def test_what_was_told_is_forgotten_when_its_time_is_over() -> None:
    desk = await open_desk()
    endpoint = await desk.listens()
    (first,) = endpoint.secrets
    until = desk.clock.now() + 60 * SECOND_US
    newer = desk.vault.seal_secret((1, 9), Secret("new"), desk.clock.now())
    secrets = (replace(first, until=until), newer)
    await desk.store.save_endpoint(replace(endpoint, secrets=secrets))
    await desk.charged()
    await desk.pump.run_due()
    forget = next(each for each in chores(desk.engine) if each.name == "forget")
    desk.clock.advance(90 * DAY_S)
    await forget.work()
    assert (len(await desk.store.attempts(ALL)), len(desk.store.notices_told)) == (2, 2)
    assert (await desk.store.endpoints(1))[0].secrets == secrets
    desk.clock.advance(61)
    await forget.work()
    assert (await desk.store.attempts(ALL), desk.store.notices_told) == ([], [])
    assert (await desk.store.endpoints(1))[0].secrets == (newer,)


async def test_what_was_told_too_long_ago_is_not_told_again() -> None:
    desk = await open_desk()
    await desk.listens()
    await desk.charged()
    await desk.pump.run_due()
    second, first = await desk.store.attempts(ALL)
    desk.store.notices_told.pop(0)
    again = [Timer(kind=Due.RESEND, subject=first.id, lane=9, due=0)]
    await desk.store.plant(1, again)
    await desk.pump.run_due()
    desk.store.notices_told.clear()
    await desk.store.plant(1, [replace(again[0], subject=second.id)])
    await desk.pump.run_due()
    assert len(await desk.store.attempts(ALL)) == 2
    assert Due.RESEND not in await desk.timers()
