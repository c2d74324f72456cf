"""Money: an integer of minor units and a currency. One gate in (`parse`), one door out (`text`).

Arithmetic stays within one currency. There is no division: `share` names its rounding, `allocate`
loses no cent.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, assert_never

from counterfoil.core.currencies import CURRENT, HISTORIC
from counterfoil.core.errors import Code, Refused
from counterfoil.core.record import Record

WHOLE_DIGITS_MAX: Final = 12  # more than any wire names; what its host can carry a connector checks
DECIMAL: Final = re.compile(r"(0|[1-9][0-9]*)(?:\.([0-9]+))?", re.ASCII)


class Rounding(StrEnum):
    """How a fraction of a minor unit becomes a whole one."""

    HALF_UP = "half_up"  # away from zero, so that a refund mirrors its charge
    HALF_EVEN = "half_even"
    DOWN = "down"  # towards zero


class Money(Record):
    """An amount: `minor` units of `currency` (ISO 4217 code)."""

    minor: int
    currency: str

    @classmethod
    def parse(cls, text: str, currency: str) -> "Money":
        """The amount that a wire wrote in major units, exactly.

        Raises `Refused`: UNKNOWN_CURRENCY, or MALFORMED_AMOUNT for a sign, an exponent, a
        separator, more decimals than the currency has (unless they are zeros), or more than 12
        digits.
        """
        places = digits(currency)
        found = DECIMAL.fullmatch(text)
        if found is None:
            raise Refused(Code.MALFORMED_AMOUNT)
        whole, fraction = found.group(1), found.group(2) or ""
        if fraction[places:].strip("0") or len(whole) > WHOLE_DIGITS_MAX:
            raise Refused(Code.MALFORMED_AMOUNT)
        return cls(minor=int(whole + fraction[:places].ljust(places, "0")), currency=currency)

    def text(self) -> str:
        """The amount in major units, all decimals shown: `9.90`, `1213` (JPY), `0.000` (BHD)."""
        return major(self.minor, digits(self.currency))


def digits(currency: str) -> int:
    """How many decimals a currency has: EUR 2, JPY 0, KWD 3.

    Raises `Refused(UNKNOWN_CURRENCY)`; case matters. Historic currencies are known, metals and
    funds are not. Source: ISO 4217, list one, column "minor unit".
    """
    row = CURRENT.get(currency) or HISTORIC.get(currency)
    if row is None or row[1] is None:
        raise Refused(Code.UNKNOWN_CURRENCY)
    return row[1]


def payable(currency: str) -> bool:
    """Whether a new order may be in this currency: in force today, and with a minor unit."""
    row = CURRENT.get(currency)
    return row is not None and row[1] is not None


def major(minor: int, places: int) -> str:
    """Minor units written as a decimal number with exactly `places` decimals."""
    if places == 0:
        return str(minor)
    sign = "-" if minor < 0 else ""
    written = str(abs(minor)).rjust(places + 1, "0")
    return f"{sign}{written[:-places]}.{written[-places:]}"


def divide(numerator: int, denominator: int, rounding: Rounding = Rounding.HALF_UP) -> int:
    """The quotient as a whole number, rounded as named; `denominator` is positive."""
    assert denominator > 0
    whole, rest = divmod(abs(numerator), denominator)
    match rounding:
        case Rounding.HALF_UP:
            whole += 2 * rest >= denominator
        case Rounding.HALF_EVEN:
            whole += 2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1)
        case Rounding.DOWN:
            pass
        case _:
            assert_never(rounding)
    return whole if numerator >= 0 else -whole


def share(minor: int, basis_points: int, rounding: Rounding = Rounding.HALF_UP) -> int:
    """So many hundredths of a percent of an amount, in minor units: 300 of 999 is 30."""
    return divide(minor * basis_points, 10_000, rounding)


def allocate(minor: int, weights: Sequence[int]) -> tuple[int, ...]:
    """The amount split by weight: floors, then left-over units by largest remainder; sums to it.

    Ties go to the earlier part. Weights are not negative and not all zero.
    """
    total = sum(weights)
    assert total > 0
    assert min(weights) >= 0
    size, sign = abs(minor), (1 if minor >= 0 else -1)
    parts = [size * weight // total for weight in weights]
    rests = [size * weight % total for weight in weights]
    by_rest = sorted(range(len(weights)), key=lambda at: (-rests[at], at))
    for at in by_rest[: size - sum(parts)]:
        parts[at] += 1
    return tuple(sign * part for part in parts)
