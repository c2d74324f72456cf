"""What an operation means for the merchant's money; frozen when it is born.

Each part is rounded once, half up and away from zero. An operation's statement is computed at the
terms in force when it begins and counts only if it is approved; it is never computed again. Source:
the Bizon document's worked figures: 3 % of 9.99 is 0.30, 3 % of 99.99 is 3.00.
"""

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

from counterfoil.core.claims import balances
from counterfoil.core.merchant import Pricing
from counterfoil.core.money import Money, digits, divide, share
from counterfoil.core.order import Kind, Operation, Outcome, Part, Payment, Statement
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
    """Pricing and exchange rate in force. `rate`: units of `accounting` for one of the order's."""

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
    exactly what the charge had brought.
    """
    effect, fee, reserve = _EFFECTS[kind]
    charges = _charges(payment, parts)
    if charges:
        home = sum(_share_of(payment, charge, part, kind) for charge, part in charges)
        rate, currency = charges[0][0].statement.rate, charges[0][0].statement.currency
    else:
        home, rate, currency = minor, terms.rate, terms.accounting
        if rate is not None:
            home = convert(
                Money(minor=minor, currency=payment.amount.currency), currency, rate
            ).minor
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


def _charges(payment: Payment, parts: tuple[Part, ...]) -> list[tuple[Operation, Part]]:
    by_id = {operation.id: operation for operation in payment.log} if parts else {}
    return [(by_id[part.charge], part) for part in parts]


def _share_of(payment: Payment, charge: Operation, part: Part, kind: Kind) -> int:
    """A part of a charge in the accounting currency: shares of what is left, so that all sum up."""
    left = balances(payment)[charge.id]
    after = left + part.minor if kind is Kind.RECOVER else left - part.minor
    brought = charge.statement.amount
    before_home = divide(brought * left, charge.amount.minor)
    return abs(before_home - divide(brought * after, charge.amount.minor))


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
