"""Numbers that we give out: one sequence a merchant, for captures, refunds, voids and tracking.

A number is taken as a name in the commit that uses it, so none is given out twice, whoever counts
along. What this process remembers is only where to look next; a number that was not used after all
is a gap. Merchants' own numbers are names, too.
"""

from collections.abc import Iterator
from typing import Final

from counterfoil.core.order import Order
from counterfoil.dialects.afterpay.errors import (
    CREDIT_NOTE_USED,
    INVOICE_USED,
    NUMBER_USED,
    Failure,
    invalid,
)
from counterfoil.engine.perform import Engine

NUMBER: Final = "afterpay.number"
CUSTOMER: Final = "afterpay.customer"
CHECKOUT: Final = "afterpay.checkout"
ORDER: Final = "afterpay.order"
CAPTURE: Final = "afterpay.capture"
REFUND: Final = "afterpay.refund"
TRIES_MAX: Final = 100  # of processes that count along at the same time; of one number used anew
TAKEN: Final = {
    ORDER: (NUMBER_USED, "order.number"),
    CAPTURE: (INVOICE_USED, "invoiceNumber"),
    REFUND: (CREDIT_NOTE_USED, "creditNoteNumber"),
}


class Numbers:
    """Where each sequence of each merchant goes on."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._last: dict[tuple[int, str], int] = {}
        self._floor: dict[tuple[int, str], int] = {}

    async def next(self, merchant: int, space: str, count: int = 1) -> list[int]:
        """So many numbers that nobody has taken, as far as is known."""
        mark = (merchant, space)
        if mark not in self._last:
            found = await self._last_taken(merchant, space, self._floor.get(mark, 0))
            self._last.setdefault(mark, found)
        first = self._last[mark] + 1
        self._last[mark] += count
        return list(range(first, first + count))

    def give_back(self, merchant: int, space: str, unused: list[int]) -> None:
        """Let the sequence go on before numbers that were not used, if none was given out since."""
        mark = (merchant, space)
        if unused and self._last.get(mark) == unused[-1]:
            self._last[mark] = unused[0] - 1

    def pass_by(self, merchant: int, name: str) -> None:
        """Go on behind a number that somebody else has taken; a merchant's own is behind already.

        There may be gaps before it, so it is never looked for below it again.
        """
        space, _, number = name.partition("/")
        if self._last.pop((merchant, space), None) is not None:
            self._floor[merchant, space] = int(number)

    async def _last_taken(self, merchant: int, space: str, low: int) -> int:
        """A number that is taken before one that is free: by doubling steps, then by halves."""

        async def free(number: int) -> bool:
            return await self.engine.named(merchant, f"{space}/{number}") is None

        step = 1
        while not await free(low + step):
            low, step = low + step, step * 2
        high = low + step
        while high - low > 1:
            middle = (low + high) // 2
            if await free(middle):
                high = middle
            else:
                low = middle
        return low


def attempts(space: str, number: str) -> Iterator[str]:
    """The names that stand for a number: what was declined under one may use the next."""
    yield f"{space}/{number}"
    for attempt in range(2, TRIES_MAX):
        yield f"{space}/{number} {attempt}"


def capture_number(number: int) -> str:
    """A number of ours for a capture or refund. Source: the vendor's example, `000000001`."""
    return f"{number:09}"


def void_number(number: int) -> str:
    """The same for a void. Source: specification, section 8."""
    return f"C{number:010}"


def used_again(name: str) -> Failure:
    """The failure that a number of the merchant's own is, when it has been used before."""
    space, _, number = name.partition("/")
    code, field = TAKEN[space]
    return invalid(code, f"The number {number.partition(' ')[0]} has been used", field)


def holds(order: Order, space: str, number: str) -> bool:
    """Whether the order still uses that number of a capture or refund."""
    kind = "charge" if space == CAPTURE else "refund"
    return any(
        each.kind == kind and each.number == number and each.decline is None
        for each in order.operations
    )
