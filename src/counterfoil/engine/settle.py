"""Booking what an acquirer has paid out of an order; the books of the order do not move by it."""

from msgspec.structs import replace

from counterfoil.core.change import Change, change
from counterfoil.core.errors import Code, Refused
from counterfoil.core.order import Kind, Order, Outcome, Settlement
from counterfoil.core.payouts import unpaid
from counterfoil.core.rules import standing
from counterfoil.engine.perform import Engine

SETTLEMENTS_MAX = 100  # of an order, which is loaded and stored whole


async def settle(
    engine: Engine, merchant: int, number: int, settlement: Settlement, *, pays: bool = False
) -> Order:
    """The order with that settlement, which counts once however often it is booked.

    `pays`: all that stands charged is paid to the merchant by it.

    Raises `Refused`: ORDER_NOT_FOUND, WRONG_STATE where nothing was ever charged, or nothing is
    left to be paid, NAME_TAKEN where
    its reference stands for another, TOO_MANY_OPERATIONS.
    """

    def decide(order: Order) -> Change | None:
        for each in order.settlements:
            if each.reference == settlement.reference:
                same = replace(each, at=settlement.at, paid=0, places=()) == settlement
                if not same or bool(each.paid) != pays:
                    raise Refused(Code.NAME_TAKEN, name=settlement.reference)
                return None
        if not any(
            each.kind is Kind.CHARGE and each.outcome is Outcome.APPROVED
            for each in order.operations
        ):
            raise Refused(Code.WRONG_STATE, operation="settle", standing=standing(order))
        if len(order.settlements) >= SETTLEMENTS_MAX:
            raise Refused(Code.TOO_MANY_OPERATIONS)
        paid, places = unpaid(order) if pays else (0, ())
        if pays and not paid:
            raise Refused(Code.WRONG_STATE, operation="pay", standing=standing(order))
        at = max(settlement.at, order.updated)  # after what it pays
        booked = replace(settlement, at=at, paid=paid, places=places)
        return change(replace(order, settlements=(*order.settlements, booked)))

    known = await engine.store.load(merchant, number)
    made = await engine.commit(known, decide)
    return await engine.store.load(merchant, number) if made is None else made.order
