"""The real clock and ids; in a sandbox deployment the clock can be moved forward."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time_ns
from typing import Final

from counterfoil.config import SettingsError
from counterfoil.core.order import EPOCH_US
from counterfoil.core.ports import Clock

SECOND_US: Final = 1_000_000
DIGITS_MAX: Final = 20  # of the number in the clock's file
DURATION: Final = re.compile(r"([0-9]{1,9})([smhd]?)", re.ASCII)
UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_US: Final = 7_258_118_400 * SECOND_US  # the year 2200: ids and dates are safe till then


def seconds(text: str) -> int:
    """A duration such as 90, 30m, 48h or 2d, in seconds; raises `SettingsError`."""
    found = DURATION.fullmatch(text)
    if found is None:
        raise SettingsError(f"{text!r} is no duration; write 90, 30m, 48h or 2d")
    return int(found.group(1)) * UNITS[found.group(2)]


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
        """Read the offset again; raises `SettingsError` where the file holds none."""
        self._offset_us += self.behind_us()

    def behind_us(self) -> int:
        """How far another process has moved the clock ahead of ours, in microseconds.

        Raises `SettingsError` where the file holds no offset.
        """
        if self._file is None or not self._file.exists():
            return 0
        text = self._file.read_bytes().strip()
        if not (text.isdigit() and len(text) <= DIGITS_MAX and self._reaches(int(text))):
            raise SettingsError(f"{self._file} is damaged: it holds no number of microseconds")
        return int(text) - self._offset_us

    def reach(self, instant: int) -> None:
        """Move this process's clock forward to an instant, if it is behind it."""
        self._offset_us += max(0, instant - self.now())

    def advance(self, seconds: int) -> None:
        """Have every process's clock moved forward, durably; each does so when it looks.

        Raises `SettingsError` where it would pass the year 2200, and then nothing is saved.
        """
        assert self._file is not None
        assert seconds >= 0
        offset_us = self._offset_us + self.behind_us() + seconds * SECOND_US
        if not self._reaches(offset_us):
            raise SettingsError("that duration would take the clock past the year 2200")
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_suffix(".new")
        fresh.write_text(str(offset_us))
        fresh.replace(self._file)

    def _reaches(self, offset_us: int) -> bool:
        """Whether the time so far ahead can still be told."""
        return time_ns() // 1000 + offset_us < LATEST_US


class WorkerIds:
    """Ids from the clock: microseconds, then the worker's number; never the same one twice.

    `floor` is an id that rests already: a clock that was set back does not repeat it. `worker`
    changes where another process was given the number.
    """

    def __init__(self, clock: Clock, worker: int = 0, floor: int = 0) -> None:
        self._clock = clock
        self.worker = worker
        self._last = floor >> 8

    def next(self) -> int:
        """An id greater than every id given before."""
        moment = self._clock.now() - EPOCH_US
        self._last = moment if moment > self._last else self._last + 1
        return self._last << 8 | self.worker
