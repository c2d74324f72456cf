"""What this wire keeps of orders, payments and refunds that the core has no word for.

It rests as JSON text beside them (`facts`). Notes may be replaced at any time, and a repeated key
or a late webhook shows them as they were: so the last of them are kept with their instants.
"""

from functools import lru_cache
from typing import Final

import msgspec
from msgspec.structs import replace

from counterfoil.core.order import Operation, Order, Payment
from counterfoil.core.record import Record
from counterfoil.core.threeds import Browser

EDITS_MAX: Final = 20  # replaced notes that are remembered; a key lives for a day
NOTHING: Final = "[]"  # what this wire writes where there are no notes
FOREVER: Final = 2**63 - 1
Edits = tuple[tuple[int, str], ...]  # (since, JSON text), oldest first


class OrderFacts(Record):
    """Of an order: the key that made it, its notes, how it may be paid, how it is captured.

    `bare`: it was made for a payment without an order, and is shown on no other call. `capture`
    None: as the account says. Periods are in minutes.
    """

    key: str | None = None
    bare: bool = False
    notes: Edits = ()
    partial: bool = False
    first_minor: int | None = None
    method: str | None = None
    ifsc: str | None = None
    capture: bool | None = None
    automatic_expiry: int | None = None
    manual_expiry: int | None = None


class Password(Record):
    """A one-time password: whether one is open, how often it was wrong."""

    open: bool = False
    wrong: int = 0


class PaymentFacts(Record):
    """Of a payment: its notes and its payer. `refunds`: ordinal, since, notes.

    `once` is the idempotency key that made it; `browser` the payer's, as the shop's server told it.
    """

    notes: Edits = ()
    email: str | None = None
    contact: str | None = None
    description: str | None = None
    callback_url: str | None = None
    browser: Browser | None = None
    flow: str | None = None
    once: str | None = None
    customer: str | None = None
    password: Password = Password()
    refunds: tuple[tuple[int, int, str], ...] = ()


class RefundFacts(Record):
    """Of a refund, as it was asked for."""

    notes: str | None = None
    optimum: bool = False


class Mark(Record):
    """Of an authorization: that it came after the payment had failed."""

    late: bool = False


_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_order: Final = msgspec.json.Decoder(OrderFacts).decode
_payment: Final = msgspec.json.Decoder(PaymentFacts).decode
_refund: Final = msgspec.json.Decoder(RefundFacts).decode
_mark: Final = msgspec.json.Decoder(Mark).decode
LATE: Final = '{"late":true}'


def text(facts: Record) -> str:
    """Facts as they rest."""
    return msgspec.json.encode(facts).decode()


@lru_cache(maxsize=4096)
def _read_order(facts: str) -> OrderFacts:
    try:
        return _order(facts)
    except msgspec.MsgspecError:  # another wire's
        return OrderFacts()


def of_order(order: Order) -> OrderFacts:
    """The facts of an order; of another wire's order those that go without saying."""
    if order.facts is not None:
        return _read_order(order.facts)
    return OrderFacts()


def of_payment(payment: Payment) -> PaymentFacts:
    """The facts of a payment."""
    try:
        return _payment(payment.facts or "{}")
    except msgspec.MsgspecError:
        return PaymentFacts()


def of_refund(operation: Operation) -> RefundFacts:
    """The facts of a refund."""
    try:
        return _refund(operation.facts or "{}")
    except msgspec.MsgspecError:
        return RefundFacts()


def late(operation: Operation) -> bool:
    """Whether an authorization came after its payment had failed."""
    return operation.facts is not None and _mark(operation.facts).late


def edited(edits: Edits, notes: str | None, now: int) -> Edits:
    """The notes with new ones since now."""
    return (*edits[-EDITS_MAX:], (now, notes or NOTHING))


def as_of(edits: Edits, at: int) -> str | None:
    """The notes at an instant; None where nothing was ever said."""
    known = [notes for since, notes in edits if since <= at]
    return known[-1] if known else (edits[0][1] if edits else None)


def with_order(order: Order, kept: OrderFacts) -> Order:
    """The order with these facts; what other wires keep of it stays."""
    known = _members(order.facts or "{}")
    others = {name: known[name] for name in known if name not in OrderFacts.__struct_fields__}
    return replace(order, facts=msgspec.json.encode(others | _members(text(kept))).decode())


def with_payment(order: Order, payment: Payment) -> Order:
    """The order with that payment as it is now."""
    payments = tuple(payment if each.id == payment.id else each for each in order.payments)
    return replace(order, payments=payments)
