"""Lists: pages by `count` and `skip`, bounds in seconds; newest first, read by keyset."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

from counterfoil.core.order import Kind, Operation, Outcome, id_at
from counterfoil.core.ports import ID_MAX, Listed, OperationQuery
from counterfoil.dialects.razorpay.call import Call, Meant
from counterfoil.dialects.razorpay.errors import Failure
from counterfoil.dialects.razorpay.reading import COUNT_MAX, FROM_S, TO_S, integer

SECOND_US: Final = 1_000_000
COUNT: Final = 10
SKIP_MAX: Final = 1_000_000
RUN: Final = 500  # rows read at a time on the way to a page
Row = TypeVar("Row")
Query = Mapping[str, str]


class Page(NamedTuple):
    """So many after so many, of ids within bounds (inclusive)."""

    size: int
    skip: int
    first: int
    last: int


def page(given: Query) -> Page:
    """The page that a query string asks for; raises `Failure`."""
    count = _within(given, "count", 1, COUNT_MAX) or COUNT
    skip = _within(given, "skip", 0, SKIP_MAX) or 0
    start, end = _instant(given, "from"), _instant(given, "to")
    first = 0 if start is None else max(0, id_at(start * SECOND_US))
    last = ID_MAX if end is None else max(0, id_at((end + 1) * SECOND_US)) - 1
    return Page(count, skip, first, last)


def _within(given: Query, name: str, least: int, most: int) -> int | None:
    value = integer(given, name)
    if value is not None and value < least:
        raise Failure(f"The {name} must be at least {least}.", name)
    if value is not None and value > most:
        raise Failure(f"The {name} may not be greater than {most}.", name)
    return value


def _instant(given: Query, name: str) -> int | None:
    try:
        second = integer(given, name)
    except Failure:
        raise Failure(f"{name} must be an integer.", name) from None
    if second is not None and not FROM_S <= second <= TO_S:
        raise Failure(f"{name} must be between {FROM_S} and {TO_S}", name)
    return second


async def walk(
    page: Page,
    fetch: Callable[[int, int], Awaitable[Sequence[Row]]],
    key: Callable[[Row], int],
    keep: Callable[[Row], Awaitable[bool]] | None = None,
) -> list[Row]:
    """The rows of a page: `fetch` reads so many below an id, `keep` says which of them count.

    A page is short only where the list ends.
    """
    found: list[Row] = []
    wanted, before = page.skip + page.size, ID_MAX
    skipped = 0
    while len(found) < page.size:
        limit = min(RUN, wanted)
        rows = await fetch(before, limit)
        for row in rows:
            if keep is not None and not await keep(row):
                continue
            if skipped < page.skip:
                skipped += 1
            else:
                found.append(row)
        if len(rows) < limit:
            break
        before = key(rows[-1])
    return found[: page.size]


async def operations(
    call: Call,
    kinds: tuple[Kind, ...],
    outcomes: tuple[Outcome, ...],
    keep: Callable[[Listed], Awaitable[bool]],
) -> list[tuple[Meant, Operation]]:
    """The operations of the page that is asked for, as they are now, with their payments."""
    wanted = page(call.exchange.query)

    async def fetch(before: int, limit: int) -> Sequence[Listed]:
        query = OperationQuery(
            merchant=call.merchant.id,
            limit=limit,
            first=wanted.first,
            last=wanted.last,
            before=before,
            kinds=kinds,
            outcomes=outcomes,
        )
        return await call.gateway.store.operations(query)

    found = await walk(wanted, fetch, lambda each: each.operation.id, keep)
    return [await call.listed(each) for each in found]
