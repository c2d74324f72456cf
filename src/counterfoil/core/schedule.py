"""When a thing that failed is tried again: schedules as data, spread a little by chance."""

from typing import Final

from counterfoil.core.record import Record

SECOND_US: Final = 1_000_000
PERCENT: Final = 100


class Schedule(Record):
    """Pauses between tries, in seconds; after the last of them it is given up.

    `spread_percent`: a pause is longer by a share of itself between nothing and this, so that what
    failed together does not come back together. `switches_off`: an address that took nothing from
    the first try to the last is told no more.
    """

    pauses_s: tuple[int, ...]
    spread_percent: int = 10
    switches_off: bool = False

    @property
    def whole_us(self) -> int:
        """From the first try to the last in microseconds, but for what chance adds."""
        return sum(self.pauses_s) * SECOND_US

    def pause_us(self, tries: int, chance: int) -> int | None:
        """The pause after so many tries in microseconds, or None where it is given up.

        `chance` is any number; equal ones give equal pauses.
        """
        assert tries > 0
        if tries > len(self.pauses_s):
            return None
        pause_us = self.pauses_s[tries - 1] * SECOND_US
        most = pause_us * self.spread_percent // PERCENT
        return pause_us + chance % (most + 1)
