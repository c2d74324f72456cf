"""What of the charged money was paid to the merchant, as an operator books it.

It has no bucket of its own: it stands charged, and may be refunded. A refund of an amount takes
from what was not paid yet if that holds it, else from what was paid; one of units takes those.
"""

from counterfoil.core.order import Kind, Order, Outcome
from counterfoil.core.rules import Bucket, position
from counterfoil.core.units import Place, UnitState, amount, reach, states

CHARGED = frozenset({UnitState.CHARGED, UnitState.DISPUTED})
SIGNS = {Kind.CHARGE: 1, Kind.REFUND: -1}


def paid_units(order: Order) -> frozenset[Place]:
    """The units that were paid and were not given back."""
    booked = [place for each in order.settlements for place in each.places]
    now = states(order) if booked else ()
    return frozenset((line, unit) for line, unit in booked if now[line][unit] in CHARGED)


def paid(order: Order) -> int:
    """Minor units that were paid and were not given back."""
    if order.lines:
        return amount(order, tuple(paid_units(order)))
    if not any(each.paid for each in order.settlements):
        return 0
    moves = [
        (each.closed or each.created, SIGNS[each.kind] * each.amount.minor, 0)
        for each in order.operations
        if each.kind in SIGNS and each.outcome in {Outcome.APPROVED, Outcome.PENDING}
    ]
    moves += [(each.at, -each.paid, each.paid) for each in order.settlements]
    charged = out = 0
    for _, minor, moved in sorted(moves, key=lambda move: move[0]):
        if charged + minor >= 0:
            charged, out = charged + minor, out + moved
        elif out + minor >= 0:
            out += minor
        else:  # by a wire that knows of one part only
            charged, out = 0, max(0, charged + out + minor)
    return out


def unpaid(order: Order) -> tuple[int, tuple[Place, ...]]:
    """What stands charged and was not paid yet: minor units, and the units."""
    out = paid_units(order)
    left = [each for each in reach(order, Kind.REFUND, 0, everything=True) if each not in out]
    charged = sum(position(each)[Bucket.CHARGED] for each in order.payments)
    return max(0, charged - paid(order)), tuple(left)
