"""An order that waits for its cardholder: named by a token, told the result, refused when late.

What the issuer's side delivers is put on file whatever the browser brings; `authenticate.py` acts
on it. All of it is a Change without an operation.
"""

import base64
from typing import Final

from msgspec.structs import replace

from counterfoil.core.authenticator import Delivered
from counterfoil.core.change import Change, change, rejected
from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Merchant
from counterfoil.core.order import Order, Payment
from counterfoil.core.threeds import Authentication, Form, Step
from counterfoil.engine import session
from counterfoil.engine.perform import TRIES_MAX, Engine

PURPOSE: Final = "3ds"


class OvertakenError(Exception):
    """Another step came first: look again."""


async def receive(engine: Engine, delivered: Delivered) -> bool:
    """Put a result on file; whether it was taken. The same one again is; another one is not."""
    for _ in range(TRIES_MAX):
        found = await locate(engine, delivered.session)
        if found is None:
            return False
        _, order = found
        payment = order.payments[-1]
        known = payment.authentication
        if known is None or _ids(known) != _ids(delivered):
            return False
        if known.result == delivered.result:
            return True
        now = engine.clock.now()
        if known.step is not Step.CHALLENGE or order.closed or now >= known.expires:
            return False
        filed = replace(known, step=Step.READY, result=delivered.result, changed=now)
        try:
            await committed(engine, change(renewed(order, replace(payment, authentication=filed))))
        except OvertakenError:
            continue
        return True
    return False


async def seen(engine: Engine, given: str) -> bool:
    """The issuer's method page reports back: the browser has shown itself. Whether that is news."""
    found = await locate(engine, given)
    known = None if found is None else found[1].payments[-1].authentication
    if found is None or known is None or known.step is not Step.METHOD or known.seen:
        return False
    payment = replace(found[1].payments[-1], authentication=replace(known, seen=True))
    try:
        await committed(engine, change(renewed(found[1], payment)))
    except OvertakenError:
        return False
    return True


async def expire(engine: Engine, merchant: int, order: int) -> Order:
    """The order, refused if its authentication waits although its session is over."""
    for _ in range(TRIES_MAX):
        now = await engine.store.load(merchant, order)
        payment = now.payments[-1] if now.payments else None
        known = payment.authentication if payment else None
        at = engine.clock.now()
        if payment is None or known is None or not known.waits or now.closed or at < known.expires:
            return now
        over = replace(known, step=Step.FAILED, changed=at, browser=None)
        closed = rejected(
            renewed(now, replace(payment, authentication=over)), Code.SESSION_EXPIRED, at
        )
        try:
            return await committed(engine, change(closed))
        except OvertakenError:
            continue
    raise Refused(Code.BUSY)


async def locate(engine: Engine, given: str) -> tuple[Merchant, Order] | None:
    """The merchant and order that a browser's token names; nothing is looked up for a wrong one."""
    place = session.read(engine.vault, PURPOSE, given)
    merchant = None if place is None else await engine.store.merchant(place.merchant)
    if place is None or merchant is None:
        return None
    order = await engine.store.load(merchant.id, place.order)
    return (merchant, order) if order.payments else None


def form_of(order: Order) -> Form | None:
    """What the cardholder's browser has to submit before anything else happens, if it has."""
    known = order.payments[-1].authentication if order.payments else None
    if known is None or not known.waits or order.closed is not None:
        return None
    return known.form


def number_of(order: Order) -> str:
    """What comes back with the browser unchanged: the order's number in base64."""
    return base64.b64encode(str(order.id).encode()).decode()


async def committed(engine: Engine, made: Change) -> Order:
    """The order, durable; raises `OvertakenError`, `KeyTakenError`."""

    def decide(now: Order) -> Change:
        if now is not made.order:
            raise OvertakenError
        return made

    await engine.commit(made.order, decide)
    return made.order


def renewed(order: Order, payment: Payment) -> Order:
    """The order with its last payment as it is now."""
    return replace(order, payments=(*order.payments[:-1], payment))


def _ids(known: Authentication | Delivered) -> tuple[str, str | None, str | None]:
    return known.transaction, known.acs, known.directory
