"""What an operation that has closed causes later: an automatic charge, the end of a reservation.

An authorization lives as long as its scheme lets it; then nobody can charge it any more, and what
is left of it is given back. Source: the lives that processors publish, by scheme and by who began
the payment (specification "standards", 7.5).
"""

from collections.abc import Mapping
from typing import Final

from counterfoil.core.card import Brand
from counterfoil.core.merchant import Merchant
from counterfoil.core.order import Kind, Operation, Order, Outcome, Payment
from counterfoil.core.rules import find
from counterfoil.core.schedule import SECOND_US
from counterfoil.core.timers import Due, Timer

DAY_S: Final = 24 * 3600
LIFE_DAYS: Final[Mapping[Brand, int]] = {Brand.VISA: 10, Brand.MASTERCARD: 30}
LIFE_OTHERS_DAYS: Final = 7
LIFE_UNATTENDED_DAYS: Final = 5  # a payment of the merchant's own initiative, on a stored card
LIFE_BY_METHOD_DAYS: Final[Mapping[str, int]] = {"invoice": 30}  # source: AfterPay, section 7


def timers_after(merchant: Merchant, order: Order, closed: Operation) -> tuple[Timer, ...]:
    """The timers that an operation sets when it closes."""
    if closed.kind is not Kind.AUTHORIZE:
        return ()
    assert closed.closed is not None
    if closed.outcome is not Outcome.APPROVED:
        due = None if order.retries is None else order.retries.due(closed.closed)
        return () if due is None else (Timer(kind=Due.RETRY, subject=order.id, due=due),)
    found: tuple[Timer, ...] = ()
    if merchant.charge_after_s is not None and not closed.charge_next:
        due = closed.closed + merchant.charge_after_s * SECOND_US
        found += (Timer(kind=Due.CHARGE, subject=closed.id, due=due, since=order.id),)
    life_s = life(merchant, find(order, closed.id)[0])
    if life_s:
        due = closed.closed + life_s * SECOND_US
        found += (Timer(kind=Due.RELEASE, subject=closed.id, due=due, since=order.id),)
    return found


def life(merchant: Merchant, payment: Payment) -> int:
    """How long an authorization of the payment can be charged, in seconds; 0: for ever."""
    return life_days(merchant, payment) * DAY_S if payment.life_s is None else payment.life_s


def life_days(merchant: Merchant, payment: Payment) -> int:
    """The same in days, where the payment itself says nothing."""
    if merchant.authorization_days is not None:
        return merchant.authorization_days
    if payment.method is not None and payment.method in LIFE_BY_METHOD_DAYS:
        return LIFE_BY_METHOD_DAYS[payment.method]
    series = payment.recurring
    if series is not None and not series.first and not series.attended:
        return LIFE_UNATTENDED_DAYS
    brand = payment.card.brand if payment.card else None
    return LIFE_OTHERS_DAYS if brand is None else LIFE_DAYS.get(brand, LIFE_OTHERS_DAYS)
