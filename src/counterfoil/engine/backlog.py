"""What waits, of all merchants together: looked up when somebody asks, and kept ten seconds."""

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

from counterfoil.core.ports import Clock, Store
from counterfoil.core.schedule import SECOND_US
from counterfoil.core.timers import Backlog, Queue

FRESH_US: Final = 10 * SECOND_US
PORTION: Final = 50  # merchants looked at in one go


class Waiting(NamedTuple):
    """How much waits, since how many microseconds (0: nothing is late), and how much is parked."""

    depth: int
    late_us: int
    parked: int


class Watch:
    """Looks at every merchant's backlog; one who asks meanwhile gets the same answer."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._looked_up = 0
        self._found: Mapping[Backlog, Waiting] = {}
        self._alone = asyncio.Lock()

    async def look(self) -> Mapping[Backlog, Waiting]:
        """What waits; raises what the store raises."""
        async with self._alone:
            now = self._clock.now()
            if not 0 <= now - self._looked_up < FRESH_US:
                self._found = await self._total(now)
                self._looked_up = now
            return self._found

    async def _total(self, now: int) -> Mapping[Backlog, Waiting]:
        total = dict.fromkeys(Backlog, Queue())
        for count, merchant in enumerate(await self._store.merchants(), start=1):
            for name, queue in (await self._store.backlog(merchant.id, now)).items():
                total[name] += queue
            if count % PORTION == 0:
                await asyncio.sleep(0)  # payments go in between
        return {name: _waiting(queue, now) for name, queue in total.items()}


def _waiting(queue: Queue, now: int) -> Waiting:
    late = 0 if queue.since is None else max(0, now - queue.since)
    return Waiting(queue.waiting, late, queue.parked)
