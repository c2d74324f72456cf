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


def asked(order: Order, number: str | None = None) -> Payment | None:
    """The payment whose cardholder is asked: the last that waits, or else the last that did.

    `number`: of those that a browser brought this number back from (`number_of`).
    """
    known = [
        each
        for each in order.payments
        if each.authentication is not None
        and number in {None, number_of(order, each, attempt=each.authentication.attempt)}
    ]
    waiting = [each for each in known if _waits(each)]
    return next(reversed(waiting or known), None)


def _waits(payment: Payment) -> bool:
    known = payment.authentication
    return known is not None and known.waits and not payment.log


async def receive(engine: Engine, delivered: Delivered) -> bool:
    """Put a result on file; whether it was taken. The same one again is; another one is not."""
    for _ in range(TRIES_MAX):
        found = await locate(engine, delivered.session)
        order = None if found is None else found[1]
        payment = None if order is None else _of(order, delivered)
        known = None if payment is None else payment.authentication
        if order is None or payment is None or known is None:
            return False
        if known.result == delivered.result:
            return True
        now = engine.clock.now()
        over = order.closed or payment.log or now >= known.expires
        if known.step is not Step.CHALLENGE or over:
            return False
        filed = replace(known, step=Step.READY, result=delivered.result, changed=now)
        try:
            await committed(engine, change(renewed(order, replace(payment, authentication=filed))))
        except OvertakenError:
            continue
        return True
    return False


def _of(order: Order, delivered: Delivered) -> Payment | None:
    for each in order.payments:
        if each.authentication is not None and _ids(each.authentication) == _ids(delivered):
            return each
    return None


async def seen(engine: Engine, given: str) -> bool:
    """The issuer's method page reports back: the browser has shown itself. Whether that is news."""
    found = await locate(engine, given)
    payment = None if found is None else asked(found[1])
    known = None if payment is None else payment.authentication
    if found is None or payment is None or known is None:
        return False
    if known.step is not Step.METHOD or known.seen:
        return False
    payment = replace(payment, authentication=replace(known, seen=True))
    try:
        await committed(engine, change(renewed(found[1], payment)))
    except OvertakenError:
        return False
    return True


async def expire(engine: Engine, merchant: int, order: int, *, early: bool = False) -> Order:
    """The order, refused if its authentication waits although its session is over, or `early`.

    One of several attempts ends by a timer of its own, and its order stays.
    """
    for _ in range(TRIES_MAX):
        now = await engine.store.load(merchant, order)
        payment = asked(now)
        known = payment.authentication if payment else None
        at = engine.clock.now()
        if payment is None or known is None or not known.waits or now.closed or known.attempt:
            return now
        if at < known.expires and not early:
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


def form_of(order: Order, payment: Payment | None = None) -> Form | None:
    """What the cardholder's browser has to submit before anything else happens, if it has.

    `payment`: for that one, where the order has several.
    """
    meant = payment or asked(order)
    if meant is None or not _waits(meant) or order.closed is not None:
        return None
    return meant.authentication.form if meant.authentication else None


def number_of(order: Order, payment: Payment | None = None, *, attempt: bool = False) -> str:
    """What comes back with the browser unchanged: the order's number in base64.

    Of one of several attempts it is the payment's, so that they are told apart.
    """
    number = payment.id if payment and attempt else order.id
    return base64.b64encode(str(number).encode()).decode()


async def committed(engine: Engine, made: Change) -> Order:
    """The order, durable; raises `OvertakenError`, `KeyTakenError`."""

    def decide(now: Order) -> Change:
        if now is not made.order:
            raise OvertakenError
        return made

    await engine.commit(made.order, decide)
    return made.order


def renewed(order: Order, payment: Payment) -> Order:
    """The order with that payment as it is now."""
    payments = tuple(payment if each.id == payment.id else each for each in order.payments)
    return replace(order, payments=payments)


def _ids(known: Authentication | Delivered) -> tuple[str, str | None, str | None]:
    return known.transaction, known.acs, known.directory
