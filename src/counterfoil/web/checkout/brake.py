"""A link for many is no place to try stolen cards: few attempts of a minute may come to nothing.

An attempt counts as it begins, so that many at once do not slip through, and is forgotten when it
ends well: honest customers, however many, do not wait for one another. Kept in memory, by process.
"""

from typing import Final

FAILURES_MAX: Final = 10  # attempts of a minute that came to nothing, or have not ended yet
MINUTE_US: Final = 60_000_000
LINKS_MAX: Final = 10_000  # remembered; those of the past minute are few


class BrakedError(Exception):
    """Too many attempts came to nothing; try again in a minute."""


class Brake:
    """What was tried on which link within the last minute; instants in microseconds."""

    def __init__(self) -> None:
        self._tried: dict[int, list[int]] = {}

    def begin(self, link: int, now: int) -> None:
        """Count an attempt; raises `BrakedError`, and then it does not count."""
        tried = [at for at in self._tried.pop(link, ()) if at > now - MINUTE_US]
        self._tried[link] = tried  # the last of the dictionary: first in is first out
        if len(tried) >= FAILURES_MAX:
            raise BrakedError
        tried.append(now)
        if len(self._tried) > LINKS_MAX:
            del self._tried[next(iter(self._tried))]

    def well(self, link: int, began: int) -> None:
        """Forget an attempt that ended well."""
        tried = self._tried.get(link, [])
        if began in tried:
            tried.remove(began)
