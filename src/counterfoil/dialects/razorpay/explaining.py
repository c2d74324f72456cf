"""POST /v1/signatures/explain, ours and for test keys only: why a signature does not match."""

from typing import Final

from counterfoil.core.card import Secret
from counterfoil.dialects.razorpay import reading, signatures
from counterfoil.dialects.razorpay.auth import TEST, WIRE
from counterfoil.dialects.razorpay.call import Call, answer
from counterfoil.dialects.razorpay.errors import NO_URL, NOWHERE, Failure
from counterfoil.exchange import Reply

PAYMENT: Final = ("razorpay_order_id", "razorpay_payment_id", "razorpay_signature")
KNOWN: Final = (*PAYMENT, "body", "signature")


async def explain(call: Call) -> Reply:
    """Of a payment: the three fields of its hand-over. Of a webhook: `body` and `signature`."""
    if not call.key.startswith(TEST):
        raise Failure(NO_URL, why=NOWHERE)
    given = await call.read()
    call.once()
    reading.only(given, KNOWN)
    own = await call.gateway.directory.signer(WIRE, call.key) or Secret("")
    hooks = await _hooks(call)
    if "body" in given:
        reading.need(given, "body", "signature")
        body, signature = str(given["body"]).encode(), str(given["signature"])
        found = [signatures.webhook(signature, body, each, [own]) for each in hooks or [own]]
        told = next((each for each in found if each.matches), found[-1])
        return answer({**told.shown(), "rule": signatures.WEBHOOK})
    reading.need(given, *PAYMENT)
    order, paid, signature = (str(given[name]) for name in PAYMENT)
    told = signatures.payment(signature, order, paid, own, hooks)
    return answer({**told.shown(), "rule": signatures.PAYMENT})


async def _hooks(call: Call) -> list[Secret]:
    """Every secret of the account's webhooks, the newest last."""
    vault = call.gateway.orders.engine.vault
    return [
        vault.open_secret((endpoint.merchant, endpoint.id), each)
        for endpoint in reversed(await call.webhooks())
        for each in endpoint.secrets
    ]
