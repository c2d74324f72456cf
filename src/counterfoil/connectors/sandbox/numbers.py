"""The numbers a bank gives a transaction, each a function of our reference: no chance, no clock.

A reference is a clock (`core/order.py`), so the dates inside the numbers are those of the
instruction.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from counterfoil.core.order import instant_of
from counterfoil.core.pan import DOUBLED

ACQUIRER_BIN: Final = "400000"
DAY_US: Final = 86_400_000_000
HOUR_US: Final = 3_600_000_000
DAY_HOURS: Final = 24
# Ids are multiples of small powers of two apart; a prime leaves no digit unused. These are the
# greatest below the six digits of a trace number and the eleven of an ARN's sequence.
STANS: Final = 999_983
SEQUENCES: Final = 99_999_999_977
UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)


def check_digit(body: str) -> str:
    """The digit that, written after `body`, makes it a valid number. Source: ISO/IEC 7812-1, B."""
    doubled, plain = body[-1::-2].translate(DOUBLED), body[-2::-2]
    return str(-(sum(map(int, doubled)) + sum(map(int, plain))) % 10)


def rrn(reference: int) -> str:
    """Retrieval reference number, 12 digits: YDDD, hour (UTC), trace number."""
    return f"{_hour(instant_of(reference) // HOUR_US)}{reference % STANS:06d}"


def arn(reference: int) -> str:
    """Acquirer reference number, 23 digits: 7, acquirer BIN, YDDD, 11 digits, check digit."""
    day = instant_of(reference) // DAY_US
    body = f"7{ACQUIRER_BIN}{_julian(day)}{reference % SEQUENCES:011d}"
    return body + check_digit(body)


def trace_id(reference: int) -> str:
    """A scheme's trace id, 13 characters: `MCC`, six digits, month and day."""
    return f"MCC{reference % STANS:06d}{_month_day(instant_of(reference) // DAY_US)}"


@lru_cache(maxsize=64)
def _hour(hour: int) -> str:
    return f"{_julian(hour // DAY_HOURS)}{hour % DAY_HOURS:02d}"


@lru_cache(maxsize=64)
def _julian(day: int) -> str:
    when = UNIX + timedelta(days=day)
    return f"{when.year % 10}{when.timetuple().tm_yday:03d}"


@lru_cache(maxsize=64)
def _month_day(day: int) -> str:
    return (UNIX + timedelta(days=day)).strftime("%m%d")
