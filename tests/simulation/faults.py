"""What goes wrong, how often: one seeded source for everything that is left to chance."""

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Crash(BaseException):
    """The process died here."""


class StoreError(OSError):
    """The store failed, and does not say whether the change is durable."""


class Fate(StrEnum):
    """What becomes of a message to the acquirer, and of its answer."""

    ANSWERED = "answered"
    DECLINED = "declined"
    LOST = "lost"  # never arrives
    REFUSED = "refused"  # the connection breaks before it arrives
    SILENT = "silent"  # arrives; the answer is lost
    BROKEN = "broken"  # arrives; the connection breaks
    LATE = "late"  # arrives; the answer comes after the time limit
    DELAYED = "delayed"  # arrives after the time limit, and is answered then
    TWICE = "twice"  # answered, and answered again
    WRONG = "wrong"  # answered with an echo that is not ours


FATES = {
    Fate.ANSWERED: 72,
    Fate.DECLINED: 7,
    Fate.LOST: 2,
    Fate.REFUSED: 2,
    Fate.SILENT: 4,
    Fate.BROKEN: 3,
    Fate.LATE: 3,
    Fate.DELAYED: 2,
    Fate.TWICE: 4,
    Fate.WRONG: 1,
}


class Chance:
    """Draws from the seed. `calm`: nothing goes wrong any more."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.calm = False
        self._fates = tuple(FATES)
        self._weights = tuple(FATES.values())

    def once_in(self, times: int) -> bool:
        """Whether a fault that rare happens now."""
        return not self.calm and self.random.randrange(times) == 0

    def fate(self) -> Fate:
        """What becomes of a message."""
        if self.calm:
            return Fate.ANSWERED
        return self.random.choices(self._fates, self._weights)[0]

    def pick(self, among: Sequence[T]) -> T:
        """One of them."""
        return self.random.choice(among)

    async def pause(self, *milliseconds: int) -> None:
        """Wait for one of these; 0 lets others run first."""
        await asyncio.sleep(self.pick(milliseconds) / 1000)
