"""Exchange rates: as published; two currencies meet through the base.

A pair that is published one way only serves the other way too, inverted with 18 digits kept.
"""

from collections.abc import Iterable
from decimal import Context, Decimal
from typing import Final

from counterfoil.core.errors import Code, Refused
from counterfoil.core.record import Record

BASE: Final = "EUR"
_PRECISE: Final = Context(prec=18)
SHOWN: Final = Decimal("0.000001")


class Rate(Record):
    """One unit of `source` is `rate` units of `target`, from `day` (ISO 8601 date) on."""

    day: str
    source: str
    target: str
    rate: str


def pairs(source: str, target: str) -> tuple[tuple[str, str], ...]:
    """The published pairs from which the rate from one currency to another can be made."""
    return (
        (source, target),
        *((one, other) for each in (source, target) for one, other in ((each, BASE), (BASE, each))),
    )


def find(rates: Iterable[Rate], source: str, target: str) -> str | None:
    """The rate from one currency to another, as decimal text; None where they are the same.

    Published directly, or through the base with 18 digits kept.
    Raises `Refused(NO_EXCHANGE_RATE)`.
    """
    if source == target:
        return None
    known = {(rate.source, rate.target): Decimal(rate.rate) for rate in rates}
    if (source, target) in known:
        return format(known[source, target], "f")
    into = _leg(known, source, BASE)
    out = _leg(known, BASE, target)
    if into is None or out is None:
        raise Refused(Code.NO_EXCHANGE_RATE, source=source, target=target)
    return format(_PRECISE.multiply(into, out), "f")


def _leg(known: dict[tuple[str, str], Decimal], source: str, target: str) -> Decimal | None:
    if source == target:
        return Decimal(1)
    if (source, target) in known:
        return known[source, target]
    back = known.get((target, source))
    return None if back is None else _PRECISE.divide(Decimal(1), back)


def shown(rate: str) -> str:
    """The rate with six decimals, as wires print it."""
    return format(Decimal(rate).quantize(SHOWN), "f")
