"""The real clock and ids; in a sandbox deployment the clock can be moved forward."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time_ns
from typing import Final

from counterfoil.core.order import id_at
from counterfoil.core.ports import Clock

SECOND_US: Final = 1_000_000
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class SystemClock:
    """The machine's time, plus what a sandbox deployment was moved forward by.

    The offset rests in a file beside the database, so that a command in another process moves the
    clock; `look` reads it again.
    """

    def __init__(self, offset_file: Path | None = None) -> None:
        self._file = offset_file
        self._offset_us = 0
        self._second, self._today = 0, EPOCH
        self.look()

    def now(self) -> int:
        """Microseconds since 1970 UTC."""
        return time_ns() // 1000 + self._offset_us

    def today(self) -> datetime:
        """The same second as an aware UTC datetime."""
        second = self.now() // SECOND_US
        if second != self._second:
            self._second, self._today = second, EPOCH + timedelta(seconds=second)
        return self._today

    def look(self) -> None:
        """Read the offset again."""
        if self._file is not None and self._file.exists():
            self._offset_us = int(self._file.read_text() or "0")

    def advance(self, seconds: int) -> None:
        """Move this and every process's clock forward, durably."""
        assert self._file is not None
        assert seconds >= 0
        self.look()
        self._offset_us += seconds * SECOND_US
        fresh = self._file.with_suffix(".new")
        fresh.write_text(str(self._offset_us))
        fresh.replace(self._file)


class WorkerIds:
    """Ids from the clock: microseconds, then the worker's number; never the same one twice.

    `floor` is an id that rests already: a clock that was set back does not repeat it.
    """

    def __init__(self, clock: Clock, worker: int = 0, floor: int = 0) -> None:
        self._clock = clock
        self._worker = worker
        self._last = floor >> 8

    def next(self) -> int:
        """An id greater than every id given before."""
        moment = id_at(self._clock.now()) >> 8
        self._last = moment if moment > self._last else self._last + 1
        return self._last << 8 | self._worker
