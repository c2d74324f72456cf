"""What timers do: sessions end, charges fall due, authorizations lapse, answers are sought.

Each may run twice or late: it looks at the order as it is, and does only what still makes sense.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from counterfoil.core import rules
from counterfoil.core.change import Change, change, rejected
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Merchant
from counterfoil.core.order import Kind, Operation, Order, Outcome
from counterfoil.core.ports import Listed
from counterfoil.core.rules import Command
from counterfoil.core.timers import Errand, Settled
from counterfoil.engine import awaiting
from counterfoil.engine.collect import Collection
from counterfoil.engine.orders import Orders
from counterfoil.engine.perform import Engine
from counterfoil.engine.pump import NotYetError, Worked
from counterfoil.engine.resolve import settle

# Refused so, there is nothing left to do. Whatever else hinders it may pass, or be put right.
MOOT: Final = frozenset(
    {
        *(Code.ORDER_CLOSED, Code.WRONG_STATE, Code.NOT_AUTHORIZED, Code.EXCEEDS_AUTHORIZED),
        *(Code.NOTHING_TO_REVERSE, Code.NOT_SUPPORTED),
    }
)


async def expire(engine: Engine, errand: Errand) -> Worked:
    """Close an order whose session is over, unless it was paid."""

    def decide(order: Order) -> Change | None:
        now = engine.clock.now()
        if _waits(order):
            raise NotYetError("an operation has no answer")
        if not rules.lapsed(order, now):
            return None
        return change(rejected(order, Code.SESSION_EXPIRED, now))

    order = await awaiting.expire(engine, errand.merchant, errand.timer.subject)
    await engine.commit(order, decide)
    return Worked(Settled(errand=errand))


async def charge(engine: Engine, errand: Errand) -> Worked:
    """Charge what is still authorized of a payment of which nothing was charged."""

    def choose(merchant: Merchant, order: Order) -> Command:
        payment = rules.find(order, errand.timer.subject)[0]
        if _waits(order):
            raise NotYetError("an operation has no answer")
        if any(each.kind is Kind.CHARGE and stands(each) for each in payment.log):
            raise Refused(Code.WRONG_STATE, operation=Kind.CHARGE, standing=rules.standing(order))
        final = not merchant.multiple_charges
        return Command(kind=Kind.CHARGE, payment=payment.id, final=final)

    return await _act(engine, errand, errand.timer.since, choose)


async def release(engine: Engine, errand: Errand) -> Worked:
    """Give back what is left of an authorization that has lapsed."""

    def choose(_: Merchant, order: Order) -> Command:
        payment = rules.find(order, errand.timer.subject)[0]
        if _waits(order):
            raise NotYetError("an operation has no answer")
        return Command(kind=Kind.REVERSE, payment=payment.id)

    return await _act(engine, errand, errand.timer.since, choose)


async def abandon(engine: Engine, errand: Errand) -> Worked:
    """End an attempt whose customer never came, unless it was tried."""
    merchant = await _merchant(engine, errand)
    order, payment = errand.timer.since, errand.timer.subject
    with suppress(Refused):  # it was tried: there is nothing to end
        await Collection(Orders(engine)).fail(merchant, order, payment, Decline.RESPONSE_TOO_LATE)
    return Worked(Settled(errand=errand))


async def seek(engine: Engine, errand: Errand) -> Worked:
    """Find out what became of an operation."""
    merchant = await _merchant(engine, errand)
    order = await engine.store.load(errand.merchant, errand.timer.since)
    _, operation = rules.find(order, errand.timer.subject)
    if not await settle(engine, merchant, Listed(order=order.id, operation=operation)):
        raise NotYetError("the acquirer has not said")
    return Worked(Settled(errand=errand))


async def give_back(engine: Engine, errand: Errand) -> Worked:
    """Reverse an approval that came after its operation had been closed as not received."""
    merchant = await _merchant(engine, errand)
    order = await engine.store.load(errand.merchant, errand.timer.since)
    _, operation = rules.find(order, errand.timer.subject)
    if not await engine.take_back(merchant, order, operation):
        raise NotYetError("the acquirer has not confirmed it")
    return Worked(Settled(errand=errand))


async def _act(
    engine: Engine,
    errand: Errand,
    order: int,
    choose: Callable[[Merchant, Order], Command],
) -> Worked:
    """One operation, unless it no longer makes sense; raises `NotYetError` with the code."""
    merchant = await _merchant(engine, errand)
    try:
        await engine.perform(merchant, order, partial(choose, merchant))
    except Refused as refusal:
        if refusal.code not in MOOT:
            raise NotYetError(refusal.code) from refusal
    return Worked(Settled(errand=errand))


async def _merchant(engine: Engine, errand: Errand) -> Merchant:
    merchant = await engine.store.merchant(errand.merchant)
    if merchant is None:
        raise NotYetError("the merchant is gone")
    return merchant


def stands(operation: Operation) -> bool:
    """Whether the acquirer has approved it."""
    return operation.outcome is Outcome.APPROVED


def _waits(order: Order) -> bool:
    return any(each.outcome is Outcome.PENDING for each in order.operations)
