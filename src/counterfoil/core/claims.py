"""Which charge gives what back: refunds and disputes are limited per charge, not only in sum.

A caller who names no charge takes from the oldest first. What a part brings back in the accounting
currency is the charge's own share: all parts of a charge together bring back exactly what it
brought.
"""

from counterfoil.core.minor import divide
from counterfoil.core.order import Kind, Operation, Outcome, Part, Payment
from counterfoil.core.record import Record

_STANDS = {Outcome.APPROVED, Outcome.PENDING}
_TAKING_BACK = {Kind.REFUND, Kind.DISPUTE, Kind.RECOVER}


class Claim(Record):
    """A charge, what was taken back of it, and what of that is disputed; pending counts as gone.

    `taken_home` is what was taken, in minor units of the accounting currency.
    """

    charge: Operation
    taken: int = 0
    taken_home: int = 0
    disputed: int = 0

    @property
    def left(self) -> int:
        """Minor units that may still be taken back."""
        return self.charge.amount.minor - self.taken

    def part(self, kind: Kind, minor: int) -> Part:
        """The part of an operation that takes so much of it (or, recovering, brings it back)."""
        sign = -1 if kind is Kind.RECOVER else 1
        brought, whole = self.charge.statement.amount, self.charge.amount.minor
        due = divide(brought * (self.taken + sign * minor), whole)
        return Part(charge=self.charge.id, minor=minor, home=sign * (due - self.taken_home))


def claims(payment: Payment) -> dict[int, Claim]:
    """The approved charges of a payment by id, oldest first, with what was taken back of each."""
    found = {
        operation.id: Claim(charge=operation)
        for operation in payment.log
        if operation.kind is Kind.CHARGE and operation.outcome is Outcome.APPROVED
    }
    for operation in payment.log:
        for part in operation.parts:
            found[part.charge] = _after(found[part.charge], operation, part)
    return found


def _after(claim: Claim, operation: Operation, part: Part) -> Claim:
    approved = operation.outcome is Outcome.APPROVED
    if operation.outcome not in _STANDS:
        return claim
    if operation.kind is Kind.RECOVER:
        return Claim(
            charge=claim.charge,
            taken=claim.taken - part.minor if approved else claim.taken,
            taken_home=claim.taken_home - part.home if approved else claim.taken_home,
            disputed=claim.disputed - part.minor,
        )
    disputed = part.minor if operation.kind is Kind.DISPUTE and approved else 0
    return Claim(
        charge=claim.charge,
        taken=claim.taken + part.minor,
        taken_home=claim.taken_home + part.home,
        disputed=claim.disputed + disputed,
    )


def balances(payment: Payment) -> dict[int, int]:
    """Minor units left of each approved charge; what is pending against it counts as gone."""
    return {charge: claim.left for charge, claim in claims(payment).items()}


def disputed(payment: Payment) -> dict[int, int]:
    """Minor units of each approved charge that stand disputed, and that nobody is recovering."""
    return {charge: claim.disputed for charge, claim in claims(payment).items()}


def holds(payment: Payment, kind: Kind, charge: int) -> int | None:
    """Minor units that an operation of that kind may take from that charge; None: not its own."""
    claim = claims(payment).get(charge)
    if claim is None:
        return None
    return claim.disputed if kind is Kind.RECOVER else claim.left


def take(payment: Payment, kind: Kind, minor: int, charge: int | None) -> tuple[Part, ...]:
    """The parts of that amount, charge by charge; empty for operations that give nothing back.

    The amount is no more than the payment, or the named charge, can give.
    """
    if kind not in _TAKING_BACK:
        return ()
    parts: list[Part] = []
    wanted = minor
    for number, claim in claims(payment).items():
        if charge is not None and number != charge:
            continue
        portion = min(claim.disputed if kind is Kind.RECOVER else claim.left, wanted)
        if portion > 0:
            parts.append(claim.part(kind, portion))
            wanted -= portion
    assert wanted == 0
    return tuple(parts)
