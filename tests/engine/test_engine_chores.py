"""Periodic work: what is due runs, and one failure ends nothing."""

import asyncio
from collections.abc import Callable

import pytest
from tests.engine.desk import Crash, Desk, die, once, open_desk

from counterfoil.core.keeping import Old
from counterfoil.core.order import Outcome
from counterfoil.core.timers import Due
from counterfoil.engine.chores import GRACE_S, Chore, UnaskedError, chores, run
from counterfoil.engine.perform import Limits
from counterfoil.testing import MemoryStore

pytestmark = pytest.mark.anyio


def ignored(name: str, outcome: object) -> None:
    assert not isinstance(outcome, Exception), name


class InBatches(MemoryStore):
    """Has three batches of old notices."""

    def __init__(self) -> None:
        super().__init__()
        self.starts: list[int] = []

    async def forget(self, what: Old, merchant: int, before: int, *, after: int = 0) -> int | None:
        """The next batch begins five orders on."""
        self.starts.append(after)
        await super().forget(what, merchant, before, after=after)
        return after + 5 if what is Old.NOTICES and after < 10 else None


async def run_until(
    work: list[Chore], done: asyncio.Event, told: Callable[[str, object], None] = ignored
) -> None:
    running = asyncio.create_task(run(work, told))
    await done.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def crashed() -> Desk:
    """A gateway that died while the acquirer was asked: nothing says so but the operation."""
    desk = await open_desk(limits=Limits(acquirer_ms=2_000))
    desk.host.sending.append(die)
    with pytest.raises(Crash):
        await desk.authorize()
    desk.restart()
    return desk


async def test_what_waits_longer_than_anything_running_can_is_given_a_timer() -> None:
    desk = await crashed()
    chore, _ = chores(desk.engine)
    assert chore.name == "resolve"
    desk.clock.advance(2 + GRACE_S)
    await chore.work()
    assert await desk.timers() == []
    desk.clock.advance(0, microseconds=10)  # each id it was made with is a microsecond later
    await chore.work()
    assert await desk.timers() == [Due.RESOLVE]
    await chore.work()
    await desk.pump.run_due()
    assert (await desk.only()).operations[-1].outcome is Outcome.APPROVED
    assert Due.RESOLVE not in await desk.timers()


async def test_every_chore_runs_and_runs_again() -> None:
    ran: list[str] = []
    enough = asyncio.Event()

    def work(name: str) -> Chore:
        async def once() -> None:
            ran.append(name)
            if min(ran.count("a"), ran.count("b")) >= 2:
                enough.set()

        return Chore(name, 0, once)

    await run_until([work("a"), work("b")], enough)
    assert ran[:4] == ["a", "b", "a", "b"]


async def test_a_failing_chore_is_told_of_and_runs_again_and_stops_no_other() -> None:
    told: list[tuple[str, str]] = []
    enough = asyncio.Event()
    calm = 0

    async def broken() -> None:
        raise OSError("disk")

    async def steady() -> None:
        nonlocal calm
        calm += 1
        if calm >= 3:
            enough.set()

    work = [Chore("broken", 0, broken), Chore("steady", 0, steady)]

    def tell(name: str, outcome: object) -> None:
        if isinstance(outcome, Exception):
            told.append((name, str(outcome)))

    await run_until(work, enough, tell)
    assert told[:2] == [("broken", "disk")] * 2


async def test_keys_are_forgotten_a_day_after_their_use() -> None:
    desk = await open_desk()
    await desk.authorize(once("key-1"))
    _, chore = chores(desk.engine)
    desk.clock.advance(24 * 3600)
    await desk.authorize(once("key-2"))
    assert chore.name == "forget"
    await chore.work()
    assert await desk.store.key_use(1, "key-1") is None
    assert await desk.store.key_use(1, "key-2") is not None


async def test_what_cannot_even_be_asked_about_at_the_start_is_told_of() -> None:
    desk = await crashed()
    desk.engine.acquirers = {}
    chore, _ = chores(desk.engine, started=desk.ids.next())
    with pytest.raises(UnaskedError, match="1 of 1 operations"):
        await chore.work()


async def test_what_is_old_goes_batch_by_batch() -> None:
    desk = await open_desk()
    store = InBatches()
    await store.save_merchant(desk.merchant)
    desk.engine.store = store
    await chores(desk.engine)[1].work()
    assert store.starts == [0, 0, 0, 0, 5, 10]
