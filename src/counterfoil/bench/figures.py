"""What was measured, and what it is held against; no text is laid out here.

A figure is the median of its rounds, so that one disturbed round changes nothing. Ratios are whole
percent, rounded down: what is missed by a hair is missed.
"""

from collections.abc import Mapping, Sequence
from statistics import median_low
from typing import Final

from counterfoil.bench.calls import CALLS, Call
from counterfoil.bench.load import Sample
from counterfoil.core.record import Record

GOAL_CONNECTIONS: Final = 64
P99_GOAL_US: Final = 40_000
MEMORY_GOAL_KB: Final = 120 * 1024
GROWTH_GOAL_PERCENT: Final = 5  # of memory, over the second half of the orders: flat
SCALE_GOAL_PERCENT: Final = 90
FAN_GOAL_PERCENT: Final = 90  # of the callbacks' rate, where some addresses hang
TOLD_GOAL_PERCENT: Final = 95  # of the payments' rate, where one address is told of each


class Row(Record):
    """One call on so many connections: the product's figures, and the rate it is held against."""

    call: str
    connections: int
    rate: int
    p50_us: int
    p99_us: int
    reference: int

    @property
    def percent(self) -> int:
        """The share of the reference's rate that was reached."""
        return self.rate * 100 // max(self.reference, 1)


class Fanned(Record):
    """Callbacks in a second at the addresses that work, while some hang and while none does."""

    hanging: int
    addresses: int
    rate: int
    reference: int

    @property
    def percent(self) -> int:
        """The share of the rate with none hanging."""
        return self.rate * 100 // max(self.reference, 1)


class Resident(Record):
    """Resident memory of the server after so many orders."""

    orders: int
    kb: int


class Goal(Record):
    """A figure to reach, and whether it was."""

    name: str
    wanted: str
    found: str
    met: bool


class Findings(Record):
    """Everything one run of the benchmark found."""

    table: tuple[Row, ...] = ()
    memory_kb: int = 0
    resident: tuple[Resident, ...] = ()
    scale: tuple[Row, ...] = ()
    scale_orders: int = 0
    few_orders: int = 0
    fanned: Fanned | None = None
    told: Row | None = None
    postgres: tuple[tuple[str, str], ...] = ()
    goals: tuple[Goal, ...] = ()
    compiled: bool = False


def row(call: Call, connections: int, ours: Sequence[Sample], theirs: Sequence[Sample]) -> Row:
    """The medians of the rounds."""
    return Row(
        call=call.name,
        connections=connections,
        rate=median_low(sample.rate for sample in ours),
        p50_us=median_low(sample.p50_us for sample in ours),
        p99_us=median_low(sample.p99_us for sample in ours),
        reference=median_low(sample.rate for sample in theirs),
    )


def table_goals(table: Sequence[Row]) -> tuple[Goal, ...]:
    """The goals of the table; a call not measured on 64 is left out."""
    found = {each.call: each for each in table if each.connections == GOAL_CONNECTIONS}
    goals = [
        percent_goal(f"{call.title}, {GOAL_CONNECTIONS} connections", found[call.name], call.goal)
        for call in CALLS
        if call.goal is not None and call.name in found
    ]
    if "authorize" in found:
        p99 = found["authorize"].p99_us
        goals.append(
            Goal(
                name=f"authorize p99, {GOAL_CONNECTIONS} connections",
                wanted=f"< {milliseconds(P99_GOAL_US)} ms",
                found=f"{milliseconds(p99)} ms",
                met=p99 < P99_GOAL_US,
            )
        )
    return tuple(goals)


def callback_goals(fanned: Fanned, told: Row) -> tuple[Goal, ...]:
    """Slow addresses delay no others, and callbacks delay no payments."""
    return (
        percent_goal(
            f"callbacks, {fanned.hanging} of {fanned.addresses} addresses hang",
            fanned,
            FAN_GOAL_PERCENT,
        ),
        percent_goal(
            f"authorize, {told.connections} connections, one address told",
            told,
            TOLD_GOAL_PERCENT,
        ),
    )


def percent_goal(name: str, measured: Row | Fanned, least: int) -> Goal:
    """A share of the reference's rate."""
    return Goal(
        name=name,
        wanted=f">= {least} %",
        found=f"{measured.percent} %",
        met=measured.percent >= least,
    )


def memory_goals(resident: Sequence[Resident]) -> tuple[Goal, ...]:
    """Small and flat: the last figure, and its growth since half of the orders."""
    if not resident:
        return ()
    last = resident[-1]
    half = next(each for each in resident if each.orders * 2 >= last.orders)
    growth = (last.kb - half.kb) * 100 // max(half.kb, 1)
    return (
        Goal(
            name=f"memory after {last.orders:,} orders",
            wanted=f"< {megabytes(MEMORY_GOAL_KB)} MB",
            found=f"{megabytes(last.kb)} MB",
            met=0 < last.kb < MEMORY_GOAL_KB,
        ),
        Goal(
            name=f"memory growth since {half.orders:,} orders",
            wanted=f"< {GROWTH_GOAL_PERCENT} %",
            found=f"{growth} %",
            met=growth < GROWTH_GOAL_PERCENT,
        ),
    )


def scale_goals(scale: Sequence[Row], orders: int) -> tuple[Goal, ...]:
    """With so many orders stored the rate is what it is with few."""
    titles: Mapping[str, str] = {call.name: call.title for call in CALLS}
    return tuple(
        percent_goal(f"{titles[each.call]}, {orders:,} orders", each, SCALE_GOAL_PERCENT)
        for each in scale
    )


def milliseconds(microseconds: int) -> str:
    """With two decimals: 1234 is 1.23."""
    return f"{microseconds // 1000}.{microseconds % 1000 // 10:02d}"


def megabytes(kilobytes: int) -> int:
    """Whole MB of 1024 kB, rounded up."""
    return -(-kilobytes // 1024)
