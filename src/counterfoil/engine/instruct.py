"""What an acquirer is told and asked of an operation."""

from typing import Final

from counterfoil.core import rules
from counterfoil.core.order import Kind, Operation, Order, Outcome
from counterfoil.core.ports import CardData, Inquiry, Instruction, Original

FOLLOWS: Final = {  # the operation that an instruction of this kind follows up
    Kind.AUTHORIZE: Kind.AUTHORIZE,
    Kind.CHARGE: Kind.AUTHORIZE,
    Kind.REVERSE: Kind.AUTHORIZE,
    Kind.REFUND: Kind.CHARGE,
}


def instruct(order: Order, operation: Operation, card: CardData | None = None) -> Instruction:
    """What the acquirer is asked to do for an operation."""
    payment, _ = rules.find(order, operation.id)
    return Instruction(
        reference=operation.id,
        merchant=order.merchant,
        order=order.id,
        kind=operation.kind,
        amount=operation.amount,
        terminal=payment.terminal,
        final=operation.released > 0,
        method=payment.method,
        payer=order.client.name if payment.method and order.client else None,
        account=payment.account,
        card=card,
        original=original(order, operation),
        parts=operation.parts,
        secure3d=payment.secure3d,
        recurring=payment.recurring,
        descriptor=payment.descriptor,
    )


def reversal(order: Order, operation: Operation) -> Instruction:
    """What takes back an operation that may stand at the acquirer though we do not know it.

    It has no operation of its own. Its reference is the operation's, negated, so that it can be
    repeated after a crash and is carried out once.
    """
    asked = instruct(order, operation)
    return Instruction(
        reference=-operation.id,
        merchant=asked.merchant,
        order=asked.order,
        kind=Kind.REVERSE,
        amount=asked.amount,
        terminal=asked.terminal,
        original=Original(reference=operation.id, amount=operation.amount),
    )


def inquire(order: Order, operation: Operation) -> Inquiry:
    """The question what became of an operation."""
    return instruct(order, operation).inquiry


def original(order: Order, operation: Operation) -> Original | None:
    """The approved operation that this one follows up, by the acquirer's own references.

    What takes from several charges goes back to the authorization of them all, and what follows one
    that was raised goes back to the first.
    """
    wanted = FOLLOWS.get(operation.kind)
    if wanted is None and not operation.parts:
        return None
    payment, _ = rules.find(order, operation.id)
    named = operation.parts[0].charge if len(operation.parts) == 1 else None
    if len(operation.parts) > 1:
        wanted = Kind.AUTHORIZE
    for each in payment.log:
        fits = each.kind is wanted if named is None else each.id == named
        if fits and each.outcome is Outcome.APPROVED:
            return Original(
                reference=each.id,
                amount=each.amount,
                auth_code=each.auth_code,
                rrn=each.rrn,
                trace_id=each.trace_id,
            )
    return None
