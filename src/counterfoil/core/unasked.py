"""Attempts that end before an acquirer was asked: the customer never came, or said no."""

from msgspec.structs import replace

from counterfoil.core.answers import Declined
from counterfoil.core.errors import Code, Refused
from counterfoil.core.order import Kind, Operation, Order, instant_of
from counterfoil.core.pricing import Terms, state
from counterfoil.core.rules import finish, standing


def fail(
    order: Order,
    payment: int,
    why: Declined,
    *,
    stamp: int,
    terms: Terms,
    key: str | None = None,
) -> tuple[Order, Operation]:
    """The order with an authorization (id `stamp`) that is born closed, and the operation.

    Raises `Refused`: PAYMENT_NOT_FOUND, or WRONG_STATE where the payment was tried already.
    """
    meant = next((each for each in order.payments if each.id == payment), None)
    if meant is None:
        raise Refused(Code.PAYMENT_NOT_FOUND)
    if order.closed is not None or meant.log:
        raise Refused(Code.WRONG_STATE, operation=Kind.AUTHORIZE, standing=standing(order))
    born = Operation(
        id=stamp,
        kind=Kind.AUTHORIZE,
        amount=meant.amount,
        statement=state(meant, Kind.AUTHORIZE, meant.amount.minor, terms),
        ordinal=len(order.operations) + 1,
        key=key,
    )
    tried = replace(meant, log=(born,))
    payments = tuple(tried if each.id == payment else each for each in order.payments)
    finished = finish(replace(order, payments=payments), stamp, why, stamp=instant_of(stamp))
    assert finished is not None
    return finished
