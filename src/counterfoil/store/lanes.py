"""Group commit for a database at the other end of a line: several batches are on their way at once.

What waits when all lanes are free goes at once; while one is under way the next batch gathers until
it is worth another lane, or the first comes back. Changes of the same order or idempotency key are
never in flight together, so the lanes cannot overtake each other where it matters. A batch goes in
the order of its keys, so that batches of several processes seldom wait for each other in a circle.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

from counterfoil.core.change import Change
from counterfoil.core.errors import Code, Refused
from counterfoil.core.ports import Committed
from counterfoil.store.batch import Mark, Sifted, marks_of

BATCH_WORTH: Final = 32  # changes that make one more batch worth its round trip
BATCH_MAX: Final = 128  # changes in one statement; more would only make the first of them wait
Verdict: TypeAlias = Committed | Exception
Waiting: TypeAlias = tuple[Change, "asyncio.Future[Committed]"]


class Lanes:
    """So many batches at once; `alone` keeps each batch to one merchant."""

    def __init__(
        self,
        write: Callable[[Sequence[Change]], Awaitable[Sequence[Verdict]]],
        lanes: int,
        *,
        alone: bool = False,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._write = write
        self._lanes = lanes
        self._free = lanes
        self._alone = alone
        self._waiting: list[Waiting] = []
        self._busy: set[Mark] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._called = False
        self._closing = False

    async def submit(self, change: Change) -> Committed:
        """The verdict on a change, once it is durable or has fallen out; raises `Refused`."""
        if self._closing:
            raise Refused(Code.STORE_UNAVAILABLE)
        future: asyncio.Future[Committed] = self._loop.create_future()
        self._waiting.append((change, future))
        if self._free and not self._called:  # once a turn of the loop, so that a batch can gather
            self._called = True
            self._loop.call_soon(self._depart)
        return await future

    async def close(self) -> None:
        """Take nothing more; return when everything that was handed over has its verdict."""
        self._closing = True
        self._depart()
        while self._running:
            await asyncio.wait(self._running)

    def _depart(self) -> None:
        self._called = False
        while self._free and self._waiting:
            if self._free < self._lanes and len(self._waiting) < BATCH_WORTH:
                return
            taken, rest = self._choose()
            sifted = Sifted(taken, self._busy)
            self._waiting = [*sifted.held, *rest]
            if not sifted.now:
                return  # all of them wait for what is in flight
            self._free -= 1
            sifted.now.sort(key=lambda each: (each[0].order.merchant, each[0].order.id))
            task = asyncio.create_task(self._run(sifted.now, sifted.marks))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def _choose(self) -> tuple[list[Waiting], list[Waiting]]:
        """What may go together, and the rest."""
        if not self._alone:
            return self._waiting[:BATCH_MAX], self._waiting[BATCH_MAX:]
        free = [each for each in self._waiting if self._busy.isdisjoint(marks_of(each[0]))]
        merchant = (free or self._waiting)[0][0].order.merchant
        taken = [each for each in self._waiting if each[0].order.merchant == merchant][:BATCH_MAX]
        going = {future for _, future in taken}
        return taken, [each for each in self._waiting if each[1] not in going]

    async def _run(self, batch: list[Waiting], marks: set[Mark]) -> None:
        self._busy |= marks
        verdicts = await self._verdicts([change for change, _ in batch])
        self._busy -= marks
        self._free += 1
        for (_, future), verdict in zip(batch, verdicts, strict=True):
            if future.done():
                continue  # its caller has gone away; the change stands all the same
            if isinstance(verdict, Exception):
                future.set_exception(verdict)
            else:
                future.set_result(verdict)
        self._depart()

    async def _verdicts(self, changes: Sequence[Change]) -> Sequence[Verdict]:
        try:
            return await self._write(changes)
        except Refused as refused:
            return [refused] * len(changes)
        except Exception as error:  # noqa: BLE001 (an edge: callers are told, the lanes live on)
            if len(changes) == 1:
                return [error]
            return [one for change in changes for one in await self._verdicts([change])]
