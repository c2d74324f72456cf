"""What this wire keeps beside what every wire keeps: of orders and cards, and answers."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from counterfoil.core.card import Card
from counterfoil.core.order import Order
from counterfoil.core.record import Record
from counterfoil.core.remember import remembered
from counterfoil.dialects.payfunc.errors import encode
from counterfoil.dialects.payfunc.proofs import Proof

JSON: Final = "application/json; charset=utf-8"


class Facts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What this wire keeps of an order it made: members to give back, of the order and payment."""

    order: Mapping[str, object] = {}
    payment: Mapping[str, object] = {}


class Wires(msgspec.Struct, frozen=True):
    """What the wires keep of an order, as far as it is this one's."""

    payfunc: Facts = Facts()


class Row(Record):
    """What is kept of a card that was posted. `turn` counts the tokens made of it.

    `wrong`: its check digit is, which an order says. `brought`: what came of asking its holder;
    `waits`: the order that waits for that.
    """

    card: Card
    issued: int
    turn: int = 0
    wrong: bool = False
    coded: bool = False
    brought: Proof | None = None
    waits: int | None = None


class Answered(Record):
    """An answer that is kept for its key; without a status it is worked out since an instant."""

    fingerprint: bytes
    since: int
    status: int = 0
    body: str = ""
    kind: str = JSON


def written(record: Record) -> str:
    """A record as it is kept."""
    return msgspec.json.encode(record).decode()


_decode: Final = msgspec.json.Decoder(Wires, float_hook=Decimal).decode


@remembered
def facts(order: Order) -> Facts:
    """What this wire keeps of an order; nothing of one that another wire made."""
    return Facts() if order.facts is None else _decode(order.facts).payfunc


def kept(found: Facts) -> str:
    """The same as text; numbers in `meta` go through unchanged as far as JSON has them."""
    return encode(Wires(payfunc=found)).decode()


def by(text: str | None, account: str) -> str:
    """What is kept of an order, and the id of the account that pays it, which a client chose."""
    found = Facts() if text is None else _decode(text).payfunc
    return kept(Facts(order=found.order, payment={**found.payment, "account": account}))


def ours(order: Order) -> bool:
    """Whether this wire made the order."""
    return order.facts is not None and order.facts.startswith('{"payfunc"')
