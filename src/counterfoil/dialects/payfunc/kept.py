"""What this wire keeps of an order it made, beside what every wire keeps."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from counterfoil.core.order import Order
from counterfoil.core.record import remembered
from counterfoil.dialects.payfunc.errors import encode


class Facts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What this wire keeps of an order it made: members to give back, of the order and payment."""

    order: Mapping[str, object] = {}
    payment: Mapping[str, object] = {}


class Wires(msgspec.Struct, frozen=True):
    """What the wires keep of an order, as far as it is this one's."""

    payfunc: Facts = Facts()


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
