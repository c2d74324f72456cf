"""Single reads that many callers make at once, made together: one round trip for all that wait.

Whoever comes while a read is on its way waits for the next, so nobody is given what was read before
they asked. One caller alone waits for nobody.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Generic, TypeVar

WORTH: Final = 16  # keys that make one more read worth its round trip
Key = TypeVar("Key")
Value = TypeVar("Value")


class Gathered(Generic[Key, Value]):
    """Reads by key; `read` gives what is there of several keys, so many times at once."""

    def __init__(
        self, read: Callable[[Sequence[Key]], Awaitable[Mapping[Key, Value]]], lanes: int
    ) -> None:
        self._read = read
        self._lanes = lanes
        self._free = lanes
        self._waiting: dict[Key, list[asyncio.Future[Value | None]]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._called = False

    async def get(self, key: Key) -> Value | None:
        """The value of a key; raises what `read` raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Value | None] = loop.create_future()
        self._waiting.setdefault(key, []).append(future)
        if self._free and not self._called:
            self._called = True
            loop.call_soon(self._depart)
        return await future

    def _depart(self) -> None:
        self._called = False
        alone = self._free == self._lanes
        if self._waiting and (alone or (self._free and len(self._waiting) >= WORTH)):
            self._free -= 1
            waiting, self._waiting = self._waiting, {}
            task = asyncio.create_task(self._run(waiting))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _run(self, waiting: Mapping[Key, Sequence[asyncio.Future[Value | None]]]) -> None:
        try:
            found = await self._read(list(waiting))
        except Exception as error:  # noqa: BLE001 (an edge: each caller gets whatever it was)
            for future in _open(waiting):
                future.set_exception(error)
        else:
            for key, futures in waiting.items():
                for future in _open({key: futures}):
                    future.set_result(found.get(key))
        finally:
            self._free += 1
            self._depart()


def _open(
    waiting: Mapping[Key, Sequence[asyncio.Future[Value | None]]],
) -> list[asyncio.Future[Value | None]]:
    """Those whose callers have not gone away."""
    return [future for futures in waiting.values() for future in futures if not future.done()]
