"""What an order was at an earlier instant: later steps taken off."""

from msgspec.structs import replace

from counterfoil.core.order import Operation, Order, Outcome, Payment, instant_of
from counterfoil.core.threeds import Step


def as_of(order: Order, instant: int) -> Order:
    """The order as it stood right after that instant (microseconds since 1970 UTC).

    What is paid from a page had no payment, and perhaps no place, when it was made.
    """
    payments = tuple(
        replace(
            _unanswered(payment, instant),
            log=tuple(
                each if each.closed is None or each.closed <= instant else reopened(each)
                for each in payment.log
                if each.created <= instant
            ),
        )
        for payment in order.payments
        if order.session is None or instant_of(payment.id) <= instant
    )
    if order.session is not None and order.session.located and not payments:
        order = replace(order, location=None)
    if order.waived:
        order = replace(order, waived=tuple(e for e in order.waived if e.at <= instant))
    if order.settlements:
        booked = tuple(each for each in order.settlements if each.at <= instant)
        order = replace(order, settlements=booked)
    if order.closed_at is not None and order.closed_at > instant:
        return replace(order, payments=payments, closed=None, closed_at=None)
    return replace(order, payments=payments)


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


def _unanswered(payment: Payment, instant: int) -> Payment:
    """The payment as its authentication was then, as far as that is known: without its result."""
    known = payment.authentication
    if known is None or known.form is None or not known.begun <= instant < known.changed:
        return payment
    was = replace(known, step=Step.CHALLENGE, changed=instant, result=None)
    if known.step is Step.METHOD or (known.resumed is not None and instant < known.resumed):
        was = replace(was, step=Step.METHOD, form=known.method or known.form, resumed=None)
    return replace(payment, authentication=was, secure3d=None)
