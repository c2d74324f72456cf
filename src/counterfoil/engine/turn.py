"""Payments first: while many requests are under way, callbacks go a few at a time."""

import asyncio
from collections.abc import Callable
from typing import Final

GATE_MS: Final = 250  # together, so that what came of them is recorded in one commit


class Turn:
    """Waits where the process is busy: then so many callers get through in a second."""

    def __init__(self, busy: Callable[[], bool], per_second: int) -> None:
        self._busy = busy
        self._share = max(1, per_second * GATE_MS // 1000)
        self._left = 0
        self._opening: asyncio.Task[None] | None = None

    async def __call__(self) -> None:
        """Return when it is the caller's turn."""
        while self._busy():
            if self._left:
                self._left -= 1
                return
            if self._opening is None or self._opening.done():
                self._opening = asyncio.create_task(self._open())
            await asyncio.shield(self._opening)

    async def _open(self) -> None:
        await asyncio.sleep(GATE_MS / 1000)
        self._left = self._share
