"""Records to rows and back: the only place that knows which column holds what.

A body is the record's own JSON, so that a person can read the database and a new field needs no
migration. Column order is the table's (`store/tables.py`).
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from counterfoil.core.card import SealedCard
from counterfoil.core.change import Change, KeyUse
from counterfoil.core.ledger import Account, Posting
from counterfoil.core.merchant import Credential, Merchant
from counterfoil.core.order import Operation, Order
from counterfoil.core.ports import DataKey, projection
from counterfoil.core.rates import Rate
from counterfoil.core.rules import standing

Row = tuple[Any, ...]

_encode: Final = msgspec.json.Encoder().encode
_order: Final = msgspec.json.Decoder(Order).decode
_operation: Final = msgspec.json.Decoder(Operation).decode
_merchant: Final = msgspec.json.Decoder(Merchant).decode


def body(record: Order | Operation | Merchant) -> str:
    """The record as JSON text."""
    return _encode(record).decode()


def order_row(order: Order) -> Row:
    """A row of orders."""
    return (order.merchant, order.id, order.version, *projection(order), body(order))


def advance_row(change: Change) -> Row:
    """What `queries.advance` wants of a change."""
    order = change.order
    moved = (change.expects, order.version, standing(order), body(order))
    return (order.merchant, order.id, *moved)


def operation_row(merchant: int, order: int, operation: Operation) -> Row:
    """A row of operations."""
    return (merchant, operation.id, order, operation.kind, operation.outcome, body(operation))


def close_row(merchant: int, operation: Operation) -> Row:
    """What `queries.close` wants of an operation."""
    return (merchant, operation.id, operation.outcome, body(operation))


def posting_row(merchant: int, posting: Posting) -> Row:
    """A row of postings."""
    return (merchant, posting.operation, posting.account, posting.currency, posting.minor)


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


def read_credential(row: Sequence[Any]) -> Credential:
    """A row of credentials."""
    wire, login, merchant, secret_hash = row
    return Credential(wire=wire, login=login, merchant=merchant, secret_hash=secret_hash)


def read_rate(row: Sequence[Any]) -> Rate:
    """A row of rates."""
    day, source, target, rate = row
    return Rate(day=day, source=source, target=target, rate=rate)


def read_data_key(row: Sequence[Any]) -> DataKey:
    """A row of data keys."""
    key, wrapped, active = row
    return DataKey(id=key, wrapped=wrapped, active=bool(active))
