"""What an operation means for the merchant's money; frozen when it is born.

Each part is rounded once, half up and away from zero. An operation's statement is computed at the
terms in force when it begins and counts only if it is approved; it is never computed again. Source:
the Bizon document's worked figures: 3 % of 9.99 is 0.30, 3 % of 99.99 is 3.00.
"""

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Pricing
from counterfoil.core.minor import digits, divide, share
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Outcome, Part, Payment, Statement
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
_STANDS: Final = {Outcome.APPROVED, Outcome.PENDING}


class Terms(Record):
    """Pricing and exchange rate in force. `rate`: units of `accounting` for one of the order's.

    No rate: the two are the same currency, or there is no rate (which only some operations need).
    """

    pricing: Pricing
    accounting: str
    rate: str | None = None


def sign(kind: Kind) -> int:
    """Whether an operation of that kind brings money (1), takes it (-1) or only reserves it (0)."""
    return _EFFECTS[kind][0]


def state(
    payment: Payment, kind: Kind, minor: int, terms: Terms, parts: tuple[Part, ...] = ()
) -> Statement:
    """The statement of an operation of that kind and amount, should it be approved.

    What gives back a charge does so at that charge's own rate, so that the last refund brings back
    exactly what the charge had brought. Raises `Refused(NO_EXCHANGE_RATE)`.
    """
    effect, fee, reserve = _EFFECTS[kind]
    home, rate, currency = minor, terms.rate, terms.accounting
    if parts:
        charge = next(each for each in payment.log if each.id == parts[0].charge)
        home = sum(part.home for part in parts)
        rate, currency = charge.statement.rate, charge.statement.currency
    elif payment.amount.currency != currency:
        if rate is None:
            source = payment.amount.currency
            raise Refused(Code.NO_EXCHANGE_RATE, source=source, target=currency)
        home = convert(Money(minor=minor, currency=payment.amount.currency), currency, rate).minor
    held = share(home, terms.pricing.reserve_bps) if reserve else 0
    if kind is Kind.REVERSE:
        held = -_reserve_due(payment, minor)
    return Statement(
        currency=currency,
        amount=effect * home,
        fee=share(home, terms.pricing.fee_bps) if fee else 0,
        reserve=held,
        rate=rate,
    )


def convert(money: Money, currency: str, rate: str) -> Money:
    """The amount in another currency, rounded once to its minor unit.

    `rate` is in major units of `currency` for one major unit of the amount's own, as decimal text.
    """
    scale = digits(currency) - digits(money.currency)
    exact = _EXACT.multiply(Decimal(money.minor), Decimal(rate)).scaleb(scale, _EXACT)
    minor = exact.quantize(Decimal(1), context=_EXACT)
    return Money(minor=int(minor), currency=currency)


def _reserve_due(payment: Payment, minor: int) -> int:
    """The reserve that a reversal gives back: its share so far, less what was given back before."""
    reserved = authorized = given = reversed_so_far = 0
    for operation in payment.log:
        if operation.kind is Kind.AUTHORIZE and operation.outcome is Outcome.APPROVED:
            reserved += operation.statement.reserve
            authorized += operation.amount.minor
        elif operation.kind is Kind.REVERSE and operation.outcome in _STANDS:
            given -= operation.statement.reserve
            reversed_so_far += operation.amount.minor
    return divide(reserved * (reversed_so_far + minor), authorized) - given
