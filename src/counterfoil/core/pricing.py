"""What an operation means for the merchant's money; frozen when it is born.

Each part is rounded once, half up and away from zero. An operation's statement is computed at the
terms in force when it begins and counts only if it is approved; it is never computed again. Source:
the Bizon document's worked figures: 3 % of 9.99 is 0.30, 3 % of 99.99 is 3.00.
"""

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

from counterfoil.core.merchant import Pricing
from counterfoil.core.money import Money, digits, divide, share
from counterfoil.core.order import Kind, Outcome, Payment, Statement
from counterfoil.core.record import Record

_EXACT: Final = Context(prec=50, rounding=ROUND_HALF_UP)

# kind: (sign of the amount, whether the fee is taken, whether the reserve is held)
_EFFECTS: Final = {
    Kind.AUTHORIZE: (0, False, True),
    Kind.CHARGE: (1, True, True),
    Kind.REVERSE: (0, False, False),
    Kind.REFUND: (-1, False, False),
    Kind.DISPUTE: (-1, False, False),
    Kind.RECOVER: (1, False, False),
    Kind.CREDIT: (-1, False, True),
}


class Terms(Record):
    """Pricing and exchange rate in force. `rate`: units of `accounting` for one of the order's."""

    pricing: Pricing
    accounting: str
    rate: str | None = None


def state(payment: Payment, kind: Kind, minor: int, terms: Terms) -> Statement:
    """The statement of an operation of that kind and amount, should it be approved."""
    sign, fee, reserve = _EFFECTS[kind]
    amount = minor
    if terms.rate is not None:
        money = Money(minor=minor, currency=payment.amount.currency)
        amount = convert(money, terms.accounting, terms.rate).minor
    held = share(amount, terms.pricing.reserve_bps) if reserve else 0
    if kind is Kind.REVERSE:
        held = -_reserve_of(payment, minor)
    return Statement(
        currency=terms.accounting,
        amount=sign * amount,
        fee=share(amount, terms.pricing.fee_bps) if fee else 0,
        reserve=held,
        rate=terms.rate,
    )


def convert(money: Money, currency: str, rate: str) -> Money:
    """The amount in another currency, rounded once to its minor unit.

    `rate` is in major units of `currency` for one major unit of the amount's own, as decimal text.
    """
    scale = digits(currency) - digits(money.currency)
    exact = _EXACT.multiply(Decimal(money.minor), Decimal(rate)).scaleb(scale, _EXACT)
    minor = exact.quantize(Decimal(1), context=_EXACT)
    return Money(minor=int(minor), currency=currency)


def _reserve_of(payment: Payment, minor: int) -> int:
    """The authorization's reserve, in the proportion in which it is reversed."""
    for operation in payment.log:
        if operation.kind is Kind.AUTHORIZE and operation.outcome is Outcome.APPROVED:
            return divide(operation.statement.reserve * minor, operation.amount.minor)
    return 0
