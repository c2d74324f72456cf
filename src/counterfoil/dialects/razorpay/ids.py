"""Ids as this wire writes them: a prefix, and 14 of 0-9A-Za-z that are one number.

The number is the order's id with twenty bits more, which say what of the order is meant: nothing
(the order), a payment by its place, a refund by its ordinal, an event by its notice. So every id
leads to its order without a look-up, and an id made later sorts later.
"""

import re
from typing import Final, NamedTuple

from counterfoil.core.ports import ID_MAX
from counterfoil.dialects.razorpay.errors import Failure

DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PAIRS: Final = tuple(first + second for first in DIGITS for second in DIGITS)
VALUES: Final = {digit: value for value, digit in enumerate(DIGITS)}
SIZE: Final = 14
PLACE_BITS: Final = 20
PART_BITS: Final = 2  # a notice may be told as several events
SHAPE: Final = re.compile(r"[0-9A-Za-z]{14}", re.ASCII)


class Place(NamedTuple):
    """An order, and which of its payments (from 1) or operations is meant; 0: itself."""

    order: int
    number: int


def written(prefix: str, order: int, number: int = 0) -> str:
    """The id of that kind: `written("pay_", order, 1)` is an order's first payment."""
    return prefix + base62(order << PLACE_BITS | number)


def event_id(order: int, sequence: int, part: int) -> str:
    """The id of an event: of an order's notice, the part that is told."""
    return base62(order << PLACE_BITS | sequence << PART_BITS | part)


def base62(number: int) -> str:
    """The number in 14 digits."""
    digits: list[str] = []
    for _ in range(SIZE // 2):
        number, rest = divmod(number, len(PAIRS))
        digits.append(PAIRS[rest])
    assert number == 0, "63 bits and 20 fit into 14 digits of 62"
    return "".join(reversed(digits))


def place(text: str, prefix: str) -> Place:
    """What the id means; raises `Failure`, where nothing could have it."""
    body = text.removeprefix(prefix)
    if SHAPE.fullmatch(body) is None or not text.startswith(prefix):
        raise Failure(f"{body} is not a valid id" if body.isascii() else "The id is not valid")
    number = 0
    for digit in body:
        number = number * len(DIGITS) + VALUES[digit]
    order, meant = number >> PLACE_BITS, number & ((1 << PLACE_BITS) - 1)
    if order > ID_MAX:
        raise unknown()
    return Place(order, meant)


def unknown() -> Failure:
    """The answer for an id of nothing."""
    return Failure("The id provided does not exist")
