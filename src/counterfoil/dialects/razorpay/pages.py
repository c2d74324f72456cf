"""What a payer's browser sees of this wire: the test bank's page, and the way back to the shop.

Nothing here needs a key pair. Who knows a page's address, which nobody can guess, may decide; the
decision ends the page. Whatever anybody said is escaped.
"""

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Mapping
from html import escape
from typing import Final

from counterfoil.core.declines import Decline
from counterfoil.core.errors import Refused
from counterfoil.core.order import Kind, Outcome
from counterfoil.dialects.razorpay import facts, ids, paying, reading
from counterfoil.dialects.razorpay.auth import Caller
from counterfoil.dialects.razorpay.call import Call, Meant, body_of, proof
from counterfoil.dialects.razorpay.errors import Failure, refused
from counterfoil.dialects.razorpay.methods import Method, method_of
from counterfoil.dialects.razorpay.passwords import success
from counterfoil.dialects.razorpay.payments import declined
from counterfoil.engine.gateway import Gateway
from counterfoil.exchange import Exchange, Reply

MERCHANT_BYTES: Final = 8
SUBMIT: Final = "document.forms[0].submit()"
TELL: Final = (
    "parent!==self&&parent.postMessage(JSON.parse(document.body.dataset.outcome),'*');"
    "opener&&opener.postMessage(JSON.parse(document.body.dataset.outcome),'*')"
)
STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:3rem auto;padding:0 1rem;"
    "color:#111;background:#fff}button{font:inherit;padding:.6rem 1.2rem;margin:.5rem .5rem 0 0}"
    "b{font-size:1.5rem}"
)


def hashed(text: str) -> str:
    """A text's hash as a content security policy names it."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


POLICY: Final = (
    f"default-src 'none'; script-src {hashed(SUBMIT)} {hashed(TELL)}; style-src {hashed(STYLE)}; "
    "base-uri 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
HTML: Final = "text/html; charset=utf-8"


def page(title: str, inside: str, *, status: int = 200, body: str = "") -> Reply:
    """A page; `inside` is markup already, `body` are attributes."""
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style></head><body{body}><main><h1>{escape(title)}</h1>{inside}</main>"
        "</body></html>"
    )
    return Reply(status, text.encode(), HEADERS, HTML)


def hidden(fields: Mapping[str, str]) -> str:
    """Fields of a form that nobody sees."""
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
    )


def bank(call: Call, meant: Meant, verb: str) -> Reply:
    """The test bank's page: the payer decides."""
    payment = meant.payment
    amount = f"{payment.amount.currency} {payment.amount.text()}"
    who = payment.account or method_of(payment)
    address = paying.page_address(call, meant, verb)
    inside = (
        f"<p>Test bank, {escape(who)}. No money moves.</p><p><b>{escape(amount)}</b></p>"
        f'<form method="post" action="{escape(address)}">'
        '<button name="outcome" value="success">Success</button>'
        '<button name="outcome" value="failure">Failure</button></form>'
    )
    return page("Pay", inside)


async def create_redirect(call: Call) -> Reply:
    """POST /v1/payments/create/redirect: an attempt, and at once its page."""
    meant = await paying.begin(call, await call.read())
    return bank(call, meant, "authenticate")


async def pay(call: Call) -> Reply:
    """POST /v1/payments: the same from a browser, with the key id alone."""
    meant = await paying.begin(call, call.given)
    return bank(call, meant, "authenticate")


async def show(gateway: Gateway, exchange: Exchange) -> Reply:
    """GET /v1/payments/{id}/authenticate, …/authorize."""
    call, meant = await _payer(gateway, exchange, exchange.query.get("t", ""))
    if not _open(meant):
        return await over(call, meant)
    return bank(call, meant, exchange.path.rstrip("/").rpartition("/")[2])


async def decide(gateway: Gateway, exchange: Exchange) -> Reply:
    """POST of that page: what the payer has decided, and back to the shop."""
    given = await body_of(exchange)
    call, meant = await _payer(gateway, exchange, exchange.query.get("t", ""))
    if not _open(meant):
        return await over(call, meant)
    try:
        await _decided(call, meant, reading.text(given, "outcome") == "success")
    except Failure as failure:
        return await back(call, meant, failure)
    except Refused as refusal:
        return await back(call, meant, refused(refusal))
    return await over(call, await call.payment())


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
    """Whether the payer may still decide; one who comes too late may."""
    log = meant.payment.log
    return not log or (len(log) == 1 and log[0].decline is Decline.RESPONSE_TOO_LATE)


async def _decided(call: Call, meant: Meant, agreed: bool) -> None:
    payment, kept = meant.payment, facts.of_order(meant.order)
    other = method_of(payment) is Method.BANK and kept.ifsc and payment.account != kept.ifsc[:4]
    if agreed and not other:
        orders = call.gateway.orders
        paying.check(meant.order, payment)
        command = paying.authorization(call.merchant, meant, call.now)
        await orders.follow_up(call.merchant, meant.order.id, command)
    elif not payment.log:
        why = Decline.NO_CHECKING_ACCOUNT if agreed else Decline.REENTER_TRANSACTION
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
    shown = page("Pay", "<p>Waiting for the bank.</p>")
    return shown._replace(headers={**HEADERS, "Refresh": again})


async def back(call: Call, meant: Meant, failure: Failure | None) -> Reply:
    """A form that posts the outcome to the shop; without an address, a page that says it."""
    kept = facts.of_payment(meant.payment)
    fields = await success(call, meant) if failure is None else told(failure)
    title = "Payment successful" if failure is None else "Payment failed"
    if kept.callback_url is None:
        outcome = escape(
            json.dumps({"counterfoil": fields if failure is None else failure.error()})
        )
        said = "" if failure is None else f"<p>{escape(failure.message)}</p>"
        inside = f"{said}<p>You may close this page.</p><script>{TELL}</script>"
        return page(title, inside, body=f' data-outcome="{outcome}"')
    inside = (
        f'<form method="post" action="{escape(kept.callback_url)}">{hidden(fields)}'
        f"<button>Back to the shop</button></form><script>{SUBMIT}</script>"
    )
    return page(title, inside)


def told(failure: Failure) -> dict[str, str]:
    """A failure as the fields of the form that a shop gets."""
    error = failure.error()
    metadata = json.dumps(error.pop("metadata"))
    return {f"error[{name}]": str(value) for name, value in error.items()} | {
        "error[metadata]": metadata
    }
