"""After a restart: what this worker left without an answer is asked about at once."""

import pytest
from msgspec.structs import replace
from tests.engine.desk import open_desk

from counterfoil.core.order import Outcome
from counterfoil.engine.chores import chores
from counterfoil.engine.resolve import resolve
from counterfoil.testing import unknown

pytestmark = pytest.mark.anyio


async def test_what_was_forsaken_is_resolved_by_the_first_run_whatever_its_age() -> None:
    desk = await open_desk(unknown())
    forsaken = (await desk.authorize()).order
    desk.restart()
    chore, _ = chores(desk.engine, started=desk.ids.next())
    desk.host.script.append(unknown())
    running = (await desk.authorize()).order
    await chore.work()
    assert (await desk.last(forsaken)).outcome is Outcome.FAILED
    assert (await desk.last(running)).outcome is Outcome.PENDING


async def test_later_runs_wait_for_the_age_again() -> None:
    desk = await open_desk(unknown())
    chore, _ = chores(desk.engine, started=desk.ids.next())
    begun = (await desk.authorize()).order
    await chore.work()
    await chore.work()
    assert (await desk.last(begun)).outcome is Outcome.PENDING
    desk.clock.advance(60)
    await chore.work()
    await desk.pump.run_due()
    assert (await desk.last(begun)).outcome is Outcome.FAILED


async def test_what_another_worker_began_is_left_to_it() -> None:
    desk = await open_desk(unknown())
    begun = (await desk.authorize()).order
    desk.clock.advance(60)
    found = await resolve(desk.engine, before=desk.clock.now(), worker=1)
    assert replace(found, found=0) == found
    assert (await desk.last(begun)).outcome is Outcome.PENDING
    found = await resolve(desk.engine, before=desk.clock.now(), worker=0)
    assert (found.found, found.closed) == (1, 1)
