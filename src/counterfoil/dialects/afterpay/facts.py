"""What is kept of an order and its operations beside the money: as JSON text, read by this wire.

An order's `facts` is a JSON object with a member for each wire, so that wires leave each other's in
peace. Members are named as on the wire. Decimals rest as text.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec
from msgspec.structs import replace

from counterfoil.core.order import Operation, Order
from counterfoil.core.record import Record
from counterfoil.core.remember import remembered

WIRE: Final = "afterpay"
Texts = Mapping[str, str]


class Kept(Record, rename="camel"):
    """The parent of what is kept."""


class Item(Kept):
    """A row of an order, capture, void or refund; prices are per unit.

    `figures` and `words` are its other members, by their names on the wire.
    """

    product_id: str
    description: str
    quantity: Decimal
    gross_unit_price: Decimal
    net_unit_price: Decimal | None = None
    figures: dict[str, Decimal] = msgspec.field(default_factory=dict)
    words: dict[str, str] = msgspec.field(default_factory=dict)


class Summary(Kept):
    """What an order is for: its rows, and totals as sent (`gross` in minor units)."""

    gross: int
    net: Decimal | None = None
    items: tuple[Item, ...] = ()
    extras: dict[str, str] = msgspec.field(default_factory=dict)


class Shipping(Kept):
    """Tracking of a capture; `at` is when it was told last, `key` the caller's own at first."""

    number: int
    capture: str
    at: int
    type: str
    shipping_company: str
    tracking_id: str
    tracking_url: str | None = None
    key: str | None = None


class Paid(Kept):
    """What its customer paid of a capture (by its operation); `at` and `key` as for tracking."""

    capture: int
    minor: int
    at: int
    key: str


class Edition(Kept):
    """The order as it is from an instant on, where an update moved no money."""

    since: int
    summary: Summary


class OrderFacts(Kept):
    """An order. `number` is as first sent, None where another wire made it.

    `checkout` is the UUID of the checkout that told it, where it was authorized by that.
    """

    number: str | None = None
    checkout: str | None = None
    summary: Summary | None = None
    customer: dict[str, object] = msgspec.field(default_factory=dict)
    delivery: dict[str, object] | None = None
    payment: dict[str, object] = msgspec.field(default_factory=dict)
    references: dict[str, str] = msgspec.field(default_factory=dict)
    editions: tuple[Edition, ...] = ()
    shipping: tuple[Shipping, ...] = ()
    paid: tuple[Paid, ...] = ()


class Act(Kept):
    """An operation. `update`: it is no void or capture but makes the order what this says."""

    items: tuple[Item, ...] = ()
    update: Summary | None = None
    refund_type: str | None = None
    campaign: Decimal | None = None
    references: dict[str, str] = msgspec.field(default_factory=dict)


_Wires = dict[str, msgspec.Raw]
_wires: Final = msgspec.json.Decoder(_Wires).decode
_order: Final = msgspec.json.Decoder(OrderFacts).decode
_act: Final = msgspec.json.Decoder(Act).decode
_encode: Final = msgspec.json.Encoder().encode
NO_FACTS: Final = OrderFacts()
NO_ACT: Final = Act()


@remembered
def of_order(order: Order) -> OrderFacts:
    """What is kept of the order."""
    mine = wires(order).get(WIRE)
    return NO_FACTS if mine is None else _order(mine)


def described(order: Order, facts: OrderFacts) -> Order:
    """The order with these facts; what other wires keep stays."""
    return replace(order, facts=written(facts, wires(order)))


def written(facts: OrderFacts, others: _Wires | None = None) -> str:
    """The facts as an order keeps them."""
    return _encode((others or {}) | {WIRE: msgspec.Raw(_encode(facts))}).decode()


def wires(order: Order) -> _Wires:
    """What each wire keeps of the order."""
    try:
        return {} if order.facts is None else _wires(order.facts)
    except msgspec.DecodeError:
        return {}  # some other form, which we leave alone


def of_act(operation: Operation) -> Act:
    """What is kept of the operation; nothing where another wire asked for it."""
    try:
        return NO_ACT if operation.facts is None else _act(operation.facts)
    except msgspec.DecodeError:
        return NO_ACT


def act(kept: Act) -> str:
    """The same as an operation keeps it."""
    return _encode(kept).decode()
