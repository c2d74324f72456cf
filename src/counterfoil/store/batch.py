"""Group commit: which of the waiting changes may go together, and the rows they come to.

Changes that touch the same order or use the same idempotency key never share a batch: the later one
waits for the next, where the fate of the earlier is known. So no verdict is guessed.
"""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from itertools import chain
from typing import Final, Generic, TypeAlias, TypeVar

from sqlalchemy import Table
from sqlalchemy.sql.expression import TableClause

from counterfoil.core.change import Change
from counterfoil.store import rows
from counterfoil.store import tables as t
from counterfoil.store.queries import Query
from counterfoil.store.rows import Row
from counterfoil.store.scribe import ANY, Step

SIZES: Final = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64)  # rows a statement
Item = TypeVar("Item")
Mark: TypeAlias = tuple[int, int] | tuple[int, str]


class Sifted(Generic[Item]):
    """The changes that go now, and those held for the next batch, each with its owner.

    `busy`: the marks of changes whose fate is not known yet; `marks`: those of the changes that go.
    """

    def __init__(
        self, waiting: Iterable[tuple[Change, Item]], busy: AbstractSet[Mark] = frozenset()
    ) -> None:
        self.now: list[tuple[Change, Item]] = []
        self.held: list[tuple[Change, Item]] = []
        self.marks: set[Mark] = set()
        taken = set(busy)
        for pair in waiting:
            marks = marks_of(pair[0])
            if taken.isdisjoint(marks):
                self.now.append(pair)
                self.marks.update(marks)
            else:
                self.held.append(pair)
            taken.update(marks)


def marks_of(change: Change) -> Sequence[Mark]:
    """What no other change in flight may share with this one: its order, its idempotency key."""
    merchant = change.order.merchant
    return [(merchant, change.order.id), *[(merchant, use.key) for use in change.keys]]


def packed(query: Query, found: Sequence[Row], wanted: int = ANY) -> list[Step]:
    """The rows in as few steps as can be, of a statement that takes one; `wanted` of each row."""
    steps: list[Step] = []
    for start in range(0, len(found), SIZES[-1]):
        run = found[start : start + SIZES[-1]]
        size = next(size for size in SIZES if size >= len(run))
        given = list(chain.from_iterable(run))
        given += [None] * ((size - len(run)) * len(run[0]))  # a row of NULLs is nobody's
        due = wanted * len(run) if wanted > 0 else wanted
        steps.append((_repeated(query.sql, len(run[0]), size), given, due))
    return steps


def step(query: Query, given: Row, wanted: int = ANY) -> Step:
    """One statement, with its parameters."""
    return query.sql, list(given), wanted


@cache
def _repeated(sql: str, width: int, count: int) -> str:
    row = f"({', '.join('?' * width)})"
    before, after = sql.split(row)
    return f"{before}{', '.join([row] * count)}{after}"


def added(changes: Sequence[Change]) -> Iterator[tuple[Table | TableClause, list[Row]]]:
    """The rows that the changes add, table by table."""
    new = [change for change in changes if change.expects == 0]
    yield t.orders, [rows.order_row(change.order) for change in new]
    yield t.orders_text, [row for change in new if (row := rows.text_row(change.order))]
    yield (
        t.operations,
        [
            rows.operation_row(change.order.merchant, change.order.id, operation)
            for change in changes
            for operation in change.born
        ],
    )
    yield (
        t.cards,
        [rows.card_row(change.order.merchant, card) for change in changes for card in change.cards],
    )
    yield (
        t.postings,
        [
            rows.posting_row(change.order.merchant, posting)
            for change in changes
            for posting in change.postings
        ],
    )
    yield (
        t.notices,
        [
            rows.notice_row(change.order.merchant, notice)
            for change in changes
            for notice in change.notices
        ],
    )
    yield (
        t.keys,
        [rows.key_row(change.order.merchant, use) for change in changes for use in change.keys],
    )


def closed(changes: Sequence[Change]) -> list[Row]:
    """The rows of operations that earlier changes gave birth to and these write once more."""
    return [
        rows.close_row(change.order.merchant, operation)
        for change in changes
        for operation in (*change.closed, *change.marked)
        if operation not in change.born
    ]


def timers(changes: Sequence[Change]) -> list[Row]:
    """The rows of timers that the changes set."""
    return [
        rows.timer_row(change.order.merchant, timer)
        for change in changes
        for timer in change.timers
    ]
