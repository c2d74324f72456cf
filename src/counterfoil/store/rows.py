"""Records to rows and back: the only place that knows which column holds what.

A body is the record's own JSON, so that a person can read the database and a new field needs no
migration. Column order is the table's (`store/tables.py`). `_value_` of a word of ours is what its
`value` gives, without two calls.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from counterfoil.core.callbacks import Attempt, Endpoint, Receipt
from counterfoil.core.card import SealedCard, SealedSecret
from counterfoil.core.change import Change, KeyUse
from counterfoil.core.events import Event, Notice
from counterfoil.core.ledger import Account, Posting
from counterfoil.core.listing import projection
from counterfoil.core.merchant import Credential, Merchant
from counterfoil.core.order import Operation, Order
from counterfoil.core.ports import DataKey
from counterfoil.core.rates import Rate
from counterfoil.core.record import Record
from counterfoil.core.rules import standing
from counterfoil.core.timers import Due, Errand, Timer

Row = tuple[Any, ...]

_encode: Final = msgspec.json.Encoder().encode
_order: Final = msgspec.json.Decoder(Order).decode
_operation: Final = msgspec.json.Decoder(Operation).decode
_endpoint: Final = msgspec.json.Decoder(Endpoint).decode
_receipt: Final = msgspec.json.Decoder(Receipt).decode
_sealed: Final = msgspec.json.Decoder(SealedSecret).decode
_merchant: Final = msgspec.json.Decoder(Merchant).decode


def body(record: Record) -> str:
    """The record as JSON text."""
    return _encode(record).decode()


def order_row(order: Order) -> Row:
    """A row of orders."""
    return (order.merchant, order.id, order.version, *projection(order), body(order))


def advance_row(change: Change) -> Row:
    """What `queries.advance` wants of a change."""
    order = change.order
    moved = (change.expects, order.version, standing(order)._value_, body(order))
    return (order.merchant, order.id, *moved)


def operation_row(merchant: int, order: int, operation: Operation) -> Row:
    """A row of operations."""
    kind, outcome = operation.kind._value_, operation.outcome._value_
    return (merchant, operation.id, order, kind, outcome, body(operation))


def close_row(merchant: int, operation: Operation) -> Row:
    """What `queries.close` wants of an operation."""
    return (merchant, operation.id, operation.outcome._value_, body(operation))


def posting_row(merchant: int, posting: Posting) -> Row:
    """A row of postings."""
    account = posting.account._value_
    return (merchant, posting.operation, account, posting.currency, posting.minor)


def notice_row(merchant: int, notice: Notice) -> Row:
    """A row of notices."""
    told = (notice.order, notice.sequence, notice.event._value_)
    return (merchant, *told, notice.operation, notice.at)


def timer_row(merchant: int, timer: Timer) -> Row:
    """A row of timers, as one is set."""
    key = (merchant, timer.kind._value_, timer.subject, timer.lane)
    return (*key, timer.due, timer.since, 0, 0, False, 0, 0, None)


def attempt_row(attempt: Attempt) -> Row:
    """A row of attempts."""
    told = (attempt.endpoint, attempt.order, attempt.sequence, attempt.event._value_)
    receipt = body(attempt.receipt)
    return (attempt.merchant, attempt.id, *told, attempt.receipt.delivered, receipt)


def card_row(merchant: int, card: SealedCard) -> Row:
    """A row of cards."""
    return (merchant, card.id, card.key, card.sealed, card.fingerprint)


def key_row(merchant: int, use: KeyUse) -> Row:
    """A row of keys."""
    return (merchant, use.key, use.fingerprint, use.order, use.used)


def issuer_title(order: Order) -> str | None:
    """Who issued the card of the order's last payment."""
    card = order.payments[-1].card if order.payments else None
    return card.issuer_title if card else None


def text_row(order: Order) -> Row | None:
    """A row of the full-text index, for orders whose customer has a name or an address."""
    client = order.client
    if client is None or not (client.name or client.email):
        return None
    return (order.id, merchant_mark(order.merchant), client.name, client.email)


def merchant_mark(merchant: int) -> str:
    """The merchant as a word that is no part of another merchant's."""
    return f"={merchant:x}="


def read_order(row: Sequence[Any]) -> Order:
    """The order in the last column of a row."""
    return _order(row[-1])


def read_operation(text: str) -> Operation:
    """An operation from its body."""
    return _operation(text)


def read_posting(row: Sequence[Any]) -> Posting:
    """A posting from a row of postings."""
    _, operation, account, currency, minor = row[:5]
    return Posting(operation=operation, account=Account(account), currency=currency, minor=minor)


def read_notice(row: Sequence[Any]) -> Notice:
    """A notice from a row of notices."""
    _, order, sequence, event, operation, at = row
    return Notice(order=order, sequence=sequence, event=Event(event), operation=operation, at=at)


def read_errand(row: Sequence[Any]) -> Errand:
    """A timer from a row of timers."""
    merchant, kind, subject, lane, due, since, touched, tries, parked, holder, _, why = row
    return Errand(
        merchant=merchant,
        timer=Timer(kind=Due(kind), subject=subject, lane=lane, due=due, since=since),
        holder=holder,
        touched=touched,
        tries=tries,
        parked=bool(parked),
        why=why,
    )


def read_endpoint(row: Sequence[Any]) -> Endpoint:
    """The endpoint in the last column of a row."""
    return _endpoint(row[-1])


def read_attempt(row: Sequence[Any]) -> Attempt:
    """An attempt from a row of attempts."""
    merchant, number, endpoint, order, sequence, event, _, receipt = row
    return Attempt(
        id=number,
        merchant=merchant,
        endpoint=endpoint,
        order=order,
        sequence=sequence,
        event=Event(event),
        receipt=_receipt(receipt),
    )


def read_card(row: Sequence[Any]) -> SealedCard:
    """A sealed card from id, key, ciphertext and fingerprint."""
    card, key, sealed, fingerprint = row
    return SealedCard(id=card, key=key, sealed=sealed, fingerprint=fingerprint)


def read_key_use(row: Sequence[Any]) -> KeyUse:
    """The use of a key."""
    key, fingerprint, order, used = row
    return KeyUse(key=key, fingerprint=fingerprint, order=order, used=used)


def read_merchant(row: Sequence[Any]) -> Merchant:
    """The merchant in the last column of a row."""
    return _merchant(row[-1])


def credential_row(known: Credential) -> Row:
    """A row of credentials."""
    sealed = body(known.sealed) if known.sealed else None
    return (known.wire, known.login, known.merchant, known.secret_hash, sealed)


def read_credential(row: Sequence[Any]) -> Credential:
    """A row of credentials."""
    wire, login, merchant, secret_hash, sealed = row
    return Credential(
        wire=wire,
        login=login,
        merchant=merchant,
        secret_hash=secret_hash,
        sealed=_sealed(sealed) if sealed else None,
    )


def read_rate(row: Sequence[Any]) -> Rate:
    """A row of rates."""
    day, source, target, rate = row
    return Rate(day=day, source=source, target=target, rate=rate)


def read_data_key(row: Sequence[Any]) -> DataKey:
    """A row of data keys."""
    key, wrapped, active = row
    return DataKey(id=key, wrapped=wrapped, active=bool(active))
