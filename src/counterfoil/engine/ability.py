"""What an acquirer cannot do is not asked of it: refused before anything is durable or sent."""

from typing import Final

from counterfoil.core import rules
from counterfoil.core.errors import Code, Refused
from counterfoil.core.order import Kind, Operation, Order, Outcome
from counterfoil.core.ports import Acquirer, Capability

_NEEDED: Final = {
    Kind.REVERSE: Capability.REVERSE,
    Kind.REFUND: Capability.REFUND,
    Kind.CREDIT: Capability.CREDIT,
}


def demand(acquirer: Acquirer, order: Order, operation: Operation) -> None:
    """Raise `Refused(NOT_SUPPORTED)` where the acquirer cannot do the operation just begun."""
    for capability in needed(order, operation):
        if capability not in acquirer.supports:
            raise Refused(Code.NOT_SUPPORTED, operation=operation.kind)


def needed(order: Order, operation: Operation) -> set[Capability]:
    """What an acquirer must be able to do for this operation."""
    found = {_NEEDED[operation.kind]} if operation.kind in _NEEDED else set()
    if operation.kind not in {Kind.AUTHORIZE, Kind.CHARGE, Kind.REVERSE}:
        return found
    payment, _ = rules.find(order, operation.id)
    log = [each for each in payment.log if each.outcome is Outcome.APPROVED]
    if operation.kind is Kind.AUTHORIZE:
        return {Capability.INCREMENT} if log else found
    whole = sum(each.amount.minor for each in log if each.kind is Kind.AUTHORIZE)
    if operation.amount.minor != whole:
        charging = operation.kind is Kind.CHARGE
        found.add(Capability.PARTIAL_CHARGE if charging else Capability.PARTIAL_REVERSE)
    if operation.kind is Kind.CHARGE and any(each.kind is Kind.CHARGE for each in log):
        found.add(Capability.SEVERAL_CHARGES)
    return found
