"""Events of merchants: charge, cancel and refund, of all there is, of an amount, or of items.

What moves is decided on the order as it stands when the step begins, so that of two requests at
once the later one decides on what the earlier has left.
"""

from collections.abc import Sequence
from functools import partial

from msgspec.structs import replace

from counterfoil.core.errors import Code, Refused
from counterfoil.core.order import Kind, Operation, Order, Outcome
from counterfoil.core.payouts import paid as paid_out
from counterfoil.core.payouts import unpaid
from counterfoil.core.rules import Command
from counterfoil.dialects.payfunc.call import Call
from counterfoil.dialects.payfunc.errors import (
    Failure,
    Members,
    declined,
    encode,
    invalid,
    refused,
    unanswered,
)
from counterfoil.dialects.payfunc.identifiers import reference
from counterfoil.dialects.payfunc.items import money, wanted
from counterfoil.dialects.payfunc.render import EVENTS, REFERRED, STATUS, paid, stamp
from counterfoil.dialects.payfunc.schema import AN_EVENT, Event
from counterfoil.engine.perform import Done, KeyTakenError, Once


async def apply(call: Call, named: str, event: Event, once: Once | None) -> Members:
    """The event with its date, once it has happened; raises `Failure` or `Refused`."""
    merchant, gateway = call.caller.merchant, call.desk.gateway
    known = await call.order(named)
    choose = partial(command, event, once)
    if event.kind is Kind.REVERSE and known.retries is not None and not paid(known):

        async def give_up() -> Done:
            return await call.desk.accounts.waive(merchant, known.id, choose, once)

        done = await gateway.orders.once(merchant, once, give_up)
        return {**event.given, "date": stamp(done.order.updated)}

    async def act() -> Done:
        return await gateway.orders.engine.perform(merchant, known.id, choose, once)

    try:
        done = await gateway.orders.once(merchant, once, act)
    except KeyTakenError:
        raise Refused(Code.BUSY) from None
    return completed(done, event)


def command(event: Event, once: Once | None, order: Order) -> Command:
    """What an event asks of the order as it stands; raises `Failure` where it does not fit."""
    known = asking(event, once)
    if not event.items and event.amount is None:
        return replace(known, minor=_part(order, None)) if event.kind is Kind.REFUND else known
    if bool(event.items) != bool(order.lines):
        raise invalid(AN_EVENT.named, "Amounts are for orders without items, items for the others.")
    if event.items:
        units = wanted(order, event.kind, event.items)
        if units is None:
            raise refused(Refused(Code.NOT_ENOUGH_UNITS), STATUS)
        return replace(known, units=units)
    assert event.amount is not None
    amount = money(event.amount, order.amount.currency)
    if amount is None:
        raise refused(Refused(Code.MALFORMED_AMOUNT), STATUS)
    part = _part(order, amount.minor) if event.kind is Kind.REFUND else amount.minor
    return replace(known, minor=part)


def _part(order: Order, minor: int | None) -> int | None:
    """What a refund moves of a total that was paid: one part has to cover it; raises `Failure`."""
    out = 0 if order.lines else paid_out(order)
    if not out:
        return minor
    charged = unpaid(order)[0]
    if minor is not None and minor > max(charged, out):
        raise refused(Refused(Code.EXCEEDS_CHARGED), STATUS)
    return minor or charged or out


def asking(event: Event, once: Once | None) -> Command:
    """The kind of an event, with what is kept of it."""
    descriptor = event.given.get("descriptor")
    facts = encode({"descriptor": descriptor}).decode() if descriptor else None
    return Command(kind=event.kind, facts=facts, key=once.key if once else None)


def completed(done: Done, event: Event) -> Members:
    """The event as it happened; raises `Failure` where the acquirer said no, or nothing yet."""
    operation = done.operation
    assert operation is not None
    if operation.outcome is Outcome.PENDING:
        raise unanswered()
    if operation.decline is not None:
        raise declined(operation.decline)
    return {**event.given, **_dated(operation)}


def _dated(operation: Operation) -> Members:
    assert operation.closed is not None
    found: dict[str, object] = {"date": stamp(operation.closed)}
    if operation.kind in REFERRED:
        found["reference"] = reference(operation.id)
    return found


def single(failures: Sequence[Failure]) -> None:
    """Raise the first failure of a request that was about one order, of which nothing happened."""
    if failures:
        raise failures[0]


async def change(
    call: Call, named: str, events: list[Event], at: int
) -> tuple[Members, list[Failure]]:
    """An order with what became of each event; the failures if nothing but failures came of it."""
    mirrored, failures = list[Members](), list[Failure]()
    for place, event in enumerate(events):
        try:
            mirrored.append(await apply(call, named, event, call.once(f"{at}.{place}")))
        except Refused as refusal:
            failures.append(refused(refusal, STATUS))
        except Failure as failure:
            failures.append(failure)
        if len(mirrored) <= place:
            mirrored.append(failed(call, event, failures[-1]))
    return {"id": named, "event": mirrored}, failures if len(failures) == len(events) else []


def failed(call: Call, event: Event, failure: Failure) -> Members:
    """What stands in the answer for an event that did not happen."""
    return {
        **event.given,
        "type": "fail",
        "original": EVENTS[event.kind][0],
        "date": stamp(call.desk.gateway.clock.now()),
        "error": failure.members,
    }
