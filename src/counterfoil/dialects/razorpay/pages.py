"""What a payer's browser sees once there is an attempt: the bank, and the way back to the shop.

Nothing here needs a key pair. Who knows a payment's address, which nobody can guess, may go on with
it; its end ends the page. A card whose issuer takes part in 3-D Secure is asked for there; for all
else the test bank of this wire has two buttons.
"""

import hmac
import json
from typing import Final

from counterfoil.core.card import Cvv
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Refused
from counterfoil.core.order import Kind, Outcome, Payment
from counterfoil.core.threeds import Demand
from counterfoil.dialects.razorpay import facts, ids, paying, reading
from counterfoil.dialects.razorpay.auth import Caller
from counterfoil.dialects.razorpay.call import Call, Meant, body_of, proof
from counterfoil.dialects.razorpay.errors import ALREADY_PAID, Failure, refused
from counterfoil.dialects.razorpay.methods import Method, method_of
from counterfoil.dialects.razorpay.passwords import success
from counterfoil.dialects.razorpay.payments import declined
from counterfoil.engine.awaiting import form_of
from counterfoil.engine.gateway import Gateway
from counterfoil.engine.guide import Asking, attempted, browser
from counterfoil.exchange import Exchange, Reply
from counterfoil.slip import page
from counterfoil.slip.view import Decision, Detour, Look, Message, News, Onward
from counterfoil.slip.words import chosen

MERCHANT_BYTES: Final = 8
BANKS: Final = frozenset({"bank", "issuer_bank", "issuer"})  # sources of a failure


async def create_redirect(call: Call) -> Reply:
    """POST /v1/payments/create/redirect: an attempt, and at once its page."""
    return await step(call, await paying.begin(call, await call.read()))


async def pay(call: Call) -> Reply:
    """POST /v1/payments: the same from a browser, with the key id alone."""
    return await step(call, await paying.begin(call, call.given))


async def show(gateway: Gateway, exchange: Exchange) -> Reply:
    """GET /v1/payments/{id}/authenticate, …/authorize."""
    call, meant = await _payer(gateway, exchange, exchange.query.get("t", ""))
    if exchange.method == "HEAD":  # which asks nobody for anything
        return Reply(200, b"", page.GUARDS, page.HTML)
    return await step(call, meant)


async def decide(gateway: Gateway, exchange: Exchange) -> Reply:
    """POST of that page: what the payer has decided, and back to the shop."""
    given = await body_of(exchange)
    call, meant = await _payer(gateway, exchange, exchange.query.get("t", ""))
    try:
        meant = await secured(call, meant)
        if not _open(meant) or _known(meant.payment) or not call.tested(meant.payment):
            return await step(call, meant)
        await _decided(call, meant, agreed=reading.text(given, "outcome") == "success")
    except Failure as failure:
        return await back(call, meant, failure)
    except Refused as refusal:
        return await back(call, meant, refused(refusal))
    return await over(call, await call.payment())


async def step(call: Call, meant: Meant) -> Reply:
    """What the payer is to do now, or how it ended."""
    if not _open(meant):
        return await over(call, meant)
    try:
        paying.check(meant.order, meant.payment)
        meant = await secured(call, meant)
        if _known(meant.payment):
            return await _asked(call, meant)
        if not call.tested(meant.payment):
            agreed = call.merchant.unproved or not call.merchant.secure3d
            await _decided(call, meant, agreed=agreed)
            return await over(call, await call.payment(meant.id))
    except Failure as failure:
        return await back(call, meant, failure)
    except Refused as refusal:
        return await back(call, meant, refused(refusal))
    view = Decision(
        look=look(call, meant),
        action=paying.page_address(call, meant, "authorize"),
        account=_account(meant.payment),
    )
    return page.framed(page.decision(view))


async def secured(
    call: Call, meant: Meant, cvv: Cvv | None = None, told: tuple[tuple[str, str], ...] = ()
) -> Meant:
    """The payment once its issuer was asked, where it is a card that takes part in 3-D Secure.

    `told` is how the browser describes itself; without that it is version 1.
    """
    payment = meant.payment
    demand = Demand(
        reason="settings",
        base=call.gateway.checkout or call.base,
        browser=browser(told) or facts.of_payment(payment).browser,
        return_url=paying.page_address(call, meant, "authenticate"),
        guided=True,
        attempt=True,
    )
    at_once = paying.automatic(call.merchant, meant, call.now)
    asking = Asking(payment=payment.id, demand=demand, cvv=cvv, at_once=at_once)
    engine = call.gateway.orders.engine
    return Meant(await attempted(engine, call.merchant, meant.order, asking), meant.number)


async def _asked(call: Call, meant: Meant) -> Reply:
    """On to the issuer; or how it ended, where it has said enough."""
    form = form_of(meant.order, meant.payment)
    if form is None:
        return await over(call, meant)
    view = Detour(look=look(call, meant), action=form.url, method=form.method, fields=form.fields)
    return page.framed(page.detour(view))


async def _payer(gateway: Gateway, exchange: Exchange, token: str) -> tuple[Call, Meant]:
    """The payment whose page this is; raises `Failure` for an address nobody was given."""
    try:
        known = bytes.fromhex(token)
    except ValueError:
        raise ids.unknown() from None
    number = int.from_bytes(known[:MERCHANT_BYTES])
    merchant = await gateway.store.merchant(number) if number <= facts.FOREVER else None
    named = exchange.path.split("/")[3]
    expected = proof(gateway, "page", number, named)
    if merchant is None or not hmac.compare_digest(known[MERCHANT_BYTES:], expected):
        raise ids.unknown()
    call = Call(exchange, gateway, Caller(merchant, ""))
    return call, await call.payment()


def _open(meant: Meant) -> bool:
    """Whether the payer may still decide; one who comes too late may, but no issuer."""
    log = meant.payment.log
    late = len(log) == 1 and log[0].decline is Decline.RESPONSE_TOO_LATE
    return not log or (late and not _known(meant.payment))


def _known(payment: Payment) -> bool:
    return payment.authentication is not None


async def _decided(call: Call, meant: Meant, *, agreed: bool) -> None:
    payment, kept = meant.payment, facts.of_order(meant.order)
    other = method_of(payment) is Method.BANK and kept.ifsc and payment.account != kept.ifsc[:4]
    if agreed and not other:
        orders = call.gateway.orders
        paying.check(meant.order, payment)
        command = paying.authorization(call.merchant, meant, call.now)
        await orders.follow_up(call.merchant, meant.order.id, command)
    elif not payment.log:
        why = Decline.NO_CHECKING_ACCOUNT if agreed else Decline.REENTER_TRANSACTION
        if method_of(payment) is Method.CARD and not call.tested(payment):
            why = Decline.CARD_AUTHENTICATION_FAILED
        await call.collection.fail(call.merchant, meant.order.id, payment.id, why)


async def over(call: Call, meant: Meant) -> Reply:
    """Back to the shop, with how the payment stands."""
    log = meant.payment.log
    last = next((each for each in reversed(log) if each.kind is Kind.AUTHORIZE), None)
    if last is not None and last.outcome is Outcome.APPROVED:
        return await back(call, meant, None)
    if last is None or last.decline is None:
        return waiting(call, meant)
    return await back(call, meant, declined(meant.order, meant.number, last))


def waiting(call: Call, meant: Meant) -> Reply:
    """A page that looks again by itself, until there is an answer."""
    again = f"1; url={paying.page_address(call, meant, 'authorize')}"
    reply = page.framed(page.message(Message(look=look(call, meant), news=News.WAITING)))
    return reply._replace(headers={**reply.headers, "Refresh": again})


async def back(call: Call, meant: Meant, failure: Failure | None) -> Reply:
    """A form that posts the outcome to the shop; without an address, a page that says it."""
    url = facts.of_payment(meant.payment).callback_url
    fields = await success(call, meant) if failure is None else told(failure)
    shown = fields if failure is None else failure.error()
    view = Message(
        look=look(call, meant),
        news=News.PAID if failure is None else news(failure),
        onward=None if url is None else Onward(action=url, fields=tuple(fields.items())),
        outcome=json.dumps(shown) if url is None else None,
    )
    return page.framed(page.message(view))


def news(failure: Failure) -> News:
    """How a failure is told to a payer."""
    if failure.why == ALREADY_PAID:
        return News.CLOSED
    return News.DECLINED if failure.why.source in BANKS else News.FAILED


def told(failure: Failure) -> dict[str, str]:
    """A failure as the fields of the form that a shop gets."""
    error = failure.error()
    metadata = json.dumps(error.pop("metadata"))
    return {f"error[{name}]": str(value) for name, value in error.items()} | {
        "error[metadata]": metadata
    }


def look(call: Call, meant: Meant) -> Look:
    """What every page of a payment shows."""
    kept = facts.of_payment(meant.payment)
    wanted = call.exchange.query.get("language")
    return Look(
        language=chosen(wanted, call.exchange.header(b"accept-language")),
        merchant=call.merchant.name,
        amount=meant.payment.amount,
        description=kept.description or meant.order.description,
        order=ids.written("order_", meant.order.id),
        test=call.tested(meant.payment),
    )


def _account(payment: Payment) -> str:
    if payment.card is not None:
        return f"•••• {payment.card.last4}"
    return payment.account or method_of(payment)
