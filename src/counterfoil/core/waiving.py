"""Giving up what an order is yet to be paid: all of it closes the order, a part makes it less."""

from msgspec.structs import replace

from counterfoil.core import units
from counterfoil.core.change import rejected
from counterfoil.core.errors import Code, Refused
from counterfoil.core.order import Kind, Order, Waived
from counterfoil.core.rules import Command, open_amount


def waive(order: Order, command: Command, *, stamp: int) -> Order:
    """The order without so much, or so many units, of what is open; for good, at instant `stamp`.

    Only for an order of which nothing was paid. Raises `Refused`: MALFORMED_AMOUNT, EXCEEDS_ORDER,
    NOT_ENOUGH_UNITS.
    """
    left = open_amount(order)
    places = units.pick(order, Kind.AUTHORIZE, command.units) if command.units else ()
    minor = left if command.minor is None else command.minor
    if places:
        minor = units.amount(order, places)
    if minor <= 0:
        raise Refused(Code.MALFORMED_AMOUNT)
    if minor > left:
        raise Refused(Code.EXCEEDS_ORDER)
    if minor == left:
        return rejected(order, Code.ORDER_CLOSED, stamp)
    waived = Waived(at=stamp, minor=minor, places=places)
    return replace(order, waived=(*order.waived, waived))
