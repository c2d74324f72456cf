"""Which charge gives what back: refunds and disputes are limited per charge, not only in sum.

A caller who names no charge takes from the oldest first.
"""

from counterfoil.core.errors import Code, Refused
from counterfoil.core.order import Kind, Outcome, Part, Payment


def balances(payment: Payment) -> dict[int, int]:
    """Minor units left of each approved charge; what is pending against it counts as gone."""
    left: dict[int, int] = {}
    for operation in payment.log:
        if operation.outcome is Outcome.APPROVED and operation.kind is Kind.CHARGE:
            left[operation.id] = operation.amount.minor
        elif operation.kind is Kind.RECOVER:
            if operation.outcome is Outcome.APPROVED:
                for part in operation.parts:
                    left[part.charge] += part.minor
        elif operation.outcome in {Outcome.APPROVED, Outcome.PENDING}:
            for part in operation.parts:
                left[part.charge] -= part.minor
    return left


def disputed(payment: Payment) -> dict[int, int]:
    """Minor units of each charge that stand disputed."""
    held: dict[int, int] = {}
    for operation in payment.log:
        sign = {Kind.DISPUTE: 1, Kind.RECOVER: -1}.get(operation.kind, 0)
        counted = operation.outcome is Outcome.APPROVED or (
            sign < 0 and operation.outcome is Outcome.PENDING
        )
        if counted and sign:
            for part in operation.parts:
                held[part.charge] = held.get(part.charge, 0) + sign * part.minor
    return held


def holds(payment: Payment, kind: Kind, charge: int) -> int | None:
    """Minor units that an operation of that kind may take from that charge; None: not its own."""
    left = disputed(payment) if kind is Kind.RECOVER else balances(payment)
    return left.get(charge)


def take(
    payment: Payment, kind: Kind, minor: int, charge: int | None, exceeds: Code
) -> tuple[Part, ...]:
    """The parts of that amount, charge by charge; empty for operations that give nothing back.

    Raises `Refused(exceeds)` where the named charge holds too little.
    """
    if kind in {Kind.REFUND, Kind.DISPUTE}:
        left = balances(payment)
    elif kind is Kind.RECOVER:
        left = disputed(payment)
    else:
        return ()
    if charge is not None:
        left = {charge: left[charge]}
    parts: list[Part] = []
    for each, balance in left.items():
        portion = min(balance, minor - sum(part.minor for part in parts))
        if portion > 0:
            parts.append(Part(charge=each, minor=portion))
    if sum(part.minor for part in parts) != minor:
        raise Refused(exceeds)
    return tuple(parts)
