"""Accounts: cards a customer lets a merchant charge again, and the orders they have yet to pay.

An account rests as one text (`core/keeping.py`). Its cards rest sealed like all others. An order
that none of them would pay is tried again by a schedule; when that is over the account owes it.
"""

from enum import StrEnum
from typing import Final

from counterfoil.core.card import Card
from counterfoil.core.record import Record

ACCOUNT: Final = "account"  # the kind under which accounts are kept


class Standing(StrEnum):
    """What there is to say of an account in one word."""

    CREATED = "created"
    ACTIVE = "active"
    PENDING = "pending"
    SUSPENDED = "suspended"
    INACTIVE = "inactive"


class Instrument(Record):
    """A card that the account may be charged on, since an instant."""

    card: Card
    since: int


class Unpaid(Record):
    """An order that waits to be paid; `spent`: it is tried no more by itself."""

    order: int
    spent: bool = False


class Account(Record):
    """An account. `facts` is what its wire says of it (JSON text), given back unread."""

    merchant: int
    id: int
    instruments: tuple[Instrument, ...] = ()
    unpaid: tuple[Unpaid, ...] = ()
    used: bool = False
    off: bool = False
    facts: str | None = None


def standing(account: Account) -> Standing:
    """The account in one word; an order without tries left outranks one that has some."""
    if account.off:
        return Standing.INACTIVE
    if any(each.spent for each in account.unpaid):
        return Standing.SUSPENDED
    if account.unpaid:
        return Standing.PENDING
    return Standing.ACTIVE if account.instruments or account.used else Standing.CREATED


def owing(account: Account, order: int, *, spent: bool) -> tuple[Unpaid, ...]:
    """What the account owes once that order is unpaid."""
    others = tuple(each for each in account.unpaid if each.order != order)
    return (*others, Unpaid(order=order, spent=spent))


def without(account: Account, order: int) -> tuple[Unpaid, ...]:
    """What the account owes once that order is paid, or will never be."""
    return tuple(each for each in account.unpaid if each.order != order)
