"""One-time passwords: a card's payer proves who he is to the shop's own page.

The test bank takes any password of 4 to 10 digits; the third wrong one ends the attempt. No other
acquirer's issuers are asked for one.
"""

import hmac
import re
from typing import Final

from msgspec.structs import replace

from counterfoil.core.card import Brand, Card
from counterfoil.core.declines import Decline
from counterfoil.core.order import Kind, Order
from counterfoil.core.rules import Command
from counterfoil.dialects.razorpay import facts, ids, reading, render
from counterfoil.dialects.razorpay.call import Call, Meant, answer, proof
from counterfoil.dialects.razorpay.errors import FAILED, Failure, Why
from counterfoil.dialects.razorpay.facts import Password
from counterfoil.dialects.razorpay.methods import Method, method_of
from counterfoil.dialects.razorpay.paying import authorization
from counterfoil.dialects.razorpay.payments import settled
from counterfoil.engine.perform import Done
from counterfoil.exchange import Reply

RIGHT: Final = re.compile(r"[0-9]{4,10}", re.ASCII)
WRONG_MAX: Final = 3
NEXT: Final = ["otp_submit", "otp_resend"]
STATE: Final = Why("business", "payment_authentication", "input_validation_failed")
NOT_OPEN: Final = "The payment is not waiting for an OTP."


async def generate(call: Call) -> Reply:
    """POST /v1/payments/{id}/otp_generate."""
    meant = await _opened(call)
    address = f"{call.base}/v1/payments/{meant.id}"
    card = meant.payment.card or Card(id=0, first6="", last4="", brand=Brand.UNKNOWN)
    token = proof(call.gateway, "otp", call.merchant.id, meant.id).hex()
    steps = [
        {"action": "otp_submit", "url": f"{address}/otp_submit/{token}?key_id={call.key}"},
        {"action": "otp_resend", "url": f"{address}/otp_resend/json?key_id={call.key}"},
    ]
    metadata = {
        "issuer": card.issuer_title or "",
        "network": render.NETWORKS.get(card.brand, "Unknown"),
        "last4": card.last4,
        "iin": card.first6,
    }
    shown = {"razorpay_payment_id": meant.id, "next": steps, "metadata": metadata}
    return answer(shown)


async def resend(call: Call) -> Reply:
    """POST /v1/payments/{id}/otp/resend, and …/otp_resend/json."""
    meant = await _opened(call)
    return answer({"razorpay_payment_id": meant.id, "next": NEXT})


async def submit(call: Call) -> Reply:
    """POST /v1/payments/{id}/otp/submit."""
    given = await call.read()
    return await _submit(call, await call.payment(), given)


async def submit_to(call: Call) -> Reply:
    """POST /v1/payments/{id}/otp_submit/{token}."""
    given = await call.read()
    meant = await call.payment()
    token = proof(call.gateway, "otp", call.merchant.id, meant.id).hex()
    if not hmac.compare_digest(token.encode(), call.parts[-1].encode()):
        raise ids.unknown()
    return await _submit(call, meant, given)


async def _opened(call: Call) -> Meant:
    """The payment, with a password that may be submitted."""
    given = await call.read()
    meant = await call.payment()
    reading.only(given, ("key_id",))

    def alter(order: Order) -> Order:
        payment = order.payments[meant.number - 1]
        if method_of(payment) is not Method.CARD or payment.log or not call.tested(payment):
            raise Failure(NOT_OPEN, why=STATE)
        kept = facts.of_payment(payment)
        password = replace(kept.password, open=True)
        return _with(order, meant, password)

    await call.collection.alter(call.merchant, meant.order.id, alter, call.once())
    return meant


def _with(order: Order, meant: Meant, password: Password) -> Order:
    payment = order.payments[meant.number - 1]
    kept = replace(facts.of_payment(payment), password=password)
    return facts.with_payment(order, replace(payment, facts=facts.text(kept)))


async def _submit(call: Call, meant: Meant, given: reading.Given) -> Reply:
    reading.only(given, ("otp", "key_id"))
    reading.need(given, "otp")
    if RIGHT.fullmatch(reading.text(given, "otp") or "") is None:
        raise await _wrong(call, meant)

    def choose(order: Order) -> Command:
        _waiting(order, meant)
        return authorization(call.merchant, Meant(order, meant.number), call.now)

    done = await call.perform(meant.order.id, choose, call.once())
    assert done.operation is not None
    if done.operation.kind is Kind.AUTHORIZE:  # a capture that follows is not the payer's affair
        settled(done, meant.number)
    return answer(await success(call, meant))


async def success(call: Call, meant: Meant) -> dict[str, str]:
    """What a shop gets for a payment that went through, signed where it has an order."""
    shown = {"razorpay_payment_id": meant.id}
    signature = await call.signature(meant.order, meant.id)
    if signature is not None:
        shown["razorpay_order_id"] = ids.written("order_", meant.order.id)
        shown["razorpay_signature"] = signature
    return shown


def _waiting(order: Order, meant: Meant) -> Password:
    """The open password of a payment; raises `Failure` where there is none."""
    payment = order.payments[meant.number - 1]
    password = facts.of_payment(payment).password
    if payment.log or not password.open:
        raise Failure(NOT_OPEN, why=STATE)
    return password


async def _wrong(call: Call, meant: Meant) -> Failure:
    """Count a wrong password; the third ends the attempt."""
    last = facts.of_payment(meant.payment).password.wrong >= WRONG_MAX - 1
    if last and not meant.payment.log:
        done = await call.collection.fail(
            call.merchant,
            meant.order.id,
            meant.payment.id,
            Decline.PIN_TRIES_EXCEEDED,
            call.once(),
        )
        settled(done, meant.number)

    def alter(order: Order) -> Order:
        password = _waiting(order, meant)
        return _with(order, meant, replace(password, wrong=password.wrong + 1))

    done = await call.collection.alter(call.merchant, meant.order.id, alter, call.once())
    return _incorrect(done, meant)


def _incorrect(done: Done, meant: Meant) -> Failure:
    told = FAILED[Decline.WRONG_PIN]
    metadata = {"payment_id": meant.id}
    if not facts.of_order(done.order).bare:
        metadata["order_id"] = ids.written("order_", done.order.id)
    failure = Failure(told.description, why=told.why, metadata=metadata)
    failure.more["action"] = "RETRY"
    failure.beside["next"] = NEXT
    return failure
