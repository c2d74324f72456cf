"""An order as it stood when an earlier request was answered: what a repeated key gives again."""

from msgspec.structs import replace

from counterfoil.core.change import KeyUse
from counterfoil.core.order import Operation, Order, Outcome


def reopened(operation: Operation) -> Operation:
    """The operation as it was before its answer."""
    return replace(
        operation,
        outcome=Outcome.PENDING,
        closed=None,
        decline=None,
        code=None,
        auth_code=None,
        rrn=None,
        arn=None,
        trace_id=None,
    )


def as_of(order: Order, use: KeyUse) -> Order:
    """The order as it stood when the request of that key was answered: later steps taken off."""
    ends = [each.closed for each in order.operations if each.key == use.key and each.closed]
    if not ends:
        return order if order.session is None else created(order, use.used)
    end = max(ends)
    payments = tuple(
        replace(
            payment,
            log=tuple(
                each if each.closed is None or each.closed <= end else reopened(each)
                for each in payment.log
                if each.created <= end
            ),
        )
        for payment in order.payments
    )
    return replace(order, payments=payments)


def created(order: Order, at: int) -> Order:
    """The order as it was kept when it was made for its page: whatever came later taken off."""
    if order.closed_at is not None and order.closed_at > at:
        order = replace(order, closed=None, closed_at=None)
    located = order.session is not None and order.session.located
    location = None if located else order.location
    return replace(order, payments=(), location=location)
