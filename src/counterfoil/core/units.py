"""A status for every unit of every line, read off the same operations that move the money.

A line of three pieces has three units; its money is split over them so that no cent is lost. An
operation that names units moves the leftmost ones that can move. One that names only an amount
moves everything when it takes all that the source holds, else whole units from the left as far as
the amount reaches (the nearest truth: such a wire does not know about lines).
"""

from enum import StrEnum

from counterfoil.core.errors import Code, Refused
from counterfoil.core.money import allocate
from counterfoil.core.order import Kind, Line, Operation, Order, Outcome, Units


class UnitState(StrEnum):
    """Where one unit of a line stands. HELD: an operation about it has no answer yet."""

    OPEN = "open"
    AUTHORIZED = "authorized"
    CHARGED = "charged"
    REVERSED = "reversed"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    HELD = "held"


_MOVES = {
    Kind.AUTHORIZE: (UnitState.OPEN, UnitState.AUTHORIZED),
    Kind.CHARGE: (UnitState.AUTHORIZED, UnitState.CHARGED),
    Kind.REVERSE: (UnitState.AUTHORIZED, UnitState.REVERSED),
    Kind.REFUND: (UnitState.CHARGED, UnitState.REFUNDED),
    Kind.DISPUTE: (UnitState.CHARGED, UnitState.DISPUTED),
    Kind.RECOVER: (UnitState.DISPUTED, UnitState.CHARGED),
}
States = list[list[UnitState]]


def prices(line: Line) -> tuple[int, ...]:
    """What each unit of the line costs, in minor units; they sum to the line's amount."""
    return allocate(line.minor, (1,) * line.quantity)


def states(order: Order) -> States:
    """The state of every unit, line by line, left to right."""
    found = [[UnitState.OPEN] * line.quantity for line in order.lines]
    for operation in order.operations:
        if operation.outcome in {Outcome.APPROVED, Outcome.PENDING} and operation.kind in _MOVES:
            _apply(order, found, operation)
    return found


def amount(order: Order, kind: Kind, wanted: tuple[Units, ...]) -> int:
    """What those units come to, in minor units; raises `Refused(NOT_ENOUGH_UNITS)`."""
    found = states(order)
    source = _MOVES[kind][0]
    return sum(
        prices(order.lines[line])[unit]
        for line, unit in _pick(order, found, source, wanted, strict=True)
    )


def _apply(order: Order, found: States, operation: Operation) -> None:
    source, target = _MOVES[operation.kind]
    if operation.outcome is Outcome.PENDING:
        target = UnitState.HELD
    if operation.units:
        moved = _pick(order, found, source, operation.units, strict=False)
    else:
        moved = _reach(order, found, source, operation.amount.minor)
    for line, unit in moved:
        found[line][unit] = target
    if operation.released:
        let_go = UnitState.REVERSED if operation.outcome is Outcome.APPROVED else UnitState.HELD
        for row in found:
            row[:] = [let_go if each is UnitState.AUTHORIZED else each for each in row]


def _pick(
    order: Order, found: States, source: UnitState, wanted: tuple[Units, ...], *, strict: bool
) -> list[tuple[int, int]]:
    picked: list[tuple[int, int]] = []
    for each in wanted:
        if not 0 <= each.line < len(order.lines) or each.count < 1:
            raise Refused(Code.NOT_ENOUGH_UNITS)
        free = [
            (each.line, unit)
            for unit, state in enumerate(found[each.line])
            if state is source and (each.line, unit) not in picked
        ]
        if strict and len(free) < each.count:
            raise Refused(Code.NOT_ENOUGH_UNITS)
        picked += free[: each.count]
    return picked


def _reach(order: Order, found: States, source: UnitState, minor: int) -> list[tuple[int, int]]:
    movable = [
        (line, unit, price)
        for line, row in enumerate(order.lines)
        for unit, price in enumerate(prices(row))
        if found[line][unit] is source
    ]
    moved: list[tuple[int, int]] = []
    for line, unit, price in movable:
        if price > minor:
            break
        minor -= price
        moved.append((line, unit))
    return moved
