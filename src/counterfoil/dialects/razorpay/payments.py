"""Payments: list, fetch, update, capture, card."""

from typing import Final

from msgspec.structs import replace

from counterfoil.core.order import Kind, Operation, Order, Outcome, instant_of
from counterfoil.core.ports import Listed
from counterfoil.core.rules import Command
from counterfoil.dialects.razorpay import facts, ids, queries, reading, render
from counterfoil.dialects.razorpay.call import Call, Meant, answer
from counterfoil.dialects.razorpay.errors import (
    AT_WORK,
    CAPTURE,
    GATEWAY,
    NOT_CAPTURABLE,
    WHOLE_ONLY,
    Failure,
    Why,
    failed,
)
from counterfoil.dialects.razorpay.methods import Method, method_of
from counterfoil.dialects.razorpay.orders import new_notes
from counterfoil.dialects.razorpay.shapes import Shown
from counterfoil.engine.perform import Done
from counterfoil.exchange import Reply

EXPANDS: Final = (
    "card", "emi", "transaction", "transaction.settlement", "refunds", "offers", "token"
)  # fmt: skip
STATE: Final = Why("business", CAPTURE, "input_validation_failed")
CLOSED: Final = (Outcome.APPROVED, Outcome.DECLINED, Outcome.FAILED)
BAD_GATEWAY: Final = 502
NO_GATEWAY: Final = 504
NO_ANSWER: Final = "The bank has not answered yet. Fetch the payment later for its outcome."
TIMED_OUT: Final = Why("gateway", "payment_response", "gateway_technical_error")


async def fetch(call: Call) -> Reply:
    """GET /v1/payments/{id}."""
    expand = reading.expands(call.exchange.pairs, EXPANDS)
    meant = await call.payment()
    return answer(render.payment(meant.order, meant.number, expand=expand))


async def list_payments(call: Call) -> Reply:
    """GET /v1/payments: those that were tried, as their orders' list has them."""
    expand = reading.expands(call.exchange.pairs, EXPANDS)

    async def keep(listed: Listed) -> bool:
        return not facts.late(listed.operation)

    found = await queries.operations(call, (Kind.AUTHORIZE,), CLOSED, keep)
    shown = [render.payment(each.order, each.number, expand=expand) for each, _ in found]
    return answer(render.collection(shown))


async def update(call: Call) -> Reply:
    """PATCH /v1/payments/{id}: other notes."""
    given = await call.read()
    meant = await call.payment()
    notes, now = new_notes(given), call.now

    def alter(order: Order) -> Order:
        payment = order.payments[meant.number - 1]
        kept = facts.of_payment(payment)
        own = bytes(render.order_notes(order)).decode()
        before = kept.notes or ((instant_of(payment.id), own),)
        kept = replace(kept, notes=facts.edited(before, notes, now))
        return facts.with_payment(order, replace(payment, facts=facts.text(kept)))

    made = await call.collection.alter(call.merchant, meant.order.id, alter, call.once())
    assert made.at is not None
    return answer(render.payment(made.order, meant.number, made.at))


async def capture(call: Call) -> Reply:
    """POST /v1/payments/{id}/capture: all that is authorized, once."""
    given = await call.read()
    meant = await call.payment()
    reading.only(given, ("amount", "currency"))
    reading.need(given, "amount")
    try:
        minor = reading.integer(given, "amount")
    except Failure:
        raise Failure("The amount must be an integer", "amount") from None
    currency = reading.text(given, "currency")

    def choose(order: Order) -> Command:
        payment = order.payments[meant.number - 1]
        stands = render.sums(payment)
        if stands.captured:
            raise Failure("This payment has already been captured", why=STATE)
        if stands.status != "authorized":
            raise Failure(NOT_CAPTURABLE, why=STATE)
        if currency is not None and currency != payment.amount.currency:
            why = "Capture request currency must be same as payment currency."
            raise Failure(why, "currency", why=STATE)
        if minor != stands.amount:
            raise Failure(WHOLE_ONLY, "amount", why=STATE)
        if render.waits(payment):
            raise Failure(AT_WORK, why=STATE)
        return Command(kind=Kind.CHARGE, payment=payment.id, minor=minor)

    done = await call.perform(meant.order.id, choose, call.once())
    return answer(outcome(done, meant))


def outcome(done: Done, meant: Meant) -> Shown:
    """The payment after an operation; raises `Failure` where that was declined."""
    operation = done.operation
    assert operation is not None
    settled(done, meant.number)
    at = done.at or operation.closed or operation.created
    return render.payment(done.order, meant.number, at)


def settled(done: Done, number: int) -> None:
    """Raise `Failure` where the last operation was declined, or has no answer yet."""
    operation = done.operation
    assert operation is not None
    if operation.decline is not None:
        raise declined(done.order, number, operation)
    if operation.outcome is Outcome.PENDING:
        raise Failure(NO_ANSWER, status=NO_GATEWAY, code=GATEWAY, why=TIMED_OUT)


def declined(order: Order, number: int, operation: Operation) -> Failure:
    """How the failure of a payment is answered to the call that made it fail."""
    assert operation.decline is not None
    payment = order.payments[number - 1]
    told = failed(operation.decline, method_of(payment))
    if operation.kind is Kind.CHARGE:
        told = told._replace(step=CAPTURE, reason="capture_failed")
    gateway = told.code != "BAD_REQUEST_ERROR"
    metadata = {"payment_id": ids.written("pay_", order.id, number)}
    if not facts.of_order(order).bare:
        metadata["order_id"] = ids.written("order_", order.id)
    return Failure(
        told.description,
        status=BAD_GATEWAY if gateway else 400,
        code=told.code,
        why=told.why,
        metadata=metadata,
    )


async def card(call: Call) -> Reply:
    """GET /v1/payments/{id}/card."""
    meant = await call.payment()
    return answer(_card(meant))


async def card_by_id(call: Call) -> Reply:
    """GET /v1/cards/{id}."""
    return answer(_card(await call.payment(call.parts[-1], "card_")))


def _card(meant: Meant) -> Shown:
    if method_of(meant.payment) is not Method.CARD:
        raise Failure("Payment was not done using card")
    return render.card(meant.order, meant.number)


async def nothing(_: Call) -> Reply:
    """GET /v1/payments/downtimes: no bank of ours is ever down."""
    return answer(render.collection(()))


async def no_downtime(_: Call) -> Reply:
    """GET /v1/payments/downtimes/{id}."""
    raise ids.unknown()
