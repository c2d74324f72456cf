"""Refunds: of a payment, normal or instant; list, fetch, update; once under either header."""

import re
from typing import Final

import msgspec
from msgspec.structs import replace

from counterfoil.core.errors import Code, Refused
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Order, Outcome
from counterfoil.core.ports import Listed
from counterfoil.core.rules import Command, Plan, find
from counterfoil.core.schedule import SECOND_US
from counterfoil.dialects.razorpay import facts, ids, ordering, queries, reading, render
from counterfoil.dialects.razorpay.call import Call, Meant, answer
from counterfoil.dialects.razorpay.errors import (
    AT_WORK,
    NOT_CAPTURED,
    REFUND,
    REFUND_TOO_MUCH,
    Failure,
    Why,
)
from counterfoil.dialects.razorpay.orders import new_notes
from counterfoil.dialects.razorpay.shapes import CollectionOut
from counterfoil.engine.perform import Done, Once
from counterfoil.exchange import Reply

KNOWN: Final = ("amount", "speed", "notes", "receipt", "reverse_all", "reversals")
RECEIPT_MAX: Final = 40
HEADER: Final = b"x-refund-idempotency"
KEY: Final = re.compile(r"[A-Za-z0-9_-]{10,200}", re.ASCII)
KEY_MIN: Final = 10
STATE: Final = Why("business", REFUND, "input_validation_failed")
KINDS: Final = (Kind.REFUND, Kind.REVERSE)
NAME: Final = "razorpay.refund/"  # a receipt is a name of the account: good for one refund
RECEIPT_USED: Final = "Duplicate receipt found for this refund request."
LIFE_US: Final = 183 * 24 * 3600 * SECOND_US
TOO_OLD: Final = "Refund is not supported by the bank because the payment is more than 6 months old"
EDITS_MAX: Final = 500  # replaced notes of a payment's refunds that are remembered


async def refund(call: Call) -> Reply:
    """POST /v1/payments/{id}/refund."""
    given = await call.read()
    return await _refund(call, given, await call.payment())


async def create(call: Call) -> Reply:
    """POST /v1/refunds."""
    given = await call.read()
    reading.need(given, "payment_id")
    named = reading.text(given, "payment_id")
    rest = {name: value for name, value in given.items() if name != "payment_id"}
    return await _refund(call, rest, await call.payment(named))


async def _refund(call: Call, given: reading.Given, meant: Meant) -> Reply:
    reading.only(given, KNOWN)
    minor, speed = reading.integer(given, "amount"), reading.text(given, "speed") or "normal"
    if speed not in {"normal", "optimum"}:
        raise Failure("The selected speed is invalid.", "speed")
    receipt = reading.text(given, "receipt", RECEIPT_MAX)
    kept = facts.RefundFacts(notes=reading.notes(given), optimum=speed == "optimum")
    asked = (meant.id, minor, facts.text(kept), receipt)
    wish = Command(
        kind=Kind.REFUND,
        minor=minor,
        payment=meant.payment.id,
        number=receipt,
        facts=facts.text(kept),
    )
    once, again = _once(call, asked)

    def plan(order: Order) -> Plan:
        command = _choose(order, meant, wish, call.now)
        return Plan(
            order=order, commands=(command,), names=() if receipt is None else (NAME + receipt,)
        )

    try:
        done = await call.gateway.orders.carry_on(call.merchant, meant.order.id, plan, once)
    except Refused as refusal:
        if refusal.code is Code.NAME_TAKEN:
            raise Failure(RECEIPT_USED, "receipt", why=STATE) from refusal
        raise
    return await _refunded(call, meant, done, current=again)


def _choose(order: Order, meant: Meant, wish: Command, now: int) -> Command:
    """The refund, if the payment can give it; raises `Failure`."""
    payment = order.payments[meant.number - 1]
    stands = render.sums(payment)
    if not stands.captured:
        raise Failure(NOT_CAPTURED, why=STATE)
    if stands.status == "refunded":
        raise Failure("The payment has been fully refunded already", why=STATE)
    if wish.minor is not None:
        _check(replace(payment.amount, minor=wish.minor), stands.amount - stands.refunded)
    if now - render.began(payment) > LIFE_US:
        raise Failure(TOO_OLD, why=STATE)
    if render.waits(payment) and wish.minor is None:
        raise Failure(AT_WORK, why=STATE)
    return wish


def _check(amount: Money, left: int) -> None:
    if amount.minor == 0:
        raise Failure("Amount cannot be blank.", "amount")
    if amount.minor < 0:
        raise Failure("The amount must be at least INR 1.00.", "amount")
    if ordering.rounded(amount).minor > left:
        raise Failure(REFUND_TOO_MUCH, "amount", why=STATE)


async def _refunded(call: Call, meant: Meant, done: Done, *, current: bool) -> Reply:
    """The refund as it was made; under this wire's own header, as it is now."""
    assert done.operation is not None
    order = await call.load(meant.order.id) if current else done.order
    _, operation = find(order, done.operation.id)
    at = facts.FOREVER if current else done.at or operation.closed or operation.created
    return answer(render.refund(order, meant.number, operation, at))


def _once(call: Call, asked: tuple[object, ...]) -> tuple[Once | None, bool]:
    """The key of either header, and whether it is this wire's own."""
    given = call.exchange.header(HEADER)
    if given is None:
        return call.once(), False
    if len(given) < KEY_MIN:
        raise Failure("The idempotency key must be at least 10 characters long.")
    if KEY.fullmatch(given) is None:
        raise Failure("The idempotency key may have letters, digits, - and _ only.")
    shown = msgspec.json.encode(asked).decode()
    fingerprint = call.gateway.orders.fingerprint(f"razorpay refund\n{shown}")
    return Once(key=f"refund {given}", fingerprint=fingerprint), True


async def fetch(call: Call) -> Reply:
    """GET /v1/refunds/{id}."""
    meant, operation = await call.refund(call.parts[-1])
    return answer(render.refund(meant.order, meant.number, operation))


async def fetch_of_payment(call: Call) -> Reply:
    """GET /v1/payments/{id}/refunds/{refund}."""
    payment = await call.payment()
    meant, operation = await call.refund(call.parts[-1])
    if meant.id != payment.id:
        raise ids.unknown()
    return answer(render.refund(meant.order, meant.number, operation))


async def list_of_payment(call: Call) -> Reply:
    """GET /v1/payments/{id}/refunds."""
    return answer(_page_of(call, await call.payment()))


def _page_of(call: Call, meant: Meant) -> CollectionOut:
    page = queries.page(call.exchange.query)
    log = meant.payment.log
    found = [
        each
        for each in reversed(log)
        if page.first <= each.id <= page.last and render.gives_back(meant.payment, each)
    ]
    cut = found[page.skip : page.skip + page.size]
    return render.collection(render.refund(meant.order, meant.number, each) for each in cut)


async def list_refunds(call: Call) -> Reply:
    """GET /v1/refunds."""
    named = call.exchange.query.get("payment_id")
    if named:
        return answer(_page_of(call, await call.payment(named)))

    async def keep(listed: Listed) -> bool:
        if listed.operation.kind is Kind.REFUND:
            return True
        meant, operation = await call.listed(listed)
        return render.gives_back(meant.payment, operation)

    found = await queries.operations(call, KINDS, tuple(Outcome), keep)
    shown = [render.refund(each.order, each.number, operation) for each, operation in found]
    return answer(render.collection(shown))


async def update(call: Call) -> Reply:
    """PATCH /v1/refunds/{id}: other notes."""
    given = await call.read()
    meant, operation = await call.refund(call.parts[-1])
    notes, now = new_notes(given), call.now

    def alter(order: Order) -> Order:
        payment = order.payments[meant.number - 1]
        kept = facts.of_payment(payment)
        edits = (*kept.refunds[-EDITS_MAX:], (operation.ordinal, now, notes))
        kept = replace(kept, refunds=edits)
        return facts.with_payment(order, replace(payment, facts=facts.text(kept)))

    made = await call.collection.alter(call.merchant, meant.order.id, alter, call.once())
    assert made.at is not None
    _, refunded = find(made.order, operation.id)
    return answer(render.refund(made.order, meant.number, refunded, made.at))
