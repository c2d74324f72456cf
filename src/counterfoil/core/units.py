"""A status for every unit of every line, read off the same operations that move the money.

A line of three pieces has three units; its money is split over them so that no cent is lost. Which
units an operation moves is settled when it begins and stands in it (`places`), so that no later
answer can change it. An operation that names units moves the leftmost ones that can move. One that
names only an amount moves everything when it takes all that the source holds, else whole units from
the left as far as the amount reaches (the nearest truth: such a wire does not know about lines).
"""

from enum import StrEnum
from typing import Final

from counterfoil.core.errors import Code, Refused
from counterfoil.core.minor import allocate
from counterfoil.core.order import Kind, Line, Order, Outcome, Units
from counterfoil.core.remember import remembered

Place = tuple[int, int]  # a line, and a unit of it


class UnitState(StrEnum):
    """Where one unit of a line stands. HELD: an operation about it has no answer yet.

    WAIVED: nobody is to pay it any more.
    """

    OPEN = "open"
    AUTHORIZED = "authorized"
    CHARGED = "charged"
    REVERSED = "reversed"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    HELD = "held"
    WAIVED = "waived"


States = tuple[tuple[UnitState, ...], ...]

# kind: (states it takes from, state it leads to). What was reversed another payment may collect.
_MOVES: Final = {
    Kind.AUTHORIZE: ({UnitState.OPEN, UnitState.REVERSED}, UnitState.AUTHORIZED),
    Kind.CHARGE: ({UnitState.AUTHORIZED}, UnitState.CHARGED),
    Kind.REVERSE: ({UnitState.AUTHORIZED}, UnitState.REVERSED),
    Kind.REFUND: ({UnitState.CHARGED}, UnitState.REFUNDED),
    Kind.DISPUTE: ({UnitState.CHARGED}, UnitState.DISPUTED),
    Kind.RECOVER: ({UnitState.DISPUTED}, UnitState.CHARGED),
}


def prices(line: Line) -> tuple[int, ...]:
    """What each unit of the line costs, in minor units; they sum to the line's amount."""
    return allocate(line.minor, (1,) * line.quantity)


@remembered
def states(order: Order) -> States:
    """The state of every unit, line by line, left to right."""
    found = [[UnitState.OPEN] * line.quantity for line in order.lines]
    for given_up in order.waived:
        for line, unit in given_up.places:
            found[line][unit] = UnitState.WAIVED
    for operation in order.operations:
        if operation.outcome not in {Outcome.APPROVED, Outcome.PENDING}:
            continue
        held = operation.outcome is Outcome.PENDING
        for line, unit in operation.places:
            found[line][unit] = UnitState.HELD if held else _MOVES[operation.kind][1]
        for line, unit in operation.let_go:
            found[line][unit] = UnitState.HELD if held else UnitState.REVERSED
    return tuple(tuple(row) for row in found)


def pick(order: Order, kind: Kind, wanted: tuple[Units, ...]) -> tuple[Place, ...]:
    """The leftmost units of each line that can move; raises `Refused(NOT_ENOUGH_UNITS)`."""
    picked: list[Place] = []
    movable = _movable(order, kind)
    for each in wanted:
        free = [place for place in movable if place[0] == each.line and place not in picked]
        if each.count < 1 or len(free) < each.count:
            raise Refused(Code.NOT_ENOUGH_UNITS)
        picked += free[: each.count]
    return tuple(picked)


def reach(order: Order, kind: Kind, minor: int, *, everything: bool) -> tuple[Place, ...]:
    """The units that an amount moves; with `everything` all that can move."""
    if not order.lines or kind not in _MOVES:
        return ()
    movable = _movable(order, kind)
    if everything:
        return movable
    moved: list[Place] = []
    for line, unit in movable:
        price = prices(order.lines[line])[unit]
        if price > minor:
            break
        if price > 0:  # a discount moves with everything, not on its own
            minor -= price
            moved.append((line, unit))
    return tuple(moved)


def left_behind(order: Order, places: tuple[Place, ...]) -> tuple[Place, ...]:
    """The units that stay authorized beside those that a final charge takes."""
    if not order.lines:
        return ()
    return tuple(place for place in _movable(order, Kind.CHARGE) if place not in places)


def amount(order: Order, places: tuple[Place, ...]) -> int:
    """What those units come to, in minor units."""
    return sum(prices(order.lines[line])[unit] for line, unit in places)


def _movable(order: Order, kind: Kind) -> tuple[Place, ...]:
    if kind not in _MOVES:
        return ()
    sources = _MOVES[kind][0]
    return tuple(
        (line, unit)
        for line, row in enumerate(states(order))
        for unit, state in enumerate(row)
        if state in sources
    )
