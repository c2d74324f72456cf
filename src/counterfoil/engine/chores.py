"""One table of periodic work: what runs, how often. A failing chore is told of and runs again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from counterfoil.engine.perform import Engine
from counterfoil.engine.resolve import resolve

SECOND_US: Final = 1_000_000
GRACE_S: Final = 5  # beyond the acquirer's own time limit, so that nothing running is disturbed


class Chore(NamedTuple):
    """A piece of work, and the pause after it, in seconds."""

    name: str
    pause_s: int
    work: Callable[[], Awaitable[object]]


def chores(engine: Engine) -> Sequence[Chore]:
    """What the engine does by itself."""

    async def unanswered() -> object:
        age_us = engine.limits.acquirer_ms * 1000 + GRACE_S * SECOND_US
        return await resolve(engine, before=engine.clock.now() - age_us)

    return (Chore("resolve", 5, unanswered),)


async def run(work: Sequence[Chore], failed: Callable[[str, Exception], None]) -> None:
    """Run all chores until cancelled; `failed` is told what a chore raised."""
    async with asyncio.TaskGroup() as group:
        for chore in work:
            group.create_task(_repeat(chore, failed), name=f"chore-{chore.name}")


async def _repeat(chore: Chore, failed: Callable[[str, Exception], None]) -> None:
    while True:
        try:
            await chore.work()
        except Exception as error:  # noqa: BLE001 (an edge: one failure must not end the chore)
            failed(chore.name, error)
        await asyncio.sleep(chore.pause_s)
