"""Minor units: how many a currency has, how they are written, rounded and split.

There is no division: `share` names its rounding, `allocate` loses no cent.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import assert_never

from counterfoil.core.currencies import CURRENT, HISTORIC
from counterfoil.core.errors import Code, Refused


class Rounding(StrEnum):
    """How a fraction of a minor unit becomes a whole one."""

    HALF_UP = "half_up"  # away from zero, so that a refund mirrors its charge
    HALF_EVEN = "half_even"
    DOWN = "down"  # towards zero


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
