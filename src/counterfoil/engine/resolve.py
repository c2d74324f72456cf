"""Operations without an answer: unknown, never failed, until the acquirer says what became of them.

It is asked (inquiry). Where it cannot say, an authorization or charge is reversed and closed as not
received; a reversal is repeated under its own reference; a refund or credit is never reversed, so
it is asked about again until there is an answer. At most one authorization of an operation ever
stands.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from counterfoil.core import rules
from counterfoil.core.answers import Answer, Declined, Unknown
from counterfoil.core.declines import Decline
from counterfoil.core.merchant import Merchant
from counterfoil.core.order import Kind, Operation, Order, Outcome, id_at
from counterfoil.core.ports import Capability, Listed
from counterfoil.core.record import Record
from counterfoil.engine.instruct import inquire, instruct
from counterfoil.engine.limit import within
from counterfoil.engine.perform import Engine, believed

RUN: Final = 100  # operations of one merchant read at a time
AT_ONCE: Final = 8  # of them asked about at the same time
REVERSED_IN_DOUBT: Final = {Kind.AUTHORIZE, Kind.CHARGE}


class Resolved(Record):
    """How many operations had no answer, how many have one now, and how many could not be asked."""

    found: int = 0
    closed: int = 0
    failed: int = 0


async def resolve(engine: Engine, *, before: int, worker: int | None = None) -> Resolved:
    """Ask about every operation begun before that instant that has no answer yet.

    `worker`: only about those that the process of this number began. One that cannot even be asked
    about does not keep the others waiting.
    """
    desks = {name: asyncio.Semaphore(AT_ONCE) for name in engine.acquirers}
    runs = [
        _resolve_of(engine, merchant, before=before, worker=worker, desks=desks)
        for merchant in await engine.store.merchants()
    ]
    found = await asyncio.gather(*runs)
    return Resolved(
        found=sum(each.found for each in found),
        closed=sum(each.closed for each in found),
        failed=sum(each.failed for each in found),
    )


async def _resolve_of(
    engine: Engine,
    merchant: Merchant,
    *,
    before: int,
    worker: int | None,
    desks: Mapping[str, asyncio.Semaphore],
) -> Resolved:
    """The same for one merchant; each acquirer has its own queue, so a dead one delays no other."""

    async def ask_about(each: Listed) -> bool:
        order = await engine.store.load(merchant.id, each.order)
        payment, _ = rules.find(order, each.operation.id)
        async with desks[engine.acquirer(merchant, payment.terminal).name]:
            return await settle(engine, merchant, each)

    total = Resolved()
    after = 0
    while waiting := await engine.store.pending(merchant.id, id_at(before), RUN, after=after):
        after = waiting[-1].operation.id
        asked = [each for each in waiting if worker in {None, worker_of(each.operation.id)}]
        outcomes = await asyncio.gather(*map(ask_about, asked), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, Exception):
                raise outcome  # we are being stopped
        total = Resolved(
            found=total.found + len(outcomes),
            closed=total.closed + sum(outcome is True for outcome in outcomes),
            failed=total.failed + sum(isinstance(each, Exception) for each in outcomes),
        )
    return total


def worker_of(identifier: int) -> int:
    """The number of the process that gave this id: its last byte."""
    return identifier & 0xFF


async def settle(engine: Engine, merchant: Merchant, listed: Listed) -> bool:
    """Close one operation if the acquirer lets us; whether it is closed now."""
    order = await engine.store.load(merchant.id, listed.order)
    _, operation = rules.find(order, listed.operation.id)
    if operation.outcome is not Outcome.PENDING:
        return True
    if operation.id in engine.running:
        return False  # its answer is on its way, whatever the clock says
    answer = await ask(engine, merchant, order, operation)
    if isinstance(answer, Unknown):
        return False
    done = await engine.finish(merchant, order, operation.id, answer)
    await engine.go_on(merchant, done)
    return True


async def ask(engine: Engine, merchant: Merchant, order: Order, operation: Operation) -> Answer:
    """What became of it: by inquiry, else by making sure that it does not stand."""
    payment, _ = rules.find(order, operation.id)
    acquirer = engine.acquirer(merchant, payment.terminal)
    if Capability.INQUIRE in acquirer.supports and not operation.doubted:
        asked = acquirer.inquire(inquire(order, operation))
        try:
            answer = await within(engine.limits.acquirer_ms, asked)
        except Exception as error:  # noqa: BLE001 (an edge: whatever a connector raises is Unknown)
            answer = Unknown(why=type(error).__name__)
        answer = believed(answer, operation.id, operation.amount)
        if not isinstance(answer, Unknown):
            return answer
    if operation.kind is Kind.REVERSE:
        return await engine.ask(acquirer, instruct(order, operation))
    if operation.kind in REVERSED_IN_DOUBT:
        return await take_back(engine, merchant, order, operation)
    return Unknown(why="final")


async def take_back(
    engine: Engine, merchant: Merchant, order: Order, operation: Operation
) -> Answer:
    """Reverse what may stand; closed as not received once the acquirer confirms that nothing does.

    That it is being taken back is durable first, so that an approval coming late cannot count.
    """
    doubted = await engine.doubt(order, operation.id)
    if doubted is None:
        return Unknown(why="answered")
    gone = await engine.take_back(merchant, doubted, operation)
    return Declined(decline=Decline.NOT_RECEIVED) if gone else Unknown(why="unconfirmed")
