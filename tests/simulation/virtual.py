"""Time that passes only when everything waits: an event loop that leaps to its next timer.

Nothing else decides what runs when: no thread, no socket, no real clock. What a run does follows
from its seed alone.
"""

import asyncio
from collections.abc import Callable, Coroutine
from math import ceil
from selectors import SelectorKey, SelectSelector

from counterfoil.testing import FakeClock

US_PER_S = 1_000_000


class StuckError(Exception):
    """Everything waits and nothing will come."""


class VirtualClock(FakeClock):
    """The loop's time and the wall's; a jump moves the wall alone, as setting a clock does."""

    def __init__(self) -> None:
        super().__init__()
        self._elapsed_us = 0

    def now(self) -> int:
        """Microseconds since 1970 UTC; looking takes one."""
        self.wait(1)
        return self._now

    def elapsed_s(self) -> float:
        """What timers count in."""
        return self._elapsed_us / US_PER_S

    def wait(self, microseconds: int) -> None:
        """Let time pass."""
        self._elapsed_us += microseconds
        self._now += microseconds


class _Leap(SelectSelector):
    """Waits for nothing but the next timer, and for that not at all."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """Nothing is ever ready; time has passed."""
        if timeout is None:
            raise StuckError
        if timeout > 0:
            self._clock.wait(ceil(timeout * US_PER_S))
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on that clock."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(_Leap(clock))
        self._virtual = clock

    def time(self) -> float:
        """Seconds since it began."""
        return self._virtual.elapsed_s()


def run(clock: VirtualClock, work: Callable[[], Coroutine[object, object, None]]) -> None:
    """Run it to its end on that clock."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        runner.run(work())
