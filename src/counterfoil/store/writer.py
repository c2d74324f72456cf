"""One thread that writes: it takes what waits, commits it together, and tells the callers.

While one commit is on its way to the disk the next batch gathers, so the number of callers decides
how many changes share a commit, and one caller alone never waits for company.
"""

import asyncio
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final, TypeVar

from counterfoil.core.change import Change
from counterfoil.core.errors import Code, Refused
from counterfoil.core.ports import Committed
from counterfoil.store.batch import Sifted

BATCH_MAX: Final = 256  # changes in one commit; more would only make the first of them wait
Result = TypeVar("Result")
Verdict = Committed | Exception
Settled = tuple["asyncio.Future[Committed]", Verdict]
Waiting = tuple[Change, "asyncio.Future[Committed]"]


class Writer(Thread):
    """Owns the writing connection through `write` and whatever is passed to `run_alone`."""

    def __init__(self, write: Callable[[Sequence[Change]], Sequence[Verdict]]) -> None:
        super().__init__(name="counterfoil-writer", daemon=True)
        self._write = write
        self._queue: SimpleQueue[list[Waiting] | Callable[[], None] | None] = SimpleQueue()
        self._coming: list[Waiting] = []
        self._loop = asyncio.get_running_loop()
        self._held: list[Waiting] = []
        self._open = True
        self._closing = False

    def submit(self, change: Change) -> "asyncio.Future[Committed]":
        """The verdict on a change, once it is durable or has fallen out."""
        future: asyncio.Future[Committed] = self._loop.create_future()
        if self._closing:
            future.set_exception(Refused(Code.STORE_UNAVAILABLE))
        else:
            if not self._coming:
                self._loop.call_soon(self.hand_over)
            self._coming.append((change, future))
        return future

    def hand_over(self) -> None:
        """Pass on what was submitted: once a turn of the loop, so that the thread wakes once."""
        if self._coming:
            self._queue.put(self._coming)
            self._coming = []

    def run_alone(self, work: Callable[[], Result]) -> "asyncio.Future[Result]":
        """The result of some other piece of writing, done between two batches."""
        future: asyncio.Future[Result] = self._loop.create_future()
        if self._closing:
            future.set_exception(Refused(Code.STORE_UNAVAILABLE))
            return future

        def act() -> None:
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 (an edge: the caller gets whatever it was)
                self._loop.call_soon_threadsafe(_fail, future, error)
            else:
                self._loop.call_soon_threadsafe(_succeed, future, result)

        self._queue.put(act)
        return future

    def close(self) -> None:
        """Take nothing more; called on the loop, before `finish`."""
        self._closing = True
        self.hand_over()
        self._queue.put(None)

    def finish(self) -> None:
        """Return when everything that was handed over is written, and the thread has ended."""
        self.join()

    def run(self) -> None:
        """Take, commit, tell; until told to finish."""
        while self._open or self._held:
            batch = self._take()
            if batch:
                verdicts = self._verdicts([change for change, _ in batch])
                settled = [
                    (future, verdict) for (_, future), verdict in zip(batch, verdicts, strict=True)
                ]
                self._loop.call_soon_threadsafe(_settle, settled)

    def _verdicts(self, changes: Sequence[Change]) -> Sequence[Verdict]:
        try:
            return self._write(changes)
        except Exception as error:  # noqa: BLE001 (an edge: callers are told, the thread lives on)
            if len(changes) == 1:
                return [error]
            return [verdict for change in changes for verdict in self._verdicts([change])]

    def _take(self) -> list[Waiting]:
        waiting, self._held = self._held, []
        while len(waiting) < BATCH_MAX:
            try:
                job = self._queue.get(block=not waiting and self._open)
            except Empty:
                break
            if job is None:
                self._open = False
            elif callable(job):
                job()
            else:
                waiting += job
        sifted = Sifted(waiting)
        self._held = sifted.held
        return sifted.now


def _settle(settled: list[Settled]) -> None:
    for future, verdict in settled:
        if future.done():
            continue  # its caller has gone away; the change stands all the same
        if isinstance(verdict, Exception):
            future.set_exception(verdict)
        else:
            future.set_result(verdict)


def _succeed(future: "asyncio.Future[Result]", result: Result) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: "asyncio.Future[Result]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
