"""Double entry: what each approved operation posts; every entry sums to zero in every currency.

Accounts belong to a merchant and a currency. One formula serves every kind, because the statement
already says what the operation means: the acquirer's clearing account gives what fee, reserve and
receivable take. Where the order's currency is not the accounting currency, POSITION carries the
exchange.
"""

from enum import StrEnum

from counterfoil.core.order import Operation, Outcome
from counterfoil.core.pricing import sign
from counterfoil.core.record import Record


class Account(StrEnum):
    """Where a posting stands."""

    CLEARING = "clearing"  # what the acquirer owes us (negative) or we owe it
    POSITION = "position"  # what an exchange took from one currency and gave to another
    FEE = "fee"
    RESERVE = "reserve"
    RECEIVABLE = "receivable"  # what we owe the merchant


class Posting(Record):
    """One line of an entry, in minor units; the operation's id names the entry."""

    operation: int
    account: Account
    currency: str
    minor: int


def postings(operation: Operation) -> tuple[Posting, ...]:
    """The entry of an operation; empty unless it was approved and moved the merchant's money."""
    statement = operation.statement
    if operation.outcome is not Outcome.APPROVED:
        return ()
    if statement.rate is None and not (statement.amount or statement.reserve):
        return ()  # a fee is only ever taken of an amount
    home = statement.currency
    lines = [
        (Account.FEE, home, statement.fee),
        (Account.RESERVE, home, statement.reserve),
        (Account.RECEIVABLE, home, statement.receivable),
    ]
    if statement.rate is None:
        lines.append((Account.CLEARING, home, -statement.amount))
    else:
        abroad = sign(operation.kind) * operation.amount.minor
        lines += [
            (Account.POSITION, home, -statement.amount),
            (Account.POSITION, operation.amount.currency, abroad),
            (Account.CLEARING, operation.amount.currency, -abroad),
        ]
    return tuple(
        Posting(operation=operation.id, account=account, currency=currency, minor=minor)
        for account, currency, minor in lines
        if minor
    )
