"""Bodies to plans: what a call on an order asks for, read with all its faults."""

from counterfoil.core import rules
from counterfoil.core.minor import digits
from counterfoil.core.order import Order, instant_of
from counterfoil.dialects.afterpay import acts, amounts, numbers, schema
from counterfoil.dialects.afterpay.acts import (
    Capture,
    Lifetime,
    Receipt,
    Refund,
    Tracking,
    Update,
    Void,
)
from counterfoil.dialects.afterpay.call import ACT_AT, Call
from counterfoil.dialects.afterpay.errors import UNKNOWN, invalid
from counterfoil.dialects.afterpay.facts import Act
from counterfoil.dialects.afterpay.login import of_test_bank
from counterfoil.dialects.afterpay.reading import Reader
from counterfoil.dialects.afterpay.schema import Asked


def life(call: Call) -> Lifetime:
    """Whose order it is, and now."""
    return Lifetime(call.merchant, call.gateway.clock.now())


def summary(reader: Reader, name: str, order: Order) -> Asked | None:
    """The OrderSummary of that name, or None."""
    block = reader.inner(name)
    return None if block is None else schema.summary(block, order.amount.currency)


async def capture(call: Call, order: Order) -> Capture:
    """A capture; raises `Failure`."""
    reader = Reader(call.given)
    asked = summary(reader, "orderDetails", order)
    number = schema.own_number(reader, "invoiceNumber")
    act = Act(references=schema.references(reader), campaign=reader.number("campaignNumber"))
    shipped = tuple(tracked(each) for each in reader.rows("shippingDetails"))
    reader.finish()
    return Capture(
        life=life(call),
        asked=asked,
        summary=None if asked is None else asked.summary(order.amount.currency),
        act=act,
        number=number,
        name=None if number is None else await call.free_name(numbers.CAPTURE, number),
        tracking=shipped,
    )


async def refund(call: Call, order: Order) -> Refund:
    """A refund; raises `Failure`."""
    reader = Reader(call.given)
    items = schema.items(reader, "items", "orderItems")
    if (reader.value("items") or reader.value("orderItems")) is not None:
        reader.required("captureNumber")
    named = reader.text("captureNumber", schema.NUMBER_MAX)
    kind = reader.choice("refundType", schema.REFUND_TYPES)
    number = schema.own_number(reader, "creditNoteNumber")
    act = Act(references=schema.references(reader), refund_type=kind)
    reader.finish()
    if named is not None:
        acts.find_capture(order, named)
    name = None if number is None else await call.free_name(numbers.REFUND, number)
    return Refund(capture=named, items=items, act=act, number=number, name=name)


def void(call: Call, order: Order) -> Void:
    """A void; raises `Failure`."""
    reader = Reader(call.given)
    asked = summary(reader, "cancellationDetails", order)
    act = Act(references=schema.references(reader))
    reader.finish()
    what = None if asked is None else asked.summary(order.amount.currency)
    return Void(life=life(call), summary=what, act=act)


def update(call: Call, order: Order) -> Update:
    """An update; raises `Failure`."""
    reader = Reader(call.given)
    asked = summary(reader, "updateOrderSummary", order)
    if reader.required("updateOrderSummary") and asked is not None and not asked.items:
        Reader({}, asked.path, reader.flaws).required("items")
    schema.references(reader)
    reader.finish()
    assert asked is not None
    instant = instant_of(call.gateway.orders.engine.ids.next())
    return Update(life(call), asked.summary(order.amount.currency), instant)


def tracking(call: Call, order: Order, mark: str, number: str | None = None) -> Tracking:
    """Tracking, new or again; raises `Failure`."""
    reader = Reader(call.given)
    given = tracked(reader)
    reader.finish()
    capture = call.parts[ACT_AT]
    acts.find_capture(order, capture)
    return Tracking(life(call), given, capture, mark, number)


def receipt(call: Call, order: Order, mark: str) -> Receipt:
    """What a customer of the test bank pays; raises `Failure`, for others pay elsewhere."""
    reader = Reader(call.given)
    amount, capture = reader.number("amount"), call.parts[ACT_AT]
    reader.finish()
    payment, _ = rules.find(order, acts.find_capture(order, capture).id)
    if payment.method is None or not of_test_bank(call.merchant, payment):
        raise invalid(UNKNOWN, "Only invoices of the test bank are paid here")
    minor = None if amount is None else amounts.minor(amount, digits(order.amount.currency))
    instant = instant_of(call.gateway.orders.engine.ids.next())
    return Receipt(capture, minor, instant, mark)


def tracked(reader: Reader) -> dict[str, str]:
    """Tracking of a parcel, as it was sent."""
    for name in ("type", "shippingCompany", "trackingId"):
        reader.required(name)
    found = reader.texts({"shippingCompany": 200, "trackingId": 100, "trackingUrl": 2083})
    kind = reader.choice("type", schema.SHIPPING_TYPES)
    return found | ({"type": kind} if kind else {})
